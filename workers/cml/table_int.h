/* What the readers of tables share: cells as pieces of JSON, and their types. */
#ifndef WORKERS_CML_TABLE_INT_H
#define WORKERS_CML_TABLE_INT_H

#include "workers/cml/table.h"

/* What the cells of a column allow, as a set that only shrinks. */
struct table_guess {
    uint32_t cells;     /* that were looked at */
    int not_bool;
    int not_integer;
    int not_number;
    int is_negative;    /* one of them */
    int is_large;       /* one is over the greatest i64 */
    int is_text;        /* one is a string */
    uint32_t lists;     /* cells that are lists of this many levels */
    int is_ragged;      /* not all are of so many levels */
};

/* Takes one cell into account: text of JSON, or of CSV (is_csv), without space around
 * it. Of a list, its elements. */
void table_guess_cell(struct table_guess *g, struct ubytes cell, int is_csv);
/* ERR_INPUT: no type fits. */
int table_guess_type(const struct table_guess *g, struct type *out) MUST_USE;

/* Types of --types: "u64, string -> [i64]". Sets params_n, types, gives. */
int table_types(struct pbe *p, const char *text) MUST_USE;
/* ERR_INPUT unless the enumerator can work with all of them. */
int table_check_types(struct pbe *p) MUST_USE;

/* A cell as a value of type t, added to out. is_csv: strings stand as they are. */
int table_cell(struct pbe *p, struct ubytes cell, int is_csv,
               const struct type *t, struct loc at, struct buf *out) MUST_USE;

/* UTF-8 without NUL, not empty; names line and byte. */
int table_check_text(struct pbe *p, struct ubytes in) MUST_USE;

#endif
