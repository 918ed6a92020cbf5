/* The columnar engine against the reference interpreter: random files of every type,
 * operator and function of the core, random inputs and fuel. Value, error and fuel of
 * each lane must be the same, at every width of vectors. A difference is cut smaller
 * and printed as CML. PROCTOR_FULL: hundreds of thousands of files. */
#include "gen_cut.h"

#include <math.h>

#include "proto/value.h"
#include "workers/cml/columns_int.h"
#include "workers/cml/document.h"
#include "workers/cml/text.h"

#ifdef PROCTOR_SANITIZED
#define FILES 150 /* three times as slow */
#else
#define FILES 1000
#endif
#define FILES_FULL 300000

/* One unit in both engines. */
struct both {
    struct cml_dag dag;
    struct document doc;
    struct columns *columns; /* NULL: not for it */
    struct eval reference;
    struct diag diag;
    int is_bad; /* the text does not check */
};

static void both_open(struct both *b, struct ubytes text)
{
    memset(b, 0, sizeof(*b));
    diag_init(&b->diag);
    cml_dag_init(&b->dag);
    document_init(&b->doc, &b->dag, "t.cml");
    b->is_bad = text_parse(&b->doc, text, &b->diag) < 0;
    if (!b->is_bad) {
        const struct term *unit = b->doc.units[b->doc.units_n - 1].term;

        assert_int_equal(eval_init(&b->reference, &b->dag, 0), 0);
        (void)!columns_new(&b->dag, unit, "t.cml", &b->columns, &b->diag);
    }
}

static void both_close(struct both *b)
{
    columns_free(b->columns);
    if (!b->is_bad) {
        eval_release(&b->reference);
    }
    document_release(&b->doc);
    cml_dag_release(&b->dag);
}

/* --- inputs --- */

static void put_number(struct gen *g, enum tree_type t, struct buf *out)
{
    static const char *const names[] = {"bool", "u8",  "u16", "u32", "u64", "i8",
                                        "i16",  "i32", "i64", "f32", "f64"};
    static const uint64_t edges[] = {
        0, 1, 2, 3, 7, 65, 127, 128, 255, 0x7fff, 0x8000, 0x7fffffff,
        0x80000000, UINT32_MAX, INT64_MAX, UINT64_C(0x8000000000000000),
        UINT64_MAX, UINT64_MAX - 1};
    static const double floats[] = {0.0,  -0.0,    1.0,     -1.5,  3e9,   -3e9,
                                    1e19, 9.3e18,  -9.3e18, 255.7, 1e-310, 1e308,
                                    2.5,  HUGE_VAL, -HUGE_VAL, (double)NAN};
    unsigned by = gen_below(g, 64);
    uint64_t raw = gen_below(g, 2) ? edges[gen_below(g, ARRAY_N(edges))]
                                   : gen_u64(g) >> by;
    double real = floats[gen_below(g, ARRAY_N(floats))];
    struct type type;

    assert_int_equal(type_from_name(names[t], &type), 0);
    if (t == T_BOOL) {
        assert_int_equal(value_put_bool(out, raw & 1), 0);
    } else if (t == T_F64) {
        if (gen_below(g, 2)) {
            memcpy(&real, &raw, sizeof(real));
        }
        assert_int_equal(value_put_f64(out, real), 0);
    } else if (t == T_F32) {
        assert_int_equal(value_put_f32(out, gen_below(g, 2)
                                                ? (float)real
                                                : (float)(int64_t)raw),
                         0);
    } else {
        assert_int_equal(value_put_int(out, &type, raw), 0);
    }
}

static void put_value(struct gen *g, enum tree_type t, struct buf *out)
{
    static const char *const strings[] = {"",     "a",   "a b", ",",      "12",
                                          "-7",   "x,y", " Z ", "1.5e3",  "00ff",
                                          "\u00e9", "q\u20acr", "nan", "a,b,,c"};
    static const enum tree_type elements[] = {T_U8,  T_U32,    T_I64, T_F64,
                                              T_STRING, T_PAIR, T_U64};
    const char *s = strings[gen_below(g, ARRAY_N(strings))];
    uint32_t n = gen_below(g, 4) ? gen_below(g, 6) : gen_below(g, 40);

    if (t <= T_F64) {
        put_number(g, t, out);
    } else if (t == T_STRING || t == T_BYTES) {
        struct ubytes text = {(const uint8_t *)s, strlen(s)};

        assert_int_equal(t == T_STRING ? value_put_string(out, text)
                                       : value_put_bytes(out, text),
                         0);
    } else if (t == T_PAIR) {
        assert_int_equal(value_put_tuple(out, 2), 0);
        put_value(g, T_U32, out);
        put_value(g, T_I64, out);
    } else if (t == T_REC) {
        assert_int_equal(value_put_tuple(out, 2), 0);
        put_value(g, T_STRING, out);
        put_value(g, T_PAIR, out);
    } else {
        assert_int_equal(value_put_list(out, n), 0);
        for (uint32_t i = 0; i < n; i++) {
            put_value(g, elements[t - T_LU8], out);
        }
    }
}

struct inputs {
    uint64_t seed;
    uint32_t n;
    uint32_t only; /* this one of them, n times; n: all */
    uint64_t fuel;
    enum column_level level;
    struct buf bytes;
    size_t ends[COLUMNS_LANES];
    struct ubytes lanes[COLUMNS_LANES];
};

static void inputs_make(struct inputs *in, const enum tree_type *types)
{
    struct gen g = {.state = in->seed};
    const uint8_t *p;

    buf_init(&in->bytes, 1u << 24);
    for (uint32_t i = 0; i < in->n; i++) {
        assert_int_equal(value_put_tuple(&in->bytes, TREE_PARAMS), 0);
        for (unsigned k = 0; k < TREE_PARAMS; k++) {
            put_value(&g, types[k], &in->bytes);
        }
        in->ends[i] = buf_len(&in->bytes);
    }
    p = buf_bytes(&in->bytes).p;
    for (uint32_t i = 0; i < in->n; i++) {
        uint32_t from = in->only < in->n ? in->only : i;
        size_t start = from > 0 ? in->ends[from - 1] : 0;

        in->lanes[i] = (struct ubytes){p + start, in->ends[from] - start};
    }
}

/* --- comparing --- */

struct tally {
    unsigned long lanes;
    unsigned long codes[16];
    unsigned long refused;
    unsigned long redone;
};

struct difference {
    uint32_t lane;
    int code[2]; /* of the reference, of the columns */
    uint64_t left[2];
    struct buf value[2];
};

/* Is the lane's answer another one? */
static int differs(struct both *b, const struct inputs *in, uint32_t lane,
                   struct difference *d)
{
    struct ubytes x;
    struct ubytes y;
    struct val v;

    buf_reset(&d->value[0]);
    buf_reset(&d->value[1]);
    d->lane = lane;
    d->code[0] = eval_tuple(&b->reference, b->columns->unit, in->lanes[lane],
                            in->fuel, &v);
    d->left[0] = b->reference.fuel;
    if (d->code[0] == 0) {
        d->code[0] = eval_put(&d->value[0], &v);
    }
    d->code[1] = columns_answer(b->columns, lane, &d->value[1], &d->left[1]);
    x = buf_bytes(&d->value[0]);
    y = buf_bytes(&d->value[1]);
    return d->code[0] != d->code[1] || d->left[0] != d->left[1] ||
           x.n != y.n || (x.n > 0 && memcmp(x.p, y.p, x.n) != 0);
}

typedef void sabotage(struct columns *c);

struct look {
    struct inputs in;
    sabotage *sabotage; /* or NULL */
    struct tally *tally;
    struct difference found;
};

/* Compares all lanes: 1 when one differs. */
static int compare(struct both *b, struct look *l)
{
    int differ = 0;

    columns_limit(b->columns, l->in.level);
    if (l->sabotage != NULL) {
        l->sabotage(b->columns);
    }
    assert_int_equal(
        columns_batch(b->columns, l->in.lanes, l->in.n, l->in.fuel), 0);
    for (uint32_t i = 0; i < l->in.n && !differ; i++) {
        differ = differs(b, &l->in, i, &l->found);
        if (l->tally != NULL) {
            l->tally->lanes++;
            l->tally->codes[l->found.code[0]]++;
        }
    }
    if (l->tally != NULL) {
        l->tally->redone += columns_redone(b->columns);
    }
    return differ;
}

/* tree_shows: a file with these inputs ends differently. */
static int file_differs(const struct tree_file *f, void *with)
{
    struct look *l = with;
    struct buf text;
    struct both b;
    int differ = 0;

    buf_init(&text, 1u << 20);
    tree_text(f, &text);
    both_open(&b, buf_bytes(&text));
    if (!b.is_bad && b.columns != NULL) {
        inputs_make(&l->in, f->types);
        differ = compare(&b, l);
        buf_release(&l->in.bytes);
    } else if (!b.is_bad && l->tally != NULL) {
        l->tally->refused++;
    } else if (l->tally != NULL) {
        fprintf(stderr, "%u:%u: %s (%s)\n%.*s", b.diag.at.line, b.diag.at.col,
                b.diag.what, b.diag.hint, (int)buf_len(&text),
                (const char *)buf_bytes(&text).p);
        fail();
    }
    both_close(&b);
    buf_release(&text);
    return differ;
}

static void look_init(struct look *l, uint64_t seed, struct tally *t)
{
    struct gen g = {.state = seed * 77};

    memset(l, 0, sizeof(*l));
    buf_init(&l->found.value[0], 1u << 24);
    buf_init(&l->found.value[1], 1u << 24);
    l->tally = t;
    l->in.seed = seed;
    l->in.n = gen_below(&g, 20) ? 1 + gen_below(&g, 24) : COLUMNS_LANES;
    l->in.only = l->in.n;
    l->in.fuel = gen_below(&g, 3) ? 1000 : gen_below(&g, 100);
    l->in.level = (enum column_level)gen_below(&g, COLUMN_LEVELS);
}

static void look_release(struct look *l)
{
    buf_release(&l->found.value[0]);
    buf_release(&l->found.value[1]);
}

/* The smallest file and inputs that were found for a difference, as text. */
static void cut(struct tree_file *f, struct look *l, struct buf *out)
{
    l->tally = NULL;
    tree_cut(f, file_differs, l);
    while (l->in.n > 1) { /* one lane, if it is enough */
        uint32_t n = l->in.n;

        l->in.only = l->found.lane;
        if (file_differs(f, l)) {
            break;
        }
        l->in.only = n;
        l->in.n = l->found.lane + 1;
        if (l->in.n == n || !file_differs(f, l)) {
            l->in.n = n;
            break;
        }
    }
    (void)file_differs(f, l);
    tree_text(f, out);
}

static void tell(struct tree_file *f, struct look *l, uint64_t seed)
{
    struct difference *d = &l->found;
    char hex[2][200];
    struct buf text;

    buf_init(&text, 1u << 20);
    cut(f, l, &text);
    for (unsigned i = 0; i < 2; i++) {
        struct ubytes v = buf_bytes(&d->value[i]);

        hex[i][0] = '\0';
        hex_text(v.p, v.n < 90 ? v.n : 90, hex[i]);
    }
    inputs_make(&l->in, f->types);
    {
        char in[400];
        struct ubytes v = l->in.lanes[d->lane];

        hex_text(v.p, v.n < 190 ? v.n : 190, in);
        fprintf(stderr, "seed %llu, lane %u of %u, fuel %llu, %s\n%.*s\ninput %s\n"
                 "reference: code %d, left %llu, %s\ncolumns:   code %d, left "
                 "%llu, %s\n",
                 (unsigned long long)seed, d->lane, l->in.n,
                 (unsigned long long)l->in.fuel, column_level_name(l->in.level),
                 (int)buf_len(&text), (const char *)buf_bytes(&text).p, in,
                 d->code[0], (unsigned long long)d->left[0], hex[0], d->code[1],
                 (unsigned long long)d->left[1], hex[1]);
    }
}

static void test_random(void **state)
{
    const char *from = getenv("PROCTOR_SEED");
    uint64_t first = from != NULL ? strtoull(from, NULL, 10) : 1;
    uint64_t n = getenv("PROCTOR_FULL") != NULL ? FILES_FULL : FILES;
    struct tally tally = {0};

    (void)state;
    for (uint64_t seed = first; seed < first + n; seed++) {
        struct tree_file f;
        struct look l;

        tree_make(&f, seed, 10 + (int)(seed % 80));
        look_init(&l, seed, &tally);
        if (file_differs(&f, &l)) {
            tell(&f, &l, seed);
        }
        look_release(&l);
        arena_release(&f.arena);
    }
    print_message("%lu lanes, %lu values; errors: fuel %lu, division %lu, index "
                  "%lu, match %lu, form %lu, size %lu; %lu redone, %lu files "
                  "refused\n",
                  tally.lanes, tally.codes[EVAL_OK], tally.codes[EVAL_E_FUEL],
                  tally.codes[EVAL_E_DIVISION], tally.codes[EVAL_E_INDEX],
                  tally.codes[EVAL_E_MATCH], tally.codes[EVAL_E_FORM],
                  tally.codes[EVAL_E_SIZE], tally.redone, tally.refused);
    /* or the test would not say much */
    assert_int_equal(tally.refused, 0);
    assert_true(tally.codes[EVAL_OK] > tally.lanes / 4);
    for (int e = EVAL_E_FUEL; e <= EVAL_E_FORM; e++) {
        assert_true(tally.codes[e] > 0);
    }
}

/* An engine with an operator that is wrong for some inputs. */
static struct column_kernels wrong;

static void or_for_xor(struct columns *c)
{
    wrong = *c->kernels;
    wrong.by_name[K_BXOR] = wrong.by_name[K_BOR];
    c->kernels = &wrong;
}

static void forgetful(struct columns *c)
{
    wrong = *c->kernels;
    wrong.by_name[K_WRAP] = wrong.by_name[K_COPY];
    c->kernels = &wrong;
}

/* Finds a file that shows it and cuts it: what is left has little else in it. */
static void found_and_cut(sabotage *how, const char *sign, size_t most)
{
    for (uint64_t seed = 1; seed < 5000; seed++) {
        struct tree_file f;
        struct look l;
        struct buf text;
        int found;

        tree_make(&f, seed, 60);
        look_init(&l, seed, NULL);
        l.sabotage = how;
        buf_init(&text, 1u << 20);
        found = file_differs(&f, &l);
        if (found) {
            cut(&f, &l, &text);
            assert_int_equal(buf_put(&text, "", 1), 0);
            if (strstr((const char *)buf_bytes(&text).p, sign) == NULL ||
                buf_len(&text) > most) {
                fail_msg("%zu bytes\n%s", buf_len(&text),
                         (const char *)buf_bytes(&text).p);
            }
            l.sabotage = NULL;
            assert_false(file_differs(&f, &l)); /* nothing else is wrong */
        }
        buf_release(&text);
        look_release(&l);
        arena_release(&f.arena);
        if (found) {
            return;
        }
    }
    fail_msg("nothing was found");
}

static void test_sabotage(void **state)
{
    (void)state;
    found_and_cut(or_for_xor, "^", 120);
    found_and_cut(forgetful, "i", 120);
}

/* 256 lanes of f(0u64), f(1) ... in both engines: how many the reference had to do.
 * What they end in goes to seen. */
static uint64_t same_over_lanes(const char *text, uint64_t fuel, unsigned *seen)
{
    struct inputs in = {.n = COLUMNS_LANES, .fuel = fuel};
    struct difference d;
    struct type u64;
    struct both b;
    uint64_t redone;

    buf_init(&in.bytes, 1u << 16);
    buf_init(&d.value[0], 1u << 26);
    buf_init(&d.value[1], 1u << 26);
    assert_int_equal(type_from_name("u64", &u64), 0);
    both_open(&b, (struct ubytes){(const uint8_t *)text, strlen(text)});
    if (b.columns == NULL) {
        fail_msg("%u: %s", b.diag.at.col, b.diag.what);
    }
    for (uint32_t i = 0; i < in.n; i++) {
        assert_int_equal(value_put_tuple(&in.bytes, 1), 0);
        assert_int_equal(value_put_int(&in.bytes, &u64, i), 0);
    }
    for (uint32_t i = 0; i < in.n; i++) {
        in.lanes[i] =
            (struct ubytes){buf_bytes(&in.bytes).p + (size_t)i * 15, 15};
    }
    assert_int_equal(columns_batch(b.columns, in.lanes, in.n, fuel), 0);
    for (uint32_t i = 0; i < in.n; i++) {
        if (differs(&b, &in, i, &d)) {
            fail_msg("%s\nlane %u: %d %llu, %d %llu", text, i, d.code[0],
                     (unsigned long long)d.left[0], d.code[1],
                     (unsigned long long)d.left[1]);
        }
        seen[d.code[0]]++;
    }
    redone = columns_redone(b.columns);
    both_close(&b);
    buf_release(&in.bytes);
    buf_release(&d.value[0]);
    buf_release(&d.value[1]);
    return redone;
}

/* More than the engine holds at once: the reference does it, and nobody sees. */
static void test_limits(void **state)
{
    unsigned seen[16] = {0};
    char text[4000] = "unit f(n: u64) -> u64 { ";
    size_t at = strlen(text);

    (void)state;
    for (int i = 0; i < 70; i++) { /* loops within each other */
        at += (size_t)sprintf(text + at, "loop (x: u64 = n) repeat 1 { ");
    }
    at += (size_t)sprintf(text + at, "n + 1");
    for (int i = 0; i <= 70; i++) {
        at += (size_t)sprintf(text + at, " }");
    }
    assert_int_equal(same_over_lanes(text, 1000, seen), COLUMNS_LANES);
    /* lists of all lanes together: 300 MiB and more */
    assert_true(same_over_lanes("unit f(n: u64) -> u64 { let l = fill(n, 50000 + "
                                "n); l[n] + len(reverse(l)) }",
                                1u << 20, seen) > 0);
    assert_int_equal(seen[EVAL_OK], 2 * COLUMNS_LANES);
    /* a value too large, and no fuel for it */
    assert_int_equal(same_over_lanes("unit f(n: u64) -> u64 { len(fill(true, "
                                     "1048500 + n)) }",
                                     1100000, seen) > 0 ||
                         seen[EVAL_E_SIZE] > 100,
                     1);
    assert_true(seen[EVAL_E_SIZE] > 100);
}

/* What loops leave behind is let go: a gigabyte goes through 256 MiB. */
static void test_tidy(void **state)
{
    static const char *const texts[] = {
        "unit f(n: u64) -> u64 { sum(loop (l: [u64] = [u64]()) repeat 400 + n "
        "{ append(l, n) }, 0) }",
        "unit f(n: u64) -> string { loop (s: string = \"\") for i in 300 + n { "
        "if i % 2 == n % 2 { s ++ text(i) } else { s } } }",
        "unit add(l: [u64], x: u64) -> [u64] { append(l, x * 3) } "
        "unit f(n: u64) -> [u64] { fold(add, [u64](n), range(500)) }",
        "unit step(x: u64) -> u64 { len(loop (l: [u64] = range(x)) while "
        "len(l) < 300 { l ++ [u64](x) }) } "
        "unit f(n: u64) -> [u64] { map(step, [u64](n, 7, 280)) }"};
    unsigned seen[16] = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_N(texts); i++) {
        assert_int_equal(same_over_lanes(texts[i], 1u << 20, seen), 0);
    }
    assert_int_equal(seen[EVAL_OK], ARRAY_N(texts) * COLUMNS_LANES);
    /* and in the middle of it fuel ends, lane by lane */
    (void)same_over_lanes(texts[0], 120000, seen);
    assert_true(seen[EVAL_E_FUEL] > 20);
    assert_true(seen[EVAL_OK] > ARRAY_N(texts) * COLUMNS_LANES + 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_tidy),
        cmocka_unit_test(test_sabotage),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
