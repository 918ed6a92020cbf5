/* Splits and looks (holdout.h). Must never say more of held-out outputs than
 * struct look holds. The kernel decides with it; `proctor verify --full`
 * computes again with it what the ledger says. */
#include "proto/holdout.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"

struct place {
    uint8_t key[16]; /* of the row's input, under the seed */
    uint32_t row;
    uint32_t input; /* distinct ones before it */
    uint32_t stratum;
    uint32_t stratum_n; /* distinct inputs of it */
    uint32_t rank;      /* among them */
};

static int by_key(const void *a, const void *b)
{
    const struct place *x = a;
    const struct place *y = b;
    int c = memcmp(x->key, y->key, sizeof(x->key));

    return c != 0 ? c : (x->row > y->row) - (x->row < y->row);
}

/* By (2 rank + 1) / stratum_n, exactly. */
static int by_quota(const void *a, const void *b)
{
    const struct place *x = a;
    const struct place *y = b;
    uint64_t p = (2 * (uint64_t)x->rank + 1) * y->stratum_n;
    uint64_t q = (2 * (uint64_t)y->rank + 1) * x->stratum_n;

    if (p != q) {
        return p < q ? -1 : 1;
    }
    if (x->stratum != y->stratum) {
        return x->stratum < y->stratum ? -1 : 1;
    }
    return (x->row > y->row) - (x->row < y->row); /* of one input */
}

static int is_input_of(const struct place *a, const struct place *b)
{
    return memcmp(a->key, b->key, sizeof(a->key)) == 0;
}

/* Rows of one input stand together, its first row first. */
static void number_inputs(struct place *p, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++) {
        p[i].input = p[i - 1].input + !is_input_of(&p[i], &p[i - 1]);
    }
}

static int spread_strata(struct place *p, uint32_t n, const uint32_t *strata,
                         uint32_t strata_n)
{
    CLEANUP(mem_freep) uint32_t *counts = calloc((size_t)strata_n + 1, 4);

    if (counts == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (uint32_t i = 0; i < n; i++) {
        if (i > 0 && is_input_of(&p[i], &p[i - 1])) {
            p[i].stratum = p[i - 1].stratum;
            p[i].rank = p[i - 1].rank;
        } else {
            p[i].stratum = strata[p[i].row];
            ASSERT(p[i].stratum < strata_n);
            p[i].rank = counts[p[i].stratum]++;
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        p[i].stratum_n = counts[p[i].stratum];
    }
    qsort(p, n, sizeof(*p), by_quota);
    return 0;
}

int holdout_draw(const struct values *inputs, const struct values *outputs,
                 double share, const uint8_t seed[static 32],
                 struct holdout *out)
{
    return holdout_draw_strata(inputs, outputs, NULL, 0, share, seed, out);
}

int holdout_draw_strata(const struct values *inputs,
                        const struct values *outputs, const uint32_t *strata,
                        uint32_t strata_n, double share,
                        const uint8_t seed[static 32], struct holdout *out)
{
    uint32_t n = values_n(inputs);
    CLEANUP(mem_freep) struct place *p = calloc((size_t)n + 1, sizeof(*p));

    holdout_release(out);
    out->rows = calloc((size_t)n + 1, sizeof(*out->rows));
    if (p == NULL || out->rows == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    out->n = n;
    for (uint32_t i = 0; i < n; i++) {
        struct ubytes v = values_at(inputs, i);

        p[i].row = i;
        ASSERT(crypto_generichash(p[i].key, sizeof(p[i].key), v.p, v.n, seed,
                                  32) == 0);
    }
    qsort(p, n, sizeof(*p), by_key);
    if (strata != NULL) {
        TRY(spread_strata(p, n, strata, strata_n));
    }
    number_inputs(p, n);
    for (uint32_t i = 0; i < n; i++) {
        out->contradictions +=
            i > 0 && is_input_of(&p[i], &p[i - 1]) &&
            values_compare(values_at(outputs, p[i].row),
                           values_at(outputs, p[i - 1].row)) != 0;
        out->rows[i] = p[i].row;
        out->distinct = p[i].input + 1;
    }
    out->held_distinct = (uint32_t)(share * out->distinct + 0.5);
    while (out->held_n < n && p[out->held_n].input < out->held_distinct) {
        out->held_n++;
    }
    if (strata != NULL) { /* held rows are in no order that their labels know */
        qsort(p, out->held_n, sizeof(*p), by_key);
        for (uint32_t i = 0; i < out->held_n; i++) {
            out->rows[i] = p[i].row;
        }
    }
    return out->held_distinct < LIMIT_HELD_MIN || out->held_n == n
               ? HOLDOUT_E_SMALL
               : 0;
}

void holdout_release(struct holdout *h)
{
    free(h->rows);
    *h = (struct holdout){0};
}

/* What losses are measured with: made of training outputs alone. */
struct ruler {
    unsigned metric;
    const struct type *gives;
    double scale;
    double mean;          /* the placebo's answer, when outputs are numbers */
    struct ubytes common; /* and when they are labels: the most frequent, of
                           * equally frequent ones the smallest */
};

static int find_common(const struct values *v, struct ubytes *out)
{
    CLEANUP(mem_freep) uint32_t *sorted = values_sorted(v);
    uint32_t most = 0;
    uint32_t run = 0;

    for (uint32_t i = 0; sorted != NULL && i < values_n(v); i++) {
        struct ubytes y = values_at(v, sorted[i]);

        run = i > 0 && values_compare(y, values_at(v, sorted[i - 1])) == 0
                  ? run + 1
                  : 1;
        if (run > most) {
            most = run;
            *out = y;
        }
    }
    return sorted == NULL ? ERR_TRACE(ERR_NOMEM) : 0;
}

static double error_of(const struct ruler *k, double x)
{
    return k->metric == METRIC_SQUARED_ERROR ? x * x : x < 0 ? -x : x;
}

static int ruler_make(struct ruler *k, const struct values *train)
{
    uint32_t n = values_n(train);
    double sum = 0;

    k->scale = 1;
    if (k->metric == METRIC_ACCURACY) {
        return find_common(train, &k->common);
    }
    for (uint32_t i = 0; i < n; i++) {
        k->mean += value_number(values_at(train, i), k->gives) / n;
    }
    for (uint32_t i = 0; i < n; i++) {
        sum +=
            error_of(k, k->mean - value_number(values_at(train, i), k->gives));
    }
    k->scale = 2 * sum / n;
    /* Neither zero nor, by overflow, infinite. */
    return k->scale > 0 && k->scale - k->scale == 0 ? 0 : ERR_TRACE(ERR_INPUT);
}

/* Loss of one answer; no bytes stand for the placebo. */
static double row_loss(const struct ruler *k, struct ubytes output,
                       struct ubytes answer)
{
    double x;

    if (k->metric == METRIC_ACCURACY) {
        return values_compare(output, answer.n == 0 ? k->common : answer) != 0;
    }
    x = answer.n == 0 ? k->mean : value_number(answer, k->gives);
    x = error_of(k, x - value_number(output, k->gives)) / k->scale;
    return x < 1 ? x : 1;
}

/* Mean loss in steps, summed in row order. */
static double steps_of(const double *losses, uint32_t n, uint32_t grid)
{
    double sum = 0;

    for (uint32_t i = 0; i < n; i++) {
        sum += losses[i];
    }
    return sum * grid / n;
}

void holdout_pairs(const double *mine, const double *other, uint32_t n,
                   uint64_t *wins, uint64_t *losses)
{
    *wins = *losses = 0;
    for (uint32_t i = 0; i < n; i++) {
        *wins += mine[i] < other[i];
        *losses += mine[i] > other[i];
    }
}

double holdout_evidence(uint64_t wins, uint64_t losses)
{
    double term = 1 / (double)(losses + 1);
    double sum = 0;

    for (uint64_t i = 0; i <= wins && sum < HOLDOUT_EVIDENCE_MAX; i++) {
        sum += term;
        term = term * (double)(wins - i) / (double)(losses + 2 + i);
    }
    return sum < HOLDOUT_EVIDENCE_MAX ? sum : HOLDOUT_EVIDENCE_MAX;
}

unsigned holdout_decades(double evidence)
{
    unsigned d = 0;

    for (; evidence >= 10; d++) {
        evidence /= 10;
    }
    return d;
}

int holdout_losses_new(struct holdout_losses *x, uint32_t n)
{
    double *all = calloc((size_t)n * 3 + 1, sizeof(*all));

    *x = (struct holdout_losses){.n = n, .scale = 1, .mine = all};
    if (all == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    x->placebo = all + n;
    x->shifted = all + 2 * (size_t)n;
    return 0;
}

void holdout_losses_release(struct holdout_losses *x)
{
    free(x->mine);
    *x = (struct holdout_losses){0};
}

int holdout_losses_of(unsigned metric, const struct type *gives,
                      const struct values *train, const struct values *outputs,
                      const struct values *answers, struct holdout_losses *x)
{
    struct ruler k = {.metric = metric, .gives = gives};
    const struct ubytes none = {NULL, 0};
    uint32_t n = values_n(outputs);

    TRY(ruler_make(&k, train));
    TRY(holdout_losses_new(x, n));
    x->scale = k.scale;
    for (uint32_t i = 0; i < n; i++) {
        struct ubytes a = values_at(answers, i);

        x->mine[i] = row_loss(&k, values_at(outputs, i), a);
        x->placebo[i] = row_loss(&k, values_at(outputs, i), none);
        x->shifted[i] = row_loss(&k, values_at(outputs, (i + n / 2) % n), a);
    }
    return 0;
}

void holdout_judge_losses(const struct holdout_losses *x, struct look *l)
{
    uint64_t wins;
    uint64_t losses;
    double loss;

    l->scale = x->scale;
    l->grid = 1;
    while ((uint64_t)(l->grid + 1) * (l->grid + 1) < l->distinct) {
        l->grid++;
    }
    l->placebo = (uint32_t)steps_of(x->placebo, x->n, l->grid);
    l->best = l->best < l->placebo ? l->best : l->placebo;
    l->loss = l->best;
    l->decades = 0;
    l->outcome = LOOK_NOT_BETTER;
    loss = steps_of(x->mine, x->n, l->grid);
    /* Right about outputs of other rows: what was compared is not what it
     * seems. Chance does not reach three steps. */
    if (steps_of(x->shifted, x->n, l->grid) < (double)l->placebo - 3) {
        l->outcome = LOOK_VOID;
    } else if (loss < (double)l->best - 1) {
        l->outcome = LOOK_BETTER;
        l->loss = (uint32_t)(loss + 0.5);
        holdout_pairs(x->mine, x->placebo, x->n, &wins, &losses);
        l->decades = holdout_decades(holdout_evidence(wins, losses));
        l->decades = l->decades < 4 ? l->decades : 4;
    }
}

int holdout_judge(const struct type *gives, const struct values *train,
                  const struct values *outputs, const struct values *answers,
                  struct look *l)
{
    CLEANUP(holdout_losses_release) struct holdout_losses x = {0};

    TRY(holdout_losses_of(l->metric, gives, train, outputs, answers, &x));
    holdout_judge_losses(&x, l);
    return 0;
}
