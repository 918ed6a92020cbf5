/* The index: built, extended, rebuilt when lost, damaged, of another form or
 * built to another ledger, and each time the same in every table; several
 * processes at once; no place to write. */
#include "fixture.h"

#include <sys/wait.h>

#include "cli/index.h"

static struct index *open_index(const struct fixture *f)
{
    struct index *ix = NULL;
    struct diag d;

    diag_init(&d);
    assert_int_equal(index_open(f->dir, &ix, &d), 0);
    return ix;
}

static uint64_t count(struct index *ix, const char *sql)
{
    sqlite3_stmt *q = NULL;
    struct diag d;
    uint64_t n;

    assert_int_equal(index_query(ix, sql, &q, &d), 0);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    n = index_u64(q, 0);
    (void)sqlite3_finalize(q);
    return n;
}

static void assert_usual(struct index *ix, const struct fixture *f)
{
    assert_int_equal(index_size(ix), f->size);
    assert_int_equal(count(ix, "SELECT count(*) FROM records"), f->size);
    assert_int_equal(count(ix, "SELECT count(*) FROM verdicts WHERE"
                               " verdict='admit' AND level='proven'"),
                     1);
    assert_int_equal(count(ix, "SELECT count(*) FROM tasks WHERE op='exam' AND"
                               " state='passed' AND evidence IS NOT NULL"),
                     1);
    assert_int_equal(count(ix, "SELECT moves FROM refs WHERE"
                               " name='primitives/crc32'"),
                     1);
    assert_int_equal(count(ix, "SELECT ended FROM runs"), 1);
}

static void test_build_and_keep(void **state)
{
    struct fixture f;
    struct index *ix;

    (void)state;
    fixture_usual(&f);
    ix = open_index(&f);
    assert_non_null(index_rebuilt_why(ix));
    assert_false(index_is_temporary(ix));
    assert_usual(ix, &f);
    index_close(ix);
    ix = open_index(&f);
    assert_null(index_rebuilt_why(ix));
    assert_usual(ix, &f);
    index_close(ix);
    fixture_release(&f);
}

static void test_extend(void **state)
{
    struct fixture f;
    struct index *ix;
    struct cid before;

    (void)state;
    fixture_usual(&f);
    index_close(open_index(&f));
    before = f.candidate;
    fixture_run(&f, "again");
    fixture_exam(&f, "again", VERDICT_REJECT, 2, 2);
    fixture_task(&f, "again", STATE_FAILED, "one answer is wrong");
    fixture_ref(&f, "primitives/crc32", &before);
    fixture_write(&f);
    ix = open_index(&f);
    assert_null(index_rebuilt_why(ix));
    assert_int_equal(count(ix, "SELECT count(*) FROM records"), f.size);
    assert_int_equal(count(ix, "SELECT moves FROM refs"), 2);
    assert_int_equal(count(ix, "SELECT count(*) FROM tasks WHERE"
                               " state='failed'"),
                     1);
    index_close(ix);
    fixture_release(&f);
}

static void test_comes_back(void **state)
{
    char path[PATH_MAX];
    char junk[4096];
    struct fixture f;
    struct index *ix;

    (void)state;
    fixture_usual(&f);
    index_close(open_index(&f));
    (void)snprintf(path, sizeof(path), "%s/index.db", f.dir);
    assert_int_equal(unlink(path), 0);
    ix = open_index(&f);
    assert_non_null(index_rebuilt_why(ix));
    assert_usual(ix, &f);
    index_close(ix);
    randombytes_buf(junk, sizeof(junk));
    fixture_file(&f, "index.db",
                 (struct ubytes){(const uint8_t *)junk, sizeof(junk)});
    ix = open_index(&f);
    assert_usual(ix, &f);
    assert_false(index_is_temporary(ix));
    index_close(ix);
    fixture_release(&f);
}

static void test_other_form(void **state)
{
    char path[PATH_MAX];
    struct fixture f;
    struct index *ix;
    sqlite3 *db;

    (void)state;
    fixture_usual(&f);
    index_close(open_index(&f));
    (void)snprintf(path, sizeof(path), "%s/index.db", f.dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "PRAGMA user_version=999;DROP TABLE refs;",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    (void)sqlite3_close(db);
    ix = open_index(&f);
    assert_non_null(index_rebuilt_why(ix));
    assert_usual(ix, &f);
    index_close(ix);
    fixture_release(&f);
}

/* A ledger that is shorter than the index, and one of equal length that says
 * something else: both must be seen. */
static void test_rolled_back(void **state)
{
    struct fixture f;
    struct fixture other;
    struct index *ix;

    (void)state;
    fixture_usual(&f);
    fixture_run(&f, "more");
    fixture_write(&f);
    index_close(open_index(&f));
    fixture_usual(&other);
    fixture_file(&f, "ledger/wal/0000000000000000.wal",
                 buf_bytes(&other.segment));
    ix = open_index(&f);
    assert_non_null(index_rebuilt_why(ix));
    assert_usual(ix, &other);
    index_close(ix);
    fixture_release(&other);
    fixture_usual(&other);
    fixture_file(&f, "ledger/wal/0000000000000000.wal",
                 buf_bytes(&other.segment));
    ix = open_index(&f);
    assert_non_null(index_rebuilt_why(ix));
    assert_usual(ix, &other);
    index_close(ix);
    fixture_release(&other);
    fixture_release(&f);
}

static void test_torn_tail(void **state)
{
    struct fixture f;
    struct index *ix;
    struct ubytes all;

    (void)state;
    fixture_usual(&f);
    all = buf_bytes(&f.segment);
    all.n -= 10;
    fixture_file(&f, "ledger/wal/0000000000000000.wal", all);
    ix = open_index(&f);
    assert_true(index_is_torn(ix));
    assert_int_equal(index_size(ix), 6); /* two of three batches */
    index_close(ix);
    fixture_file(&f, "ledger/wal/0000000000000000.wal", buf_bytes(&f.segment));
    ix = open_index(&f);
    assert_null(index_rebuilt_why(ix));
    assert_usual(ix, &f);
    index_close(ix);
    fixture_release(&f);
}

static void test_damaged_ledger(void **state)
{
    struct fixture f;
    struct index *ix = NULL;
    struct diag d;

    (void)state;
    diag_init(&d);
    fixture_usual(&f);
    f.segment.data_[buf_len(&f.segment) / 3] ^= 1;
    fixture_file(&f, "ledger/wal/0000000000000000.wal", buf_bytes(&f.segment));
    assert_int_equal(index_open(f.dir, &ix, &d), ERR_STORE_DAMAGED);
    assert_non_null(strstr(d.what, "0000000000000000.wal:"));
    fixture_release(&f);
}

static void test_many_processes(void **state)
{
    struct fixture f;
    struct index *ix;
    pid_t child[6];
    size_t i;

    (void)state;
    fixture_usual(&f);
    for (i = 0; i < ARRAY_N(child); i++) {
        child[i] = fork();
        if (child[i] == 0) {
            struct diag d;
            int rc;

            diag_init(&d);
            rc = index_open(f.dir, &ix, &d);
            _exit(rc == 0 && index_size(ix) == f.size && !index_is_temporary(ix)
                      ? 0
                      : 1);
        }
    }
    for (i = 0; i < ARRAY_N(child); i++) {
        int status = 1;

        assert_int_equal(waitpid(child[i], &status, 0), child[i]);
        assert_int_equal(status, 0);
    }
    ix = open_index(&f);
    assert_null(index_rebuilt_why(ix));
    assert_usual(ix, &f);
    index_close(ix);
    fixture_release(&f);
}

/* A folder where the index should be: it cannot be kept there. */
static void test_no_place(void **state)
{
    struct fixture f;
    struct index *ix;

    (void)state;
    fixture_usual(&f);
    fixture_text(&f, "index.db.lock/x", "");
    ix = open_index(&f);
    assert_true(index_is_temporary(ix));
    assert_usual(ix, &f);
    index_close(ix);
    fixture_release(&f);
}

static const char *const TABLES[] = {
    "records", "names",     "spans",  "runs",  "tasks",    "verdicts",
    "refs",    "ref_moves", "splits", "looks", "mentions", "meta",
    "m4_refs", "m4_assertions", "m1_blobs"};

/* Every row of every table, in an order of its own. */
static void hash_all(struct index *ix, uint8_t out[static 32])
{
    crypto_generichash_state st;
    size_t i;

    crypto_generichash_init(&st, NULL, 0, 32);
    for (i = 0; i < ARRAY_N(TABLES); i++) {
        sqlite3_stmt *q = NULL;
        char sql[80];
        struct diag d;

        (void)snprintf(sql, sizeof(sql), "SELECT * FROM %s ORDER BY %s",
                       TABLES[i],
                       strcmp(TABLES[i], "mentions") == 0 ? "1,2,3" : "1,2");
        assert_int_equal(index_query(ix, sql, &q, &d), 0);
        while (sqlite3_step(q) == SQLITE_ROW) {
            int c;

            for (c = 0; c < sqlite3_column_count(q); c++) {
                const void *p = sqlite3_column_blob(q, c);
                size_t n = (size_t)sqlite3_column_bytes(q, c);
                uint8_t head[9] = {(uint8_t)sqlite3_column_type(q, c)};

                memcpy(head + 1, &n, sizeof(n));
                crypto_generichash_update(&st, head, sizeof(head));
                crypto_generichash_update(&st, p, n);
            }
        }
        (void)sqlite3_finalize(q);
    }
    crypto_generichash_final(&st, out, 32);
}

/* No table of the index is left out above. */
static void test_all_tables(void **state)
{
    struct fixture f;
    struct index *ix;

    (void)state;
    fixture_usual(&f);
    ix = open_index(&f);
    assert_int_equal(count(ix, "SELECT count(*) FROM sqlite_schema WHERE"
                               " type='table' AND name NOT LIKE 'sqlite_%'"),
                     ARRAY_N(TABLES));
    index_close(ix);
    fixture_release(&f);
}

/* A history of many batches, with all that records can do to tables. */
static void make_history(struct fixture *f, size_t ends[static 64],
                         size_t *out_n)
{
    size_t n = 0;
    unsigned i;

    fixture_init(f);
    fixture_objects(f, VERDICT_ADMIT);
    for (i = 0; n + 4 < 64; i++) {
        char task[16];

        (void)snprintf(task, sizeof(task), "t%u", i % 5);
        fixture_run(f, task);
        fixture_batch(f);
        ends[n++] = buf_len(&f->segment);
        fixture_exam(f, task, i % 3 ? VERDICT_REJECT : VERDICT_ADMIT, i + 1, 1);
        fixture_batch(f);
        ends[n++] = buf_len(&f->segment);
        fixture_task(f, task, i % 3 ? STATE_FAILED : STATE_PASSED, "why");
        f->now_ns -= i % 4 == 1 ? 500000000 : 0; /* the clock steps back */
        fixture_ref(f, i % 2 ? "a/b" : "c", i > 1 ? &f->candidate : NULL);
        fixture_batch(f);
        ends[n++] = buf_len(&f->segment);
        if (i % 4 != 2) {
            fixture_end(f, 1);
            fixture_batch(f);
            ends[n++] = buf_len(&f->segment);
        }
    }
    *out_n = n;
}

static void put_prefix(const struct fixture *f, size_t n)
{
    struct ubytes all = buf_bytes(&f->segment);

    all.n = n;
    fixture_file(f, "ledger/wal/0000000000000000.wal", all);
}

/* Extended batch by batch, and at each size made from nothing: the same. And
 * extended from each size to the end at once: the same. */
static void test_equal_at_every_cut(void **state)
{
    char path[PATH_MAX];
    struct fixture f;
    size_t ends[64];
    size_t n;
    size_t i;
    uint8_t whole[32];

    (void)state;
    make_history(&f, ends, &n);
    (void)snprintf(path, sizeof(path), "%s/index.db", f.dir);
    put_prefix(&f, ends[n - 1]);
    {
        struct index *ix = open_index(&f);

        hash_all(ix, whole);
        index_close(ix);
        assert_int_equal(unlink(path), 0);
    }
    for (i = 0; i < n; i++) {
        struct index *ix;
        uint8_t grown[32];
        uint8_t fresh[32];
        char kept[PATH_MAX];

        put_prefix(&f, ends[i]);
        ix = open_index(&f);
        assert_true(i == 0 || index_rebuilt_why(ix) == NULL);
        hash_all(ix, grown);
        index_close(ix);
        (void)snprintf(kept, sizeof(kept), "%s/kept.db", f.dir);
        assert_int_equal(rename(path, kept), 0);
        ix = open_index(&f);
        assert_string_equal(index_rebuilt_why(ix), "");
        hash_all(ix, fresh);
        index_close(ix);
        assert_memory_equal(grown, fresh, sizeof(grown));
        put_prefix(&f, ends[n - 1]);
        ix = open_index(&f);
        hash_all(ix, fresh);
        index_close(ix);
        assert_memory_equal(whole, fresh, sizeof(whole));
        assert_int_equal(rename(kept, path), 0);
    }
    fixture_release(&f);
}

/* What a query sees is one state, whatever is appended and indexed meanwhile. */
static void test_one_state(void **state)
{
    struct fixture f;
    struct index *early;
    struct index *late;
    uint64_t size;

    (void)state;
    fixture_usual(&f);
    early = open_index(&f);
    size = f.size;
    fixture_run(&f, "more");
    fixture_write(&f);
    late = open_index(&f);
    assert_int_equal(count(late, "SELECT count(*) FROM records"), f.size);
    assert_int_equal(count(early, "SELECT count(*) FROM records"), size);
    assert_int_equal(index_size(early), size);
    index_close(late);
    index_close(early);
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_build_and_keep),
        cmocka_unit_test(test_extend),
        cmocka_unit_test(test_comes_back),
        cmocka_unit_test(test_other_form),
        cmocka_unit_test(test_rolled_back),
        cmocka_unit_test(test_torn_tail),
        cmocka_unit_test(test_damaged_ledger),
        cmocka_unit_test(test_many_processes),
        cmocka_unit_test(test_no_place),
        cmocka_unit_test(test_all_tables),
        cmocka_unit_test(test_equal_at_every_cut),
        cmocka_unit_test(test_one_state)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
