/* The answer to a problem. What the search says is believed only as far as the
 * language's own reader, checker and interpreter say it too. Runs in the `cml`
 * worker. */
#include "workers/cml/synth_reply.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "workers/cml/eval.h"
#include "workers/cml/shape.h"
#include "workers/cml/text.h"

static int broken(struct diag *d, const char *what)
{
    return diag_set(d, ERR_INTERNAL, (struct loc){0},
                    "the program that was found %s", what);
}

static int copy(struct arena *a, struct ubytes in, ProtobufCBinaryData *out)
{
    out->data = (uint8_t *)arena_text(a, in.p, in.n);
    out->len = in.n;
    return out->data != NULL ? 0 : ERR_NOMEM;
}

static int say(struct arena *a, const char *text, char **out)
{
    char *t = arena_text(a, text, strlen(text));

    if (t != NULL) {
        *out = t;
    }
    return t != NULL ? 0 : ERR_NOMEM;
}

/* --- the unit --- */

/* One example through the interpreter. */
static int run_one(struct eval *e, uint32_t unit, struct ubytes in,
                   struct buf *out)
{
    const struct cml_value *params = &cml_dag_at(e->dag, unit)->fields[1];
    struct val args[TYPE_TUPLE_MAX];
    struct val v;
    struct rd r;
    int code;

    eval_reset(e, LIMIT_CML_FUEL);
    rd_init(&r, in);
    (void)rd_u8(&r);
    (void)rd_u32(&r);
    for (uint32_t i = 0; i < params->u.list.n; i++) {
        const struct cml_node *b = cml_dag_at(e->dag, cml_item(params, i));

        TRY(eval_read(e, cml_item(&b->fields[0], 0), &r, &args[i]));
    }
    code = eval_unit(e, unit, args, params->u.list.n, &v);
    buf_reset(out);
    return code != 0 ? code : eval_put(out, &v);
}

/* *out_bad: how many examples it has wrong. */
static int run_all(const struct problem *p, const struct cml_dag *dag,
                   uint32_t unit, uint32_t *out_bad)
{
    struct buf got CLEANUP(buf_release);
    struct eval e;
    int code;

    *out_bad = 0;
    buf_init(&got, LIMIT_VALUE_BYTES);
    TRY(eval_init(&e, dag, LIMIT_CML_FUEL));
    code = 0;
    for (uint32_t i = 0; code >= 0 && i < p->examples_n; i++) {
        code = run_one(&e, unit, values_at(&p->inputs, i), &got);
        *out_bad += code != 0 || values_compare(buf_bytes(&got),
                                                values_at(&p->outputs, i)) != 0;
    }
    eval_release(&e);
    return code < 0 ? code : 0;
}

static int describe(const struct document *doc, const struct term *u,
                    struct arena *a, Proctor__CmlUnit *out)
{
    struct buf bundle CLEANUP(buf_release);
    const struct cml_node *n = cml_dag_at(doc->dag, u->id);
    struct type types[2];

    proctor__cml_unit__init(out);
    buf_init(&bundle, LIMIT_CML_BUNDLE_BYTES);
    TRY(shape_of_unit(doc->dag, u->id, &types[0], &types[1]));
    TRY(say(a, u->name, &out->name));
    TRY(copy(a, (struct ubytes){n->cid.b, CID_BYTES}, &out->cid));
    TRY(copy(a, (struct ubytes){types[0].b, types[0].n}, &out->takes));
    TRY(copy(a, (struct ubytes){types[1].b, types[1].n}, &out->gives));
    TRY(cml_bundle_put(doc->dag, u->id, &bundle));
    memcpy(&out->nodes, buf_bytes(&bundle).p + 4, sizeof(out->nodes));
    out->nodes = __builtin_bswap32(out->nodes);
    return copy(a, buf_bytes(&bundle), &out->bundle);
}

static int fill_unit(struct search *s, struct document *doc, struct ubytes text,
                     struct arena *a, Proctor__SynthReply *reply,
                     struct diag *d)
{
    struct buf out CLEANUP(buf_release);
    const struct term *u;
    uint32_t bad;

    if (text_parse(doc, text, d) != 0) {
        return broken(d, "is not CML");
    }
    u = doc->units[doc->units_n - 1].term;
    TRY(run_all(&s->p, doc->dag, u->id, &bad));
    if (bad != 0) {
        return broken(d, "does not do what the search says");
    }
    reply->unit = arena_get(a, sizeof(*reply->unit));
    if (reply->unit == NULL) {
        return ERR_NOMEM;
    }
    TRY(describe(doc, u, a, reply->unit));
    buf_init(&out, LIMIT_CML_TEXT_BYTES);
    TRY(text_put(&out, doc));
    return copy(a, buf_bytes(&out), &reply->text);
}

static int put_unit(struct search *s, struct arena *a,
                    Proctor__SynthReply *reply, struct diag *d)
{
    struct buf text CLEANUP(buf_release);
    const char *name = s->p.task->name;
    struct cml_dag dag;
    struct document doc;
    int code;

    buf_init(&text, LIMIT_CML_TEXT_BYTES);
    if (!text_is_name((struct ubytes){(const uint8_t *)name, strlen(name)})) {
        name = "f";
    }
    TRY(tree_put(&s->p, s->tree, name, &text));
    cml_dag_init(&dag);
    document_init(&doc, &dag, "found");
    code = fill_unit(s, &doc, buf_bytes(&text), a, reply, d);
    document_release(&doc);
    cml_dag_release(&dag);
    return code;
}

/* --- evidence --- */

/* Bits that it takes to write this output, as a guess without the program has to. */
static double bits_of(const struct problem *p, uint64_t v)
{
    struct shape_of is = problem_shape(&p->gives);
    const struct pool_item *e;
    double bits = 0;

    switch (is.letter) {
    case 'b':
        return 1;
    case 's':
        return 6.0 * pool_at(&p->pool, v)->n + 1;
    case 'l':
        e = pool_at(&p->pool, v);
        for (uint32_t i = 0; i < e->n; i++) {
            int64_t x;

            memcpy(&x, e->p + i * sizeof(x), sizeof(x));
            bits += 2 * log2(fabs((double)x) + 1) + 1;
        }
        return bits + 1;
    default:
        break;
    }
    if ((is.code & TYPE_UNSIGNED) == 0 && (int64_t)v < 0) {
        v = 0 - v;
    }
    return fmin(8.0 * (is.code & 0x7fu), 2 * log2((double)v + 1) + 1);
}

static double example_bits(const struct problem *p)
{
    double bits = 0;

    for (uint32_t i = 0; i < p->examples_n; i++) {
        bits += bits_of(p, p->wanted[i]);
    }
    return bits;
}

static int put_other(struct search *s, const struct others *o, struct arena *a,
                     Proctor__SynthReply *reply)
{
    struct buf b CLEANUP(buf_release);
    const struct problem *p = &s->p;
    uint64_t probe[TYPE_TUPLE_MAX];
    uint64_t value;

    buf_init(&b, LIMIT_VALUE_BYTES);
    TRY(value_put_tuple(&b, p->params_n));
    for (uint32_t k = 0; k < p->params_n; k++) {
        probe[k] = s->probes[k * SYNTH_PROBES + o->probe];
        TRY(problem_put(p, &p->types[k], probe[k], &b));
    }
    TRY(copy(a, buf_bytes(&b), &reply->input));
    buf_reset(&b);
    TRY(tree_columns(&s->p, s->tree, probe, 1, 1, &value));
    TRY(problem_put(p, &p->gives, value, &b));
    TRY(copy(a, buf_bytes(&b), &reply->output));
    buf_reset(&b);
    TRY(problem_put(p, &p->gives, o->value, &b));
    return copy(a, buf_bytes(&b), &reply->other);
}

static int put_evidence(struct search *s, struct arena *a,
                        Proctor__SynthReply *reply)
{
    struct others o;

    plan_others(&s->bank, s->plan, &o);
    reply->alternatives = o.n;
    if (o.n > 0) {
        reply->status = PROCTOR__SYNTH_STATUS__SYNTH_UNCERTAIN;
        TRY(put_other(s, &o, a, reply));
        return say(a, "other programs that are no larger fit the examples too",
                   &reply->why);
    }
    if (reply->program_bits > reply->example_bits) {
        reply->status = PROCTOR__SYNTH_STATUS__SYNTH_UNCERTAIN;
        return say(a,
                   "the program is longer than what the examples say: it may "
                   "only list them",
                   &reply->why);
    }
    return 0;
}

/* --- no program --- */

static int put_none(struct search *s, struct arena *a,
                    Proctor__SynthReply *reply)
{
    char text[160];

    if (s->is_all && s->plan == NULL) {
        reply->status = PROCTOR__SYNTH_STATUS__SYNTH_IMPOSSIBLE;
        snprintf(text, sizeof(text),
                 "no program of the grammar with at most %u nodes fits",
                 s->p.max_size);
    } else {
        reply->status = PROCTOR__SYNTH_STATUS__SYNTH_EXHAUSTED;
        snprintf(text, sizeof(text),
                 "none of at most %u nodes fits, and then the %s was spent",
                 s->bank.level, s->is_full ? "memory" : "budget");
    }
    return say(a, text, &reply->why);
}

int synth_reply(struct search *s, struct arena *a, Proctor__SynthReply *reply,
                struct diag *d)
{
    char text[160];

    reply->evaluations = s->evaluations;
    reply->terms = s->terms;
    if (s->is_contradicted) {
        reply->status = PROCTOR__SYNTH_STATUS__SYNTH_CONTRADICTION;
        reply->first = s->first;
        reply->second = s->second;
        snprintf(text, sizeof(text),
                 "examples %u and %u contradict each other: one input, two "
                 "outputs",
                 s->first + 1, s->second + 1);
        return say(a, text, &reply->why);
    }
    if (s->tree == NULL) {
        return put_none(s, a, reply);
    }
    reply->status = PROCTOR__SYNTH_STATUS__SYNTH_FOUND;
    reply->size = s->tree->size;
    reply->program_bits = tree_bits(&s->p, s->tree);
    reply->example_bits = example_bits(&s->p);
    TRY(put_unit(s, a, reply, d));
    return s->p.task->evidence ? put_evidence(s, a, reply) : 0;
}
