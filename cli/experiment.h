/* `proctor experiment`: files of experiments become runs of the kernel, and run
 * directories that show what the store holds of them. The person's process: it opens
 * the person's files, reads the store, and writes nothing but run directories. */
#ifndef CLI_EXPERIMENT_H
#define CLI_EXPERIMENT_H

#include <limits.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/experiment_checkpoint.h"
#include "cli/experiment_metrics.h"
#include "cli/request.h"
#include "cli/session.h"
#include "proto/cid.h"

#define EXPERIMENT_TRAINS_MAX 128

/* What the words of a command say. */
struct experiment_args {
    struct cli *c;
    char *config;
    char *policy;
    char *resume; /* a run directory */
    int dry_run;
    struct request words; /* only for its overrides: all of them */
};

/* A file of experiments, read by a confined worker. */
struct experiment_file {
    const char *path;
    struct frame frame; /* owned; reply borrows from it */
    const Proctor__ConfigReply *reply;
};
/* Reads a file with words laid over it (those of the policy apart); compat: "" or
 * the value of that key. Prints warnings. All problems are told when it fails. */
int experiment_file_read(struct experiment_args *a, const char *path,
                         struct experiment_file *out) MUST_USE;
void experiment_file_release(struct experiment_file *f);

/* One train task of a run, as the ledger has it. */
struct experiment_train {
    const char *task;        /* of the Experiment; borrowed */
    struct metrics metrics;  /* owned */
    char prefix[80];         /* of its files */
    struct cid training;
    uint64_t trained_ref;    /* its last TRAINED record, plus one; 0: none */
    char why[64];
    int state;               /* enum task_state of its task; -1: it never rested */
};

/* A run directory and what it shows. */
struct experiment_run {
    struct cli *c;
    const Proctor__Experiment *x; /* borrowed */
    struct experiment_dir dir;
    char store[PATH_MAX];
    char folder[PATH_MAX]; /* absolute; the data's paths begin there */
    uint64_t began;        /* its first record that was told of, plus one; 0: none */
    struct experiment_train trains[EXPERIMENT_TRAINS_MAX];
    size_t trains_n;
    FILE *log;          /* logs/events.ndjson, or NULL */
    double written_s;   /* when the tables were last written */
    int view_code;      /* the first error of writing while it ran */
    int is_read_only;   /* nothing is written */
    struct progress *progress; /* of the session, while it runs; or NULL */
    int told_memory;
    /* When the run is over. */
    const char *status; /* completed, failed, stopped */
    char why[DIAG_TEXT_BYTES];
    uint64_t first_seq, end_seq;
    uint64_t run_seq;   /* its RUN record, the last when it was gone on with */
    uint64_t chain[64]; /* RUN records, from the last to the first */
    size_t chain_n;
    double wall_s;
    int net_state;      /* of the task whose weights count; -1: none */
    struct cid runnable, weights, dataset, split; /* zero: none */
    struct checkpoints checkpoints;               /* to be shown */
    uint64_t look_ref, holdout_ref; /* records, plus one; 0: none */
    int evaluation_failed;
};

void experiment_run_init(struct experiment_run *r, struct cli *c,
                         const Proctor__Experiment *x, const char *store);
void experiment_run_release(struct experiment_run *r);

/* experiment_run.c: all experiments of a file in order, up to the first failure. */
int experiment_run_all(struct experiment_args *a,
                       const struct experiment_file *f) MUST_USE;
/* What the kernel is asked to run; data lie from path's folder on, or from path when
 * it ends in a slash. */
int experiment_run_request(struct request *q, const struct experiment_args *a,
                           const char *path,
                           const Proctor__Experiment *x) MUST_USE;
/* Asks, and shows in r->dir what came of it. */
int experiment_run_ask(struct experiment_run *r, struct request *q) MUST_USE;
/* The status by what came to rest; 1: the weights that count are not there. */
int experiment_run_settle(struct experiment_run *r, int code);

/* experiment_again.c: dir as r->folder. */
int experiment_run_folder(struct experiment_run *r, const char *dir,
                          struct diag *d) MUST_USE;
/* Goes on with the run of a directory, and with no other. A run
 * that is over is shown again from the ledger; one that failed, or that another run
 * of the store came after, is run anew, from the last state of its training. */
int experiment_run_again(struct experiment_args *a) MUST_USE;

/* experiment_view.c: the directory while it runs, and when it is over. */
int experiment_view_open(struct experiment_run *r) MUST_USE;
void experiment_view_event(struct experiment_run *r, const Proctor__Event *e);
/* Reads what the ledger and the store have of records [first_seq, end_seq). */
int experiment_view_collect(struct experiment_run *r) MUST_USE;
/* metrics, checkpoints, summary.json and the index, from those. */
int experiment_view_close(struct experiment_run *r) MUST_USE;
/* run.json: where the run's records are. */
int experiment_view_mark(const struct experiment_run *r) MUST_USE;

/* experiment_eval.c */
int experiment_eval(struct cli *c, const char *dir, const char *checkpoint,
                    int dry_run) MUST_USE;
/* experiment_summary.c: summary.json, and the same on standard output with --json.
 * last: the last training's last row of metrics as JSON, or null. */
int experiment_summary_write(struct experiment_run *r,
                             struct ubytes last) MUST_USE;
/* experiment_list.c */
int experiment_list(struct cli *c, const char *output) MUST_USE;

#endif
