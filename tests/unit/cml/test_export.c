/* Three engines: exported C, compiled with warnings as errors, and columns are held
 * against the reference interpreter over random units and inputs; results, errors
 * and fuel. What cannot be exported is refused at its place. PROCTOR_FULL: 100,000
 * units. */
#include "export_library.h"

#include <dlfcn.h>
#include <unistd.h>

#include "proto/value.h"
#include "workers/cml/columns.h"
#include "workers/cml/document.h"
#include "workers/cml/eval.h"
#include "workers/cml/eval_int.h"
#include "workers/cml/export.h"
#include "workers/cml/text.h"

#define UNITS 60
#define BATCHES_FULL 40
#define SMALL 1 /* batches of SOURCES_MAX */
#define SMALL_FULL 640
#define INPUTS 60
#define GROUP 20 /* inputs of a batch of columns */
#define SOURCES_MAX 160
#define WIDE 9 /* scalars of three parameters */

static int full(void)
{
    return getenv("PROCTOR_FULL") != NULL;
}

/* --- inputs --- */

static struct val leaf_value(enum scalar t, uint64_t raw)
{
    static const uint8_t codes[] = {0, 0x81, 0x82, 0x84, 0x88, 1,
                                    2, 4,    8,    4,    8};
    struct val v = {.kind = VAL_FLOAT, .code = codes[t], .u.bits = raw};

    if (t == S_BOOL) {
        return val_bool((int)(raw & 1));
    }
    if (t <= S_I64) {
        return val_int(codes[t], raw);
    }
    return t == S_F32 ? val_f32(val_as_f32(&v)) : val_f64(val_as_f64(&v));
}

static uint64_t draw(struct gen *g, enum scalar t)
{
    static const uint64_t edges[] = {0,
                                     1,
                                     2,
                                     3,
                                     7,
                                     127,
                                     128,
                                     255,
                                     0x7fff,
                                     0x8000,
                                     0x7fffffff,
                                     0x80000000,
                                     UINT32_MAX,
                                     INT64_MAX,
                                     UINT64_C(0x8000000000000000),
                                     UINT64_MAX,
                                     UINT64_MAX - 1};
    static const double floats[] = {0.0,     -0.0,  1.0,    -1.5,
                                    3e9,     -3e9,  1e19,   9.3e18,
                                    -9.3e18, 255.7, 1e-310, 1e308};
    /* one draw a statement: operands come in any order */
    uint64_t any = gen_u64(g);
    uint64_t raw = gen_below(g, 2) ? edges[gen_below(g, ARRAY_N(edges))]
                                   : any >> gen_below(g, 64);

    if (t == S_F64 && gen_below(g, 2)) {
        memcpy(&raw, &floats[gen_below(g, ARRAY_N(floats))], 8);
    } else if (t == S_F32) {
        float f = (float)floats[gen_below(g, ARRAY_N(floats))];

        if (gen_below(g, 2)) {
            raw = 0;
            memcpy(&raw, &f, 4);
        }
    }
    return leaf_value(t, raw).u.bits;
}

/* A value of the type from its scalars; items: room for five. */
static struct val value_of(const struct source *s, enum scalar t, uint32_t node,
                           const uint64_t *in, struct val *items)
{
    const struct cml_node *n = cml_dag_at(&s->dag, node);

    if (t < S_PAIR) {
        return leaf_value(t, in[0]);
    }
    if (t == S_PAIR) {
        items[0] = leaf_value(S_U32, in[0]);
        items[1] = leaf_value(S_I64, in[1]);
    } else {
        items[0] =
            value_of(s, S_PAIR, cml_item(&n->fields[1], 0), in, items + 2);
        items[1] = leaf_value(S_F64, in[2]);
    }
    return (struct val){
        .kind = VAL_COMPOSITE, .n = 2, .node = node, .u.items = items};
}

static unsigned flatten(const struct val *v, uint64_t *out)
{
    unsigned n = 0;

    if (v->kind != VAL_COMPOSITE) {
        unsigned width = v->code & 0x7f;

        out[0] = width > 0 && width < 8
                     ? v->u.bits & ((UINT64_C(1) << width * 8) - 1)
                     : v->u.bits;
        return 1;
    }
    for (uint32_t i = 0; i < v->n; i++) {
        n += flatten(&v->u.items[i], out + n);
    }
    return n;
}

typedef void (*driver)(const uint64_t *, uint64_t *, uint64_t *, int *);

/* One unit in its three engines. */
struct engines {
    const struct source *s;
    struct eval reference;
    struct columns *columns;
    driver native;
};

/* Inputs of one fuel: as scalars, as values, as bytes. */
struct group {
    uint64_t fuel;
    uint64_t in[GROUP][WIDE];
    struct val items[GROUP][3][5];
    struct val args[GROUP][3];
    struct buf bytes;
    struct ubytes lanes[GROUP];
};

/* What an engine said. */
struct answer {
    int code;
    uint64_t left;
    uint64_t out[3];
};

static void group_make(struct group *g, const struct source *s, struct gen *r)
{
    size_t ends[GROUP];

    g->fuel = gen_below(r, 3) ? 3000 : gen_below(r, 60);
    buf_init(&g->bytes, 1u << 20);
    for (unsigned i = 0; i < GROUP; i++) {
        uint64_t *in = g->in[i];

        assert_int_equal(value_put_tuple(&g->bytes, 3), 0);
        for (unsigned p = 0; p < 3; p++) {
            const uint64_t *from = in;

            for (unsigned k = 0; k < scalar_leaves_n[s->types[p]]; k++) {
                *in++ = draw(r, scalar_leaves[s->types[p]][k]);
            }
            g->args[i][p] = value_of(
                s, s->types[p],
                s->unit->fields[1].kids[p]->fields[0].kids[0]->id, from,
                g->items[i][p]);
            assert_int_equal(eval_put(&g->bytes, &g->args[i][p]), 0);
        }
        ends[i] = buf_len(&g->bytes);
    }
    for (unsigned i = 0; i < GROUP; i++) {
        size_t start = i > 0 ? ends[i - 1] : 0;

        g->lanes[i] =
            (struct ubytes){buf_bytes(&g->bytes).p + start, ends[i] - start};
    }
}

static void tell_answer(const char *engine, const struct answer *a)
{
    fprintf(stderr, "%s: error %d, fuel left %llu, %llx %llx %llx\n", engine,
            a->code, (unsigned long long)a->left, (unsigned long long)a->out[0],
            (unsigned long long)a->out[1], (unsigned long long)a->out[2]);
}

static void differ(const struct engines *e, const struct group *g, unsigned i,
                   const struct answer *want, const char *engine,
                   const struct answer *got)
{
    char in[400];
    struct ubytes v = g->lanes[i];

    hex_text(v.p, v.n < 190 ? v.n : 190, in);
    tell_answer("reference", want);
    tell_answer(engine, got);
    fail_msg("%.*s\ninput %s, fuel %llu", (int)buf_len(&e->s->text),
             (const char *)buf_bytes(&e->s->text).p, in,
             (unsigned long long)g->fuel);
}

static void compare_lane(struct engines *e, struct group *g, unsigned i,
                         unsigned *seen)
{
    struct answer want = {.code = -1};
    struct answer got = {.code = -1, .left = g->fuel};
    struct val out;

    eval_reset(&e->reference, g->fuel);
    want.code =
        eval_unit(&e->reference, e->s->unit->id, g->args[i], 3, &out);
    want.left = e->reference.fuel;
    if (want.code == 0) {
        (void)flatten(&out, want.out);
    }
    e->native(g->in[i], &got.left, got.out, &got.code);
    seen[want.code]++;
    if (want.code != got.code || want.left != got.left ||
        memcmp(want.out, got.out, sizeof(want.out)) != 0) {
        differ(e, g, i, &want, "exported C", &got);
    }
}

struct batch {
    struct source sources[SOURCES_MAX];
    unsigned n;
};

/* The next source, without its text. */
static struct source *add(struct batch *b, char name[static 16])
{
    struct source *s = &b->sources[b->n];

    assert_true(b->n < SOURCES_MAX);
    snprintf(name, 16, "f_%u", b->n++);
    buf_init(&s->text, 1u << 20);
    return s;
}

/* The columns' answer in the bytes that cross, as the reference's. */
static void compare_columns(struct engines *e, struct group *g)
{
    struct buf want;
    struct buf got;

    buf_init(&want, 1u << 16);
    buf_init(&got, 1u << 16);
    assert_int_equal(columns_batch(e->columns, g->lanes, GROUP, g->fuel), 0);
    for (unsigned i = 0; i < GROUP; i++) {
        struct answer a;
        struct answer b;
        struct val out;

        memset(&a, 0, sizeof(a));
        memset(&b, 0, sizeof(b));
        buf_reset(&want);
        buf_reset(&got);
        eval_reset(&e->reference, g->fuel);
        a.code = eval_unit(&e->reference, e->s->unit->id, g->args[i], 3, &out);
        a.left = e->reference.fuel;
        if (a.code == 0) {
            assert_int_equal(eval_put(&want, &out), 0);
        }
        b.code = columns_answer(e->columns, i, &got, &b.left);
        if (a.code != b.code || a.left != b.left ||
            buf_len(&want) != buf_len(&got) ||
            (buf_len(&want) > 0 && memcmp(buf_bytes(&want).p, buf_bytes(&got).p,
                                          buf_len(&want)) != 0)) {
            differ(e, g, i, &a, "columns", &b);
        }
    }
    buf_release(&want);
    buf_release(&got);
}

static void compare_unit(struct source *s, void *lib, unsigned i,
                         unsigned inputs, struct gen *r, unsigned *seen)
{
    static struct group g;
    struct engines e = {.s = s};
    char name[40];
    struct diag d;
    void *at;

    snprintf(name, sizeof(name), "drive_%u", i);
    at = dlsym(lib, name);
    assert_non_null(at);
    memcpy(&e.native, &at, sizeof(e.native));
    diag_init(&d);
    assert_int_equal(eval_init(&e.reference, &s->dag, 0), 0);
    assert_int_equal(columns_new(&s->dag, s->unit, "t.cml", &e.columns, &d), 0);
    for (unsigned k = 0; k < inputs; k += GROUP) {
        group_make(&g, s, r);
        for (unsigned l = 0; l < GROUP; l++) {
            compare_lane(&e, &g, l, seen);
        }
        compare_columns(&e, &g);
        buf_release(&g.bytes);
    }
    columns_free(e.columns);
    eval_release(&e.reference);
}

/* Compiles all of them in one go and compares. */
static void compare_all(struct batch *b, unsigned inputs, const char *level,
                        unsigned *seen)
{
    char dir[] = "/tmp/proctor-export-XXXXXX";
    struct gen g = {.state = b->n + inputs};
    char command[100];
    char path[200];
    void *lib;
    FILE *all;

    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/all.c", dir);
    all = fopen(path, "we");
    assert_non_null(all);
    put_access(all);
    for (unsigned i = 0; i < b->n; i++) {
        source_parse(&b->sources[i]);
        write_unit(dir, all, &b->sources[i], i);
    }
    fclose(all);
    lib = compile(dir, level);
    for (unsigned i = 0; i < b->n; i++) {
        compare_unit(&b->sources[i], lib, i, inputs, &g, seen);
        source_close(&b->sources[i]);
    }
    dlclose(lib);
    snprintf(command, sizeof(command), "rm -r %s", dir);
    assert_int_equal(system(command), 0);
    b->n = 0;
}

static struct batch all_units;

/* v0, v1 of type t, v2 of type u: a result of type t. */
static void add_simple(enum scalar t, enum scalar u, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

static void add_simple(enum scalar t, enum scalar u, const char *fmt, ...)
{
    char name[16];
    char body[800];
    struct source *s = add(&all_units, name);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(body, sizeof(body), fmt, ap);
    va_end(ap);
    s->types[0] = t;
    s->types[1] = t;
    s->types[2] = u;
    s->types[3] = t;
    assert_int_equal(buf_putf(&s->text,
                              "unit %s(v0: %s, v1: %s, v2: %s) -> %s { %s }",
                              name, scalar_types[t], scalar_types[t],
                              scalar_types[u], scalar_types[t], body),
                     0);
}

static void add_whole(enum scalar t)
{
    const char *n = scalar_types[t];

    add_simple(t, t, "v0 / v1");
    add_simple(t, t, "v0 %% v1");
    add_simple(t, S_I8, "(v0 << v2) ^ v1");
    add_simple(t, S_U64, "(v0 >> v2) ^ (v0 <<< v2) * 5 ^ (v0 >>> v2) * 9");
    add_simple(t, t, "v0 + v1 * v2 - (v0 & v1) ^ (v1 | v2)");
    add_simple(t, t, "mul_high(v0, v1) ^ neg(v1) * 3 ^ inv(v2) ^ abs(v2) * 5");
    add_simple(t, t, "bits_reverse(v0) + bytes_reverse(v1)");
    add_simple(t, t, "%s(popcount(v0) ^ clz(v1) * 5 ^ ctz(v2) * 77)", n);
    add_simple(t, t,
               "%s(v0 < v1) + %s(v0 <= v1) * 2 + %s(v0 > v1) * 4 + %s(v0 "
               ">= v1) * 8 + %s(v0 == v1) * 16 + %s(v0 != v1) * 32",
               n, n, n, n, n, n);
    add_simple(t, S_F64, "%s(v2) ^ v0", n);
    add_simple(t, S_F32, "%s(v2) ^ v0", n);
    add_simple(t, S_F64, "%s(bits64(f64(v0)) ^ bits64(f64(f32(v1))))", n);
}

static void add_floats(enum scalar t)
{
    static const char *const bodies[] = {
        "v0 + v1",  "v0 - v1",   "v0 * v1",      "v0 / v1",     "v0 % v1",
        "sqrt(v0)", "floor(v0)", "ceil(v0)",     "trunc(v0)",   "round(v0)",
        "abs(v0)",  "neg(v0)",   "v0 * v1 + v2", "min(v0, v1)", "max(v0, v1)"};

    for (size_t i = 0; i < ARRAY_N(bodies); i++) {
        add_simple(t, t, "%s", bodies[i]);
    }
    add_simple(t, S_F64, "%s(v2)", scalar_types[t]);
    add_simple(t, S_U64, "%s(from_bits64(v2))", scalar_types[t]);
    add_simple(t, t,
               "%s(u8(v0 < v1) + u8(v0 <= v1) * 2 + u8(v0 > v1) * 4 + "
               "u8(v0 >= v1) * 8 + u8(v0 == v1) * 16 + u8(v0 != v1) * "
               "32 + u8(is_nan(v2)) * 64)",
               scalar_types[t]);
}

/* Each operator and function of each type over many pairs of edges. */
static void test_operators(void **state)
{
    unsigned seen[16] = {0};

    (void)state;
    for (enum scalar t = S_U8; t <= S_I64; t++) {
        add_whole(t);
    }
    add_floats(S_F32);
    add_floats(S_F64);
    add_simple(S_BOOL, S_BOOL, "(v0 & v1 | v2) ^ not(v1) == (v0 && v2 || v1)");
    add_simple(S_NEST, S_U8,
               "if v0 < v1 && v0 != v1 { v0 } else { max(v0, v1) }");
    add_simple(S_PAIR, S_U8, "if v0 <= v1 { min(v1, v0) } else { v1 }");
    compare_all(&all_units, 1000, "-O2", seen);
    assert_true(seen[EVAL_OK] > 0 && seen[EVAL_E_DIVISION] > 0);
}

/* Units of that size from seed on, in batches. */
static void compare_random(uint64_t seed, unsigned batches, unsigned units,
                           int size, const char *level, unsigned *seen)
{
    for (unsigned b = 0; b < batches; b++) {
        for (unsigned i = 0; i < units; i++) {
            char name[16];
            struct source *s = add(&all_units, name);

            scalar_file(seed++, size, name, &s->text, s->types);
        }
        compare_all(&all_units, INPUTS, level, seen);
    }
}

/* Large ones as they are used, and many small ones, for which the compiler takes
 * its time. */
static void test_random(void **state)
{
    unsigned seen[16] = {0};

    (void)state;
    compare_random(1, full() ? BATCHES_FULL : 1, UNITS, 40, "-O2", seen);
    compare_random(1000000, full() ? SMALL_FULL : SMALL, SOURCES_MAX, 12, "-O1",
                   seen);
    /* or the test would not say much */
    assert_true(seen[EVAL_OK] > UNITS * INPUTS / 4);
    assert_true(seen[EVAL_E_FUEL] > 0);
    assert_true(seen[EVAL_E_DIVISION] > 0);
    assert_true(seen[EVAL_E_MATCH] > 0);
    print_message("%u values, %u errors\n", seen[EVAL_OK],
                  seen[EVAL_E_FUEL] + seen[EVAL_E_DIVISION] +
                      seen[EVAL_E_MATCH]);
}

/* What stands in the way is named, where it is. */
static void test_refused(void **state)
{
    static const struct {
        const char *text;
        const char *what;
        uint32_t col;
    } cases[] = {
        {"unit f(a: string) -> u64 { len(a) }", "no number", 8},
        {"unit f() -> u64 { len(\"ab\") }", "len", 19},
        {"unit f(a: u8) -> u8 { [u8](a)[0] }", "get", 0},
        {"unit f(a: Integer) -> Integer { a + a }", "constrained", 8},
        {"unit f(g: fn(u8) -> u8) -> u8 { g(1) }", "no number", 8},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_N(cases); i++) {
        struct source s;
        struct buf out;
        struct diag d;

        diag_init(&d);
        buf_init(&out, 1u << 20);
        buf_init(&s.text, 1u << 16);
        assert_int_equal(buf_put(&s.text, cases[i].text, strlen(cases[i].text)),
                         0);
        source_parse(&s);
        assert_int_equal(export_c(&s.dag, s.unit, "t.cml", &out, &d),
                         ERR_INPUT);
        if (strstr(d.what, cases[i].what) == NULL || d.at.line != 1 ||
            (cases[i].col != 0 && d.at.col != cases[i].col)) {
            fail_msg("%s\n%u:%u: %s", cases[i].text, d.at.line, d.at.col,
                     d.what);
        }
        buf_release(&out);
        source_close(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_operators),
                                       cmocka_unit_test(test_random),
                                       cmocka_unit_test(test_refused)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
