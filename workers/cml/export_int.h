/* Shared by the files of export.h. Sources are made with '@' for the prefix of what
 * is private to the file, which is set last. */
#ifndef WORKERS_CML_EXPORT_INT_H
#define WORKERS_CML_EXPORT_INT_H

#include "workers/cml/flat.h"

struct exporter {
    struct flat flat;
    char name[80]; /* of the unit, as a part of C names */
    struct buf header;
    struct buf body;
    int code; /* the first failure; nothing is added after it */
};

#define PUT(x, buffer, ...)                                                    \
    do {                                                                       \
        if ((x)->code == 0) {                                                  \
            (x)->code = buf_putf(&(x)->buffer, __VA_ARGS__);                   \
        }                                                                      \
    } while (0)

/* One function of flat code as a static function. */
void export_function(struct exporter *x, uint32_t i);
/* The static functions that the text uses, in order, into out. */
int export_helpers(struct ubytes text, struct buf *out) MUST_USE;

#endif
