/* Exams of trained predictors in words: what was measured, what its trainer claims,
 * whom it was held against (docs/data.md). */
#ifndef CLI_HOLDOUT_TEXT_H
#define CLI_HOLDOUT_TEXT_H

#include <stdio.h>

#include "cli/json.h"
#include "proto/record.h"

/* A paragraph about a HOLDOUT record. */
void holdout_print(FILE *to, const char *store, const struct record *r,
                   unsigned indent);
/* Members measured (or null), claimed, against. */
void holdout_put_json(struct json *j, const char *store, const struct record *r);

#endif
