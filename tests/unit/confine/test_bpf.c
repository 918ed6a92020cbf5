/* The evaluator that proves the filters, itself tested: single instructions by
 * hand, and random programs against the host's own evaluator. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/audit.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/proof/bpf.h"

#define LOAD(field)                                                            \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS,                                         \
             (uint32_t)offsetof(struct seccomp_data, field))
#define RETURN(k) BPF_STMT(BPF_RET | BPF_K, (k))

static const struct seccomp_data data = {
    .nr = 39,
    .arch = AUDIT_ARCH_X86_64,
    .instruction_pointer = 0x1122334455667788ull,
    .args = {1, 2, 3, 0xaaaabbbbccccddddull, 5, 6}};

/* One operation on A = a with operand k, from an immediate and from X. */
static void both_ways(uint16_t class_op, uint32_t a, uint32_t k, uint32_t want)
{
    const struct sock_filter with_k[] = {
        BPF_STMT(BPF_LD | BPF_IMM, a),
        BPF_STMT((uint16_t)(class_op | BPF_K), k),
        BPF_STMT(BPF_RET | BPF_A, 0)};
    const struct sock_filter with_x[] = {
        BPF_STMT(BPF_LDX | BPF_IMM, k), BPF_STMT(BPF_LD | BPF_IMM, a),
        BPF_STMT((uint16_t)(class_op | BPF_X), 0),
        BPF_STMT(BPF_RET | BPF_A, 0)};

    if (bpf_is_valid(with_k, 3)) {
        assert_int_equal(bpf_run(with_k, 3, &data, NULL), want);
    }
    assert_true(bpf_is_valid(with_x, 4));
    assert_int_equal(bpf_run(with_x, 4, &data, NULL), want);
}

static void test_arithmetic(void **state)
{
    (void)state;
    both_ways(BPF_ALU | BPF_ADD, UINT32_MAX, 2, 1);
    both_ways(BPF_ALU | BPF_SUB, 1, 2, UINT32_MAX);
    both_ways(BPF_ALU | BPF_MUL, 0x10000, 0x10001, 0x10000);
    both_ways(BPF_ALU | BPF_DIV, 7, 2, 3);
    both_ways(BPF_ALU | BPF_DIV, 7, 0, 0); /* ends the program with 0 */
    both_ways(BPF_ALU | BPF_AND, 0xff00ff, 0xffff, 0xff);
    both_ways(BPF_ALU | BPF_OR, 0xf0, 0x0f, 0xff);
    both_ways(BPF_ALU | BPF_XOR, 0xff, 0x0f, 0xf0);
    both_ways(BPF_ALU | BPF_LSH, 1, 31, 1u << 31);
    both_ways(BPF_ALU | BPF_RSH, 1u << 31, 31, 1);
}

static void jump_check(uint16_t op, uint32_t a, uint32_t k, int want)
{
    const struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_IMM, a),
        BPF_JUMP((uint16_t)(BPF_JMP | op | BPF_K), k, 1, 0), RETURN(0),
        RETURN(1)};
    uint32_t runs[4] = {0};
    uint8_t took[4] = {0}, word[4];
    struct bpf_seen seen = {runs, took, word};

    assert_true(bpf_is_valid(code, 4));
    assert_int_equal(bpf_run(code, 4, &data, &seen), want);
    assert_int_equal(took[1], want ? BPF_TOOK_YES : BPF_TOOK_NO);
    assert_int_equal(runs[2], !want);
    assert_int_equal(runs[3], want);
}

static void test_jumps_are_unsigned(void **state)
{
    (void)state;
    jump_check(BPF_JEQ, 5, 5, 1);
    jump_check(BPF_JEQ, 5, 4, 0);
    jump_check(BPF_JGT, 5, 5, 0);
    jump_check(BPF_JGT, 0x80000000u, 5, 1);
    jump_check(BPF_JGE, 5, 5, 1);
    jump_check(BPF_JGE, 5, 0x80000000u, 0);
    jump_check(BPF_JSET, 6, 2, 1);
    jump_check(BPF_JSET, 6, 1, 0);
}

static void test_data_is_read_little_end_first(void **state)
{
    const struct {
        uint32_t at, want;
    } words[] = {
        {0, 39}, {4, AUDIT_ARCH_X86_64}, {8, 0x55667788u},  {12, 0x11223344u},
        {16, 1}, {40, 0xccccddddu},      {44, 0xaaaabbbbu}, {60, 0}};

    (void)state;
    for (size_t i = 0; i < ARRAY_N(words); i++) {
        const struct sock_filter code[] = {
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, words[i].at),
            BPF_STMT(BPF_RET | BPF_A, 0)};

        assert_true(bpf_is_valid(code, 2));
        assert_int_equal(bpf_run(code, 2, &data, NULL), words[i].want);
    }
}

static void test_bad_programs_are_refused(void **state)
{
    const struct sock_filter end = RETURN(0);
    const struct sock_filter bad[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64), /* past the data */
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2),  /* not aligned */
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),  /* seccomp loads words only */
        BPF_STMT(BPF_LD | BPF_W | BPF_IND, 0),
        BPF_STMT(BPF_LD | BPF_MEM, BPF_MEMWORDS),
        BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0),
        BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 32),
        BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 3), /* seccomp has none */
        BPF_STMT(BPF_JMP | BPF_JA, 1),          /* out of the program */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
        BPF_STMT(0xffff, 0)};

    (void)state;
    for (size_t i = 0; i < ARRAY_N(bad); i++) {
        const struct sock_filter code[] = {bad[i], end};

        assert_false(bpf_is_valid(code, 2));
    }
    assert_false(bpf_is_valid(&end, 0));
    assert_true(bpf_is_valid(&end, 1));
}

static void test_strictest_wins(void **state)
{
    const uint32_t kill = SECCOMP_RET_KILL_PROCESS, ok = SECCOMP_RET_ALLOW;
    const uint32_t eperm = SECCOMP_RET_ERRNO | 1, eacces = eperm + 12;

    (void)state;
    assert_int_equal(bpf_strictest(kill, ok), kill);
    assert_int_equal(bpf_strictest(ok, kill), kill);
    assert_int_equal(bpf_strictest(ok, eperm), eperm);
    assert_int_equal(bpf_strictest(kill, eperm), kill);
    assert_int_equal(bpf_strictest(SECCOMP_RET_KILL_THREAD, kill), kill);
    assert_int_equal(bpf_strictest(eperm, eacces), eacces); /* the later */
}

/* The same numbers every time. */
static uint32_t random_next(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return (uint32_t)(*s >> 16);
}

#define BODY 24u
/* A call that can be answered with an error without hurting anybody. */
#define ASKED SYS_getpgrp

static struct sock_filter random_instruction(uint64_t *s, unsigned left)
{
    static const uint16_t codes[] = {
        BPF_LD | BPF_W | BPF_ABS,
        BPF_LD | BPF_W | BPF_ABS,
        BPF_LD | BPF_W | BPF_ABS,
        BPF_LD | BPF_W | BPF_LEN,
        BPF_LD | BPF_IMM,
        BPF_LDX | BPF_IMM,
        BPF_LDX | BPF_W | BPF_LEN,
        BPF_MISC | BPF_TAX,
        BPF_MISC | BPF_TXA,
        BPF_ALU | BPF_ADD | BPF_K,
        BPF_ALU | BPF_ADD | BPF_X,
        BPF_ALU | BPF_SUB | BPF_K,
        BPF_ALU | BPF_SUB | BPF_X,
        BPF_ALU | BPF_MUL | BPF_K,
        BPF_ALU | BPF_MUL | BPF_X,
        BPF_ALU | BPF_DIV | BPF_K,
        BPF_ALU | BPF_DIV | BPF_X,
        BPF_ALU | BPF_AND | BPF_K,
        BPF_ALU | BPF_AND | BPF_X,
        BPF_ALU | BPF_OR | BPF_K,
        BPF_ALU | BPF_OR | BPF_X,
        BPF_ALU | BPF_XOR | BPF_K,
        BPF_ALU | BPF_XOR | BPF_X,
        BPF_ALU | BPF_LSH | BPF_K,
        BPF_ALU | BPF_LSH | BPF_X,
        BPF_ALU | BPF_RSH | BPF_K,
        BPF_ALU | BPF_RSH | BPF_X,
        BPF_ALU | BPF_NEG,
        BPF_LD | BPF_MEM,
        BPF_LDX | BPF_MEM,
        BPF_ST,
        BPF_STX,
        BPF_JMP | BPF_JA,
        BPF_JMP | BPF_JEQ | BPF_K,
        BPF_JMP | BPF_JEQ | BPF_X,
        BPF_JMP | BPF_JGT | BPF_K,
        BPF_JMP | BPF_JGT | BPF_X,
        BPF_JMP | BPF_JGE | BPF_K,
        BPF_JMP | BPF_JGE | BPF_X,
        BPF_JMP | BPF_JSET | BPF_K,
        BPF_JMP | BPF_JSET | BPF_X,
    };
    struct sock_filter i = {.code = codes[random_next(s) % ARRAY_N(codes)],
                            .k = random_next(s)};

    if (i.code == (BPF_LD | BPF_W | BPF_ABS)) {
        i.k = 16 + 4 * (i.k % 12); /* the arguments: all else is the same */
    } else if (BPF_CLASS(i.code) == BPF_ST || BPF_CLASS(i.code) == BPF_STX ||
               BPF_MODE(i.code) == BPF_MEM) {
        i.k %= BPF_MEMWORDS;
    } else if (i.code == (BPF_JMP | BPF_JA)) {
        i.k %= left;
    } else if (BPF_CLASS(i.code) == BPF_JMP) {
        i.jt = (uint8_t)(random_next(s) % left);
        i.jf = (uint8_t)(random_next(s) % left);
    } else if (BPF_CLASS(i.code) == BPF_ALU && BPF_SRC(i.code) == BPF_K) {
        i.k = BPF_OP(i.code) == BPF_LSH || BPF_OP(i.code) == BPF_RSH ? i.k % 32
                                                                     : i.k | 1;
    }
    return i;
}

/* Answers ASKED with error number (A & 0x7ff) + 1; allows all else. Memory words
 * are set first: the host refuses to load one that was not. */
static unsigned program_make(uint64_t *s, struct sock_filter *out)
{
    unsigned n = 0;

    out[n++] = (struct sock_filter)LOAD(nr);
    out[n++] =
        (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ASKED, 1, 0);
    out[n++] = (struct sock_filter)RETURN(SECCOMP_RET_ALLOW);
    for (uint32_t i = 0; i < BPF_MEMWORDS; i++) {
        out[n++] = (struct sock_filter)BPF_STMT(BPF_ST, i);
    }
    for (unsigned i = 0; i < BODY; i++) {
        out[n++] = random_instruction(s, BODY - i);
    }
    out[n++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x7ff);
    out[n++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_ADD | BPF_K,
                                            SECCOMP_RET_ERRNO | 1);
    out[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_A, 0);
    return n;
}

/* In a child: how many of 16 calls the host answers otherwise; 99: not asked. */
static int host_differs(struct sock_filter *code, unsigned n, uint64_t s)
{
    struct sock_fprog program = {(unsigned short)n, code};
    int differ = 0;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0) {
        return 99;
    }
    for (int k = 0; k < 16; k++) {
        struct seccomp_data d = {.nr = ASKED, .arch = AUDIT_ARCH_X86_64};
        uint32_t want;

        for (size_t i = 0; i < ARRAY_N(d.args); i++) {
            d.args[i] = (uint64_t)random_next(&s) << 32 | random_next(&s);
            d.args[i] >>= random_next(&s) % 64;
        }
        want = bpf_run(code, n, &d, NULL);
        errno = 0;
        syscall(ASKED, d.args[0], d.args[1], d.args[2], d.args[3], d.args[4],
                d.args[5]);
        /* A division by zero ends in 0: KILL_THREAD; none is asked about. */
        differ += (want & SECCOMP_RET_DATA) != (uint32_t)errno;
    }
    return differ;
}

static int divides_by_x(const struct sock_filter *code, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (code[i].code == (BPF_ALU | BPF_DIV | BPF_X)) {
            return 1;
        }
    }
    return 0;
}

static void test_host_agrees_on_random_programs(void **state)
{
    uint64_t s = 88172645463325252ull;
    unsigned asked = 0;

    (void)state;
    while (asked < 200) {
        struct sock_filter code[64];
        unsigned n = program_make(&s, code);
        int status = 0;
        pid_t pid;

        assert_true(bpf_is_valid(code, n));
        if (divides_by_x(code, n)) {
            continue;
        }
        pid = fork();
        if (pid == 0) {
            _exit(host_differs(code, n, s));
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        asked++;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arithmetic),
        cmocka_unit_test(test_jumps_are_unsigned),
        cmocka_unit_test(test_data_is_read_little_end_first),
        cmocka_unit_test(test_bad_programs_are_refused),
        cmocka_unit_test(test_strictest_wins),
        cmocka_unit_test(test_host_agrees_on_random_programs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
