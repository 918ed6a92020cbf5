/* The search for the simplest counterexample (docs/exam.md section 10). Replayer.
 */
#include <stdlib.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "replay/sitting.h"
#include "replay/variants.h"

#define ROUND 64u
#define WALKED_BYTES_MAX (64u << 20)
#define SLOTS 8192u /* open addressing; at most a quarter full */

_Static_assert(LIMIT_SHRINK_EVALUATIONS * 4 <= SLOTS, "sparse");

enum {
    AGAIN_FROM_BEST = 2,
    NOTHING_LEFT = 3
};

struct variant {
    struct buf v, key; /* owned */
};

struct search {
    struct sitting *x;
    struct variant best;
    struct variant round[ROUND]; /* sorted, simplest first */
    uint32_t n;
    size_t round_bytes;
    size_t walked_bytes;
    uint64_t tried[SLOTS]; /* hashes, 0 = free */
};

static void variant_init(struct variant *a)
{
    buf_init(&a->v, LIMIT_FRAME_BYTES);
    buf_init(&a->key, LIMIT_FRAME_BYTES);
}

static void variant_release(struct variant *a)
{
    buf_release(&a->v);
    buf_release(&a->key);
}

static int variant_set(struct variant *a, struct ubytes v)
{
    buf_reset(&a->v);
    buf_reset(&a->key);
    TRY(buf_put(&a->v, v.p, v.n));
    return variants_key(v, &a->key);
}

static int is_simpler(const struct variant *a, const struct variant *b)
{
    if (buf_len(&a->v) != buf_len(&b->v)) {
        return buf_len(&a->v) < buf_len(&b->v);
    }
    return sitting_compare(buf_bytes(&a->key), buf_bytes(&b->key)) < 0;
}

/* Remembers v. False: it was tried before. */
static int try_once(struct search *s, struct ubytes v)
{
    uint8_t digest[BLAKE3_BYTES];
    uint64_t hash = 0;
    uint64_t slot;

    blake3(v.p, v.n, digest);
    for (unsigned i = 0; i < 8; i++) {
        hash = hash << 8 | digest[i];
    }
    hash = hash == 0 ? 1 : hash;
    for (slot = hash % SLOTS; s->tried[slot] != 0; slot = (slot + 1) % SLOTS) {
        if (s->tried[slot] == hash) {
            return 0;
        }
    }
    s->tried[slot] = hash;
    return 1;
}

/* The oracles answer input i, alike and finite, and the candidate is not right. A
 * limit of time proves nothing. */
static int fails(const struct sitting *x, uint32_t i)
{
    struct ubytes expected = sitting_got(&x->said[ORACLE], i);
    struct ubytes got = sitting_got(&x->said[CANDIDATE], i);

    if (expected.p == NULL || value_has_nonfinite(expected) ||
        (x->party[SECOND].m != NULL &&
         !sitting_is_right(x, sitting_got(&x->said[SECOND], i), expected))) {
        return 0;
    }
    if (got.p == NULL) {
        return i == values_n(&x->said[CANDIDATE].answers) &&
               !x->said[CANDIDATE].is_limit;
    }
    return !sitting_is_right(x, got, expected);
}

/* Asks about the round; the simplest that fails becomes best. */
static int evaluate(struct search *s)
{
    struct sitting *x = s->x;
    struct values_builder w;
    uint32_t n = s->n;
    int code;

    s->n = 0;
    s->round_bytes = 0;
    if (n == 0) {
        return 0;
    }
    if (x->progress != NULL) {
        x->progress(x->ctx, "shrink", x->tried, LIMIT_SHRINK_EVALUATIONS);
    }
    TRY(values_builder_init(&w, LIMIT_FRAME_BYTES));
    code = 0;
    for (uint32_t i = 0; i < n && code == 0; i++) {
        code = values_builder_add(&w, buf_bytes(&s->round[i].v));
    }
    TRY(values_build(&x->inputs, &w, &x->takes, code));
    TRY(sitting_ask(x, sitting_everybody(x)));
    for (uint32_t i = 0; i < n; i++) {
        struct ubytes got = sitting_got(&x->said[CANDIDATE], i);

        if (fails(x, i)) {
            x->shrunk.is_set = 0;
            TRY(sitting_find(&x->shrunk, values_at(&x->inputs, i),
                             sitting_got(&x->said[ORACLE], i), got, x->raw.k,
                             got.p == NULL ? x->said[CANDIDATE].ending : ""));
            TRY(variant_set(&s->best, values_at(&x->inputs, i)));
            return AGAIN_FROM_BEST;
        }
    }
    return 0;
}

/* One variant of the walk: into the round, if it is worth trying. */
static int consider(void *ctx, struct ubytes v)
{
    struct search *s = ctx;
    struct variant *a = &s->round[s->n];
    struct variant new;

    if (s->walked_bytes + v.n > WALKED_BYTES_MAX) {
        int code = evaluate(s);

        return code != 0 ? code : NOTHING_LEFT;
    }
    s->walked_bytes += v.n;
    if (v.n > buf_len(&s->best.v) || !shape_has(&s->x->shape, v)) {
        return 0;
    }
    TRY(variant_set(a, v));
    if (!is_simpler(a, &s->best) || !try_once(s, v)) {
        return 0;
    }
    new = *a;
    for (; a > s->round && is_simpler(&new, a - 1); a--) {
        *a = a[-1];
    }
    *a = new;
    s->n++;
    s->x->tried++;
    s->round_bytes += v.n;
    if (s->n < ROUND && s->x->tried < LIMIT_SHRINK_EVALUATIONS &&
        s->round_bytes < LIMIT_BATCH_BYTES) {
        return 0;
    }
    STEP(evaluate(s));
    return s->x->tried == LIMIT_SHRINK_EVALUATIONS ? NOTHING_LEFT : 0;
}

static int search(struct search *s)
{
    int code;

    TRY(variant_set(&s->best, buf_bytes(&s->x->raw.input)));
    do {
        struct buf from; /* the walk borrows it while best may change */

        buf_init(&from, LIMIT_FRAME_BYTES);
        code = buf_put(&from, buf_bytes(&s->best.v).p, buf_len(&s->best.v));
        if (code == 0) {
            code = variants_walk(&s->x->shape, buf_bytes(&from), consider, s);
        }
        code = code == 0 ? evaluate(s) : code;
        buf_release(&from);
    } while (code == AGAIN_FROM_BEST && s->x->tried < LIMIT_SHRINK_EVALUATIONS);
    return code < 0 ? code : 0;
}

/* The simplest one by itself: what fails no more depends on what came before. */
static int ask_alone(struct search *s)
{
    struct sitting *x = s->x;
    struct values_builder w;
    int code;

    TRY(values_builder_init(&w, LIMIT_FRAME_BYTES));
    code = values_builder_add(&w, buf_bytes(&s->best.v));
    TRY(values_build(&x->inputs, &w, &x->takes, code));
    TRY(sitting_ask(x, sitting_everybody(x)));
    x->depends = !fails(x, 0);
    x->shrunk.is_set = x->shrunk.is_set && !x->depends;
    return 0;
}

int simpler_find(struct sitting *x)
{
    struct search *s = calloc(1, sizeof(*s));
    int code;

    if (s == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    s->x = x;
    variant_init(&s->best);
    for (unsigned i = 0; i < ROUND; i++) {
        variant_init(&s->round[i]);
    }
    code = search(s);
    code = code == 0 ? ask_alone(s) : code;
    for (unsigned i = 0; i < ROUND; i++) {
        variant_release(&s->round[i]);
    }
    variant_release(&s->best);
    free(s);
    return code;
}
