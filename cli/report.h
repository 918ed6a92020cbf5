/* Diagnoses for people: `path:line:col: error: what`, the source line with a
 * caret, the hint, and the manual page. The file is read again for its line;
 * whatever stands in it is escaped and cut. Prints on the stream it is
 * given. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include <stdio.h>

#include "proto/diag.h"

#define REPORT_WIDTH 100 /* most bytes of a source line that are shown */

/* colour: ANSI colours wanted. page: manual page to name, or NULL. */
void report_print(FILE *to, const struct diag *d, int colour, const char *page);

/* Line `line` of text as shown, and the caret's indent in columns, for a place
 * at byte column col (1-based). True when the text has that line. */
int report_excerpt(struct ubytes text, uint32_t line, uint32_t col,
                   char out_line[static 4 * REPORT_WIDTH + 8],
                   size_t *out_indent);

#endif
