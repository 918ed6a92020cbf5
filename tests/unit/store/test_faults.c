/* Fails the n-th disk call, once and for ever, for n = 0, 1, ... until none
 * fails: around creation, and around open, append, snapshot, publish, close of
 * a ledger that is there. After each: reopen, everything acknowledged is
 * there, all of it verifies. */
#include "fixture.h"

#define APPENDS 6

struct outcome {
    int open_code;
    int publish_code; /* tiles are no matter of the ledger's */
    int close_code;
    uint64_t acknowledged; /* records: the ledger's size at the last success */
    int fired;             /* before the ledger was closed */
};

/* The work under test. Stops at the first refusal, as a kernel would. */
static struct outcome work(struct fixture *f, const struct fault *fault)
{
    struct outcome o = {.open_code = fixture_try_open(f)};
    unsigned i;

    if (o.open_code != 0) {
        return o;
    }
    o.acknowledged = ledger_size(f->l);
    for (i = 0; i < APPENDS; i++) {
        struct record r = ref_record("name", (uint8_t)(i + 1));
        uint64_t seq;
        int code = ledger_append(f->l, &r, &seq, NULL);

        if (code == 0 && i == APPENDS / 2) {
            o.acknowledged = seq + 1;
            code = ledger_snapshot(f->l);
        }
        if (code == 0) {
            o.acknowledged = ledger_size(f->l);
        }
        if (code == 0 && i == 1) {
            code = o.publish_code = fixture_publish(f);
        }
        if (code != 0) {
            break;
        }
    }
    o.close_code = ledger_close(f->l);
    o.fired = fault->fired;
    store_close(f->s);
    return o;
}

static void reopen(struct fixture *f, const struct outcome *o,
                   const struct fault *fault)
{
    int code = fixture_try_open(f);

    if (code != 0) {
        fail_msg("call %lu, errno %d: reopen: %s: %s", fault->at, fault->error,
                 err_name(code), f->d.what);
    }
    if (ledger_size(f->l) < o->acknowledged) {
        fail_msg("call %lu, errno %d: %llu records of %llu", fault->at,
                 fault->error, (unsigned long long)ledger_size(f->l),
                 (unsigned long long)o->acknowledged);
    }
    append_ref(f, "after", 77);
    fixture_close(f);
    assert_true(verify_all(f->dir) > o->acknowledged);
}

static int is_sync(const struct fault *fault)
{
    return fault->op == DISK_SYNC;
}

/* One run with a fault; false when the fault was beyond the last call. */
static int run_one(struct fixture *f, struct fault *fault)
{
    struct outcome o;

    disk_set_hook(fault_hook, fault);
    o = work(f, fault);
    disk_set_hook(NULL, NULL);
    if (o.open_code != 0) {
        assert_true(f->d.what[0] != '\0');
    }
    if (fault->error == EINTR && !is_sync(fault)) { /* gone on with */
        assert_int_equal(o.open_code, 0);
        assert_int_equal(o.publish_code, 0);
        assert_int_equal(o.close_code, 0);
    }
    if (o.fired && fault->forever && o.open_code == 0 &&
        o.publish_code == 0) {
        assert_int_not_equal(o.close_code, 0);
    }
    reopen(f, &o, fault);
    return fault->fired || fault->calls > fault->at;
}

/* The first for every third call, the second for every eighth; of the others every so
 * many-th, shifted from one to the next: what tells them apart is the name that
 * they get. With PROCTOR_FULL all for every call. */
static const struct fault shapes[] = {
    {.error = EIO},
    {.error = EIO, .forever = 1},
    {.error = ENOSPC, .short_write = 1},
    {.error = ENOSPC, .forever = 1},
    {.error = EDQUOT},
    {.error = EFBIG},
    {.error = EROFS, .forever = 1},
    {.error = EMFILE},
    {.error = EINTR},
    {.error = ENOMEM},
};
static unsigned long step_of(size_t shape)
{
    return getenv("PROCTOR_FULL") != NULL ? 1
           : shape == 0                     ? 3
           : shape == 1                     ? 8
                                            : 29;
}

static void test_append_faults(void **state)
{
    struct fixture *f = *state;
    size_t i;

    fixture_open(f);
    append_ref(f, "old", 1);
    fixture_close(f);
    run_command("cp -r '%s' '%s/template'", f->dir, f->base);
    for (i = 0; i < ARRAY_N(shapes); i++) {
        struct fault fault = shapes[i];
        unsigned long next = i % step_of(i);

        do {
            fault.at = next;
            next += step_of(i);
            fault.calls = 0;
            fault.fired = 0;
            run_command("rm -rf '%s/store'%s", f->base, "");
            run_command("cp -r '%s/template' '%s/store'", f->base, f->base);
        } while (run_one(f, &fault) && next < 10000);
        assert_true(fault.at > 60);
    }
}

static void test_creation_faults(void **state)
{
    struct fixture *f = *state;
    size_t i;

    for (i = 0; i < ARRAY_N(shapes); i += 2) {
        struct fault fault = shapes[i];

        /* Calls behind creation are test_append_faults's. */
        for (fault.at = i % step_of(i); fault.at < 60;
             fault.at += 2 * step_of(i) - 1) {
            fault.calls = 0;
            fault.fired = 0;
            run_command("rm -rf '%s'%s", f->dir, "");
            assert_true(run_one(f, &fault));
        }
    }
}

/* A full disk: named, what was there is there, and room lets it go on. */
static void test_full_disk(void **state)
{
    struct fixture *f = *state;
    struct fault fault = {.error = ENOSPC, .forever = 1};
    struct record r = ref_record("x", 1);
    uint64_t seq;

    fixture_open(f);
    append_ref(f, "a", 1);
    disk_set_hook(fault_hook, &fault);
    assert_int_equal(ledger_append(f->l, &r, &seq, NULL), ERR_SPACE);
    assert_int_equal(ledger_close(f->l), ERR_SPACE);
    store_close(f->s);
    assert_int_equal(fixture_try_open(f), ERR_SPACE);
    assert_non_null(strstr(f->d.hint, "free some space"));
    disk_set_hook(NULL, NULL);
    assert_int_equal(verify_all(f->dir), 2);
    fixture_open(f);
    assert_int_equal(ledger_size(f->l), 2);
    fixture_close(f);
}

#define FAULT_TEST(name)                                                       \
    cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAULT_TEST(test_append_faults),
        FAULT_TEST(test_creation_faults),
        FAULT_TEST(test_full_disk),
    };

    return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
