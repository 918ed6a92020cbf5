/* An exam with everything around it in one process: evaluators are functions,
 * COMMIT gives a fixed seed, evaluations wait in a queue until the test lets
 * them run (or answer at once). For tests of kernel/exam. */
#ifndef TESTS_UNIT_EXAM_PLAY_H
#define TESTS_UNIT_EXAM_PLAY_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "kernel/exam/draw.h"
#include "kernel/exam/exam.h"
#include "proto/blake3.h"
#include "proto/err.h"
#include "proto/pb.h"
#include "workers/config/config.h"

enum play_end {
    PLAY_ANSWERED,
    PLAY_CRASH,
    PLAY_LIMIT,
    PLAY_OUTSIDE
};

struct play;
/* Answers input i of a run of n, appending to out. */
typedef enum play_end (*play_fn)(struct play *p, struct ubytes input,
                                 uint32_t i, uint32_t n, struct buf *out);

struct play {
    /* set by the test */
    play_fn fn[EXAM_WHO_N];
    unsigned again_of[EXAM_WHO_N]; /* runs on the other engine */
    Proctor__Exam spec;
    struct exam_setup setup;
    uint8_t seed[32];
    int is_sync;      /* answer inside evaluate */
    int free_in_done; /* the handler frees the exam */
    int extra_output; /* the candidate ends with complete = 0 though all is there */
    int commit_code;
    uint64_t salt; /* for the functions */
    uint64_t counter;

    /* what happened */
    struct exam *x;
    unsigned runs[EXAM_WHO_N];
    uint64_t asked[EXAM_WHO_N];
    unsigned commits;
    uint64_t committed_j, committed_draws;
    double committed_alpha;
    unsigned done;
    int code;
    Proctor__Evidence *e; /* a decoded copy */
    uint8_t digest[32];   /* of its bytes */

    struct {
        unsigned who;
        const struct values *inputs;
    } queue[EXAM_WHO_N];
    unsigned queue_n;
};

/* The value of type u32 alone, and the payload of bytes, in a tuple of one. */
UNUSED static uint32_t play_u32(struct ubytes input)
{
    assert_int_equal(input.n, 11);
    return (uint32_t)input.p[7] << 24 | (uint32_t)input.p[8] << 16 |
           (uint32_t)input.p[9] << 8 | input.p[10];
}

UNUSED static struct ubytes play_bytes(struct ubytes input)
{
    assert_true(input.n >= 10);
    return (struct ubytes){input.p + 10, input.n - 10};
}

UNUSED static void play_put_u32(struct buf *out, uint32_t v)
{
    static const struct type t = {2, {TYPE_INT, TYPE_UNSIGNED | 4}};

    assert_int_equal(value_put_int(out, &t, v), 0);
}

static void play_answer(struct play *p, unsigned who,
                        const struct values *inputs)
{
    struct evaluation e = {.complete = 1};
    struct values_builder w;
    struct type gives;
    struct buf v;
    uint32_t n = values_n(inputs);

    if (who >= EXAM_MUTANTS && who < EXAM_RELATIONS) {
        gives = (struct type){2, {TYPE_INT, TYPE_UNSIGNED | 8}};
    } else {
        const ProtobufCBinaryData *t =
            who >= EXAM_RELATIONS && (who - EXAM_RELATIONS) % 2 == 0
                ? &p->spec.takes
                : &p->spec.gives;

        assert_int_equal(type_decode((struct ubytes){t->data, t->len}, &gives),
                         0);
    }
    assert_int_equal(values_builder_init(&w, 256u << 20), 0);
    buf_init(&v, 4u << 20);
    p->runs[who]++;
    for (uint32_t i = 0; i < n && e.complete; i++) {
        enum play_end end;

        buf_reset(&v);
        end = p->fn[who](p, values_at(inputs, i), i, n, &v);
        p->asked[who]++;
        e.complete = end == PLAY_ANSWERED;
        e.limit = end == PLAY_LIMIT;
        e.outside = end == PLAY_OUTSIDE;
        if (e.complete) {
            assert_int_equal(values_builder_add(&w, buf_bytes(&v)), 0);
        } else {
            (void)snprintf(e.ending, sizeof(e.ending), "%s",
                           end == PLAY_CRASH   ? "killed by signal 11"
                           : end == PLAY_LIMIT ? "used up its time"
                                               : "no\nworker");
        }
    }
    if (who == EXAM_CANDIDATE && p->extra_output && e.complete) {
        e.complete = 0;
        (void)snprintf(e.ending, sizeof(e.ending), "more answers than inputs");
    }
    values_init(&e.answers);
    assert_int_equal(
        values_decode(&e.answers, values_builder_bytes(&w), &gives, n), 0);
    exam_evaluated(p->x, who, &e);
    values_release(&e.answers);
    values_builder_release(&w);
    buf_release(&v);
}

static int play_evaluate(void *ctx, unsigned who,
                         const struct values *inputs, int is_again)
{
    struct play *p = ctx;

    p->again_of[who] += is_again ? 1 : 0;

    if (p->is_sync) {
        play_answer(p, who, inputs);
        return 0;
    }
    assert_true(p->queue_n < EXAM_WHO_N);
    p->queue[p->queue_n].who = who;
    p->queue[p->queue_n++].inputs = inputs;
    return 0;
}

static int play_commit(void *ctx, uint64_t j, double alpha_j, uint64_t draws,
                       uint8_t out_seed[static 32])
{
    struct play *p = ctx;

    p->commits++;
    p->committed_j = j;
    p->committed_alpha = alpha_j;
    p->committed_draws = draws;
    memcpy(out_seed, p->seed, 32);
    return p->commit_code;
}

/* The worker that proposes, in this process. */
static int play_propose(void *ctx, const struct exam_search *s)
{
    struct play *p = ctx;
    Proctor__ConfigTask task = PROCTOR__CONFIG_TASK__INIT;
    Proctor__ConfigReply reply;
    struct config c;

    assert_null(p->setup.corpora);
    task.kind = PROCTOR__CONFIG_KIND__CONFIG_SIMPLER;
    task.domain = p->spec.domain;
    task.text =
        (ProtobufCBinaryData){s->best.n, (uint8_t *)(uintptr_t)s->best.p};
    task.state =
        (ProtobufCBinaryData){s->state.n, (uint8_t *)(uintptr_t)s->state.p};
    task.is_new = s->is_new;
    assert_int_equal(config_answer(&c, &task, &reply), 0);
    assert_null(reply.problem);
    exam_proposed(p->x, 0, (struct ubytes){reply.inputs.data, reply.inputs.len},
                  (struct ubytes){reply.state.data, reply.state.len});
    config_release(&c);
    return 0;
}

static void play_progress(void *ctx, const char *phase, uint64_t done,
                          uint64_t total)
{
    (void)ctx;
    assert_non_null(phase);
    assert_true(done <= total);
}

static void play_done(void *ctx, int code, const Proctor__Evidence *e)
{
    struct play *p = ctx;
    ProtobufCMessage *copy;
    struct buf b;

    p->done++;
    p->code = code;
    buf_init(&b, 64u << 20);
    assert_int_equal(pb_encode(&e->base, &b), 0);
    assert_int_equal(pb_decode(&proctor__evidence__descriptor, buf_bytes(&b),
                               64u << 20, &copy),
                     0);
    blake3(buf_bytes(&b).p, buf_len(&b), p->digest);
    p->e = (Proctor__Evidence *)copy;
    buf_release(&b);
    if (p->free_in_done) {
        exam_free(p->x);
        p->x = NULL;
    }
}

static const struct exam_ops play_ops = {
    play_evaluate, play_commit, play_propose, play_progress, play_done};

/* Canonical bytes; domain_n 0 for a table. Borrows them. */
static void play_init(struct play *p, const uint8_t *takes, size_t takes_n,
                      const uint8_t *gives, size_t gives_n,
                      const uint8_t *domain, size_t domain_n)
{
    memset(p, 0, sizeof(*p));
    proctor__exam__init(&p->spec);
    p->spec.takes = (ProtobufCBinaryData){takes_n, (uint8_t *)(uintptr_t)takes};
    p->spec.gives = (ProtobufCBinaryData){gives_n, (uint8_t *)(uintptr_t)gives};
    p->spec.domain =
        (ProtobufCBinaryData){domain_n, (uint8_t *)(uintptr_t)domain};
    p->spec.version = DRAW_VERSION;
    p->spec.p0 = 1e-3;
    p->spec.alpha = 1e-6;
    p->setup.exam = &p->spec;
    p->setup.draws_left = 10000000;
    memset(p->seed, 0x5a, sizeof(p->seed));
}

/* Runs it to its end, answering in the reverse order of asking. */
static void play_run(struct play *p)
{
    assert_int_equal(exam_start(&p->setup, &play_ops, p, &p->x), 0);
    while (p->queue_n > 0) {
        p->queue_n--;
        play_answer(p, p->queue[p->queue_n].who, p->queue[p->queue_n].inputs);
        if (p->done > 0) {
            p->queue_n = 0; /* an error drops what is still asked */
        }
    }
    assert_int_equal(p->done, 1);
    assert_non_null(p->e);
}

/* Forgets what happened, keeps the setup. */
static void play_forget(struct play *p)
{
    exam_free(p->x);
    p->x = NULL;
    pb_free(p->e == NULL ? NULL : &p->e->base);
    p->e = NULL;
    p->done = 0;
    p->commits = 0;
    p->counter = 0;
    memset(p->runs, 0, sizeof(p->runs));
    memset(p->asked, 0, sizeof(p->asked));
}

#endif
