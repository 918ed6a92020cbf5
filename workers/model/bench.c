/* How fast forward passes are: claims for people, measured by the worker itself.
 * One lane; the tokens are drawn, since their values decide which experts work but
 * not how many. Runs in the model worker. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/diag.h"
#include "proto/err.h"
#include "workers/model/command.h"
#include "workers/model/weights.h"
#include "workers/nn/panel.h"
#include "workers/nn/transformer.h"

#define BATCH 512u
#define REPEAT_MAX 1000u

static const struct loc nowhere = {NULL, 0, 0};

struct bench {
    struct model *model;
    struct pass *pass;
    struct cache cache;
    uint8_t *area;
    uint32_t *tokens;
    float *logits;
    uint32_t prompt, generate;
};

static void bench_release(struct bench *b)
{
    pass_free(b->pass);
    model_free(b->model);
    free(b->area);
    free(b->tokens);
    free(b->logits);
}

static double seconds(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int check(const struct model_shape *s, const Proctor__ModelTask *task,
                 struct bench *b, struct diag *d)
{
    uint32_t context = task->context != 0 ? task->context : s->context;
    uint64_t all;

    b->prompt = task->bench_prompt != 0 ? task->bench_prompt : 512;
    b->generate = task->bench_generate != 0 ? task->bench_generate : 128;
    all = (uint64_t)b->prompt + b->generate;
    if (context > s->context || all > context) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "%u and %u tokens, the model's context is %u",
                        b->prompt, b->generate, s->context);
    }
    if (task->repeat > REPEAT_MAX) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "%u repetitions, the limit is %u", task->repeat,
                        REPEAT_MAX);
    }
    return 0;
}

static int prepare(struct bench *b)
{
    const struct model_shape *s = model_shape(b->model);
    uint32_t n = b->prompt + b->generate;
    size_t bytes = cache_bytes(b->model, n, BATCH);
    uint32_t x = 1;

    TRY(pass_new(b->model, b->prompt < BATCH ? b->prompt : BATCH, 1, &b->pass));
    b->area = bytes == 0 ? NULL : aligned_alloc(64, bytes);
    b->tokens = calloc(n, sizeof(*b->tokens));
    b->logits = calloc(s->vocab, sizeof(*b->logits));
    if (b->area == NULL || b->tokens == NULL || b->logits == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    memset(b->area, 0, bytes);
    cache_init(&b->cache, b->model, b->area, n, BATCH);
    for (uint32_t i = 0; i < n; i++) {
        x = x * 1664525u + 1013904223u;
        b->tokens[i] = (x >> 8) % s->vocab;
    }
    return 0;
}

/* Logits of the last token only. */
static int feed(struct bench *b, uint32_t from, uint32_t n)
{
    struct pass_lane lane = {.cache = &b->cache,
                             .tokens = b->tokens + from,
                             .n = n,
                             .logits_from = n - 1,
                             .logits = b->logits};

    return pass_run(b->pass, &lane, 1, NULL);
}

static int repeat(struct bench *b, double *out_prefill, double *out_decode)
{
    double start, middle;

    cache_reset(&b->cache, b->model);
    start = seconds();
    for (uint32_t i = 0; i < b->prompt; i += BATCH) {
        TRY(feed(b, i, b->prompt - i < BATCH ? b->prompt - i : BATCH));
    }
    middle = seconds();
    for (uint32_t i = 0; i < b->generate; i++) {
        TRY(feed(b, b->prompt + i, 1));
    }
    *out_prefill = middle - start;
    *out_decode = seconds() - middle;
    return 0;
}

static int measure(struct bench *b, uint32_t times, Proctor__ModelBench *m)
{
    m->prompt = b->prompt;
    m->generate = b->generate;
    m->prefill_s = calloc(times, sizeof(*m->prefill_s));
    m->decode_s = calloc(times, sizeof(*m->decode_s));
    m->routes = strdup(panels_routes());
    if (m->prefill_s == NULL || m->decode_s == NULL || m->routes == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (uint32_t i = 0; i < times; i++) {
        TRY(repeat(b, &m->prefill_s[i], &m->decode_s[i]));
        m->n_prefill_s = m->n_decode_s = i + 1;
    }
    return 0;
}

int command_bench(const struct weights *w, const Proctor__ModelTask *task,
                  Proctor__ModelBench **out, struct diag *d)
{
    struct bench b CLEANUP(bench_release) = {0};
    Proctor__ModelBench *m;

    TRY(model_new(&w->gguf, &b.model, d));
    TRY(check(model_shape(b.model), task, &b, d));
    TRY(prepare(&b));
    m = malloc(sizeof(*m));
    if (m == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    proctor__model_bench__init(m);
    *out = m;
    return measure(&b, task->repeat != 0 ? task->repeat : 5, m);
}
