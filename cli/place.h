/* Where the store is: --store, else $PROCTOR_STORE, else the nearest .proctor
 * upward, else (where a new one may be made) ./.proctor. */
#ifndef CLI_PLACE_H
#define CLI_PLACE_H

#include <limits.h>

#include "proto/diag.h"

enum place_how {
    PLACE_OPTION,
    PLACE_ENVIRONMENT,
    PLACE_UPWARD,
    PLACE_NEW
};

struct place {
    char path[PATH_MAX]; /* absolute; need not exist when how is PLACE_NEW */
    enum place_how how;
};

enum {
    PLACE_E_NONE = 1
}; /* nothing named, nothing found upward */

/* Applies the rule without looking inside; out->path is absolute. 0,
 * PLACE_E_NONE (out is the new ./.proctor), ERR_LIMIT, ERR_IO. */
int place_find(const char *option, struct place *out, struct diag *d) MUST_USE;

/* For commands that read: the place must be a store of our format.
 * ERR_NOT_FOUND, ERR_STORE_FORMAT, ERR_ACCESS, ...; d says which and what to
 * do. */
int place_open(const char *option, struct place *out, struct diag *d) MUST_USE;

/* For commands that write: the place where a store is or will be. ERR_INPUT when
 * it is no folder; the kernel judges the rest. */
int place_make(const char *option, struct place *out, struct diag *d) MUST_USE;

#endif
