/* The numbers of an exam: docs/exam.md section 7. IEEE doubles with + - * / in a
 * stated order and nothing of libm: the same bits on every host. */
#ifndef REPLAY_ODDS_H
#define REPLAY_ODDS_H

#include <stdint.h>

double odds_alpha(double alpha, uint64_t j); /* alpha_j */
/* Clean draws that exclude a rate of p0; UINT64_MAX when not computable. */
uint64_t odds_need(double p0, double alpha_j);
/* Draws per stratum for so many in all. */
uint64_t odds_each(uint64_t need, uint64_t strata);
/* Upper end of the interval of Clopper and Pearson (section 11). */
double odds_bound(double alpha, uint64_t n, uint64_t failures);
double odds_power(double rate, uint64_t n);

/* A noisy exam's bet against an error rate. */
struct odds_bet {
    double up, down; /* of a draw that is right, that is not */
    double goal;
    uint64_t need; /* clean draws; UINT64_MAX when not computable */
};
struct odds_bet odds_bet(double rate, double alpha_j);
double odds_score(const struct odds_bet *b, uint64_t n, uint64_t failures);

#endif
