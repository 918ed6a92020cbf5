/* What one kernel process holds: loop, client, store, ledger, engine, budget.
 * Opened piece by piece as a request needs them; closed once, in order. */
#ifndef KERNEL_RUN_CORE_H
#define KERNEL_RUN_CORE_H

#include <limits.h>

#include "kernel/engine/engine.h"
#include "kernel/run/budget.h"
#include "kernel/store/ledger.h"
#include "kernel/store/store.h"
#include "proto/diag.h"
#include "proto/value.h"

#include "kernel.pb-c.h"

struct chan;
struct guards;
struct plane;
struct loop;

struct core {
    struct loop *loop;
    struct chan *client; /* NULL when it is gone */
    const char *store_dir;  /* NULL: only requests that need no store */
    const char *images_dir;
    struct store *store;    /* NULL until core_open_store */
    char signer[PATH_MAX];  /* its binary; set with the ledger */
    struct ledger *ledger;  /* NULL until core_open_ledger */
    struct engine *engine;  /* NULL until core_open_engine */
    struct guards *guards;
    struct plane *planes;   /* of models, plane.h */
    struct cid kernel;      /* CID of this binary */
    struct budget budget;
    int recording;          /* workers' confinements go to the ledger */
    uint64_t run_seq;       /* run that they belong to; 0 before there is one */
    uint64_t progress_ms;   /* when the last progress event went out */
    /* Store or ledger failed: nothing may go on. Called once, from the loop. */
    void (*on_fatal)(void *ctx, int code);
    void *fatal_ctx;
    int fatal;
    int cut_short; /* the client may not have been told of it */
};

int core_init(struct core *c, const char *store_dir, const char *images_dir)
    MUST_USE;
/* Ends workers, closes ledger and store. 0 or what closing the ledger said. */
int core_release(struct core *c) MUST_USE;

/* CID of an open file's bytes, from its start; at most max_bytes (ERR_LIMIT). */
int core_hash_fd(int fd, uint64_t max_bytes, struct cid *out, uint64_t *out_n)
    MUST_USE;

/* Each is a no-op when already open; d tells what is wrong. */
int core_open_engine(struct core *c, struct diag *d) MUST_USE;
int core_open_store(struct core *c, struct diag *d) MUST_USE;
/* Needs store and engine. policy: CID of the policy file in force, for GENESIS.
 * req: for the head that was seen. */
int core_open_ledger(struct core *c, const struct cid *policy,
                     const Proctor__SeenHead *seen, struct diag *d) MUST_USE;

/* Stops everything at the next turn of the loop with this code. */
void core_fatal(struct core *c, int code);
/* Stops the loop at once, where even words for the client cannot be had; the
 * process then ends with this code, or with the one of core_fatal before it. */
void core_cut_short(struct core *c, int code);

/* Puts an object and charges budgets.bytes. 0, BUDGET_E_SPENT, ERR_* of
 * store_put (those are fatal to the run). */
int core_put(struct core *c, struct ubytes bytes, struct cid *out) MUST_USE;
int core_put_message(struct core *c, const ProtobufCMessage *m,
                     struct cid *out) MUST_USE;
/* The CID that it would have. */
int core_cid_message(const ProtobufCMessage *m, struct cid *out) MUST_USE;
/* Reads an object as a message of that type. Owned by the caller (pb_free). */
int core_get_message(struct core *c, const struct cid *id,
                     const ProtobufCMessageDescriptor *type,
                     ProtobufCMessage **out) MUST_USE;

/* Reads an object as values of type t. */
int core_get_values(struct core *c, const struct cid *id, const struct type *t,
                    struct values *out) MUST_USE;

/* Appends a record, durable; where nothing is recorded, *out_seq is 0. */
int core_record(struct core *c, struct record *r, uint64_t *out_seq) MUST_USE;
/* Reads a durable record of that kind; r borrows from b, which is made in any case
 * and the caller's. ERR_STORE_DAMAGED also when it is of another kind. */
int core_read_record(struct core *c, uint64_t seq, enum record_kind kind,
                     struct buf *b, struct record *r) MUST_USE;

/* Names and CIDs of all worker classes, for RUN and GENESIS. */
#define CORE_CLASSES_BYTES 128
void core_classes(const struct core *c, char names[static CORE_CLASSES_BYTES],
                  uint8_t images[static WORKER_CLASSES_N * CID_BYTES]);

/* A CID as a protobuf bytes field (borrows) and back: 0, or ERR_ENCODING when
 * the field does not hold exactly 32 bytes. */
ProtobufCBinaryData cid_field(const struct cid *c);
int cid_from_field(const ProtobufCBinaryData *f, struct cid *out) MUST_USE;

#endif
