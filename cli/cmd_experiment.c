/* proctor experiment: runs files of experiments, evaluates runs, lists them. */
#include <string.h>

#include "cli/args.h"
#include "cli/experiment.h"
#include "proto/err.h"

enum {
    KEY_CONFIG = 0x5000,
    KEY_POLICY,
    KEY_DRY_RUN,
    KEY_COMPAT,
    KEY_RESUME,
    KEY_RUN,
    KEY_CHECKPOINT
};

static const struct argp_option RUN_OPTIONS[] = {
    {"config", KEY_CONFIG, "FILE", 0,
     "Experiments: .json, .yaml or .yml, one object or a list", 0},
    {"dry-run", KEY_DRY_RUN, NULL, 0,
     "Check the file and say what would be done; run nothing", 0},
    {"compat", KEY_COMPAT, "harness", 0,
     "Train as the numpy harness does, to its numbers: all rows, plain descent "
     "at rate 0.001", 0},
    {"policy", KEY_POLICY, "FILE", 0,
     "What is granted (else what these experiments need, and nothing more)", 0},
    {"resume", KEY_RESUME, "RUN_DIR", 0,
     "Go on with a run that was stopped or crashed; takes no file", 0},
    {0}};

static error_t parse_run(int key, char *arg, struct argp_state *state)
{
    struct experiment_args *a = state->input;
    static char compat[] = "compat=harness";

    switch (key) {
    case KEY_CONFIG:
        a->config = arg;
        return 0;
    case KEY_POLICY:
        a->policy = arg;
        return 0;
    case KEY_DRY_RUN:
        a->dry_run = 1;
        return 0;
    case KEY_RESUME:
        a->resume = arg;
        return 0;
    case KEY_COMPAT:
        if (strcmp(arg, "harness") != 0) {
            (void)cli_fail(a->c, ERR_INPUT, "--compat: harness, not \"%.40s\"",
                           arg);
            return EINVAL;
        }
        return request_override(&a->words, compat, &a->c->d) == 0 ? 0 : EINVAL;
    case ARGP_KEY_ARG:
        return request_override(&a->words, arg, &a->c->d) == 0 ? 0 : EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp RUN_SPEC = {
    RUN_OPTIONS,
    parse_run,
    "--config=FILE [KEY=VALUE...]",
    "Runs the experiments of a file in order, up to the first failure. Each "
    "becomes a graph: data, a part that is held out, training, a score. All is "
    "recorded in the store; the run directory OUTPUT/NAME/TIME shows it."
    "\vKEY=VALUE changes a field of every experiment, as in "
    "training.learning_rate=0.01; policy.KEY=VALUE the policy. Ctrl-C finishes "
    "the step, keeps a checkpoint, and says how to go on.",
    NULL,
    NULL,
    NULL};

static int work_run(struct experiment_args *a)
{
    struct experiment_file f;
    int rc;

    if (a->resume != NULL && (a->config != NULL || a->dry_run)) {
        return cli_fail_hint(a->c, ERR_INPUT,
                             "the run directory holds its configuration",
                             "--resume takes no --config and no --dry-run");
    }
    if (a->resume != NULL) {
        return experiment_run_again(a);
    }
    if (a->config == NULL) {
        return cli_fail_hint(a->c, ERR_INPUT,
                             "proctor experiment run --config FILE",
                             "which file of experiments?");
    }
    rc = experiment_file_read(a, a->config, &f);
    rc = rc == 0 ? experiment_run_all(a, &f) : rc;
    experiment_file_release(&f);
    return rc;
}

static int verb_run(struct cli *c, int argc, char **argv)
{
    struct experiment_args a = {.c = c};
    int rc;

    request_init(&a.words, PROCTOR__RUN_MODE__RUN_FULL);
    rc = args_parse(c, &RUN_SPEC, argc, argv, &a);
    rc = rc == 0 ? work_run(&a) : rc;
    request_release(&a.words);
    return rc;
}

struct eval_args {
    struct cli *c;
    char *dir;
    char *checkpoint;
    int dry_run;
};

static const struct argp_option EVAL_OPTIONS[] = {
    {"run", KEY_RUN, "RUN_DIR", 0, "A run directory", 0},
    {"checkpoint", KEY_CHECKPOINT, "NAME", 0,
     "A folder of RUN_DIR/checkpoints (else checkpoint_final)", 0},
    {"dry-run", KEY_DRY_RUN, NULL, 0,
     "See that the run and the checkpoint are there", 0},
    {0}};

static error_t parse_eval(int key, char *arg, struct argp_state *state)
{
    struct eval_args *a = state->input;

    switch (key) {
    case KEY_RUN:
        a->dir = arg;
        return 0;
    case KEY_CHECKPOINT:
        a->checkpoint = arg;
        return 0;
    case KEY_DRY_RUN:
        a->dry_run = 1;
        return 0;
    case ARGP_KEY_ARG:
        if (a->dir != NULL) {
            return ARGP_ERR_UNKNOWN;
        }
        a->dir = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp EVAL_SPEC = {
    EVAL_OPTIONS,
    parse_eval,
    "--run=RUN_DIR",
    "Shows what a run claims beside what was measured: errors and accuracies of the "
    "answers that the kernel got for the held-out rows, from the objects of the "
    "store.\vA run without held-out rows is evaluated on the rows that it was "
    "trained on, and the output says so.",
    NULL,
    NULL,
    NULL};

static int verb_eval(struct cli *c, int argc, char **argv)
{
    struct eval_args a = {.c = c};
    int rc = args_parse(c, &EVAL_SPEC, argc, argv, &a);

    if (rc == 0 && a.dir == NULL) {
        rc = cli_fail_hint(c, ERR_INPUT, "proctor experiment eval --run RUN_DIR",
                           "which run directory?");
    }
    return rc == 0 ? experiment_eval(c, a.dir, a.checkpoint, a.dry_run) : rc;
}

static error_t parse_list(int key, char *arg, struct argp_state *state)
{
    const char **dir = state->input;

    if (key != ARGP_KEY_ARG || *dir != NULL) {
        return ARGP_ERR_UNKNOWN;
    }
    *dir = arg;
    return 0;
}

static const struct argp LIST_SPEC = {
    NULL,
    parse_list,
    "[OUTPUT]",
    "Lists the runs of an output directory (else of outputs) by its index.json.",
    NULL,
    NULL,
    NULL};

static int verb_list(struct cli *c, int argc, char **argv)
{
    const char *dir = NULL;
    int rc = args_parse(c, &LIST_SPEC, argc, argv, &dir);

    return rc == 0 ? experiment_list(c, dir != NULL ? dir : "outputs") : rc;
}

static const struct argp SPEC = {
    NULL,
    NULL,
    "run --config=FILE [KEY=VALUE...]\neval --run=RUN_DIR\nlist [OUTPUT]",
    "Runs files of experiments, shows what was measured beside what is claimed, and "
    "lists runs.\vEach has options of its own: proctor experiment run --help.",
    NULL,
    NULL,
    NULL};

int cmd_experiment(struct cli *c, int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(struct cli *c, int argc, char **argv);
    } verbs[] = {{"run", verb_run}, {"eval", verb_eval}, {"list", verb_list}};
    int rc;

    for (size_t i = 0; argc > 1 && i < ARRAY_N(verbs); i++) {
        if (strcmp(argv[1], verbs[i].name) == 0) {
            return verbs[i].run(c, argc - 1, argv + 1);
        }
    }
    rc = argc > 1 && argv[1][0] != '-' ? 0
                                       : args_parse(c, &SPEC, argc, argv, NULL);
    return rc != 0 ? rc
                   : cli_fail_hint(c, ERR_INPUT,
                                   "proctor experiment run, eval or list",
                                   "say what to do with which experiments");
}
