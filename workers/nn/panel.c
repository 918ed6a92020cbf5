/* Packs weights and drives products over panels, slices and tiles. Runs in
 * workers. Must never call a kernel that nn_prove did not find to keep the
 * contract, but for the scalar one. */
#include "workers/nn/panel.h"

#include <stdio.h>
#include <string.h>

#include "proto/err.h"
#include "workers/nn/math_impl.h"
#include "workers/nn/panel_impl.h"
#include "workers/nn/sabotage.h"

static struct panel_choice choice = {
    .proved = {1 << PANEL_SCALAR, 1 << PANEL_SCALAR, 1 << PANEL_SCALAR,
               1 << PANEL_SCALAR}};

struct panel_choice *panel_choice(void)
{
    return &choice;
}

const struct panel_kernels *panel_kernels(enum panel_route own)
{
    return own == PANEL_AVX512 ? panel_avx512()
           : own == PANEL_AVX2 ? panel_avx2()
                               : panel_scalar();
}

size_t panels_padded(size_t n)
{
    return (n + PANEL_WIDTH - 1) / PANEL_WIDTH * PANEL_WIDTH;
}

static size_t weight_bytes(enum weight_type type)
{
    return type == WEIGHT_F32 ? 4 : 2;
}

size_t weight_row_bytes(enum weight_type type, size_t k)
{
    if (type == WEIGHT_Q8_0) {
        return k % PANEL_BLOCK == 0 ? k / PANEL_BLOCK * (PANEL_BLOCK + 2) : 0;
    }
    return k * weight_bytes(type);
}

size_t panels_bytes(enum weight_type type, size_t n, size_t k)
{
    return panels_padded(n) * weight_row_bytes(type, k);
}

/* The exponent of all ones: infinite, or NaN. */
static int is_infinite(enum weight_type type, uint32_t v)
{
    uint32_t ones = type == WEIGHT_F32    ? 0x7f800000
                    : type == WEIGHT_BF16 ? 0x7f80
                                          : 0x7c00;

    return (v & ones) == ones;
}

/* j_n rows of k, transposed; as many k at once as stay in the first cache. bytes
 * is constant where this is called, so that each move is one instruction. */
static inline __attribute__((always_inline)) int
transpose(enum weight_type type, size_t bytes, const uint8_t *rows, size_t j_n,
          size_t k, uint8_t *out)
{
    const size_t step = 16;
    int bad = 0;

    for (size_t from = 0; from < k; from += step) {
        size_t to = k - from < step ? k : from + step;

        for (size_t j = 0; j < j_n; j++) {
            for (size_t i = from; i < to; i++) {
                uint32_t v = 0;

                memcpy(&v, rows + (j * k + i) * bytes, bytes);
                bad |= is_infinite(type, v);
                memcpy(out + (i * PANEL_WIDTH + j) * bytes, &v, bytes);
            }
        }
    }
    return bad ? ERR_INPUT : 0;
}

/* Outputs [j0, j0 + 64) of n. */
static int pack_floats(enum weight_type type, const uint8_t *rows, size_t j0,
                       size_t n, size_t k, uint8_t *out)
{
    size_t bytes = weight_bytes(type);
    size_t j_n = n - j0 < PANEL_WIDTH ? n - j0 : PANEL_WIDTH;

    rows += j0 * k * bytes;
    if (j_n < PANEL_WIDTH) {
        memset(out, 0, PANEL_WIDTH * k * bytes);
    }
    switch (type) {
    case WEIGHT_F16:
        return transpose(WEIGHT_F16, 2, rows, j_n, k, out);
    case WEIGHT_BF16:
        return transpose(WEIGHT_BF16, 2, rows, j_n, k, out);
    case WEIGHT_F32:
    case WEIGHT_Q8_0:
    case WEIGHT_TYPES_N:
    default:
        return transpose(WEIGHT_F32, 4, rows, j_n, k, out);
    }
}

static int pack_q8(const uint8_t *rows, size_t j0, size_t n, size_t k,
                   uint8_t *out)
{
    size_t j_n = n - j0 < PANEL_WIDTH ? n - j0 : PANEL_WIDTH;
    size_t row_bytes = weight_row_bytes(WEIGHT_Q8_0, k);

    for (size_t b = 0; b < k / PANEL_BLOCK; b++, out += Q8_PANEL_BLOCK) {
        uint8_t *quants = out + 2 * PANEL_WIDTH;

        memset(out, 0, 2 * PANEL_WIDTH);
        memset(quants, 0x80, PANEL_WIDTH * PANEL_BLOCK);
        for (size_t j = 0; j < j_n; j++) {
            const uint8_t *p =
                rows + (j0 + j) * row_bytes + b * (PANEL_BLOCK + 2);

            uint16_t scale;

            memcpy(&scale, p, 2);
            if (is_infinite(WEIGHT_F16, scale)) {
                return ERR_INPUT;
            }
            memcpy(out + 2 * j, p, 2);
            for (size_t i = 0; i < PANEL_BLOCK; i += 4) {
                uint32_t four;

                memcpy(&four, p + 2 + i, 4);
                four ^= 0x80808080u;
                memcpy(quants + (i * PANEL_WIDTH / 4 + j) * 4, &four, 4);
            }
        }
    }
    return 0;
}

int panels_pack(enum weight_type type, const void *rows, size_t n, size_t k,
                void *packed)
{
    size_t bytes = panels_bytes(type, PANEL_WIDTH, k);
    uint8_t *out = packed;

    ASSERT(n >= 1 && k >= 1 && bytes > 0);
    for (size_t j = 0; j < n; j += PANEL_WIDTH, out += bytes) {
        int code = type == WEIGHT_Q8_0 ? pack_q8(rows, j, n, k, out)
                                       : pack_floats(type, rows, j, n, k, out);

        if (code != 0) {
            return ERR_TRACE(code);
        }
    }
    return 0;
}

/* Input i of output j of the panel at p. */
static inline float weight_at(enum weight_type type, const uint8_t *p, size_t j,
                              size_t i)
{
    size_t at = i * PANEL_WIDTH + j;
    float f = 0;
    uint16_t h = 0;

    if (type == WEIGHT_Q8_0) {
        p += i / PANEL_BLOCK * Q8_PANEL_BLOCK;
        memcpy(&h, p + 2 * j, 2);
        i %= PANEL_BLOCK;
        p += 2 * PANEL_WIDTH;
        at = (i / 4 * PANEL_WIDTH + j) * 4 + i % 4;
        return f16_widen(h) * (float)((int)p[at] - 128);
    }
    if (type == WEIGHT_F32) {
        memcpy(&f, p + at * 4, 4);
        return f;
    }
    memcpy(&h, p + at * 2, 2);
    return type == WEIGHT_F16 ? f16_widen(h) : bf16_widen(h);
}

void panels_rows(const struct panels *w, size_t row, size_t n, float *out)
{
    ASSERT(row <= w->n && n <= w->n - row);
    for (size_t j = row; j < row + n; j++, out += w->k) {
        const uint8_t *p =
            w->packed +
            j / PANEL_WIDTH * panels_bytes(w->type, PANEL_WIDTH, w->k);

        for (size_t i = 0; i < w->k; i++) {
            out[i] = weight_at(w->type, p, j % PANEL_WIDTH, i);
        }
    }
}

/* All rows of x by one slice of one panel: s has all but x, y's tile and m. */
static void slice_product(struct slice s, enum weight_type type, size_t k0,
                          const struct operand *x)
{
    slice_fn *run = choice.route[type] == PANEL_OPENBLAS
                        ? panel_openblas
                        : panel_kernels(choice.route[type])->slice[type];
    float *y = s.y;

    for (size_t i = 0; i < x->m; i += x->tile) {
        s.m = x->m - i < x->tile ? x->m - i : x->tile;
        s.x = x->xt + i * x->k + k0 * s.m;
        s.x_row = 1;
        s.x_step = s.m;
        s.y = y + i * s.ldy;
        run(&s);
    }
}

static size_t slice_of(const struct panels *w, const struct operand *x)
{
    int broken =
        (SABOTAGE(BATCH_SLICE) && x->m > 1) ||
        (SABOTAGE(ROUTE_SLICE) && choice.route[w->type] != PANEL_SCALAR);

    return broken ? PANEL_SLICE / 2 : PANEL_SLICE;
}

static void chain_product(const struct panels *w, const struct operand *x,
                          float *y, size_t ldy)
{
    size_t bytes = weight_bytes(w->type);
    size_t slice = slice_of(w, x);

    for (size_t n0 = 0; n0 < panels_padded(w->n); n0 += PANEL_WIDTH) {
        for (size_t k0 = 0; k0 < w->k; k0 += slice) {
            size_t left = w->k - k0;
            size_t at = n0 * w->k + k0 * PANEL_WIDTH;
            struct slice s = {.w = w->packed + at * bytes,
                              .ldw = PANEL_WIDTH,
                              .y = y + n0,
                              .ldy = ldy,
                              .n = PANEL_WIDTH,
                              .k = left < slice ? left : slice,
                              .adds = k0 > 0,
                              .ends = left <= slice};

            slice_product(s, w->type, k0, x);
        }
    }
}

static void q8_product(const struct panels *w, const struct operand *x,
                       float *y, size_t ldy)
{
    q8_fn *run = panel_kernels(choice.route[WEIGHT_Q8_0])->q8;
    struct q8_slice s = {.w = w->packed,
                         .q = x->q,
                         .d = x->d,
                         .bias = x->bias,
                         .ldq = x->ldq,
                         .ldd = x->ldd,
                         .ldy = ldy,
                         .m = x->m,
                         .blocks = w->k / PANEL_BLOCK};

    for (size_t n0 = 0; n0 < panels_padded(w->n); n0 += PANEL_WIDTH) {
        s.y = y + n0;
        run(&s);
        s.w += s.blocks * Q8_PANEL_BLOCK;
    }
}

void panels_product(const struct panels *w, const struct operand *x, float *y,
                    size_t ldy)
{
    ASSERT(x->k == w->k && ldy >= panels_padded(w->n));
    if (w->type == WEIGHT_Q8_0) {
        ASSERT(x->has_q8);
        q8_product(w, x, y, ldy);
    } else {
        ASSERT(x->has_f32);
        chain_product(w, x, y, ldy);
    }
}

static const char *route_name(enum panel_route r)
{
    static const char *const names[] = {[PANEL_SCALAR] = "scalar",
                                        [PANEL_AVX2] = "avx2",
                                        [PANEL_AVX512] = "avx512",
                                        [PANEL_OPENBLAS] = "openblas"};

    return names[r];
}

const char *panels_route(enum weight_type type)
{
    return route_name(choice.route[type]);
}

const char *panels_routes(void)
{
    static char line[96];

    (void)snprintf(line, sizeof(line),
                   "f32 %s, f16 %s, bf16 %s, q8_0 %s, attention %s",
                   panels_route(WEIGHT_F32), panels_route(WEIGHT_F16),
                   panels_route(WEIGHT_BF16), panels_route(WEIGHT_Q8_0),
                   route_name(choice.own));
    return line;
}

int panels_proved(enum weight_type type, enum panel_route route)
{
    return choice.proved[type] >> route & 1;
}

int panels_force(enum weight_type type, enum panel_route route)
{
    if (!panels_proved(type, route)) {
        return -1;
    }
    choice.route[type] = route;
    if (type == WEIGHT_F32) {
        choice.own = route != PANEL_OPENBLAS                   ? route
                     : panels_proved(WEIGHT_F32, PANEL_AVX512) ? PANEL_AVX512
                     : panels_proved(WEIGHT_F32, PANEL_AVX2)   ? PANEL_AVX2
                                                               : PANEL_SCALAR;
        math_choose(choice.own);
    }
    return 0;
}
