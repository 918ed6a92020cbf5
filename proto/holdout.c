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
};

static int by_key(const void *a, const void *b)
{
    const struct place *x = a;
    const struct place *y = b;
    int c = memcmp(x->key, y->key, sizeof(x->key));

    return c != 0 ? c : (x->row > y->row) - (x->row < y->row);
}

int holdout_draw(const struct values *inputs, const struct values *outputs,
                 double share, const uint8_t seed[static 32],
                 struct holdout *out)
{
    uint32_t n = values_n(inputs);
    CLEANUP(mem_freep) struct place *p = calloc((size_t)n + 1, sizeof(*p));

    holdout_release(out);
    out->rows = calloc((size_t)n + 1, sizeof(*out->rows));
    if (p == NULL || out->rows == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (uint32_t i = 0; i < n; i++) {
        struct ubytes v = values_at(inputs, i);

        p[i].row = i;
        ASSERT(crypto_generichash(p[i].key, sizeof(p[i].key), v.p, v.n, seed,
                                  32) == 0);
    }
    qsort(p, n, sizeof(*p), by_key);
    for (uint32_t i = 0; i < n; i++) {
        p[i].input = i == 0 ? 0 : p[i - 1].input;
        if (i > 0 && memcmp(p[i].key, p[i - 1].key, sizeof(p[i].key)) != 0) {
            p[i].input++;
        } else if (i > 0 &&
                   values_compare(values_at(outputs, p[i].row),
                                  values_at(outputs, p[i - 1].row)) != 0) {
            out->contradictions++;
        }
        out->rows[i] = p[i].row;
        out->distinct = p[i].input + 1;
    }
    out->held_distinct = (uint32_t)(share * out->distinct + 0.5);
    while (out->held_n < n && p[out->held_n].input < out->held_distinct) {
        out->held_n++;
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

/* Mean loss in steps, summed in row order; answers NULL: of the placebo. Each
 * answer is held against the output `shift` rows further on. */
static double steps_of(const struct ruler *k, const struct values *outputs,
                       const struct values *answers, uint32_t shift,
                       uint32_t grid)
{
    uint32_t n = values_n(outputs);
    double sum = 0;

    for (uint32_t i = 0; i < n; i++) {
        sum += row_loss(k, values_at(outputs, (i + shift) % n),
                        answers == NULL ? (struct ubytes){NULL, 0}
                                        : values_at(answers, i));
    }
    return sum * grid / n;
}

/* Of the rows that one of the two gets right and the other wrong the answers win
 * b and lose c. E = 2^(b+c+1) B(b+1, c+1) (1 - I_1/2(b+1, c+1)), that is
 * sum_{i <= b} C(b+c+1, i) / ((b+c+1) C(b+c, b)); up to 10^4, as a power. */
static unsigned decades_of(const struct ruler *k, const struct values *outputs,
                           const struct values *answers)
{
    uint64_t b = 0;
    uint64_t c = 0;
    double term;
    double sum = 0;
    unsigned d = 0;

    for (uint32_t i = 0; i < values_n(outputs); i++) {
        struct ubytes y = values_at(outputs, i);
        double mine = row_loss(k, y, values_at(answers, i));
        double placebo = row_loss(k, y, (struct ubytes){NULL, 0});

        b += mine < placebo;
        c += mine > placebo;
    }
    term = 1 / (double)(c + 1);
    for (uint64_t i = 0; i <= b && sum < 1e4; i++) {
        sum += term;
        term = term * (double)(b - i) / (double)(c + 2 + i);
    }
    for (; d < 4 && sum >= 10; d++) {
        sum /= 10;
    }
    return d;
}

int holdout_judge(const struct type *gives, const struct values *train,
                  const struct values *outputs, const struct values *answers,
                  struct look *l)
{
    struct ruler k = {.metric = l->metric, .gives = gives};
    double loss;

    TRY(ruler_make(&k, train));
    l->scale = k.scale;
    l->grid = 1;
    while ((uint64_t)(l->grid + 1) * (l->grid + 1) < l->distinct) {
        l->grid++;
    }
    l->placebo = (uint32_t)steps_of(&k, outputs, NULL, 0, l->grid);
    l->best = l->best < l->placebo ? l->best : l->placebo;
    l->loss = l->best;
    l->decades = 0;
    l->outcome = LOOK_NOT_BETTER;
    loss = steps_of(&k, outputs, answers, 0, l->grid);
    /* Right about outputs of other rows: what was compared is not what it
     * seems. Chance does not reach three steps. */
    if (steps_of(&k, outputs, answers, values_n(outputs) / 2, l->grid) <
        (double)l->placebo - 3) {
        l->outcome = LOOK_VOID;
    } else if (loss < (double)l->best - 1) {
        l->outcome = LOOK_BETTER;
        l->loss = (uint32_t)(loss + 0.5);
        l->decades = decades_of(&k, outputs, answers);
    }
    return 0;
}
