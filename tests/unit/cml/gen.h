/* Random well-typed units as text: for properties, and to hold engines against
 * each other. A seed is a program. */
#ifndef TESTS_UNIT_CML_GEN_H
#define TESTS_UNIT_CML_GEN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/buf.h"
#include "proto/err.h"

enum gen_type {
    GEN_BOOL, GEN_U8, GEN_U32, GEN_U64, GEN_I8, GEN_I64, GEN_F64, GEN_STRING,
    GEN_BYTES, GEN_LIST, GEN_PAIR, GEN_TYPES
};

static const char *const gen_types[GEN_TYPES] = {
    "bool", "u8", "u32", "u64", "i8", "i64", "f64", "string", "bytes", "[u32]",
    "{a: u32, b: i64}",
};

struct gen {
    uint64_t state;
    struct buf *out;
    enum gen_type scope[64];
    unsigned scope_n;
    int left; /* terms that may still be made */
    int depth;
    unsigned comments; /* next one's number; 0 = none are made */
};

/* How many seeds a property is tried with. */
static inline unsigned gen_rounds(unsigned usual, unsigned full)
{
    return getenv("PROCTOR_FULL") != NULL ? full : usual;
}

static inline uint64_t gen_u64(struct gen *g)
{
    uint64_t z = (g->state += UINT64_C(0x9e3779b97f4a7c15)); /* splitmix64 */

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline unsigned gen_below(struct gen *g, unsigned n)
{
    return (unsigned)(gen_u64(g) % n);
}

static inline void gen_put(struct gen *g, const char *fmt, ...)
    PRINTF_LIKE(2, 3);

static inline void gen_put(struct gen *g, const char *fmt, ...)
{
    char text[256];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    assert_int_equal(buf_put(g->out, text, strlen(text)), 0);
}

static inline int gen_is_int(enum gen_type t)
{
    return t >= GEN_U8 && t <= GEN_I64;
}

static inline void gen_constant(struct gen *g, enum gen_type t)
{
    static const unsigned edges[] = {0, 1, 2, 3, 7, 8, 31, 63, 100, 127};
    unsigned v = edges[gen_below(g, ARRAY_N(edges))];

    switch ((int)t) {
    case GEN_BOOL:
        gen_put(g, v % 2 ? "true" : "false");
        return;
    case GEN_F64:
        gen_put(g, v % 5 == 0 ? "nan" : v % 7 == 0 ? "-inf" : "%u.5", v);
        return;
    case GEN_STRING:
        gen_put(g, v % 3 == 0 ? "\"\"" : v % 2 ? "\"a b\\n\"" : "\"\u00e9x%u\"",
                v);
        return;
    case GEN_BYTES:
        gen_put(g, v % 3 == 0 ? "x\"\"" : "x\"00ff%02x\"", v);
        return;
    case GEN_LIST:
        gen_put(g, v % 3 == 0 ? "[u32]()" : "[u32](%u, 5, 1)", v);
        return;
    case GEN_PAIR:
        gen_put(g, "{a: u32, b: i64}(%u, -%u)", v, v);
        return;
    default:
        gen_put(g, v == 31 || v == 63 ? "0x%x%s" : "%u%s", v, gen_types[t]);
    }
}

static inline void gen_expression(struct gen *g, enum gen_type t);

/* A variable of the type, or a constant. */
static inline void gen_leaf(struct gen *g, enum gen_type t)
{
    unsigned from = gen_below(g, g->scope_n + 1);

    for (unsigned i = 0; i < g->scope_n; i++) {
        unsigned v = (from + i) % g->scope_n;

        if (g->scope[v] == t && gen_below(g, 5) > 0) {
            gen_put(g, "v%u", v);
            return;
        }
    }
    gen_constant(g, t);
}

static inline void gen_call(struct gen *g, const char *name, enum gen_type a,
                            int b, int c)
{
    gen_put(g, "%s(", name);
    gen_expression(g, a);
    if (b >= 0) {
        gen_put(g, ", ");
        gen_expression(g, (enum gen_type)b);
    }
    if (c >= 0) {
        gen_put(g, ", ");
        gen_expression(g, (enum gen_type)c);
    }
    gen_put(g, ")");
}

static inline void gen_binary(struct gen *g, const char *op, enum gen_type a,
                              enum gen_type b)
{
    gen_put(g, "(");
    gen_expression(g, a);
    gen_put(g, " %s ", op);
    gen_expression(g, b);
    gen_put(g, ")");
}

static inline void gen_bool(struct gen *g)
{
    static const char *const compares[] = {"==", "!=", "<", "<=", ">", ">="};
    enum gen_type t = (enum gen_type)gen_below(g, GEN_TYPES);

    switch (gen_below(g, 4)) {
    case 0:
        gen_binary(g, gen_below(g, 2) ? "&&" : "||", GEN_BOOL, GEN_BOOL);
        return;
    case 1:
        gen_call(g, "contains", GEN_LIST, GEN_U32, -1);
        return;
    default:
        gen_binary(g, compares[gen_below(g, ARRAY_N(compares))], t, t);
    }
}

static inline void gen_int(struct gen *g, enum gen_type t)
{
    static const char *const ops[] = {"+", "-", "*", "/", "%", "&", "|", "^"};
    static const char *const shifts[] = {"<<", ">>", "<<<", ">>>"};
    static const char *const ones[] = {"inv", "abs", "neg", "bits_reverse",
                                       "bytes_reverse"};
    static const char *const twos[] = {"min", "max", "mul_high"};

    switch (gen_below(g, 7)) {
    case 0:
        gen_binary(g, shifts[gen_below(g, ARRAY_N(shifts))], t,
                   gen_below(g, 2) ? GEN_U32 : t);
        return;
    case 1:
        gen_call(g, ones[gen_below(g, ARRAY_N(ones))], t, -1, -1);
        return;
    case 2:
        gen_call(g, twos[gen_below(g, ARRAY_N(twos))], t, (int)t, -1);
        return;
    case 3:
        gen_call(g, gen_types[t],
                 gen_below(g, 4) ? (enum gen_type)(1 + gen_below(g, 5))
                                 : GEN_F64,
                 -1, -1);
        return;
    case 4:
        if (t == GEN_U32) {
            gen_call(g, gen_below(g, 2) ? "popcount" : "clz", GEN_U64, -1, -1);
            return;
        }
        if (t == GEN_U64) {
            gen_call(g, "len",
                     (enum gen_type)(GEN_STRING + gen_below(g, 3)), -1, -1);
            return;
        }
        if (t == GEN_I64) {
            gen_call(g, "find", GEN_STRING, GEN_STRING, -1);
            return;
        } /* fallthrough */
    default:
        gen_binary(g, ops[gen_below(g, ARRAY_N(ops))], t, t);
    }
}

static inline void gen_float(struct gen *g)
{
    static const char *const ops[] = {"+", "-", "*", "/", "%"};
    static const char *const ones[] = {"sqrt", "floor", "ceil", "trunc",
                                       "round", "abs", "neg"};

    switch (gen_below(g, 3)) {
    case 0:
        gen_call(g, ones[gen_below(g, ARRAY_N(ones))], GEN_F64, -1, -1);
        return;
    case 1:
        gen_call(g, "f64", (enum gen_type)(1 + gen_below(g, 5)), -1, -1);
        return;
    default:
        gen_binary(g, ops[gen_below(g, ARRAY_N(ops))], GEN_F64, GEN_F64);
    }
}

static inline void gen_text(struct gen *g)
{
    static const char *const ones[] = {"upper", "lower", "trim", "reverse"};

    switch (gen_below(g, 5)) {
    case 0:
        gen_binary(g, "++", GEN_STRING, GEN_STRING);
        return;
    case 1:
        gen_call(g, "slice", GEN_STRING, GEN_U64, GEN_U64);
        return;
    case 2:
        gen_call(g, "replace", GEN_STRING, GEN_STRING, GEN_STRING);
        return;
    case 3:
        gen_call(g, "text", (enum gen_type)(1 + gen_below(g, 6)), -1, -1);
        return;
    default:
        gen_call(g, ones[gen_below(g, ARRAY_N(ones))], GEN_STRING, -1, -1);
    }
}

static inline void gen_list(struct gen *g)
{
    switch (gen_below(g, 5)) {
    case 0:
        gen_call(g, "sort", GEN_LIST, -1, -1);
        return;
    case 1:
        gen_call(g, "append", GEN_LIST, GEN_U32, -1);
        return;
    case 2:
        gen_call(g, "put", GEN_LIST, GEN_U64, GEN_U32);
        return;
    case 3:
        gen_call(g, "chars", GEN_STRING, -1, -1);
        return;
    default:
        gen_binary(g, "++", GEN_LIST, GEN_LIST);
    }
}

/* A comment, if this is one of the places that get one. Draws nothing: the unit
 * is the same without. */
static inline void gen_comment(struct gen *g, unsigned one_in, const char *line)
{
    if (g->comments > 0 && ++g->comments % one_in == 0) {
        gen_put(g, "%s# c%u\n", line, g->comments);
    }
}

/* { let v = ..; EXPRESSION } */
static inline void gen_block(struct gen *g, enum gen_type t)
{
    unsigned kept = g->scope_n;

    gen_put(g, "{ ");
    gen_comment(g, 3, "");
    while (gen_below(g, 3) == 0 && g->scope_n < 60) {
        enum gen_type local = (enum gen_type)gen_below(g, GEN_TYPES);

        gen_comment(g, 2, "\n");
        gen_put(g, "let v%u = ", g->scope_n);
        gen_expression(g, local);
        gen_put(g, "; ");
        gen_comment(g, 2, "");
        gen_comment(g, 5, "\n\n");
        g->scope[g->scope_n++] = local;
    }
    gen_comment(g, 3, "\n");
    gen_expression(g, t);
    gen_comment(g, 2, " ");
    gen_comment(g, 3, "\n");
    gen_put(g, " }");
    g->scope_n = kept;
}

static inline void gen_loop(struct gen *g, enum gen_type t)
{
    unsigned v = g->scope_n;

    gen_put(g, "(loop (v%u: %s = ", v, gen_types[t]);
    gen_expression(g, t);
    gen_put(g, ") ");
    if (gen_below(g, 2) == 0) {
        gen_put(g, "repeat %u ", gen_below(g, 5));
        g->scope[g->scope_n++] = t;
    } else {
        gen_put(g, "for v%u in ", v + 1);
        gen_expression(g, GEN_LIST);
        gen_put(g, " ");
        g->scope[g->scope_n++] = t;
        g->scope[g->scope_n++] = GEN_U32;
    }
    gen_block(g, t);
    gen_put(g, ")");
    g->scope_n = v;
}

static inline void gen_choice(struct gen *g, enum gen_type t)
{
    if (gen_below(g, 2) == 0) {
        gen_put(g, "(if ");
        gen_expression(g, GEN_BOOL);
        gen_put(g, " ");
        gen_block(g, t);
        gen_put(g, " else ");
        gen_block(g, t);
        gen_put(g, ")");
        return;
    }
    gen_put(g, "(match ");
    gen_expression(g, GEN_PAIR);
    gen_put(g, " { {a: u32, b: i64}(3, _) => ");
    gen_expression(g, t);
    gen_put(g, ", {a: u32, b: i64}(v%u, v%u) => ", g->scope_n, g->scope_n + 1);
    g->scope[g->scope_n++] = GEN_U32;
    g->scope[g->scope_n++] = GEN_I64;
    gen_expression(g, t);
    g->scope_n -= 2;
    gen_put(g, " })");
}

static inline void gen_expression(struct gen *g, enum gen_type t)
{
    unsigned pick = gen_below(g, 12);

    g->depth++;
    if (--g->left <= 0 || pick < 2 || g->scope_n > 50 || g->depth > 24) {
        gen_leaf(g, t);
    } else if (pick == 2) {
        gen_choice(g, t);
    } else if (pick == 3) {
        gen_loop(g, t);
    } else if (t == GEN_BOOL) {
        gen_bool(g);
    } else if (gen_is_int(t)) {
        gen_int(g, t);
    } else if (t == GEN_F64) {
        gen_float(g);
    } else if (t == GEN_STRING) {
        gen_text(g);
    } else if (t == GEN_LIST) {
        gen_list(g);
    } else if (t == GEN_BYTES) {
        gen_call(g, "utf8", GEN_STRING, -1, -1);
    } else {
        gen_put(g, "{a: u32, b: i64}(");
        gen_expression(g, GEN_U32);
        gen_put(g, ", ");
        gen_expression(g, GEN_I64);
        gen_put(g, ")");
    }
    g->depth--;
}

/* The same unit with comments in it, or without. */
static inline void gen_commented(uint64_t seed, int size, struct buf *out,
                                 enum gen_type types[static 4], int comments)
{
    struct gen g = {
        .state = seed, .out = out, .left = size, .comments = comments != 0};

    gen_put(&g, "unit f(");
    for (unsigned i = 0; i < 3; i++) {
        types[i] = (enum gen_type)gen_below(&g, GEN_TYPES);
        gen_put(&g, "%sv%u: %s", i > 0 ? ", " : "", i, gen_types[types[i]]);
        g.scope[g.scope_n++] = types[i];
    }
    types[3] = (enum gen_type)gen_below(&g, GEN_TYPES);
    gen_put(&g, ") -> %s ", gen_types[types[3]]);
    gen_block(&g, types[3]);
    gen_put(&g, "\n");
}

/* unit f(v0: T, v1: T, v2: T) -> T { .. } of about `size` terms, behind what is in
 * out. types: of its parameters and its result. */
static inline void gen_unit(uint64_t seed, int size, struct buf *out,
                            enum gen_type types[static 4])
{
    gen_commented(seed, size, out, types, 0);
}

#endif
