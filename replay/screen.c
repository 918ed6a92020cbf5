/* What is tried before any draw, and the plan (docs/exam.md sections 7, 8).
 * Replayer. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"

#include "replay/sitting.h"

#define NOISY_TIMES 4u

static const struct ubytes nothing = {NULL, 0};

/* A table must not give one input two answers: neighbours, once sorted. */
static int check_table(struct sitting *x)
{
    struct party *p = &x->party[ORACLE];

    for (uint32_t i = 1; i < values_n(&p->rows); i++) {
        uint32_t row[2] = {p->sorted[i - 1], p->sorted[i]};
        struct ubytes answer[2] = {values_at(&p->answers, row[0]),
                                   values_at(&p->answers, row[1])};
        struct ubytes input = values_at(&p->rows, row[1]);

        if (sitting_compare(values_at(&p->rows, row[0]), input) == 0 &&
            sitting_compare(answer[0], answer[1]) != 0) {
            x->disagreements++;
            TRY(sitting_find(&x->disagreement, input, answer[0], answer[1],
                             row[1], "two rows of the table"));
        }
    }
    return x->disagreements == 0
               ? 0
               : sitting_end(x, VERDICT_QUARANTINE,
                             "the table gives one input two answers");
}

/* One oracle against the examples. */
static int check_oracle(struct sitting *x, enum who who, const char *name)
{
    const struct said *s = &x->said[who];
    uint32_t n = values_n(&x->inputs);
    uint32_t at = values_n(&s->answers);

    if (!s->is_complete) {
        at = at < n ? at : n - 1;
        TRY(sitting_find(&x->disagreement, values_at(&x->inputs, at), nothing,
                         nothing, at, s->ending));
        return sitting_end(x, VERDICT_QUARANTINE,
                           "the %s gives no answer to a public input", name);
    }
    for (uint32_t i = 0; i < x->examples_n; i++) {
        struct ubytes example = values_at(&x->known_answers, i);
        struct ubytes got = sitting_got(s, i);

        if (!sitting_is_right(x, got, example)) {
            x->disagreements++;
            TRY(sitting_find(&x->disagreement, values_at(&x->inputs, i),
                             example, got, i, "a public example"));
        }
    }
    return x->disagreements == 0
               ? 0
               : sitting_end(x, VERDICT_QUARANTINE,
                             "the %s contradicts a public example", name);
}

/* The oracle's answer to a public input; a table may lack the row. */
static int oracle_answer(const struct sitting *x, uint32_t i,
                         struct ubytes *out)
{
    if (sitting_is_table(x)) {
        return sitting_lookup(&x->party[ORACLE], values_at(&x->inputs, i), out);
    }
    *out = sitting_got(&x->said[ORACLE], i);
    return 1;
}

static int check_agreement(struct sitting *x)
{
    for (uint32_t i = 0; i < values_n(&x->inputs); i++) {
        struct ubytes expected;
        struct ubytes other;

        if (!oracle_answer(x, i, &expected)) {
            continue;
        }
        other = sitting_got(&x->said[SECOND], i);
        if (i < x->examples_n &&
            !sitting_is_right(x, expected, values_at(&x->known_answers, i))) {
            other = values_at(&x->known_answers, i);
        } else if (x->party[SECOND].m == NULL ||
                   sitting_is_right(x, other, expected)) {
            continue;
        }
        x->disagreements++;
        TRY(sitting_find(&x->disagreement, values_at(&x->inputs, i), expected,
                         other, i, "a public input"));
        return sitting_end(x, VERDICT_QUARANTINE,
                           "the oracles disagree about a public input");
    }
    return 0;
}

/* The candidate; then what is known is all that has an answer. */
static int check_candidate(struct sitting *x)
{
    const struct said *s = &x->said[CANDIDATE];
    struct values_builder known;
    struct values_builder answers;
    int code;

    TRY(values_builder_init(&known, LIMIT_FRAME_BYTES));
    code = values_builder_init(&answers, LIMIT_FRAME_BYTES);
    for (uint32_t i = 0; i < values_n(&x->inputs) && code == 0; i++) {
        struct ubytes input = values_at(&x->inputs, i);
        struct ubytes got = sitting_got(s, i);
        struct ubytes expected;

        if (i < x->examples_n) {
            expected = values_at(&x->known_answers, i);
        } else if (!oracle_answer(x, i, &expected)) {
            continue;
        }
        if (!sitting_is_right(x, got, expected)) {
            code = sitting_find(&x->raw, input, expected, got, i,
                                got.p == NULL ? s->ending : "");
            code = code < 0 ? code
                            : sitting_end(x, VERDICT_REJECT,
                                          i < x->examples_n
                                              ? "wrong on a public example"
                                              : "wrong on an input disclosed "
                                                "earlier");
            break;
        }
        code = values_builder_add(&known, input);
        code = code == 0 ? values_builder_add(&answers, expected) : code;
    }
    if (code != 0) {
        values_builder_release(&known);
        values_builder_release(&answers);
        return code;
    }
    code = sitting_pack(&known, &x->takes, &x->known);
    return sitting_pack(&answers, &x->gives, &x->known_answers) < 0 ? ERR_INPUT
                                                                    : code;
}

int screen_known(struct sitting *x)
{
    struct values_builder w;

    if (sitting_is_table(x)) {
        STEP(check_table(x));
    }
    if (values_n(&x->known) == 0) {
        return 0;
    }
    TRY(values_builder_init(&w, LIMIT_FRAME_BYTES));
    TRY(values_builder_add_all(&w, &x->known, 0, values_n(&x->known)));
    TRY(sitting_pack(&w, &x->takes, &x->inputs));
    TRY(sitting_ask(x, sitting_everybody(x)));
    if (!sitting_is_table(x)) {
        STEP(check_oracle(x, ORACLE, "oracle"));
    }
    if (x->party[SECOND].m != NULL) {
        STEP(check_oracle(x, SECOND, "second oracle"));
    }
    STEP(check_agreement(x));
    return check_candidate(x);
}

/* COMMIT was made by the same plan, or the verdict has none because of it. */
static int check_commit(struct sitting *x)
{
    const struct claim *c = x->claim;
    uint64_t bits[2];

    memcpy(&bits[0], &c->alpha_j, sizeof(bits[0]));
    memcpy(&bits[1], &x->alpha_j, sizeof(bits[1]));
    if (!c->is_drawn) {
        return sitting_end(x, VERDICT_INCONCLUSIVE,
                           "needs %" PRIu64 " draws, more than the budget has",
                           x->base);
    }
    if (c->recorded_j != c->j) {
        return diag_set(x->d, ERR_INPUT, (struct loc){0},
                        "COMMIT.j: recorded %" PRIu64 ", counted %" PRIu64,
                        c->recorded_j, c->j);
    }
    if (bits[0] != bits[1]) {
        return diag_set(x->d, ERR_INPUT, (struct loc){0},
                        "COMMIT.alpha_j: recorded %.17g, replayed %.17g",
                        c->alpha_j, x->alpha_j);
    }
    return x->draws == c->draws ? 0
                                : diag_set(x->d, ERR_INPUT, (struct loc){0},
                                           "COMMIT.draws: recorded %" PRIu64
                                           ", replayed %" PRIu64,
                                           c->draws, x->draws);
}

/* How many inputs, and of which kind. The domain has `size` members. */
static int plan(struct sitting *x, uint64_t size)
{
    uint64_t need = odds_need(x->exam->p0, x->alpha_j);

    x->base = size;
    x->draws = size;
    if (sitting_is_noisy(x)) {
        x->bet = odds_bet(x->exam->error_rate, x->alpha_j);
        need = x->bet.need > LIMIT_DRAWS_PER_EXAM ? UINT64_MAX
                                                  : NOISY_TIMES * x->bet.need;
    }
    if (x->is_exhaustive) {
        return sitting_is_noisy(x) && sitting_is_table(x) && size < x->bet.need
                   ? sitting_end(x, VERDICT_INCONCLUSIVE,
                                 "too few inputs to tell an error rate")
                   : 0;
    }
    x->each = odds_each(need, STRATA);
    x->base = need == UINT64_MAX ? need : x->each * STRATA;
    x->draws = x->base;
    if (x->base > LIMIT_DRAWS_PER_EXAM) {
        return sitting_end(x, VERDICT_INCONCLUSIVE,
                           "needs more draws than one exam may make (%u)",
                           LIMIT_DRAWS_PER_EXAM);
    }
    x->literals = excerpts_draws(&x->excerpts, &x->shape);
    TRY(inside_plan(x));
    x->draws += x->literals + x->directed_n;
    return 0;
}

int screen_plan(struct sitting *x)
{
    uint64_t size =
        sitting_is_table(x) ? values_n(&x->party[ORACLE].rows) : x->shape.size;
    uint64_t budget = x->claim->is_drawn ? x->claim->draws : 0;
    struct chance c;

    x->alpha_j = odds_alpha(x->exam->alpha, x->claim->j);
    if (size == 0) {
        return sitting_end(x, VERDICT_INCONCLUSIVE, "the domain is empty");
    }
    x->is_exhaustive =
        sitting_is_table(x) || (size <= LIMIT_EXHAUSTIVE && size <= budget);
    STEP(plan(x, size));
    STEP(check_commit(x));
    x->ordered = x->draws;
    x->order = calloc(x->draws, sizeof(*x->order));
    if (x->order == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    chance_open(&c, x->claim->seed, LANE_ORDER, 0);
    chance_shuffle(&c, x->order, (uint32_t)x->draws);
    chance_open(&c, x->claim->seed, LANE_MUTANTS, 0);
    chance_bytes(&c, x->mutants, sizeof(x->mutants));
    return 0;
}
