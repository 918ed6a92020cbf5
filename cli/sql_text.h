/* A projection as SQL that makes the same rows: for sqlite3, or for psql. */
#ifndef CLI_SQL_TEXT_H
#define CLI_SQL_TEXT_H

#include <stdio.h>

#include "proto/base.h"

#include "bridge.pb-c.h"

/* One transaction; what is there already stays. ERR_IO. */
int sql_text_write(FILE *to, int for_psql,
                   const Proctor__Projection *p) MUST_USE;

#endif
