/* gc: in stores made at random exactly the unreached old files go; a failure or
 * a kill at any removal loses nothing; in doubt nothing goes. */
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

static void test_random_stores(void **state)
{
    unsigned rounds = getenv("PROCTOR_FULL") != NULL ? 3000 : 40;
    uint64_t removed = 0;
    uint64_t stayed = 0;
    unsigned i;

    (void)state;
    for (i = 0; i < rounds; i++) {
        uint64_t grace_s = chance(2) == 0 ? 0 : GRACE_S;
        struct audit_result before;
        struct audit_result after;
        struct world w;
        uint64_t listed;

        world_init(&w);
        before = audit(&w.f);
        assert_int_equal(before.count[AUDIT_DAMAGE], 0);
        listed = gc_n(&w.f, 0, grace_s);
        after = audit(&w.f);
        assert_int_equal(after.objects, before.objects);
        assert_int_equal(gc_n(&w.f, 1, grace_s), listed);
        after = audit(&w.f);
        assert_int_equal(after.count[AUDIT_DAMAGE], 0);
        assert_int_equal(after.count[AUDIT_WARNING],
                         before.count[AUDIT_WARNING]);
        assert_int_equal(after.objects + listed, before.objects);
        assert_int_equal(after.unnamed + listed, before.unnamed);
        check_world(&w, grace_s);
        assert_int_equal(gc_n(&w.f, 1, grace_s), 0);
        removed += listed;
        stayed += after.objects;
        fixture_release(&w.f);
    }
    assert_true(removed > rounds && stayed > rounds);
}

/* Fails or kills at the n-th removal. */
struct fault {
    unsigned at;
    unsigned met;
    int is_kill;
};

static int fail_unlink(void *ctx, enum disk_op op, const char *name, size_t *n)
{
    struct fault *x = ctx;

    (void)name;
    (void)n;
    if (op != DISK_UNLINK || x->met++ != x->at) {
        return 0;
    }
    if (x->is_kill) {
        _exit(9);
    }
    return EIO;
}

static int collect_under(const struct world *w, struct fault *x)
{
    struct collect g;
    struct diag d;
    pid_t child;
    int status;
    int rc;

    if (!x->is_kill) {
        disk_set_hook(fail_unlink, x);
        rc = gc(&w->f, 1, 0, &g, &d);
        disk_set_hook(NULL, NULL);
        if (rc != 0) {
            assert_int_equal(rc, ERR_IO);
            assert_int_equal(g.removed, x->at);
            assert_non_null(strstr(d.what, "cannot be removed"));
        }
        collect_release(&g);
        return rc != 0;
    }
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        disk_set_hook(fail_unlink, x);
        _exit(gc(&w->f, 1, 0, &g, &d) == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 9);
    return WEXITSTATUS(status) == 9;
}

/* The next seed that makes a store with something to remove, thrice. */
static unsigned seed_with_garbage(void)
{
    uint64_t garbage;
    unsigned began;

    do {
        struct world w;

        began = ++seed;
        world_init(&w);
        garbage = audit(&w.f).unnamed;
        fixture_release(&w.f);
        seed = began;
    } while (garbage < 3);
    return began;
}

/* Failing or killed at each removal: the store is whole, the next run ends the
 * work, and a killed one leaves word for the next kernel. */
static void test_faults(void **state)
{
    int is_kill;

    (void)state;
    for (is_kill = 0; is_kill < 2; is_kill++) {
        unsigned began = seed_with_garbage();
        unsigned at = 0;
        int met = 1;

        while (met) {
            struct fault x = {.at = at++, .is_kill = is_kill};
            struct audit_result before;
            struct world w;
            char text[PATH_MAX];
            FILE *lock;

            seed = began; /* the same store each time */
            world_init(&w);
            before = audit(&w.f);
            met = collect_under(&w, &x);
            assert_int_equal(audit(&w.f).count[AUDIT_DAMAGE], 0);
            (void)snprintf(text, sizeof(text), "%s/lock", w.f.dir);
            lock = fopen(text, "r");
            assert_non_null(lock);
            assert_int_equal(fgetc(lock) != EOF, met && is_kill);
            assert_int_equal(fclose(lock), 0);
            assert_int_equal(gc_n(&w.f, 1, 0), met ? before.unnamed - x.at : 0);
            check_world(&w, 0);
            fixture_release(&w.f);
        }
        assert_true(at > 3);
    }
}

/* An old object that nothing names. */
static void litter(const struct fixture *f, const char *text)
{
    char name[96];
    struct cid c =
        fixture_object(f, (struct ubytes){(const uint8_t *)text, strlen(text)});

    object_name(&c, name, sizeof(name));
    set_age(f, name, OLD_S);
}

static void small_store(struct fixture *f, const struct cid *evidence)
{
    struct record r;

    fixture_init(f);
    fixture_text(f, "lock", "");
    litter(f, "litter");
    record_init(&r, RECORD_RUN);
    f->run_seq = fixture_add(f, &r);
    if (evidence != NULL) {
        record_init(&r, RECORD_VERDICT);
        record_set_u(&r, RF_VERDICT_run, f->run_seq);
        record_set_u(&r, RF_VERDICT_verdict, VERDICT_REJECT);
        record_set_hash(&r, RF_VERDICT_evidence, evidence->b);
        (void)fixture_add(f, &r);
    }
    fixture_write(f);
}

static void test_doubt(void **state)
{
    struct fixture f;
    struct cid text = cid_of((struct ubytes){(const uint8_t *)"text", 4});
    struct ubytes all;

    (void)state;
    /* Not what the record says; then missing; then with other bytes. */
    small_store(&f, &text);
    gc_refuses(&f, ERR_STORE_DAMAGED, "damaged");
    litter(&f, "text");
    gc_refuses(&f, ERR_STORE_DAMAGED, "is no Evidence");
    fixture_release(&f);
    /* Garbage, but damaged: the disk is not what it was. */
    small_store(&f, NULL);
    fixture_text(&f, "objects/ab/cdef" ZEROS_29 ZEROS_29, "x");
    gc_refuses(&f, ERR_STORE_DAMAGED, "damaged (1 findings)");
    fixture_release(&f);
    /* Half a batch at the end. */
    small_store(&f, NULL);
    all = buf_bytes(&f.segment);
    fixture_file(&f, "ledger/wal/0000000000000000.wal", all);
    {
        struct record r;

        record_init(&r, RECORD_RUN);
        (void)fixture_add(&f, &r);
        fixture_batch(&f);
        all = buf_bytes(&f.segment);
        all.n -= 20;
        fixture_file(&f, "ledger/wal/0000000000000000.wal", all);
        gc_refuses(&f, ERR_INPUT, "unfinished batch follows record 1");
    }
    fixture_release(&f);
}

static void test_locks(void **state)
{
    struct fixture f;
    struct collect g;
    struct diag d;
    char path[PATH_MAX];
    int fd;

    (void)state;
    small_store(&f, NULL);
    (void)snprintf(path, sizeof(path), "%s/lock", f.dir);
    fixture_text(&f, "lock", "pid 77\n");
    fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    gc_refuses(&f, ERR_STORE_BUSY, "a kernel (pid 77)");
    assert_int_equal(gc(&f, 0, 0, &g, &d), 0); /* looking is free */
    assert_int_equal(g.n, 1);
    collect_release(&g);
    (void)close(fd);
    (void)snprintf(path, sizeof(path), "%s/ledger", f.dir);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    gc_refuses(&f, ERR_STORE_BUSY, "writes tiles");
    (void)close(fd);
    /* A kernel crashed before: the next one must still sync what it left. */
    assert_int_equal(gc_n(&f, 1, 0), 1);
    (void)snprintf(path, sizeof(path), "%s/lock", f.dir);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(lseek(fd, 0, SEEK_END) > 0);
    (void)close(fd);
    fixture_release(&f);
}

static void copy_part(const struct fixture *f, const char *from, const char *to,
                      size_t n)
{
    char path[PATH_MAX];
    uint8_t bytes[8192];
    FILE *in;

    (void)snprintf(path, sizeof(path), "%s/%s", f->dir, from);
    in = fopen(path, "rb");
    assert_non_null(in);
    assert_int_equal(fread(bytes, 1, n, in), n);
    (void)fclose(in);
    fixture_file(f, to, (struct ubytes){bytes, n});
}

/* Half-written files, replaced partial tiles, and one torn batch. */
static void test_files(void **state)
{
    struct collect_ask ask = {
        .is_delete = 1, .grace_s = GRACE_S, .ears = &QUIET};
    struct collect g;
    struct fixture f;
    struct diag d;
    char path[PATH_MAX];

    (void)state;
    fixture_init(&f);
    fixture_text(&f, "lock", "");
    while (f.size < 600) {
        struct record r;

        record_init(&r, RECORD_RUN);
        (void)fixture_add(&f, &r);
    }
    fixture_write(&f);
    fixture_text(&f, "tmp/t1-0", "half");
    fixture_text(&f, "tmp/t1-1", "younger");
    set_age(&f, "tmp/t1-0", OLD_S);
    (void)snprintf(path, sizeof(path), "%s/ledger/checkpoint", f.dir);
    assert_int_equal(unlink(path), 0); /* else nothing is to be written */
    assert_int_equal(tiles_catch_up(f.dir, &d), 0);
    assert_true(is_there(&f, "ledger/tile/0/002.p/88"));
    copy_part(&f, "ledger/tile/0/001", "ledger/tile/0/001.p/3", 96);
    copy_part(&f, "ledger/tile/0/001", "ledger/tile/0/001.p/9", 288);
    copy_part(&f, "ledger/tile/0/002.p/88", "ledger/tile/0/002.p/7", 224);
    fixture_text(&f, "ledger/wal/torn-0000000000000258-a", "half a batch");
    fixture_text(&f, "ledger/wal/torn-0000000000000258-b", "another");
    ask.store = f.dir;
    ask.torn = "0000000000000000.wal"; /* no torn batch: never */
    assert_int_equal(collect_run(&ask, &g, &d), ERR_NOT_FOUND);
    collect_release(&g);
    ask.torn = "torn-0000000000000258-b";
    assert_int_equal(collect_run(&ask, &g, &d), 0);
    assert_int_equal(g.n, 4);
    assert_int_equal(g.removed, 4);
    assert_int_equal(g.kept, 1);
    assert_int_equal(g.torn, 1);
    assert_int_equal(g.bytes, 4 + 96 + 288 + 7);
    collect_release(&g);
    assert_false(is_there(&f, "tmp/t1-0"));
    assert_true(is_there(&f, "tmp/t1-1"));
    assert_false(is_there(&f, "ledger/tile/0/001.p"));
    assert_true(is_there(&f, "ledger/tile/0/001"));
    assert_true(is_there(&f, "ledger/tile/0/002.p/7"));
    assert_true(is_there(&f, "ledger/tile/0/002.p/88"));
    assert_true(is_there(&f, "ledger/wal/torn-0000000000000258-a"));
    assert_false(is_there(&f, "ledger/wal/torn-0000000000000258-b"));
    assert_int_equal(audit(&f).count[AUDIT_DAMAGE], 0);
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_stores), cmocka_unit_test(test_faults),
        cmocka_unit_test(test_doubt),         cmocka_unit_test(test_locks),
        cmocka_unit_test(test_files),
    };
    const char *given = getenv("PROCTOR_SEED");

    seed = given != NULL ? (unsigned)strtoul(given, NULL, 10)
                         : (unsigned)time(NULL);
    print_message("PROCTOR_SEED=%u\n", seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
