/* Power cuts, enumerated. A writer's disk calls are recorded (disk_model.h); for
 * each moment, states that a cut at that moment may leave are made, and a
 * kernel's start on each must end well: the ledger opens, every acknowledged
 * record and object is there, every root that anybody was given is still a root
 * of it, it takes a further record, its tiles catch up, and the whole store
 * verifies (power_judge.c).
 *
 *   power DIR STATES PART PARTS       TAP on stdout; DIR should be in memory
 *   power DIR sites PART PARTS        each sync left out in turn must be noticed
 *
 * Workloads: birth of a store; appends with objects, snapshots, publishing;
 * batches of many sectors, small and large; tiles that fill; the starts after a
 * cut, cut again, and again; starts after a process died or a sync failed, with
 * the power still on, then cut. docs/crash.md says what is left out. */
#include "power.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/tiles.h"
#include "disk_model.h"
#include "power_works.h"
#include "proto/disk.h"
#include "proto/err.h"

#define PENDING_MAX 4096u
#define SEEN_SLOTS (1u << 20)
#define AGAIN_MAX 12u /* states that are started, and cut, again */
#define FAILURES_SHOWN 10u
#define ROUNDS_MAX 2000u
#define ROWS_MAX 32u
#define SITE_STATES 400u /* of a workload: within which it must show */
#define SITE_STATES_HEALED 30u

struct row {
    const char *name;
    size_t sector;
    unsigned long cuts, tried, distinct, failed;
};

/* A state that is started again. */
struct again {
    char dir[64];
    struct told told;
};

static struct {
    struct told told;
    uint64_t rng;
    uint64_t *seen;
    unsigned part, parts;
    int is_search; /* for one failure, which is good */
    const char *base; /* folder of everything */
    struct row rows[ROWS_MAX];
    size_t rows_n;
    struct row *row;
    unsigned depth;
    struct again *again[AGAIN_DEPTH][AGAIN_MAX];
    unsigned again_n[AGAIN_DEPTH];
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

static struct row *row_of(const struct work *w)
{
    size_t i;

    for (i = 0; i < g.rows_n; i++) {
        if (strcmp(g.rows[i].name, w->name) == 0 &&
            g.rows[i].sector == w->sector) {
            return &g.rows[i];
        }
    }
    if (g.rows_n == ROWS_MAX) {
        abort();
    }
    g.rows[i] = (struct row){.name = w->name, .sector = w->sector};
    return &g.rows[g.rows_n++];
}

static void shell(const char *fmt, const char *a, const char *b)
{
    char command[600];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(command, sizeof(command), fmt, a, b);
#pragma GCC diagnostic pop
    if (system(command) != 0) {
        (void)fprintf(stderr, "power: %s\n", command);
        exit(2);
    }
}

/* --- the enumeration -------------------------------------------------------- */

/* The i-th way to keep some of n parts. */
static void choose(const struct disk_state *s, uint8_t *kept, unsigned long i,
                   int all_of_them, struct disk_outcome *o)
{
    static const unsigned odds[] = {32, 128, 224};
    size_t n = disk_state_pending_n(s);

    o->torn = SIZE_MAX;
    o->stale = 0;
    if (all_of_them) {
        for (size_t k = 0; k < n; k++) {
            kept[k] = (uint8_t)(i >> k & 1);
        }
        o->stale = (int)(i >> n & 1);
    } else if (i < 2) {
        memset(kept, i == 0 ? 0 : 1, n);
    } else if (i < 2 + 3 * n && i % 2 == 0) {
        size_t k = (size_t)((i - 2) / 3);
        unsigned how = (unsigned)((i - 2) % 3);

        memset(kept, how == 0 ? 1 : 0, n);
        kept[k] = how != 0; /* all but one, one alone */
        if (how == 2) {
            memset(kept, 1, k + 1); /* the first k */
            o->torn = k;
        }
    } else {
        unsigned odd = odds[random_u64() % 3];

        for (size_t k = 0; k < n; k++) {
            unsigned odd_k = disk_state_is_size(s, k) ? 240 : odd;

            kept[k] = random_u64() % 256 < odd_k;
        }
        o->torn = random_u64() % 2 == 0 ? SIZE_MAX : random_u64() % (n + 1);
        o->stale = random_u64() % 4 == 0;
    }
}

static size_t told_before(size_t op)
{
    size_t n = 0;

    while (n < g.told.n && g.told.acks[n].op <= op) {
        n++;
    }
    return n;
}

/* Keeps a copy of a state, to be started and cut again. */
static void keep(const char *dir, size_t acks_n)
{
    struct again *a = calloc(1, sizeof(*a));

    if (a == NULL) {
        abort();
    }
    (void)snprintf(a->dir, sizeof(a->dir), "%s/again%u-%u", g.base, g.depth,
                   g.again_n[g.depth]);
    shell("rm -rf '%s'%s", a->dir, "");
    shell("cp -r '%s' '%s'", dir, a->dir);
    a->told = g.told;
    a->told.n = acks_n;
    g.again[g.depth][g.again_n[g.depth]++] = a;
}

static int try_state(const struct disk_state *s, size_t op,
                     const struct disk_outcome *o)
{
    struct judged j = {.why = NULL};
    size_t acks_n = told_before(op);
    uint64_t digest = disk_state_digest(s, o) + acks_n;
    char dir[400];

    g.row->tried++;
    if (!is_new(digest)) {
        return 0;
    }
    g.row->distinct++;
    (void)snprintf(dir, sizeof(dir), "%s/state", g.base);
    if (disk_state_write(s, o, dir) != 0) {
        j.why = "cannot be written";
    } else {
        if (g.depth < AGAIN_DEPTH && g.again_n[g.depth] < AGAIN_MAX &&
            random_u64() % 40 == 0) {
            keep(dir, acks_n);
        }
        if (judge(dir, &g.told, acks_n, &j) == 0) {
            return 0;
        }
    }
    g.row->failed++;
    if (g.row->failed <= FAILURES_SHOWN) {
        (void)printf("# %s, cut after call %zu, state %016llx: %s: %s\n",
                     g.row->name, op, (unsigned long long)digest, j.why,
                     j.detail);
    }
    return 1;
}

/* Parts that were open before call op, when nobody was told anything in between
 * and that moment is cut too; else none. */
static size_t open_before(size_t op, size_t from)
{
    struct disk_state *s;
    size_t n;

    if (op == from || told_before(op) != told_before(op - 1)) {
        return 0;
    }
    s = disk_state_at(op - 1);
    n = disk_state_pending_n(s);
    disk_state_free(s);
    return n;
}

static int few(size_t n, unsigned long ways)
{
    return n < 16 && (1ul << n) <= 2 * ways;
}

/* Tries about `ways` outcomes of a cut after call op, or all if they are few: 1.
 */
static int cut(size_t op, size_t from, unsigned long ways, uint8_t *kept)
{
    struct disk_state *s = disk_state_at(op);
    size_t n = disk_state_pending_n(s);
    size_t before = open_before(op, from);
    unsigned long first = few(before, ways) && before > 0 ? 1ul << before : 0;
    struct disk_outcome o = {.kept = kept};
    int all = few(n, ways);

    if (n > PENDING_MAX) {
        (void)printf("# %s: %zu parts at call %zu\n", g.row->name, n, op);
        g.row->failed++;
    }
    if (n > PENDING_MAX || n < before) { /* a sync: nothing new is possible */
        disk_state_free(s);
        return 1;
    }
    g.row->cuts++;
    if (all) {
        ways = 1ul << (n + 1); /* with zeroes, and with old data */
    }
    for (unsigned long i = 0; i < ways; i++) {
        if (all && (i & ((1ul << n) - 1)) < first) {
            continue; /* an outcome of the call before */
        }
        choose(s, kept, i, all, &o);
        if (try_state(s, op, &o) && g.is_search) {
            break;
        }
    }
    disk_state_free(s);
    return all;
}

/* Most calls leave at most a few parts open, whose outcomes are all tried once;
 * the others are cut in further rounds until there are `states` new ones. */
static void enumerate(unsigned long least, unsigned long states, size_t from)
{
    size_t ops = disk_record_n();
    uint8_t *kept = calloc(1, PENDING_MAX);
    uint8_t *wide = calloc(1, ops + 1);
    unsigned long before = g.row->distinct;

    for (unsigned round = 0; round < ROUNDS_MAX && kept != NULL && wide != NULL;
         round++) {
        unsigned long then = g.row->distinct, tried = g.row->tried;

        if (round > 0 && then - before >= states) {
            break;
        }
        for (size_t op = from + g.part; op <= ops && states > 0; op += g.parts) {
            if (round == 0 || wide[op]) {
                wide[op] = !cut(op, from, least, kept);
            }
            if (g.is_search && g.row->failed > 0) {
                break;
            }
        }
        if (g.row->distinct - then <= (g.row->tried - tried) / 16 ||
            (g.is_search && g.row->failed > 0)) {
            break; /* hardly anything new is left */
        }
    }
    free(wide);
    free(kept);
}

/* --- workloads -------------------------------------------------------------- */

/* Recording begins; what was told until now was told before. */
static void begin(const char *dir, const struct work *w)
{
    for (size_t i = 0; i < g.told.n; i++) {
        g.told.acks[i].op = 0;
    }
    g.row = row_of(w);
    disk_sector(w->sector);
    disk_record_start(dir);
}

/* Runs a workload on dir under recording, then tries its states. */
static void workload(const char *dir, const struct work *w,
                     unsigned long states)
{
    int code;

    begin(dir, w);
    code = work_run(dir, w, &g.told);
    disk_record_stop();
    if (code != 0) {
        (void)printf("# %s: the writer failed: %s\n", w->name, err_name(code));
        g.row->failed++;
        return;
    }
    enumerate(w->least, states, 0);
}

/* A fresh copy of a store with a little in it. */
static void young(char dir[static 400], struct told *t)
{
    static const struct work first = {.batches = 3, .records = 2};
    static struct told then;
    char from[400];

    (void)snprintf(from, sizeof(from), "%s/young", g.base);
    (void)snprintf(dir, 400, "%s/life", g.base);
    if (access(from, F_OK) != 0 && work_run(from, &first, &then) != 0) {
        (void)fprintf(stderr, "power: no store in %s\n", from);
        exit(2);
    }
    shell("rm -rf '%s'%s", dir, "");
    shell("cp -r '%s' '%s'", from, dir);
    *t = then;
}

/* One process dies at disk call n, or its n-th sync fails; the next starts on
 * what the page cache shows. False: the first came to its end. */
static int two_lives(const struct work *w, unsigned n, size_t *out_from)
{
    char dir[400];
    struct diag d;
    int done = 0, code;

    young(dir, &g.told);
    begin(dir, w);
    if (w != &failed) {
        work_run_killed(dir, &first_life, &g.told, n, &done);
    } else {
        disk_fail_sync(n + 1);
        done = work_run(dir, &first_life, &g.told) == 0;
        disk_fail_sync(0);
    }
    disk_set_hook(NULL, NULL); /* a new process: of a failed sync it knows not */
    *out_from = disk_record_n();
    code = w == &orphan ? tiles_catch_up(dir, &d) : work_run(dir, w, &g.told);
    disk_record_stop();
    if (code != 0) {
        (void)printf("# %s %u: %s\n", w->name, n, err_name(code));
        g.row->failed++;
    }
    return !done;
}

static void lives(const struct work *w, unsigned step, unsigned long states)
{
    unsigned part = g.part, parts = g.parts, n;
    size_t from;

    g.part = 0; /* the lives are shared out, not the cuts */
    g.parts = 1;
    for (n = part * step; two_lives(w, n, &from); n += parts * step) {
        enumerate(w->least, states, from);
    }
    g.part = part;
    g.parts = parts;
}

static void cut_again(unsigned long states)
{
    static struct told kept;

    kept = g.told;
    for (unsigned depth = 0; depth < AGAIN_DEPTH; depth++) {
        g.depth = depth + 1;
        for (unsigned i = 0; i < g.again_n[depth]; i++) {
            struct again *a = g.again[depth][i];

            g.told = a->told;
            workload(a->dir, &agains[depth], states / g.again_n[depth] + 1);
            shell("rm -rf '%s'%s", a->dir, "");
            free(a);
        }
        g.again_n[depth] = 0;
    }
    g.depth = 0;
    g.told = kept;
}

static int report(void)
{
    struct row sum = {.name = "all"};

    for (size_t i = 0; i < g.rows_n; i++) {
        const struct row *r = &g.rows[i];

        (void)printf("# row | %s | %zu | %lu | %lu | %lu | %lu |\n", r->name,
                     r->sector, r->cuts, r->tried, r->distinct, r->failed);
        sum.cuts += r->cuts;
        sum.tried += r->tried;
        sum.distinct += r->distinct;
        sum.failed += r->failed;
    }
    (void)printf("# %lu cuts, %lu states tried, %lu of them distinct\n",
                 sum.cuts, sum.tried, sum.distinct);
    (void)printf("%s 1 - %lu distinct states after power cuts: %lu failed\n",
                 sum.failed == 0 ? "ok" : "not ok", sum.distinct, sum.failed);
    (void)printf("1..1\n");
    return sum.failed == 0 ? 0 : 1;
}

static unsigned long distinct(void)
{
    unsigned long n = 0;

    for (size_t i = 0; i < g.rows_n; i++) {
        n += g.rows[i].distinct;
    }
    return n;
}

static int all_states(unsigned long states)
{
    char dir[400];

    (void)snprintf(dir, sizeof(dir), "%s/store", g.base);
    shell("mkdir '%s'%s", dir, "");
    for (size_t i = 0; i < ARRAY_N(works); i++) {
        workload(dir, &works[i], states * works[i].share / 100);
        cut_again(states * 3 / 100);
    }
    lives(&killed, states > 20000 ? 1 : 13, 40);
    lives(&orphan, states > 20000 ? 1 : 13, 40);
    lives(&failed, states > 20000 ? 1 : 5, 60);
    /* More states come of new records, not of more tries on old ones. */
    for (unsigned i = 0; distinct() < states && i < ROUNDS_MAX; i++) {
        young(dir, &g.told);
        workload(dir, &works[1 + i % (ARRAY_N(works) - 1)], 400);
    }
    return report();
}

/* --- syncs left out --------------------------------------------------------- */

/* What is lost without these is made again by the next open or publication: the
 * store's file `format`, names of tiles. */
static int is_healed(const char *what)
{
    return strcmp(what, "folder ") == 0 ||
           strncmp(what, "folder /ledger/tile", 19) == 0;
}

/* Everything that syncs, once; `states`: with its states, until one fails. */
static int all_syncs(unsigned long states)
{
    static const struct work *const pairs[] = {&orphan, &killed};
    char dir[400];
    size_t from = 0;

    g.rows_n = 0;
    g.told.n = 0;
    (void)snprintf(dir, sizeof(dir), "%s/store", g.base);
    shell("rm -rf '%s'; mkdir '%s'", dir, dir);
    for (size_t i = 0; i < ARRAY_N(pairs) + ARRAY_N(works); i++) {
        if (i < 2) { /* birth, appends */
            workload(dir, &works[i], states);
        } else if (i < 2 + ARRAY_N(pairs)) {
            for (unsigned n = 0; two_lives(pairs[i - 2], n, &from) &&
                                 g.row->failed == 0;
                 n++) {
                enumerate(8, states, from);
            }
        } else if (i - ARRAY_N(pairs) < ARRAY_N(works)) {
            workload(dir, &works[i - ARRAY_N(pairs)], states);
        }
        if (g.row->failed > 0) {
            return 1;
        }
    }
    return 0;
}

static int all_sites(void)
{
    unsigned part = g.part, parts = g.parts, failures = 0, n = 0;

    g.part = 0;
    g.parts = 1;
    g.depth = AGAIN_DEPTH;
    (void)all_syncs(0);
    g.is_search = 1;
    for (size_t i = part; i < disk_sites_n(); i += parts) {
        int healed = is_healed(disk_site(i));
        unsigned long tried = 0;
        int noticed;

        memset(g.seen, 0, SEEN_SLOTS * sizeof(*g.seen));
        disk_lie(i);
        noticed = all_syncs(healed ? SITE_STATES_HEALED : SITE_STATES);
        for (size_t k = 0; k < g.rows_n; k++) {
            tried += g.rows[k].distinct;
        }
        failures += !noticed && !healed;
        (void)printf("# sync | %s | %zu | %s | %lu |\n", disk_site(i), i,
                     noticed ? "lost" : "nothing", tried);
        (void)printf("%s %u - without the sync of %s, place %zu: %s after %lu "
                     "states%s\n",
                     noticed || healed ? "ok" : "not ok", ++n, disk_site(i), i,
                     noticed ? "a failure" : "none", tried,
                     healed && !noticed ? ": it is made again" : "");
        (void)fflush(stdout);
    }
    (void)printf("1..%u\n", n);
    return failures == 0 ? 0 : 1;
}

static unsigned long number(const char *s)
{
    return strtoul(s, NULL, 10);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        (void)fprintf(stderr, "usage: power DIR STATES|sites PART PARTS\n");
        return 2;
    }
    g.base = argv[1];
    g.part = (unsigned)number(argv[3]);
    g.parts = (unsigned)number(argv[4]);
    g.rng = 0x9e3779b97f4a7c15u + g.part;
    g.seen = calloc(SEEN_SLOTS, sizeof(*g.seen));
    if (g.seen == NULL || g.parts == 0 || access(g.base, W_OK) != 0) {
        (void)fprintf(stderr, "power: cannot begin in %s\n", g.base);
        return 2;
    }
    return strcmp(argv[2], "sites") == 0 ? all_sites()
                                         : all_states(number(argv[2]) /
                                                      g.parts);
}
