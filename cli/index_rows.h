/* Rows of the index: its tables, and what a record adds to them. */
#ifndef CLI_INDEX_ROWS_H
#define CLI_INDEX_ROWS_H

#include <sqlite3.h>

#include "proto/merkle.h"
#include "proto/record.h"

struct index_rows;

/* Drops all tables and makes them empty. An SQLite code. */
int index_rows_create(sqlite3 *db);
/* Prepares what index_rows_add needs. SQLite code; *out owned. */
int index_rows_open(sqlite3 *db, struct index_rows **out);
void index_rows_close(struct index_rows *x); /* NULL is fine */
/* Adds all rows of one record. An SQLite code, or SQLITE_NOMEM. */
int index_rows_add(struct index_rows *x, const struct record *r,
                   const struct merkle_hash *leaf);

#endif
