/* Texts for protobuf-c, whose strings are not const. */
#ifndef TESTS_UNIT_TRAIN_WORDS_H
#define TESTS_UNIT_TRAIN_WORDS_H

#include "proto/base.h"

static UNUSED char *text(const char *s)
{
    union {
        const char *in;
        char *out;
    } u = {s};

    return u.out;
}

#endif
