/* A document written, in one of its forms; and what its units are called. */
#ifndef WORKERS_CML_FORMAT_H
#define WORKERS_CML_FORMAT_H

#include "workers/cml/document.h"

enum form { FORM_TEXT, FORM_XML, FORM_MDX, FORM_BUNDLE };

/* The form that a file has. */
enum form form_of(const char *name, struct ubytes in);
/* Reads a file of that form into doc. As text_parse. */
int form_read(struct document *doc, enum form form, struct ubytes in,
              struct diag *diag) MUST_USE;
/* Writes a document. from is the form that it was read in: what a bundle holds may
 * have names that no form has, so it is read again and held to its CIDs. A bundle
 * is written as text when `to` is FORM_BUNDLE. ERR_INPUT with diag; ERR_LIMIT,
 * ERR_NOMEM. */
int form_put(const struct document *doc, enum form from, enum form to,
             struct buf *out, struct diag *diag) MUST_USE;
/* Writes the manifest (manifest.h) of all units of the documents. ERR_INPUT: a
 * name for two artifacts. */
int form_manifest(const struct document *docs, size_t n, struct buf *out,
                  struct diag *diag) MUST_USE;

#endif
