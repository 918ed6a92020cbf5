/* Parts of attack_measure: rows J and K. */
#ifndef TESTS_ATTACK_MEASURE_H
#define TESTS_ATTACK_MEASURE_H

#include "tests/attack/once.h"

extern const char *images_dir;

/* An engine in a process of its own, whose mounts are its own too: whatever a
 * half-made zygote does there stays there. */
struct isolated {
    void (*prepare)(const void *ctx); /* arms the shim */
    int is_early; /* before the engine is opened; else after */
    const void *ctx;
    enum worker_class class;
    uint64_t memory_bytes;
};
/* What became of its one worker; *out_shim as it was at the end. Negative: the
 * process itself failed. */
struct shim;
int isolated_run(const struct isolated *i, struct once *out,
                 struct shim *out_shim);

/* Judges a run that had call number n failed or left out. */
void call_judge(char row, const char *what, const char *class_name, unsigned n,
                const char *call, const char *error, const struct once *o);

/* measure_zygote.c: weaker zygotes. */
void zygotes_run(void);
/* Whether error number i of weaken_errors is tried for call n: all with
 * PROCTOR_FULL, else one, and that once for each name of a call. */
int error_is_tried(const struct shim *all, unsigned n, unsigned i);

#endif
