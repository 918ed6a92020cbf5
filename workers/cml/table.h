/* Tables of inputs and outputs: CSV (RFC 4180, a header line names the columns) and
 * JSON ([{"in": [...], "out": ...}, ...] or {"inputs": [[...], ...], "outputs":
 * [...]}). Types are those that are given, else those that every cell fits.
 * Contract: docs/synth-files.md. Runs in the `cml` worker, on foreign bytes. */
#ifndef WORKERS_CML_TABLE_H
#define WORKERS_CML_TABLE_H

#include "workers/cml/pbe.h"

/* What the person says about the table; borrowed, "" = nothing. */
struct table_ask {
    const char *types;  /* u64, [i64] -> string */
    const char *output; /* the column of the outputs; else the last */
};

/* Fill p, which pbe_settle then closes. 0, ERR_INPUT, ERR_LIMIT, ERR_NOMEM. */
int table_read_csv(struct pbe *p, struct ubytes in,
                   const struct table_ask *ask) MUST_USE;
int table_read_json(struct pbe *p, struct ubytes in,
                    const struct table_ask *ask) MUST_USE;

#endif
