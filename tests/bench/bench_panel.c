/* Products and attention by route, type and rows, one thread. Weights of M = 1
 * to 8 come from memory (a matrix of 128 MiB); with 60 and 240 rows they stay
 * in the caches. What is compared is taken turn by turn, each figure is the
 * best of all turns: "name value unit" lines. PROCTOR_BENCH_TURNS: how many
 * (7). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/base.h"
#include "workers/nn/attend.h"
#include "workers/nn/math.h"
#include "workers/nn/operand.h"
#include "workers/nn/panel.h"

enum {
    TURNS = 7,
    STREAM_K = 1024,
    COMPUTE_N = 1024,
    COMPUTE_K = 512,
    ROWS_MAX = 240,
    CASES_MAX = 128
};
#define STREAM_BYTES ((size_t)128 << 20)

static const char *const type_names[] = {"f32", "f16", "bf16", "q8_0"};
static const char *const route_names[] = {"scalar", "avx2", "avx512",
                                          "openblas"};

struct bench {
    uint8_t *packed[WEIGHT_TYPES_N]; /* STREAM_BYTES each, at most */
    size_t n[WEIGHT_TYPES_N];        /* outputs that fit, K = STREAM_K */
    float *x, *y;
    struct operand *o;
};

struct figure {
    enum weight_type type;
    enum panel_route route;
    size_t m;
    int streams;
    double best; /* seconds */
};

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *need(size_t bytes)
{
    void *p = aligned_alloc(64, (bytes + 63) / 64 * 64);

    if (p == NULL) {
        fputs("bench_panel: out of memory\n", stderr);
        exit(1);
    }
    memset(p, 0, bytes);
    return p;
}

/* Numbers that no type refuses, of one pattern: time does not depend on it. */
static void make_weights(struct bench *b, enum weight_type type)
{
    size_t row = weight_row_bytes(type, STREAM_K);
    uint8_t *rows;

    b->n[type] = STREAM_BYTES / 4 / STREAM_K; /* as many weights as of f32 */
    rows = need(b->n[type] * row);
    for (size_t i = 0; i < b->n[type] * row; i++) {
        size_t at = i % 34;

        rows[i] = (uint8_t)(i * 37 & 0x3f);
        if (type == WEIGHT_Q8_0 && at == 1) {
            rows[i] = 0x1c;
        }
    }
    b->packed[type] = need(panels_bytes(type, b->n[type], STREAM_K));
    if (panels_pack(type, rows, b->n[type], STREAM_K, b->packed[type]) != 0) {
        fputs("bench_panel: the weights were refused\n", stderr);
        exit(1);
    }
    free(rows);
}

static void make(struct bench *b)
{
    for (int t = 0; t < WEIGHT_TYPES_N; t++) {
        make_weights(b, (enum weight_type)t);
    }
    b->x = need((size_t)ROWS_MAX * STREAM_K * sizeof(float));
    b->y = need((size_t)8 * b->n[0] * sizeof(float));
    for (size_t i = 0; i < (size_t)ROWS_MAX * STREAM_K; i++) {
        b->x[i] = (float)(i * 7919 % 2001) / 1000.0f - 1.0f;
    }
    if (operand_new(ROWS_MAX, STREAM_K, &b->o) != 0) {
        exit(1);
    }
}

/* Seconds of one product, the operand's preparation included. */
static double product_time(struct bench *b, const struct figure *f)
{
    size_t k = f->streams ? STREAM_K : COMPUTE_K;
    struct panels w = {f->type, f->streams ? b->n[f->type] : COMPUTE_N, k,
                       b->packed[f->type]};
    int times = f->streams ? 1 : 8;
    double t = now();

    for (int i = 0; i < times; i++) {
        operand_set(b->o, b->x, STREAM_K, f->m, k, f->type != WEIGHT_Q8_0,
                    f->type == WEIGHT_Q8_0);
        panels_product(&w, b->o, b->y, panels_padded(w.n));
    }
    return (now() - t) / times;
}

/* Bytes per second of plain reading: what streaming could reach. */
static double read_time(const struct bench *b)
{
    typedef uint64_t lanes __attribute__((vector_size(64)));
    const lanes *p = (const lanes *)(const void *)b->packed[WEIGHT_F32];
    lanes sum[8] = {0};
    volatile uint64_t sink;
    double t = now();

    for (size_t i = 0; i < STREAM_BYTES / sizeof(lanes); i += 8) {
        for (size_t j = 0; j < 8; j++) {
            sum[j] |= p[i + j];
        }
    }
    for (size_t j = 1; j < 8; j++) {
        sum[0] |= sum[j];
    }
    sink = sum[0][0];
    (void)sink;
    return now() - t;
}

#if defined(__x86_64__)
typedef float floats __attribute__((vector_size(64)));

/* Seconds of 2^20 times 12 fused multiply-adds of 16 lanes. */
__attribute__((target("avx512f"))) static double peak_time(void)
{
    floats acc[12] = {0};
    double t;

    if (!__builtin_cpu_supports("avx512f")) {
        return 1e9;
    }
    t = now();
    for (size_t i = 0; i < (size_t)1 << 20; i++) {
        __asm__ volatile("vfmadd231ps %%zmm31, %%zmm31, %0\n\t"
                         "vfmadd231ps %%zmm31, %%zmm31, %1\n\t"
                         "vfmadd231ps %%zmm31, %%zmm31, %2\n\t"
                         "vfmadd231ps %%zmm31, %%zmm31, %3\n\t"
                         "vfmadd231ps %%zmm31, %%zmm31, %4\n\t"
                         "vfmadd231ps %%zmm31, %%zmm31, %5\n\t"
                         "vfmadd231ps %%zmm31, %%zmm31, %6\n\t"
                         "vfmadd231ps %%zmm31, %%zmm31, %7\n\t"
                         "vfmadd231ps %%zmm31, %%zmm31, %8\n\t"
                         "vfmadd231ps %%zmm31, %%zmm31, %9\n\t"
                         "vfmadd231ps %%zmm31, %%zmm31, %10\n\t"
                         "vfmadd231ps %%zmm31, %%zmm31, %11"
                         : "+v"(acc[0]), "+v"(acc[1]), "+v"(acc[2]),
                           "+v"(acc[3]), "+v"(acc[4]), "+v"(acc[5]),
                           "+v"(acc[6]), "+v"(acc[7]), "+v"(acc[8]),
                           "+v"(acc[9]), "+v"(acc[10]), "+v"(acc[11])::"xmm31");
    }
    return now() - t;
}
#else
static double peak_time(void)
{
    return 1e9;
}
#endif

static size_t list(struct figure *f)
{
    static const size_t streams[] = {1, 2, 4, 6, 8};
    static const size_t computes[] = {8, 16, 60, 240};
    size_t n = 0;

    for (int t = 0; t < WEIGHT_TYPES_N; t++) {
        for (int r = PANEL_AVX2; r < PANEL_ROUTES_N; r++) {
            struct figure one = {.type = (enum weight_type)t,
                                 .route = (enum panel_route)r,
                                 .best = 1e9};

            if (!panels_proved(one.type, one.route)) {
                continue;
            }
            for (size_t i = 0; i < ARRAY_N(streams); i++) {
                one.streams = 1;
                one.m = streams[i];
                f[n++] = one;
            }
            for (size_t i = 0; i < ARRAY_N(computes); i++) {
                one.streams = 0;
                one.m = computes[i];
                f[n++] = one;
            }
        }
    }
    ASSERT(n <= CASES_MAX);
    return n;
}

static void print(const struct bench *b, const struct figure *f)
{
    if (f->streams) {
        double bytes = (double)panels_bytes(f->type, b->n[f->type], STREAM_K);

        printf("panel_%s_%s_m%zu_stream %.1f GB/s\n", type_names[f->type],
               route_names[f->route], f->m, bytes / f->best * 1e-9);
    } else {
        printf("panel_%s_%s_m%zu_compute %.0f GFLOP/s\n", type_names[f->type],
               route_names[f->route], f->m,
               2e-9 * (double)f->m * COMPUTE_N * COMPUTE_K / f->best);
    }
}

/* One layer's attention of a group of four heads of 64 over `span` positions:
 * seconds per token of a call with `tokens`. */
static double attend_time(const struct bench *b, size_t span, size_t tokens,
                          float *scratch, size_t scratch_n)
{
    struct attend a = {.head_k = 64,
                       .head_v = 64,
                       .group = 4,
                       .scale = 0.125f,
                       .keys = (const float *)(const void *)b->packed[0],
                       .values = (const float *)(const void *)b->packed[0],
                       .blocks = span / ATTEND_BLOCK};
    double t = now();

    attend(&a, span - tokens, tokens, b->x, (size_t)4 * 64, b->y,
           (size_t)4 * 64, scratch, scratch_n);
    return (now() - t) / (double)tokens;
}

static void bench_attend(const struct bench *b, int turns)
{
    static const size_t spans[] = {512, 512, 4096, 4096};
    static const size_t tokens[] = {1, 256, 1, 256};
    struct attend a = {.head_k = 64, .head_v = 64, .group = 4};
    size_t scratch_n = attend_scratch(&a, 4096);
    float *scratch = need(scratch_n * sizeof(float));
    double best[ARRAY_N(spans)];

    for (size_t i = 0; i < ARRAY_N(spans); i++) {
        best[i] = 1e9;
    }
    for (int turn = 0; turn < 4 * turns; turn++) {
        for (size_t i = 0; i < ARRAY_N(spans); i++) {
            double t = attend_time(b, spans[i], tokens[i], scratch, scratch_n);

            best[i] = t < best[i] ? t : best[i];
        }
    }
    for (size_t i = 0; i < ARRAY_N(spans); i++) {
        printf("attend_span%zu_tokens%zu %.2f us/token\n", spans[i], tokens[i],
               best[i] * 1e6);
    }
    free(scratch);
}

static void bench_math(struct bench *b, int turns)
{
    const size_t n = 4096;
    double best[3] = {1e9, 1e9, 1e9};

    for (int turn = 0; turn < 20 * turns; turn++) {
        double t[4];

        t[0] = now();
        nn_exps(b->x, n, b->y);
        t[1] = now();
        nn_swiglu(b->x, b->x + n, n, b->y);
        t[2] = now();
        nn_rmsnorm(b->x, b->x + n, 1e-5f, n, b->y);
        t[3] = now();
        for (size_t i = 0; i < 3; i++) {
            best[i] = t[i + 1] - t[i] < best[i] ? t[i + 1] - t[i] : best[i];
        }
    }
    printf("math_exp %.2f ns/number\n", best[0] / (double)n * 1e9);
    printf("math_swiglu %.2f ns/number\n", best[1] / (double)n * 1e9);
    printf("math_rmsnorm %.2f ns/number\n", best[2] / (double)n * 1e9);
}

int main(void)
{
    static struct figure figures[CASES_MAX];
    const char *text = getenv("PROCTOR_BENCH_TURNS");
    int turns = text == NULL ? TURNS : atoi(text);
    double t = now(), reading = 1e9, peak = 1e9;
    struct bench b = {0};
    size_t n;

    if (nn_prove() != 0) {
        return 1;
    }
    printf("nn_prove %.1f ms\n", (now() - t) * 1e3);
    make(&b);
    n = list(figures);
    for (int turn = 0; turn < turns; turn++) {
        t = read_time(&b);
        reading = t < reading ? t : reading;
        t = peak_time();
        peak = t < peak ? t : peak;
        for (size_t i = 0; i < n; i++) {
            if (panels_force(figures[i].type, figures[i].route) != 0) {
                return 1;
            }
            t = product_time(&b, &figures[i]);
            figures[i].best = t < figures[i].best ? t : figures[i].best;
        }
    }
    printf("panel_plain_reading %.1f GB/s\n",
           (double)STREAM_BYTES / reading * 1e-9);
    if (peak < 1) {
        printf("panel_fma_peak %.0f GFLOP/s\n",
               2e-9 * 12 * 16 * (double)(1 << 20) / peak);
    }
    for (size_t i = 0; i < n; i++) {
        print(&b, &figures[i]);
    }
    for (int r = PANEL_ROUTES_N - 1; r >= 0; r--) {
        if (panels_force(WEIGHT_F32, (enum panel_route)r) == 0) {
            break;
        }
    }
    bench_attend(&b, turns);
    bench_math(&b, turns);
    return 0;
}
