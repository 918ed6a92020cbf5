/* Units as trees, their walk, and their variables. */
#include "workers/cml/tree.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "workers/cml/check.h"

#define TREE_BYTES ((size_t)192 << 20)

int tree_is_expression(const struct term *t)
{
    return (CML_K(t->kind) & CML_EXPRESSIONS) != 0;
}

int tree_walks_into(const struct term *kid)
{
    return (CML_K(kid->kind) & (CML_TYPES | CML_K(CML_UNIT) |
                                CML_K(CML_CONSTRAINT))) == 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
uint32_t tree_pattern_binders(const struct term *p)
{
    uint32_t n = cml_is_word(&p->fields[0].value, "Bind") ? 1 : 0;

    for (uint32_t k = 0; k < p->fields[2].n; k++) {
        n += tree_pattern_binders(p->fields[2].kids[k]);
    }
    return n;
}

uint32_t tree_binders(const struct term *t, unsigned f, uint32_t k)
{
    const struct cml_value *kind = &t->fields[0].value;

    switch ((int)t->kind) {
    case CML_UNIT:
        return f == 3 ? t->fields[1].n : 0;
    case CML_BLOCK:
        return k;
    case CML_ARM:
        return f == 1 ? tree_pattern_binders(t->fields[0].kids[0]) : 0;
    case CML_LOOP:
        return f == 3   ? 1u + (uint32_t)cml_is_word(kind, "for")
               : f == 2 ? (uint32_t)cml_is_word(kind, "while")
                        : 0;
    default:
        return 0;
    }
}

static int note_unit(struct tree *t, uint32_t id)
{
    for (uint32_t i = 0; i < t->units_n; i++) {
        if (t->units[i].id == id) {
            return 0;
        }
    }
    if (t->units_n == t->units_cap) {
        uint32_t cap = t->units_cap > 0 ? t->units_cap * 2 : 8;
        struct tree_unit *more =
            reallocarray(t->units, cap, sizeof(*more));

        if (more == NULL) {
            return ERR_NOMEM;
        }
        t->units = more;
        t->units_cap = cap;
    }
    t->units[t->units_n++] = (struct tree_unit){.id = id};
    return 0;
}

static int from_node(struct tree *t, uint32_t id, enum cml_kind under,
                     struct term **out);

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int kids_of(struct tree *t, const struct cml_value *v,
                   enum cml_kind under, struct term_field *f)
{
    f->n = v->tag == CML_LIST ? v->u.list.n : v->tag == CML_CHILD;
    f->kids = arena_array(&t->arena, f->n + 1, sizeof(*f->kids));
    if (f->kids == NULL) {
        return ERR_LIMIT;
    }
    for (uint32_t k = 0; k < f->n; k++) {
        TRY(from_node(t, cml_item(v, k), under, &f->kids[k]));
    }
    return 0;
}

/* under: the parent's kind; CML_KINDS for a unit that is to have its body.
 * NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int from_node(struct tree *t, uint32_t id, enum cml_kind under,
                     struct term **out)
{
    const struct cml_node *n = cml_dag_at(t->dag, id);
    const struct cml_kind_info *k = cml_kind_info(n->kind);
    int is_stub = n->kind == CML_UNIT && under != CML_KINDS;
    struct term *made = term_new(&t->arena, n->kind, (struct loc){0});

    if (made == NULL || t->terms_n++ == LIMIT_CML_TERMS) {
        return ERR_LIMIT;
    }
    made->id = id;
    *out = made;
    if (is_stub && under != CML_REFERENCE_TYPE) {
        TRY(note_unit(t, id));
    }
    for (unsigned i = 0; i < k->fields_n - (is_stub ? 1u : 0u); i++) {
        const struct cml_value *v = &n->fields[i];

        switch (k->fields[i].shape) {
        case CML_WORD:
        case CML_INDEX:
        case CML_SCALAR:
            made->fields[i].value = *v;
            break;
        case CML_WORDS:
            made->fields[i].words = v->u.list.p;
            made->fields[i].n = v->u.list.n;
            break;
        case CML_NODE:
        case CML_OPT:
        case CML_NODES:
            TRY(kids_of(t, v, n->kind, &made->fields[i]));
            break;
        }
    }
    return 0;
}

int tree_open(struct tree *t, struct cml_dag *dag, uint32_t root)
{
    struct diag d;

    *t = (struct tree){.dag = dag};
    arena_init(&t->arena, TREE_BYTES);
    diag_init(&d);
    TRY(note_unit(t, root));
    for (uint32_t i = 0; i < t->units_n; i++) {
        struct term *made = NULL;

        TRY(from_node(t, t->units[i].id, CML_KINDS, &made));
        t->units[i].term = made;
        TRY(check_unit(dag, made, &t->arena, NULL, &d));
    }
    return 0;
}

void tree_release(struct tree *t)
{
    arena_release(&t->arena);
    free(t->units);
    t->units = NULL;
    t->units_n = 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
struct term *tree_copy(struct arena *a, const struct term *t)
{
    struct term *copy = t != NULL ? arena_get(a, sizeof(*copy)) : NULL;

    if (copy == NULL) {
        return NULL;
    }
    *copy = *t;
    for (unsigned i = 0; i < cml_kind_info(t->kind)->fields_n; i++) {
        struct term_field *f = &copy->fields[i];

        if (t->fields[i].kids == NULL) {
            continue;
        }
        f->kids = arena_array(a, f->n + 1, sizeof(*f->kids));
        for (uint32_t k = 0; f->kids != NULL && k < f->n; k++) {
            f->kids[k] = tree_copy(a, t->fields[i].kids[k]);
            if (f->kids[k] == NULL) {
                return NULL;
            }
        }
        if (f->kids == NULL) {
            return NULL;
        }
    }
    return copy;
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
void tree_shift(struct term *t, uint32_t depth, int64_t by)
{
    if (t->kind == CML_VAR) {
        if (t->fields[0].value.u.bits >= depth) {
            t->fields[0].value.u.bits += (uint64_t)by;
        }
        return;
    }
    for (unsigned i = 0; i < cml_kind_info(t->kind)->fields_n; i++) {
        for (uint32_t k = 0; t->fields[i].kids && k < t->fields[i].n; k++) {
            if (tree_walks_into(t->fields[i].kids[k])) {
                tree_shift(t->fields[i].kids[k],
                           depth + tree_binders(t, i, k), by);
            }
        }
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
uint32_t tree_uses(const struct term *t, uint32_t depth)
{
    uint32_t n = 0;

    if (t->kind == CML_VAR) {
        return t->fields[0].value.u.bits == depth;
    }
    for (unsigned i = 0; i < cml_kind_info(t->kind)->fields_n; i++) {
        for (uint32_t k = 0; t->fields[i].kids && k < t->fields[i].n; k++) {
            if (tree_walks_into(t->fields[i].kids[k])) {
                n += tree_uses(t->fields[i].kids[k],
                               depth + tree_binders(t, i, k));
            }
        }
    }
    return n;
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
struct term *tree_substitute(struct arena *a, struct term *t, uint32_t depth,
                      const struct term *e)
{
    struct term *copy;

    if (t == NULL || e == NULL) {
        return NULL;
    }
    if (t->kind == CML_VAR) {
        if (t->fields[0].value.u.bits > depth) {
            t->fields[0].value.u.bits--;
        } else if (t->fields[0].value.u.bits == depth) {
            copy = tree_copy(a, e);
            if (copy != NULL) {
                tree_shift(copy, 0, depth);
            }
            return copy;
        }
        return t;
    }
    for (unsigned i = 0; i < cml_kind_info(t->kind)->fields_n; i++) {
        for (uint32_t k = 0; t->fields[i].kids && k < t->fields[i].n; k++) {
            struct term **kid = &t->fields[i].kids[k];

            if (tree_walks_into(*kid)) {
                *kid = tree_substitute(a, *kid, depth + tree_binders(t, i, k), e);
                if (*kid == NULL) {
                    return NULL;
                }
            }
        }
    }
    return t;
}

int tree_intern(struct tree *t, struct term *u)
{
    struct diag d;

    diag_init(&d);
    return u != NULL ? term_intern(u, t->dag, &d) : ERR_NOMEM;
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static void turn_stubs(const struct tree *t, const uint32_t *made,
                       struct term *at)
{
    for (unsigned i = 0; i < cml_kind_info(at->kind)->fields_n; i++) {
        for (uint32_t k = 0; at->fields[i].kids && k < at->fields[i].n; k++) {
            struct term *kid = at->fields[i].kids[k];

            for (uint32_t u = 0; kid->kind == CML_UNIT && u < t->units_n; u++) {
                if (t->units[u].id == kid->id) {
                    kid->id = made[u];
                    break;
                }
            }
            if (tree_walks_into(kid)) {
                turn_stubs(t, made, kid);
            }
        }
    }
}

int tree_relink(struct tree *t, uint32_t *out_unit)
{
    uint32_t *made = arena_array(&t->arena, t->units_n, sizeof(*made));
    uint32_t last = 0;

    if (made == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t done = 0; done < t->units_n; done++) {
        uint32_t at = UINT32_MAX;

        /* called units have lower ids than who calls them */
        for (uint32_t u = 0; u < t->units_n; u++) {
            if ((done == 0 || t->units[u].id > last) &&
                (at == UINT32_MAX || t->units[u].id < t->units[at].id)) {
                at = u;
            }
        }
        last = t->units[at].id;
        turn_stubs(t, made, t->units[at].term);
        TRY(tree_intern(t, t->units[at].term));
        made[at] = t->units[at].term->id;
    }
    *out_unit = made[0];
    return 0;
}
