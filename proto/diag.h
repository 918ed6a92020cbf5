/* A diagnosis for a person: where, what was found, what to do (STYLE 18, 19).
 * Printing with the source line and a caret is the command line's work. */
#ifndef PROTO_DIAG_H
#define PROTO_DIAG_H

#include "proto/base.h"

#define DIAG_TEXT_BYTES 240

struct loc {
    const char *path; /* borrowed, outlives the diag; NULL = none */
    uint32_t line;    /* 1-based; 0 = no place */
    uint32_t col;     /* 1-based, in bytes */
};

struct diag {
    int code; /* an ERR_* */
    struct loc at;
    char what[DIAG_TEXT_BYTES];
    char hint[DIAG_TEXT_BYTES]; /* "" = none */
};

void diag_init(struct diag *d);

/* Sets code, place and text (cut to fit, always terminated, control bytes
 * replaced by '?'); returns code so that `return diag_set(...)` reads well. */
int diag_set(struct diag *d, int code, struct loc at, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
void diag_hint(struct diag *d, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The candidate nearest to `word` by edit distance (at most 1/3 of its length,
 * at least 1 and at most 3 edits), or NULL. Borrowed from the list. */
const char *diag_nearest(const char *word, const char *const *names, size_t n);

#endif
