/* Writes large ledgers through the kernel's own ledger, and measures.
 *
 *   scale_ledger write DIR SIZE BATCH [WORD]   until DIR holds SIZE records,
 *                                              BATCH a commit, then closes
 *   scale_ledger leave DIR SIZE BATCH [WORD]   the same, but ends without
 *                                 closing: the tail is left to the next open
 *   scale_ledger open DIR                      opens (recovers) and closes
 *   scale_ledger publish DIR                   brings the tiles up to date
 *   scale_ledger tiles DIR                     again and again
 *
 * Prints "name value unit" lines: time, rate, peak memory, descriptors. The
 * records are those of runs of 1,000 tasks, all hashes different. With `refs`
 * every task also moves one of 300 names, which no verdict allowed: `verify`
 * says so of each. With `slow` two milliseconds pass between commits. On SIGTERM `write` and `tiles` stop after what
 * is under way. */
#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/tiles.h"
#include "kernel/store/ledger.h"
#include "kernel/store/store.h"
#include "proto/err.h"
#include "proto/limits.h"

#define TASKS 1000u
#define NAMES 300u
#define STEPS 5u /* records of a task */

static const struct ledger_genesis genesis = {
    .signer = TEST_BIN_DIR "/proctor-signer", .classes = "config"};

static volatile sig_atomic_t stopped;

static void stop(int signal_n)
{
    (void)signal_n;
    stopped = 1;
}

static double now(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static unsigned descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    unsigned n = 0;

    while (d != NULL && readdir(d) != NULL) {
        n++;
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    return n;
}

/* VmHWM, not ru_maxrss: that counts the program that forked us too. */
static long peak_kib(void)
{
    FILE *f = fopen("/proc/self/status", "re");
    char line[128];
    long kib = -1;

    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        if (strncmp(line, "VmHWM:", 6) == 0) {
            kib = strtol(line + 6, NULL, 10);
        }
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return kib;
}

static void print_use(void)
{
    (void)printf("peak_memory %ld KiB\ndescriptors %u open\n", peak_kib(),
                 descriptors());
}

/* Where the writer stands; a run begins anew in each process. */
struct writer {
    struct ledger *l;
    int refs; /* names move */
    int slow;
    uint64_t run;
    uint64_t n; /* records made by this process */
    struct cid targets[NAMES];
};

static struct cid hash_of(uint64_t n)
{
    struct cid c;

    (void)crypto_generichash(c.b, sizeof(c.b), (const uint8_t *)&n, sizeof(n),
                             NULL, 0);
    return c;
}

static void make_ref(struct writer *w, struct record *r, const char *task,
                     uint64_t i, char name[static 32])
{
    struct cid target = hash_of(i * 2 + 1);

    (void)snprintf(name, 32, "names/%03u", (unsigned)(i % NAMES));
    record_init(r, RECORD_REF);
    record_set_u(r, RF_REF_run, w->run);
    record_set_str(r, RF_REF_task, task);
    record_set_str(r, RF_REF_name, name);
    record_set_hash(r, RF_REF_old_target, w->targets[i % NAMES].b);
    record_set_hash(r, RF_REF_new_target, target.b);
    w->targets[i % NAMES] = target;
}

/* The next record: RUN, then STEPS for each of its tasks. */
static int add_next(struct writer *w)
{
    uint64_t at = w->n % (1 + TASKS * STEPS);
    uint64_t i = w->n / (1 + TASKS * STEPS) * TASKS + (at - 1) / STEPS;
    struct cid hash = hash_of(w->n * 2);
    struct record r;
    char task[32];
    char name[32];
    uint64_t seq;
    int code;

    (void)snprintf(task, sizeof(task), "task-%03u", (unsigned)(i % TASKS));
    if (at == 0) {
        record_init(&r, RECORD_RUN);
        record_set_hash(&r, RF_RUN_graph, hash.b);
        record_set_str(&r, RF_RUN_graph_path, "scale.yaml");
    } else if ((at - 1) % STEPS == 0) {
        record_init(&r, RECORD_ADMIT);
        record_set_u(&r, RF_ADMIT_run, w->run);
        record_set_str(&r, RF_ADMIT_task, task);
        record_set_str(&r, RF_ADMIT_op, "program");
        record_set_hash(&r, RF_ADMIT_digest, hash.b);
        record_set_str(&r, RF_ADMIT_rule, "gate.granted");
    } else if ((at - 1) % STEPS == 1) {
        record_init(&r, RECORD_CONFINE);
        record_set_u(&r, RF_CONFINE_run, w->run);
        record_set_str(&r, RF_CONFINE_task, task);
        record_set_str(&r, RF_CONFINE_class, "program");
        record_set_hash(&r, RF_CONFINE_report, hash.b);
    } else if ((at - 1) % STEPS == 2) {
        record_init(&r, RECORD_START);
        record_set_u(&r, RF_START_run, w->run);
        record_set_str(&r, RF_START_task, task);
        record_set_u(&r, RF_START_attempt, 1);
    } else if ((at - 1) % STEPS == 3 && !w->refs) {
        record_init(&r, RECORD_REPAIR);
        record_set_u(&r, RF_REPAIR_run, w->run);
        record_set_str(&r, RF_REPAIR_task, task);
        record_set_str(&r, RF_REPAIR_child, "again");
        record_set_str(&r, RF_REPAIR_reason, "an answer was wrong");
    } else if ((at - 1) % STEPS == 3) {
        make_ref(w, &r, task, i, name);
    } else {
        record_init(&r, RECORD_TASK);
        record_set_u(&r, RF_TASK_run, w->run);
        record_set_str(&r, RF_TASK_task, task);
        record_set_u(&r, RF_TASK_state, STATE_PASSED);
        record_set_hash(&r, RF_TASK_result, hash.b);
    }
    code = ledger_add(w->l, &r, &seq);
    w->run = at == 0 ? seq : w->run;
    w->n++;
    return code;
}

static int grow_to(struct writer *w, uint64_t size, unsigned batch)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    int code = 0;

    while (code == 0 && ledger_size(w->l) < size && !stopped) {
        unsigned i;

        for (i = 0; i < batch && code == 0; i++) {
            code = add_next(w);
        }
        if (code == 0) {
            code = ledger_commit(w->l);
        }
        if (w->slow) {
            (void)nanosleep(&pause, NULL);
        }
    }
    return code;
}

static int open_ledger(const char *dir, struct store **s, struct ledger **l)
{
    struct diag d;
    int created;
    int code;

    diag_init(&d);
    code = store_open(dir, s, &created, &d);
    if (code == 0) {
        code = ledger_open(*s, &genesis, l, &d);
    }
    if (code != 0) {
        (void)fprintf(stderr, "scale_ledger: %s: %s\n", err_name(code), d.what);
    }
    return code;
}

/* argv: write|leave DIR SIZE BATCH [refs|slow]. */
static int write_records(char **argv, unsigned batch)
{
    const char *dir = argv[1];
    uint64_t size = strtoull(argv[2], NULL, 10);
    int leave = strcmp(argv[0], "leave") == 0;
    struct writer *w = calloc(1, sizeof(*w));
    struct store *s;
    uint64_t before;
    unsigned open_before;
    double t0;
    int code = w == NULL ? ERR_NOMEM : open_ledger(dir, &s, &w->l);

    if (code != 0) {
        free(w);
        return code;
    }
    w->refs = argv[4] != NULL && strcmp(argv[4], "refs") == 0;
    w->slow = argv[4] != NULL && strcmp(argv[4], "slow") == 0;
    before = ledger_size(w->l);
    open_before = descriptors();
    t0 = now();
    code = grow_to(w, size, batch);
    (void)printf("records %" PRIu64 " n\nappended %.0f entries/s\n"
                 "descriptors_before %u open\n",
                 ledger_size(w->l),
                 (double)(ledger_size(w->l) - before) / (now() - t0),
                 open_before);
    print_use();
    (void)fflush(stdout);
    if (leave) {
        _exit(code == 0 ? 0 : 1);
    }
    if (code == 0) {
        code = ledger_close(w->l);
        store_close(s);
    } else {
        (void)ledger_close(w->l);
        (void)fprintf(stderr, "scale_ledger: %s\n", err_name(code));
    }
    free(w);
    return code;
}

static int open_only(const char *dir)
{
    struct store *s;
    struct ledger *l;
    double t0 = now();
    int code = open_ledger(dir, &s, &l);

    if (code != 0) {
        return code;
    }
    (void)printf("opened %.3f s\nrecords %" PRIu64 " n\n", now() - t0,
                 ledger_size(l));
    print_use();
    code = ledger_close(l);
    store_close(s);
    return code;
}

static int publish(const char *dir)
{
    struct diag d;
    int code;

    diag_init(&d);
    code = tiles_catch_up(dir, &d);
    if (code != 0) {
        (void)fprintf(stderr, "scale_ledger: tiles: %s\n", d.what);
    }
    return code;
}

static int keep_tiles(const char *dir)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    int code = 0;

    while (code == 0 && !stopped) {
        code = publish(dir);
        (void)nanosleep(&pause, NULL);
    }
    return code;
}

int main(int argc, char **argv)
{
    (void)signal(SIGTERM, stop);
    if (argc == 3 && strcmp(argv[1], "open") == 0) {
        return open_only(argv[2]) == 0 ? 0 : 1;
    }
    if (argc == 3 && strcmp(argv[1], "publish") == 0) {
        return publish(argv[2]) == 0 ? 0 : 1;
    }
    if (argc == 3 && strcmp(argv[1], "tiles") == 0) {
        return keep_tiles(argv[2]) == 0 ? 0 : 1;
    }
    if ((argc == 5 || argc == 6) &&
        (strcmp(argv[1], "write") == 0 || strcmp(argv[1], "leave") == 0)) {
        unsigned long batch = strtoul(argv[4], NULL, 10);

        if (batch >= 1 && batch <= LIMIT_BATCH_RECORDS) {
            return write_records(argv + 1, (unsigned)batch) == 0 ? 0 : 1;
        }
    }
    (void)fprintf(stderr, "usage: scale_ledger write|leave DIR SIZE BATCH "
                          "[refs|slow] | open|publish|tiles DIR\n");
    return 2;
}
