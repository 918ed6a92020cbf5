/* Run directories, their index, metrics as files, scores, and the line about a
 * training: what `proctor experiment` makes without a kernel. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/experiment_checkpoint.h"
#include "cli/experiment_dir.h"
#include "cli/experiment_metrics.h"
#include "cli/experiment_score.h"
#include "cli/files.h"
#include "cli/json_read.h"
#include "cli/object.h"
#include "cli/train_text.h"
#include "proto/err.h"

static int enter(void **state)
{
    char *dir = strdup("/tmp/proctor-experiment.XXXXXX");

    assert_non_null(mkdtemp(dir));
    assert_int_equal(chdir(dir), 0);
    *state = dir;
    return 0;
}

static int leave(void **state)
{
    char command[128];

    assert_int_equal(chdir("/"), 0);
    snprintf(command, sizeof(command), "rm -rf %s", (char *)*state);
    assert_int_equal(system(command), 0);
    free(*state);
    return 0;
}

static size_t runs_of(const char *path)
{
    struct json_read *j = NULL;
    struct buf text;
    size_t n;

    buf_init(&text, 1u << 20);
    assert_int_equal(files_read(path, 1u << 20, &text), 0);
    assert_int_equal(json_read_new(&j), 0);
    assert_int_equal(json_read_text(j, buf_bytes(&text), 1u << 20), 0);
    n = json_read_count(j, "$.runs");
    json_read_free(j);
    buf_release(&text);
    return n;
}

/* T, T_1, T_2: never T_1_2; each with its parts. */
static void own_folders(void **state)
{
    static struct experiment_dir a, b, c;
    static char path[PATH_MAX + 16];
    struct diag d;
    struct stat st;

    (void)state;
    do { /* in one second */
        diag_init(&d);
        assert_int_equal(experiment_dir_make("out/deep", "x", &a, &d), 0);
        assert_int_equal(experiment_dir_make("out/deep", "x", &b, &d), 0);
        assert_int_equal(experiment_dir_make("out/deep", "x", &c, &d), 0);
    } while (strncmp(a.timestamp, c.timestamp, 15) != 0);
    assert_int_equal(strlen(a.timestamp), 15);
    assert_string_equal(b.timestamp + 15, "_1");
    assert_string_equal(c.timestamp + 15, "_2");
    snprintf(path, sizeof(path), "%.4000s/checkpoints", c.path);
    assert_int_equal(stat(path, &st), 0);
    snprintf(path, sizeof(path), "%.4000s/metrics", c.path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(experiment_dir_open(c.path, &a, &d), 0);
    assert_string_equal(a.root, c.root);
    assert_string_equal(a.run, c.run);
}

/* Nothing is made outside of the working directory, by dots or by links. */
static void stays_beneath(void **state)
{
    static const char *const outside[] = {"..", "../x", "/", "/tmp", "link",
                                          "link/x/y", "a/../../x"};
    static struct experiment_dir r;
    struct diag d;
    struct stat st;

    (void)state;
    assert_int_equal(mkdir("here", 0777), 0);
    assert_int_equal(mkdir("elsewhere", 0777), 0);
    assert_int_equal(chdir("here"), 0);
    assert_int_equal(symlink("../elsewhere", "link"), 0);
    assert_int_equal(symlink("inside", "also"), 0);
    assert_int_equal(mkdir("inside", 0777), 0);
    for (size_t i = 0; i < ARRAY_N(outside); i++) {
        diag_init(&d);
        assert_int_equal(experiment_dir_make(outside[i], "x", &r, &d),
                         ERR_INPUT);
        assert_non_null(strstr(d.what, "outside of the working directory"));
    }
    assert_int_equal(stat("../elsewhere/x", &st), -1);
    assert_int_equal(experiment_dir_make("also", "x", &r, &d), 0);
    assert_non_null(strstr(r.path, "/here/inside/x/"));
}

/* Many at once: all are listed, none twice; a run's entry changes in its place. */
static void one_index(void **state)
{
    enum { AT_ONCE = 24 };
    static const struct ubytes none = {NULL, 0};
    static struct experiment_dir r;
    struct diag d;

    (void)state;
    diag_init(&d);
    for (int i = 0; i < AT_ONCE; i++) {
        if (fork() == 0) {
            int rc = experiment_dir_make("out", "x", &r, &d);

            rc = rc == 0 ? experiment_dir_index(&r, "x", "running", none, &d)
                         : rc;
            rc = rc == 0 ? experiment_dir_index(
                               &r, "x", "completed",
                               (struct ubytes){(const uint8_t *)"{\"a\": [1, "
                                                                "\"}]\"]}",
                                               16},
                               &d)
                         : rc;
            _exit(rc == 0 ? 0 : 1);
        }
    }
    for (int i = 0; i < AT_ONCE; i++) {
        int status = 1;

        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    assert_int_equal(runs_of("out/index.json"), AT_ONCE);
    /* What is no index of ours stays as it is. */
    assert_int_equal(experiment_dir_make("out", "x", &r, &d), 0);
    assert_int_equal(files_write("out/index.json",
                                 (struct ubytes){(const uint8_t *)"[3", 2}), 0);
    assert_int_equal(experiment_dir_index(&r, "x", "completed", none, &d),
                     ERR_INPUT);
    assert_string_equal(d.hint, "move it away: nothing but a listing is lost");
}

static void add(struct metrics *m, uint32_t epoch, double loss, int measured)
{
    Proctor__TrainEpoch e = PROCTOR__TRAIN_EPOCH__INIT;
    Proctor__Claim claim = PROCTOR__CLAIM__INIT;
    Proctor__Claim *list[] = {&claim};
    static char name[] = "loss";

    claim.name = name;
    claim.value = loss;
    e.epoch = epoch;
    e.claims = list;
    e.n_claims = 1;
    e.has_measured = measured;
    e.measured = 0.5;
    assert_int_equal(metrics_add(m, &e), 0);
}

static void assert_file(const char *dir, const char *name, const char *text)
{
    struct buf b;
    static char path[2 * PATH_MAX];

    buf_init(&b, 1u << 20);
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    assert_int_equal(files_read(path, 1u << 20, &b), 0);
    assert_int_equal(buf_put_u8(&b, 0), 0);
    assert_string_equal((const char *)buf_bytes(&b).p, text);
    buf_release(&b);
}

/* Epochs twice or out of order, and numbers that are none. */
static void metrics_files(void **state)
{
    struct metrics m = {.rows = NULL};
    static struct experiment_dir r;
    struct diag d;

    (void)state;
    diag_init(&d);
    assert_int_equal(experiment_dir_make("out", "x", &r, &d), 0);
    assert_int_equal(metrics_write(&m, &r, "metrics", "x", &d), 0);
    add(&m, 1, 4.668918369364614, 0);
    assert_int_equal(metrics_stream(&m, &r, "metrics", &d), 0);
    add(&m, 3, (double)NAN, 1);
    add(&m, 2, 1.0 / 0.0, 0);
    add(&m, 3, (double)NAN, 1);
    m.streamed = 0; /* what came late is put in order at the end */
    assert_int_equal(metrics_stream(&m, &r, "metrics", &d), 0);
    assert_int_equal(metrics_write(&m, &r, "metrics", "x", &d), 0);
    assert_file(r.path, "metrics/metrics.ndjson",
                "{\"epoch\": 1, \"loss\": 4.668918369364614}\n"
                "{\"epoch\": 2, \"loss\": null}\n"
                "{\"epoch\": 3, \"loss\": null, \"measured\": 0.5}\n");
    assert_file(r.path, "metrics/metrics.json",
                "{\n  \"experiment\": \"x\",\n  \"metrics\": [\n"
                "    {\"epoch\": 1, \"loss\": 4.668918369364614},\n"
                "    {\"epoch\": 2, \"loss\": null},\n"
                "    {\"epoch\": 3, \"loss\": null, \"measured\": 0.5}\n  ]\n}\n");
    assert_file(r.path, "metrics/metrics.md",
                "# Metrics Summary: x\n\n| Epoch | loss | measured |\n"
                "|---|---|---|\n| 1 | 4.668918 | N/A |\n| 2 | N/A | N/A |\n"
                "| 3 | N/A | 0.500000 |\n\n## Final Metrics\n\n"
                "- **loss**: N/A\n- **measured**: 0.500000\n");
    metrics_release(&m);
}

static void scores(void **state)
{
    static const double answers[] = {1, 2, 4, 4};
    static const double labels[] = {1, 2, 3, 6};
    static const double classes[] = {0, 1, 2, 2};
    static const double guesses[] = {0, 2, 2, 1};
    struct experiment_score *s = calloc(1, sizeof(*s));

    (void)state;
    assert_non_null(s);
    assert_int_equal(experiment_score_make(s, 0, answers, labels, 4), 0);
    assert_true(s->mse == 1.25 && s->mae == 0.75);
    assert_true(s->r2 > 0.642 && s->r2 < 0.643); /* 1 - 5/14 */
    assert_int_equal(experiment_score_make(s, 0, labels, (double[]){3, 3}, 2), 0);
    assert_true(s->r2 == 0);
    assert_int_equal(experiment_score_make(s, 1, guesses, classes, 4), 0);
    assert_true(s->accuracy == 0.5);
    assert_int_equal(s->classes, 3);
    assert_int_equal(s->of_class[2], 2);
    assert_int_equal(s->right[2], 1);
    assert_int_equal(s->right[1], 0);
    assert_int_equal(experiment_score_make(s, 1, guesses, classes, 0), ERR_INPUT);
    free(s);
}

static void line(void **state)
{
    Proctor__TrainEvent e = PROCTOR__TRAIN_EVENT__INIT;
    struct train_pace p = {0};
    char text[TRAIN_TEXT_BYTES];

    (void)state;
    e.epoch = 3;
    e.epochs = 20;
    e.steps = 1000;
    e.step = 100;
    e.loss = 0.12345;
    e.rate = 0.001;
    e.batch = 32;
    train_pace_add(&p, &e, 10);
    train_text(&e, &p, 80, text);
    assert_string_equal(text, "epoch 3/20 [##......................] "
                              "loss 0.1235 rate 0.001");
    e.step = 200;
    train_pace_add(&p, &e, 12); /* 50 a second, 800 are left */
    train_text(&e, &p, 100, text);
    assert_non_null(strstr(text, " 1 600 rows/s 0:16 left"));
    train_text(&e, &p, 60, text);
    assert_string_equal(text, "epoch 3/20 loss 0.1235 rate 0.001 1 600 rows/s "
                              "0:16 left");
    train_text(&e, &p, 50, text);
    assert_string_equal(text, "epoch 3/20 loss 0.1235 1 600 rows/s 0:16 left");
    e.tokens = 128;
    e.has_measured = 1;
    e.measured = 0.75;
    train_text(&e, &p, 200, text);
    assert_non_null(strstr(text, "measured 0.75"));
    assert_non_null(strstr(text, "204 800 tokens/s"));
}

/* An object of the store ".", whose bytes are text; *out is its name. */
static void store(const char *text, struct cid *out)
{
    struct ubytes bytes = {(const uint8_t *)text, strlen(text)};
    char path[PATH_MAX];
    char *slash;

    *out = cid_of(bytes);
    object_path(".", out, path);
    slash = strrchr(path, '/');
    (void)mkdir("objects", 0777);
    *slash = '\0';
    (void)mkdir(path, 0777);
    *slash = '/';
    assert_int_equal(files_write(path, bytes), 0);
}

static void assert_weights(const struct experiment_dir *dir, const char *name,
                           const char *text)
{
    char path[PATH_MAX];
    struct buf is;

    buf_init(&is, 4096);
    snprintf(path, sizeof(path), "%.3000s/checkpoints/%s/weights.gguf",
             dir->path, name);
    assert_int_equal(files_read(path, 4096, &is), 0);
    assert_int_equal(buf_len(&is), strlen(text));
    assert_memory_equal(buf_bytes(&is).p, text, strlen(text));
    buf_release(&is);
}

/* A log of epochs 1..3 with 3 bytes of an area each; the third may be newest. */
static int add_log(struct checkpoints *c, struct cid *area, struct cid *newest,
                   uint64_t last_bytes, uint32_t every)
{
    Proctor__TrainLog log = PROCTOR__TRAIN_LOG__INIT;
    Proctor__TrainEpoch e[3], *list[3];
    Proctor__AreaPart p[3];

    for (uint32_t i = 0; i < 3; i++) {
        proctor__train_epoch__init(&e[i]);
        proctor__area_part__init(&p[i]);
        p[i].offset = i < 2 || last_bytes > 0 ? 3 * i : 0;
        p[i].bytes = i < 2 ? 3 : last_bytes;
        e[i].epoch = i + 1;
        e[i].weights = &p[i];
        list[i] = &e[i];
    }
    log.epochs = list;
    log.n_epochs = 3;
    log.area.data = area->b;
    log.area.len = CID_BYTES;
    return checkpoints_add(c, &log, newest, every);
}

static void checkpoints_of_logs(void **state)
{
    struct cid area, later, newest, none = {{0}};
    static struct experiment_dir dir;
    struct checkpoints c;
    char path[PATH_MAX];
    struct diag d;

    (void)state;
    diag_init(&d);
    store("aaabbbccc", &area);
    store("AAABBBCCC", &later);
    store("newest", &newest);
    assert_int_equal(experiment_dir_make("out", "net", &dir, &d), 0);
    checkpoints_init(&c);
    /* Neighbours in one object, a whole object; what is not there is left out. */
    assert_int_equal(add_log(&c, &area, &newest, 0, 1), 0);
    assert_int_equal(c.n, 3);
    assert_int_equal(checkpoints_write(&c, ".", &dir, &d), 0);
    assert_weights(&dir, "checkpoint_epoch_1", "aaa");
    assert_weights(&dir, "checkpoint_epoch_2", "bbb");
    assert_weights(&dir, "checkpoint_epoch_3", "newest");
    /* The same epochs again take their places. */
    assert_int_equal(add_log(&c, &later, &none, 0, 2), 0);
    assert_int_equal(c.n, 3);
    assert_int_equal(checkpoints_write(&c, ".", &dir, &d), 0);
    assert_weights(&dir, "checkpoint_epoch_1", "aaa");
    assert_weights(&dir, "checkpoint_epoch_2", "BBB");
    assert_weights(&dir, "checkpoint_epoch_3", "newest");
    checkpoints_release(&c);
    assert_int_equal(add_log(&c, &area, &none, 0, 3), 0);
    assert_int_equal(c.n, 0);
    /* A part that ends behind its object; one of an object that is another. */
    assert_int_equal(add_log(&c, &area, &none, 4, 3), 0);
    assert_int_equal(checkpoints_write(&c, ".", &dir, &d),
                     ERR_STORE_DAMAGED);
    checkpoints_release(&c);
    object_path(".", &later, path);
    assert_int_equal(files_write(path, (struct ubytes){(const uint8_t *)"x", 1}),
                     0);
    assert_int_equal(add_log(&c, &later, &none, 3, 1), 0);
    assert_int_equal(checkpoints_write(&c, ".", &dir, &d),
                     ERR_STORE_DAMAGED);
    assert_weights(&dir, "checkpoint_epoch_1", "aaa");
    assert_int_equal(checkpoint_write(".", &later, "checkpoint_final", &dir, &d),
                     ERR_STORE_DAMAGED);
    assert_int_equal(checkpoint_write(".", &newest, "checkpoint_final", &dir, &d),
                     0);
    assert_weights(&dir, "checkpoint_final", "newest");
    checkpoints_release(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(own_folders, enter, leave),
        cmocka_unit_test_setup_teardown(stays_beneath, enter, leave),
        cmocka_unit_test_setup_teardown(one_index, enter, leave),
        cmocka_unit_test_setup_teardown(metrics_files, enter, leave),
        cmocka_unit_test_setup_teardown(checkpoints_of_logs, enter, leave),
        cmocka_unit_test(scores),
        cmocka_unit_test(line)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
