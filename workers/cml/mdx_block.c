/* A block of MDX as XML: what is in braces becomes a value in quotes, everything
 * else goes to the XML reader as it is, which refuses what is not CML. Runs in the
 * `cml` worker on foreign bytes; no recursion. */
#include <string.h>

#include "proto/err.h"
#include "proto/utf8.h"
#include "workers/cml/mdx_int.h"

#define NAME_MAX_BYTES 64

/* Up to and with `end`, as XML. */
static int pass(struct scan *s, const char *end, const char *what)
{
    const uint8_t *p =
        memmem(s->in.p + s->at, s->in.n - s->at, end, strlen(end));
    size_t from = s->at;

    if (p == NULL) {
        return mdx_fail(s, from, "", "%s that does not end", what);
    }
    s->at = (size_t)(p - s->in.p) + strlen(end);
    return mdx_emit(s, from, s->at - from);
}

static int is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int pass_space(struct scan *s)
{
    size_t from = s->at;

    while (s->at < s->in.n && is_space(s->in.p[s->at])) {
        s->at++;
    }
    return s->at > from ? mdx_emit(s, from, s->at - from) : 0;
}

/* A name of a tag or attribute, whatever XML will say of it. */
static int pass_name(struct scan *s, char out[static NAME_MAX_BYTES])
{
    size_t from = s->at;
    size_t n;

    while (s->at < s->in.n && !is_space(s->in.p[s->at]) &&
           strchr("=/><{}\"'", s->in.p[s->at]) == NULL) {
        s->at++;
    }
    n = s->at - from;
    if (n == 0 || n >= NAME_MAX_BYTES) {
        return mdx_fail(s, from, "attributes are name=\"text\", name={number} or "
                                 "name={frontmatter.key}",
                        "expected a name");
    }
    memcpy(out, s->in.p + from, n);
    out[n] = '\0';
    if (strncmp(out, "cml:", 4) == 0) {
        memmove(out, out + 4, n - 3);
    }
    return mdx_emit(s, from, n);
}

/* A value of the frontmatter in quotes. */
static int put_value(struct scan *s, size_t from, struct ubytes v)
{
    struct buf *xml = &s->m->xml;

    TRY(mdx_emit(s, from, 0));
    TRY(buf_put_u8(xml, '"'));
    for (size_t i = 0; i < v.n; i++) {
        if (strchr("<>&\"\n\t", v.p[i]) != NULL) {
            TRY(buf_putf(xml, "&#%u;", v.p[i]));
        } else {
            TRY(buf_put_u8(xml, v.p[i]));
        }
    }
    return buf_put_u8(xml, '"');
}

static int attribute(struct scan *s, const char *tag)
{
    char name[NAME_MAX_BYTES];
    struct ubytes value;
    size_t from;
    int is_meta = 0;

    TRY(pass_name(s, name));
    TRY(pass_space(s));
    if (!mdx_is_at(s, s->at, "=")) {
        return mdx_fail(s, s->at, "name=\"text\"",
                        "the attribute \"%s\" without a value", name);
    }
    TRY(mdx_emit(s, s->at++, 1));
    TRY(pass_space(s));
    from = s->at;
    if (mdx_is_at(s, from, "\"") || mdx_is_at(s, from, "'")) {
        char quote[2] = {(char)s->in.p[from], '\0'};

        TRY(mdx_emit(s, s->at++, 1));
        return pass(s, quote, "a value");
    }
    if (!mdx_is_at(s, from, "{")) {
        return mdx_fail(s, from, "name=\"text\", name={number} or "
                                 "name={frontmatter.key}",
                        "expected the value of \"%s\"", name);
    }
    TRY(mdx_braces(s, &value, &is_meta));
    if (is_meta && xml_attr_counts(tag, name)) {
        return mdx_fail(s, from, "write the value itself, or make it an argument",
                        "frontmatter is metadata: no CID may depend on it");
    }
    return put_value(s, from, value);
}

/* <Name ...> or <Name .../>: *out_opens tells which. */
static int start(struct scan *s, int *out_opens)
{
    char tag[NAME_MAX_BYTES];
    size_t from = s->at;

    TRY(mdx_emit(s, s->at++, 1));
    TRY(pass_name(s, tag));
    for (;;) {
        TRY(pass_space(s));
        if (s->at >= s->in.n) {
            return mdx_fail(s, from, "", "a tag that does not end");
        }
        *out_opens = s->in.p[s->at] == '>';
        if (*out_opens || mdx_is_at(s, s->at, "/>")) {
            size_t n = *out_opens ? 1 : 2;

            s->at += n;
            return mdx_emit(s, s->at - n, n);
        }
        TRY(attribute(s, tag));
    }
}

/* Text between tags; XML will refuse most of it. */
static int between(struct scan *s)
{
    size_t from = s->at;

    while (s->at < s->in.n && s->in.p[s->at] != '<') {
        if (s->in.p[s->at] == '{') {
            return mdx_fail(s, s->at, "values in braces are for attributes",
                            "an expression between tags");
        }
        s->at++;
    }
    return mdx_emit(s, from, s->at - from);
}

int mdx_block(struct scan *s)
{
    size_t from = s->at;
    size_t open = 0;

    while (s->at < s->in.n) {
        int opens = 0;

        if (s->in.p[s->at] != '<') {
            TRY(between(s));
            continue;
        }
        if (mdx_is_at(s, s->at, "<!--")) {
            TRY(pass(s, "-->", "a comment"));
            continue;
        }
        if (mdx_is_at(s, s->at, "<!") || mdx_is_at(s, s->at, "<?")) {
            TRY(pass(s, ">", "a declaration"));
            continue;
        }
        if (mdx_is_at(s, s->at, "</")) {
            TRY(pass(s, ">", "a tag"));
            open--;
        } else {
            TRY(start(s, &opens));
            open += (size_t)opens;
        }
        if (open == 0) {
            return 0;
        }
    }
    return mdx_fail(s, from, "", "a block that does not end");
}
