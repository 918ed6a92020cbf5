/* CML's MDX surface: Markdown with frontmatter, an import, and XML-like blocks. Only
 * the blocks are read as CML; what they are and what is refused: docs/cml.md. All
 * else is metadata or prose, which no CID depends on. */
#ifndef WORKERS_CML_MDX_H
#define WORKERS_CML_MDX_H

#include "workers/cml/document.h"

/* By its name (.mdx), or by what it begins with: frontmatter or an import. */
int mdx_is(const char *name, struct ubytes in);
/* Reads a file into d, and resolves it; keeps the prose around its units. 0,
 * ERR_INPUT (with place and hint), ERR_LIMIT, ERR_NOMEM. */
int mdx_parse(struct document *d, struct ubytes in, struct diag *diag) MUST_USE;
/* Writes a document with its prose, or with the import alone when it has none. As
 * xml_put. */
int mdx_put(struct buf *out, const struct document *d, struct diag *diag)
    MUST_USE;

#endif
