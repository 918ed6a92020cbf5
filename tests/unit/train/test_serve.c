/* serve.c, fit_serve.c, inputs.c: a training run over a channel, and what a lying
 * kernel gets. */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/train/fit_play.h"

#include "proto/frame.h"
#include "workers/train/serve.h"

static struct play play;

static int memory(struct ubytes b)
{
    int fd = memfd_create("test", MFD_CLOEXEC);

    assert_true(fd >= 0 && write(fd, b.p, b.n) == (ssize_t)b.n);
    return fd;
}

static int start(pid_t *out_pid)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    *out_pid = fork();
    assert_true(*out_pid >= 0);
    if (*out_pid == 0) {
        (void)close(pair[0]);
        _exit(train_serve(pair[1]));
    }
    (void)close(pair[1]);
    return pair[0];
}

static int finish(int s, pid_t pid)
{
    int status;

    (void)close(s);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void fill_sizes(struct play *p)
{
    p->task.workers = 1;
    p->task.x_bytes = p->in.x.n;
    p->task.y_bytes = p->in.y.n;
    p->task.checked_bytes = p->in.checked.n;
    p->task.state_bytes = p->in.state.n;
}

static void send_task(int s, const struct play *p)
{
    const struct ubytes all[] = {p->in.x, p->in.y, p->in.checked, p->in.state};
    int fds[4];
    unsigned n = 0;

    for (size_t i = 0; i < ARRAY_N(all); i++) {
        if (all[i].n > 0) {
            fds[n++] = memory(all[i]);
        }
    }
    assert_int_equal(frame_send(s, MSG_TRAIN_TASK, &p->task.base, fds, n), 0);
    for (unsigned i = 0; i < n; i++) {
        (void)close(fds[i]);
    }
}

static const ProtobufCMessage *hear(int s, enum msg expected, struct frame *f)
{
    frame_init(f);
    if (frame_receive(s, MSG_FROM_WORKER, f) != 0 || f->m == NULL) {
        fail_msg("no message");
        abort();
    }
    assert_int_equal(f->info->msg, expected);
    return f->m;
}

/* It went away without a further word. */
static void gone(int s, pid_t pid)
{
    struct frame f;

    frame_init(&f);
    assert_true(frame_receive(s, MSG_FROM_WORKER, &f) < 0);
    assert_int_equal(finish(s, pid), 1);
}

static int send_area(int s, uint64_t bytes)
{
    Proctor__TrainArea m = PROCTOR__TRAIN_AREA__INIT;
    int fd = memfd_create("area", MFD_CLOEXEC);

    assert_true(fd >= 0 && ftruncate(fd, (off_t)bytes) == 0);
    assert_int_equal(frame_send(s, MSG_TRAIN_AREA, &m.base, &fd, 1), 0);
    return fd;
}

static void say(int s, uint64_t steps, int has_measured)
{
    Proctor__TrainGo go = PROCTOR__TRAIN_GO__INIT;

    go.id = (uint32_t)steps;
    go.steps = steps;
    go.has_measured = has_measured;
    assert_int_equal(frame_send(s, MSG_TRAIN_GO, &go.base, NULL, 0), 0);
}

static const Proctor__TrainDone *ask(int s, uint64_t steps, struct frame *f)
{
    say(s, steps, 0);
    return (const Proctor__TrainDone *)hear(s, MSG_TRAIN_DONE, f);
}

static void test_run(void **state)
{
    static struct trace here;
    const Proctor__TaskReady *ready;
    const Proctor__TrainDone *done;
    struct print weights;
    struct frame f;
    uint64_t bytes;
    uint8_t *area;
    pid_t pid;
    int s = start(&pid);
    int fd;

    (void)state;
    play_init(&play, 100, 4, 3);
    play_whole(&play, 7, &here);
    fill_sizes(&play);
    send_task(s, &play);
    ready = (const Proctor__TaskReady *)hear(s, MSG_TASK_READY, &f);
    assert_null(ready->problem);
    assert_int_equal(ready->train->parameters, 4 * 12 + 12 + 12 * 3 + 3);
    assert_int_equal(ready->train->steps, 7);
    assert_int_equal(ready->train->steps_all, 21);
    assert_int_equal(ready->train->outputs, 3);
    bytes = ready->train->area_bytes;
    frame_release(&f);
    fd = send_area(s, bytes);
    done = ask(s, 10, &f);
    assert_int_equal(done->at, PROCTOR__TRAIN_AT__TRAIN_AT_STEP);
    assert_int_equal(done->step, 10);
    assert_int_equal(done->epoch, 2);
    assert_int_equal(done->n_epochs, 1);
    frame_release(&f);
    done = ask(s, 1000, &f);
    assert_int_equal(done->at, PROCTOR__TRAIN_AT__TRAIN_AT_END);
    assert_int_equal(done->step, 21);
    assert_int_equal(done->n_epochs, 2);
    area = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
    assert_true(area != MAP_FAILED);
    weights = print_of((struct ubytes){area + done->weights->offset,
                                       (size_t)done->weights->bytes});
    assert_memory_equal(&weights, &here.weights, sizeof(weights));
    (void)munmap(area, bytes);
    frame_release(&f);
    (void)close(fd);
    assert_int_equal(finish(s, pid), 0);
}

/* Sent and refused: by a problem, or (NULL) by going away. */
static void refused(const char *problem)
{
    const Proctor__TaskReady *ready;
    struct frame f;
    pid_t pid;
    int s = start(&pid);

    send_task(s, &play);
    if (problem == NULL) {
        gone(s, pid);
        return;
    }
    ready = (const Proctor__TaskReady *)hear(s, MSG_TASK_READY, &f);
    assert_null(ready->train);
    assert_non_null(ready->problem);
    assert_non_null(strstr(ready->problem->what, problem));
    frame_release(&f);
    assert_int_equal(finish(s, pid), 0);
}

static void honest(void)
{
    play_init(&play, 100, 4, 3);
    fill_sizes(&play);
}

static void test_lies(void **state)
{
    (void)state;
    honest();
    play.task.x_bytes--; /* another size than the descriptor's */
    refused(NULL);
    honest();
    play.in.y = no_state; /* one descriptor fewer than sizes */
    refused(NULL);
    honest();
    play.task.y_bytes = 0; /* one more */
    refused(NULL);
    honest();
    play.in.y = no_state; /* labels that were never promised */
    fill_sizes(&play);
    refused(NULL);
    honest();
    play.task.workers = 0;
    refused(NULL);
    honest();
    play.task.worker = 1;
    refused(NULL);
    honest();
    play.task.recipe = NULL;
    refused(NULL);
    honest();
    play.task.data = NULL;
    refused(NULL);
    honest();
    play.task.checked_rows = 3; /* without them */
    refused(NULL);
    honest();
    play.task.command = PROCTOR__TRAIN_COMMAND__TRAIN_NONE;
    refused(NULL);
    honest(); /* a shape that the bytes have not */
    play.data.rows--;
    refused("the inputs have 1600 bytes");
    honest();
    play.data.width = UINT32_MAX;
    refused("at most");
    honest();
    play_check(&play, 5);
    play.task.checked_rows = 6;
    fill_sizes(&play);
    refused("the inputs have 80 bytes");
    honest();
    play.in.state = play.in.x;
    fill_sizes(&play);
    refused("no state of a training run");
}

/* The task is fine; what follows is not. */
static void test_disorder(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        const Proctor__TaskReady *ready;
        struct frame f;
        uint64_t bytes;
        pid_t pid;
        int s = start(&pid);

        honest();
        send_task(s, &play);
        ready = (const Proctor__TaskReady *)hear(s, MSG_TASK_READY, &f);
        bytes = ready->train->area_bytes;
        frame_release(&f);
        if (i == 0) { /* no area */
            say(s, 1, 0);
        } else if (i == 1) { /* too small */
            (void)close(send_area(s, bytes - 1));
        } else if (i == 2) { /* twice */
            (void)close(send_area(s, bytes));
            (void)close(send_area(s, bytes));
        } else if (i == 3) { /* a measure that nobody waits for */
            (void)close(send_area(s, bytes));
            say(s, 1, 1);
        } else { /* another task */
            send_task(s, &play);
        }
        gone(s, pid);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run),
        cmocka_unit_test(test_lies),
        cmocka_unit_test(test_disorder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
