/* Text for people in a fixed array. Runs in every process. */
#include "proto/text.h"

#include <stdarg.h>
#include <stdio.h>

void text_init(struct text *t, char *out, size_t n)
{
    ASSERT(n > 0);
    *t = (struct text){.out_ = out, .n_ = n};
    out[0] = '\0';
}

void text_putf(struct text *t, const char *fmt, ...)
{
    size_t left = t->n_ - t->at_;
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(t->out_ + t->at_, left, fmt, args);
    va_end(args);
    if (n > 0) {
        t->at_ += (size_t)n < left ? (size_t)n : left - 1;
    }
}
