/* Records: every kind round-trips, every cut and every extension is refused,
 * and the JSON says what the bytes say. */
#include "gen.h"

#include <float.h>
#include <math.h>

#include "proto/limits.h"
#include "proto/record.h"

#define KINDS 33

/* A record of kind k with a value in every field. */
static void fill(struct record *r, enum record_kind k)
{
    static const uint8_t cids[64] = {7};
    uint8_t h[32];
    unsigned i;

    memset(h, 0x5a, sizeof(h));
    record_init(r, k);
    r->seq = 77;
    memset(r->prev, 0x11, sizeof(r->prev));
    r->wall_ns = UINT64_C(1790000000123456789);
    r->mono_ns = 5;
    for (i = 0; i < record_fields_n(k); i++) {
        enum record_field f =
            (enum record_field)((unsigned)record_first_field(k) + i);

        switch (record_field_info(f)->type) {
        case RT_U8:
            record_set_u(r, f, 3);
            break;
        case RT_U32:
            record_set_u(r, f, UINT32_MAX);
            break;
        case RT_U64:
            record_set_u(r, f, UINT64_MAX);
            break;
        case RT_F64:
            record_set_f64(r, f, 1e-6);
            break;
        case RT_HASH:
            record_set_hash(r, f, h);
            break;
        case RT_STR:
            record_set_str(r, f, "h\xc3\xa9llo");
            break;
        case RT_BYTES:
        case RT_CIDS:
            record_set_bytes(r, f, (struct ubytes){cids, sizeof(cids)});
            break;
        }
    }
}

static void test_table(void **state)
{
    unsigned k;
    unsigned fields = 0;

    (void)state;
    for (k = 1; k <= KINDS; k++) {
        const char *name = record_kind_name((enum record_kind)k);

        assert_non_null(name);
        assert_non_null(record_kind_what((enum record_kind)k));
        assert_int_equal(record_kind_from_name(name), k);
        assert_in_range(record_fields_n((enum record_kind)k), 1,
                        RECORD_FIELDS_MAX);
        assert_int_equal(record_first_field((enum record_kind)k), fields);
        fields += record_fields_n((enum record_kind)k);
    }
    assert_int_equal(fields, RF_N_);
    assert_null(record_kind_name((enum record_kind)(KINDS + 1)));
    assert_null(record_kind_name(RECORD_NONE));
    assert_int_equal(record_kind_from_name("nothing"), RECORD_NONE);
    assert_string_equal(record_field_info(RF_REF_name)->name, "name");
    assert_int_equal(record_field_info(RF_REF_name)->kind, RECORD_REF);
}

static void test_round_trip_and_cuts(void **state)
{
    unsigned k;

    (void)state;
    for (k = 1; k <= KINDS; k++) {
        struct record r;
        struct record back;
        struct buf b;
        struct buf again;
        size_t i;

        fill(&r, (enum record_kind)k);
        buf_init(&b, 1u << 20);
        buf_init(&again, 1u << 20);
        assert_int_equal(record_encode(&r, &b), 0);
        assert_int_equal(record_decode(buf_bytes(&b), &back), 0);
        assert_int_equal(record_encode(&back, &again), 0);
        assert_int_equal(buf_len(&b), buf_len(&again));
        assert_memory_equal(buf_bytes(&b).p, buf_bytes(&again).p, buf_len(&b));
        assert_true(back.seq == 77 && back.mono_ns == 5);
        for (i = 0; i < buf_len(&b); i++) {
            uint8_t *cut = malloc(i > 0 ? i : 1);

            memcpy(cut, buf_bytes(&b).p, i);
            assert_int_equal(record_decode((struct ubytes){cut, i}, &back),
                             ERR_ENCODING);
            free(cut);
        }
        assert_int_equal(buf_put_u8(&b, 0), 0);
        assert_int_equal(record_decode(buf_bytes(&b), &back), ERR_ENCODING);
        buf_release(&b);
        buf_release(&again);
    }
}

static void test_fixed_bytes(void **state)
{
    static const uint8_t expected[] = {
        'P', 'R', 1, 18, 0, 0, 0, 0, 0, 0, 0, 2, /* head, seq */
        0,   0,   0, 0,  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0,   0,   0, 0,  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* prev */
        0,   0,   0, 0,  0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, /* clocks */
        0,   0,   0, 0,  0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 4, /* END */
        0,   0,   0, 5,  0, 0, 0, 6, 0, 0, 0, 7};
    struct record r;
    struct buf b;

    (void)state;
    record_init(&r, RECORD_END);
    r.seq = 2;
    r.wall_ns = 1;
    r.mono_ns = 2;
    record_set_u(&r, RF_END_run, 1);
    record_set_u(&r, RF_END_code, 3);
    record_set_u(&r, RF_END_passed, 4);
    record_set_u(&r, RF_END_failed, 5);
    record_set_u(&r, RF_END_parked, 6);
    record_set_u(&r, RF_END_skipped, 7);
    buf_init(&b, 1000);
    assert_int_equal(record_encode(&r, &b), 0);
    assert_int_equal(buf_len(&b), sizeof(expected));
    assert_memory_equal(buf_bytes(&b).p, expected, sizeof(expected));
    buf_release(&b);
}

static void test_bad_strings(void **state)
{
    static const char *const bad[] = {"\xff", "a\xc3", "\xed\xa0\x80",
                                      "\xc0\x80"};
    struct record r;
    struct record back;
    struct buf b;
    size_t i;

    (void)state;
    buf_init(&b, 1u << 20);
    for (i = 0; i < ARRAY_N(bad); i++) {
        record_init(&r, RECORD_PARK);
        record_set_str(&r, RF_PARK_why, bad[i]);
        assert_int_equal(record_encode(&r, &b), ERR_ENCODING);
        buf_reset(&b);
    }
    /* NUL and wrong UTF-8 inside an encoded string. */
    record_init(&r, RECORD_PARK);
    record_set_str(&r, RF_PARK_why, "ab");
    assert_int_equal(record_encode(&r, &b), 0);
    assert_int_equal(record_decode(buf_bytes(&b), &back), 0);
    b.data_[buf_len(&b) - 1] = 0;
    assert_int_equal(record_decode(buf_bytes(&b), &back), ERR_ENCODING);
    b.data_[buf_len(&b) - 1] = 0x80;
    assert_int_equal(record_decode(buf_bytes(&b), &back), ERR_ENCODING);
    buf_release(&b);
}

static void test_limits(void **state)
{
    char *text = calloc(1, 70000);
    struct record r;
    struct buf b;

    (void)state;
    buf_init(&b, 1u << 20);
    memset(text, 'x', 66000);
    record_init(&r, RECORD_PARK);
    record_set_str(&r, RF_PARK_why, text);
    assert_int_equal(record_encode(&r, &b), ERR_LIMIT);
    buf_reset(&b);
    text[65535] = '\0';
    record_set_str(&r, RF_PARK_why, text);
    assert_int_equal(record_encode(&r, &b), ERR_LIMIT); /* with its head */
    buf_reset(&b);
    text[LIMIT_RECORD_BYTES - 72] = '\0';
    record_set_str(&r, RF_PARK_why, text);
    assert_int_equal(record_encode(&r, &b), 0);
    assert_int_equal(buf_len(&b), LIMIT_RECORD_BYTES);
    buf_release(&b);
    free(text);
}

static void test_unknown_heads(void **state)
{
    struct record r;
    struct record back;
    struct buf b;
    unsigned k;

    (void)state;
    fill(&r, RECORD_END);
    buf_init(&b, 1000);
    assert_int_equal(record_encode(&r, &b), 0);
    for (k = 0; k < 256; k++) {
        b.data_[3] = (uint8_t)k;
        if (k != RECORD_END) {
            assert_int_equal(record_decode(buf_bytes(&b), &back), ERR_ENCODING);
        }
    }
    b.data_[3] = RECORD_END;
    b.data_[2] = 2;
    assert_int_equal(record_decode(buf_bytes(&b), &back), ERR_ENCODING);
    b.data_[2] = 1;
    b.data_[0] = 'p';
    assert_int_equal(record_decode(buf_bytes(&b), &back), ERR_ENCODING);
    buf_release(&b);
}

static char *json_of(const struct record *r)
{
    uint8_t leaf[32] = {0xee};
    struct buf b;

    buf_init(&b, 1u << 20);
    assert_int_equal(record_put_json(&b, r, leaf), 0);
    assert_int_equal(buf_put_u8(&b, 0), 0);
    return (char *)buf_take(&b, &(size_t){0});
}

static void expect_json(const struct record *r, const char *part)
{
    char *text = json_of(r);

    if (strstr(text, part) == NULL) {
        fail_msg("no %s in %s", part, text);
    }
    free(text);
}

static void test_json(void **state)
{
    struct record r;

    (void)state;
    fill(&r, RECORD_VERDICT);
    expect_json(&r, "{\"seq\":77,\"kind\":\"verdict\",\"hash\":\"ee00");
    expect_json(&r, "\"prev\":\"1111");
    expect_json(&r, "\"wall_ns\":1790000000123456789,"
                    "\"wall\":\"2026-09-21T14:13:20.123456789Z\"");
    expect_json(&r, "\"verdict\":3,\"verdict_name\":\"abstain\"");
    expect_json(&r, "\"level\":3,\"level_name\":\"property\"");
    expect_json(&r, "\"reason\":\"h\xc3\xa9llo\"");
    expect_json(&r, "\"cpu_ms\":18446744073709551615,");
    fill(&r, RECORD_TASK);
    expect_json(&r, "\"state_name\":\"running\"");
    fill(&r, RECORD_RUN);
    expect_json(&r, "\"images\":[\"07000000");
    record_init(&r, RECORD_REF);
    record_set_str(&r, RF_REF_name, "a\"b\\c\n\x1b[0m\xe2\x80\xae\xc2\x9b");
    expect_json(&r, "\"prev\":null");
    expect_json(&r, "\"old_target\":null");
    expect_json(&r, "\"a\\\"b\\\\c\\u000a\\u001b[0m\\u202e\\u009b\"");
}

static void test_json_f64(void **state)
{
    static const struct {
        double v;
        const char *text;
    } cases[] = {{1e-6, "1e-06"},
                 {0.1, "0.1"},
                 {1.0 / 3.0, "0.3333333333333333"},
                 {DBL_MAX, "1.7976931348623157e+308"},
                 {5e-324, "5e-324"},
                 {0.0, "0"},
                 {-2.5, "-2.5"},
                 {HUGE_VAL, "\"inf\""},
                 {0.0 * HUGE_VAL, "\"nan\""}};
    struct record r;
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_N(cases); i++) {
        char part[64];

        record_init(&r, RECORD_COMMIT);
        record_set_f64(&r, RF_COMMIT_alpha_j, cases[i].v);
        (void)snprintf(part, sizeof(part), "\"alpha_j\":%s,", cases[i].text);
        expect_json(&r, part);
    }
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(verdict_name(VERDICT_ADMIT), "admit");
    assert_string_equal(verdict_name(VERDICT_INCONCLUSIVE), "inconclusive");
    assert_string_equal(verdict_name(99), "unknown");
    assert_string_equal(level_name(LEVEL_PROVEN), "proven");
    assert_int_equal(level_from_name("oracle"), LEVEL_ORACLE);
    assert_int_equal(level_from_name("Oracle"), -1);
    assert_string_equal(state_name(STATE_COMMITTED), "committed");
    assert_string_equal(state_name(STATE_N_), "unknown");
}

static void test_accessors(void **state)
{
    struct record r;
    char text[4];

    (void)state;
    fill(&r, RECORD_COMMIT);
    assert_true(record_u(&r, RF_COMMIT_j) == UINT64_MAX);
    assert_true(record_f64(&r, RF_COMMIT_alpha_j) == 1e-6);
    assert_int_equal(record_hash(&r, RF_COMMIT_exam)[31], 0x5a);
    assert_int_equal(record_bytes(&r, RF_COMMIT_task).n, 6);
    record_str(&r, RF_COMMIT_task, text, sizeof(text));
    assert_string_equal(text, "h\xc3\xa9");
}

/* Random bytes after a good head: never accepted without re-encoding equal. */
static void test_random(void **state)
{
    struct gen g = {.state = 1};
    int i;

    (void)state;
    for (i = 0; i < 200000; i++) {
        uint8_t bytes[200];
        struct record r;
        struct buf b;
        size_t n = 60 + gen_u64(&g) % 120;
        size_t j;

        for (j = 0; j < n; j++) {
            bytes[j] = (uint8_t)(gen_u64(&g) % 3 == 0 ? gen_u64(&g) : 0);
        }
        memcpy(bytes, "PR\x01", 3);
        bytes[3] = (uint8_t)(1 + gen_u64(&g) % KINDS);
        if (record_decode((struct ubytes){bytes, n}, &r) != 0) {
            continue;
        }
        buf_init(&b, 1000);
        assert_int_equal(record_encode(&r, &b), 0);
        assert_int_equal(buf_len(&b), n);
        assert_memory_equal(buf_bytes(&b).p, bytes, n);
        buf_release(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_round_trip_and_cuts),
        cmocka_unit_test(test_fixed_bytes),
        cmocka_unit_test(test_bad_strings),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_unknown_heads),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_json_f64),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_accessors),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
