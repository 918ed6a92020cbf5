/* Reads the write-ahead log from its first record (proto/wal.h checks numbers and
 * the hash chain). A whole ledger costs one hash per seed that was used.
 * Replayer. */
#include "replay/history.h"

#include <inttypes.h>
#include <search.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/wal.h"

/* What became of one exam so far. */
struct past {
    struct cid exam; /* first: the key */
    uint64_t commits;
    size_t burnt_n;
    struct cid burnt[LIMIT_BURNT];
};

/* A COMMIT, and its DRAW when that came. */
struct attempt {
    uint64_t seq; /* first: the key */
    struct merkle_hash leaf;
    struct cid exam;
    struct cid candidate;
    uint64_t counted_j;
    uint64_t j;
    double alpha_j;
    uint64_t draws;
    uint64_t seed_i;
    struct cid literals, directed;
    int is_drawn;
    uint8_t seed[32];
    const char *wrong;
};

struct reading {
    struct history *out;
    uint64_t seq;
    int all;
    uint64_t run; /* of the last RUN record */
    struct cid policy;
    void *pasts; /* search trees */
    void *attempts;
    uint64_t chain_i; /* the last secret that fits */
    uint8_t chain_x[32];
};

static int by_exam(const void *a, const void *b)
{
    return memcmp(a, b, CID_BYTES);
}

static int by_seq(const void *a, const void *b)
{
    const struct attempt *x = a;
    const struct attempt *y = b;

    return (x->seq > y->seq) - (x->seq < y->seq);
}

static void copy_hash(struct cid *out, const struct record *r,
                      enum record_field f)
{
    memcpy(out->b, record_hash(r, f), CID_BYTES);
}

/* The node of a tree with that key; made, zero but for the key, when new. */
static void *node(void **tree, const void *key, size_t key_n, size_t n,
                  int (*order)(const void *, const void *))
{
    void *const *at = tfind(key, tree, order);
    uint8_t *made;

    if (at != NULL) {
        return *at;
    }
    made = calloc(1, n);
    if (made != NULL) {
        memcpy(made, key, key_n);
        if (tsearch(made, tree, order) == NULL) {
            free(made);
            return NULL;
        }
    }
    return made;
}

static struct past *past_of(struct reading *s, const struct record *r,
                            enum record_field exam)
{
    return node(&s->pasts, record_hash(r, exam), CID_BYTES, sizeof(struct past),
                by_exam);
}

static int on_commit(struct reading *s, const struct record *r,
                     const struct merkle_hash *leaf)
{
    struct past *p = past_of(s, r, RF_COMMIT_exam);
    struct attempt key = {.seq = r->seq};
    struct attempt *a =
        node(&s->attempts, &key, sizeof(key), sizeof(key), by_seq);

    if (p == NULL || a == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    a->leaf = *leaf;
    copy_hash(&a->exam, r, RF_COMMIT_exam);
    copy_hash(&a->candidate, r, RF_COMMIT_candidate);
    a->counted_j = ++p->commits;
    a->j = record_u(r, RF_COMMIT_j);
    a->alpha_j = record_f64(r, RF_COMMIT_alpha_j);
    a->draws = record_u(r, RF_COMMIT_draws);
    a->seed_i = record_u(r, RF_COMMIT_seed_i);
    copy_hash(&a->literals, r, RF_COMMIT_literals);
    copy_hash(&a->directed, r, RF_COMMIT_directed);
    return 0;
}

/* Hashing x down to the last secret that was revealed must meet it. */
static int follows_chain(struct reading *s, uint64_t i, const uint8_t x[32])
{
    uint8_t h[32];

    if (i <= s->chain_i || i > LIMIT_SEED_CHAIN) {
        return 0;
    }
    memcpy(h, x, sizeof(h));
    for (uint64_t left = i - s->chain_i; left > 0; left--) {
        (void)crypto_generichash(h, sizeof(h), h, sizeof(h), NULL, 0);
    }
    if (sodium_memcmp(h, s->chain_x, sizeof(h)) != 0) {
        return 0;
    }
    s->chain_i = i;
    memcpy(s->chain_x, x, sizeof(s->chain_x));
    return 1;
}

/* BLAKE2b-256 under the key x_i over "gate-v1" and COMMIT's leaf hash. */
static void on_draw(struct reading *s, const struct record *r)
{
    static const char label[] = "gate-v1";
    const struct attempt key = {.seq = record_u(r, RF_DRAW_commit)};
    struct attempt *const *at = tfind(&key, &s->attempts, by_seq);
    const uint8_t *x = record_hash(r, RF_DRAW_seed_secret);
    uint8_t message[sizeof(label) - 1 + MERKLE_BYTES];
    struct attempt *a;

    if (at == NULL) {
        return; /* a VERDICT that leans on it is told of it */
    }
    a = *at;
    memcpy(message, label, sizeof(label) - 1);
    memcpy(message + sizeof(label) - 1, a->leaf.b, MERKLE_BYTES);
    (void)crypto_generichash(a->seed, sizeof(a->seed), message, sizeof(message),
                             x, 32);
    if (memcmp(record_hash(r, RF_DRAW_commit_hash), a->leaf.b, MERKLE_BYTES) !=
        0) {
        a->wrong = "DRAW names another COMMIT";
    } else if (a->is_drawn) {
        a->wrong = "COMMIT was drawn twice";
    } else if (!follows_chain(s, a->seed_i, x)) {
        a->wrong = "the seed is not of the chain fixed at genesis";
    } else if (memcmp(record_hash(r, RF_DRAW_seed), a->seed, 32) != 0) {
        a->wrong = "the seed does not follow from its secret and COMMIT";
    }
    a->is_drawn = 1;
}

static int claim_add(struct history *h, struct claim **out)
{
    if (h->n == h->cap_) {
        size_t cap = h->cap_ == 0 ? 16 : 2 * h->cap_;
        struct claim *p = reallocarray(h->claims, cap, sizeof(*p));

        if (p == NULL) {
            return ERR_TRACE(ERR_NOMEM);
        }
        h->claims = p;
        h->cap_ = cap;
    }
    *out = &h->claims[h->n++];
    memset(*out, 0, sizeof(**out));
    return 0;
}

/* What its COMMIT says; one that names none was decided before any draw. */
static void claim_commit(const struct reading *s, const struct record *r,
                         struct claim *c)
{
    static const uint8_t none[MERKLE_BYTES];
    const uint8_t *leaf = record_hash(r, RF_VERDICT_commit_hash);
    const struct attempt key = {.seq = record_u(r, RF_VERDICT_commit)};
    struct attempt *const *at = tfind(&key, &s->attempts, by_seq);
    const struct attempt *a = at == NULL ? NULL : *at;
    const char *wrong = NULL;

    if (memcmp(leaf, none, sizeof(none)) == 0) {
        return;
    }
    if (a == NULL || !a->is_drawn || memcmp(leaf, a->leaf.b, 32) != 0) {
        wrong = "it names a COMMIT or DRAW that is not there";
    } else if (!cid_is_equal(&a->exam, &c->exam) ||
               !cid_is_equal(&a->candidate, &c->candidate)) {
        wrong = "its COMMIT is of another exam or candidate";
    } else {
        wrong = a->wrong;
        c->is_drawn = 1;
        c->j = a->counted_j;
        c->recorded_j = a->j;
        c->alpha_j = a->alpha_j;
        c->draws = a->draws;
        c->literals = a->literals;
        c->directed = a->directed;
        memcpy(c->seed, a->seed, sizeof(c->seed));
    }
    (void)snprintf(c->wrong, sizeof(c->wrong), "%s",
                   wrong == NULL ? "" : wrong);
}

static int claim_read(struct reading *s, const struct record *r,
                      const struct past *p)
{
    struct claim *c;

    TRY(claim_add(s->out, &c));
    c->seq = r->seq;
    c->policy = s->policy;
    copy_hash(&c->exam, r, RF_VERDICT_exam);
    copy_hash(&c->candidate, r, RF_VERDICT_candidate);
    copy_hash(&c->evidence, r, RF_VERDICT_evidence);
    copy_hash(&c->burnt, r, RF_VERDICT_burnt);
    copy_hash(&c->identity, r, RF_VERDICT_identity);
    memcpy(c->proof, record_hash(r, RF_VERDICT_proof), sizeof(c->proof));
    c->verdict = (uint32_t)record_u(r, RF_VERDICT_verdict);
    c->level = (uint32_t)record_u(r, RF_VERDICT_level);
    record_str(r, RF_VERDICT_reason, c->reason, sizeof(c->reason));
    c->j = p->commits + 1;
    claim_commit(s, r, c);
    if (record_u(r, RF_VERDICT_run) != s->run && c->wrong[0] == '\0') {
        (void)snprintf(c->wrong, sizeof(c->wrong), "it is of another run");
    }
    c->disclosed = calloc(p->burnt_n + 1, sizeof(*c->disclosed));
    if (c->disclosed == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    memcpy(c->disclosed, p->burnt, p->burnt_n * sizeof(*c->disclosed));
    c->disclosed_n = p->burnt_n;
    return 0;
}

/* Kept ascending, each once, the first LIMIT_BURNT. */
static void burn(struct past *p, const struct record *r)
{
    struct cid c;
    size_t at = 0;

    copy_hash(&c, r, RF_VERDICT_burnt);
    while (at < p->burnt_n && memcmp(p->burnt[at].b, c.b, CID_BYTES) < 0) {
        at++;
    }
    if (cid_is_zero(&c) || p->burnt_n == LIMIT_BURNT ||
        (at < p->burnt_n && cid_is_equal(&p->burnt[at], &c))) {
        return;
    }
    memmove(&p->burnt[at + 1], &p->burnt[at], (p->burnt_n - at) * sizeof(c));
    p->burnt[at] = c;
    p->burnt_n++;
}

static int on_verdict(struct reading *s, const struct record *r)
{
    struct past *p = past_of(s, r, RF_VERDICT_exam);

    if (p == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    if (s->all || r->seq == s->seq) {
        TRY(claim_read(s, r, p)); /* made on what stood before it */
    }
    burn(p, r);
    return 0;
}

static int on_generate(struct reading *s, const struct record *r)
{
    struct claim *c;

    if ((!s->all && r->seq != s->seq) ||
        record_u(r, RF_GENERATE_decision) != LANE_EMIT) {
        return 0; /* nothing left the worker */
    }
    TRY(claim_add(s->out, &c));
    c->seq = r->seq;
    c->policy = s->policy;
    copy_hash(&c->generation, r, RF_GENERATE_generation);
    copy_hash(&c->result, r, RF_GENERATE_result);
    copy_hash(&c->tokens, r, RF_GENERATE_tokens);
    return 0;
}

static int on_record(struct reading *s, const struct record *r,
                     const struct merkle_hash *leaf)
{
    if (r->kind == RECORD_GENESIS) {
        memcpy(s->chain_x, record_hash(r, RF_GENESIS_seed_anchor), 32);
    } else if (r->kind == RECORD_RUN) {
        s->run = r->seq;
        copy_hash(&s->policy, r, RF_RUN_policy);
    } else if (r->kind == RECORD_COMMIT) {
        return on_commit(s, r, leaf);
    } else if (r->kind == RECORD_DRAW) {
        on_draw(s, r);
    } else if (r->kind == RECORD_VERDICT) {
        return on_verdict(s, r);
    } else if (r->kind == RECORD_GENERATE) {
        return on_generate(s, r);
    }
    return 0;
}

static int read_all(struct reading *s, struct wal_reader *w)
{
    struct merkle_hash leaf;
    struct ubytes entry;
    struct record r;
    int code;

    while ((code = wal_reader_next(w, &r, &entry, &leaf)) == 0) {
        TRY(on_record(s, &r, &leaf));
    }
    return code < 0 ? ERR_TRACE(code) : 0; /* its end, torn or not */
}

int history_read(const char *store, uint64_t seq, int all, struct history *out,
                 struct diag *d)
{
    struct reading s = {.out = out, .seq = seq, .all = all};
    struct wal_reader *w = NULL;
    int code = wal_reader_open(store, 0, &w);

    if (code == 0) {
        code = read_all(&s, w);
    }
    if (code < 0) {
        (void)diag_set(d, code, (struct loc){0},
                       "the ledger cannot be read: %s",
                       w == NULL ? err_text(code) : wal_reader_where(w));
    } else if (!all && out->n == 0) {
        code = diag_set(d, ERR_INPUT, (struct loc){0},
                        "record #%" PRIu64 " is no verdict", seq);
        diag_hint(d, "proctor log --kind verdict lists them");
    }
    wal_reader_close(w);
    tdestroy(s.pasts, free);
    tdestroy(s.attempts, free);
    return code;
}

void history_release(struct history *h)
{
    for (size_t i = 0; i < h->n; i++) {
        free(h->claims[i].disclosed);
    }
    free(h->claims);
    *h = (struct history){0};
}
