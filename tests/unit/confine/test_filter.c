/* The filters, proved: a small interpreter of the BPF that the host would run is
 * asked about every system call number, foreign architectures, x32 and boundary
 * arguments, and must say what the profile's table says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <string.h>

#include "proto/err.h"

#include "kernel/confine/filter.h"

/* Classic BPF as seccomp allows it: loads from seccomp_data, jumps, returns. */
static uint32_t evaluate(const struct filter *f, const struct seccomp_data *d)
{
    uint32_t a = 0;

    for (unsigned pc = 0; pc < f->n; pc++) {
        const struct sock_filter *i = &f->code[pc];
        int yes;

        switch (i->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            assert_true(i->k <= sizeof(*d) - 4);
            memcpy(&a, (const uint8_t *)d + i->k, 4);
            continue;
        case BPF_ALU | BPF_AND | BPF_K:
            a &= i->k;
            continue;
        case BPF_JMP | BPF_JA:
            pc += i->k;
            continue;
        case BPF_JMP | BPF_JEQ | BPF_K:
            yes = a == i->k;
            break;
        case BPF_JMP | BPF_JGT | BPF_K:
            yes = a > i->k;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            yes = a >= i->k;
            break;
        case BPF_JMP | BPF_JSET | BPF_K:
            yes = (a & i->k) != 0;
            break;
        case BPF_RET | BPF_K:
            return i->k;
        default:
            fail_msg("instruction %#x", i->code);
            return 0;
        }
        pc += yes ? i->jt : i->jf;
    }
    fail_msg("ran off the end");
    return 0;
}

static int rule_holds(const struct rule *r, const struct seccomp_data *d)
{
    for (unsigned i = 0; i < r->args_n; i++) {
        if ((d->args[r->args[i].arg_i] & r->args[i].mask) != r->args[i].value) {
            return 0;
        }
    }
    return 1;
}

/* What the tables say, read as straightforwardly as they are written. */
static uint32_t expected(const struct rule_list *lists, size_t lists_n,
                         const struct seccomp_data *d)
{
    uint32_t answer = SECCOMP_RET_KILL_PROCESS;

    for (size_t i = 0; i < lists_n; i++) {
        for (size_t k = 0; k < lists[i].n; k++) {
            const struct rule *r = &lists[i].rules[k];

            if (seccomp_syscall_resolve_name(r->call) != d->nr ||
                !rule_holds(r, d)) {
                continue;
            }
            if (r->action == RULE_ALLOW) {
                return SECCOMP_RET_ALLOW;
            }
            answer = SECCOMP_RET_ERRNO | (uint32_t)r->error;
        }
    }
    return answer;
}

struct made {
    const struct profile *profile;
    const struct rule_list *lists;
    size_t lists_n;
    struct filter filter;
};

static void made_init(struct made *m, const struct profile *p, int zygote)
{
    const char *bad = NULL;

    m->profile = p;
    m->lists = zygote ? p->zygote : &p->worker;
    m->lists_n = zygote ? PROFILE_LISTS_MAX : 1;
    if (filter_make(m->lists, m->lists_n, &m->filter, &bad) < 0) {
        fail_msg("rule for %s", bad);
    }
}

static void check(const struct made *m, const struct seccomp_data *d)
{
    uint32_t want = expected(m->lists, m->lists_n, d);
    uint32_t got = evaluate(&m->filter, d);

    if (got != want) {
        fail_msg("class %s, call %d, args %#llx %#llx %#llx %#llx: %#x, not "
                 "%#x",
                 m->profile->name, d->nr, (unsigned long long)d->args[0],
                 (unsigned long long)d->args[1], (unsigned long long)d->args[2],
                 (unsigned long long)d->args[3], got, want);
    }
}

/* Arguments around every value that any rule names, with and without junk. */
static void check_arguments(const struct made *m, int nr)
{
    static const uint64_t plain[] = {
        0, 1, 3, UINT32_MAX, UINT64_MAX, 1ull << 32, 1ull << 63, 0x80000000ull};

    for (size_t v = 0; v < ARRAY_N(plain); v++) {
        struct seccomp_data d = {.nr = nr, .arch = AUDIT_ARCH_X86_64};

        for (size_t i = 0; i < 6; i++) {
            d.args[i] = plain[v];
        }
        check(m, &d);
    }
    for (size_t i = 0; i < m->lists_n; i++) {
        for (size_t k = 0; k < m->lists[i].n; k++) {
            const struct rule *r = &m->lists[i].rules[k];

            if (seccomp_syscall_resolve_name(r->call) != nr) {
                continue;
            }
            for (unsigned bit = 0; bit < 64; bit++) {
                struct seccomp_data d = {.nr = nr, .arch = AUDIT_ARCH_X86_64};

                for (unsigned a = 0; a < r->args_n; a++) {
                    d.args[r->args[a].arg_i] = r->args[a].value;
                }
                check(m, &d);
                for (unsigned a = 0; a < r->args_n; a++) {
                    d.args[r->args[a].arg_i] ^= 1ull << bit;
                    check(m, &d);
                    d.args[r->args[a].arg_i] ^= 1ull << bit;
                }
            }
        }
    }
}

static void check_filter(const struct made *m)
{
    static const uint32_t foreign[] = {AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64,
                                       AUDIT_ARCH_ARM, 0, UINT32_MAX};

    for (int nr = -1; nr < 2048; nr++) {
        struct seccomp_data d = {.nr = nr, .arch = AUDIT_ARCH_X86_64};

        check_arguments(m, nr);
        for (size_t i = 0; i < ARRAY_N(foreign); i++) {
            d.arch = foreign[i];
            assert_int_equal(evaluate(&m->filter, &d),
                             SECCOMP_RET_KILL_PROCESS);
        }
        d.arch = AUDIT_ARCH_X86_64;
        d.nr = nr | 0x40000000; /* x32 */
        if (nr >= 0) {
            assert_int_equal(evaluate(&m->filter, &d),
                             SECCOMP_RET_KILL_PROCESS);
        }
    }
}

static void test_filters_say_what_tables_say(void **state)
{
    const struct profile *p;

    (void)state;
    for (size_t i = 0; (p = profile_at(i)) != NULL; i++) {
        for (int zygote = 0; zygote < 2; zygote++) {
            struct made m;

            made_init(&m, p, zygote);
            check_filter(&m);
            filter_release(&m.filter);
        }
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
    filter_release(&a.filter);
    filter_release(&b.filter);
}

/* Whatever a worker may do, its zygote's filter must let through as well: both
 * are asked, and the stricter wins. */
static void test_zygote_allows_what_worker_needs(void **state)
{
    const struct profile *p;

    (void)state;
    for (size_t i = 0; (p = profile_at(i)) != NULL; i++) {
        struct made m;

        made_init(&m, p, 1);
        for (size_t k = 0; k < p->worker.n; k++) {
            const struct rule *r = &p->worker.rules[k];
            struct seccomp_data d = {.nr =
                                         seccomp_syscall_resolve_name(r->call),
                                     .arch = AUDIT_ARCH_X86_64};

            for (unsigned a = 0; a < r->args_n; a++) {
                d.args[r->args[a].arg_i] = r->args[a].value;
            }
            assert_int_not_equal(evaluate(&m.filter, &d),
                                 SECCOMP_RET_KILL_PROCESS);
        }
        filter_release(&m.filter);
    }
}

static void test_pure_classes_have_at_most_20_calls(void **state)
{
    static const char *const pure[] = {"config", "model"};

    (void)state;
    for (size_t c = 0; c < ARRAY_N(pure); c++) {
        const struct rule_list *l = &profile_find(pure[c])->worker;
        size_t n = 0;

        for (size_t i = 0; i < l->n; i++) {
            n += i == 0 || strcmp(l->rules[i].call, l->rules[i - 1].call) != 0;
        }
        assert_true(n <= 20);
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
            struct seccomp_data d = {.nr =
                                         seccomp_syscall_resolve_name(doors[k]),
                                     .arch = AUDIT_ARCH_X86_64,
                                     .args = {77, 77, 77, 77, 77, 77}};

            assert_true(d.nr >= 0);
            assert_int_equal(evaluate(&m.filter, &d), SECCOMP_RET_KILL_PROCESS);
        }
        filter_release(&m.filter);
    }
}

static void test_unknown_call_is_named(void **state)
{
    static const struct rule rules[] = {{.call = "no_such_call"}};
    const struct rule_list list = {rules, 1};
    struct filter f;
    const char *bad = NULL;

    (void)state;
    assert_int_equal(filter_make(&list, 1, &f, &bad), ERR_CONFINE);
    assert_string_equal(bad, "no_such_call");
    assert_null(f.code);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filters_say_what_tables_say),
        cmocka_unit_test(test_filters_are_the_same_each_time),
        cmocka_unit_test(test_zygote_allows_what_worker_needs),
        cmocka_unit_test(test_pure_classes_have_at_most_20_calls),
        cmocka_unit_test(test_doors_stay_shut),
        cmocka_unit_test(test_unknown_call_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
