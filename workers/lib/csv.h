/* Fields of a CSV text (RFC 4180), strictly: quotes only around whole fields, lines
 * end with LF or CRLF. Copies nothing. Workers only. */
#ifndef WORKERS_LIB_CSV_H
#define WORKERS_LIB_CSV_H

#include "proto/base.h"

struct csv {
    const uint8_t *p_; /* borrowed */
    size_t n_, at_, line_start_;
    uint32_t line_;
};

enum csv_end { /* what stood after a field */
    CSV_COMMA,
    CSV_LINE, /* and another line follows */
    CSV_TEXT  /* the last one, its line end included */
};

struct csv_field {
    struct ubytes raw; /* between the quotes, if there were some */
    int is_quoted;     /* then a quote in raw is written twice */
    uint32_t line;
    uint32_t col; /* of its first byte, in bytes from 1 */
};

struct csv_fault {
    uint32_t line;
    uint32_t col;
    const char *what;
    const char *hint;
};

/* At the first field; a byte order mark is passed over. */
void csv_init(struct csv *v, struct ubytes text);
/* Is there another field? Not in an empty text, nor behind CSV_TEXT. */
int csv_has(const struct csv *v);
/* 0, or ERR_INPUT and the fault. */
int csv_next(struct csv *v, struct csv_field *out, enum csv_end *out_end,
             struct csv_fault *out_fault) MUST_USE;
/* Where the next field begins. */
uint32_t csv_line(const struct csv *v);
uint32_t csv_col(const struct csv *v);
/* Its text, without a NUL at the end; out has room for raw.n bytes. Returns how
 * many there are. */
size_t csv_text(const struct csv_field *f, char *out);

#endif
