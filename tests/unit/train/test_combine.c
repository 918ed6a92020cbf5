/* combine.c, combine_serve.c, mlp.c: ensembles give what their members' outputs
 * say, averages of weights are those of numbers; what is refused; over a channel. */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/err.h"
#include "proto/frame.h"
#include "tests/unit/train/net_world.h"
#include "workers/nn/gguf.h"
#include "workers/nn/mlp.h"
#include "workers/nn/mlp_file.h"
#include "workers/nn/panel.h"
#include "workers/train/combine.h"
#include "workers/train/serve.h"

#include "worker.pb-c.h"

#define MEMBERS 3u
#define FILE_MAX (1u << 16)

struct file {
    uint8_t *bytes; /* owned */
    size_t n;
    struct gguf g;
};

/* What made them. */
struct members {
    struct world worlds[MEMBERS];
    struct file files[MEMBERS];
    struct gguf g[MEMBERS];
};

static struct members all;

static int into_buf(void *ctx, struct ubytes bytes)
{
    return bytes.n == 0 ? 0 : buf_put(ctx, bytes.p, bytes.n);
}

static void open_file(struct file *f, struct buf *b)
{
    struct diag d;

    diag_init(&d);
    f->n = buf_len(b);
    f->bytes = aligned_alloc(64, (f->n + 63) / 64 * 64);
    assert_non_null(f->bytes);
    memcpy(f->bytes, buf_bytes(b).p, f->n);
    if (gguf_open((struct ubytes){f->bytes, f->n}, &f->g, &d) != 0) {
        fail_msg("%s", d.what);
    }
}

static void close_file(struct file *f)
{
    gguf_release(&f->g);
    free(f->bytes);
}

/* Perceptrons of other seeds, and with `widths` other hidden layers. */
static void make(enum rows_kind kind, const char *output, uint32_t outputs,
                 int widths)
{
    for (uint32_t i = 0; i < MEMBERS; i++) {
        struct world *w = &all.worlds[i];
        uint64_t bytes;
        struct buf b;

        world_init(w, "mlp", kind, outputs < 2 ? 2 : outputs);
        w->learner.activation = text("tanh");
        w->learner.output = text(output);
        w->loss.kind = text("squared");
        w->recipe.seed = 100 + i;
        world_layers(w, 2, (uint32_t[]){widths ? 5 + i : 5, outputs});
        world_open(w, 8);
        buf_init(&b, FILE_MAX);
        assert_int_equal(w->l->ops->write(w->l, w->params, FILE_MAX, into_buf,
                                          &b, &bytes),
                         0);
        open_file(&all.files[i], &b);
        all.g[i] = all.files[i].g;
        buf_release(&b);
    }
}

static void clear(void)
{
    for (size_t i = 0; i < MEMBERS; i++) {
        world_close(&all.worlds[i]);
        close_file(&all.files[i]);
    }
}

static void forward(const struct gguf *g, float *y)
{
    float x[WORLD_ROWS * WORLD_WIDTH];
    struct mlp *m;
    struct diag d;

    diag_init(&d);
    if (mlp_new(g, &m, &d) != 0) {
        fail_msg("%s", d.what);
    }
    rows_inputs(&all.worlds[0].rows, NULL, WORLD_ROWS, x);
    mlp_forward(m, x, WORLD_ROWS, y);
    mlp_free(m);
}

static void combine(const char *how, struct file *out)
{
    uint64_t bytes;
    struct buf b;
    struct diag d;

    diag_init(&d);
    buf_init(&b, FILE_MAX);
    if (combine_run(how, all.g, MEMBERS, FILE_MAX, into_buf, &b, &bytes, &d) !=
        0) {
        fail_msg("%s", d.what);
    }
    assert_int_equal(bytes, buf_len(&b));
    open_file(out, &b);
    assert_int_equal(combine_run(how, all.g, MEMBERS, bytes - 1, into_buf, &b,
                                 &bytes, &d),
                     ERR_LIMIT);
    buf_release(&b);
}

/* The vote of one row of n outputs for j. */
static double vote_of(const float *y, size_t n, size_t j)
{
    size_t best = 0;

    if (n == 1) {
        return y[0] >= 0.5f ? 1 : 0;
    }
    for (size_t i = 1; i < n; i++) {
        best = y[i] > y[best] ? i : best;
    }
    return best == j ? 1 : 0;
}

static void check_ensemble(const char *how, size_t n)
{
    float y[MEMBERS][WORLD_ROWS * 4], got[WORLD_ROWS * 4];
    int is_vote = strcmp(how, "vote") == 0;
    struct file out;
    size_t shares = 0;

    combine(how, &out);
    forward(&out.g, got);
    for (size_t k = 0; k < MEMBERS; k++) {
        forward(&all.g[k], y[k]);
    }
    for (size_t i = 0; i < WORLD_ROWS; i++) {
        for (size_t j = 0; j < n; j++) {
            double sum = 0;

            for (size_t k = 0; k < MEMBERS; k++) {
                sum += is_vote ? vote_of(y[k] + i * n, n, j)
                               : (double)y[k][i * n + j];
            }
            assert_int_equal(bits_of(got[i * n + j]),
                             bits_of((float)(sum / MEMBERS)));
            shares += is_vote && sum > 0 && sum < MEMBERS;
        }
    }
    assert_true(!is_vote || shares > 0); /* they did not all agree */
    close_file(&out);
}

static void test_ensembles(void **state)
{
    (void)state;
    for (int widths = 0; widths < 2; widths++) {
        make(ROWS_CLASSIFICATION, "softmax", 4, widths);
        check_ensemble("average", 4);
        check_ensemble("vote", 4);
        clear();
        make(ROWS_CLASSIFICATION, "sigmoid", 1, widths);
        check_ensemble("average", 1);
        clear();
        make(ROWS_REGRESSION, "identity", 1, widths);
        check_ensemble("average", 1);
        clear();
    }
}

static void test_weights(void **state)
{
    float *mean, *got;
    struct file out;
    struct world *w = &all.worlds[0];
    struct diag d;

    (void)state;
    make(ROWS_CLASSIFICATION, "softmax", 4, 0);
    combine("weights", &out);
    mean = calloc(w->n, sizeof(*mean));
    got = calloc(w->n, sizeof(*got));
    assert_true(mean != NULL && got != NULL);
    assert_int_equal(w->l->ops->load(w->l, &out.g, got, &d), 0);
    for (size_t i = 0; i < w->n; i++) {
        double sum = 0;

        for (size_t k = 0; k < MEMBERS; k++) {
            sum += (double)all.worlds[k].params[i];
        }
        mean[i] = (float)(sum / MEMBERS);
        assert_int_equal(bits_of(mean[i]), bits_of(got[i]));
    }
    free(mean);
    free(got);
    close_file(&out);
    clear();
}

static void refused(const char *how, size_t n, const char *part)
{
    uint64_t bytes;
    struct buf b;
    struct diag d;
    int code;

    diag_init(&d);
    buf_init(&b, FILE_MAX);
    code = combine_run(how, all.g, n, FILE_MAX, into_buf, &b, &bytes, &d);
    if (code != ERR_INPUT || strstr(d.what, part) == NULL) {
        fail_msg("expected \"%s\", got %d: %s", part, code, d.what);
    }
    buf_release(&b);
}

static void test_refused(void **state)
{
    struct file ensemble;
    struct gguf kept;

    (void)state;
    make(ROWS_CLASSIFICATION, "softmax", 4, 1);
    refused("weights", MEMBERS, "of another shape than the first");
    refused("mean", MEMBERS, "how \"mean\"");
    refused("average", 1, "1 weights");
    refused("average", MLP_MEMBERS_MAX + 1, "17 weights");
    combine("vote", &ensemble);
    kept = all.g[1];
    all.g[1] = ensemble.g;
    refused("average", MEMBERS, "weights 1 are an ensemble");
    all.g[1] = kept;
    close_file(&ensemble);
    clear();
    make(ROWS_REGRESSION, "identity", 1, 0);
    refused("vote", MEMBERS, "a vote of numbers");
    clear();
}

/* A file of two members of these layers; with `more` a tensor nobody needs. */
static void ensemble_refused(uint32_t members, const char *how, uint32_t first,
                             uint32_t second, int more, const char *part)
{
    static const float zeros[64];
    struct mlp_shape shapes[2] = {{.layers_n = 1, .sizes = {2, first}},
                                  {.layers_n = 1, .sizes = {2, second}}};
    const uint64_t one = 1;
    struct gguf_writer *w;
    struct file f;
    struct mlp *m;
    struct buf b;
    struct diag d;

    diag_init(&d);
    buf_init(&b, FILE_MAX);
    assert_int_equal(gguf_writer_new(&w), 0);
    mlp_file_pairs(w);
    gguf_writer_u32(w, "proctor.mlp.members", members);
    gguf_writer_string(w, "proctor.mlp.combine", how);
    for (uint32_t i = 0; i < 2; i++) {
        mlp_shape_pairs(w, i, &shapes[i]);
    }
    for (uint32_t i = 0; i < 2; i++) {
        mlp_shape_tensors(w, i, &shapes[i]);
    }
    if (more) {
        gguf_writer_tensor(w, "more", GGUF_TENSOR_F32, 1, &one);
    }
    assert_int_equal(gguf_writer_begin(w, into_buf, &b), 0);
    for (uint32_t i = 0; i < 2; i++) {
        size_t out = shapes[i].sizes[1];

        assert_int_equal(gguf_writer_data(w, (struct ubytes){
                                                 (const uint8_t *)zeros,
                                                 2 * out * sizeof(float)}),
                         0);
        assert_int_equal(
            gguf_writer_data(w, (struct ubytes){(const uint8_t *)zeros,
                                                out * sizeof(float)}),
            0);
    }
    if (more) {
        assert_int_equal(
            gguf_writer_data(w, (struct ubytes){(const uint8_t *)zeros,
                                                sizeof(float)}),
            0);
    }
    assert_int_equal(gguf_writer_end(w), 0);
    gguf_writer_free(w);
    open_file(&f, &b);
    if (part == NULL) {
        assert_int_equal(mlp_new(&f.g, &m, &d), 0);
        assert_int_equal(mlp_members(m), 2);
        mlp_free(m);
    } else if (mlp_new(&f.g, &m, &d) == 0 || strstr(d.what, part) == NULL) {
        fail_msg("expected \"%s\", got: %s", part, d.what);
    }
    close_file(&f);
    buf_release(&b);
}

static void test_bad_ensembles(void **state)
{
    (void)state;
    ensemble_refused(2, "vote", 3, 3, 0, NULL);
    ensemble_refused(2, "average", 3, 3, 0, NULL);
    ensemble_refused(2, "most", 3, 3, 0, "proctor.mlp.combine");
    ensemble_refused(1, "vote", 3, 3, 0, "not 2 to 16");
    ensemble_refused(17, "vote", 3, 3, 0, "not 2 to 16");
    ensemble_refused(3, "vote", 3, 3, 0, "proctor.mlp.2.layer_sizes");
    ensemble_refused(2, "vote", 3, 4, 0, "member 1 has other");
    ensemble_refused(2, "vote", 3, 3, 1, "5 tensors");
}

/* TRAIN_TASK(COMBINE) to a worker of its own. Its reply in *out; the area. */
static uint8_t *serve(const char *how, uint64_t area_bytes, struct frame *f)
{
    Proctor__TrainTask m = PROCTOR__TRAIN_TASK__INIT;
    Proctor__CombineSpec spec = PROCTOR__COMBINE_SPEC__INIT;
    uint64_t sizes[MEMBERS];
    int fds[MEMBERS + 1], pair[2], status;
    uint8_t *area;
    pid_t pid;

    m.command = PROCTOR__TRAIN_COMMAND__TRAIN_COMBINE;
    m.combine = &spec;
    spec.how = text(how);
    m.weight_bytes = sizes;
    m.n_weight_bytes = MEMBERS;
    m.output_bytes = area_bytes;
    for (size_t i = 0; i < MEMBERS; i++) {
        sizes[i] = all.files[i].n;
        fds[i] = memfd_create("weights", MFD_CLOEXEC);
        assert_true(fds[i] >= 0 && write(fds[i], all.files[i].bytes,
                                         sizes[i]) == (ssize_t)sizes[i]);
    }
    fds[MEMBERS] = memfd_create("area", MFD_CLOEXEC);
    assert_int_equal(ftruncate(fds[MEMBERS], (off_t)area_bytes), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    pid = fork();
    if (pid == 0) {
        (void)close(pair[0]);
        _exit(train_serve(pair[1]));
    }
    assert_true(pid > 0);
    assert_int_equal(
        frame_send(pair[0], MSG_TRAIN_TASK, &m.base, fds, MEMBERS + 1), 0);
    frame_init(f);
    assert_int_equal(frame_receive(pair[0], MSG_FROM_WORKER, f), 0);
    assert_int_equal(f->info->msg, MSG_TRAIN_REPLY);
    (void)close(pair[0]);
    (void)close(pair[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    area = mmap(NULL, area_bytes, PROT_READ, MAP_SHARED, fds[MEMBERS], 0);
    assert_true(area != MAP_FAILED);
    for (size_t i = 0; i <= MEMBERS; i++) {
        (void)close(fds[i]);
    }
    return area;
}

static void test_served(void **state)
{
    const Proctor__TrainReply *r;
    struct file out;
    struct frame f;
    uint8_t *area;

    (void)state;
    make(ROWS_CLASSIFICATION, "softmax", 4, 1);
    combine("vote", &out);
    area = serve("vote", FILE_MAX, &f);
    r = (const Proctor__TrainReply *)f.m;
    assert_null(r->problem);
    assert_int_equal(r->bytes, out.n);
    assert_memory_equal(area, out.bytes, out.n);
    (void)munmap(area, FILE_MAX);
    frame_release(&f);
    close_file(&out);
    area = serve("weights", FILE_MAX, &f);
    r = (const Proctor__TrainReply *)f.m;
    assert_non_null(r->problem);
    assert_non_null(strstr(r->problem->what, "another shape"));
    (void)munmap(area, FILE_MAX);
    frame_release(&f);
    area = serve("average", 256, &f);
    r = (const Proctor__TrainReply *)f.m;
    assert_non_null(r->problem);
    assert_int_equal(r->problem->kind, 1);
    (void)munmap(area, 256);
    frame_release(&f);
    clear();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ensembles),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_bad_ensembles),
        cmocka_unit_test(test_served),
    };

    if (nn_prove() != 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
