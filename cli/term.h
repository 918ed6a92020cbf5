/* What the terminal can do: colours, live lines, width. */
#ifndef CLI_TERM_H
#define CLI_TERM_H

#include <stdio.h>

#include "proto/base.h"

/* Colours are wanted on that stream: a terminal, NO_COLOR unset, TERM not
 * dumb. */
int term_has_colour(FILE *f);
/* Standard error is a terminal: progress may be shown. */
int term_is_live(void);
/* Columns of standard error's terminal, 20..512; 80 when unknown. */
unsigned term_width(void);
/* "\033[1m" and the like, or "" without colour. */
const char *term_style(int colour, const char *code);

/* Prints bytes from outside: escaped, at most max_columns bytes of them. */
void term_put_text(FILE *f, struct ubytes s, size_t max_bytes);

/* A whole number with a thin space between thousands: 16 384. */
#define TERM_NUMBER_BYTES 40
const char *term_number(uint64_t v, char out[static TERM_NUMBER_BYTES]);
/* Local time "2026-11-21 03:04:05" of nanoseconds since 1970. */
#define TERM_TIME_BYTES 32
const char *term_time(uint64_t wall_ns, char out[static TERM_TIME_BYTES]);

#endif
