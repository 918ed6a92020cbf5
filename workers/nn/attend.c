/* Attention over blocks of keys and values. Runs in workers. Must never let a
 * sum depend on where a tile, a ring or a window begins. */
#include "workers/nn/attend.h"

#include <string.h>

#include "workers/nn/math.h"
#include "workers/nn/math_impl.h"
#include "workers/nn/panel_impl.h"
#include "workers/nn/product.h"

/* Scores of a tile should stay in the second-level cache. */
#define SCORES_FLOATS ((size_t)96 << 10)

_Static_assert(ATTEND_BLOCK == PANEL_WIDTH, "keys are panels");

size_t attend_padded(size_t head_v)
{
    return (head_v + 15) / 16 * 16;
}

size_t attend_keys_floats(size_t head_k)
{
    return head_k * ATTEND_BLOCK;
}

size_t attend_values_floats(size_t head_v)
{
    return attend_padded(head_v) * ATTEND_BLOCK;
}

void attend_put_key(const struct attend *a, uint64_t position, const float *key,
                    float *keys)
{
    float *block = keys + position / ATTEND_BLOCK % a->blocks *
                              attend_keys_floats(a->head_k);

    for (size_t i = 0; i < a->head_k; i++) {
        block[i * ATTEND_BLOCK + position % ATTEND_BLOCK] = key[i];
    }
}

void attend_put_value(const struct attend *a, uint64_t position,
                      const float *value, float *values)
{
    float *row =
        values +
        position / ATTEND_BLOCK % a->blocks * attend_values_floats(a->head_v) +
        position % ATTEND_BLOCK * attend_padded(a->head_v);

    memcpy(row, value, a->head_v * sizeof(*row));
    for (size_t i = a->head_v; i < attend_padded(a->head_v); i++) {
        row[i] = 0;
    }
}

/* Blocks that span positions can touch. */
static size_t blocks_of(uint64_t span)
{
    return (size_t)((span + 2 * ATTEND_BLOCK - 2) / ATTEND_BLOCK);
}

/* Rows of a tile whose scores take `width` floats each. */
static size_t rows_of(const struct attend *a, size_t width)
{
    size_t rows = SCORES_FLOATS / width;

    rows = rows < ATTEND_ROWS ? rows : ATTEND_ROWS;
    return rows < a->group ? a->group : rows / a->group * a->group;
}

size_t attend_scratch(const struct attend *a, uint64_t span)
{
    size_t width = blocks_of(span) * ATTEND_BLOCK;
    size_t scores = a->group * width;

    scores = scores < SCORES_FLOATS ? SCORES_FLOATS : scores;
    return scores + ATTEND_ROWS * (a->head_k + attend_padded(a->head_v));
}

/* Some tokens of a call, and what they see together. */
struct tile {
    const struct attend *a;
    slice_fn *run;
    uint64_t position; /* of its first token */
    size_t tokens, rows;
    uint64_t first; /* block */
    size_t blocks_n, width;
    float *scores; /* (rows, ld), width of each */
    size_t ld;
    float *qt;           /* (head_k, rows) */
    float *o;            /* (rows, head_v padded) */
    float *kept_inverse; /* (rows), or NULL */
};

static void take_queries(const struct tile *t, const float *q, size_t ldq)
{
    const struct attend *a = t->a;

    for (size_t r = 0; r < t->rows; r++) {
        const float *from = q + r / a->group * ldq + r % a->group * a->head_k;

        for (size_t i = 0; i < a->head_k; i++) {
            t->qt[i * t->rows + r] = from[i];
        }
    }
}

static void score_block(const struct tile *t, size_t b)
{
    const struct attend *a = t->a;
    const float *keys =
        a->keys + (t->first + b) % a->blocks * attend_keys_floats(a->head_k);

    for (size_t k = 0; k < a->head_k; k += PANEL_SLICE) {
        size_t left = a->head_k - k;

        t->run(&(struct slice){.x = t->qt + k * t->rows,
                               .x_row = 1,
                               .x_step = t->rows,
                               .w = keys + k * ATTEND_BLOCK,
                               .ldw = ATTEND_BLOCK,
                               .y = t->scores + b * ATTEND_BLOCK,
                               .ldy = t->ld,
                               .m = t->rows,
                               .n = ATTEND_BLOCK,
                               .k = left < PANEL_SLICE ? left : PANEL_SLICE,
                               .adds = k > 0,
                               .ends = left <= PANEL_SLICE});
    }
}

static void add_values(const struct tile *t, size_t b)
{
    const struct attend *a = t->a;
    size_t padded = attend_padded(a->head_v);
    const float *values = a->values + (t->first + b) % a->blocks *
                                          attend_values_floats(a->head_v);

    for (size_t j = 0; j < padded; j += PANEL_WIDTH) {
        t->run(&(struct slice){.x = t->scores + b * ATTEND_BLOCK,
                               .x_row = t->ld,
                               .x_step = 1,
                               .w = values + j,
                               .ldw = padded,
                               .y = t->o + j,
                               .ldy = padded,
                               .m = t->rows,
                               .n = padded - j < PANEL_WIDTH ? padded - j
                                                             : PANEL_WIDTH,
                               .k = ATTEND_BLOCK,
                               .adds = b > 0,
                               .ends = b + 1 == t->blocks_n});
    }
}

/* The first position that a token at `position` sees. */
static uint64_t first_seen(const struct attend *a, uint64_t position)
{
    return a->window == 0 || position < a->window ? 0
                                                  : position - a->window + 1;
}

static float weigh_row(const struct tile *t, size_t r)
{
    const struct attend *a = t->a;
    uint64_t position = t->position + r / a->group;
    uint64_t start = t->first * ATTEND_BLOCK;

    return math_scores(t->scores + r * t->ld, t->width,
                       (size_t)(first_seen(a, position) - start),
                       (size_t)(position + 1 - start), a->scale,
                       a->sinks == NULL ? NULL : a->sinks + r % a->group);
}

static void run_tile(const struct tile *t, const float *q, size_t ldq,
                     float *out, size_t ldo)
{
    const struct attend *a = t->a;
    float inverse[ATTEND_ROWS];

    take_queries(t, q, ldq);
    for (size_t b = 0; b < t->blocks_n; b++) {
        score_block(t, b);
    }
    for (size_t r = 0; r < t->rows; r++) {
        inverse[r] = 1.0f / weigh_row(t, r);
    }
    if (t->kept_inverse != NULL) {
        memcpy(t->kept_inverse, inverse, t->rows * sizeof(*inverse));
    }
    for (size_t b = 0; b < t->blocks_n; b++) {
        add_values(t, b);
    }
    for (size_t r = 0; r < t->rows; r++) {
        float *to = out + r / a->group * ldo + r % a->group * a->head_v;
        const float *from = t->o + r * attend_padded(a->head_v);

        for (size_t i = 0; i < a->head_v; i++) {
            to[i] = from[i] * inverse[r];
        }
    }
}

void attend(const struct attend *a, uint64_t position, size_t tokens,
            const float *q, size_t ldq, float *out, size_t ldo, float *scratch,
            size_t scratch_n)
{
    struct tile t = {.a = a,
                     .run = panel_kernels(panel_choice()->own)->slice[0]};

    ASSERT(a->group >= 1 && a->group <= ATTEND_GROUP_MAX);
    ASSERT(a->head_k >= 1 && a->head_k <= ATTEND_HEAD_MAX);
    ASSERT(a->head_v >= 1 && a->head_v <= ATTEND_HEAD_MAX);
    for (size_t i = 0; i < tokens; i += t.tokens) {
        uint64_t last = (position + tokens - 1) / ATTEND_BLOCK;

        t.position = position + i;
        t.first = first_seen(a, t.position) / ATTEND_BLOCK;
        t.tokens =
            rows_of(a, (size_t)(last - t.first + 1) * ATTEND_BLOCK) / a->group;
        t.tokens = tokens - i < t.tokens ? tokens - i : t.tokens;
        t.rows = t.tokens * a->group;
        last = (t.position + t.tokens - 1) / ATTEND_BLOCK;
        t.blocks_n = (size_t)(last - t.first + 1);
        t.width = t.blocks_n * ATTEND_BLOCK;
        ASSERT(t.blocks_n <= a->blocks + 1);
        t.scores = scratch;
        t.ld = t.width;
        t.qt = scratch + t.rows * t.width;
        t.o = t.qt + t.rows * a->head_k;
        ASSERT((size_t)(t.o - scratch) + t.rows * attend_padded(a->head_v) <=
               scratch_n);
        if (a->kept != NULL) {
            ASSERT(position == 0 && t.width <= a->kept_ld);
            t.scores = a->kept + i * a->group * a->kept_ld;
            t.ld = a->kept_ld;
            t.kept_inverse = a->kept_inverse + i * a->group;
        }
        run_tile(&t, q + i * ldq, ldq, out + i * ldo, ldo);
    }
}

/* Rows of kept scores are an odd number of lines apart: columns of them, which the
 * backward pass walks down, then use all of the first cache. */
size_t attend_kept_ld(size_t tokens)
{
    return panels_padded(tokens) + 16;
}

/* The backward pass at work. */
struct back {
    const struct attend *a;
    const struct attend_rows *r;
    size_t tokens;
    size_t row; /* from a token's scores to the next one's: group * kept_ld */
    float *ds;  /* as a->kept */
    float *values; /* (tokens, head_v), close together */
    float *turned; /* (head_v, tokens) */
};

static size_t lay_back(struct back *b, float *scratch)
{
    size_t scores = b->tokens * b->row;
    size_t values = b->tokens * b->a->head_v;

    if (scratch != NULL) {
        b->ds = scratch;
        b->values = scratch + scores;
        b->turned = b->values + values;
    }
    return scores + 2 * values;
}

size_t attend_back_scratch(const struct attend *a, size_t tokens)
{
    struct back b = {
        .a = a, .tokens = tokens, .row = a->group * attend_kept_ld(tokens)};

    return lay_back(&b, NULL);
}

/* From head g's weights of tokens [first, first + n), which see `seen` positions
 * at most: p in place of e, and the gradients of scores and queries. */
static void back_tokens(const struct back *b, size_t g, size_t first, size_t n,
                        size_t seen)
{
    const struct attend *a = b->a;
    const struct attend_rows *r = b->r;
    size_t at = first * b->row + g * a->kept_ld;
    const float *dout = r->dout + first * r->ldo + g * a->head_v;
    const float *out = r->out + first * r->ldo + g * a->head_v;

    nn_product(&(struct product){.x = dout,
                                 .x_row = r->ldo,
                                 .x_step = 1,
                                 .w = b->turned,
                                 .ldw = b->tokens,
                                 .y = b->ds + at,
                                 .ldy = b->row,
                                 .m = n,
                                 .n = seen,
                                 .k = a->head_v});
    for (size_t i = 0; i < n; i++) {
        float *p = a->kept + at + i * b->row;

        nn_scale(a->kept_inverse[(first + i) * a->group + g], p, seen, p);
        math_scores_back(p, seen, a->scale,
                         nn_dot(dout + i * r->ldo, out + i * r->ldo, a->head_v),
                         b->ds + at + i * b->row);
    }
    nn_product(&(struct product){.x = b->ds + at,
                                 .x_row = b->row,
                                 .x_step = 1,
                                 .w = r->k,
                                 .ldw = r->ldk,
                                 .y = r->dq + first * r->ldq + g * a->head_k,
                                 .ldy = r->ldq,
                                 .m = n,
                                 .n = a->head_k,
                                 .k = seen});
}

/* Gradients of the keys and values at positions [first, first + n), by what all
 * tokens from `first` on made of them. */
static void back_positions(const struct back *b, size_t g, size_t first,
                           size_t n)
{
    const struct attend *a = b->a;
    const struct attend_rows *r = b->r;
    size_t at = first * b->row + g * a->kept_ld + first;
    struct product p = {.x = b->ds + at,
                        .x_row = 1,
                        .x_step = b->row,
                        .w = r->q + first * r->ldq + g * a->head_k,
                        .ldw = r->ldq,
                        .y = r->dk + first * r->ldk,
                        .ldy = r->ldk,
                        .m = n,
                        .n = a->head_k,
                        .k = b->tokens - first,
                        .adds = g > 0};

    nn_product(&p);
    p.x = a->kept + at;
    p.w = r->dout + first * r->ldo + g * a->head_v;
    p.ldw = r->ldo;
    p.y = r->dv + first * r->ldv;
    p.ldy = r->ldv;
    p.n = a->head_v;
    nn_product(&p);
}

void attend_back(const struct attend *a, size_t tokens,
                 const struct attend_rows *r, float *scratch, size_t scratch_n)
{
    struct back b = {
        .a = a, .r = r, .tokens = tokens, .row = a->group * a->kept_ld};

    ASSERT(a->window == 0 && a->sinks == NULL && a->kept != NULL);
    ASSERT(a->kept_ld == attend_kept_ld(tokens));
    ASSERT(lay_back(&b, scratch) <= scratch_n);
    for (size_t i = 0; i < tokens; i++) {
        memcpy(b.values + i * a->head_v, r->v + i * r->ldv,
               a->head_v * sizeof(*b.values));
    }
    nn_turn(b.values, tokens, a->head_v, b.turned);
    for (size_t g = 0; g < a->group; g++) {
        for (size_t i = 0; i < tokens; i += ATTEND_BLOCK) {
            size_t n = tokens - i < ATTEND_BLOCK ? tokens - i : ATTEND_BLOCK;

            back_tokens(&b, g, i, n, i + n);
        }
        for (size_t i = 0; i < tokens; i += ATTEND_BLOCK) {
            back_positions(&b, g, i,
                           tokens - i < ATTEND_BLOCK ? tokens - i
                                                     : ATTEND_BLOCK);
        }
    }
}
