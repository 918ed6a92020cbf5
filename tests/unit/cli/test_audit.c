/* verify: a whole ledger is whole; every way of bending it is found. */
#include "split_set.h"

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
