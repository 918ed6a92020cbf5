/* Experiment files: what becomes of them, and each rule of each field. */
#include "tests/unit/config/ask.h"

#define KIND PROCTOR__CONFIG_KIND__CONFIG_EXPERIMENT

static const char regression[] =
    "{\"name\": \"line\",\n"
    " \"dataset\": {\"name\": \"synthetic_regression\", \"params\": {}},\n"
    " \"model\": {\"name\": \"linear_regression\",\n"
    "            \"params\": {\"use_gradient_descent\": true}}}\n";
static const char classes[] =
    "name: net\n"
    "dataset: {name: Synthetic_Classification, params: {n_samples: 500}}\n"
    "model:\n"
    "  name: MLP\n"
    "  params: {layer_sizes: [10, 5, 2], output_activation: softmax}\n";

static const char plane[] =
    "name: plane\n"
    "dataset: {name: spirals, params: {n_classes: 3}}\n"
    "model:\n"
    "  name: mlp\n"
    "  params: {layer_sizes: [2, 5, 3], output_activation: softmax}\n";

static void ask(struct asked *a, const char *text, const char *word)
{
    const char *words[] = {word};

    ask_with(a, KIND, text, words, word != NULL);
}

static int holds(ProtobufCBinaryData text, const char *part)
{
    return memmem(text.data, text.len, part, strlen(part)) != NULL;
}

/* The graph is one that the reader of graphs takes. */
static void assert_reads(const Proctor__Experiment *x)
{
    struct asked g;

    ask_bytes(&g, PROCTOR__CONFIG_KIND__CONFIG_GRAPH, x->graph.data,
              x->graph.len);
    if (g.reply.problem) {
        fail_msg("%s in\n%.*s", g.reply.problem->what, (int)x->graph.len,
                 (const char *)x->graph.data);
    }
    ask_done(&g);
}

/* Each is a part of the graph or, after !, of config.json. */
static void assert_parts(const Proctor__Experiment *x, const char *const *parts,
                         size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int is_config = parts[i][0] == '!';

        if (!holds(is_config ? x->config : x->graph, parts[i] + is_config)) {
            fail_msg("no %s in\n%.*s\n%.*s", parts[i], (int)x->graph.len,
                     (const char *)x->graph.data, (int)x->config.len,
                     (const char *)x->config.data);
        }
    }
}

static void regression_defaults(void **state)
{
    static const char *const parts[] = {
        "{\"format\":\"regression\",\"rows\":1000,\"features\":10,"
        "\"informative\":10,\"noise\":0.1,\"seed\":42}",
        "{\"of\":\"data\",\"holdout\":0.2,\"stratified\":false}",
        "\"model\":{\"kind\":\"linear\",\"closed_form\":false,\"l2\":0.0}",
        "\"optimizer\":{\"kind\":\"adam\",\"rate\":0.001}",
        "\"epochs\":10,\"batch\":32,\"checkpoint\":1",
        "\"metric\":\"mean_squared_error\"",
        "!\"batch_size\": 32",
        "!\"learning_rate\": 0.001",
        "!\"optimizer\": \"adam\"",
        "!\"directory\": \"outputs\"",
        "!\"save_logs\": true",
        "!\"description\": null"};
    struct asked a;
    const Proctor__Experiment *x;

    (void)state;
    ask(&a, regression, NULL);
    assert_fine(&a);
    assert_int_equal(a.reply.n_experiments, 1);
    assert_int_equal(a.reply.n_warnings, 0);
    x = a.reply.experiments[0];
    assert_reads(x);
    assert_parts(x, parts, ARRAY_N(parts));
    assert_string_equal(x->name, "line");
    assert_string_equal(x->directory, "outputs");
    assert_string_equal(x->score, "score");
    assert_string_equal(x->cannot, "");
    assert_int_equal(x->epochs, 10);
    assert_int_equal(x->kind, PROCTOR__DATA_KIND__DATA_REGRESSION);
    assert_true(x->saves && x->logs && !x->harness);
    assert_int_equal(x->n_trains, 1);
    ask_done(&a);
}

/* What the kernel would get of it. */
static void canonical(const Proctor__Experiment *x, struct buf *out)
{
    struct asked g;

    buf_init(out, (size_t)1 << 20);
    ask_bytes(&g, PROCTOR__CONFIG_KIND__CONFIG_GRAPH, x->graph.data,
              x->graph.len);
    assert_fine(&g);
    assert_int_equal(pb_encode(&g.reply.graph->base, out), 0);
    ask_done(&g);
}

/* The configuration with all defaults is a file that means the same. */
static void assert_again(const Proctor__Experiment *x)
{
    CLEANUP(buf_release) struct buf first;
    CLEANUP(buf_release) struct buf second;
    struct asked a;

    ask_bytes(&a, KIND, x->config.data, x->config.len);
    assert_fine(&a);
    canonical(x, &first);
    canonical(a.reply.experiments[0], &second);
    assert_int_equal(buf_len(&first), buf_len(&second));
    assert_memory_equal(buf_bytes(&first).p, buf_bytes(&second).p,
                        buf_len(&first));
    ask_done(&a);
}

/* One word over a file, and what then stands in the graph or the configuration. */
static const struct {
    const char *base;
    const char *word;
    const char *part;
} obeyed[] = {
    /* Defects of the harness that are none here: rate, optimizer and the data's
     * own seed are obeyed, rows are held out, all rows are fitted. */
    {regression, "training.learning_rate=1e-2", "\"rate\":0.01"},
    {regression, "training.optimizer=RMSprop", "\"kind\":\"rmsprop\""},
    {regression, "dataset.params.seed=7", "\"seed\":7}"},
    {regression, "training.seed=7", "\"noise\":0.1,\"seed\":7}"},
    {regression, "model.params.use_gradient_descent=false",
     "\"model\":{\"kind\":\"linear\",\"closed_form\":true,\"l2\":0.0},"
     "\"seed\":42},"},
    {regression, "training.params={schedule: {kind: cosine, size: 9}}",
     "\"schedule\":{\"kind\":\"cosine\",\"size\":9}"},
    {regression, "training.params={beta2: 0.99, clip: 1, workers: 2, "
                 "micro_batches: 2}",
     "\"rate\":0.001,\"beta2\":0.99}"},
    {regression, "model.params.seed=0", "\"seed\":0,"},
    {regression, "dataset.params.n_samples=100",
     "\"holdout\":0.305,\"stratified\":false"},
    {regression, "evaluation={holdout: 0}", "\"data\":\"data\""},
    {regression, "evaluation={validation: 0.1, metric: mean_absolute_error}",
     "\"validation\":0.1"},
    {regression, "evaluation={folds: 3}", "\"fold\":3,\"folds\":3"},
    {regression, "ensemble={how: average, n: 2}",
     "\"op\":\"train.combine\",\"needs\":[\"member_1\",\"member_2\"]"},
    {regression, "ensemble={how: weights}", "\"seed\":44"},
    {classes, "training.epochs=3", "\"stratified\":true"},
    {classes, "evaluation={exam: true, ref: primitives/net}",
     "\"op\":\"exam.holdout\""},
    {classes, "evaluation={exam: true, ref: primitives/net}",
     "\"with\":{\"ref\":\"primitives/net\"}"},
    {classes, "evaluation={exam: true}", "\"twin\":\"labels\""},
    {classes, "output={checkpoint_frequency: 4}", "\"checkpoint\":4"},
    {classes, "output.save_checkpoints=off", "!\"save_checkpoints\": false"},
    {classes, "model.params.dropout=0.5", "\"dropout\":0.5"},
    {classes, "model.params.standardize=yes", "\"standardize\":true"},
    {classes, "model.params.activation=Tanh", "\"activation\":\"tanh\""},
    {plane, "dataset.params.noise_std=0", "\"format\":\"spirals\","},
    {plane, "model.params.layer_sizes=[2, 3]", "\"classes\":3,"},
    {classes, "dataset={name: mnist, path: mnist}",
     "\"files\":[\"mnist/train-images-idx3-ubyte\",\"mnist/train-labels-idx1-"
     "ubyte\"]"},
    {classes, "dataset={name: cifar10, path: /data/c}",
     "\"data/c/data_batch_5.bin\"]"},
    {classes, "dataset={name: cifar100, path: c}", "[\"c/train.bin\"]"},
    {classes, "dataset={name: csv, path: iris.csv, params: {output: kind}}",
     "\"kind\":\"classification\""},
    {classes, "dataset={name: custom_iris, path: a.csv, params: {output: k}}",
     "\"format\":\"csv\""},
    {classes, "dataset={name: npy, params: {files: [x.npy, y.npy]}}",
     "\"files\":[\"x.npy\",\"y.npy\"]"},
    {classes, "compat=harness", "\"rate\":0.001"},
    {classes, "compat=harness", "\"compat\":\"harness\",\"loss\":\"squared\""},
    {classes, "compat=harness", "\"data\":\"data\",\"model\":{\"kind\":\"mlp\","
                                "\"seed\":42,"},
};

static void obeys(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_N(obeyed); i++) {
        struct asked a;

        ask(&a, obeyed[i].base, obeyed[i].word);
        if (a.reply.problem) {
            fail_msg("%s: %s", obeyed[i].word, a.reply.problem->what);
        }
        assert_string_equal(a.reply.experiments[0]->cannot, "");
        assert_parts(a.reply.experiments[0], &obeyed[i].part, 1);
        assert_reads(a.reply.experiments[0]);
        assert_again(a.reply.experiments[0]);
        ask_done(&a);
    }
}

/* One word over a file that makes it wrong. */
static const struct {
    const char *base;
    const char *word;
    const char *what;
} wrong[] = {
    {regression, "name=\"\"", "name: expected text, got an empty string"},
    {regression, "name=3", "name: expected text, got 3"},
    {regression, "name=a/b", "name: has invalid path characters"},
    {regression, "name=a\\b", "name: has invalid path characters"},
    {regression, "name=a..b", "name: has invalid path characters"},
    {regression, "dataset=null", "dataset: expected an object, got null"},
    {regression, "dataset={}", "missing required field \"name\""},
    {regression, "dataset.name=synthetic_regresion",
     "did you mean \"synthetic_regression\"?"},
    {regression, "dataset.path=3", "dataset.path: expected text"},
    {regression, "dataset.params=null", "params: expected an object"},
    {regression, "dataset.params.n_samples=0", "expected 1..9223372036"},
    {regression, "dataset.params.n_samples=-5", "got -5"},
    {regression, "dataset.params.n_samples=10.0", "got 10.0"},
    {regression, "dataset.params.n_samples=\"10\"", "got \"10\""},
    {regression, "dataset.params.n_samples=true", "got true"},
    {regression, "dataset.params.n_features=0", "n_features: expected"},
    {regression, "dataset.params.n_informative=11",
     "expected at most the 10 features, got 11"},
    {regression, "dataset.params.n_informative=null", "got null"},
    {regression, "dataset.params.seed=4294967296", "0..4294967295"},
    {regression, "dataset.params.noise_std=-0.1", "of at least 0"},
    {regression, "dataset.params.noise_std=.nan", "expected a number"},
    {regression, "dataset.params.noise_std=NaN", "expected a number"},
    {regression, "dataset.params.noise_std=Infinity", "expected a number"},
    {regression, "dataset.params.n_samples=50000000", "is too large: about "
                                                      "3814.7 MB"},
    {classes, "dataset.params.n_classes=1", "n_classes: expected 2.."},
    {classes, "dataset.params.n_classes=2000",
     "500 samples cannot have 2000 classes"},
    {classes, "dataset.params.n_samples=1", "1 samples cannot have 2 classes"},
    {classes, "dataset.params.class_sep=0", "a number above 0"},
    {regression, "model.name=lineer", "is no model's name"},
    {regression, "model.params=[]", "params: expected an object, got a list"},
    {regression, "model.params.seed=x", "model.params.seed: expected 0.."},
    {regression, "model.params.use_gradient_descent=1", "true or false"},
    {regression, "model.params.l2_regularization=-1", "of at least 0"},
    {classes, "model.params.layer_sizes=[10]", "expected 2 to 66 sizes, got 1"},
    {classes, "model.params.layer_sizes=10", "expected a list"},
    {classes, "model.params.layer_sizes=[10, true, 2]",
     "layer_sizes[1]: expected 1..65536, got true"},
    {classes, "model.params.layer_sizes=[10, 0, 2]", "layer_sizes[1]"},
    {classes, "model.params.layer_sizes=[9, 2]",
     "9 inputs for data of 10 features"},
    {classes, "dataset.params.n_classes=3", "3 classes for 2 outputs"},
    {classes, "model.params.activation=swish", "expected relu, tanh"},
    {classes, "model.params.output_activation=linear", "expected sigmoid or"},
    {classes, "model.params.dropout=1", "expected a share below 1"},
    {classes, "model={name: mlp}", "missing required field \"layer_sizes\""},
    {classes, "model={name: linear_regression}", "a linear regression of "
                                                 "classes"},
    {classes, "model={name: transformer}", "learns from text only"},
    {regression, "model={name: mlp, params: {layer_sizes: [10, 2]}}",
     "2 outputs for targets of width 1"},
    {regression, "training=null", "training: expected an object, got null"},
    {regression, "training.epochs=0", "training.epochs: expected 1.."},
    {regression, "training.epochs=2.0", "got 2.0"},
    {regression, "training.batch_size=0", "training.batch_size"},
    {regression, "training.learning_rate=0", "a number above 0, got 0"},
    {regression, "training.learning_rate=fast", "expected a number"},
    {regression, "training.learning_rate=true", "expected a number, got true"},
    {regression, "training.optimizer=adagrad", "expected adam, sgd"},
    {regression, "training.optimizer=3", "expected adam, sgd"},
    {regression, "training.seed=null", "there is no null"},
    {regression, "training.seed=-1", "0..4294967295, got -1"},
    {regression, "training.params={schedule: {kind: cosin, size: 2}}",
     "training.params.schedule.kind"},
    {regression, "training.params={momentum: 0.9}", "adam has no such key"},
    {regression, "training.params={workers: 2}", "2 workers share 1"},
    {regression, "output=3", "output: expected an object, got 3"},
    {regression, "output.directory=\"\"", "output.directory: expected text"},
    {regression, "output.save_checkpoints=1", "true or false"},
    {regression, "output.checkpoint_frequency=0", "checkpoint_frequency"},
    {regression, "evaluation.holdout=1", "expected a share below 1"},
    {regression, "evaluation.metric=accuracy", "accuracy is of classes"},
    {classes, "evaluation.metric=mean_squared_error", "have no distance"},
    {regression, "evaluation={validation: 0.1, folds: 3}", "both \"valida"},
    {regression, "evaluation={ref: a}", "only when an exam admits"},
    {regression, "evaluation={exam: true, holdout: 0}", "needs rows"},
    {regression, "evaluation={folds: 3, holdout: 0}", "that a split draws"},
    {regression, "ensemble={how: vote}", "a vote is about classes"},
    {regression, "ensemble={how: mean}", "expected average, vote or weights"},
    {regression, "compat=numpy", "expected harness or none"},
    {classes, "dataset={name: csv, path: a.csv}", "missing required field "
                                                  "\"output\""},
    {classes, "dataset={name: mnist, path: a/../b}", "no path of a data file"},
    {regression, "search=3", "search: expected an object"},
    {regression, "search={}", "expected a grid, or random and over"},
    {regression, "search={grid: {training.epochs: 3}}", "expected a list"},
    {regression, "search={random: 3}", "random and over"},
    {regression, "search={random: 3, over: {training.epochs: {low: 3, high: "
                 "2}}}", "an empty range"},
    {regression, "search={grid: {training.epochs: [1, 0]}}",
     "training.epochs: expected 1.."},
};

static void refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_N(wrong); i++) {
        const Proctor__Problem *p;
        struct asked a;

        ask(&a, wrong[i].base, wrong[i].word);
        p = a.reply.problem;
        if (!p || !strstr(p->what, wrong[i].what)) {
            fail_msg("%s\n  wanted: %s\n  got: %s", wrong[i].word,
                     wrong[i].what, p ? p->what : "nothing");
        }
        assert_int_equal(a.reply.n_experiments, 0);
        ask_done(&a);
    }
}

/* All that is wrong is told at once, in the order of the text. */
static void tells_all(void **state)
{
    static const char text[] =
        "name: a/b\n"
        "dataset: {name: synthetic_regression, params: {n_samples: 0,\n"
        "          n_features: true}}\n"
        "model: {name: mlp, params: {layer_sizes: [20, true]}}\n"
        "training: {epochs: 2.0, batch_size: -1, learning_rate: .nan,\n"
        "           optimizer: adamm}\n"
        "output: null\n";
    static const struct {
        uint32_t line, col;
        const char *what;
    } all[] = {{1, 7, "name: has"},           {2, 59, "n_samples"},
               {3, 23, "n_features"},         {4, 47, "layer_sizes[1]"},
               {5, 20, "training.epochs"},    {5, 37, "batch_size"},
               {5, 56, "learning_rate"},      {6, 23, "optimizer"},
               {7, 9, "output: expected an object, got null"}};
    struct asked a;

    (void)state;
    ask(&a, text, NULL);
    assert_int_equal(a.reply.n_problems, ARRAY_N(all));
    for (size_t i = 0; i < ARRAY_N(all); i++) {
        const Proctor__Problem *p = a.reply.problems[i];

        if (p->line != all[i].line || p->col != all[i].col ||
            !strstr(p->what, all[i].what)) {
            fail_msg("%u:%u %s", p->line, p->col, p->what);
        }
    }
    ask_done(&a);
}

/* What says nothing is told, and changes nothing. */
static void warns(void **state)
{
    static const struct {
        const char *base, *word, *what;
    } rows[] = {
        {regression, "epochs=3", "unknown key \"epochs\" is ignored"},
        {regression, "training.epoch=3", "did you mean \"epochs\"?"},
        {regression, "dataset.params.n_clases=3", "unknown key \"n_clases\""},
        {regression, "dataset.params.class_sep=3", "says nothing here"},
        {regression, "model.architecture=x", "says nothing here"},
        {regression, "output.params={a: 1}", "says nothing here"},
        {regression, "training.params={warmup: 3}", "unknown key \"warmup\""},
        {regression, "dataset.params.n_samples=50", "nothing is held out"},
        {classes, "training.learning_rate=2", "learning_rate 2 is above 1"},
        {classes, "model.params.layer_sizes=[10, 3]", "3 outputs for 2"},
        {regression,
         "model.params={use_gradient_descent: false, l2_regularization: 1}",
         ""},
        {regression, "compat=harness", ""}};

    (void)state;
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        struct asked a;
        int found = rows[i].what[0] == '\0';

        ask(&a, rows[i].base, rows[i].word);
        assert_fine(&a);
        for (size_t k = 0; k < a.reply.n_warnings; k++) {
            found |= strstr(a.reply.warnings[k], rows[i].what) != NULL;
        }
        if (!found || a.reply.n_warnings != (rows[i].what[0] != '\0')) {
            fail_msg("%s: %zu warnings, %s", rows[i].word, a.reply.n_warnings,
                     a.reply.n_warnings ? a.reply.warnings[0] : "none");
        }
        assert_reads(a.reply.experiments[0]);
        ask_done(&a);
    }
}

/* What there is no way to run is said before anything runs. */
static void cannot(void **state)
{
    static const struct {
        const char *word, *what;
    } rows[] = {
        {"dataset={name: imagenet}", "dataset imagenet: there is no reader"},
        {"dataset={name: mnist}", "dataset mnist: path names the folder"},
        {"dataset={name: custom_x}", "dataset custom_x: path names a .csv"},
        {"model.name=resnet18", "model resnet18: there is none"},
        {"model={name: custom}", "model custom: there is none"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        const Proctor__Experiment *x;
        struct asked a;

        ask(&a, classes, rows[i].word);
        assert_fine(&a);
        x = a.reply.experiments[0];
        if (!strstr(x->cannot, rows[i].what) ||
            !strstr(x->summary, "cannot run")) {
            fail_msg("%s: \"%s\"", rows[i].word, x->cannot);
        }
        assert_int_equal(x->graph.len, 0);
        ask_done(&a);
    }
}

/* Lists, and lists that a search makes. */
static void lists(void **state)
{
    static const char list[] =
        "- {name: a, dataset: {name: synthetic_regression},\n"
        "   model: {name: linear_regression}}\n"
        "- {name: b, dataset: {name: moons},\n"
        "   model: {name: mlp, params: {layer_sizes: [2, 4, 1],\n"
        "           output_activation: sigmoid}},\n"
        "   search: {grid: {training.learning_rate: [0.1, 0.01],\n"
        "                   training.epochs: [5, 6, 7]}}}\n"
        "- {name: c, dataset: {name: synthetic_regression},\n"
        "   model: {name: linear_regression},\n"
        "   search: {random: 4, seed: 3,\n"
        "            over: {training.seed: {low: 1, high: 9, whole: true},\n"
        "                   model.params.l2_regularization:\n"
        "                     {low: 0.001, high: 1, log: true}}}}\n";
    struct asked a, again;

    (void)state;
    ask(&a, list, NULL);
    assert_fine(&a);
    assert_int_equal(a.reply.n_experiments, 11);
    assert_string_equal(a.reply.experiments[0]->name, "a");
    assert_string_equal(a.reply.experiments[1]->name, "b-001");
    assert_string_equal(a.reply.experiments[6]->name, "b-006");
    assert_true(holds(a.reply.experiments[3]->graph, "\"epochs\":7"));
    assert_true(holds(a.reply.experiments[3]->graph, "\"rate\":0.1}"));
    assert_true(holds(a.reply.experiments[4]->graph, "\"rate\":0.01}"));
    assert_string_equal(a.reply.experiments[10]->name, "c-004");
    ask(&again, list, NULL);
    for (size_t i = 0; i < a.reply.n_experiments; i++) {
        const Proctor__Experiment *x = a.reply.experiments[i];
        const Proctor__Experiment *y = again.reply.experiments[i];

        assert_reads(x);
        assert_int_equal(x->graph.len, y->graph.len);
        assert_memory_equal(x->graph.data, y->graph.data, x->graph.len);
        assert_true(i == 0 || x->graph.len != a.reply.experiments[i - 1]->graph.len ||
                    memcmp(x->graph.data, a.reply.experiments[i - 1]->graph.data,
                           x->graph.len) != 0);
    }
    ask_done(&a);
    ask_done(&again);
    ask(&a, list, "training.epochs=2");
    assert_fine(&a);
    assert_true(holds(a.reply.experiments[10]->config, "\"epochs\": 2"));
    ask_done(&a);
    ask(&a, "[]", NULL);
    assert_problem(&a, 1, 1, "the list is empty");
    ask_done(&a);
    ask(&a, "[3]", NULL);
    assert_problem(&a, 1, 2, "expected an object, got 3");
    ask_done(&a);
    ask(&a, "\"x\"", NULL);
    assert_problem(&a, 1, 1, "expected an object");
    ask_done(&a);
    ask(&a, "{\"name\": [}", NULL);
    assert_problem(&a, 1, 11, "not well-formed");
    ask_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(regression_defaults),
                                       cmocka_unit_test(obeys),
                                       cmocka_unit_test(refuses),
                                       cmocka_unit_test(tells_all),
                                       cmocka_unit_test(warns),
                                       cmocka_unit_test(cannot),
                                       cmocka_unit_test(lists)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
