/* The filters, proved: the programs that the host runs, evaluated over every call
 * number, foreign architectures, x32, negative numbers and boundary arguments with
 * junk in their high halves, say exactly what policy/profiles/ says in text; and
 * these questions reach every instruction and both ways of every jump. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/audit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

#include "kernel/confine/filter.h"
#include "tests/proof/bpf.h"
#include "tests/proof/inputs.h"

/* A filter and the text that it must agree with. */
struct made {
    const char *class_name;
    int zygote;
    struct filter filter;
    struct table table;
    uint32_t *runs;
    uint8_t *took;
    uint8_t *word;
    unsigned long questions;
    uint8_t allowed[INPUTS_CALLS]; /* by number */
};

static void made_init(struct made *m, const struct profile *p, int zygote)
{
    const char *bad = NULL;
    char path[512];
    long line;

    *m = (struct made){.class_name = p->name, .zygote = zygote};
    snprintf(path, sizeof(path), "%s/policy/profiles/%s.profile",
             TEST_SOURCE_DIR, p->name);
    line = table_load(path, &m->table);
    if (line != 0) {
        fail_msg("%s:%ld: has no meaning", path, line);
    }
    if (filter_make(p->lists, zygote ? PROFILE_LISTS_N : 1, &m->filter, &bad) <
        0) {
        fail_msg("rule for %s", bad);
    }
    assert_true(bpf_is_valid(m->filter.code, m->filter.n));
    m->runs = calloc(m->filter.n, sizeof(*m->runs));
    m->took = calloc(2, m->filter.n);
    assert_non_null(m->runs);
    assert_non_null(m->took);
    m->word = m->took + m->filter.n;
}

static void made_release(struct made *m)
{
    filter_release(&m->filter);
    table_release(&m->table);
    free(m->runs);
    free(m->took);
}

static void differs(const struct made *m, const struct seccomp_data *d,
                    uint32_t got, uint32_t want)
{
    fail_msg("class %s, %s: call %d, architecture %#x, arguments %#llx %#llx "
             "%#llx %#llx %#llx %#llx: %#x, written %#x",
             m->class_name, m->zygote ? "zygote" : "worker", d->nr, d->arch,
             (unsigned long long)d->args[0], (unsigned long long)d->args[1],
             (unsigned long long)d->args[2], (unsigned long long)d->args[3],
             (unsigned long long)d->args[4], (unsigned long long)d->args[5],
             got, want);
}

static void ask(void *ctx, const struct seccomp_data *d)
{
    struct made *m = ctx;
    struct bpf_seen seen = {m->runs, m->took, m->word};
    uint32_t want = table_answer(&m->table, m->zygote, d);
    uint32_t got = bpf_run(m->filter.code, m->filter.n, d, &seen);

    m->questions++;
    if (got != want) {
        differs(m, d, got, want);
    }
    if (got == SECCOMP_RET_ALLOW) {
        assert_in_range(d->nr, 0, INPUTS_CALLS - 1);
        m->allowed[d->nr] = 1;
    }
}

/* A jump that has one way only, whatever is asked. libseccomp makes two such: it
 * compares the half of an argument that a mask leaves out (A &= 0, A == 0), and
 * the last number of a run all others of which it has excluded. Of the latter
 * there is no doubt: every number up to and past the constant was asked. */
static int is_certain(const struct made *m, unsigned i)
{
    const struct sock_filter *at = &m->filter.code[i];
    int nothing = i > 0 && at->code == (BPF_JMP | BPF_JEQ | BPF_K) &&
                  at->k == 0 && at[-1].code == (BPF_ALU | BPF_AND | BPF_K) &&
                  at[-1].k == 0;
    int number = m->word[i] == offsetof(struct seccomp_data, nr) &&
                 at->k < INPUTS_CALLS - 1 && BPF_OP(at->code) != BPF_JSET;

    return m->took[i] != (BPF_TOOK_YES | BPF_TOOK_NO) && (nothing || number);
}

/* Nothing in the program is left that no question reached. */
static void reached_check(const struct made *m)
{
    unsigned branches = 0;
    unsigned certain = 0;

    for (unsigned i = 0; i < m->filter.n; i++) {
        const struct sock_filter *at = &m->filter.code[i];

        if (m->runs[i] == 0) {
            fail_msg("class %s: instruction %u was never executed",
                     m->class_name, i);
        }
        if (is_certain(m, i)) {
            certain++;
        } else if (bpf_is_conditional(at)) {
            branches += 2;
            if (m->took[i] != (BPF_TOOK_YES | BPF_TOOK_NO)) {
                fail_msg("class %s: jump %u (code %#x, %#x) went one way only",
                         m->class_name, i, at->code, at->k);
            }
        }
    }
    print_message("%s, %s: %u instructions and %u branches, all reached by %lu "
                  "questions (%u jumps with one way)\n",
                  m->class_name, m->zygote ? "zygote" : "worker", m->filter.n,
                  branches, m->questions, certain);
}

static void test_filters_say_what_is_written(void **state)
{
    const struct profile *p;

    (void)state;
    for (size_t i = 0; (p = profile_at(i)) != NULL; i++) {
        for (int zygote = 0; zygote < 2; zygote++) {
            struct made m;

            made_init(&m, p, zygote);
            inputs_each(&m.table, zygote, ask, &m);
            reached_check(&m);
            made_release(&m);
        }
    }
}

struct stacked {
    struct made *worker, *zygote;
};

/* A worker carries its zygote's filter below its own; the host takes the
 * stricter answer. */
static void stacked_ask(void *ctx, const struct seccomp_data *d)
{
    const struct stacked *s = ctx;
    uint32_t below =
        bpf_run(s->zygote->filter.code, s->zygote->filter.n, d, NULL);
    uint32_t above =
        bpf_run(s->worker->filter.code, s->worker->filter.n, d, NULL);
    uint32_t got = bpf_strictest(below, above);
    uint32_t want = table_answer(&s->worker->table, 0, d);

    if (got != want) {
        differs(s->worker, d, got, want);
    }
}

/* Both together are the worker's table: the zygote's filter takes nothing that a
 * worker needs, and what it gives more the worker's takes away again. */
static void test_stacked_filters_are_the_workers_table(void **state)
{
    const struct profile *p;

    (void)state;
    for (size_t i = 0; (p = profile_at(i)) != NULL; i++) {
        struct made worker, zygote;
        struct stacked s = {&worker, &zygote};

        made_init(&worker, p, 0);
        made_init(&zygote, p, 1);
        inputs_each(&zygote.table, 1, stacked_ask, &s);
        made_release(&worker);
        made_release(&zygote);
    }
}

static void test_filters_are_the_same_each_time(void **state)
{
    struct made a, b;

    (void)state;
    made_init(&a, profile_find("program"), 1);
    made_init(&b, profile_find("program"), 1);
    assert_int_equal(a.filter.n, b.filter.n);
    assert_memory_equal(a.filter.code, b.filter.code,
                        filter_bytes(&a.filter).n);
    made_release(&a);
    made_release(&b);
}

static unsigned allowed_count(const char *class_name)
{
    struct made m;
    unsigned n = 0;

    made_init(&m, profile_find(class_name), 0);
    inputs_each(&m.table, 0, ask, &m);
    for (size_t i = 0; i < ARRAY_N(m.allowed); i++) {
        n += m.allowed[i];
    }
    made_release(&m);
    return n;
}

/* Counted in the filter's answers, not in a table. */
static void test_pure_classes_have_at_most_20_calls(void **state)
{
    (void)state;
    assert_in_range(allowed_count("config"), 1, 20);
    assert_in_range(allowed_count("model"), 1, 20);
    assert_in_range(allowed_count("cml"), 1, 20);
}

/* Calls that cannot be judged by name alone have a rule for their arguments. */
static void test_some_calls_are_checked_by_argument(void **state)
{
    static const char *const calls[] = {
        "futex", "mmap",      "mprotect", "madvise", "fcntl",     "ioctl",
        "prctl", "prlimit64", "clone",    "socket",  "arch_prctl"};
    const struct profile *p;

    (void)state;
    for (size_t i = 0; (p = profile_at(i)) != NULL; i++) {
        struct made m;

        made_init(&m, p, 0);
        for (size_t k = 0; k < ARRAY_N(calls); k++) {
            const struct table_rule *r =
                table_rule_of(&m.table, 0, table_call_number(calls[k]));

            assert_true(r == NULL || r->args_n > 0);
        }
        made_release(&m);
    }
}

/* No table may ever allow these, to anybody but a zygote that mounts. */
static void test_doors_stay_shut(void **state)
{
    static const char *const doors[] = {"io_uring_setup",
                                        "io_uring_enter",
                                        "bpf",
                                        "perf_event_open",
                                        "userfaultfd",
                                        "ptrace",
                                        "process_vm_readv",
                                        "process_vm_writev",
                                        "kcmp",
                                        "keyctl",
                                        "add_key",
                                        "request_key",
                                        "init_module",
                                        "finit_module",
                                        "kexec_load",
                                        "setns",
                                        "unshare",
                                        "pidfd_open",
                                        "pidfd_getfd",
                                        "open_by_handle_at",
                                        "name_to_handle_at",
                                        "fsopen",
                                        "open_tree",
                                        "move_mount",
                                        "memfd_create",
                                        "modify_ldt",
                                        "iopl",
                                        "ioperm",
                                        "personality",
                                        "fanotify_init",
                                        "inotify_init1",
                                        "quotactl",
                                        "acct",
                                        "swapon",
                                        "reboot",
                                        "settimeofday",
                                        "clock_settime",
                                        "chroot",
                                        "mknod",
                                        "mknodat",
                                        "shmget",
                                        "semget",
                                        "msgget",
                                        "mq_open",
                                        "socketpair",
                                        "bind",
                                        "connect",
                                        "listen",
                                        "accept",
                                        "accept4",
                                        "execveat",
                                        "mount",
                                        "umount2",
                                        "pivot_root",
                                        "setuid",
                                        "setresuid",
                                        "capset",
                                        "seccomp",
                                        "landlock_restrict_self",
                                        "prctl"};
    const struct profile *p;

    (void)state;
    for (size_t i = 0; (p = profile_at(i)) != NULL; i++) {
        struct made m;

        made_init(&m, p, 0);
        for (size_t k = 0; k < ARRAY_N(doors); k++) {
            struct seccomp_data d = {.nr = table_call_number(doors[k]),
                                     .arch = AUDIT_ARCH_X86_64,
                                     .args = {77, 77, 77, 77, 77, 77}};

            assert_true(d.nr >= 0);
            assert_int_equal(bpf_run(m.filter.code, m.filter.n, &d, NULL),
                             SECCOMP_RET_KILL_PROCESS);
        }
        made_release(&m);
    }
}

static void test_unknown_call_is_named(void **state)
{
    static const char *const calls[] = {"no_such_call", NULL};
    static const struct rule rules[] = {{.calls = calls}};
    const struct rule_list list = {rules, 1};
    const struct rule_list *const lists[] = {&list};
    struct filter f;
    const char *bad = NULL;

    (void)state;
    assert_int_equal(filter_make(lists, 1, &f, &bad), ERR_CONFINE);
    assert_string_equal(bad, "no_such_call");
    assert_null(f.code);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filters_say_what_is_written),
        cmocka_unit_test(test_stacked_filters_are_the_workers_table),
        cmocka_unit_test(test_filters_are_the_same_each_time),
        cmocka_unit_test(test_pure_classes_have_at_most_20_calls),
        cmocka_unit_test(test_some_calls_are_checked_by_argument),
        cmocka_unit_test(test_doors_stay_shut),
        cmocka_unit_test(test_unknown_call_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
