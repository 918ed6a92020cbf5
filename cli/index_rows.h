/* Rows of the index: its tables, and what a record adds to them. */
#ifndef CLI_INDEX_ROWS_H
#define CLI_INDEX_ROWS_H

#include <sqlite3.h>

#include "proto/merkle.h"
#include "proto/record.h"

/* Times are known for so many records at once. */
#define INDEX_SPAN 4096u

/* Where a record stands (wal_reader_place) and what it hashes to. */
struct index_place {
    uint64_t segment;
    uint64_t off;
    struct merkle_hash leaf;
};
/* The part of a leaf hash that a row of `records` keeps. */
int64_t index_leaf_part(const struct merkle_hash *leaf);

struct index_rows;

/* Drops all tables and makes them empty. An SQLite code. */
int index_rows_create(sqlite3 *db);
/* Without the index over hashes rows are added faster; sort makes it, if it is
 * not there, from what is there. */
int index_rows_unsort(sqlite3 *db);
int index_rows_sort(sqlite3 *db);
/* Prepares what index_rows_add needs. SQLite code; *out owned. store (borrowed): for
 * the nodes of CML payloads. */
int index_rows_open(sqlite3 *db, const char *store, struct index_rows **out);
void index_rows_close(struct index_rows *x); /* NULL is fine */
/* Adds all rows of one record. An SQLite code, or SQLITE_NOMEM. */
int index_rows_add(struct index_rows *x, const struct record *r,
                   const struct index_place *at);
/* Before the transaction ends: what was held back. */
int index_rows_finish(struct index_rows *x);

#endif
