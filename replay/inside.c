/* Branches and mutants of a unit, and further inputs where draws do not do
 * (docs/exam.md section 13). Replayer. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "replay/sitting.h"

#define ROUND 8192u
#define NEAR_MAX 256u
#define TRIES 8
#define BEYOND (UINT64_C(1) << 40)
#define CAN_HUNT(x) (!(x)->is_exhaustive && (x)->hunted < LIMIT_HUNT)

static int is_looked_into(const struct sitting *x)
{
    return sitting_is_cml(x) && !sitting_is_noisy(x);
}

#define branches(x) ((x)->party[CANDIDATE].m->branches)

uint32_t inside_mutants(const struct sitting *x)
{
    return x->party[CANDIDATE].m->mutants; /* load.c saw to its limit */
}

uint32_t inside_needs(const struct sitting *x)
{
    return sitting_is_table(x) ? 1 : x->is_exhaustive ? 0 : LIMIT_BRANCH_DRAWS;
}

static int is_weak(const struct sitting *x)
{
    return !sitting_is_whole(x) &&
           __builtin_popcountll(x->noticed) * 100 <
               95 * (int)inside_mutants(x);
}

int inside_plan(struct sitting *x)
{
    const struct values *in = &x->directed;
    CLEANUP(mem_freep) uint32_t *order = values_sorted(in);
    struct values_builder w;
    int code = 0;

    if (!is_looked_into(x) || values_n(in) == 0) {
        return 0;
    }
    TRY(order == NULL ? ERR_NOMEM : values_builder_init(&w, LIMIT_FRAME_BYTES));
    for (uint32_t i = 0;
         i < values_n(in) && i < LIMIT_PROBE_INPUTS && code == 0; i++) {
        struct ubytes v = values_at(in, order[i]);

        if (shape_has(&x->shape, v) && !chunk_is_public(x, v) &&
            (i == 0 || sitting_compare(values_at(in, order[i - 1]), v) != 0)) {
            code = values_builder_add(&w, v);
        }
    }
    TRY(values_build(&x->directed, &w, &x->takes, code));
    x->directed_n = values_n(&x->directed);
    return 0;
}

/* --- counting ----------------------------------------------------------------- */

static int ask_views(struct sitting *x, int with_mutants)
{
    static const struct type u64 = {2, {TYPE_INT, TYPE_UNSIGNED | 8}};
    struct question q[VIEWS];
    size_t n = 0;

    for (unsigned i = 0; i < VIEWS; i++) {
        uint32_t first = i == 0 ? 0 : 64 * (i - 1);

        if (i == 0 ? inside_mutants(x) > 0 && with_mutants
                   : first < branches(x)) {
            q[n++] = (struct question){x->party[CANDIDATE].cid,    0,
                                       i == 0 ? 2 : 1,             first,
                                       i == 0 ? x->mutants : NULL, &u64,
                                       &x->inputs,                 &x->view[i]};
        }
    }
    TRY(sitting_put(x, q, n));
    for (size_t i = 0; i < n; i++) {
        x->is_unasked |= !q[i].out->is_complete;
    }
    return x->is_unasked ? diag_set(x->d, ERR_WORKER, (struct loc){0},
                                    "the unit could not be looked into")
                         : 0;
}

static uint64_t bits(const struct said *s, uint32_t i)
{
    struct rd r;

    rd_init(&r, values_at(&s->answers, i));
    (void)rd_take(&r, 2);
    return rd_u64(&r);
}

static int reached(const struct sitting *x, uint32_t i, uint32_t b)
{
    return (int)(bits(&x->view[1 + b / 64], i) >> b % 64 & 1);
}

static void count_mutants(struct sitting *x)
{
    uint32_t none = 64 - inside_mutants(x); /* bits that stand for nothing */
    uint64_t all = none == 64 ? 0 : UINT64_MAX >> none;

    for (uint32_t i = 0; i < values_n(&x->view[0].answers); i++) {
        x->noticed |= bits(&x->view[0], i) & all;
    }
}

int inside_count(struct sitting *x)
{
    if (!is_looked_into(x)) {
        return 0;
    }
    TRY(ask_views(x, 1));
    x->is_counted = 1;
    count_mutants(x);
    for (uint32_t i = 0; i < values_n(&x->inputs); i++) {
        for (uint32_t b = 0; b < branches(x); b++) {
            x->reached[b] += (uint64_t)reached(x, i, b);
        }
    }
    return 0;
}

/* --- looking for more ----------------------------------------------------------- */

/* Adds inputs that reach a branch that lacks draws, up to so many in w; with
 * planned only as many as it lacks, and none that is public. */
static int pick(const struct sitting *x, uint32_t most, uint32_t *planned,
                struct values_builder *w)
{
    for (uint32_t i = 0; i < values_n(&x->inputs) && values_builder_n(w) < most;
         i++) {
        struct ubytes v = values_at(&x->inputs, i);
        int is_wanted = 0;

        for (uint32_t b = 0; b < branches(x); b++) {
            uint64_t have = x->reached[b] + (planned == NULL ? 0 : planned[b]);

            is_wanted |= have < inside_needs(x) && reached(x, i, b);
        }
        if (!is_wanted || (planned != NULL && chunk_is_public(x, v))) {
            continue;
        }
        TRY(values_builder_add(w, v));
        for (uint32_t b = 0; planned != NULL && b < branches(x); b++) {
            planned[b] += (uint32_t)reached(x, i, b);
        }
    }
    return 0;
}

static int keep_near(struct sitting *x)
{
    struct values_builder w;
    int code = values_builder_init(&w, LIMIT_FRAME_BYTES);

    code = code == 0 ? values_builder_add_all(&w, &x->near, 0,
                                              values_n(&x->near))
                     : code;
    code = code == 0 ? pick(x, NEAR_MAX, NULL, &w) : code;
    return values_build(&x->near, &w, &x->takes, code);
}

int inside_further(struct sitting *x, uint64_t k, struct buf *out)
{
    uint64_t n = x->literals > 0 ? STRATA + 1 : STRATA;

    buf_reset(out);
    return k % n == LITERALS
               ? excerpts_instance(&x->excerpts, &x->shape, x->claim->seed,
                                   BEYOND + k / n, out)
               : draw_instance(&x->shape, x->claim->seed, (enum layer)(k % n),
                               BEYOND + k / n, out);
}

/* True: out is an input that came near with one byte changed. */
static int mutate(struct sitting *x, struct chance *c, struct buf *out)
{
    struct ubytes v = values_at(
        &x->near, (uint32_t)chance_below(c, values_n(&x->near)));
    uint8_t *p;
    uint64_t at = chance_below(c, v.n);

    buf_reset(out);
    TRY(buf_extend(out, v.n, &p));
    memcpy(p, v.p, v.n);
    p[at] ^= (uint8_t)(1 + chance_below(c, 255));
    v = buf_bytes(out);
    return value_check_exact(v, &x->takes) == 0 && shape_has(&x->shape, v);
}

static int make_one(struct sitting *x, uint64_t k, struct buf *out)
{
    struct chance c;
    int made = 0;

    chance_open(&c, x->claim->seed, LANE_HUNT, k);
    for (int i = 0; i < TRIES && made == 0 && k % 2 == 1; i++) {
        made = values_n(&x->near) == 0 ? 0 : mutate(x, &c, out);
    }
    return made == 0 ? inside_further(x, k, out) : made < 0 ? made : 0;
}

static int make_round(struct sitting *x)
{
    uint64_t end = x->hunted + ROUND;
    struct values_builder w;
    struct buf v;
    int code;

    TRY(keep_near(x));
    TRY(values_builder_init(&w, (size_t)4 * LIMIT_BATCH_BYTES));
    buf_init(&v, LIMIT_FRAME_BYTES);
    for (code = 0; x->hunted < end && code == 0; x->hunted++) {
        code = make_one(x, x->hunted, &v);
        code = code == 0 ? values_builder_add(&w, buf_bytes(&v)) : code;
        code = code == ERR_LIMIT ? 0 : code; /* too long: one less */
    }
    buf_release(&v);
    return values_build(&x->inputs, &w, &x->takes, code);
}

static int hunt(struct sitting *x)
{
    uint32_t planned[LIMIT_BRANCHES] = {0};
    struct values_builder w;
    int code;

    TRY(make_round(x));
    if (values_n(&x->inputs) == 0) {
        return 0;
    }
    values_release(&x->view[0].answers);
    TRY(ask_views(x, is_weak(x)));
    count_mutants(x);
    TRY(values_builder_init(&w, LIMIT_FRAME_BYTES));
    code = pick(x, UINT32_MAX, planned, &w);
    if (code < 0 || values_builder_n(&w) == 0) {
        values_builder_release(&w);
        return code;
    }
    TRY(sitting_pack(&w, &x->takes, &x->inputs));
    x->first = x->compared;
    x->draws += values_n(&x->inputs);
    x->directed_n += values_n(&x->inputs);
    STEP(chunk_compare(x));
    TRY(placebo_add(x));
    return chunk_repeat(x);
}

/* Branches that lack draws, and the first of them. In a unit that was trapped what
 * is never reached is a trap, once all was looked at. */
static uint32_t lacking(const struct sitting *x, uint32_t *out_first)
{
    int is_trapped = x->party[CANDIDATE].m->n_trapped > 0 && !(CAN_HUNT(x));
    uint32_t n = 0;

    for (uint32_t b = 0; b < branches(x); b++) {
        if (x->reached[b] < inside_needs(x) &&
            (x->reached[b] > 0 || !is_trapped)) {
            *out_first = n == 0 ? b : *out_first;
            n++;
        }
    }
    return n;
}

int inside_settle(struct sitting *x)
{
    uint32_t first = 0;
    uint32_t n = 0;

    if (!is_looked_into(x)) {
        return 0;
    }
    while (((n = lacking(x, &first)) > 0 || is_weak(x)) && CAN_HUNT(x)) {
        STEP(hunt(x));
    }
    if (n > 0) {
        return sitting_end(x, VERDICT_INCONCLUSIVE,
                           "branch %" PRIu32 " was reached by %" PRIu64
                           " draws, not %" PRIu32 "%s",
                           first, x->reached[first], inside_needs(x),
                           n == 1 ? "" : ", and others by too few");
    }
    return is_weak(x) ? sitting_end(x, VERDICT_INCONCLUSIVE,
                                    "too weak: %d of %" PRIu32
                                    " mutants were noticed",
                                    __builtin_popcountll(x->noticed),
                                    inside_mutants(x))
                      : 0;
}
