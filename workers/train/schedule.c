/* Schedules of the rate. Runs in worker train. Must never ask libm for a power
 * or a cosine. */
#include "workers/train/schedule.h"

#include <math.h>
#include <string.h>

#include "proto/err.h"
#include "workers/nn/math_impl.h"

#define PI 3.141592653589793
#define PARTS_MAX 64u
#define CYCLE_RISE 0.3

static const struct loc nowhere = {NULL, 0, 0};

enum kind {
    CONSTANT,
    STEP,
    MULTI_STEP,
    EXPONENTIAL,
    COSINE,
    LINEAR,
    ONE_CYCLE,
    PLATEAU,
    POLYNOMIAL
};

static const char *const kinds[] = {
    [CONSTANT] = "constant",   [STEP] = "step",
    [MULTI_STEP] = "multi_step", [EXPONENTIAL] = "exponential",
    [COSINE] = "cosine",       [LINEAR] = "linear",
    [ONE_CYCLE] = "one_cycle", [PLATEAU] = "plateau",
    [POLYNOMIAL] = "polynomial"};

static int find_kind(const char *name, enum kind *out)
{
    for (size_t i = 0; i < ARRAY_N(kinds); i++) {
        if (name != NULL && strcmp(kinds[i], name) == 0) {
            *out = (enum kind)i;
            return 0;
        }
    }
    return -1;
}

void plateau_init(struct plateau *p)
{
    *p = (struct plateau){.share = 1.0};
}

/* The kinds that stretch over `size`, and those that need a factor. */
static int needs_size(enum kind k)
{
    return k == STEP || k == COSINE || k == LINEAR || k == ONE_CYCLE ||
           k == POLYNOMIAL;
}

static int needs_factor(enum kind k)
{
    return k == STEP || k == MULTI_STEP || k == EXPONENTIAL;
}

static int refuse(size_t i, const char *what, const char *hint, struct diag *d)
{
    (void)diag_set(d, ERR_INPUT, nowhere, "schedule[%zu]: %s", i, what);
    diag_hint(d, "%s", hint);
    return ERR_INPUT;
}

static int is_share(double v)
{
    return v >= 0 && isfinite(v);
}

static int check_part(const Proctor__SchedulePart *p, size_t i, struct diag *d)
{
    enum kind kind;

    if (find_kind(p->kind, &kind) != 0) {
        return refuse(i, "an unknown kind",
                      "known: constant, step, multi_step, exponential, cosine, "
                      "linear, one_cycle, plateau, polynomial",
                      d);
    }
    if (needs_size(kind) && p->size == 0) {
        return refuse(i, "size is missing or 0",
                      "size: over how many steps (or epochs)", d);
    }
    if (needs_factor(kind) && p->factor == 0) {
        return refuse(i, "factor is missing or 0", "factor: 0.1", d);
    }
    if (!is_share(p->factor) || !is_share(p->start) || !is_share(p->power) ||
        !is_share(p->threshold) || !(p->least >= 0 && p->least <= 1)) {
        return refuse(i, "a number is negative, not finite, or least is over 1",
                      "shares of the optimizer's rate", d);
    }
    if (kind == COSINE && p->factor != 0 && p->factor < 1) {
        return refuse(i, "factor makes periods shorter",
                      "factor: 1 or more starts anew, none stops at the end",
                      d);
    }
    if (kind == PLATEAU && p->factor >= 1) {
        return refuse(i, "factor does not lower the rate", "factor: 0.1", d);
    }
    for (size_t j = 1; j < p->n_at; j++) {
        if (p->at[j] <= p->at[j - 1]) {
            return refuse(i, "at does not ascend", "at: [30, 60, 80]", d);
        }
    }
    return 0;
}

int schedule_check(const Proctor__ScheduleSpec *spec, struct diag *d)
{
    size_t n = spec == NULL ? 0 : spec->n_parts;

    if (n > PARTS_MAX) {
        return diag_set(d, ERR_LIMIT, nowhere,
                        "a schedule of %zu parts, the limit is %u", n,
                        PARTS_MAX);
    }
    for (size_t i = 0; i < n; i++) {
        uint64_t from = spec->parts[i]->from;

        TRY(check_part(spec->parts[i], i, d));
        if (i == 0 ? from != 0 : from <= spec->parts[i - 1]->from) {
            return refuse(i, "from does not ascend, or the first is not 0",
                          "each part says from which step on it counts", d);
        }
    }
    return 0;
}

static double power_of(double v, uint64_t n)
{
    double result = 1.0;

    for (; n > 0; n /= 2) {
        result = n % 2 == 1 ? result * v : result;
        v *= v;
    }
    return result;
}

/* From 1 at 0 to 0 at 1. */
static double half_cosine(double at)
{
    double sine, cosine;

    math_sin_cos(PI * at, &sine, &cosine);
    return (1.0 + cosine) / 2.0;
}

static double cosine_share(const Proctor__SchedulePart *p, uint64_t t)
{
    double period = (double)p->size, at = (double)t;

    if (at >= period && p->factor == 0) {
        return p->least;
    }
    if (p->factor == 1) {
        at = (double)(t % p->size);
    }
    while (at >= period) { /* periods grow: few rounds */
        double longer = ceil(period * p->factor);

        at -= period;
        period = longer > period ? longer : period + 1;
    }
    return p->least + (1.0 - p->least) * half_cosine(at / period);
}

static double one_cycle_share(const Proctor__SchedulePart *p, uint64_t t)
{
    double rise = CYCLE_RISE * (double)p->size, at = (double)t;
    double start = p->start == 0 ? 0.04 : p->start;

    if (at < rise) {
        return 1.0 + (start - 1.0) * half_cosine(at / rise);
    }
    return t >= p->size
               ? p->least
               : p->least + (1.0 - p->least) *
                                half_cosine((at - rise) /
                                            ((double)p->size - rise));
}

static double polynomial_share(const Proctor__SchedulePart *p, uint64_t t)
{
    double left = 1.0 - (double)t / (double)p->size;
    double power = p->power == 0 ? 1.0 : p->power;

    if (t >= p->size) {
        return p->least;
    }
    return p->least +
           (1.0 - p->least) *
               (power == 1.0 ? left : math_exp(power * math_log(left)));
}

static double linear_share(const Proctor__SchedulePart *p, uint64_t t)
{
    double end = p->factor == 0 ? 1.0 : p->factor;

    return t >= p->size
               ? end
               : p->start + (end - p->start) * ((double)t / (double)p->size);
}

static double share_of(const Proctor__SchedulePart *p, uint64_t t,
                       const struct plateau *plateau)
{
    enum kind kind = CONSTANT;
    size_t passed = 0;

    (void)find_kind(p->kind, &kind);
    switch (kind) {
    case STEP:
        return power_of(p->factor, t / p->size);
    case MULTI_STEP:
        while (passed < p->n_at && p->at[passed] <= t) {
            passed++;
        }
        return power_of(p->factor, passed);
    case EXPONENTIAL:
        return power_of(p->factor, t);
    case COSINE:
        return cosine_share(p, t);
    case LINEAR:
        return linear_share(p, t);
    case ONE_CYCLE:
        return one_cycle_share(p, t);
    case PLATEAU:
        return plateau->share;
    case POLYNOMIAL:
        return polynomial_share(p, t);
    case CONSTANT:
    default:
        return p->factor == 0 ? 1.0 : p->factor;
    }
}

/* The part that rules at t; NULL: none. */
static const Proctor__SchedulePart *part_at(const Proctor__ScheduleSpec *spec,
                                            uint64_t t)
{
    const Proctor__SchedulePart *found = NULL;

    for (size_t i = 0; spec != NULL && i < spec->n_parts; i++) {
        found = spec->parts[i]->from <= t ? spec->parts[i] : found;
    }
    return found;
}

double schedule_rate(const Proctor__ScheduleSpec *spec, double base,
                     uint64_t step, uint64_t epoch, const struct plateau *p)
{
    uint64_t t = spec != NULL && spec->per_epoch ? epoch : step;
    const Proctor__SchedulePart *part = part_at(spec, t);

    return part == NULL ? base : base * share_of(part, t - part->from, p);
}

static int is_better(const Proctor__SchedulePart *part,
                     const struct plateau *p, double value, int lower)
{
    double threshold = part->threshold == 0 ? 1e-4 : part->threshold;
    double margin = threshold * fabs(p->best);

    if (value != value) {
        return 0;
    }
    return !p->has_best || (lower ? value < p->best - margin
                                  : value > p->best + margin);
}

void schedule_measured(const Proctor__ScheduleSpec *spec, uint64_t step,
                       uint64_t epoch, double value, int lower,
                       struct plateau *p)
{
    uint64_t t = spec != NULL && spec->per_epoch ? epoch : step;
    const Proctor__SchedulePart *part = part_at(spec, t);
    double factor;

    if (part == NULL || strcmp(part->kind, kinds[PLATEAU]) != 0) {
        return;
    }
    if (is_better(part, p, value, lower)) {
        p->best = value;
        p->has_best = 1;
        p->bad = 0;
    } else {
        p->bad++;
    }
    if (p->cool > 0) {
        p->cool--;
        p->bad = 0;
    }
    if (p->bad <= part->patience) {
        return;
    }
    factor = part->factor == 0 ? 0.1 : part->factor;
    p->share = p->share * factor > part->least ? p->share * factor
                                               : part->least;
    p->cool = part->cooldown;
    p->bad = 0;
}

int schedule_save(const struct plateau *p, struct buf *out)
{
    TRY(buf_put_f64(out, p->best));
    TRY(buf_put_f64(out, p->share));
    TRY(buf_put_u64(out, p->bad));
    TRY(buf_put_u64(out, p->cool));
    return buf_put_u8(out, p->has_best);
}

int schedule_load(struct plateau *p, struct ubytes state)
{
    struct plateau read;
    struct rd r;

    rd_init(&r, state);
    read.best = rd_f64(&r);
    read.share = rd_f64(&r);
    read.bad = rd_u64(&r);
    read.cool = rd_u64(&r);
    read.has_best = rd_u8(&r);
    if (rd_end(&r) != 0 || read.has_best > 1 || !isfinite(read.best) ||
        !(read.share >= 0 && read.share <= 1)) {
        return ERR_TRACE(ERR_INPUT);
    }
    *p = read;
    return 0;
}
