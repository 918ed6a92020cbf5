/* Bytes and descriptors on a stream socket: the one place that reads and writes
 * control messages, shared by frame.c (blocking) and kernel/engine/chan.c. Uses
 * recvmsg and sendmsg only: workers may call nothing else. */
#ifndef PROTO_FRAME_IO_H
#define PROTO_FRAME_IO_H

#include "proto/base.h"
#include "proto/limits.h"

struct frame_fds {
    int fd[LIMIT_FRAME_FDS]; /* owned */
    unsigned n;
};

void frame_fds_close(struct frame_fds *fds);

enum {
    FRAME_IO_E_AGAIN = 1
}; /* non-blocking socket: later */

/* Reads 1..n bytes (n > 0) into p; *out_n = 0 at the end of the stream.
 * Descriptors that came along are added to fds, close-on-exec. flags: 0 or
 * MSG_DONTWAIT. 0, FRAME_IO_E_AGAIN, ERR_PROTOCOL (more descriptors than a
 * frame can have; all are closed then), ERR_CLOSED (reset), ERR_IO. */
int frame_io_receive(int sock, int flags, void *p, size_t n,
                     struct frame_fds *fds, size_t *out_n) MUST_USE;

/* Writes some of the bytes (at least one), the descriptors (borrowed) with the
 * first. 0, FRAME_IO_E_AGAIN, ERR_CLOSED, ERR_IO. */
int frame_io_send(int sock, int flags, struct ubytes bytes, const int *fds,
                  unsigned fds_n, size_t *out_n) MUST_USE;

#endif
