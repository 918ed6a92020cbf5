/* Shared by the files of canonical.h. A term that was sealed is interned, and its
 * mark says which errors it may end in. */
#ifndef WORKERS_CML_CANONICAL_INT_H
#define WORKERS_CML_CANONICAL_INT_H

#include "workers/cml/canonical.h"
#include "workers/cml/check_int.h"
#include "workers/cml/eval_int.h"

/* Interns t, whose children are sealed, and sets its mark. NULL: no memory, or
 * (a folded text) no such Leaf; then c->code says whether that is a failure. */
struct term *canonical_seal(struct canonical *c, struct term *t);
/* What t may end in by itself and through its children. */
uint32_t canonical_errors(const struct canonical *c, const struct term *t);
/* May a, evaluated before b, come after it? */
int canonical_may_turn(const struct term *a, const struct term *b);

/* One step at a sealed term: an equal one that is sealed, or NULL when no rule
 * fits. */
struct term *canonical_binop(struct canonical *c, struct term *t);
struct term *canonical_call(struct canonical *c, struct term *t);
struct term *canonical_match(struct canonical *c, struct term *t);
/* A constant as a sealed Literal of t's type, or NULL. */
struct term *canonical_constant(struct canonical *c, const struct term *t,
                                const struct val *v);
/* Sealed ones. */
struct term *canonical_bool(struct canonical *c, int v);
struct term *canonical_int(struct canonical *c, uint32_t type, uint64_t bits);
/* not(t) */
struct term *canonical_not(struct canonical *c, struct term *t);
/* A comparison that is not(e): of a == b it is a != b, and so on; of floats only
 * where NaN agrees. NULL: there is none. */
struct term *canonical_negation(struct canonical *c, struct term *e);
/* not(e) where e, to which no rule fits, is the one of two comparisons that no `if`
 * of a canonical form asks: `!= <= >=`, and `constant < x`. NULL for others. */
struct term *canonical_opposite(struct canonical *c, struct term *e);

/* The primitive that a type is; CML_PRIMITIVES for others. */
enum cml_primitive canonical_primitive(const struct canonical *c, uint32_t type);
int canonical_is_int(const struct canonical *c, uint32_t type);
int canonical_is_bool(const struct canonical *c, uint32_t type);
/* Are equal values of it always the same: no float in it? */
int canonical_is_exact(const struct canonical *c, uint32_t type);

#endif
