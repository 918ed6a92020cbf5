/* command.c, info.c, bench.c: what a model worker answers a person, over a socket
 * as in the sandbox; descriptors that do not fit; what is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/err.h"
#include "workers/model/command.h"
#include "workers/nn/panel.h"

#define OUT_BYTES (4u << 20)

static int memory(const void *p, size_t n)
{
    int fd = memfd_create("file", MFD_CLOEXEC);

    assert_true(fd >= 0);
    if (n > 0) {
        assert_int_equal(write(fd, p, n), n);
    }
    return fd;
}

static int sized(uint64_t n)
{
    int fd = memory(NULL, 0);

    assert_int_equal(ftruncate(fd, (off_t)n), 0);
    return fd;
}

/* Asks; the reply is in out, to be released. What command_serve said. Takes the
 * descriptors. */
static int ask(const Proctor__ModelTask *task, const int *fds, unsigned fds_n,
               struct frame *out)
{
    struct frame f;
    int ends[2];
    int code;

    frame_init(out);
    frame_init(&f);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    f.m = (ProtobufCMessage *)(uintptr_t)task;
    for (unsigned i = 0; i < fds_n; i++) {
        f.fds[i] = fds[i];
    }
    f.fds_n = fds_n;
    code = command_serve(ends[0], &f);
    if (code == 0) {
        assert_int_equal(frame_receive(ends[1], MSG_FROM_WORKER, out), 0);
        assert_int_equal(out->info->msg, MSG_MODEL_REPLY);
    }
    close(ends[0]);
    close(ends[1]);
    for (unsigned i = 0; i < fds_n; i++) {
        close(fds[i]);
    }
    return code;
}

static const Proctor__ModelReply *reply_of(const struct frame *f)
{
    return (const Proctor__ModelReply *)f->m;
}

/* A small random model as a descriptor; its size. */
static int make(const char *arch, uint32_t vocab, uint64_t *out_bytes)
{
    Proctor__ModelTask task = PROCTOR__MODEL_TASK__INIT;
    Proctor__ModelInit init = PROCTOR__MODEL_INIT__INIT;
    int fd = sized(OUT_BYTES);
    struct frame f;

    task.command = PROCTOR__MODEL_COMMAND__MODEL_INIT;
    task.init = &init;
    init.arch = pb_str(arch);
    init.vocab = vocab;
    init.output_bytes = OUT_BYTES;
    assert_int_equal(ask(&task, &(int){dup(fd)}, 1, &f), 0);
    assert_null(reply_of(&f)->problem);
    *out_bytes = reply_of(&f)->bytes;
    frame_release(&f);
    assert_int_equal(ftruncate(fd, (off_t)*out_bytes), 0);
    return fd;
}

static void info_of(const char *arch)
{
    Proctor__ModelTask task = PROCTOR__MODEL_TASK__INIT;
    const Proctor__ModelInfo *m;
    struct frame f;
    int fd = make(arch, 300, &task.weights_bytes);

    task.command = PROCTOR__MODEL_COMMAND__MODEL_INFO;
    assert_int_equal(ask(&task, &fd, 1, &f), 0);
    assert_null(reply_of(&f)->problem);
    m = reply_of(&f)->info;
    assert_string_equal(m->kind, "transformer");
    assert_string_equal(m->architecture, arch);
    assert_int_equal(m->n_can, 4);
    assert_int_equal(m->n_lacks, 0);
    assert_int_equal(m->tokens->n, 300);
    assert_true(m->weight_bytes > 0 && m->lane_bytes > 0);
    frame_release(&f);
}

static void test_info(void **state)
{
    Proctor__ModelTask task = PROCTOR__MODEL_TASK__INIT;
    struct frame f;
    int fd;

    (void)state;
    info_of("llama");
    info_of("gpt-oss");
    /* Without a file: the routes alone, for `doctor`. */
    task.command = PROCTOR__MODEL_COMMAND__MODEL_INFO;
    assert_int_equal(ask(&task, NULL, 0, &f), 0);
    assert_non_null(strstr(reply_of(&f)->info->routes, "f32 "));
    frame_release(&f);
    /* Below 261 tokens there is no tokenizer: a lack, by name. */
    fd = make("llama", 100, &task.weights_bytes);
    assert_int_equal(ask(&task, &fd, 1, &f), 0);
    assert_int_equal(reply_of(&f)->info->n_can, 0);
    assert_string_equal(reply_of(&f)->info->lacks[0]->what, "text");
    frame_release(&f);
}

/* A GGUF file of one pair and no tensor: nothing can be made of it. */
static void test_lacks(void **state)
{
    static const uint8_t file[] =
        "GGUF\3\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0"
        "\24\0\0\0\0\0\0\0general.architecture\10\0\0\0\5\0\0\0\0\0\0\0a\x1b[1m";
    Proctor__ModelTask task = PROCTOR__MODEL_TASK__INIT;
    const Proctor__ModelInfo *m;
    struct frame f;
    int fd = memory(file, sizeof(file) - 1);

    (void)state;
    task.command = PROCTOR__MODEL_COMMAND__MODEL_INFO;
    task.weights_bytes = sizeof(file) - 1;
    assert_int_equal(ask(&task, &fd, 1, &f), 0);
    m = reply_of(&f)->info;
    assert_string_equal(m->kind, "");
    assert_string_equal(m->architecture, "a\\x1b[1m"); /* made printable */
    assert_int_equal(m->n_can, 0);
    assert_string_equal(m->lacks[0]->what, "forward passes");
    frame_release(&f);
    /* Not even that. */
    fd = memory(file, 23);
    task.weights_bytes = 23;
    assert_int_equal(ask(&task, &fd, 1, &f), 0);
    assert_non_null(reply_of(&f)->problem);
    frame_release(&f);
}

static void test_tokens(void **state)
{
    Proctor__ModelTask task = PROCTOR__MODEL_TASK__INIT;
    uint32_t ids[8];
    struct frame f;
    int fd = make("llama", 300, &task.weights_bytes);

    (void)state;
    task.command = PROCTOR__MODEL_COMMAND__MODEL_ENCODE;
    task.text = bytes_field((struct ubytes){(const uint8_t *)"qZ\n", 3});
    assert_int_equal(ask(&task, &(int){dup(fd)}, 1, &f), 0);
    assert_int_equal(reply_of(&f)->n_tokens, 3);
    memcpy(ids, reply_of(&f)->tokens, 3 * sizeof(ids[0]));
    frame_release(&f);
    task.command = PROCTOR__MODEL_COMMAND__MODEL_DECODE;
    task.tokens = ids;
    task.n_tokens = 3;
    assert_int_equal(ask(&task, &(int){dup(fd)}, 1, &f), 0);
    assert_int_equal(reply_of(&f)->text.len, 3);
    assert_memory_equal(reply_of(&f)->text.data, "qZ\n", 3);
    frame_release(&f);
    ids[1] = 300;
    assert_int_equal(ask(&task, &fd, 1, &f), 0);
    assert_non_null(strstr(reply_of(&f)->problem->what, "token 300"));
    frame_release(&f);
}

static void test_bench(void **state)
{
    Proctor__ModelTask task = PROCTOR__MODEL_TASK__INIT;
    struct frame f;
    int fd = make("qwen3moe", 300, &task.weights_bytes);

    (void)state;
    task.command = PROCTOR__MODEL_COMMAND__MODEL_BENCH;
    task.bench_prompt = 600; /* more than one pass */
    task.bench_generate = 2;
    task.repeat = 2;
    assert_int_equal(ask(&task, &(int){dup(fd)}, 1, &f), 0);
    assert_null(reply_of(&f)->problem);
    assert_int_equal(reply_of(&f)->bench->n_prefill_s, 2);
    assert_true(reply_of(&f)->bench->decode_s[1] > 0);
    frame_release(&f);
    task.bench_prompt = UINT32_MAX;
    assert_int_equal(ask(&task, &(int){dup(fd)}, 1, &f), 0);
    assert_non_null(reply_of(&f)->problem);
    frame_release(&f);
    task.bench_prompt = 1;
    task.repeat = 1001;
    assert_int_equal(ask(&task, &fd, 1, &f), 0);
    assert_non_null(reply_of(&f)->problem);
    frame_release(&f);
}

/* Over several windows of 16 MiB, and into too little room. */
static void test_quantize(void **state)
{
    Proctor__ModelTask task = PROCTOR__MODEL_TASK__INIT;
    Proctor__ModelInit init = PROCTOR__MODEL_INIT__INIT;
    int wide = sized(64u << 20);
    int in, out;
    struct frame f;
    uint64_t bytes;

    (void)state;
    task.command = PROCTOR__MODEL_COMMAND__MODEL_INIT;
    task.init = &init;
    init.arch = pb_str("llama");
    init.layers = 1;
    init.width = 1024;
    init.ffn = 2048;
    init.output_bytes = 64u << 20;
    assert_int_equal(ask(&task, &(int){dup(wide)}, 1, &f), 0);
    assert_null(reply_of(&f)->problem);
    bytes = reply_of(&f)->bytes;
    assert_true(bytes > 32u << 20);
    frame_release(&f);
    assert_int_equal(ftruncate(wide, (off_t)bytes), 0);

    init.output_bytes = bytes - 1;
    assert_int_equal(ask(&task, &(int){sized(bytes)}, 1, &f), 0);
    assert_non_null(reply_of(&f)->problem);
    frame_release(&f);

    task.command = PROCTOR__MODEL_COMMAND__MODEL_QUANTIZE;
    task.weights_bytes = bytes;
    task.type = 1; /* f16 */
    init.output_bytes = bytes;
    in = dup(wide);
    out = sized(bytes);
    assert_int_equal(ask(&task, (int[]){in, dup(out)}, 2, &f), 0);
    assert_null(reply_of(&f)->problem);
    task.weights_bytes = reply_of(&f)->bytes;
    assert_true(task.weights_bytes > bytes / 3 && task.weights_bytes < bytes);
    frame_release(&f);
    assert_int_equal(ftruncate(out, (off_t)task.weights_bytes), 0);
    task.command = PROCTOR__MODEL_COMMAND__MODEL_INFO;
    task.init = NULL;
    assert_int_equal(ask(&task, &out, 1, &f), 0);
    assert_int_equal(reply_of(&f)->info->n_lacks, 0);
    frame_release(&f);

    task.command = PROCTOR__MODEL_COMMAND__MODEL_QUANTIZE;
    task.init = &init;
    task.weights_bytes = bytes;
    task.type = 2; /* q4_0 */
    assert_int_equal(ask(&task, (int[]){wide, sized(16)}, 2, &f), 0);
    assert_non_null(reply_of(&f)->problem);
    frame_release(&f);
}

/* What no kernel of ours would send. */
static void test_agreements(void **state)
{
    Proctor__ModelTask task = PROCTOR__MODEL_TASK__INIT;
    Proctor__ModelInit init = PROCTOR__MODEL_INIT__INIT;
    struct frame f;

    (void)state;
    for (int command = PROCTOR__MODEL_COMMAND__MODEL_ENCODE;
         command <= PROCTOR__MODEL_COMMAND__MODEL_QUANTIZE; command++) {
        task.command = (Proctor__ModelCommand)command;
        assert_int_equal(ask(&task, NULL, 0, &f), ERR_PROTOCOL);
    }
    task.command = PROCTOR__MODEL_COMMAND__MODEL_INFO;
    task.weights_bytes = 9; /* but the file has 8 */
    assert_int_equal(ask(&task, &(int){sized(8)}, 1, &f), ERR_PROTOCOL);
    task.command = PROCTOR__MODEL_COMMAND__MODEL_INIT;
    task.init = &init;
    assert_int_equal(ask(&task, (int[]){sized(8), sized(8)}, 2, &f),
                     ERR_PROTOCOL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_info),     cmocka_unit_test(test_lacks),
        cmocka_unit_test(test_tokens),   cmocka_unit_test(test_bench),
        cmocka_unit_test(test_quantize), cmocka_unit_test(test_agreements),
    };

    if (nn_prove() != 0) {
        return 1;
    }
    return cmocka_run_group_tests_name("command", tests, NULL, NULL);
}
