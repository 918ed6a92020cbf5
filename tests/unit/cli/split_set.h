/* A data set with its split and looks, made as the kernel makes them. For
 * test_audit.c. */
#ifndef TESTS_UNIT_CLI_SPLIT_SET_H
#define TESTS_UNIT_CLI_SPLIT_SET_H

#include "fixture.h"

#include "cli/audit.h"
#include "proto/holdout.h"

/* A data set with its split, made as the kernel makes it: 80 rows x -> x & 1. */
struct set {
    struct cid file, data, split, answers;
    struct merkle_hash fixed;
    uint8_t seed[32];
    uint64_t fixed_seq, drawn_seq;
    unsigned placebo; /* steps */
};

static void set_values(struct values *v, const struct type *t, int is_input)
{
    struct values_builder w;
    struct type u8;
    struct buf b;

    assert_int_equal(type_from_name("u8", &u8), 0);
    assert_int_equal(values_builder_init(&w, 1u << 16), 0);
    buf_init(&b, 64);
    for (unsigned i = 0; i < 80; i++) {
        buf_reset(&b);
        if (is_input) {
            assert_int_equal(value_put_tuple(&b, 1), 0);
        }
        assert_int_equal(value_put_int(&b, &u8, is_input ? i : i & 1), 0);
        assert_int_equal(values_builder_add(&w, buf_bytes(&b)), 0);
    }
    values_init(v);
    assert_int_equal(values_decode(v, values_builder_bytes(&w), t, 80), 0);
    values_builder_release(&w);
    buf_release(&b);
}

static struct cid set_part(struct fixture *f, const struct values *v,
                           const uint32_t *rows, uint32_t n)
{
    struct values_builder w;
    struct cid c;

    assert_int_equal(values_builder_init(&w, 1u << 16), 0);
    assert_int_equal(values_builder_pick(&w, v, rows, n), 0);
    c = fixture_object(f, values_builder_bytes(&w));
    values_builder_release(&w);
    return c;
}

#define FIELD_OF(c) ((ProtobufCBinaryData){CID_BYTES, (c).b})

/* Fixes it with seed 1: the SPLIT record, and the Data object. */
static void set_fix(struct fixture *f, struct set *s, uint64_t seed_i)
{
    struct record r;

    record_init(&r, RECORD_SPLIT);
    record_set_u(&r, RF_SPLIT_run, f->run_seq);
    record_set_hash(&r, RF_SPLIT_file, s->file.b);
    record_set_hash(&r, RF_SPLIT_data, s->data.b);
    record_set_u(&r, RF_SPLIT_seed_i, seed_i);
    s->fixed_seq = fixture_add(f, &r);
    s->fixed = f->prev;
}

static void set_draw(struct fixture *f, struct set *s, uint64_t seed_i)
{
    struct record r;

    record_init(&r, RECORD_SPLIT);
    record_set_u(&r, RF_SPLIT_run, f->run_seq);
    record_set_hash(&r, RF_SPLIT_file, s->file.b);
    record_set_hash(&r, RF_SPLIT_data, s->data.b);
    record_set_u(&r, RF_SPLIT_seed_i, seed_i);
    record_set_u(&r, RF_SPLIT_fixed_ref, s->fixed_seq + 1);
    record_set_hash(&r, RF_SPLIT_fixed_hash, s->fixed.b);
    record_set_hash(&r, RF_SPLIT_seed_secret, f->x[seed_i]);
    record_set_hash(&r, RF_SPLIT_seed, s->seed);
    record_set_hash(&r, RF_SPLIT_split, s->split.b);
    s->drawn_seq = fixture_add(f, &r);
}

/* Steps that one answer for all loses on the held-out rows. */
static unsigned set_placebo(const struct values *out, const struct type *t,
                            const struct holdout *h)
{
    struct values_builder w;
    struct values part[2];
    struct look l = {
        .metric = METRIC_ACCURACY, .distinct = 40, .best = UINT32_MAX};

    for (int i = 0; i < 2; i++) {
        values_init(&part[i]);
        assert_int_equal(values_builder_init(&w, 1u << 16), 0);
        assert_int_equal(
            values_builder_pick(&w, out, h->rows + (i == 0 ? 40 : 0), 40), 0);
        assert_int_equal(
            values_decode(&part[i], values_builder_bytes(&w), t, 40), 0);
        values_builder_release(&w);
    }
    assert_int_equal(holdout_judge(t, &part[0], &part[1], &part[1], &l), 0);
    assert_int_equal(l.grid, 6);
    assert_int_equal(l.outcome, LOOK_BETTER);
    assert_int_equal(l.decades, 4);
    values_release(&part[0]);
    values_release(&part[1]);
    return l.placebo;
}

/* All of it, drawn: a run, two SPLIT records, the objects. */
static void set_usual(struct fixture *f, struct set *s)
{
    static char *columns[] = {(char *)(uintptr_t) "x", (char *)(uintptr_t) "y"};
    static const char text[] = "x,y\n";
    uint8_t key[7 + 32] = "gate-v1";
    Proctor__Data d = PROCTOR__DATA__INIT;
    Proctor__Split m = PROCTOR__SPLIT__INIT;
    struct cid part[6];
    struct holdout h = {0};
    struct values in;
    struct values out;
    struct type u8;
    struct type takes;
    struct values_table t = {columns, 2, &in, &out, &takes, &u8};
    struct buf csv;

    fixture_init(f);
    fixture_objects(f, VERDICT_ADMIT);
    fixture_run(f, "score");
    assert_int_equal(type_from_name("u8", &u8), 0);
    assert_int_equal(type_tuple_of(&u8, 1, &takes), 0);
    set_values(&in, &takes, 1);
    set_values(&out, &u8, 0);
    s->file = fixture_object(
        f, (struct ubytes){(const uint8_t *)text, sizeof(text) - 1});
    part[0] = set_part(f, &in, NULL, 80);
    part[1] = set_part(f, &out, NULL, 80);
    d.file = FIELD_OF(s->file);
    d.inputs = FIELD_OF(part[0]);
    d.outputs = FIELD_OF(part[1]);
    d.takes = (ProtobufCBinaryData){takes.n, takes.b};
    d.gives = (ProtobufCBinaryData){u8.n, u8.b};
    d.holdout = 0.5;
    d.columns = columns;
    d.n_columns = 2;
    s->data = fixture_message(f, &d.base);
    set_fix(f, s, 1);
    memcpy(key + 7, s->fixed.b, 32);
    (void)crypto_generichash(s->seed, 32, key, sizeof(key), f->x[1], 32);
    assert_int_equal(holdout_draw(&in, &out, 0.5, s->seed, &h), 0);
    buf_init(&csv, 1u << 16);
    assert_int_equal(values_put_csv(&csv, &t, h.rows + 40, 40), 0);
    part[2] = fixture_object(f, buf_bytes(&csv));
    part[3] = set_part(f, &out, h.rows + 40, 40);
    part[4] = set_part(f, &in, h.rows, 40);
    part[5] = set_part(f, &out, h.rows, 40);
    s->answers = part[5]; /* a candidate that is always right */
    m.data = FIELD_OF(s->data);
    m.file = FIELD_OF(s->file);
    m.seed = (ProtobufCBinaryData){32, s->seed};
    m.train_csv = FIELD_OF(part[2]);
    m.train_outputs = FIELD_OF(part[3]);
    m.held_inputs = FIELD_OF(part[4]);
    m.held_outputs = FIELD_OF(part[5]);
    m.train_rows = m.held_rows = m.held_distinct = 40;
    s->split = fixture_message(f, &m.base);
    set_draw(f, s, 1);
    s->placebo = set_placebo(&out, &u8, &h);
    buf_release(&csv);
    holdout_release(&h);
    values_release(&in);
    values_release(&out);
}

/* The look of a candidate that is always right: grid 6, and the placebo wrong on
 * about half. */
static void set_look(struct fixture *f, const struct set *s, uint64_t look,
                     unsigned outcome, unsigned best, unsigned loss)
{
    struct record r;

    record_init(&r, RECORD_LOOK);
    record_set_u(&r, RF_LOOK_run, f->run_seq);
    record_set_u(&r, RF_LOOK_split_seq, s->drawn_seq);
    record_set_hash(&r, RF_LOOK_split, s->split.b);
    record_set_hash(&r, RF_LOOK_candidate, f->candidate.b);
    record_set_hash(&r, RF_LOOK_answers, s->answers.b);
    record_set_u(&r, RF_LOOK_metric, METRIC_ACCURACY);
    record_set_u(&r, RF_LOOK_look, look);
    record_set_u(&r, RF_LOOK_limit, 40);
    record_set_u(&r, RF_LOOK_outcome, outcome);
    record_set_u(&r, RF_LOOK_grid, 6);
    record_set_u(&r, RF_LOOK_placebo, best);
    record_set_u(&r, RF_LOOK_best, best);
    record_set_u(&r, RF_LOOK_loss, loss);
    record_set_f64(&r, RF_LOOK_scale, 1);
    record_set_u(&r, RF_LOOK_decades, outcome == LOOK_BETTER ? 4 : 0);
    (void)fixture_add(f, &r);
}

#endif
