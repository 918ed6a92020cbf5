/* The walk over an MDX file: Markdown, of which only code, braces and tags matter,
 * and blocks. Runs in the `cml` worker on foreign bytes; no recursion, linear in
 * the file but for code spans that do not end (each looks to its paragraph's
 * end). */
#include "workers/cml/mdx_scan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "workers/cml/mdx_int.h"

#define TAG_MAX 64

void mdx_init(struct mdx *m)
{
    *m = (struct mdx){0};
    buf_init(&m->xml, 8 * (size_t)LIMIT_CML_TEXT_BYTES);
}

void mdx_release(struct mdx *m)
{
    buf_release(&m->xml);
    free(m->spans);
    free(m->prose);
    m->spans = NULL;
    m->prose = NULL;
}

int mdx_fail(struct scan *s, size_t at, const char *hint, const char *fmt, ...)
{
    struct loc where = {s->path, 1, 1};
    char text[DIAG_TEXT_BYTES];
    va_list ap;

    for (size_t i = 0; i < at && i < s->in.n; i++) {
        where.col++;
        if (s->in.p[i] == '\n') {
            where.line++;
            where.col = 1;
        }
    }
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    (void)diag_set(s->diag, ERR_INPUT, where, "%s", text);
    if (hint[0] != '\0') {
        diag_hint(s->diag, "%s", hint);
    }
    return ERR_INPUT;
}

int mdx_is_at(const struct scan *s, size_t at, const char *text)
{
    size_t n = strlen(text);

    return at <= s->in.n && s->in.n - at >= n &&
           memcmp(s->in.p + at, text, n) == 0;
}

size_t mdx_next_line(const struct scan *s, size_t at)
{
    const uint8_t *n = memchr(s->in.p + at, '\n', s->in.n - at);

    return n != NULL ? (size_t)(n - s->in.p) + 1 : s->in.n;
}

static int add_span(struct mdx *m, size_t from)
{
    if (m->spans_n == m->spans_cap) {
        size_t cap = m->spans_cap > 0 ? m->spans_cap * 2 : 64;
        struct xml_span *more = reallocarray(m->spans, cap, sizeof(*more));

        if (more == NULL) {
            return ERR_NOMEM;
        }
        m->spans = more;
        m->spans_cap = cap;
    }
    m->spans[m->spans_n++] = (struct xml_span){buf_len(&m->xml), from};
    return 0;
}

int mdx_emit(struct scan *s, size_t from, size_t n)
{
    TRY(add_span(s->m, from));
    return buf_put(&s->m->xml, s->in.p + from, n);
}

static int add_prose(struct mdx *m, struct ubytes text)
{
    if (m->prose_n == m->prose_cap) {
        size_t cap = m->prose_cap > 0 ? m->prose_cap * 2 : 16;
        struct ubytes *more = reallocarray(m->prose, cap, sizeof(*more));

        if (more == NULL) {
            return ERR_NOMEM;
        }
        m->prose = more;
        m->prose_cap = cap;
    }
    m->prose[m->prose_n++] = text;
    return 0;
}

static size_t run_of(const struct scan *s, size_t at)
{
    size_t n = 0;

    while (at + n < s->in.n && s->in.p[at + n] == s->in.p[at]) {
        n++;
    }
    return n;
}

/* What stands before a line's text: blanks and quote marks. */
static size_t margin(const struct scan *s, size_t at)
{
    while (at < s->in.n && (s->in.p[at] == ' ' || s->in.p[at] == '\t' ||
                            s->in.p[at] == '>')) {
        at++;
    }
    return at;
}

static int is_fence(const struct scan *s, size_t at)
{
    return (mdx_is_at(s, at, "```") || mdx_is_at(s, at, "~~~"));
}

/* Over the fenced code that begins at `fence`; one that does not end goes to the
 * end of the file. */
static void skip_fence(struct scan *s, size_t fence)
{
    uint8_t sign = s->in.p[fence];
    size_t n = run_of(s, fence);

    for (s->at = mdx_next_line(s, fence); s->at < s->in.n;) {
        size_t at = margin(s, s->at);
        size_t next = mdx_next_line(s, s->at);

        if (at < next && s->in.p[at] == sign && run_of(s, at) >= n) {
            at += run_of(s, at);
            while (at < next && strchr(" \t\r\n", s->in.p[at]) != NULL &&
                   s->in.p[at] != '\0') {
                at++;
            }
            if (at == next) {
                s->at = next;
                return;
            }
        }
        s->at = next;
    }
}

/* Over `code`: to the next run of as many, within the paragraph; else over the
 * run alone. */
static void skip_code(struct scan *s)
{
    size_t n = run_of(s, s->at);
    size_t at = s->at + n;

    s->at = at;
    while (at < s->in.n) {
        if (s->in.p[at] == '`') {
            size_t run = run_of(s, at);

            at += run;
            if (run == n) {
                s->at = at;
                return;
            }
            continue;
        }
        if (s->in.p[at] == '\n' &&
            (mdx_is_at(s, at + 1, "\n") || mdx_is_at(s, at + 1, "\r\n"))) {
            return;
        }
        at++;
    }
}

/* The name at `at`, without "cml:"; "" when it is none, or too long to be one. */
static void tag_name(const struct scan *s, size_t at, char out[static TAG_MAX])
{
    size_t n = 0;

    at += mdx_is_at(s, at, "cml:") ? 4 : 0;
    while (at + n < s->in.n && n + 1 < TAG_MAX &&
           ((s->in.p[at + n] >= 'a' && s->in.p[at + n] <= 'z') ||
            (s->in.p[at + n] >= 'A' && s->in.p[at + n] <= 'Z') ||
            (s->in.p[at + n] >= '0' && s->in.p[at + n] <= '9') ||
            s->in.p[at + n] == '_' || s->in.p[at + n] == '.')) {
        out[n] = (char)s->in.p[at + n];
        n++;
    }
    out[n] = '\0';
}

/* A tag in prose: HTML is skipped, a component must be one of CML. */
static int tag(struct scan *s, size_t *io_prose)
{
    char name[TAG_MAX];
    const char *near = NULL;
    int is_end = mdx_is_at(s, s->at, "</");
    size_t at = s->at;

    tag_name(s, s->at + 1 + (size_t)is_end, name);
    if (name[0] < 'A' || name[0] > 'Z') {
        s->at++;
        return 0;
    }
    if (!is_end && (strcmp(name, "Unit") == 0 || strcmp(name, "CML") == 0)) {
        TRY(add_prose(s->m, (struct ubytes){s->in.p + *io_prose,
                                            s->at - *io_prose}));
        TRY(mdx_block(s));
        *io_prose = s->at;
        return 0;
    }
    if (!xml_is_tag(name, &near)) {
        (void)mdx_fail(s, at, "HTML is written in lower case, code in `quotes`",
                       "no element <%s> in CML", name);
        if (near != NULL) {
            diag_hint(s->diag, "did you mean <%s>?", near);
        }
        return ERR_INPUT;
    }
    return mdx_fail(s, at, "", is_end ? "</%s> closes nothing"
                                      : "<%s> outside of a <Unit>",
                    name);
}

static int is_script(const struct scan *s, size_t at)
{
    return mdx_is_at(s, at, "import ") || mdx_is_at(s, at, "import{") ||
           mdx_is_at(s, at, "export ") || mdx_is_at(s, at, "export{");
}

/* What stands at the start of a line: 1 when it was taken, 0, ERR_*. */
static int line_start(struct scan *s)
{
    size_t at = margin(s, s->at);

    if (is_fence(s, at)) {
        skip_fence(s, at);
        return 1;
    }
    if (is_script(s, s->at)) {
        TRY(mdx_import(s));
        return 1;
    }
    return 0;
}

/* One step through prose. */
static int prose(struct scan *s, size_t *io_prose)
{
    struct ubytes value;
    int is_meta;

    switch (s->in.p[s->at]) {
    case '\\':
        s->at += s->at + 1 < s->in.n && s->in.p[s->at + 1] != '\n' ? 2 : 1;
        return 0;
    case '`':
        skip_code(s);
        return 0;
    case '{':
        return mdx_braces(s, &value, &is_meta);
    case '<':
        if (mdx_is_at(s, s->at, "<!--")) {
            const uint8_t *end = memmem(s->in.p + s->at + 4,
                                        s->in.n - s->at - 4, "-->", 3);

            if (end == NULL) {
                return mdx_fail(s, s->at, "", "a comment that does not end");
            }
            s->at = (size_t)(end - s->in.p) + 3;
            return 0;
        }
        return tag(s, io_prose);
    default:
        s->at++;
        return 0;
    }
}

int mdx_scan(struct mdx *m, struct arena *a, struct ubytes in, const char *path,
             struct diag *diag)
{
    struct scan s = {.m = m, .a = a, .in = in, .path = path, .diag = diag};
    size_t from = 0; /* of the prose that goes on */

    s.at = mdx_is_at(&s, 0, "\xef\xbb\xbf") ? 3 : 0;
    TRY(add_span(m, 0));
    TRY(buf_put(&m->xml, "<CML>", 5));
    TRY(mdx_frontmatter(&s));
    while (s.at < s.in.n) {
        int taken = s.at == 0 || s.in.p[s.at - 1] == '\n' ||
                            (s.at == 3 && from == 0)
                        ? line_start(&s)
                        : 0;

        TRY(taken);
        TRY(taken == 0 ? prose(&s, &from) : 0);
    }
    TRY(add_prose(m, (struct ubytes){in.p + from, in.n - from}));
    TRY(add_span(m, in.n));
    return buf_put(&m->xml, "</CML>", 6);
}
