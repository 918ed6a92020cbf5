/* Shared by the store's tests: a store in a folder of its own, records to put
 * in it, and a disk hook that fails or kills at the n-th call. */
#ifndef TESTS_UNIT_STORE_FIXTURE_H
#define TESTS_UNIT_STORE_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/wal.h"
#include "proto/disk.h"
#include "cli/tiles.h"
#include "kernel/store/fold.h"
#include "kernel/store/ledger.h"
#include "kernel/store/store.h"

struct fixture {
    char base[64]; /* removed at the end */
    char dir[80];  /* base/store */
    struct store *s;
    struct ledger *l;
    struct diag d;
};

static const struct ledger_genesis fixture_genesis = {
    .signer = TEST_BIN_DIR "/proctor-signer", .classes = "config"};

static inline void run_command(const char *fmt, const char *a, const char *b)
{
    char command[512];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(command, sizeof(command), fmt, a, b);
#pragma GCC diagnostic pop
    assert_int_equal(system(command), 0);
}

static inline int fixture_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    /* In memory where that can be: what is tested is the order of calls. */
    (void)snprintf(f->base, sizeof(f->base), "%s/proctor-store-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(f->base));
    (void)snprintf(f->dir, sizeof(f->dir), "%s/store", f->base);
    *state = f;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    struct fixture *f = *state;

    disk_set_hook(NULL, NULL);
    run_command("rm -rf '%s'%s", f->base, "");
    free(f);
    return 0;
}

static inline int fixture_try_open(struct fixture *f)
{
    int created;
    int code = store_open(f->dir, &f->s, &created, &f->d);

    if (code == 0) {
        code = ledger_open(f->s, &fixture_genesis, &f->l, &f->d);
        if (code != 0) {
            store_close(f->s);
        }
    }
    return code;
}

static inline void fixture_open(struct fixture *f)
{
    int code = fixture_try_open(f);

    if (code != 0) {
        err_trace_print(2);
        fail_msg("open: %s: %s", err_name(code), f->d.what);
    }
}

/* As the command line does it after a run. */
static inline int fixture_publish(struct fixture *f)
{
    return tiles_catch_up(f->dir, &f->d);
}

static inline void fixture_close(struct fixture *f)
{
    assert_int_equal(ledger_close(f->l), 0);
    store_close(f->s);
    assert_int_equal(fixture_publish(f), 0);
}

static inline struct record ref_record(const char *name, uint8_t fill)
{
    struct record r;
    uint8_t h[32];

    memset(h, fill, sizeof(h));
    record_init(&r, RECORD_REF);
    record_set_str(&r, RF_REF_name, name);
    record_set_hash(&r, RF_REF_new_target, h);
    return r;
}

static inline uint64_t append_ref(struct fixture *f, const char *name,
                                  uint8_t fill)
{
    struct record r = ref_record(name, fill);
    uint64_t seq = 0;

    assert_int_equal(ledger_append(f->l, &r, &seq, NULL), 0);
    return seq;
}

static inline void add_refs(struct fixture *f, unsigned n)
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

/* Path of a file below the store. Good until the next call. */
static inline const char *in_store(const struct fixture *f, const char *name)
{
    static char path[256];

    (void)snprintf(path, sizeof(path), "%s/%s", f->dir, name);
    return path;
}

static inline uint64_t file_size(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? (uint64_t)st.st_size : UINT64_MAX;
}

/* Flips one bit of one byte. */
static inline void flip_byte(const char *path, uint64_t at)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    uint8_t byte;

    if (fd < 0) { /* objects are 0444 */
        assert_int_equal(chmod(path, 0644), 0);
        fd = open(path, O_RDWR | O_CLOEXEC);
    }
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
    byte ^= 0x04;
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
    assert_int_equal(close(fd), 0);
}

/* All records by the checker that the command line uses; their number. */
static inline uint64_t verify_all(const char *dir)
{
    struct wal_reader *w;
    struct wal_check c;
    struct wal_head h = {.first = 0};
    struct record r;
    struct ubytes entry;
    struct merkle_hash leaf;
    char origin[NOTE_ORIGIN_BYTES];
    uint64_t checked = 0;
    int code;

    assert_int_equal(wal_reader_open(dir, 0, &w), 0);
    while ((code = wal_reader_next(w, &r, &entry, &leaf)) == 0) {
        const struct wal_batch *b = wal_reader_batch(w);

        if (r.seq == 0) {
            record_str(&r, RF_GENESIS_origin, origin, sizeof(origin));
            wal_check_init(&c, &h, origin, record_hash(&r, RF_GENESIS_log_key));
        }
        if (b->first == r.seq) {
            assert_int_equal(wal_check_batch(&c, b, NULL, NULL), 0);
        }
        checked++;
    }
    assert_int_equal(code, WAL_E_END);
    assert_true(checked == c.size);
    wal_reader_close(w);
    return checked;
}

/* Fails the n-th call (from 0), once or from there on. */
struct fault {
    unsigned long at;
    int error;
    int forever;
    int short_write; /* the n-th write is cut to one byte, the next one fails */
    unsigned long calls;
    int fired;
    enum disk_op op; /* of the call that failed last */
};

static inline int fault_hook(void *ctx, enum disk_op op, const char *name,
                             size_t *n)
{
    struct fault *f = ctx;
    unsigned long call = f->calls++;

    (void)name;
    if (f->short_write) {
        if (call == f->at && op == DISK_WRITE && *n > 1) {
            *n = *n / 2;
            f->fired = 1;
            return 0;
        }
        return f->fired && call == f->at + 1 ? f->error : 0;
    }
    if (call == f->at || (f->forever && call > f->at)) {
        f->fired = 1;
        f->op = op;
        return f->error;
    }
    return 0;
}

#endif
