/* Little models, and the plain run of a sequence through one of them: one token
 * at a time, alone, in a cache of its own, no trap armed. Every schedule of
 * every battery is held against it. */
#ifndef TESTS_BATTERY_PLAIN_H
#define TESTS_BATTERY_PLAIN_H

#include "tests/battery/battery.h"
#include "workers/nn/transformer.h"

#define KINDS_N 5
#define TYPES_N 4

struct little {
    const char *kind; /* "llama", "llama-experts", "qwen3moe", ... */
    const char *type; /* "f32", "f16", "bf16", "q8_0" */
    struct ubytes file;
    struct model *model;
    const struct model_shape *shape;
};

/* kind < KINDS_N, type < TYPES_N. window: of gpt-oss. Lives until the battery
 * ends, so does all that follows. */
const struct little *little_make(struct account *a, size_t kind, size_t type,
                                 uint32_t window, uint64_t seed);
/* The same with a tokenizer: 300 tokens, of them 256 bytes. */
const struct little *talker_make(struct account *a, size_t kind, size_t type,
                                 uint32_t window, uint64_t seed);
/* From a file's bytes, which stay the caller's. */
const struct little *little_open(struct account *a, const char *kind,
                                 const char *type, struct ubytes file);
int little_kind(const char *name, size_t *out); /* by name; ERR_NOT_FOUND */
int little_type(const char *name, size_t *out);
/* one() for every kind from first_kind on and every type; what it made is gone
 * after it. */
void every_model(struct account *a, size_t first_kind,
                 void (*one)(struct account *a, size_t kind, size_t type));

/* Everything that the plain run gave. */
struct plain {
    const struct little *little;
    const uint32_t *tokens;
    size_t n;
    const float *logits;   /* (n, vocab) */
    const float *residual; /* (2 * layers, n, width), by 2 * layer + when */
    struct cache cache;    /* holds all n */
};

const struct plain *plain_run(struct account *a, const struct little *l,
                              const uint32_t *tokens, size_t n);
/* n random tokens. */
const uint32_t *tokens_draw(struct account *a, const struct little *l,
                            size_t n);

/* A new cache of l; context and slack as cache_init has them. */
struct cache cache_make(const struct little *l, uint32_t context,
                        uint32_t slack);
/* A copy whose bytes are elsewhere. */
struct cache cache_copy(const struct little *l, const struct cache *c);
/* Working memory for batches of up to batch tokens of up to lanes lanes. */
struct pass *pass_make(const struct little *l, size_t batch, size_t lanes);

/* Armed everywhere: holds each row against the plain run of its lane. */
struct watch {
    struct account *account;
    const struct plain *const *plains; /* by lane of the pass */
    const char *schedule;              /* for the text of a difference */
    uint8_t armed[2 * 64];
    struct traps traps;
};
void watch_init(struct watch *w, struct account *a,
                const struct plain *const *plains, const char *schedule);

/* Runs tokens [c->n, to) of p in one pass with traps (NULL: none), and holds
 * the logits of all of them against p's. */
void forward(struct account *a, struct pass *pass, const struct plain *p,
             struct cache *c, size_t to, const struct traps *traps,
             const char *schedule);
/* The logits of positions [from, from + n). */
void same_logits(struct account *a, const struct plain *p, const float *logits,
                 size_t from, size_t n, const char *schedule);
/* Every key and value that position c->n can still see: memcmp against those of
 * the plain run. */
void same_cache(struct account *a, const struct plain *p, const struct cache *c,
                const char *schedule);

#endif
