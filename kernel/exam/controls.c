/* S9: what must not pass: a constant, the first argument handed back, the answer
 * to the most similar public input, the candidate's own answers in another order.
 * If one is right on every draw, the exam cannot tell right from wrong and nobody
 * passes it. Made in the kernel from bytes; no worker takes part. Kernel process. */
#include "kernel/exam/machine.h"

#include <inttypes.h>
#include <string.h>

#include "kernel/exam/stream.h"
#include "proto/err.h"

#define NEAREST_MAX 256u /* public inputs looked at */

const char *control_text(enum control_name c)
{
    static const char *const names[CONTROLS_N] = {
        "constant", "identity", "nearest public input", "permuted outputs"};

    ASSERT((unsigned)c < CONTROLS_N);
    return names[c];
}

static void skip(struct control *c, const char *why)
{
    c->state = CONTROL_SKIPPED;
    c->why = why;
}

int controls_start(struct exam *x)
{
    struct type first;

    if (x->takes.b[1] == 0) {
        skip(&x->controls[CONTROL_IDENTITY], "there is no argument");
    } else {
        first = type_sub(&x->takes, 2);
        if (!type_is_equal(&first, &x->gives)) {
            skip(&x->controls[CONTROL_IDENTITY],
                 "the first argument is of another type");
        }
    }
    if (exam_is_table(x)) {
        skip(&x->positive, "the oracle is a table");
    }
    return 0;
}

static int is_equal(struct ubytes a, struct ubytes b)
{
    return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

/* First argument of an input: behind the tuple's tag and count. */
static struct ubytes first_argument(const struct exam *x, struct ubytes input)
{
    struct type t = type_sub(&x->takes, 2);
    struct ubytes rest = {input.p + 5, input.n - 5};
    int code = value_check(rest, &t, &rest.n);

    ASSERT(code == 0); /* inputs were checked */
    return rest;
}

/* Bytes that differ, and 256 for each of difference in length. */
static uint64_t distance(struct ubytes a, struct ubytes b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    uint64_t d = 256 * (uint64_t)(a.n < b.n ? b.n - a.n : a.n - b.n);

    for (size_t i = 0; i < n; i++) {
        d += a.p[i] < b.p[i] ? (unsigned)(b.p[i] - a.p[i])
                             : (unsigned)(a.p[i] - b.p[i]);
    }
    return d;
}

static struct ubytes nearest_answer(const struct exam *x, struct ubytes input)
{
    uint32_t n = values_n(&x->known);
    uint32_t best = 0;
    uint64_t best_distance = UINT64_MAX;

    for (uint32_t i = 0; i < n && i < NEAREST_MAX; i++) {
        uint64_t d = distance(values_at(&x->known, i), input);

        if (d < best_distance) {
            best_distance = d;
            best = i;
        }
    }
    return values_at(&x->known_answers, best);
}

static int check_constant(struct exam *x)
{
    struct control *c = &x->controls[CONTROL_CONSTANT];

    if (!x->has_constant) {
        struct ubytes v = test_expected(x, 0);

        x->has_constant = 1;
        TRY(buf_put(&x->constant, v.p, v.n));
    }
    for (uint32_t i = 0; i < values_n(&x->inputs) && c->state == CONTROL_OPEN;
         i++) {
        if (!is_equal(test_expected(x, i), buf_bytes(&x->constant))) {
            c->state = CONTROL_FAILED; /* then every other constant fails too */
        }
    }
    return 0;
}

static void check_lookups(struct exam *x)
{
    struct control *identity = &x->controls[CONTROL_IDENTITY];
    struct control *nearest = &x->controls[CONTROL_NEAREST];

    if (nearest->state == CONTROL_OPEN && values_n(&x->known) == 0) {
        skip(nearest, "there are no public inputs");
    }
    for (uint32_t i = 0; i < values_n(&x->inputs); i++) {
        struct ubytes input = values_at(&x->inputs, i);
        struct ubytes expected = test_expected(x, i);

        if (identity->state == CONTROL_OPEN &&
            !is_equal(first_argument(x, input), expected)) {
            identity->state = CONTROL_FAILED;
        }
        if (nearest->state == CONTROL_OPEN &&
            !is_equal(nearest_answer(x, input), expected)) {
            nearest->state = CONTROL_FAILED;
        }
    }
}

/* True if the candidate's answers, moved on by shift, are all right. */
static int passes_shifted(const struct exam *x, uint32_t shift)
{
    uint32_t n = values_n(&x->inputs);

    for (uint32_t i = 0; i < n; i++) {
        uint32_t from = (uint32_t)(((uint64_t)i + shift) % n);
        struct ubytes got;

        if (exam_compare(&x->said[EXAM_CANDIDATE], from, test_expected(x, i),
                         &got) != ANSWER_RIGHT) {
            return 0;
        }
    }
    return 1;
}

static void check_permuted(struct exam *x)
{
    struct control *c = &x->controls[CONTROL_PERMUTED];
    uint32_t n = values_n(&x->inputs);
    struct stream r;
    uint32_t shift;

    if (c->state != CONTROL_OPEN || n < 2) {
        return;
    }
    stream_init(&r, x->src.seed, STREAM_LANE_SHIFT, x->first);
    shift = 1 + (uint32_t)stream_below(&r, n - 1);
    /* In a tiny domain a shift can be a period of the answers; 1 is one only if
     * they are all equal. */
    if (!passes_shifted(x, shift) || !passes_shifted(x, 1)) {
        c->state = CONTROL_FAILED;
    }
}

int controls_add(struct exam *x)
{
    TRY(check_constant(x));
    check_lookups(x);
    check_permuted(x);
    return 0;
}

int controls_judge(struct exam *x)
{
    if (x->controls[CONTROL_CONSTANT].state == CONTROL_OPEN) {
        return exam_finish(x, VERDICT_INCONCLUSIVE,
                           "the answers never vary: a constant is as good");
    }
    for (unsigned i = 0; i < CONTROLS_N; i++) {
        if (x->controls[i].state == CONTROL_OPEN) {
            return exam_finish(x, VERDICT_VOID, "a control passed: %s",
                               control_text((enum control_name)i));
        }
    }
    x->level =
        x->s.has_second && !exam_is_table(x) ? LEVEL_PROVEN : LEVEL_ORACLE;
    if (x->is_exhaustive) {
        return exam_finish(
            x, VERDICT_ADMIT, "right on all %" PRIu64 " %s", x->compared,
            exam_is_table(x) ? "rows of the table" : "inputs of the domain");
    }
    return exam_finish(x, VERDICT_ADMIT, "right on all of %" PRIu64 " draws",
                       x->compared);
}
