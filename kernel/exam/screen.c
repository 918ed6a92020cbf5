/* S1 and S2: what is public is tried first, for nothing; only what survives is
 * committed. Must never let a hold-out input be drawn before the COMMIT record
 * is durable. Kernel process. */
#include "kernel/exam/machine.h"

#include <inttypes.h>
#include <stdlib.h>

#include "kernel/exam/literal.h"
#include "kernel/exam/stream.h"
#include "proto/err.h"
#include "proto/limits.h"

/* A table that gives one input two answers cannot judge anybody. */
static int check_rows(struct exam *x)
{
    const struct values *in = x->s.table_inputs;
    const struct values *out = x->s.table_outputs;
    CLEANUP(mem_freep) uint32_t *rows = values_sorted(in);

    if (rows == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (uint32_t i = 1; i < values_n(in); i++) {
        struct ubytes input = values_at(in, rows[i]);
        struct ubytes before = values_at(out, rows[i - 1]);
        struct ubytes answer = values_at(out, rows[i]);

        if (values_compare(values_at(in, rows[i - 1]), input) == 0 &&
            values_compare(before, answer) != 0) {
            x->disagreements++;
            TRY(exam_find(&x->disagreement, input, before, answer, rows[i],
                          "two rows of the table"));
        }
    }
    return 0;
}

int screen_ask(struct exam *x)
{
    if (exam_is_table(x)) {
        TRY(check_rows(x));
        if (x->disagreements > 0) {
            return exam_finish(x, VERDICT_QUARANTINE,
                               "the table gives one input two answers");
        }
    }
    if (values_n(&x->known) == 0) {
        x->phase = PHASE_COMMIT;
        return 0;
    }
    exam_progress(x, "screen", 0, values_n(&x->known));
    return exam_ask_all(x, &x->known, PHASE_SCREENED);
}

/* The table's answer to input i of known. False if it has no such row. */
static int row_answer(const struct exam *x, uint32_t i, struct ubytes *out)
{
    struct ubytes input = values_at(&x->known, i);

    for (uint32_t row = 0; row < values_n(x->s.table_inputs); row++) {
        if (values_compare(values_at(x->s.table_inputs, row), input) == 0) {
            *out = values_at(x->s.table_outputs, row);
            return 1;
        }
    }
    return 0;
}

/* The oracle's answer to known input i. False: a table without that row. */
static int oracle_answer(const struct exam *x, uint32_t i, struct ubytes *out)
{
    if (exam_is_table(x)) {
        return row_answer(x, i, out);
    }
    *out = values_at(&x->said[EXAM_ORACLE].answers, i);
    return 1;
}

/* One of the oracles against what is known: a difference is nobody's but the
 * task's own fault. */
static int check_oracle(struct exam *x, enum exam_who who)
{
    const struct said *s = &x->said[who];
    uint32_t at = values_n(&s->answers);

    if (at < values_n(&x->known)) {
        TRY(exam_find(&x->disagreement, values_at(&x->known, at),
                      (struct ubytes){NULL, 0}, (struct ubytes){NULL, 0}, at,
                      s->ending));
        return exam_finish(x, VERDICT_QUARANTINE,
                           "the %s gives no answer to a public input",
                           exam_who_text[who]);
    }
    for (uint32_t i = 0; i < x->examples_n; i++) {
        struct ubytes got;

        if (exam_compare(x, who, i, values_at(&x->known_answers, i), &got) !=
            ANSWER_RIGHT) {
            x->disagreements++;
            TRY(exam_find(&x->disagreement, values_at(&x->known, i),
                          values_at(&x->known_answers, i), got, i,
                          "a public example"));
        }
    }
    return x->disagreements == 0
               ? 0
               : exam_finish(x, VERDICT_QUARANTINE,
                             "the %s contradicts a public example",
                             exam_who_text[who]);
}

static int check_oracles(struct exam *x)
{
    TRY(exam_each_oracle(x, check_oracle));
    for (uint32_t i = 0; i < values_n(&x->known) && x->phase < PHASE_END; i++) {
        struct ubytes expected;
        struct ubytes got;
        struct ubytes second = {NULL, 0};

        if (!oracle_answer(x, i, &expected)) {
            continue;
        }
        if (i < x->examples_n &&
            !exam_is_right(x, expected, values_at(&x->known_answers, i))) {
            second = values_at(&x->known_answers, i);
        } else if (x->s.has_second && exam_compare(x, EXAM_SECOND, i, expected,
                                                   &got) != ANSWER_RIGHT) {
            second = got;
        } else {
            continue;
        }
        x->disagreements++;
        TRY(exam_find(&x->disagreement, values_at(&x->known, i), expected,
                      second, i, "a public input"));
        return exam_finish(x, VERDICT_QUARANTINE,
                           "the oracles disagree about a public input");
    }
    return 0;
}

/* Answers to burnt inputs join those of the examples: the nearest-neighbour
 * control may use all that is public. Rows that a table lacks are left out. */
static int learn_answers(struct exam *x)
{
    CLEANUP(values_builder_release) struct values_builder known = {0};
    CLEANUP(values_builder_release) struct values_builder answers = {0};

    TRY(values_builder_init(&known, LIMIT_FRAME_BYTES));
    TRY(values_builder_init(&answers, LIMIT_FRAME_BYTES));
    for (uint32_t i = 0; i < values_n(&x->known); i++) {
        struct ubytes answer;

        if (i < x->examples_n) {
            answer = values_at(&x->known_answers, i);
        } else if (!oracle_answer(x, i, &answer)) {
            continue;
        }
        TRY(values_builder_add(&known, values_at(&x->known, i)));
        TRY(values_builder_add(&answers, answer));
    }
    TRY(exam_pack(&known, &x->takes, &x->known));
    return exam_pack(&answers, &x->gives, &x->known_answers);
}

int screen_judge(struct exam *x)
{
    const struct said *s = &x->said[EXAM_CANDIDATE];

    TRY(check_oracles(x));
    if (x->phase >= PHASE_END) {
        return 0;
    }
    for (uint32_t i = 0; i < values_n(&x->known); i++) {
        struct ubytes expected;
        struct ubytes got;

        if (i < x->examples_n) {
            expected = values_at(&x->known_answers, i);
        } else if (!oracle_answer(x, i, &expected)) {
            continue;
        }
        if (exam_compare(x, EXAM_CANDIDATE, i, expected, &got) !=
            ANSWER_RIGHT) {
            TRY(exam_find(&x->raw, values_at(&x->known, i), expected, got, i,
                          i < values_n(&s->answers) ? "" : s->ending));
            return exam_finish(x, VERDICT_REJECT,
                               i < x->examples_n
                                   ? "wrong on a public example"
                                   : "wrong on an input disclosed earlier");
        }
    }
    TRY(learn_answers(x));
    x->phase = PHASE_COMMIT;
    return 0;
}

#define NOISY_TIMES 4u /* a candidate of a tenth of the rate passes by then */

/* Draws that the statistics ask for. */
static uint64_t needed(const struct exam *x)
{
    if (!exam_is_noisy(x)) {
        return exam_draws_needed(x->s.exam->p0, x->alpha_j);
    }
    return x->bet.needed > LIMIT_DRAWS_PER_EXAM ? UINT64_MAX
                                                : NOISY_TIMES * x->bet.needed;
}

/* How many inputs, and whether they are all there are. */
static int plan(struct exam *x)
{
    const Proctor__Exam *e = x->s.exam;
    uint64_t size = UINT64_MAX;

    x->j = x->s.committed + 1;
    x->alpha_j = exam_alpha(e->alpha, x->j);
    if (exam_is_noisy(x)) {
        x->bet = exam_bet(e->error_rate, x->alpha_j);
    }
    if (exam_is_table(x)) {
        size = values_n(x->s.table_inputs);
    } else {
        TRY(draw_size(&x->src, &size));
    }
    if (size == 0) {
        return exam_finish(x, VERDICT_INCONCLUSIVE, "the domain is empty");
    }
    x->is_exhaustive = exam_is_table(x) ||
                       (size <= LIMIT_EXHAUSTIVE && size <= x->s.draws_left);
    x->base_n = size;
    if (!x->is_exhaustive) {
        x->base_n = exam_draws(needed(x), STRATA_BASE_N);
    } else if (exam_is_noisy(x) && exam_is_table(x) && size < x->bet.needed) {
        return exam_finish(x, VERDICT_INCONCLUSIVE,
                           "too few inputs to tell an error rate");
    }
    x->stratum_n = x->base_n / STRATA_BASE_N;
    x->draws_n = x->base_n;
    if (!x->is_exhaustive && x->base_n < UINT64_MAX) {
        x->literals_n = literal_draws(&x->src);
        TRY(inside_plan(x));
        x->draws_n += x->literals_n + x->directed_n;
    }
    if (x->base_n > LIMIT_DRAWS_PER_EXAM) {
        return exam_finish(x, VERDICT_INCONCLUSIVE,
                           "needs more draws than one exam may make (%u)",
                           LIMIT_DRAWS_PER_EXAM);
    }
    if (x->draws_n > x->s.draws_left) {
        return exam_finish(x, VERDICT_INCONCLUSIVE,
                           "needs %" PRIu64 " draws, more than the budget has",
                           x->base_n);
    }
    return 0;
}

int screen_commit(struct exam *x)
{
    struct stream r;
    uint64_t chunks;

    TRY(plan(x));
    if (x->phase >= PHASE_END) {
        return 0;
    }
    x->order_n = x->draws_n;
    x->order = malloc(x->draws_n * sizeof(*x->order));
    if (x->order == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    TRY(x->ops.commit(x->ctx, x->j, x->alpha_j, x->draws_n, x->src.seed));
    stream_init(&r, x->src.seed, STREAM_LANE_ORDER, 0);
    stream_shuffle(&r, x->order, (uint32_t)x->draws_n);
    chunks = (x->draws_n + LIMIT_CHUNK_DRAWS - 1) / LIMIT_CHUNK_DRAWS;
    x->chunk_n = (uint32_t)((x->draws_n + chunks - 1) / chunks);
    x->phase = PHASE_TEST;
    return 0;
}
