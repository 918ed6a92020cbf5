/* Write-ahead bytes changed in every way: each change is found, named by its
 * place, and repaired by nobody. */
#include "tamper.h"

#include <time.h>

#include "cli/audit_int.h"

#define ENTRIES_MAX 32
#define BATCHES_MAX 8

/* What stands where in the segment. */
struct layout {
    size_t head; /* bytes of the segment's head */
    size_t n;
    size_t batches;
    struct {
        size_t at, entries, trailer, end;
        uint64_t first;
        uint32_t n;
        struct wal_batch b; /* borrows from the fixture's segment */
    } batch[BATCHES_MAX];
    struct {
        size_t at, n; /* its bytes, behind the length */
        size_t batch;
    } entry[ENTRIES_MAX];
};

static void lay_out(const struct fixture *f, struct layout *l)
{
    struct ubytes all = buf_bytes(&f->segment);
    struct wal_head h;
    size_t used;

    memset(l, 0, sizeof(*l));
    assert_int_equal(wal_head_decode(all, &h, &l->head), 0);
    for (size_t at = l->head; at < all.n; at += used) {
        struct ubytes rest = {all.p + at, all.n - at};
        struct wal_batch *b = &l->batch[l->batches].b;
        struct ubytes e;
        size_t off = 0;

        assert_int_equal(wal_batch_decode(rest, b, &used), 0);
        l->batch[l->batches].at = at;
        l->batch[l->batches].entries = at + 20;
        l->batch[l->batches].trailer = at + used - 136;
        l->batch[l->batches].end = at + used;
        l->batch[l->batches].first = b->first;
        l->batch[l->batches].n = b->n;
        for (uint32_t i = 0; i < b->n; i++) {
            assert_int_equal(wal_entry_next(b, &off, &e), 0);
            l->entry[l->n].at = (size_t)(e.p - all.p);
            l->entry[l->n].n = e.n;
            l->entry[l->n].batch = l->batches;
            l->n++;
        }
        l->batches++;
    }
}

/* What the one line must begin with when byte i is changed. */
static void say_byte(const struct layout *l, size_t i, char out[static 96])
{
    size_t b = 0;

    if (i < l->head) {
        (void)snprintf(out, 96, "DAMAGED: from record 0 on: ");
        return;
    }
    while (i >= l->batch[b].end) {
        b++;
    }
    for (size_t k = 0; k < l->n; k++) {
        if (i >= l->entry[k].at && i < l->entry[k].at + l->entry[k].n) {
            (void)snprintf(out, 96, "DAMAGED: record %zu", k);
            return;
        }
    }
    /* The last signature stands in the checkpoint too. */
    if (i >= l->batch[b].trailer + 40 && i < l->batch[b].trailer + 104 &&
        b + 1 < l->batches) {
        (void)snprintf(out, 96, "DAMAGED: from record %u on",
                       (unsigned)l->batch[b].first);
        return;
    }
    (void)snprintf(out, 96, "DAMAGED: ledger/wal/0000000000000000.wal:%zu: "
                            "a length, number, signature or digest",
                   l->batch[b].at);
}

/* Every byte, three ways: the record that it belongs to is named, and nothing
 * else is called bad. */
static void test_every_byte(void **state)
{
    static const uint8_t CHANGES[] = {0x01, 0x80, 0xff};
    static struct layout l;
    unsigned cases = 0;
    struct fixture f;

    (void)state;
    tamper_usual(&f);
    lay_out(&f, &l);
    for (size_t i = 0; i < buf_len(&f.segment); i++) {
        char want[96];

        say_byte(&l, i, want);
        for (size_t c = 0; c < ARRAY_N(CHANGES); c++, cases++) {
            f.segment.data_[i] ^= CHANGES[c];
            fixture_file(&f, WAL, buf_bytes(&f.segment));
            if (!tamper_is_found(&f, 0) ||
                strncmp(seen.r.line, want, strlen(want)) != 0) {
                print_error("byte %zu ^ %02x: wanted \"%s\", got \"%s\"\n", i,
                            CHANGES[c], want, seen.r.line);
                fail();
            }
            f.segment.data_[i] ^= CHANGES[c];
        }
        if (i % 97 == 0) {
            f.segment.data_[i] ^= 0x10;
            fixture_file(&f, WAL, buf_bytes(&f.segment));
            tamper_leaves_all(&f);
            f.segment.data_[i] ^= 0x10;
        }
    }
    print_message("%u changed bytes, each named\n", cases);
    fixture_release(&f);
}

/* Every length, and junk behind the end. */
static void test_every_length(void **state)
{
    static struct layout l;
    struct fixture f;
    struct ubytes all;
    size_t b = 0;

    (void)state;
    tamper_usual(&f);
    lay_out(&f, &l);
    all = buf_bytes(&f.segment);
    for (size_t n = 0; n < all.n; n++) {
        char want[64];

        b += n >= l.batch[b].end;
        fixture_file(&f, WAL, (struct ubytes){all.p, n});
        if (n < l.head) {
            tamper_expect(&f, 0, "cut head", "no record can be relied on");
            continue;
        }
        (void)snprintf(want, sizeof(want), "records %u..8 are gone",
                       (unsigned)l.batch[b].first);
        tamper_expect(&f, 0, "cut", want);
        assert_int_equal(seen.r.trusted, l.batch[b].first);
    }
    print_message("%zu lengths, each named\n", all.n);
    for (size_t n = 1; n < 300; n++) {
        static uint8_t junk[16384];

        memcpy(junk, all.p, all.n);
        for (size_t i = 0; i < n; i++) {
            junk[all.n + i] = (uint8_t)(i * 37 + n);
        }
        fixture_file(&f, WAL, (struct ubytes){junk, all.n + n});
        /* Nobody can tell it from a batch that a crash cut short. */
        assert_false(tamper_is_found(&f, 0));
        assert_true(seen.r.is_torn && seen.r.size == 9);
        assert_true(seen.r.count[AUDIT_WARNING] > 0);
    }
    fixture_release(&f);
}

/* Records as a forger would put them together, who has no key: digests fit, the
 * signatures are the old ones. */
struct forgery {
    struct ubytes v[ENTRIES_MAX];
    size_t n;
};

static void forge(const struct fixture *f, const struct layout *l,
                  const struct forgery *g, int new_root)
{
    struct ubytes all = buf_bytes(&f->segment);
    struct merkle_frontier frontier;
    struct buf out;
    size_t at = 0;

    merkle_frontier_init(&frontier);
    buf_init(&out, (size_t)1 << 20);
    assert_int_equal(buf_put(&out, all.p, l->head), 0);
    for (size_t b = 0; b < l->batches && at < g->n; b++) {
        struct wal_batch w = l->batch[b].b;
        size_t n = b + 1 == l->batches ? g->n - at : l->batch[b].n;
        struct buf entries;

        n = n > g->n - at ? g->n - at : n;
        buf_init(&entries, (size_t)1 << 20);
        for (size_t i = 0; i < n; i++) {
            struct merkle_hash leaf = merkle_leaf(g->v[at + i]);

            assert_int_equal(buf_put_bytes16(&entries, g->v[at + i]), 0);
            merkle_frontier_add(&frontier, &leaf);
        }
        w.first = at;
        w.n = (uint32_t)n;
        w.size = at + n;
        w.entries = buf_bytes(&entries);
        if (new_root) {
            w.root = merkle_frontier_root(&frontier);
        }
        assert_int_equal(wal_batch_encode(&out, &w), 0);
        buf_release(&entries);
        at += n;
    }
    fixture_file(f, WAL, buf_bytes(&out));
    buf_release(&out);
}

enum change {
    SWAP, DROP, REPEAT, INSERT, EMPTY, LONGEST, NODE, LONGER, SHORTER,
    CHANGES_N
};
static const char *const CHANGE_NAMES[CHANGES_N] = {
    "swapped with", "dropped", "repeated", "inserted before", "made empty",
    "made of 65,535 bytes", "replaced by a node", "made longer",
    "made shorter"};

/* The bytes of record i are others, all else is in place. */
static int is_single(enum change c)
{
    return c >= EMPTY;
}

static struct forgery change(const struct fixture *f, const struct layout *l,
                             enum change c, size_t i, size_t j)
{
    static uint8_t other[UINT16_MAX];
    struct ubytes all = buf_bytes(&f->segment);
    struct forgery g = {.n = l->n};
    struct ubytes e;

    for (size_t k = 0; k < l->n; k++) {
        g.v[k] = (struct ubytes){all.p + l->entry[k].at, l->entry[k].n};
    }
    e = g.v[i];
    memset(other, 'x', sizeof(other));
    memcpy(other, e.p, e.n);
    if (c == SWAP) {
        g.v[i] = g.v[j];
        g.v[j] = e;
    } else if (c == DROP) {
        memmove(&g.v[i], &g.v[i + 1], (g.n - i - 1) * sizeof(g.v[0]));
        g.n--;
    } else if (c == REPEAT || c == INSERT) {
        size_t at = c == REPEAT ? i : j;

        memmove(&g.v[at + 1], &g.v[at], (g.n - at) * sizeof(g.v[0]));
        g.v[at] = e;
        g.n++;
    } else if (c == EMPTY) {
        g.v[i].n = 0;
    } else if (c == LONGEST) {
        memset(other, 'x', sizeof(other));
        g.v[i] = (struct ubytes){other, sizeof(other)};
    } else if (c == NODE) {
        /* What a node hashes, in the place of a leaf. */
        struct merkle_hash h = merkle_leaf(e);

        memcpy(other, l->batch[0].b.root.b, 32);
        memcpy(other + 32, h.b, 32);
        g.v[i] = (struct ubytes){other, 64};
    } else {
        g.v[i] = (struct ubytes){other, c == LONGER ? e.n + 1 : e.n - 1};
    }
    return g;
}

static void forge_one(const struct fixture *f, const struct layout *l,
                      enum change c, size_t i, size_t j, int new_root)
{
    struct forgery g = change(f, l, c, i, j);
    size_t first = c == INSERT && j < i ? j : i < j ? i : j;
    uint64_t batch;
    char name[96];
    char want[64] = "DAMAGED: ";

    first = is_single(c) || c == DROP || c == REPEAT ? i : first;
    first = c == INSERT ? j : first;
    first = first < l->n ? first : l->n - 1;
    batch = l->batch[l->entry[first].batch].first;
    (void)snprintf(name, sizeof(name), "record %zu %s %zu, root %s", i,
                   CHANGE_NAMES[c], j, new_root ? "made anew" : "kept");
    forge(f, l, &g, new_root);
    if (is_single(c)) {
        (void)snprintf(want, sizeof(want), "DAMAGED: record %zu", i);
    }
    tamper_expect(f, 0, name, want);
    if (seen.r.trusted < batch || seen.r.trusted > first + (c == REPEAT)) {
        print_error("%s: trusts %u records: %s\n", name,
                    (unsigned)seen.r.trusted, seen.r.line);
        fail();
    }
}

static void test_forged(void **state)
{
    static struct layout l;
    struct fixture f;
    unsigned cases = 0;

    (void)state;
    tamper_usual(&f);
    lay_out(&f, &l);
    for (unsigned c = 0; c < CHANGES_N; c++) {
        for (size_t i = 0; i < l.n; i++) {
            for (size_t j = 0; j < l.n; j++) {
                if ((c == SWAP && j <= i) || (c == INSERT && j == i) ||
                    (c != SWAP && c != INSERT && j > 0)) {
                    continue;
                }
                forge_one(&f, &l, (enum change)c, i, j, 0);
                forge_one(&f, &l, (enum change)c, i, j, 1);
                cases += 2;
            }
        }
    }
    print_message("%u forged ledgers, each named\n", cases);
    fixture_release(&f);
}

/* A whole history put in place of another, or of a part. */
static void test_foreign(void **state)
{
    static struct layout lf;
    static struct layout lg;
    struct fixture f;
    struct fixture g;
    struct forgery mix;

    (void)state;
    tamper_usual(&f);
    tamper_usual(&g);
    lay_out(&f, &lf);
    lay_out(&g, &lg);
    for (size_t i = 1; i < lf.n; i++) {
        mix = change(&f, &lf, SWAP, i, i);
        mix.v[i] = (struct ubytes){buf_bytes(&g.segment).p + lg.entry[i].at,
                                   lg.entry[i].n};
        forge(&f, &lf, &mix, 0);
        tamper_expect(&f, 0, "a record of another ledger", "DAMAGED: record ");
        assert_int_equal(seen.r.trusted, i);
    }
    fixture_file(&f, WAL, buf_bytes(&g.segment));
    tamper_expect(&f, 0, "another ledger's segment",
                  "ledger/checkpoint: is not a checkpoint that this log's key");
    fixture_file(&f, WAL, buf_bytes(&f.segment));
    fixture_file(&f, "ledger/wal/0000000000000005.wal", buf_bytes(&f.segment));
    tamper_expect(&f, 0, "a segment under another name",
                  "0000000000000005.wal:0: ");
    fixture_release(&g);
    fixture_release(&f);
}

/* Two histories that one key signed, alike up to record 5. */
static void test_fork(void **state)
{
    struct fixture f;
    struct fixture g;

    (void)state;
    fixture_init(&f);
    fixture_objects(&f, VERDICT_ADMIT);
    fixture_run(&f, "exam");
    fixture_batch(&f);
    g = f;
    buf_init(&g.segment, (size_t)64 << 20);
    buf_init(&g.entries, (size_t)16 << 20);
    assert_int_equal(buf_put(&g.segment, buf_bytes(&f.segment).p,
                             buf_len(&f.segment)),
                     0);
    fixture_task(&f, "exam", STATE_PASSED, "");
    fixture_task(&g, "exam", STATE_FAILED, "");
    fixture_batch(&f);
    fixture_batch(&g);
    fixture_write(&g); /* the checkpoint is g's */
    fixture_file(&f, WAL, buf_bytes(&f.segment));
    tamper_expect(&f, 0, "fork",
                  "its root is not that of the first 4 records: one of the two "
                  "is another history");
    assert_int_equal(seen.r.trusted, 0);
    buf_release(&g.segment);
    buf_release(&g.entries);
    fixture_release(&f);
}

/* Versions to come, in records and segments that the key did sign. */
static void test_future(void **state)
{
    struct fixture f;
    struct buf b;
    size_t at;

    (void)state;
    fixture_usual(&f);
    f.segment.data_[11] = 2;
    fixture_file(&f, WAL, buf_bytes(&f.segment));
    tamper_expect(&f, 0, "segment of version 2",
                  "says another version than 1");
    fixture_release(&f);
    for (unsigned i = 0; i < 2; i++) {
        struct merkle_hash leaf;

        fixture_init(&f);
        fixture_objects(&f, VERDICT_ADMIT);
        fixture_run(&f, "exam");
        fixture_batch(&f);
        fixture_task(&f, "exam", STATE_PASSED, "");
        /* The entry again, of another version or kind, and its tree. */
        buf_init(&b, 65535);
        assert_int_equal(
            buf_put(&b, f.entries.data_ + 2, buf_len(&f.entries) - 2), 0);
        at = i == 0 ? 2 : 3;
        b.data_[at] = i == 0 ? 2 : 200;
        f.entries.data_[2 + at] = b.data_[at];
        leaf = merkle_leaf(buf_bytes(&b));
        f.frontier.size = 3;
        merkle_frontier_init(&f.frontier);
        {
            static struct layout l;

            lay_out(&f, &l);
            for (size_t k = 0; k < l.n; k++) {
                struct merkle_hash h = merkle_leaf((struct ubytes){
                    buf_bytes(&f.segment).p + l.entry[k].at, l.entry[k].n});

                merkle_frontier_add(&f.frontier, &h);
            }
        }
        merkle_frontier_add(&f.frontier, &leaf);
        fixture_write(&f);
        tamper_expect(&f, 0, "signed record of the future",
                      i == 0 ? "of version 2; this Proctor reads version 1"
                             : "of kind 200, which this Proctor does not know");
        buf_release(&b);
        fixture_release(&f);
    }
}

static uint64_t seed;

static size_t below(size_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(seed >> 33) % n;
}

/* Many changes at once, as no table lists them: bytes, blocks that move, blocks
 * that go. Found, without a crash; nothing that was changed is trusted. */
static void test_random(void **state)
{
    const char *given = getenv("PROCTOR_SEED");
    unsigned rounds = getenv("PROCTOR_FULL") != NULL ? 30000 : 300;
    static struct layout l;
    static uint8_t bytes[8192];
    struct fixture f;
    struct ubytes all;

    (void)state;
    seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    print_message("PROCTOR_SEED=%llu\n", (unsigned long long)seed);
    tamper_usual(&f);
    lay_out(&f, &l);
    all = buf_bytes(&f.segment);
    for (unsigned i = 0; i < rounds; i++) {
        size_t first = all.n;

        memcpy(bytes, all.p, all.n);
        for (size_t k = 1 + below(6); k > 0; k--) {
            size_t n = 1 + below(64);
            size_t from = below(all.n - n);
            size_t to = below(all.n - n);

            if (below(2) == 0) {
                bytes[to] = (uint8_t)below(256);
            } else {
                memmove(bytes + to, bytes + from, n);
            }
        }
        for (size_t k = all.n; k > 0; k--) {
            first = bytes[k - 1] != all.p[k - 1] ? k - 1 : first;
        }
        if (first == all.n) {
            continue;
        }
        fixture_file(&f, WAL, (struct ubytes){bytes, all.n});
        assert_true(tamper_is_found(&f, 0));
        for (size_t k = 0; k < seen.r.trusted && k < l.n; k++) {
            assert_memory_equal(bytes + l.entry[k].at, all.p + l.entry[k].at,
                                l.entry[k].n);
        }
    }
    fixture_release(&f);
}

/* A changed record may name a task in two lines; the verdict stays one. */
static void test_one_line(void **state)
{
    struct record r;
    char label[96];

    (void)state;
    record_init(&r, RECORD_TASK);
    record_set_str(&r, RF_TASK_task, "two\nlines\x7f\x1b[2J");
    audit_label(&r, label);
    assert_non_null(strstr(label, ", task of two?lines??[2J"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_byte), cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_forged),     cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_fork),       cmocka_unit_test(test_future),
        cmocka_unit_test(test_random),     cmocka_unit_test(test_one_line)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
