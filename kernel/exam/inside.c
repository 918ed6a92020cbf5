/* S5, S6, S8 and S11: the exam from the inside. Whether draws reached every branch
 * of a unit and notice what is changed in it is counted from what fresh workers
 * answer about inputs; where it is not enough, further inputs are looked for. And
 * relations that were declared. Must never admit by itself. Kernel process. */
#include "kernel/exam/machine.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/exam/stream.h"
#include "proto/err.h"
#include "proto/limits.h"

#define HUNT_ROUND 8192u
#define NEAR_MAX 256u    /* inputs that mutations start from */
#define MUTATIONS_MAX 8u /* tried until one is a member */
#define FURTHER (UINT64_C(1) << 40) /* instances that no draw has */

static int is_looked_into(const struct exam *x)
{
    return x->s.unit != NULL && !exam_is_noisy(x);
}

static uint32_t mutants_n(const struct exam *x)
{
    uint32_t n = x->s.unit->mutants;

    return n < LIMIT_CML_MUTANTS ? n : LIMIT_CML_MUTANTS;
}

uint32_t inside_needs(const struct exam *x)
{
    return exam_is_whole(x) ? 0 : exam_is_table(x) ? 1 : LIMIT_BRANCH_DRAWS;
}

/* Fewer than 95 % of the mutants were noticed, and not because all was tried. */
static int is_weak(const struct exam *x)
{
    return !exam_is_whole(x) && (unsigned)__builtin_popcountll(x->noticed) * 100 <
                                    95 * mutants_n(x);
}

int inside_plan(struct exam *x)
{
    CLEANUP(values_builder_release) struct values_builder w = {0};
    const struct values *v = x->s.directed;
    CLEANUP(mem_freep) uint32_t *order = v == NULL ? NULL : values_sorted(v);

    if (v == NULL || !is_looked_into(x)) {
        return 0;
    }
    TRY(order == NULL ? ERR_NOMEM : values_builder_init(&w, LIMIT_FRAME_BYTES));
    for (uint32_t i = 0; i < values_n(v) && i < LIMIT_PROBE_INPUTS; i++) {
        struct ubytes input = values_at(v, order[i]);

        if (node_has(&x->src.of, input) && !exam_is_known(x, input) &&
            (i == 0 || values_compare(values_at(v, order[i - 1]), input) != 0)) {
            TRY(values_builder_add(&w, input));
        }
    }
    TRY(exam_pack(&w, &x->takes, &x->directed));
    x->directed_n = values_n(&x->directed);
    return 0;
}

int inside_ask(struct exam *x, enum phase after)
{
    if (!is_looked_into(x)) {
        return 0;
    }
    if (mutants_n(x) > 0 && (after != PHASE_HUNTED || is_weak(x))) {
        TRY(exam_ask(x, EXAM_MUTANTS, &x->inputs, after));
    }
    for (uint32_t b = 0; b < x->s.unit->branches; b += 64) {
        TRY(exam_ask(x, EXAM_BRANCHES + b / 64, &x->inputs, after));
    }
    return 0;
}

/* What was said about input i: a u64 behind its tag and code. */
static uint64_t bits_at(const struct exam *x, unsigned who, uint32_t i)
{
    struct rd r;

    rd_init(&r, values_at(&x->said[who].answers, i));
    (void)rd_take(&r, 2);
    return rd_u64(&r);
}

/* Calls for each branch that input i reached. */
#define EACH_BRANCH(x, i, b)                                                   \
    for (uint32_t b##_w = 0; b##_w * 64 < (x)->s.unit->branches; b##_w++)      \
        for (uint64_t b##_m = bits_at((x), EXAM_BRANCHES + b##_w, (i)), b;     \
             b##_m != 0 &&                                                     \
             (b = b##_w * 64 + (unsigned)__builtin_ctzll(b##_m),               \
             b < (x)->s.unit->branches);                                       \
             b##_m &= b##_m - 1)

static void count_mutants(struct exam *x)
{
    for (uint32_t i = 0; i < values_n(&x->said[EXAM_MUTANTS].answers); i++) {
        x->noticed |= bits_at(x, EXAM_MUTANTS, i);
    }
    if (mutants_n(x) < 64) {
        x->noticed &= (UINT64_C(1) << mutants_n(x)) - 1;
    }
}

void inside_count(struct exam *x)
{
    if (!is_looked_into(x)) {
        return;
    }
    x->is_counted = 1;
    count_mutants(x);
    for (uint32_t i = 0; i < values_n(&x->inputs); i++) {
        EACH_BRANCH(x, i, b) {
            x->reached[b]++;
        }
    }
}

/* Adds the inputs that reach a branch that lacks draws: at most `most` of them, or
 * (planned not NULL) only until it does not, and none that is public. */
static int pick(const struct exam *x, uint32_t most, uint32_t *planned,
                struct values_builder *w)
{
    for (uint32_t i = 0; i < values_n(&x->inputs) && values_builder_n(w) < most;
         i++) {
        struct ubytes input = values_at(&x->inputs, i);
        int is_wanted = 0;

        EACH_BRANCH(x, i, b) {
            is_wanted |= x->reached[b] + (planned ? planned[b] : 0) <
                         inside_needs(x);
        }
        if (!is_wanted || (planned && exam_is_known(x, input))) {
            continue;
        }
        TRY(values_builder_add(w, input));
        EACH_BRANCH(x, i, b) {
            if (planned) {
                planned[b]++;
            }
        }
    }
    return 0;
}

/* An instance of one of the strata in turn, beyond those that are drawn. */
int hunt_further(const struct exam *x, uint64_t k, struct buf *out)
{
    unsigned n = x->literals_n > 0 ? STRATUM_LITERALS + 1 : STRATA_BASE_N;

    buf_reset(out);
    return draw(&x->src, (enum stratum)(k % n), FURTHER + k / n, out);
}

/* One byte of an input that came near, changed. False: that is no member. */
static int mutate(const struct exam *x, struct stream *r, struct buf *out)
{
    struct ubytes v = values_at(&x->near, (uint32_t)stream_below(r, values_n(&x->near)));
    uint64_t at;
    uint8_t *p;

    buf_reset(out);
    TRY(buf_extend(out, v.n, &p));
    memcpy(p, v.p, v.n);
    at = stream_below(r, v.n);
    p[at] ^= (uint8_t)(1 + stream_below(r, 255));
    v = buf_bytes(out);
    return value_check_exact(v, &x->takes) == 0 && node_has(&x->src.of, v);
}

static int hunt_input(const struct exam *x, uint64_t k, struct buf *out)
{
    struct stream r;

    stream_init(&r, x->src.seed, STREAM_LANE_HUNT, k);
    for (unsigned i = 0; k % 2 == 1 && values_n(&x->near) > 0 &&
                         i < MUTATIONS_MAX; i++) {
        int is_made = mutate(x, &r, out);

        if (is_made != 0) {
            return is_made < 0 ? is_made : 0;
        }
    }
    return hunt_further(x, k, out);
}

int hunt_ask(struct exam *x)
{
    CLEANUP(values_builder_release) struct values_builder near = {0};
    CLEANUP(values_builder_release) struct values_builder w = {0};
    CLEANUP(buf_release) struct buf v;

    exam_progress(x, "hunt", x->hunted, LIMIT_HUNT);
    buf_init(&v, LIMIT_VALUE_BYTES + LIMIT_BATCH_BYTES);
    TRY(values_builder_init(&near, LIMIT_FRAME_BYTES));
    TRY(values_builder_add_all(&near, &x->near, 0, values_n(&x->near)));
    TRY(pick(x, NEAR_MAX, NULL, &near));
    TRY(exam_pack(&near, &x->takes, &x->near));
    TRY(values_builder_init(&w, CHUNK_BYTES));
    for (uint64_t end = x->hunted + HUNT_ROUND; x->hunted < end; x->hunted++) {
        int code = hunt_input(x, x->hunted, &v);

        code = code == 0 ? values_builder_add(&w, buf_bytes(&v)) : code;
        if (code < 0 && code != ERR_LIMIT) { /* too long: one less */
            return code;
        }
    }
    TRY(exam_pack(&w, &x->takes, &x->inputs));
    return values_n(&x->inputs) > 0 ? inside_ask(x, PHASE_HUNTED)
                                    : controls_judge(x);
}

/* What reaches a branch that lacks draws is compared like a draw. */
int hunt_judge(struct exam *x)
{
    CLEANUP(values_builder_release) struct values_builder w = {0};
    uint32_t planned[LIMIT_BRANCHES] = {0};

    count_mutants(x);
    TRY(values_builder_init(&w, CHUNK_BYTES));
    TRY(pick(x, UINT32_MAX, planned, &w));
    if (values_builder_n(&w) == 0) {
        return controls_judge(x);
    }
    TRY(exam_pack(&w, &x->takes, &x->inputs));
    x->first = x->compared;
    x->draws_n += values_n(&x->inputs);
    x->directed_n += values_n(&x->inputs);
    return exam_ask_all(x, &x->inputs, PHASE_TESTED);
}

int inside_next(struct exam *x)
{
    uint32_t branches = is_looked_into(x) ? x->s.unit->branches : 0;
    int can_hunt = !x->is_exhaustive && x->hunted < LIMIT_HUNT;
    uint32_t first = UINT32_MAX;
    uint32_t n = 0;

    for (uint32_t b = branches; b-- > 0;) {
        /* All that was not reached when it was trapped is a trap now. */
        int is_trap = x->reached[b] == 0 && x->s.unit->n_trapped > 0;

        if (x->reached[b] < inside_needs(x) && (can_hunt || !is_trap)) {
            first = b;
            n++;
        }
    }
    if (n > 0 || (is_looked_into(x) && is_weak(x))) {
        if (can_hunt) {
            x->phase = PHASE_HUNT;
            return 0;
        }
        return n == 0 ? exam_finish(x, VERDICT_INCONCLUSIVE,
                                    "too weak: %d of %" PRIu32
                                    " mutants were noticed",
                                    __builtin_popcountll(x->noticed),
                                    mutants_n(x))
                      : exam_finish(x, VERDICT_INCONCLUSIVE,
                                    "branch %" PRIu32 " was reached by %" PRIu64
                                    " draws, not %" PRIu32 "%s",
                                    first, x->reached[first], inside_needs(x),
                                    n > 1 ? ", and others by too few" : "");
    }
    if (x->relation_i < x->s.exam->n_relations) {
        x->phase = PHASE_RELATE;
        return 0;
    }
    return 1;
}
