/* A mixture-of-experts model of 114.3 million parameters in this process, one
 * thread: prefill, decode, verifying drafted tokens, what traps cost, what
 * loading costs. Files are made in the working folder by model_init. Verifying
 * is also shown of a dense model that reads as many weights for a token: there
 * a second token reads the same ones, with experts mostly others.
 *
 *   bench_model              all of it, "name value unit" lines
 *   bench_model init FILE    writes one such file: its name says which type,
 *                            and whether it is dense
 *   bench_model rate FILE    prefill of 512 and decode of 128 tokens, once: two
 *                            figures in tokens/s, for pairs with other programs
 *
 * Timings of things that are compared are taken turn by turn. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base.h"
#include "tests/bench/bench.h"
#include "workers/nn/gguf.h"
#include "workers/nn/model_init.h"
#include "workers/nn/panel.h"
#include "workers/nn/transformer.h"

#define PREFILL 512u
#define DECODE 128u
#define CONTEXT 1024u
#define ROUNDS 4u
#define VERIFY_MAX 8u

struct bench {
    struct model *m;
    struct pass *p;
    struct cache cache;
    void *area;
    float *logits; /* (VERIFY_MAX, vocab) */
    uint32_t tokens[PREFILL];
    double packed_ms;
    uint64_t seen; /* rows that a trap saw */
};

static int to_file(void *ctx, struct ubytes bytes)
{
    return fwrite(bytes.p, 1, bytes.n, ctx) == bytes.n ? 0 : -1;
}

static void make(const char *path)
{
    struct model_init spec = {.arch = "llama",
                              .layers = 8,
                              .width = 512,
                              .heads = 8,
                              .kv_heads = 2,
                              .head = 64,
                              .ffn = 1024,
                              .experts = 8,
                              .experts_used = 2,
                              .vocab = 8192,
                              .context = 4096,
                              .seed = 6};
    struct diag d;
    uint64_t bytes;
    FILE *f = fopen(path, "we");

    if (strstr(path, "dense") != NULL) {
        spec.experts = spec.experts_used = 0;
        spec.ffn = 2048;
    }
    spec.type = strstr(path, "q8_0") != NULL   ? GGUF_TENSOR_Q8_0
                : strstr(path, "bf16") != NULL ? GGUF_TENSOR_BF16
                : strstr(path, "f16") != NULL  ? GGUF_TENSOR_F16
                                               : GGUF_TENSOR_F32;
    diag_init(&d);
    need(f != NULL, path);
    need(model_init(&spec, UINT64_C(1) << 40, to_file, f, &bytes, &d) == 0,
         d.what);
    need(fclose(f) == 0, path);
}

static void load(struct bench *b, const char *path)
{
    struct gguf g;
    struct diag d;
    struct stat st;
    void *file;
    double t;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    memset(b, 0, sizeof(*b));
    diag_init(&d);
    need(fd >= 0 && fstat(fd, &st) == 0, path);
    file = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE,
                fd, 0);
    need(file != MAP_FAILED, path);
    t = now_ms();
    need(gguf_open((struct ubytes){file, (size_t)st.st_size}, &g, &d) == 0,
         d.what);
    need(model_new(&g, &b->m, &d) == 0, d.what);
    b->packed_ms = now_ms() - t;
    gguf_release(&g);
    munmap(file, (size_t)st.st_size);
    close(fd);
    need(pass_new(b->m, PREFILL, 1, &b->p) == 0, "memory");
    b->area = aligned_alloc(64, cache_bytes(b->m, CONTEXT, 0));
    b->logits =
        malloc((size_t)VERIFY_MAX * model_shape(b->m)->vocab * sizeof(float));
    need(b->area != NULL && b->logits != NULL, "memory");
    memset(b->area, 0, cache_bytes(b->m, CONTEXT, 0));
    cache_init(&b->cache, b->m, b->area, CONTEXT, 0);
    for (uint32_t i = 0; i < PREFILL; i++) {
        b->tokens[i] = (i * 2654435761u >> 7) % model_shape(b->m)->vocab;
    }
}

static void unload(struct bench *b)
{
    pass_free(b->p);
    model_free(b->m);
    free(b->area);
    free(b->logits);
}

/* n tokens in one pass, logits of the last `wanted`: milliseconds. */
static double feed(struct bench *b, const uint32_t *tokens, size_t n,
                   size_t wanted, const struct traps *traps)
{
    struct pass_lane lane = {.cache = &b->cache,
                             .tokens = tokens,
                             .n = n,
                             .logits_from = n - wanted,
                             .logits = b->logits};
    double t = now_ms();

    need(pass_run(b->p, &lane, 1, traps) == PASS_DONE, "a pass");
    return now_ms() - t;
}

static double prefill(struct bench *b)
{
    cache_reset(&b->cache, b->m);
    return feed(b, b->tokens, PREFILL, 1, NULL);
}

/* The peers' way: from an empty cache, tokens that were drawn beforehand. */
static double decode(struct bench *b)
{
    double t = 0;

    cache_reset(&b->cache, b->m);
    for (size_t i = 0; i < DECODE; i++) {
        t += feed(b, b->tokens + i, 1, 1, NULL);
    }
    return t;
}

static void rate(const char *path)
{
    struct bench b;

    load(&b, path);
    (void)prefill(&b);
    printf("%.1f ", PREFILL / prefill(&b) * 1e3);
    (void)feed(&b, b.tokens, 1, 1, NULL);
    printf("%.1f\n", DECODE / decode(&b) * 1e3);
    unload(&b);
}

static void show_rates(struct bench *b, const char *type)
{
    double best[2] = {1e18, 1e18};

    (void)prefill(b);
    for (unsigned r = 0; r < ROUNDS; r++) {
        double t[2] = {prefill(b), decode(b)};

        for (unsigned k = 0; k < 2; k++) {
            best[k] = t[k] < best[k] ? t[k] : best[k];
        }
    }
    printf("model_%s_prefill %.0f tokens/s\n", type, PREFILL / best[0] * 1e3);
    printf("model_%s_decode %.0f tokens/s\n", type, DECODE / best[1] * 1e3);
}

/* One pass of n drafted tokens with all their logits, over one pass of one:
 * different tokens each time, as drafts come. */
static void show_verify(struct bench *b, const char *type)
{
    double sum[VERIFY_MAX + 1] = {0};
    size_t at = 0;

    (void)prefill(b);
    for (unsigned r = 0; r < 16; r++) {
        for (size_t n = 1; n <= VERIFY_MAX; n++) {
            need(cache_rollback(&b->cache, b->m, 256) == 0, "a rollback");
            at = (at + 13) % (PREFILL - VERIFY_MAX);
            sum[n] += feed(b, b->tokens + at, n, n, NULL);
        }
    }
    for (size_t n = 2; n <= VERIFY_MAX; n += 2) {
        printf("model_%s_verify_%zu_over_1 %.2f ratio\n", type, n,
               sum[n] / sum[1]);
    }
}

static int observe(void *ctx, const struct trap_rows *r)
{
    struct bench *b = ctx;

    b->seen += r->rows;
    return TRAP_GO;
}

/* Three ways of the same decoding, turn by turn token by token: no table, a
 * table with nothing armed, every site armed and observing. The least of each
 * token's times is summed, so that what disturbs one turn counts for none. */
static void show_traps(struct bench *b, const char *type)
{
    enum {
        SITES_MAX = 64,
        WAYS = 3
    };
    static const uint8_t none[SITES_MAX];
    uint8_t all[SITES_MAX];
    struct traps disarmed = {none, observe, NULL, b};
    struct traps armed = {all, observe, NULL, b};
    const struct traps *ways[WAYS] = {NULL, &disarmed, &armed};
    double total[WAYS] = {0};

    need(2 * model_shape(b->m)->layers <= SITES_MAX, "layers");
    memset(all, 1, sizeof(all));
    cache_reset(&b->cache, b->m);
    for (size_t i = 0; i < DECODE; i++) {
        double best[WAYS] = {1e18, 1e18, 1e18};

        for (unsigned r = 0; r < WAYS * ROUNDS; r++) {
            double t;

            need(cache_rollback(&b->cache, b->m, i) == 0, "a rollback");
            t = feed(b, b->tokens + i, 1, 1, ways[r % WAYS]);
            best[r % WAYS] = t < best[r % WAYS] ? t : best[r % WAYS];
        }
        for (unsigned w = 0; w < WAYS; w++) {
            total[w] += best[w];
        }
    }
    need(b->seen > 0, "the traps saw nothing");
    printf("model_%s_traps_disarmed %.2f percent\n", type,
           (total[1] / total[0] - 1) * 100);
    printf("model_%s_traps_observing %.2f percent\n", type,
           (total[2] / total[0] - 1) * 100);
}

static void show(const char *type, int is_dense)
{
    char path[64];
    char name[32];
    struct bench b;

    snprintf(path, sizeof(path), "model-%s%s.gguf", type,
             is_dense ? "-dense" : "");
    snprintf(name, sizeof(name), "%s%s", is_dense ? "dense_" : "", type);
    make(path);
    load(&b, path);
    if (!is_dense) {
        printf("model_%s_pack %.0f ms\n", name, b.packed_ms);
        show_rates(&b, name);
    }
    show_verify(&b, name);
    if (!is_dense && strcmp(type, "q8_0") == 0) { /* the shortest passes */
        show_traps(&b, name);
    }
    unload(&b);
    need(remove(path) == 0, path);
}

int main(int argc, char **argv)
{
    static const char *const types[] = {"f32", "bf16", "q8_0"};

    need(nn_prove() == 0, "the start-up proof");
    if (argc == 3 && strcmp(argv[1], "init") == 0) {
        make(argv[2]);
        return 0;
    }
    if (argc == 3 && strcmp(argv[1], "rate") == 0) {
        rate(argv[2]);
        return 0;
    }
    need(argc == 1, "usage: bench_model [init FILE | rate FILE]");
    fprintf(stderr, "bench_model: %s\n", panels_routes());
    for (size_t i = 0; i < ARRAY_N(types); i++) {
        show(types[i], 0);
        show(types[i], 1);
    }
    return 0;
}
