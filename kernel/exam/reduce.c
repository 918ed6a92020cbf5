/* Shrinks the first counterexample: rounds of simpler inputs, proposed by a worker
 * and each answered by candidate and oracles in fresh ones. An input counts only if
 * it is a member of the domain and the oracles answer and agree. Must never change
 * the verdict. Kernel process. */
#include "kernel/exam/machine.h"

#include <inttypes.h>
#include <stdio.h>

#include "proto/err.h"
#include "proto/limits.h"

static int finish(struct exam *x)
{
    return exam_finish(
        x, VERDICT_REJECT, "wrong at draw %" PRIu64 " of %" PRIu64 "%s%s%s",
        x->raw.k, x->draws_n, x->raw.ending[0] == '\0' ? "" : ": ",
        x->raw.ending, x->depends ? "; depends on earlier inputs" : "");
}

/* The smallest input that failed so far. */
static struct ubytes best(const struct exam *x)
{
    return buf_bytes(x->shrunk.is_set ? &x->shrunk.input : &x->raw.input);
}

int reduce_ask(struct exam *x)
{
    struct exam_search s = {best(x), buf_bytes(&x->search), x->is_new};

    exam_progress(x, "shrink", x->shrink_evaluations, LIMIT_SHRINK_EVALUATIONS);
    x->is_new = 0;
    x->pending |= UINT64_C(1) << WHO_N;
    x->phase = PHASE_PROPOSED;
    return x->ops.propose(x->ctx, &s);
}

int reduce_take(struct exam *x, struct ubytes inputs, struct ubytes state)
{
    int code = values_decode(&x->inputs, inputs, &x->takes, LIMIT_SHRINK_ROUND);

    TRY(code == ERR_NOMEM || code == 0 ? code : ERR_PROTOCOL);
    for (uint32_t i = 0; i < values_n(&x->inputs); i++) {
        struct ubytes v = values_at(&x->inputs, i);

        if (v.n > best(x).n || !node_has(&x->src.of, v)) {
            return ERR_TRACE(ERR_PROTOCOL);
        }
    }
    x->shrink_evaluations += values_n(&x->inputs);
    if (x->shrink_evaluations > LIMIT_SHRINK_EVALUATIONS) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    buf_reset(&x->search);
    return buf_put(&x->search, state.p, state.n);
}

/* The smallest input that failed, by itself. */
static int pack_alone(struct exam *x)
{
    struct values_builder w;
    int code = values_builder_init(&w, CHUNK_BYTES);

    code = code == 0 ? values_builder_add(&w, best(x)) : code;
    return values_build(&x->inputs, &w, &x->takes, code);
}

int reduce_try(struct exam *x)
{
    x->is_alone = values_n(&x->inputs) == 0;
    TRY(x->is_alone ? pack_alone(x) : 0);
    return exam_ask_all(x, &x->inputs, PHASE_REDUCED);
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
        x->is_new = 1;
        break;
    }
    x->phase = PHASE_REDUCE;
    return 0;
}
