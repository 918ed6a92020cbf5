/* The query index: STORE/index.db, a SQLite projection of the ledger that the
 * command line keeps for itself. The ledger is the truth: an index that is
 * damaged, of another form, ahead of the ledger or made from another one is made
 * again, and that is said once on standard error. Brought up to date by
 * index_open, in transactions of INDEX_CHUNK records: a command that is killed
 * leaves an index that covers less, and the next one goes on from there. Several
 * processes may do so at once (index.db.lock), and read while one writes. Where
 * the store cannot be written the index is a temporary file.
 *
 * It holds where records stand and what connects them, not the records: those
 * are read from the ledger (records.h). Tables: docs/man/proctor-store.5.
 * Nothing in it is evidence. */
#ifndef CLI_INDEX_H
#define CLI_INDEX_H

#include <sqlite3.h>

#include "cli/ledger.h"

#define INDEX_VERSION 4
#define INDEX_CHUNK 65536u

struct index;

/* What queries see from then on is one state: that of a prefix of the ledger
 * with index_size records, whatever is appended meanwhile. */
int index_open(const char *store, struct index **out, struct diag *d) MUST_USE;
/* The end of a command that came to rc: closes, and returns rc, or, when a query
 * met a damaged index, ERR_IO: it is then removed, and d says that the next
 * command makes it again. NULL is fine. */
int index_end(struct index *ix, int rc, struct diag *d) MUST_USE;
void index_close(struct index *ix); /* NULL is fine */

uint64_t index_size(const struct index *ix); /* records that it covers */
int index_is_torn(const struct index *ix);   /* an unfinished batch follows */
int index_is_temporary(const struct index *ix);
/* Why the tables were made anew by this process: words for "the index ...", ""
 * for the first index of a store; NULL: they were not. */
const char *index_rebuilt_why(const struct index *ix);

/* A query of ours; finish with sqlite3_finalize. ERR_IO with d set. */
int index_query(struct index *ix, const char *sql, sqlite3_stmt **out,
                struct diag *d) MUST_USE;
/* The next row. INDEX_E_DONE: there is none. ERR_IO with d set. */
enum {
    INDEX_E_DONE = 1
};
int index_step(struct index *ix, sqlite3_stmt *q, struct diag *d) MUST_USE;
/* Text of a column, never NULL, borrowed until the next step. */
const char *index_text(sqlite3_stmt *q, int column);
/* A hash; false when the column holds none. */
int index_cid(sqlite3_stmt *q, int column, struct cid *out);
uint64_t index_u64(sqlite3_stmt *q, int column);

#endif
