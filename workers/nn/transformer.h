/* Transformers with multi-layer-perceptron or mixture-of-experts layers, from
 * GGUF: weights, one lane's cache, and the forward pass with its traps. What a
 * file must hold, the layout of the cache and the limits: docs/model/models.md.
 *
 * The rule of all: logits, residual rows and cache bytes of a token are a
 * function of the weights, the tokens before it in its lane and its lane's
 * expert mask. Never of the batch, the lanes beside it, how its prompt was cut
 * into passes, where the ring stands, or what was rolled back.
 *
 * Memory is made by model_new and pass_new, sizes checked first; nothing here
 * asks for more later, makes a system call or starts a thread. Workers only. */
#ifndef WORKERS_NN_TRANSFORMER_H
#define WORKERS_NN_TRANSFORMER_H

#include "proto/diag.h"
#include "proto/limits.h"

struct gguf;

/* What a file may ask for; more is ERR_LIMIT before anything is allocated. */
#define MODEL_LAYERS_MAX LIMIT_LAYERS
#define MODEL_WIDTH_MAX 16384u /* residual; heads times head size, too */
#define MODEL_HEADS_MAX 256u
#define MODEL_HEAD_MAX 512u /* of keys or values */
#define MODEL_FFN_MAX 65536u
#define MODEL_EXPERTS_MAX 512u
#define MODEL_VOCAB_MAX (1u << 20)
#define MODEL_CONTEXT_MAX (1u << 20)
#define PASS_BATCH_MAX 4096u /* tokens of one pass */
#define PASS_LANES_MAX 256u

enum model_arch {
    ARCH_LLAMA,
    ARCH_QWEN3MOE,
    ARCH_OLMOE,
    ARCH_GPT_OSS
};

struct model_shape {
    enum model_arch arch;
    uint32_t layers, width, heads, kv_heads;
    uint32_t head_k, head_v; /* sizes of one head's keys and values */
    uint32_t vocab, context;
    uint32_t ffn;                   /* of one expert, or of the dense layer */
    uint32_t experts, experts_used; /* 0: dense */
    uint32_t window; /* positions a windowed layer sees, itself included; 0:
                        no layer is windowed */
};

struct model; /* packed weights: immutable */

/* Copies and packs what it needs: g and its file may go afterwards. 0,
 * ERR_NOMEM, ERR_INPUT or ERR_LIMIT with ${d} set. */
int model_new(const struct gguf *g, struct model **out,
              struct diag *d) MUST_USE;
void model_free(struct model *m); /* NULL is fine */
/* What the keys of g say, tensors unseen; results as model_new. */
int model_shape_read(const struct gguf *g, struct model_shape *out,
                     struct diag *d) MUST_USE;
const struct model_shape *model_shape(const struct model *m);
/* Does this layer see only the last `window` positions? layer < layers */
int model_is_windowed(const struct model *m, uint32_t layer);
uint64_t model_weight_bytes(const struct model *m); /* packed, in memory */

/* One lane's keys and values: relocatable bytes (offsets only) in memory of the
 * caller, aligned to 64, so that they can be shared, parked and copied. All
 * bytes zero = empty. n is the caller's to keep beside them. */
struct cache {
    uint8_t *area;
    uint32_t context, slack;
    uint64_t n; /* positions held */
};

/* slack: how far a rollback, plus a batch, may surely reach behind the ring's
 * window: while (one behind the highest position ever written) - n <= slack,
 * where a pass counts its tokens as written, nothing is refused. Without effect
 * on models without a window, and where the ring holds the context anyway.
 * Multiple of 64; 0 when context is 0 or over the model's, or slack is over
 * MODEL_CONTEXT_MAX. */
size_t cache_bytes(const struct model *m, uint32_t context, uint32_t slack);
/* area: cache_bytes of it, aligned to 64; what it holds stays, n becomes 0. */
void cache_init(struct cache *c, const struct model *m, void *area,
                uint32_t context, uint32_t slack);
/* Forgets positions [n, c->n), and writes zeros where they were; the next pass
 * goes on at n. n <= c->n. 0, or ERR_LIMIT: deeper than the ring remembers
 * (nothing changed: the caller starts the lane anew and feeds the tokens again:
 * same bits by contract). */
int cache_rollback(struct cache *c, const struct model *m, uint64_t n) MUST_USE;
/* Empty again: zeros wherever positions were written. */
void cache_reset(struct cache *c, const struct model *m);
/* May a lane go on with n further tokens in one pass? 0 or ERR_LIMIT: over the
 * context, or over what the ring remembers. */
int cache_admits(const struct cache *c, const struct model *m,
                 uint64_t n) MUST_USE;

struct extent {
    uint64_t offset, bytes; /* of the area */
};
struct extents {
    struct extent *v; /* owned */
    size_t n, cap;
};
void extents_release(struct extents *e);
/* Which bytes of area positions [from, to) lie in, those of the header
 * included: appended, ascending and apart. What a pass wrote is
 * [n before, n after); what a rollback wrote is [n after, n before). A pass
 * that was stopped has written up to n + its tokens. 0 or ERR_NOMEM. */
int cache_extents(const struct cache *c, const struct model *m, uint64_t from,
                  uint64_t to, struct extents *out) MUST_USE;
/* Keys (or values) of one position, as numbers: out has head_k (head_v) of
 * them. For tests and batteries; position in the ring, layer and head valid. */
void cache_read(const struct cache *c, const struct model *m, uint32_t layer,
                uint32_t kv_head, uint64_t position, float *out_k,
                float *out_v);

/* The trap plane. A trap stands before and after every layer. */
enum trap_when {
    TRAP_BEFORE,
    TRAP_AFTER
};
enum {
    TRAP_GO = 0,
    TRAP_STOP = 1
};
struct trap_rows {
    uint32_t layer;
    enum trap_when when;
    size_t rows;              /* tokens of the pass, lane after lane */
    const uint32_t *lane;     /* of each row: index in the pass */
    const uint64_t *position; /* of each row, in its lane */
    float *x;                 /* residual: row i at x + i * ldx, width long */
    size_t ldx;
};
/* May read and change x. TRAP_STOP: the pass stops right here. */
typedef int trap_fn(void *ctx, const struct trap_rows *r);
/* Sees what the router of a layer gave: the softmax over the experts that the
 * lane may choose (0 for others), (rows, experts). */
typedef void router_fn(void *ctx, uint32_t layer, size_t rows,
                       const uint32_t *lane, const float *probabilities,
                       size_t experts);
struct traps {
    const uint8_t *armed; /* [2 * layers], by 2 * layer + when; NULL: none */
    trap_fn *fn;
    router_fn *router; /* NULL: none */
    void *ctx;
};

struct pass_lane {
    struct cache *cache;
    const uint32_t *tokens; /* each below the vocabulary */
    size_t n;               /* >= 1 */
    size_t logits_from;     /* logits of tokens [logits_from, n) */
    float *logits;          /* (n - logits_from, vocab); written */
    const uint8_t *experts; /* [experts] 1 = may be chosen, experts_used of them
                               at least; NULL: all */
};

struct
    pass; /* working memory for up to batch_max tokens, all of it made here */

int pass_new(const struct model *m, size_t batch_max, size_t lanes_max,
             struct pass **out) MUST_USE; /* 0, ERR_NOMEM, ERR_LIMIT */
void pass_free(struct pass *p);           /* NULL is fine */

enum {
    PASS_DONE = 0,
    PASS_STOPPED = 1
};
/* A lane whose keys or values were not finite at some position has NaN logits
 * there and at every later one.
 * Feeds every lane its tokens, at positions cache->n and on. All lanes' tokens
 * share each product. lanes (the array, tokens, logits, masks and caches) are
 * borrowed until the pass is done. PASS_DONE: caches' n have moved.
 * PASS_STOPPED: a trap stopped it; caches' n have not. Negative, with nothing
 * changed: ERR_LIMIT (batch, context, slack), ERR_INPUT (a token, a mask, no
 * lane, an empty lane, one cache twice). */
int pass_run(struct pass *p, struct pass_lane *lanes, size_t lanes_n,
             const struct traps *t) MUST_USE;
/* After PASS_STOPPED: goes on behind that trap. As pass_run. */
int pass_resume(struct pass *p, const struct traps *t) MUST_USE;
int pass_is_stopped(const struct pass *p);
/* Forgets a stopped pass. The caches' n never moved; what the pass wrote lies
 * behind it and is as rolled back. */
void pass_abandon(struct pass *p);
/* Forgets a stopped pass that was saved: its caches stay as its layers left
 * them, for pass_stop_load in this process or another. */
void pass_leave(struct pass *p);

/* A stopped pass as bytes: layer, when, tokens, positions, residual rows, with
 * a digest. Its caches are not in it. */
size_t pass_stop_bytes(const struct pass *p);
void pass_stop_save(const struct pass *p, void *out);
/* Makes p, idle, the pass that was saved; then pass_resume. lanes: as they were
 * given to pass_run, their caches hold what the stopped pass had written. 0 or
 * ERR_INPUT: not such bytes, or of another model, or of other lanes. */
int pass_stop_load(struct pass *p, struct pass_lane *lanes, size_t lanes_n,
                   const void *bytes, size_t n) MUST_USE;

#endif
