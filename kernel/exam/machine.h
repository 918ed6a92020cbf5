/* The inside of an exam, shared by the files that run its phases. Nothing
 * outside kernel/exam includes this.
 *
 *   exam.c      start, free, the loop over phases, asking for evaluations
 *   screen.c    S1: public examples and burnt inputs; the commit
 *   test.c      S3, S4, S7: draws, first run, comparison
 *   repeat.c    S10 and the positive control: second run in another order
 *   reduce.c    shrinking of a counterexample, by what a worker proposes
 *   controls.c  S9: the negative controls, from bytes
 *   inside.c    S5, S6, S8: branches and mutants of a unit; what it lacks
 *   relate.c    S11: relations
 *   near.c      floats a few ulps apart
 *   evidence.c  S12: verdict and evidence */
#ifndef KERNEL_EXAM_MACHINE_H
#define KERNEL_EXAM_MACHINE_H

#include "kernel/exam/draw.h"
#include "kernel/exam/exam.h"
#include "proto/blake3.h"
#include "proto/merkle.h"

#define EXAM_MAGIC 0x6578616du
#define WHO_N EXAM_WHO_N
#define STRATUM_DIRECTED STRATA_N /* not drawn: inputs that turn branches */
#define STRATA_ALL_N (STRATA_N + 1)
#define CHUNK_BYTES ((size_t)4 * LIMIT_BATCH_BYTES)

/* What runs next; each phase either asks for evaluations and names the phase
 * that judges them, or finishes. */
enum phase {
    PHASE_SCREEN,
    PHASE_SCREENED,
    PHASE_COMMIT,
    PHASE_TEST,
    PHASE_TESTED,
    PHASE_REPEAT,
    PHASE_REPEATED,
    PHASE_REDUCE,
    PHASE_PROPOSED,
    PHASE_REDUCED,
    PHASE_HUNT,
    PHASE_HUNTED,
    PHASE_RELATE,
    PHASE_RELATED,
    PHASE_COMPARE,
    PHASE_COMPARED,
    PHASE_END,
    PHASE_OVER
};

/* What one of the three said to one set of inputs. */
struct said {
    const struct values *inputs; /* asked; borrowed from the phase */
    struct values answers;
    int is_limit;
    int was_repeated; /* the one second chance after a limit is used */
    char ending[160];
};

struct finding {
    int is_set;
    struct buf input, expected, got;
    uint64_t k;
    char ending[160];
};

struct control {
    uint64_t failures; /* inputs on which it was not right; in an exam without
                        * tolerance the first one settles it */
    const char *why;   /* not NULL: it takes no part */
};

enum control_name {
    CONTROL_CONSTANT,
    CONTROL_IDENTITY,
    CONTROL_NEAREST,
    CONTROL_PERMUTED,
    CONTROLS_N
};

struct exam {
    uint32_t magic;
    struct exam_setup s;
    struct exam_ops ops;
    void *ctx;
    struct type takes, gives;
    int busy;     /* inside the loop */
    int is_freed; /* by a callback */
    enum phase phase;
    enum phase after; /* once all answers are there */
    struct said said[WHO_N];
    uint64_t pending; /* bit per who; WHO_N: proposals */
    int is_outside;   /* one of them met trouble that is not its own */

    /* S1: inputs that are no secret, with the answers that are known. */
    struct values known;
    struct values known_answers;
    uint32_t examples_n; /* the first of known */

    /* The plan. */
    struct draw_source src;
    int is_exhaustive;
    uint64_t j;
    double alpha_j;
    uint64_t draws_n;   /* planned */
    uint64_t stratum_n; /* per stratum but literals, when drawn */
    uint64_t base_n;    /* draws of those strata; all, when not drawn */
    uint64_t literals_n; /* of literals, behind them */
    uint64_t directed_n; /* of `directed`, behind those; and found later */
    uint64_t order_n;    /* planned before the draw */
    struct values directed;
    struct exam_bet bet; /* noisy exams */
    uint32_t *order;    /* owned; draw -> instance, row or member */
    uint32_t chunk_n;   /* draws per chunk */

    /* The chunk under way. */
    struct values inputs;
    uint64_t first;      /* its first draw */
    struct values firsts[EXAM_PARTIES_N]; /* answers of a clean first run */
    struct values again[EXAM_PARTIES_N];
    uint32_t *again_at[EXAM_PARTIES_N]; /* owned; position -> input of the chunk */
    struct buf search; /* what the worker that proposes wants to be given */
    int is_new;        /* shrunk is another one than when it was last asked */
    uint64_t shrink_evaluations;
    int is_alone; /* the smallest counterexample is asked by itself */
    int depends;  /* and was right then: it depends on earlier inputs */

    /* Sums over what was compared. */
    uint64_t compared;
    uint64_t drawn[STRATA_ALL_N], failed[STRATA_ALL_N];
    uint64_t failures;
    uint64_t disagreements;
    struct merkle_frontier results;
    struct blake3 first_digest, second_digest;
    uint64_t repeated;
    int is_judged; /* ran to its end: the controls say passed or not */
    struct control controls[CONTROLS_N];
    struct control positive;
    struct buf constant; /* the first expected answer */
    int has_constant;

    /* From the inside. */
    int is_counted;
    uint64_t reached[LIMIT_BRANCHES];
    uint64_t noticed; /* bit per mutant */
    uint64_t hunted;
    struct values near; /* reached a branch that lacks draws */
    uint32_t relation_i;
    uint64_t related[LIMIT_RELATIONS], broken[LIMIT_RELATIONS]; /* of inputs */
    struct values answers; /* of the candidate, as arguments of an output */

    /* The end. */
    uint32_t verdict, level;
    int code;
    char reason[200];
    struct finding raw, shrunk, disagreement;
};

/* exam.c */
/* Asks who to answer inputs (borrowed until judged); `after` then runs. */
int exam_ask(struct exam *x, unsigned who, const struct values *inputs,
             enum phase after) MUST_USE;
/* Public: an example, or burnt. */
int exam_is_known(const struct exam *x, struct ubytes input);
/* Asks candidate and oracles, but for a table. */
int exam_ask_all(struct exam *x, const struct values *inputs,
                 enum phase after) MUST_USE;
/* Calls check for each oracle that was asked, until the exam is at its end. */
int exam_each_oracle(struct exam *x, int (*check)(struct exam *x,
                                                  enum exam_who who)) MUST_USE;
extern const char *const exam_who_text[EXAM_PARTIES_N]; /* "candidate", "oracle", ... */
/* Ends with a verdict; the reason is one line. Returns 0. */
int exam_finish(struct exam *x, enum verdict v, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
void exam_progress(struct exam *x, const char *phase, uint64_t done,
                   uint64_t total);
int exam_is_noisy(const struct exam *x);
/* Every member of the domain is asked: rates are counted, not estimated. */
int exam_is_whole(const struct exam *x);
/* True if so many failures in all that was compared are few enough. */
int exam_is_enough(const struct exam *x, uint64_t failures);
/* Keeps a copy; got may be {NULL, 0}. Only the first finding is kept, unless it
 * is forgotten. */
void exam_forget(struct finding *f);
int exam_find(struct finding *f, struct ubytes input, struct ubytes expected,
              struct ubytes got, uint64_t k, const char *ending) MUST_USE;
int exam_is_table(const struct exam *x);
/* Checked values from a builder. */
int exam_pack(struct values_builder *w, const struct type *t,
              struct values *out) MUST_USE;

/* Phases: 0 or an error, which ends the exam without a verdict. */
int screen_ask(struct exam *x) MUST_USE;
int screen_judge(struct exam *x) MUST_USE;
int screen_commit(struct exam *x) MUST_USE;
int test_ask(struct exam *x) MUST_USE;
int test_judge(struct exam *x) MUST_USE;
int repeat_ask(struct exam *x) MUST_USE;
int repeat_judge(struct exam *x) MUST_USE;
int reduce_ask(struct exam *x) MUST_USE;
int reduce_try(struct exam *x) MUST_USE;
int reduce_judge(struct exam *x) MUST_USE;
void evidence_give(struct exam *x);

/* reduce.c: checks proposals and takes them as the next inputs. */
int reduce_take(struct exam *x, struct ubytes inputs,
                struct ubytes state) MUST_USE;
/* test.c: the right answer to input i of the chunk. */
struct ubytes test_expected(const struct exam *x, uint32_t i);
/* An answer against what is expected: bytes, or ulps where the exam says so;
 * nothing that is not finite is ever right. */
int exam_is_right(const struct exam *x, struct ubytes got,
                  struct ubytes expected);
/* near.c: equal but for floats that are at most ulps apart. */
int values_are_near(struct ubytes a, struct ubytes b, uint64_t ulps);

/* Stratum of a draw; STRATA_ALL_N when members or rows are enumerated. */
unsigned test_stratum(const struct exam *x, uint64_t draw);

/* Adds one answer: u32 length, bytes. */
void test_digest(struct blake3 *h, struct ubytes answer);

/* What the candidate did at input i, compared with the right answer. */
enum answer {
    ANSWER_RIGHT,
    ANSWER_WRONG,
    ANSWER_NONE
};
enum answer exam_compare(const struct exam *x, enum exam_who who, uint32_t i,
                         struct ubytes expected, struct ubytes *out_got);

/* inside.c: directed inputs; branches and mutants, beside a second run. */
int inside_plan(struct exam *x) MUST_USE;
int inside_ask(struct exam *x, enum phase after) MUST_USE;
void inside_count(struct exam *x);
uint32_t inside_needs(const struct exam *x);
/* All draws were right. 1: nothing is missing; 0: something is, or the end. */
int inside_next(struct exam *x) MUST_USE;
int hunt_ask(struct exam *x) MUST_USE;
int hunt_judge(struct exam *x) MUST_USE;
/* An input that no draw has. 0, ERR_NOMEM, ERR_LIMIT (too long). */
int hunt_further(const struct exam *x, uint64_t k, struct buf *out) MUST_USE;

/* relate.c */
int relate_ask(struct exam *x) MUST_USE;
int relate_pair(struct exam *x) MUST_USE;
int relate_output(struct exam *x) MUST_USE;
int relate_judge(struct exam *x) MUST_USE;

/* controls.c */
int controls_start(struct exam *x) MUST_USE;
/* Takes in a chunk on which the candidate was right. */
int controls_add(struct exam *x) MUST_USE;
/* After a clean chunk: go on, or the end: ADMIT, or what the controls say. */
int controls_judge(struct exam *x);
const char *control_text(enum control_name c);

#endif
