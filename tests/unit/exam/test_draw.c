/* Draws: membership for random domains, counter mode, known answers, what each
 * stratum reaches, enumeration. */
#include "random_domain.h"

static void test_members_of_random_domains(void **state)
{
    uint8_t seed[32] = {1};
    struct stream r;

    (void)state;
    for (uint64_t i = 0; i < 2000; i++) {
        struct buf domain;
        struct buf v;
        struct type t;
        struct draw_source src;

        stream_init(&r, seed, 77, i);
        buf_init(&domain, 1 << 16);
        buf_init(&v, 4 << 20);
        random_domain(&domain, &r, 0);
        OK(domain_check(buf_bytes(&domain), &t));
        src = source_of(&domain, (uint8_t)i);
        assert_int_equal(node_skip(src.of.domain, 0), src.of.domain.n);
        for (uint64_t k = 0; k < 40; k++) {
            buf_reset(&v);
            OK(draw(&src, (enum stratum)(k % STRATA_BASE_N), k / STRATA_BASE_N, &v));
            OK(value_check_exact(buf_bytes(&v), &t));
            assert_true(node_has(&src.of, buf_bytes(&v)));
            assert_false(value_has_nonfinite(buf_bytes(&v)));
        }
        buf_release(&v);
        buf_release(&domain);
    }
}

/* The membership test itself: it must refuse what is just outside. */
static void test_membership_refuses(void **state)
{
    static const uint8_t outside[][16] = {
        /* length, value: u8 in 10..20, then bytes of 1..2 */
        {14, 9, 0, 0, 0, 2, 3, 0x81, 9, 6, 0, 0, 0, 1, 0},
        {14, 9, 0, 0, 0, 2, 3, 0x81, 21, 6, 0, 0, 0, 1, 0},
        {13, 9, 0, 0, 0, 2, 3, 0x81, 10, 6, 0, 0, 0, 0},
        {15, 9, 0, 0, 0, 2, 3, 0x81, 10, 6, 0, 0, 0, 1, 0, 0},
        {14, 9, 0, 0, 0, 2, 3, 0x01, 10, 6, 0, 0, 0, 1, 0},
        {13, 9, 0, 0, 0, 2, 3, 0x81, 10, 6, 0, 0, 0, 1},
        {8, 9, 0, 0, 0, 1, 3, 0x81, 10}};
    static const uint8_t inside[] = {9,  0, 0, 0, 2, 3, 0x81,
                                     10, 6, 0, 0, 0, 1, 0};
    struct draw_source src;
    struct buf domain;

    (void)state;
    buf_init(&domain, 256);
    put_tuple(&domain, 2);
    put_int(&domain, 0x81, 10, 20);
    put_lengths(&domain, DOMAIN_BYTES, 1, 2);
    src = source_of(&domain, 0);
    assert_true(node_has(&src.of, (struct ubytes){inside, sizeof(inside)}));
    for (size_t i = 0; i < ARRAY_N(outside); i++) {
        assert_false(
            node_has(&src.of, (struct ubytes){outside[i] + 1, outside[i][0]}));
    }
    buf_release(&domain);
}

static void test_counter_mode(void **state)
{
    struct buf domain;
    struct buf all;
    struct buf one;
    size_t at[64];
    struct draw_source src;

    (void)state;
    buf_init(&domain, 256);
    buf_init(&all, 8 << 20);
    buf_init(&one, 8 << 20);
    put_tuple(&domain, 2);
    put_lengths(&domain, DOMAIN_BYTES, 0, 4096);
    put_int(&domain, 8, 1ull << 63, INT64_MAX);
    src = source_of(&domain, 9);
    for (uint64_t k = 0; k < ARRAY_N(at); k++) {
        at[k] = buf_len(&all);
        OK(draw(&src, STRATUM_UNIFORM, k, &all));
    }
    for (uint64_t k = ARRAY_N(at) - 1; k > 0; k--) {
        buf_reset(&one);
        OK(draw(&src, STRATUM_UNIFORM, k - 1, &one));
        assert_int_equal(buf_len(&one), at[k] - at[k - 1]);
        assert_memory_equal(buf_bytes(&one).p, buf_bytes(&all).p + at[k - 1],
                            buf_len(&one));
    }
    buf_release(&one);
    buf_release(&all);
    buf_release(&domain);
}

/* The stream is plain RFC 8439: the test vector of its section 2.4.2, and any
 * way of cutting the stream gives the same bytes. */
static void test_stream_is_rfc_8439(void **state)
{
    uint8_t key[32];
    uint8_t whole[4096];
    uint8_t parts[4096];
    static const uint8_t nonce[12] = {0, 0, 1, 3, 0, 0, 0, 0, 0, 0, 0, 5};
    struct stream r;
    size_t at = 0;

    (void)state;
    for (unsigned i = 0; i < sizeof(key); i++) {
        key[i] = (uint8_t)i;
    }
    crypto_stream_chacha20_ietf(whole, sizeof(whole), nonce, key);
    stream_init(&r, key, 0x103, 5);
    for (size_t n = 1; at < sizeof(parts); n = n * 2 % 1021) {
        n = n > sizeof(parts) - at ? sizeof(parts) - at : n;
        stream_fill(&r, parts + at, n);
        at += n;
    }
    assert_memory_equal(whole, parts, sizeof(whole));
    memset(parts, 0, sizeof(parts));
    crypto_stream_chacha20_ietf_xor_ic(whole, parts, 64, nonce, 3u << 26, key);
    stream_sub(&r, 3);
    stream_fill(&r, parts, 64);
    assert_memory_equal(whole, parts, 64);
}

static void test_below_is_fair(void **state)
{
    uint8_t seed[32] = {7};
    uint32_t seen[10] = {0};
    struct stream r;

    (void)state;
    stream_init(&r, seed, 0, 0);
    for (unsigned i = 0; i < 100000; i++) {
        seen[stream_below(&r, 10)]++;
    }
    for (unsigned i = 0; i < 10; i++) {
        assert_in_range(seen[i], 9500, 10500); /* 5 sigma = 474 */
    }
}

/* --- what a stratum reaches --------------------------------------------- */

struct reach {
    uint64_t wanted;
    int seen;
};

static void assert_reaches(struct draw_source *src, enum stratum s,
                           struct reach *r, size_t n, unsigned width)
{
    struct buf v;

    buf_init(&v, 1 << 20);
    for (uint64_t k = 0; k < 4096; k++) {
        uint64_t bits = 0;

        buf_reset(&v);
        OK(draw(src, s, k, &v));
        for (unsigned i = 0; i < width; i++) {
            bits = bits << 8 | buf_bytes(&v).p[2 + i];
        }
        for (size_t i = 0; i < n; i++) {
            r[i].seen |= r[i].wanted == bits;
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (!r[i].seen) {
            fail_msg("%s never drew %llx", stratum_name(s),
                     (unsigned long long)r[i].wanted);
        }
    }
    buf_release(&v);
}

static void test_boundary_integers(void **state)
{
    struct reach u64s[] = {{0, 0},
                           {1, 0},
                           {2, 0},
                           {UINT64_MAX, 0},
                           {UINT64_MAX - 1, 0},
                           {1ull << 63, 0},
                           {(1ull << 63) - 1, 0},
                           {1ull << 32, 0},
                           {(1ull << 32) - 1, 0},
                           {(1ull << 32) + 1, 0},
                           {0x100, 0},
                           {0xff, 0}};
    struct reach i32s[] = {{0, 0},          {1, 0},          {0xffffffff, 0},
                           {0x80000000, 0}, {0x7fffffff, 0}, {0x80000001, 0},
                           {0x10000, 0},    {0xffff0000, 0}};
    struct reach bits[] = {
        {1, 0}, {1ull << 63, 0}, {~1ull, 0}, {0x0101010101010101ull * 0xaa, 0}};
    struct reach small[] = {{0, 0}, {1, 0}, {8, 0}, {77, 0}};
    struct draw_source src;
    struct buf domain;

    (void)state;
    buf_init(&domain, 256);
    put_int(&domain, 0x88, 0, UINT64_MAX);
    src = source_of(&domain, 3);
    assert_reaches(&src, STRATUM_BOUNDARY, u64s, ARRAY_N(u64s), 8);
    assert_reaches(&src, STRATUM_BITS, bits, ARRAY_N(bits), 8);
    assert_reaches(&src, STRATUM_SMALL, small, ARRAY_N(small), 8);
    buf_reset(&domain);
    put_int(&domain, 4, (uint64_t)INT32_MIN, INT32_MAX);
    src = source_of(&domain, 4);
    assert_reaches(&src, STRATUM_BOUNDARY, i32s, ARRAY_N(i32s), 4);
    buf_release(&domain);
}

static void test_boundary_floats(void **state)
{
    struct reach f64s[] = {{0, 0},
                           {1ull << 63, 0},
                           {f64_bits(1.0), 0},
                           {f64_bits(-1.0), 0},
                           {f64_bits(1.0) + 1, 0},
                           {1, 0},
                           {1ull << 52, 0},
                           {(1ull << 52) - 1, 0},
                           {f64_bits(0x1p53), 0},
                           {0x7fefffffffffffff, 0},
                           {0xffefffffffffffff, 0}};
    struct reach small[] = {{f64_bits(0.5), 0}, {f64_bits(-2.0), 0}, {0, 0}};
    struct draw_source src;
    struct buf domain;

    (void)state;
    buf_init(&domain, 256);
    put_float(&domain, 8, 0xffefffffffffffff, 0x7fefffffffffffff);
    src = source_of(&domain, 3);
    assert_reaches(&src, STRATUM_BOUNDARY, f64s, ARRAY_N(f64s), 8);
    assert_reaches(&src, STRATUM_SMALL, small, ARRAY_N(small), 8);
    buf_release(&domain);
}

static void test_boundary_lengths(void **state)
{
    static const uint32_t wanted[] = {0,  1,  2,  3,   4,   7,    8,    9,
                                      31, 32, 33, 255, 256, 1024, 4095, 4096};
    static uint8_t seen[4097];
    uint64_t total[STRATA_BASE_N] = {0};
    struct draw_source src;
    struct buf domain;
    struct buf v;

    (void)state;
    buf_init(&domain, 256);
    buf_init(&v, 1 << 20);
    put_lengths(&domain, DOMAIN_BYTES, 0, 4096);
    src = source_of(&domain, 5);
    for (uint64_t k = 0; k < 4096 * STRATA_BASE_N; k++) {
        enum stratum s = (enum stratum)(k % STRATA_BASE_N);

        buf_reset(&v);
        OK(draw(&src, s, k / STRATA_BASE_N, &v));
        total[s] += buf_len(&v) - 5;
        if (s == STRATUM_BOUNDARY) {
            seen[buf_len(&v) - 5] = 1;
        }
    }
    for (size_t i = 0; i < ARRAY_N(wanted); i++) {
        assert_true(seen[wanted[i]]);
    }
    assert_in_range(total[STRATUM_UNIFORM] / 4096, 1950, 2150);
    for (unsigned s = STRATUM_MAGNITUDE; s < STRATA_BASE_N; s++) {
        assert_in_range(total[s] / 4096, 1, 700); /* candidates pay per byte */
    }
    buf_release(&v);
    buf_release(&domain);
}

static void test_strings_are_not_all_ascii(void **state)
{
    unsigned plain = 0;
    unsigned other = 0;
    struct draw_source src;
    struct buf domain;
    struct buf v;

    (void)state;
    buf_init(&domain, 256);
    buf_init(&v, 1 << 20);
    put_lengths(&domain, DOMAIN_STRING, 1, 30);
    src = source_of(&domain, 5);
    for (uint64_t k = 0; k < 2000; k++) {
        int is_plain = 1;

        buf_reset(&v);
        OK(draw(&src, (enum stratum)(k % STRATA_BASE_N), k / STRATA_BASE_N, &v));
        for (size_t i = 5; i < buf_len(&v); i++) {
            is_plain &= buf_bytes(&v).p[i] < 0x80;
        }
        plain += is_plain ? 1 : 0;
        other += is_plain ? 0 : 1;
    }
    assert_in_range(plain, 200, 1800);
    assert_in_range(other, 200, 1800);
    buf_release(&v);
    buf_release(&domain);
}

static void test_lists_come_sorted_and_repeated(void **state)
{
    unsigned rising = 0;
    unsigned falling = 0;
    unsigned same = 0;
    struct draw_source src;
    struct buf domain;
    struct buf v;

    (void)state;
    buf_init(&domain, 256);
    buf_init(&v, 1 << 20);
    put_lengths(&domain, DOMAIN_LIST, 6, 20);
    put_int(&domain, 4, (uint64_t)-1000, 1000);
    src = source_of(&domain, 6);
    for (uint64_t k = 0; k < 400; k++) {
        int up = 0;
        int down = 0;
        int32_t last = 0;

        buf_reset(&v);
        OK(draw(&src, STRATUM_BITS, k, &v));
        for (size_t at = 5; at < buf_len(&v); at += 6) {
            const uint8_t *p = buf_bytes(&v).p + at + 2;
            int32_t x = (int32_t)((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
                                  (uint32_t)p[2] << 8 | p[3]);

            up |= at > 5 && x > last;
            down |= at > 5 && x < last;
            last = x;
        }
        rising += up && !down ? 1 : 0;
        falling += down && !up ? 1 : 0;
        same += !up && !down ? 1 : 0;
    }
    assert_in_range(rising, 30, 200);
    assert_in_range(falling, 30, 200);
    assert_in_range(same, 10, 200);
    buf_release(&v);
    buf_release(&domain);
}

/* --- enumeration --------------------------------------------------------- */

static void test_enumeration_is_exact(void **state)
{
    uint8_t seed[32] = {2};
    unsigned tried = 0;

    (void)state;
    for (uint64_t i = 0; i < 1500; i++) {
        struct buf domain;
        struct buf v;
        struct type t;
        struct stream r;
        struct draw_source src;
        uint64_t size;
        struct cid *seen;

        stream_init(&r, seed, 78, i);
        buf_init(&domain, 1 << 16);
        buf_init(&v, 4 << 20);
        random_domain(&domain, &r, 1);
        OK(domain_check(buf_bytes(&domain), &t));
        OK(domain_size(buf_bytes(&domain), NULL, 0, &size));
        src = source_of(&domain, 0);
        if (size > 0 && size <= 1500) {
            tried++;
            seen = calloc(size, sizeof(*seen));
            assert_non_null(seen);
            for (uint64_t k = 0; k < size; k++) {
                buf_reset(&v);
                OK(draw_enumerate(&src, k, &v));
                OK(value_check_exact(buf_bytes(&v), &t));
                assert_true(node_has(&src.of, buf_bytes(&v)));
                seen[k] = cid_of(buf_bytes(&v));
                for (uint64_t j = k < 300 ? 0 : k - 300; j < k; j++) {
                    assert_false(cid_is_equal(&seen[j], &seen[k]));
                }
            }
            free(seen);
        }
        buf_release(&v);
        buf_release(&domain);
    }
    assert_true(tried > 100);
}

/* --- known answers: a change here breaks every stored verdict ------------- */

static void test_known_answers(void **state)
{
    static const char *const expected[STRATA_BASE_N] = {
        "f2550e65c199c7c6016e7b84efd3442233e7c3ce44928f733bc5fe40948d5586",
        "548d21728e84a94c94c3f9a06d7d9620624f65d37db1cf7a97fd5be239da7861",
        "136c5c1a52abc9d4f24be4e685a6ea8296532f0f9f3241bac6b775f89a0700af",
        "e8674e1f2dbc7bb4c07a79ee7c9a5ed95cbf15ba3c8c384eb825b836aad806e3",
        "c6de4a4474d52093a4a6ee6a91c69419960ab0ae9e7056434aa92e880a4e35f6"};
    struct draw_source src;
    struct buf domain;
    struct buf v;

    (void)state;
    buf_init(&domain, 1024);
    buf_init(&v, 8 << 20);
    put_tuple(&domain, 6);
    put_int(&domain, 0x88, 0, UINT64_MAX);
    put_int(&domain, 2, (uint64_t)-300, 4000);
    put_float(&domain, 8, f64_bits(-1e6), f64_bits(1e300));
    put_lengths(&domain, DOMAIN_STRING, 0, 50);
    put_lengths(&domain, DOMAIN_BYTES, 3, 500);
    put_lengths(&domain, DOMAIN_LIST, 0, 20);
    put_tuple(&domain, 2);
    OK(buf_put_u8(&domain, DOMAIN_BOOL));
    put_float(&domain, 4, 0, 0x3f800000);
    src = source_of(&domain, 0x5a);
    for (unsigned s = 0; s < STRATA_BASE_N; s++) {
        struct cid c;
        char text[CID_TEXT_BYTES];

        buf_reset(&v);
        for (uint64_t k = 0; k < 256; k++) {
            OK(draw(&src, (enum stratum)s, k, &v));
        }
        c = cid_of(buf_bytes(&v));
        cid_text(&c, text);
        assert_string_equal(text, expected[s]);
    }
    buf_release(&v);
    buf_release(&domain);
}

static void test_empty_corpus(void **state)
{
    static const uint8_t domain[] = {DOMAIN_CORPUS, 3, 0x81, 0, 0};
    struct values corpus;
    struct draw_source src = {
        .of = {{domain, sizeof(domain)}, &corpus, 1}};
    struct buf v;

    (void)state;
    values_init(&corpus);
    buf_init(&v, 100);
    assert_int_equal(draw(&src, STRATUM_UNIFORM, 0, &v), ERR_INPUT);
    buf_release(&v);
    values_release(&corpus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_of_random_domains),
        cmocka_unit_test(test_membership_refuses),
        cmocka_unit_test(test_counter_mode),
        cmocka_unit_test(test_stream_is_rfc_8439),
        cmocka_unit_test(test_below_is_fair),
        cmocka_unit_test(test_boundary_integers),
        cmocka_unit_test(test_boundary_floats),
        cmocka_unit_test(test_boundary_lengths),
        cmocka_unit_test(test_strings_are_not_all_ascii),
        cmocka_unit_test(test_lists_come_sorted_and_repeated),
        cmocka_unit_test(test_enumeration_is_exact),
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_empty_corpus),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
