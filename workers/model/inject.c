/* The residual injector. */
#include "workers/model/inject.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/nn/gguf.h"
#include "workers/nn/math.h"
#include "workers/nn/operand.h"
#include "workers/nn/panel.h"
#include "workers/nn/sabotage.h"

#define FILE_ALIGN 64u

static const struct loc nowhere = {NULL, 0, 0};

struct injector {
    size_t width, bottleneck, rows_max;
    float scale, epsilon;
    float *norm;            /* [width] */
    float *told;            /* [width] proj(value) */
    struct panels down, up; /* packed bytes owned */
    struct operand *operand;
    float *wide;   /* [rows][padded width] */
    float *narrow; /* [rows][padded bottleneck] */
};

void injector_free(struct injector *i)
{
    if (i != NULL) {
        free(i->norm);
        free(i->told);
        free((void *)(uintptr_t)i->down.packed);
        free((void *)(uintptr_t)i->up.packed);
        operand_free(i->operand);
        free(i->wide);
        free(i->narrow);
        free(i);
    }
}

static void *make(size_t bytes)
{
    size_t whole = (bytes + FILE_ALIGN) / FILE_ALIGN * FILE_ALIGN;
    void *p = aligned_alloc(FILE_ALIGN, whole);

    if (p != NULL) {
        memset(p, 0, whole);
    }
    return p;
}

static int refuse(struct diag *d, const char *what, const char *name)
{
    return diag_set(d, ERR_INPUT, nowhere, "the injector's %s %s", name, what);
}

/* A tensor of f32 with these dimensions, every number finite. */
static int find(const struct gguf *g, const char *name, uint64_t d0,
                uint64_t d1, const float **out, struct diag *d)
{
    const struct gguf_tensor *t = gguf_tensor(g, name);

    if (t == NULL) {
        return refuse(d, "is missing", name);
    }
    if (t->type != GGUF_TENSOR_F32) {
        return refuse(d, "is not of type f32", name);
    }
    if (t->dimensions[0] != d0 || t->dimensions[1] != d1 ||
        t->dimensions[2] != 1 || t->dimensions[3] != 1) {
        return diag_set(
            d, ERR_INPUT, nowhere,
            "the injector's %s is %llu x %llu, expected %llu x %llu", name,
            (unsigned long long)t->dimensions[0],
            (unsigned long long)t->dimensions[1], (unsigned long long)d0,
            (unsigned long long)d1);
    }
    if (!nn_is_finite(t->data, (size_t)(d0 * d1))) {
        return refuse(d, "holds a number that is not finite", name);
    }
    *out = t->data;
    return 0;
}

static int pack(const float *w, size_t n, size_t k, struct panels *out)
{
    uint8_t *packed = make(panels_bytes(WEIGHT_F32, n, k));

    out->type = WEIGHT_F32;
    out->n = n;
    out->k = k;
    out->packed = packed;
    if (packed == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    return panels_pack(WEIGHT_F32, w, n, k, packed);
}

static int read_pairs(const struct gguf *g, struct injector *i, struct diag *d)
{
    struct ubytes arch = gguf_string(g, "general.architecture");
    static const char expected[] = "proctor-injector";
    double scale = 0, epsilon = 1e-5;
    int code;

    if (arch.n != sizeof(expected) - 1 ||
        memcmp(arch.p, expected, arch.n) != 0) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "the injector's general.architecture is not %s",
                        expected);
    }
    if (gguf_real(g, "inject.scale", &scale) != 0 || !isfinite((float)scale)) {
        return refuse(d, "is no finite number", "inject.scale");
    }
    code = gguf_real(g, "inject.epsilon", &epsilon);
    if ((code != 0 && code != GGUF_E_ABSENT) || !(epsilon > 0) ||
        !(epsilon < 1)) {
        return refuse(d, "is not in (0, 1)", "inject.epsilon");
    }
    i->scale = (float)scale;
    i->epsilon = (float)epsilon;
    return 0;
}

/* proj(value), once and for all. */
static int tell(struct injector *i, const float *proj, const float *value,
                size_t value_n)
{
    size_t padded = panels_padded(i->width);
    struct operand *x CLEANUP(operand_freep) = NULL;
    struct panels w = {0};
    int code = pack(proj, i->width, value_n, &w);

    i->told = make(padded * sizeof(float));
    if (code == 0) {
        code = operand_new(1, value_n, &x);
    }
    if (code == 0 && i->told == NULL) {
        code = ERR_TRACE(ERR_NOMEM);
    }
    if (code == 0) {
        operand_set(x, value, value_n, 1, value_n, 1, 0);
        panels_product(&w, x, i->told, padded);
    }
    free((void *)(uintptr_t)w.packed);
    return code;
}

static int make_buffers(struct injector *i, size_t rows)
{
    size_t k = i->width > i->bottleneck ? i->width : i->bottleneck;

    i->rows_max = rows;
    i->wide = make(rows * panels_padded(i->width) * sizeof(float));
    i->narrow = make(rows * panels_padded(i->bottleneck) * sizeof(float));
    if (i->wide == NULL || i->narrow == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    return operand_new(rows, k, &i->operand);
}

static int read_tensors(const struct gguf *g, struct injector *i,
                        const float *value, size_t value_n, struct diag *d)
{
    const struct gguf_tensor *down = gguf_tensor(g, "down.weight");
    const float *norm, *proj, *w;

    i->bottleneck = down == NULL ? 1 : (size_t)down->dimensions[1];
    if (i->bottleneck < 1 || i->bottleneck > INJECT_BOTTLENECK_MAX) {
        return diag_set(d, ERR_LIMIT, nowhere,
                        "the injector's bottleneck is %zu, expected 1..%u",
                        i->bottleneck, INJECT_BOTTLENECK_MAX);
    }
    TRY(find(g, "norm.weight", i->width, 1, &norm, d));
    TRY(find(g, "proj.weight", value_n, i->width, &proj, d));
    TRY(find(g, "down.weight", i->width, i->bottleneck, &w, d));
    TRY(pack(w, i->bottleneck, i->width, &i->down));
    TRY(find(g, "up.weight", i->bottleneck, i->width, &w, d));
    TRY(pack(w, i->width, i->bottleneck, &i->up));
    i->norm = make(i->width * sizeof(float));
    if (i->norm == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    memcpy(i->norm, norm, i->width * sizeof(float));
    return tell(i, proj, value, value_n);
}

static int check_value(const float *value, size_t n, struct diag *d)
{
    if (n < 1 || n > INJECT_VALUES_MAX) {
        return diag_set(d, ERR_LIMIT, nowhere,
                        "an injector is told 1..%u numbers, got %zu",
                        INJECT_VALUES_MAX, n);
    }
    if (!nn_is_finite(value, n)) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "an injector is told a number that is not finite");
    }
    return 0;
}

static int fill(struct injector *i, struct ubytes aligned, const float *value,
                size_t value_n, size_t rows, struct diag *d)
{
    struct gguf g CLEANUP(gguf_release) = {0};

    TRY(gguf_open(aligned, &g, d));
    TRY(read_pairs(&g, i, d));
    TRY(read_tensors(&g, i, value, value_n, d));
    return make_buffers(i, rows);
}

int injector_new(struct ubytes file, uint32_t width, const float *value,
                 size_t value_n, size_t rows, struct injector **out,
                 struct diag *d)
{
    struct injector *i;
    void *copy;
    int code;

    *out = NULL;
    TRY(check_value(value, value_n, d));
    i = calloc(1, sizeof(*i));
    copy = make(file.n);
    if (i == NULL || copy == NULL) {
        free(i);
        free(copy);
        return ERR_TRACE(ERR_NOMEM);
    }
    if (file.n > 0) {
        memcpy(copy, file.p, file.n);
    }
    i->width = width;
    code = fill(i, (struct ubytes){copy, file.n}, value, value_n, rows, d);
    free(copy);
    if (code != 0) {
        injector_free(i);
        return ERR_TRACE(code);
    }
    *out = i;
    return 0;
}

void injector_add(struct injector *i, float *x, size_t ldx, size_t rows)
{
    size_t wide = panels_padded(i->width);
    size_t narrow = panels_padded(i->bottleneck);

    ASSERT(rows >= 1 && rows <= i->rows_max);
    if (!(i->scale != 0)) {
        return;
    }
    for (size_t r = 0; r < rows; r++) {
        nn_rmsnorm(x + r * ldx, i->norm, i->epsilon, i->width,
                   i->wide + r * wide);
        nn_add(i->told, i->width, i->wide + r * wide);
    }
    operand_set(i->operand, i->wide, wide, rows, i->width, 1, 0);
    panels_product(&i->down, i->operand, i->narrow, narrow);
    for (size_t r = 0; r < rows; r++) {
        nn_silus(i->narrow + r * narrow, i->bottleneck, i->narrow + r * narrow);
    }
    operand_set(i->operand, i->narrow, narrow, rows, i->bottleneck, 1, 0);
    panels_product(&i->up, i->operand, i->wide, wide);
    for (size_t r = 0; r < rows; r++) {
        for (size_t j = 0; j < i->width; j++) {
            float delta = i->scale * i->wide[r * wide + j];

            delta += SABOTAGE(INJECT_ZERO) ? 0x1p-20f : 0;
            if (delta != 0) { /* else -0 would become +0 */
                x[r * ldx + j] += delta;
            }
        }
    }
}
