/* The pieces of one kernel process and the order in which they live. Opens the
 * signer (through the ledger) before the first worker is started; decides
 * nothing about tasks. Kernel process. */
#include "kernel/run/core.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kernel/engine/chan.h"
#include "kernel/engine/loop.h"
#include "kernel/run/guard.h"
#include "kernel/run/plane.h"
#include "proto/blake3.h"
#include "proto/err.h"

enum {
    HASH_CHUNK_BYTES = 1 << 18 /* BLAKE3 is fastest on long pieces */
};

int core_hash_fd(int fd, uint64_t max_bytes, struct cid *out, uint64_t *out_n)
{
    static uint8_t chunk[HASH_CHUNK_BYTES]; /* the kernel has one thread */
    struct blake3 h;
    uint64_t n = 0;

    blake3_init(&h);
    for (;;) {
        ssize_t got = pread(fd, chunk, sizeof(chunk), (off_t)n);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return ERR_TRACE(err_from_errno(errno));
        }
        if (got == 0) {
            break;
        }
        n += (uint64_t)got;
        if (n > max_bytes) {
            return ERR_TRACE(ERR_LIMIT);
        }
        blake3_update(&h, chunk, (size_t)got);
    }
    blake3_final(&h, out->b);
    *out_n = n;
    return 0;
}

static int hash_self(struct cid *out)
{
    CLEANUP(fd_closep) int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    uint64_t n;

    if (fd < 0) {
        return ERR_TRACE(err_from_errno(errno));
    }
    return core_hash_fd(fd, LIMIT_OBJECT_BYTES, out, &n);
}

int core_init(struct core *c, const char *store_dir, const char *images_dir)
{
    memset(c, 0, sizeof(*c));
    c->store_dir = store_dir;
    c->images_dir = images_dir;
    budget_init(&c->budget);
    TRY(hash_self(&c->kernel));
    TRY(loop_new(&c->loop));
    TRY(guards_new(c, &c->guards));
    return 0;
}

int core_release(struct core *c)
{
    int code = 0;

    planes_free(c);
    guards_free(c->guards);
    c->guards = NULL;
    engine_close(c->engine);
    c->engine = NULL;
    if (c->ledger != NULL) {
        code = ledger_close(c->ledger);
        c->ledger = NULL;
    }
    store_close(c->store);
    c->store = NULL;
    chan_free(c->client);
    c->client = NULL;
    loop_free(c->loop);
    c->loop = NULL;
    return code;
}

int core_open_engine(struct core *c, struct diag *d)
{
    if (c->engine != NULL) {
        return 0;
    }
    return engine_open(c->loop, c->images_dir, &c->engine, d);
}

int core_open_store(struct core *c, struct diag *d)
{
    struct loc none = {0};
    int created;

    if (c->store != NULL) {
        return 0;
    }
    if (c->store_dir == NULL) {
        return diag_set(d, ERR_INPUT, none, "this needs a store");
    }
    return store_open(c->store_dir, &c->store, &created, d);
}

int core_read_record(struct core *c, uint64_t seq, enum record_kind kind,
                     struct buf *b, struct record *r)
{
    struct merkle_hash leaf;

    buf_init(b, LIMIT_RECORD_BYTES + 1);
    TRY(ledger_read(c->ledger, seq, b, r, &leaf));
    return r->kind == kind ? 0 : ERR_TRACE(ERR_STORE_DAMAGED);
}

int core_record(struct core *c, struct record *r, uint64_t *out_seq)
{
    *out_seq = 0;
    return c->recording ? ledger_append(c->ledger, r, out_seq, NULL) : 0;
}

void core_classes(const struct core *c, char names[static CORE_CLASSES_BYTES],
                  uint8_t images[static WORKER_CLASSES_N * CID_BYTES])
{
    size_t at = 0;

    for (int i = 0; i < WORKER_CLASSES_N; i++) {
        const char *name = worker_class_name((enum worker_class)i);
        struct cid id = engine_image(c->engine, (enum worker_class)i);
        size_t n = strlen(name);

        ASSERT(at + n + 1 < CORE_CLASSES_BYTES);
        if (i > 0) {
            names[at++] = ',';
        }
        memcpy(names + at, name, n);
        at += n;
        memcpy(images + (size_t)i * CID_BYTES, id.b, CID_BYTES);
    }
    names[at] = '\0';
}

int core_open_ledger(struct core *c, const struct cid *policy,
                     const Proctor__SeenHead *seen, struct diag *d)
{
    char names[CORE_CLASSES_BYTES];
    uint8_t images[WORKER_CLASSES_N * CID_BYTES];
    struct ledger_genesis g = {
        .kernel = c->kernel, .policy = *policy, .signer = c->signer};

    ASSERT(c->store != NULL && c->engine != NULL);
    if (c->ledger != NULL) {
        return 0;
    }
    if (seen != NULL) {
        if (seen->root.len != MERKLE_BYTES) {
            return ERR_TRACE(ERR_PROTOCOL);
        }
        g.seen.size = seen->size;
        memcpy(g.seen.root.b, seen->root.data, MERKLE_BYTES);
    }
    TRY(engine_load(c->engine, d));
    core_classes(c, names, images);
    g.classes = names;
    g.images = (struct ubytes){images, sizeof(images)};
    if (snprintf(c->signer, sizeof(c->signer), "%s/proctor-signer",
                 c->images_dir) >= (int)sizeof(c->signer)) {
        return ERR_TRACE(ERR_LIMIT);
    }
    TRY(ledger_open(c->store, &g, &c->ledger, d));
    c->recording = 1;
    return 0;
}

static void fatal_call(void *ctx, short revents)
{
    struct core *c = ctx;

    (void)revents;
    if (c->on_fatal != NULL) {
        c->on_fatal(c->fatal_ctx, c->fatal);
    } else {
        loop_stop(c->loop);
    }
}

void core_fatal(struct core *c, int code)
{
    ASSERT(code < 0);
    if (c->fatal != 0) {
        if (code == ERR_NOMEM) {
            core_cut_short(c, code); /* the orderly end starves as well */
        }
        return;
    }
    c->fatal = code;
    if (loop_defer(c->loop, fatal_call, c) < 0) {
        core_cut_short(c, code);
    }
}

void core_cut_short(struct core *c, int code)
{
    ASSERT(code < 0);
    c->fatal = c->fatal != 0 ? c->fatal : code;
    c->cut_short = 1;
    loop_stop(c->loop);
}

int core_put(struct core *c, struct ubytes bytes, struct cid *out)
{
    if (budget_charge(&c->budget, BUDGET_BYTES, bytes.n) != 0) {
        return BUDGET_E_SPENT;
    }
    return store_put(c->store, bytes, out);
}

int core_put_message(struct core *c, const ProtobufCMessage *m, struct cid *out)
{
    CLEANUP(buf_release) struct buf b;

    buf_init(&b, LIMIT_FRAME_BYTES);
    TRY(pb_encode(m, &b));
    return core_put(c, buf_bytes(&b), out);
}

int core_cid_message(const ProtobufCMessage *m, struct cid *out)
{
    CLEANUP(buf_release) struct buf b;

    buf_init(&b, LIMIT_FRAME_BYTES);
    TRY(pb_encode(m, &b));
    *out = cid_of(buf_bytes(&b));
    return 0;
}

int core_get_message(struct core *c, const struct cid *id,
                     const ProtobufCMessageDescriptor *type,
                     ProtobufCMessage **out)
{
    CLEANUP(buf_release) struct buf b;

    buf_init(&b, LIMIT_FRAME_BYTES);
    TRY(store_get(c->store, id, &b));
    TRY(pb_decode(type, buf_bytes(&b), LIMIT_FRAME_BYTES, out));
    return 0;
}

int core_get_values(struct core *c, const struct cid *id, const struct type *t,
                    struct values *out)
{
    CLEANUP(buf_release) struct buf b;

    buf_init(&b, LIMIT_HELD_BYTES);
    TRY(store_get(c->store, id, &b));
    TRY(values_decode(out, buf_bytes(&b), t, LIMIT_DATASET_ROWS));
    return 0;
}

ProtobufCBinaryData cid_field(const struct cid *c)
{
    return (ProtobufCBinaryData){CID_BYTES, (uint8_t *)(uintptr_t)c->b};
}

int cid_from_field(const ProtobufCBinaryData *f, struct cid *out)
{
    if (f->len != CID_BYTES) {
        return ERR_TRACE(ERR_ENCODING);
    }
    memcpy(out->b, f->data, CID_BYTES);
    return 0;
}
