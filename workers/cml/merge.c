/* Documents of the merge: units by name. Runs in the `cml` worker. */
#include "workers/cml/merge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/cml/merge_int.h"
#include "workers/cml/names.h"

static const struct unit *find(const struct document *d, const char *name)
{
    for (uint32_t i = 0; i < d->units_n; i++) {
        if (strcmp(d->units[i].term->name, name) == 0) {
            return &d->units[i];
        }
    }
    return NULL;
}

/* The trees of a unit in the three documents; NULL where it is not. */
static int trees_of(struct merger *m, const struct unit *const units[3],
                    const struct tree *x[3])
{
    for (unsigned k = 0; k < 3; k++) {
        struct tree *t = NULL;

        m->scope_n = 0;
        m->is_root = 1;
        if (units[k] != NULL) {
            TRY(tree_make(m, units[k]->term, &t));
        }
        x[k] = t;
        m->roots[k] = t;
    }
    return 0;
}

/* Writes the merged unit, with the comments of the one that it is. */
static int add_unit(struct merger *m, const struct tree *x,
                    const struct unit *const units[3])
{
    const struct unit *from = units[MERGE_OURS] != NULL ? units[MERGE_OURS]
                                                        : units[MERGE_THEIRS];
    struct term *t = NULL;
    struct unit *u;

    TRY(document_unit(m->out, NULL, from->doc)); /* its sites follow */
    u = &m->out->units[m->out->units_n - 1];
    u->behind = from->behind;
    if (units[0] != NULL && units[1] != NULL && units[2] != NULL) {
        u->doc = merge_choose(units[0]->doc, units[1]->doc, units[2]->doc);
        u->behind = merge_choose(units[0]->behind, units[1]->behind,
                                 units[2]->behind);
    }
    u->prose = from == units[MERGE_OURS] ? from->prose : NULL;
    m->scope_n = 0;
    TRY(tree_term(m, x, &t));
    t->name = x->t->name;
    u->term = t;
    return 0;
}

/* A unit that one side added, took away, or changed. */
static int merge_unit(struct merger *m, const struct document *const in[3],
                      const char *name)
{
    const struct unit *units[3];
    const struct tree *x[3];
    struct tree *merged = NULL;
    uint32_t before = m->result->n;

    for (unsigned k = 0; k < 3; k++) {
        units[k] = find(in[k], name);
    }
    TRY(trees_of(m, units, x));
    snprintf(m->path, sizeof(m->path), "%s", name);
    TRY(merge_trees(m, x, &merged));
    return merged != NULL && m->result->n == before
               ? add_unit(m, merged, units)
               : 0;
}

static int merge_units(struct merger *m, const struct document *const in[3])
{
    static const unsigned order[] = {MERGE_OURS, MERGE_THEIRS, MERGE_BASE};

    for (unsigned o = 0; o < ARRAY_N(order); o++) {
        const struct document *d = in[order[o]];

        for (uint32_t i = 0; i < d->units_n; i++) {
            const char *name = d->units[i].term->name;
            int is_seen = 0;

            for (unsigned p = 0; p < o; p++) {
                is_seen |= find(in[order[p]], name) != NULL;
            }
            TRY(is_seen ? 0 : merge_unit(m, in, name));
        }
    }
    return 0;
}

static int has_names(const struct document *d)
{
    return d->units_n == 0 || d->units[0].term->line != 0;
}

int merge_documents(const struct document *const in[3], struct document *out,
                    struct merge_result *result, struct diag *diag)
{
    struct merger *m = calloc(1, sizeof(*m));
    int code = m != NULL ? 0 : ERR_NOMEM;

    memset(result, 0, sizeof(*result));
    if (m != NULL) {
        m->a = &out->arena;
        m->out = out;
        m->result = result;
        m->is_named = has_names(in[0]) && has_names(in[1]) && has_names(in[2]);
        m->scope = calloc(MERGE_SCOPE_MAX, sizeof(*m->scope));
        code = m->scope != NULL ? merge_units(m, in) : ERR_NOMEM;
        free(m->scope);
        free(m->binders);
    }
    free(m);
    out->tail = in[MERGE_OURS]->tail;
    out->prose_tail = in[MERGE_OURS]->prose_tail;
    if (code == 0 && result->n == 0) {
        code = document_resolve(out, diag);
        code = code == 0 ? names_unhide(out) : code;
    }
    return code;
}
