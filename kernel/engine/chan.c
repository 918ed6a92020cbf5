/* The kernel's end of a framed socket. What arrives is hostile: number, sender,
 * size and descriptors are checked on the header, before a body byte is kept,
 * and a body's memory grows with the bytes that came, not with the announced
 * length.
 *
 * Must never block (but in chan_flush), call a handler from chan_send, lose a
 * descriptor, or touch itself after a handler freed it.
 *
 * Invariants: body is NULL unless a header was accepted; fds hold what came with
 * that header; the first queued item may be partly written, the others are
 * whole; on_closed is called at most once, and nothing after it. */
#include "kernel/engine/chan.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "proto/err.h"
#include "proto/frame_io.h"

#include "kernel/engine/clock.h"
#include "kernel/engine/loop.h"

#define CHAN_MAGIC 0x4348414eu
/* Reads and writes per readiness, so that one talker cannot hold the loop. */
#define STEPS_MAX 32
/* Two of the largest messages: a peer that does not read is given up. */
#define QUEUE_BYTES_MAX (2 * (size_t)(LIMIT_FRAME_BYTES + FRAME_HEADER_BYTES))

struct item {
    struct item *next;
    uint8_t *bytes;
    size_t n;
    size_t at; /* written so far */
    struct frame_fds fds;
};

struct chan {
    uint32_t magic;
    int sock;
    enum msg_from from;
    struct loop_source *source;
    const struct chan_handler *handler;
    void *ctx;
    unsigned busy; /* depth of calls that must not see it freed */
    int freed;     /* by a handler; the memory goes when busy is 0 */
    int dead;      /* on_closed was called, or chan_free */
    int mute;      /* the peer reads no more; what is sent is dropped */

    uint8_t head[FRAME_HEADER_BYTES];
    size_t head_n;
    struct frame_header header; /* valid when head is complete */
    uint8_t *body;
    size_t body_n;
    size_t body_cap;
    struct frame_fds fds;

    struct item *first;
    struct item **last;
    size_t pending;
};

static void item_free(struct item *i)
{
    frame_fds_close(&i->fds);
    free(i->bytes);
    free(i);
}

static void queue_drop(struct chan *c)
{
    while (c->first != NULL) {
        struct item *i = c->first;

        c->first = i->next;
        item_free(i);
    }
    c->last = &c->first;
    c->pending = 0;
}

static void receive_reset(struct chan *c)
{
    free(c->body);
    c->body = NULL;
    c->body_n = 0;
    c->body_cap = 0;
    c->head_n = 0;
    frame_fds_close(&c->fds);
}

/* Lets go of everything but the struct. */
static void shut(struct chan *c)
{
    c->dead = 1;
    loop_remove(&c->source);
    fd_closep(&c->sock);
    queue_drop(c);
    receive_reset(c);
}

static void leave(struct chan *c)
{
    ASSERT(c->busy > 0);
    c->busy--;
    if (c->busy == 0 && c->freed) {
        c->magic = 0;
        free(c);
    }
}

static void die(struct chan *c, int code)
{
    ASSERT(c->busy > 0 && code <= 0);
    if (c->dead) {
        return;
    }
    shut(c);
    c->handler->on_closed(c->ctx, code);
}

/* --- receiving ---------------------------------------------------------- */

enum {
    STEP_WAIT = 1,
    STEP_END = 2
}; /* outcomes of a step */

/* Reads the header's missing bytes; checks it when it is whole. */
static int step_header(struct chan *c)
{
    size_t got;
    int code = frame_io_receive(c->sock, MSG_DONTWAIT, c->head + c->head_n,
                                sizeof(c->head) - c->head_n, &c->fds, &got);

    if (code == FRAME_IO_E_AGAIN) {
        return STEP_WAIT;
    }
    if (code == ERR_CLOSED || (code == 0 && got == 0)) {
        return c->head_n == 0 ? STEP_END : ERR_TRACE(ERR_PROTOCOL);
    }
    TRY(code);
    c->head_n += got;
    if (c->head_n < sizeof(c->head)) {
        return 0;
    }
    TRY(frame_header_decode(c->head, c->from, &c->header));
    return c->header.fds_n == c->fds.n ? 0 : ERR_TRACE(ERR_PROTOCOL);
}

/* Room for the next bytes of the body: doubling, from FRAME_STEP_BYTES. */
static int body_grow(struct chan *c)
{
    size_t cap = c->body_cap == 0 ? FRAME_STEP_BYTES : 2 * c->body_cap;
    uint8_t *body;

    if (cap > c->header.body_n) {
        cap = c->header.body_n;
    }
    body = realloc(c->body, cap);
    if (body == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    c->body = body;
    c->body_cap = cap;
    return 0;
}

static int step_body(struct chan *c)
{
    struct frame_fds surplus = {.n = 0};
    size_t got;
    int code;

    if (c->body_n == c->body_cap) {
        TRY(body_grow(c));
    }
    code = frame_io_receive(c->sock, MSG_DONTWAIT, c->body + c->body_n,
                            c->body_cap - c->body_n, &surplus, &got);
    if (surplus.n > 0) {
        frame_fds_close(&surplus);
        return ERR_TRACE(ERR_PROTOCOL);
    }
    if (code == FRAME_IO_E_AGAIN) {
        return STEP_WAIT;
    }
    if (code == ERR_CLOSED || (code == 0 && got == 0)) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    TRY(code);
    c->body_n += got;
    return 0;
}

/* Hands the whole message to the handler, which may free c (busy keeps it). */
static int deliver(struct chan *c)
{
    const struct msg_info *info = msg_find(c->header.number);
    struct frame f;
    int code;

    ASSERT(info != NULL && info->from == c->from);
    frame_init(&f);
    code = pb_decode(info->type, (struct ubytes){c->body, c->body_n},
                     info->max_bytes, &f.m);
    if (code < 0) {
        /* Over the memory of a decoded message: the peer's doing as well. */
        return ERR_TRACE(code == ERR_LIMIT ? ERR_PROTOCOL : code);
    }
    f.info = info;
    memcpy(f.fds, c->fds.fd, sizeof(f.fds));
    f.fds_n = c->fds.n;
    c->fds.n = 0; /* they are the frame's now */
    receive_reset(c);
    c->handler->on_message(c->ctx, &f);
    frame_release(&f);
    return 0;
}

static int receive_step(struct chan *c)
{
    int code = 0;

    if (c->head_n < sizeof(c->head)) {
        code = step_header(c);
    } else {
        code = step_body(c);
    }
    if (code == 0 && c->head_n == sizeof(c->head) &&
        c->body_n == c->header.body_n) {
        code = deliver(c);
        /* Whoever waits for an answer now sends nothing: no use in looking. */
        code = code == 0 ? STEP_WAIT : code;
    }
    return code;
}

static void receive(struct chan *c)
{
    int code = 0;

    for (unsigned i = 0; i < STEPS_MAX && code == 0 && !c->dead; i++) {
        code = receive_step(c);
    }
    if (code == STEP_END) {
        die(c, 0);
    } else if (code < 0) {
        die(c, code);
    }
}

/* --- sending ------------------------------------------------------------ */

/* Writes some of the first item. 0, STEP_WAIT, ERR_*. */
static int send_step(struct chan *c)
{
    struct item *i = c->first;
    unsigned fds_n = i->at == 0 ? i->fds.n : 0;
    size_t sent;
    struct ubytes rest = {i->bytes + i->at, i->n - i->at};
    int code =
        frame_io_send(c->sock, MSG_DONTWAIT, rest, i->fds.fd, fds_n, &sent);

    if (code == FRAME_IO_E_AGAIN) {
        return STEP_WAIT;
    }
    if (code < 0) {
        return code;
    }
    ASSERT(sent <= c->pending);
    frame_fds_close(&i->fds); /* they left with the first byte */
    i->at += sent;
    c->pending -= sent;
    if (i->at == i->n) {
        c->first = i->next;
        if (c->first == NULL) {
            c->last = &c->first;
        }
        item_free(i);
    }
    return 0;
}

/* The peer cannot be written to. What it said before may still be unread, so
 * the end is left to the reading side. */
static void go_mute(struct chan *c)
{
    c->mute = 1;
    queue_drop(c);
    loop_events(c->source, POLLIN);
}

static void send_some(struct chan *c)
{
    int code = 0;

    for (unsigned i = 0; i < STEPS_MAX && code == 0 && c->first != NULL; i++) {
        code = send_step(c);
    }
    if (code == ERR_CLOSED) {
        go_mute(c);
    } else if (code < 0) {
        die(c, ERR_TRACE(code));
        return;
    }
    if (c->first == NULL) {
        loop_events(c->source, POLLIN);
    }
}

static void on_ready(void *ctx, short revents)
{
    struct chan *c = ctx;

    ASSERT(c->magic == CHAN_MAGIC && !c->dead);
    c->busy++;
    if ((revents & POLLOUT) != 0 && c->first != NULL) {
        send_some(c);
    }
    if (!c->dead && (revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
        receive(c);
    }
    leave(c);
}

/* --- the interface ------------------------------------------------------ */

int chan_new(struct loop *l, int sock, enum msg_from from,
             const struct chan_handler *h, void *ctx, struct chan **out)
{
    struct chan *c = calloc(1, sizeof(*c));
    int code;

    *out = NULL;
    if (c == NULL) {
        fd_closep(&sock);
        return ERR_TRACE(ERR_NOMEM);
    }
    c->magic = CHAN_MAGIC;
    c->sock = sock;
    c->from = from;
    c->handler = h;
    c->ctx = ctx;
    c->last = &c->first;
    code = loop_watch(l, sock, POLLIN, on_ready, c, &c->source);
    if (code < 0) {
        fd_closep(&c->sock);
        free(c);
        return ERR_TRACE(code);
    }
    *out = c;
    return 0;
}

void chan_free(struct chan *c)
{
    if (c == NULL) {
        return;
    }
    ASSERT(c->magic == CHAN_MAGIC && !c->freed);
    shut(c);
    c->freed = 1;
    c->busy++;
    leave(c);
}

/* Duplicates, because the caller's may be gone when the item is written. */
static int dup_fds(const int *fds, unsigned n, struct frame_fds *out)
{
    out->n = 0;
    for (unsigned i = 0; i < n; i++) {
        int fd = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);

        if (fd < 0) {
            frame_fds_close(out);
            return ERR_TRACE(err_from_errno(errno));
        }
        out->fd[i] = fd;
        out->n++;
    }
    return 0;
}

static int item_new(enum msg msg, const ProtobufCMessage *m, const int *fds,
                    unsigned fds_n, struct item **out)
{
    struct item *i = calloc(1, sizeof(*i));
    struct buf bytes;
    int code;

    if (i == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    buf_init(&bytes, LIMIT_FRAME_BYTES + FRAME_HEADER_BYTES);
    code = frame_encode(msg, m, fds_n, &bytes);
    i->bytes = buf_take(&bytes, &i->n);
    if (code == 0) {
        code = dup_fds(fds, fds_n, &i->fds);
    }
    if (code < 0) {
        item_free(i);
        return code;
    }
    *out = i;
    return 0;
}

int chan_send(struct chan *c, enum msg msg, const ProtobufCMessage *m,
              const int *fds, unsigned fds_n)
{
    struct item *i;

    ASSERT(c->magic == CHAN_MAGIC && !c->freed);
    if (c->dead || c->mute) {
        return ERR_TRACE(ERR_CLOSED);
    }
    TRY(item_new(msg, m, fds, fds_n, &i));
    if (i->n > QUEUE_BYTES_MAX - c->pending) {
        item_free(i);
        return ERR_TRACE(ERR_LIMIT);
    }
    *c->last = i;
    c->last = &i->next;
    c->pending += i->n;
    /* At once if it may; an error is for the loop to find again and to tell. */
    if (c->first != i || send_step(c) != 0 || c->first != NULL) {
        loop_events(c->source, POLLIN | POLLOUT);
    }
    return 0;
}

size_t chan_pending(const struct chan *c)
{
    ASSERT(c->magic == CHAN_MAGIC);
    return c->pending;
}

int chan_flush(struct chan *c, uint64_t timeout_ms)
{
    uint64_t start = clock_mono_ms();

    ASSERT(c->magic == CHAN_MAGIC && !c->freed);
    if (c->dead || c->mute) {
        return ERR_TRACE(ERR_CLOSED);
    }
    while (c->first != NULL) {
        uint64_t spent = clock_mono_ms() - start;
        struct pollfd p = {.fd = c->sock, .events = POLLOUT};
        int code = send_step(c);

        if (code == ERR_CLOSED) {
            go_mute(c);
        }
        TRY(code);
        if (code == 0) {
            continue;
        }
        if (spent >= timeout_ms) {
            return ERR_TRACE(ERR_IO);
        }
        spent = timeout_ms - spent;
        if (poll(&p, 1, spent > INT32_MAX ? INT32_MAX : (int)spent) < 0 &&
            errno != EINTR) {
            return ERR_TRACE(ERR_IO);
        }
    }
    loop_events(c->source, POLLIN);
    return 0;
}
