/* Going on with the run of a directory. The kernel goes on with the last run of a store,
 * whichever that is; so what the ledger says of this one is looked up first. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/experiment.h"
#include "cli/experiment_text.h"
#include "cli/files.h"
#include "cli/ledger.h"
#include "proto/err.h"
#include "proto/record.h"

int experiment_run_folder(struct experiment_run *r, const char *dir,
                          struct diag *d)
{
    if (realpath(dir[0] != '\0' ? dir : ".", r->folder) == NULL) {
        return diag_set(d, err_from_errno(errno), (struct loc){0},
                        "cannot tell the file's folder: %s", strerror(errno));
    }
    return 0;
}

/* What the ledger has of a run. */
struct past {
    uint64_t began; /* a record of it, plus one */
    uint64_t last;  /* the store's last RUN record, plus one; 0: none */
    uint64_t own;   /* its RUN record, plus one, the last when it was gone on with */
    uint64_t end;   /* its END record, plus one; 0: none */
    int aborted;
    int waits;      /* it was stopped, or has a parked task: it can go on */
};

static int look(void *ctx, const struct record *rec, struct ubytes entry,
                const struct merkle_hash *leaf)
{
    struct past *p = ctx;

    (void)entry;
    (void)leaf;
    if (rec->kind == RECORD_RUN) {
        uint64_t resumes = record_u(rec, RF_RUN_resumes_ref);

        p->last = rec->seq + 1;
        if (rec->seq < p->began || (p->own > 0 && resumes == p->own)) {
            p->own = rec->seq + 1;
            p->end = 0;
            p->aborted = 0;
            p->waits = 1;
        }
    } else if (rec->kind == RECORD_ABORT && p->own > 0 &&
               record_u(rec, RF_ABORT_run) == p->own - 1) {
        p->aborted = 1;
    } else if (rec->kind == RECORD_END && p->own > 0 &&
               record_u(rec, RF_END_run) == p->own - 1) {
        p->end = rec->seq + 1;
        p->waits = p->aborted || record_u(rec, RF_END_parked) > 0;
    }
    return 0;
}

/* Text of run.json at path, "" where it says nothing. */
static NOINLINE int member(const struct experiment_run *r, const char *path,
                  char out[static PATH_MAX])
{
    CLEANUP(buf_release) struct buf b;

    buf_init(&b, PATH_MAX);
    out[0] = '\0';
    TRY(experiment_text_member(&r->dir, "run.json", path, &b, &r->c->d));
    if (buf_put_u8(&b, 0) != 0) {
        return ERR_TRACE(ERR_LIMIT);
    }
    (void)snprintf(out, PATH_MAX, "%s", (const char *)buf_bytes(&b).p);
    return 0;
}

/* The run as run.json knows it. */
static NOINLINE int remember(struct experiment_run *r, const Proctor__Experiment *x)
{
    char store[PATH_MAX];
    char began[PATH_MAX];

    TRY(member(r, "$.store", store));
    TRY(member(r, "$.began", began));
    TRY(member(r, "$.folder", r->folder));
    experiment_run_init(r, r->c, x, store);
    r->began = strtoull(began, NULL, 10);
    return 0;
}

/* A run that is over: its directory is made again. 1: it completed. */
static int show_again(struct experiment_run *r, const struct past *p)
{
    r->first_seq = p->own - 1;
    r->end_seq = p->end;
    TRY(experiment_view_collect(r));
    if (experiment_run_settle(r, 0)) {
        return 0;
    }
    TRY(experiment_view_close(r));
    experiment_text_print(r);
    return 1;
}

/* Its own run goes on where it is the last one, else its graph runs anew. */
static NOINLINE int ask(struct experiment_args *a, struct experiment_run *r, int goes_on)
{
    struct request q;
    char path[PATH_MAX];
    int rc = 0;

    request_init(&q, goes_on ? PROCTOR__RUN_MODE__RUN_RESUME
                             : PROCTOR__RUN_MODE__RUN_FULL);
    if (goes_on) {
        q.m.live = 1;
    } else {
        (void)snprintf(path, sizeof(path), "%.4000s/", r->folder);
        r->began = 0;
        rc = experiment_run_request(&q, a, path, r->x);
    }
    rc = rc == 0 ? experiment_view_open(r) : rc;
    rc = rc == 0 ? experiment_run_ask(r, &q) : rc;
    request_release(&q);
    return rc;
}

/* r->dir is there: its configuration names the tasks, its store holds the run. */
static int go_on(struct experiment_args *a, struct experiment_run *r,
                 struct experiment_file *f)
{
    struct past p = {0};
    struct ledger_end end;
    char path[PATH_MAX];
    int rc;

    (void)snprintf(path, sizeof(path), "%.4000s/config.json", r->dir.path);
    TRY(experiment_file_read(a, path, f));
    TRY(remember(r, f->reply->experiments[0]));
    p.began = r->began;
    rc = ledger_each(r->store, 0, look, &p, &end, &r->c->d);
    rc = rc == 0 && p.own > 0 && !p.waits ? show_again(r, &p) : rc;
    if (rc == 0) {
        r->first_seq = r->end_seq = 0;
        rc = ask(a, r, p.own > 0 && p.own == p.last && p.waits);
    }
    experiment_run_release(r);
    return rc < 0 ? rc : 0;
}

int experiment_run_again(struct experiment_args *a)
{
    CLEANUP(mem_freep) struct experiment_run *r = calloc(1, sizeof(*r));
    struct experiment_file f = {.reply = NULL};
    int rc;

    if (r == NULL) {
        return cli_fail(a->c, ERR_NOMEM, "out of memory");
    }
    frame_init(&f.frame);
    r->c = a->c;
    rc = experiment_dir_open(a->resume, &r->dir, &a->c->d);
    rc = rc == 0 ? go_on(a, r, &f) : rc;
    experiment_file_release(&f);
    return rc;
}
