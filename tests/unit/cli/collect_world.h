/* Stores made at random, of objects that name each other, some of them old, some
 * reached from records; and asking gc about them. For test_collect.c. */
#ifndef TESTS_UNIT_CLI_COLLECT_WORLD_H
#define TESTS_UNIT_CLI_COLLECT_WORLD_H

#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>

#include "cli/collect.h"
#include "cli/tiles.h"
#include "proto/disk.h"

#include "graph.pb-c.h"

#define NODES_MAX 40
#define GRACE_S 3600
#define OLD_S 7200
#define ZEROS_29 "00000000000000000000000000000"

static unsigned seed;

static unsigned chance(unsigned n)
{
    return (unsigned)rand_r(&seed) % n;
}

enum made {
    MADE_BYTES,
    MADE_RUNNABLE,
    MADE_EXAM,
    MADE_EVIDENCE,
    MADE_CONFINEMENT,
    MADE_COUNTEREXAMPLE,
    MADE_INPUTS,
    MADE_DATA,
    MADE_SPLIT,
    MADE_SNAPSHOT,
    MADE_N
};

struct node {
    enum made kind;
    struct cid cid;
    size_t kid[4];
    size_t kids;
    int is_old;
    int is_reached;
};

struct world {
    struct fixture f;
    struct node v[NODES_MAX];
    size_t n;
};

static char *some_text(void)
{
    static char text[4][24];
    static unsigned next;

    next = (next + 1) % 4;
    (void)snprintf(text[next], sizeof(text[0]), "t%u-%u", chance(1u << 30),
                   chance(1u << 30));
    return text[next];
}

/* An earlier node of that kind joins the kids of v; empty when there is none. */
static ProtobufCBinaryData name_one(struct world *w, struct node *v,
                                    enum made kind)
{
    size_t tries;

    for (tries = 0; tries < 20 && w->n > 0 && v->kids < 4; tries++) {
        size_t i = chance((unsigned)w->n);

        if (w->v[i].kind == kind) {
            v->kid[v->kids++] = i;
            return (ProtobufCBinaryData){CID_BYTES, w->v[i].cid.b};
        }
    }
    return (ProtobufCBinaryData){0, NULL};
}

static void make_snapshot(struct world *w, struct node *v)
{
    Proctor__Snapshot m = PROCTOR__SNAPSHOT__INIT;
    Proctor__RefState ref = PROCTOR__REF_STATE__INIT;
    Proctor__ExamState exam = PROCTOR__EXAM_STATE__INIT;
    Proctor__CandidateState who = PROCTOR__CANDIDATE_STATE__INIT;
    Proctor__RunState run = PROCTOR__RUN_STATE__INIT;
    Proctor__RefState *refs[] = {&ref};
    Proctor__ExamState *exams[] = {&exam};
    Proctor__CandidateState *whos[] = {&who};
    Proctor__RunState *runs[] = {&run};
    ProtobufCBinaryData burnt;

    m.n_refs = m.n_exams = m.n_runs = 1;
    m.refs = refs;
    m.exams = exams;
    m.runs = runs;
    ref.name = some_text();
    ref.target = name_one(w, v, MADE_RUNNABLE);
    exam.n_candidates = 1;
    exam.candidates = whos;
    who.cid = name_one(w, v, MADE_RUNNABLE);
    burnt = name_one(w, v, MADE_COUNTEREXAMPLE);
    exam.n_burnt = burnt.len != 0;
    exam.burnt = &burnt;
    run.inputs = name_one(w, v, MADE_INPUTS);
    v->cid = fixture_message(&w->f, &m.base);
}

static void make_data(struct world *w, struct node *v)
{
    Proctor__Data data = PROCTOR__DATA__INIT;
    Proctor__Split split = PROCTOR__SPLIT__INIT;

    if (v->kind == MADE_DATA) {
        char *columns[] = {some_text()};

        data.file = name_one(w, v, MADE_BYTES);
        data.inputs = name_one(w, v, MADE_BYTES);
        data.outputs = name_one(w, v, MADE_BYTES);
        data.n_columns = 1;
        data.columns = columns;
        v->cid = fixture_message(&w->f, &data.base);
        return;
    }
    split.data = name_one(w, v, MADE_DATA);
    split.train_csv = name_one(w, v, MADE_BYTES);
    split.held_inputs = name_one(w, v, MADE_BYTES);
    split.held_outputs = name_one(w, v, MADE_BYTES);
    split.train_rows = 1 + chance(1u << 30);
    v->cid = fixture_message(&w->f, &split.base);
}

static void make_exam(struct world *w, struct node *v)
{
    Proctor__Runnable run = PROCTOR__RUNNABLE__INIT;
    Proctor__Exam exam = PROCTOR__EXAM__INIT;
    ProtobufCBinaryData corpora[2];

    if (v->kind == MADE_RUNNABLE) {
        run.kind = 2;
        run.function_name = some_text();
        run.program = name_one(w, v, MADE_BYTES);
        run.weights = name_one(w, v, MADE_BYTES);
        run.table_outputs = name_one(w, v, MADE_BYTES);
        v->cid = fixture_message(&w->f, &run.base);
        return;
    }
    exam.version = 1 + chance(1u << 30);
    exam.oracle = name_one(w, v, MADE_RUNNABLE);
    exam.second_oracle = name_one(w, v, MADE_RUNNABLE);
    corpora[0] = name_one(w, v, MADE_BYTES);
    exam.n_corpora = corpora[0].len != 0 ? 1 : 0;
    corpora[exam.n_corpora] = name_one(w, v, MADE_BYTES);
    exam.n_corpora += corpora[exam.n_corpora].len != 0 ? 1 : 0;
    exam.corpora = corpora;
    v->cid = fixture_message(&w->f, &exam.base);
}

static void make_small(struct world *w, struct node *v)
{
    Proctor__Evidence ev = PROCTOR__EVIDENCE__INIT;
    Proctor__Confinement co = PROCTOR__CONFINEMENT__INIT;
    Proctor__Counterexample cx = PROCTOR__COUNTEREXAMPLE__INIT;
    Proctor__Inputs in = PROCTOR__INPUTS__INIT;
    Proctor__Artifact file = PROCTOR__ARTIFACT__INIT;
    Proctor__Artifact *files[] = {&file};

    if (v->kind == MADE_EVIDENCE) {
        ev.verdict = VERDICT_REJECT;
        ev.reason = some_text();
        v->cid = fixture_message(&w->f, &ev.base);
    } else if (v->kind == MADE_CONFINEMENT) {
        co.profile = some_text();
        v->cid = fixture_message(&w->f, &co.base);
    } else if (v->kind == MADE_COUNTEREXAMPLE) {
        cx.ending = some_text();
        v->cid = fixture_message(&w->f, &cx.base);
    } else {
        file.name = some_text();
        file.cid = name_one(w, v, MADE_BYTES);
        in.n_files = 1;
        in.files = files;
        v->cid = fixture_message(&w->f, &in.base);
    }
}

static void set_age(const struct fixture *f, const char *name, int age_s)
{
    struct timespec t[2];
    char path[PATH_MAX];

    (void)clock_gettime(CLOCK_REALTIME, &t[0]);
    t[0].tv_sec -= age_s;
    t[1] = t[0];
    (void)snprintf(path, sizeof(path), "%s/%s", f->dir, name);
    assert_int_equal(utimensat(AT_FDCWD, path, t, 0), 0);
}

static void object_name(const struct cid *c, char *out, size_t n)
{
    char text[CID_TEXT_BYTES];

    cid_text(c, text);
    (void)snprintf(out, n, "objects/%.2s/%s", text, text + 2);
}

static void make_one(struct world *w)
{
    struct node v = {.kind = (enum made)chance(MADE_N),
                     .is_old = chance(3) > 0};
    char name[96];

    if (chance(3) == 0 || v.kind == MADE_BYTES) {
        char *text = some_text();

        v.kind = MADE_BYTES;
        v.cid = fixture_object(
            &w->f, (struct ubytes){(const uint8_t *)text, strlen(text)});
    } else if (v.kind == MADE_SNAPSHOT) {
        make_snapshot(w, &v);
    } else if (v.kind == MADE_DATA || v.kind == MADE_SPLIT) {
        make_data(w, &v);
    } else if (v.kind == MADE_RUNNABLE || v.kind == MADE_EXAM) {
        make_exam(w, &v);
    } else {
        make_small(w, &v);
    }
    object_name(&v.cid, name, sizeof(name));
    set_age(&w->f, name, v.is_old ? OLD_S : 0);
    w->v[w->n++] = v;
}

/* A record that names the node. */
static void add_root(struct world *w, struct node *v)
{
    static const struct {
        enum record_kind kind;
        enum record_field field;
    } BY[MADE_N] = {
        [MADE_BYTES] = {RECORD_RUN, RF_RUN_graph_text},
        [MADE_RUNNABLE] = {RECORD_REVOKE, RF_REVOKE_candidate},
        [MADE_EXAM] = {RECORD_REVOKE, RF_REVOKE_exam},
        [MADE_EVIDENCE] = {RECORD_VERDICT, RF_VERDICT_evidence},
        [MADE_CONFINEMENT] = {RECORD_CONFINE, RF_CONFINE_report},
        [MADE_COUNTEREXAMPLE] = {RECORD_VERDICT, RF_VERDICT_burnt},
        [MADE_INPUTS] = {RECORD_RUN, RF_RUN_inputs},
        [MADE_SPLIT] = {RECORD_TASK, RF_TASK_result},
        [MADE_SNAPSHOT] = {RECORD_CHECKPOINT, RF_CHECKPOINT_snapshot},
    };
    struct record r;
    enum record_kind kind = BY[v->kind].kind;

    if (kind == RECORD_NONE) {
        return; /* Data: only through a split */
    }
    v->is_reached = 1;
    record_init(&r, kind);
    record_set_hash(&r, BY[v->kind].field, v->cid.b);
    if (kind == RECORD_VERDICT) {
        record_set_u(&r, RF_VERDICT_run, w->f.run_seq);
        record_set_u(&r, RF_VERDICT_verdict, VERDICT_REJECT);
    } else if (kind == RECORD_CONFINE) {
        record_set_u(&r, RF_CONFINE_run, w->f.run_seq);
    } else if (kind == RECORD_TASK) {
        record_set_u(&r, RF_TASK_run, w->f.run_seq);
        record_set_u(&r, RF_TASK_state, STATE_PASSED);
    }
    (void)fixture_add(&w->f, &r);
}

static void world_init(struct world *w)
{
    struct record r;
    size_t n = 5 + chance(NODES_MAX - 5);
    size_t i;

    memset(w, 0, sizeof(*w));
    fixture_init(&w->f);
    fixture_text(&w->f, "lock", "");
    record_init(&r, RECORD_RUN);
    w->f.run_seq = fixture_add(&w->f, &r);
    while (w->n < n) {
        make_one(w);
    }
    for (i = 0; i < w->n; i++) {
        if (chance(4) == 0) {
            add_root(w, &w->v[i]);
        }
    }
    fixture_write(&w->f);
    /* Kids come before those that name them. */
    for (i = w->n; i-- > 0;) {
        size_t k;

        for (k = 0; w->v[i].is_reached && k < w->v[i].kids; k++) {
            w->v[w->v[i].kid[k]].is_reached = 1;
        }
    }
}

static int is_there(const struct fixture *f, const char *name)
{
    char path[PATH_MAX];

    (void)snprintf(path, sizeof(path), "%s/%s", f->dir, name);
    return access(path, F_OK) == 0;
}

static void say_damage(void *ctx, const struct audit_finding *f)
{
    (void)ctx;
    if (f->grade == AUDIT_DAMAGE) {
        print_message("%s: %s\n", f->where, f->what);
    }
}

static const struct audit_ears LOUD = {say_damage, NULL, NULL};
static const struct audit_ears QUIET = {NULL, NULL, NULL};

static struct audit_result audit(const struct fixture *f)
{
    struct audit_result r;
    struct diag d;

    diag_init(&d);
    assert_int_equal(audit_run(f->dir, 1, &LOUD, &r, &d), 0);
    return r;
}

static int gc(const struct fixture *f, int is_delete, uint64_t grace_s,
              struct collect *out, struct diag *d)
{
    struct collect_ask ask = {.store = f->dir,
                              .is_delete = is_delete,
                              .grace_s = grace_s,
                              .ears = &QUIET};
    int rc = collect_run(&ask, out, d);

    err_trace_clear();
    return rc;
}

/* The number of files that it says; the list is released. */
static uint64_t gc_n(const struct fixture *f, int is_delete, uint64_t grace_s)
{
    struct collect g;
    struct diag d;
    uint64_t n;
    int rc = gc(f, is_delete, grace_s, &g, &d);

    if (rc != 0) {
        fail_msg("gc: %s: %s", err_name(rc), d.what);
    }
    n = g.n;
    collect_release(&g);
    return n;
}

static void gc_refuses(const struct fixture *f, int rc, const char *says)
{
    struct collect g;
    struct diag d;

    assert_int_equal(gc(f, 1, 0, &g, &d), rc);
    assert_int_equal(g.removed, 0);
    if (strstr(d.what, says) == NULL) {
        fail_msg("wanted \"%s\", got \"%s\"", says, d.what);
    }
    assert_true(d.hint[0] != '\0');
    collect_release(&g);
}

static void check_world(const struct world *w, uint64_t grace_s)
{
    size_t i;

    for (i = 0; i < w->n; i++) {
        const struct node *v = &w->v[i];
        int stays = v->is_reached || (!v->is_old && grace_s > 0);
        char name[96];

        object_name(&v->cid, name, sizeof(name));
        if (is_there(&w->f, name) != stays) {
            fail_msg("node %zu of kind %d: %s", i, (int)v->kind,
                     stays ? "is gone" : "is still there");
        }
    }
}

#endif
