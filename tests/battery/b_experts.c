/* Battery experts: a router that may choose some experts only. Tests only. */
#include "tests/battery/plain.h"

#include <stdio.h>
#include <string.h>

#include "tests/battery/scalar.h"

#define TOKENS_N 24u

/* l's file with some bytes of some tensors set to 0. */
struct blank {
    const char *tensor;  /* "ffn_up_exps.weight" of every layer */
    const uint8_t *mask; /* of its parts, those with 0; NULL: all of it */
    size_t parts;
};

static const struct little *blanked(struct account *a, const struct little *l,
                                    const struct blank *blanks, size_t n)
{
    struct gguf g CLEANUP(gguf_release) = {0};
    uint8_t *file = keep(l->file.n);
    struct diag d;

    diag_init(&d);
    memcpy(file, l->file.p, l->file.n);
    must(gguf_open(l->file, &g, &d), d.what);
    for (size_t i = 0; i < n * l->shape->layers; i++) {
        const struct blank *b = &blanks[i % n];
        const struct gguf_tensor *t;
        char name[64];

        (void)snprintf(name, sizeof(name), "blk.%zu.%s", i / n, b->tensor);
        t = gguf_tensor(&g, name);
        for (size_t part = 0; t != NULL && part < b->parts; part++) {
            size_t bytes = t->bytes / b->parts;

            if (b->mask == NULL || !b->mask[part]) {
                memset(file + ((const uint8_t *)t->data - l->file.p) +
                           part * bytes,
                       0, bytes);
            }
        }
    }
    return little_open(a, l->kind, l->type, (struct ubytes){file, l->file.n});
}

/* At least experts_used of the experts. */
static void mask_draw(struct account *a, const struct model_shape *s,
                      uint8_t *mask)
{
    uint32_t n = s->experts_used + below(a, s->experts - s->experts_used + 1);

    memset(mask, 0, s->experts);
    while (n > 0) {
        uint32_t e = below(a, s->experts);

        n -= !mask[e];
        mask[e] = 1;
    }
}

/* What one run gave: logits, and residuals of every trap. */
struct run_of {
    float *logits, *residual;
    size_t width;
};

static int record(void *ctx, const struct trap_rows *r)
{
    struct run_of *to = ctx;
    size_t site = 2 * (size_t)r->layer + (size_t)r->when;

    for (size_t i = 0; i < r->rows; i++) {
        memcpy(to->residual + (site * TOKENS_N + r->position[i]) * to->width,
               r->x + i * r->ldx, to->width * sizeof(float));
    }
    return TRAP_GO;
}

/* With mask; in one pass, or in pieces of one. */
static struct run_of masked(const struct little *l, const uint32_t *tokens,
                            const uint8_t *mask, size_t piece)
{
    size_t vocab = l->shape->vocab, width = l->shape->width;
    size_t sites = 2 * (size_t)l->shape->layers;
    struct run_of out = {keep(TOKENS_N * vocab * sizeof(float)),
                         keep(sites * TOKENS_N * width * sizeof(float)), width};
    uint8_t armed[2 * MODEL_LAYERS_MAX];
    struct traps traps = {armed, record, NULL, &out};
    struct cache c = cache_make(l, TOKENS_N, TOKENS_N);
    struct pass *pass = pass_make(l, TOKENS_N, 1);

    memset(armed, 1, sizeof(armed));
    while (c.n < TOKENS_N) {
        struct pass_lane lane = {
            &c, tokens + c.n, piece, 0, out.logits + c.n * vocab, mask};

        MUST(pass_run(pass, &lane, 1, &traps));
    }
    return out;
}

static void same_run(struct account *a, const struct little *l,
                     const struct run_of *x, const struct run_of *y,
                     const char *what)
{
    same(a, x->logits, y->logits, TOKENS_N * l->shape->vocab * sizeof(float),
         "%s %s, %s: logits", l->kind, l->type, what);
    same(a, x->residual, y->residual,
         2 * (size_t)l->shape->layers * TOKENS_N * x->width * sizeof(float),
         "%s %s, %s: residuals", l->kind, l->type, what);
    a->positions += TOKENS_N;
    a->schedules++;
}

/* Whatever the refused experts are made of, nothing of it comes through. */
static void isolated(struct account *a, const struct little *l,
                     const uint32_t *tokens, const uint8_t *mask)
{
    size_t n = l->shape->experts;
    const struct blank blanks[] = {
        {"ffn_gate_inp.weight", mask, n},  {"ffn_gate_inp.bias", mask, n},
        {"ffn_gate_exps.weight", mask, n}, {"ffn_gate_exps.bias", mask, n},
        {"ffn_up_exps.weight", mask, n},   {"ffn_up_exps.bias", mask, n},
        {"ffn_down_exps.weight", mask, n}, {"ffn_down_exps.bias", mask, n},
    };
    const struct little *other = blanked(a, l, blanks, ARRAY_N(blanks));
    struct run_of with = masked(l, tokens, mask, TOKENS_N);
    struct run_of without = masked(other, tokens, mask, TOKENS_N);
    struct run_of decoded = masked(l, tokens, mask, 1);

    blake3_update(&a->truth, with.logits,
                  TOKENS_N * l->shape->vocab * sizeof(float));
    same_run(a, l, &with, &without, "without the refused experts' weights");
    same_run(a, l, &with, &decoded, "masked, one at a time");
}

/* Layers without attention are their experts: held against scalar loops. */
static void dense(struct account *a, const struct little *l,
                  const uint32_t *tokens, const uint8_t *mask)
{
    static const struct blank attention[] = {{"attn_output.weight", NULL, 1},
                                             {"attn_output.bias", NULL, 1}};
    const struct little *mute = blanked(a, l, attention, ARRAY_N(attention));
    struct run_of got = masked(mute, tokens, mask, TOKENS_N);
    struct gguf g CLEANUP(gguf_release) = {0};
    struct diag d;
    float want[512];

    diag_init(&d);
    must(gguf_open(mute->file, &g, &d), d.what);
    for (uint32_t layer = 0; layer < l->shape->layers; layer++) {
        for (size_t i = 0; i < TOKENS_N; i++) {
            const float *x =
                got.residual + (2 * (size_t)layer * TOKENS_N + i) * got.width;

            scalar_experts(&g, l->shape, layer, mask, x, want);
            same(a, want, x + TOKENS_N * got.width, got.width * sizeof(float),
                 "%s %s, against scalar loops: layer %u at position %zu",
                 l->kind, l->type, layer, i);
        }
    }
    a->positions += TOKENS_N;
    a->schedules++;
}

static void one_model(struct account *a, size_t kind, size_t type)
{
    const struct little *l = little_make(a, kind, type, 16, 900 + kind);
    uint8_t mask[MODEL_EXPERTS_MAX];

    for (size_t i = 0; i < (a->full ? 40u : 4u); i++) {
        const void *mark = keep_mark();
        const uint32_t *tokens = tokens_draw(a, l, TOKENS_N);

        mask_draw(a, l->shape, mask);
        isolated(a, l, tokens, mask);
        dense(a, l, tokens, mask);
        keep_back(mark);
    }
}

static void run(struct account *a)
{
    every_model(a, 1, one_model); /* all with experts */
}

const struct battery battery_experts = {
    .name = "experts",
    .mechanism = "expert isolation",
    .compares =
        "logits and residual rows of a masked router with those of a model in "
        "which the refused experts and their router rows are zeros, and each "
        "layer of a model without attention with scalar loops over the file",
    .over =
        "all kinds with experts, all types; random masks; prefill, decoding",
    .saboteurs = {"mask-leak"},
    .run = run,
};
