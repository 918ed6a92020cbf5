/* Records as `proctor log` prints them, one after the other; memory is that of
 * a few hundred rows, however many there are. */
#ifndef CLI_LOG_PRINT_H
#define CLI_LOG_PRINT_H

#include "cli/cli.h"
#include "cli/table.h"
#include "proto/merkle.h"
#include "proto/record.h"

enum log_form {
    LOG_TABLE,    /* columns, aligned in blocks */
    LOG_DOCUMENT, /* one JSON object with the array `records` */
    LOG_LINES     /* one JSON object a line */
};

struct log_print {
    enum log_form form;
    struct table table;
    struct buf json;
    uint64_t n; /* records so far */
    unsigned held;
};

void log_print_init(struct log_print *p, enum log_form form);
/* Begins; a JSON document is on its way from here on (c->emitted). */
void log_print_open(struct log_print *p, struct cli *c);
int log_print_record(struct log_print *p, const struct record *r,
                     const struct merkle_hash *leaf) MUST_USE;
/* Nothing is held back afterwards. ERR_IO: nobody reads it any more. */
int log_print_flush(struct log_print *p) MUST_USE;
/* Ends the document or the table. */
int log_print_end(struct log_print *p) MUST_USE;
void log_print_release(struct log_print *p);

#endif
