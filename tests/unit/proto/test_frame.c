/* Frames over a socket pair: descriptors, truncation, hostile headers. */
#include "gen.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "proto/frame.h"
#include "proto/frame_io.h"

#include "kernel.pb-c.h"
#include "worker.pb-c.h"

static int pair_[2];

static int open_pair(void **state)
{
    (void)state;
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair_);
}

static int close_pair(void **state)
{
    (void)state;
    fd_closep(&pair_[0]);
    fd_closep(&pair_[1]);
    return 0;
}

/* Open descriptors of this process. */
static unsigned count_fds(void)
{
    unsigned n = 0;

    for (int fd = 0; fd < 256; fd++) {
        n += fcntl(fd, F_GETFD) >= 0;
    }
    return n;
}

/* Raw bytes with descriptors, as a hostile peer would send them. */
static void send_raw(const void *p, size_t n, const int *fds, unsigned fds_n)
{
    size_t sent;

    assert_int_equal(
        frame_io_send(pair_[0], 0, (struct ubytes){p, n}, fds, fds_n, &sent),
        0);
    assert_int_equal(sent, n);
}

static struct buf encode_files(unsigned fds_n)
{
    Proctor__Files m = PROCTOR__FILES__INIT;
    Proctor__FileAnswer a = PROCTOR__FILE_ANSWER__INIT;
    Proctor__FileAnswer *list[] = {&a, &a};
    struct buf b;

    a.ok = 1;
    m.n_answers = 2;
    m.answers = list;
    buf_init(&b, 1000);
    assert_int_equal(frame_encode(MSG_FILES, &m.base, fds_n, &b), 0);
    return b;
}

static void test_table(void **state)
{
    const struct msg_info *info = msg_find(MSG_CONFIG_REPLY);

    (void)state;
    assert_non_null(info);
    assert_string_equal(info->name, "CONFIG_REPLY");
    assert_int_equal(info->from, MSG_FROM_WORKER);
    assert_ptr_equal(info->type, &proctor__config_reply__descriptor);
    assert_null(msg_find(0));
    assert_null(msg_find(31));
    assert_null(msg_find(65535));
    for (unsigned i = 0; i < 65536; i++) {
        info = msg_find(i);
        assert_true(info == NULL || (unsigned)info->msg == i);
    }
}

static void test_header(void **state)
{
    struct frame_header h = {0x00010203, MSG_CONFIG_TASK, 0};
    struct frame_header back;
    uint8_t raw[FRAME_HEADER_BYTES];

    (void)state;
    frame_header_encode(h, raw);
    assert_memory_equal(raw, "\0\1\2\3\0\x20\0\0", 8);
    assert_int_equal(frame_header_decode(raw, MSG_FROM_KERNEL, &back), 0);
    assert_int_equal(back.body_n, h.body_n);
    assert_int_equal(back.number, h.number);
    assert_int_equal(frame_header_decode(raw, MSG_FROM_WORKER, &back),
                     ERR_PROTOCOL); /* a worker may not send it */
    raw[7] = 1;                     /* it carries no descriptor */
    assert_int_equal(frame_header_decode(raw, MSG_FROM_KERNEL, &back),
                     ERR_PROTOCOL);
    raw[7] = 0;
    raw[0] = 0xff; /* too long */
    assert_int_equal(frame_header_decode(raw, MSG_FROM_KERNEL, &back),
                     ERR_PROTOCOL);
    raw[0] = 0;
    raw[4] = 0x7f; /* no such message */
    assert_int_equal(frame_header_decode(raw, MSG_FROM_KERNEL, &back),
                     ERR_PROTOCOL);
}

static void test_round_trip_with_fds(void **state)
{
    int fds[2];
    struct buf b;
    struct frame f;
    const Proctor__Files *m;
    unsigned before;
    int taken;
    char c = 0;

    (void)state;
    assert_int_equal(pipe(fds), 0);
    before = count_fds();
    b = encode_files(2);
    send_raw(buf_bytes(&b).p, buf_len(&b), fds, 2);
    assert_int_equal(frame_receive(pair_[1], MSG_FROM_CLI, &f), 0);
    assert_int_equal(f.info->msg, MSG_FILES);
    m = (const Proctor__Files *)f.m;
    assert_int_equal(m->n_answers, 2);
    assert_int_equal(f.fds_n, 2);
    assert_int_equal(count_fds(), before + 2);
    for (int i = 0; i < 2; i++) {
        assert_true((fcntl(f.fds[i], F_GETFD) & FD_CLOEXEC) != 0);
    }
    assert_int_equal(write(f.fds[1], "x", 1), 1); /* the pipe's other end */
    taken = frame_take_fd(&f, 0);
    frame_release(&f);
    assert_int_equal(count_fds(), before + 1);
    assert_int_equal(read(taken, &c, 1), 1);
    assert_int_equal(c, 'x');
    close(taken);
    close(fds[0]);
    close(fds[1]);
    buf_release(&b);
}

static void test_send_and_end(void **state)
{
    Proctor__Interrupt m = PROCTOR__INTERRUPT__INIT;
    struct frame f;

    (void)state;
    for (int i = 0; i < 3; i++) {
        m.now = i % 2;
        assert_int_equal(frame_send(pair_[0], MSG_INTERRUPT, &m.base, NULL, 0),
                         0);
    }
    fd_closep(&pair_[0]);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(frame_receive(pair_[1], MSG_FROM_CLI, &f), 0);
        assert_int_equal(((Proctor__Interrupt *)f.m)->now, i % 2);
        frame_release(&f);
    }
    assert_int_equal(frame_receive(pair_[1], MSG_FROM_CLI, &f), ERR_CLOSED);
    frame_release(&f); /* fine after a failure */
    assert_int_equal(
        frame_send(pair_[1], MSG_INTERRUPT, &m.base, NULL, 0),
        ERR_CLOSED);
}

static void test_over_maximum(void **state)
{
    Proctor__Event m = PROCTOR__EVENT__INIT;
    char *text = malloc((1u << 16) + 1);

    (void)state;
    assert_non_null(text);
    memset(text, 'a', 1u << 16);
    text[1u << 16] = '\0';
    m.text = text;
    assert_int_equal(frame_send(pair_[0], MSG_EVENT, &m.base, NULL, 0),
                     ERR_LIMIT);
    free(text);
}

/* The stream ends after each possible number of bytes. */
static void test_truncation(void **state)
{
    int fds[2];
    struct buf b = encode_files(2);

    (void)state;
    assert_int_equal(pipe(fds), 0);
    for (size_t cut = 1; cut < buf_len(&b); cut++) {
        unsigned before;
        struct frame f;

        close_pair(NULL);
        assert_int_equal(open_pair(NULL), 0);
        before = count_fds();
        send_raw(buf_bytes(&b).p, cut, fds, 2);
        fd_closep(&pair_[0]);
        assert_int_equal(frame_receive(pair_[1], MSG_FROM_CLI, &f),
                         ERR_PROTOCOL);
        assert_int_equal(count_fds(), before - 1); /* none leaked */
    }
    close(fds[0]);
    close(fds[1]);
    buf_release(&b);
}

/* The same bytes in every possible pair of pieces. */
static void test_pieces(void **state)
{
    struct buf b = encode_files(0);

    (void)state;
    for (size_t cut = 1; cut < buf_len(&b); cut++) {
        struct frame f;
        pid_t pid = fork();
        int status;

        assert_true(pid >= 0);
        if (pid == 0) {
            ssize_t n = write(pair_[0], buf_bytes(&b).p, cut);

            usleep(500);
            n += write(pair_[0], buf_bytes(&b).p + cut, buf_len(&b) - cut);
            _exit(n == (ssize_t)buf_len(&b) ? 0 : 1);
        }
        assert_int_equal(frame_receive(pair_[1], MSG_FROM_CLI, &f), 0);
        frame_release(&f);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
    }
    buf_release(&b);
}

static void expect_refused(const struct buf *b, size_t n, const int *fds,
                           unsigned fds_n)
{
    unsigned before = count_fds();
    struct frame f;

    send_raw(buf_bytes(b).p, n, fds, fds_n);
    assert_int_equal(frame_receive(pair_[1], MSG_FROM_CLI, &f), ERR_PROTOCOL);
    assert_int_equal(count_fds(), before);
    close_pair(NULL);
    assert_int_equal(open_pair(NULL), 0);
}

static void test_descriptor_counts(void **state)
{
    struct buf none = encode_files(0);
    struct buf two = encode_files(2);

    (void)state;
    expect_refused(&none, buf_len(&none), (int[]){1}, 1);     /* unannounced */
    expect_refused(&two, buf_len(&two), (int[]){1}, 1);       /* one missing */
    expect_refused(&two, buf_len(&two), (int[]){1, 1, 1}, 3); /* surplus */
    expect_refused(&two, buf_len(&two), NULL, 0);
    buf_release(&none);
    buf_release(&two);
}

/* Descriptors in the middle of a body, and in two sets within one header. */
static void test_late_descriptors(void **state)
{
    struct buf none = encode_files(0);
    unsigned before = count_fds();
    struct frame f;

    (void)state;
    send_raw(buf_bytes(&none).p, 9, NULL, 0);
    send_raw(buf_bytes(&none).p + 9, buf_len(&none) - 9, (int[]){1, 1}, 2);
    assert_int_equal(frame_receive(pair_[1], MSG_FROM_CLI, &f), ERR_PROTOCOL);
    assert_int_equal(count_fds(), before);
    buf_release(&none);
}

/* Two full sets: the second does not fit, all are closed. */
static void test_too_many_descriptors(void **state)
{
    struct buf b;
    int fds[LIMIT_FRAME_FDS];
    unsigned before = count_fds();
    struct frame f;

    (void)state;
    for (unsigned i = 0; i < LIMIT_FRAME_FDS; i++) {
        fds[i] = 1;
    }
    b = encode_files(LIMIT_FRAME_FDS);
    send_raw(buf_bytes(&b).p, 3, fds, LIMIT_FRAME_FDS);
    send_raw(buf_bytes(&b).p + 3, buf_len(&b) - 3, fds, LIMIT_FRAME_FDS);
    assert_int_equal(frame_receive(pair_[1], MSG_FROM_CLI, &f), ERR_PROTOCOL);
    assert_int_equal(count_fds(), before);
    buf_release(&b);
}

/* More in one control message than its buffer takes: MSG_CTRUNC. */
static void test_control_truncated(void **state)
{
    struct buf b = encode_files(LIMIT_FRAME_FDS);
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * 64)];
    } control = {.bytes = {0}};
    struct iovec iov = {.iov_len = buf_len(&b)};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    unsigned before = count_fds();
    struct frame f;

    (void)state;
    iov.iov_base = (void *)(uintptr_t)buf_bytes(&b).p;
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int) * 64);
    for (size_t i = 0; i < 64; i++) {
        memcpy(CMSG_DATA(c) + i * sizeof(int), &(int){1}, sizeof(int));
    }
    assert_int_equal(sendmsg(pair_[0], &m, 0), (ssize_t)buf_len(&b));
    assert_int_equal(frame_receive(pair_[1], MSG_FROM_CLI, &f), ERR_PROTOCOL);
    assert_int_equal(count_fds(), before);
    buf_release(&b);
}

static void test_bad_body(void **state)
{
    uint8_t raw[FRAME_HEADER_BYTES + 4] = {0, 0, 0,    4, 0,    MSG_FILES,
                                           0, 0, 0x10, 1, 0x10, 1};
    struct frame f;

    (void)state;
    send_raw(raw, sizeof(raw), NULL, 0);
    assert_int_equal(frame_receive(pair_[1], MSG_FROM_CLI, &f), ERR_ENCODING);
}

static void test_wrong_sender(void **state)
{
    struct buf b = encode_files(0);
    struct frame f;

    (void)state;
    send_raw(buf_bytes(&b).p, buf_len(&b), NULL, 0);
    assert_int_equal(frame_receive(pair_[1], MSG_FROM_WORKER, &f),
                     ERR_PROTOCOL);
    buf_release(&b);
}

/* A length of 64 MiB with nothing behind it. */
static void test_length_without_bytes(void **state)
{
    uint8_t raw[FRAME_HEADER_BYTES];
    struct frame f;

    (void)state;
    frame_header_encode(
        (struct frame_header){LIMIT_FRAME_BYTES, MSG_CONFIG_REPLY, 0}, raw);
    send_raw(raw, sizeof(raw), NULL, 0);
    fd_closep(&pair_[0]);
    assert_int_equal(frame_receive(pair_[1], MSG_FROM_WORKER, &f),
                     ERR_PROTOCOL);
}

static void test_big_message(void **state)
{
    Proctor__ConfigReply m = PROCTOR__CONFIG_REPLY__INIT;
    size_t n = 9u << 20; /* several steps and sends */
    pid_t pid = fork();
    struct frame f;
    int status;

    (void)state;
    assert_true(pid >= 0);
    if (pid == 0) {
        m.inputs.data = calloc(n, 1);
        m.inputs.len = n;
        m.inputs.data[n - 1] = 7;
        _exit(frame_send(pair_[0], MSG_CONFIG_REPLY, &m.base, NULL, 0) == 0
                  ? 0
                  : 1);
    }
    assert_int_equal(frame_receive(pair_[1], MSG_FROM_WORKER, &f), 0);
    assert_int_equal(((Proctor__ConfigReply *)f.m)->inputs.len, n);
    assert_int_equal(((Proctor__ConfigReply *)f.m)->inputs.data[n - 1], 7);
    frame_release(&f);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void test_random_streams(void **state)
{
    struct gen g = gen_start();

    (void)state;
    for (int i = 0; i < 3000; i++) {
        struct buf b = encode_files(0);
        uint8_t bytes[100];
        size_t n = buf_len(&b);
        struct frame f;
        int code;

        close_pair(NULL);
        assert_int_equal(open_pair(NULL), 0);
        memcpy(bytes, buf_bytes(&b).p, n);
        for (uint32_t j = gen_below(&g, 3); j > 0; j--) {
            n = gen_damage(&g, bytes, n);
        }
        send_raw(bytes, n, NULL, 0);
        fd_closep(&pair_[0]);
        code = frame_receive(pair_[1], MSG_FROM_CLI, &f);
        CHECK(&g, code == 0 || code == ERR_PROTOCOL || code == ERR_ENCODING);
        frame_release(&f);
        buf_release(&b);
    }
}

#define PAIR_TEST(f) cmocka_unit_test_setup_teardown(f, open_pair, close_pair)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_header),
        PAIR_TEST(test_round_trip_with_fds),
        PAIR_TEST(test_send_and_end),
        PAIR_TEST(test_over_maximum),
        PAIR_TEST(test_truncation),
        PAIR_TEST(test_pieces),
        PAIR_TEST(test_descriptor_counts),
        PAIR_TEST(test_late_descriptors),
        PAIR_TEST(test_too_many_descriptors),
        PAIR_TEST(test_control_truncated),
        PAIR_TEST(test_bad_body),
        PAIR_TEST(test_wrong_sender),
        PAIR_TEST(test_length_without_bytes),
        PAIR_TEST(test_big_message),
        PAIR_TEST(test_random_streams),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
