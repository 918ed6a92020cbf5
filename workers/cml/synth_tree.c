/* Programs: their values, their length, their text. Runs in the `cml` worker. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "proto/err.h"
#include "proto/utf8.h"
#include "workers/cml/synth_int.h"

struct tree *tree_new(struct arena *a, const struct rule *r,
                      struct tree *const *kids)
{
    struct tree *t = arena_get(a, sizeof(*t));

    if (t == NULL) {
        return NULL;
    }
    t->rule = r;
    t->size = 1;
    for (uint32_t i = 0; i < r->args_n; i++) {
        t->kids[i] = kids[i];
        t->size += kids[i]->size;
    }
    return t;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the program is large */
int tree_columns(struct problem *p, const struct tree *t, const uint64_t *params,
                 uint32_t stride, uint32_t w, uint64_t *out)
{
    const struct rule *r = t->rule;
    struct arena_mark mark = arena_mark(&p->arena);
    const uint64_t *columns[SYNTH_ARGS_MAX] = {NULL, NULL, NULL};
    int code = 0;

    if (r->kind == RULE_PARAMETER) {
        memcpy(out, &params[(size_t)r->parameter * stride], w * sizeof(*out));
        return 0;
    }
    if (r->kind == RULE_CONSTANT) {
        for (uint32_t i = 0; i < w; i++) {
            out[i] = r->value;
        }
        return 0;
    }
    for (uint32_t i = 0; code == 0 && i < r->args_n; i++) {
        uint64_t *column = arena_array(&p->arena, w, sizeof(*column));

        if (column == NULL) {
            return ERR_NOMEM;
        }
        columns[i] = column;
        code = tree_columns(p, t->kids[i], params, stride, w, column);
    }
    if (code == 0 && synth_rule_columns(p, r, columns, w, out) != 0) {
        code = ERR_LIMIT;
    }
    arena_rewind(&p->arena, mark);
    return code;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the program is large */
double tree_bits(const struct problem *p, const struct tree *t)
{
    double bits = log2((double)p->sorts[t->rule->sort].n);

    for (uint32_t i = 0; i < t->rule->args_n; i++) {
        bits += tree_bits(p, t->kids[i]);
    }
    return bits;
}

/* --- text --- */

static void type_name(uint8_t code, char out[static 8])
{
    snprintf(out, 8, "%c%u", (code & TYPE_UNSIGNED) != 0 ? 'u' : 'i',
             8u * (code & 0x7fu));
}

static int put_text(struct buf *out, const char *text)
{
    return buf_put(out, text, strlen(text));
}

static int put_string(struct buf *out, const struct pool_item *e)
{
    struct ubytes s = {e->p, e->n};

    TRY(put_text(out, "\""));
    while (s.n > 0) {
        uint32_t cp = 0;
        size_t n = utf8_next(s, &cp);

        if (n == 0) {
            return ERR_TRACE(ERR_INTERNAL); /* checked when it was read */
        }
        if (cp == '"' || cp == '\\') {
            TRY(buf_putf(out, "\\%c", (char)cp));
        } else if (utf8_is_unsafe(cp)) {
            TRY(buf_putf(out, "\\u{%x}", cp));
        } else {
            TRY(buf_put(out, s.p, n));
        }
        s = (struct ubytes){s.p + n, s.n - n};
    }
    return put_text(out, "\"");
}

static int put_list(struct buf *out, const struct pool_item *e)
{
    TRY(put_text(out, "[i64]("));
    for (uint32_t i = 0; i < e->n; i++) {
        int64_t v;

        memcpy(&v, e->p + i * sizeof(v), sizeof(v));
        TRY(buf_putf(out, "%s%" PRId64, i > 0 ? ", " : "", v));
    }
    return put_text(out, ")");
}

static int put_constant(const struct problem *p, struct shape_of shape,
                        uint64_t v, struct buf *out)
{
    char type[8];

    switch (shape.letter) {
    case 'b':
        return put_text(out, v != 0 ? "true" : "false");
    case 's':
        return put_string(out, pool_at(&p->pool, v));
    case 'l':
        return put_list(out, pool_at(&p->pool, v));
    default:
        break;
    }
    type_name(shape.code, type);
    return (shape.code & TYPE_UNSIGNED) != 0
               ? buf_putf(out, "%" PRIu64 "%s", v, type)
               : buf_putf(out, "%" PRId64 "%s", (int64_t)v, type);
}

/* What is written where: a program, a node of a rule's own function within one, or
 * within a unit of its own (at NULL). */
struct place {
    const struct tree *at;
    const struct rule *own;
    uint32_t node;
};

static int put_place(const struct problem *p, struct place w, struct buf *out);

static struct place kid_of(struct place w, uint32_t i)
{
    const struct rule_node *n;

    if (w.own == NULL) {
        return (struct place){.at = w.at->kids[i]};
    }
    n = &w.own->nodes[w.own->nodes[w.node].args[i]];
    if (n->kind == NODE_ARGUMENT && w.at != NULL) {
        return (struct place){.at = w.at->kids[n->args[0]]};
    }
    return (struct place){w.at, w.own, w.own->nodes[w.node].args[i]};
}

/* $t and the like. 1: it is none of these. */
static int put_type(char c, uint8_t code, struct buf *out)
{
    char type[8];

    switch (c) {
    case 't':
        type_name(code, type);
        break;
    case 's':
        type_name(code & 0x7fu, type);
        break;
    case 'u':
        type_name(code | TYPE_UNSIGNED, type);
        break;
    case 'n':
        return buf_putf(out, "%u", 8u * (code & 0x7fu));
    default:
        return 1;
    }
    return put_text(out, type);
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the program is large */
static int put_operator(const struct problem *p, struct place w,
                        enum synth_op op, uint8_t code, struct buf *out)
{
    for (const char *s = synth_op_info(op)->expression; *s != '\0'; s++) {
        if (*s != '$') {
            TRY(buf_put(out, s, 1));
            continue;
        }
        s++;
        if (*s >= '1' && *s <= '3') {
            TRY(put_text(out, "("));
            TRY(put_place(p, kid_of(w, (uint32_t)(*s - '1')), out));
            TRY(put_text(out, ")"));
        } else {
            TRY(put_type(*s, code, out));
        }
    }
    return 0;
}

/* Is each argument used at most once? Then it is written in place. */
static int is_inline(const struct rule *r)
{
    uint32_t used[SYNTH_ARGS_MAX] = {0, 0, 0};
    uint32_t parents[SYNTH_NODES_MAX] = {0};

    for (uint32_t i = 0; i < r->nodes_n; i++) {
        const struct rule_node *n = &r->nodes[i];

        for (unsigned k = 0;
             n->kind == NODE_OPERATOR && k < synth_op_args(n->op); k++) {
            const struct rule_node *kid = &r->nodes[n->args[k]];

            if (kid->kind == NODE_ARGUMENT && used[kid->args[0]]++ > 0) {
                return 0;
            }
            if (kid->kind == NODE_OPERATOR && parents[n->args[k]]++ > 0) {
                return 0;
            }
        }
    }
    return r->nodes[r->nodes_n - 1].kind == NODE_OPERATOR;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the program is large */
static int put_call(const struct problem *p, const struct tree *t,
                    struct buf *out)
{
    TRY(buf_putf(out, "own_%u(", (unsigned)(t->rule - p->rules)));
    for (uint32_t i = 0; i < t->rule->args_n; i++) {
        TRY(put_text(out, i > 0 ? ", " : ""));
        TRY(put_place(p, (struct place){.at = t->kids[i]}, out));
    }
    return put_text(out, ")");
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the program is large */
static int put_own(const struct problem *p, struct place w, struct buf *out)
{
    const struct rule_node *n = &w.own->nodes[w.node];

    switch (n->kind) {
    case NODE_ARGUMENT:
        return buf_putf(out, "%c", 'a' + n->args[0]);
    case NODE_CONSTANT:
        return put_constant(p, n->shape, n->value, out);
    case NODE_OPERATOR:
        break;
    }
    return put_operator(p, w, n->op, n->code, out);
}

static int is_joined(const struct tree *t)
{
    return t->rule->kind == RULE_OPERATOR && t->rule->op == SYNTH_OP_concat;
}

/* Adds a string that is a constant, or joined of such. 1: it is not.
 * NOLINTNEXTLINE(misc-no-recursion): as deep as the program is large */
static int add_constant(const struct problem *p, const struct tree *t,
                        struct buf *text)
{
    const struct pool_item *s;
    int code;

    if (is_joined(t)) {
        code = add_constant(p, t->kids[0], text);
        return code != 0 ? code : add_constant(p, t->kids[1], text);
    }
    if (t->rule->kind != RULE_CONSTANT) {
        return 1;
    }
    s = pool_at(&p->pool, t->rule->value);
    return buf_put(text, s->p, s->n);
}

/* Constants that are joined one behind the other are written as one: *out_rest is what
 * comes behind them (NULL: nothing). 1: t does not begin with one. Not with a grammar
 * from outside, which need not have that constant. */
static int put_constants(const struct problem *p, const struct tree *t,
                         struct buf *out, const struct tree **out_rest)
{
    CLEANUP(buf_release) struct buf text;
    const struct tree *at = t;
    struct pool_item all = {.p = NULL};
    size_t n = 0;
    int code = 0;

    buf_init(&text, (size_t)SYNTH_SIZE_MAX * SYNTH_SEQUENCE_MAX);
    while (code == 0 && at != NULL && p->task->n_sorts == 0) {
        const struct tree *left = is_joined(at) ? at->kids[0] : at;

        n = buf_len(&text);
        code = add_constant(p, left, &text);
        at = code == 0 ? (left != at ? at->kids[1] : NULL) : at;
    }
    if (code < 0 || at == t) {
        return code < 0 ? code : 1;
    }
    all.p = buf_bytes(&text).p;
    all.n = (uint32_t)(at == NULL ? buf_len(&text) : n);
    *out_rest = at;
    return put_string(out, &all);
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the program is large */
static int put_rule(const struct problem *p, struct place w, struct buf *out)
{
    const struct rule *r = w.at->rule;
    const struct tree *rest = NULL;
    int code = is_joined(w.at) ? put_constants(p, w.at, out, &rest) : 1;

    if (code != 0) {
        return code < 0 ? code : put_operator(p, w, r->op, r->code, out);
    }
    if (rest == NULL) {
        return 0;
    }
    TRY(put_text(out, " ++ ("));
    TRY(put_place(p, (struct place){.at = rest}, out));
    return put_text(out, ")");
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the program is large */
static int put_place(const struct problem *p, struct place w, struct buf *out)
{
    const struct rule *r;

    if (w.own != NULL) {
        return put_own(p, w, out);
    }
    r = w.at->rule;
    switch (r->kind) {
    case RULE_PARAMETER:
        return buf_putf(out, "%c", 'a' + (int)r->parameter);
    case RULE_CONSTANT:
        return put_constant(p, p->sorts[r->sort].shape, r->value, out);
    case RULE_OPERATOR:
        return put_rule(p, w, out);
    case RULE_OWN:
        break;
    }
    if (!is_inline(r)) {
        return put_call(p, w.at, out);
    }
    w.own = r;
    w.node = r->nodes_n - 1;
    return put_own(p, w, out);
}

/* --- what it calls --- */

/* Adds units that are not there yet; each begins with "unit ". */
static int put_units(enum synth_op op, uint8_t code, struct buf *out)
{
    const char *s = synth_op_info(op)->units;

    while (*s != '\0') {
        const char *end = strstr(s + 1, " unit ");
        size_t n = end != NULL ? (size_t)(end - s) : strlen(s);
        size_t from = buf_len(out);
        struct ubytes all;

        for (size_t i = 0; i < n; i++) {
            if (s[i] == '$') {
                TRY(put_type(s[++i], code, out));
            } else {
                TRY(buf_put(out, &s[i], 1));
            }
        }
        TRY(put_text(out, "\n"));
        all = buf_bytes(out);
        if (from > 0 && memmem(all.p, from, all.p + from, all.n - from) != NULL) {
            buf_truncate(out, from);
        }
        s += n + (end != NULL ? 1 : 0);
    }
    return 0;
}

static int put_own_unit(const struct problem *p, const struct rule *r,
                        struct buf *out)
{
    char type[64];

    TRY(buf_putf(out, "unit own_%u(", (unsigned)(r - p->rules)));
    for (uint32_t i = 0; i < r->args_n; i++) {
        type_text(&p->sorts[r->args[i]].type, type, sizeof(type));
        TRY(buf_putf(out, "%s%c: %s", i > 0 ? ", " : "", 'a' + (int)i, type));
    }
    type_text(&p->sorts[r->sort].type, type, sizeof(type));
    TRY(buf_putf(out, ") -> %s { ", type));
    TRY(put_own(p, (struct place){.own = r, .node = r->nodes_n - 1}, out));
    return put_text(out, " }\n");
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the program is large */
static int needs(const struct problem *p, const struct tree *t, uint8_t *seen,
                 struct buf *out)
{
    const struct rule *r = t->rule;

    for (uint32_t i = 0; i < r->args_n; i++) {
        TRY(needs(p, t->kids[i], seen, out));
    }
    if (seen[r - p->rules]++ != 0) {
        seen[r - p->rules] = 1;
        return 0;
    }
    if (r->kind == RULE_OPERATOR) {
        return put_units(r->op, r->code, out);
    }
    for (uint32_t i = 0; r->kind == RULE_OWN && i < r->nodes_n; i++) {
        if (r->nodes[i].kind == NODE_OPERATOR) {
            TRY(put_units(r->nodes[i].op, r->nodes[i].code, out));
        }
    }
    return r->kind == RULE_OWN && !is_inline(r) ? put_own_unit(p, r, out) : 0;
}

int tree_put(const struct problem *p, const struct tree *t, const char *name,
             struct buf *out)
{
    uint8_t seen[SYNTH_RULES_MAX] = {0};
    char type[64];

    TRY(needs(p, t, seen, out));
    TRY(buf_putf(out, "unit %s(", name));
    for (uint32_t i = 0; i < p->params_n; i++) {
        type_text(&p->types[i], type, sizeof(type));
        TRY(buf_putf(out, "%s%c: %s", i > 0 ? ", " : "", 'a' + (int)i, type));
    }
    type_text(&p->gives, type, sizeof(type));
    TRY(buf_putf(out, ") -> %s { ", type));
    TRY(put_place(p, (struct place){.at = t}, out));
    return put_text(out, " }\n");
}
