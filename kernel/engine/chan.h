/* The kernel's non-blocking end of a framed socket (proto/frame.h). Enforces
 * msg.def: number, sender, size and descriptors are checked on the header,
 * before a body byte is kept. */
#ifndef KERNEL_ENGINE_CHAN_H
#define KERNEL_ENGINE_CHAN_H

#include "proto/frame.h"

struct chan;
struct loop;

struct chan_handler {
    /* f is borrowed for the call; descriptors may be taken out of it. */
    void (*on_message)(void *ctx, struct frame *f);
    /* Called once, from the loop: code 0 = closed by the peer between frames
     * (whether or not it read what was sent), else ERR_* (ERR_PROTOCOL and
     * ERR_ENCODING: the peer's doing). The chan is dead afterwards but still
     * owned by the caller. */
    void (*on_closed)(void *ctx, int code);
};

/* Takes sock. from: what the other end may send. Borrows h as long as it lives.
 */
int chan_new(struct loop *l, int sock, enum msg_from from,
             const struct chan_handler *h, void *ctx,
             struct chan **out) MUST_USE;
void chan_free(struct chan *c); /* NULL is fine; safe inside a handler */
/* Queues; borrows m and fds (they are duplicated). Calls no handler. 0,
 * ERR_CLOSED, ERR_LIMIT (the message's maximum, or two of the largest messages
 * are queued), ERR_NOMEM, ERR_IO. */
int chan_send(struct chan *c, enum msg msg, const ProtobufCMessage *m,
              const int *fds, unsigned fds_n) MUST_USE;
/* Bytes queued and not yet written. */
size_t chan_pending(const struct chan *c);
/* Writes all that is queued, blocking at most timeout_ms. For the last words.
 * 0, ERR_CLOSED, ERR_IO (also when the time is over). Calls no handler. */
int chan_flush(struct chan *c, uint64_t timeout_ms) MUST_USE;

#endif
