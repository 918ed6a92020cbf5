/* The ledger: creation, appending, reopening, snapshots, recovery of torn
 * tails, refusal of damage. */
#include "fixture.h"

#include <signal.h>

#include "kernel/store/ledger_int.h"

static void test_create_append_reopen(void **state)
{
    struct fixture *f = *state;
    struct cid c;

    fixture_open(f);
    assert_int_equal(ledger_size(f->l), 1);
    assert_int_equal(append_ref(f, "a", 1), 1);
    assert_int_equal(append_ref(f, "a", 2), 2);
    add_refs(f, 10);
    fixture_close(f);
    fixture_open(f);
    assert_int_equal(ledger_size(f->l), 13);
    assert_true(fold_ref(ledger_fold(f->l), "a", &c));
    assert_int_equal(c.b[0], 2);
    fixture_close(f);
    assert_int_equal(verify_all(f->dir), 13);
}

static void test_batch_is_one_signature(void **state)
{
    struct fixture *f = *state;
    uint64_t before;

    fixture_open(f);
    add_refs(f, 1);
    before = file_size(in_store(f, "ledger/wal/0000000000000000.wal"));
    add_refs(f, 100);
    assert_true(file_size(in_store(f, "ledger/wal/0000000000000000.wal")) -
                    before <
                100 * 200);
    assert_int_equal(ledger_size(f->l), 102);
    fixture_close(f);
    assert_int_equal(verify_all(f->dir), 102);
}

static void test_full_queue_flushes(void **state)
{
    struct fixture *f = *state;

    fixture_open(f);
    add_refs(f, 2 * LIMIT_BATCH_RECORDS + 10);
    assert_int_equal(ledger_size(f->l), 2 * LIMIT_BATCH_RECORDS + 11);
    fixture_close(f);
    assert_int_equal(verify_all(f->dir), 2 * LIMIT_BATCH_RECORDS + 12);
}

static void test_queued_is_not_yet_true(void **state)
{
    struct fixture *f = *state;
    struct record r = ref_record("q", 3);
    uint64_t seq;
    uint64_t i;
    struct cid c;

    fixture_open(f);
    assert_int_equal(ledger_add(f->l, &r, &seq), 0);
    assert_int_equal(ledger_size(f->l), 1);
    assert_false(fold_ref(ledger_fold(f->l), "q", &c));
    record_init(&r, RECORD_COMMIT);
    record_set_u(&r, RF_COMMIT_seed_i, 1);
    assert_int_equal(ledger_next_seed(f->l, &i), 0);
    assert_int_equal(i, 1);
    assert_int_equal(ledger_add(f->l, &r, &seq), 0);
    assert_int_equal(ledger_next_seed(f->l, &i), 0);
    assert_int_equal(i, 2); /* a queued COMMIT counts */
    assert_int_equal(ledger_commit(f->l), 0);
    assert_true(fold_ref(ledger_fold(f->l), "q", &c));
    fixture_close(f);
}

static void test_snapshot_and_fallback(void **state)
{
    struct fixture *f = *state;
    char name[64];
    struct cid c;

    fixture_open(f);
    add_refs(f, 300);
    assert_int_equal(ledger_snapshot(f->l), 0);
    assert_int_equal(ledger_size(f->l), 302);
    append_ref(f, "after", 9);
    assert_int_equal(ledger_snapshot(f->l), 0);
    append_ref(f, "last", 8);
    fixture_close(f);
    (void)snprintf(name, sizeof(name), "ledger/wal/%016x.wal", 303);
    assert_true(file_size(in_store(f, name)) > 100);
    fixture_open(f);
    assert_int_equal(ledger_size(f->l), 305);
    assert_true(fold_ref(ledger_fold(f->l), "r/7", &c));
    assert_true(fold_ref(ledger_fold(f->l), "after", &c));
    fixture_close(f);
    /* Snapshots gone: folded from earlier segments. */
    run_command("rm -rf '%s'%s", f->dir, "/objects/*");
    fixture_open(f);
    assert_int_equal(ledger_size(f->l), 305);
    assert_true(fold_ref(ledger_fold(f->l), "r/7", &c));
    assert_true(fold_ref(ledger_fold(f->l), "last", &c));
    fixture_close(f);
    assert_int_equal(verify_all(f->dir), 305);
}

/* A snapshot object with a flipped byte is not believed. */
static void test_damaged_snapshot_is_passed_over(void **state)
{
    struct fixture *f = *state;
    struct cid c;

    fixture_open(f);
    add_refs(f, 50);
    assert_int_equal(ledger_snapshot(f->l), 0);
    fixture_close(f);
    run_command("chmod -R u+w '%s/objects'; for o in '%s'/objects/*/*; do "
                "printf x >> $o; done",
                f->dir, f->dir);
    fixture_open(f);
    assert_true(fold_ref(ledger_fold(f->l), "r/7", &c));
    fixture_close(f);
}

static void test_torn_tail_is_moved_aside(void **state)
{
    struct fixture *f = *state;
    const char *wal;
    uint64_t whole;

    fixture_open(f);
    append_ref(f, "kept", 1);
    fixture_close(f); /* publishes size 2 */
    fixture_open(f);
    wal = in_store(f, "ledger/wal/0000000000000000.wal");
    whole = file_size(wal);
    append_ref(f, "torn", 2);
    assert_true(file_size(wal) > whole + 60);
    assert_int_equal(truncate(wal, (off_t)(whole + 60)), 0);
    /* As after a crash: nothing is written on the way out. */
    assert_int_equal(ledger_stop(f->l, ERR_CANCELLED), ERR_CANCELLED);
    assert_int_equal(ledger_close(f->l), ERR_CANCELLED);
    store_close(f->s);
    fixture_open(f);
    assert_int_equal(ledger_size(f->l), 2);
    assert_non_null(strstr(f->d.what, "torn-0000000000000002-"));
    assert_int_equal(f->d.code, 0);
    run_command("test \"$(cat '%s'/torn-0000000000000002-* | wc -c)\" = 60%s",
                in_store(f, "ledger/wal"), "");
    append_ref(f, "again", 3);
    fixture_close(f);
    assert_int_equal(verify_all(f->dir), 3);
}

/* The checkpoint says that more was acknowledged: nothing may be cut. */
static void test_lost_records_are_refused(void **state)
{
    struct fixture *f = *state;
    const char *wal;
    uint64_t size;
    uint64_t cut;

    fixture_open(f);
    append_ref(f, "a", 1);
    append_ref(f, "b", 2);
    fixture_close(f);
    wal = in_store(f, "ledger/wal/0000000000000000.wal");
    size = file_size(wal);
    for (cut = 1; cut < 400; cut += 97) {
        assert_int_equal(truncate(wal, (off_t)(size - cut)), 0);
        assert_int_equal(fixture_try_open(f), ERR_STORE_DAMAGED);
        assert_true(file_size(wal) == size - cut);
        assert_true(f->d.what[0] != '\0' && f->d.hint[0] != '\0');
    }
    run_command("! ls '%s' | grep -q torn%s", in_store(f, "ledger/wal"), "");
}

static int open_seen(struct fixture *f, uint64_t size,
                     const struct merkle_hash *root)
{
    struct ledger_genesis g = fixture_genesis;
    int created;
    int code = store_open(f->dir, &f->s, &created, &f->d);

    g.seen.size = size;
    g.seen.root = *root;
    assert_int_equal(code, 0);
    code = ledger_open(f->s, &g, &f->l, &f->d);
    if (code == 0) {
        assert_int_equal(ledger_close(f->l), 0);
    }
    store_close(f->s);
    return code;
}

static struct merkle_hash head_root(const struct fixture *f)
{
    uint8_t sig[64];

    return ledger_checkpoint(f->l, sig)->root;
}

/* A head that somebody has seen must be one of this ledger, wherever it lies;
 * else it is an old copy or a fork, and nothing changes. */
static void test_seen_head(void **state)
{
    struct fixture *f = *state;
    struct merkle_hash early;
    struct merkle_hash late;
    uint64_t size;

    fixture_open(f);
    append_ref(f, "a", 1);
    early = head_root(f); /* of 2 records */
    add_refs(f, 20);
    assert_int_equal(ledger_commit(f->l), 0);
    assert_int_equal(ledger_snapshot(f->l), 0); /* a new segment */
    append_ref(f, "b", 1);
    late = head_root(f);
    size = ledger_size(f->l);
    fixture_close(f);
    assert_int_equal(open_seen(f, size, &late), 0);
    assert_int_equal(open_seen(f, 2, &early), 0);
    assert_int_equal(open_seen(f, size + 7, &late), ERR_STORE_DAMAGED);
    assert_non_null(strstr(f->d.what, "7 records are not here"));
    assert_int_equal(open_seen(f, size, &early), ERR_STORE_DAMAGED);
    assert_non_null(strstr(f->d.what, "another tree"));
    assert_int_equal(open_seen(f, 2, &late), ERR_STORE_DAMAGED);
    assert_non_null(strstr(f->d.what, "another tree of 2"));
    assert_int_equal(open_seen(f, 3, &late), ERR_STORE_DAMAGED);
    assert_non_null(strstr(f->d.what, "no batch ends there"));
    assert_int_equal(open_seen(f, UINT64_MAX, &late), ERR_STORE_DAMAGED);
    assert_int_equal(open_seen(f, size, &late), 0);
    assert_int_equal(verify_all(f->dir), size);
}

/* Bytes of a small ledger, one by one, all with PROCTOR_FULL: opening names the
 * damage, or, where the byte is in the last batch and never published, moves it
 * aside. */
static void test_every_flip_is_refused(void **state)
{
    struct fixture *f = *state;
    const char *wal = in_store(f, "ledger/wal/0000000000000000.wal");
    const uint64_t step = getenv("PROCTOR_FULL") != NULL ? 1 : 7;
    char path[256];
    uint64_t size;
    uint64_t i;

    (void)snprintf(path, sizeof(path), "%s", wal);
    fixture_open(f);
    append_ref(f, "a", 1);
    fixture_close(f);
    size = file_size(path);
    for (i = 0; i < size; i += step) {
        flip_byte(path, i);
        assert_int_equal(fixture_try_open(f), ERR_STORE_DAMAGED);
        assert_true(f->d.what[0] != '\0');
        flip_byte(path, i);
    }
    fixture_open(f);
    fixture_close(f);
}

static void test_missing_pieces(void **state)
{
    struct fixture *f = *state;

    fixture_open(f);
    append_ref(f, "a", 1);
    fixture_close(f);
    run_command("mv '%s' '%s/key'", in_store(f, "keys/key"), f->base);
    assert_int_equal(fixture_try_open(f), ERR_STORE_DAMAGED);
    assert_non_null(strstr(f->d.what, "keys/key"));
    run_command("head -c 33 '%s/key' > '%s'", f->base, in_store(f, "keys/key"));
    assert_int_equal(fixture_try_open(f), ERR_SIGNER);
    run_command("cp '%s/key' '%s'", f->base, in_store(f, "keys/key"));
    fixture_open(f);
    fixture_close(f);
    /* No segment, but a checkpoint: not a new store. */
    run_command("mv '%s/wal' '%s/wal'; ", in_store(f, "ledger"), f->base);
    assert_int_equal(mkdir(in_store(f, "ledger/wal"), 0755), 0);
    assert_int_equal(fixture_try_open(f), ERR_STORE_DAMAGED);
    assert_non_null(strstr(f->d.what, "checkpoint"));
}

/* A key of another store. */
static void test_foreign_key(void **state)
{
    struct fixture *f = *state;
    struct fixture g = *f;

    fixture_open(f);
    fixture_close(f);
    (void)snprintf(g.dir, sizeof(g.dir), "%s/other", f->base);
    fixture_open(&g);
    fixture_close(&g);
    run_command("cp '%s/other/keys/key' '%s/store/keys/key'", f->base, f->base);
    assert_int_equal(fixture_try_open(f), ERR_STORE_DAMAGED);
    assert_non_null(strstr(f->d.what, "another ledger"));
}

static void test_damaged_checkpoint(void **state)
{
    struct fixture *f = *state;

    fixture_open(f);
    fixture_close(f);
    flip_byte(in_store(f, "ledger/checkpoint"), 30);
    assert_int_equal(fixture_try_open(f), ERR_STORE_DAMAGED);
    assert_non_null(strstr(f->d.what, "ledger/checkpoint"));
    assert_int_equal(unlink(in_store(f, "ledger/checkpoint")), 0);
    fixture_open(f); /* derived */
    fixture_close(f);
    assert_true(file_size(in_store(f, "ledger/checkpoint")) > 100);
}

static void test_read(void **state)
{
    struct fixture *f = *state;
    struct merkle_hash leaf;
    struct merkle_hash again;
    struct record r = ref_record("x", 1);
    struct buf b;
    uint64_t seq;

    buf_init(&b, 1u << 20);
    fixture_open(f);
    add_refs(f, 20);
    assert_int_equal(ledger_append(f->l, &r, &seq, &leaf), 0);
    assert_int_equal(ledger_snapshot(f->l), 0);
    assert_int_equal(ledger_read(f->l, seq, &b, &r, &again), 0);
    assert_memory_equal(leaf.b, again.b, 32);
    assert_true(r.seq == seq && r.kind == RECORD_REF);
    assert_int_equal(ledger_read(f->l, 7, &b, &r, &again), 0);
    assert_true(r.seq == 7);
    assert_int_equal(ledger_read(f->l, seq + 1, &b, &r, &again), 0);
    assert_int_equal(r.kind, RECORD_CHECKPOINT);
    assert_int_equal(ledger_read(f->l, seq + 2, &b, &r, &again), ERR_NOT_FOUND);
    fixture_close(f);
    buf_release(&b);
}

/* A record that cannot be encoded leaves the ledger as it was. */
static void test_refused_record(void **state)
{
    struct fixture *f = *state;
    struct record r = ref_record("bad\xff", 1);
    uint64_t seq;

    fixture_open(f);
    assert_int_equal(ledger_add(f->l, &r, &seq), ERR_ENCODING);
    assert_int_equal(append_ref(f, "good", 1), 1);
    fixture_close(f);
    assert_int_equal(verify_all(f->dir), 2);
}

/* A signer that dies: named, nothing is written any more, reopening is fine. */
static void test_signer_dies(void **state)
{
    struct fixture *f = *state;
    struct record r = ref_record("x", 1);
    uint64_t seq;

    fixture_open(f);
    append_ref(f, "a", 1);
    assert_int_equal(kill(f->l->signer.pid, SIGKILL), 0);
    assert_int_equal(ledger_append(f->l, &r, &seq, NULL), ERR_SIGNER);
    assert_int_equal(ledger_append(f->l, &r, &seq, NULL), ERR_IO);
    assert_int_equal(ledger_close(f->l), ERR_SIGNER);
    store_close(f->s);
    fixture_open(f);
    assert_int_equal(ledger_size(f->l), 2);
    fixture_close(f);
}

static void test_no_signer(void **state)
{
    struct fixture *f = *state;
    struct ledger_genesis g = fixture_genesis;
    int created;

    g.signer = "/nonexistent/proctor-signer";
    assert_int_equal(store_open(f->dir, &f->s, &created, &f->d), 0);
    assert_int_equal(ledger_open(f->s, &g, &f->l, &f->d), ERR_SIGNER);
    assert_non_null(strstr(f->d.what, "/nonexistent"));
    store_close(f->s);
    fixture_open(f); /* nothing half-made is in the way */
    fixture_close(f);
}

#define LEDGER_TEST(name)                                                      \
    cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEDGER_TEST(test_create_append_reopen),
        LEDGER_TEST(test_batch_is_one_signature),
        LEDGER_TEST(test_full_queue_flushes),
        LEDGER_TEST(test_queued_is_not_yet_true),
        LEDGER_TEST(test_snapshot_and_fallback),
        LEDGER_TEST(test_damaged_snapshot_is_passed_over),
        LEDGER_TEST(test_torn_tail_is_moved_aside),
        LEDGER_TEST(test_lost_records_are_refused),
        LEDGER_TEST(test_seen_head),
        LEDGER_TEST(test_every_flip_is_refused),
        LEDGER_TEST(test_missing_pieces),
        LEDGER_TEST(test_foreign_key),
        LEDGER_TEST(test_damaged_checkpoint),
        LEDGER_TEST(test_read),
        LEDGER_TEST(test_refused_record),
        LEDGER_TEST(test_signer_dies),
        LEDGER_TEST(test_no_signer),
    };

    return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
