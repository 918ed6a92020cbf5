/* Checking a proof file: text in, yes or no out, from a log of 2^20 records. All
 * of it: lines, base64, Ed25519, the path of 20 hashes. The best of many, as a
 * busy host adds and never takes away. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/tlog_proof.h"

#define ORIGIN "proctor/0123456789abcdef"
#define LEAVES_N (UINT64_C(1) << 20)
#define ROUNDS_N 2000

static struct merkle_hash *leaves;

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e6 * (double)t.tv_sec + 1e-3 * (double)t.tv_nsec;
}

static int subtree(void *ctx, unsigned level, uint64_t i,
                   struct merkle_hash *out)
{
    (void)ctx;
    *out = merkle_root(leaves + (i << level), UINT64_C(1) << level);
    return 0;
}

static int make(struct buf *out, uint8_t pk[static 32])
{
    struct checkpoint c = {.origin = ORIGIN, .size = LEAVES_N};
    uint8_t entry[300] = {0}; /* a VERDICT record has about so many bytes */
    uint8_t sk[64], sig[64];
    struct tlog_proof p;
    struct buf body, note;
    int rc;

    (void)crypto_sign_keypair(pk, sk);
    tlog_proof_init(&p);
    buf_init(&body, NOTE_BYTES_MAX);
    buf_init(&note, NOTE_BYTES_MAX);
    for (uint64_t i = 0; i < LEAVES_N; i++) {
        memcpy(entry, &i, sizeof(i));
        leaves[i] = merkle_leaf((struct ubytes){entry, sizeof(entry)});
    }
    p.index = LEAVES_N / 3;
    memcpy(entry, &p.index, sizeof(p.index));
    c.root = merkle_root(leaves, LEAVES_N);
    rc = note_body(&body, &c);
    (void)crypto_sign_detached(sig, NULL, buf_bytes(&body).p, buf_len(&body),
                               sk);
    rc |= note_write(&note, &c, pk, sig);
    rc |= buf_put(&p.extra, entry, sizeof(entry));
    rc |= merkle_prove_inclusion(p.index, LEAVES_N, subtree, NULL, p.path,
                                 &p.path_n);
    rc |= tlog_proof_write(out, &p, buf_bytes(&note));
    tlog_proof_release(&p);
    buf_release(&body);
    buf_release(&note);
    return rc;
}

static int check(struct ubytes text, const uint8_t pk[static 32])
{
    struct tlog_proof p;
    struct merkle_hash leaf;
    struct diag d;
    int rc;

    diag_init(&d);
    tlog_proof_init(&p);
    rc = tlog_proof_read(text, ORIGIN, pk, &p, &d);
    if (rc == 0) {
        leaf = merkle_leaf(buf_bytes(&p.extra));
        rc = tlog_proof_check(&p, &leaf, &d);
    }
    tlog_proof_release(&p);
    return rc;
}

int main(void)
{
    double best = 1e9;
    struct buf text;
    uint8_t pk[32];
    int rc;

    leaves = calloc(LEAVES_N, sizeof(*leaves));
    buf_init(&text, TLOG_PROOF_BYTES_MAX);
    if (sodium_init() < 0 || leaves == NULL) {
        return 1;
    }
    rc = make(&text, pk);
    for (int i = 0; i < ROUNDS_N && rc == 0; i++) {
        double t = now();

        rc = check(buf_bytes(&text), pk);
        t = now() - t;
        best = t < best ? t : best;
    }
    printf("proof_check %.1f us\n", best);
    printf("proof_bytes %zu bytes\n", buf_len(&text));
    buf_release(&text);
    free(leaves);
    return rc == 0 ? 0 : 1;
}
