/* References to values. Runs in the `cml` worker; recursion is bounded by the
 * height of the artifacts and by LIMIT_CML_LINK_ROUNDS refs behind each other. */
#include "workers/cml/link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/text.h"
#include "workers/cml/check.h"
#include "workers/cml/core.h"

#define ROOT "refs/cml/"

enum colour { WHITE, GREY, BLACK };

struct link_ref {
    enum colour colour;
    uint32_t linked; /* once black */
};

int link_init(struct link *k)
{
    size_t n = k->task->n_refs;

    k->missing = arena_array(k->arena, LIMIT_CML_REFS + 1, sizeof(*k->missing));
    k->refs_ = calloc(n + 1, sizeof(*k->refs_));
    k->path_ = calloc(n + 1, sizeof(*k->path_));
    k->culprit = UINT32_MAX;
    return k->missing != NULL && k->refs_ != NULL && k->path_ != NULL
               ? 0
               : ERR_NOMEM;
}

void link_release(struct link *k)
{
    free(k->refs_);
    free(k->map_);
    free((void *)k->path_);
}

static int fail(struct link *k, const char *name, const char *what,
                const char *more)
{
    return diag_set(k->diag, ERR_INPUT, (struct loc){0}, "%.100s: %s%s", name,
                    what, more);
}

int link_path(const struct cml_node *r, const char *did,
              char out[static LIMIT_REF_BYTES + 1])
{
    struct ubytes subject = r->fields[0].u.text;
    const struct cml_value *parts = &r->fields[1];
    struct text t;
    uint32_t i = 0;

    text_init(&t, out, LIMIT_REF_BYTES + 1);
    text_putf(&t, ROOT);
    if (cml_is_word(&r->fields[0], "refs") && parts->u.list.n > 1 &&
        cml_is_word(&parts->u.list.p[0], "cml")) {
        i = 1;
    } else if (!cml_is_word(&r->fields[0], "SELF") &&
               !cml_is_word(&r->fields[0], "M4_CONTEXT_SELF") &&
               !cml_is_word(&r->fields[0], did)) {
        text_putf(&t, "%s%.*s/",
                  subject.n > 4 && memcmp(subject.p, "did:", 4) == 0
                      ? "remotes/"
                      : "",
                  (int)subject.n, (const char *)subject.p);
    }
    for (; i < parts->u.list.n; i++) {
        const struct ubytes *part = &parts->u.list.p[i].u.text;

        text_putf(&t, "%.*s%s", (int)part->n, (const char *)part->p,
                  i + 1 < parts->u.list.n ? "/" : "");
    }
    return strlen(out) < LIMIT_REF_BYTES ? 0 : ERR_LIMIT;
}

static int remember(struct link *k, uint32_t id, uint32_t linked)
{
    if (id >= k->map_n_) {
        size_t n = ((size_t)id + 1) * 2;
        uint32_t *more = reallocarray(k->map_, n, sizeof(*more));

        if (more == NULL) {
            return ERR_NOMEM;
        }
        memset(more + k->map_n_, 0, (n - k->map_n_) * sizeof(*more));
        k->map_ = more;
        k->map_n_ = n;
    }
    k->map_[id] = linked + 1;
    return 0;
}

static int is_missing_known(const struct link *k, const char *path)
{
    for (size_t i = 0; i < k->missing_n; i++) {
        if (strcmp(k->missing[i], path) == 0) {
            return 1;
        }
    }
    return 0;
}

static int add_missing(struct link *k, const char *path)
{
    if (is_missing_known(k, path)) {
        return 0;
    }
    if (k->missing_n == LIMIT_CML_REFS) {
        return diag_set(k->diag, ERR_LIMIT, (struct loc){0},
                        "more than %u refs are named", LIMIT_CML_REFS);
    }
    k->missing[k->missing_n] = arena_text(k->arena, path, strlen(path));
    return k->missing[k->missing_n++] != NULL ? 0 : ERR_NOMEM;
}

/* --- a payload as an expression --- */

static int is_leaf_of(const struct cml_dag *d, const struct cml_node *leaf,
                      const struct cml_node *type)
{
    const struct cml_value *v = &leaf->fields[0];
    enum cml_primitive p =
        type->kind == CML_PRIMITIVE_TYPE
            ? cml_primitive_from_name(type->fields[0].u.text)
            : CML_PRIMITIVES;

    (void)d;
    if (p == CML_PRIMITIVES) {
        return 0;
    }
    if (p == CML_PRIMITIVE_BOOL) {
        return v->tag == CML_TRUE || v->tag == CML_FALSE;
    }
    return v->tag == cml_primitive_info(p)->tag &&
           ((v->tag != CML_INT && v->tag != CML_FLOAT) ||
            v->code == cml_primitive_info(p)->code);
}

/* The type that a Unit has as a value. */
static int function_type(struct link *k, uint32_t unit, uint32_t *out)
{
    const struct cml_value *params = &cml_dag_at(k->dag, unit)->fields[1];
    struct cml_value fields[2];
    struct cml_value *types =
        arena_array(k->arena, params->u.list.n + 1, sizeof(*types));

    if (types == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < params->u.list.n; i++) {
        const struct cml_node *b = cml_dag_at(k->dag, cml_item(params, i));

        types[i] = cml_child(cml_item(&b->fields[0], 0));
        if (cml_dag_at(k->dag, types[i].u.node)->kind == CML_CONSTRAINT) {
            *out = UINT32_MAX;
            return 0;
        }
    }
    fields[0] = cml_list(types, params->u.list.n);
    fields[1] = cml_dag_at(k->dag, unit)->fields[2];
    if (cml_dag_at(k->dag, fields[1].u.node)->kind == CML_CONSTRAINT) {
        *out = UINT32_MAX;
        return 0;
    }
    return cml_add(k->dag, CML_FUNCTION_TYPE, fields, out, k->diag);
}

static int literal(struct link *k, uint32_t type, uint32_t value, uint32_t *out)
{
    const struct cml_value fields[] = {cml_child(type), cml_child(value)};

    return cml_add(k->dag, CML_LITERAL, fields, out, k->diag);
}

static int differs(struct link *k, const char *name, uint32_t type,
                   const char *found)
{
    char wants[80];
    char what[200];

    check_type_text(k->dag, type, wants, sizeof(wants));
    (void)snprintf(what, sizeof(what), "it leads to %.80s, %.80s is wanted",
                   found, wants);
    return fail(k, name, what, "");
}

static int unit_value(struct link *k, uint32_t type, uint32_t unit,
                      const char *name, uint32_t *out)
{
    const struct cml_value call[] = {cml_child(unit), cml_list(NULL, 0)};
    const struct cml_node *u = cml_dag_at(k->dag, unit);
    uint32_t own = UINT32_MAX;
    char text[80];

    if (cml_dag_at(k->dag, type)->kind == CML_FUNCTION_TYPE) {
        TRY(function_type(k, unit, &own));
        return own == type ? literal(k, type, unit, out)
                           : differs(k, name, type, "another function");
    }
    if (u->fields[1].u.list.n == 0 && cml_item(&u->fields[2], 0) == type) {
        return cml_add(k->dag, CML_CALL, call, out, k->diag);
    }
    check_type_text(k->dag, cml_item(&u->fields[2], 0), text, sizeof(text));
    return differs(k, name, type,
                   u->fields[1].u.list.n > 0 ? "a unit with parameters" : text);
}

int link_value(struct link *k, uint32_t type, uint32_t payload,
               const char *name, uint32_t *out)
{
    const struct cml_node *n = cml_dag_at(k->dag, payload);

    switch ((int)n->kind) {
    case CML_LEAF:
        return is_leaf_of(k->dag, n, cml_dag_at(k->dag, type))
                   ? literal(k, type, payload, out)
                   : differs(k, name, type, "a leaf of another type");
    case CML_LITERAL:
        *out = payload;
        return cml_item(&n->fields[0], 0) == type
                   ? 0
                   : differs(k, name, type, "a literal of another type");
    case CML_UNIT:
        return unit_value(k, type, payload, name, out);
    default:
        return fail(k, name, "it leads to a ", cml_kind_info(n->kind)->fqn);
    }
}

/* --- following --- */

static int link_node(struct link *k, uint32_t id, uint32_t *out);

static int circle(struct link *k, const char *path)
{
    char names[DIAG_TEXT_BYTES - 40];
    struct text t;
    uint32_t i = 0;

    while (i < k->path_n_ && strcmp(k->path_[i], path) != 0) {
        i++;
    }
    text_init(&t, names, sizeof(names));
    for (; i < k->path_n_; i++) {
        text_putf(&t, "%s -> ", k->path_[i] + sizeof(ROOT) - 1);
    }
    text_putf(&t, "%s", path + sizeof(ROOT) - 1);
    return diag_set(k->diag, ERR_INPUT, (struct loc){0},
                    "references go in a circle: %s", names);
}

/* What the i-th ref leads to, linked.
 * NOLINTNEXTLINE(misc-no-recursion): see the head */
static int follow(struct link *k, size_t i)
{
    const Proctor__CmlRef *r = k->task->refs[i];
    struct link_ref *to = &k->refs_[i];
    uint32_t root = 0;

    if (to->colour == BLACK) {
        return 0;
    }
    if (to->colour == GREY) {
        return circle(k, r->path);
    }
    if (r->bundle.len == 0) {
        fail(k, r->path, "a reference to it leads nowhere", "");
        diag_hint(k->diag, "proctor cml assert %.80s SET ... says what it is",
                  r->path);
        return ERR_INPUT;
    }
    if (k->path_n_ == LIMIT_CML_LINK_ROUNDS) {
        return diag_set(k->diag, ERR_LIMIT, (struct loc){0},
                        "more than %u references behind each other",
                        LIMIT_CML_LINK_ROUNDS);
    }
    TRY(cml_bundle_read(k->dag, (struct ubytes){r->bundle.data, r->bundle.len},
                        &root, k->diag));
    to->colour = GREY;
    k->path_[k->path_n_++] = r->path;
    TRY(link_node(k, root, &to->linked));
    k->path_n_--;
    to->colour = BLACK;
    return 0;
}

/* T(ref ...): its value. NOLINTNEXTLINE(misc-no-recursion): see the head */
static int resolve(struct link *k, uint32_t call, uint32_t type, uint32_t ref,
                   uint32_t *out)
{
    char path[LIMIT_REF_BYTES + 1];
    size_t i = 0;

    k->culprit = k->path_n_ == 0 ? ref : k->culprit;
    if (link_path(cml_dag_at(k->dag, ref), k->task->did, path) < 0) {
        return fail(k, path, "no ref has so long a name", "");
    }
    while (i < k->task->n_refs && strcmp(k->task->refs[i]->path, path) != 0) {
        i++;
    }
    *out = call;
    if (i == k->task->n_refs) {
        return add_missing(k, path);
    }
    TRY(follow(k, i));
    return k->missing_n > 0
               ? 0
               : link_value(k, type, k->refs_[i].linked, path, out);
}

/* Is it a Call of a type with one Reference? */
static int is_lookup(const struct cml_dag *d, const struct cml_node *n)
{
    const struct cml_value *args = &n->fields[1];

    return n->kind == CML_CALL && args->u.list.n == 1 &&
           (CML_K(cml_dag_at(d, cml_item(&n->fields[0], 0))->kind) &
            CML_TYPES) != 0 &&
           cml_dag_at(d, cml_item(args, 0))->kind == CML_REFERENCE;
}

/* The node with its children linked. NOLINTNEXTLINE(misc-no-recursion) */
static int link_children(struct link *k, struct cml_node n, uint32_t *io)
{
    const struct cml_kind_info *info = cml_kind_info(n.kind);
    struct cml_value fields[CML_FIELDS_MAX];
    int changed = 0;

    for (unsigned f = 0; f < info->fields_n; f++) {
        uint32_t count = n.fields[f].tag == CML_LIST ? n.fields[f].u.list.n : 1;
        struct cml_value *list;
        int is_list = info->fields[f].shape == CML_NODES;

        fields[f] = n.fields[f];
        if (!is_list && (info->fields[f].shape == CML_SCALAR ||
                         fields[f].tag != CML_CHILD)) {
            continue;
        }
        list = arena_array(k->arena, count + 1, sizeof(*list));
        if (list == NULL) {
            return ERR_NOMEM;
        }
        for (uint32_t i = 0; i < count; i++) {
            uint32_t child = cml_item(&n.fields[f], i);
            uint32_t linked = child;

            TRY(link_node(k, child, &linked));
            changed |= linked != child;
            list[i] = cml_child(linked);
        }
        fields[f] = is_list ? cml_list(list, count) : list[0];
    }
    return changed ? cml_add(k->dag, n.kind, fields, io, k->diag) : 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): see the head */
static int link_node(struct link *k, uint32_t id, uint32_t *out)
{
    const struct cml_node *n = cml_dag_at(k->dag, id);
    uint32_t linked = id;

    if (id < k->map_n_ && k->map_[id] != 0) {
        *out = k->map_[id] - 1;
        return 0;
    }
    if (is_lookup(k->dag, n)) {
        TRY(resolve(k, id, cml_item(&n->fields[0], 0),
                    cml_item(&n->fields[1], 0), &linked));
    } else if (n->kind == CML_REFERENCE &&
               !cml_is_word(&n->fields[0], CORE_SUBJECT)) {
        return diag_set(k->diag, ERR_INPUT, (struct loc){0},
                        "a reference that is no value cannot be linked");
    } else {
        TRY(link_children(k, *n, &linked));
    }
    *out = linked;
    return remember(k, id, linked);
}

int link_unit(struct link *k, uint32_t unit, uint32_t *out)
{
    TRY(link_node(k, unit, out));
    k->culprit = UINT32_MAX;
    return 0;
}
