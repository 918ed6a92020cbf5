/* A chunk of draws: the first run, compared with zero tolerance, and the second
 * in another order (docs/exam.md sections 7, 8). Replayer. */
#include <inttypes.h>
#include <stdlib.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "replay/sitting.h"

#define CHUNK_BYTES (16u << 20)
#define REDRAWS 64u
#define REPEAT_ONE_IN 20u

static const struct ubytes nothing = {NULL, 0};

static unsigned stratum_of(const struct sitting *x, uint64_t draw)
{
    uint64_t item = draw < x->ordered ? x->order[draw] : UINT32_MAX;

    return item >= x->base + x->literals ? DIRECTED
           : item >= x->base             ? LITERALS
                                         : (unsigned)(item / x->each);
}

int chunk_is_public(const struct sitting *x, struct ubytes v)
{
    for (uint32_t i = 0; i < values_n(&x->known); i++) {
        if (sitting_compare(values_at(&x->known, i), v) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Appends the input of a draw. */
static int make_input(struct sitting *x, uint64_t draw, struct buf *out)
{
    uint64_t item = x->order[draw];

    if (sitting_is_table(x)) {
        struct ubytes row = values_at(&x->party[ORACLE].rows, (uint32_t)item);

        return buf_put(out, row.p, row.n);
    }
    if (x->is_exhaustive) {
        return shape_member(&x->shape, item, out);
    }
    if (stratum_of(x, draw) == DIRECTED) {
        struct ubytes v = values_at(
            &x->directed, (uint32_t)(item - x->base - x->literals));

        return buf_put(out, v.p, v.n);
    }
    for (uint64_t i = 0; i < REDRAWS; i++) {
        unsigned s = stratum_of(x, draw);
        int code;

        buf_reset(out);
        code = s == LITERALS
                   ? excerpts_instance(&x->excerpts, &x->shape, x->claim->seed,
                                       item - x->base, out)
                   : draw_instance(&x->shape, x->claim->seed, (enum layer)s,
                                   item % x->each + i * x->each, out);
        if (code == ERR_LIMIT) {
            return sitting_end(x, VERDICT_INCONCLUSIVE,
                               "a drawn input is longer than %u bytes",
                               LIMIT_VALUE_BYTES);
        }
        TRY(code);
        if (s == LITERALS || !chunk_is_public(x, buf_bytes(out))) {
            return 0;
        }
    }
    return sitting_end(x, VERDICT_INCONCLUSIVE,
                       "the domain holds too few inputs that are not public");
}

static int fill(struct sitting *x, struct values_builder *w, struct buf *v)
{
    uint64_t chunks = (x->draws + LIMIT_CHUNK_DRAWS - 1) / LIMIT_CHUNK_DRAWS;
    uint64_t n = (x->draws + chunks - 1) / chunks;
    size_t bytes = 0;

    for (uint64_t i = x->first;
         i < x->draws && i < x->first + n && bytes < CHUNK_BYTES; i++) {
        buf_reset(v);
        STEP(make_input(x, i, v));
        bytes += 4 + buf_len(v);
        TRY(values_builder_add(w, buf_bytes(v)));
    }
    return 0;
}

static int make_inputs(struct sitting *x)
{
    struct values_builder w;
    struct buf v;
    int code;

    x->first = x->compared;
    TRY(values_builder_init(&w, LIMIT_FRAME_BYTES));
    buf_init(&v, LIMIT_FRAME_BYTES);
    code = fill(x, &w, &v);
    buf_release(&v);
    if (code != 0) {
        values_builder_release(&w);
        return code;
    }
    return sitting_pack(&w, &x->takes, &x->inputs);
}

/* An oracle that is silent, or not finite, cannot judge. */
static int check_oracle(struct sitting *x, enum who who, const char *name)
{
    const struct said *s = &x->said[who];
    uint32_t n = values_n(&s->answers);

    for (uint32_t i = 0; i < n; i++) {
        if (value_has_nonfinite(values_at(&s->answers, i))) {
            TRY(sitting_find(&x->disagreement, values_at(&x->inputs, i),
                             values_at(&s->answers, i), nothing, x->first + i,
                             "an answer that is not finite"));
            return sitting_end(x, VERDICT_QUARANTINE,
                               "the %s gives an answer that is not finite",
                               name);
        }
    }
    if (s->is_complete) {
        return 0;
    }
    TRY(sitting_find(&x->disagreement, values_at(&x->inputs, n), nothing,
                     nothing, x->first + n, s->ending));
    return sitting_end(x, VERDICT_QUARANTINE, "the %s gives no answer: %s",
                       name, s->ending);
}

static int check_oracles(struct sitting *x)
{
    if (!sitting_is_table(x)) {
        STEP(check_oracle(x, ORACLE, "oracle"));
    }
    if (x->party[SECOND].m == NULL) {
        return 0;
    }
    STEP(check_oracle(x, SECOND, "second oracle"));
    for (uint32_t i = 0; i < values_n(&x->inputs); i++) {
        struct ubytes expected = sitting_expected(x, i);
        struct ubytes got = sitting_got(&x->said[SECOND], i);

        if (!sitting_is_right(x, got, expected)) {
            x->disagreements++;
            TRY(sitting_find(&x->disagreement, values_at(&x->inputs, i),
                             expected, got, x->first + i, ""));
        }
    }
    return x->disagreements == 0
               ? 0
               : sitting_end(x, VERDICT_QUARANTINE, "the oracles disagree");
}

static void add_digest(struct blake3 *h, struct ubytes answer)
{
    uint8_t n[4] = {(uint8_t)(answer.n >> 24), (uint8_t)(answer.n >> 16),
                    (uint8_t)(answer.n >> 8), (uint8_t)answer.n};

    blake3_update(h, n, sizeof(n));
    blake3_update(h, answer.p, answer.n);
}

static void add_failure(struct sitting *x, uint64_t draw)
{
    x->failures++;
    if (!x->is_exhaustive) {
        x->failed[stratum_of(x, draw)]++;
    }
}

/* Counts a draw: its stratum, its leaf of the results, its answer's digest. */
static int count(struct sitting *x, uint32_t i, struct ubytes got)
{
    struct merkle_hash leaf;
    struct buf b;
    int code;

    buf_init(&b, LIMIT_FRAME_BYTES);
    code = buf_put_bytes32(&b, values_at(&x->inputs, i));
    code = code == 0 ? buf_put_bytes32(&b, sitting_expected(x, i)) : code;
    code = code == 0 ? buf_put_bytes32(&b, got) : code;
    leaf = merkle_leaf(buf_bytes(&b));
    merkle_frontier_add(&x->results, &leaf);
    add_digest(&x->digest, got);
    buf_release(&b);
    x->compared++;
    if (!x->is_exhaustive) {
        x->drawn[stratum_of(x, x->first + i)]++;
    }
    return code;
}

static int reject(struct sitting *x, uint32_t i, struct ubytes got)
{
    const struct said *s = &x->said[CANDIDATE];
    uint64_t k = x->first + i;

    x->raw.is_set = 0; /* an error that was allowed decides no more */
    TRY(sitting_find(&x->raw, values_at(&x->inputs, i), sitting_expected(x, i),
                     got, k, got.p == NULL ? s->ending : ""));
    if (sitting_is_noisy(x)) {
        return sitting_end(x, VERDICT_REJECT,
                           "no answer at draw %" PRIu64 " of %" PRIu64 ": %s",
                           k, x->draws, s->ending);
    }
    if (got.p == NULL && s->is_limit) {
        return sitting_end(x, VERDICT_REJECT,
                           "ran out of time at draw %" PRIu64 ", twice", k);
    }
    if (sitting_is_table(x)) {
        return sitting_end(x, VERDICT_REJECT, "wrong on a row of the table");
    }
    TRY(simpler_find(x));
    return sitting_end(
        x, VERDICT_REJECT, "wrong at draw %" PRIu64 " of %" PRIu64 "%s%s%s", k,
        x->draws, x->raw.ending[0] == '\0' ? "" : ": ", x->raw.ending,
        x->depends ? "; depends on earlier inputs" : "");
}

int chunk_test(struct sitting *x)
{
    if (x->progress != NULL) {
        x->progress(x->ctx, "test", x->compared, x->draws);
    }
    STEP(make_inputs(x));
    return chunk_compare(x);
}

int chunk_compare(struct sitting *x)
{
    TRY(sitting_ask(x, sitting_everybody(x)));
    STEP(check_oracles(x));
    for (uint32_t i = 0; i < values_n(&x->inputs); i++) {
        struct ubytes got = sitting_got(&x->said[CANDIDATE], i);

        TRY(count(x, i, got));
        if (sitting_is_right(x, got, sitting_expected(x, i))) {
            continue;
        }
        add_failure(x, x->first + i);
        if (got.p == NULL || !sitting_is_noisy(x)) {
            return reject(x, i, got);
        }
        TRY(sitting_find(&x->raw, values_at(&x->inputs, i),
                         sitting_expected(x, i), got, x->first + i, ""));
    }
    return 0;
}

/* --- the second run ------------------------------------------------------------- */

/* One party's second run: position i asks input at[i]. */
struct again {
    uint32_t n;
    uint32_t *at; /* owned */
    struct values inputs;
};

static int again_make(struct sitting *x, enum lane lane, uint32_t repeats,
                      struct again *a)
{
    uint32_t n = values_n(&x->inputs);
    struct values_builder w;
    struct chance c;
    int code;

    a->n = n + repeats;
    a->at = calloc(a->n, sizeof(*a->at));
    if (a->at == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    chance_open(&c, x->claim->seed, lane, x->first);
    chance_shuffle(&c, a->at, a->n);
    TRY(values_builder_init(&w, LIMIT_FRAME_BYTES));
    code = 0;
    for (uint32_t i = 0; i < a->n && code == 0; i++) {
        if (a->at[i] >= n) {
            a->at[i] = (uint32_t)chance_below(&c, n);
        }
        code = values_builder_add(&w, values_at(&x->inputs, a->at[i]));
    }
    return values_build(&a->inputs, &w, &x->takes, code);
}

/* The lowest input with another answer than in the first run, or none. False: all
 * answers came out again. */
static int find_change(struct sitting *x, enum who who, const struct again *a,
                       uint32_t *out_input, struct ubytes *out_got)
{
    uint32_t found = UINT32_MAX;

    for (uint32_t i = 0; i < a->n; i++) {
        struct ubytes before = values_at(&x->first_answers[who], a->at[i]);
        struct ubytes got = sitting_got(&x->said[who], i);

        if (a->at[i] < found &&
            (got.p == NULL || sitting_compare(got, before) != 0)) {
            found = a->at[i];
            *out_got = got;
        }
    }
    *out_input = found;
    return found != UINT32_MAX;
}

static int judge_again(struct sitting *x, const struct again a[2])
{
    const struct said *s = &x->said[CANDIDATE];
    struct ubytes got = nothing;
    uint64_t k;
    uint32_t i;

    if (!sitting_is_table(x) && find_change(x, ORACLE, &a[ORACLE], &i, &got)) {
        x->controls[AGAIN].failures = 1;
        TRY(sitting_find(&x->disagreement, values_at(&x->inputs, i),
                         values_at(&x->first_answers[ORACLE], i), got,
                         x->first + i, "the oracle, asked again"));
        return sitting_end(x, VERDICT_VOID,
                           "the oracle does not repeat its own answers");
    }
    if (!find_change(x, CANDIDATE, &a[CANDIDATE], &i, &got)) {
        return 0;
    }
    k = x->first + i;
    if (sitting_is_cml(x) && (got.p != NULL || !s->is_limit)) {
        TRY(sitting_find(&x->disagreement, values_at(&x->inputs, i),
                         values_at(&x->first_answers[CANDIDATE], i), got, k,
                         "the other engine"));
        return sitting_end(x, VERDICT_VOID, "the engines differ on draw %" PRIu64,
                           k);
    }
    add_failure(x, k);
    x->raw.is_set = 0;
    TRY(sitting_find(&x->raw, values_at(&x->inputs, i),
                     values_at(&x->first_answers[CANDIDATE], i), got, k,
                     got.p == NULL ? s->ending : ""));
    if (got.p == NULL && s->is_limit) {
        return sitting_end(x, VERDICT_REJECT,
                           "ran out of time when asked again, twice");
    }
    return sitting_end(x, VERDICT_REJECT,
                       "not deterministic: another answer to draw %" PRIu64
                       " when asked again",
                       k);
}

/* The second answers in draw order, of each input the one asked first. */
static int digest_again(struct sitting *x, const struct again *a)
{
    uint32_t n = values_n(&x->inputs);
    CLEANUP(mem_freep) uint32_t *position = calloc(n, sizeof(*position));

    if (position == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (uint32_t i = a->n; i > 0; i--) {
        position[a->at[i - 1]] = i - 1;
    }
    for (uint32_t i = 0; i < n; i++) {
        add_digest(&x->digest_again,
                   sitting_got(&x->said[CANDIDATE], position[i]));
    }
    x->repeated += n;
    return 0;
}

static int repeat(struct sitting *x, struct again a[2])
{
    const struct values *inputs[WHO] = {&a[CANDIDATE].inputs, &a[ORACLE].inputs,
                                        NULL};
    uint32_t n = values_n(&x->inputs);
    unsigned parties = sitting_everybody(x) & ~(1u << SECOND);

    TRY(again_make(x, LANE_AGAIN, (n + REPEAT_ONE_IN - 1) / REPEAT_ONE_IN,
                   &a[CANDIDATE]));
    if (!sitting_is_table(x)) {
        TRY(again_make(x, LANE_ORACLE, 0, &a[ORACLE]));
    }
    for (int i = 0; i < WHO; i++) { /* keeps what was said first */
        values_release(&x->first_answers[i]);
        x->first_answers[i] = x->said[i].answers;
        values_init(&x->said[i].answers);
    }
    TRY(sitting_ask_each(x, parties, inputs, 1));
    STEP(judge_again(x, a));
    TRY(digest_again(x, &a[CANDIDATE]));
    return inside_count(x);
}

int chunk_repeat(struct sitting *x)
{
    struct again a[2] = {{0}};
    int code;

    if (x->progress != NULL) {
        x->progress(x->ctx, "repeat", x->repeated, x->draws);
    }
    code = repeat(x, a);
    for (int i = 0; i < 2; i++) {
        free(a[i].at);
        values_release(&a[i].inputs);
    }
    return code;
}
