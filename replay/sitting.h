/* One exam held again: the state that its steps share, and the steps. A step
 * returns 0 to go on, OVER once the verdict is found, or an ERR_* with x->d. */
#ifndef REPLAY_SITTING_H
#define REPLAY_SITTING_H

#include "proto/blake3.h"
#include "proto/limits.h"
#include "proto/merkle.h"
#include "proto/record.h"
#include "replay/asker.h"
#include "replay/draw.h"
#include "replay/excerpt.h"
#include "replay/history.h"
#include "replay/odds.h"

#include "evidence.pb-c.h"

enum {
    OVER = 1,
    LITERALS = STRATA,
    DIRECTED,
    STRATA_ALL,
    VIEWS = 1 + LIMIT_BRANCHES / 64, /* mutants, then 64 branches each */
    POWERS = 4
};
enum who {
    CANDIDATE,
    ORACLE,
    SECOND,
    WHO
};
enum placebo {
    CONSTANT,
    IDENTITY,
    NEAREST,
    PERMUTED,
    AGAIN,
    CONTROLS
};

/* Leaves the function with what is not 0. */
#define STEP(call)                                                             \
    do {                                                                       \
        int step_ = (call);                                                    \
        if (step_ != 0) {                                                      \
            return step_;                                                      \
        }                                                                      \
    } while (0)

struct party {
    struct cid cid;
    Proctor__Runnable *m; /* owned; NULL: no second oracle */
    int is_table;
    struct values rows; /* of a table */
    struct values answers;
    uint32_t *sorted; /* owned; rows by input, then by number */
};

/* An input that decided something. */
struct finding {
    int is_set;
    struct buf input, expected, got;
    uint64_t k;
    char ending[160];
};

struct control {
    uint64_t failures;   /* draws on which it was not right; without tolerance
                          * the first one settles it */
    const char *skipped; /* why, or NULL */
};

struct sitting {
    const char *store;
    struct asker *asker;
    const struct claim *claim;
    struct diag *d;
    int is_unasked; /* no answers were to be had, through no fault of what the
                     * verdict names: nothing is known about it */
    /* For the person: where it is. May be NULL. */
    void (*progress)(void *ctx, const char *phase, uint64_t done,
                     uint64_t total);
    void *ctx;

    Proctor__Exam *exam;         /* owned */
    Proctor__Evidence *recorded; /* owned */
    struct party party[WHO];
    struct type takes, gives;
    struct values *corpora;   /* owned; exam->n_corpora */
    struct shape shape;       /* of the domain; unused for tables */
    struct excerpts excerpts; /* the candidate's literals */

    struct values known;         /* public inputs, examples first */
    struct values known_answers; /* of the examples; of all after the screen */
    uint32_t examples_n;

    int is_exhaustive;
    double alpha_j;
    uint64_t draws;      /* planned */
    uint64_t base;       /* of them of the five strata, or all */
    uint64_t literals;   /* of that stratum, behind them */
    uint64_t directed_n; /* and of that one; also what was found later */
    uint64_t ordered;    /* draws before anything was found later */
    struct values directed;
    uint64_t each;       /* per other stratum, when drawn */
    struct odds_bet bet; /* noisy exams */
    uint32_t *order;     /* owned */

    struct values inputs; /* that were asked last */
    struct said said[WHO];
    struct values first_answers[WHO]; /* of the chunk's first run */
    uint64_t first;                   /* draw that the chunk begins with */

    uint64_t compared, failures, repeated, disagreements;
    uint64_t drawn[STRATA_ALL], failed[STRATA_ALL];
    struct merkle_frontier results;
    struct blake3 digest, digest_again;
    struct control controls[CONTROLS];
    struct buf constant;
    int has_constant;
    int is_judged;  /* ran to its end: controls say passed or not */
    int depends;    /* the counterexample fails behind others only */
    uint64_t tried; /* variants, in shrinking */

    /* Section 13. */
    struct said view[VIEWS];
    uint8_t mutants[32]; /* what chooses them */
    int is_counted;
    uint64_t reached[LIMIT_BRANCHES];
    uint64_t noticed, hunted;
    struct values near; /* reached a branch that lacks draws */
    uint64_t related[LIMIT_RELATIONS]; /* inputs of each relation */
    uint64_t broken[LIMIT_RELATIONS];

    uint32_t verdict, level;
    char reason[200];
    struct finding raw, shrunk, disagreement;
};

/* Errors up to a rate are allowed. */
static inline int sitting_is_noisy(const struct sitting *x)
{
    return x->exam->error_rate > 0;
}

/* The candidate is a unit that is looked into (section 13). */
static inline int sitting_is_cml(const struct sitting *x)
{
    return x->party[CANDIDATE].m->canonical.len > 0;
}

static inline int sitting_is_table(const struct sitting *x)
{
    return x->party[ORACLE].is_table;
}

/* Every member of a domain is asked: rates are counted, not estimated. */
static inline int sitting_is_whole(const struct sitting *x)
{
    return x->is_exhaustive && !sitting_is_table(x);
}

/* sitting.c */
/* Ends: sets verdict and reason. OVER. */
int sitting_end(struct sitting *x, enum verdict v, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* Keeps a copy, of the first one only; got may be {NULL, 0}. */
int sitting_find(struct finding *f, struct ubytes input, struct ubytes expected,
                 struct ubytes got, uint64_t k, const char *ending) MUST_USE;
/* Asks these (a bit for each) about x->inputs; answers in x->said. Tables answer
 * by themselves. */
int sitting_ask(struct sitting *x, unsigned parties) MUST_USE;
/* The same with inputs for each, and of units on that engine. */
int sitting_ask_each(struct sitting *x, unsigned parties,
                     const struct values *inputs[WHO],
                     uint32_t engine) MUST_USE;
/* Order of bytes: shorter first when one begins with the other. */
int sitting_compare(struct ubytes a, struct ubytes b);
/* A table's answer. False: it has no such row. */
int sitting_lookup(const struct party *p, struct ubytes input,
                   struct ubytes *out);
/* What a party said to input i: {NULL, 0} for nothing. */
struct ubytes sitting_got(const struct said *s, uint32_t i);
/* Equal answers (section 3) of two parties, finite. got {NULL, 0}: no. */
int sitting_is_right(const struct sitting *x, struct ubytes got,
                     struct ubytes expected);
/* Are so many failures in all that was compared few enough? */
int sitting_is_enough(const struct sitting *x, uint64_t failures);
/* The right answer to input i of the chunk. */
struct ubytes sitting_expected(const struct sitting *x, uint32_t i);
/* All parties that exist, but the oracle when it is a table. */
unsigned sitting_everybody(const struct sitting *x);
/* Makes values of a builder's bytes and releases it. */
int sitting_pack(struct values_builder *w, const struct type *t,
                 struct values *out) MUST_USE;

/* Steps, in order, with their files. */
int load_objects(struct sitting *x) MUST_USE;
void load_release(struct sitting *x);
int screen_known(struct sitting *x) MUST_USE;
int screen_plan(struct sitting *x) MUST_USE;
int chunk_test(struct sitting *x) MUST_USE;
/* The same for inputs that are there, from draw x->first on. */
int chunk_compare(struct sitting *x) MUST_USE;
int chunk_is_public(const struct sitting *x, struct ubytes v);
int chunk_repeat(struct sitting *x) MUST_USE;
/* inside.c: the directed inputs; branches and mutants over x->inputs; what is
 * still missing once all draws were right. */
int inside_plan(struct sitting *x) MUST_USE;
int inside_count(struct sitting *x) MUST_USE;
int inside_settle(struct sitting *x) MUST_USE;
uint32_t inside_needs(const struct sitting *x);
uint32_t inside_mutants(const struct sitting *x);
/* relation.c */
int relation_hold(struct sitting *x) MUST_USE;
/* An input that no draw has. */
int inside_further(struct sitting *x, uint64_t k, struct buf *out) MUST_USE;
/* Puts questions that were made; what is not answered is nobody's fault. */
int sitting_put(struct sitting *x, struct question *q, size_t n) MUST_USE;
void placebo_start(struct sitting *x);
int placebo_add(struct sitting *x) MUST_USE;
/* After a clean chunk: 0 when there is more to draw. */
int placebo_judge(struct sitting *x) MUST_USE;
extern const char *const placebo_names[CONTROLS];
int simpler_find(struct sitting *x) MUST_USE;
/* The whole exam. 0: the evidence can be made; ERR_* with x->d. */
int sitting_hold(struct sitting *x) MUST_USE;

/* finding.c: compares everything that VERDICT says with what was found. True
 * when it differs; what says where. ERR_NOMEM. */
int finding_compare(struct sitting *x, char *what, size_t what_n) MUST_USE;

#endif
