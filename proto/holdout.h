/* Finite data sets (spec: gate, "Finite public sets"; docs/data.md): which rows
 * are held out, and what a look at them may say. Pure; IEEE + - * / and integers
 * only, so that anybody gets the same bits. */
#ifndef PROTO_HOLDOUT_H
#define PROTO_HOLDOUT_H

#include "proto/record.h"
#include "proto/value.h"

struct holdout {
    uint32_t *rows;         /* owned; all rows: the held-out ones first */
    uint32_t n;
    uint32_t held_n;        /* of them */
    uint32_t held_distinct; /* inputs */
    uint32_t distinct;
    uint32_t contradictions; /* rows unlike the one before of the same input */
};

enum {
    HOLDOUT_E_SMALL = 2
};

/* Distinct inputs in the order of BLAKE2b-128(key seed, input); the first share
 * of them, rounded, is held out, and rows follow their input, in file order. 0,
 * ERR_NOMEM, HOLDOUT_E_SMALL (fewer than LIMIT_HELD_MIN distinct inputs held
 * out, or none left; both numbers are set). *out is released in any case. */
int holdout_draw(const struct values *inputs, const struct values *outputs,
                 double share, const uint8_t seed[static 32],
                 struct holdout *out) MUST_USE;
/* The same, but drawn apart by stratum: the k-th input of a stratum's n is put at
 * (2k - 1) / 2n of the whole, so that any run of training inputs, and the held-out
 * part as a whole, has each stratum's share but for about one. Held-out rows then
 * stand in the order of holdout_draw, which knows no stratum. strata[i] < strata_n: of row i;
 * an input is of its first row's. */
int holdout_draw_strata(const struct values *inputs,
                        const struct values *outputs, const uint32_t *strata,
                        uint32_t strata_n, double share,
                        const uint8_t seed[static 32],
                        struct holdout *out) MUST_USE;
void holdout_release(struct holdout *h);

/* What the ledger is told of one look. Losses are whole steps of 1 / grid, those
 * of rows in [0, 1]. */
struct look {
    unsigned metric;
    uint32_t distinct; /* held-out inputs */
    /* In: released last, UINT32_MAX = nothing. Out: of that and the placebo, a
     * constant answer, the better one. */
    uint32_t best;
    uint32_t grid;    /* floor(sqrt(distinct - 1)) */
    uint32_t placebo; /* rounded down */
    uint32_t loss;    /* the candidate's, rounded, when better; else best */
    /* A loss of 1 in units of the metric: of errors, twice the placebo's on the
     * training outputs. */
    double scale;
    enum look_outcome outcome;
    unsigned decades; /* record.def */
};
/* Losses of held-out rows, in [0, 1]. */
struct holdout_losses {
    uint32_t n;
    double scale;    /* as struct look's */
    double *mine;    /* owned, with the others behind it */
    double *placebo; /* of a constant answer */
    double *shifted; /* of answers held against the row half way round */
};
/* All zero. 0 or ERR_NOMEM; to be released in any case. */
int holdout_losses_new(struct holdout_losses *x, uint32_t n) MUST_USE;
void holdout_losses_release(struct holdout_losses *x);
/* answers: one per held-out output, all of type gives; a number unless the metric
 * is accuracy. 0, ERR_NOMEM, ERR_INPUT when all training outputs are the same
 * number. *x is all zero before, and released in any case. */
int holdout_losses_of(unsigned metric, const struct type *gives,
                      const struct values *train, const struct values *outputs,
                      const struct values *answers,
                      struct holdout_losses *x) MUST_USE;

/* Text: rows of `width` tokens, u32 little endian. The placebo is each token's share
 * of the training rows; a loss of 1 is twice its mean on them, in nats a token. */
struct holdout_text {
    struct ubytes train, held; /* whole rows; at least one */
    uint32_t width, vocab;
};
#define HOLDOUT_TEXT_FLOOR 0x1p-40 /* no share is taken for less */
/* predictions: f32, for each token of the row but the last, any numbers >= 0 for
 * what may follow: shares of their sum. Mean -ln of what did follow, in row and in
 * another one. 0, ERR_INPUT: they are no shares. */
int holdout_text_row(struct ubytes predictions, struct ubytes row,
                     struct ubytes other, uint32_t vocab,
                     double out[static 2]) MUST_USE;
/* answers: those two for each held row, f64 little endian. Results as
 * holdout_losses_of. */
int holdout_text_losses(const struct holdout_text *t, struct ubytes answers,
                        struct holdout_losses *x) MUST_USE;

/* Better than the best by a step, or nothing is learned (Blum and Hardt, The
 * Ladder, 2015). A step is at least max(1, s) / sqrt(n): the sample deviation s
 * of differences of losses in [0, 1] is at most sqrt(n / (n - 1)). */
void holdout_judge_losses(const struct holdout_losses *x, struct look *l);
/* The same of answers; errors as holdout_losses_of. */
int holdout_judge(const struct type *gives, const struct values *train,
                  const struct values *outputs, const struct values *answers,
                  struct look *l) MUST_USE;

#define HOLDOUT_EVIDENCE_MAX 1e15
/* Rows that `mine` has the smaller loss of, and the larger one. */
void holdout_pairs(const double *mine, const double *other, uint32_t n,
                   uint64_t *wins, uint64_t *losses);
/* Of b wins and c losses: E = 2^(b+c+1) B(b+1, c+1) (1 - I_1/2(b+1, c+1)), that is
 * sum_{i <= b} C(b+c+1, i) / ((b+c+1) C(b+c, b)): an e-value against "wins at most
 * every other row" (spec: gate, trained weights). At most HOLDOUT_EVIDENCE_MAX. */
double holdout_evidence(uint64_t wins, uint64_t losses);
/* Its whole powers of ten. */
unsigned holdout_decades(double evidence);

#endif
