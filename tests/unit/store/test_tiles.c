/* Derived files: paths, every size up to 600 and some around 65,536,
 * incremental against all at once, deleted and made again; judged by
 * tlog_check.py, which shares no code with us. */
#include "fixture.h"

#define CHECK "python3 " TEST_SOURCE_DIR "/tests/scenario/tlog_check.py"

static void expect_path(int level, uint64_t n, unsigned width, const char *path)
{
    char got[TILE_PATH_BYTES];

    tile_path(level, n, width, got);
    assert_string_equal(got, path);
}

static void test_paths(void **state)
{
    (void)state;
    expect_path(0, 5, 256, "tile/0/005");
    expect_path(0, 1234067, 256, "tile/0/x001/x234/067");
    expect_path(-1, 1000, 256, "tile/entries/x001/000");
    expect_path(-1, 0, 17, "tile/entries/000.p/17");
    expect_path(3, 1234067, 255, "tile/3/x001/x234/067.p/255");
    expect_path(0, UINT64_MAX >> 8, 1,
                "tile/0/x072/x057/x594/x037/x927/935.p/1");
}

static void check(const struct fixture *f, uint64_t size)
{
    char expected[64];

    (void)snprintf(expected, sizeof(expected), "OK %llu ",
                   (unsigned long long)size);
    run_command(CHECK " '%s/ledger' | grep -q '^%s' ", f->dir, expected);
}

static void refused(const struct fixture *f)
{
    run_command("! " CHECK " '%s/ledger' >/dev/null%s", f->dir, "");
}

static void test_small_sizes(void **state)
{
    static const unsigned steps[] = {1, 1, 1,   50, 100, 99, 1, 1,
                                     1, 1, 200, 55, 1,   1,  1, 83};
    struct fixture *f = *state;
    uint64_t size = 1;
    size_t i;

    fixture_open(f);
    assert_int_equal(fixture_publish(f), 0);
    check(f, 1);
    for (i = 0; i < ARRAY_N(steps); i++) {
        add_refs(f, steps[i]);
        size += steps[i];
        assert_int_equal(fixture_publish(f), 0);
        assert_true(ledger_size(f->l) == size);
        check(f, size);
    }
    fixture_close(f);
    check(f, size);
}

/* Publishing again from a fresh process state, at sizes on and off the
 * edges. */
static void test_across_reopen(void **state)
{
    static const unsigned steps[] = {254, 1, 1, 255, 300, 3000};
    struct fixture *f = *state;
    uint64_t size = 1;
    size_t i;

    fixture_open(f);
    fixture_close(f);
    for (i = 0; i < ARRAY_N(steps); i++) {
        fixture_open(f);
        add_refs(f, steps[i]);
        size += steps[i];
        assert_true(ledger_size(f->l) == size);
        fixture_close(f);
        fixture_open(f);
        size = ledger_size(f->l);
        fixture_close(f);
        check(f, size);
    }
}

/* Remove everything that is derived: the same bytes come back. */
static void test_made_again(void **state)
{
    struct fixture *f = *state;

    fixture_open(f);
    add_refs(f, 700);
    fixture_close(f);
    run_command("cp -r '%s/ledger' '%s/before'", f->dir, f->base);
    run_command("cd '%s/ledger' && rm -rf tile checkpoint vkey%s", f->dir, "");
    fixture_open(f);
    fixture_close(f);
    check(f, 701);
    /* Partial tiles of the first publish (size 1) are all that may differ. */
    run_command("cd '%s/before' && rm -rf tile/0/000.p tile/entries/000.p%s",
                f->base, "");
    run_command("diff -r '%s/before' '%s/store/ledger'", f->base, f->base);
    /* Tiles gone, checkpoint left: seen, and made again. */
    run_command("cd '%s/ledger' && rm -rf tile%s", f->dir, "");
    fixture_open(f);
    append_ref(f, "x", 1);
    fixture_close(f);
    check(f, 702);
}

/* A damaged edge tile is not built upon. */
static void test_damaged_edge(void **state)
{
    struct fixture *f = *state;

    fixture_open(f);
    add_refs(f, 700);
    fixture_close(f);
    flip_byte(in_store(f, "ledger/tile/1/000.p/2"), 40);
    refused(f);
    fixture_open(f);
    append_ref(f, "x", 1);
    fixture_close(f);
    check(f, 702);
}

/* Partial tiles go when the full one is there. */
static void test_partials_go(void **state)
{
    struct fixture *f = *state;

    fixture_open(f);
    add_refs(f, 100);
    assert_int_equal(fixture_publish(f), 0);
    assert_true(file_size(in_store(f, "ledger/tile/0/000.p/101")) == 101 * 32);
    add_refs(f, 100);
    assert_int_equal(fixture_publish(f), 0);
    assert_true(file_size(in_store(f, "ledger/tile/0/000.p/101")) == 101 * 32);
    add_refs(f, 100);
    assert_int_equal(fixture_publish(f), 0);
    assert_true(file_size(in_store(f, "ledger/tile/0/000")) == 8192);
    assert_true(file_size(in_store(f, "ledger/tile/0/000.p")) == UINT64_MAX);
    assert_true(file_size(in_store(f, "ledger/tile/entries/000.p")) ==
                UINT64_MAX);
    check(f, 301);
    fixture_close(f);
}

/* Around 256^2: a full level 1, the birth of level 2. */
static void test_second_level(void **state)
{
    struct fixture *f = *state;

    fixture_open(f);
    add_refs(f, 65534);
    assert_int_equal(fixture_publish(f), 0);
    check(f, 65535);
    append_ref(f, "x", 1); /* 65536, and the snapshot's own record */
    assert_int_equal(fixture_publish(f), 0);
    check(f, ledger_size(f->l));
    assert_true(file_size(in_store(f, "ledger/tile/1/000")) == 8192);
    assert_true(file_size(in_store(f, "ledger/tile/2/000.p/1")) == 32);
    add_refs(f, 300);
    fixture_close(f);
    check(f, 65837);
    fixture_open(f);
    append_ref(f, "y", 1);
    fixture_close(f);
    check(f, 65838);
}

/* The outside reader refuses what was tampered with. */
static void test_outside_refusals(void **state)
{
    static const char *const files[] = {
        "ledger/tile/entries/000", "ledger/tile/entries/001.p/45",
        "ledger/tile/0/000",       "ledger/tile/0/001.p/45",
        "ledger/tile/1/000.p/1",   "ledger/checkpoint"};
    struct fixture *f = *state;
    size_t i;

    fixture_open(f);
    add_refs(f, 300);
    fixture_close(f);
    check(f, 301);
    for (i = 0; i < ARRAY_N(files); i++) {
        flip_byte(in_store(f, files[i]), 30);
        refused(f);
        flip_byte(in_store(f, files[i]), 30);
        run_command("printf x >> '%s'%s", in_store(f, files[i]), "");
        refused(f);
        assert_int_equal(truncate(in_store(f, files[i]),
                                  (off_t)file_size(in_store(f, files[i])) - 1),
                         0);
    }
    check(f, 301);
    run_command("echo > '%s/ledger/tile/0/002'%s", f->dir, "");
    refused(f);
}

/* Records that do not lead to the published checkpoint: it stays. */
static void test_checkpoint_stays(void **state)
{
    struct fixture *f = *state;
    struct diag d;

    fixture_open(f);
    add_refs(f, 10);
    fixture_close(f);
    run_command("cp -r '%s' '%s/backup'", f->dir, f->base);
    fixture_open(f);
    add_refs(f, 10);
    fixture_close(f);
    run_command("cp '%s/ledger/checkpoint' '%s/kept'", f->dir, f->base);
    /* An older ledger under a newer checkpoint. */
    run_command("cd '%s' && rm -r store/ledger/wal && "
                "cp -r backup/ledger/wal store/ledger/wal%s",
                f->base, "");
    assert_int_equal(tiles_catch_up(f->dir, &d), ERR_STORE_DAMAGED);
    assert_non_null(strstr(d.what, "not brought up"));
    run_command("cmp '%s/ledger/checkpoint' '%s/kept'", f->dir, f->base);
    /* Grown past it in another way, and the tiles gone. */
    run_command("cd '%s' && rm -r store/ledger/tile && "
                "mv store/ledger/checkpoint newer%s",
                f->base, "");
    fixture_open(f);
    append_ref(f, "other", 9);
    add_refs(f, 30);
    assert_int_equal(ledger_close(f->l), 0);
    store_close(f->s);
    run_command("cp '%s/newer' '%s/ledger/checkpoint'", f->base, f->dir);
    assert_int_equal(tiles_catch_up(f->dir, &d), ERR_STORE_DAMAGED);
    run_command("cmp '%s/ledger/checkpoint' '%s/kept'", f->dir, f->base);
    run_command("test ! -e '%s/ledger/tile'%s", f->dir, "");
}

/* Of two publishers one works; the other has nothing to do. */
static void test_one_publisher(void **state)
{
    struct fixture *f = *state;
    int fd;

    fixture_open(f);
    add_refs(f, 10);
    assert_int_equal(disk_open_dir(AT_FDCWD, in_store(f, "ledger"), &fd), 0);
    assert_int_equal(disk_lock(fd), 0);
    assert_int_equal(fixture_publish(f), 0);
    assert_true(file_size(in_store(f, "ledger/checkpoint")) == UINT64_MAX);
    (void)close(fd);
    fixture_close(f);
    check(f, 11);
}

#define TILES_TEST(name)                                                       \
    cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),      TILES_TEST(test_small_sizes),
        TILES_TEST(test_across_reopen),    TILES_TEST(test_made_again),
        TILES_TEST(test_damaged_edge),     TILES_TEST(test_partials_go),
        TILES_TEST(test_second_level),     TILES_TEST(test_outside_refusals),
        TILES_TEST(test_checkpoint_stays), TILES_TEST(test_one_publisher),
    };

    return cmocka_run_group_tests_name("tiles", tests, NULL, NULL);
}
