/* Kernels of the columnar engine: one step of an expression over COLUMN_LANES lanes.
 * The same source is compiled for plain x86-64 (or any other processor), AVX2 and
 * AVX-512; which one runs is asked of the processor once. A kernel computes every
 * lane, whether somebody wants it or not: none can fail. Runs in the `cml` worker. */
#ifndef WORKERS_CML_COLUMNS_KERNEL_H
#define WORKERS_CML_COLUMNS_KERNEL_H

#include "proto/base.h"

#define COLUMN_LANES 256

/* Lanes as registers of flat.h. k is a constant of the step. Columns are aligned to
 * 64 bytes; d may be a or b. */
typedef void column_kernel(uint64_t *d, const uint64_t *a, const uint64_t *b,
                           uint64_t k);

enum column_kernel_name {
#define KERNEL(name, ...) K_##name,
#include "workers/cml/columns_kernel_list.def"
    KERNELS
};

enum column_level { COLUMN_PLAIN, COLUMN_AVX2, COLUMN_AVX512, COLUMN_LEVELS };

struct column_kernels {
    column_kernel *by_name[KERNELS];
    /* d = c ? a : b, by lane; c is 0 or 1 */
    void (*select)(uint64_t *d, const uint64_t *a, const uint64_t *b,
                   const uint64_t *c);
    /* d = a where the mask is set */
    void (*move)(uint64_t *d, const uint64_t *a, const uint64_t *mask);
    /* d = mask where a == k (or, if !same, is not): how many */
    unsigned (*narrow)(uint64_t *d, const uint64_t *mask, const uint64_t *a,
                       uint64_t k, int same);
    /* mask &= and: how many are left */
    unsigned (*keep)(uint64_t *mask, const uint64_t *and);
    /* d -= k where the mask is set */
    void (*spend)(uint64_t *d, const uint64_t *mask, uint64_t k);
};

/* Of the best level up to `most` that this processor has. */
const struct column_kernels *column_kernels(enum column_level most);
enum column_level column_level_best(void);
const char *column_level_name(enum column_level level);

#endif
