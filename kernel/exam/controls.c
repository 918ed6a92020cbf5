/* S9: what must not pass: a constant, the first argument handed back, the answer
 * to the most similar public input, the candidate's own answers in another order.
 * If one is right on every draw, the exam cannot tell right from wrong and nobody
 * passes it. Made in the kernel from bytes; no worker takes part. Kernel process. */
#include "kernel/exam/machine.h"

#include <inttypes.h>

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

int controls_start(struct exam *x)
{
    struct type first;

    if (x->takes.b[1] == 0) {
        x->controls[CONTROL_IDENTITY].why = "there is no argument";
    } else {
        first = type_sub(&x->takes, 2);
        if (!type_is_equal(&first, &x->gives)) {
            x->controls[CONTROL_IDENTITY].why =
                "the first argument is of another type";
        }
    }
    if (exam_is_table(x)) {
        x->positive.why = "the oracle is a table";
    }
    return 0;
}

/* Counts what a control said to an input. */
static void count(const struct exam *x, struct control *c, struct ubytes said,
                  struct ubytes expected)
{
    c->failures += exam_is_right(x, said, expected) ? 0 : 1;
}

/* Is there still something to find out about it? */
static int is_open(const struct exam *x, const struct control *c)
{
    return c->why == NULL && (c->failures == 0 || exam_is_noisy(x));
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

/* The one answer that can be the majority's: the vote of Boyer and Moore. */
static struct ubytes majority(const struct exam *x)
{
    struct ubytes best = test_expected(x, 0);
    uint32_t lead = 0;

    for (uint32_t i = 0; i < values_n(&x->inputs); i++) {
        struct ubytes v = test_expected(x, i);

        if (lead == 0) {
            best = v;
        }
        lead = values_compare(v, best) == 0 ? lead + 1 : lead - 1;
    }
    return best;
}

static int check_constant(struct exam *x)
{
    struct control *c = &x->controls[CONTROL_CONSTANT];

    if (!x->has_constant) {
        struct ubytes v = majority(x);

        x->has_constant = 1;
        TRY(buf_put(&x->constant, v.p, v.n));
    }
    for (uint32_t i = 0; i < values_n(&x->inputs) && is_open(x, c); i++) {
        count(x, c, buf_bytes(&x->constant), test_expected(x, i));
    }
    return 0;
}

static void check_lookups(struct exam *x)
{
    struct control *identity = &x->controls[CONTROL_IDENTITY];
    struct control *nearest = &x->controls[CONTROL_NEAREST];

    if (values_n(&x->known) == 0) {
        nearest->why = "there are no public inputs";
    }
    for (uint32_t i = 0; i < values_n(&x->inputs); i++) {
        struct ubytes input = values_at(&x->inputs, i);
        struct ubytes expected = test_expected(x, i);

        if (is_open(x, identity)) {
            count(x, identity, first_argument(x, input), expected);
        }
        if (is_open(x, nearest)) {
            count(x, nearest, nearest_answer(x, input), expected);
        }
    }
}

/* How many of the candidate's answers, moved on by shift, are not right. */
static uint64_t failures_shifted(const struct exam *x, uint32_t shift)
{
    uint32_t n = values_n(&x->inputs);
    uint64_t failures = 0;

    for (uint32_t i = 0; i < n; i++) {
        uint32_t from = (uint32_t)(((uint64_t)i + shift) % n);

        failures +=
            exam_is_right(x, values_at(&x->said[EXAM_CANDIDATE].answers, from),
                          test_expected(x, i))
                ? 0
                : 1;
        if (failures > 0 && !exam_is_noisy(x)) {
            break;
        }
    }
    return failures;
}

static void check_permuted(struct exam *x)
{
    struct control *c = &x->controls[CONTROL_PERMUTED];
    uint32_t n = values_n(&x->inputs);
    struct stream r;
    uint64_t shifted;
    uint64_t by_one;

    if (!is_open(x, c) || n < 2) {
        return;
    }
    stream_init(&r, x->src.seed, STREAM_LANE_SHIFT, x->first);
    /* In a tiny domain a shift can be a period of the answers; 1 is one only if
     * they are all equal. */
    shifted = failures_shifted(x, 1 + (uint32_t)stream_below(&r, n - 1));
    by_one = failures_shifted(x, 1);
    c->failures += shifted > by_one ? shifted : by_one;
}

int controls_add(struct exam *x)
{
    TRY(check_constant(x));
    check_lookups(x);
    check_permuted(x);
    return 0;
}

/* What the candidate was right on. */
static const char *inputs_text(const struct exam *x)
{
    return !x->is_exhaustive  ? "draws"
           : exam_is_table(x) ? "rows of the table"
                              : "inputs of the domain";
}

static int admit(struct exam *x)
{
    int settled;

    x->is_judged = 1;
    if (exam_is_enough(x, x->controls[CONTROL_CONSTANT].failures)) {
        return exam_finish(x, VERDICT_INCONCLUSIVE,
                           "the answers never vary: a constant is as good");
    }
    for (unsigned i = 0; i < CONTROLS_N; i++) {
        if (x->controls[i].why == NULL &&
            exam_is_enough(x, x->controls[i].failures)) {
            return exam_finish(x, VERDICT_VOID, "a control passed: %s",
                               control_text((enum control_name)i));
        }
    }
    settled = inside_next(x);
    if (settled <= 0) {
        return settled;
    }
    if (exam_is_noisy(x)) {
        x->level = LEVEL_ORACLE; /* it may be wrong: nothing is proven of it */
        return exam_finish(x, VERDICT_ADMIT,
                           "noisy: wrong on %" PRIu64 " of %" PRIu64 " %s",
                           x->failures, x->compared, inputs_text(x));
    }
    x->level =
        x->s.has_second && !exam_is_table(x) ? LEVEL_PROVEN : LEVEL_ORACLE;
    return exam_finish(x, VERDICT_ADMIT, "right on all %s%" PRIu64 " %s",
                       x->is_exhaustive ? "" : "of ", x->compared,
                       inputs_text(x));
}

/* Can the draws that are left still bring enough? */
static int is_lost(const struct exam *x)
{
    uint64_t left = x->draws_n - x->compared;

    return left == 0 ||
           (!exam_is_whole(x) && exam_score(&x->bet, x->compared, x->failures) +
                                         (double)left * x->bet.up <
                                     x->bet.goal);
}

int controls_judge(struct exam *x)
{
    int is_early = exam_is_noisy(x) && !exam_is_whole(x);

    if ((is_early || x->compared == x->draws_n) &&
        exam_is_enough(x, x->failures)) {
        return admit(x);
    }
    if (exam_is_noisy(x) && is_lost(x)) {
        return exam_finish(x, VERDICT_REJECT,
                           "noisy: wrong on %" PRIu64 " of %" PRIu64 " %s",
                           x->failures, x->compared, inputs_text(x));
    }
    x->phase = PHASE_TEST;
    return 0;
}
