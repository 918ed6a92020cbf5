/* A document as text: its units in the one spelling, with the comments around
 * them. */
#include <string.h>

#include "proto/err.h"
#include "workers/cml/text.h"

static int doc_lines(struct buf *out, const char *text)
{
    while (text != NULL && *text != '\0') {
        size_t n = strcspn(text, "\n");

        TRY(buf_putf(out, "#%.*s\n", (int)n, text));
        text += n + (text[n] == '\n');
    }
    return 0;
}

int text_put(struct buf *out, const struct document *d)
{
    for (uint32_t i = 0; i < d->units_n; i++) {
        const struct unit *u = &d->units[i];

        TRY(buf_putf(out, "%s", i > 0 ? "\n" : ""));
        TRY(doc_lines(out, u->doc));
        TRY(text_put_unit(out, u->term, 1));
        if (u->behind != NULL) {
            buf_truncate(out, buf_len(out) - 1); /* on the line of the brace */
            TRY(buf_putf(out, " #%s\n", u->behind));
        }
    }
    TRY(buf_putf(out, "%s", d->tail != NULL ? "\n" : ""));
    return doc_lines(out, d->tail);
}
