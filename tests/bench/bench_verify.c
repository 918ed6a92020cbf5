/* What `proctor verify` costs: a ledger of RECORDS records in batches of BATCH
 * under one run, checked in this process, default and --full. Prints "name value
 * unit"; processor time, because one core does all of it.
 *
 *   bench_verify DIR [RECORDS [BATCH]]   DIR/store is made when it is missing;
 *   /usr/bin/time proctor verify --store DIR/store measures the command itself */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "cli/audit.h"
#include "cli/tiles.h"
#include "kernel/store/ledger.h"
#include "kernel/store/store.h"
#include "proto/err.h"
#include "proto/sha256.h"

#define WHY_BYTES 164 /* makes a record of 240 */

static double cpu(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int add_all(struct ledger *l, uint64_t records, uint64_t batch)
{
    char why[WHY_BYTES + 1];
    uint64_t run = 0;
    uint64_t i;
    int code;

    memset(why, 'x', WHY_BYTES);
    why[WHY_BYTES] = '\0';
    {
        struct record r;

        record_init(&r, RECORD_RUN);
        code = ledger_add(l, &r, &run);
    }
    for (i = run + 1; i < records && code == 0; i++) {
        struct record r;
        uint64_t seq;

        record_init(&r, RECORD_PARK);
        record_set_u(&r, RF_PARK_run, run);
        record_set_str(&r, RF_PARK_task, "task");
        record_set_str(&r, RF_PARK_why, why);
        code = ledger_add(l, &r, &seq);
        if (code == 0 && i % batch == 0) {
            code = ledger_commit(l);
        }
    }
    return code != 0 ? code : ledger_commit(l);
}

static int make(const char *dir, uint64_t records, uint64_t batch)
{
    static const struct ledger_genesis genesis = {
        .signer = TEST_BIN_DIR "/proctor-signer", .classes = "config"};
    struct store *s = NULL;
    struct ledger *l = NULL;
    struct diag d;
    int created;
    int code = store_open(dir, &s, &created, &d);

    if (code == 0) {
        code = ledger_open(s, &genesis, &l, &d);
    }
    if (code == 0) {
        code = add_all(l, records, batch);
    }
    code = ledger_close(l) != 0 ? ERR_IO : code;
    store_close(s);
    return code != 0 ? code : tiles_catch_up(dir, &d);
}

static int measure(const char *dir, int full)
{
    struct audit_ears ears = {NULL, NULL, NULL};
    struct audit_result r;
    struct rusage use;
    struct diag d;
    double t0 = cpu();
    int code = audit_run(dir, full, &ears, &r, &d);

    t0 = cpu() - t0;
    (void)getrusage(RUSAGE_SELF, &use);
    (void)printf("verify%s_cpu %.0f ms\n", full ? "_full" : "", t0 * 1e3);
    (void)printf("verify%s_rate %.0f records/s\n", full ? "_full" : "",
                 (double)r.size / t0);
    (void)printf("verify%s_peak %.1f MiB\n", full ? "_full" : "",
                 (double)use.ru_maxrss / 1024);
    return code != 0 || r.count[AUDIT_DAMAGE] > 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
    uint64_t records = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000;
    uint64_t batch = argc > 3 ? strtoull(argv[3], NULL, 10) : 1024;
    char dir[400];
    struct stat st;

    if (argc < 2 || batch == 0) {
        (void)fprintf(stderr, "usage: bench_verify DIR [RECORDS [BATCH]]\n");
        return 2;
    }
    (void)snprintf(dir, sizeof(dir), "%s/store", argv[1]);
    if (stat(dir, &st) != 0 && make(dir, records, batch) != 0) {
        (void)fprintf(stderr, "bench_verify: cannot make %s\n", dir);
        return 2;
    }
    (void)printf("verify_sha256 by %s\n", sha256_by());
    return measure(dir, 0) | measure(dir, 1);
}
