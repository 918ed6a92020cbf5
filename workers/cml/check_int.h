/* Shared by the files of check.h. A type is the id of its node: equal types,
 * equal ids. Inside of a unit with constrained parameters the Constraint's node
 * stands for the type that it will get. */
#ifndef WORKERS_CML_CHECK_INT_H
#define WORKERS_CML_CHECK_INT_H

#include "workers/cml/check.h"
#include "workers/cml/core.h"

#define CHECK_ENV_MAX 4096
#define TYPE_NONE UINT32_MAX

struct checker {
    struct cml_dag *dag;
    struct arena *a;
    const char *path;
    struct diag *diag;
    uint32_t *env; /* types of binders; the last is nearest */
    uint32_t env_n;
    const struct term *bad; /* what the diagnosis is about */
};

/* Traits, from weak to strong where one implies the other. */
enum trait { TRAIT_ANY, TRAIT_COMPARABLE, TRAIT_NUMERIC, TRAIT_INTEGER,
             TRAIT_FLOAT, TRAIT_SEQUENCE };

int check_fail(struct checker *c, const struct term *t, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* "found T, expected U" */
int check_differ(struct checker *c, const struct term *t, const char *what,
                 uint32_t found, uint32_t expected);
int check_bind(struct checker *c, const struct term *t, uint32_t type) MUST_USE;

/* Interns a type's term and gives the type that it means. */
int check_type(struct checker *c, struct term *t, uint32_t *out) MUST_USE;
int check_primitive(struct checker *c, enum cml_primitive p, uint32_t *out)
    MUST_USE;
int check_array_of(struct checker *c, uint32_t element, uint32_t *out) MUST_USE;
int check_composite(struct checker *c, const struct cml_value *names,
                    const uint32_t *types, uint32_t n, uint32_t *out) MUST_USE;
/* The type that a Unit has as a value. */
int check_unit_type(struct checker *c, uint32_t unit, uint32_t *out) MUST_USE;
int check_function(struct checker *c, const uint32_t *params, uint32_t n,
                   uint32_t returns, uint32_t *out) MUST_USE;
/* CML_PRIMITIVES when it is none. */
enum cml_primitive check_as_primitive(const struct cml_dag *d, uint32_t type);
int check_has_trait(const struct cml_dag *d, uint32_t type, enum trait trait);
/* Of a Constraint's node. */
enum trait check_trait_of(const struct cml_node *n);

/* Is the value of a Literal one of its type? From a surface it always is; a bundle
 * can hold anything. */
int check_constant(struct checker *c, const struct term *literal, uint32_t type)
    MUST_USE;
int check_expression(struct checker *c, struct term *t, uint32_t want) MUST_USE;
int check_block(struct checker *c, struct term *t, uint32_t want) MUST_USE;
/* A number, or numbers joined, whose type what is around it decides. */
int check_is_plain(const struct term *t);
int check_call(struct checker *c, struct term *t, uint32_t want) MUST_USE;
int check_core(struct checker *c, struct term *t, enum core core, uint32_t want)
    MUST_USE;
int check_match(struct checker *c, struct term *t, uint32_t want) MUST_USE;

/* Puts the path of what is bad before a diagnosis that has no place. */
void check_tell_path(const struct term *unit, const struct term *bad,
                     struct diag *diag);

#endif
