/* The public RFC 6962 vectors of transparency-dev/merkle: 196 cases of inclusion
 * and consistency, each with the answer that its authors give
 * (tests/vectors/merkle/README.md). Two rules of ours decide before the hashing,
 * as they do wherever proofs are read: a hash has 32 bytes, and consistency
 * begins at size 1. */
#include "fixture.h"

#include <sqlite3.h>

#include "proto/merkle.h"
#include "proto/note_text.h"

#define FOLDER TEST_SOURCE_DIR "/tests/vectors/merkle/"

/* The one case that its authors accept and we refuse: equal sizes, equal roots
 * that are no hashes (12 bytes of text). */
#define LAX                                                                    \
    "testdata/consistency/additional/"                                         \
    "sizes-are-equal-one-and-proof-is-empty.json"

struct given {
    uint64_t first; /* index, or the older size */
    uint64_t size;
    struct merkle_hash a; /* leaf, or the older root */
    struct merkle_hash root;
    struct merkle_hash path[MERKLE_PROOF_MAX + 8];
    size_t path_n;
    int well_formed; /* every hash has 32 bytes */
    int want_error;
    const char *file;
};

static void take_hash(sqlite3_stmt *q, int column, struct given *g,
                      struct merkle_hash *out)
{
    const char *text = (const char *)sqlite3_column_text(q, column);

    if (text == NULL ||
        !note_parse_hash((struct note_text){text, strlen(text)}, out)) {
        g->well_formed = 0;
    }
}

/* As its digits stand in the text: SQLite's own numbers end at 2^63. */
static uint64_t take_size(sqlite3_stmt *q, int column)
{
    const char *text = (const char *)sqlite3_column_text(q, column);
    uint64_t v = 0;

    assert_non_null(text);
    assert_true(note_parse_u64((struct note_text){text, strlen(text)}, &v));
    return v;
}

static void take_path(sqlite3 *db, const char *json, struct given *g)
{
    sqlite3_stmt *q;

    assert_int_equal(
        sqlite3_prepare_v2(db, "SELECT value FROM json_each(?1, '$.proof')", -1,
                           &q, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_bind_text(q, 1, json, -1, SQLITE_STATIC),
                     SQLITE_OK);
    while (sqlite3_step(q) == SQLITE_ROW) {
        if (sqlite3_column_type(q, 0) == SQLITE_NULL) {
            continue; /* "proof": null is the empty path */
        }
        assert_true(g->path_n < ARRAY_N(g->path));
        take_hash(q, 0, g, &g->path[g->path_n++]);
    }
    assert_int_equal(sqlite3_finalize(q), SQLITE_OK);
}

typedef int (*judge_fn)(const struct given *g);

static int judge_inclusion(const struct given *g)
{
    return merkle_check_inclusion(g->first, g->size, &g->a, g->path, g->path_n,
                                  &g->root);
}

static int judge_consistency(const struct given *g)
{
    return merkle_check_consistency(g->first, g->size, g->path, g->path_n,
                                    &g->a, &g->root);
}

static unsigned run_all(const char *path, const char *fields, judge_fn judge)
{
    char *line = NULL;
    size_t room = 0;
    sqlite3_stmt *q;
    sqlite3 *db;
    unsigned n = 0;
    FILE *f = fopen(path, "re");

    assert_non_null(f);
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, fields, -1, &q, NULL), SQLITE_OK);
    while (getline(&line, &room, f) > 0) {
        struct given g = {.well_formed = 1};

        assert_int_equal(sqlite3_bind_text(q, 1, line, -1, SQLITE_STATIC),
                         SQLITE_OK);
        assert_int_equal(sqlite3_step(q), SQLITE_ROW);
        g.first = take_size(q, 0);
        g.size = take_size(q, 1);
        take_hash(q, 2, &g, &g.a);
        take_hash(q, 3, &g, &g.root);
        g.want_error = sqlite3_column_int(q, 4);
        g.file = (const char *)sqlite3_column_text(q, 5);
        assert_non_null(g.file);
        take_path(db, line, &g);
        if (!g.well_formed && !g.want_error) {
            assert_string_equal(g.file, LAX); /* refused before any hashing */
        } else if ((g.well_formed && judge(&g)) == g.want_error) {
            fail_msg("%s: expected %s", g.file,
                     g.want_error ? "a refusal" : "acceptance");
        }
        assert_int_equal(sqlite3_reset(q), SQLITE_OK);
        n++;
    }
    free(line);
    (void)fclose(f);
    assert_int_equal(sqlite3_finalize(q), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return n;
}

#define FIELDS(first, size, a, root)                                           \
    "SELECT ?1->'" first "', ?1->'" size "', ?1->>'" a "', ?1->>'" root        \
    "', ?1->>'wantErr', ?1->>'file'"

static void test_inclusion(void **state)
{
    (void)state;
    assert_int_equal(run_all(FOLDER "inclusion.jsonl",
                             FIELDS("leafIdx", "treeSize", "leafHash", "root"),
                             judge_inclusion),
                     98);
}

static void test_consistency(void **state)
{
    (void)state;
    assert_int_equal(run_all(FOLDER "consistency.jsonl",
                             FIELDS("size1", "size2", "root1", "root2"),
                             judge_consistency),
                     98);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_inclusion),
                                       cmocka_unit_test(test_consistency)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
