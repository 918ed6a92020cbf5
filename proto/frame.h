/* Framing on stream sockets: u32 body length, u16 message number, u16 number of
 * descriptors sent with the frame (SCM_RIGHTS, on its first byte), body: one
 * protobuf message of the type that msg.def names.
 *
 * Here: the table of messages, header coding, and blocking send and receive for
 * workers and the command line. The kernel's non-blocking end is
 * kernel/engine/chan.c. */
#ifndef PROTO_FRAME_H
#define PROTO_FRAME_H

#include <sys/socket.h>

#include "proto/limits.h"
#include "proto/pb.h"

/* The C library has a MSG_BATCH too, a flag of sendmmsg that nobody here uses.
 * In either order of includes, ours is meant. */
#undef MSG_BATCH
#define MSG_BATCH MSG_BATCH_OF_INPUTS

#define FRAME_HEADER_BYTES 8
/* A body grows by at most this much ahead of the bytes that arrived. */
#define FRAME_STEP_BYTES (1u << 20)

enum msg_from { MSG_FROM_CLI, MSG_FROM_KERNEL, MSG_FROM_WORKER };

enum msg {
#define MSG(name, number, from, type, max_bytes, max_fds) MSG_##name = (number),
#include "proto/msg.def"
#undef MSG
};

struct msg_info {
    enum msg msg;
    enum msg_from from;
    const char *name;
    size_t max_bytes;
    unsigned max_fds;
    const ProtobufCMessageDescriptor *type;
};

/* NULL for an unknown number. */
const struct msg_info *msg_find(unsigned number);

struct frame_header {
    uint32_t body_n;
    uint16_t number;
    uint16_t fds_n;
};
void frame_header_encode(struct frame_header h,
                         uint8_t out[static FRAME_HEADER_BYTES]);
/* Also checks number, sender, size and descriptor count against the table.
 * 0 or ERR_PROTOCOL. */
int frame_header_decode(const uint8_t in[static FRAME_HEADER_BYTES],
                        enum msg_from expected, struct frame_header *out)
    MUST_USE;

/* A received message; owns body and descriptors until frame_release. */
struct frame {
    const struct msg_info *info;
    ProtobufCMessage *m;
    int fds[LIMIT_FRAME_FDS];
    unsigned fds_n;
};
void frame_init(struct frame *f);
void frame_release(struct frame *f);
/* Takes descriptor i out of f (f no longer closes it). */
int frame_take_fd(struct frame *f, unsigned i);

/* Appends header and body of a message; over the table's maximum: ERR_LIMIT. */
int frame_encode(enum msg msg, const ProtobufCMessage *m, unsigned fds_n,
                 struct buf *out) MUST_USE;

/* Blocking. EINTR is retried. Descriptors arrive close-on-exec. f is as after
 * frame_init or frame_release, and stays so on failure.
 * 0, ERR_CLOSED (end of stream between frames), ERR_PROTOCOL (bad frame, short
 * stream, wrong sender), ERR_ENCODING, ERR_NOMEM, ERR_IO. */
int frame_receive(int sock, enum msg_from expected, struct frame *f) MUST_USE;
/* Borrows fds. Uses MSG_NOSIGNAL. 0, ERR_CLOSED, ERR_LIMIT (over the message's
 * maximum), ERR_NOMEM, ERR_IO. */
int frame_send(int sock, enum msg msg, const ProtobufCMessage *m,
               const int *fds, unsigned fds_n) MUST_USE;

#endif
