/* verify: a whole ledger is whole; every way of bending it is found. */
#include "fixture.h"

#include "cli/audit.h"
#include "proto/holdout.h"

#define WAL "ledger/wal/0000000000000000.wal"

struct heard {
    char text[5120];
    size_t n;
};

static void hear(void *ctx, const struct audit_finding *f)
{
    struct heard *h = ctx;
    int n = snprintf(h->text + h->n, sizeof(h->text) - h->n, "%d %s: %s\n",
                     (int)f->grade, f->where, f->what);

    h->n += n > 0 && (size_t)n < sizeof(h->text) - h->n ? (size_t)n : 0;
}

/* Findings of one check, as text. */
static struct audit_result audit(const struct fixture *f, int full,
                                 struct heard *h)
{
    struct audit_ears ears = {hear, NULL, h};
    struct audit_result r;
    struct diag d;

    memset(h, 0, sizeof(*h));
    diag_init(&d);
    assert_int_equal(audit_run(f->dir, full, &ears, &r, &d), 0);
    return r;
}

static void assert_damage(const struct fixture *f, int full, const char *says)
{
    struct heard h;
    struct audit_result r = audit(f, full, &h);

    if (r.count[AUDIT_DAMAGE] == 0 || strstr(h.text, says) == NULL) {
        print_error("wanted \"%s\", got:\n%s", says, h.text);
    }
    assert_true(r.count[AUDIT_DAMAGE] > 0);
    assert_non_null(strstr(h.text, says));
}

static void test_whole(void **state)
{
    struct fixture f;
    struct audit_result r;
    struct heard h;

    (void)state;
    fixture_usual(&f);
    r = audit(&f, 0, &h);
    assert_string_equal(h.text, "");
    assert_int_equal(r.size, f.size);
    assert_int_equal(r.batches, 3);
    assert_int_equal(r.verdicts, 1);
    assert_memory_equal(r.root.b, merkle_frontier_root(&f.frontier).b, 32);
    r = audit(&f, 1, &h);
    assert_int_equal(r.count[AUDIT_DAMAGE], 0);
    assert_int_equal(r.objects,
                     5); /* graph, candidate, oracle, exam, evidence */
    assert_int_equal(r.unnamed, 0);
    fixture_release(&f);
}

/* Every byte of the segment, one at a time. */
static void test_every_byte(void **state)
{
    struct fixture f;
    struct heard h;
    size_t i;

    (void)state;
    fixture_usual(&f);
    for (i = 0; i < buf_len(&f.segment); i++) {
        struct audit_result r;

        f.segment.data_[i] ^= 0x10;
        fixture_file(&f, WAL, buf_bytes(&f.segment));
        r = audit(&f, 0, &h);
        if (r.count[AUDIT_DAMAGE] == 0) {
            print_error("a change of byte %zu went unseen\n", i);
        }
        assert_true(r.count[AUDIT_DAMAGE] > 0);
        f.segment.data_[i] ^= 0x10;
    }
    fixture_release(&f);
}

/* Cut anywhere: the checkpoint tells what is gone. */
static void test_every_length(void **state)
{
    struct fixture f;
    struct heard h;
    size_t i;

    (void)state;
    fixture_usual(&f);
    for (i = 0; i < buf_len(&f.segment); i += 7) {
        struct ubytes all = buf_bytes(&f.segment);

        all.n = i;
        fixture_file(&f, WAL, all);
        assert_true(audit(&f, 0, &h).count[AUDIT_DAMAGE] > 0);
    }
    /* Without a checkpoint a torn tail is what a crash leaves. */
    {
        struct ubytes all = buf_bytes(&f.segment);
        char path[PATH_MAX];
        struct audit_result r;

        all.n -= 10;
        fixture_file(&f, WAL, all);
        (void)snprintf(path, sizeof(path), "%s/ledger/checkpoint", f.dir);
        assert_int_equal(unlink(path), 0);
        r = audit(&f, 0, &h);
        assert_int_equal(r.count[AUDIT_DAMAGE], 0);
        assert_true(r.is_torn);
        assert_int_equal(r.size, 6);
    }
    fixture_release(&f);
}

static void test_checkpoint_and_key(void **state)
{
    struct fixture f;
    struct fixture other;

    (void)state;
    fixture_usual(&f);
    fixture_usual(&other);
    fixture_text(&f, "ledger/vkey", "proctor/0123456789abcdef+00000000+AAAA\n");
    assert_damage(&f, 0, "ledger/vkey: is not the key");
    fixture_write(&f);
    fixture_text(&f, "ledger/checkpoint", "proctor/0123456789abcdef\n9\n\n");
    assert_damage(&f, 0, "ledger/checkpoint: is not a checkpoint");
    fixture_write(&f);
    /* Another log's segment under this log's checkpoint and key. */
    fixture_file(&f, WAL, buf_bytes(&other.segment));
    assert_damage(&f, 0, "ledger/checkpoint");
    fixture_release(&other);
    fixture_release(&f);
}

static void test_seed_not_of_chain(void **state)
{
    struct fixture f;

    (void)state;
    fixture_init(&f);
    fixture_objects(&f, VERDICT_ADMIT);
    fixture_run(&f, "exam");
    f.x[1][0] ^= 1;
    fixture_exam(&f, "exam", VERDICT_ADMIT, 1, 1);
    fixture_write(&f);
    assert_damage(&f, 0, "its seed is not of the chain");
    fixture_release(&f);
}

static void test_seed_twice(void **state)
{
    struct fixture f;

    (void)state;
    fixture_usual(&f);
    fixture_exam(&f, "again", VERDICT_ADMIT, 2, 1);
    fixture_write(&f);
    assert_damage(&f, 0, "is not the next of the chain");
    fixture_release(&f);
}

static void test_seed_skipped(void **state)
{
    struct fixture f;
    struct heard h;

    (void)state;
    fixture_usual(&f);
    fixture_exam(&f, "again", VERDICT_ADMIT, 2, 3); /* 2 was lost in a crash */
    fixture_write(&f);
    assert_int_equal(audit(&f, 0, &h).count[AUDIT_DAMAGE], 0);
    fixture_release(&f);
}

static void test_counter_reset(void **state)
{
    struct fixture f;

    (void)state;
    fixture_usual(&f);
    fixture_exam(&f, "again", VERDICT_ADMIT, 1, 2);
    fixture_write(&f);
    assert_damage(&f, 0, "it is number 2");
    fixture_release(&f);
}

static void test_ref_without_verdict(void **state)
{
    struct fixture f;
    struct cid elsewhere = {{7}};

    (void)state;
    fixture_init(&f);
    fixture_objects(&f, VERDICT_REJECT);
    fixture_run(&f, "exam");
    fixture_exam(&f, "exam", VERDICT_REJECT, 1, 1);
    fixture_ref(&f, "primitives/bad", NULL);
    fixture_write(&f);
    assert_damage(&f, 0, "without a verdict that admits");
    fixture_release(&f);
    fixture_usual(&f);
    fixture_ref(&f, "primitives/crc32", &elsewhere);
    fixture_write(&f);
    assert_damage(&f, 0, "did not stand where the move begins");
    fixture_release(&f);
}

static void test_verdict_of_another(void **state)
{
    struct fixture f;

    (void)state;
    fixture_usual(&f);
    fixture_run(&f, "x");
    f.run_seq = 3; /* no run */
    fixture_task(&f, "x", STATE_PASSED, "");
    fixture_write(&f);
    assert_damage(&f, 0, "record 3 is no run");
    fixture_release(&f);
}

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

static void test_splits(void **state)
{
    struct fixture f;
    struct set s;

    (void)state;
    set_usual(&f, &s);
    set_look(&f, &s, 1, LOOK_BETTER, 2, 0);
    set_look(&f, &s, 2, LOOK_NOT_BETTER, 0, 0);
    fixture_write(&f);
    assert_int_equal(audit(&f, 0, &(struct heard){{0}, 0}).count[AUDIT_DAMAGE],
                     0);
    set_look(&f, &s, 4, LOOK_NOT_BETTER, 0, 0);
    fixture_write(&f);
    assert_damage(&f, 0, "says it is look 4 of 40; it is number 3");
    fixture_release(&f);

    set_usual(&f, &s);
    set_look(&f, &s, 1, LOOK_BETTER, 2, 2);
    fixture_write(&f);
    assert_damage(&f, 0, "releases a loss that its outcome does not allow");
    fixture_release(&f);

    set_usual(&f, &s);
    set_look(&f, &s, 1, LOOK_NOT_BETTER, 2, 1);
    fixture_write(&f);
    assert_damage(&f, 0, "releases a loss that its outcome does not allow");
    fixture_release(&f);

    set_usual(&f, &s);
    s.split.b[0] ^= 1;
    set_look(&f, &s, 1, LOOK_BETTER, 2, 0);
    fixture_write(&f);
    assert_damage(&f, 0, "looks at a split that was not drawn");
    fixture_release(&f);

    set_usual(&f, &s);
    set_fix(&f, &s, 2);
    set_draw(&f, &s, 2);
    fixture_write(&f);
    assert_damage(&f, 0, "has drawn already");
    fixture_release(&f);

    set_usual(&f, &s);
    s.file.b[0] ^= 1; /* of another file, which no record has fixed */
    set_draw(&f, &s, 1);
    fixture_write(&f);
    assert_damage(&f, 0, "draws data that no record has fixed");
    fixture_release(&f);
}

/* With full, what split and look say is computed again. */
static void test_looks_again(void **state)
{
    struct heard h;
    struct fixture f;
    struct set s;

    (void)state;
    for (unsigned more = 0; more < 2; more++) {
        set_usual(&f, &s);
        set_look(&f, &s, 1, LOOK_BETTER, s.placebo + more, 0);
        fixture_write(&f);
        (void)audit(&f, 1, &h);
        assert_null(strstr(h.text, "its split does not follow"));
        assert_int_equal(
            more, strstr(h.text, "does not follow from the answers") != NULL);
        fixture_release(&f);
    }
    set_usual(&f, &s);
    s.data.b[0] ^= 1;
    s.file.b[0] ^= 1;
    memset(s.seed, 7, sizeof(s.seed));
    set_fix(&f, &s, 2);
    s.data.b[0] ^= 1;
    set_draw(&f, &s, 2); /* the old split for another file and seed */
    fixture_write(&f);
    assert_damage(&f, 1, "its split does not follow from data and seed");
    fixture_release(&f);
}

static void object_name(const struct fixture *f, const struct cid *c,
                        char out[static PATH_MAX])
{
    char text[CID_TEXT_BYTES];

    cid_text(c, text);
    (void)snprintf(out, PATH_MAX, "%s/objects/%.2s/%s", f->dir, text, text + 2);
}

static void test_objects(void **state)
{
    struct fixture f;
    struct heard h;
    struct audit_result r;
    char path[PATH_MAX];
    FILE *out;

    (void)state;
    fixture_usual(&f);
    object_name(&f, &f.evidence, path);
    out = fopen(path, "r+b");
    assert_non_null(out);
    (void)fputc('X', out);
    (void)fclose(out);
    assert_int_equal(audit(&f, 0, &h).count[AUDIT_DAMAGE], 0);
    assert_damage(&f, 1, "does not hash to its name");
    assert_int_equal(unlink(path), 0);
    assert_damage(&f, 1, "the object is missing");
    fixture_objects(&f, VERDICT_ADMIT);
    (void)fixture_object(&f, (struct ubytes){(const uint8_t *)"stray", 5});
    fixture_text(&f, "objects/ab/not-a-cid", "x");
    r = audit(&f, 1, &h);
    assert_int_equal(r.count[AUDIT_DAMAGE], 0);
    assert_int_equal(r.unnamed, 1);
    assert_non_null(strstr(h.text, "objects/ab/not-a-cid: is no object"));
    fixture_release(&f);
}

/* 600 records: two full tiles and a partial one, as tlog-tiles wants them. */
static void test_tiles(void **state)
{
    static struct merkle_hash leaves[600];
    static uint8_t bytes[256 * 32];
    struct fixture f;
    struct heard h;
    struct audit_result r;
    uint64_t i;

    (void)state;
    fixture_init(&f);
    leaves[0] = f.prev;
    fixture_run(&f, "t");
    while (f.size < 600) {
        fixture_task(&f, "t", STATE_PASSED, "");
        leaves[f.size - 1] = f.prev;
    }
    fixture_write(&f);
    r = audit(&f, 1, &h);
    assert_int_equal(r.count[AUDIT_DAMAGE], 0);
    assert_true(r.count[AUDIT_WARNING] > 0); /* tiles are missing: derived */
    for (i = 300; i < 512; i++) {
        memcpy(bytes + (i - 256) * 32, leaves[i].b, 32);
    }
    /* Only the right bytes are a tile. */
    fixture_file(&f, "ledger/tile/0/001", (struct ubytes){bytes, 256 * 32});
    assert_damage(&f, 1, "tile/0/001: is not what the records make");
    for (i = 256; i < 512; i++) {
        memcpy(bytes + (i - 256) * 32, leaves[i].b, 32);
    }
    fixture_file(&f, "ledger/tile/0/001", (struct ubytes){bytes, 256 * 32});
    fixture_file(&f, "ledger/tile/0/001.p/3", (struct ubytes){bytes, 3 * 32});
    r = audit(&f, 1, &h);
    assert_int_equal(r.count[AUDIT_DAMAGE], 0);
    assert_int_equal(r.tiles, 2);
    fixture_text(&f, "ledger/tile/0/007", "x");
    assert_damage(&f, 1, "tile/0/007: does not belong");
    fixture_release(&f);
}

static void test_stray_partial(void **state)
{
    static const char *const STRAYS[] = {
        "ledger/tile/0/000.p/12",  "ledger/tile/0/000.p/01",
        "ledger/tile/0/000.p/256", "ledger/tile/1/000",
        "ledger/tile/9/000",       "ledger/tile/x",
        "ledger/tile/0/x000/000",  "ledger/tile/entries/00"};
    struct fixture f;
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_N(STRAYS); i++) {
        fixture_usual(&f); /* 9 records */
        fixture_text(&f, STRAYS[i], "x");
        assert_damage(&f, 1, STRAYS[i] + strlen("ledger/"));
        fixture_release(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_checkpoint_and_key),
        cmocka_unit_test(test_seed_not_of_chain),
        cmocka_unit_test(test_seed_twice),
        cmocka_unit_test(test_seed_skipped),
        cmocka_unit_test(test_counter_reset),
        cmocka_unit_test(test_ref_without_verdict),
        cmocka_unit_test(test_verdict_of_another),
        cmocka_unit_test(test_splits),
        cmocka_unit_test(test_looks_again),
        cmocka_unit_test(test_objects),
        cmocka_unit_test(test_tiles),
        cmocka_unit_test(test_stray_partial)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
