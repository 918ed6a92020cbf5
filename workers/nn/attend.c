/* Attention over blocks of keys and values. Runs in workers. Must never let a
 * sum depend on where a tile, a ring or a window begins. */
#include "workers/nn/attend.h"

#include <string.h>

#include "workers/nn/math.h"
#include "workers/nn/math_impl.h"
#include "workers/nn/panel_impl.h"

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
    float *qt;     /* (head_k, rows) */
    float *o;      /* (rows, head_v padded) */
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
    slice_fn *run;
    size_t tokens, rows; /* rows = tokens * group */
    size_t blocks, ld;   /* of positions; of scores */
    size_t key_ld, value_ld;
    float *ds;     /* (rows, ld) */
    float *keys;   /* (blocks * 64, key_ld) */
    float *values; /* (blocks, head_v, 64), transposed */
    float *q;      /* (rows, key_ld) */
    float *dout;   /* (rows, value_ld), times 1 / sum */
    float *douts;  /* (head_v, ATTEND_ROWS): a tile of dout, transposed */
    float *part;   /* (64, the larger of key_ld and value_ld) */
};

static size_t lay_back(struct back *b, float *scratch)
{
    const struct attend *a = b->a;
    size_t at = 0, padded;

    b->rows = b->tokens * a->group;
    b->blocks = blocks_of(b->tokens);
    b->ld = attend_kept_ld(b->tokens);
    b->key_ld = attend_padded(a->head_k);
    b->value_ld = attend_padded(a->head_v);
    padded = b->key_ld > b->value_ld ? b->key_ld : b->value_ld;
#define PART(field, n) b->field = scratch == NULL ? NULL : scratch + at, at += (n)
    PART(ds, b->rows * b->ld);
    PART(keys, b->blocks * ATTEND_BLOCK * b->key_ld);
    PART(values, b->blocks * ATTEND_BLOCK * a->head_v);
    PART(q, b->rows * b->key_ld);
    PART(dout, b->rows * b->value_ld);
    PART(douts, a->head_v * ATTEND_ROWS);
    PART(part, ATTEND_BLOCK * padded);
#undef PART
    return at;
}

size_t attend_back_scratch(const struct attend *a, size_t tokens)
{
    struct back b = {.a = a, .tokens = tokens};

    return lay_back(&b, NULL);
}

/* n numbers and zeros up to ld. */
static void put_padded(const float *from, size_t n, size_t ld, float *to)
{
    memcpy(to, from, n * sizeof(*to));
    memset(to + n, 0, (ld - n) * sizeof(*to));
}

static void take_back(const struct back *b)
{
    const struct attend *a = b->a;
    const struct attend_rows *r = b->r;
    const struct attend turned = {.head_k = a->head_v, .blocks = b->blocks};

    for (size_t i = 0; i < b->blocks * ATTEND_BLOCK; i++) {
        size_t from = i < b->tokens ? i : 0; /* what nobody sees: finite */

        put_padded(r->k + from * r->ldk, a->head_k, b->key_ld,
                   b->keys + i * b->key_ld);
        attend_put_key(&turned, i, r->v + from * r->ldv, b->values);
    }
    for (size_t i = 0; i < b->rows; i++) {
        size_t token = i / a->group, head = i % a->group;

        put_padded(r->q + token * r->ldq + head * a->head_k, a->head_k,
                   b->key_ld, b->q + i * b->key_ld);
        put_padded(r->dout + token * r->ldo + head * a->head_v, a->head_v,
                   b->value_ld, b->dout + i * b->value_ld);
    }
}

/* y (m, n) = sum over k rows of x and w, in slices. n is a multiple of 16. */
static void sum_rows(const struct back *b, struct slice s, size_t n, size_t k)
{
    for (size_t j = 0; j < n; j += PANEL_WIDTH) {
        struct slice part = s;

        part.w = (const float *)s.w + j;
        part.y = s.y + j;
        part.n = n - j < PANEL_WIDTH ? n - j : PANEL_WIDTH;
        for (size_t i = 0; i < k; i += PANEL_SLICE) {
            part.k = k - i < PANEL_SLICE ? k - i : PANEL_SLICE;
            part.adds = i > 0;
            b->run(&part);
            part.x += part.k * part.x_step;
            part.w = (const float *)part.w + part.k * part.ldw;
        }
    }
}

/* ds of rows [first, first + rows), whose last one sees `blocks` blocks. */
static void back_scores(const struct back *b, size_t first, size_t rows,
                        size_t blocks)
{
    const struct attend *a = b->a;
    float *ds = b->ds + first * b->ld;

    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < a->head_v; j++) {
            b->douts[j * rows + i] = b->dout[(first + i) * b->value_ld + j];
        }
    }
    for (size_t block = 0; block < blocks; block++) {
        const struct slice s = {.x = b->douts,
                                .x_row = 1,
                                .x_step = rows,
                                .w = b->values +
                                     block * a->head_v * ATTEND_BLOCK,
                                .ldw = ATTEND_BLOCK,
                                .y = ds + block * ATTEND_BLOCK,
                                .ldy = b->ld,
                                .m = rows};

        sum_rows(b, s, ATTEND_BLOCK, a->head_v);
    }
    for (size_t i = first; i < first + rows; i++) {
        const struct attend_rows *r = b->r;
        size_t at = i / a->group * r->ldo + i % a->group * a->head_v;
        float inverse = a->kept_inverse[i];

        math_scores_back(a->kept + i * b->ld, blocks * ATTEND_BLOCK,
                         inverse * a->scale,
                         nn_dot(r->dout + at, r->out + at, a->head_v),
                         b->ds + i * b->ld);
        nn_scale(inverse, b->dout + i * b->value_ld, b->value_ld,
                 b->dout + i * b->value_ld);
    }
}

/* dq of the same rows. */
static void back_queries(const struct back *b, size_t first, size_t rows,
                         size_t blocks)
{
    const struct attend *a = b->a;
    struct slice s = {.x = b->ds + first * b->ld,
                      .x_row = b->ld,
                      .x_step = 1,
                      .w = b->keys,
                      .ldw = b->key_ld,
                      .y = b->part,
                      .ldy = b->key_ld,
                      .m = rows};

    sum_rows(b, s, b->key_ld, blocks * ATTEND_BLOCK);
    for (size_t i = first; i < first + rows; i++) {
        memcpy(b->r->dq + i / a->group * b->r->ldq + i % a->group * a->head_k,
               b->part + (i - first) * b->key_ld,
               a->head_k * sizeof(*b->part));
    }
}

/* Column sums of one block of positions: out (tokens, ldo) = scores^T rows. */
static void back_block(const struct back *b, size_t block, const float *scores,
                       const float *rows, size_t ld, float *out, size_t ldo,
                       size_t n)
{
    size_t at = block * ATTEND_BLOCK;
    size_t first = at * b->a->group;
    size_t m = b->tokens - at < ATTEND_BLOCK ? b->tokens - at : ATTEND_BLOCK;
    const struct slice s = {.x = scores + first * b->ld + at,
                            .x_row = 1,
                            .x_step = b->ld,
                            .w = rows + first * ld,
                            .ldw = ld,
                            .y = b->part,
                            .ldy = ld,
                            .m = m};

    sum_rows(b, s, ld, b->rows - first);
    for (size_t i = 0; i < m; i++) {
        memcpy(out + (at + i) * ldo, b->part + i * ld, n * sizeof(*out));
    }
}

void attend_back(const struct attend *a, size_t tokens,
                 const struct attend_rows *r, float *scratch, size_t scratch_n)
{
    struct back b = {.a = a,
                     .r = r,
                     .run = panel_kernels(panel_choice()->own)->slice[0],
                     .tokens = tokens};
    size_t step = ATTEND_ROWS / a->group * a->group;

    ASSERT(a->window == 0 && a->sinks == NULL && a->kept != NULL);
    ASSERT(lay_back(&b, scratch) <= scratch_n && a->kept_ld == b.ld);
    take_back(&b);
    for (size_t i = 0; i < b.rows; i += step) {
        size_t rows = b.rows - i < step ? b.rows - i : step;
        size_t blocks = (i + rows - 1) / a->group / ATTEND_BLOCK + 1;

        back_scores(&b, i, rows, blocks);
        back_queries(&b, i, rows, blocks);
    }
    for (size_t block = 0; block * ATTEND_BLOCK < tokens; block++) {
        back_block(&b, block, b.ds, b.q, b.key_ld, r->dk, r->ldk, a->head_k);
        back_block(&b, block, a->kept, b.dout, b.value_ld, r->dv, r->ldv,
                   a->head_v);
    }
}
