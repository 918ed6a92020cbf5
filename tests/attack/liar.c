/* The lying image: a model worker that keeps to the protocol up to one step, and
 * there does what lies.h says. Started, narrowed and measured exactly as real
 * images are. Answers x + 1 to x where it is honest. */
#include "tests/attack/lies.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "proto/err.h"
#include "proto/frame.h"
#include "proto/frame_io.h"
#include "proto/share.h"
#include "proto/value.h"

#include "workers/lib/narrow.h"
#include "workers/lib/worker.h"

#include "worker.pb-c.h"

int liar_learn(struct narrow *n, enum confine_step step);

static const struct lie {
    enum lie_step step;
    enum lie_act act;
} lies[] = {
#define LIE(name, step, act, wall_ms, answers, words) {step, act},
    LIES
#undef LIE
};

static size_t lie_i;

/* The hook of narrow.c: leaves nothing out, only listens. */
int liar_learn(struct narrow *n, enum confine_step step)
{
    uint64_t own = n->request->as_bytes - n->request->share_bytes;

    (void)step;
    lie_i = (size_t)(own >> 12 & 0xfffu);
    return 0;
}

static uint8_t *share;
static int channel;
static uint32_t batch_id, outputs_n;
static struct buf reply_frame; /* the right answer, as a frame */

#define OUTPUTS (share + SHARE_OUTPUTS)

/* The answers to n of the inputs (again from the first on), each x + add. */
static void answer(uint32_t n, uint64_t add)
{
    uint32_t at = 4;
    uint8_t *o = OUTPUTS;

    /* Each input: length 11, a tuple of one: 09 count, then 03 84 and four bytes
     * big-endian; each answer: length 6, 03 84 and four bytes. */
    memcpy(o, "\0\0\0", 3);
    o[3] = (uint8_t)n;
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *in =
            share + SHARE_INPUTS + 4 + (size_t)(i % LIE_INPUTS) * 15 + 4;
        uint32_t x = (uint32_t)in[7] << 24 | (uint32_t)in[8] << 16 |
                     (uint32_t)in[9] << 8 | in[10];

        x += (uint32_t)add;
        memcpy(o + at, "\0\0\0\6\3\x84", 6);
        o[at + 6] = (uint8_t)(x >> 24);
        o[at + 7] = (uint8_t)(x >> 16);
        o[at + 8] = (uint8_t)(x >> 8);
        o[at + 9] = (uint8_t)x;
        at += 10;
    }
    outputs_n = at;
}

static void send_message(enum msg msg, const ProtobufCMessage *m)
{
    if (frame_send(channel, msg, m, NULL, 0) < 0) {
        _exit(0); /* the kernel is gone: so it heard enough */
    }
}

static void send_ready(const char *problem_text)
{
    Proctor__TaskReady m = PROCTOR__TASK_READY__INIT;
    Proctor__Problem p = PROCTOR__PROBLEM__INIT;

    p.what = (char *)(uintptr_t)problem_text;
    m.problem = problem_text == NULL ? NULL : &p;
    send_message(MSG_TASK_READY, &m.base);
}

static Proctor__BatchReply reply_of(uint32_t id, uint32_t bytes)
{
    Proctor__BatchReply m = PROCTOR__BATCH_REPLY__INIT;

    m.id = id;
    m.outputs_bytes = bytes;
    return m;
}

static void send_reply(uint32_t id, uint32_t bytes)
{
    Proctor__BatchReply m = reply_of(id, bytes);

    send_message(MSG_BATCH_REPLY, &m.base);
}

static void send_text(const char *text, size_t n)
{
    Proctor__BatchReply m = reply_of(batch_id, outputs_n);

    m.ending = PROCTOR__ENDING__ENDING_EXITED;
    m.detail = 1;
    m.text.data = (uint8_t *)(uintptr_t)text;
    m.text.len = n;
    send_message(MSG_BATCH_REPLY, &m.base);
}

static void send_raw(const void *p, size_t n)
{
    while (n > 0) {
        ssize_t done = sendto(channel, p, n, MSG_NOSIGNAL, NULL, 0);

        if (done <= 0) {
            _exit(0);
        }
        p = (const uint8_t *)p + done;
        n -= (size_t)done;
    }
}

static void send_header(uint32_t body_n, unsigned number)
{
    uint8_t raw[FRAME_HEADER_BYTES];

    frame_header_encode((struct frame_header){body_n, (uint16_t)number, 0},
                        raw);
    send_raw(raw, sizeof(raw));
}

/* n bytes with fds_n copies of the channel attached. */
static void send_with_fds(const uint8_t *p, size_t n, unsigned fds_n)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(64 * sizeof(int))];
    } control = {.bytes = {0}};
    struct iovec iov = {(void *)(uintptr_t)p, n};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = CMSG_SPACE(fds_n * sizeof(int))};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(fds_n * sizeof(int));
    for (unsigned i = 0; i < fds_n; i++) {
        memcpy(CMSG_DATA(c) + i * sizeof(int), &channel, sizeof(int));
    }
    if (sendmsg(channel, &m, MSG_NOSIGNAL) != (ssize_t)n) {
        _exit(0);
    }
}

NORETURN static void spin(void)
{
    for (;;) {
        __asm__ volatile("pause" ::: "memory");
    }
}

NORETURN static void hang(void)
{
    uint8_t byte;

    while (recv(channel, &byte, 1, 0) > 0) {
    }
    _exit(0);
}

static uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

NORETURN static void flood(enum lie_act act)
{
    static uint8_t noise[65536];

    for (size_t i = 0; i < sizeof(noise); i++) {
        noise[i] = (uint8_t)(i * 2654435761u >> 13);
    }
    for (;;) {
        if (act == FLOOD_READY) {
            send_ready(NULL);
        } else if (act == FLOOD_REPLY) {
            send_raw(buf_bytes(&reply_frame).p, buf_len(&reply_frame));
        } else {
            send_raw(noise, sizeof(noise));
        }
    }
}

/* With the reply on its way: swaps bytes until the kernel has had enough. */
NORETURN static void flip(enum lie_act act)
{
    uint8_t right[256], wrong[256];
    size_t n;

    answer(LIE_INPUTS, 2);
    n = outputs_n;
    memcpy(wrong, OUTPUTS, n);
    answer(LIE_INPUTS, 1);
    memcpy(right, OUTPUTS, n);
    if (act == FLIP_LENGTHS) {
        memset(wrong + 4, 0xff, 4); /* of the first value */
        wrong[0] = 0x7f;            /* and of the list */
    }
    send_reply(batch_id, outputs_n);
    for (unsigned i = 0;; i++) {
        uint8_t byte;

        memcpy(OUTPUTS, i % 2 == 0 ? wrong : right, n);
        __asm__ volatile("" ::: "memory");
        if (i % 1024 == 0 && recv(channel, &byte, 1, MSG_DONTWAIT) == 0) {
            _exit(0);
        }
    }
}

/* What is wrong with the frame. */
static void lie_raw(enum lie_act act)
{
    const uint8_t *p = buf_bytes(&reply_frame).p;
    size_t n = buf_len(&reply_frame);
    uint8_t announced[FRAME_HEADER_BYTES + 64];

    switch ((int)act) {
    case KERNELS_KIND:
        send_header(0, MSG_BATCH);
        break;
    case NO_KIND:
        send_header(0, 0x7f7f);
        break;
    case LENGTH_MAX:
        send_header(UINT32_MAX, MSG_BATCH_REPLY);
        break;
    case LENGTH_OVER:
        send_header((uint32_t)msg_find(MSG_BATCH_REPLY)->max_bytes + 1,
                    MSG_BATCH_REPLY);
        break;
    case HALF_HEADER:
        send_raw(p, 5);
        _exit(0);
    case HALF_BODY:
        send_raw(p, n - 1);
        _exit(0);
    case DRIBBLE:
        for (size_t i = 0; i < n; i++) {
            send_raw(p + i, 1);
        }
        break;
    case NOT_CANONICAL: /* field 1 = 0, which nobody writes */
        send_header(2, MSG_BATCH_REPLY);
        send_raw("\x08\x00", 2);
        break;
    case UNKNOWN_FIELD:
        send_header(3, MSG_BATCH_REPLY);
        send_raw("\xf8\x01\x01", 3);
        break;
    case FD_ANNOUNCED:
        memcpy(announced, p, n);
        announced[7] = 1;
        send_with_fds(announced, n, 1);
        break;
    case FD_SILENT:
        send_with_fds(p, n, 1);
        break;
    case FD_LATE:
        send_raw(p, n - 1);
        send_with_fds(p + n - 1, 1, 1);
        break;
    default: /* FD_MANY */
        send_with_fds(p, n, 40);
        break;
    }
}

/* What is wrong with the memory, or with what is said of it. */
static void lie_bulk(enum lie_act act)
{
    switch ((int)act) {
    case CLAIM_OVER:
        send_reply(batch_id, LIMIT_BATCH_BYTES + 1);
        break;
    case CLAIM_MAX:
        send_reply(batch_id, UINT32_MAX);
        break;
    case CLAIM_WRAP:
        send_reply(batch_id, (uint32_t) - (int64_t)SHARE_OUTPUTS);
        break;
    case CLAIM_ALL:
        send_reply(batch_id, LIMIT_BATCH_BYTES);
        break;
    case CLAIM_NONE:
        send_reply(batch_id, 0);
        break;
    case CLAIM_SHORT:
        send_reply(batch_id, outputs_n - 1);
        break;
    case COUNT_MAX:
        memset(OUTPUTS, 0xff, 4);
        send_reply(batch_id, outputs_n);
        break;
    case VALUE_LENGTH:
        memset(OUTPUTS + 4, 0xff, 4);
        send_reply(batch_id, outputs_n);
        break;
    case TOO_FEW:
        answer(LIE_INPUTS / 2, 1);
        send_reply(batch_id, outputs_n);
        break;
    case TOO_MANY:
        answer(LIE_INPUTS + 1, 1);
        send_reply(batch_id, outputs_n);
        break;
    case ECHO:
        memcpy(OUTPUTS, share + SHARE_INPUTS, 4 + LIE_INPUTS * 15);
        send_reply(batch_id, 4 + LIE_INPUTS * 15);
        break;
    case UNMAP:
        memset(OUTPUTS, 0, outputs_n);
        munmap(share, SHARE_BYTES);
        send_reply(batch_id, outputs_n);
        hang();
    case REMOVE_PAGES:
        madvise(share, SHARE_BYTES, MADV_REMOVE);
        break;
    case MAP_LONGER:
        share = mremap(share, SHARE_BYTES, 2 * SHARE_BYTES, MREMAP_MAYMOVE);
        share[SHARE_BYTES] = 1;
        break;
    default: /* MAKE_CODE */
        mprotect(share, 4096, PROT_READ | PROT_EXEC);
        break;
    }
}

static void lie_kind(enum lie_act act)
{
    Proctor__ConfigReply other = PROCTOR__CONFIG_REPLY__INIT;
    static char text[LIMIT_WORKER_TEXT + 65];

    switch ((int)act) {
    case REPLY_WRONG:
        answer(LIE_INPUTS, 2);
        send_reply(batch_id, outputs_n);
        break;
    case REPLY_LATE:
        for (uint64_t end = now_ms() + 5000; now_ms() < end;) {
        }
        send_reply(batch_id, outputs_n);
        break;
    case READY:
        send_ready(NULL);
        break;
    case READY_PROBLEM:
        send_ready("\x1b[2J\x1b]0;owned\a");
        send_reply(batch_id, 4);
        hang();
    case OTHER_ID:
        send_reply(batch_id + 1, outputs_n);
        break;
    case OTHER_KIND:
        send_message(MSG_CONFIG_REPLY, &other.base);
        break;
    case TEXT_LONG: { /* frame_send would refuse it */
        const size_t body_n = sizeof(text) + 3;

        memset(text, 'x', sizeof(text));
        send_header((uint32_t)body_n, MSG_BATCH_REPLY);
        send_raw("\x2a\xc1\x20", 3);
        send_raw(text, sizeof(text));
        break;
    }
    case TEXT_ESCAPES:
        send_text("\x1b[2J\x1b]0;owned\a\n\xff\xfe\0", 17);
        break;
    default: /* REPLY */
        send_reply(batch_id, outputs_n);
        break;
    }
}

static void lie_do(enum lie_act act)
{
    if (act == HONEST) {
        return;
    }
    if (act == EXIT) {
        _exit(0);
    }
    if (act == CRASH) {
        __builtin_trap();
    }
    if (act == CLOSE) {
        close(channel);
        spin();
    }
    if (act == HANG) {
        hang();
    }
    if (act == SPIN) {
        spin();
    }
    if (act >= FLOOD_READY && act <= FLOOD_BYTES) {
        flood(act);
    }
    if (act == FLIP_ANSWERS || act == FLIP_LENGTHS) {
        flip(act);
    }
    if (act >= KERNELS_KIND && act <= FD_MANY) {
        lie_raw(act);
    } else if ((act >= CLAIM_OVER && act <= ECHO) || act >= UNMAP) {
        lie_bulk(act);
    } else {
        lie_kind(act);
    }
}

static int lie_at(enum lie_step step)
{
    if (lies[lie_i].step != step) {
        return 0;
    }
    lie_do(lies[lie_i].act);
    return 1;
}

static void receive(enum msg msg)
{
    struct frame f;

    frame_init(&f);
    if (frame_receive(channel, MSG_FROM_KERNEL, &f) < 0 || f.info->msg != msg) {
        _exit(0);
    }
    if (msg == MSG_BATCH) {
        batch_id = ((const Proctor__Batch *)(const void *)f.m)->id;
    }
    frame_release(&f);
}

/* Some lies replace a step, others are told beside it. */
static int serve(int channel_fd, uint8_t *its_share)
{
    Proctor__BatchReply m;
    int said;

    share = its_share;
    channel = channel_fd;
    if (lie_i >= ARRAY_N(lies)) {
        return 1;
    }
    said = lie_at(AT_START);
    receive(MSG_MODEL_TASK);
    lie_at(AT_TASK);
    if (!said) {
        send_ready(NULL);
    }
    lie_at(AT_READY);
    receive(MSG_BATCH);
    answer(LIE_INPUTS, 1);
    m = reply_of(batch_id, outputs_n);
    buf_init(&reply_frame, 4096);
    if (frame_encode(MSG_BATCH_REPLY, &m.base, 0, &reply_frame) < 0) {
        return 2;
    }
    if (!lie_at(AT_BATCH)) {
        send_reply(batch_id, outputs_n);
    }
    lie_at(AT_REPLY);
    hang();
}

int main(int argc, char **argv)
{
    static struct worker_hooks hooks = {.serve = serve};

    if (argc < 1 || strncmp(argv[0], "worker-", 7) != 0) {
        return 2;
    }
    hooks.class_name = argv[0] + 7;
    return worker_main(&hooks);
}
