/* Values as CSV, for candidates that train on rows. Writes only: CSV is read in
 * the config worker (workers/config/csv.c), which reads this back to the same
 * values (tests/unit/config/test_csv_out.c). */
#include "proto/value.h"

#include <string.h>

#include "proto/err.h"

enum {
    HEAD_BYTES = 5
}; /* tag and count or length of a value */

/* Quoted when it must be. */
static int put_text(struct buf *b, struct ubytes text)
{
    static const char special[] = {'"', ',', '\r', '\n'};
    int quote = 0;

    for (size_t i = 0; i < text.n; i++) {
        quote |= memchr(special, text.p[i], sizeof(special)) != NULL;
    }
    if (!quote) {
        return buf_put(b, text.p, text.n);
    }
    TRY(buf_put_u8(b, '"'));
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"') {
            TRY(buf_put_u8(b, '"'));
        }
        TRY(buf_put_u8(b, text.p[i]));
    }
    return buf_put_u8(b, '"');
}

/* A value of type t, checked. */
static int put_cell(struct buf *b, struct ubytes v, const struct type *t)
{
    CLEANUP(buf_release) struct buf json;
    struct ubytes text;

    buf_init(&json, 8 * v.n + 64);
    if (type_tag_at(t, 0) == TYPE_STRING) {
        return put_text(b, (struct ubytes){v.p + HEAD_BYTES, v.n - HEAD_BYTES});
    }
    TRY(value_put_json(&json, v, t));
    text = buf_bytes(&json);
    if (text.n >= 2 && text.p[0] == '"') { /* bytes, and what is not finite */
        text = (struct ubytes){text.p + 1, text.n - 2};
    }
    return put_text(b, text);
}

static int put_row(struct buf *b, const struct values_table *t, uint32_t row)
{
    const struct type *takes = t->takes;
    struct ubytes in = values_at(t->inputs, row);
    size_t n = t->columns_n - 1;
    int spread =
        takes->b[1] == 1 && n > 1 && type_tag_at(takes, 2) == TYPE_LIST;
    size_t off = spread ? 3 : 2; /* of the first column's type */
    size_t at = spread ? 2 * HEAD_BYTES : HEAD_BYTES;

    for (size_t i = 0; i < n; i++) {
        struct type elem = type_sub(takes, off);
        size_t used = 0;

        if (at >= in.n) {
            return ERR_TRACE(ERR_ENCODING);
        }
        TRY(value_check((struct ubytes){in.p + at, in.n - at}, &elem, &used));
        TRY(put_cell(b, (struct ubytes){in.p + at, used}, &elem));
        TRY(buf_put_u8(b, ','));
        at += used;
        off = spread ? off : type_skip(takes, off);
    }
    if (at != in.n) {
        return ERR_TRACE(ERR_ENCODING);
    }
    TRY(put_cell(b, values_at(t->outputs, row), t->gives));
    return buf_put_u8(b, '\n');
}

int values_put_csv(struct buf *b, const struct values_table *t,
                   const uint32_t *order, uint32_t n)
{
    int spread = t->takes->b[1] == 1 && type_tag_at(t->takes, 2) == TYPE_LIST;

    if (t->columns_n < 2 || (!spread && t->takes->b[1] != t->columns_n - 1)) {
        return ERR_TRACE(ERR_ENCODING);
    }
    for (size_t i = 0; i < t->columns_n; i++) {
        const char *name = t->columns[i];

        TRY(put_text(b, (struct ubytes){(const uint8_t *)name, strlen(name)}));
        TRY(buf_put_u8(b, i + 1 < t->columns_n ? ',' : '\n'));
    }
    for (uint32_t i = 0; i < n; i++) {
        TRY(put_row(b, t, order[i]));
    }
    return 0;
}
