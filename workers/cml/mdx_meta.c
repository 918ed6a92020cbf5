/* The head of an MDX file: frontmatter, a flat YAML map, and the import. Also what
 * may stand in braces. No JavaScript is read, and of YAML only this subset: the
 * rest is refused by name. Runs in the `cml` worker on foreign bytes. */
#include <string.h>

#include "proto/err.h"
#include "workers/cml/mdx_int.h"

#define KEY_MAX 64
#define NAME_CHARS                                                             \
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

static size_t span_of(const struct scan *s, size_t at, size_t end,
                      const char *chars)
{
    size_t from = at;

    while (at < end && s->in.p[at] != '\0' &&
           strchr(chars, s->in.p[at]) != NULL) {
        at++;
    }
    return at - from;
}

/* Where the line that at is in ends, without "\n" or "\r\n". */
static size_t line_end(const struct scan *s, size_t at)
{
    const uint8_t *n = memchr(s->in.p + at, '\n', s->in.n - at);
    size_t end = n != NULL ? (size_t)(n - s->in.p) : s->in.n;

    return end > at && s->in.p[end - 1] == '\r' ? end - 1 : end;
}

static int is_rule(const struct scan *s, size_t at)
{
    size_t end = line_end(s, at);

    return mdx_is_at(s, at, "---") &&
           at + 3 + span_of(s, at + 3, end, " \t") == end;
}

static struct mdx_key *find_key(const struct scan *s, const char *name)
{
    for (struct mdx_key *k = s->keys; k != NULL; k = k->next) {
        if (strcmp(k->name, name) == 0) {
            return k;
        }
    }
    return NULL;
}

/* "text" or 'text' from at on. */
static int quoted(struct scan *s, size_t at, size_t end, struct ubytes *out)
{
    char quote = (char)s->in.p[at];
    char *text = arena_array(s->a, end - at + 1, 1);
    size_t i = at + 1;
    size_t n = 0;

    if (text == NULL) {
        return ERR_NOMEM;
    }
    for (;; i++) {
        if (i >= end) {
            return mdx_fail(s, at, "", "a value whose quotes do not end");
        }
        if (s->in.p[i] == quote) {
            if (quote == '"' || i + 1 >= end || s->in.p[i + 1] != '\'') {
                break;
            }
            i++; /* '' is one ' */
        } else if (quote == '"' && s->in.p[i] == '\\') {
            i++;
            if (i >= end || strchr("\"\\/nt", s->in.p[i]) == NULL) {
                return mdx_fail(s, i, "\\\" \\\\ \\/ \\n and \\t are there",
                                "an escape that is not read here");
            }
            text[n++] = s->in.p[i] == 'n'   ? '\n'
                        : s->in.p[i] == 't' ? '\t'
                                            : (char)s->in.p[i];
            continue;
        }
        text[n++] = (char)s->in.p[i];
    }
    *out = (struct ubytes){(const uint8_t *)text, n};
    i += 1 + span_of(s, i + 1, end, " \t");
    return i == end || s->in.p[i] == '#'
               ? 0
               : mdx_fail(s, i, "", "text behind a value in quotes");
}

static int value(struct scan *s, size_t at, size_t end, struct ubytes *out)
{
    static const struct {
        char c;
        const char *what;
    } others[] = {{'&', "an anchor (&)"},     {'*', "an alias (*)"},
                  {'!', "a tag (!)"},         {'|', "a block text (|)"},
                  {'>', "a block text (>)"},  {'{', "a map in a map"},
                  {'[', "a list"},            {'%', "a directive (%)"},
                  {'@', "a reserved sign"},   {'`', "a reserved sign"}};

    if (at == end || s->in.p[at] == '#') {
        *out = (struct ubytes){s->in.p + at, 0};
        return 0;
    }
    if (s->in.p[at] == '"' || s->in.p[at] == '\'') {
        return quoted(s, at, end, out);
    }
    for (size_t i = 0; i < ARRAY_N(others); i++) {
        if (s->in.p[at] == (uint8_t)others[i].c) {
            return mdx_fail(s, at, "a flat map of texts: key: value; quotes make "
                                   "anything a text",
                            "%s in the frontmatter", others[i].what);
        }
    }
    for (size_t i = at; i < end; i++) {
        if (s->in.p[i] == '#' && (s->in.p[i - 1] == ' ' ||
                                  s->in.p[i - 1] == '\t')) {
            end = i;
        } else if (s->in.p[i] == ':' && (i + 1 == end || s->in.p[i + 1] == ' ')) {
            return mdx_fail(s, i, "put the value in quotes",
                            "a second \":\" in a line of the frontmatter");
        }
    }
    while (end > at && (s->in.p[end - 1] == ' ' || s->in.p[end - 1] == '\t')) {
        end--;
    }
    *out = (struct ubytes){s->in.p + at, end - at};
    return 0;
}

/* key: value */
static int entry(struct scan *s, size_t at, size_t end)
{
    size_t n = span_of(s, at, end, NAME_CHARS "-");
    struct mdx_key *k = arena_get(s->a, sizeof(*k));
    size_t i;

    if (k == NULL) {
        return ERR_NOMEM;
    }
    if (s->in.p[at] == ' ' || s->in.p[at] == '\t' || s->in.p[at] == '-') {
        return mdx_fail(s, at, "a flat map of texts: key: value",
                        "a list or a map in the frontmatter");
    }
    if (n == 0 || n > KEY_MAX || at + n >= end || s->in.p[at + n] != ':' ||
        (at + n + 1 < end && s->in.p[at + n + 1] != ' ' &&
         s->in.p[at + n + 1] != '\t')) {
        return mdx_fail(s, at, "key: value, the key of letters, digits, _ and -",
                        "a line of the frontmatter that is no \"key: value\"");
    }
    k->name = arena_text(s->a, s->in.p + at, n);
    if (k->name == NULL) {
        return ERR_NOMEM;
    }
    if (find_key(s, k->name) != NULL) {
        return mdx_fail(s, at, "", "\"%s\" is there already", k->name);
    }
    i = at + n + 1;
    i += span_of(s, i, end, " \t");
    TRY(value(s, i, end, &k->value));
    k->next = s->keys;
    s->keys = k;
    return 0;
}

int mdx_frontmatter(struct scan *s)
{
    size_t first = s->at;

    if (!is_rule(s, s->at)) {
        return 0;
    }
    for (s->at = mdx_next_line(s, s->at); s->at < s->in.n;
         s->at = mdx_next_line(s, s->at)) {
        size_t end = line_end(s, s->at);
        size_t blank = span_of(s, s->at, end, " \t");

        for (size_t i = s->at; i < end; i++) {
            if (s->in.p[i] < 0x20 && s->in.p[i] != '\t') {
                return mdx_fail(s, i, "", "a control character");
            }
        }
        if (is_rule(s, s->at)) {
            s->at = mdx_next_line(s, s->at);
            return 0;
        }
        if (s->at + blank < end && s->in.p[s->at + blank] != '#') {
            TRY(entry(s, s->at, end));
        }
    }
    return mdx_fail(s, first, "a line of --- ends it",
                    "the frontmatter does not end");
}

static void blanks(struct scan *s)
{
    s->at += span_of(s, s->at, s->in.n, " \t\r\n");
}

/* A, B } : names of elements or of kinds. */
static int import_names(struct scan *s)
{
    for (;;) {
        char name[KEY_MAX];
        const char *near = NULL;
        size_t n;

        blanks(s);
        if (mdx_is_at(s, s->at, "}")) {
            s->at++;
            return 0;
        }
        n = span_of(s, s->at, s->in.n, NAME_CHARS);
        if (n == 0 || n >= sizeof(name)) {
            return mdx_fail(s, s->at, "import { Unit, BinOp } from '@cml/core'",
                            "expected a name to import");
        }
        memcpy(name, s->in.p + s->at, n);
        name[n] = '\0';
        if (!xml_is_tag(name, &near) &&
            cml_kind_from_name((struct ubytes){(uint8_t *)name, n}) ==
                CML_KINDS) {
            (void)mdx_fail(s, s->at, "", "no \"%s\" in @cml/core", name);
            if (near != NULL) {
                diag_hint(s->diag, "did you mean \"%s\"?", near);
            }
            return ERR_INPUT;
        }
        s->at += n;
        blanks(s);
        if (!mdx_is_at(s, s->at, ",") && !mdx_is_at(s, s->at, "}")) {
            return mdx_fail(s, s->at, "names cannot be changed by \"as\"",
                            "expected \",\" or \"}\"");
        }
        s->at += mdx_is_at(s, s->at, ",") ? 1 : 0;
    }
}

int mdx_import(struct scan *s)
{
    static const char form[] = "import { Unit, BinOp } from '@cml/core'";
    size_t from = s->at;
    size_t end;

    if (mdx_is_at(s, s->at, "export")) {
        return mdx_fail(s, s->at, "text that begins so: put it behind a space",
                        "an export: JavaScript is not read here");
    }
    s->at += strlen("import");
    blanks(s);
    if (!mdx_is_at(s, s->at, "{")) {
        return mdx_fail(s, from, form, "an import that is not of CML");
    }
    s->at++;
    TRY(import_names(s));
    blanks(s);
    if (!mdx_is_at(s, s->at, "from")) {
        return mdx_fail(s, s->at, form, "expected \"from\"");
    }
    s->at += strlen("from");
    blanks(s);
    if (!mdx_is_at(s, s->at, "'@cml/core'") &&
        !mdx_is_at(s, s->at, "\"@cml/core\"")) {
        return mdx_fail(s, s->at, form, "an import that is not from '@cml/core'");
    }
    s->at += strlen("'@cml/core'");
    s->at += mdx_is_at(s, s->at, ";") ? 1 : 0;
    end = line_end(s, s->at);
    if (s->at + span_of(s, s->at, end, " \t") != end) {
        return mdx_fail(s, s->at, "", "text behind an import");
    }
    s->at = end;
    return 0;
}

static int is_number(struct ubytes t)
{
    char text[48];
    size_t i;
    size_t n;

    if (t.n == 0 || t.n >= sizeof(text)) {
        return 0;
    }
    memcpy(text, t.p, t.n);
    text[t.n] = '\0';
    i = text[0] == '-' ? 1 : 0;
    if (strncmp(text + i, "0x", 2) == 0 || strncmp(text + i, "0b", 2) == 0) {
        n = strspn(text + i + 2, "0123456789abcdefABCDEF");
        return n > 0 && text[i + 2 + n] == '\0';
    }
    n = strspn(text + i, "0123456789");
    i += n;
    if (n > 0 && text[i] == '.') {
        n = strspn(text + i + 1, "0123456789");
        i += 1 + n;
    }
    if (n > 0 && (text[i] == 'e' || text[i] == 'E')) {
        i += text[i + 1] == '-' || text[i + 1] == '+' ? 2 : 1;
        n = strspn(text + i, "0123456789");
        i += n;
    }
    return n > 0 && text[i] == '\0';
}

static int from_frontmatter(struct scan *s, size_t at, struct ubytes name,
                            struct ubytes *out)
{
    char text[KEY_MAX + 1];
    const struct mdx_key *k = NULL;

    if (name.n > 0 && name.n <= KEY_MAX) {
        memcpy(text, name.p, name.n);
        text[name.n] = '\0';
        k = find_key(s, text);
    }
    if (k == NULL) {
        return mdx_fail(s, at, "keys stand between the two lines of --- at the "
                               "start",
                        "the frontmatter has no such key");
    }
    *out = k->value;
    return 0;
}

int mdx_braces(struct scan *s, struct ubytes *out_value, int *out_is_meta)
{
    static const char word[] = "frontmatter.";
    size_t from = s->at;
    size_t at = from + 1;
    size_t end;
    struct ubytes inside;

    at += span_of(s, at, s->in.n, " \t");
    end = at + span_of(s, at, s->in.n, NAME_CHARS ".+-");
    inside = (struct ubytes){s->in.p + at, end - at};
    end += span_of(s, end, s->in.n, " \t");
    *out_is_meta = 0;
    if (mdx_is_at(s, end, "}")) {
        s->at = end + 1;
        if (is_number(inside)) {
            *out_value = inside;
            return 0;
        }
        if (mdx_is_at(s, at, word)) {
            inside.p += strlen(word);
            inside.n -= strlen(word);
            *out_is_meta = 1;
            return from_frontmatter(s, at, inside, out_value);
        }
    }
    return mdx_fail(s, from, "{number} and {frontmatter.key} are there; a brace in "
                             "prose is written \\{",
                    "an expression: JavaScript is not read here");
}
