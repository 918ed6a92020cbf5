/* Linking a unit, making payloads, comparing two of them. Runs in the `cml`
 * worker, on foreign texts and bundles. */
#include "workers/cml/state.h"

#include <stdio.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/value.h"
#include "workers/cml/closed.h"
#include "workers/cml/eval.h"
#include "workers/cml/format.h"
#include "workers/cml/link.h"
#include "workers/cml/run.h"
#include "workers/cml/shape.h"
#include "workers/lib/json.h"

struct state {
    struct command *c;
    const Proctor__CmlTask *task;
    struct cml_dag dag;
    struct document doc;
    struct link link;
    struct diag d;
};

int state_is(Proctor__CmlCommand command)
{
    return command == PROCTOR__CML_COMMAND__CML_LINK ||
           command == PROCTOR__CML_COMMAND__CML_PAYLOAD ||
           command == PROCTOR__CML_COMMAND__CML_RECONCILE;
}

static int fail(struct state *s, const char *what)
{
    return diag_set(&s->d, ERR_INPUT, (struct loc){0}, "%s", what);
}

/* The one unit of the reply. */
static int give_unit(struct state *s, const struct term *u, int with_bundle)
{
    struct command *c = s->c;
    Proctor__CmlUnit *unit = arena_get(&c->arena, sizeof(*unit));

    c->reply.units = arena_array(&c->arena, 1, sizeof(*c->reply.units));
    if (unit == NULL || c->reply.units == NULL) {
        return ERR_NOMEM;
    }
    TRY(command_describe(c, &s->doc, u, with_bundle,
                         with_bundle && s->task->inside, unit));
    c->reply.units[0] = unit;
    c->reply.n_units = 1;
    return 0;
}

/* Or the one node: a payload. */
static int give(struct state *s, uint32_t id)
{
    CLEANUP(buf_release) struct buf bundle;
    struct command *c = s->c;
    Proctor__CmlUnit *unit = arena_get(&c->arena, sizeof(*unit));
    char *cid = arena_text(&c->arena, cml_dag_at(&s->dag, id)->cid.b, CID_BYTES);
    char *bytes;

    buf_init(&bundle, LIMIT_CML_BUNDLE_BYTES);
    TRY(cml_bundle_put(&s->dag, id, &bundle));
    bytes = arena_text(&c->arena, buf_bytes(&bundle).p, buf_len(&bundle));
    c->reply.units = arena_array(&c->arena, 1, sizeof(*c->reply.units));
    if (unit == NULL || cid == NULL || bytes == NULL ||
        c->reply.units == NULL) {
        return ERR_NOMEM;
    }
    proctor__cml_unit__init(unit);
    unit->cid = (ProtobufCBinaryData){CID_BYTES, (uint8_t *)cid};
    unit->bundle = (ProtobufCBinaryData){buf_len(&bundle), (uint8_t *)bytes};
    c->reply.units[0] = unit;
    c->reply.n_units = 1;
    return 0;
}

static int link(struct state *s)
{
    const struct term *u = command_find(&s->doc, s->task->unit, &s->d);
    const struct term *at;
    uint32_t linked = 0;
    int code;

    if (u == NULL) {
        return ERR_INPUT;
    }
    if (s->task->takes.len > 0) {
        TRY(run_check_types(&s->dag, u, s->doc.path, s->task, &s->d));
    }
    code = link_unit(&s->link, u->id, &linked);
    if (code < 0) {
        at = closed_term(u, s->link.culprit);
        if (at != NULL) {
            s->d.at = (struct loc){s->doc.path, at->line, at->col};
        }
        return code;
    }
    s->c->reply.missing = s->link.missing;
    s->c->reply.n_missing = s->link.missing_n;
    if (s->link.missing_n == 0 && linked != u->id) {
        TRY(document_from_node(&s->doc, linked, &s->d)); /* it must still fit */
        u = s->doc.units[s->doc.units_n - 1].term;
    }
    return give_unit(s, u, s->link.missing_n == 0);
}

/* --- leaves --- */

/* A scalar's canonical bytes (value.h) as a Leaf. */
static int leaf_of(struct state *s, struct ubytes value, uint32_t *out)
{
    struct cml_value v = {.tag = CML_ABSENT};
    struct rd r;
    uint64_t bits = 0;

    rd_init(&r, value);
    v.tag = (enum cml_tag)rd_u8(&r);
    if (v.tag == CML_INT || v.tag == CML_FLOAT) {
        unsigned width;

        v.code = rd_u8(&r);
        width = v.code & ~(unsigned)TYPE_UNSIGNED;
        for (unsigned i = 0; i < width; i++) {
            bits = bits << 8 | rd_u8(&r);
        }
        if (v.tag == CML_INT && v.code == width && width < 8) {
            bits = (uint64_t)((int64_t)(bits << (64 - 8 * width)) >>
                              (64 - 8 * width));
        }
        v.u.bits = bits;
    } else if (v.tag == CML_STRING || v.tag == CML_BYTES) {
        v.u.text = rd_bytes32(&r);
    } else if (v.tag != CML_TRUE && v.tag != CML_FALSE) {
        return fail(s, "a leaf is a scalar");
    }
    TRY(rd_end(&r));
    return cml_add(&s->dag, CML_LEAF, &v, out, &s->d);
}

/* The type that JSON suggests. */
static int guess(const char *json, struct type *out)
{
    const char *name = json[0] == '"'                        ? "string"
                       : json[0] == 't' || json[0] == 'f'    ? "bool"
                       : strpbrk(json, ".eE") != NULL        ? "f64"
                                                             : "i64";

    return type_from_name(name, out);
}

static int leaf(struct state *s, uint32_t *out)
{
    CLEANUP(buf_release) struct buf bytes;
    const Proctor__CmlTask *task = s->task;
    struct ubytes line = {(const uint8_t *)task->args[0],
                          strlen(task->args[0])};
    struct json_error err;
    struct type t;

    buf_init(&bytes, LIMIT_VALUE_BYTES);
    TRY(task->gives.len == 0
            ? guess(task->args[0], &t)
            : type_decode((struct ubytes){task->gives.data, task->gives.len},
                          &t));
    if (json_read(line, &t, &bytes, &err) != JSON_OK) {
        return diag_set(&s->d, ERR_INPUT, (struct loc){0}, "the leaf: %s",
                        err.what);
    }
    return leaf_of(s, buf_bytes(&bytes), out);
}

/* --- payloads --- */

/* A bundle of a Leaf, a Literal or a Unit. */
static int read_payload(struct state *s, struct ubytes bundle, uint32_t *out)
{
    TRY(cml_bundle_read(&s->dag, bundle, out, &s->d));
    switch ((int)cml_dag_at(&s->dag, *out)->kind) {
    case CML_UNIT:
        return document_from_node(&s->doc, *out, &s->d);
    case CML_LEAF:
    case CML_LITERAL:
        return 0;
    default:
        return fail(s, "a payload is a Leaf, a Literal or a Unit");
    }
}

static int payload(struct state *s)
{
    const Proctor__CmlTask *task = s->task;
    const struct term *u;
    uint32_t id = 0;

    if (task->n_texts == 0) {
        TRY(task->n_args == 1 ? leaf(s, &id) : ERR_PROTOCOL);
        return give(s, id);
    }
    if (task->texts[0]->content.len >= 4 &&
        memcmp(task->texts[0]->content.data, "CMLB", 4) == 0) {
        TRY(read_payload(s,
                         (struct ubytes){task->texts[0]->content.data,
                                         task->texts[0]->content.len},
                         &id));
        return give(s, id);
    }
    u = command_find(&s->doc, task->unit, &s->d);
    return u == NULL ? ERR_INPUT : give(s, u->id);
}

/* --- status --- */

static int give_text(struct state *s, const char *text)
{
    struct ubytes t = {(const uint8_t *)text, strlen(text)};
    struct cml_value v = cml_text(t);
    uint32_t id = 0;

    TRY(cml_add(&s->dag, CML_LEAF, &v, &id, &s->d));
    TRY(buf_put(&s->c->out, t.p, t.n));
    return give(s, id);
}

/* name() -> type { value }, checked. */
static int make_unit(struct state *s, uint32_t type, uint32_t value,
                     uint32_t *out)
{
    struct cml_value v[4] = {cml_child(value)};
    uint32_t id = 0;

    TRY(cml_add(&s->dag, CML_RETURN, v, &id, &s->d));
    v[1] = cml_child(id);
    v[0] = cml_list(&v[1], 1);
    TRY(cml_add(&s->dag, CML_BLOCK, v, &id, &s->d));
    v[3] = cml_child(id);
    v[0] = cml_word("status");
    v[1] = cml_list(NULL, 0);
    v[2] = cml_child(type);
    TRY(cml_add(&s->dag, CML_UNIT, v, out, &s->d));
    return document_from_node(&s->doc, *out, &s->d);
}

/* A value as an expression: literals, and composites and arrays of them.
 * NOLINTNEXTLINE(misc-no-recursion): as deep as a type */
static int express(struct state *s, uint32_t type, const struct val *v,
                   uint32_t *out)
{
    CLEANUP(buf_release) struct buf bytes;
    const struct cml_node *t = cml_dag_at(&s->dag, type);
    const struct cml_value *parts = &t->fields[t->kind == CML_COMPOSITE_TYPE];
    int is_array = t->kind == CML_ARRAY_TYPE;
    struct cml_value fields[2] = {cml_child(type), cml_absent()};
    struct cml_value *items;
    uint32_t id = 0;

    buf_init(&bytes, LIMIT_VALUE_BYTES);
    if (t->kind == CML_PRIMITIVE_TYPE) {
        TRY(eval_put(&bytes, v));
        TRY(leaf_of(s, buf_bytes(&bytes), &id));
        fields[1] = cml_child(id);
        return cml_add(&s->dag, CML_LITERAL, fields, out, &s->d);
    }
    items = arena_array(&s->c->arena, (size_t)v->n + 1, sizeof(*items));
    if (items == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < v->n; i++) {
        TRY(express(s, cml_item(parts, is_array ? 0 : i), &v->u.items[i],
                    &id));
        items[i] = cml_child(id);
    }
    fields[1] = cml_list(items, v->n);
    return cml_add(&s->dag, CML_CALL, fields, out, &s->d);
}

/* What a unit without parameters gives. */
static int evaluate(struct state *s, struct eval *e, uint32_t unit,
                    struct val *out)
{
    int code = eval_unit(e, unit, NULL, 0, out);

    return code > 0 ? diag_set(&s->d, ERR_INPUT, (struct loc){0},
                               "the unit has no value here: %s",
                               eval_error_text(code))
                    : code;
}

static int give_value(struct state *s, uint32_t unit, struct eval *e)
{
    CLEANUP(buf_release) struct buf bytes;
    uint32_t type = cml_item(&cml_dag_at(&s->dag, unit)->fields[2], 0);
    uint32_t id = 0;
    struct type shape;
    struct val v;

    buf_init(&bytes, LIMIT_VALUE_BYTES);
    TRY(evaluate(s, e, unit, &v));
    TRY(shape_of_type(&s->dag, type, &shape));
    TRY(eval_put(&bytes, &v));
    TRY(value_put_json(&s->c->out, buf_bytes(&bytes), &shape));
    if (cml_dag_at(&s->dag, type)->kind == CML_PRIMITIVE_TYPE) {
        TRY(leaf_of(s, buf_bytes(&bytes), &id));
        return give(s, id);
    }
    TRY(express(s, type, &v, &id));
    TRY(make_unit(s, type, id, &id));
    return give(s, id);
}

/* unit(desired, observed), as a unit of its own. */
static int apply(struct state *s, const uint32_t payloads[static 2],
                 uint32_t *out)
{
    const struct term *u = command_find(&s->doc, s->task->unit, &s->d);
    const struct cml_value *fields;
    struct cml_value args[2];
    struct cml_value call[2];
    uint32_t id = 0;

    if (u == NULL) {
        return ERR_INPUT;
    }
    fields = cml_dag_at(&s->dag, u->id)->fields;
    if (fields[1].u.list.n != 2 ||
        cml_dag_at(&s->dag, cml_item(&fields[2], 0))->kind == CML_CONSTRAINT) {
        return fail(s, "a unit that reconciles takes two values, desired and "
                       "observed, and gives one of a type that is named");
    }
    for (uint32_t i = 0; i < 2; i++) {
        const struct cml_node *b =
            cml_dag_at(&s->dag, cml_item(&fields[1], i));
        uint32_t type = cml_item(&b->fields[0], 0);

        if (cml_dag_at(&s->dag, type)->kind == CML_CONSTRAINT) {
            return fail(s, "a parameter without a type of its own: say which");
        }
        TRY(link_value(&s->link, type, payloads[i], s->task->args[i],
                       &id));
        args[i] = cml_child(id);
    }
    call[0] = cml_child(u->id);
    call[1] = cml_list(args, 2);
    TRY(cml_add(&s->dag, CML_CALL, call, &id, &s->d));
    return make_unit(s, cml_item(&fields[2], 0), id, out);
}

/* "drift", and of composites of one type which fields differ. */
static int delta(struct state *s, const uint32_t units[static 2],
                 struct eval *e)
{
    const struct cml_node *u[2] = {cml_dag_at(&s->dag, units[0]),
                                   cml_dag_at(&s->dag, units[1])};
    const struct cml_node *type;
    char text[1024] = "drift";
    struct val v[2];
    size_t n = strlen(text);

    for (int i = 0; i < 2; i++) {
        if (u[i]->kind != CML_UNIT || u[i]->fields[1].u.list.n != 0 ||
            cml_item(&u[i]->fields[2], 0) != cml_item(&u[0]->fields[2], 0)) {
            return give_text(s, text);
        }
    }
    type = cml_dag_at(&s->dag, cml_item(&u[0]->fields[2], 0));
    if (type->kind != CML_COMPOSITE_TYPE) {
        return give_text(s, text);
    }
    TRY(evaluate(s, e, units[0], &v[0]));
    TRY(evaluate(s, e, units[1], &v[1]));
    for (uint32_t i = 0; i < v[0].n && n < sizeof(text); i++) {
        CLEANUP(buf_release) struct buf a;
        CLEANUP(buf_release) struct buf b;
        struct ubytes name = type->fields[0].u.list.p[i].u.text;

        buf_init(&a, LIMIT_VALUE_BYTES);
        buf_init(&b, LIMIT_VALUE_BYTES);
        TRY(eval_put(&a, &v[0].u.items[i]));
        TRY(eval_put(&b, &v[1].u.items[i]));
        if (buf_len(&a) != buf_len(&b) ||
            memcmp(buf_bytes(&a).p, buf_bytes(&b).p, buf_len(&a)) != 0) {
            n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%.*s",
                                  n == 5 ? ": " : ", ", (int)name.n,
                                  (const char *)name.p);
        }
    }
    return give_text(s, text);
}

static int compare(struct state *s, const uint32_t payloads[static 2])
{
    uint32_t unit = 0;
    struct eval e;
    int code;

    if (s->task->n_texts == 0 && payloads[0] == payloads[1]) {
        return give_text(s, "in-sync");
    }
    if (s->task->n_texts > 0) {
        TRY(apply(s, payloads, &unit));
    }
    TRY(eval_init(&e, &s->dag, s->task->fuel));
    code = s->task->n_texts > 0 ? give_value(s, unit, &e)
                                : delta(s, payloads, &e);
    eval_release(&e);
    return code;
}

static int reconcile(struct state *s)
{
    const Proctor__CmlTask *task = s->task;
    uint32_t payloads[2];

    if (task->n_args != 2) {
        return ERR_PROTOCOL;
    }
    for (size_t i = 0; i < 2; i++) {
        const Proctor__CmlRef *r = NULL;

        for (size_t k = 0; k < task->n_refs; k++) {
            r = strcmp(task->refs[k]->path, task->args[i]) == 0 ? task->refs[k]
                                                                : r;
        }
        if (r == NULL || r->bundle.len == 0) {
            return give_text(s,
                             i == 0 ? "missing-desired" : "missing-observed");
        }
        TRY(cml_bundle_read(&s->dag,
                            (struct ubytes){r->bundle.data, r->bundle.len},
                            &payloads[i], &s->d));
    }
    return compare(s, payloads);
}

static int answer(struct state *s)
{
    const Proctor__CmlTask *task = s->task;
    int is_payload = task->command == PROCTOR__CML_COMMAND__CML_PAYLOAD;

    TRY(link_init(&s->link));
    if (task->n_texts > 1) {
        return ERR_PROTOCOL;
    }
    if (task->n_texts == 1 &&
        !(is_payload && task->texts[0]->content.len >= 4 &&
          memcmp(task->texts[0]->content.data, "CMLB", 4) == 0)) {
        struct ubytes in = {task->texts[0]->content.data,
                            task->texts[0]->content.len};

        TRY(form_read(&s->doc, form_of(s->doc.path, in), in, &s->d));
    }
    if (is_payload) {
        return payload(s);
    }
    if (task->command == PROCTOR__CML_COMMAND__CML_RECONCILE) {
        return reconcile(s);
    }
    return task->n_texts == 1 ? link(s) : ERR_PROTOCOL;
}

int state_answer(struct command *c, const Proctor__CmlTask *task)
{
    struct state s = {.c = c, .task = task};
    int code;

    diag_init(&s.d);
    cml_dag_init(&s.dag);
    document_init(&s.doc, &s.dag, task->n_texts > 0 ? task->texts[0]->name : "");
    s.link = (struct link){
        .dag = &s.dag, .task = task, .arena = &c->arena, .diag = &s.d};
    code = answer(&s);
    if (code < 0 && code != ERR_NOMEM && code != ERR_PROTOCOL) {
        if (s.d.code == 0) {
            diag_set(&s.d, code, (struct loc){0}, "%s", err_text(code));
        }
        c->reply.n_units = 0;
        c->reply.n_missing = 0;
        command_problem(c, &s.d, 0);
        code = 0;
    }
    c->reply.out.data = (uint8_t *)(uintptr_t)buf_bytes(&c->out).p;
    c->reply.out.len = code == 0 && c->reply.problem == NULL ? buf_len(&c->out)
                                                             : 0;
    link_release(&s.link);
    document_release(&s.doc);
    cml_dag_release(&s.dag);
    return code;
}
