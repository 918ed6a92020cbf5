/* The one scanner of CSV. Runs in confined workers; the text may be anything. */
#include "workers/lib/csv.h"

#include <string.h>

#include "proto/err.h"

void csv_init(struct csv *v, struct ubytes text)
{
    *v = (struct csv){.p_ = text.p, .n_ = text.n, .line_ = 1};
    if (text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0) {
        v->p_ += 3;
        v->n_ -= 3;
    }
}

int csv_has(const struct csv *v)
{
    return v->at_ < v->n_;
}

uint32_t csv_line(const struct csv *v)
{
    return v->line_;
}

uint32_t csv_col(const struct csv *v)
{
    return (uint32_t)(v->at_ - v->line_start_ + 1);
}

static int fail(const struct csv *v, struct csv_fault *out, const char *what,
                const char *hint)
{
    *out = (struct csv_fault){v->line_, csv_col(v), what, hint};
    return ERR_INPUT;
}

static void count_line(struct csv *v)
{
    v->line_++;
    v->line_start_ = v->at_;
}

/* A comma, a line end or the end of the text. */
static int read_end(struct csv *v, enum csv_end *out, struct csv_fault *fault)
{
    if (v->at_ == v->n_) {
        *out = CSV_TEXT;
        return 0;
    }
    if (v->p_[v->at_] == ',') {
        v->at_++;
        *out = CSV_COMMA;
        return 0;
    }
    if (v->p_[v->at_] == '\r' && v->at_ + 1 < v->n_ &&
        v->p_[v->at_ + 1] == '\n') {
        v->at_++;
    }
    if (v->p_[v->at_] == '\n') {
        v->at_++;
        count_line(v);
        *out = v->at_ == v->n_ ? CSV_TEXT : CSV_LINE;
        return 0;
    }
    return v->p_[v->at_] == '\r'
               ? fail(v, fault, "a carriage return without a line feed",
                      "end lines with LF or CRLF")
               : fail(v, fault, "text after a closing quote",
                      "write a quote inside quotes twice");
}

/* "text with ""quotes"", commas and lines" */
static int read_quoted(struct csv *v, struct csv_field *out,
                       struct csv_fault *fault)
{
    size_t start = v->at_ + 1;
    size_t end = start;

    while (end < v->n_ && (v->p_[end] != '"' ||
                           (end + 1 < v->n_ && v->p_[end + 1] == '"'))) {
        end += v->p_[end] == '"' ? 2 : 1;
    }
    if (end >= v->n_) {
        return fail(v, fault, "a quoted field has no end",
                    "close it with a quote");
    }
    out->raw = (struct ubytes){v->p_ + start, end - start};
    out->is_quoted = 1;
    while (v->at_ < end) {
        if (v->p_[v->at_++] == '\n') {
            count_line(v);
        }
    }
    v->at_ = end + 1;
    return 0;
}

static int read_plain(struct csv *v, struct csv_field *out,
                      struct csv_fault *fault)
{
    size_t start = v->at_;

    while (v->at_ < v->n_ && v->p_[v->at_] != ',' && v->p_[v->at_] != '\n' &&
           v->p_[v->at_] != '\r' && v->p_[v->at_] != '"') {
        v->at_++;
    }
    if (v->at_ < v->n_ && v->p_[v->at_] == '"') {
        return fail(v, fault, "a quote inside a field without quotes",
                    "put the whole field in quotes, and write the quote "
                    "twice");
    }
    out->raw = (struct ubytes){v->p_ + start, v->at_ - start};
    return 0;
}

int csv_next(struct csv *v, struct csv_field *out, enum csv_end *out_end,
             struct csv_fault *out_fault)
{
    *out = (struct csv_field){.line = v->line_, .col = csv_col(v)};
    TRY(v->at_ < v->n_ && v->p_[v->at_] == '"'
            ? read_quoted(v, out, out_fault)
            : read_plain(v, out, out_fault));
    return read_end(v, out_end, out_fault);
}

size_t csv_text(const struct csv_field *f, char *out)
{
    size_t n = 0;

    for (size_t i = 0; i < f->raw.n; i++) {
        out[n++] = (char)f->raw.p[i];
        i += f->is_quoted && f->raw.p[i] == '"';
    }
    return n;
}
