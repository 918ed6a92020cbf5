/* Inside of the power test: writers (power_work.c), the judge of what is left
 * (power_judge.c), the enumeration (power.c). Test code. */
#ifndef TESTS_CRASH_POWER_H
#define TESTS_CRASH_POWER_H

#include "kernel/store/ledger.h"
#include "proto/cid.h"

#define ACKS_MAX 1024u

/* What somebody was told, and when: a tree, or an object that is kept. */
struct ack {
    size_t op; /* calls made by then */
    uint64_t size;
    struct merkle_hash root;
    int is_object;
    struct cid cid;
};
struct told {
    struct ack acks[ACKS_MAX];
    size_t n;
};

/* What a writer does. Every so many batches (0 = never): */
struct work {
    const char *name;
    size_t sector;
    unsigned share; /* of the states, in hundredths */
    unsigned least; /* outcomes of a cut: making a key takes 0.3 s */
    unsigned batches, records;
    size_t bytes; /* of a record, about */
    unsigned snapshot_at, publish_at, object_at, file_at;
};

extern const struct ledger_genesis power_genesis;

/* Opens, writes, acknowledges in t (NULL: nobody is told), closes, publishes.
 * 0 or what refused. */
int work_run(const char *dir, const struct work *w, struct told *t);
/* The same by a process that comes no further than to disk call n. */
void work_run_killed(const char *dir, const struct work *w, struct told *t,
                     unsigned long n, int *out_done);

struct judged {
    const char *why; /* NULL = all is well */
    char detail[400];
};
/* Starts a kernel on dir and has it write; the first n of what was told must
 * be there, and the store verify. */
int judge(const char *dir, const struct told *t, size_t n, struct judged *j);

#endif
