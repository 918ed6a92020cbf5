/* The controls: what must not pass, made from bytes (docs/exam.md section 8).
 * Replayer. */
#include <inttypes.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "replay/sitting.h"

#define NEAREST_MAX 256u

const char *const placebo_names[CONTROLS] = {
    "constant", "identity", "nearest public input", "permuted outputs",
    "oracle asked again"};

void placebo_start(struct sitting *x)
{
    struct type first;

    if (x->takes.b[1] == 0) {
        x->controls[IDENTITY].skipped = "there is no argument";
    } else {
        first = type_sub(&x->takes, 2);
        if (!type_is_equal(&first, &x->gives)) {
            x->controls[IDENTITY].skipped =
                "the first argument is of another type";
        }
    }
    if (sitting_is_table(x)) {
        x->controls[AGAIN].skipped = "the oracle is a table";
    }
}

/* Is there more to find out about it? */
static int is_open(const struct sitting *x, enum placebo p)
{
    return x->controls[p].skipped == NULL &&
           (x->controls[p].failures == 0 || sitting_is_noisy(x));
}

/* Behind the tuple's tag and count. */
static struct ubytes first_argument(const struct sitting *x,
                                    struct ubytes input)
{
    struct type first = type_sub(&x->takes, 2);
    struct ubytes v = {input.p + 5, input.n - 5};
    int code = value_check(v, &first, &v.n);

    ASSERT(code == 0); /* inputs were checked */
    return v;
}

static uint64_t distance(struct ubytes a, struct ubytes b)
{
    size_t common = a.n < b.n ? a.n : b.n;
    uint64_t d = 256 * (uint64_t)(a.n + b.n - 2 * common);

    for (size_t i = 0; i < common; i++) {
        int step = (int)a.p[i] - (int)b.p[i];

        d += (uint64_t)(step < 0 ? -step : step);
    }
    return d;
}

static struct ubytes nearest(const struct sitting *x, struct ubytes input)
{
    uint64_t least = UINT64_MAX;
    uint32_t best = 0;

    for (uint32_t i = 0; i < values_n(&x->known) && i < NEAREST_MAX; i++) {
        uint64_t d = distance(values_at(&x->known, i), input);

        if (d < least) {
            least = d;
            best = i;
        }
    }
    return values_at(&x->known_answers, best);
}

/* On how many draws the candidate's answers, moved by so many, are not right. */
static uint64_t moved(const struct sitting *x, uint64_t shift)
{
    uint32_t n = values_n(&x->inputs);
    uint64_t failures = 0;

    for (uint32_t i = 0; i < n; i++) {
        uint32_t from = (uint32_t)((i + shift) % n);

        failures += !sitting_is_right(x, sitting_got(&x->said[CANDIDATE], from),
                                      sitting_expected(x, i));
    }
    return failures;
}

static void try_moved(struct sitting *x)
{
    uint32_t n = values_n(&x->inputs);
    struct chance c;
    uint64_t failures[2];

    if (n < 2 || !is_open(x, PERMUTED)) {
        return;
    }
    chance_open(&c, x->claim->seed, LANE_SHIFT, x->first);
    failures[0] = moved(x, 1 + chance_below(&c, n - 1));
    failures[1] = moved(x, 1);
    x->controls[PERMUTED].failures += failures[failures[1] > failures[0]];
}

/* The one answer that can be that of most draws: the vote of Boyer and Moore. */
static struct ubytes majority(const struct sitting *x)
{
    struct ubytes best = sitting_expected(x, 0);
    uint64_t lead = 0;

    for (uint32_t i = 0; i < values_n(&x->inputs); i++) {
        struct ubytes v = sitting_expected(x, i);

        best = lead == 0 ? v : best;
        lead = sitting_compare(v, best) == 0 ? lead + 1 : lead - 1;
    }
    return best;
}

static void try_answer(struct sitting *x, enum placebo p, struct ubytes answer,
                       struct ubytes expected)
{
    x->controls[p].failures += !sitting_is_right(x, answer, expected);
}

int placebo_add(struct sitting *x)
{
    if (!x->has_constant) {
        struct ubytes v = majority(x);

        x->has_constant = 1;
        TRY(buf_put(&x->constant, v.p, v.n));
    }
    if (values_n(&x->known) == 0) {
        x->controls[NEAREST].skipped = "there are no public inputs";
    }
    for (uint32_t i = 0; i < values_n(&x->inputs); i++) {
        struct ubytes expected = sitting_expected(x, i);
        struct ubytes input = values_at(&x->inputs, i);

        if (is_open(x, CONSTANT)) {
            try_answer(x, CONSTANT, buf_bytes(&x->constant), expected);
        }
        if (is_open(x, IDENTITY)) {
            try_answer(x, IDENTITY, first_argument(x, input), expected);
        }
        if (is_open(x, NEAREST)) {
            try_answer(x, NEAREST, nearest(x, input), expected);
        }
    }
    try_moved(x);
    return 0;
}

/* What the candidate was right on. */
static const char *inputs_text(const struct sitting *x)
{
    return !x->is_exhaustive     ? "draws"
           : sitting_is_table(x) ? "rows of the table"
                                 : "inputs of the domain";
}

static int admit(struct sitting *x)
{
    x->is_judged = 1;
    if (sitting_is_enough(x, x->controls[CONSTANT].failures)) {
        return sitting_end(x, VERDICT_INCONCLUSIVE,
                           "the answers never vary: a constant is as good");
    }
    for (enum placebo p = IDENTITY; p < AGAIN; p++) {
        if (x->controls[p].skipped == NULL &&
            sitting_is_enough(x, x->controls[p].failures)) {
            return sitting_end(x, VERDICT_VOID, "a control passed: %s",
                               placebo_names[p]);
        }
    }
    STEP(inside_settle(x));
    STEP(relation_hold(x));
    if (sitting_is_noisy(x)) { /* it may be wrong: nothing is proven of it */
        x->level = LEVEL_ORACLE;
        return sitting_end(x, VERDICT_ADMIT,
                           "noisy: wrong on %" PRIu64 " of %" PRIu64 " %s",
                           x->failures, x->compared, inputs_text(x));
    }
    x->level = x->party[SECOND].m != NULL && !sitting_is_table(x)
                   ? LEVEL_PROVEN
                   : LEVEL_ORACLE;
    return sitting_end(x, VERDICT_ADMIT, "right on all %s%" PRIu64 " %s",
                       x->is_exhaustive ? "" : "of ", x->compared,
                       inputs_text(x));
}

int placebo_judge(struct sitting *x)
{
    uint64_t left = x->draws - x->compared;
    int looks_early = sitting_is_noisy(x) && !sitting_is_whole(x);

    if ((left == 0 || looks_early) && sitting_is_enough(x, x->failures)) {
        return admit(x);
    }
    if (left == 0 ||
        (looks_early && odds_score(&x->bet, x->compared, x->failures) +
                                (double)left * x->bet.up <
                            x->bet.goal)) {
        return sitting_end(x, VERDICT_REJECT,
                           "noisy: wrong on %" PRIu64 " of %" PRIu64 " %s",
                           x->failures, x->compared, inputs_text(x));
    }
    return 0;
}
