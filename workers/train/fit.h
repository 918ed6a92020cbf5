/* What the protocol drives (drive.h): one training run, made of steps, between any
 * two of which it can be stopped, saved and gone on with elsewhere. Behind it stand
 * fit_standard (a learner, an optimizer, micro-batches), fit_closed (one step) and
 * fit_harness.
 *
 * A fit's bits hang on recipe, rows and first weights alone: never on the number of
 * workers, on where it was stopped, or on a clock. All workers of a task hold the
 * same weights and make the same decisions; each calls step equally often.
 *
 * Pure computing: no files, no clock. Worker train only. */
#ifndef WORKERS_TRAIN_FIT_H
#define WORKERS_TRAIN_FIT_H

#include "proto/buf.h"
#include "workers/nn/gguf_write.h"
#include "workers/train/rows.h"

#define FIT_NOTES_MAX 64u
#define FIT_CLAIMS_MAX 16u

/* Lines for people, of handlers and checks, until the next answer. */
struct fit_notes {
    char v[FIT_NOTES_MAX][DIAG_TEXT_BYTES];
    size_t n;
    uint64_t left_off; /* further ones */
};
void fit_note(struct fit_notes *notes, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* All borrowed until close. Rows passed rows_check. */
struct fit_task {
    const Proctor__Recipe *recipe;
    const struct rows *rows;    /* x and y */
    struct ubytes tokenizer;    /* TEXT: a GGUF file without tensors */
    const struct gguf *weights; /* the first; NULL: drawn */
    uint32_t worker;            /* this one, below workers */
    uint32_t workers;           /* at least 1 */
    uint64_t checked_n; /* rows that will be predicted at epochs' ends */
    int lower;          /* a lower measure of them is the better one */
    struct fit_notes *notes;
};

/* Sizes, known before anything large is allocated. */
struct fit_plan {
    uint64_t parameters;
    uint32_t outputs;        /* numbers that predict writes for a row */
    uint64_t steps;          /* of an epoch */
    uint64_t steps_all;      /* of the run, at most */
    uint64_t tokens;         /* of a row; 0: rows are counted */
    uint64_t memory_bytes;   /* that start allocates */
    uint64_t exchange_bytes; /* shared by several workers; 0 with one */
    uint64_t state_bytes;    /* save writes no more */
    uint64_t weights_bytes;  /* weights writes no more */
};

/* Where step came to. */
enum fit_at {
    FIT_STEP,     /* a step was made */
    FIT_EPOCH,    /* so, and an epoch ended: claims are those of it */
    FIT_EXCHANGE, /* several workers: its gradients lie in the exchange; the next
                     call, when all workers have come here, makes the step */
    FIT_END       /* nothing is left to do; no step was made */
};

struct fit_place {
    uint64_t step;  /* made so far */
    uint32_t epoch; /* that the last step was of, from 1; 0: none was made */
    double loss;    /* mean of the last step */
    double rate;    /* of the last step */
    int wants_checkpoint; /* the last step was one that a handler keeps */
};

struct fit_claim {
    char name[48];
    double value;
};
struct fit_claims { /* loss first */
    struct fit_claim v[FIT_CLAIMS_MAX];
    size_t n;
};

struct fit_ops;
struct fit {
    const struct fit_ops *ops;
};

/* Results: 0, ERR_NOMEM, or, with ${d} set, ERR_INPUT or ERR_LIMIT; what step says
 * so is why training failed (diverged, singular). */
struct fit_ops {
    const char *name; /* part of a state: one kind's is none of another */
    /* Checks all that can be checked (the sizes in a recipe may be anything);
     * allocates nothing large. */
    int (*open)(const struct fit_task *t, struct fit **out, struct diag *d);
    void (*close)(struct fit *f); /* NULL is fine */
    void (*plan)(const struct fit *f, struct fit_plan *out);
    /* Allocates all. exchange: exchange_bytes, aligned to 64; lives until close.
     * Then it stands before its first step with its first weights. */
    int (*start)(struct fit *f, uint8_t *exchange, struct diag *d);
    int (*step)(struct fit *f, enum fit_at *out, struct diag *d);
    void (*place)(const struct fit *f, struct fit_place *out);
    /* After FIT_EPOCH, before the next step. */
    int (*claims)(struct fit *f, struct fit_claims *out);
    /* After FIT_EPOCH, at most once before the next step: the kernel's measure of
     * the predictions; schedules and handlers may react. */
    int (*measured)(struct fit *f, double value);
    /* As after the last step that was made. save appends at most state_bytes;
     * restore after start, of bytes whose origin state.c has checked (recipe,
     * shapes, checksum), which may still be anything. */
    int (*save)(struct fit *f, struct buf *out);
    int (*restore)(struct fit *f, struct ubytes state, struct diag *d);
    /* The predictor so far: a GGUF file; predictions (n, outputs) of rows
     * [from, from + n). */
    int (*weights)(struct fit *f, uint64_t max_bytes, gguf_sink *sink,
                   void *ctx, uint64_t *out_bytes);
    int (*predict)(struct fit *f, const struct rows *r, uint64_t from, size_t n,
                   float *out);
};

extern const struct fit_ops fit_standard;
extern const struct fit_ops fit_closed;  /* linear regression, solved */
extern const struct fit_ops fit_harness; /* compat: harness */

/* Which one a recipe asks for. 0, or ERR_INPUT with ${d} set. */
int fit_find(const Proctor__Recipe *r, const struct fit_ops **out,
             struct diag *d) MUST_USE;

#endif
