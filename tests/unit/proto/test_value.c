/* Values: forms, hostile bytes, round trips, containers. */
#include "gen.h"

#include "proto/limits.h"

#define FIELD_BYTES (1u << 20)

static struct type type_of(const char *bytes, size_t n)
{
    struct type t;

    assert_int_equal(
        type_decode((struct ubytes){(const uint8_t *)bytes, n}, &t), 0);
    return t;
}

static int check(const char *v, size_t v_n, const char *type, size_t type_n)
{
    struct type t = type_of(type, type_n);

    return value_check_exact((struct ubytes){(const uint8_t *)v, v_n}, &t);
}

#define OK(v, t) assert_int_equal(check(v, sizeof(v) - 1, t, sizeof(t) - 1), 0)
#define BAD(v, t)                                                              \
    assert_int_equal(check(v, sizeof(v) - 1, t, sizeof(t) - 1), ERR_ENCODING)

static void test_scalars(void **state)
{
    (void)state;
    OK("\x01", "\x01");
    OK("\x02", "\x01");
    BAD("\x00", "\x01");
    BAD("\x03", "\x01");
    BAD("", "\x01");
    BAD("\x01\x01", "\x01");
    OK("\x03\x81\xff", "\x03\x81");
    BAD("\x03\x01\xff", "\x03\x81"); /* i8, not u8 */
    BAD("\x03\x81", "\x03\x81");
    BAD("\x03\x81\xff\x00", "\x03\x81");
    OK("\x03\x08\1\2\3\4\5\6\7\x08", "\x03\x08");
    BAD("\x05\0\0\0\0", "\x06"); /* string, not bytes */
    OK("\x06\0\0\0\2\0\xff", "\x06");
    BAD("\x06\0\0\0\3\0\xff", "\x06");
    BAD("\x06\xff\xff\xff\xff\0", "\x06");
}

static void test_floats(void **state)
{
    (void)state;
    OK("\x04\x04\x7f\xc0\0\0", "\x04\x04");
    BAD("\x04\x04\x7f\xc0\0\1", "\x04\x04"); /* another NaN */
    BAD("\x04\x04\xff\xc0\0\0", "\x04\x04");
    BAD("\x04\x04\x7f\x80\0\1", "\x04\x04"); /* signalling */
    OK("\x04\x04\x7f\x80\0\0", "\x04\x04");  /* infinity */
    OK("\x04\x04\x80\0\0\0", "\x04\x04");    /* -0.0 */
    OK("\x04\x08\x7f\xf8\0\0\0\0\0\0", "\x04\x08");
    BAD("\x04\x08\xff\xf8\0\0\0\0\0\0", "\x04\x08");
    BAD("\x04\x08\x7f\xf0\0\0\0\0\0\1", "\x04\x08");
    OK("\x04\x08\xff\xf0\0\0\0\0\0\0", "\x04\x08");
    BAD("\x04\x04\0\0\0\0", "\x04\x08");
}

static void test_strings(void **state)
{
    (void)state;
    OK("\x05\0\0\0\0", "\x05");
    OK("\x05\0\0\0\2\xc3\xa9", "\x05");
    BAD("\x05\0\0\0\1\0", "\x05");           /* NUL */
    BAD("\x05\0\0\0\2\xc0\x80", "\x05");     /* overlong NUL */
    BAD("\x05\0\0\0\3\xed\xa0\x80", "\x05"); /* surrogate */
    BAD("\x05\0\0\0\1\xc3", "\x05");
}

static void test_containers(void **state)
{
    (void)state;
    OK("\x08\0\0\0\0", "\x08\x01");
    OK("\x08\0\0\0\2\1\2", "\x08\x01");
    BAD("\x08\0\0\0\2\1", "\x08\x01");
    BAD("\x08\0\0\0\1\1\2", "\x08\x01");
    BAD("\x08\xff\xff\xff\xff\1", "\x08\x01"); /* count alone costs nothing */
    OK("\x09\0\0\0\0", "\x09\x00");
    OK("\x09\0\0\0\2\1\6\0\0\0\0", "\x09\x02\x01\x06");
    BAD("\x09\0\0\0\1\1", "\x09\x02\x01\x06");
    BAD("\x09\0\0\0\3\1\6\0\0\0\0\1", "\x09\x02\x01\x06");
    BAD("\x08\0\0\0\0", "\x09\x00");
    OK("\x08\0\0\0\1\x08\0\0\0\1\x08\0\0\0\1\x08\0\0\0\1\x08\0\0\0\1\2",
       "\x08\x08\x08\x08\x08\x01");
    OK("\x08\0\0\0\2\x09\0\0\0\0\x09\0\0\0\0", "\x08\x09\x00");
}

static void test_prefix(void **state)
{
    static const uint8_t in[] = {TYPE_BYTES, 0, 0, 0, 1, 9, 1, 2};
    struct type t = type_of("\x06", 1);
    size_t used;

    (void)state;
    assert_int_equal(value_check((struct ubytes){in, 8}, &t, &used), 0);
    assert_int_equal(used, 6);
}

static void test_random_round_trip(void **state)
{
    struct gen g = gen_start();

    (void)state;
    for (int i = 0; i < 3000; i++) {
        struct type t = gen_type(&g);
        struct type other = gen_type(&g);
        struct buf b;
        size_t n;
        size_t used;
        uint8_t *copy;

        buf_init(&b, FIELD_BYTES);
        gen_value(&g, &t, 0, &b);
        CHECK(&g, value_check_exact(buf_bytes(&b), &t) == 0);
        n = buf_len(&b);
        for (int j = 0; j < 20; j++) {
            size_t cut = gen_below(&g, (uint32_t)n);
            struct ubytes part = {buf_bytes(&b).p, cut};

            CHECK(&g, value_check(part, &t, &used) == ERR_ENCODING);
        }
        if (value_check_exact(buf_bytes(&b), &other) == 0) {
            /* only empty lists tell too little */
            CHECK(&g, memchr(other.b, TYPE_LIST, other.n) != NULL ||
                          type_is_equal(&t, &other));
        }
        copy = malloc(n + 1);
        assert_non_null(copy);
        memcpy(copy, buf_bytes(&b).p, n);
        n = gen_damage(&g, copy, n);
        /* Accepted or not: no crash, never more than there is. */
        if (value_check((struct ubytes){copy, n}, &t, &used) == 0) {
            CHECK(&g, used <= n);
        }
        free(copy);
        buf_release(&b);
    }
}

static void test_nonfinite(void **state)
{
    struct type t = type_of("\x09\x03\x06\x08\x04\x04\x04\x08", 8);
    static const float f32s[] = {0.0f, 1.5f, -__builtin_inff()};
    struct buf b;

    (void)state;
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 2; j++) {
            double d = j == 0 ? 1.0 : __builtin_nan("");

            buf_init(&b, 1000);
            assert_int_equal(value_put_tuple(&b, 3), 0);
            /* Bytes that look like an infinite float do not count. */
            assert_int_equal(
                value_put_bytes(&b, (struct ubytes){(const uint8_t *)"\4\4\x7f"
                                                                     "\x80\0\0",
                                                    6}),
                0);
            assert_int_equal(value_put_list(&b, 1), 0);
            assert_int_equal(value_put_f32(&b, f32s[i]), 0);
            assert_int_equal(value_put_f64(&b, d), 0);
            assert_int_equal(value_check_exact(buf_bytes(&b), &t), 0);
            assert_int_equal(value_has_nonfinite(buf_bytes(&b)),
                             i == 2 || j == 1);
            buf_release(&b);
        }
    }
}

static void test_puts_are_canonical(void **state)
{
    struct type i16 = type_of("\x03\x02", 2);
    struct buf b;
    uint32_t bits = 0xffc12345; /* some NaN */
    float f;

    (void)state;
    memcpy(&f, &bits, sizeof(f));
    buf_init(&b, 100);
    assert_int_equal(value_put_f32(&b, f), 0);
    assert_int_equal(value_put_f64(&b, -__builtin_nan("7")), 0);
    assert_int_equal(value_put_int(&b, &i16, (uint64_t)-2), 0);
    assert_int_equal(buf_len(&b), 6 + 10 + 4);
    assert_memory_equal(buf_bytes(&b).p,
                        "\x04\x04\x7f\xc0\0\0\x04\x08\x7f\xf8\0\0\0\0\0\0"
                        "\x03\x02\xff\xfe",
                        20);
    buf_release(&b);
    buf_init(&b, 4); /* a header that does not fit leaves nothing behind */
    assert_int_equal(value_put_list(&b, 1), ERR_LIMIT);
    assert_int_equal(buf_len(&b), 0);
}

static void test_values(void **state)
{
    struct gen g = gen_start();

    (void)state;
    for (int i = 0; i < 300; i++) {
        struct type t = gen_type(&g);
        struct values_builder w;
        struct values v;
        struct ubytes bytes;
        uint32_t n = gen_below(&g, 20);
        struct ubytes firsts[20];
        struct buf b[20];
        uint8_t *copy;
        size_t copy_n;

        assert_int_equal(values_builder_init(&w, FIELD_BYTES), 0);
        for (uint32_t j = 0; j < n; j++) {
            buf_init(&b[j], FIELD_BYTES);
            gen_value(&g, &t, 0, &b[j]);
            firsts[j] = buf_bytes(&b[j]);
            assert_int_equal(values_builder_add(&w, firsts[j]), 0);
        }
        CHECK(&g, values_builder_n(&w) == n);
        bytes = values_builder_bytes(&w);
        values_init(&v);
        CHECK(&g, values_decode(&v, bytes, &t, n) == 0);
        CHECK(&g, values_n(&v) == n);
        for (uint32_t j = 0; j < n; j++) {
            struct ubytes one = values_at(&v, j);

            CHECK(&g, one.n == firsts[j].n &&
                          memcmp(one.p, firsts[j].p, one.n) == 0);
        }
        if (n > 0) {
            CHECK(&g, values_decode(&v, bytes, &t, n - 1) == ERR_LIMIT);
            CHECK(&g, values_n(&v) == 0);
        }
        for (size_t cut = 0; cut < bytes.n && cut < 200; cut++) {
            CHECK(&g, values_decode(&v, (struct ubytes){bytes.p, cut}, &t, n) ==
                          ERR_ENCODING);
        }
        copy = malloc(bytes.n + 1);
        assert_non_null(copy);
        memcpy(copy, bytes.p, bytes.n);
        copy_n = gen_damage(&g, copy, bytes.n);
        if (values_decode(&v, (struct ubytes){copy, copy_n}, &t, 100) == 0) {
            values_release(&v);
        }
        free(copy);
        values_release(&v);
        values_builder_release(&w);
        for (uint32_t j = 0; j < n; j++) {
            buf_release(&b[j]);
        }
    }
}

static void test_values_hostile(void **state)
{
    struct type t = type_of("\x01", 1);
    struct values v;

    (void)state;
    values_init(&v);
    /* A count of four billion with nothing behind it. */
    assert_int_equal(
        values_decode(&v,
                      (struct ubytes){(const uint8_t *)"\xff\xff\xff\xff", 4},
                      &t, UINT32_MAX),
        ERR_ENCODING);
    /* One value, then a byte too many. */
    assert_int_equal(
        values_decode(
            &v, (struct ubytes){(const uint8_t *)"\0\0\0\1\0\0\0\1\1\1", 10},
            &t, 5),
        ERR_ENCODING);
    /* A length that swallows two values. */
    assert_int_equal(
        values_decode(
            &v, (struct ubytes){(const uint8_t *)"\0\0\0\1\0\0\0\2\1\1", 10},
            &t, 5),
        ERR_ENCODING);
    assert_int_equal(
        values_decode(&v, (struct ubytes){(const uint8_t *)"\0\0\0\0", 4}, &t,
                      0),
        0);
    assert_int_equal(values_n(&v), 0);
    values_release(&v);
}

static void test_builder_limit(void **state)
{
    struct values_builder w;
    uint8_t big[100] = {0};

    (void)state;
    assert_int_equal(values_builder_init(&w, 50), 0);
    assert_int_equal(values_builder_add(&w, (struct ubytes){big, 100}),
                     ERR_LIMIT);
    assert_int_equal(values_builder_add(&w, (struct ubytes){big, 42}), 0);
    assert_int_equal(values_builder_add(&w, (struct ubytes){big, 1}),
                     ERR_LIMIT);
    assert_int_equal(values_builder_n(&w), 1);
    assert_int_equal(values_builder_bytes(&w).n, 50);
    values_builder_release(&w);
}

/* n values of type u32: 0, 1, ... */
static struct values numbers(uint32_t n)
{
    struct values_builder w;
    struct values v;
    struct type t;

    values_init(&v);
    assert_int_equal(type_from_name("u32", &t), 0);
    assert_int_equal(values_builder_init(&w, 1u << 20), 0);
    for (uint32_t i = 0; i < n; i++) {
        struct buf b;

        buf_init(&b, 16);
        assert_int_equal(value_put_int(&b, &t, i), 0);
        assert_int_equal(values_builder_add(&w, buf_bytes(&b)), 0);
        buf_release(&b);
    }
    assert_int_equal(values_build(&v, &w, &t, 0), 0);
    assert_int_equal(values_n(&v), n);
    return v;
}

static void test_values_joined(void **state)
{
    struct values all;
    struct values three = numbers(3), none = numbers(0), two = numbers(2);

    (void)state;
    values_init(&all);
    assert_int_equal(values_append(&all, &none), 0);
    assert_int_equal(values_append(&all, &three), 0);
    assert_int_equal(values_append(&all, &none), 0);
    assert_int_equal(values_append(&all, &two), 0);
    assert_int_equal(values_n(&all), 5);
    for (uint32_t i = 0; i < 5; i++) {
        struct ubytes one = values_at(&all, i);

        assert_int_equal(one.n, 6);
        assert_int_equal(one.p[5], i < 3 ? i : i - 3);
    }
    values_cut(&all, 5);
    values_cut(&all, 4);
    assert_int_equal(values_n(&all), 4);
    assert_int_equal(values_append(&all, &two), 0);
    assert_int_equal(values_at(&all, 4).p[5], 0);
    values_cut(&all, 0);
    assert_int_equal(values_n(&all), 0);
    values_release(&all);
    values_release(&three);
    values_release(&none);
    values_release(&two);
}

/* Cut evenly, all of them, none over the limit. */
static void test_batches(void **state)
{
    static const uint32_t sizes[] = {
        1,     2,     LIMIT_BATCH_VALUES,        LIMIT_BATCH_VALUES + 1,
        16385, 17205, 3 * LIMIT_BATCH_VALUES + 7};

    (void)state;
    for (size_t i = 0; i < ARRAY_N(sizes); i++) {
        struct values v = numbers(sizes[i]);
        uint32_t at = 0, batches = 0, least = UINT32_MAX, most = 0;

        while (at < sizes[i]) {
            uint32_t n = values_batch(&v, at);

            assert_in_range(n, 1, LIMIT_BATCH_VALUES);
            least = n < least ? n : least;
            most = n > most ? n : most;
            at += n;
            batches++;
        }
        assert_int_equal(at, sizes[i]);
        assert_int_equal(batches, (sizes[i] - 1) / LIMIT_BATCH_VALUES + 1);
        assert_in_range(most - least, 0, batches);
        values_release(&v);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_joined),
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_scalars),
        cmocka_unit_test(test_floats),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_containers),
        cmocka_unit_test(test_prefix),
        cmocka_unit_test(test_random_round_trip),
        cmocka_unit_test(test_nonfinite),
        cmocka_unit_test(test_puts_are_canonical),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_values_hostile),
        cmocka_unit_test(test_builder_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
