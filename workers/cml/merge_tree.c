/* Trees of the merge: made from terms, compared, and made terms again. Runs in the
 * `cml` worker; recursion is bounded by LIMIT_CML_HEIGHT. */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/cml/merge_int.h"

/* --- made --- */

static int new_binder(struct merger *m, const char *name, uint32_t *out)
{
    if (m->binders_n == m->binders_cap) {
        uint32_t cap = m->binders_cap > 0 ? m->binders_cap * 2 : 256;
        struct binder *more = reallocarray(m->binders, cap, sizeof(*more));

        if (more == NULL) {
            return ERR_NOMEM;
        }
        m->binders = more;
        m->binders_cap = cap;
        m->binders_n += m->binders_n == 0; /* 0 is none */
    }
    *out = m->binders_n++;
    m->binders[*out] = (struct binder){.name = name, .same = *out};
    return 0;
}

static int bind(struct merger *m, uint32_t binder)
{
    if (m->scope_n == MERGE_SCOPE_MAX) {
        return ERR_LIMIT;
    }
    m->scope[m->scope_n++] = binder;
    return 0;
}

static int make_field(struct merger *m, struct tree *x, unsigned f)
{
    const struct term_field *from = &x->t->fields[f];

    if (from->kids == NULL || from->n == 0) {
        return 0;
    }
    x->n[f] = from->n;
    x->kids[f] = arena_array(m->a, from->n, sizeof(struct tree *));
    if (x->kids[f] == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < from->n; i++) {
        TRY(tree_make(m, from->kids[i], &x->kids[f][i]));
    }
    return 0;
}

static int make_loop(struct merger *m, struct tree *x)
{
    int is_while = cml_is_word(&x->t->fields[0].value, "while");
    uint32_t kept = m->scope_n;

    TRY(make_field(m, x, 1));
    m->scope_n = kept; /* the state is in no scope that is gone over */
    TRY(is_while ? 0 : make_field(m, x, 2));
    TRY(bind(m, x->kids[1][0]->binder));
    TRY(is_while ? make_field(m, x, 2) : 0);
    if (cml_is_word(&x->t->fields[0].value, "for")) {
        TRY(new_binder(m, x->t->name, &x->binder));
        TRY(bind(m, x->binder));
    }
    TRY(make_field(m, x, 3));
    m->scope_n = kept;
    return 0;
}

static int is_bind_pattern(const struct term *t)
{
    return t->kind == CML_PATTERN && cml_is_word(&t->fields[0].value, "Bind");
}

/* The Unit that a Literal passes, or NULL. */
static const struct term *passed(const struct term *t)
{
    return t->kind == CML_LITERAL && t->fields[1].kids[0]->kind == CML_UNIT
               ? t->fields[1].kids[0]
               : NULL;
}

static int make_kids(struct merger *m, struct tree *x)
{
    uint32_t kept = m->scope_n;

    if (x->t->kind == CML_LOOP) {
        return make_loop(m, x);
    }
    for (unsigned f = 0; f < cml_kind_info(x->t->kind)->fields_n; f++) {
        TRY(make_field(m, x, f));
    }
    if (x->t->kind == CML_BINDING || is_bind_pattern(x->t)) {
        TRY(new_binder(m, x->t->name, &x->binder));
        return bind(m, x->binder);
    }
    if (x->t->kind != CML_PATTERN) { /* its binders are for the arm's body */
        m->scope_n = kept;
    }
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
int tree_make(struct merger *m, const struct term *t, struct tree **out)
{
    struct tree *x = arena_get(m->a, sizeof(*x));
    const struct term *unit = t->kind == CML_UNIT ? t : passed(t);

    if (x == NULL) {
        return ERR_NOMEM;
    }
    *out = x;
    x->t = t;
    if (unit != NULL && !m->is_root) {
        x->unit = unit->name;
        return 0;
    }
    m->is_root = 0;
    if (t->kind == CML_VAR) {
        uint64_t i = t->fields[0].value.u.bits;

        if (i >= m->scope_n) {
            return ERR_TRACE(ERR_INTERNAL); /* checked units have no such */
        }
        x->uses = m->scope[m->scope_n - 1 - i];
        return 0;
    }
    return make_kids(m, x);
}

/* --- compared --- */

static int words_are_same(const struct term_field *a, const struct term_field *b)
{
    if (a->n != b->n) {
        return 0;
    }
    for (uint32_t i = 0; i < a->n; i++) {
        if (!cml_scalar_is_same(&a->words[i], &b->words[i])) {
            return 0;
        }
    }
    return 1;
}

/* y's binder is x's for the rest of the comparison. */
static void pair(struct merger *m, uint32_t x, uint32_t y)
{
    m->binders[x].twin = y;
    m->binders[x].stamp = m->stamp;
    m->binders[y].twin = x;
    m->binders[y].stamp = m->stamp;
}

static int uses_are_same(const struct merger *m, uint32_t x, uint32_t y,
                         int is_loose)
{
    const struct binder *a = &m->binders[x];
    const struct binder *b = &m->binders[y];

    if (a->stamp == m->stamp || b->stamp == m->stamp) {
        return a->stamp == b->stamp && a->twin == y && b->twin == x;
    }
    if (is_loose && (a->list == m->list || b->list == m->list)) {
        return a->list == b->list;
    }
    return a->same == b->same;
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int compare(struct merger *m, const struct tree *x, const struct tree *y,
                   int is_loose)
{
    const struct cml_kind_info *k = cml_kind_info(x->t->kind);

    if (x->t->kind != y->t->kind || (x->unit == NULL) != (y->unit == NULL)) {
        return 0;
    }
    if (x->unit != NULL) {
        return strcmp(x->unit, y->unit) == 0;
    }
    if (x->t->kind == CML_VAR) {
        return uses_are_same(m, x->uses, y->uses, is_loose);
    }
    if (x->t->kind == CML_LOOP && x->binder != 0 && y->binder != 0) {
        pair(m, x->binder, y->binder);
    }
    for (unsigned f = 0; f < k->fields_n; f++) {
        enum cml_shape s = k->fields[f].shape;

        if (s == CML_WORDS
                ? !words_are_same(&x->t->fields[f], &y->t->fields[f])
            : s == CML_WORD || s == CML_INDEX || s == CML_SCALAR
                ? !cml_scalar_is_same(&x->t->fields[f].value,
                                      &y->t->fields[f].value)
                : x->n[f] != y->n[f]) {
            return 0;
        }
        for (uint32_t i = 0; i < x->n[f]; i++) {
            if (!compare(m, x->kids[f][i], y->kids[f][i], is_loose)) {
                return 0;
            }
        }
    }
    if (x->binder != 0 && x->t->kind != CML_LOOP) {
        pair(m, x->binder, y->binder);
    }
    return 1;
}

int tree_is_same(struct merger *m, const struct tree *x, const struct tree *y,
                 int is_loose)
{
    m->stamp++;
    return x == y || (x != NULL && y != NULL && compare(m, x, y, is_loose));
}

int tree_lists_are_same(struct merger *m, struct tree *const *x, uint32_t xn,
                        struct tree *const *y, uint32_t yn)
{
    m->stamp++;
    for (uint32_t i = 0; i < xn && i < yn; i++) {
        if (!compare(m, x[i], y[i], 0)) {
            return 0;
        }
    }
    return xn == yn;
}

void tree_unite(struct merger *m, const struct tree *x, const struct tree *y)
{
    if (x->binder != 0 && y->binder != 0) {
        m->binders[y->binder].same = m->binders[x->binder].same;
    }
}

/* --- made terms again --- */

static int missing(struct merger *m, const struct tree *x)
{
    const struct tree *none[3] = {NULL, NULL, NULL};
    char why[160] = "a variable that one side uses and the other took away: ";
    const char *name = m->binders[x->uses].name;

    strncat(why, name != NULL ? name : "?", 60);
    return merge_conflict(m, why, none);
}

static int var_term(struct merger *m, const struct tree *x, struct term *t)
{
    uint32_t same = m->binders[x->uses].same;

    for (uint32_t i = 0; i < m->scope_n; i++) {
        if (m->binders[m->scope[m->scope_n - 1 - i]].same == same) {
            t->fields[0].value = cml_index(i);
            return 0;
        }
    }
    return missing(m, x);
}

static int term_field(struct merger *m, const struct tree *x, unsigned f,
                      struct term *t)
{
    struct term **kids = arena_array(m->a, (size_t)x->n[f] + 1, sizeof(*kids));

    if (kids == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < x->n[f]; i++) {
        TRY(tree_term(m, x->kids[f][i], &kids[i]));
    }
    term_kids(t, f, kids, x->n[f]);
    return 0;
}

static int loop_term(struct merger *m, const struct tree *x, struct term *t)
{
    int is_while = cml_is_word(&t->fields[0].value, "while");
    uint32_t kept = m->scope_n;

    TRY(term_field(m, x, 1, t));
    m->scope_n = kept;
    TRY(is_while ? 0 : term_field(m, x, 2, t));
    TRY(bind(m, x->kids[1][0]->binder));
    TRY(is_while ? term_field(m, x, 2, t) : 0);
    TRY(x->binder != 0 ? bind(m, x->binder) : 0);
    TRY(term_field(m, x, 3, t));
    m->scope_n = kept;
    return 0;
}

/* Calls of units, and units that are passed, by name: resolved anew. */
static int by_name(struct merger *m, const struct tree *x, struct term *t)
{
    const struct tree *target = x->n[0] > 0 ? x->kids[0][0] : NULL;

    t->callee = x->unit != NULL ? x->unit : target != NULL ? target->unit : NULL;
    if (t->callee == NULL || t->kind == CML_UNIT) {
        t->callee = NULL;
        return 0;
    }
    return document_site(m->out, t);
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
int tree_term(struct merger *m, const struct tree *x, struct term **out)
{
    struct term *t = arena_get(m->a, sizeof(*t));
    uint32_t kept = m->scope_n;

    if (t == NULL) {
        return ERR_NOMEM;
    }
    *t = *x->t;
    t->line = 0;
    t->col = 0;
    t->is_plain = 0; /* every number has the type that it was checked with */
    *out = t;
    TRY(by_name(m, x, t));
    if (x->unit != NULL) {
        return 0;
    }
    if (t->kind == CML_VAR) {
        return var_term(m, x, t);
    }
    if (t->kind == CML_LOOP) {
        return loop_term(m, x, t);
    }
    for (unsigned f = 0; f < cml_kind_info(t->kind)->fields_n; f++) {
        enum cml_shape s = cml_kind_info(t->kind)->fields[f].shape;

        if (s == CML_NODE || s == CML_OPT || s == CML_NODES) {
            TRY(term_field(m, x, f, t));
        }
    }
    if (t->kind == CML_BINDING || is_bind_pattern(t)) {
        return bind(m, x->binder);
    }
    if (t->kind != CML_PATTERN) {
        m->scope_n = kept;
    }
    return 0;
}
