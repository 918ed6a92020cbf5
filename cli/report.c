/* How a diagnosis looks. Never trusts the text it quotes: all of it is
 * escaped. */
#include "cli/report.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/files.h"
#include "proto/buf.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/utf8.h"

/* Start and length of a line without its line end. */
static int find_line(struct ubytes text, uint32_t line, struct ubytes *out)
{
    const uint8_t *p = text.p;
    const uint8_t *end = text.p + text.n;
    const uint8_t *stop;

    for (; line > 1; line--) {
        p = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;
        if (p == NULL) {
            return 0;
        }
        p++;
    }
    if (p >= end) {
        return 0;
    }
    stop = memchr(p, '\n', (size_t)(end - p));
    out->p = p;
    out->n = (size_t)((stop != NULL ? stop : end) - p);
    if (out->n > 0 && out->p[out->n - 1] == '\r') {
        out->n--;
    }
    return 1;
}

/* Columns that text takes on a terminal, one for each code point. */
static size_t columns(const char *s)
{
    size_t n = 0;

    for (; *s != '\0'; s++) {
        if (((unsigned char)*s & 0xc0) != 0x80) {
            n++;
        }
    }
    return n;
}

/* Tabs become spaces, so that the caret stays below its place. */
static void escape_part(struct ubytes s, char *out, size_t out_n)
{
    uint8_t plain[REPORT_WIDTH];
    size_t i;

    ASSERT(s.n <= sizeof(plain));
    for (i = 0; i < s.n; i++) {
        plain[i] = s.p[i] == '\t' ? ' ' : s.p[i];
    }
    utf8_escape((struct ubytes){plain, s.n}, out, out_n);
}

int report_excerpt(struct ubytes text, uint32_t line, uint32_t col,
                   char out_line[static 4 * REPORT_WIDTH + 8],
                   size_t *out_indent)
{
    const size_t out_n = 4 * REPORT_WIDTH + 8;
    struct ubytes whole;
    size_t at = col > 0 ? col - 1 : 0;
    size_t from = 0;
    size_t n;
    size_t used;

    if (line == 0 || !find_line(text, line, &whole)) {
        return 0;
    }
    if (at > whole.n) {
        at = whole.n;
    }
    if (at > REPORT_WIDTH - 20) {
        from = at - (REPORT_WIDTH - 20);
        while (from < at && (whole.p[from] & 0xc0) == 0x80) {
            from++;
        }
    }
    n = whole.n - from;
    if (n > REPORT_WIDTH) {
        n = REPORT_WIDTH;
        while (from + n > at && (whole.p[from + n] & 0xc0) == 0x80) {
            n--;
        }
    }
    escape_part((struct ubytes){whole.p + from, at - from}, out_line, out_n);
    *out_indent = columns(out_line);
    used = strlen(out_line);
    escape_part((struct ubytes){whole.p + at, from + n - at}, out_line + used,
                out_n - used);
    return 1;
}

static void print_excerpt(FILE *to, const struct diag *d, int colour)
{
    struct buf text;
    char line[4 * REPORT_WIDTH + 8];
    size_t indent = 0;

    buf_init(&text, LIMIT_GRAPH_FILE_BYTES);
    if (files_read(d->at.path, LIMIT_GRAPH_FILE_BYTES, &text) == 0 &&
        report_excerpt(buf_bytes(&text), d->at.line, d->at.col, line,
                       &indent)) {
        fprintf(to, "%6u | %s\n", d->at.line, line);
        if (d->at.col > 0) {
            fprintf(to, "       | %*s%s^%s\n", (int)indent, "",
                    colour ? "\033[1;32m" : "", colour ? "\033[0m" : "");
        }
    }
    buf_release(&text);
}

static void print_escaped(FILE *to, const char *s)
{
    char text[4 * DIAG_TEXT_BYTES];

    utf8_escape((struct ubytes){(const uint8_t *)s, strlen(s)}, text,
                sizeof(text));
    fputs(text, to);
}

void report_print(FILE *to, const struct diag *d, int colour, const char *page)
{
    const char *red = colour ? "\033[1;31m" : "";
    const char *bold = colour ? "\033[1m" : "";
    const char *off = colour ? "\033[0m" : "";

    fputs(bold, to);
    if (d->at.path != NULL && d->at.path[0] != '\0') {
        print_escaped(to, d->at.path);
        if (d->at.line > 0) {
            fprintf(to, ":%u", d->at.line);
            if (d->at.col > 0) {
                fprintf(to, ":%u", d->at.col);
            }
        }
    } else {
        fputs("proctor", to);
    }
    fprintf(to, ": %serror:%s ", red, off);
    print_escaped(to, d->what[0] != '\0' ? d->what : err_text(d->code));
    fputc('\n', to);
    if (d->at.path != NULL && d->at.line > 0) {
        print_excerpt(to, d, colour);
    }
    if (d->hint[0] != '\0') {
        fprintf(to, "%shint:%s ", bold, off);
        print_escaped(to, d->hint);
        fputc('\n', to);
    }
    if (page != NULL) {
        fprintf(to, "see:  man %s\n", page);
    }
}
