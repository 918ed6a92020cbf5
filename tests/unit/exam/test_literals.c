/* The stratum `literals`: members only, the same again, and back doors on magic
 * inputs are met. */
#include "tests/unit/exam/functions.h"

#include "kernel/exam/literal.h"

static const struct type u64_scalar = {2, {TYPE_INT, 0x88}};

/* An object of literals. */
struct object {
    struct buf b;
    struct literals l;
};

static void object_init(struct object *o, const uint64_t *ints, uint32_t ints_n,
                        const double *floats, uint32_t floats_n,
                        const char *const *texts, uint32_t texts_n)
{
    buf_init(&o->b, 1 << 20);
    assert_int_equal(buf_put_u32(&o->b, ints_n), 0);
    for (uint32_t i = 0; i < ints_n; i++) {
        assert_int_equal(buf_put_u64(&o->b, ints[i]), 0);
    }
    assert_int_equal(buf_put_u32(&o->b, floats_n), 0);
    for (uint32_t i = 0; i < floats_n; i++) {
        uint64_t bits;

        memcpy(&bits, &floats[i], sizeof(bits));
        assert_int_equal(buf_put_u64(&o->b, bits), 0);
    }
    assert_int_equal(buf_put_u32(&o->b, texts_n), 0);
    for (uint32_t i = 0; i < texts_n; i++) {
        struct ubytes text = {(const uint8_t *)texts[i], strlen(texts[i])};

        assert_int_equal(buf_put_bytes32(&o->b, text), 0);
    }
    assert_int_equal(literals_decode(&o->l, buf_bytes(&o->b)), 0);
}

static void object_release(struct object *o)
{
    literals_release(&o->l);
    buf_release(&o->b);
}

/* How many instances of the stratum are exactly v. */
static unsigned hits(const struct draw_source *src, struct ubytes v)
{
    struct buf out;
    unsigned n = 0;

    buf_init(&out, 4u << 20);
    for (uint64_t k = 0; k < literal_draws(src); k++) {
        buf_reset(&out);
        assert_int_equal(draw(src, STRATUM_LITERALS, k, &out), 0);
        assert_true(node_has(&src->of, buf_bytes(&out)));
        n += buf_len(&out) == v.n && memcmp(buf_bytes(&out).p, v.p, v.n) == 0;
    }
    buf_release(&out);
    return n;
}

static struct draw_source source_of(const uint8_t *domain, size_t n,
                                    const struct object *o)
{
    struct draw_source src = {.of.domain = {domain, n}, .literals = &o->l};
    struct type t;

    assert_int_equal(domain_check(src.of.domain, &t), 0);
    memset(src.seed, 0x5a, sizeof(src.seed));
    return src;
}

static void put_u64(struct buf *b, uint64_t v)
{
    assert_int_equal(value_put_int(b, &u64_scalar, v), 0);
}

static void test_numbers(void **state)
{
    static const uint8_t domain[] = {9,    1,    3,    0x88, 0,    0,    0,
                                     0,    0,    0,    0,    0,    0xff, 0xff,
                                     0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    static const uint64_t ints[] = {0x123456789, 77, 1ull << 60};
    struct object o;
    struct draw_source src;
    struct buf v;

    (void)state;
    object_init(&o, ints, 3, NULL, 0, NULL, 0);
    src = source_of(domain, sizeof(domain), &o);
    assert_int_equal(literal_draws(&src), 2 * 3 * 64);
    buf_init(&v, 100);
    for (unsigned i = 0; i < 3; i++) {
        uint64_t forms[] = {ints[i],     ints[i] + 1, ints[i] - 1,
                            0 - ints[i], ~ints[i],    1 - ints[i]};

        for (unsigned f = 0; f < 6; f++) {
            buf_reset(&v);
            assert_int_equal(value_put_tuple(&v, 1), 0);
            put_u64(&v, forms[f]);
            assert_true(hits(&src, buf_bytes(&v)) > 0);
        }
    }
    buf_release(&v);
    object_release(&o);
}

/* Any two literals at any two arguments. */
static void test_pairs(void **state)
{
    uint8_t domain[2 + 5 * 18] = {9, 5};
    uint64_t ints[12];
    struct object o;
    struct draw_source src;
    struct buf out;
    unsigned char seen[5][5][12][12] = {0};
    unsigned missing = 0;

    (void)state;
    for (unsigned i = 0; i < 12; i++) {
        ints[i] = 1000003ull * (i + 1);
    }
    for (unsigned i = 0; i < 5; i++) {
        memcpy(domain + 2 + 18 * i, "\3\x88", 2);
        memset(domain + 2 + 18 * i + 10, 0xff, 8);
    }
    object_init(&o, ints, 12, NULL, 0, NULL, 0);
    src = source_of(domain, sizeof(domain), &o);
    buf_init(&out, 4096);
    for (uint64_t k = 0; k < literal_draws(&src); k += 2) {
        unsigned at[5];

        buf_reset(&out);
        assert_int_equal(draw(&src, STRATUM_LITERALS, k, &out), 0);
        for (unsigned i = 0; i < 5; i++) {
            const uint8_t *p = buf_bytes(&out).p + 5 + 10 * i + 2;
            uint64_t v = 0;

            for (unsigned b = 0; b < 8; b++) {
                v = v << 8 | p[b];
            }
            at[i] = (unsigned)(v / 1000003 - 1);
            assert_true(v % 1000003 == 0 && at[i] < 12);
        }
        for (unsigned i = 0; i < 5; i++) {
            for (unsigned j = 0; j < 5; j++) {
                seen[i][j][at[i]][at[j]] = 1;
            }
        }
    }
    for (unsigned i = 0; i < 5; i++) {
        for (unsigned j = i + 1; j < 5; j++) {
            for (unsigned a = 0; a < 144; a++) {
                missing += seen[i][j][a / 12][a % 12] == 0;
            }
        }
    }
    assert_int_equal(missing, 0);
    buf_release(&out);
    object_release(&o);
}

static void test_texts_and_lists(void **state)
{
    static const uint8_t text_domain[] = {9, 1, 5,  0, 0, 0, 0, 0,
                                          0, 0, 40, 0, 0, 0, 0};
    static const uint8_t list_domain[] = {
        9, 1, 8, 0, 0, 0, 0, 0, 0, 0, 9,    3,    0x84, 0,   0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff};
    static const char *const texts[] = {"open sesame", "x\xc3\xa9"};
    static const char *const wanted[] = {"open sesame", "open sesam",
                                         "pen sesame",  "open sesamex\xc3\xa9",
                                         "\xc3\xa9",    "x"};
    static const uint64_t ints[] = {17, 42, 99, 5};
    struct object o;
    struct draw_source src;
    struct buf v;

    (void)state;
    buf_init(&v, 1000);
    object_init(&o, ints, 4, NULL, 0, texts, 2);
    src = source_of(text_domain, sizeof(text_domain), &o);
    for (unsigned i = 0; i < ARRAY_N(wanted); i++) {
        buf_reset(&v);
        assert_int_equal(value_put_tuple(&v, 1), 0);
        assert_int_equal(
            value_put_string(&v, (struct ubytes){(const uint8_t *)wanted[i],
                                                 strlen(wanted[i])}),
            0);
        assert_true(hits(&src, buf_bytes(&v)) > 0);
    }
    src = source_of(list_domain, sizeof(list_domain), &o);
    buf_reset(&v);
    assert_int_equal(value_put_tuple(&v, 1), 0);
    assert_int_equal(value_put_list(&v, 3), 0);
    for (unsigned i = 0; i < 3; i++) { /* [17, 42, 99] */
        play_put_u32(&v, (uint32_t)ints[i]);
    }
    assert_true(hits(&src, buf_bytes(&v)) > 0);
    buf_release(&v);
    object_release(&o);
}

/* Floats of either width, an alphabet that does not fit, lengths. */
static void test_clamped(void **state)
{
    static const uint8_t domain[] = {
        9, 3,   4, 4,    0,    0,    0,    0, 0xff, 0x7f, 0xff, 0xff, 0,
        0, 0,   0, 0x7f, 0x7f, 0xff, 0xff, 5, 0,    0,    0,    3,    0,
        0, 0,   5, 0,    0,    0,    2,    0, 0,    0,    'a',  0,    0,
        0, 'b', 6, 0,    0,    0,    8,    0, 0,    0,    9};
    static const double floats[] = {1e300, 0.1, -2.5, 5e-324};
    static const uint64_t ints[] = {4, 9};
    static const char *const texts[] = {"ab", "abc", "abbabba", ""};
    struct object o;
    struct draw_source src;
    struct buf a;
    struct buf b;

    (void)state;
    object_init(&o, ints, 2, floats, 4, texts, 4);
    src = source_of(domain, sizeof(domain), &o);
    buf_init(&a, 4096);
    buf_init(&b, 4096);
    for (uint64_t k = 0; k < literal_draws(&src); k++) {
        buf_reset(&a);
        buf_reset(&b);
        assert_int_equal(draw(&src, STRATUM_LITERALS, k, &a), 0);
        assert_int_equal(draw(&src, STRATUM_LITERALS, k, &b), 0);
        assert_true(node_has(&src.of, buf_bytes(&a)));
        assert_int_equal(buf_len(&a), buf_len(&b));
        assert_memory_equal(buf_bytes(&a).p, buf_bytes(&b).p, buf_len(&a));
    }
    buf_release(&a);
    buf_release(&b);
    object_release(&o);
}

static void test_none(void **state)
{
    static const char *const texts[] = {"abc"};
    struct object o;
    struct draw_source src;

    (void)state;
    object_init(&o, NULL, 0, NULL, 0, texts, 1); /* no use to a u32 */
    src = source_of(u32_domain, sizeof(u32_domain), &o);
    assert_int_equal(literal_draws(&src), 0);
    src.literals = NULL;
    assert_int_equal(literal_draws(&src), 0);
    object_release(&o);
}

static void test_decoder(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
    } bad[] = {{"", 0},
               {"\0\0\0\0\0\0\0\0\0\0\0", 11},
               {"\0\0\0\0\0\0\0\0\0\0\0\0\0", 13},
               {"\0\0\x10\1\0\0\0\0\0\0\0\0", 12},
               {"\0\0\0\0\0\0\0\1\x7f\xf0\0\0\0\0\0\0\0\0\0\0", 20},
               {"\0\0\0\0\0\0\0\0\0\0\0\1\0\0\4\1", 16}};
    struct literals l;

    (void)state;
    for (size_t i = 0; i < ARRAY_N(bad); i++) {
        assert_int_equal(
            literals_decode(
                &l, (struct ubytes){(const uint8_t *)bad[i].bytes, bad[i].n}),
            ERR_ENCODING);
        literals_release(&l);
    }
}

static enum play_end magic(struct play *p, struct ubytes input, uint32_t i,
                           uint32_t n, struct buf *out)
{
    if (play_u32(input) == 0x1234567) {
        play_put_u32(out, 7);
        return PLAY_ANSWERED;
    }
    return good(p, input, i, n, out);
}

/* Through the exam: admitted when nobody looks into its files, else refuted. */
static void test_back_door(void **state)
{
    static const uint64_t ints[] = {3, 0x1234567};
    struct object o;
    struct play p;

    (void)state;
    u32_exam(&p, magic);
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_ADMIT);
    assert_int_equal(p.e->n_strata, 5);
    play_forget(&p);
    object_init(&o, ints, 2, NULL, 0, NULL, 0);
    p.setup.literals = &o.l;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_REJECT);
    assert_int_equal(play_u32((struct ubytes){p.e->shrunk->input.data, 11}),
                     0x1234567);
    play_forget(&p);
    p.fn[EXAM_CANDIDATE] = good;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_ADMIT);
    assert_int_equal(p.e->n_strata, 6);
    assert_string_equal(p.e->strata[5]->name, "literals");
    assert_int_equal(p.e->strata[5]->draws, 2 * 2 * 64);
    assert_int_equal(p.e->draws, 16385 + 2 * 2 * 64);
    assert_int_equal(p.committed_draws, p.e->draws);
    assert_true(p.e->bound95 >= exam_bound(0.05, 16385, 0));
    play_forget(&p);
    object_release(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_texts_and_lists),
        cmocka_unit_test(test_clamped),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_decoder),
        cmocka_unit_test(test_back_door),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
