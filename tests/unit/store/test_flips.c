/* Bits that flip in memory on a record's way from its encoding to the disk: at
 * each point between, in each thing that is held there. Either nothing comes of
 * it, or the ledger stops and the next open finds all that was acknowledged: a
 * wrong root, a wrong leaf or a broken chain is never written (Yeti 2022). The
 * points are calls that the linker wraps (tests/CMakeLists.txt).
 * With PROCTOR_FULL every bit, else a spread. */
#include "fixture.h"

#include "kernel/store/ledger_int.h"

#define RECORDS 3

enum point {
    AT_QUEUED,   /* queued, nothing asked */
    AT_SENT,     /* leaf hashes are with the signer */
    AT_SIGNED,   /* root and signature are back */
    AT_ENCODED,  /* the batch stands in memory as it will on disk */
    POINTS_N
};
enum target {
    IN_QUEUE,
    IN_LEAVES,
    IN_PREV,
    IN_FRONTIER,
    IN_CHECK_PREV,
    IN_SIZE,
    IN_ANSWER, /* what the signer sent: size, root, signature */
    IN_OUT,
    TARGETS_N
};

static struct {
    struct ledger *l;
    enum point point;
    enum target target;
    size_t bit;
    int done;  /* flipped */
    int armed;
    size_t bits_n; /* of the target, when the point was passed */
} flip;

static struct span {
    void *p;
    size_t n;
} span_of(enum target t)
{
    struct ledger *l = flip.l;

    switch (t) {
    case IN_QUEUE:
        return (struct span){(void *)(uintptr_t)buf_bytes(&l->queue).p,
                             buf_len(&l->queue)};
    case IN_LEAVES:
        return (struct span){l->leaves, RECORDS * sizeof(*l->leaves)};
    case IN_PREV:
        return (struct span){&l->prev, sizeof(l->prev)};
    case IN_FRONTIER: /* of 5 records: two hashes, and the size */
        return (struct span){&l->check.frontier, 8 + 3 * MERKLE_BYTES};
    case IN_CHECK_PREV:
        return (struct span){&l->check.prev, sizeof(l->check.prev)};
    case IN_SIZE:
        return (struct span){&l->last.size, sizeof(l->last.size)};
    case IN_OUT:
        return (struct span){(void *)(uintptr_t)buf_bytes(&l->out).p,
                             buf_len(&l->out)};
    case IN_ANSWER:
    case TARGETS_N:
        break;
    }
    return (struct span){NULL, 0};
}

static void flip_in(struct span s)
{
    flip.bits_n = 8 * s.n;
    if (flip.armed && !flip.done && flip.bit < flip.bits_n) {
        ((uint8_t *)s.p)[flip.bit / 8] ^= (uint8_t)(1u << flip.bit % 8);
        flip.done = 1;
    }
}

static void pass(enum point p)
{
    if (flip.point == p && flip.l != NULL && flip.target != IN_ANSWER) {
        flip_in(span_of(flip.target));
    }
}

int __real_signer_client_sign_send(struct signer_client *c, uint64_t old_size,
                                   const struct merkle_hash *leaves,
                                   uint32_t n);
int __wrap_signer_client_sign_send(struct signer_client *c, uint64_t old_size,
                                   const struct merkle_hash *leaves,
                                   uint32_t n);
int __real_signer_client_sign_receive(struct signer_client *c,
                                      uint64_t *out_size,
                                      struct merkle_hash *out_root,
                                      uint8_t out_sig[static 64]);
int __wrap_signer_client_sign_receive(struct signer_client *c,
                                      uint64_t *out_size,
                                      struct merkle_hash *out_root,
                                      uint8_t out_sig[static 64]);
int __real_wal_batch_encode(struct buf *out, const struct wal_batch *b);
int __wrap_wal_batch_encode(struct buf *out, const struct wal_batch *b);

int __wrap_signer_client_sign_send(struct signer_client *c, uint64_t old_size,
                                   const struct merkle_hash *leaves, uint32_t n)
{
    int code = __real_signer_client_sign_send(c, old_size, leaves, n);

    pass(AT_SENT);
    return code;
}

int __wrap_signer_client_sign_receive(struct signer_client *c,
                                      uint64_t *out_size,
                                      struct merkle_hash *out_root,
                                      uint8_t out_sig[static 64])
{
    int code =
        __real_signer_client_sign_receive(c, out_size, out_root, out_sig);

    pass(AT_SIGNED);
    if (flip.point == AT_SIGNED && flip.target == IN_ANSWER) {
        size_t bit = flip.bit;

        if (bit < 64) {
            flip_in((struct span){out_size, 8});
        } else if (bit < 64 + 256) {
            flip.bit -= 64;
            flip_in((struct span){out_root, sizeof(*out_root)});
        } else {
            flip.bit -= 64 + 256;
            flip_in((struct span){out_sig, 64});
        }
        flip.bit = bit;
        flip.bits_n = 64 + 256 + 512;
    }
    return code;
}

int __wrap_wal_batch_encode(struct buf *out, const struct wal_batch *b)
{
    int code = __real_wal_batch_encode(out, b);

    pass(AT_ENCODED);
    return code;
}

static int add_three(struct fixture *f)
{
    for (unsigned i = 0; i < RECORDS; i++) {
        struct record r = ref_record("flipped", (uint8_t)(i + 1));
        uint64_t seq;
        int code = ledger_add(f->l, &r, &seq);

        if (code != 0) {
            return code;
        }
    }
    return 0;
}

/* A batch with the flip, and one after it. False: there is no such bit. */
static int try_flip(struct fixture *f, uint64_t *size, unsigned *stopped)
{
    uint64_t end;
    int code;

    fixture_open(f);
    assert_true(ledger_size(f->l) == *size);
    flip.l = f->l;
    flip.done = 0;
    assert_int_equal(add_three(f), 0);
    flip.armed = 1;
    pass(AT_QUEUED);
    code = ledger_commit(f->l);
    flip.armed = 0;
    flip.l = NULL;
    for (unsigned i = 0; i < 2 && code == 0; i++) {
        *size += RECORDS; /* acknowledged: it must be there */
        code = i == 0 ? add_three(f) : 0;
        code = i == 0 && code == 0 ? ledger_commit(f->l) : code;
    }
    *stopped += code != 0;
    assert_int_equal(ledger_close(f->l), code == 0 ? 0 : code);
    store_close(f->s);
    end = verify_all(f->dir); /* what was not acknowledged may be there too */
    assert_true(end >= *size);
    *size = end;
    return flip.done;
}

/* must: every one of these flips stops the ledger. */
static void flip_all(struct fixture *f, enum point p, enum target t, int must)
{
    size_t step = getenv("PROCTOR_FULL") != NULL ? 1 : 509;
    uint64_t size;
    unsigned stopped = 0, flips = 0;

    fixture_open(f);
    size = ledger_size(f->l);
    fixture_close(f);
    flip.point = p;
    flip.target = t;
    for (flip.bit = (size_t)p; try_flip(f, &size, &stopped);
         flip.bit += step) {
        flips++;
    }
    print_message("point %d, target %d: %u flips, %u stopped the ledger\n",
                  (int)p, (int)t, flips, stopped);
    assert_true(flips > 0);
    assert_true(!must || stopped == flips);
}

static void test_flips(void **state)
{
    struct fixture *f = *state;

    fixture_open(f);
    add_refs(f, 4);
    fixture_close(f);
    for (unsigned p = AT_QUEUED; p < POINTS_N; p++) {
        for (unsigned t = IN_QUEUE; t < IN_ANSWER; t++) {
            int is_used = (t == IN_QUEUE && p < AT_ENCODED) ||
                          (t == IN_LEAVES && p < AT_SENT) || t == IN_PREV ||
                          t == IN_CHECK_PREV;

            flip_all(f, p, t, is_used);
        }
    }
    flip_all(f, AT_SIGNED, IN_ANSWER, 1);
    flip_all(f, AT_ENCODED, IN_OUT, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_flips, fixture_setup,
                                        fixture_teardown),
    };

    return cmocka_run_group_tests_name("flips", tests, NULL, NULL);
}
