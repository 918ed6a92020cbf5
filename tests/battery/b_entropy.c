/* Battery entropy: the tap of the routers is inert; and what its numbers are
 * worth, measured and reported, wired to nothing. Tests only. */
#include "tests/battery/plain.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKENS_N 60u

/* Entropies of one pass, normalised to [0, 1], (layers, rows). */
struct tap {
    struct account *account;
    const struct model_shape *shape;
    size_t rows;
    double *entropy;
    uint64_t called;
};

static void listen(void *ctx, uint32_t layer, size_t rows, const uint32_t *lane,
                   const float *probabilities, size_t experts)
{
    struct tap *t = ctx;

    (void)lane;
    t->called++;
    hold(t->account, rows <= t->rows && experts == t->shape->experts,
         "the tap was told of %zu rows and %zu experts", rows, experts);
    for (size_t i = 0; i < rows; i++) {
        double sum = 0, entropy = 0;

        for (size_t e = 0; e < experts; e++) {
            double p = (double)probabilities[i * experts + e];

            sum += p;
            entropy -= p > 0 ? p * log(p) : 0;
        }
        hold(t->account, fabs(sum - 1) < 1e-5, "probabilities that sum to %g",
             sum);
        t->entropy[layer * t->rows + i] = entropy / log((double)experts);
    }
}

static void tap_init(struct tap *t, struct account *a, const struct little *l,
                     size_t rows)
{
    size_t n = l->shape->layers * rows * sizeof(double);

    *t = (struct tap){a, l->shape, rows, keep(n), 0};
}

/* Prefill in two pieces and decoding with the tap on: nothing moves. */
static void inert(struct account *a, const struct plain *p)
{
    const struct little *l = p->little;
    struct pass *pass = pass_make(l, TOKENS_N, 1);

    for (size_t i = 0; i < (a->full ? 40u : 6u); i++) {
        const void *mark = keep_mark();
        struct cache c = cache_make(l, TOKENS_N, 0);
        size_t at = 1 + below(a, TOKENS_N - 1), passes = 0;
        struct tap t;
        struct traps traps = {NULL, NULL, listen, &t};

        tap_init(&t, a, l, TOKENS_N);
        while (c.n < TOKENS_N) {
            forward(a, pass, p, &c, c.n < at ? at : (size_t)c.n + 1, &traps,
                    "the tap on");
            passes++;
        }
        hold(a, t.called == passes * l->shape->layers,
             "%s: the tap was called %llu times in %zu passes", l->kind,
             (unsigned long long)t.called, passes);
        same_cache(a, p, &c, "the tap on");
        a->schedules++;
        keep_back(mark);
    }
}

static uint32_t best(const float *logits, size_t n)
{
    uint32_t best_i = 0;

    for (uint32_t i = 1; i < n; i++) {
        if (logits[i] > logits[best_i]) {
            best_i = i;
        }
    }
    return best_i;
}

/* Mann and Whitney's count: how often a flipped position has the larger
 * entropy; with the standard error of Hanley and McNeil 1982. */
static double auc(const double *entropy, const uint8_t *flipped, size_t from,
                  size_t to, double *out_error, size_t *out_flips)
{
    double wins = 0, n1 = 0, n0 = 0, v, q1, q2;

    for (size_t i = from; i < to; i++) {
        n1 += flipped[i];
        n0 += !flipped[i];
        for (size_t j = from; flipped[i] && j < to; j++) {
            if (!flipped[j]) {
                wins += entropy[i] > entropy[j]   ? 1
                        : entropy[i] < entropy[j] ? 0
                                                  : 0.5;
            }
        }
    }
    *out_flips = (size_t)n1;
    if (n1 < 1 || n0 < 1) {
        *out_error = 1;
        return 0.5;
    }
    v = wins / (n1 * n0);
    q1 = v / (2 - v);
    q2 = 2 * v * v / (1 + v);
    *out_error =
        sqrt((v * (1 - v) + (n1 - 1) * (q1 - v * v) + (n0 - 1) * (q2 - v * v)) /
             (n1 * n0));
    return v;
}

/* Does the last router's entropy tell where eight bits choose another token than
 * 32 do? The layer and the direction are chosen on the first half of the
 * positions, the figure is the second half's. */
static void measure(struct account *a, size_t kind)
{
    size_t f32, q8, n = a->full ? 4000 : 600, flips;
    const struct little *l[2];
    float *logits[2];
    struct tap t;
    struct traps traps = {NULL, NULL, listen, &t};
    uint8_t *flipped = keep(n);
    const double *chosen;
    double v, error, strongest = -1;
    size_t layer = 0;

    MUST(little_type("f32", &f32));
    MUST(little_type("q8_0", &q8));
    l[0] = little_make(a, kind, f32, 64, 810);
    l[1] = little_make(a, kind, q8, 64, 810); /* the same weights */
    tap_init(&t, a, l[1], n);
    for (size_t i = 0; i < 2; i++) {
        struct pass *pass = pass_make(l[i], n, 1);
        struct cache c = cache_make(l[i], (uint32_t)n, (uint32_t)n);
        uint32_t *tokens = keep(n * sizeof(*tokens));
        struct pass_lane lane = {&c, tokens, n, 0, NULL, NULL};

        for (size_t j = 0; j < n; j++) {
            tokens[j] = (uint32_t)((j * j * 7 + j / 3) % l[i]->shape->vocab);
        }
        lane.logits = logits[i] = keep(n * l[i]->shape->vocab * sizeof(float));
        MUST(pass_run(pass, &lane, 1, i == 1 ? &traps : NULL));
    }
    for (size_t j = 0; j < n; j++) {
        size_t vocab = l[0]->shape->vocab;

        flipped[j] = best(logits[0] + j * vocab, vocab) !=
                     best(logits[1] + j * vocab, vocab);
    }
    for (size_t i = 0; i < l[1]->shape->layers; i++) {
        v = auc(t.entropy + i * n, flipped, 0, n / 2, &error, &flips);
        if (fabs(v - 0.5) > strongest) {
            strongest = fabs(v - 0.5);
            layer = i;
        }
    }
    chosen = t.entropy + layer * n;
    v = auc(chosen, flipped, n / 2, n, &error, &flips);
    (void)snprintf(a->report, sizeof(a->report),
                   "{\"asked\": \"does a router's entropy foretell where q8_0 "
                   "chooses another token than f32\", \"layer\": %zu, "
                   "\"positions\": %zu, \"flips\": %zu, \"auc\": %.3f, "
                   "\"interval_95\": [%.3f, %.3f], \"used\": \"nowhere\"}",
                   layer, n - n / 2, flips, v, fmax(0, v - 1.96 * error),
                   fmin(1, v + 1.96 * error));
}

static void one_model(struct account *a, size_t kind, size_t type)
{
    const struct little *l = little_make(a, kind, type, 32, 800 + kind);

    inert(a, plain_run(a, l, tokens_draw(a, l, TOKENS_N), TOKENS_N));
}

static void run(struct account *a)
{
    every_model(a, 1, one_model); /* all with experts */
    measure(a, KINDS_N - 1);
}

const struct battery battery_entropy = {
    .name = "entropy",
    .mechanism = "entropy tap",
    .compares = "logits and cache with the tap on against it off",
    .over = "all kinds with experts, all types; prefill and decoding, cut at "
            "random; the tap's probabilities are some",
    .saboteurs = {"tap-writes"},
    .run = run,
};
