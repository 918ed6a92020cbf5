/* Optimizers. Runs in worker train. Must never let the order of a loop decide a
 * bit: all is elementwise. */
#include "workers/train/optimizer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/nn/wide.h"

enum kind {
    SGD,
    ADAM,
    ADAMW,
    RMSPROP
};

static const char *const kinds[] = {
    [SGD] = "sgd", [ADAM] = "adam", [ADAMW] = "adamw", [RMSPROP] = "rmsprop"};

enum {
    HEAD_BYTES = 3 * 8,
    MOMENTS_MAX = 2
};

struct optimizer {
    enum kind kind;
    size_t n;
    size_t moments_n;
    float *moments[MOMENTS_MAX]; /* the first owned; n each */
    double momentum, beta1, beta2, epsilon, decay;
    int nesterov;
    uint64_t steps;
    double power1, power2; /* of the betas, by steps */
};

static const struct loc nowhere = {NULL, 0, 0};

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

static int check_range(double v, double most, const char *name,
                       struct diag *d)
{
    if (v >= 0 && v < most) {
        return 0;
    }
    return diag_set(d, ERR_INPUT, nowhere,
                    "optimizer.%s is %g, expected 0 to below %g", name, v,
                    most);
}

int optimizer_check(const Proctor__OptimizerSpec *spec, struct diag *d)
{
    enum kind kind;

    if (find_kind(spec->kind, &kind) != 0) {
        (void)diag_set(d, ERR_INPUT, nowhere, "optimizer \"%s\" is unknown",
                       spec->kind == NULL ? "" : spec->kind);
        diag_hint(d, "known: sgd, adam, adamw, rmsprop");
        return ERR_INPUT;
    }
    if (!(spec->rate > 0) || !isfinite(spec->rate)) {
        (void)diag_set(d, ERR_INPUT, nowhere,
                       "optimizer.rate is %g, expected over 0", spec->rate);
        diag_hint(d, "1e-3 is a usual one");
        return ERR_INPUT;
    }
    TRY(check_range(spec->momentum, 1, "momentum", d));
    TRY(check_range(spec->beta1, 1, "beta1", d));
    TRY(check_range(spec->beta2, 1, "beta2", d));
    TRY(check_range(spec->epsilon, 1e6, "epsilon", d));
    TRY(check_range(spec->decay, 1e6, "decay", d));
    if (spec->nesterov && (kind != SGD || spec->momentum == 0)) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "optimizer.nesterov needs sgd with a momentum");
    }
    return 0;
}

static size_t moments_of(const Proctor__OptimizerSpec *spec)
{
    enum kind kind;

    if (find_kind(spec->kind, &kind) != 0) {
        return 0;
    }
    return kind == SGD       ? spec->momentum > 0
           : kind == RMSPROP ? 1u + (spec->momentum > 0)
                             : 2u;
}

uint64_t optimizer_memory(const Proctor__OptimizerSpec *spec, uint64_t n)
{
    return moments_of(spec) * n * sizeof(float);
}

uint64_t optimizer_state_bytes(const Proctor__OptimizerSpec *spec, uint64_t n)
{
    return HEAD_BYTES + optimizer_memory(spec, n);
}

static double given_or(double v, double usual)
{
    return v == 0 ? usual : v;
}

int optimizer_new(const Proctor__OptimizerSpec *spec, size_t n,
                  struct optimizer **out, struct diag *d)
{
    struct optimizer *o CLEANUP(mem_freep) = NULL;

    *out = NULL;
    TRY(optimizer_check(spec, d));
    o = calloc(1, sizeof(*o));
    if (o == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    (void)find_kind(spec->kind, &o->kind);
    o->n = n;
    o->momentum = spec->momentum;
    o->nesterov = spec->nesterov;
    o->beta1 = given_or(spec->beta1, 0.9);
    o->beta2 = given_or(spec->beta2, o->kind == RMSPROP ? 0.99 : 0.999);
    o->epsilon = given_or(spec->epsilon, 1e-8);
    o->decay = spec->decay;
    o->power1 = 1.0;
    o->power2 = 1.0;
    o->moments_n = moments_of(spec);
    if (o->moments_n > 0) {
        o->moments[0] = calloc(o->moments_n * n, sizeof(float));
        o->moments[1] = o->moments_n > 1 ? o->moments[0] + n : NULL;
        if (o->moments[0] == NULL) {
            return ERR_TRACE(ERR_NOMEM);
        }
    }
    *out = o;
    o = NULL;
    return 0;
}

void optimizer_free(struct optimizer *o)
{
    if (o != NULL) {
        free(o->moments[0]);
        free(o);
    }
}

/* Factors of one step, in f32. */
struct factors {
    float rate, decay; /* decay: of g, or of w at once (adamw: rate d) */
    float momentum;
    float beta1, rest1, beta2, rest2; /* rest = 1 - beta */
    float right1, right2;             /* 1 / (1 - beta^t) */
    float epsilon;
    int nesterov;
};

INLINE float decayed(const struct factors *f, float g, float w, uint8_t mask)
{
    return g + f->decay * (mask ? w : 0.0f);
}

INLINE void sgd_body(const struct factors *p, size_t n, float *w,
                     const float *grad, const uint8_t *mask, float *moment)
{
    const struct factors f = *p; /* no store changes it */

    if (moment == NULL) {
        for (size_t i = 0; i < n; i++) {
            w[i] -= f.rate * decayed(&f, grad[i], w[i], mask[i]);
        }
        return;
    }
    for (size_t i = 0; i < n; i++) {
        float g = decayed(&f, grad[i], w[i], mask[i]);
        float v = f.momentum * moment[i] + g;

        moment[i] = v;
        w[i] -= f.rate * (f.nesterov ? g + f.momentum * v : v);
    }
}
VARIANTS_STATIC(void, , sgd,
                (const struct factors *f, size_t n, float *w, const float *grad,
                 const uint8_t *mask, float *moment),
                (f, n, w, grad, mask, moment))

/* decay: of g, or with ${decouples} of w. */
/* How, how many, what, by what: NOLINTNEXTLINE(readability-function-size) */
INLINE void adam_any(const struct factors *p, size_t n, float *w,
                     const float *grad, const uint8_t *mask,
                     float *const moments[2], int decouples)
{
    const struct factors f = *p; /* no store changes it */
    float *m = moments[0], *v = moments[1];

    for (size_t i = 0; i < n; i++) {
        float g = decouples ? grad[i] : decayed(&f, grad[i], w[i], mask[i]);
        float mi = f.beta1 * m[i] + f.rest1 * g;
        float vi = f.beta2 * v[i] + f.rest2 * g * g;
        float wi =
            decouples ? w[i] - f.decay * (mask[i] ? w[i] : 0.0f) : w[i];

        m[i] = mi;
        v[i] = vi;
        w[i] = wi - f.rate * (mi * f.right1) /
                        (sqrtf(vi * f.right2) + f.epsilon);
    }
}

INLINE void adam_body(const struct factors *f, size_t n, float *w,
                      const float *grad, const uint8_t *mask,
                      float *const moments[2])
{
    adam_any(f, n, w, grad, mask, moments, 0);
}
VARIANTS_STATIC(void, , adam,
                (const struct factors *f, size_t n, float *w, const float *grad,
                 const uint8_t *mask, float *const moments[2]),
                (f, n, w, grad, mask, moments))

INLINE void adamw_body(const struct factors *f, size_t n, float *w,
                       const float *grad, const uint8_t *mask,
                       float *const moments[2])
{
    adam_any(f, n, w, grad, mask, moments, 1);
}
VARIANTS_STATIC(void, , adamw,
                (const struct factors *f, size_t n, float *w, const float *grad,
                 const uint8_t *mask, float *const moments[2]),
                (f, n, w, grad, mask, moments))

INLINE void rmsprop_body(const struct factors *p, size_t n, float *w,
                         const float *grad, const uint8_t *mask,
                         float *const moments[2])
{
    const struct factors f = *p; /* no store changes it */
    float *v = moments[0], *m = moments[1];

    for (size_t i = 0; i < n; i++) {
        float g = decayed(&f, grad[i], w[i], mask[i]);
        float vi = f.beta2 * v[i] + f.rest2 * g * g;
        float u = g / (sqrtf(vi) + f.epsilon);

        v[i] = vi;
        if (m != NULL) {
            u = f.momentum * m[i] + u;
            m[i] = u;
        }
        w[i] -= f.rate * u;
    }
}
VARIANTS_STATIC(void, , rmsprop,
                (const struct factors *f, size_t n, float *w, const float *grad,
                 const uint8_t *mask, float *const moments[2]),
                (f, n, w, grad, mask, moments))

void optimizer_step(struct optimizer *o, float *params, const float *grad,
                    const uint8_t *mask, double rate)
{
    struct factors f = {
        .rate = (float)rate,
        .decay = (float)(o->kind == ADAMW ? rate * o->decay : o->decay),
        .momentum = (float)o->momentum,
        .beta1 = (float)o->beta1,
        .rest1 = (float)(1.0 - o->beta1),
        .beta2 = (float)o->beta2,
        .rest2 = (float)(1.0 - o->beta2),
        .epsilon = (float)o->epsilon,
        .nesterov = o->nesterov};

    o->steps++;
    o->power1 *= o->beta1;
    o->power2 *= o->beta2;
    f.right1 = (float)(1.0 / (1.0 - o->power1));
    f.right2 = (float)(1.0 / (1.0 - o->power2));
    switch (o->kind) {
    case ADAM:
        adam(&f, o->n, params, grad, mask, o->moments);
        break;
    case ADAMW:
        adamw(&f, o->n, params, grad, mask, o->moments);
        break;
    case RMSPROP:
        rmsprop(&f, o->n, params, grad, mask, o->moments);
        break;
    case SGD:
    default:
        sgd(&f, o->n, params, grad, mask, o->moments[0]);
        break;
    }
}

int optimizer_save(const struct optimizer *o, struct buf *out)
{
    TRY(buf_put_u64(out, o->steps));
    TRY(buf_put_f64(out, o->power1));
    TRY(buf_put_f64(out, o->power2));
    return o->moments_n == 0 ? 0
                             : buf_put(out, o->moments[0],
                                       o->moments_n * o->n * sizeof(float));
}

int optimizer_load(struct optimizer *o, struct ubytes state)
{
    size_t moments_bytes = o->moments_n * o->n * sizeof(float);
    uint64_t steps;
    double power1, power2;
    struct rd r;

    if (state.n != HEAD_BYTES + moments_bytes) {
        return ERR_TRACE(ERR_INPUT);
    }
    rd_init(&r, state);
    steps = rd_u64(&r);
    power1 = rd_f64(&r);
    power2 = rd_f64(&r);
    if (!(power1 >= 0 && power1 <= 1 && power2 >= 0 && power2 <= 1) ||
        (steps > 0 && (power1 == 1 || power2 == 1))) {
        return ERR_TRACE(ERR_INPUT);
    }
    o->steps = steps;
    o->power1 = power1;
    o->power2 = power2;
    if (moments_bytes > 0) {
        rd_copy(&r, o->moments[0], moments_bytes);
    }
    return 0;
}
