/* S11: relations that were declared between answers: for each, inputs that no draw
 * has, changed as it says; the answers to both must fit. Two fresh answers of the
 * candidate are compared, no oracle's. Kernel process. */
#include "kernel/exam/machine.h"

#include <inttypes.h>

#include "proto/err.h"
#include "proto/limits.h"

static unsigned party(const struct exam *x)
{
    return EXAM_RELATIONS + 2 * x->relation_i;
}

static const Proctor__Relation *relation(const struct exam *x)
{
    return x->s.exam->relations[x->relation_i];
}

/* It is the relation's own fault. */
static int give_up(struct exam *x, const char *what, const char *why)
{
    return exam_finish(x, VERDICT_INCONCLUSIVE, "relation %s %s%s",
                       relation(x)->name, what, why);
}

int relate_ask(struct exam *x)
{
    CLEANUP(values_builder_release) struct values_builder w = {0};
    CLEANUP(buf_release) struct buf v;
    uint64_t first = (uint64_t)(x->relation_i + 1) << 32;

    exam_progress(x, "relate", x->relation_i, x->s.exam->n_relations);
    buf_init(&v, LIMIT_VALUE_BYTES + LIMIT_BATCH_BYTES);
    TRY(values_builder_init(&w, CHUNK_BYTES));
    for (uint64_t i = 0; i < LIMIT_RELATION_DRAWS; i++) {
        int code = hunt_further(x, first + i, &v);

        code = code == 0 ? values_builder_add(&w, buf_bytes(&v)) : code;
        if (code == ERR_LIMIT) {
            return give_up(x, "is tried on inputs that are too long", "");
        }
        TRY(code);
    }
    TRY(exam_pack(&w, &x->takes, &x->inputs));
    return exam_ask(x, party(x), &x->inputs, PHASE_RELATED);
}

/* The inputs whose other input is in the domain; then those others. */
int relate_pair(struct exam *x)
{
    CLEANUP(values_builder_release) struct values_builder w = {0};
    const struct values *other = &x->said[party(x)].answers;
    uint32_t n = values_n(&x->inputs);

    if (values_n(other) < n) {
        return give_up(x, "gives no input: ", x->said[party(x)].ending);
    }
    TRY(values_builder_init(&w, 2 * CHUNK_BYTES));
    for (uint32_t i = 0; i < 2 * n; i++) {
        if (node_has(&x->src.of, values_at(other, i % n))) {
            TRY(values_builder_add(&w, i < n ? values_at(&x->inputs, i)
                                             : values_at(other, i - n)));
        }
    }
    if (values_builder_n(&w) < n) {
        return give_up(x, "leaves the domain on most inputs", "");
    }
    TRY(exam_pack(&w, &x->takes, &x->inputs));
    x->related[x->relation_i] = values_n(&x->inputs) / 2;
    return exam_ask(x, EXAM_CANDIDATE, &x->inputs, PHASE_COMPARE);
}

static int reject(struct exam *x, uint32_t i, struct ubytes expected,
                  struct ubytes got)
{
    uint32_t half = values_n(&x->inputs) / 2;

    exam_forget(&x->raw);
    TRY(exam_find(&x->raw, values_at(&x->inputs, i), expected, got, i % half,
                  got.p == NULL ? x->said[EXAM_CANDIDATE].ending : ""));
    x->broken[x->relation_i] = 1;
    return exam_finish(x, VERDICT_REJECT,
                       "relation %s does not hold for input %" PRIu32
                       " of %" PRIu32,
                       relation(x)->name, i % half, half);
}

/* The answers to the first half, as arguments of the relation's output. */
int relate_output(struct exam *x)
{
    static const struct ubytes none = {NULL, 0};
    CLEANUP(values_builder_release) struct values_builder w = {0};
    CLEANUP(buf_release) struct buf v = {0};
    const struct values *said = &x->said[EXAM_CANDIDATE].answers;
    struct type one;

    if (values_n(said) < values_n(&x->inputs)) {
        return reject(x, values_n(said), none, none);
    }
    if (relation(x)->output.len == 0) {
        return relate_judge(x);
    }
    TRY(type_tuple_of(&x->gives, 1, &one));
    buf_init(&v, LIMIT_BATCH_BYTES);
    TRY(values_builder_init(&w, 2 * CHUNK_BYTES));
    for (uint32_t i = 0; i < values_n(&x->inputs) / 2; i++) {
        struct ubytes a = values_at(said, i);

        buf_reset(&v);
        TRY(value_put_tuple(&v, 1));
        TRY(buf_put(&v, a.p, a.n));
        TRY(values_builder_add(&w, buf_bytes(&v)));
    }
    TRY(exam_pack(&w, &one, &x->answers));
    return exam_ask(x, party(x) + 1, &x->answers, PHASE_COMPARED);
}

int relate_judge(struct exam *x)
{
    int is_same = relation(x)->output.len == 0;
    const struct said *said = &x->said[is_same ? EXAM_CANDIDATE : party(x) + 1];
    uint32_t half = values_n(&x->inputs) / 2;

    if (values_n(&said->answers) < half) {
        return give_up(x, "gives no output: ", said->ending);
    }
    for (uint32_t i = 0; i < half; i++) {
        struct ubytes expected = values_at(&said->answers, i);
        struct ubytes got =
            values_at(&x->said[EXAM_CANDIDATE].answers, half + i);

        if (!exam_is_right(x, got, expected)) {
            return reject(x, i, expected, got);
        }
    }
    x->relation_i++;
    return controls_judge(x);
}
