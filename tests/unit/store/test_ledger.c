/* The ledger: creation, appending, reopening, snapshots, recovery of torn tails,
 * refusal of damage, publishing. */
#include "kernel/store/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/wal.h"
#include "kernel/store/fold.h"
#include "kernel/store/store.h"

static const struct ledger_genesis genesis = {
    .signer = TEST_BIN_DIR "/proctor-signer", .classes = "config"};

struct fixture {
    char dir[64];
    struct store *s;
    struct ledger *l;
    struct diag d;
};

static void remove_tree(const char *dir)
{
    char command[128];

    (void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    assert_int_equal(system(command), 0);
}

static int try_open(struct fixture *f)
{
    int created;
    int code = store_open(f->dir, &f->s, &created, &f->d);

    if (code == 0) {
        code = ledger_open(f->s, &genesis, &f->l, &f->d);
        if (code != 0) {
            store_close(f->s);
        }
    }
    return code;
}

static void open_ok(struct fixture *f)
{
    int code = try_open(f);

    if (code != 0) {
        print_message("open: %s: %s\n", err_name(code), f->d.what);
        err_trace_print(2);
    }
    assert_int_equal(code, 0);
}

static void close_ok(struct fixture *f)
{
    assert_int_equal(ledger_close(f->l), 0);
    store_close(f->s);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    (void)snprintf(f->dir, sizeof(f->dir), "/tmp/proctor-ledger-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    remove_tree(f->dir);
    free(f);
    return 0;
}

static struct record ref_record(const char *name, uint8_t fill)
{
    struct record r;
    uint8_t h[32];

    memset(h, fill, sizeof(h));
    record_init(&r, RECORD_REF);
    record_set_str(&r, RF_REF_name, name);
    record_set_hash(&r, RF_REF_new_target, h);
    return r;
}

static uint64_t append_ref(struct fixture *f, const char *name, uint8_t fill)
{
    struct record r = ref_record(name, fill);
    uint64_t seq = 0;

    assert_int_equal(ledger_append(f->l, &r, &seq, NULL), 0);
    return seq;
}

static void add_refs(struct fixture *f, unsigned n)
{
    unsigned i;

    for (i = 0; i < n; i++) {
        char name[32];
        struct record r;
        uint64_t seq;

        (void)snprintf(name, sizeof(name), "r/%u", i % 100);
        r = ref_record(name, (uint8_t)(1 + i % 250));
        assert_int_equal(ledger_add(f->l, &r, &seq), 0);
    }
    assert_int_equal(ledger_commit(f->l), 0);
}

static void test_create_append_reopen(void **state)
{
    struct fixture *f = *state;
    struct cid c;

    open_ok(f);
    assert_int_equal(ledger_size(f->l), 1);
    assert_int_equal(append_ref(f, "a", 1), 1);
    assert_int_equal(append_ref(f, "a", 2), 2);
    add_refs(f, 10);
    close_ok(f);
    open_ok(f);
    assert_int_equal(ledger_size(f->l), 13);
    assert_true(fold_ref(ledger_fold(f->l), "a", &c));
    assert_int_equal(c.b[0], 2);
    close_ok(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_create_append_reopen, setup,
                                        teardown),
    };

    return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
