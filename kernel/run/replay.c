/* Holds recorded exams again and compares. Believes neither the evidence nor the
 * seed: both are made anew. Kernel process. */
#include "kernel/run/replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "kernel/engine/loop.h"
#include "kernel/run/examine.h"
#include "kernel/run/guard.h"
#include "kernel/run/replay_scan.h"
#include "kernel/run/say.h"
#include "kernel/run/verdict.h"
#include "proto/text.h"
#include "proto/err.h"

enum { ROWS_MAX = 256, PATH_ROOM = 4096 };

struct row {
    uint64_t seq;
    uint32_t verdict;
    int same;
    char what[160];
};

struct replay {
    struct core *core;
    void (*on_done)(void *ctx, struct replay *r);
    void *on_done_ctx;
    struct replay_items items;
    size_t i;
    Proctor__Policy *policy; /* owned; that of policy_cid */
    struct cid policy_cid;
    struct examine *examine;
    char label[32];
    char differs[160];       /* of the exam under way: the first difference */
    struct row *rows;        /* owned, ROWS_MAX; differences push out the rest */
    size_t rows_n;
    uint64_t replayed;
    uint64_t different;
    int code;
    int over;
    struct loop_source *later;
};

static void next(void *ctx, short revents);

static void next_later(struct replay *r)
{
    if (r->later == NULL &&
        loop_timer(r->core->loop, 0, next, r, &r->later) < 0) {
        core_fatal(r->core, ERR_NOMEM);
    }
}

static void differ(struct replay *r, const char *what)
{
    if (r->differs[0] == '\0') {
        struct text t;

        text_init(&t, r->differs, sizeof(r->differs));
        text_putf(&t, "%s", what);
    }
}

/* Room for a row: a difference takes the place of one that is the same. */
static struct row *row_room(struct replay *r, int same)
{
    if (r->rows_n < ROWS_MAX) {
        return &r->rows[r->rows_n++];
    }
    for (size_t i = 0; !same && i < ROWS_MAX; i++) {
        if (r->rows[i].same) {
            return &r->rows[i];
        }
    }
    return NULL;
}

static void item_over(struct replay *r)
{
    const struct replay_item *item = &r->items.v[r->i];
    int same = r->differs[0] == '\0';
    struct row *row = row_room(r, same);

    r->replayed++;
    r->different += !same;
    if (row != NULL) {
        row->seq = item->seq;
        row->verdict = item->verdict;
        row->same = same;
        memcpy(row->what, r->differs, sizeof(row->what));
    }
    r->i++;
    next_later(r);
}

/* The record must hold the same number, not an equal one. */
static uint64_t bits_of(double v)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof(bits));
    return bits;
}

static int commit(void *ctx, uint64_t j, double alpha_j, uint64_t draws,
                  uint8_t out_seed[static 32])
{
    struct replay *r = ctx;
    const struct replay_item *item = &r->items.v[r->i];

    if (!item->has_draw) {
        differ(r, "the replay draws; the record was refuted before a draw");
        return ERR_TRACE(ERR_CANCELLED);
    }
    if (j != item->draw.j || draws != item->draw.draws ||
        bits_of(alpha_j) != bits_of(item->draw.alpha_j)) {
        differ(r, "COMMIT has another j, alpha_j or number of draws");
        return ERR_TRACE(ERR_CANCELLED);
    }
    memcpy(out_seed, item->draw.seed, 32);
    return 0;
}

static void progress(void *ctx, const char *phase, uint64_t done,
                     uint64_t total)
{
    struct replay *r = ctx;

    say_progress(r->core, r->label, phase, done, total);
}

static int message_cid(const ProtobufCMessage *m, struct cid *out)
{
    struct buf b;
    int code;

    buf_init(&b, LIMIT_FRAME_BYTES);
    code = pb_encode(m, &b);
    *out = cid_of(buf_bytes(&b));
    buf_release(&b);
    return code;
}

/* The evidence is compared by its CID: equal bytes, equal CID. */
static void compare(struct replay *r, const struct replay_item *item,
                    const Proctor__Evidence *e)
{
    const Proctor__Counterexample *burnt = verdict_burnt(e, item->has_draw);
    struct cid evidence;
    struct cid disclosed = {{0}};
    uint8_t proof[32];

    if (message_cid(&e->base, &evidence) < 0 ||
        (burnt != NULL && message_cid(&burnt->base, &disclosed) < 0)) {
        differ(r, "the replayed evidence cannot be encoded");
        return;
    }
    verdict_proof(&item->candidate, &item->exam, item->draw.seed, e, proof);
    if (e->verdict != item->verdict) {
        differ(r, "another verdict");
    } else if (e->level != item->level) {
        differ(r, "another level");
    } else if (strcmp(e->reason, item->reason) != 0) {
        differ(r, "another reason");
    } else if (!cid_is_equal(&evidence, &item->evidence)) {
        differ(r, "other evidence");
    } else if (!cid_is_equal(&disclosed, &item->burnt)) {
        differ(r, "another disclosed input");
    } else if (memcmp(proof, item->proof, sizeof(proof)) != 0) {
        differ(r, "another proof");
    }
}

static void done(void *ctx, int code, const char *what,
                 const Proctor__Evidence *e, uint64_t cpu_ms)
{
    struct replay *r = ctx;

    (void)cpu_ms;
    if (code < 0) {
        differ(r, what);
    } else {
        compare(r, &r->items.v[r->i], e);
    }
    item_over(r);
}

static int use_policy(struct replay *r, const struct cid *cid)
{
    if (r->policy != NULL && cid_is_equal(&r->policy_cid, cid)) {
        return 0;
    }
    pb_free((ProtobufCMessage *)r->policy);
    r->policy = NULL;
    TRY(core_get_message(r->core, cid, &proctor__policy__descriptor,
                         (ProtobufCMessage **)&r->policy));
    if (r->policy->limits == NULL || r->policy->workers < 1 ||
        r->policy->workers > LIMIT_WORKERS) {
        return ERR_TRACE(ERR_ENCODING);
    }
    r->policy_cid = *cid;
    guards_slots(r->core->guards, r->policy->workers);
    return 0;
}

/* Budgets are not part of the evidence, but they decided between enumerating and
 * drawing (exam: what COMMIT says was left at least), and too few are the one
 * reason to be inconclusive without a COMMIT. */
static uint64_t draws_left(const struct replay_item *item)
{
    if (item->has_draw) {
        return item->draw.draws;
    }
    return item->verdict == VERDICT_INCONCLUSIVE ? 0 : UINT64_MAX;
}

static void item_start(struct replay *r)
{
    const struct replay_item *item = &r->items.v[r->i];
    struct examine_ask ask = {
        .exam = item->exam,
        .candidate = item->candidate,
        .literals = item->draw.literals,
        .burnt = item->disclosed,
        .burnt_n = item->disclosed_n,
        .committed = item->committed,
        .draws_left = draws_left(item),
        .task = r->label,
        .commit = commit,
        .progress = progress,
        .done = done,
    };
    struct diag d;
    int code;

    r->differs[0] = '\0';
    snprintf(r->label, sizeof(r->label), "#%llu",
             (unsigned long long)item->seq);
    if (item->draw.wrong[0] != '\0') {
        differ(r, item->draw.wrong);
        item_over(r);
        return;
    }
    diag_init(&d);
    code = use_policy(r, &item->policy);
    if (code == 0) {
        ask.limits = r->policy->limits;
        code = examine_start(r->core, &ask, r, &r->examine, &d);
    }
    if (code < 0) {
        differ(r, d.code == 0 ? err_text(code) : d.what);
        item_over(r);
    }
}

static int row_order(const void *a, const void *b)
{
    const struct row *x = a;
    const struct row *y = b;

    if (x->same != y->same) {
        return x->same - y->same;
    }
    return (x->seq > y->seq) - (x->seq < y->seq);
}

static void say_done(struct replay *r)
{
    CLEANUP(mem_freep) Proctor__ReplayRow *rows =
        calloc(ROWS_MAX, sizeof(*rows));
    CLEANUP(mem_freep) Proctor__ReplayRow **row_p =
        calloc(ROWS_MAX, sizeof(Proctor__ReplayRow *));
    Proctor__ReplayDone m = PROCTOR__REPLAY_DONE__INIT;

    m.code = r->code;
    if (m.code == 0 && r->different > 0) {
        m.code = ERR_TASK_FAILED;
    }
    m.replayed = r->replayed;
    m.different = r->different;
    if (rows != NULL && row_p != NULL && r->rows != NULL) {
        qsort(r->rows, r->rows_n, sizeof(*r->rows), row_order);
        for (size_t i = 0; i < r->rows_n; i++) {
            proctor__replay_row__init(&rows[i]);
            rows[i].seq = r->rows[i].seq;
            rows[i].same = r->rows[i].same;
            rows[i].verdict = pb_str(verdict_name(r->rows[i].verdict));
            rows[i].what = r->rows[i].what;
            row_p[i] = &rows[i];
        }
        m.rows = row_p;
        m.n_rows = r->rows_n;
    }
    say(r->core, MSG_REPLAY_DONE, &m.base);
}

static void next(void *ctx, short revents)
{
    struct replay *r = ctx;

    (void)revents;
    loop_remove(&r->later);
    examine_free(r->examine);
    r->examine = NULL;
    if (r->over || r->i == r->items.n) {
        say_done(r);
        r->on_done(r->on_done_ctx, r);
        return;
    }
    item_start(r);
}

/* Replay reads a store; it never makes one. */
static int check_store(const struct core *c, struct diag *d)
{
    char path[PATH_ROOM];
    struct stat st;

    if (c->store_dir == NULL ||
        snprintf(path, sizeof(path), "%s/format", c->store_dir) >=
            (int)sizeof(path) ||
        stat(path, &st) < 0) {
        return diag_set(d, ERR_NOT_FOUND, (struct loc){.path = c->store_dir},
                        "there is no store to replay from");
    }
    return 0;
}

static int open_all(struct replay *r, uint64_t seq, int all, struct diag *d)
{
    struct core *c = r->core;
    struct cid none = {{0}};

    r->rows = calloc(ROWS_MAX, sizeof(*r->rows));
    if (r->rows == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    TRY(check_store(c, d));
    TRY(core_open_store(c, d));
    TRY(core_open_engine(c, d));
    TRY(core_open_ledger(c, &none, d)); /* it is not new: recovers its tail */
    c->recording = 0;
    budget_init(&c->budget);
    return replay_scan(c->store_dir, seq, all, &r->items, d);
}

int replay_new(struct core *c, uint64_t seq, int all,
               void (*on_done)(void *ctx, struct replay *r), void *ctx,
               struct replay **out)
{
    struct replay *r = calloc(1, sizeof(*r));
    struct diag d;
    int code;

    if (r == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    r->core = c;
    r->on_done = on_done;
    r->on_done_ctx = ctx;
    diag_init(&d);
    code = open_all(r, seq, all, &d);
    if (code < 0) {
        if (d.code == 0) {
            diag_set(&d, code, (struct loc){0}, "%s", err_text(code));
        }
        say_diag(c, &d, "");
        r->code = code;
        r->over = 1;
    }
    next_later(r);
    *out = r;
    return 0;
}

void replay_stop(struct replay *r, int code)
{
    if (!r->over) {
        r->over = 1;
        r->code = code;
        next_later(r);
    }
}

void replay_free(struct replay *r)
{
    if (r != NULL) {
        loop_remove(&r->later);
        examine_free(r->examine);
        replay_items_release(&r->items);
        pb_free((ProtobufCMessage *)r->policy);
        free(r->rows);
        free(r);
    }
}
