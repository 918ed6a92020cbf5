/* Data files: a CSV table's chosen columns as values, and a corpus, one JSON
 * value per line. */
#ifndef WORKERS_CONFIG_ROWS_H
#define WORKERS_CONFIG_ROWS_H

#include "workers/config/config.h"

/* RFC 4180, strictly: a header line, as many fields in each line, quotes only
 * around whole fields, LF or CRLF, UTF-8. Sets out->inputs (tuples of the
 * task's `takes`) and out->outputs. When takes is one list and there are
 * several input columns, they are its elements. */
int csv_read(struct config *c, Proctor__ConfigReply *out) MUST_USE;

/* One JSON value of type `gives` per line. Sets out->inputs. */
int corpus_read(struct config *c, Proctor__ConfigReply *out) MUST_USE;

/* Checks that the whole text is UTF-8 without NUL; names line and byte. */
int rows_check_text(struct config *c, struct ubytes text) MUST_USE;

#endif
