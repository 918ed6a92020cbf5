/* Power cuts, enumerated. A writer's disk calls are recorded (disk_model.h); for
 * each moment, states that a cut at that moment may leave are made, and a
 * kernel's start on each must end well: the ledger opens, every acknowledged
 * record is there, every root that anybody was given is still a root of it, it
 * takes a further record, its tiles catch up, and the whole store verifies.
 *
 *   power DIR STATES PART PARTS     TAP on stdout; DIR should be in memory
 *
 * Workloads: birth of a store; appends with snapshots and publishing; batches of
 * many sectors; and the starts after a cut, cut again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/audit.h"
#include "cli/tiles.h"
#include "disk_model.h"
#include "kernel/store/ledger.h"
#include "kernel/store/store.h"
#include "proto/err.h"
#include "proto/wal.h"

#define ACKS_MAX 256u
#define PENDING_MAX 4096u
#define SEEN_SLOTS (1u << 19)
#define AGAIN_MAX 12u /* states that are started, and cut, again */
#define FAILURES_SHOWN 10u
#define ROUNDS_MAX 2000u

static const struct ledger_genesis genesis = {
    .signer = TEST_BIN_DIR "/proctor-signer", .classes = "config"};

/* What somebody was told, and when. */
struct ack {
    size_t op; /* calls made by then */
    uint64_t size;
    struct merkle_hash root;
};

static struct {
    struct ack acks[ACKS_MAX];
    size_t acks_n;
    uint64_t rng;
    unsigned long tried, distinct, failures, cuts;
    uint64_t *seen;
    unsigned part, parts;
    const char *base; /* folder of everything */
    unsigned again_n;
    size_t again_acks[AGAIN_MAX]; /* of the workload's acks, those before it */
} g;

static uint64_t random_u64(void)
{
    g.rng ^= g.rng << 13;
    g.rng ^= g.rng >> 7;
    g.rng ^= g.rng << 17;
    return g.rng;
}

static int is_new(uint64_t digest)
{
    size_t i = digest % SEEN_SLOTS;

    digest |= 1; /* 0 = free */
    for (size_t tries = 0; tries < SEEN_SLOTS; tries++) {
        if (g.seen[i] == digest) {
            return 0;
        }
        if (g.seen[i] == 0) {
            g.seen[i] = digest;
            return 1;
        }
        i = (i + 1) % SEEN_SLOTS;
    }
    return 1;
}

/* --- the writer ------------------------------------------------------------- */

static void acknowledge(const struct ledger *l)
{
    uint8_t sig[64];
    const struct checkpoint *c = ledger_checkpoint(l, sig);

    if (g.acks_n < ACKS_MAX) {
        g.acks[g.acks_n++] = (struct ack){disk_record_n(), c->size, c->root};
    }
}

static int add(struct ledger *l, uint64_t seq, size_t bytes)
{
    char name[1200];
    struct record r;
    uint64_t got;

    memset(name, 'x', sizeof(name));
    name[bytes < sizeof(name) ? bytes : sizeof(name) - 1] = '\0';
    (void)snprintf(name, 32, "k/%llu", (unsigned long long)seq);
    if (bytes > 40) {
        name[strlen(name)] = 'x';
    }
    record_init(&r, RECORD_REF);
    record_set_str(&r, RF_REF_name, name);
    return ledger_add(l, &r, &got);
}

static int batch(struct ledger *l, unsigned n, size_t bytes)
{
    uint64_t next = ledger_size(l);
    int code = 0;

    for (unsigned i = 0; i < n && code == 0; i++) {
        code = add(l, next + i, bytes);
    }
    if (code == 0) {
        code = ledger_commit(l);
    }
    if (code == 0) {
        acknowledge(l);
    }
    return code;
}

struct work {
    const char *name;
    unsigned share; /* of the states, in hundredths */
    unsigned least; /* outcomes of a cut: making a key takes 0.3 s */
    unsigned batches, records;
    size_t bytes;
    unsigned snapshot_at,
        publish_at; /* after every so many batches; 0 = never */
};

static int work_batches(const char *dir, struct ledger *l, const struct work *w)
{
    int code = 0;

    for (unsigned i = 1; i <= w->batches && code == 0; i++) {
        struct diag d;

        code = batch(l, 1 + i % w->records, w->bytes);
        if (code == 0 && w->snapshot_at > 0 && i % w->snapshot_at == 0) {
            code = ledger_snapshot(l);
            if (code == 0) {
                acknowledge(l);
            }
        }
        if (code == 0 && w->publish_at > 0 && i % w->publish_at == 0) {
            code = tiles_catch_up(dir, &d);
        }
    }
    return code;
}

static int work_run(const char *dir, const struct work *w)
{
    struct store *s;
    struct ledger *l;
    struct diag d;
    int created, closed;
    int code = store_open(dir, &s, &created, &d);

    if (code != 0) {
        return code;
    }
    code = ledger_open(s, &genesis, &l, &d);
    if (code == 0) {
        acknowledge(l);
        code = work_batches(dir, l, w);
        closed = ledger_close(l);
        code = code == 0 ? closed : code;
    }
    store_close(s);
    return code == 0 ? tiles_catch_up(dir, &d) : code;
}

/* --- the judge -------------------------------------------------------------- */

struct judged {
    const char *why;
    char detail[400];
};

static void hear(void *ctx, const struct audit_finding *f)
{
    struct judged *j = ctx;

    /* The writer's records are bare: they name no run and no object. */
    if (f->grade == AUDIT_DAMAGE && strncmp(f->where, "record ", 7) != 0) {
        j->why = "does not verify";
        (void)snprintf(j->detail, sizeof(j->detail), "%s: %s", f->where, f->what);
    }
}

/* Numbers and roots of what is there now, against what was acknowledged. */
static int read_back(const char *dir, size_t acks_n, struct judged *j)
{
    struct merkle_frontier f;
    struct merkle_hash leaf;
    struct wal_reader *w;
    struct ubytes entry;
    struct record r;
    size_t ack = 0;

    merkle_frontier_init(&f);
    if (wal_reader_open(dir, 0, &w) != 0) {
        j->why = "cannot be read back";
        return -1;
    }
    while (wal_reader_next(w, &r, &entry, &leaf) == 0) {
        struct merkle_hash root;

        merkle_frontier_add(&f, &leaf);
        root = merkle_frontier_root(&f);
        while (ack < acks_n && g.acks[ack].size < f.size) {
            ack++;
        }
        for (; ack < acks_n && g.acks[ack].size == f.size; ack++) {
            if (memcmp(root.b, g.acks[ack].root.b, sizeof(root.b)) != 0) {
                j->why = "has another tree under an acknowledged root";
            }
        }
    }
    wal_reader_close(w);
    for (size_t i = 0; i < acks_n; i++) {
        if (g.acks[i].size > f.size) {
            j->why = "lost acknowledged records";
        }
    }
    return j->why == NULL ? 0 : -1;
}

static int start(const char *dir, struct judged *j)
{
    struct store *s;
    struct ledger *l = NULL;
    struct diag d;
    int created;
    int code = store_open(dir, &s, &created, &d);

    if (code != 0) {
        j->why = "does not open";
    } else {
        code = ledger_open(s, &genesis, &l, &d);
        if (code != 0) {
            j->why = "has a ledger that does not open";
        } else {
            code = batch(l, 1, 0);
            j->why = code == 0 ? NULL : "takes no further record";
            code = ledger_close(l) == 0 ? code : -1;
        }
        store_close(s);
    }
    if (j->why != NULL) {
        (void)snprintf(j->detail, sizeof(j->detail), "%s", d.what);
    } else if (code != 0) {
        j->why = "does not close";
    } else if (tiles_catch_up(dir, &d) != 0) {
        j->why = "has tiles that do not catch up";
        (void)snprintf(j->detail, sizeof(j->detail), "%s", d.what);
    }
    return j->why == NULL ? 0 : -1;
}

static int judge(const char *dir, size_t acks_n, struct judged *j)
{
    struct audit_ears ears = {.finding = hear, .ctx = j};
    struct audit_result result;
    size_t kept = g.acks_n;
    struct diag d;
    int rc = start(dir, j);

    g.acks_n = kept; /* what start acknowledged is of this state alone */
    if (rc != 0 || read_back(dir, acks_n, j) != 0) {
        return -1;
    }
    if (audit_run(dir, 1, &ears, &result, &d) != 0) {
        j->why = "cannot be verified";
        (void)snprintf(j->detail, sizeof(j->detail), "%s", d.what);
    }
    return j->why == NULL ? 0 : -1;
}

/* --- the enumeration -------------------------------------------------------- */

/* The i-th way to keep some of n parts. */
static void choose(const struct disk_state *s, uint8_t *kept, unsigned long i,
                   int all_of_them, size_t *torn)
{
    static const unsigned odds[] = {32, 128, 224};
    size_t n = disk_state_pending_n(s);

    *torn = SIZE_MAX;
    if (all_of_them) {
        for (size_t k = 0; k < n; k++) {
            kept[k] = (uint8_t)(i >> k & 1);
        }
    } else if (i < 2) {
        memset(kept, i == 0 ? 0 : 1, n);
    } else if (i < 2 + 3 * n && i % 2 == 0) {
        size_t k = (size_t)((i - 2) / 3);
        unsigned how = (unsigned)((i - 2) % 3);

        memset(kept, how == 0 ? 1 : 0, n);
        kept[k] = how != 0; /* all but one, one alone */
        if (how == 2) {
            memset(kept, 1, k + 1); /* the first k */
            *torn = k;
        }
    } else {
        unsigned odd = odds[random_u64() % 3];

        for (size_t k = 0; k < n; k++) {
            unsigned odd_k = disk_state_is_size(s, k) ? 240 : odd;

            kept[k] = random_u64() % 256 < odd_k;
        }
        *torn = random_u64() % 2 == 0 ? SIZE_MAX : random_u64() % (n + 1);
    }
}

static size_t acks_before(size_t op)
{
    size_t n = 0;

    while (n < g.acks_n && g.acks[n].op <= op) {
        n++;
    }
    return n;
}

/* Keeps a copy of a state, to be started and cut again. */
static void keep(const char *dir, size_t acks_n)
{
    char command[600];

    (void)snprintf(command, sizeof(command),
                   "rm -rf '%s/again%u'; cp -r '%s' '%s/again%u'", g.base,
                   g.again_n, dir, g.base, g.again_n);
    if (system(command) == 0) {
        g.again_acks[g.again_n++] = acks_n;
    }
}

static void try_state(const struct disk_state *s, const char *name, size_t op,
                      const uint8_t *kept, size_t torn)
{
    struct judged j = {.why = NULL};
    size_t acks_n = acks_before(op);
    char dir[400];
    uint64_t digest;

    g.tried++;
    if (!is_new(disk_state_digest(s, kept, torn) + acks_n)) {
        return;
    }
    g.distinct++;
    (void)snprintf(dir, sizeof(dir), "%s/state", g.base);
    if (disk_state_write(s, kept, torn, dir, &digest) != 0) {
        j.why = "cannot be written";
    } else {
        if (g.again_n < AGAIN_MAX && random_u64() % 40 == 0) {
            keep(dir, acks_n);
        }
        if (judge(dir, acks_n, &j) == 0) {
            return;
        }
    }
    g.failures++;
    if (g.failures <= FAILURES_SHOWN) {
        (void)printf("# %s, cut after call %zu, state %016llx: %s: %s\n", name,
                     op, (unsigned long long)digest, j.why, j.detail);
    }
}

/* Tries about `ways` outcomes of a cut after call op, or all if they are few: 1.
 */
static int cut(const char *name, size_t op, unsigned long ways, uint8_t *kept)
{
    struct disk_state *s = disk_state_at(op);
    size_t n = disk_state_pending_n(s);
    int all = n < 16 && (1ul << n) <= 2 * ways;

    g.cuts++;
    if (n > PENDING_MAX) {
        (void)printf("# %s: %zu parts at call %zu\n", name, n, op);
        g.failures++;
        all = 1;
        n = 0;
    }
    ways = all ? 1ul << n : ways;
    for (unsigned long i = 0; i < ways; i++) {
        size_t torn;

        choose(s, kept, i, all, &torn);
        try_state(s, name, op, kept, torn);
    }
    disk_state_free(s);
    return all;
}

/* Most calls leave at most a few parts open, whose outcomes are all tried once;
 * the others are cut in further rounds until there are `states` new ones. */
static void enumerate(const char *name, unsigned long least,
                      unsigned long states)
{
    size_t ops = disk_record_n();
    uint8_t *kept = calloc(1, PENDING_MAX);
    uint8_t *wide = calloc(1, ops + 1);
    unsigned long before = g.distinct;

    for (unsigned round = 0; round < ROUNDS_MAX && kept != NULL && wide != NULL;
         round++) {
        unsigned long then = g.distinct;

        if (round > 0 && then - before >= states) {
            break;
        }
        for (size_t op = g.part; op <= ops; op += g.parts) {
            if (round == 0 || wide[op]) {
                wide[op] = !cut(name, op, least, kept);
            }
        }
        if (g.distinct == then) {
            break; /* nothing new is left */
        }
    }
    free(wide);
    free(kept);
}

/* Runs a workload on dir under recording, then tries its states. */
static void workload(const char *dir, const struct work *w,
                     unsigned long states)
{
    size_t before = g.acks_n;
    int code;

    for (size_t i = 0; i < before; i++) {
        g.acks[i].op = 0; /* told before this recording */
    }
    disk_record_start(dir);
    code = work_run(dir, w);
    disk_record_stop();
    if (code != 0) {
        (void)printf("# %s: the writer failed: %s\n", w->name, err_name(code));
        g.failures++;
        return;
    }
    enumerate(w->name, w->least, states);
}

static const struct work works[] = {
    {.name = "birth",
     .share = 1,
     .least = 2,
     .batches = 2,
     .records = 1,
     .publish_at = 2},
    {.name = "appends",
     .share = 25,
     .least = 32,
     .batches = 14,
     .records = 3,
     .snapshot_at = 5,
     .publish_at = 4},
    {.name = "long batches",
     .share = 60,
     .least = 32,
     .batches = 4,
     .records = 24,
     .bytes = 1100,
     .publish_at = 3},
};
static const struct work start_again = {
    .name = "start after a cut", .batches = 1, .records = 1, .publish_at = 1};

static void cut_again(unsigned long states)
{
    static struct ack told[ACKS_MAX];
    size_t told_n = g.acks_n;
    unsigned n = g.again_n;

    memcpy(told, g.acks, sizeof(told));
    for (unsigned i = 0; i < n; i++) {
        char dir[400];

        (void)snprintf(dir, sizeof(dir), "%s/again%u", g.base, i);
        memcpy(g.acks, told, sizeof(told));
        g.acks_n = g.again_acks[i];
        g.again_n = AGAIN_MAX; /* no third time */
        workload(dir, &start_again, states / n + 1);
    }
    memcpy(g.acks, told, sizeof(told));
    g.acks_n = told_n;
    g.again_n = 0;
}

static unsigned long number(const char *s)
{
    return strtoul(s, NULL, 10);
}

int main(int argc, char **argv)
{
    char dir[400];
    unsigned long states;

    if (argc != 5) {
        (void)fprintf(stderr, "usage: power DIR STATES PART PARTS\n");
        return 2;
    }
    g.base = argv[1];
    g.part = (unsigned)number(argv[3]);
    g.parts = (unsigned)number(argv[4]);
    g.rng = 0x9e3779b97f4a7c15u + g.part;
    g.seen = calloc(SEEN_SLOTS, sizeof(*g.seen));
    states = number(argv[2]) / g.parts;
    (void)snprintf(dir, sizeof(dir), "%s/store", g.base);
    if (g.seen == NULL || g.parts == 0 || mkdir(dir, 0700) != 0) {
        (void)fprintf(stderr, "power: cannot begin in %s\n", g.base);
        return 2;
    }
    for (size_t i = 0; i < ARRAY_N(works); i++) {
        struct work w = works[i];

        /* More states come of more batches, not of more tries on few. */
        w.batches *= i == 0 ? 1 : 1 + (unsigned)(states / 8000);
        workload(dir, &w, states * w.share / 100);
        cut_again(states * 5 / 100);
    }
    (void)printf("# %lu cuts, %lu states tried, %lu of them distinct\n", g.cuts,
                 g.tried, g.distinct);
    (void)printf("%s 1 - %lu distinct states after power cuts: %lu failed\n",
                 g.failures == 0 ? "ok" : "not ok", g.distinct, g.failures);
    (void)printf("1..1\n");
    return g.failures == 0 ? 0 : 1;
}
