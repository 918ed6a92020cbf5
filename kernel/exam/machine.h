/* The inside of an exam, shared by the files that run its phases. Nothing
 * outside kernel/exam includes this.
 *
 *   exam.c      start, free, the loop over phases, asking for evaluations
 *   screen.c    S1: public examples and burnt inputs; the commit
 *   test.c      S3, S4, S7: draws, first run, comparison
 *   repeat.c    S10 and the positive control: second run in another order
 *   reduce.c    shrinking of a counterexample
 *   controls.c  S9: the negative controls, from bytes
 *   evidence.c  S12: verdict and evidence */
#ifndef KERNEL_EXAM_MACHINE_H
#define KERNEL_EXAM_MACHINE_H

#include "kernel/exam/draw.h"
#include "kernel/exam/exam.h"
#include "proto/blake3.h"
#include "proto/merkle.h"

#define EXAM_MAGIC 0x6578616du
#define WHO_N 3
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
    PHASE_REDUCED,
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

enum control_state {
    CONTROL_OPEN,
    CONTROL_FAILED,
    CONTROL_SKIPPED
};

struct control {
    enum control_state state; /* OPEN: right so far */
    const char *why;          /* SKIPPED */
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
    unsigned pending; /* bit per who */
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
    uint64_t stratum_n; /* per stratum, when drawn */
    uint32_t *order;    /* owned; draw -> instance, row or member */
    uint32_t chunk_n;   /* draws per chunk */

    /* The chunk under way. */
    struct values inputs;
    uint64_t first;      /* its first draw */
    struct values right; /* its answers, once the candidate had them all */
    struct values again[WHO_N];
    uint32_t *again_at[WHO_N]; /* owned; position -> input of the chunk */
    struct shrink *shrink;     /* owned */
    uint64_t shrink_evaluations;

    /* Sums over what was compared. */
    uint64_t compared;
    uint64_t drawn[STRATA_N], failed[STRATA_N];
    uint64_t failures;
    uint64_t disagreements;
    struct merkle_frontier results;
    struct blake3 first_digest, second_digest;
    uint64_t repeated;
    struct control controls[CONTROLS_N];
    struct control positive;
    struct buf constant; /* the first expected answer */
    int has_constant;

    /* The end. */
    uint32_t verdict, level;
    int code;
    char reason[200];
    struct finding raw, shrunk, disagreement;
};

/* exam.c */
/* Asks who to answer inputs (borrowed until judged); `after` then runs. */
int exam_ask(struct exam *x, enum exam_who who, const struct values *inputs,
             enum phase after) MUST_USE;
/* Ends with a verdict; the reason is one line. Returns 0. */
int exam_finish(struct exam *x, enum verdict v, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
void exam_progress(struct exam *x, const char *phase, uint64_t done,
                   uint64_t total);
/* Keeps a copy; got may be {NULL, 0}. Only the first finding is kept. */
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
int reduce_judge(struct exam *x) MUST_USE;
void evidence_give(struct exam *x);

/* test.c: the right answer to input i of the chunk. */
struct ubytes test_expected(const struct exam *x, uint32_t i);
/* Stratum of a draw; STRATA_N when members or rows are enumerated. */
unsigned test_stratum(const struct exam *x, uint64_t draw);

/* Adds one answer: u32 length, bytes. */
void test_digest(struct blake3 *h, struct ubytes answer);

/* What the candidate did at input i, compared with the right answer. */
enum answer {
    ANSWER_RIGHT,
    ANSWER_WRONG,
    ANSWER_NONE
};
enum answer exam_compare(const struct said *s, uint32_t i,
                         struct ubytes expected, struct ubytes *out_got);

/* controls.c */
int controls_start(struct exam *x) MUST_USE;
/* Takes in a chunk on which the candidate was right. */
int controls_add(struct exam *x) MUST_USE;
/* The end of a clean run: ADMIT, or what the controls say. */
int controls_judge(struct exam *x);
const char *control_text(enum control_name c);

#endif
