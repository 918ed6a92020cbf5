/* Metrics by name: opening, samples in, tallies together, bytes. What each of
 * them computes is its family's. Worker train; pure. */
#include "workers/train/metric.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/train/metric_int.h"

#define STATE_MAGIC 0x504d4554u /* "PMET" */
#define STATE_VERSION 1u
#define COUNT_MAX                                                              \
    (UINT64_C(1) << 40) /* whose sums over all classes fit an i64 */

enum metric_arg {
    METRIC_ARG_NONE,
    METRIC_ARG_AVERAGE,
    METRIC_ARG_BETA,
    METRIC_ARG_K,
    METRIC_ARG_WEIGHTS,
    METRIC_ARG_RANGE,
    METRIC_ARG_DECAY
};

struct metric_info {
    const char *name;
    const struct metric_family *family;
    enum metric_arg arg;
    unsigned suits;
    const char *text;
};

#define R METRIC_REGRESSION
#define C METRIC_CLASSIFICATION
#define T METRIC_TEXT
static const struct metric_info infos[METRIC_ID_N] = {
#define METRIC(id, name, family, argument, suits, text)                        \
    {name, &metric_family_##family, METRIC_ARG_##argument, suits, text},
#include "workers/train/metric.def"
#undef METRIC
};
#undef R
#undef C
#undef T

const char *metric_at(size_t i, const char **out_text)
{
    if (i >= METRIC_ID_N) {
        return NULL;
    }
    *out_text = infos[i].text;
    return infos[i].name;
}

/* ---- Names and arguments ---- */

/* Of one of n words; -1: none. */
static int word_of(const char *word, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(word, words[i]) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static int unknown(const char *name, struct diag *d)
{
    const char *all[METRIC_ID_N];
    const char *near;

    for (size_t i = 0; i < METRIC_ID_N; i++) {
        all[i] = infos[i].name;
    }
    (void)diag_set(d, ERR_INPUT, (struct loc){0}, "unknown metric \"%.40s\"",
                   name);
    near = diag_nearest(name, all, METRIC_ID_N);
    if (near != NULL) {
        diag_hint(d, "did you mean %s?", near);
    }
    return ERR_INPUT;
}

static int bad_argument(const struct metric_tally *t, const char *expected,
                        const char *got, struct diag *d)
{
    return diag_set(d, ERR_INPUT, (struct loc){0},
                    "metric %s: expected %s behind the colon, got \"%.20s\"",
                    infos[t->id].name, expected, got);
}

struct bounds {
    double least, most; /* both are within */
    int whole;
    const char *text;
};

static int number(const struct metric_tally *t, const char *arg,
                  struct bounds within, double *out, struct diag *d)
{
    char *end;

    *out = strtod(arg, &end);
    if (end == arg || *end != 0 || !(*out >= within.least && *out <= within.most) ||
        (within.whole && *out != floor(*out))) {
        return bad_argument(t, within.text, arg, d);
    }
    return 0;
}

static int average(struct metric_tally *t, const char *arg, struct diag *d)
{
    static const char *const names[] = {"none",  "binary",   "macro",
                                        "micro", "weighted", "samples"};
    int i = arg == NULL ? -1 : word_of(arg, names, ARRAY_N(names));

    if (arg != NULL && i < 0) {
        return bad_argument(
            t, "none, binary, macro, micro, weighted or samples", arg, d);
    }
    t->average = (enum metric_average)i;
    if (arg == NULL) {
        t->average =
            t->id != METRIC_ID_F1 && t->setup.classes == 2 && !t->setup.several
                ? AVERAGE_BINARY
                : AVERAGE_MACRO;
    }
    return 0;
}

static int weights(struct metric_tally *t, const char *arg, struct diag *d)
{
    static const char *const names[] = {"none", "linear", "quadratic"};
    int i = arg == NULL ? 0 : word_of(arg, names, ARRAY_N(names));

    if (i < 0) {
        return bad_argument(t, "none, linear or quadratic", arg, d);
    }
    t->arg = i;
    return 0;
}

static int argument(struct metric_tally *t, const char *arg, struct diag *d)
{
    switch (infos[t->id].arg) {
    case METRIC_ARG_NONE:
        return arg == NULL ? 0 : bad_argument(t, "nothing", arg, d);
    case METRIC_ARG_AVERAGE:
        t->arg = 1;
        return average(t, arg, d);
    case METRIC_ARG_BETA:
        t->average = AVERAGE_MACRO;
        return number(t, arg != NULL ? arg : "",
                      (struct bounds){1e-6, 1e6, 0, "a number above 0"},
                      &t->arg, d);
    case METRIC_ARG_K:
        return number(t, arg != NULL ? arg : "5",
                      (struct bounds){1, METRIC_CLASSES_MAX, 1, "1..65536"},
                      &t->arg, d);
    case METRIC_ARG_WEIGHTS:
        return weights(t, arg, d);
    case METRIC_ARG_RANGE:
        return number(t, arg != NULL ? arg : "1",
                      (struct bounds){1e-300, 1e300, 0, "a number above 0"},
                      &t->arg, d);
    case METRIC_ARG_DECAY:
        return number(t, arg != NULL ? arg : "0.98",
                      (struct bounds){0, 1, 0, "0..1"}, &t->arg, d);
    }
    return ERR_TRACE(ERR_INTERNAL);
}

/* NAME[:ARGUMENT] into id, text, average and arg. */
static int parse(struct metric_tally *t, const char *text, struct diag *d)
{
    const char *colon = strchr(text, ':');
    char name[ENGINE_NAME_BYTES] = {0};
    size_t n = colon != NULL ? (size_t)(colon - text) : strlen(text);

    if (n >= sizeof(name) || strlen(text) >= sizeof(t->text)) {
        return unknown(text, d);
    }
    memcpy(name, text, n);
    memcpy(t->text, text, strlen(text) + 1);
    for (size_t i = 0; i < METRIC_ID_N; i++) {
        if (strcmp(name, infos[i].name) == 0) {
            t->id = (enum metric_id)i;
            t->family = infos[i].family;
            return argument(t, colon != NULL ? colon + 1 : NULL, d);
        }
    }
    return unknown(name, d);
}

int metric_check(const char *text, enum metric_suits kind, struct diag *d)
{
    struct metric_tally t = {.setup = {.classes = 2}};

    TRY(parse(&t, text, d));
    if ((infos[t.id].suits & (unsigned)kind) == 0) {
        return diag_set(d, ERR_INPUT, (struct loc){0},
                        "metric %s: it is none of %s", infos[t.id].name,
                        kind == METRIC_TEXT         ? "text"
                        : kind == METRIC_REGRESSION ? "regression"
                                                    : "classification");
    }
    return 0;
}

/* ---- Life ---- */

void metric_close(struct metric_tally *t)
{
    if (t == NULL) {
        return;
    }
    free(t->counts);
    free(t->sums);
    free(t->pairs);
    free(t);
}

static void metric_closep(struct metric_tally **t)
{
    metric_close(*t);
}

int metric_open(const char *text, const struct metric_setup *setup,
                struct metric_tally **out, struct diag *d)
{
    struct metric_tally *t CLEANUP(metric_closep) = calloc(1, sizeof(*t));

    if (t == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    t->setup = *setup;
    TRY(parse(t, text, d));
    TRY(t->family->init(t, d));
    t->counts = calloc(t->counts_n + 1, sizeof(*t->counts));
    t->sums = calloc(t->sums_n + 1, sizeof(*t->sums));
    if (t->counts == NULL || t->sums == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    metric_reset(t);
    *out = t;
    t = NULL;
    return 0;
}

const char *metric_text(const struct metric_tally *t)
{
    return t->text;
}

void metric_reset(struct metric_tally *t)
{
    t->n = t->bad = 0;
    t->least = (double)INFINITY;
    t->most = -(double)INFINITY;
    t->pairs_n = 0;
    memset(t->counts, 0, t->counts_n * sizeof(*t->counts));
    memset(t->sums, 0, t->sums_n * sizeof(*t->sums));
}

/* ---- Samples ---- */

int metric_bad_sample(const struct metric_tally *t, uint64_t i,
                      const char *what, double v, struct diag *d)
{
    return diag_set(d, ERR_INPUT, (struct loc){0},
                    "metric %s: sample %llu: expected %s, got %g", t->text,
                    (unsigned long long)i + 1, what, v);
}

int metric_bad_setup(const struct metric_tally *t, const char *what,
                     struct diag *d)
{
    return diag_set(d, ERR_INPUT, (struct loc){0}, "metric %s: %s", t->text,
                    what);
}

static int reserve(struct metric_tally *t, uint64_t more, struct diag *d)
{
    size_t cap = t->pairs_cap != 0 ? t->pairs_cap : 256;
    struct metric_pair *grown;

    if (more > METRIC_PAIRS_MAX - t->pairs_n) {
        return diag_set(d, ERR_LIMIT, (struct loc){0},
                        "metric %s: too many samples (limit is %u)", t->text,
                        METRIC_PAIRS_MAX);
    }
    if (t->pairs_n + more <= t->pairs_cap) {
        return 0;
    }
    while (cap < t->pairs_n + more) {
        cap *= 2;
    }
    grown = realloc(t->pairs, cap * sizeof(*grown));
    if (grown == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    t->pairs = grown;
    t->pairs_cap = cap;
    return 0;
}

void metric_pair_add(struct metric_tally *t, double x, double y)
{
    ASSERT(t->pairs_n < t->pairs_cap);
    t->pairs[t->pairs_n++] = (struct metric_pair){x, y};
}

int metric_update(struct metric_tally *t, const struct metric_batch *b,
                  struct diag *d)
{
    if (t->family->check != NULL) {
        TRY(t->family->check(t, b, d));
    }
    if (t->family->keeps_pairs) {
        TRY(reserve(t, b->n, d));
    }
    t->family->add(t, b);
    return 0;
}

static int is_same(const struct metric_tally *a, const struct metric_tally *b)
{
    return strcmp(a->text, b->text) == 0 && a->counts_n == b->counts_n &&
           a->sums_n == b->sums_n && a->setup.width == b->setup.width;
}

int metric_merge(struct metric_tally *a, const struct metric_tally *b,
                 struct diag *d)
{
    if (!is_same(a, b) || a->id == METRIC_ID_RUNNING_AVERAGE) {
        return metric_bad_setup(a, "these tallies do not add up", d);
    }
    TRY(reserve(a, b->pairs_n, d));
    a->n += b->n;
    a->bad += b->bad;
    a->least = fmin(a->least, b->least);
    a->most = fmax(a->most, b->most);
    for (size_t i = 0; i < a->counts_n; i++) {
        a->counts[i] += b->counts[i];
    }
    for (size_t i = 0; i < a->sums_n; i++) {
        metric_sum_merge(&a->sums[i], &b->sums[i]);
    }
    for (size_t i = 0; i < b->pairs_n; i++) {
        metric_pair_add(a, b->pairs[i].x, b->pairs[i].y);
    }
    return 0;
}

/* ---- Values ---- */

int metric_each(struct metric_tally *t, metric_sink *sink, void *ctx)
{
    if (t->n == 0) {
        return METRIC_E_NOT_COMPUTABLE;
    }
    return t->family->each(t, sink, ctx);
}

enum {
    FIRST_TAKEN = 2
}; /* ends metric_each */

static int take_first(void *ctx, const char *suffix, double v)
{
    (void)suffix;
    *(double *)ctx = v;
    return FIRST_TAKEN;
}

int metric_value(struct metric_tally *t, double *out)
{
    int code = metric_each(t, take_first, out);

    return code == FIRST_TAKEN ? 0 : code;
}

/* ---- Bytes ---- */

uint64_t metric_state_bytes(const struct metric_tally *t, uint64_t rows)
{
    return 128 + 8 * (uint64_t)t->counts_n + 16 * (uint64_t)t->sums_n +
           (t->family->keeps_pairs ? 16 * rows : 0);
}

static int put_numbers(const struct metric_tally *t, struct buf *out)
{
    TRY(buf_put_u64(out, t->n));
    TRY(buf_put_u64(out, t->bad));
    TRY(buf_put_f64(out, t->least));
    TRY(buf_put_f64(out, t->most));
    TRY(buf_put_u64(out, t->counts_n));
    for (size_t i = 0; i < t->counts_n; i++) {
        TRY(buf_put_u64(out, (uint64_t)t->counts[i]));
    }
    TRY(buf_put_u64(out, t->sums_n));
    for (size_t i = 0; i < t->sums_n; i++) {
        TRY(buf_put_f64(out, t->sums[i].hi));
        TRY(buf_put_f64(out, t->sums[i].lo));
    }
    TRY(buf_put_u64(out, t->pairs_n));
    for (size_t i = 0; i < t->pairs_n; i++) {
        TRY(buf_put_f64(out, t->pairs[i].x));
        TRY(buf_put_f64(out, t->pairs[i].y));
    }
    return 0;
}

int metric_save(const struct metric_tally *t, struct buf *out)
{
    TRY(buf_put_u32(out, STATE_MAGIC));
    TRY(buf_put_u8(out, STATE_VERSION));
    TRY(buf_put_bytes16(
        out, (struct ubytes){(const uint8_t *)t->text, strlen(t->text)}));
    return put_numbers(t, out);
}

/* All of a tally's numbers behind its text; pairs must fit. */
static void take_numbers(struct metric_tally *t, struct rd *r)
{
    t->n = rd_u64(r);
    t->bad = rd_u64(r);
    if (t->n > COUNT_MAX || t->bad > COUNT_MAX) {
        rd_fail(r);
    }
    t->least = rd_f64(r);
    t->most = rd_f64(r);
    if (rd_u64(r) != t->counts_n) {
        rd_fail(r);
    }
    for (size_t i = 0; i < t->counts_n; i++) {
        uint64_t v = rd_u64(r);

        if (v > COUNT_MAX) {
            rd_fail(r);
            return;
        }
        t->counts[i] = (int64_t)v;
    }
    if (rd_u64(r) != t->sums_n) {
        rd_fail(r);
    }
    for (size_t i = 0; i < t->sums_n; i++) {
        t->sums[i].hi = rd_f64(r);
        t->sums[i].lo = rd_f64(r);
    }
}

int metric_load(struct metric_tally *t, struct rd *in)
{
    struct metric_tally *fresh CLEANUP(metric_closep) = NULL;
    struct metric_tally kept;
    struct ubytes text;
    struct diag unused;
    uint64_t pairs;

    diag_init(&unused);
    TRY(metric_open(t->text, &t->setup, &fresh, &unused));
    if (rd_u32(in) != STATE_MAGIC || rd_u8(in) != STATE_VERSION) {
        rd_fail(in);
    }
    text = rd_bytes16(in);
    if (rd_is_bad(in) || text.n != strlen(t->text) ||
        memcmp(text.p, t->text, text.n) != 0) {
        return ERR_TRACE(ERR_ENCODING);
    }
    take_numbers(fresh, in);
    pairs = rd_u64(in);
    if (rd_is_bad(in) || pairs > rd_left(in) / 16 || pairs > fresh->n ||
        (!t->family->keeps_pairs && pairs != 0)) {
        rd_fail(in);
        return ERR_TRACE(ERR_ENCODING);
    }
    TRY(reserve(fresh, pairs, &unused));
    for (uint64_t i = 0; i < pairs; i++) {
        double x = rd_f64(in), y = rd_f64(in);

        if (isnan(x) || isnan(y)) { /* metric_update lets none pass */
            rd_fail(in);
            return ERR_TRACE(ERR_ENCODING);
        }
        metric_pair_add(fresh, x, y);
    }
    kept = *t; /* the numbers change hands, what it is attached to stays */
    t->n = fresh->n;
    t->bad = fresh->bad;
    t->least = fresh->least;
    t->most = fresh->most;
    t->counts = fresh->counts;
    t->sums = fresh->sums;
    t->pairs = fresh->pairs;
    t->pairs_n = fresh->pairs_n;
    t->pairs_cap = fresh->pairs_cap;
    fresh->counts = kept.counts;
    fresh->sums = kept.sums;
    fresh->pairs = kept.pairs;
    return 0;
}
