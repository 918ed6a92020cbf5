/* Text for people in a fixed array: cut when full, always terminated. */
#ifndef PROTO_TEXT_H
#define PROTO_TEXT_H

#include "proto/base.h"

struct text {
    char *out_; /* borrowed */
    size_t n_;
    size_t at_;
};

/* n >= 1; out holds "" afterwards. */
void text_init(struct text *t, char *out, size_t n);
void text_putf(struct text *t, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
