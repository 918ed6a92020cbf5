/* Writers of the power test: what a kernel does to a store, and its command
 * line's tiles. Test code. */
#include "power.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/tiles.h"
#include "disk_model.h"
#include "kernel/store/store.h"
#include "proto/disk.h"
#include "proto/err.h"

const struct ledger_genesis power_genesis = {
    .signer = TEST_BIN_DIR "/proctor-signer", .classes = "config"};

static struct ack *next_ack(struct told *t)
{
    struct ack *a;

    if (t == NULL || t->n == ACKS_MAX) {
        return NULL;
    }
    a = &t->acks[t->n++];
    *a = (struct ack){.op = disk_record_n()};
    return a;
}

static void tell_tree(struct told *t, const struct ledger *l)
{
    struct ack *a = next_ack(t);
    uint8_t sig[64];

    if (a != NULL) {
        const struct checkpoint *c = ledger_checkpoint(l, sig);

        a->size = c->size;
        a->root = c->root;
    }
}

static void tell_object(struct told *t, const struct cid *cid)
{
    struct ack *a = next_ack(t);

    if (a != NULL) {
        a->is_object = 1;
        a->cid = *cid;
    }
}

static int add(struct ledger *l, uint64_t seq, size_t bytes)
{
    char name[1200];
    struct record r;
    uint64_t got;

    memset(name, 'x', sizeof(name));
    name[bytes < sizeof(name) ? bytes : sizeof(name) - 1] = '\0';
    (void)snprintf(name, 32, "k/%llu", (unsigned long long)seq);
    if (bytes > 40) {
        name[strlen(name)] = 'x';
    }
    record_init(&r, RECORD_REF);
    record_set_str(&r, RF_REF_name, name);
    return ledger_add(l, &r, &got);
}

static int batch(struct ledger *l, struct told *t, unsigned n, size_t bytes)
{
    uint64_t next = ledger_size(l);
    int code = 0;

    for (unsigned i = 0; i < n && code == 0; i++) {
        code = add(l, next + i, bytes);
    }
    if (code == 0) {
        code = ledger_commit(l);
    }
    if (code == 0) {
        tell_tree(t, l);
    }
    return code;
}

/* Small ones as bytes, large ones from a descriptor. */
static int put_object(struct store *s, struct told *t, unsigned i, int is_file)
{
    static uint8_t bytes[3 * 4096 + 100];
    size_t n = is_file ? sizeof(bytes) : 700;
    struct cid cid;
    uint64_t got;
    int code, fd;

    for (size_t k = 0; k < n; k++) {
        bytes[k] = (uint8_t)(i * 7 + k / 512 + k % 251);
    }
    if (!is_file) {
        code = store_put(s, (struct ubytes){bytes, n}, &cid);
    } else {
        fd = memfd_create("object", MFD_CLOEXEC);
        if (fd < 0 || write(fd, bytes, n) != (ssize_t)n) {
            return ERR_IO;
        }
        code = store_put_fd(s, fd, n, &cid, &got);
        (void)close(fd);
    }
    if (code == 0) {
        tell_object(t, &cid);
    }
    return code;
}

static int is_due(unsigned every, unsigned i)
{
    return every > 0 && i % every == 0;
}

static int work_batches(const char *dir, struct store *s, struct ledger *l,
                        const struct work *w, struct told *t)
{
    int code = 0;

    for (unsigned i = 1; i <= w->batches && code == 0; i++) {
        struct diag d;

        if (is_due(w->object_at, i)) {
            code = put_object(s, t, i, 0);
        }
        if (code == 0 && is_due(w->file_at, i)) {
            code = put_object(s, t, i, 1);
        }
        if (code == 0) {
            code = batch(l, t, 1 + i % w->records, w->bytes);
        }
        if (code == 0 && is_due(w->snapshot_at, i)) {
            code = ledger_snapshot(l);
            if (code == 0) {
                tell_tree(t, l);
            }
        }
        if (code == 0 && is_due(w->publish_at, i)) {
            code = tiles_catch_up(dir, &d);
        }
    }
    return code;
}

static int work_store(const char *dir, const struct work *w, struct told *t)
{
    struct store *s;
    struct ledger *l;
    struct diag d;
    int created, closed;
    int code = store_open(dir, &s, &created, &d);

    if (code != 0) {
        return code;
    }
    code = ledger_open(s, &power_genesis, &l, &d);
    if (code == 0) {
        tell_tree(t, l);
        code = work_batches(dir, s, l, w, t);
        closed = ledger_close(l);
        code = code == 0 ? closed : code;
    }
    store_close(s);
    return code;
}

/* The command line brings the tiles up to date whatever the kernel said. */
int work_run(const char *dir, const struct work *w, struct told *t)
{
    struct diag d;
    int code = work_store(dir, w, t);
    int published;

    if (code != 0) {
        disk_set_hook(NULL, NULL); /* another process */
    }
    published = tiles_catch_up(dir, &d);
    return code == 0 ? published : code;
}

struct life {
    unsigned long left; /* calls */
};

/* After a process's last call nothing that it wants is done. */
static int die(void *ctx, enum disk_op op, const char *name, size_t *n)
{
    struct life *l = ctx;

    (void)op;
    (void)name;
    (void)n;
    if (l->left == 0) {
        return EIO;
    }
    l->left--;
    return 0;
}

void work_run_killed(const char *dir, const struct work *w, struct told *t,
                     unsigned long n, int *out_done)
{
    struct life life = {.left = n};
    int code;

    disk_set_hook(die, &life);
    code = work_store(dir, w, t);
    disk_set_hook(NULL, NULL);
    *out_done = code == 0;
}
