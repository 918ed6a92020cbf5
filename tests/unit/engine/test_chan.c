/* The channel: framing in pieces, limits before bodies, descriptors, freeing
 * inside handlers, a peer that does not read, the peer's end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/err.h"
#include "proto/frame_io.h"

#include "kernel/engine/chan.h"
#include "kernel/engine/clock.h"
#include "kernel/engine/loop.h"

#include "kernel.pb-c.h"
#include "worker.pb-c.h"

#define NOT_CLOSED 1

struct world {
    struct loop *loop;
    struct chan *chan;
    struct loop_source *timer;
    int peer; /* the other end */
    unsigned messages;
    unsigned last_fds_n;
    int closed; /* code of on_closed */
    unsigned closed_n;
    int free_in_message;
    int free_in_closed;
    int answer; /* send BATCH for each message */
    size_t last_bytes;
};

static unsigned count_fds(void)
{
    unsigned n = 0;

    for (int fd = 0; fd < 512; fd++) {
        n += fcntl(fd, F_GETFD) >= 0;
    }
    return n;
}

static void send_bulk(struct world *w, size_t n)
{
    Proctor__ConfigTask m = PROCTOR__CONFIG_TASK__INIT;

    m.text.len = n;
    m.text.data = n > 0 ? calloc(n, 1) : NULL;
    assert_int_equal(chan_send(w->chan, MSG_CONFIG_TASK, &m.base, NULL, 0), 0);
    free(m.text.data);
}

static void on_message(void *ctx, struct frame *f)
{
    struct world *w = ctx;

    w->messages++;
    w->last_fds_n = f->fds_n;
    if (f->info->msg == MSG_CONFIG_REPLY) {
        w->last_bytes = ((Proctor__ConfigReply *)f->m)->outputs.len;
    }
    if (w->answer) {
        send_bulk(w, 10);
    }
    if (w->free_in_message) {
        chan_free(w->chan);
        w->chan = NULL;
        loop_stop(w->loop);
    }
}

static void on_closed(void *ctx, int code)
{
    struct world *w = ctx;

    w->closed = code;
    w->closed_n++;
    loop_stop(w->loop);
    if (w->free_in_closed) {
        chan_free(w->chan);
        w->chan = NULL;
    }
}

static const struct chan_handler handler = {on_message, on_closed};

static struct world *world_new(enum msg_from from)
{
    static struct world w;
    int ends[2];

    memset(&w, 0, sizeof(w));
    w.closed = NOT_CLOSED;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends),
                     0);
    assert_int_equal(loop_new(&w.loop), 0);
    assert_int_equal(chan_new(w.loop, ends[0], from, &handler, &w, &w.chan), 0);
    w.peer = ends[1];
    return &w;
}

static void world_end(struct world *w)
{
    chan_free(w->chan);
    loop_remove(&w->timer);
    loop_free(w->loop);
    fd_closep(&w->peer);
}

static void on_time(void *ctx, short revents)
{
    struct world *w = ctx;

    (void)revents;
    loop_stop(w->loop);
}

/* Runs until the chan is closed or ms are over. */
static void run_for(struct world *w, uint64_t ms)
{
    loop_remove(&w->timer);
    assert_int_equal(loop_timer(w->loop, ms, on_time, w, &w->timer), 0);
    assert_int_equal(loop_run(w->loop), 0);
    loop_remove(&w->timer);
}

static void peer_sends(struct world *w, const void *p, size_t n, const int *fds,
                       unsigned fds_n)
{
    size_t sent;

    assert_int_equal(
        frame_io_send(w->peer, 0, (struct ubytes){p, n}, fds, fds_n, &sent), 0);
    assert_int_equal(sent, n);
}

static struct buf encode_reply(size_t n)
{
    Proctor__ConfigReply m = PROCTOR__CONFIG_REPLY__INIT;
    struct buf b;

    m.outputs.len = n;
    m.outputs.data = n > 0 ? calloc(n, 1) : NULL;
    buf_init(&b, LIMIT_FRAME_BYTES);
    assert_int_equal(frame_encode(MSG_CONFIG_REPLY, &m.base, 0, &b), 0);
    free(m.outputs.data);
    return b;
}

static struct buf encode_files(unsigned fds_n)
{
    Proctor__Files m = PROCTOR__FILES__INIT;
    struct buf b;

    buf_init(&b, 1000);
    assert_int_equal(frame_encode(MSG_FILES, &m.base, fds_n, &b), 0);
    return b;
}

static void test_message_and_end(void **state)
{
    struct world *w = world_new(MSG_FROM_WORKER);
    struct buf b = encode_reply(100);

    (void)state;
    for (int i = 0; i < 50; i++) { /* more than one turn takes */
        peer_sends(w, buf_bytes(&b).p, buf_len(&b), NULL, 0);
    }
    fd_closep(&w->peer);
    run_for(w, 5000);
    assert_int_equal(w->messages, 50);
    assert_int_equal(w->last_bytes, 100);
    assert_int_equal(w->closed, 0);
    assert_int_equal(w->closed_n, 1);
    assert_int_equal(chan_send(w->chan, MSG_BATCH,
                               &(Proctor__Batch)PROCTOR__BATCH__INIT.base, NULL,
                               0),
                     ERR_CLOSED);
    assert_int_equal(chan_flush(w->chan, 10), ERR_CLOSED);
    buf_release(&b);
    world_end(w);
}

static void test_byte_by_byte(void **state)
{
    struct world *w = world_new(MSG_FROM_WORKER);
    struct buf b = encode_reply(40);

    (void)state;
    for (size_t i = 0; i < buf_len(&b); i++) {
        assert_int_equal(w->messages, 0);
        peer_sends(w, buf_bytes(&b).p + i, 1, NULL, 0);
        run_for(w, 0);
    }
    run_for(w, 1);
    assert_int_equal(w->messages, 1);
    buf_release(&b);
    world_end(w);
}

static void test_truncation(void **state)
{
    struct buf b = encode_reply(20);

    (void)state;
    for (size_t cut = 1; cut < buf_len(&b); cut++) {
        struct world *w = world_new(MSG_FROM_WORKER);

        peer_sends(w, buf_bytes(&b).p, cut, NULL, 0);
        fd_closep(&w->peer);
        run_for(w, 5000);
        assert_int_equal(w->closed, ERR_PROTOCOL);
        assert_int_equal(w->messages, 0);
        world_end(w);
    }
    buf_release(&b);
}

static void expect_breach(enum msg_from from, const void *p, size_t n,
                          const int *fds, unsigned fds_n, int code)
{
    unsigned before = count_fds();
    struct world *w = world_new(from);

    peer_sends(w, p, n, fds, fds_n);
    run_for(w, 5000);
    assert_int_equal(w->closed, code);
    assert_int_equal(w->messages, 0);
    world_end(w);
    assert_int_equal(count_fds(), before);
}

static void test_breaches(void **state)
{
    uint8_t raw[FRAME_HEADER_BYTES];
    struct buf files = encode_files(2);
    struct buf none = encode_files(0);
    struct buf reply = encode_reply(10);
    static const uint8_t bad[] = {0, 0, 0, 2, 0, MSG_BATCH_REPLY, 0, 0, 8, 0};

    (void)state;
    /* Wrong sender. */
    expect_breach(MSG_FROM_CLI, buf_bytes(&reply).p, buf_len(&reply), NULL, 0,
                  ERR_PROTOCOL);
    /* Unknown number; too long: judged on the header alone. */
    frame_header_encode((struct frame_header){4, 999, 0}, raw);
    expect_breach(MSG_FROM_WORKER, raw, sizeof(raw), NULL, 0, ERR_PROTOCOL);
    frame_header_encode((struct frame_header){UINT32_MAX, MSG_BATCH_REPLY, 0},
                        raw);
    expect_breach(MSG_FROM_WORKER, raw, sizeof(raw), NULL, 0, ERR_PROTOCOL);
    /* Descriptors: unannounced, fewer, more, forbidden. */
    expect_breach(MSG_FROM_CLI, buf_bytes(&none).p, buf_len(&none), (int[]){1},
                  1, ERR_PROTOCOL);
    expect_breach(MSG_FROM_CLI, buf_bytes(&files).p, buf_len(&files),
                  (int[]){1}, 1, ERR_PROTOCOL);
    expect_breach(MSG_FROM_CLI, buf_bytes(&files).p, buf_len(&files),
                  (int[]){1, 1, 1}, 3, ERR_PROTOCOL);
    expect_breach(MSG_FROM_WORKER, buf_bytes(&reply).p, buf_len(&reply),
                  (int[]){1}, 1, ERR_PROTOCOL);
    /* A body that is not canonical. */
    expect_breach(MSG_FROM_WORKER, bad, sizeof(bad), NULL, 0, ERR_ENCODING);
    buf_release(&files);
    buf_release(&none);
    buf_release(&reply);
}

static void test_late_descriptors(void **state)
{
    unsigned before = count_fds();
    struct world *w = world_new(MSG_FROM_WORKER);
    struct buf b = encode_reply(100);

    (void)state;
    peer_sends(w, buf_bytes(&b).p, 20, NULL, 0);
    run_for(w, 0);
    run_for(w, 1);
    peer_sends(w, buf_bytes(&b).p + 20, buf_len(&b) - 20, (int[]){1, 1}, 2);
    run_for(w, 5000);
    assert_int_equal(w->closed, ERR_PROTOCOL);
    buf_release(&b);
    world_end(w);
    assert_int_equal(count_fds(), before);
}

static void test_descriptors_arrive(void **state)
{
    unsigned before = count_fds();
    struct world *w = world_new(MSG_FROM_CLI);
    struct buf b = encode_files(2);

    (void)state;
    peer_sends(w, buf_bytes(&b).p, buf_len(&b), (int[]){0, 1}, 2);
    run_for(w, 20);
    assert_int_equal(w->messages, 1);
    assert_int_equal(w->last_fds_n, 2);
    buf_release(&b);
    world_end(w);
    assert_int_equal(count_fds(), before); /* not taken: closed */
}

static void test_free_in_message(void **state)
{
    struct world *w = world_new(MSG_FROM_WORKER);
    struct buf b = encode_reply(10);

    (void)state;
    w->free_in_message = 1;
    peer_sends(w, buf_bytes(&b).p, buf_len(&b), NULL, 0);
    peer_sends(w, buf_bytes(&b).p, buf_len(&b), NULL, 0);
    run_for(w, 5000);
    assert_null(w->chan);
    assert_int_equal(w->messages, 1); /* nothing after the free */
    assert_int_equal(w->closed_n, 0);
    buf_release(&b);
    world_end(w);
}

static void test_free_in_closed(void **state)
{
    struct world *w = world_new(MSG_FROM_WORKER);

    (void)state;
    w->free_in_closed = 1;
    fd_closep(&w->peer);
    run_for(w, 5000);
    assert_null(w->chan);
    assert_int_equal(w->closed_n, 1);
    world_end(w);
}

/* Many and large messages to a peer in another process, with descriptors. */
static void test_send_much(void **state)
{
    struct world *w = world_new(MSG_FROM_WORKER);
    unsigned before = count_fds();
    pid_t pid = fork();
    int status;

    (void)state;
    assert_true(pid >= 0);
    if (pid == 0) {
        struct frame f;
        size_t sum = 0;

        for (int i = 0; i < 20; i++) {
            if (frame_receive(w->peer, MSG_FROM_KERNEL, &f) != 0) {
                _exit(2);
            }
            sum += f.info->msg == MSG_CONFIG_TASK
                       ? ((Proctor__ConfigTask *)f.m)->text.len
                       : 100 * f.fds_n;
            frame_release(&f);
        }
        _exit(sum == 10 * (1u << 20) + 10 * 100 ? 0 : 3);
    }
    for (int i = 0; i < 10; i++) {
        Proctor__ModelTask m = PROCTOR__MODEL_TASK__INIT;

        send_bulk(w, 1u << 20);
        assert_int_equal(
            chan_send(w->chan, MSG_MODEL_TASK, &m.base, &(int){0}, 1), 0);
    }
    assert_true(chan_pending(w->chan) > 8u << 20); /* the first left at once */
    fd_closep(&w->peer);
    run_for(w, 10000);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(w->closed, 0);
    world_end(w);
    assert_in_range(count_fds(), 0, before);
}

static void test_flush(void **state)
{
    struct world *w = world_new(MSG_FROM_WORKER);
    uint64_t start;

    (void)state;
    send_bulk(w, 1000);
    assert_int_equal(chan_flush(w->chan, 1000), 0);
    assert_int_equal(chan_pending(w->chan), 0);
    send_bulk(w, 3u << 20); /* nobody reads */
    start = clock_mono_ms();
    assert_int_equal(chan_flush(w->chan, 50), ERR_IO);
    assert_in_range(clock_mono_ms() - start, 50, 2000);
    assert_true(chan_pending(w->chan) > 0);
    fd_closep(&w->peer);
    assert_int_equal(chan_flush(w->chan, 50), ERR_CLOSED);
    assert_int_equal(chan_pending(w->chan), 0);
    run_for(w, 5000);
    assert_int_equal(w->closed, 0);
    world_end(w);
}

/* A peer that never reads cannot make the queue grow for ever. */
static void test_queue_is_bounded(void **state)
{
    struct world *w = world_new(MSG_FROM_WORKER);
    Proctor__ConfigTask m = PROCTOR__CONFIG_TASK__INIT;
    int code = 0;
    unsigned n = 0;

    (void)state;
    m.text.len = 4u << 20;
    m.text.data = calloc(m.text.len, 1);
    assert_non_null(m.text.data);
    while (code == 0 && n < 1000) {
        code = chan_send(w->chan, MSG_CONFIG_TASK, &m.base, NULL, 0);
        n++;
    }
    assert_int_equal(code, ERR_LIMIT);
    assert_true(chan_pending(w->chan) <= 2 * (LIMIT_FRAME_BYTES + 8));
    m.text.len = 10; /* what fits is still taken */
    assert_int_equal(chan_send(w->chan, MSG_CONFIG_TASK, &m.base, NULL, 0), 0);
    free(m.text.data);
    world_end(w);
}

static void test_over_message_maximum(void **state)
{
    struct world *w = world_new(MSG_FROM_WORKER);
    Proctor__ModelTask t = PROCTOR__MODEL_TASK__INIT;
    unsigned before;

    (void)state;
    t.takes.len = 4u << 20; /* its maximum, without the head of the field */
    t.takes.data = calloc(t.takes.len, 1);
    assert_int_equal(chan_send(w->chan, MSG_MODEL_TASK, &t.base, NULL, 0),
                     ERR_LIMIT);
    assert_int_equal(chan_pending(w->chan), 0);
    free(t.takes.data);
    t = (Proctor__ModelTask)PROCTOR__MODEL_TASK__INIT;
    before = count_fds();
    assert_true(chan_send(w->chan, MSG_MODEL_TASK, &t.base, &(int){999}, 1) <
                0);
    assert_int_equal(chan_pending(w->chan), 0); /* no such descriptor */
    assert_int_equal(count_fds(), before);
    world_end(w);
}

/* What the peer said before it died is heard, though our words cannot reach it.
 */
static void test_last_words(void **state)
{
    struct world *w = world_new(MSG_FROM_WORKER);
    struct buf b = encode_reply(10);

    (void)state;
    send_bulk(w, 1000);
    assert_int_equal(chan_flush(w->chan, 1000), 0); /* lies unread there */
    peer_sends(w, buf_bytes(&b).p, buf_len(&b), NULL, 0);
    fd_closep(&w->peer);
    send_bulk(w, 1000);
    run_for(w, 5000);
    assert_int_equal(w->messages, 1);
    assert_int_equal(w->closed, 0);
    buf_release(&b);
    world_end(w);
}

static void test_answers_from_handler(void **state)
{
    struct world *w = world_new(MSG_FROM_WORKER);
    struct buf b = encode_reply(10);
    struct frame f;

    (void)state;
    w->answer = 1;
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 40; i++) { /* more than one turn takes */
            peer_sends(w, buf_bytes(&b).p, buf_len(&b), NULL, 0);
        }
        /* On a busy machine a turn of the loop can take all of ten. */
        for (int t = 0; t < 500 && (w->messages < 40u * (unsigned)(round + 1) ||
                                    chan_pending(w->chan) > 0);
             t++) {
            run_for(w, 10);
        }
        assert_int_equal(w->messages, 40 * (round + 1));
        assert_int_equal(chan_pending(w->chan), 0);
        for (int i = 0; i < 40; i++) {
            assert_int_equal(frame_receive(w->peer, MSG_FROM_KERNEL, &f), 0);
            frame_release(&f);
        }
    }
    buf_release(&b);
    world_end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message_and_end),
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_breaches),
        cmocka_unit_test(test_late_descriptors),
        cmocka_unit_test(test_descriptors_arrive),
        cmocka_unit_test(test_free_in_message),
        cmocka_unit_test(test_free_in_closed),
        cmocka_unit_test(test_send_much),
        cmocka_unit_test(test_flush),
        cmocka_unit_test(test_queue_is_bounded),
        cmocka_unit_test(test_over_message_maximum),
        cmocka_unit_test(test_last_words),
        cmocka_unit_test(test_answers_from_handler),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
