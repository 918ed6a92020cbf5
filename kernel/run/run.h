/* One request that reads a graph or a policy, from its first byte to RUN_DONE.
 * The struct is shared by the files of this folder that carry a run through its
 * phases: intake (read, check, admit), data (files, tables), sched (tasks),
 * finish. server.c uses the functions only. */
#ifndef KERNEL_RUN_RUN_H
#define KERNEL_RUN_RUN_H

#include "kernel/admit/admit.h"
#include "kernel/run/core.h"
#include "kernel/run/files.h"
#include "kernel/run/program.h"
#include "kernel/run/queue.h"
#include "proto/type.h"

#include "kernel.pb-c.h"

struct config_job;
struct dataset;
struct live;
struct loop_source;
struct run;

enum run_phase {
    RUN_PHASE_TEXTS, /* config workers read graph and policy */
    RUN_PHASE_FILES, /* the client was asked for files */
    RUN_PHASE_DATA,  /* config workers read tables and corpora */
    RUN_PHASE_TASKS,
    RUN_PHASE_OVER
};

/* One task of the graph while it is scheduled. */
struct task {
    const Proctor__Task *spec; /* the graph's, or that of its repair */
    Proctor__Task *repair;     /* owned; NULL until it is tried */
    char *reason;              /* owned; NULL = none */
    uint64_t seq_ref;          /* record that settled it, plus one */
    uint64_t evidence_ref;
    struct cid result;
    uint32_t waits;            /* dependencies that have not passed */
    uint8_t state;             /* enum task_state */
    uint8_t level;             /* reached */
    uint8_t attempt;           /* 1, or 2 with its repair */
    uint8_t released;          /* a person let it go on */
    uint8_t skipped;           /* never ran: a dependency failed, or stopped */
    uint8_t trapped;           /* a trap stopped its lane, before a resume */
};

struct refusal {
    uint32_t task_i; /* UINT32_MAX: the graph or the policy */
    char rule[64];
    struct diag d;
};
#define RUN_REFUSALS_MAX 64

struct note_due { /* a change that the client hears once it is durable */
    uint64_t seq_ref;
    uint32_t task_i;
    uint8_t state;
};

struct ref_before {   /* what a ref was when the run began */
    const char *name; /* borrowed from the graph */
    struct cid target;
};

struct run {
    struct core *core;
    Proctor__RunRequest *req; /* owned */
    void (*on_done)(void *ctx, struct run *r);
    void *on_done_ctx;
    enum run_phase phase;
    int told; /* RUN_DONE went out */
    int code; /* 0 or the ERR_* that RUN_DONE will carry */
    struct loop_source *later;
    uint64_t start_ms;

    /* texts */
    struct buf graph_text;
    struct buf policy_text;
    struct cid graph_text_cid; /* zero when resumed */
    struct cid policy_text_cid;
    struct config_job *graph_job;
    struct config_job *policy_job;
    Proctor__Graph *graph;   /* owned */
    Proctor__Policy *policy; /* owned */
    Proctor__TaskPlaces **places; /* owned, parallel to the tasks, or NULL */
    size_t places_n;
    Proctor__Place **grant_places; /* owned, parallel to the grants, or NULL */
    size_t grant_places_n;
    struct cid graph_cid;
    struct cid policy_cid;
    struct cid inputs_cid;
    struct programs programs;
    struct admission admission;
    struct refusal *refusals; /* owned, RUN_REFUSALS_MAX */
    size_t refusals_n;

    /* files and data */
    struct files files;
    size_t files_asked; /* [files_filled, files_asked) are on their way */
    size_t files_filled;
    struct dataset *data; /* owned list */
    struct config_job *data_job;
    struct buf data_text;
    struct cid data_key;   /* of the reading under way */
    struct type data_type;
    size_t data_task_i;    /* tasks before it have all their data */

    /* tasks */
    uint64_t seq;         /* of the RUN record */
    uint64_t resumes_ref;
    int resuming;         /* goes on with the fold's last run */
    int has_record;
    struct task *tasks;   /* owned */
    uint32_t *dependents; /* owned; of task i: [dependents_at[i], [i + 1]) */
    uint32_t *dependents_at;
    struct queue ready;
    struct queue ready_lanes;
    struct live *lives;
    size_t lives_n;
    size_t lanes_n; /* of them */
    struct ref_before *refs; /* owned, refs_n */
    size_t refs_n;
    struct note_due *notes; /* owned */
    size_t notes_n;
    size_t notes_cap;
    size_t repairs_waiting; /* for what they need */
    struct loop_source *turn;
    struct loop_source *wall;
    uint32_t queued; /* records since the last commit */
    int stopping;
    int resting; /* ERR_*: it stops when nothing comes to rest any more */
    const char *rest_why;
    int outside; /* first ERR_* of something outside a task */
};

/* Takes the message out of f, and its descriptors. on_done comes once, from the
 * loop, after RUN_DONE was sent; then run_free. */
int run_new(struct core *c, struct frame *f,
            void (*on_done)(void *ctx, struct run *r), void *ctx,
            struct run **out) MUST_USE;
void run_free(struct run *r);
/* The loop was stopped: RUN_DONE now, if it did not go out. broken: ERR_* when
 * the loop broke before the run was over, else 0. */
void run_last_words(struct run *r, int broken);
/* A FILES message. ERR_PROTOCOL when none was asked for. */
int run_files(struct run *r, struct frame *f) MUST_USE;
/* Stops in good order: workers killed, ABORT and END recorded. why: a few words
 * for the record. code: what RUN_DONE will say. */
void run_stop(struct run *r, int code, const char *why);

/* For the files of this folder. */

/* Nothing more is done; RUN_DONE goes out from the loop. First call wins. */
void run_over(struct run *r, int code);
/* Tells the client, then run_over with the diagnosis' code. */
void run_refuse(struct run *r, const struct diag *d, const char *task);
void run_error(struct run *r, int code, const char *path, const char *what);
/* Queues a record under this run; commits when a signature's worth is queued.
 * A failure is fatal to the kernel (core_fatal) and returned. */
int run_record(struct run *r, struct record *rec, uint64_t *out_seq) MUST_USE;
int run_commit(struct run *r) MUST_USE;
/* Place of a task in the graph's text; line 0 when unknown. */
struct loc run_place(const struct run *r, size_t task_i);
/* Index of a task, or UINT32_MAX; once it was admitted. */
uint32_t run_find(const struct run *r, const char *id);
int run_is_recorded(const struct run *r); /* its mode keeps records */

#endif
