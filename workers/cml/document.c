/* Names of units, resolved. Runs in the `cml` worker. */
#include "workers/cml/document.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/text.h"
#include "workers/cml/check.h"
#include "workers/cml/core.h"

enum { WHITE, GREY, BLACK };

void document_init(struct document *d, struct cml_dag *dag, const char *path)
{
    *d = (struct document){.dag = dag, .path = path};
    arena_init(&d->arena, LIMIT_CML_DAG_BYTES);
}

void document_release(struct document *d)
{
    arena_release(&d->arena);
    free(d->units);
    free((void *)d->sites);
    d->units = NULL;
    d->sites = NULL;
}

struct loc document_loc(const struct document *d, const struct term *t)
{
    return (struct loc){d->path, t->line, t->col};
}

int document_unit(struct document *d, struct term *t, const char *doc)
{
    if (d->units_n == d->units_cap) {
        uint32_t cap = d->units_cap > 0 ? d->units_cap * 2 : 16;
        struct unit *more = reallocarray(d->units, cap, sizeof(*more));

        if (more == NULL) {
            return ERR_NOMEM;
        }
        d->units = more;
        d->units_cap = cap;
    }
    d->units[d->units_n++] =
        (struct unit){.term = t, .doc = doc, .first_site = d->sites_n};
    return 0;
}

int document_site(struct document *d, struct term *t)
{
    if (d->sites_n == d->sites_cap) {
        uint32_t cap = d->sites_cap > 0 ? d->sites_cap * 2 : 64;
        struct term **more = reallocarray(d->sites, cap, sizeof(*more));

        if (more == NULL) {
            return ERR_NOMEM;
        }
        d->sites = more;
        d->sites_cap = cap;
    }
    d->sites[d->sites_n++] = t;
    return 0;
}

static struct unit *find_unit(struct document *d, const char *name)
{
    for (uint32_t i = 0; i < d->units_n; i++) {
        if (strcmp(d->units[i].term->name, name) == 0) {
            return &d->units[i];
        }
    }
    return NULL;
}

static int unknown(struct document *d, const struct term *t, struct diag *diag)
{
    CLEANUP(mem_freep) const char **names =
        calloc(d->units_n + CORES, sizeof(*names));
    const char *near = NULL;

    diag_set(diag, ERR_INPUT, document_loc(d, t),
             t->kind == CML_CALL ? "no unit \"%s\""
                                 : "nothing is called \"%s\" here",
             t->callee);
    if (names != NULL && t->callee[1] != '\0') { /* any letter is near another */
        memcpy(names, core_names(), CORES * sizeof(*names));
        for (uint32_t i = 0; i < d->units_n; i++) {
            names[CORES + i] = d->units[i].term->name;
        }
        near = diag_nearest(t->callee, names, d->units_n + CORES);
    }
    if (near != NULL) {
        diag_hint(diag, "did you mean \"%s\"?", near);
    } else {
        diag_hint(diag, t->kind == CML_CALL
                            ? "units of the same file and the core "
                              "(docs/cml.md) can be called"
                            : "names are parameters, let, what loop and match "
                              "bind, and units of the same file");
    }
    return ERR_INPUT;
}

/* The type of a unit as a value. */
static struct term *function_type(struct document *d, const struct term *u)
{
    struct term *f = term_new(&d->arena, CML_FUNCTION_TYPE, (struct loc){0});
    const struct term_field *params = &u->fields[1];
    struct term **types =
        arena_array(&d->arena, params->n + 1, sizeof(*types));

    if (f == NULL || types == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < params->n; i++) {
        types[i] = params->kids[i]->fields[0].kids[0];
    }
    term_kids(f, 0, types, params->n);
    f->fields[1] = u->fields[2];
    return f;
}

static int use_unit(struct document *d, struct term *t, struct unit *u)
{
    struct term *type = NULL;

    if (t->kind != CML_LITERAL) { /* a call, or the type that a unit has */
        term_kid(t, 0, &d->arena, u->term);
        return 0;
    }
    type = function_type(d, u->term);
    if (type == NULL) {
        return ERR_NOMEM;
    }
    term_kid(t, 0, &d->arena, type);
    term_kid(t, 1, &d->arena, u->term);
    return 0;
}

static int use_core(struct document *d, struct term *t)
{
    struct term *r = term_new(&d->arena, CML_REFERENCE, document_loc(d, t));
    struct cml_value *path = arena_array(&d->arena, 1, sizeof(*path));

    if (r == NULL || path == NULL) {
        return ERR_NOMEM;
    }
    *path = cml_word(t->callee);
    term_word(r, 0, CORE_SUBJECT);
    r->fields[1].words = path;
    r->fields[1].n = 1;
    term_kid(t, 0, &d->arena, r);
    return 0;
}

static int resolve_site(struct document *d, struct term *t, struct diag *diag)
{
    struct unit *u = find_unit(d, t->callee);

    if (u != NULL) {
        return use_unit(d, t, u);
    }
    if (t->kind == CML_CALL && core_from_name(cml_word(t->callee).u.text) !=
                                   CORES) {
        return use_core(d, t);
    }
    return unknown(d, t, diag);
}

static int circle(struct document *d, const struct unit *const *path, uint32_t n,
                  const struct term *site, struct diag *diag)
{
    char names[DIAG_TEXT_BYTES / 2];
    struct text out;
    uint32_t from = 0;

    while (strcmp(path[from]->term->name, site->callee) != 0) {
        from++;
    }
    text_init(&out, names, sizeof(names));
    for (uint32_t i = from; i < n; i++) {
        text_putf(&out, "%s -> ", path[i]->term->name);
    }
    text_putf(&out, "%s", site->callee);
    diag_set(diag, ERR_INPUT, document_loc(d, site), "a circle of calls: %s",
             names);
    diag_hint(diag, "a CID cannot contain itself: use loop or fold");
    return ERR_INPUT;
}

/* Callees first, then the unit itself: three colours.
 * NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int visit(struct document *d, struct unit *u, const struct unit **path,
                 uint32_t n, struct diag *diag)
{
    uint32_t i = (uint32_t)(u - d->units);
    uint32_t end = i + 1 < d->units_n ? d->units[i + 1].first_site : d->sites_n;

    if (u->colour == BLACK) {
        return 0;
    }
    if (n == LIMIT_CML_HEIGHT) {
        return diag_set(diag, ERR_LIMIT, document_loc(d, u->term),
                        "calls nest more than %u deep", LIMIT_CML_HEIGHT);
    }
    u->colour = GREY;
    path[n] = u;
    for (uint32_t s = u->first_site; s < end; s++) {
        struct unit *callee = find_unit(d, d->sites[s]->callee);

        if (callee != NULL && callee->colour == GREY) {
            return circle(d, path, n + 1, d->sites[s], diag);
        }
        if (callee != NULL) {
            TRY(visit(d, callee, path, n + 1, diag));
        }
    }
    u->colour = BLACK;
    TRY(check_unit(d->dag, u->term, &d->arena, d->path, diag));
    TRY(term_intern(u->term, d->dag, diag));
    return 0;
}

static int check_names(struct document *d, struct diag *diag)
{
    for (uint32_t i = 0; i < d->units_n; i++) {
        const struct term *t = d->units[i].term;

        if (find_unit(d, t->name) != &d->units[i]) {
            return diag_set(diag, ERR_INPUT, document_loc(d, t),
                            "unit \"%s\" is there already", t->name);
        }
        if (core_from_name(cml_word(t->name).u.text) != CORES) {
            return diag_set(diag, ERR_INPUT, document_loc(d, t),
                            "\"%s\" is a function of the core", t->name);
        }
    }
    return 0;
}

int document_resolve(struct document *d, struct diag *diag)
{
    const struct unit *path[LIMIT_CML_HEIGHT];
    int code = check_names(d, diag);

    for (uint32_t i = 0; code == 0 && i < d->sites_n; i++) {
        code = resolve_site(d, d->sites[i], diag);
    }
    for (uint32_t i = 0; code == 0 && i < d->units_n; i++) {
        code = visit(d, &d->units[i], path, 0, diag);
    }
    if (code < 0 && diag->at.path == NULL) {
        diag->at.path = d->path;
    }
    return code;
}

int document_from_node(struct document *d, uint32_t root, struct diag *diag)
{
    struct term **units = NULL;
    uint32_t n = 0;
    int code;

    if (cml_dag_at(d->dag, root)->kind != CML_UNIT) {
        return diag_set(diag, ERR_INPUT, (struct loc){0},
                        "the bundle's root is no Unit");
    }
    code = term_units(d->dag, root, &d->arena, LIMIT_CML_NODES, &units, &n);
    if (code < 0) {
        return diag_set(diag, code, (struct loc){0},
                        "written out, the artifact has over %u nodes",
                        LIMIT_CML_NODES);
    }
    for (uint32_t i = 0; i < n; i++) {
        term_spell(units[i], &d->arena, NULL, 0);
        TRY(check_unit(d->dag, units[i], &d->arena, NULL, diag));
        TRY(document_unit(d, units[i], NULL));
    }
    return 0;
}
