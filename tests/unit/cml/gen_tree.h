/* Random well-typed files of CML as trees that can be cut smaller: every type, every
 * operator and function of the core, choices, loops, units as values. A seed is a
 * file: helpers, then the unit `f`. What a cut leaves behind may use a name that is
 * gone: whoever cuts has the checker look. Builds on gen.h for its random numbers. */
#ifndef TESTS_UNIT_CML_GEN_TREE_H
#define TESTS_UNIT_CML_GEN_TREE_H

#include "gen.h"
#include "gen_tree_rules.h"
#include "proto/arena.h"

static const char *const tree_prelude[] = {
    ("unit pick(a: Comparable, b: Comparable) -> Comparable {\n"
     "  if a < b { match b { n => n } } else { max(a, b) }\n}\n"),
    "unit first(p: {a: u32, b: i64}) -> u32 { p.a }\n",
    "unit second(p: {a: u32, b: i64}) -> i64 { p.b - 1 }\n",
    "unit count(n: u32, p: {a: u32, b: i64}) -> u32 { n * 3 + p.a }\n",
    "unit half(x: u32) -> f64 { f64(x) / 2.0 }\n",
    "unit call_map(f: fn(u32) -> u32, x: u32) -> u32 { f(x) + f(x + 1) }\n",
    "unit call_test(f: fn(u32) -> bool, x: u32) -> bool { f(x) }\n",
    "unit call_text(f: fn(u32) -> string, x: u32) -> string { f(x) }\n"};

/* Helpers that are values too: by the type that they are of. */
static const struct {
    enum tree_type type;
    enum tree_type params[2];
    unsigned n;
    enum tree_type gives;
} tree_functions[] = {{T_MAP, {T_U32}, 1, T_U32},
                      {T_TEST, {T_U32}, 1, T_BOOL},
                      {T_FOLD, {T_I64, T_U32}, 2, T_I64},
                      {T_TEXT, {T_U32}, 1, T_STRING}};

#define TREE_HELPERS (2 * ARRAY_N(tree_functions)) /* of each type two */
#define TREE_PARAMS 3
struct tree_file {
    struct arena arena;
    struct tree *bodies[TREE_HELPERS + 1]; /* NULL: left out; the last is f's */
    enum tree_type types[TREE_PARAMS + 1];
    uint8_t without[ARRAY_N(tree_prelude)];
};

struct tree_gen {
    struct gen g;
    struct arena *arena;
    struct {
        enum tree_type type;
        unsigned name;
    } scope[64];
    unsigned scope_n;
    unsigned names;
    unsigned helpers; /* that may be used */
};

static inline struct tree *tree_expression(struct tree_gen *g,
                                           enum tree_type t);

static inline struct tree *tree_node(struct tree_gen *g, enum tree_type t,
                                     const char *fmt, ...) PRINTF_LIKE(3, 4);

static inline struct tree *tree_node(struct tree_gen *g, enum tree_type t,
                                     const char *fmt, ...)
{
    struct tree *n = arena_get(g->arena, sizeof(*n));
    char text[400];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    n->type = t;
    n->text = arena_text(g->arena, text, strlen(text));
    return n;
}

static inline void tree_kid(struct tree *t, struct tree *kid)
{
    t->kids[t->n++] = kid;
}

/* The constant of a type that stands for others when a tree is cut. */
static inline const char *tree_simplest(enum tree_type t)
{
    static const char *const texts[T_ARMS + 1] = {
        "true", "1u8", "1u16", "1u32", "1u64", "1i8", "1i16", "1i32", "1i64",
        "1.5f32", "1.5", "\"a\"", "x\"01\"", "{a: u32, b: i64}(1, 2)",
        "{s: string, p: {a: u32, b: i64}}(\"a\", {a: u32, b: i64}(1, 2))",
        "[u8]()", "[u32]()", "[i64]()", "[f64]()", "[string]()",
        "[{a: u32, b: i64}]()", "[u64]()", "h0", "h1", "h2", "h3", "_ => 1"};

    return texts[t];
}

static inline struct tree *tree_constant(struct tree_gen *g, enum tree_type t)
{
    static const unsigned edges[] = {0, 1, 2, 3, 7, 8, 31, 63, 100, 127};
    static const char *const floats[] = {
        "nan", "inf", "-inf", "0.0", "-0.0", "1.5", "1e300", "-7.25", "5e-324"};
    static const char *const small[] = {
        "nan32", "inf32", "0.0f32", "-0.0f32", "1.5f32", "1e30f32", "-7.25f32"};
    static const char *const strings[] = {
        "\"\"", "\"a b\"", "\"12\"", "\"-3.5e1\"", "\"\u00e9x\u20ac\"",
        "\"  Ab,c,\"", "\",\""};
    unsigned v = edges[gen_below(&g->g, ARRAY_N(edges))];

    switch ((int)t) {
    case T_BOOL:
        return tree_node(g, t, v % 2 ? "true" : "false");
    case T_F64:
        return tree_node(g, t, "%s", floats[gen_below(&g->g, 9)]);
    case T_F32:
        return tree_node(g, t, "%s", small[gen_below(&g->g, 7)]);
    case T_STRING:
        return tree_node(g, t, "%s", strings[gen_below(&g->g, 7)]);
    case T_BYTES:
        return tree_node(g, t, v % 3 ? "x\"00c3a9%02x\"" : "x\"\"", v);
    case T_LU32:
        return tree_node(g, t, v % 3 ? "[u32](%u, 5, 65)" : "[u32]()", v);
    case T_LF64:
        return tree_node(g, t, "[f64](nan, %u.5, -0.0)", v);
    case T_PAIR:
        return tree_node(g, t, "{a: u32, b: i64}(%u, -%u)", v, v);
    case T_MAP:
    case T_TEST:
    case T_FOLD:
    case T_TEXT:
        return tree_node(g, t, "h%u",
                         (unsigned)t - T_MAP +
                             (g->helpers == TREE_HELPERS && v % 2 ? 4 : 0));
    default:
        return t < T_STRING ? tree_node(g, t, "%u%s", v, tree_types[t])
                            : tree_node(g, t, "%s", tree_simplest(t));
    }
}

static inline struct tree *tree_leaf(struct tree_gen *g, enum tree_type t)
{
    unsigned from = gen_below(&g->g, g->scope_n + 1);

    for (unsigned i = 0; i < g->scope_n; i++) {
        unsigned v = (from + i) % g->scope_n;

        if (g->scope[v].type == t && gen_below(&g->g, 6) > 0) {
            return tree_node(g, t, "v%u", g->scope[v].name);
        }
    }
    return tree_constant(g, t);
}

static inline unsigned tree_bind(struct tree_gen *g, enum tree_type t)
{
    g->scope[g->scope_n].type = t;
    g->scope[g->scope_n++].name = g->names;
    return g->names++;
}

static inline enum tree_type tree_any(struct tree_gen *g)
{
    return (enum tree_type)gen_below(&g->g, T_VALUES);
}

static inline enum tree_type tree_int(struct tree_gen *g)
{
    return (enum tree_type)(T_U8 + gen_below(&g->g, 8));
}

/* { let v = @; @ } */
static inline struct tree *tree_block(struct tree_gen *g, enum tree_type t)
{
    unsigned kept = g->scope_n;
    enum tree_type local;
    struct tree *init;
    struct tree *block;

    if (gen_below(&g->g, 3) > 0 || g->scope_n > 50) {
        return tree_expression(g, t);
    }
    local = (enum tree_type)gen_below(&g->g, T_TYPES);
    init = tree_expression(g, local);
    block = tree_node(g, t, "match @ { v%u => @ }", tree_bind(g, local));
    tree_kid(block, init);
    tree_kid(block, tree_block(g, t));
    g->scope_n = kept;
    return block;
}

static inline struct tree *tree_arms(struct tree_gen *g, enum tree_type t)
{
    unsigned kept = g->scope_n;
    struct tree *arms;

    switch (gen_below(&g->g, 4)) {
    case 0: /* what fits no arm */
        arms = tree_node(g, T_ARMS, "3 => @");
        break;
    case 1:
        arms = tree_node(g, T_ARMS, "v%u => @", tree_bind(g, T_U32));
        break;
    default:
        arms = tree_node(g, T_ARMS, "%u => @, @", gen_below(&g->g, 4));
        tree_kid(arms, tree_expression(g, t));
        tree_kid(arms, tree_arms(g, t));
        return arms;
    }
    tree_kid(arms, tree_expression(g, t));
    g->scope_n = kept;
    return arms;
}

/* By the parts of a composite. */
static inline struct tree *tree_parts(struct tree_gen *g, enum tree_type t)
{
    unsigned kept = g->scope_n;
    struct tree *kids[3] = {tree_expression(g, T_REC)};
    unsigned a = tree_bind(g, T_STRING);
    struct tree *n;
    unsigned b;

    kids[1] = tree_block(g, t);
    g->scope_n = kept;
    b = tree_bind(g, T_STRING);
    n = tree_node(g, t,
                  "(match @ { {s: string, p: {a: u32, b: i64}}(v%u, {a: u32, "
                  "b: i64}(3, _)) => @, {s: string, p: {a: u32, b: i64}}(v%u, "
                  "v%u) => @ })",
                  a, b, tree_bind(g, T_PAIR));
    kids[2] = tree_block(g, t);
    g->scope_n = kept;
    for (unsigned i = 0; i < 3; i++) {
        tree_kid(n, kids[i]);
    }
    return n;
}

static inline struct tree *tree_choice(struct tree_gen *g, enum tree_type t)
{
    struct tree *n;

    switch (gen_below(&g->g, 4)) {
    case 0:
        n = tree_node(g, t, "(match @ { @ })");
        tree_kid(n, tree_expression(g, T_U32));
        tree_kid(n, tree_arms(g, t));
        return n;
    case 1:
        n = tree_node(g, t, "(match @ { \"a b\" => @, \"\" => @, _ => @ })");
        tree_kid(n, tree_expression(g, T_STRING));
        break;
    case 2:
        return tree_parts(g, t);
    default:
        n = tree_node(g, t, "(if @ { @ } else { @ })");
        tree_kid(n, tree_expression(g, T_BOOL));
    }
    while (n->n < (n->text[1] == 'i' ? 3 : 4)) {
        tree_kid(n, tree_block(g, t));
    }
    return n;
}

static inline struct tree *tree_loop(struct tree_gen *g, enum tree_type t)
{
    unsigned kept = g->scope_n;
    unsigned kind = gen_below(&g->g, 4);
    enum tree_type count = tree_int(g);
    struct tree *first = tree_expression(g, t);
    struct tree *over = NULL;
    struct tree *n;
    unsigned v;

    if (kind == 1 || kind == 2) {
        over = tree_expression(g, count);
    } else if (kind == 3) {
        over = tree_expression(g, T_LU32);
    }
    v = tree_bind(g, t);
    if (kind == 0) {
        over = tree_expression(g, T_BOOL);
        n = tree_node(g, t, "(loop (v%u: %s = @) while @ { @ })", v,
                      tree_types[t]);
    } else if (kind == 1) {
        n = tree_node(g, t, "(loop (v%u: %s = @) repeat (@ %% 9) { @ })", v,
                      tree_types[t]);
    } else {
        n = tree_node(g, t, "(loop (v%u: %s = @) for v%u in %s { @ })", v,
                      tree_types[t],
                      tree_bind(g, kind == 2 ? count : T_LU32),
                      kind == 2 ? "(@ % 9)" : "@");
        g->scope[g->scope_n - 1].type = kind == 2 ? count : T_U32;
    }
    tree_kid(n, first);
    tree_kid(n, over);
    tree_kid(n, tree_block(g, t));
    g->scope_n = kept;
    return n;
}

static inline int tree_fits(const struct tree_rule *r, enum tree_type t)
{
    int is_int = t >= T_U8 && t <= T_I64;

    return r->type == t || (r->type == T_SAME && t < T_VALUES) ||
           (r->type == T_INT && is_int) ||
           (r->type == T_NUMBER && (is_int || t == T_F32 || t == T_F64));
}

/* By one of the rules that give the type; every one is as likely. */
static inline struct tree *tree_rule(struct tree_gen *g, enum tree_type t)
{
    const struct tree_rule *r = NULL;
    enum tree_type any = tree_any(g);
    unsigned seen = 0;
    struct tree *n;

    for (size_t i = 0; i < ARRAY_N(tree_rules); i++) {
        if (tree_fits(&tree_rules[i], t) && gen_below(&g->g, ++seen) == 0) {
            r = &tree_rules[i];
        }
    }
    if (r == NULL) {
        return tree_leaf(g, t);
    }
    n = tree_node(g, t, "%s", r->text);
    for (unsigned i = 0; strchr(r->text, '@') != NULL && i < r->n; i++) {
        enum tree_type kid = r->kids[i];

        tree_kid(n, tree_expression(
                        g, kid == T_SAME     ? t
                           : kid == T_INT    ? tree_int(g)
                           : kid == T_NUMBER ? (enum tree_type)(
                                                   T_U8 + gen_below(&g->g, 10))
                           : kid >= T_ANY ? any
                                          : kid));
    }
    return n;
}

static inline struct tree *tree_expression(struct tree_gen *g, enum tree_type t)
{
    unsigned pick = gen_below(&g->g, 14);
    struct tree *n;

    g->g.depth++;
    if (--g->g.left <= 0 || pick < 2 || g->scope_n > 50 || g->g.depth > 16) {
        n = tree_leaf(g, t);
    } else if (pick == 2) {
        n = tree_choice(g, t);
    } else if (pick == 3) {
        n = tree_loop(g, t);
    } else {
        n = tree_rule(g, t);
    }
    g->g.depth--;
    return n;
}

static inline void tree_make(struct tree_file *f, uint64_t seed, int size)
{
    struct tree_gen g = {.g = {.state = seed}, .arena = &f->arena};

    memset(f, 0, sizeof(*f));
    arena_init(&f->arena, 1u << 26);
    for (unsigned h = 0; h < TREE_HELPERS; h++) {
        unsigned kind = h % ARRAY_N(tree_functions);

        g.scope_n = 0;
        g.names = 0;
        for (unsigned i = 0; i < tree_functions[kind].n; i++) {
            (void)tree_bind(&g, tree_functions[kind].params[i]);
        }
        g.g.left = h < 4 ? 3 : size / 3;
        f->bodies[h] =
            h < 4 ? tree_leaf(&g, tree_functions[kind].gives)
                  : tree_block(&g, tree_functions[kind].gives);
        g.helpers = h + 1;
    }
    g.scope_n = 0;
    g.names = 0;
    for (unsigned i = 0; i <= TREE_PARAMS; i++) {
        f->types[i] = tree_any(&g);
        if (i < TREE_PARAMS) {
            (void)tree_bind(&g, f->types[i]);
        }
    }
    g.g.left = size;
    f->bodies[TREE_HELPERS] = tree_block(&g, f->types[TREE_PARAMS]);
}

static inline void tree_put(const struct tree *t, struct buf *out)
{
    unsigned kid = 0;

    for (const char *s = t->text; *s != '\0'; s++) {
        if (*s == '@') {
            tree_put(t->kids[kid++], out);
        } else {
            assert_int_equal(buf_put(out, s, 1), 0);
        }
    }
}

static inline void tree_unit(const struct tree *body, const char *name,
                             unsigned number, const enum tree_type *params,
                             unsigned n, enum tree_type gives, struct buf *out)
{
    struct gen g = {.out = out};

    gen_put(&g, "unit %s", name);
    if (strcmp(name, "h") == 0) {
        gen_put(&g, "%u", number);
    }
    for (unsigned i = 0; i < n; i++) {
        gen_put(&g, "%sv%u: %s", i > 0 ? ", " : "(", i, tree_types[params[i]]);
    }
    gen_put(&g, ") -> %s {\n  ", tree_types[gives]);
    tree_put(body, out);
    gen_put(&g, "\n}\n");
}

static inline void tree_text(const struct tree_file *f, struct buf *out)
{
    struct gen g = {.out = out};

    for (unsigned i = 0; i < ARRAY_N(tree_prelude); i++) {
        if (!f->without[i]) {
            gen_put(&g, "%s", tree_prelude[i]);
        }
    }
    for (unsigned h = 0; h < TREE_HELPERS; h++) {
        unsigned kind = h % ARRAY_N(tree_functions);

        if (f->bodies[h] != NULL) {
            tree_unit(f->bodies[h], "h", h, tree_functions[kind].params,
                      tree_functions[kind].n, tree_functions[kind].gives, out);
        }
    }
    tree_unit(f->bodies[TREE_HELPERS], "f", 0, f->types, TREE_PARAMS,
              f->types[TREE_PARAMS], out);
}

#endif
