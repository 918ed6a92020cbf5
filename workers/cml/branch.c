/* Numbering branches, and taking them away. Recursion is bounded by
 * LIMIT_CML_HEIGHT. */
#include "workers/cml/branch.h"

#include <stdlib.h>

#include "proto/err.h"

uint32_t branch_own(const struct term *t)
{
    enum cml_op op = tree_op_of(t);

    return t->kind == CML_MATCH  ? (tree_is_trap(t) ? 0 : t->fields[1].n)
           : t->kind == CML_LOOP ? 1
                                 : op == CML_OP_AND || op == CML_OP_OR;
}

/* NOLINTNEXTLINE(misc-no-recursion): see the head */
static void number(struct term *t, uint32_t *n, int dead)
{
    uint32_t own = dead ? 0 : branch_own(t);

    dead |= t->kind == CML_MATCH && tree_is_trap(t);
    t->mark = own > 0 ? *n : BRANCH_NONE;
    *n += own;
    for (unsigned i = 0; i < cml_kind_info(t->kind)->fields_n; i++) {
        for (uint32_t k = 0; t->fields[i].kids && k < t->fields[i].n; k++) {
            if (tree_walks_into(t->fields[i].kids[k])) {
                number(t->fields[i].kids[k], n, dead);
            }
        }
    }
}

uint32_t branch_number(struct tree *t)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < t->units_n; i++) {
        number(t->units[i].term, &n, 0);
    }
    return n;
}

/* The place of branch `own` of a term. */
static struct term **side_of(struct term *t, uint32_t own)
{
    return t->kind == CML_MATCH  ? &t->fields[1].kids[own]->fields[1].kids[0]
           : t->kind == CML_LOOP ? &t->fields[3].kids[0]
                                 : &t->fields[2].kids[0];
}

/* NOLINTNEXTLINE(misc-no-recursion): see the head */
static int trap(struct tree *t, struct term *at, const uint8_t *gone)
{
    uint32_t own = at->mark != BRANCH_NONE ? branch_own(at) : 0;

    for (unsigned i = 0; i < cml_kind_info(at->kind)->fields_n; i++) {
        for (uint32_t k = 0; at->fields[i].kids && k < at->fields[i].n; k++) {
            if (tree_walks_into(at->fields[i].kids[k])) {
                TRY(trap(t, at->fields[i].kids[k], gone));
            }
        }
    }
    for (uint32_t k = 0; k < own; k++) {
        struct term **side = side_of(at, k);

        if (!gone[at->mark + k]) {
            continue;
        }
        *side = (*side)->kind == CML_BLOCK
                    ? tree_block(t, tree_trap(t, (*side)->type, *side))
                    : tree_trap(t, (*side)->type, *side);
        if (*side == NULL) {
            return ERR_LIMIT;
        }
    }
    return 0;
}

int branch_trap(struct tree *t, const uint32_t *branches, size_t n,
                uint32_t *out_unit)
{
    uint32_t all = branch_number(t);
    uint8_t *gone = arena_array(&t->arena, all + 1, 1);

    if (gone == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        if (branches[i] >= all) {
            return ERR_INPUT;
        }
        gone[branches[i]] = 1;
    }
    for (uint32_t u = 0; u < t->units_n; u++) {
        TRY(trap(t, t->units[u].term, gone));
    }
    return tree_relink(t, out_unit);
}
