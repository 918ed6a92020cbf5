/* A look at training data before anything is learnt of them: what nothing can be
 * learnt of is refused, what is merely strange is noted. Worker train only. */
#ifndef WORKERS_TRAIN_LOOK_H
#define WORKERS_TRAIN_LOOK_H

#include "workers/train/fit.h"

/* t->rows passed rows_check. 0, or ERR_INPUT with ${d} set: rows of one class
 * only. Noted: a batch of more rows than there are, inputs that are the same in
 * all rows and shall be standardized, labels that are all the same number. */
int look_at_data(const struct fit_task *t, struct diag *d) MUST_USE;

#endif
