/* Rows of a projection: what is written, what is compared, and that a refusal
 * leaves the file as it was. */
#include "projection_sample.h"

#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/sql_lite.h"
#include "cli/sql_rows.h"
#include "cli/sql_text.h"
#include "proto/pb.h"

/* SQLite numbers $1, $2, ... by where they first stand, PostgreSQL by name. */
static void test_statements(void **state)
{
    (void)state;
    for (int s = 0; s < SQL_STATEMENTS; s++) {
        const struct sql_info *info = sql_info((enum sql_statement)s);
        unsigned seen = 0;

        for (const char *c = info->text; *c != '\0'; c++) {
            if (*c == '$') {
                assert_int_equal(c[1], '1' + (int)seen);
                seen++;
            }
        }
        assert_int_equal(seen, info->args_n);
        assert_null(strchr(info->text, '\''));
    }
}

static void test_time(void **state)
{
    char out[SQL_TIME_BYTES];

    (void)state;
    sql_time(0, out);
    assert_string_equal(out, "1970-01-01 00:00:00.000000");
    sql_time(UINT64_C(1700000000123456789), out);
    assert_string_equal(out, "2023-11-14 22:13:20.123456");
}

/* One name with a log of `moves` assertions, the last of which deletes it when
 * is_gone. */
struct log {
    struct projection p;
    struct cid root;
    Proctor__BridgeAssertion a[4];
    Proctor__BridgeAssertion *list[4];
    Proctor__BridgeRef ref;
    Proctor__BridgeRef *refs[1];
};

static void log_make(struct log *l, size_t moves, int is_gone)
{
    sample_make(&l->p, "x", &l->root);
    (void)snprintf(l->p.did, sizeof(l->p.did), "did:key:zO'Brien");
    for (size_t i = 0; i < moves; i++) {
        int gone = is_gone && i + 1 == moves;

        proctor__bridge_assertion__init(&l->a[i]);
        l->a[i].did = l->p.did;
        l->a[i].path = pb_str("refs/cml/names/x");
        l->a[i].seq = i + 1;
        l->a[i].operation = pb_str(gone ? "DELETE" : "SET");
        if (!gone) {
            l->a[i].payload = (ProtobufCBinaryData){CID_BYTES, l->root.b};
        }
        l->list[i] = &l->a[i];
    }
    proctor__bridge_ref__init(&l->ref);
    l->ref.did = l->p.did;
    l->ref.path = pb_str("refs/cml/names/x");
    l->ref.target = (ProtobufCBinaryData){CID_BYTES, l->root.b};
    l->ref.seq = moves;
    l->refs[0] = &l->ref;
    l->p.m.assertions = l->list;
    l->p.m.n_assertions = moves;
    l->p.m.refs = l->refs;
    l->p.m.n_refs = is_gone ? 0 : 1;
}

static int write_log(const char *path, size_t moves, int is_gone,
                     Proctor__BridgeAnswer *a)
{
    struct log l;
    struct diag d;
    int rc;

    diag_init(&d);
    proctor__bridge_answer__init(a);
    log_make(&l, moves, is_gone);
    rc = sql_lite_write(path, &l.p.m, a, &d);
    projection_release(&l.p);
    return rc;
}

static int64_t ask(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *q = NULL;
    int64_t n;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
    n = sqlite3_step(q) == SQLITE_ROW ? sqlite3_column_int64(q, 0) : -1;
    (void)sqlite3_finalize(q);
    (void)sqlite3_close(db);
    return n;
}

static void test_growth(void **state)
{
    char path[] = "/tmp/proctor-sql.XXXXXX";
    Proctor__BridgeAnswer a;
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(write_log(path, 1, 0, &a), 0);
    assert_int_equal(a.blobs, 4);
    assert_int_equal(a.assertions, 1);
    assert_int_equal(a.refs, 1);
    assert_int_equal(write_log(path, 1, 0, &a), 0);
    assert_false(a.changed);
    assert_int_equal(write_log(path, 3, 0, &a), 0);
    assert_int_equal(a.blobs, 0);
    assert_int_equal(a.assertions, 2);
    assert_int_equal(a.refs, 1);
    assert_int_equal(ask(path, "SELECT seq_number FROM m4_refs"), 3);
    assert_int_equal(write_log(path, 4, 1, &a), 0);
    assert_int_equal(ask(path, "SELECT count(*) FROM m4_refs"), 0);
    assert_int_equal(ask(path, "SELECT count(*) FROM m4_assertions"), 4);
    assert_int_equal(write_log(path, 4, 1, &a), 0);
    assert_false(a.changed);
    /* A store that knows less: an older copy. */
    assert_int_equal(write_log(path, 3, 0, &a), ERR_EXISTS);
    assert_int_equal(ask(path, "SELECT count(*) FROM m4_refs"), 0);
    /* One whose fourth assertion is another. */
    assert_int_equal(write_log(path, 4, 0, &a), ERR_EXISTS);
    (void)unlink(path);
}

static int exec_text(const char *sql, size_t n)
{
    char *copy = strndup(sql, n);
    sqlite3 *db = NULL;
    int rc;

    assert_non_null(copy);
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    rc = sqlite3_exec(db, copy, NULL, NULL, NULL);
    (void)sqlite3_close(db);
    free(copy);
    return rc;
}

/* Printed SQL quotes what it prints, in both spellings. */
static void test_text(void **state)
{
    struct log l;
    char *text = NULL;
    size_t n = 0;
    FILE *f;

    (void)state;
    log_make(&l, 2, 0);
    f = open_memstream(&text, &n);
    assert_non_null(f);
    assert_int_equal(sql_text_write(f, 0, &l.p.m), 0);
    assert_int_equal(fclose(f), 0);
    assert_non_null(strstr(text, "did:key:zO''Brien"));
    assert_int_equal(exec_text(text, n), SQLITE_OK);
    free(text);
    f = open_memstream(&text, &n);
    assert_non_null(f);
    assert_int_equal(sql_text_write(f, 1, &l.p.m), 0);
    assert_int_equal(fclose(f), 0);
    assert_non_null(strstr(text, "'\\x434d4c31"));
    free(text);
    projection_release(&l.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statements),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_growth),
        cmocka_unit_test(test_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
