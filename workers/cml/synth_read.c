/* Problems read, answers checked. Runs in the `cml` worker. */
#include "workers/cml/synth_read.h"

#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "workers/cml/eval.h"
#include "workers/cml/shape.h"
#include "workers/cml/smt_put.h"
#include "workers/cml/sygus.h"
#include "workers/cml/table.h"
#include "workers/cml/text.h"

/* An example takes at most so long in the reference interpreter. */
#define FUEL (LIMIT_CML_FUEL)

static int keep(struct arena *a, struct ubytes in, ProtobufCBinaryData *out)
{
    out->len = in.n;
    out->data = (uint8_t *)arena_text(a, in.p, in.n);
    return out->data != NULL ? 0 : ERR_NOMEM;
}

static int first_sign(struct ubytes in)
{
    size_t i = 0;

    while (i < in.n && strchr(" \t\r\n", in.p[i]) != NULL && in.p[i] != '\0') {
        i++;
    }
    return i < in.n ? in.p[i] : 0;
}

static int read_problem(struct pbe *p, struct ubytes in,
                        const Proctor__SynthRead *ask)
{
    struct table_ask table = {ask->types, ask->output};
    int first = first_sign(in);
    int is_json = first == '[' || first == '{';

    if (sygus_is(in)) {
        if (ask->types[0] != '\0' || ask->output[0] != '\0') {
            (void)diag_set(p->d, ERR_INPUT, (struct loc){0},
                           "a SyGuS file says its types itself");
            diag_hint(p->d, "--types and --output are for tables");
            return ERR_INPUT;
        }
        TRY(sygus_read(p, in));
    } else {
        TRY(is_json ? table_read_json(p, in, &table)
                    : table_read_csv(p, in, &table));
    }
    return pbe_settle(p, ask->hold_out);
}

static int put_values(const struct pbe *p, enum pbe_role role, int outputs,
                      struct arena *a, ProtobufCBinaryData *out)
{
    struct values_builder w CLEANUP(values_builder_release) = {0};

    TRY(values_builder_init(&w, LIMIT_CML_BUNDLE_BYTES));
    TRY(pbe_values(p, role, outputs, &w));
    return keep(a, values_builder_bytes(&w), out);
}

static uint32_t count(const struct pbe *p, enum pbe_role role)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < p->examples_n; i++) {
        n += p->examples[i].role == role;
    }
    return n;
}

/* Everything that p owns and the reply names goes to a with it. */
static int describe(struct pbe *p, const Proctor__SynthRead *ask,
                    struct arena *a, Proctor__SynthProblem *out)
{
    Proctor__SynthTask *t = arena_get(a, sizeof(*t));

    if (t == NULL) {
        return ERR_NOMEM;
    }
    proctor__synth_task__init(t);
    out->task = t;
    t->name = (char *)(uintptr_t)p->name;
    t->grammar = ask->grammar[0] != '\0' ? ask->grammar
                                         : (char *)(uintptr_t)p->grammar;
    t->sorts = p->sorts;
    t->n_sorts = p->sorts_n;
    TRY(keep(a, (struct ubytes){p->takes.b, p->takes.n}, &t->takes));
    TRY(keep(a, (struct ubytes){p->gives.b, p->gives.n}, &t->gives));
    TRY(put_values(p, PBE_GIVEN, 0, a, &t->inputs));
    TRY(put_values(p, PBE_GIVEN, 1, a, &t->outputs));
    out->format = (char *)(uintptr_t)p->format;
    out->given = count(p, PBE_GIVEN);
    out->again = count(p, PBE_AGAIN);
    out->held = count(p, PBE_HELD);
    return 0;
}

/* --- an answer --- */

struct answer {
    struct cml_dag dag;
    struct document doc;
    struct term *unit;
    struct eval eval;
};

static void answer_release(struct answer *x)
{
    if (x->eval.dag != NULL) {
        eval_release(&x->eval);
    }
    document_release(&x->doc);
    cml_dag_release(&x->dag);
}

static int open_answer(struct answer *x, const struct pbe *p, struct ubytes in,
                       struct diag *d)
{
    struct type takes;
    struct type gives;

    TRY(text_parse(&x->doc, in, d));
    if (x->doc.units_n == 0) {
        return diag_set(d, ERR_INPUT, (struct loc){0}, "an answer of no unit");
    }
    x->unit = x->doc.units[x->doc.units_n - 1].term;
    if (shape_of_unit(&x->dag, x->unit->id, &takes, &gives) < 0 ||
        !type_is_equal(&takes, &p->takes) ||
        !type_is_equal(&gives, &p->gives)) {
        return diag_set(d, ERR_INPUT, (struct loc){0},
                        "an answer of other types than the examples");
    }
    return eval_init(&x->eval, &x->dag, FUEL);
}

/* Does the unit give this output? 1, 0, ERR_*. */
static int fits(struct answer *x, const struct pbe_example *e)
{
    CLEANUP(buf_release) struct buf got;
    const struct cml_value *params =
        &cml_dag_at(&x->dag, x->unit->id)->fields[1];
    struct val args[TYPE_TUPLE_MAX];
    struct val value;
    struct rd r;
    int code;

    buf_init(&got, LIMIT_VALUE_BYTES);
    eval_reset(&x->eval, FUEL);
    rd_init(&r, e->in);
    (void)rd_u8(&r); /* a tuple of as many: the reader made it so */
    (void)rd_u32(&r);
    for (uint32_t i = 0; i < params->u.list.n; i++) {
        const struct cml_node *b = cml_dag_at(&x->dag, cml_item(params, i));

        TRY(eval_read(&x->eval, cml_item(&b->fields[0], 0), &r, &args[i]));
    }
    code = eval_unit(&x->eval, x->unit->id, args, params->u.list.n, &value);
    if (code != 0) {
        return code > 0 ? 0 : code;
    }
    code = eval_put(&got, &value);
    if (code < 0) {
        return code == ERR_LIMIT ? 0 : code;
    }
    return values_compare(buf_bytes(&got), e->out) == 0;
}

static int run_examples(struct answer *x, const struct pbe *p,
                        Proctor__SynthCheck *out)
{
    for (uint32_t i = 0; i < p->examples_n; i++) {
        const struct pbe_example *e = &p->examples[i];
        int same = e->role == PBE_AGAIN ? 0 : fits(x, e);

        TRY(same);
        if (e->role == PBE_GIVEN) {
            out->given++;
            out->fit += (uint32_t)same;
        } else if (e->role == PBE_HELD) {
            out->held++;
            out->held_fit += (uint32_t)same;
        }
    }
    return 0;
}

/* The text with the file's names of the parameters, unless that would be another
 * artifact. */
static int put_text(struct answer *x, const struct pbe *p, struct ubytes as_is,
                    struct arena *a, ProtobufCBinaryData *out)
{
    CLEANUP(buf_release) struct buf b;
    struct cml_dag dag;
    struct document again;
    struct diag d;
    int same;

    buf_init(&b, LIMIT_CML_TEXT_BYTES);
    for (uint32_t i = 0; i < p->params_n; i++) {
        x->unit->fields[1].kids[i]->name = p->params[i];
    }
    TRY(text_put(&b, &x->doc));
    diag_init(&d);
    cml_dag_init(&dag);
    document_init(&again, &dag, "");
    same = text_parse(&again, buf_bytes(&b), &d) == 0 && again.units_n > 0 &&
           cid_is_equal(
               &cml_dag_at(&dag, again.units[again.units_n - 1].term->id)->cid,
               &cml_dag_at(&x->dag, x->unit->id)->cid);
    document_release(&again);
    cml_dag_release(&dag);
    return keep(a, same ? buf_bytes(&b) : as_is, out);
}

static int check_answer(const struct pbe *p, struct ubytes in, struct arena *a,
                        Proctor__SynthCheck *out, struct diag *d)
{
    struct answer x CLEANUP(answer_release) = {.unit = NULL};
    CLEANUP(buf_release) struct buf smt;
    struct cid cid;
    struct diag why;
    int code;

    cml_dag_init(&x.dag);
    document_init(&x.doc, &x.dag, "(the answer)");
    buf_init(&smt, LIMIT_CML_TEXT_BYTES);
    TRY(open_answer(&x, p, in, d));
    TRY(run_examples(&x, p, out));
    cid = cml_dag_at(&x.dag, x.unit->id)->cid;
    TRY(keep(a, (struct ubytes){cid.b, CID_BYTES}, &out->cid));
    diag_init(&why);
    code = p->symbol != NULL ? smt_put(&smt, &x.dag, x.unit, p, &why) : 0;
    if (code == 0) {
        TRY(keep(a, buf_bytes(&smt), &out->smt));
    } else if (code != ERR_INPUT) {
        return code;
    }
    return put_text(&x, p, in, a, &out->text);
}

int synth_read(const Proctor__CmlTask *task, struct arena *a,
               Proctor__CmlReply *reply, size_t *out_text, struct diag *d)
{
    const Proctor__CmlText *file = task->texts[0];
    struct ubytes in = {file->content.data, file->content.len};
    struct pbe *p = arena_get(a, sizeof(*p));
    int code;

    if (p == NULL) {
        return ERR_NOMEM;
    }
    *out_text = 0;
    pbe_init(p, a, file->name, d);
    code = read_problem(p, in, task->synth_read);
    if (code == 0 && task->n_texts == 1) {
        reply->synth_problem = arena_get(a, sizeof(*reply->synth_problem));
        code = reply->synth_problem != NULL ? 0 : ERR_NOMEM;
        if (code == 0) {
            proctor__synth_problem__init(reply->synth_problem);
            code = describe(p, task->synth_read, a, reply->synth_problem);
        }
    } else if (code == 0) {
        *out_text = 1;
        reply->synth_check = arena_get(a, sizeof(*reply->synth_check));
        code = reply->synth_check != NULL ? 0 : ERR_NOMEM;
        if (code == 0) {
            proctor__synth_check__init(reply->synth_check);
            in = (struct ubytes){task->texts[1]->content.data,
                                 task->texts[1]->content.len};
            code = check_answer(p, in, a, reply->synth_check, d);
        }
    }
    pbe_release(p);
    return code;
}
