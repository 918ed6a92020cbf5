/* The query index: STORE/index.db, a SQLite projection of the ledger that the
 * command line keeps for itself. The ledger is the truth: an index that is
 * gone, damaged, of another form, or built to a ledger that is no prefix of the
 * one at hand is made again. Brought up to date by index_open; several
 * processes may do so at once (index.db.lock). Where the store cannot be
 * written the index lives in memory.
 *
 * Tables (docs/man/proctor-store.5): records, runs, tasks, verdicts, refs,
 * ref_moves, splits, looks, mentions, meta. Nothing in it is evidence. */
#ifndef CLI_INDEX_H
#define CLI_INDEX_H

#include <sqlite3.h>

#include "cli/ledger.h"

#define INDEX_VERSION 2

struct index;

int index_open(const char *store, struct index **out, struct diag *d) MUST_USE;
void index_close(struct index *ix); /* NULL is fine */

uint64_t index_size(const struct index *ix); /* records that it covers */
int index_is_torn(const struct index *ix);   /* an unfinished batch follows */
int index_is_in_memory(const struct index *ix);
/* How often the tables were made anew by this process: 0 or 1. */
int index_was_rebuilt(const struct index *ix);

/* A query of ours; finish with sqlite3_finalize. ERR_IO with d set. */
int index_query(struct index *ix, const char *sql, sqlite3_stmt **out,
                struct diag *d) MUST_USE;
/* Text of a column, never NULL, borrowed until the next step. */
const char *index_text(sqlite3_stmt *q, int column);
uint64_t index_u64(sqlite3_stmt *q, int column);

#endif
