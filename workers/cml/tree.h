/* An artifact's units as trees that may be rewritten: each distinct Unit once, its
 * terms written out (every occurrence is a term of its own), Units that it calls as
 * stubs: terms of kind UNIT with id and signature, without a body. Variables stay
 * de Bruijn indices. Base of the canonical form, of branches, mutants and probes.
 * Runs in the `cml` worker; recursion is bounded by LIMIT_CML_HEIGHT. */
#ifndef WORKERS_CML_TREE_H
#define WORKERS_CML_TREE_H

#include "workers/cml/core.h"
#include "workers/cml/eval.h"
#include "workers/cml/term.h"

struct tree_unit {
    uint32_t id; /* in the dag */
    struct term *term;
};

/* units[0] is the root, then those that it calls or holds as values, and so on,
 * each in the order in which the walk (tree_next) of the earlier ones meets it. */
struct tree {
    struct cml_dag *dag; /* borrowed; gets nodes */
    struct arena arena;
    struct tree_unit *units;
    uint32_t units_n;
    uint32_t units_cap;
    uint32_t terms_n;
};

/* In any case tree_release follows. The Unit was checked. 0, ERR_LIMIT (over
 * LIMIT_CML_TERMS), ERR_NOMEM, ERR_INPUT (it does not check). */
int tree_open(struct tree *t, struct cml_dag *dag, uint32_t root) MUST_USE;
void tree_release(struct tree *t);

/* Binders between t and its child k of field f. */
uint32_t tree_binders(const struct term *t, unsigned f, uint32_t k);
/* Those of a pattern. */
uint32_t tree_pattern_binders(const struct term *p);
/* Is it an expression? */
int tree_is_expression(const struct term *t);
/* Does the walk go into this child: no types, no called units. */
int tree_walks_into(const struct term *kid);

/* What follows gives NULL when memory is spent or an argument is NULL. */
struct term *tree_copy(struct arena *a, const struct term *t);
/* Adds `by` to the variables that are free behind `depth` binders; in place. */
void tree_shift(struct term *t, uint32_t depth, int64_t by);
/* How often the binder `depth` outside of t is used. */
uint32_t tree_uses(const struct term *t, uint32_t depth);
/* t without that binder: e (of its context) in place of each use. In place, but t
 * itself may be the variable. */
struct term *tree_substitute(struct arena *a, struct term *t, uint32_t depth,
                      const struct term *e);

/* New terms, with type, not interned. */
struct term *tree_type(struct tree *t, uint32_t type);
/* A scalar that a Leaf can hold, of a primitive type. */
struct term *tree_literal(struct tree *t, uint32_t type, const struct val *v);
struct term *tree_integer(struct tree *t, uint32_t type, uint64_t bits);
struct term *tree_bool(struct tree *t, int v);
struct term *tree_binop(struct tree *t, enum cml_op op, uint32_t type,
                        struct term *l, struct term *r);
/* r NULL: one argument. */
struct term *tree_core(struct tree *t, enum core core, uint32_t type,
                       struct term *l, struct term *r);
/* Block of a Return. */
struct term *tree_block(struct tree *t, struct term *value);
/* An expression of the type that always ends in MATCH: `match true { false => V }`.
 * or, an expression or a Block: what stands for V when the type has no plain
 * value. */
struct term *tree_trap(struct tree *t, uint32_t type, const struct term *or);
int tree_is_trap(const struct term *t);

/* The scalar of a Literal as the interpreter has it; 0 if it is none. */
int tree_constant(const struct term *t, struct val *out);
/* Integers and bools: is it this? */
int tree_is_bits(const struct term *t, uint64_t bits);
/* Of a Call: CORES if it is none of the core. */
enum core tree_core_of(const struct term *t);
enum cml_op tree_op_of(const struct term *t);
/* Interns t and all below it. */
int tree_intern(struct tree *t, struct term *u) MUST_USE;
/* All units again, callees first; stubs get the new ids. The root's new id.
 * ERR_NOMEM, ERR_LIMIT, ERR_INPUT. */
int tree_relink(struct tree *t, uint32_t *out_unit) MUST_USE;

#endif
