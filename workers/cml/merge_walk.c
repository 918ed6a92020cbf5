/* The walk of the merge: three trees at one place. Runs in the `cml` worker;
 * recursion is bounded by LIMIT_CML_HEIGHT. */
#include <stdio.h>
#include <string.h>

#include "proto/err.h"
#include "workers/cml/merge_int.h"
#include "workers/cml/text.h"

/* --- conflicts --- */

struct finder {
    const struct tree *wanted;
    const char *scope[MERGE_SCOPE_MAX];
    uint32_t n;
};

static void see(struct finder *f, const char *name)
{
    if (f->n < MERGE_SCOPE_MAX) {
        f->scope[f->n++] = name != NULL ? name : "_";
    }
}

/* Is it below x? The names in scope there stay in f.
 * NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int find(struct finder *f, const struct tree *x)
{
    uint32_t kept = f->n;
    int is_loop = x->t->kind == CML_LOOP;

    if (x == f->wanted) {
        return 1;
    }
    for (unsigned k = 0; k < cml_kind_info(x->t->kind)->fields_n; k++) {
        if (is_loop && k == 2) { /* names are for people: no matter that `for`
                                    does not see them yet */
            see(f, x->kids[1][0]->t->name);
            if (x->binder != 0) {
                see(f, x->t->name);
            }
        }
        for (uint32_t i = 0; i < x->n[k]; i++) {
            if (find(f, x->kids[k][i])) {
                return 1;
            }
        }
        if (is_loop && k == 1) {
            f->n = kept;
        }
    }
    if (x->binder != 0 && !is_loop) {
        see(f, x->t->name);
    } else if (x->t->kind != CML_PATTERN) {
        f->n = kept;
    }
    return 0;
}

/* A part as text; cut. */
static int text_of(struct merger *m, const struct tree *root,
                   const struct tree *x, const char **out)
{
    struct finder *f = arena_get(m->a, sizeof(*f));
    CLEANUP(buf_release) struct buf b;
    int code;

    buf_init(&b, 16u << 20);
    *out = "";
    if (x == NULL) {
        return 0;
    }
    if (f == NULL) {
        return ERR_NOMEM;
    }
    f->wanted = x;
    if (root == NULL || !find(f, root)) {
        f->n = 0;
    }
    code = x->unit != NULL ? buf_putf(&b, "%s", x->unit)
                           : text_put_part(&b, x->t, f->scope, f->n);
    if (code == ERR_INPUT || code == ERR_LIMIT) { /* names that no text has */
        buf_reset(&b);
        code = buf_putf(&b, "%s", cml_kind_info(x->t->kind)->fqn);
    }
    TRY(code);
    *out = arena_text(m->a, buf_bytes(&b).p, buf_len(&b));
    return *out != NULL ? 0 : ERR_NOMEM;
}

int merge_conflict(struct merger *m, const char *why,
                   const struct tree *const x[3])
{
    struct merge_result *r = m->result;
    struct conflict *c;

    r->n++;
    if (r->n > MERGE_CONFLICTS_MAX) {
        return 0;
    }
    c = &r->list[r->n - 1];
    c->path = arena_text(m->a, m->path, strlen(m->path));
    c->why = arena_text(m->a, why, strlen(why));
    for (unsigned k = 0; k < 3; k++) {
        TRY(text_of(m, m->roots[k], x[k], &c->values[k]));
    }
    return c->path != NULL && c->why != NULL ? 0 : ERR_NOMEM;
}

/* --- the walk --- */

/* Constants, types, uses: taken or not, never in parts. */
static int is_atom(const struct tree *x)
{
    return x->unit != NULL || x->t->kind == CML_LITERAL ||
           x->t->kind == CML_LEAF || x->t->kind == CML_VAR ||
           x->t->kind == CML_REFERENCE || x->t->kind == CML_CONSTRAINT ||
           (CML_K(x->t->kind) & CML_TYPES) != 0;
}

static struct tree *mutable(const struct tree *x)
{
    return (struct tree *)(uintptr_t)x;
}

/* Binders at the same place of trees that are one: a loop's, a pattern's.
 * NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static void unite(struct merger *m, const struct tree *x, const struct tree *y)
{
    if (x->t->kind != y->t->kind) {
        return;
    }
    if (x->t->kind == CML_LOOP || x->t->kind == CML_PATTERN) {
        tree_unite(m, x, y);
    }
    if (x->t->kind == CML_LOOP) {
        tree_unite(m, x->kids[1][0], y->kids[1][0]);
    }
    if (x->t->kind == CML_ARM) {
        unite(m, x->kids[0][0], y->kids[0][0]);
    }
    for (uint32_t i = 0;
         x->t->kind == CML_PATTERN && i < x->n[2] && i < y->n[2]; i++) {
        unite(m, x->kids[2][i], y->kids[2][i]);
    }
}

/* A word of a node, an operator say. */
static int merge_word(struct merger *m, const struct tree *const x[3],
                      unsigned f, struct term *out)
{
    const struct cml_value *v[3];

    for (unsigned k = 0; k < 3; k++) {
        v[k] = &x[k]->t->fields[f].value;
    }
    if (cml_scalar_is_same(v[1], v[2]) || cml_scalar_is_same(v[0], v[2])) {
        out->fields[f].value = *v[1];
        return 0;
    }
    if (cml_scalar_is_same(v[0], v[1])) {
        out->fields[f].value = *v[2];
        return 0;
    }
    return merge_conflict(m, "both sides changed it", x);
}

static int merge_child(struct merger *m, const struct tree *const x[3],
                       unsigned f, struct tree *out)
{
    const struct tree *kids[3];
    struct tree *merged = NULL;
    size_t n = strlen(m->path);
    int code;

    for (unsigned k = 0; k < 3; k++) {
        kids[k] = x[k]->n[f] > 0 ? x[k]->kids[f][0] : NULL;
    }
    snprintf(m->path + n, sizeof(m->path) - n, ".%s",
             cml_kind_info(x[0]->t->kind)->fields[f].name);
    code = merge_trees(m, kids, &merged);
    m->path[n] = '\0';
    out->n[f] = merged != NULL ? 1 : 0;
    out->kids[f] = arena_array(m->a, 1, sizeof(struct tree *));
    if (out->kids[f] == NULL) {
        return ERR_NOMEM;
    }
    out->kids[f][0] = merged;
    return code;
}

const char *merge_choose(const char *base, const char *ours, const char *theirs)
{
    int is_same = base == ours || (base != NULL && ours != NULL &&
                                   strcmp(base, ours) == 0);

    return is_same ? theirs : ours;
}

static int merge_fields(struct merger *m, const struct tree *const x[3],
                        struct tree **out_tree)
{
    const struct cml_kind_info *k = cml_kind_info(x[0]->t->kind);
    struct tree *out = arena_get(m->a, sizeof(*out));
    struct term *t = arena_get(m->a, sizeof(*t));

    if (out == NULL || t == NULL) {
        return ERR_NOMEM;
    }
    *t = *x[1]->t;
    t->name = merge_choose(x[0]->t->name, x[1]->t->name, x[2]->t->name);
    t->above = merge_choose(x[0]->t->above, x[1]->t->above, x[2]->t->above);
    t->behind = merge_choose(x[0]->t->behind, x[1]->t->behind, x[2]->t->behind);
    out->t = t;
    out->binder = x[1]->binder != 0 ? x[1]->binder : x[2]->binder;
    *out_tree = out;
    unite(m, x[0], x[1]);
    unite(m, x[0], x[2]);
    for (unsigned f = 0; f < k->fields_n; f++) {
        switch (k->fields[f].shape) {
        case CML_WORD:
            TRY(merge_word(m, x, f, t));
            break;
        case CML_NODES:
            TRY(merge_lists(m, x, f, out));
            break;
        case CML_NODE:
        case CML_OPT:
            TRY(merge_child(m, x, f, out));
            break;
        case CML_WORDS:
        case CML_INDEX:
        case CML_SCALAR:
            break; /* of atoms */
        }
    }
    if ((t->kind == CML_LOOP && !cml_is_word(&t->fields[0].value, "for")) ||
        (t->kind == CML_PATTERN && !cml_is_word(&t->fields[0].value, "Bind"))) {
        out->binder = 0; /* one side made it another kind */
        t->name = NULL;
    }
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
int merge_trees(struct merger *m, const struct tree *const x[3],
                struct tree **out)
{
    if (tree_is_same(m, x[0], x[1], 0)) {
        *out = mutable(x[2]);
        return 0;
    }
    *out = mutable(x[1]);
    if (tree_is_same(m, x[0], x[2], 0) || tree_is_same(m, x[1], x[2], 0)) {
        return 0;
    }
    if (x[0] == NULL || x[1] == NULL || x[2] == NULL || is_atom(x[0]) ||
        is_atom(x[1]) || is_atom(x[2]) || x[0]->t->kind != x[1]->t->kind ||
        x[0]->t->kind != x[2]->t->kind) {
        return merge_conflict(m, "both sides changed it", x);
    }
    return merge_fields(m, x, out);
}
