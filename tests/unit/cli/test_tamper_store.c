/* Files of a store in every wrong state, and records that were signed and yet say
 * what cannot be: each is named with the record that it belongs to, nothing is
 * followed, opened or repaired, and nothing makes the check wait. */
#include "tamper.h"

#include <sys/sysmacros.h>

enum act {
    ADD,     /* a file of one byte */
    FOLDER,  /* an empty folder */
    LINK,    /* a symbolic link to a file that is there */
    PIPE,    /* would make a reader wait for ever */
    DEVICE,  /* /dev/zero would never end */
    HUGE,    /* two terabytes that take no room */
    EMPTY,   /* nothing is left of it */
    CUT,     /* one byte less */
    FLIP,    /* one bit, in the middle */
    APPEND,  /* one byte more */
    REMOVE,
    RIGHTS,  /* 0666 */
    OTHERS,  /* another owner */
};

/* Names that are filled in. */
#define EVIDENCE "objects/E"
#define EVIDENCE_TEXT "verdict of exam) leads to it as evidence"
#define BUNDLE "ledger/tile/entries/000.p/9"
#define TILE "ledger/tile/0/000.p/9"

static const struct {
    enum act act;
    const char *name;
    const char *says;
    int is_damage;
} FILES[] = {
    {REMOVE, EVIDENCE, "the object is missing; record 5 (2", 1},
    {REMOVE, EVIDENCE, EVIDENCE_TEXT, 1},
    {EMPTY, EVIDENCE, "the object does not hash to its name; record 5", 1},
    {CUT, EVIDENCE, EVIDENCE_TEXT, 1},
    {FLIP, EVIDENCE, EVIDENCE_TEXT, 1},
    {APPEND, EVIDENCE, EVIDENCE_TEXT, 1},
    {LINK, EVIDENCE, "is no regular file; it was not opened; record 5", 1},
    {PIPE, EVIDENCE, "is no regular file; it was not opened; record 5", 1},
    {DEVICE, EVIDENCE, "is no regular file; it was not opened; record 5", 1},
    {FOLDER, EVIDENCE, "is no regular file; it was not opened; record 5", 1},
    {HUGE, EVIDENCE, "is longer than any object; it was not read", 1},
    {RIGHTS, EVIDENCE, "can be written by others (mode 0666)", 0},
    {OTHERS, EVIDENCE, "somebody else can change it", 1},
    {ADD, "objects/ab/short", "is no object: nothing reaches it", 0},
    {ADD, "objects/stray", "objects/stray: is no object: nothing", 0},
    {PIPE, "objects/ab/pipe", "is a pipe, expected a file; it was not", 1},
    {REMOVE, BUNDLE, "is missing; the next run writes it again", 0},
    {EMPTY, BUNDLE, "cut short at record 0", 1},
    {CUT, BUNDLE, "cut short at record 8", 1},
    {FLIP, BUNDLE, "another byte at record 3", 1},
    {APPEND, BUNDLE, "1 bytes follow record 8", 1},
    {LINK, BUNDLE, "tile/entries/000.p/9: is no regular file; it was", 1},
    {PIPE, BUNDLE, "tile/entries/000.p/9: is no regular file; it was", 1},
    {HUGE, BUNDLE, "tile/entries/000.p/9: is longer than any tile", 1},
    {EMPTY, TILE, "cut short at record 0", 1},
    {CUT, TILE, "cut short at record 8", 1},
    {FLIP, TILE, "another byte at record 4", 1},
    {APPEND, TILE, "1 bytes follow record 8", 1},
    {ADD, "ledger/tile/0/000.p/7", "tile/0/000.p/7: is not what the", 1},
    {ADD, "ledger/tile/0/000.p/10", "does not belong to a tree of 9", 1},
    {ADD, "ledger/tile/0/001", "does not belong to a tree of 9", 1},
    {LINK, "ledger/tile/0/001", "does not belong to a tree of 9", 1},
    {PIPE, "ledger/tile/1/000", "does not belong to a tree of 9", 1},
    {ADD, "ledger/checkpoint.1", "is no part of a store (a file)", 0},
    {REMOVE, "ledger/checkpoint", "ledger/checkpoint: is missing", 0},
    {EMPTY, "ledger/checkpoint", "is not a checkpoint that this log's", 1},
    {LINK, "ledger/checkpoint", "ledger/checkpoint: cannot be read", 1},
    {PIPE, "ledger/checkpoint", "ledger/checkpoint: cannot be read", 1},
    {HUGE, "ledger/checkpoint", "ledger/checkpoint: cannot be read", 1},
    {REMOVE, "ledger/vkey", "ledger/vkey: is missing", 0},
    {FLIP, "ledger/vkey", "ledger/vkey: is not the key that the records", 1},
    {PIPE, "ledger/vkey", "ledger/vkey: is not the key that the records", 1},
    {PIPE, WAL, "the head of the segment is damaged", 1},
    {DEVICE, WAL, "the head of the segment is damaged", 1},
    {LINK, WAL, "the segment cannot be opened", 1},
    {FOLDER, WAL, "the head of the segment is damaged", 1},
    {REMOVE, WAL, "holds no whole batch, but there is a checkpoint", 1},
    {RIGHTS, WAL, "can be written by others (mode 0666)", 0},
    {OTHERS, WAL, "somebody else can change it", 1},
    {ADD, "ledger/wal/torn-0000000000000009-1", "an unfinished batch that a", 0},
    {ADD, "ledger/wal/0000000000000009.wal", "0000000000000009.wal:0", 1},
    {ADD, "ledger/wal/notes", "is no part of a store (a file)", 0},
    {DEVICE, "ledger/wal/device", "is no part of a store (a device)", 1},
    {ADD, "keys/old", "keys/old: is no part of a store", 1},
    {ADD, "keys/key", "is open to others", 1},
    {ADD, "tmp/t1-0", "is half-written (a file): nothing reaches it", 0},
    {LINK, "tmp/t1-1", "is half-written (a symbolic link)", 0},
    {FOLDER, "more", "more: is no part of a store (a folder)", 0},
    {LINK, "link", "link: is no part of a store (a symbolic link)", 1},
    {ADD, "index.db", "index.db: is damaged, or of another version; it is a "
                      "projection and will be rebuilt", 0},
    {PIPE, "index.db", "index.db: is a pipe, expected a file", 1},
    {PIPE, "format", "format: is a pipe, expected a file", 1},
};

static void path_of(const struct fixture *f, const char *name,
                    char out[static PATH_MAX])
{
    char text[CID_TEXT_BYTES];

    if (strcmp(name, EVIDENCE) != 0) {
        (void)snprintf(out, PATH_MAX, "%s/%s", f->dir, name);
        return;
    }
    cid_text(&f->evidence, text);
    (void)snprintf(out, PATH_MAX, "%s/objects/%.2s/%s", f->dir, text, text + 2);
}

/* Changes the bytes of a file that is there. */
static void rewrite(const char *path, enum act act)
{
    static uint8_t bytes[1 << 16];
    FILE *file = fopen(path, "rb");
    size_t n;

    assert_non_null(file);
    n = fread(bytes, 1, sizeof(bytes) - 1, file);
    assert_int_equal(fclose(file), 0);
    if (act == FLIP) {
        bytes[n / 2] ^= 1;
    }
    bytes[n] = 'x';
    n = act == EMPTY ? 0 : act == CUT ? n - 1 : act == APPEND ? n + 1 : n;
    assert_int_equal(unlink(path), 0);
    file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0444), 0);
}

/* False where the host does not let us. */
static int apply(const struct fixture *f, enum act act, const char *name)
{
    char path[PATH_MAX];
    char target[PATH_MAX];

    path_of(f, name, path);
    if (act == FLIP || act == EMPTY || act == CUT || act == APPEND) {
        rewrite(path, act);
        return 1;
    }
    if (act == RIGHTS) {
        return chmod(path, 0666) == 0;
    }
    if (act == OTHERS) {
        return chown(path, 4242, 4242) == 0;
    }
    if (act == ADD) {
        fixture_text(f, name, "x");
        return 1;
    }
    (void)unlink(path);
    if (act == FOLDER) {
        assert_int_equal(mkdir(path, 0755), 0);
    } else if (act == LINK) {
        (void)snprintf(target, sizeof(target), "%.4000s/vk", f->dir);
        fixture_text(f, "tmp/t-target", "x");
        assert_int_equal(symlink(target, path), 0);
    } else if (act == PIPE || act == DEVICE) {
        fixture_text(f, name, "x"); /* and its folders */
        (void)unlink(path);
        return mknod(path, (act == PIPE ? S_IFIFO : S_IFCHR) | 0644,
                     makedev(1, 5)) == 0;
    } else if (act == HUGE) {
        fixture_text(f, name, "x");
        path_of(f, name, path);
        if (strcmp(name, EVIDENCE) == 0) {
            FILE *file = fopen(path, "wb");

            assert_non_null(file);
            assert_int_equal(fclose(file), 0);
        }
        return truncate(path, (off_t)2 << 40) == 0;
    }
    return 1;
}

static void test_files(void **state)
{
    unsigned done = 0;
    unsigned wrong = 0;
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_N(FILES); i++) {
        struct fixture f;
        char name[64];

        tamper_usual(&f);
        if (apply(&f, FILES[i].act, FILES[i].name)) {
            (void)snprintf(name, sizeof(name), "row %zu, %s", i,
                           FILES[i].name);
            if (tamper_is_found(&f, 1) != FILES[i].is_damage ||
                strstr(seen.text, FILES[i].says) == NULL) {
                print_error("%s: wanted \"%s\", got \"%s\"\n%s", name,
                            FILES[i].says, seen.r.line, seen.text);
                wrong++;
            }
            if (FILES[i].act != HUGE && FILES[i].act != DEVICE) {
                tamper_leaves_all(&f);
            }
            done++;
        }
        fixture_release(&f);
    }
    print_message("%u of %zu wrong files, each named\n", done, i);
    assert_int_equal(wrong, 0);
    assert_true(done + 10 >= i);
}

/* What was signed and cannot be: the store's own history of an exam, bent. */
enum bend {
    OTHER_TASK, OTHER_RUN, TWICE, UNMEASURED, UNKNOWN_REPORT, CLOCK_BACK,
    UNDRAWN, NO_COMMIT, LATER_REF
};
static const struct {
    const char *name;
    enum bend bend;
    const char *says;
    int is_damage;
} BENDS[] = {
    {"a verdict filed for another task", OTHER_TASK,
     "record 5: is filed for another task than record 3", 1},
    {"a verdict filed for another run", OTHER_RUN,
     "record 8: is filed for another task than record 3", 1},
    {"the same verdict twice", TWICE,
     "record 6: is a second verdict on record 3", 1},
    {"a confinement that was not measured", UNMEASURED,
     "record 3: its worker's confinement was not measured", 1},
    {"a confinement report that nobody has", UNKNOWN_REPORT,
     "the object is missing; record 3", 1},
    {"a time before its predecessor's", CLOCK_BACK,
     "record 6: its clock was set back while a kernel ran", 0},
    {"an admission without a draw", UNDRAWN,
     "record 4: admits a candidate for which nothing was drawn", 1},
    {"a draw for a record that is no commit", NO_COMMIT,
     "record 3: draws for a commit that is not there", 1},
    {"a verdict that comes later", LATER_REF,
     "verdict_ref names a record that comes later", 1},
};

static void add_verdict(struct fixture *f, uint64_t run, const char *task)
{
    struct record r;

    record_init(&r, RECORD_VERDICT);
    record_set_u(&r, RF_VERDICT_run, run);
    record_set_str(&r, RF_VERDICT_task, task);
    record_set_u(&r, RF_VERDICT_commit, f->commit_seq);
    record_set_hash(&r, RF_VERDICT_commit_hash, f->commit.b);
    record_set_hash(&r, RF_VERDICT_exam, f->exam.b);
    record_set_hash(&r, RF_VERDICT_candidate, f->candidate.b);
    record_set_u(&r, RF_VERDICT_verdict, VERDICT_ADMIT);
    record_set_hash(&r, RF_VERDICT_evidence, f->evidence.b);
    f->verdict_seq = fixture_add(f, &r);
}

/* COMMIT and, when asked, DRAW, without a verdict. */
static void add_commit(struct fixture *f, int is_drawn)
{
    uint8_t text[7 + 32] = "gate-v1";
    uint8_t seed[32];
    struct record r;

    record_init(&r, RECORD_COMMIT);
    record_set_u(&r, RF_COMMIT_run, f->run_seq);
    record_set_str(&r, RF_COMMIT_task, "exam");
    record_set_hash(&r, RF_COMMIT_exam, f->exam.b);
    record_set_hash(&r, RF_COMMIT_candidate, f->candidate.b);
    record_set_u(&r, RF_COMMIT_j, 1);
    record_set_u(&r, RF_COMMIT_seed_i, 1);
    f->commit_seq = fixture_add(f, &r);
    f->commit = f->prev;
    if (!is_drawn) {
        return;
    }
    record_init(&r, RECORD_DRAW);
    record_set_u(&r, RF_DRAW_commit, f->commit_seq);
    record_set_hash(&r, RF_DRAW_commit_hash, f->commit.b);
    record_set_hash(&r, RF_DRAW_seed_secret, f->x[1]);
    memcpy(text + 7, f->commit.b, 32);
    (void)crypto_generichash(seed, 32, text, sizeof(text), f->x[1], 32);
    record_set_hash(&r, RF_DRAW_seed, seed);
    (void)fixture_add(f, &r);
}

static void add_confine(struct fixture *f, const uint8_t *report)
{
    struct record r;

    record_init(&r, RECORD_CONFINE);
    record_set_u(&r, RF_CONFINE_run, f->run_seq);
    record_set_str(&r, RF_CONFINE_task, "exam");
    record_set_str(&r, RF_CONFINE_class, "program");
    record_set_hash(&r, RF_CONFINE_report, report);
    (void)fixture_add(f, &r);
}

static void bend(struct fixture *f, enum bend how)
{
    static const uint8_t ZERO[32];
    uint64_t first;

    fixture_init(f);
    fixture_objects(f, VERDICT_ADMIT);
    fixture_run(f, "exam");
    first = f->run_seq;
    switch (how) {
    case OTHER_TASK:
        add_commit(f, 1);
        add_verdict(f, f->run_seq, "another");
        break;
    case OTHER_RUN:
        add_commit(f, 1);
        add_verdict(f, first, "exam");
        fixture_run(f, "exam");
        add_verdict(f, f->run_seq, "exam");
        break;
    case TWICE:
        add_commit(f, 1);
        add_verdict(f, first, "exam");
        add_verdict(f, first, "exam");
        break;
    case UNMEASURED:
        add_confine(f, ZERO);
        break;
    case UNKNOWN_REPORT:
        add_confine(f, f->public_key);
        break;
    case CLOCK_BACK:
        add_commit(f, 1);
        add_verdict(f, first, "exam");
        {
            struct record r;

            record_init(&r, RECORD_END);
            record_set_u(&r, RF_END_run, first);
            f->now_ns += 5000000000u; /* the monotonic clock goes on */
            f->wall_back_ns = 60000000000u;
            (void)fixture_add(f, &r);
        }
        break;
    case UNDRAWN:
        add_commit(f, 0);
        add_verdict(f, first, "exam");
        break;
    case NO_COMMIT:
        f->commit_seq = 1;
        {
            struct record r;

            record_init(&r, RECORD_DRAW);
            record_set_u(&r, RF_DRAW_commit, 1);
            record_set_hash(&r, RF_DRAW_commit_hash, f->commit.b);
            (void)fixture_add(f, &r);
        }
        break;
    case LATER_REF:
        f->verdict_seq = 70;
        fixture_ref(f, "primitives/x", NULL);
        break;
    }
    fixture_write(f);
}

static void test_bends(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_N(BENDS); i++) {
        struct fixture f;
        int found;

        bend(&f, BENDS[i].bend);
        found = tamper_is_found(&f, 1);
        if (found != BENDS[i].is_damage ||
            strstr(seen.text, BENDS[i].says) == NULL) {
            print_error("%s: wanted \"%s\", got \"%s\"\n%s", BENDS[i].name,
                        BENDS[i].says, seen.r.line, seen.text);
            fail();
        }
        tamper_leaves_all(&f);
        fixture_release(&f);
    }
    print_message("%zu signed records that cannot be, each named\n",
                  ARRAY_N(BENDS));
}

/* The one line, word for word but for hashes and clocks. */
static void test_line(void **state)
{
    struct fixture f;
    char path[PATH_MAX];

    (void)state;
    tamper_usual(&f);
    assert_non_null(strstr(seen.r.line, "ledger is whole: 9 records, 3 batches "
                                        "signed, root "));
    path_of(&f, EVIDENCE, path);
    assert_int_equal(unlink(path), 0);
    assert_true(tamper_is_found(&f, 1));
    assert_non_null(strstr(seen.r.line, ": the object is missing; record 5 ("));
    assert_non_null(strstr(seen.r.line,
                           ", verdict of exam) leads to it as evidence; all 9 "
                           "records and 4 other objects are good"));
    fixture_objects(&f, VERDICT_ADMIT);
    f.segment.data_[buf_len(&f.segment) / 2] ^= 4;
    fixture_file(&f, WAL, buf_bytes(&f.segment));
    assert_true(tamper_is_found(&f, 1));
    assert_non_null(strstr(seen.r.line, "DAMAGED: record 4 ("));
    assert_non_null(strstr(seen.r.line, ", draw) was changed: ledger/wal/"));
    assert_non_null(strstr(seen.r.line,
                           "; records 0..3 and the objects they name are good, "
                           "and the bytes of all others up to 8 are as signed"));
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_files),
                                       cmocka_unit_test(test_bends),
                                       cmocka_unit_test(test_line)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
