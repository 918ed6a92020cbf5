/* Shrinks the first counterexample: rounds of simpler inputs, each answered by
 * candidate and oracles in fresh workers (shrink.h chooses them). An input counts
 * only if the oracles answer and agree. Must never change the verdict. Kernel
 * process. */
#include "kernel/exam/machine.h"

#include <inttypes.h>
#include <stdio.h>

#include "kernel/exam/shrink.h"
#include "proto/err.h"
#include "proto/limits.h"

static int finish(struct exam *x)
{
    x->shrink_evaluations = shrink_evaluations(x->shrink);
    return exam_finish(
        x, VERDICT_REJECT, "wrong at draw %" PRIu64 " of %" PRIu64 "%s%s%s",
        x->raw.k, x->draws_n, x->raw.ending[0] == '\0' ? "" : ": ",
        x->raw.ending, x->depends ? "; depends on earlier inputs" : "");
}

/* The smallest input that failed, by itself. */
static int pack_alone(struct exam *x)
{
    const struct finding *f = x->shrunk.is_set ? &x->shrunk : &x->raw;
    struct values_builder w;
    int code;

    TRY(values_builder_init(&w, CHUNK_BYTES));
    code = values_builder_add(&w, buf_bytes(&f->input));
    code = code == 0 ? exam_pack(&w, &x->takes, &x->inputs) : code;
    values_builder_release(&w);
    return code;
}

static int pack_round(struct exam *x)
{
    struct values_builder w;
    int code;

    TRY(values_builder_init(&w, CHUNK_BYTES));
    code = 0;
    for (uint32_t i = 0; i < shrink_n(x->shrink) && code == 0; i++) {
        code = values_builder_add(&w, shrink_at(x->shrink, i));
    }
    code = code == 0 ? exam_pack(&w, &x->takes, &x->inputs) : code;
    values_builder_release(&w);
    return code;
}

int reduce_ask(struct exam *x)
{
    int code;

    if (x->shrink == NULL) {
        TRY(shrink_new(&x->src, buf_bytes(&x->raw.input), &x->shrink));
    }
    exam_progress(x, "shrink", shrink_evaluations(x->shrink),
                  LIMIT_SHRINK_EVALUATIONS);
    code = shrink_round(x->shrink);
    x->is_alone = code == SHRINK_E_DONE;
    TRY(x->is_alone ? pack_alone(x) : code);
    TRY(x->is_alone ? 0 : pack_round(x));
    TRY(exam_ask(x, EXAM_CANDIDATE, &x->inputs, PHASE_REDUCED));
    TRY(exam_ask(x, EXAM_ORACLE, &x->inputs, PHASE_REDUCED));
    if (x->s.has_second) {
        TRY(exam_ask(x, EXAM_SECOND, &x->inputs, PHASE_REDUCED));
    }
    return 0;
}

/* The oracles' common answer to input i. */
static int agreed(const struct exam *x, uint32_t i, struct ubytes *out)
{
    const struct values *answers = &x->said[EXAM_ORACLE].answers;
    struct ubytes second;

    if (i >= values_n(answers)) {
        return 0;
    }
    *out = values_at(answers, i);
    return !value_has_nonfinite(*out) &&
           (!x->s.has_second ||
            exam_compare(x, EXAM_SECOND, i, *out, &second) == ANSWER_RIGHT);
}

/* True if the candidate is wrong at input i; a time limit proves nothing. */
static int fails(const struct exam *x, uint32_t i, struct ubytes expected,
                 struct ubytes *out_got)
{
    const struct said *s = &x->said[EXAM_CANDIDATE];

    switch (exam_compare(x, EXAM_CANDIDATE, i, expected, out_got)) {
    case ANSWER_RIGHT:
        return 0;
    case ANSWER_WRONG:
        return 1;
    case ANSWER_NONE:
        break;
    }
    return i == values_n(&s->answers) && !s->is_limit;
}

static int judge_alone(struct exam *x)
{
    struct ubytes expected;
    struct ubytes got;

    if (!agreed(x, 0, &expected) || !fails(x, 0, expected, &got)) {
        x->depends = 1;
        exam_forget(&x->shrunk);
    }
    return finish(x);
}

int reduce_judge(struct exam *x)
{
    const struct said *s = &x->said[EXAM_CANDIDATE];

    if (x->is_alone) {
        return judge_alone(x);
    }
    for (uint32_t i = 0; i < values_n(&x->inputs); i++) {
        struct ubytes expected;
        struct ubytes got;

        if (!agreed(x, i, &expected) || !fails(x, i, expected, &got)) {
            continue;
        }
        exam_forget(&x->shrunk);
        TRY(exam_find(&x->shrunk, values_at(&x->inputs, i), expected, got,
                      x->raw.k, got.p == NULL ? s->ending : ""));
        TRY(shrink_take(x->shrink, i));
        break;
    }
    x->phase = PHASE_REDUCE;
    return 0;
}
