/* Errors and accuracies of answers against labels: what `proctor experiment eval`
 * computes from objects of the store. */
#ifndef CLI_EXPERIMENT_SCORE_H
#define CLI_EXPERIMENT_SCORE_H

#include "proto/base.h"
#include "proto/value.h"

#define SCORE_CLASSES_MAX 1024

struct experiment_score {
    int is_class;
    uint64_t n;
    double mse, rmse, mae, r2; /* r2 0 when the labels are all alike */
    double accuracy;
    uint32_t classes;          /* largest label, plus one; at most SCORE_CLASSES_MAX */
    uint64_t of_class[SCORE_CLASSES_MAX];
    uint64_t right[SCORE_CLASSES_MAX];
};

/* A value of type u32 or f32 as a number. ERR_ENCODING. */
int experiment_score_number(struct ubytes v, double *out) MUST_USE;
/* answers and labels: as many; numbers, or labels of classes. ERR_INPUT: none. */
int experiment_score_make(struct experiment_score *s, int is_class,
                          const double *answers, const double *labels,
                          size_t n) MUST_USE;

#endif
