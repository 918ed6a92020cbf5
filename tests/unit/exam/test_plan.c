/* What an exam asks and how often: the screen, draws that are not public, finite
 * domains, tables, budgets, setups that are refused. */
#include "tests/unit/exam/functions.h"

/* --- screen ---------------------------------------------------------------- */

/* tuple (tuple (u32), u32) */
static ProtobufCBinaryData example(uint8_t *b, uint32_t x, uint32_t answer)
{
    static const uint8_t shape[] = {9,    0, 0, 0, 2, 9, 0,    0, 0, 1, 3,
                                    0x84, 0, 0, 0, 0, 3, 0x84, 0, 0, 0, 0};

    memcpy(b, shape, sizeof(shape));
    for (unsigned i = 0; i < 4; i++) {
        b[12 + i] = (uint8_t)(x >> 8 * (3 - i));
        b[18 + i] = (uint8_t)(answer >> 8 * (3 - i));
    }
    return (ProtobufCBinaryData){sizeof(shape), b};
}

static void burn(struct values *v, uint32_t x)
{
    uint8_t one[11] = {9, 0, 0, 0, 1, 3, 0x84};
    static const struct type t = {4, {9, 1, 3, 0x84}};
    struct values_builder w;

    for (unsigned i = 0; i < 4; i++) {
        one[7 + i] = (uint8_t)(x >> 8 * (3 - i));
    }
    assert_int_equal(values_builder_init(&w, 1000), 0);
    assert_int_equal(values_builder_add(&w, (struct ubytes){one, sizeof(one)}),
                     0);
    values_init(v);
    assert_int_equal(values_decode(v, values_builder_bytes(&w), &t, 1), 0);
    values_builder_release(&w);
}

static void test_screen(void **state)
{
    uint8_t b[2][32];
    ProtobufCBinaryData examples[2] = {example(b[0], 5, mix(5)),
                                       example(b[1], 6, mix(6))};
    struct values burnt;
    struct play p;

    (void)state;
    /* Right on examples, wrong on a burnt input: no draw is spent. */
    burn(&burnt, 1005);
    u32_exam(&p, wrong_class);
    p.spec.examples = examples;
    p.spec.n_examples = 2;
    p.setup.burnt = &burnt;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_REJECT);
    assert_int_equal(p.commits, 0);
    assert_int_equal(p.e->draws, 0);
    assert_int_equal(p.e->screened, 3);
    assert_int_equal(p.e->raw->k, 2);
    assert_int_equal(p.asked[EXAM_CANDIDATE], 3);
    assert_int_equal(p.e->n_controls, 0);
    play_forget(&p);
    /* An honest one goes on; the lookup control has something to look up. */
    p.fn[EXAM_CANDIDATE] = good;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_ADMIT);
    assert_int_equal(p.commits, 1);
    assert_failed_control(&p, "nearest public input");
    play_forget(&p);
    /* A public example that the oracle does not share. */
    examples[1] = example(b[1], 6, mix(6) + 1);
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_QUARANTINE);
    assert_int_equal(p.commits, 0);
    play_forget(&p);
    values_release(&burnt);
}

static int drew_public;

static enum play_end notes_public(struct play *p, struct ubytes input,
                                  uint32_t i, uint32_t n, struct buf *out)
{
    if (n > 100 && play_u32(input) <= 1) {
        drew_public++;
    }
    return good(p, input, i, n, out);
}

static void test_public_inputs_are_not_drawn(void **state)
{
    uint8_t b[2][32];
    ProtobufCBinaryData examples[2] = {example(b[0], 0, mix(0)),
                                       example(b[1], 1, mix(1))};
    struct play p;

    (void)state;
    u32_exam(&p, notes_public);
    play_run(&p);
    assert_true(drew_public > 100); /* zero and one are common draws */
    play_forget(&p);
    drew_public = 0;
    p.spec.examples = examples;
    p.spec.n_examples = 2;
    play_run(&p);
    assert_int_equal(drew_public, 0);
    assert_int_equal(p.e->verdict, VERDICT_ADMIT);
    assert_int_equal(p.e->draws, 16385);
    play_forget(&p);
}

/* --- finite domains, tables, budgets --------------------------------------- */

static void test_exhaustive(void **state)
{
    struct play p;

    (void)state;
    u8_exam(&p, u8_good);
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_ADMIT);
    assert_true(p.e->exhaustive);
    assert_int_equal(p.e->level, LEVEL_PROVEN);
    assert_int_equal(p.e->draws, 201);
    assert_int_equal(p.committed_draws, 201);
    assert_int_equal(p.e->n_strata, 1);
    assert_string_equal(p.e->strata[0]->name, "exhaustive");
    assert_true(p.e->bound95 <= 0.0);
    assert_int_equal(p.runs[EXAM_CANDIDATE], 2);
    play_forget(&p);
    u8_exam(&p, u8_wrong_at_199);
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_REJECT);
    assert_false(p.e->exhaustive);
    assert_int_equal(p.e->shrunk->input.data[7], 199);
    play_forget(&p);
}

static void test_budget_too_small(void **state)
{
    struct play p;

    (void)state;
    u32_exam(&p, good);
    p.setup.draws_left = 16384;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_INCONCLUSIVE);
    assert_int_equal(p.code, 0);
    assert_int_equal(p.commits, 0);
    play_forget(&p);
    p.setup.draws_left = 16385;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_ADMIT);
    play_forget(&p);
    p.setup.committed = 999; /* the 1,000th candidate pays more */
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_INCONCLUSIVE);
    play_forget(&p);
    p.setup.draws_left = 28115;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_ADMIT);
    assert_int_equal(p.committed_j, 1000);
    assert_int_equal(p.e->draws, 28115);
    play_forget(&p);
    p.spec.p0 = 1e-7;
    p.setup.draws_left = UINT64_MAX;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_INCONCLUSIVE);
    play_forget(&p);
}

/* xor as a table: takes (u8, u8), gives u8. */
static const uint8_t xor_takes[] = {9, 2, 3, 0x81, 3, 0x81};
static const uint8_t xor_gives[] = {3, 0x81};

static void xor_table(struct values *in, struct values *out, int contradict)
{
    static const struct type takes = {6, {9, 2, 3, 0x81, 3, 0x81}};
    static const struct type gives = {2, {3, 0x81}};
    struct values_builder a;
    struct values_builder b;

    assert_int_equal(values_builder_init(&a, 1000), 0);
    assert_int_equal(values_builder_init(&b, 1000), 0);
    for (unsigned i = 0; i < 4u + (unsigned)contradict; i++) {
        uint8_t x[11] = {9,
                         0,
                         0,
                         0,
                         2,
                         3,
                         0x81,
                         (uint8_t)(i & 1),
                         3,
                         0x81,
                         (uint8_t)(i >> 1 & 1)};
        uint8_t y[3] = {3, 0x81, (uint8_t)((i & 1) ^ (i >> 1))};

        assert_int_equal(values_builder_add(&a, (struct ubytes){x, 11}), 0);
        assert_int_equal(values_builder_add(&b, (struct ubytes){y, 3}), 0);
    }
    values_init(in);
    values_init(out);
    assert_int_equal(values_decode(in, values_builder_bytes(&a), &takes, 10),
                     0);
    assert_int_equal(values_decode(out, values_builder_bytes(&b), &gives, 10),
                     0);
    values_builder_release(&a);
    values_builder_release(&b);
}

static enum play_end xor_good(struct play *p, struct ubytes input, uint32_t i,
                              uint32_t n, struct buf *out)
{
    uint8_t y[3] = {3, 0x81, input.p[7] ^ input.p[10]};

    (void)p;
    (void)i;
    (void)n;
    assert_int_equal(buf_put(out, y, sizeof(y)), 0);
    return PLAY_ANSWERED;
}

static enum play_end xor_or(struct play *p, struct ubytes input, uint32_t i,
                            uint32_t n, struct buf *out)
{
    uint8_t y[3] = {3, 0x81, input.p[7] | input.p[10]};

    (void)p;
    (void)i;
    (void)n;
    assert_int_equal(buf_put(out, y, sizeof(y)), 0);
    return PLAY_ANSWERED;
}

static void test_table(void **state)
{
    struct values in;
    struct values out;
    struct play p;

    (void)state;
    xor_table(&in, &out, 0);
    play_init(&p, xor_takes, sizeof(xor_takes), xor_gives, sizeof(xor_gives),
              NULL, 0);
    p.setup.table_inputs = &in;
    p.setup.table_outputs = &out;
    p.fn[EXAM_CANDIDATE] = xor_good;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_ADMIT);
    assert_int_equal(p.e->level, LEVEL_ORACLE);
    assert_true(p.e->exhaustive);
    assert_int_equal(p.e->draws, 4);
    assert_int_equal(p.runs[EXAM_ORACLE], 0);
    assert_true(control(&p, "oracle asked again")->skipped);
    assert_failed_control(&p, "permuted outputs");
    play_forget(&p);
    p.fn[EXAM_CANDIDATE] = xor_or;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_REJECT);
    assert_int_equal(p.e->raw->input.data[7], 1);
    assert_int_equal(p.e->raw->input.data[10], 1);
    play_forget(&p);
    values_release(&in);
    values_release(&out);
    xor_table(&in, &out, 1); /* a fifth row: (0, 0) -> 2 */
    p.fn[EXAM_CANDIDATE] = xor_good;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_QUARANTINE);
    assert_int_equal(p.commits, 0);
    play_forget(&p);
    values_release(&in);
    values_release(&out);
}

/* NaN is wrong for a candidate even when the oracle agrees, and an oracle that
 * says NaN cannot judge. */
static enum play_end nan_answer(struct play *p, struct ubytes input, uint32_t i,
                                uint32_t n, struct buf *out)
{
    (void)p;
    (void)i;
    (void)n;
    assert_int_equal(value_put_f32(out, input.p[10] == 7 ? __builtin_nanf("")
                                                         : (float)input.p[10]),
                     0);
    return PLAY_ANSWERED;
}

static enum play_end finite_answer(struct play *p, struct ubytes input,
                                   uint32_t i, uint32_t n, struct buf *out)
{
    (void)p;
    (void)i;
    (void)n;
    assert_int_equal(value_put_f32(out, (float)input.p[10]), 0);
    return PLAY_ANSWERED;
}

static void test_not_finite(void **state)
{
    static const uint8_t gives[] = {4, 4};
    struct play p;

    (void)state;
    play_init(&p, u32_takes, sizeof(u32_takes), gives, sizeof(gives),
              u32_domain, sizeof(u32_domain));
    p.fn[EXAM_CANDIDATE] = nan_answer;
    p.fn[EXAM_ORACLE] = finite_answer;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_REJECT);
    assert_string_equal(p.e->raw->ending, "");
    assert_int_equal(p.e->shrunk->input.data[10], 7);
    play_forget(&p);
    p.fn[EXAM_ORACLE] = nan_answer;
    play_run(&p);
    assert_int_equal(p.e->verdict, VERDICT_QUARANTINE);
    play_forget(&p);
}

static void test_setup_is_checked(void **state)
{
    static const uint8_t bad_example[] = {9, 0, 0, 0, 0};
    ProtobufCBinaryData examples[1] = {
        {sizeof(bad_example), (uint8_t *)(uintptr_t)bad_example}};
    struct play p;

    (void)state;
    u32_exam(&p, good);
    p.spec.p0 = 0;
    assert_int_equal(exam_start(&p.setup, &play_ops, &p, &p.x), ERR_INPUT);
    assert_null(p.x);
    u32_exam(&p, good);
    p.spec.version = 3;
    assert_int_equal(exam_start(&p.setup, &play_ops, &p, &p.x), ERR_INPUT);
    u32_exam(&p, good);
    p.spec.alpha = 0.6;
    assert_int_equal(exam_start(&p.setup, &play_ops, &p, &p.x), ERR_INPUT);
    u32_exam(&p, good);
    p.spec.takes.data = (uint8_t *)(uintptr_t)bytes_takes;
    p.spec.takes.len = sizeof(bytes_takes);
    assert_int_equal(exam_start(&p.setup, &play_ops, &p, &p.x), ERR_INPUT);
    u32_exam(&p, good);
    p.spec.examples = examples;
    p.spec.n_examples = 1;
    assert_int_equal(exam_start(&p.setup, &play_ops, &p, &p.x), ERR_ENCODING);
    assert_int_equal(p.done, 0);
    exam_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_screen),
        cmocka_unit_test(test_public_inputs_are_not_drawn),
        cmocka_unit_test(test_exhaustive),
        cmocka_unit_test(test_budget_too_small),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_setup_is_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
