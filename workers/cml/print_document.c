/* A document as text: its units in the one spelling, with the comments around
 * them. */
#include <string.h>

#include "proto/err.h"
#include "workers/cml/print_int.h"
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

int text_put_part(struct buf *out, const struct term *t,
                  const char *const *scope, uint32_t n)
{
    struct printer p = {.out = out};

    for (uint32_t i = 0; i < n; i++) {
        TRY(print_bind(&p, scope[i]));
    }
    switch ((int)t->kind) {
    case CML_UNIT:
        return text_put_unit(out, t, 0);
    case CML_BLOCK:
        return print_block(&p, t);
    case CML_PATTERN:
        return print_pattern(&p, t);
    case CML_ARM:
        TRY(print_pattern(&p, kid(t, 0)));
        TRY(print_put(&p, " => "));
        return print_block(&p, kid(t, 1));
    case CML_BINDING:
        TRY(buf_putf(out, "%s%s%s", has_kid(t, 1) ? "let " : "", t->name,
                     has_kid(t, 0) ? ": " : ""));
        TRY(has_kid(t, 0) ? print_type(&p, kid(t, 0)) : 0);
        TRY(print_put(&p, has_kid(t, 1) ? " = " : ""));
        return has_kid(t, 1) ? print_expression(&p, kid(t, 1), 0) : 0;
    case CML_RETURN:
        return print_expression(&p, kid(t, 0), 0);
    default:
        return (CML_K(t->kind) & CML_EXPRESSIONS) != 0 ? print_expression(&p, t, 0)
                                                       : print_type(&p, t);
    }
}
