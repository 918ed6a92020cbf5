/* Shared by the files of the text form's printer. */
#ifndef WORKERS_CML_PRINT_INT_H
#define WORKERS_CML_PRINT_INT_H

#include "workers/cml/term.h"

struct printer {
    struct buf *out;
    int wide; /* with line breaks */
    unsigned indent;
    const char *scope[1024]; /* names of binders; NULL: cannot be named */
    uint32_t scope_n;
    int broke; /* a comment wanted lines of its own, and wide is 0 */
    const struct term *tuple; /* composite that (a, b) means here, or NULL */
};

int print_bind(struct printer *p, const char *name) MUST_USE;
/* strength: of the operator around it; weaker ones get parentheses. */
int print_expression(struct printer *p, const struct term *t, unsigned strength)
    MUST_USE;
int print_block(struct printer *p, const struct term *t) MUST_USE;
int print_pattern(struct printer *p, const struct term *t) MUST_USE;
int print_put(struct printer *p, const char *text) MUST_USE;
int print_word(struct printer *p, const struct cml_value *v) MUST_USE;
int print_type(struct printer *p, const struct term *t) MUST_USE;
/* plain: what is around it gives a number its type. */
int print_literal(struct printer *p, const struct term *t, int plain) MUST_USE;
/* The digits of a number, as XML has them: NaN, -Infinity, 0xff as it was written. */
int print_digits(struct printer *p, const struct term *literal) MUST_USE;
int print_hex(struct printer *p, struct ubytes s) MUST_USE;

/* The child of a NODE, the first of NODES. */
static inline const struct term *kid(const struct term *t, unsigned field)
{
    ASSERT(t->fields[field].n > 0);
    return t->fields[field].kids[0];
}

static inline int has_kid(const struct term *t, unsigned field)
{
    return t->fields[field].n > 0;
}

#endif
