/* Relations between the candidate's answers (docs/exam.md section 18). Replayer. */
#include <inttypes.h>

#include "proto/err.h"
#include "proto/pb.h"
#include "replay/objects.h"
#include "replay/sitting.h"

struct relation {
    const Proctor__Relation *m;
    size_t i;
    struct said said;
};

/* It is the relation's own fault. */
static int give_up(struct sitting *x, const struct relation *r,
                   const char *what, const char *why)
{
    return sitting_end(x, VERDICT_INCONCLUSIVE, "relation %s %s%s", r->m->name,
                       what, why);
}

static int draw(struct sitting *x, const struct relation *r)
{
    uint64_t first = (uint64_t)(r->i + 1) << 32;
    struct values_builder w;
    struct buf v;
    int code = 0;

    TRY(values_builder_init(&w, (size_t)4 * LIMIT_BATCH_BYTES));
    buf_init(&v, LIMIT_FRAME_BYTES);
    for (uint64_t i = 0; i < LIMIT_RELATION_DRAWS && code == 0; i++) {
        code = inside_further(x, first + i, &v);
        code = code == 0 ? values_builder_add(&w, buf_bytes(&v)) : code;
    }
    buf_release(&v);
    code = values_build(&x->inputs, &w, &x->takes, code);
    return code == ERR_LIMIT
               ? give_up(x, r, "is tried on inputs that are too long", "")
               : code;
}

static int ask(struct sitting *x, struct relation *r,
               const ProtobufCBinaryData *unit, const struct type *gives,
               const struct values *inputs)
{
    struct question q = {.gives = gives, .inputs = inputs, .out = &r->said};

    TRY(objects_cid("relation", unit, &q.runnable, x->d));
    return sitting_put(x, &q, 1);
}

/* Inputs that have another in the domain, then those others. */
static int pair(struct sitting *x, struct relation *r)
{
    uint32_t n = values_n(&x->inputs);
    struct values_builder w;
    int code = 0;

    if (!r->said.is_complete) {
        return give_up(x, r, "gives no input: ", r->said.ending);
    }
    TRY(values_builder_init(&w, (size_t)8 * LIMIT_BATCH_BYTES));
    for (uint32_t i = 0; i < 2 * n && code == 0; i++) {
        struct ubytes other = values_at(&r->said.answers, i % n);

        if (shape_has(&x->shape, other)) {
            code = values_builder_add(
                &w, i < n ? values_at(&x->inputs, i) : other);
        }
    }
    TRY(values_build(&x->inputs, &w, &x->takes, code));
    if (values_n(&x->inputs) < n) {
        return give_up(x, r, "leaves the domain on most inputs", "");
    }
    x->related[r->i] = values_n(&x->inputs) / 2;
    return 0;
}

static int reject(struct sitting *x, struct relation *r, uint32_t i,
                  struct ubytes expected, struct ubytes got)
{
    uint32_t half = values_n(&x->inputs) / 2;

    x->raw.is_set = 0;
    TRY(sitting_find(&x->raw, values_at(&x->inputs, i), expected, got, i % half,
                     got.p == NULL ? x->said[CANDIDATE].ending : ""));
    x->broken[r->i] = 1;
    return sitting_end(x, VERDICT_REJECT,
                       "relation %s does not hold for input %" PRIu32
                       " of %" PRIu32,
                       r->m->name, i % half, half);
}

/* What the answers to the first half must be for the second. */
static int expect(struct sitting *x, struct relation *r)
{
    const struct values *answers = &x->said[CANDIDATE].answers;
    uint32_t half = values_n(&x->inputs) / 2;
    struct values alone = {0};
    struct values_builder w;
    struct type one;
    struct buf v;
    int code = 0;

    TRY(type_tuple_of(&x->gives, 1, &one));
    TRY(values_builder_init(&w, (size_t)8 * LIMIT_BATCH_BYTES));
    buf_init(&v, LIMIT_FRAME_BYTES);
    for (uint32_t i = 0; i < half && code == 0; i++) {
        struct ubytes a = values_at(answers, i);

        buf_reset(&v);
        code = value_put_tuple(&v, 1);
        code = code == 0 ? buf_put(&v, a.p, a.n) : code;
        code = code == 0 ? values_builder_add(&w, buf_bytes(&v)) : code;
    }
    buf_release(&v);
    code = values_build(&alone, &w, &one, code);
    code = code == 0 ? ask(x, r, &r->m->output, &x->gives, &alone) : code;
    values_release(&alone);
    return code != 0 || r->said.is_complete
               ? code
               : give_up(x, r, "gives no output: ", r->said.ending);
}

static int hold(struct sitting *x, struct relation *r)
{
    static const struct ubytes none = {NULL, 0};
    const struct values *answers = &x->said[CANDIDATE].answers;
    const struct values *expected = answers;
    uint32_t half;

    STEP(draw(x, r));
    TRY(ask(x, r, &r->m->input, &x->takes, &x->inputs));
    STEP(pair(x, r));
    TRY(sitting_ask(x, 1u << CANDIDATE));
    if (!x->said[CANDIDATE].is_complete) {
        return reject(x, r, values_n(answers), none, none);
    }
    if (r->m->output.len > 0) {
        STEP(expect(x, r));
        expected = &r->said.answers;
    }
    half = values_n(&x->inputs) / 2;
    for (uint32_t i = 0; i < half; i++) {
        struct ubytes got = values_at(answers, half + i);

        if (!sitting_is_right(x, got, values_at(expected, i))) {
            return reject(x, r, i, values_at(expected, i), got);
        }
    }
    return 0;
}

int relation_hold(struct sitting *x)
{
    for (size_t i = 0; i < x->exam->n_relations; i++) {
        struct relation r = {.m = x->exam->relations[i], .i = i};
        int code = hold(x, &r);

        values_release(&r.said.answers);
        STEP(code);
    }
    return 0;
}
