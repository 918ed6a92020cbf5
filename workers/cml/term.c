/* Terms of CML. Runs in the `cml` worker; recursion is bounded by
 * LIMIT_CML_HEIGHT, which the parsers enforce. */
#include "workers/cml/term.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

struct term *term_new(struct arena *a, enum cml_kind kind, struct loc at)
{
    struct term *t = arena_get(a, sizeof(*t));

    if (t != NULL) {
        t->kind = kind;
        t->line = at.line;
        t->col = at.col;
    }
    return t;
}

void term_kid(struct term *t, unsigned field, struct arena *a, struct term *kid)
{
    struct term **one = kid != NULL ? arena_array(a, 1, sizeof(*one)) : NULL;

    if (one != NULL) {
        *one = kid;
        term_kids(t, field, one, 1);
    }
}

void term_kids(struct term *t, unsigned field, struct term **kids, uint32_t n)
{
    t->fields[field].kids = kids;
    t->fields[field].n = n;
}

void term_word(struct term *t, unsigned field, const char *word)
{
    t->fields[field].value = cml_word(word);
}

/* The field as the dag takes it; lists in *list, the caller's to free. */
static int field_value(const struct term *t, unsigned i,
                       struct cml_value **list, struct cml_value *out)
{
    const struct term_field *f = &t->fields[i];
    enum cml_shape shape = cml_kind_info(t->kind)->fields[i].shape;

    if (shape == CML_NODE || shape == CML_OPT) {
        *out = f->n > 0 ? cml_child(f->kids[0]->id) : cml_absent();
        return 0;
    }
    if (shape == CML_WORDS) {
        *out = cml_list(f->words, f->n);
        return 0;
    }
    if (shape != CML_NODES) {
        *out = f->value;
        return 0;
    }
    *list = calloc(f->n > 0 ? f->n : 1, sizeof(**list));
    if (*list == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t k = 0; k < f->n; k++) {
        (*list)[k] = cml_child(f->kids[k]->id);
    }
    *out = cml_list(*list, f->n);
    return 0;
}

int term_intern_one(struct term *t, struct cml_dag *d, struct diag *diag)
{
    struct cml_value values[CML_FIELDS_MAX];
    struct cml_value *lists[CML_FIELDS_MAX] = {NULL};
    unsigned n = cml_kind_info(t->kind)->fields_n;
    int code = 0;

    for (unsigned i = 0; i < n && code == 0; i++) {
        code = field_value(t, i, &lists[i], &values[i]);
    }
    if (code == 0) {
        code = cml_add(d, t->kind, values, &t->id, diag);
    }
    for (unsigned i = 0; i < n; i++) {
        free(lists[i]);
    }
    if (code == ERR_INPUT || code == ERR_LIMIT) {
        diag->at.line = t->line;
        diag->at.col = t->col;
    }
    return code;
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
int term_intern(struct term *t, struct cml_dag *d, struct diag *diag)
{
    for (unsigned i = 0; i < cml_kind_info(t->kind)->fields_n; i++) {
        for (uint32_t k = 0; t->fields[i].kids && k < t->fields[i].n; k++) {
            struct term *kid = t->fields[i].kids[k];

            if (kid->kind != CML_UNIT) { /* interned before who calls it */
                TRY(term_intern(kid, d, diag));
            }
        }
    }
    return term_intern_one(t, d, diag);
}

struct walk {
    const struct cml_dag *d;
    struct arena *a;
    uint32_t max;        /* nodes that may still come */
    struct term **units; /* by id, those that are there; or NULL */
};

static int from_node(struct walk *w, uint32_t id, struct term **out);

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int kids_from_node(struct walk *w, const struct cml_value *v,
                          struct term_field *f)
{
    f->n = v->tag == CML_LIST ? v->u.list.n : v->tag == CML_CHILD;
    f->kids = arena_array(w->a, f->n + 1, sizeof(*f->kids));
    if (f->kids == NULL) {
        return ERR_LIMIT;
    }
    for (uint32_t k = 0; k < f->n; k++) {
        TRY(from_node(w, cml_item(v, k), &f->kids[k]));
    }
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int from_node(struct walk *w, uint32_t id, struct term **out)
{
    const struct cml_node *n = cml_dag_at(w->d, id);
    const struct cml_kind_info *k = cml_kind_info(n->kind);
    struct term *t;

    if (w->units != NULL && w->units[id] != NULL) {
        *out = w->units[id];
        return 0;
    }
    t = w->max > 0 ? term_new(w->a, n->kind, (struct loc){0}) : NULL;
    if (t == NULL) {
        return ERR_LIMIT;
    }
    w->max--;
    t->id = id;
    *out = t;
    for (unsigned i = 0; i < k->fields_n; i++) {
        const struct cml_value *v = &n->fields[i];

        switch (k->fields[i].shape) {
        case CML_WORD:
        case CML_INDEX:
        case CML_SCALAR:
            t->fields[i].value = *v;
            break;
        case CML_WORDS:
            t->fields[i].words = v->u.list.p;
            t->fields[i].n = v->u.list.n;
            break;
        case CML_NODE:
        case CML_OPT:
        case CML_NODES:
            TRY(kids_from_node(w, v, &t->fields[i]));
            break;
        }
    }
    return 0;
}

int term_from_node(const struct cml_dag *d, uint32_t id, struct arena *a,
                   uint32_t *max, struct term **out)
{
    struct walk w = {.d = d, .a = a, .max = *max};
    int code = from_node(&w, id, out);

    *max = w.max;
    return code;
}

/* Sets a byte for each node below the one at id. */
static void mark_kids(const struct cml_dag *d, uint32_t id, uint8_t *reached)
{
    const struct cml_node *n = cml_dag_at(d, id);
    const struct cml_kind_info *k = cml_kind_info(n->kind);

    for (unsigned f = 0; f < k->fields_n; f++) {
        const struct cml_value *v = &n->fields[f];

        if (k->fields[f].shape == CML_NODES) {
            for (uint32_t i = 0; i < v->u.list.n; i++) {
                reached[cml_item(v, i)] = 1;
            }
        } else if (v->tag == CML_CHILD && k->fields[f].shape != CML_SCALAR) {
            reached[v->u.node] = 1;
        }
    }
}

int term_units(const struct cml_dag *d, uint32_t root, struct arena *a,
               uint32_t max, struct term ***out, uint32_t *out_n)
{
    struct walk w = {.d = d, .a = a, .max = max};
    uint8_t *reached = arena_array(a, (size_t)root + 1, 1);

    w.units = arena_array(a, (size_t)root + 1, sizeof(struct term *));
    *out = arena_array(a, (size_t)root + 1, sizeof(struct term *));
    *out_n = 0;
    if (reached == NULL || w.units == NULL || *out == NULL) {
        return ERR_NOMEM;
    }
    reached[root] = 1;
    for (uint32_t id = root + 1; id-- > 0;) { /* ids rise towards parents */
        if (reached[id]) {
            mark_kids(d, id, reached);
        }
    }
    for (uint32_t id = 0; id <= root; id++) {
        if (reached[id] && cml_dag_at(d, id)->kind == CML_UNIT) {
            TRY(from_node(&w, id, &(*out)[*out_n]));
            w.units[id] = (*out)[*out_n];
            (*out_n)++;
        }
    }
    return 0;
}

static int binds(const struct term *t)
{
    return t->kind == CML_UNIT || t->kind == CML_BINDING ||
           (t->kind == CML_PATTERN &&
            cml_is_word(&t->fields[0].value, "Bind")) ||
           (t->kind == CML_LOOP && cml_is_word(&t->fields[0].value, "for"));
}

/* Does the walk of a unit's names go into this child? Other units have their
 * own. */
static int walks_into(const struct term *kid)
{
    return kid->kind != CML_UNIT;
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static void spell(struct term *t, struct arena *a, const char *const *names,
                  uint32_t n, uint32_t *at)
{
    if (binds(t)) {
        if (*at < n) {
            t->name = names[*at];
        } else if (t->kind == CML_UNIT) {
            t->name = arena_text(a, t->fields[0].value.u.text.p,
                                 t->fields[0].value.u.text.n);
        } else {
            char text[16];

            snprintf(text, sizeof(text), "v%u", *at);
            t->name = arena_text(a, text, strlen(text));
        }
        (*at)++;
    }
    for (unsigned i = 0; i < cml_kind_info(t->kind)->fields_n; i++) {
        for (uint32_t k = 0; t->fields[i].kids && k < t->fields[i].n; k++) {
            if (walks_into(t->fields[i].kids[k])) {
                spell(t->fields[i].kids[k], a, names, n, at);
            }
        }
    }
}

void term_spell(struct term *t, struct arena *a, const char *const *names,
                uint32_t n)
{
    uint32_t at = 0;

    spell(t, a, names, n, &at);
}

static int add_spelling(struct spellings *s, const char *name)
{
    if (s->n == s->cap) {
        uint32_t cap = s->cap > 0 ? s->cap * 2 : 16;
        const char **more = reallocarray(s->names, cap, sizeof(*more));

        if (more == NULL) {
            return ERR_NOMEM;
        }
        s->names = more;
        s->cap = cap;
    }
    s->names[s->n++] = name;
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
int term_spellings(const struct term *t, struct spellings *out)
{
    if (binds(t)) {
        TRY(add_spelling(out, t->name));
    }
    for (unsigned i = 0; i < cml_kind_info(t->kind)->fields_n; i++) {
        for (uint32_t k = 0; t->fields[i].kids && k < t->fields[i].n; k++) {
            if (walks_into(t->fields[i].kids[k])) {
                TRY(term_spellings(t->fields[i].kids[k], out));
            }
        }
    }
    return 0;
}

void spellings_release(struct spellings *s)
{
    free((void *)s->names);
    *s = (struct spellings){0};
}
