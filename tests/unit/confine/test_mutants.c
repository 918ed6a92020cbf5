/* The proof of the filters, itself proved: a filter with one instruction or
 * constant changed must be noticed by the questions of test_filter.c. A mutant
 * that they do not notice is searched for a difference with questions made from
 * its own constants; only when none shows it is taken for the same program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/audit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/confine/filter.h"
#include "tests/proof/bpf.h"
#include "tests/proof/inputs.h"

/* Questions from which the search for a difference starts. */
#define SEARCH 16u

struct question {
    struct seccomp_data d;
    uint32_t want;
};

struct proof {
    const char *class_name;
    struct filter filter;
    struct table table;
    struct question *all;
    size_t n, room;
    /* Of each instruction: the questions that execute it. */
    uint32_t **through;
    uint32_t *through_n;
    unsigned long mutants, noticed, same, missed;
};

static void question_keep(void *ctx, const struct seccomp_data *d)
{
    struct proof *p = ctx;

    if (p->n == p->room) {
        p->room = p->room == 0 ? 4096 : 2 * p->room;
        p->all = reallocarray(p->all, p->room, sizeof(*p->all));
        assert_non_null(p->all);
    }
    p->all[p->n].d = *d;
    p->all[p->n++].want = table_answer(&p->table, 0, d);
}

/* Which questions pass through which instruction: no other can notice a change
 * of it. */
static void through_fill(struct proof *p)
{
    unsigned n = p->filter.n;
    uint32_t *runs = calloc(n, sizeof(*runs));
    uint8_t *took = calloc(2, n);
    struct bpf_seen seen = {runs, took, took + n};

    assert_non_null(runs);
    assert_non_null(took);
    for (int pass = 0; pass < 2; pass++) {
        for (size_t q = 0; q < p->n; q++) {
            memset(runs, 0, n * sizeof(*runs));
            assert_int_equal(bpf_run(p->filter.code, n, &p->all[q].d, &seen),
                             p->all[q].want);
            for (unsigned i = 0; i < n; i++) {
                if (runs[i] != 0 && pass == 1) {
                    p->through[i][p->through_n[i]] = (uint32_t)q;
                }
                p->through_n[i] += runs[i];
            }
        }
        for (unsigned i = 0; i < n && pass == 0; i++) {
            p->through[i] = calloc(p->through_n[i] + 1, sizeof(uint32_t));
            assert_non_null(p->through[i]);
            p->through_n[i] = 0;
        }
    }
    free(runs);
    free(took);
}

static void proof_init(struct proof *p, const struct profile *profile)
{
    const char *bad = NULL;
    char path[512];

    *p = (struct proof){.class_name = profile->name};
    snprintf(path, sizeof(path), "%s/policy/profiles/%s.profile",
             TEST_SOURCE_DIR, profile->name);
    assert_int_equal(table_load(path, &p->table), 0);
    assert_int_equal(filter_make(profile->lists, 1, &p->filter, &bad), 0);
    p->through = calloc(p->filter.n, sizeof(*p->through));
    p->through_n = calloc(p->filter.n, sizeof(*p->through_n));
    assert_non_null(p->through);
    assert_non_null(p->through_n);
    inputs_each(&p->table, 0, question_keep, p);
    through_fill(p);
}

static void proof_release(struct proof *p)
{
    for (unsigned i = 0; i < p->filter.n; i++) {
        free(p->through[i]);
    }
    free(p->through);
    free(p->through_n);
    free(p->all);
    filter_release(&p->filter);
    table_release(&p->table);
}

/* Whether the questions notice the mutant at instruction i. */
static int is_noticed(const struct proof *p, const struct sock_filter *code,
                      unsigned i)
{
    for (uint32_t k = 0; k < p->through_n[i]; k++) {
        const struct question *q = &p->all[p->through[i][k]];

        if (bpf_run(code, p->filter.n, &q->d, NULL) != q->want) {
            return 1;
        }
    }
    return 0;
}

/* Whether any question shows a difference at all: those through the instruction,
 * with each of their words replaced by values made from the constants before and
 * after the change. */
static int is_different(const struct proof *p, const struct sock_filter *code,
                        unsigned i)
{
    uint32_t values[2 * 36];
    const uint32_t constants[2] = {p->filter.code[i].k, code[i].k};
    size_t n = 0;

    for (size_t c = 0; c < ARRAY_N(constants); c++) {
        uint32_t k = constants[c];

        for (unsigned bit = 0; bit < 32; bit++) {
            values[n++] = k ^ 1u << bit;
        }
        values[n++] = k;
        values[n++] = k + 1;
        values[n++] = k - 1;
        values[n++] = ~k;
    }
    for (uint32_t k = 0; k < p->through_n[i] && k < SEARCH; k++) {
        /* Spread over all of them. */
        size_t at = (size_t)k * p->through_n[i] /
                    (p->through_n[i] < SEARCH ? p->through_n[i] : SEARCH);
        const struct question *q = &p->all[p->through[i][at]];

        for (size_t w = 0; w < sizeof(q->d) / 4; w++) {
            for (size_t v = 0; v < n; v++) {
                struct seccomp_data d = q->d;

                memcpy((uint8_t *)&d + 4 * w, &values[v], 4);
                if (bpf_run(code, p->filter.n, &d, NULL) !=
                    bpf_run(p->filter.code, p->filter.n, &d, NULL)) {
                    return 1;
                }
            }
        }
    }
    return 0;
}

static void mutant_judge(struct proof *p, struct sock_filter *code, unsigned i,
                         struct sock_filter change)
{
    const struct sock_filter was = code[i];

    if (memcmp(&was, &change, sizeof(was)) == 0) {
        return;
    }
    code[i] = change;
    p->mutants++;
    if (!bpf_is_valid(code, p->filter.n)) {
        p->noticed++; /* the host does not take it: no worker starts */
    } else if (is_noticed(p, code, i)) {
        p->noticed++;
    } else if (is_different(p, code, i)) {
        p->missed++;
        print_message("missed: %s, instruction %u: %#x jt %u jf %u k %#x "
                      "became %#x %u %u %#x\n",
                      p->class_name, i, was.code, was.jt, was.jf, was.k,
                      change.code, change.jt, change.jf, change.k);
    } else {
        p->same++;
    }
    code[i] = was;
}

static void mutate_jump(struct proof *p, struct sock_filter *code, unsigned i)
{
    static const uint16_t kinds[] = {BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET};
    const struct sock_filter was = code[i];
    struct sock_filter c = was;

    for (size_t k = 0; k < ARRAY_N(kinds); k++) {
        c.code = (uint16_t)(BPF_JMP | kinds[k] | BPF_K);
        mutant_judge(p, code, i, c);
    }
    c = was;
    c.jt = was.jf;
    c.jf = was.jt;
    mutant_judge(p, code, i, c);
    for (int step = -1; step <= 1; step += 2) {
        c = was;
        c.jt = (uint8_t)(was.jt + step);
        mutant_judge(p, code, i, c);
        c = was;
        c.jf = (uint8_t)(was.jf + step);
        mutant_judge(p, code, i, c);
    }
}

/* Every small change of one instruction. */
static void mutate(struct proof *p, struct sock_filter *code, unsigned i)
{
    const struct sock_filter was = code[i];
    struct sock_filter c = was;

    for (unsigned bit = 0; bit < 32; bit++) {
        c.k = was.k ^ 1u << bit;
        mutant_judge(p, code, i, c);
    }
    c.k = was.k + 1;
    mutant_judge(p, code, i, c);
    c.k = was.k - 1;
    mutant_judge(p, code, i, c);
    c = was;
    if (bpf_is_conditional(&was)) {
        mutate_jump(p, code, i);
    } else if (BPF_CLASS(was.code) == BPF_ALU) {
        c.code = BPF_ALU | BPF_OR | BPF_K;
        mutant_judge(p, code, i, c);
        c.code = BPF_ALU | BPF_XOR | BPF_K;
        mutant_judge(p, code, i, c);
    } else if (BPF_CLASS(was.code) == BPF_RET) {
        c.k = was.k == SECCOMP_RET_ALLOW ? SECCOMP_RET_KILL_PROCESS
                                         : SECCOMP_RET_ALLOW;
        mutant_judge(p, code, i, c);
    }
    c = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 0); /* left out */
    mutant_judge(p, code, i, c);
}

static void test_mutants_are_noticed(void **state)
{
    static const char *const classes[] = {"config", "program"};

    /* With sanitizers a part of them; model's worker has the rules of config's. */
#ifdef PROCTOR_SANITIZED
    const unsigned step = getenv("PROCTOR_FULL") != NULL ? 1 : 3;
#else
    const unsigned step = 1;
#endif

    (void)state;
    for (size_t k = 0; k < ARRAY_N(classes); k++) {
        struct sock_filter *code;
        struct proof p;
        unsigned long effective;

        proof_init(&p, profile_find(classes[k]));
        code = malloc(p.filter.n * sizeof(*code));
        assert_non_null(code);
        memcpy(code, p.filter.code, p.filter.n * sizeof(*code));
        for (unsigned i = 0; i < p.filter.n; i += step) {
            mutate(&p, code, i);
        }
        effective = p.noticed + p.missed;
        print_message("%s: %lu mutants: %lu the same program, %lu of %lu "
                      "others noticed\n",
                      classes[k], p.mutants, p.same, p.noticed, effective);
        assert_true(p.noticed * step > 1000);
        assert_true(p.noticed * 100 >= effective * 99);
        free(code);
        proof_release(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mutants_are_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
