/* What recovery asks of signatures: the last one of a segment, which speaks for
 * all records before it, before anything is cut or signed. */
#include "fixture.h"

#include <sodium.h>

#include "kernel/store/ledger_int.h"

#define BATCHES 5

/* Writes the segment anew with fn called on batch `at`, digests made to fit. */
static void edit_batch(const char *path, unsigned at,
                       void (*fn)(struct wal_batch *))
{
    uint8_t bytes[8192];
    FILE *file = fopen(path, "re");
    struct ubytes in = {bytes, file == NULL ? 0 : fread(bytes, 1, 8192, file)};
    struct wal_head h;
    struct buf out;
    size_t off;
    size_t used;
    unsigned i;

    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    assert_true(in.n > 0 && in.n < sizeof(bytes));
    buf_init(&out, sizeof(bytes));
    assert_int_equal(wal_head_decode(in, &h, &off), 0);
    assert_int_equal(wal_head_encode(&out, &h), 0);
    for (i = 0; off < in.n; i++, off += used) {
        struct wal_batch b;

        assert_int_equal(wal_batch_decode((struct ubytes){in.p + off, in.n - off},
                                          &b, &used),
                         0);
        if (i == at) {
            fn(&b);
        }
        assert_int_equal(wal_batch_encode(&out, &b), 0);
    }
    assert_true(i > at);
    file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(buf_bytes(&out).p, 1, buf_len(&out), file),
                     buf_len(&out));
    assert_int_equal(fclose(file), 0);
    buf_release(&out);
}

static void bend_signature(struct wal_batch *b)
{
    b->sig[40] ^= 1;
}

static void bend_root(struct wal_batch *b)
{
    b->root.b[0] ^= 1;
}

/* By a key that is not the ledger's. */
static void sign_anew(struct wal_batch *b)
{
    uint8_t pk[32];
    uint8_t sk[64];

    (void)crypto_sign_keypair(pk, sk);
    (void)crypto_sign_detached(b->sig, NULL, b->root.b, sizeof(b->root.b), sk);
}

/* A ledger of BATCHES batches in one segment, of which nothing is published. */
static const char *make_ledger(struct fixture *f, char path[static 256])
{
    unsigned i;

    fixture_open(f);
    for (i = 1; i < BATCHES; i++) {
        append_ref(f, "name", (uint8_t)i);
    }
    assert_int_equal(ledger_close(f->l), 0);
    store_close(f->s);
    (void)snprintf(path, 256, "%s",
                   in_store(f, "ledger/wal/0000000000000000.wal"));
    return path;
}

static void refused(struct fixture *f, const char *path, const char *what)
{
    uint64_t size = file_size(path);

    assert_int_equal(fixture_try_open(f), ERR_STORE_DAMAGED);
    if (strstr(f->d.what, what) == NULL) {
        fail_msg("said: %s", f->d.what);
    }
    assert_int_equal(file_size(path), size);
    run_command("! ls '%s' | grep -q torn%s", in_store(f, "ledger/wal"), "");
}

static void test_last_signature(void **state)
{
    struct fixture *f = *state;
    char path[256];

    make_ledger(f, path);
    edit_batch(path, BATCHES - 1, bend_signature);
    refused(f, path, "record 4: the batch's signature does not fit");
    edit_batch(path, BATCHES - 1, sign_anew);
    refused(f, path, "record 4: the batch's signature does not fit");
}

/* Behind a batch that nobody signed nothing is a torn tail to be cut. */
static void test_torn_behind_a_forged_batch(void **state)
{
    struct fixture *f = *state;
    char path[256];

    make_ledger(f, path);
    edit_batch(path, BATCHES - 1, sign_anew);
    run_command("printf 'PBAT torn' >>'%s'%s", path, "");
    refused(f, path, "record 4: the batch's signature does not fit");
}

/* An earlier one says nothing that the last does not; the records are as they
 * were signed, and the ledger goes on from them. */
static void test_earlier_signature(void **state)
{
    struct fixture *f = *state;
    char path[256];

    make_ledger(f, path);
    edit_batch(path, 2, bend_signature);
    fixture_open(f);
    assert_int_equal(ledger_size(f->l), BATCHES);
    assert_false(f->l->check.defers_signatures); /* of what is written now */
    assert_int_equal(append_ref(f, "more", 9), BATCHES);
    fixture_close(f);
}

/* An earlier root is still held against the records. */
static void test_earlier_root(void **state)
{
    struct fixture *f = *state;
    char path[256];

    make_ledger(f, path);
    edit_batch(path, 2, bend_root);
    refused(f, path, "record 2: the batch's tree root does not fit");
}

/* The first of two segments: its own last signature is looked at. */
static void test_each_segment(void **state)
{
    struct fixture *f = *state;
    char path[256];

    make_ledger(f, path);
    fixture_open(f);
    assert_int_equal(ledger_snapshot(f->l), 0);
    append_ref(f, "later", 7);
    assert_int_equal(ledger_close(f->l), 0);
    store_close(f->s);
    edit_batch(path, BATCHES - 1, bend_signature);
    run_command("rm -rf '%s'/*%s", in_store(f, "objects"), ""); /* from 0 on */
    refused(f, path, "record 4: the batch's signature does not fit");
}

#define SIGNATURE_TEST(name)                                                   \
    cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIGNATURE_TEST(test_last_signature),
        SIGNATURE_TEST(test_torn_behind_a_forged_batch),
        SIGNATURE_TEST(test_earlier_signature),
        SIGNATURE_TEST(test_earlier_root),
        SIGNATURE_TEST(test_each_segment),
    };

    if (sodium_init() < 0) {
        return 1;
    }
    return cmocka_run_group_tests_name("signatures", tests, NULL, NULL);
}
