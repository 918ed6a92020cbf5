/* CML's XML surface: a second spelling of the same artifacts. Elements: docs/cml.md.
 * What xml_put writes is one line without insignificant white space, attributes
 * sorted; reading it gives the same terms, names of variables included. */
#ifndef WORKERS_CML_XML_H
#define WORKERS_CML_XML_H

#include "workers/cml/document.h"

/* Is it XML? Nothing in the text form begins so. */
int xml_is(struct ubytes in);
/* Reads a file into d, and resolves it. 0, ERR_INPUT (with place and hint),
 * ERR_LIMIT, ERR_NOMEM. */
int xml_parse(struct document *d, struct ubytes in, struct diag *diag) MUST_USE;
/* Writes a document with all of its units, spelled (term_spell). 0, ERR_NOMEM,
 * ERR_LIMIT, ERR_INPUT: XML cannot hold it (diag says what). */
int xml_put(struct buf *out, const struct document *d, struct diag *diag)
    MUST_USE;
/* One of its units, without a root around it. */
int xml_put_unit(struct buf *out, const struct document *d, uint32_t i,
                 struct diag *diag) MUST_USE;
/* ` doc="..."` of comment lines; nothing for NULL. */
int xml_put_doc(struct buf *out, const char *doc) MUST_USE;

#endif
