/* CML asked of one confined worker after the other for a task: a text made an
 * artifact, with what its references lead to. The refs that the worker says it
 * names are read here, from the ledger's state; they are pinned as of one moment,
 * and the snapshot of them is an object. */
#ifndef KERNEL_RUN_LINKING_H
#define KERNEL_RUN_LINKING_H

#include "kernel/run/sched.h"

#include "worker.pb-c.h"

struct linking;

/* reply has one unit with a bundle, or is a SYNTH's; borrowed for the call. Errors are those of
 * live_error. What is wrong with text or references fails the task by itself. */
typedef int (*linking_fn)(struct live *l, const Proctor__CmlReply *reply);

int linking_new(struct live *l, struct linking **out) MUST_USE;
void linking_free(struct linking *k); /* NULL is fine; safe inside fn */
/* Names a ref before asking, once. 0, ERR_LIMIT: too many, too long. */
int linking_pin(struct linking *k, const char *path) MUST_USE;
/* What the refs are now. 1: one is new or moved; 0, ERR_*. */
int linking_read(struct linking *k) MUST_USE;
/* task: everything but text and refs; borrowed until fn, as are its strings. The
 * text: of a file of the run, or bundle if that is not NULL, or none. */
int linking_ask(struct linking *k, const Proctor__CmlTask *task,
                const char *file, const struct buf *bundle,
                linking_fn fn) MUST_USE;
/* Of all refs that were read; zero when there are none. As core_put. */
int linking_snapshot(struct linking *k, struct cid *out) MUST_USE;
/* CID of the node that a pinned ref leads to; zero: none. The store's DID. */
struct cid linking_pinned(const struct linking *k, const char *path);
const char *linking_did(const struct linking *k);

#endif
