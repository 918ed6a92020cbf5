/* Three-way merge of documents by structure. Nothing is guessed: what both sides
 * changed in different ways is a conflict, told with its path and the three
 * values; and what comes out is checked as any text is. Rules: docs/cml.md. */
#ifndef WORKERS_CML_MERGE_H
#define WORKERS_CML_MERGE_H

#include "workers/cml/document.h"

#define MERGE_CONFLICTS_MAX 32 /* told; the rest are counted */

struct conflict {
    const char *path; /* "f.body.statements[1].value" */
    const char *why;
    const char *values[3]; /* base, ours, theirs as text; "" = not there */
};

struct merge_result {
    struct conflict list[MERGE_CONFLICTS_MAX];
    uint32_t n; /* conflicts, told or not */
};

/* Merges ours and theirs into out, which is initialised, empty and has the dag of
 * one of them; out borrows from all three. Only when there is no conflict it holds
 * the units, resolved and checked. Texts of conflicts are in out's arena. 0;
 * ERR_INPUT: what comes out does not check (diag); ERR_LIMIT, ERR_NOMEM. */
int merge_documents(const struct document *const in[3], struct document *out,
                    struct merge_result *result, struct diag *diag) MUST_USE;

#endif
