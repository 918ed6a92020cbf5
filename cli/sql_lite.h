/* A projection into a SQLite file: `proctor export --sql FILE`. */
#ifndef CLI_SQL_LITE_H
#define CLI_SQL_LITE_H

#include "proto/diag.h"

#include "bridge.pb-c.h"

/* Makes the file and its tables if they are not there; one transaction. See
 * sql_rows_write. ERR_EXISTS, ERR_INPUT (no SQLite file, tables of another shape),
 * ERR_ACCESS, ERR_SPACE, ERR_IO with d. */
int sql_lite_write(const char *path, const Proctor__Projection *p,
                   Proctor__BridgeAnswer *a, struct diag *d) MUST_USE;

#endif
