/* Write-ahead segments: codec, segment and store readers, the checker. The
 * ledgers here are made by hand, byte by byte, not by the kernel. */
#include "gen.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <sodium.h>

#include "proto/limits.h"
#include "proto/wal.h"

#define ORIGIN "proctor/00000000000000aa"

/* A ledger under construction. */
struct maker {
    char dir[64];
    uint8_t pk[32];
    uint8_t sk[64];
    struct merkle_frontier frontier;
    struct merkle_hash prev;
    struct buf segment;
    uint64_t first; /* of the segment */
};

static void sign(const struct maker *m, const struct wal_batch *b,
                 uint8_t sig[static 64])
{
    struct checkpoint c = {.size = b->size, .root = b->root};
    struct buf body;

    strcpy(c.origin, ORIGIN);
    buf_init(&body, 1000);
    assert_int_equal(note_body(&body, &c), 0);
    (void)crypto_sign_detached(sig, NULL, buf_bytes(&body).p, buf_len(&body),
                               m->sk);
    buf_release(&body);
}

static void begin_segment(struct maker *m)
{
    struct wal_head h = {
        .first = m->frontier.size, .prev = m->prev, .frontier = m->frontier};

    buf_reset(&m->segment);
    m->first = h.first;
    assert_int_equal(wal_head_encode(&m->segment, &h), 0);
}

static void add_batch(struct maker *m, uint32_t n)
{
    struct wal_batch b = {.first = m->frontier.size, .n = n};
    struct buf entries;
    uint32_t i;

    buf_init(&entries, 1u << 20);
    for (i = 0; i < n; i++) {
        struct record r;
        struct buf one;

        record_init(&r, RECORD_PARK);
        r.seq = m->frontier.size;
        memcpy(r.prev, m->prev.b, 32);
        record_set_str(&r, RF_PARK_why, "test");
        buf_init(&one, 1000);
        assert_int_equal(record_encode(&r, &one), 0);
        m->prev = merkle_leaf(buf_bytes(&one));
        merkle_frontier_add(&m->frontier, &m->prev);
        assert_int_equal(buf_put_bytes16(&entries, buf_bytes(&one)), 0);
        buf_release(&one);
    }
    b.entries = buf_bytes(&entries);
    b.size = m->frontier.size;
    b.root = merkle_frontier_root(&m->frontier);
    sign(m, &b, b.sig);
    assert_int_equal(wal_batch_encode(&m->segment, &b), 0);
    buf_release(&entries);
}

static void write_bytes(const struct maker *m, uint64_t first, const void *p,
                        size_t n)
{
    char path[128];
    char name[WAL_NAME_BYTES];
    FILE *f;

    wal_segment_name(first, name);
    (void)snprintf(path, sizeof(path), "%s/ledger/wal/%s", m->dir, name);
    f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static void end_segment(const struct maker *m)
{
    write_bytes(m, m->first, buf_bytes(&m->segment).p, buf_len(&m->segment));
}

static int setup(void **state)
{
    struct maker *m = calloc(1, sizeof(*m));
    uint8_t seed[32] = {9};
    char path[128];

    strcpy(m->dir, "/tmp/proctor-wal-XXXXXX");
    assert_non_null(mkdtemp(m->dir));
    (void)snprintf(path, sizeof(path), "%s/ledger", m->dir);
    assert_int_equal(mkdir(path, 0755), 0);
    (void)snprintf(path, sizeof(path), "%s/ledger/wal", m->dir);
    assert_int_equal(mkdir(path, 0755), 0);
    (void)crypto_sign_seed_keypair(m->pk, m->sk, seed);
    buf_init(&m->segment, 1u << 24);
    *state = m;
    return 0;
}

static int teardown(void **state)
{
    struct maker *m = *state;
    char command[128];

    (void)snprintf(command, sizeof(command), "rm -rf '%s'", m->dir);
    assert_int_equal(system(command), 0);
    buf_release(&m->segment);
    free(m);
    return 0;
}

/* Records from `from` on; what ended the stream in *out_end. */
static uint64_t count_from(const struct maker *m, uint64_t from, int *out_end)
{
    struct wal_reader *w;
    struct record r;
    struct ubytes entry;
    struct merkle_hash leaf;
    uint64_t n = 0;

    *out_end = wal_reader_open(m->dir, from, &w);
    if (*out_end != 0) {
        return 0;
    }
    while ((*out_end = wal_reader_next(w, &r, &entry, &leaf)) == 0) {
        assert_true(r.seq == from + n);
        n++;
    }
    wal_reader_close(w);
    return n;
}

static void test_head_codec(void **state)
{
    struct wal_head h = {.first = 0x8000000000000105};
    struct wal_head back;
    struct buf b;
    size_t used;
    size_t i;

    (void)state;
    h.frontier.size = h.first;
    memset(h.prev.b, 1, 32);
    memset(h.frontier.h[0].b, 2, 32);
    memset(h.frontier.h[63].b, 3, 32);
    buf_init(&b, 10000);
    assert_int_equal(wal_head_encode(&b, &h), 0);
    assert_int_equal(wal_head_decode(buf_bytes(&b), &back, &used), 0);
    assert_int_equal(used, buf_len(&b));
    assert_memory_equal(&back.frontier.h[63], &h.frontier.h[63], 32);
    for (i = 0; i < buf_len(&b); i++) {
        struct ubytes cut = {buf_bytes(&b).p, i};

        assert_int_equal(wal_head_decode(cut, &back, &used), ERR_ENCODING);
        b.data_[i] ^= 0x40;
        assert_int_equal(wal_head_decode(buf_bytes(&b), &back, &used),
                         ERR_ENCODING);
        b.data_[i] ^= 0x40;
    }
    buf_release(&b);
}

static void test_batch_codec(void **state)
{
    struct maker *m = *state;
    struct wal_batch back;
    struct buf *b = &m->segment;
    struct ubytes entry;
    size_t used;
    size_t off = 0;
    size_t i;

    add_batch(m, 3);
    assert_int_equal(wal_batch_decode(buf_bytes(b), &back, &used), 0);
    assert_int_equal(used, buf_len(b));
    assert_int_equal(back.n, 3);
    for (i = 0; i < 3; i++) {
        assert_int_equal(wal_entry_next(&back, &off, &entry), 0);
    }
    assert_int_equal(wal_entry_next(&back, &off, &entry), ERR_ENCODING);
    for (i = 0; i < buf_len(b); i++) {
        struct ubytes cut = {buf_bytes(b).p, i};

        assert_int_equal(wal_batch_decode(cut, &back, &used), WAL_E_TORN);
        b->data_[i] ^= 0x01;
        assert_int_equal(wal_batch_decode(buf_bytes(b), &back, &used),
                         WAL_E_TORN);
        b->data_[i] ^= 0x01;
    }
}

/* Whole by its digest, wrong inside. */
static void test_batch_wrong_inside(void **state)
{
    static const uint8_t entry[] = {0, 1, 'x'};
    struct wal_batch b = {
        .first = 5, .n = 1, .entries = {entry, sizeof(entry)}, .size = 6};
    struct wal_batch back;
    struct buf out;
    size_t used;

    (void)state;
    buf_init(&out, 10000);
    assert_int_equal(wal_batch_encode(&out, &b), 0);
    assert_int_equal(wal_batch_decode(buf_bytes(&out), &back, &used), 0);
    buf_reset(&out);
    b.size = 7;
    assert_int_equal(wal_batch_encode(&out, &b), 0);
    assert_int_equal(wal_batch_decode(buf_bytes(&out), &back, &used),
                     ERR_ENCODING);
    buf_reset(&out);
    b.size = 7;
    b.n = 2; /* more than the bytes hold */
    assert_int_equal(wal_batch_encode(&out, &b), 0);
    assert_int_equal(wal_batch_decode(buf_bytes(&out), &back, &used),
                     ERR_ENCODING);
    buf_release(&out);
}

static void test_names(void **state)
{
    char name[WAL_NAME_BYTES];
    uint64_t first;

    (void)state;
    wal_segment_name(0x1234, name);
    assert_string_equal(name, "0000000000001234.wal");
    assert_true(wal_segment_name_parse(name, &first) && first == 0x1234);
    assert_false(wal_segment_name_parse("000000000000123A.wal", &first));
    assert_false(wal_segment_name_parse("1234.wal", &first));
    assert_false(wal_segment_name_parse("0000000000001234.wax", &first));
    assert_false(wal_segment_name_parse("torn-00000000001.wal", &first));
}

static void make_three_segments(struct maker *m)
{
    begin_segment(m);
    add_batch(m, 1);
    add_batch(m, 5);
    end_segment(m);
    begin_segment(m);
    add_batch(m, 1);
    end_segment(m);
    begin_segment(m);
    add_batch(m, 1);
    add_batch(m, 2);
    end_segment(m);
}

static void test_reader(void **state)
{
    struct maker *m = *state;
    uint64_t from;
    int end;

    assert_int_equal(count_from(m, 0, &end), 0);
    assert_int_equal(end, ERR_NOT_FOUND);
    make_three_segments(m);
    for (from = 0; from < 12; from++) {
        uint64_t n = count_from(m, from, &end);

        assert_int_equal(end, WAL_E_END);
        assert_true(n == (from < 10 ? 10 - from : 0));
    }
}

/* A reader at the end goes on when more is appended, also in a new segment. */
static void test_reader_follows(void **state)
{
    struct maker *m = *state;
    struct wal_reader *w;
    struct record r;
    struct ubytes entry;
    struct merkle_hash leaf;

    begin_segment(m);
    add_batch(m, 1);
    end_segment(m);
    assert_int_equal(wal_reader_open(m->dir, 0, &w), 0);
    assert_int_equal(wal_reader_next(w, &r, &entry, &leaf), 0);
    assert_int_equal(wal_reader_next(w, &r, &entry, &leaf), WAL_E_END);
    add_batch(m, 1);
    end_segment(m);
    assert_int_equal(wal_reader_next(w, &r, &entry, &leaf), 0);
    assert_int_equal(wal_reader_next(w, &r, &entry, &leaf), WAL_E_END);
    begin_segment(m);
    add_batch(m, 2);
    end_segment(m);
    assert_int_equal(wal_reader_next(w, &r, &entry, &leaf), 0);
    assert_true(r.seq == 2);
    assert_int_equal(wal_reader_batch(w)->n, 2);
    wal_reader_close(w);
}

static void test_torn_tail(void **state)
{
    struct maker *m = *state;
    size_t whole;
    size_t n;
    int end;

    begin_segment(m);
    add_batch(m, 2);
    whole = buf_len(&m->segment);
    add_batch(m, 2);
    for (n = whole + 1; n < buf_len(&m->segment); n++) {
        write_bytes(m, 0, buf_bytes(&m->segment).p, n);
        assert_int_equal(count_from(m, 0, &end), 2);
        assert_int_equal(end, WAL_E_TORN);
    }
    /* Zeroes in place of the tail. */
    memset(m->segment.data_ + whole, 0, buf_len(&m->segment) - whole);
    end_segment(m);
    assert_int_equal(count_from(m, 0, &end), 2);
    assert_int_equal(end, WAL_E_TORN);
}

/* Wrong bytes with a whole batch behind them are damage, not a torn tail; so is
 * a torn tail that is not the last segment's. */
static void test_damage_in_the_middle(void **state)
{
    struct maker *m = *state;
    size_t at;
    int end;

    begin_segment(m);
    add_batch(m, 2);
    at = buf_len(&m->segment);
    add_batch(m, 2);
    add_batch(m, 2);
    m->segment.data_[at + 30] ^= 1;
    end_segment(m);
    assert_int_equal(count_from(m, 0, &end), 2);
    assert_int_equal(end, ERR_STORE_DAMAGED);
    assert_int_equal(count_from(m, 4, &end), 2); /* behind it: readable */
    assert_int_equal(end, WAL_E_END);
    m->segment.data_[at + 30] ^= 1;
    write_bytes(m, 0, buf_bytes(&m->segment).p, at);
    assert_int_equal(count_from(m, 0, &end), 2);
    begin_segment(m);
    add_batch(m, 1);
    end_segment(m);
    assert_int_equal(count_from(m, 0, &end), 2); /* a hole */
    assert_int_equal(end, ERR_STORE_DAMAGED);
}

/* Runs the checker over the bytes of one segment. */
static int check_bytes(const struct maker *m, struct ubytes in)
{
    struct wal_check c;
    struct wal_head h;
    size_t used;
    size_t off;

    if (wal_head_decode(in, &h, &used) != 0) {
        return ERR_STORE_DAMAGED;
    }
    wal_check_init(&c, &h, ORIGIN, m->pk);
    for (off = used; off < in.n; off += used) {
        struct wal_batch b;
        int code = wal_batch_decode((struct ubytes){in.p + off, in.n - off}, &b,
                                    &used);

        if (code == 0) {
            code = wal_check_batch(&c, &b, NULL, NULL);
        }
        if (code != 0) {
            return code;
        }
    }
    return 0;
}

static void test_every_flip_is_seen(void **state)
{
    struct maker *m = *state;
    size_t i;

    begin_segment(m);
    add_batch(m, 1);
    add_batch(m, 3);
    assert_int_equal(check_bytes(m, buf_bytes(&m->segment)), 0);
    for (i = 0; i < buf_len(&m->segment); i++) {
        m->segment.data_[i] ^= 0x20;
        assert_int_not_equal(check_bytes(m, buf_bytes(&m->segment)), 0);
        m->segment.data_[i] ^= 0x20;
    }
}

/* Batches whose digest was made to fit again after an edit. */
static void test_checker_names_the_fault(void **state)
{
    struct maker *m = *state;
    struct wal_head h = {.first = 0};
    struct wal_batch b;
    struct wal_check c;
    size_t used;
    struct merkle_hash other = {{1}};

    add_batch(m, 2);
    assert_int_equal(wal_batch_decode(buf_bytes(&m->segment), &b, &used), 0);

    wal_check_init(&c, &h, ORIGIN, m->pk);
    assert_int_equal(wal_check_batch(&c, &b, NULL, NULL), 0);
    assert_true(c.size == 2 && c.last.size == 2);
    assert_int_equal(wal_check_batch(&c, &b, NULL, NULL), ERR_STORE_DAMAGED);
    assert_non_null(strstr(c.what, "starts elsewhere"));

    wal_check_init(&c, &h, ORIGIN, m->pk);
    c.prev = other;
    assert_int_equal(wal_check_batch(&c, &b, NULL, NULL), ERR_STORE_DAMAGED);
    assert_non_null(strstr(c.what, "predecessor"));

    wal_check_init(&c, &h, ORIGIN, m->pk);
    b.root.b[0] ^= 1;
    assert_int_equal(wal_check_batch(&c, &b, NULL, NULL), ERR_STORE_DAMAGED);
    assert_non_null(strstr(c.what, "root"));
    b.root.b[0] ^= 1;

    wal_check_init(&c, &h, ORIGIN, m->pk);
    b.sig[0] ^= 1;
    assert_int_equal(wal_check_batch(&c, &b, NULL, NULL), ERR_STORE_DAMAGED);
    assert_non_null(strstr(c.what, "signature"));
    b.sig[0] ^= 1;

    wal_check_init(&c, &h, "proctor/ffffffffffffffff", m->pk);
    assert_int_equal(wal_check_batch(&c, &b, NULL, NULL), ERR_STORE_DAMAGED);
    assert_non_null(strstr(c.what, "signature"));
}

static void test_missing_segments(void **state)
{
    struct maker *m = *state;
    char path[128];
    int end;

    make_three_segments(m);
    (void)snprintf(path, sizeof(path), "%s/ledger/wal/0000000000000000.wal",
                   m->dir);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(count_from(m, 0, &end), 0);
    assert_int_equal(end, ERR_STORE_DAMAGED);
    assert_int_equal(count_from(m, 7, &end), 3);
    assert_int_equal(end, WAL_E_END);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_head_codec),
        cmocka_unit_test_setup_teardown(test_batch_codec, setup, teardown),
        cmocka_unit_test(test_batch_wrong_inside),
        cmocka_unit_test(test_names),
        cmocka_unit_test_setup_teardown(test_reader, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reader_follows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_torn_tail, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damage_in_the_middle, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_every_flip_is_seen, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_checker_names_the_fault, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_missing_segments, setup, teardown),
    };

    return cmocka_run_group_tests_name("wal", tests, NULL, NULL);
}
