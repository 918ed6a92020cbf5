/* answer.c, serve.c: types against a network, decisions, endings, and the
 * conversation over a socket with weights in a sealed memfd. */
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/err.h"
#include "proto/frame.h"
#include "proto/share.h"
#include "workers/model/answer.h"
#include "workers/model/serve.h"

static struct mlp *network; /* examples/xor: 2 inputs, 1 output */
static uint8_t *weights;
static size_t weights_n;

static struct type scalar(const char *name)
{
    struct type t;

    assert_int_equal(type_from_name(name, &t), 0);
    return t;
}

static struct type tuple(struct type a, size_t n)
{
    struct type parts[3] = {a, a, a}, t;

    assert_int_equal(type_tuple_of(parts, n, &t), 0);
    return t;
}

static struct type list(struct type a)
{
    return type_list_of(&a);
}

static Proctor__ModelTask task_of(struct type *takes, struct type *gives,
                                  uint32_t decide)
{
    Proctor__ModelTask t = PROCTOR__MODEL_TASK__INIT;

    t.takes.data = takes->b;
    t.takes.len = takes->n;
    t.gives.data = gives->b;
    t.gives.len = gives->n;
    t.decide = decide;
    return t;
}

static int fits(struct type takes, struct type gives, uint32_t decide)
{
    Proctor__ModelTask task = task_of(&takes, &gives, decide);
    struct answerer a;
    struct diag d;
    int code;

    diag_init(&d);
    code = answerer_init(&a, network, &task, &d);
    assert_true(code == 0 || (code == ERR_INPUT && d.what[0] != '\0'));
    return code == 0;
}

static void test_types(void **state)
{
    struct type f32 = scalar("f32"), f64 = scalar("f64"), u8 = scalar("u8");
    struct type two = tuple(f32, 2);

    (void)state;
    assert_true(fits(two, f32, DECIDE_RAW));
    assert_true(fits(two, list(f32), DECIDE_RAW));
    assert_true(fits(two, u8, DECIDE_THRESHOLD));
    assert_true(fits(two, scalar("i64"), DECIDE_ARGMAX));
    assert_true(fits(tuple(list(f32), 1), u8, DECIDE_THRESHOLD));
    assert_false(fits(tuple(f32, 3), f32, DECIDE_RAW));
    assert_false(fits(tuple(f32, 1), f32, DECIDE_RAW));
    assert_false(fits(tuple(f64, 2), f32, DECIDE_RAW));
    assert_false(fits(tuple(list(f32), 2), f32, DECIDE_RAW));
    assert_false(fits(list(f32), f32, DECIDE_RAW));
    assert_false(fits(two, f64, DECIDE_RAW));
    assert_false(fits(two, u8, DECIDE_RAW));
    assert_false(fits(two, f32, DECIDE_THRESHOLD));
    assert_false(fits(two, list(u8), DECIDE_ARGMAX));
    assert_false(fits(two, u8, 3));
}

/* n rows of two floats as inputs of the network. */
static void make_inputs(const float *x, size_t rows, size_t columns,
                        int as_list, struct values_builder *w)
{
    struct buf v;

    buf_init(&v, 4096);
    assert_int_equal(values_builder_init(w, 1 << 20), 0);
    for (size_t i = 0; i < rows; i++) {
        buf_reset(&v);
        assert_int_equal(value_put_tuple(&v, as_list ? 1 : 2), 0);
        if (as_list) {
            assert_int_equal(value_put_list(&v, (uint32_t)columns), 0);
        }
        for (size_t k = 0; k < columns; k++) {
            assert_int_equal(value_put_f32(&v, x[i * columns + k]), 0);
        }
        assert_int_equal(values_builder_add(w, buf_bytes(&v)), 0);
    }
    buf_release(&v);
}

static void run_rows(const float *x, size_t rows, size_t columns, int as_list,
                     struct answers *out)
{
    struct type f32 = scalar("f32"), u8 = scalar("u8");
    struct type takes = as_list ? tuple(list(f32), 1) : tuple(f32, 2);
    Proctor__ModelTask task = task_of(&takes, &u8, DECIDE_THRESHOLD);
    struct values_builder w;
    struct values inputs;
    struct answerer a;
    struct diag d;

    make_inputs(x, rows, columns, as_list, &w);
    values_init(&inputs);
    assert_int_equal(values_decode(&inputs, values_builder_bytes(&w), &takes,
                                   LIMIT_BATCH_VALUES),
                     0);
    assert_int_equal(answerer_init(&a, network, &task, &d), 0);
    assert_int_equal(answer_batch(&a, &inputs, out), 0);
    values_release(&inputs);
    values_builder_release(&w);
}

static const float rows[] = {0, 0, 0, 1, 1, 0, 1, 1};

static void check_xor(struct ubytes outputs, uint32_t n)
{
    struct type u8 = scalar("u8");
    struct values v;

    values_init(&v);
    assert_int_equal(values_decode(&v, outputs, &u8, LIMIT_BATCH_VALUES), 0);
    assert_int_equal(values_n(&v), n);
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(values_at(&v, i).p[2], i == 1 || i == 2);
    }
    values_release(&v);
}

static void test_answers(void **state)
{
    float bad[] = {0, 0, 0, 1, NAN, 0, 1, 1};
    struct answers out;

    (void)state;
    run_rows(rows, 4, 2, 0, &out);
    assert_int_equal(out.ending, PROCTOR__ENDING__ENDING_OK);
    check_xor(values_builder_bytes(&out.outputs), 4);
    answers_release(&out);
    run_rows(rows, 4, 2, 1, &out);
    assert_int_equal(out.ending, PROCTOR__ENDING__ENDING_OK);
    check_xor(values_builder_bytes(&out.outputs), 4);
    answers_release(&out);
    run_rows(rows, 2, 3, 1, &out);
    assert_int_equal(out.ending, PROCTOR__ENDING__ENDING_MALFORMED);
    assert_int_equal(values_builder_n(&out.outputs), 0);
    answers_release(&out);
    run_rows(bad, 4, 2, 0, &out);
    assert_int_equal(out.ending, PROCTOR__ENDING__ENDING_NONFINITE);
    check_xor(values_builder_bytes(&out.outputs), 2);
    assert_non_null(strstr(out.text, "input 2"));
    answers_release(&out);
    run_rows(rows, 0, 2, 0, &out);
    assert_int_equal(out.ending, PROCTOR__ENDING__ENDING_OK);
    answers_release(&out);
}

static int weights_fd(size_t n)
{
    int fd = memfd_create("weights", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, weights, n), (ssize_t)n);
    assert_int_equal(
        fcntl(fd, F_ADD_SEALS,
              F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL),
        0);
    return fd;
}

static uint8_t *share;

/* Starts a server in a child; returns our end. */
static int start_server(pid_t *out_pid)
{
    int s[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
    share = mmap(NULL, SHARE_BYTES, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(share != MAP_FAILED);
    *out_pid = fork();
    assert_true(*out_pid >= 0);
    if (*out_pid == 0) {
        (void)close(s[0]);
        _exit(model_serve(s[1], share));
    }
    (void)close(s[1]);
    return s[0];
}

static int stop_server(int s, pid_t pid)
{
    int status;

    (void)close(s);
    (void)munmap(share, SHARE_BYTES);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* Sends the task with the first n bytes of the weights; true when ready. */
static int send_task(int s, size_t n, uint64_t promised)
{
    struct type takes = tuple(scalar("f32"), 2), gives = scalar("u8");
    Proctor__ModelTask task = task_of(&takes, &gives, DECIDE_THRESHOLD);
    int fd = weights_fd(n);
    struct frame f;
    int ready = -1;

    task.weights_bytes = promised;
    assert_int_equal(frame_send(s, MSG_MODEL_TASK, &task.base, &fd, 1), 0);
    (void)close(fd);
    frame_init(&f);
    if (frame_receive(s, MSG_FROM_WORKER, &f) == 0) {
        const Proctor__TaskReady *r = (const Proctor__TaskReady *)f.m;

        assert_int_equal(f.info->msg, MSG_TASK_READY);
        ready = r->problem == NULL;
        assert_true(ready || r->problem->what[0] != '\0');
    }
    frame_release(&f);
    return ready;
}

static void test_serve(void **state)
{
    Proctor__Batch batch = PROCTOR__BATCH__INIT;
    struct values_builder w;
    struct ubytes in;
    struct frame f;
    pid_t pid;
    int s = start_server(&pid);

    (void)state;
    assert_int_equal(send_task(s, weights_n, weights_n), 1);
    make_inputs(rows, 4, 2, 0, &w);
    in = values_builder_bytes(&w);
    memcpy(share + SHARE_INPUTS, in.p, in.n);
    batch.inputs_bytes = (uint32_t)in.n;
    for (uint32_t id = 1; id <= 3; id++) {
        const Proctor__BatchReply *r;

        batch.id = id;
        assert_int_equal(frame_send(s, MSG_BATCH, &batch.base, NULL, 0), 0);
        frame_init(&f);
        assert_int_equal(frame_receive(s, MSG_FROM_WORKER, &f), 0);
        assert_int_equal(f.info->msg, MSG_BATCH_REPLY);
        r = (const Proctor__BatchReply *)f.m;
        assert_int_equal(r->id, id);
        assert_int_equal(r->ending, PROCTOR__ENDING__ENDING_OK);
        check_xor((struct ubytes){share + SHARE_OUTPUTS, r->outputs_bytes}, 4);
        memset(share + SHARE_OUTPUTS, 0xff, r->outputs_bytes);
        frame_release(&f);
    }
    values_builder_release(&w);
    assert_int_equal(stop_server(s, pid), 0);
}

static void test_serve_refuses(void **state)
{
    Proctor__Batch batch = PROCTOR__BATCH__INIT;
    pid_t pid;
    int s = start_server(&pid);

    (void)state;
    assert_int_equal(send_task(s, 8, 8), 0); /* a cut file: a Problem */
    assert_int_equal(stop_server(s, pid), 0);
    s = start_server(&pid);
    assert_int_equal(send_task(s, 0, 0), 0);
    assert_int_equal(stop_server(s, pid), 0);
    s = start_server(&pid); /* another size than promised: no answer */
    assert_int_equal(send_task(s, weights_n, weights_n + 1), -1);
    assert_int_equal(stop_server(s, pid), 1);
    s = start_server(&pid); /* a batch before the task */
    assert_int_equal(frame_send(s, MSG_BATCH, &batch.base, NULL, 0), 0);
    assert_int_equal(stop_server(s, pid), 1);
    s = start_server(&pid); /* more inputs than the memory holds */
    assert_int_equal(send_task(s, weights_n, weights_n), 1);
    batch.inputs_bytes = LIMIT_BATCH_BYTES + 1;
    assert_int_equal(frame_send(s, MSG_BATCH, &batch.base, NULL, 0), 0);
    assert_int_equal(stop_server(s, pid), 1);
    s = start_server(&pid); /* never needed */
    assert_int_equal(stop_server(s, pid), 0);
}

static int load_network(void **state)
{
    FILE *in = fopen(TEST_SOURCE_DIR "/examples/xor/xor.gguf", "rb");
    struct gguf g;
    struct diag d;
    int code;

    (void)state;
    weights = aligned_alloc(64, 4096);
    if (in == NULL || weights == NULL) {
        return -1;
    }
    weights_n = fread(weights, 1, 4096, in);
    (void)fclose(in);
    diag_init(&d);
    code = gguf_open((struct ubytes){weights, weights_n}, &g, &d);
    if (code == 0) {
        code = mlp_new(&g, &network, &d);
        gguf_release(&g);
    }
    return code;
}

static int drop_network(void **state)
{
    (void)state;
    mlp_free(network);
    free(weights);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types), cmocka_unit_test(test_answers),
        cmocka_unit_test(test_serve), cmocka_unit_test(test_serve_refuses)};

    return cmocka_run_group_tests(tests, load_network, drop_network);
}
