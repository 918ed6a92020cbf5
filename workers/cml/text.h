/* CML's text form: one that people and models write. Grammar: docs/cml.md. */
#ifndef WORKERS_CML_TEXT_H
#define WORKERS_CML_TEXT_H

#include "workers/cml/document.h"

/* Reads a file into d, and resolves it. 0, ERR_INPUT (with place and hint),
 * ERR_LIMIT, ERR_NOMEM. */
int text_parse(struct document *d, struct ubytes in, struct diag *diag) MUST_USE;
/* May a binder, unit or field have this name? */
int text_is_name(struct ubytes s);
/* Writes a unit (spelled: term_spell) with calls by name where callees has one,
 * else by CID. One line each; wide = with line breaks and indentation. */
int text_put_unit(struct buf *out, const struct term *unit, int wide) MUST_USE;
/* Writes a part of one, for people, on one line: names of the n binders around it,
 * the last is the nearest. ERR_INPUT: no text has it. */
int text_put_part(struct buf *out, const struct term *t,
                  const char *const *scope, uint32_t n) MUST_USE;
/* Writes a document, in the one spelling, with its comments. */
int text_put(struct buf *out, const struct document *d) MUST_USE;
/* Writes a type. */
int text_put_type(struct buf *out, const struct term *type) MUST_USE;

#endif
