/* What a record says, in one line for `proctor log`, and the fields that every
 * reader asks for. */
#ifndef CLI_SUMMARY_H
#define CLI_SUMMARY_H

#include "proto/record.h"

#define SUMMARY_BYTES 200

/* One line, not yet escaped: strings of a record may come from outside. */
void summary_of(const struct record *r, char out[static SUMMARY_BYTES]);

/* The field called name in r's kind, or RF_N_. */
enum record_field summary_field(const struct record *r, const char *name);
/* The run that a record belongs to (a RUN record: itself). True if it has
 * one. */
int summary_run(const struct record *r, uint64_t *out_run);
/* Its task id; "" when it has none. */
void summary_task(const struct record *r, char *out, size_t n);

#endif
