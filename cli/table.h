/* Columns for people: as wide as their widest cell, the last one free. Cells
 * are escaped and cut when they are added. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdio.h>

#include "proto/buf.h"

#define TABLE_COLUMNS_MAX 8
#define TABLE_CELL_BYTES 240

struct table {
    struct buf cells_; /* NUL-terminated, row by row */
    unsigned columns_;
    size_t rows_;
    int headless_; /* the head line went out */
    size_t width_[TABLE_COLUMNS_MAX];
    int rc_;
};

/* heads: one per column, at most TABLE_COLUMNS_MAX; NULL = no head line. */
void table_init(struct table *t, unsigned columns, const char *const *heads);
void table_release(struct table *t);
/* cells: one per column, from anywhere; NULL is an empty one. */
void table_row(struct table *t, const char *const *cells);
/* Prints the rows so far and forgets them; widths stay, so that later rows stand
 * in the same columns as long as they fit. For lists that have no end. */
int table_flush(struct table *t, FILE *to, int colour) MUST_USE;
/* 0 or what an earlier call met. colour: the head line is bold. */
int table_print(const struct table *t, FILE *to, int colour) MUST_USE;

#endif
