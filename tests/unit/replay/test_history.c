/* What records claim against what they add up to: j is counted, seeds are derived,
 * and what does not fit is named. */
#include "domains.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/wal.h"
#include "replay/history.h"

/* A ledger under way, in one batch of one segment. */
struct forged {
    char dir[64];
    struct buf entries;
    uint32_t n;
    uint8_t prev[32];
    struct merkle_hash leaf; /* of the last record */
    uint8_t x[4][32];        /* x[0] is the anchor */
};

static void add(struct forged *f, struct record *r)
{
    struct buf b;

    r->seq = f->n++;
    memcpy(r->prev, f->prev, sizeof(r->prev));
    buf_init(&b, 70000);
    OK(record_encode(r, &b));
    OK(buf_put_bytes16(&f->entries, buf_bytes(&b)));
    f->leaf = merkle_leaf(buf_bytes(&b));
    memcpy(f->prev, f->leaf.b, sizeof(f->prev));
    buf_release(&b);
}

static void begin(struct forged *f)
{
    struct record r;

    memset(f, 0, sizeof(*f));
    buf_init(&f->entries, 1u << 20);
    snprintf(f->dir, sizeof(f->dir), "/tmp/proctor-history-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    memset(f->x[3], 7, 32);
    for (int i = 3; i > 0; i--) {
        OK(crypto_generichash(f->x[i - 1], 32, f->x[i], 32, NULL, 0));
    }
    record_init(&r, RECORD_GENESIS);
    record_set_hash(&r, RF_GENESIS_seed_anchor, f->x[0]);
    add(f, &r);
    record_init(&r, RECORD_RUN);
    add(f, &r);
}

/* COMMIT, DRAW and VERDICT of candidate c, with seed i; `seed` other than NULL is
 * recorded in place of the one that follows. */
static void attempt(struct forged *f, uint8_t c, uint64_t seed_i,
                    const uint8_t secret[32], const uint8_t *seed)
{
    uint8_t candidate[32];
    uint8_t message[7 + 32] = "gate-v1";
    uint8_t right[32];
    struct merkle_hash commit;
    uint64_t commit_seq;
    struct record r;

    memset(candidate, c, sizeof(candidate));
    record_init(&r, RECORD_COMMIT);
    record_set_hash(&r, RF_COMMIT_candidate, candidate);
    record_set_u(&r, RF_COMMIT_j, 1);
    record_set_u(&r, RF_COMMIT_seed_i, seed_i);
    commit_seq = f->n;
    add(f, &r);
    commit = f->leaf;
    memcpy(message + 7, commit.b, 32);
    OK(crypto_generichash(right, 32, message, sizeof(message), secret, 32));
    record_init(&r, RECORD_DRAW);
    record_set_u(&r, RF_DRAW_commit, commit_seq);
    record_set_hash(&r, RF_DRAW_commit_hash, commit.b);
    record_set_hash(&r, RF_DRAW_seed_secret, secret);
    record_set_hash(&r, RF_DRAW_seed, seed == NULL ? right : seed);
    add(f, &r);
    record_init(&r, RECORD_VERDICT);
    record_set_u(&r, RF_VERDICT_run, 1);
    record_set_u(&r, RF_VERDICT_commit, commit_seq);
    record_set_hash(&r, RF_VERDICT_commit_hash, commit.b);
    record_set_hash(&r, RF_VERDICT_candidate, candidate);
    record_set_hash(&r, RF_VERDICT_burnt, candidate);
    add(f, &r);
}

static void end(struct forged *f, struct history *h)
{
    struct wal_head head = {.first = 0};
    struct wal_batch batch = {.n = f->n, .size = f->n};
    char path[160];
    char name[WAL_NAME_BYTES];
    struct diag d;
    struct buf b;
    int fd;

    buf_init(&b, 2u << 20);
    merkle_frontier_init(&head.frontier);
    batch.entries = buf_bytes(&f->entries);
    OK(wal_head_encode(&b, &head));
    OK(wal_batch_encode(&b, &batch));
    snprintf(path, sizeof(path), "%s/ledger", f->dir);
    OK(mkdir(path, 0700));
    snprintf(path, sizeof(path), "%s/ledger/wal", f->dir);
    OK(mkdir(path, 0700));
    wal_segment_name(0, name);
    snprintf(path, sizeof(path), "%s/ledger/wal/%s", f->dir, name);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, buf_bytes(&b).p, buf_len(&b)), buf_len(&b));
    close(fd);
    diag_init(&d);
    memset(h, 0, sizeof(*h));
    assert_int_equal(history_read(f->dir, 0, 1, h, &d), 0);
    snprintf(path, sizeof(path), "rm -rf %s", f->dir);
    OK(system(path));
    buf_release(&b);
    buf_release(&f->entries);
}

static void test_whole(void **state)
{
    struct forged f;
    struct history h;

    (void)state;
    begin(&f);
    attempt(&f, 9, 1, f.x[1], NULL);
    attempt(&f, 5, 3, f.x[3], NULL); /* a seed was skipped: a crash may do so */
    end(&f, &h);
    assert_int_equal(h.n, 2);
    assert_string_equal(h.claims[0].wrong, "");
    assert_string_equal(h.claims[1].wrong, "");
    assert_int_equal(h.claims[0].j, 1);
    assert_int_equal(h.claims[0].disclosed_n, 0);
    assert_int_equal(h.claims[1].j, 2); /* counted, whatever COMMIT says */
    assert_int_equal(h.claims[1].recorded_j, 1);
    assert_int_equal(h.claims[1].disclosed_n, 1);
    history_release(&h);
}

static void test_forged(void **state)
{
    static const uint8_t other[32] = {1};
    struct history h;
    struct forged f;
    struct record r;

    (void)state;
    begin(&f);
    attempt(&f, 9, 1, other, NULL);   /* a secret that is not of the chain */
    attempt(&f, 8, 1, f.x[1], other); /* a seed that does not follow */
    attempt(&f, 7, 1, f.x[1], NULL);  /* a secret that was used */
    record_init(&r, RECORD_VERDICT);  /* of a COMMIT that never was */
    record_set_u(&r, RF_VERDICT_run, 1);
    record_set_u(&r, RF_VERDICT_commit, 77);
    record_set_hash(&r, RF_VERDICT_commit_hash, other);
    add(&f, &r);
    record_init(&r, RECORD_VERDICT); /* of another run */
    record_set_u(&r, RF_VERDICT_run, 99);
    add(&f, &r);
    end(&f, &h);
    assert_int_equal(h.n, 5);
    assert_string_equal(h.claims[0].wrong,
                        "the seed is not of the chain fixed at genesis");
    assert_string_equal(h.claims[1].wrong,
                        "the seed does not follow from its secret and COMMIT");
    assert_string_equal(h.claims[2].wrong,
                        "the seed is not of the chain fixed at genesis");
    assert_string_equal(h.claims[3].wrong,
                        "it names a COMMIT or DRAW that is not there");
    assert_string_equal(h.claims[4].wrong, "it is of another run");
    history_release(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_forged),
    };

    return cmocka_run_group_tests(tests, sodium_start, NULL);
}
