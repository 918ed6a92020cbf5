/* Types of columns, said or guessed, and cells as values. Runs in the `cml`
 * worker. */
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/utf8.h"
#include "workers/cml/table_int.h"
#include "workers/lib/json.h"

/* --- types that are said --- */

struct words {
    const char *at;
    struct pbe *p;
};

static void skip_space(struct words *w)
{
    w->at += strspn(w->at, " \t\r\n");
}

static int fail_types(struct words *w)
{
    (void)diag_set(w->p->d, ERR_INPUT, (struct loc){0},
                   "--types: expected a type at \"%.40s\"", w->at);
    diag_hint(w->p->d, "u64, string -> [i64]: types of the inputs, an arrow, that "
                       "of the output; bool, u8 to u64, i8 to i64, f64, string, "
                       "bytes, [T]");
    return ERR_INPUT;
}

/* Brackets are counted, not recursed into. */
static int read_type(struct words *w, struct type *out)
{
    char name[8] = "";
    unsigned lists = 0;
    size_t n;

    for (skip_space(w); *w->at == '['; skip_space(w)) {
        w->at++;
        lists++;
    }
    n = strspn(w->at, "abcdefghijklmnopqrstuvwxyz0123456789");
    if (n == 0 || n >= sizeof(name) || lists >= TYPE_DEPTH_MAX) {
        return fail_types(w);
    }
    memcpy(name, w->at, n);
    if (type_from_name(name, out) < 0) {
        return fail_types(w);
    }
    w->at += n;
    for (skip_space(w); lists > 0; lists--, skip_space(w)) {
        *out = type_list_of(out);
        if (*w->at != ']' || out->n == 0) {
            return fail_types(w);
        }
        w->at++;
    }
    return 0;
}

int table_types(struct pbe *p, const char *text)
{
    struct words w = {text, p};

    p->params_n = 0;
    skip_space(&w);
    while (strncmp(w.at, "->", 2) != 0) {
        if (p->params_n == PBE_PARAMS_MAX) {
            return diag_set(p->d, ERR_LIMIT, (struct loc){0},
                            "--types: more than %u inputs", PBE_PARAMS_MAX);
        }
        TRY(read_type(&w, &p->types[p->params_n++]));
        if (*w.at != ',' && strncmp(w.at, "->", 2) != 0) {
            return fail_types(&w);
        }
        if (*w.at == ',') {
            w.at++;
            skip_space(&w);
            if (*w.at == '-') {
                return fail_types(&w);
            }
        }
    }
    w.at += 2;
    TRY(read_type(&w, &p->gives));
    return *w.at == '\0' ? 0 : fail_types(&w);
}

/* --- types that are guessed --- */

static int is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static size_t digits(struct ubytes s, size_t at)
{
    size_t n = 0;

    while (at + n < s.n && s.p[at + n] >= '0' && s.p[at + n] <= '9') {
        n++;
    }
    return n;
}

/* Is it a number of JSON, and one without point or exponent? */
static int is_number(struct ubytes s, int *out_integer)
{
    size_t at = s.n > 0 && s.p[0] == '-' ? 1u : 0u;
    size_t n = digits(s, at);

    *out_integer = at + n == s.n && !(at == 1 && n == 1 && s.p[1] == '0');
    if (n == 0 || (n > 1 && s.p[at] == '0')) {
        return 0;
    }
    at += n;
    if (at < s.n && s.p[at] == '.') {
        n = digits(s, at + 1);
        if (n == 0) {
            return 0;
        }
        at += n + 1;
    }
    if (at < s.n && (s.p[at] == 'e' || s.p[at] == 'E')) {
        at++;
        at += at < s.n && (s.p[at] == '+' || s.p[at] == '-') ? 1u : 0u;
        n = digits(s, at);
        at += n;
        if (n == 0) {
            return 0;
        }
    }
    return at == s.n;
}

static void guess_scalar(struct table_guess *g, struct ubytes s)
{
    static const char greatest[] = "9223372036854775807";
    size_t n = sizeof(greatest) - 1;
    int integer = 0;
    int number = is_number(s, &integer);

    g->not_bool |= !(s.n == 4 && memcmp(s.p, "true", 4) == 0) &&
                   !(s.n == 5 && memcmp(s.p, "false", 5) == 0);
    g->not_number |= !number;
    g->not_integer |= !integer || !number;
    g->is_negative |= s.n > 0 && s.p[0] == '-';
    g->is_text |= s.n > 0 && s.p[0] == '"';
    g->is_large |= s.n > n || (s.n == n && memcmp(s.p, greatest, n) > 0);
}

void table_guess_cell(struct table_guess *g, struct ubytes cell, int is_csv)
{
    uint32_t levels = 0;
    size_t from = 0;
    int quoted = 0;

    while (!is_csv && levels < cell.n && cell.p[levels] == '[') {
        levels++;
    }
    if (levels == 0) {
        g->is_ragged |= g->cells > 0 && g->lists != 0;
        g->cells++;
        guess_scalar(g, cell);
        return;
    }
    g->is_ragged |= g->cells > 0 && g->lists != levels;
    g->lists = levels;
    g->cells++;
    for (size_t i = 0; i <= cell.n; i++) { /* pieces between signs */
        uint8_t c = i < cell.n ? cell.p[i] : ']';

        if (c == '\\' && quoted) {
            i++;
        } else if (c == '"') {
            quoted = !quoted;
        } else if (!quoted && (c == ',' || c == '[' || c == ']' || is_space(c))) {
            if (i > from) {
                guess_scalar(g, (struct ubytes){cell.p + from, i - from});
            }
            from = i + 1;
        }
    }
}

int table_guess_type(const struct table_guess *g, struct type *out)
{
    const char *name = !g->not_bool      ? "bool"
                       : !g->not_integer ? (g->is_large && !g->is_negative
                                                ? "u64"
                                                : "i64")
                       : !g->not_number  ? "f64"
                                         : "string";

    if (g->is_ragged || g->cells == 0) {
        return ERR_INPUT;
    }
    if (!g->not_bool && !g->not_integer) {
        name = "i64"; /* empty lists only */
    }
    TRY(type_from_name(name, out));
    for (uint32_t i = 0; i < g->lists; i++) {
        *out = type_list_of(out);
        if (out->n == 0) {
            return ERR_INPUT;
        }
    }
    return 0;
}

static int can_be_searched(const struct type *t)
{
    struct type element;

    switch ((int)type_tag_at(t, 0)) {
    case TYPE_BOOL:
    case TYPE_INT:
    case TYPE_STRING:
        return 1;
    case TYPE_LIST:
        element = type_sub(t, 1);
        return element.n == 2 && element.b[0] == TYPE_INT && element.b[1] == 8;
    default:
        return 0;
    }
}

int table_check_types(struct pbe *p)
{
    for (uint32_t i = 0; i <= p->params_n; i++) {
        const struct type *t = i < p->params_n ? &p->types[i] : &p->gives;
        char name[80];

        if (!can_be_searched(t)) {
            type_text(t, name, sizeof(name));
            (void)diag_set(p->d, ERR_INPUT, (struct loc){p->path, 0, 0},
                           "nothing is known about functions of %s", name);
            diag_hint(p->d, "bool, integers, string and [i64] can be searched; "
                            "--types says other types");
            return ERR_INPUT;
        }
    }
    return pbe_close_types(p);
}

/* --- cells --- */

int table_cell(struct pbe *p, struct ubytes cell, int is_csv,
               const struct type *t, struct loc at, struct buf *out)
{
    CLEANUP(buf_release) struct buf value;
    CLEANUP(buf_release) struct buf line;
    struct json_error e = {0};
    int code;

    buf_init(&value, LIMIT_VALUE_BYTES);
    buf_init(&line, LIMIT_CML_TEXT_BYTES);
    if (is_csv && type_tag_at(t, 0) == TYPE_STRING) {
        return value_put_string(out, cell);
    }
    for (size_t i = 0; i < cell.n; i++) { /* between words of JSON */
        TRY(buf_put_u8(&line, cell.p[i] == '\n' ? ' ' : cell.p[i]));
    }
    code = json_read(buf_bytes(&line), t, &value, &e);
    if (code < 0) {
        return code == ERR_LIMIT
                   ? diag_set(p->d, code, at, "a value of over 1 MiB")
                   : code;
    }
    if (code != JSON_OK) {
        char name[80];

        type_text(t, name, sizeof(name));
        (void)diag_set(p->d, ERR_INPUT, at, "no %s: %s", name, e.what);
        diag_hint(p->d, "--types says of which types the columns are");
        return ERR_INPUT;
    }
    return buf_put(out, buf_bytes(&value).p, buf_len(&value));
}

int table_check_text(struct pbe *p, struct ubytes in)
{
    uint32_t line = 1;
    size_t start = 0;

    for (size_t i = 0; i < in.n;) {
        uint32_t cp = 0;
        size_t n = utf8_next((struct ubytes){in.p + i, in.n - i}, &cp);

        if (n == 0 || cp == 0) {
            return diag_set(p->d, ERR_INPUT,
                            (struct loc){p->path, line, (uint32_t)(i - start + 1)},
                            n == 0 ? "not UTF-8" : "a NUL character");
        }
        if (cp == '\n') {
            line++;
            start = i + n;
        }
        i += n;
    }
    return in.n > 0 ? 0
                    : diag_set(p->d, ERR_INPUT, (struct loc){p->path, 1, 1},
                               "the file is empty");
}
