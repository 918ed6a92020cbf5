/* Reads the ledger from its first record. Checks the seed chain step by step, so
 * a whole ledger costs as many hashes as seeds were used. Kernel process. */
#include "kernel/run/replay_scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/run/verdict.h"
#include "kernel/store/fold.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/wal.h"

struct open_draw { /* a COMMIT whose VERDICT has not come */
    struct open_draw *next;
    struct replay_draw draw;
};

struct scan {
    struct fold *fold;
    struct replay_items *out;
    uint64_t seq;
    int all;
    struct cid policy;
    struct open_draw *open; /* owned list */
    uint64_t chain_i;       /* the last seed that fits the chain */
    uint8_t chain_x[32];
};

static int on_commit(struct scan *s, const struct record *r,
                     const struct merkle_hash *leaf)
{
    struct open_draw *o = calloc(1, sizeof(*o));

    if (o == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    o->draw.commit_seq = r->seq;
    o->draw.commit_hash = *leaf;
    o->draw.j = record_u(r, RF_COMMIT_j);
    o->draw.alpha_j = record_f64(r, RF_COMMIT_alpha_j);
    o->draw.draws = record_u(r, RF_COMMIT_draws);
    o->draw.seed_i = record_u(r, RF_COMMIT_seed_i);
    memcpy(o->draw.literals.b, record_hash(r, RF_COMMIT_literals), CID_BYTES);
    o->next = s->open;
    s->open = o;
    return 0;
}

static struct open_draw *find_open(const struct scan *s, uint64_t commit_seq)
{
    struct open_draw *o = s->open;

    while (o != NULL && o->draw.commit_seq != commit_seq) {
        o = o->next;
    }
    return o;
}

/* H^(i - last)(x_i) must be the last secret that was revealed, or the anchor. */
static int fits_chain(struct scan *s, uint64_t i, const uint8_t x[static 32])
{
    uint8_t h[32];

    if (i <= s->chain_i || i > LIMIT_SEED_CHAIN) {
        return 0;
    }
    memcpy(h, x, sizeof(h));
    for (uint64_t k = i; k > s->chain_i; k--) {
        verdict_chain(h, h);
    }
    if (memcmp(h, s->chain_x, sizeof(h)) != 0) {
        return 0;
    }
    s->chain_i = i;
    memcpy(s->chain_x, x, sizeof(s->chain_x));
    return 1;
}

static void on_draw(struct scan *s, const struct record *r)
{
    struct open_draw *o = find_open(s, record_u(r, RF_DRAW_commit));
    const uint8_t *x = record_hash(r, RF_DRAW_seed_secret);
    const char *wrong = "";

    if (o == NULL) {
        return; /* a VERDICT that leans on it is reported */
    }
    verdict_seed(x, &o->draw.commit_hash, o->draw.seed);
    if (memcmp(record_hash(r, RF_DRAW_commit_hash), o->draw.commit_hash.b,
               MERKLE_BYTES) != 0) {
        wrong = "DRAW names another COMMIT";
    } else if (!fits_chain(s, o->draw.seed_i, x)) {
        wrong = "the seed is not of the chain fixed at genesis";
    } else if (memcmp(record_hash(r, RF_DRAW_seed), o->draw.seed, 32) != 0) {
        wrong = "the seed does not follow from its secret and COMMIT";
    }
    o->draw.is_drawn = 1;
    snprintf(o->draw.wrong, sizeof(o->draw.wrong), "%s", wrong);
}

static int item_add(struct replay_items *v, struct replay_item **out)
{
    if (v->n == v->cap_) {
        size_t cap = v->cap_ == 0 ? 16 : v->cap_ * 2;
        struct replay_item *p = reallocarray(v->v, cap, sizeof(*p));

        if (p == NULL) {
            return ERR_TRACE(ERR_NOMEM);
        }
        v->v = p;
        v->cap_ = cap;
    }
    *out = &v->v[v->n++];
    memset(*out, 0, sizeof(**out));
    return 0;
}

static void item_draw(struct scan *s, struct replay_item *item,
                      const struct record *r)
{
    static const uint8_t none[32];
    const uint8_t *hash = record_hash(r, RF_VERDICT_commit_hash);
    const struct open_draw *o;

    if (memcmp(hash, none, sizeof(none)) == 0) {
        return; /* refuted by the screen, before any draw */
    }
    item->has_draw = 1;
    o = find_open(s, record_u(r, RF_VERDICT_commit));
    if (o == NULL || memcmp(hash, o->draw.commit_hash.b, 32) != 0 ||
        !o->draw.is_drawn) {
        snprintf(item->draw.wrong, sizeof(item->draw.wrong),
                 "it names a COMMIT or DRAW that is not there");
        return;
    }
    item->draw = o->draw;
    item->committed = o->draw.j - 1;
}

static int item_disclosed(struct scan *s, struct replay_item *item)
{
    struct cid burnt[LIMIT_BURNT];

    item->disclosed_n = fold_burnt(s->fold, &item->exam, burnt, LIMIT_BURNT);
    item->disclosed = calloc(item->disclosed_n + 1, sizeof(*item->disclosed));
    if (item->disclosed == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    memcpy(item->disclosed, burnt, item->disclosed_n * sizeof(*burnt));
    return 0;
}

static int on_verdict(struct scan *s, const struct record *r)
{
    struct replay_item *item;

    if (!s->all && r->seq != s->seq) {
        return 0;
    }
    TRY(item_add(s->out, &item));
    item->seq = r->seq;
    item->policy = s->policy;
    memcpy(item->exam.b, record_hash(r, RF_VERDICT_exam), CID_BYTES);
    memcpy(item->candidate.b, record_hash(r, RF_VERDICT_candidate), CID_BYTES);
    memcpy(item->evidence.b, record_hash(r, RF_VERDICT_evidence), CID_BYTES);
    memcpy(item->burnt.b, record_hash(r, RF_VERDICT_burnt), CID_BYTES);
    memcpy(item->proof, record_hash(r, RF_VERDICT_proof), sizeof(item->proof));
    item->verdict = (uint32_t)record_u(r, RF_VERDICT_verdict);
    item->level = (uint32_t)record_u(r, RF_VERDICT_level);
    record_str(r, RF_VERDICT_reason, item->reason, sizeof(item->reason));
    item->committed = fold_committed(s->fold, &item->exam);
    item_draw(s, item, r);
    return item_disclosed(s, item);
}

/* Looks before it folds: a verdict was made on what stood before it. */
static int on_record(struct scan *s, const struct record *r,
                     const struct merkle_hash *leaf)
{
    if (r->kind == RECORD_GENESIS) {
        memcpy(s->chain_x, record_hash(r, RF_GENESIS_seed_anchor), 32);
    } else if (r->kind == RECORD_RUN) {
        memcpy(s->policy.b, record_hash(r, RF_RUN_policy), CID_BYTES);
    } else if (r->kind == RECORD_COMMIT) {
        TRY(on_commit(s, r, leaf));
    } else if (r->kind == RECORD_DRAW) {
        on_draw(s, r);
    } else if (r->kind == RECORD_VERDICT) {
        TRY(on_verdict(s, r));
    }
    return fold_add(s->fold, r);
}

static int scan_all(struct scan *s, struct wal_reader *w)
{
    struct merkle_hash leaf;
    struct ubytes entry;
    struct record r;

    for (;;) {
        int code = wal_reader_next(w, &r, &entry, &leaf);

        if (code == WAL_E_END || code == WAL_E_TORN) {
            return 0;
        }
        TRY(code);
        TRY(on_record(s, &r, &leaf));
    }
}

int replay_scan(const char *store_dir, uint64_t seq, int all,
                struct replay_items *out, struct diag *d)
{
    struct scan s = {.out = out, .seq = seq, .all = all};
    struct wal_reader *w = NULL;
    int code = wal_reader_open(store_dir, 0, &w);

    if (code == 0) {
        code = fold_new(&s.fold);
    }
    if (code == 0) {
        code = scan_all(&s, w);
    }
    if (code < 0) {
        diag_set(d, code, (struct loc){0}, "the ledger cannot be read: %s",
                 w == NULL ? err_text(code) : wal_reader_where(w));
    } else if (!all && out->n == 0) {
        code = diag_set(d, ERR_INPUT, (struct loc){0},
                        "record #%llu is no verdict", (unsigned long long)seq);
        diag_hint(d, "proctor log --kind verdict lists them");
    }
    wal_reader_close(w);
    fold_free(s.fold);
    while (s.open != NULL) {
        struct open_draw *o = s.open;

        s.open = o->next;
        free(o);
    }
    return code;
}

void replay_items_release(struct replay_items *v)
{
    for (size_t i = 0; i < v->n; i++) {
        free(v->v[i].disclosed);
    }
    free(v->v);
    *v = (struct replay_items){0};
}
