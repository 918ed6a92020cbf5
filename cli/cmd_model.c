/* proctor model: looks into model files, makes and converts them. Runs in the
 * person's process; a confined worker does the reading. A subcommand with
 * options of its own is a row of `verbs` with a parser. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/model.h"
#include "cli/model_lane.h"
#include "proto/err.h"

enum {
    KEY_ARCH = 0x4000,
    KEY_LAYERS,
    KEY_WIDTH,
    KEY_HEADS,
    KEY_KV_HEADS,
    KEY_HEAD,
    KEY_FFN,
    KEY_EXPERTS,
    KEY_EXPERTS_USED,
    KEY_VOCAB,
    KEY_CONTEXT,
    KEY_WINDOW,
    KEY_TYPE,
    KEY_SEED,
    KEY_SPM,
    KEY_TIED,
    KEY_PROMPT,
    KEY_GENERATE,
    KEY_REPEAT
};

static const struct argp_option OPTIONS[] = {
    {"arch", KEY_ARCH, "NAME", 0,
     "init: llama, qwen3moe, olmoe or gpt-oss", 0},
    {"layers", KEY_LAYERS, "N", 0, "init: layers", 0},
    {"width", KEY_WIDTH, "N", 0, "init: numbers of a residual row", 0},
    {"heads", KEY_HEADS, "N", 0, "init: heads of attention", 0},
    {"kv-heads", KEY_KV_HEADS, "N", 0, "init: heads of keys and values", 0},
    {"head", KEY_HEAD, "N", 0, "init: numbers of a head", 0},
    {"ffn", KEY_FFN, "N", 0, "init: width of a layer's hidden part, or of an "
     "expert's", 0},
    {"experts", KEY_EXPERTS, "N", 0, "init: experts of a layer", 0},
    {"experts-used", KEY_EXPERTS_USED, "N", 0, "init: of them, for a token", 0},
    {"vocab", KEY_VOCAB, "N", 0, "init: tokens", 0},
    {"context", KEY_CONTEXT, "N", 0, "init: positions", 0},
    {"window", KEY_WINDOW, "N", 0, "init: positions that a windowed layer sees",
     0},
    {"type", KEY_TYPE, "NAME", 0,
     "init, quantize: type of the weights, f32, f16, bf16 or q8_0", 0},
    {"seed", KEY_SEED, "N", 0, "init: of the random numbers (else 0)", 0},
    {"spm", KEY_SPM, NULL, 0,
     "init: a tokenizer of scored pieces, not of byte pairs", 0},
    {"tied", KEY_TIED, NULL, 0, "init: no output matrix of its own", 0},
    {"force", 'f', NULL, 0, "init, quantize: replace a file that exists", 0},
    {"prompt", KEY_PROMPT, "N", 0, "bench: tokens fed at once (else 512)", 0},
    {"generate", KEY_GENERATE, "N", 0,
     "bench: tokens fed one by one (else 128)", 0},
    {"repeat", KEY_REPEAT, "N", 0, "bench: times (else 5)", 0},
    {0}};

static error_t parse_type(struct model_args *a, const char *arg)
{
    if (model_type(arg, &a->task.type)) {
        a->init.type = a->task.type;
        a->typed = 1;
        return 0;
    }
    (void)cli_fail(a->c, ERR_INPUT,
                   "--type: f32, f16, bf16 or q8_0, not \"%.40s\"", arg);
    return EINVAL;
}

/* Where a number goes; NULL: no such option. */
static uint32_t *number_of(struct model_args *a, int key)
{
    switch (key) {
    case KEY_LAYERS:
        return &a->init.layers;
    case KEY_WIDTH:
        return &a->init.width;
    case KEY_HEADS:
        return &a->init.heads;
    case KEY_KV_HEADS:
        return &a->init.kv_heads;
    case KEY_HEAD:
        return &a->init.head;
    case KEY_FFN:
        return &a->init.ffn;
    case KEY_EXPERTS:
        return &a->init.experts;
    case KEY_EXPERTS_USED:
        return &a->init.experts_used;
    case KEY_VOCAB:
        return &a->init.vocab;
    case KEY_CONTEXT:
        return &a->init.context;
    case KEY_WINDOW:
        return &a->init.window;
    case KEY_PROMPT:
        return &a->task.bench_prompt;
    case KEY_GENERATE:
        return &a->task.bench_generate;
    case KEY_REPEAT:
        return &a->task.repeat;
    default:
        return NULL;
    }
}

static error_t parse_number(struct model_args *a, uint32_t *to, const char *arg)
{
    uint64_t v;

    if (args_u64(arg, &v) < 0 || v > UINT32_MAX) {
        (void)cli_fail(a->c, ERR_INPUT, "\"%.40s\" is no number up to %u", arg,
                       UINT32_MAX);
        return EINVAL;
    }
    *to = (uint32_t)v;
    return 0;
}

static const struct model_verb *verb_find(const char *name);

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct model_args *a = state->input;
    uint32_t *to = number_of(a, key);

    if (to != NULL) {
        return parse_number(a, to, arg);
    }
    switch (key) {
    case ARGP_KEY_ARG:
        if (a->verb == NULL) {
            a->verb = verb_find(arg);
            if (a->verb == NULL) {
                (void)cli_fail_hint(a->c, ERR_INPUT, "proctor model --help",
                                    "\"%.40s\" is nothing that `proctor model` "
                                    "does",
                                    arg);
                return EINVAL;
            }
            return 0;
        }
        a->words[a->words_n++] = arg; /* as long as argv */
        return 0;
    case KEY_ARCH:
        a->init.arch = arg;
        return 0;
    case KEY_TYPE:
        return parse_type(a, arg);
    case KEY_SEED:
        if (args_u64(arg, &a->init.seed) < 0) {
            (void)cli_fail(a->c, ERR_INPUT, "--seed: \"%.40s\" is no number",
                           arg);
            return EINVAL;
        }
        return 0;
    case KEY_SPM:
        a->init.spm = 1;
        return 0;
    case KEY_TIED:
        a->init.tied = 1;
        return 0;
    case 'f':
        a->force = 1;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp SPEC = {
    OPTIONS,
    parse,
    "info FILE\ninit FILE --arch NAME\nencode FILE TEXT\ndecode FILE ID...\n"
    "quantize FILE OUT --type NAME\nbench FILE\n"
    "generate FILE PROMPT\nscore FILE PROMPT TEXT...\n"
    "classify FILE PROMPT TEXT TEXT...",
    "Looks into a model file (GGUF), makes one of random weights, turns text into "
    "its tokens and back, writes it with weights of another type, or measures how "
    "fast it is. A confined worker does the reading; nothing is recorded."
    "\vTEXT - is the standard input. generate, score and classify are recorded, and "
    "have options of their own: proctor model generate --help.",
    NULL,
    NULL,
    NULL};

static const struct model_verb verbs[] = {
    {"info", model_run_info, 1, 1, "info FILE", NULL},
    {"init", model_run_init, 1, 1, "init FILE --arch NAME", NULL},
    {"encode", model_run_encode, 2, 2, "encode FILE TEXT", NULL},
    {"decode", model_run_decode, 2, MODEL_WORDS_MAX, "decode FILE ID...", NULL},
    {"quantize", model_run_quantize, 2, 2, "quantize FILE OUT --type NAME", NULL},
    {"bench", model_run_bench, 1, 1, "bench FILE", NULL},
    {"generate", NULL, 0, 0, "generate FILE PROMPT", model_lane},
    {"score", NULL, 0, 0, "score FILE PROMPT TEXT...", model_lane},
    {"classify", NULL, 0, 0, "classify FILE PROMPT TEXT TEXT...", model_lane},
};

static const struct model_verb *verb_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_N(verbs); i++) {
        if (strcmp(verbs[i].name, name) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

int cmd_model(struct cli *c, int argc, char **argv)
{
    const struct model_verb *own = argc > 1 ? verb_find(argv[1]) : NULL;
    struct model_args a = {.c = c,
                           .task = PROCTOR__MODEL_TASK__INIT,
                           .init = PROCTOR__MODEL_INIT__INIT};
    int rc;

    if (own != NULL && own->own != NULL) {
        return own->own(c, argc - 1, argv + 1);
    }
    a.words = calloc((size_t)argc, sizeof(*a.words));
    if (a.words == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    rc = args_parse(c, &SPEC, argc, argv, &a);
    if (rc == 0 && a.verb == NULL) {
        rc = cli_fail_hint(c, ERR_INPUT, "proctor model info FILE",
                           "say what to do with which file");
    } else if (rc == 0 && (a.words_n < a.verb->words_min ||
                           a.words_n > a.verb->words_max)) {
        rc = cli_fail_hint(c, ERR_INPUT, a.verb->usage,
                           "%s: %zu words are too %s", a.verb->name, a.words_n,
                           a.words_n < a.verb->words_min ? "few" : "many");
    } else if (rc == 0) {
        rc = a.verb->run(&a);
    }
    free(a.words);
    return rc;
}
