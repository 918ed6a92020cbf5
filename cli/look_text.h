/* Looks at held-out data in words, and what their number does to them
 * (docs/data.md). */
#ifndef CLI_LOOK_TEXT_H
#define CLI_LOOK_TEXT_H

#include <stdio.h>

#include "proto/record.h"

#define LOOK_SCORE_BYTES 64

/* "better", "not better", "void". */
const char *look_outcome_text(const struct record *r);
/* A loss of a LOOK (RF_LOOK_loss, _best, _placebo) as its metric's score:
 * "accuracy 0.903". */
void look_score(const struct record *r, enum record_field f,
                char out[static LOOK_SCORE_BYTES]);
/* Looks at r's split, up to and with r, that were told more than "not better". */
uint32_t look_releases(const char *store, const struct record *r);
/* Where the loss that r released lies, at 95 % for all looks at once: Clopper
 * and Pearson for accuracy, Hoeffding for errors, with the error probability shared
 * among all the candidates that `releases` answers in r's many looks could have
 * led to. In [0, 1]. */
void look_interval(const struct record *r, uint32_t releases, double *out_lo,
                   double *out_hi);
/* Blum and Hardt's (ln(k n) / n)^(1/3). */
double look_ladder_error(uint64_t looks, uint64_t n);
/* A paragraph about a LOOK. */
void look_print(FILE *to, const char *store, const struct record *r,
                unsigned indent);

#endif
