/* JSON examples. A scanner finds the values without recursion; what they are is
 * read against their types by workers/lib/json. Runs in the `cml` worker, on
 * foreign bytes. */
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "workers/cml/table_int.h"

/* A value of the text that was scanned, not read. */
struct piece {
    struct ubytes text;
    struct loc at;
};

struct scan {
    struct pbe *p;
    struct ubytes in;
    size_t at;
    size_t line_start;
    uint32_t line;
};

struct pieces {
    struct piece *v; /* in the arena */
    uint32_t n;
    uint32_t cap;
};

static struct loc here(const struct scan *s)
{
    return (struct loc){s->p->path, s->line,
                        (uint32_t)(s->at - s->line_start + 1)};
}

static int fail(struct scan *s, const char *what)
{
    (void)diag_set(s->p->d, ERR_INPUT, here(s), "%s", what);
    diag_hint(s->p->d, "[{\"in\": [1, 2], \"out\": 3}, ...] or {\"inputs\": "
                       "[[1, 2], ...], \"outputs\": [3, ...]}");
    return ERR_INPUT;
}

static void skip_space(struct scan *s)
{
    for (; s->at < s->in.n && strchr(" \t\r\n", s->in.p[s->at]) != NULL;
         s->at++) {
        if (s->in.p[s->at] == '\n') {
            s->line++;
            s->line_start = s->at + 1;
        }
    }
}

static int at_sign(struct scan *s, char sign)
{
    skip_space(s);
    return s->at < s->in.n && s->in.p[s->at] == (uint8_t)sign;
}

static int expect(struct scan *s, char sign, const char *what)
{
    if (!at_sign(s, sign)) {
        return fail(s, what);
    }
    s->at++;
    return 0;
}

/* Behind a value or member: 1 when another one follows, else behind `close`. */
static int more(struct scan *s, char close, const char *what)
{
    if (at_sign(s, ',')) {
        s->at++;
        return 1;
    }
    return expect(s, close, what);
}

static int scan_string(struct scan *s)
{
    for (s->at++; s->at < s->in.n; s->at++) {
        uint8_t c = s->in.p[s->at];

        if (c == '"') {
            s->at++;
            return 0;
        }
        if (c < 0x20) {
            return fail(s, "a control character in a string");
        }
        s->at += c == '\\';
    }
    s->at = s->in.n;
    return fail(s, "a string that does not end");
}

/* Over one value: brackets are counted. Objects are none of ours. */
static int scan_value(struct scan *s, struct piece *out)
{
    unsigned depth = 0;

    skip_space(s);
    out->at = here(s);
    out->text.p = s->in.p + s->at;
    do {
        uint8_t c;

        skip_space(s);
        c = s->at < s->in.n ? s->in.p[s->at] : 0;
        if (c == '"') {
            TRY(scan_string(s));
        } else if (c == '[') {
            if (++depth > LIMIT_TEXT_DEPTH) {
                return diag_set(s->p->d, ERR_LIMIT, here(s),
                                "nested more than %d deep", LIMIT_TEXT_DEPTH);
            }
            s->at++;
        } else if (c == ']' && depth > 0) {
            depth--;
            s->at++;
        } else if (c == ',' && depth > 0) {
            s->at++;
        } else if (c == 0 || strchr("{}],:", c) != NULL) {
            return fail(s, c == '{' ? "an object stands where a value should"
                                    : "expected a value");
        } else {
            while (s->at < s->in.n &&
                   strchr(" \t\r\n,[]{}:\"", s->in.p[s->at]) == NULL) {
                s->at++;
            }
        }
    } while (depth > 0);
    out->text.n = (size_t)(s->in.p + s->at - out->text.p);
    return 0;
}

static int add(struct scan *s, struct pieces *to, const struct piece *piece)
{
    if (to->n == to->cap) {
        uint32_t cap = to->cap > 0 ? to->cap * 2 : 64;
        struct piece *v = arena_array(s->p->arena, cap, sizeof(*v));

        if (v == NULL) {
            return ERR_NOMEM;
        }
        if (to->n > 0) {
            memcpy(v, to->v, to->n * sizeof(*v));
        }
        to->v = v;
        to->cap = cap;
    }
    to->v[to->n++] = *piece;
    return to->n <= PBE_EXAMPLES_MAX
               ? 0
               : diag_set(s->p->d, ERR_LIMIT, piece->at,
                          "more than %u examples", PBE_EXAMPLES_MAX);
}

/* The elements of a piece that is an array. */
static int open_piece(struct scan *s, const struct piece *of, struct pieces *out)
{
    struct scan in = {.p = s->p,
                      .in = of->text,
                      .line = of->at.line,
                      .line_start = 0};
    struct piece piece;
    int next = 1;

    out->n = 0;
    if (of->text.n == 0 || of->text.p[0] != '[') {
        return diag_set(s->p->d, ERR_INPUT, of->at,
                        "expected an array of values");
    }
    in.at = 1;
    in.line_start = (size_t)0 - (of->at.col - 1); /* columns go on counting */
    if (at_sign(&in, ']')) {
        return 0;
    }
    while (next > 0) {
        TRY(scan_value(&in, &piece));
        TRY(add(s, out, &piece));
        next = more(&in, ']', "expected \",\" or \"]\"");
        TRY(next);
    }
    return 0;
}

static int read_key(struct scan *s, struct ubytes *out)
{
    size_t from;

    if (!at_sign(s, '"')) {
        return fail(s, "expected a name in quotes");
    }
    from = s->at + 1;
    TRY(scan_string(s));
    *out = (struct ubytes){s->in.p + from, s->at - from - 1};
    return expect(s, ':', "expected \":\"");
}

static int is_key(struct ubytes key, const char *name)
{
    return key.n == strlen(name) && memcmp(key.p, name, key.n) == 0;
}

/* {"in": ..., "out": ...} with the names of the two. */
static int read_object(struct scan *s, const char *in, const char *out,
                       struct piece *out_in, struct piece *out_out)
{
    unsigned seen = 0;
    int next = 1;

    TRY(expect(s, '{', "expected an object"));
    while (next > 0) {
        struct ubytes key = {NULL, 0};
        unsigned which;

        skip_space(s);
        TRY(read_key(s, &key));
        which = is_key(key, in) ? 1 : is_key(key, out) ? 2 : 0;
        if (which == 0 || (seen & which) != 0) {
            (void)diag_set(s->p->d, ERR_INPUT, here(s),
                           which == 0 ? "expected \"%s\" or \"%s\""
                                      : "\"%s\" or \"%s\" stands twice",
                           in, out);
            return ERR_INPUT;
        }
        TRY(scan_value(s, which == 1 ? out_in : out_out));
        seen |= which;
        next = more(s, '}', "expected \",\" or \"}\"");
        TRY(next);
    }
    if (seen != 3) {
        (void)diag_set(s->p->d, ERR_INPUT, here(s),
                       "\"%s\" and \"%s\" are needed", in, out);
        return ERR_INPUT;
    }
    return 0;
}

static int read_pairs(struct scan *s, struct pieces *ins, struct pieces *outs)
{
    int next = 1;

    TRY(expect(s, '[', "expected \"[\" or \"{\""));
    if (at_sign(s, ']')) {
        s->at++;
        return 0;
    }
    while (next > 0) {
        struct piece in;
        struct piece out;

        TRY(read_object(s, "in", "out", &in, &out));
        TRY(add(s, ins, &in));
        TRY(add(s, outs, &out));
        next = more(s, ']', "expected \",\" or \"]\"");
        TRY(next);
    }
    return 0;
}

static int read_lists(struct scan *s, struct pieces *ins, struct pieces *outs)
{
    struct piece in;
    struct piece out;

    TRY(read_object(s, "inputs", "outputs", &in, &out));
    TRY(open_piece(s, &in, ins));
    TRY(open_piece(s, &out, outs));
    if (ins->n != outs->n) {
        return diag_set(s->p->d, ERR_INPUT, out.at,
                        "%u inputs and %u outputs", ins->n, outs->n);
    }
    return 0;
}

/* The arguments of one input; that of a function of one may stand without array. */
static int open_input(struct scan *s, const struct piece *in, int is_bare,
                      struct pieces *out)
{
    out->n = 0;
    if (is_bare) {
        return add(s, out, in);
    }
    return open_piece(s, in, out);
}

/* No input is an array: each is the one argument. */
static int all_bare(const struct pieces *ins)
{
    for (uint32_t i = 0; i < ins->n; i++) {
        if (ins->v[i].text.n > 0 && ins->v[i].text.p[0] == '[') {
            return 0;
        }
    }
    return 1;
}

static int wrong_number(struct scan *s, const struct piece *in, uint32_t n)
{
    (void)diag_set(s->p->d, ERR_INPUT, in->at,
                   "%u arguments; %u are expected here", n, s->p->params_n);
    diag_hint(s->p->d, "\"in\" is the array of all arguments: one list is "
                       "[[1, 2]]");
    return ERR_INPUT;
}

static int guess(struct scan *s, const struct pieces *ins,
                 const struct pieces *outs, int is_bare)
{
    struct pbe *p = s->p;
    struct table_guess *g =
        arena_array(p->arena, PBE_PARAMS_MAX + 1, sizeof(*g));
    struct pieces args = {0};

    if (g == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < ins->n; i++) {
        TRY(open_input(s, &ins->v[i], is_bare, &args));
        if (args.n > PBE_PARAMS_MAX) {
            return diag_set(p->d, ERR_LIMIT, ins->v[i].at,
                            "more than %u arguments", PBE_PARAMS_MAX);
        }
        p->params_n = i == 0 ? args.n : p->params_n;
        if (args.n != p->params_n) {
            return wrong_number(s, &ins->v[i], args.n);
        }
        for (uint32_t k = 0; k < args.n; k++) {
            table_guess_cell(&g[k], args.v[k].text, 0);
        }
        table_guess_cell(&g[PBE_PARAMS_MAX], outs->v[i].text, 0);
    }
    for (uint32_t k = 0; k <= p->params_n && ins->n > 0; k++) {
        int last = k == p->params_n;

        if (table_guess_type(&g[last ? PBE_PARAMS_MAX : k],
                             last ? &p->gives : &p->types[k]) < 0) {
            (void)diag_set(p->d, ERR_INPUT, ins->v[0].at,
                           "no one type fits %s %u in all examples",
                           last ? "the outputs, value" : "argument", k + 1);
            diag_hint(p->d, "--types says of which types they are");
            return ERR_INPUT;
        }
    }
    return 0;
}

static int put(struct scan *s, const struct piece *in, const struct piece *out,
               int is_bare, struct pieces *args)
{
    CLEANUP(buf_release) struct buf from;
    CLEANUP(buf_release) struct buf to;
    struct pbe *p = s->p;

    buf_init(&from, LIMIT_VALUE_BYTES);
    buf_init(&to, LIMIT_VALUE_BYTES);
    TRY(open_input(s, in, is_bare, args));
    if (args->n != p->params_n) {
        return wrong_number(s, in, args->n);
    }
    TRY(value_put_tuple(&from, args->n));
    for (uint32_t i = 0; i < args->n; i++) {
        TRY(table_cell(p, args->v[i].text, 0, &p->types[i], args->v[i].at,
                       &from));
    }
    TRY(table_cell(p, out->text, 0, &p->gives, out->at, &to));
    return pbe_add(p, buf_bytes(&from), buf_bytes(&to), in->at);
}

static int name_all(struct pbe *p)
{
    p->name = "f";
    for (uint32_t i = 0; i < p->params_n; i++) {
        p->params[i] = pbe_name(p, (struct ubytes){(const uint8_t *)"x", 1});
        if (p->params[i] == NULL) {
            return ERR_NOMEM;
        }
    }
    return 0;
}

int table_read_json(struct pbe *p, struct ubytes in, const struct table_ask *ask)
{
    struct scan s = {.p = p, .in = in, .line = 1};
    struct pieces ins = {0};
    struct pieces outs = {0};
    struct pieces args = {0};
    int is_bare;

    p->format = "JSON";
    TRY(table_check_text(p, in));
    TRY(at_sign(&s, '{') ? read_lists(&s, &ins, &outs)
                         : read_pairs(&s, &ins, &outs));
    skip_space(&s);
    if (s.at < in.n) {
        return fail(&s, "text behind the examples");
    }
    is_bare = all_bare(&ins);
    TRY(ask->types[0] != '\0' ? table_types(p, ask->types)
                              : guess(&s, &ins, &outs, is_bare));
    if (ins.n == 0) {
        return 0; /* pbe_settle says so */
    }
    TRY(table_check_types(p));
    TRY(name_all(p));
    for (uint32_t i = 0; i < ins.n; i++) {
        TRY(put(&s, &ins.v[i], &outs.v[i], is_bare, &args));
    }
    return 0;
}
