/* Random units of scalars and composites of them, as text: what engines for such
 * units are held against the interpreter with. A seed is a file: helpers, then the
 * unit NAME. Builds on gen.h for its random numbers. */
#ifndef TESTS_UNIT_CML_GEN_SCALAR_H
#define TESTS_UNIT_CML_GEN_SCALAR_H

#include "gen.h"

enum scalar {
    S_BOOL,
    S_U8,
    S_U16,
    S_U32,
    S_U64,
    S_I8,
    S_I16,
    S_I32,
    S_I64,
    S_F32,
    S_F64,
    S_PAIR,
    S_NEST,
    S_TYPES
};

static const char *const scalar_types[S_TYPES] = {
    "bool",
    "u8",
    "u16",
    "u32",
    "u64",
    "i8",
    "i16",
    "i32",
    "i64",
    "f32",
    "f64",
    "{a: u32, b: i64}",
    "{p: {a: u32, b: i64}, q: f64}"};
/* Their scalars. */
static const enum scalar scalar_leaves[S_TYPES][3] = {{S_BOOL},
                                                      {S_U8},
                                                      {S_U16},
                                                      {S_U32},
                                                      {S_U64},
                                                      {S_I8},
                                                      {S_I16},
                                                      {S_I32},
                                                      {S_I64},
                                                      {S_F32},
                                                      {S_F64},
                                                      {S_U32, S_I64},
                                                      {S_U32, S_I64, S_F64}};
static const unsigned scalar_leaves_n[S_TYPES] = {1, 1, 1, 1, 1, 1, 1,
                                                  1, 1, 1, 1, 2, 3};

struct scalars {
    struct gen g;
    enum scalar scope[64];
    unsigned scope_n;
    enum scalar helper[3][3]; /* two parameters, result */
    unsigned helpers_n;
};

#define PICK(s, list) ((list)[gen_below(&(s)->g, ARRAY_N(list))])

static inline void scalar_expression(struct scalars *s, enum scalar t);

static inline enum scalar scalar_any(struct scalars *s)
{
    return (enum scalar)gen_below(&s->g, S_TYPES);
}

static inline void scalar_constant(struct scalars *s, enum scalar t)
{
    static const unsigned edges[] = {0, 1, 2, 3, 7, 8, 31, 63, 100, 127};
    static const char *const floats[] = {
        "nan", "inf", "-inf", "0.0", "-0.0", "1.5", "1e300", "-7.25", "5e-324"};
    static const char *const small[] = {
        "nan32", "inf32", "0.0f32", "-0.0f32", "1.5f32", "1e30f32", "-7.25f32"};
    unsigned v = PICK(s, edges);

    if (t == S_BOOL) {
        gen_put(&s->g, v % 2 ? "true" : "false");
    } else if (t == S_F64) {
        gen_put(&s->g, "%s", PICK(s, floats));
    } else if (t == S_F32) {
        gen_put(&s->g, "%s", PICK(s, small));
    } else if (t == S_PAIR) {
        gen_put(&s->g, "{a: u32, b: i64}(%u, -%u)", v, v);
    } else if (t == S_NEST) {
        gen_put(&s->g,
                "{p: {a: u32, b: i64}, q: f64}({a: u32, b: i64}(%u, 3), "
                "%u.5)",
                v, v);
    } else {
        gen_put(&s->g, "%u%s", v, scalar_types[t]);
    }
}

static inline void scalar_leaf(struct scalars *s, enum scalar t)
{
    unsigned from = gen_below(&s->g, s->scope_n + 1);

    for (unsigned i = 0; i < s->scope_n; i++) {
        unsigned v = (from + i) % s->scope_n;

        if (s->scope[v] == t && gen_below(&s->g, 6) > 0) {
            gen_put(&s->g, "v%u", v);
            return;
        }
    }
    scalar_constant(s, t);
}

static inline void scalar_call(struct scalars *s, const char *name,
                               enum scalar a, int b)
{
    gen_put(&s->g, "%s(", name);
    scalar_expression(s, a);
    if (b >= 0) {
        gen_put(&s->g, ", ");
        scalar_expression(s, (enum scalar)b);
    }
    gen_put(&s->g, ")");
}

static inline void scalar_binary(struct scalars *s, const char *op,
                                 enum scalar a, enum scalar b)
{
    gen_put(&s->g, "(");
    scalar_expression(s, a);
    gen_put(&s->g, " %s ", op);
    scalar_expression(s, b);
    gen_put(&s->g, ")");
}

static inline void scalar_bool(struct scalars *s)
{
    static const char *const compares[] = {"==", "!=", "<", "<=", ">", ">="};
    static const char *const joins[] = {"&&", "||", "&", "|", "^"};
    enum scalar t = scalar_any(s);

    switch (gen_below(&s->g, 5)) {
    case 0:
        scalar_call(s, "not", S_BOOL, -1);
        return;
    case 1:
        scalar_call(s, "is_nan", gen_below(&s->g, 2) ? S_F32 : S_F64, -1);
        return;
    case 2:
        scalar_binary(s, PICK(s, joins), S_BOOL, S_BOOL);
        return;
    default:
        scalar_binary(s, PICK(s, compares), t, t);
    }
}

static inline void scalar_whole(struct scalars *s, enum scalar t)
{
    static const char *const ops[] = {"+", "-", "*", "/", "%", "&", "|", "^"};
    static const char *const shifts[] = {"<<", ">>", "<<<", ">>>"};
    static const char *const ones[] = {"inv", "abs", "neg", "bits_reverse",
                                       "bytes_reverse"};
    static const char *const counts[] = {"popcount", "clz", "ctz"};

    switch (gen_below(&s->g, 7)) {
    case 0:
        scalar_binary(s, PICK(s, shifts), t,
                      (enum scalar)(S_U8 + gen_below(&s->g, 8)));
        return;
    case 1:
        scalar_call(s, PICK(s, ones), t, -1);
        return;
    case 2:
        scalar_call(s, "mul_high", t, (int)t);
        return;
    case 3:
        scalar_call(s, scalar_types[t],
                    (enum scalar)gen_below(&s->g, S_F64 + 1), -1);
        return;
    case 4:
        if (t == S_U32) {
            scalar_call(s, PICK(s, counts),
                        (enum scalar)(S_U8 + gen_below(&s->g, 8)), -1);
            return;
        }
        if (t == S_U64) {
            scalar_call(s, "bits64", S_F64, -1);
            return;
        } /* fallthrough */
    default:
        scalar_binary(s, PICK(s, ops), t, t);
    }
}

static inline void scalar_float(struct scalars *s, enum scalar t)
{
    static const char *const ops[] = {"+", "-", "*", "/", "%"};
    static const char *const ones[] = {"sqrt",  "floor", "ceil", "trunc",
                                       "round", "abs",   "neg"};

    switch (gen_below(&s->g, 5)) {
    case 0:
        scalar_call(s, PICK(s, ones), t, -1);
        return;
    case 1:
        scalar_call(s, scalar_types[t],
                    (enum scalar)gen_below(&s->g, S_F64 + 1), -1);
        return;
    case 2:
        if (t == S_F64) {
            scalar_call(s, "from_bits64", S_U64, -1);
            return;
        } /* fallthrough */
    default:
        scalar_binary(s, PICK(s, ops), t, t);
    }
}

static inline void scalar_block(struct scalars *s, enum scalar t)
{
    unsigned kept = s->scope_n;

    gen_put(&s->g, "{ ");
    while (gen_below(&s->g, 3) == 0 && s->scope_n < 50) {
        enum scalar local = scalar_any(s);

        gen_put(&s->g, "let v%u = ", s->scope_n);
        scalar_expression(s, local);
        gen_put(&s->g, "; ");
        s->scope[s->scope_n++] = local;
    }
    scalar_expression(s, t);
    gen_put(&s->g, " }");
    s->scope_n = kept;
}

static inline void scalar_loop(struct scalars *s, enum scalar t)
{
    unsigned v = s->scope_n;
    unsigned kind = gen_below(&s->g, 3);
    enum scalar count = (enum scalar)(S_U8 + gen_below(&s->g, 8));

    gen_put(&s->g, "(loop (v%u: %s = ", v, scalar_types[t]);
    scalar_expression(s, t);
    gen_put(&s->g,
            kind == 0   ? ") while "
            : kind == 1 ? ") repeat "
                        : ") for v%u in ",
            v + 1);
    if (kind == 0) {
        s->scope[s->scope_n++] = t;
        scalar_expression(s, S_BOOL);
    } else {
        gen_put(&s->g, "(");
        scalar_expression(s, count);
        gen_put(&s->g, " %% 9)");
        s->scope[s->scope_n++] = t;
        if (kind == 2) {
            s->scope[s->scope_n++] = count;
        }
    }
    gen_put(&s->g, " ");
    scalar_block(s, t);
    gen_put(&s->g, ")");
    s->scope_n = v;
}

static inline void scalar_match(struct scalars *s, enum scalar t)
{
    enum scalar of = (enum scalar)(S_U8 + gen_below(&s->g, 8));

    switch (gen_below(&s->g, 3)) {
    case 0:
        gen_put(&s->g, "(if ");
        scalar_expression(s, S_BOOL);
        gen_put(&s->g, " ");
        scalar_block(s, t);
        gen_put(&s->g, " else ");
        scalar_block(s, t);
        gen_put(&s->g, ")");
        return;
    case 1:
        gen_put(&s->g, "(match ");
        scalar_expression(s, of);
        gen_put(&s->g, " { 0 => ");
        scalar_expression(s, t);
        gen_put(&s->g, ", 1 => ");
        scalar_expression(s, t);
        if (gen_below(&s->g, 4) > 0) { /* else some fit no arm */
            gen_put(&s->g, ", v%u => ", s->scope_n);
            s->scope[s->scope_n++] = of;
            scalar_expression(s, t);
            s->scope_n--;
        }
        gen_put(&s->g, " })");
        return;
    default:
        gen_put(&s->g, "(match ");
        scalar_expression(s, S_NEST);
        gen_put(&s->g, " { {p: {a: u32, b: i64}, q: f64}({a: u32, b: i64}(3, "
                       "_), 1.5) => ");
        scalar_expression(s, t);
        gen_put(&s->g, ", {p: {a: u32, b: i64}, q: f64}(v%u, v%u) => ",
                s->scope_n, s->scope_n + 1);
        s->scope[s->scope_n++] = S_PAIR;
        s->scope[s->scope_n++] = S_F64;
        scalar_expression(s, t);
        s->scope_n -= 2;
        gen_put(&s->g, " })");
    }
}

static inline void scalar_composite(struct scalars *s, enum scalar t)
{
    if (t == S_PAIR && gen_below(&s->g, 3) == 0) {
        gen_put(&s->g, "(");
        scalar_expression(s, S_NEST);
        gen_put(&s->g, ").p");
        return;
    }
    gen_put(&s->g, "%s(", scalar_types[t]);
    scalar_expression(s, t == S_PAIR ? S_U32 : S_PAIR);
    gen_put(&s->g, ", ");
    scalar_expression(s, t == S_PAIR ? S_I64 : S_F64);
    gen_put(&s->g, ")");
}

/* A call of a helper that gives t, or of one for every type. */
static inline void scalar_unit_call(struct scalars *s, enum scalar t)
{
    for (unsigned h = 0; h < s->helpers_n; h++) {
        if (s->helper[h][2] == t) {
            char name[16];

            snprintf(name, sizeof(name), "h%u", h);
            scalar_call(s, name, s->helper[h][0], (int)s->helper[h][1]);
            return;
        }
    }
    scalar_call(s, "pick", t, (int)t);
}

static inline void scalar_expression(struct scalars *s, enum scalar t)
{
    static const char *const ends[] = {"min", "max"};
    unsigned pick = gen_below(&s->g, 14);

    s->g.depth++;
    if (--s->g.left <= 0 || pick < 2 || s->scope_n > 50 || s->g.depth > 20) {
        scalar_leaf(s, t);
    } else if (pick == 2) {
        scalar_match(s, t);
    } else if (pick == 3) {
        scalar_loop(s, t);
    } else if (pick == 4) {
        scalar_unit_call(s, t);
    } else if (pick == 5) {
        scalar_call(s, PICK(s, ends), t, (int)t);
    } else if (pick == 6 && (t == S_U32 || t == S_I64 || t == S_F64)) {
        gen_put(&s->g, "(");
        scalar_expression(s, t == S_F64 ? S_NEST : S_PAIR);
        gen_put(&s->g, t == S_U32 ? ").a" : t == S_I64 ? ").b" : ").q");
    } else if (t == S_BOOL) {
        scalar_bool(s);
    } else if (t <= S_I64) {
        scalar_whole(s, t);
    } else if (t <= S_F64) {
        scalar_float(s, t);
    } else {
        scalar_composite(s, t);
    }
    s->g.depth--;
}

static inline void scalar_unit_text(struct scalars *s, const char *name,
                                    const enum scalar *types, unsigned n)
{
    s->scope_n = 0;
    gen_put(&s->g, "unit %s(", name);
    for (unsigned i = 0; i < n; i++) {
        gen_put(&s->g, "%sv%u: %s", i > 0 ? ", " : "", i,
                scalar_types[types[i]]);
        s->scope[s->scope_n++] = types[i];
    }
    gen_put(&s->g, ") -> %s ", scalar_types[types[n]]);
    scalar_block(s, types[n]);
    gen_put(&s->g, "\n");
}

/* types: of the three parameters and the result of the unit. */
static inline void scalar_file(uint64_t seed, int size, const char *name,
                               struct buf *out, enum scalar types[static 4])
{
    struct scalars s = {.g = {.state = seed, .out = out}};

    gen_put(&s.g, "unit pick(a: Comparable, b: Comparable) -> Comparable {\n"
                  "  if a < b { match b { n => n } } else { max(a, b) }\n}\n");
    for (unsigned h = 0; h < 3; h++) {
        char helper[8];

        snprintf(helper, sizeof(helper), "h%u", h);
        for (unsigned i = 0; i < 3; i++) {
            s.helper[h][i] = scalar_any(&s);
        }
        s.g.left = size / 2;
        scalar_unit_text(&s, helper, s.helper[h], 2);
        s.helpers_n = h + 1;
    }
    for (unsigned i = 0; i < 4; i++) {
        types[i] = scalar_any(&s);
    }
    s.g.left = size;
    scalar_unit_text(&s, name, types, 3);
}

#endif
