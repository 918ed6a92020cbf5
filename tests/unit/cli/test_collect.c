/* gc: in stores made at random exactly the unreached old files go; a failure or
 * a kill at any removal loses nothing; in doubt nothing goes. */
#include "collect_world.h"

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
