/* Candidates and oracles of every character, for tests of the exam. */
#ifndef TESTS_UNIT_EXAM_FUNCTIONS_H
#define TESTS_UNIT_EXAM_FUNCTIONS_H

#include "tests/unit/exam/play.h"

static const uint8_t u32_takes[] = {9, 1, 3, 0x84};
static const uint8_t u32_type[] = {3, 0x84};
static const uint8_t u32_domain[] = {
    9, 1, 3, 0x84, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff};
static const uint8_t bytes_takes[] = {9, 1, 6};
static const uint8_t bytes_domain[] = {9, 1, 6, 0, 0, 0, 0, 0, 0, 1, 0};
static const uint8_t u8_takes[] = {9, 1, 3, 0x81};
static const uint8_t u8_domain[] = {9, 1, 3, 0x81, 0, 0, 0, 0, 0, 0,
                                    0, 0, 0, 0,    0, 0, 0, 0, 0, 200};

UNUSED static uint32_t mix(uint32_t x)
{
    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    return x ^ x >> 16;
}

UNUSED static enum play_end good(struct play *p, struct ubytes input,
                                 uint32_t i, uint32_t n, struct buf *out)
{
    (void)p;
    (void)i;
    (void)n;
    play_put_u32(out, mix(play_u32(input)));
    return PLAY_ANSWERED;
}

UNUSED static enum play_end wrong_class(struct play *p, struct ubytes input,
                                        uint32_t i, uint32_t n, struct buf *out)
{
    uint32_t x = play_u32(input);

    (void)p;
    (void)i;
    (void)n;
    play_put_u32(out, mix(x) ^ (x >= 1000 && x % 8 == 5 ? 1 : 0));
    return PLAY_ANSWERED;
}

UNUSED static enum play_end crashes(struct play *p, struct ubytes input,
                                    uint32_t i, uint32_t n, struct buf *out)
{
    if (play_u32(input) > 77777) {
        return PLAY_CRASH;
    }
    return good(p, input, i, n, out);
}

UNUSED static enum play_end stops_early(struct play *p, struct ubytes input,
                                        uint32_t i, uint32_t n, struct buf *out)
{
    return i + 1 == n ? PLAY_CRASH : good(p, input, i, n, out);
}

UNUSED static enum play_end slow_once(struct play *p, struct ubytes input,
                                      uint32_t i, uint32_t n, struct buf *out)
{
    if (i == 10 && p->counter++ == 0) {
        return PLAY_LIMIT;
    }
    return good(p, input, i, n, out);
}

UNUSED static enum play_end slow(struct play *p, struct ubytes input,
                                 uint32_t i, uint32_t n, struct buf *out)
{
    return i == 10 ? PLAY_LIMIT : good(p, input, i, n, out);
}

UNUSED static enum play_end outside(struct play *p, struct ubytes input,
                                    uint32_t i, uint32_t n, struct buf *out)
{
    return i == 100 ? PLAY_OUTSIDE : good(p, input, i, n, out);
}

/* Remembers: another answer from its second run on. */
UNUSED static enum play_end remembers(struct play *p, struct ubytes input,
                                      uint32_t i, uint32_t n, struct buf *out)
{
    (void)n;
    play_put_u32(out, mix(play_u32(input)) ^
                          (p->runs[EXAM_CANDIDATE] > 1 && i == 3 ? 1 : 0));
    return PLAY_ANSWERED;
}

/* True for numbers of no pattern: those are not drawn twice by chance. */
UNUSED static int is_plain(uint32_t x)
{
    unsigned ones = (unsigned)__builtin_popcount(x);
    uint8_t b[4] = {(uint8_t)x, (uint8_t)(x >> 8), (uint8_t)(x >> 16),
                    (uint8_t)(x >> 24)};

    for (unsigned i = 0; i < 4; i++) {
        if (b[i] == 0 || b[i] == 0xff || b[i] == b[(i + 1) % 4]) {
            return 0;
        }
    }
    return ones >= 10 && ones <= 22;
}

/* Asked the same twice in one run it answers otherwise. */
UNUSED static enum play_end counts_repeats(struct play *p, struct ubytes input,
                                           uint32_t i, uint32_t n,
                                           struct buf *out)
{
    static uint32_t seen[20000];
    uint32_t x = play_u32(input);

    (void)p;
    (void)n;
    seen[i] = x;
    for (uint32_t k = 0; k < i; k++) {
        if (seen[k] == x && is_plain(x)) {
            x++;
            break;
        }
    }
    play_put_u32(out, mix(x));
    return PLAY_ANSWERED;
}

UNUSED static enum play_end seven(struct play *p, struct ubytes input,
                                  uint32_t i, uint32_t n, struct buf *out)
{
    (void)p;
    (void)input;
    (void)i;
    (void)n;
    play_put_u32(out, 7);
    return PLAY_ANSWERED;
}

UNUSED static enum play_end identity(struct play *p, struct ubytes input,
                                     uint32_t i, uint32_t n, struct buf *out)
{
    (void)p;
    (void)i;
    (void)n;
    play_put_u32(out, play_u32(input));
    return PLAY_ANSWERED;
}

/* An oracle that errs on one large class. */
UNUSED static enum play_end other_oracle(struct play *p, struct ubytes input,
                                         uint32_t i, uint32_t n,
                                         struct buf *out)
{
    uint32_t x = play_u32(input);

    (void)p;
    (void)i;
    (void)n;
    play_put_u32(out, mix(x) + (x % 1000 == 999 ? 1 : 0));
    return PLAY_ANSWERED;
}

UNUSED static enum play_end oracle_fails(struct play *p, struct ubytes input,
                                         uint32_t i, uint32_t n,
                                         struct buf *out)
{
    return i == 4000 ? PLAY_CRASH : good(p, input, i, n, out);
}

UNUSED static enum play_end forgetful_oracle(struct play *p,
                                             struct ubytes input, uint32_t i,
                                             uint32_t n, struct buf *out)
{
    (void)n;
    play_put_u32(out, mix(play_u32(input)) ^
                          (p->runs[EXAM_ORACLE] == 2 && i == 3 ? 1 : 0));
    return PLAY_ANSWERED;
}

/* Sum of bytes; the candidate forgets one when the length is 63 modulo 64. */
UNUSED static uint32_t sum(struct ubytes v)
{
    uint32_t s = 1;

    for (size_t i = 0; i < v.n; i++) {
        s = s * 31 + v.p[i];
    }
    return s;
}

UNUSED static enum play_end good_sum(struct play *p, struct ubytes input,
                                     uint32_t i, uint32_t n, struct buf *out)
{
    (void)p;
    (void)i;
    (void)n;
    play_put_u32(out, sum(play_bytes(input)));
    return PLAY_ANSWERED;
}

UNUSED static enum play_end bad_sum(struct play *p, struct ubytes input,
                                    uint32_t i, uint32_t n, struct buf *out)
{
    struct ubytes v = play_bytes(input);

    (void)p;
    (void)i;
    (void)n;
    play_put_u32(out, sum(v) + (v.n % 64 == 63 ? 1 : 0));
    return PLAY_ANSWERED;
}

UNUSED static enum play_end u8_good(struct play *p, struct ubytes input,
                                    uint32_t i, uint32_t n, struct buf *out)
{
    (void)p;
    (void)i;
    (void)n;
    play_put_u32(out, mix(input.p[7]));
    return PLAY_ANSWERED;
}

UNUSED static enum play_end u8_wrong_at_199(struct play *p, struct ubytes input,
                                            uint32_t i, uint32_t n,
                                            struct buf *out)
{
    (void)p;
    (void)i;
    (void)n;
    play_put_u32(out, mix(input.p[7]) ^ (input.p[7] == 199));
    return PLAY_ANSWERED;
}

UNUSED static void u32_exam(struct play *p, play_fn candidate)
{
    play_init(p, u32_takes, sizeof(u32_takes), u32_type, sizeof(u32_type),
              u32_domain, sizeof(u32_domain));
    p->fn[EXAM_CANDIDATE] = candidate;
    p->fn[EXAM_ORACLE] = good;
    p->fn[EXAM_SECOND] = good;
    p->setup.has_second = 1;
}

UNUSED static void bytes_exam(struct play *p, play_fn candidate)
{
    play_init(p, bytes_takes, sizeof(bytes_takes), u32_type, sizeof(u32_type),
              bytes_domain, sizeof(bytes_domain));
    p->fn[EXAM_CANDIDATE] = candidate;
    p->fn[EXAM_ORACLE] = good_sum;
}

UNUSED static void u8_exam(struct play *p, play_fn candidate)
{
    play_init(p, u8_takes, sizeof(u8_takes), u32_type, sizeof(u32_type),
              u8_domain, sizeof(u8_domain));
    p->fn[EXAM_CANDIDATE] = candidate;
    p->fn[EXAM_ORACLE] = u8_good;
    p->fn[EXAM_SECOND] = u8_good;
    p->setup.has_second = 1;
}

UNUSED static const Proctor__Control *control(const struct play *p,
                                              const char *name)
{
    for (size_t i = 0; i < p->e->n_controls; i++) {
        if (strcmp(p->e->controls[i]->name, name) == 0) {
            return p->e->controls[i];
        }
    }
    fail_msg("no control %s", name);
    return NULL;
}

UNUSED static void assert_failed_control(const struct play *p, const char *name)
{
    assert_false(control(p, name)->passed);
    assert_false(control(p, name)->skipped);
}

#endif
