/* Aligned columns. Writes memory, then one stream. */
#include "cli/table.h"

#include <string.h>

#include "cli/term.h"
#include "proto/err.h"
#include "proto/utf8.h"

#define TABLE_BYTES_MAX ((size_t)256 << 20)

static size_t shown(const char *s)
{
    size_t n = 0;

    for (; *s != '\0'; s++) {
        n += ((unsigned char)*s & 0xc0) != 0x80;
    }
    return n;
}

void table_init(struct table *t, unsigned columns, const char *const *heads)
{
    ASSERT(columns > 0 && columns <= TABLE_COLUMNS_MAX);
    memset(t, 0, sizeof(*t));
    buf_init(&t->cells_, TABLE_BYTES_MAX);
    t->columns_ = columns;
    if (heads != NULL) {
        table_row(t, heads);
    }
}

void table_release(struct table *t)
{
    buf_release(&t->cells_);
}

void table_row(struct table *t, const char *const *cells)
{
    unsigned i;

    for (i = 0; i < t->columns_ && t->rc_ == 0; i++) {
        const char *cell = cells[i] != NULL ? cells[i] : "";
        char text[TABLE_CELL_BYTES];
        size_t n;

        utf8_escape((struct ubytes){(const uint8_t *)cell, strlen(cell)}, text,
                    sizeof(text));
        n = shown(text);
        t->width_[i] = n > t->width_[i] ? n : t->width_[i];
        t->rc_ = buf_put(&t->cells_, text, strlen(text) + 1);
    }
    t->rows_++;
}

int table_print(const struct table *t, FILE *to, int colour)
{
    const char *p = (const char *)buf_bytes(&t->cells_).p;
    size_t row;
    unsigned i;

    TRY(t->rc_);
    for (row = 0; row < t->rows_; row++) {
        int is_head = row == 0 && !t->headless_;

        fputs(term_style(colour && is_head, "\033[1m"), to);
        for (i = 0; i < t->columns_; i++) {
            fputs(p, to);
            if (i + 1 < t->columns_) {
                fprintf(to, "%*s", (int)(t->width_[i] - shown(p) + 2), "");
            }
            p += strlen(p) + 1;
        }
        fputs(term_style(colour && is_head, "\033[0m"), to);
        fputc('\n', to);
    }
    return 0;
}

int table_flush(struct table *t, FILE *to, int colour)
{
    TRY(table_print(t, to, colour));
    buf_reset(&t->cells_);
    t->rows_ = 0;
    t->headless_ = 1;
    return ferror(to) ? ERR_TRACE(ERR_IO) : 0;
}
