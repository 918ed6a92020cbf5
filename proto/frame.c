/* Framing: the table of messages, header coding, blocking send and receive.
 * Runs in workers and the command line (the kernel uses only table and header).
 * Must never allocate by an announced length alone, keep a body of a message
 * that the table does not allow here, nor lose a descriptor. */
#include "proto/frame.h"

#include <string.h>

#include "proto/err.h"
#include "proto/frame_io.h"

#include "evidence.pb-c.h"
#include "graph.pb-c.h"
#include "kernel.pb-c.h"
#include "worker.pb-c.h"

static const struct msg_info table[] = {
#define MSG(name_, number, from_, type_, max_bytes_, max_fds_)                 \
    {.msg = MSG_##name_,                                                       \
     .from = MSG_FROM_##from_,                                                 \
     .name = #name_,                                                           \
     .max_bytes = (max_bytes_),                                                \
     .max_fds = (max_fds_),                                                    \
     .type = &proctor__##type_##__descriptor},
#include "proto/msg.def"
#undef MSG
};

#define MSG(name, number, from, type, max_bytes, max_fds)                      \
    _Static_assert((max_bytes) <= LIMIT_FRAME_BYTES, #name " fits a frame");   \
    _Static_assert((max_fds) <= LIMIT_FRAME_FDS, #name " fits its control");
#include "proto/msg.def"
#undef MSG

const struct msg_info *msg_find(unsigned number)
{
    for (size_t i = 0; i < ARRAY_N(table); i++) {
        if ((unsigned)table[i].msg == number) {
            return &table[i];
        }
    }
    return NULL;
}

void frame_header_encode(struct frame_header h,
                         uint8_t out[static FRAME_HEADER_BYTES])
{
    for (unsigned i = 0; i < 4; i++) {
        out[i] = (uint8_t)(h.body_n >> (24 - 8 * i) & 0xffu);
    }
    out[4] = (uint8_t)(h.number >> 8);
    out[5] = (uint8_t)(h.number & 0xff);
    out[6] = (uint8_t)(h.fds_n >> 8);
    out[7] = (uint8_t)(h.fds_n & 0xff);
}

int frame_header_decode(const uint8_t in[static FRAME_HEADER_BYTES],
                        enum msg_from expected, struct frame_header *out)
{
    const struct msg_info *info;
    struct rd rd;

    rd_init(&rd, (struct ubytes){in, FRAME_HEADER_BYTES});
    out->body_n = rd_u32(&rd);
    out->number = rd_u16(&rd);
    out->fds_n = rd_u16(&rd);
    info = msg_find(out->number);
    if (rd_end(&rd) < 0 || info == NULL || info->from != expected ||
        out->body_n > info->max_bytes || out->fds_n > info->max_fds) {
        return ERR_PROTOCOL;
    }
    return 0;
}

void frame_init(struct frame *f)
{
    memset(f, 0, sizeof(*f));
}

void frame_release(struct frame *f)
{
    for (unsigned i = 0; i < f->fds_n; i++) {
        fd_closep(&f->fds[i]);
    }
    pb_free(f->m);
    frame_init(f);
}

int frame_take_fd(struct frame *f, unsigned i)
{
    ASSERT(i < f->fds_n);
    return fd_take(&f->fds[i]);
}

/* Exactly n bytes, or ERR_CLOSED when the stream ends before the first and
 * may_end is set, ERR_PROTOCOL when it ends later. Descriptors go to fds. */
static int receive_exact(int sock, uint8_t *p, size_t n, int may_end,
                         struct frame_fds *fds)
{
    size_t at = 0;

    while (at < n) {
        size_t got;
        int code = frame_io_receive(sock, 0, p + at, n - at, fds, &got);

        if (code == FRAME_IO_E_AGAIN) {
            return ERR_TRACE(ERR_IO); /* the caller's socket must block */
        }
        if (code == ERR_CLOSED || (code == 0 && got == 0)) {
            return may_end && at == 0 ? ERR_CLOSED : ERR_TRACE(ERR_PROTOCOL);
        }
        TRY(code);
        at += got;
    }
    return 0;
}

/* Body bytes, in steps, so that a length alone commands no memory. Descriptors
 * come only with the header. */
static int receive_body(int sock, size_t n, struct buf *body)
{
    while (buf_len(body) < n) {
        struct frame_fds surplus = {.n = 0};
        size_t step = n - buf_len(body);
        uint8_t *at;
        int code;

        if (step > FRAME_STEP_BYTES) {
            step = FRAME_STEP_BYTES;
        }
        TRY(buf_extend(body, step, &at));
        code = receive_exact(sock, at, step, 0, &surplus);
        if (surplus.n > 0) {
            frame_fds_close(&surplus);
            return ERR_TRACE(ERR_PROTOCOL);
        }
        TRY(code);
    }
    return 0;
}

static int receive_into(int sock, enum msg_from expected, struct frame_fds *fds,
                        struct buf *body, struct frame *f)
{
    uint8_t head[FRAME_HEADER_BYTES];
    struct frame_header h;
    const struct msg_info *info;
    int code = receive_exact(sock, head, sizeof(head), 1, fds);

    if (code == ERR_CLOSED) {
        return code; /* the usual end of a worker: no trace */
    }
    TRY(code);
    TRY(frame_header_decode(head, expected, &h));
    if (h.fds_n != fds->n) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    info = msg_find(h.number);
    ASSERT(info != NULL);
    TRY(receive_body(sock, h.body_n, body));
    TRY(pb_decode(info->type, buf_bytes(body), info->max_bytes, &f->m));
    f->info = info;
    return 0;
}

int frame_receive(int sock, enum msg_from expected, struct frame *f)
{
    struct frame_fds fds = {.n = 0};
    struct buf body;
    int code;

    frame_init(f);
    buf_init(&body, LIMIT_FRAME_BYTES);
    code = receive_into(sock, expected, &fds, &body, f);
    buf_release(&body);
    if (code < 0) {
        frame_fds_close(&fds);
        return code;
    }
    memcpy(f->fds, fds.fd, sizeof(f->fds));
    f->fds_n = fds.n;
    return 0;
}

int frame_encode(enum msg msg, const ProtobufCMessage *m, unsigned fds_n,
                 struct buf *out)
{
    const struct msg_info *info = msg_find(msg);
    size_t n = protobuf_c_message_get_packed_size(m);
    uint8_t *at;

    ASSERT(info != NULL && m->descriptor == info->type);
    ASSERT(fds_n <= info->max_fds);
    if (n > info->max_bytes) {
        return ERR_TRACE(ERR_LIMIT);
    }
    TRY(buf_extend(out, FRAME_HEADER_BYTES + n, &at));
    frame_header_encode((struct frame_header){.body_n = (uint32_t)n,
                                              .number = (uint16_t)info->msg,
                                              .fds_n = (uint16_t)fds_n},
                        at);
    ASSERT(protobuf_c_message_pack(m, at + FRAME_HEADER_BYTES) == n);
    return 0;
}

static int send_all(int sock, struct ubytes bytes, const int *fds,
                    unsigned fds_n)
{
    size_t at = 0;

    while (at < bytes.n) {
        size_t sent;
        struct ubytes rest = {bytes.p + at, bytes.n - at};
        int code = frame_io_send(sock, 0, rest, at == 0 ? fds : NULL,
                                 at == 0 ? fds_n : 0, &sent);

        if (code == FRAME_IO_E_AGAIN) {
            return ERR_TRACE(ERR_IO); /* the caller's socket must block */
        }
        TRY(code);
        at += sent;
    }
    return 0;
}

int frame_send(int sock, enum msg msg, const ProtobufCMessage *m,
               const int *fds, unsigned fds_n)
{
    struct buf bytes;
    int code;

    buf_init(&bytes, LIMIT_FRAME_BYTES + FRAME_HEADER_BYTES);
    code = frame_encode(msg, m, fds_n, &bytes);
    if (code == 0) {
        code = send_all(sock, buf_bytes(&bytes), fds, fds_n);
    }
    buf_release(&bytes);
    return code < 0 ? ERR_TRACE(code) : 0;
}
