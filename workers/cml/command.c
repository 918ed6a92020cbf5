/* Answers to CmlTask. Runs in the `cml` worker, on foreign texts. */
#include "workers/cml/command.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "workers/cml/closed.h"
#include "workers/cml/explain.h"
#include "workers/cml/export.h"
#include "workers/cml/format.h"
#include "workers/cml/inside.h"
#include "workers/cml/names.h"
#include "workers/cml/run.h"
#include "workers/cml/shape.h"
#include "workers/cml/state.h"
#include "workers/cml/synth.h"
#include "workers/cml/synth_read.h"

#define TEXTS_MAX 32

void command_init(struct command *c)
{
    *c = (struct command){.reply = PROCTOR__CML_REPLY__INIT,
                          .problem = PROCTOR__PROBLEM__INIT};
    arena_init(&c->arena, LIMIT_CML_DAG_BYTES);
    buf_init(&c->out, LIMIT_FRAME_BYTES / 2);
}

void command_release(struct command *c)
{
    arena_release(&c->arena);
    buf_release(&c->out);
}

/* The texts of a task, read. One DAG: equal parts are equal ids. */
struct texts {
    struct cml_dag dag;
    struct document docs[TEXTS_MAX];
    size_t n;
    enum form forms[TEXTS_MAX];
};

static void texts_release(struct texts *t)
{
    for (size_t i = 0; i < t->n; i++) {
        document_release(&t->docs[i]);
    }
    cml_dag_release(&t->dag);
}

static char *keep(struct command *c, const char *text)
{
    char *copy = arena_text(&c->arena, text, strlen(text));

    return copy != NULL ? copy : c->problem.what;
}

void command_problem(struct command *c, const struct diag *d, size_t text)
{
    c->problem.what = keep(c, d->what);
    c->problem.hint = keep(c, d->hint);
    c->problem.line = d->at.line;
    c->problem.col = d->at.col;
    c->problem.kind = d->code == ERR_LIMIT ? 1 : d->code == ERR_TASK_FAILED ? 2 : 0;
    c->reply.problem = &c->problem;
    c->reply.problem_text = (uint32_t)text;
}

static int read_text(struct texts *t, const Proctor__CmlText *text,
                     struct diag *d)
{
    struct document *doc = &t->docs[t->n];
    struct ubytes in = {text->content.data, text->content.len};

    document_init(doc, &t->dag, text->name);
    t->forms[t->n] = form_of(text->name, in);
    t->n++;
    return form_read(doc, t->forms[t->n - 1], in, d);
}

struct term *command_find(const struct document *doc, const char *name,
                          struct diag *d)
{
    for (uint32_t i = doc->units_n; i-- > 0;) {
        if (name[0] == '\0' || strcmp(doc->units[i].term->name, name) == 0) {
            return doc->units[i].term;
        }
    }
    (void)diag_set(d, ERR_INPUT, (struct loc){doc->path, 0, 0},
                   "no unit \"%s\" in it", name);
    if (doc->units_n > 0) {
        diag_hint(d, "its last unit is %.64s",
                  doc->units[doc->units_n - 1].term->name);
    }
    return NULL;
}

int command_describe(struct command *c, struct document *doc,
                     const struct term *u, int with_bundle, int with_inside,
                     Proctor__CmlUnit *out)
{
    CLEANUP(buf_release) struct buf bundle;
    const struct cml_node *n = cml_dag_at(doc->dag, u->id);
    struct type *types = arena_array(&c->arena, 2, sizeof(*types));
    uint8_t *cid = (uint8_t *)arena_text(&c->arena, n->cid.b, CID_BYTES);

    proctor__cml_unit__init(out);
    buf_init(&bundle, LIMIT_CML_BUNDLE_BYTES);
    if (types == NULL || cid == NULL) {
        return ERR_NOMEM;
    }
    out->name = keep(c, u->name);
    out->cid = (ProtobufCBinaryData){CID_BYTES, cid};
    if (shape_of_unit(doc->dag, u->id, &types[0], &types[1]) == 0) {
        out->takes = (ProtobufCBinaryData){types[0].n, types[0].b};
        out->gives = (ProtobufCBinaryData){types[1].n, types[1].b};
    }
    TRY(cml_bundle_put(doc->dag, u->id, &bundle));
    memcpy(&out->nodes, buf_bytes(&bundle).p + 4, sizeof(out->nodes));
    out->nodes = __builtin_bswap32(out->nodes);
    if (with_bundle) {
        out->bundle.len = buf_len(&bundle);
        out->bundle.data = (uint8_t *)arena_text(
            &c->arena, buf_bytes(&bundle).p, buf_len(&bundle));
    }
    if (with_bundle && out->bundle.data == NULL) {
        return ERR_NOMEM;
    }
    return with_inside ? inside_describe(&c->arena, doc->dag, u->id, out) : 0;
}

/* Every unit of every text, or the one of each that is asked for. */
static int list_units(struct command *c, struct texts *t,
                      const Proctor__CmlTask *task, struct diag *d)
{
    int compiles = task->command == PROCTOR__CML_COMMAND__CML_COMPILE;
    uint32_t n = 0;
    Proctor__CmlUnit *units;

    for (size_t i = 0; i < t->n; i++) {
        n += t->docs[i].units_n;
    }
    units = arena_array(&c->arena, n + 1, sizeof(*units));
    c->reply.units = arena_array(&c->arena, n + 1, sizeof(*c->reply.units));
    if (units == NULL || c->reply.units == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < t->n; i++) {
        for (uint32_t u = 0; u < t->docs[i].units_n; u++) {
            const struct term *unit = t->docs[i].units[u].term;

            if (task->unit[0] != '\0' && strcmp(unit->name, task->unit) != 0) {
                continue;
            }
            if (compiles && task->closed) {
                TRY(closed_check(&t->docs[i], unit->id, task->did, d));
            }
            TRY(command_describe(c, &t->docs[i], unit, compiles,
                                 compiles && task->inside, &units[c->reply.n_units]));
            c->reply.units[c->reply.n_units] = &units[c->reply.n_units];
            c->reply.n_units++;
        }
    }
    return 0;
}

/* The one unit of the reply is a Unit of the dag; out gets its text. */
static int show_unit(struct command *c, struct cml_dag *dag, uint32_t unit,
                     int with_inside, struct diag *d)
{
    CLEANUP(document_release) struct document doc;
    CLEANUP(buf_release) struct buf bundle;
    Proctor__CmlUnit *one = arena_get(&c->arena, sizeof(*one));

    document_init(&doc, dag, "");
    buf_init(&bundle, LIMIT_CML_BUNDLE_BYTES);
    c->reply.units = arena_array(&c->arena, 1, sizeof(*c->reply.units));
    if (one == NULL || c->reply.units == NULL) {
        return ERR_NOMEM;
    }
    TRY(cml_bundle_put(dag, unit, &bundle));
    TRY(form_read(&doc, FORM_BUNDLE, buf_bytes(&bundle), d));
    TRY(command_describe(c, &doc, doc.units[doc.units_n - 1].term, 1,
                         with_inside, one));
    c->reply.units[0] = one;
    c->reply.n_units = 1;
    return form_put(&doc, FORM_BUNDLE, FORM_TEXT, &c->out, d);
}

static int canonical(struct command *c, struct cml_dag *dag, uint32_t unit,
                     struct diag *d)
{
    uint32_t form = 0;

    TRY(inside_canonical_of(dag, unit, &form));
    return show_unit(c, dag, form, 1, d);
}

static int trap(struct command *c, struct cml_dag *dag, uint32_t unit,
                const Proctor__CmlTask *task, struct diag *d)
{
    uint32_t made = 0;

    TRY(inside_trap(dag, unit, task, &made, d));
    return show_unit(c, dag, made, 1, d);
}

static int answer(struct command *c, struct texts *t,
                  const Proctor__CmlTask *task, struct diag *d)
{
    const struct term *a;
    const struct term *b;

    if (task->command == PROCTOR__CML_COMMAND__CML_MERGE) {
        return t->n == 3 ? command_merge(c, t->docs, t->forms[1], d)
                         : ERR_TRACE(ERR_PROTOCOL);
    }
    a = command_find(&t->docs[0], task->unit, d);
    b = t->n > 1 ? command_find(&t->docs[1], task->unit, d) : NULL;
    if (a == NULL || (t->n > 1 && b == NULL)) {
        return ERR_INPUT;
    }
    if (task->takes.len > 0) {
        TRY(run_check_types(&t->dag, a, t->docs[0].path, task, d));
    }
    TRY(list_units(c, t, task, d));
    switch ((int)task->command) {
    case PROCTOR__CML_COMMAND__CML_FORMAT:
        return form_put(&t->docs[0], t->forms[0], t->forms[0], &c->out, d);
    case PROCTOR__CML_COMMAND__CML_FORMAT_TEXT:
        TRY(names_unhide(&t->docs[0]));
        return form_put(&t->docs[0], t->forms[0], FORM_TEXT, &c->out, d);
    case PROCTOR__CML_COMMAND__CML_FORMAT_XML:
        return form_put(&t->docs[0], t->forms[0], FORM_XML, &c->out, d);
    case PROCTOR__CML_COMMAND__CML_FORMAT_MDX:
        return form_put(&t->docs[0], t->forms[0], FORM_MDX, &c->out, d);
    case PROCTOR__CML_COMMAND__CML_MANIFEST:
        return form_manifest(t->docs, t->n, &c->out, d);
    case PROCTOR__CML_COMMAND__CML_EVALUATE:
        return command_evaluate(c, &t->docs[0], a, task, d);
    case PROCTOR__CML_COMMAND__CML_EXPLAIN:
        return explain_text(&t->dag, a->id, &c->out);
    case PROCTOR__CML_COMMAND__CML_EXPLAIN_DOT:
        return explain_dot(&t->dag, a->id, &c->out);
    case PROCTOR__CML_COMMAND__CML_EXPORT_C:
        return export_c(&t->dag, a, t->docs[0].path, &c->out, d);
    case PROCTOR__CML_COMMAND__CML_CANONICAL:
        return canonical(c, &t->dag, a->id, d);
    case PROCTOR__CML_COMMAND__CML_TRAP:
        return trap(c, &t->dag, a->id, task, d);
    case PROCTOR__CML_COMMAND__CML_PROBE:
        return inside_probe(&c->arena, &t->dag, a->id, task, &c->reply, d);
    case PROCTOR__CML_COMMAND__CML_DIFF:
        return b != NULL ? explain_diff(&t->dag, a->id, b->id, &c->out)
                         : ERR_INPUT;
    default:
        return 0;
    }
}

static int solve(struct command *c, const Proctor__CmlTask *task,
                 struct diag *d)
{
    TRY(synth_solve(task->synth, &c->arena, &c->synth, d));
    c->reply.synth = &c->synth;
    return 0;
}

/* The enumerator, and the files of examples for it. */
static int answer_synth(struct command *c, const Proctor__CmlTask *task)
{
    int is_search = task->command == PROCTOR__CML_COMMAND__CML_SYNTH;
    struct diag d;
    size_t text = 0;
    int code;

    diag_init(&d);
    if (is_search ? task->synth == NULL
                  : task->synth_read == NULL || task->n_texts == 0 ||
                        task->n_texts > 2) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    code = is_search ? solve(c, task, &d)
                     : synth_read(task, &c->arena, &c->reply, &text, &d);
    if (code < 0 && code != ERR_NOMEM) {
        if (d.code == 0) {
            diag_set(&d, code, (struct loc){0}, "%s", err_text(code));
        }
        c->reply.synth_problem = NULL;
        c->reply.synth_check = NULL;
        command_problem(c, &d, text);
        code = 0;
    }
    return code;
}

int command_answer(struct command *c, const Proctor__CmlTask *task)
{
    struct texts t CLEANUP(texts_release) = {.n = 0};
    struct diag d;
    int code = 0;

    if (state_is(task->command)) {
        return state_answer(c, task);
    }
    diag_init(&d);
    cml_dag_init(&t.dag);
    if (task->command == PROCTOR__CML_COMMAND__CML_SYNTH ||
        task->command == PROCTOR__CML_COMMAND__CML_SYNTH_READ) {
        return answer_synth(c, task);
    }
    if (task->n_texts == 0 || task->n_texts > TEXTS_MAX) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    for (size_t i = 0; code == 0 && i < task->n_texts; i++) {
        code = read_text(&t, task->texts[i], &d);
    }
    if (code == 0) {
        code = answer(c, &t, task, &d);
    }
    if (code < 0 && d.code == 0 && code != ERR_NOMEM) {
        diag_set(&d, code, (struct loc){0}, "%s", err_text(code));
    }
    if (code < 0 && d.code != 0) {
        c->reply.n_units = 0;
        command_problem(c, &d, t.n - 1);
        code = 0;
    }
    c->reply.out.data = (uint8_t *)(uintptr_t)buf_bytes(&c->out).p;
    c->reply.out.len = code == 0 ? buf_len(&c->out) : 0;
    return code;
}
