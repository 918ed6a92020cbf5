/* The exam (docs/exam.md): screen, commit, draw, test with zero tolerance or by
 * the bet of a noisy exam, shrink, oracle agreement, controls, determinism, verdict.
 *
 * A state machine that does no I/O of its own: it asks through struct exam_ops
 * for evaluations (asynchronous, in fresh workers) and for the COMMIT record,
 * and hands back the verdict. Nothing in it reads a clock. */
#ifndef KERNEL_EXAM_EXAM_H
#define KERNEL_EXAM_EXAM_H

#include "proto/cid.h"
#include "proto/limits.h"
#include "proto/record.h"
#include "proto/value.h"

#include "evidence.pb-c.h"

struct exam;
struct literals;

/* Parties; then what is answered about the candidate (u64s, docs/exam.md section
 * 13), 64 branches each; then of each relation its input and its output. */
enum exam_who {
    EXAM_CANDIDATE,
    EXAM_ORACLE,
    EXAM_SECOND,
    EXAM_PARTIES_N,
    EXAM_MUTANTS = EXAM_PARTIES_N,
    EXAM_BRANCHES,
    EXAM_RELATIONS = EXAM_BRANCHES + LIMIT_BRANCHES / 64,
    EXAM_WHO_N = EXAM_RELATIONS + 2 * LIMIT_RELATIONS
};

/* How an evaluation of n inputs ended: answers for the first answers_n inputs,
 * in order; fewer than n when the runnable failed at input answers_n. */
struct evaluation {
    struct values answers;   /* owned by the caller of exam_evaluated */
    int complete;            /* one answer per input, and the runnable ended well;
                              * else the last input is taken as not answered */
    int limit;               /* stopped by a limit of time: not its answers */
    int outside;             /* infrastructure failed: not its fault */
    char ending[160];        /* "", or why it stopped, for people. It becomes
                              * evidence: words of ours ("exited with status
                              * 1"), never text of the worker, never a number
                              * that a second run would not meet */
    uint64_t cpu_ms;         /* not used here */
};

/* What a search for a smaller failing input goes on from. */
struct exam_search {
    struct ubytes best;  /* fails, and nothing simpler is known to */
    struct ubytes state; /* of the last proposals; empty: there were none */
    int is_new;          /* best is another one than then */
};

struct exam_ops {
    /* Runs `who` over inputs (borrowed until exam_evaluated), in the order given,
     * in as many fresh single-use workers as needed; then exam_evaluated. is_again:
     * the second run, by another engine than the first where there are two. */
    int (*evaluate)(void *ctx, unsigned who, const struct values *inputs,
                    int is_again);
    /* Appends COMMIT (durable), reveals the seed, appends DRAW (durable).
     * *out_seed: BLAKE2b-256(key x_i, "gate-v1" || leaf hash of COMMIT). */
    int (*commit)(void *ctx, uint64_t j, double alpha_j, uint64_t draws,
                  uint8_t out_seed[static 32]);
    /* Has a worker propose inputs simpler than s->best (borrowed until then), then
     * exam_proposed. */
    int (*propose)(void *ctx, const struct exam_search *s);
    void (*progress)(void *ctx, const char *phase, uint64_t done,
                     uint64_t total);
    /* Last call. e is borrowed, never NULL. code 0, or ERR_* when no verdict was
     * reached; then e says only INCONCLUSIVE and why, and is no evidence. */
    void (*done)(void *ctx, int code, const Proctor__Evidence *e);
};

struct exam_setup {
    const Proctor__Exam *exam;     /* borrowed for the exam's life */
    const struct values *corpora;  /* parallel to exam->corpora */
    /* When the oracle is a table: its rows; else both NULL. */
    const struct values *table_inputs;
    const struct values *table_outputs;
    const struct values *burnt;    /* inputs disclosed earlier, may be NULL; of
                                    * type exam->takes */
    const struct literals *literals; /* of the candidate's files; NULL: none */
    uint64_t committed;            /* candidates of this exam before this one */
    uint64_t draws_left;           /* budget; too few = INCONCLUSIVE */
    int has_second;
    const Proctor__Runnable *unit; /* the candidate, if one that is looked into */
    const struct values *directed; /* of its worker; NULL: none */
};

/* Checks the setup and begins. *out is set before the first callback, and
 * callbacks may come before this returns: a tiny exam can even be over by then.
 * 0, ERR_NOMEM, ERR_INPUT or ERR_ENCODING (version, p0, alpha, types, domain,
 * examples or rows that do not fit; no callback was made and *out is NULL). */
int exam_start(const struct exam_setup *s, const struct exam_ops *ops, void *ctx,
               struct exam **out) MUST_USE;
/* The evaluation that was asked for ended. e is borrowed for the call. May be
 * called from within ops->evaluate. */
void exam_evaluated(struct exam *x, unsigned who,
                    const struct evaluation *e);
/* What a worker proposed: values of the exam's takes, none when its search is over,
 * and what it wants to be given the next time. code < 0: it did not, and the exam
 * ends without a verdict. May be called from within ops->propose. */
void exam_proposed(struct exam *x, int code, struct ubytes inputs,
                   struct ubytes state);
/* NULL is fine; safe inside a callback. Evaluations under way must be dropped
 * by the caller: exam_evaluated may not follow. */
void exam_free(struct exam *x);

/* The numbers of S4. They go into records that others recompute, so they are
 * made of IEEE double + - * / in a stated order and nothing of libm: the same
 * bits on every host, no rounding needed. */
/* alpha_j = alpha * 6 / (pi^2 j^2), j >= 1. */
double exam_alpha(double alpha, uint64_t j);
/* ceil(ln(alpha_j) / ln(1 - p0)): draws after which a defect rate of p0 is
 * excluded with error alpha_j. UINT64_MAX when over 2^53. */
uint64_t exam_draws_needed(double p0, double alpha_j);
/* max(LIMIT_EXAM_DRAWS_MIN, needed), rounded up so that every stratum gets the
 * same number, at least LIMIT_STRATUM_DRAWS_MIN. UINT64_MAX when over 2^53. */
uint64_t exam_draws(uint64_t needed, unsigned strata_n);
/* Largest error rate not excluded at confidence 1 - alpha by n draws with so many
 * failures (Clopper and Pearson): 1 - alpha^(1/n) without any; 1 for n = 0. */
double exam_bound(double alpha, uint64_t n, uint64_t failures);
/* Noisy exams: the logarithm of the capital of who bets for an error rate of a
 * tenth of `rate` against `rate`. Under `rate` it reaches goal with probability
 * alpha_j at most, however often one looks (Ville). needed: clean draws. */
struct exam_bet {
    double up, down; /* per draw that is right, that is wrong */
    double goal;
    uint64_t needed;
};
struct exam_bet exam_bet(double rate, double alpha_j);
double exam_score(const struct exam_bet *b, uint64_t n, uint64_t failures);
/* Chance that n draws show an error that n draws meet with rate eps:
 * 1 - (1 - eps)^n. */
double exam_power(double eps, uint64_t n);

#endif
