/* A data set in words: what a LOADED record came to. */
#ifndef CLI_LOADED_H
#define CLI_LOADED_H

#include <stdio.h>

#include "proto/record.h"

/* "120 rows of 3 numbers, 3 classes", then its notes, each on a line of its own, so
 * far indented. What cannot be read is left out. */
void loaded_print(FILE *out, const char *store, const struct record *r,
                  unsigned indent);

#endif
