/* The options of `proctor model generate`, `score` and `classify` as a graph and a
 * policy in memory. What a person wrote goes into them as JSON strings and checked
 * numbers; the kernel judges it. The person's process. */
#include "cli/model_lane_int.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/place.h"
#include "proto/err.h"
#include "proto/utf8.h"

enum {
    KEY_FIRST = 0x5000,
    KEY_MAX_TOKENS = KEY_FIRST,
    KEY_TEMPERATURE,
    KEY_TOP_K,
    KEY_TOP_P,
    KEY_MIN_P,
    KEY_SEED,
    KEY_CONTEXT,
    KEY_REPAIRS,
    KEY_DRAFT_TOKENS, /* numbers up to here, in the order of NUMBERS */
    KEY_SCHEMA,
    KEY_REGEX,
    KEY_GBNF,
    KEY_CML,
    KEY_STOP,
    KEY_DRAFT,
    KEY_POLICY
};

static const char *const NUMBERS[MODEL_LANE_NUMBERS] = {
    "max_tokens", "temperature", "top_k",   "top_p",       "min_p",
    "seed",       "context",     "repairs", "draft_tokens"};

static const struct argp_option OPTIONS[] = {
    {"max-tokens", KEY_MAX_TOKENS, "N", 0, "generate: at most so many (else 256)",
     0},
    {"temperature", KEY_TEMPERATURE, "T", 0,
     "generate: 0 takes the likeliest token (the default)", 0},
    {"top-k", KEY_TOP_K, "K", 0, "generate: of the K likeliest tokens", 0},
    {"top-p", KEY_TOP_P, "P", 0,
     "generate: of the likeliest that make up P together", 0},
    {"min-p", KEY_MIN_P, "P", 0,
     "generate: of those at least P times as likely as the likeliest", 0},
    {"seed", KEY_SEED, "N", 0, "generate: another text of the same odds", 0},
    {"context", KEY_CONTEXT, "N", 0, "Positions at most", 0},
    {"repairs", KEY_REPAIRS, "N", 0,
     "generate: further tries when a text does not end in its grammar", 0},
    {"draft-tokens", KEY_DRAFT_TOKENS, "N", 0,
     "generate: guess so many ahead; the text stays the same", 0},
    {"schema", KEY_SCHEMA, "FILE", 0,
     "generate: the text is JSON of this JSON Schema", 0},
    {"regex", KEY_REGEX, "R", 0, "generate: the text is one of this", 0},
    {"gbnf", KEY_GBNF, "FILE", 0, "generate: the text is of this grammar", 0},
    {"cml", KEY_CML, NULL, 0, "generate: the text is a unit of CML", 0},
    {"stop", KEY_STOP, "S", 0,
     "generate: the text ends before the first of these; may be given again", 0},
    {"draft", KEY_DRAFT, "FILE", 0, "generate: a smaller model that guesses", 0},
    {"policy", KEY_POLICY, "FILE", 0,
     "What is granted (else this model and these files, and nothing more)", 0},
    {0}};

static int is_number(const char *s)
{
    char *end;

    errno = 0;
    (void)strtod(s, &end);
    return isdigit((unsigned char)s[0]) && *end == '\0' && errno == 0 &&
           s[strspn(s, "0123456789.eE+-")] == '\0';
}

static error_t set_once(struct model_lane *a, char **to, char *arg)
{
    if (*to != NULL) {
        (void)cli_fail(a->c, ERR_INPUT, "an option is given twice: \"%.60s\"",
                       arg);
        return EINVAL;
    }
    *to = arg;
    return 0;
}

static error_t parse_word(struct model_lane *a, char *arg)
{
    if (a->weights == NULL) {
        a->weights = arg;
        return 0;
    }
    if (a->prompt == NULL) {
        a->prompt = arg;
        return 0;
    }
    if (a->is_generate || a->choices_n == MODEL_LANE_CHOICES) {
        (void)cli_fail(a->c, ERR_INPUT, "what is \"%.60s\" for?", arg);
        return EINVAL;
    }
    a->choices[a->choices_n++] = arg;
    return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct model_lane *a = state->input;

    if (key == ARGP_KEY_ARG) {
        return parse_word(a, arg);
    }
    if (key >= KEY_FIRST && key <= KEY_DRAFT_TOKENS) {
        if (!is_number(arg)) {
            (void)cli_fail(a->c, ERR_INPUT, "--%s: \"%.40s\" is no number",
                           OPTIONS[key - KEY_FIRST].name, arg);
            return EINVAL;
        }
        return set_once(a, &a->numbers[key - KEY_FIRST], arg);
    }
    switch (key) {
    case KEY_SCHEMA:
        return set_once(a, &a->schema, arg);
    case KEY_REGEX:
        return set_once(a, &a->regex, arg);
    case KEY_GBNF:
        return set_once(a, &a->gbnf, arg);
    case KEY_CML:
        a->is_cml = 1;
        return 0;
    case KEY_STOP:
        if (a->stops_n == LIMIT_STOPS) {
            (void)cli_fail(a->c, ERR_LIMIT, "at most %u times --stop",
                           LIMIT_STOPS);
            return EINVAL;
        }
        a->stops[a->stops_n++] = arg;
        return 0;
    case KEY_DRAFT:
        return set_once(a, &a->draft, arg);
    case KEY_POLICY:
        return set_once(a, &a->policy, arg);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* The name under which a file is served: its own when a policy of the person's
 * looks at it, else a fixed one, so that the same bytes are the same task. */
static const char *serve_file(struct model_lane *a, const char *path,
                              const char *fixed)
{
    const char *name = a->policy == NULL ? fixed : path;

    while (name[0] == '.' && name[1] == '/') {
        name += 2;
    }
    a->served[a->served_n++] = (struct client_file){name, path};
    return name;
}

static void put_with(struct json *j, struct model_lane *a)
{
    json_object(j, "with");
    json_str(j, "weights", serve_file(a, a->weights, "model.gguf"));
    json_str(j, "prompt", a->prompt);
    for (size_t i = 0; i < MODEL_LANE_NUMBERS; i++) {
        if (a->numbers[i] != NULL) {
            json_raw(j, NUMBERS[i],
                     (struct ubytes){(const uint8_t *)a->numbers[i],
                                     strlen(a->numbers[i])});
        }
    }
    if (a->is_generate && a->numbers[0] == NULL) {
        json_u64(j, NUMBERS[0], 256);
    }
    if (a->draft != NULL) {
        json_str(j, "draft", serve_file(a, a->draft, "draft.gguf"));
    }
    if (a->stops_n > 0) {
        json_array(j, "stop");
        for (size_t i = 0; i < a->stops_n; i++) {
            json_str(j, NULL, a->stops[i]);
        }
        json_close(j);
    }
    if (!a->is_generate) {
        json_array(j, "choices");
        for (size_t i = 0; i < a->choices_n; i++) {
            json_str(j, NULL, a->choices[i]);
        }
        json_close(j);
    }
    if (a->has_grammar) {
        json_object(j, "grammar");
        if (a->regex != NULL) {
            json_str(j, "regex", a->regex);
        } else if (a->schema != NULL) {
            json_str(j, "json_schema", serve_file(a, a->schema, "schema.json"));
        } else if (a->gbnf != NULL) {
            json_str(j, "gbnf", serve_file(a, a->gbnf, "grammar.gbnf"));
        } else {
            json_bool(j, "cml", 1);
        }
        json_close(j);
    }
    json_close(j);
}

static void put_graph(struct json *j, struct model_lane *a)
{
    json_object(j, NULL);
    json_u64(j, "version", 1);
    json_str(j, "name", a->op);
    json_array(j, "tasks");
    json_object(j, NULL);
    json_str(j, "id", MODEL_LANE_ID);
    json_str(j, "op", a->op);
    put_with(j, a);
    json_object(j, "validator");
    json_str(j, "name", a->has_grammar ? "keeps_grammar" : "counted");
    json_str(j, "level", a->has_grammar ? "schema" : "syntax");
    json_close(j);
    json_close(j);
    json_close(j);
    json_close(j);
}

static void put_policy(struct json *j, struct model_lane *a)
{
    json_object(j, NULL);
    json_u64(j, "version", 1);
    json_str(j, "name", a->op);
    json_array(j, "grants");
    json_object(j, NULL);
    json_str(j, "capability", a->op);
    json_array(j, "files");
    for (size_t i = 0; i < a->served_n; i++) {
        json_str(j, NULL, a->served[i].name);
    }
    json_close(j);
    json_close(j);
    json_close(j);
    /* A person's own model on a person's own machine. */
    json_object(j, "limits");
    json_str(j, "memory", "8GiB");
    json_str(j, "cpu", "10m");
    json_str(j, "wall", "1h");
    json_close(j);
    json_object(j, "budgets");
    json_str(j, "memory", "8GiB");
    json_str(j, "bytes", "16GiB");
    json_str(j, "cpu", "1h");
    json_str(j, "wall", "1h");
    json_close(j);
    json_close(j);
}

static int make(struct model_lane *a)
{
    static char label[] = MODEL_LANE_LABEL;
    static char own[] = MODEL_LANE_POLICY;
    struct json j;

    a->request.m.graph_path = label;
    a->request.m.live = a->is_generate;
    json_init(&j);
    put_graph(&j, a);
    TRY(request_json(&a->request, &j, &a->c->d));
    if (a->policy != NULL) {
        return request_policy(&a->request, a->policy, &a->c->d);
    }
    a->request.m.policy_path = own;
    json_init(&j);
    put_policy(&j, a);
    return request_json(&a->request, &j, &a->c->d);
}

static int check_text(struct model_lane *a, const char *what, const char *s)
{
    struct ubytes t = {(const uint8_t *)s, strlen(s)};
    size_t at = 0, n;
    uint32_t cp;

    for (; at < t.n; at += n) {
        n = utf8_next((struct ubytes){t.p + at, t.n - at}, &cp);
        if (n == 0) {
            return cli_fail(a->c, ERR_INPUT, "%s is no UTF-8 at byte %zu", what,
                            at);
        }
    }
    return 0;
}

/* What is sent as text would be sent altered if it were none. */
static int check_texts(struct model_lane *a)
{
    TRY(check_text(a, "the prompt", a->prompt));
    TRY(a->regex == NULL ? 0 : check_text(a, "--regex", a->regex));
    for (size_t i = 0; i < a->stops_n; i++) {
        TRY(check_text(a, "--stop", a->stops[i]));
    }
    for (size_t i = 0; i < a->choices_n; i++) {
        TRY(check_text(a, "a continuation", a->choices[i]));
    }
    return 0;
}

/* A file goes by another name in the task: who named it is told here. */
static int check_files(struct model_lane *a)
{
    const char *const paths[] = {a->weights, a->draft, a->schema, a->gbnf};
    struct stat st;

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        if (paths[i] == NULL) {
            continue;
        }
        if (stat(paths[i], &st) != 0 || access(paths[i], R_OK) != 0) {
            return cli_fail(a->c, ERR_INPUT, "%.200s: cannot read it: %s",
                            paths[i], strerror(errno));
        }
        if (!S_ISREG(st.st_mode)) {
            return cli_fail(a->c, ERR_INPUT, "%.200s: not a regular file",
                            paths[i]);
        }
    }
    return 0;
}

static int check(struct model_lane *a)
{
    int grammars = (a->schema != NULL) + (a->regex != NULL) +
                   (a->gbnf != NULL) + a->is_cml;
    size_t needed = strcmp(a->op, "model.classify") == 0 ? 2
                    : a->is_generate                      ? 0
                                                          : 1;

    if (a->weights == NULL || a->prompt == NULL || a->choices_n < needed) {
        return cli_fail_hint(a->c, ERR_INPUT,
                             a->is_generate
                                 ? "proctor model generate FILE PROMPT"
                                 : "proctor model classify FILE PROMPT TEXT TEXT",
                             "which model, which prompt%s?",
                             a->is_generate ? "" : ", which continuations");
    }
    if (grammars > 1) {
        return cli_fail(a->c, ERR_INPUT,
                        "one of --schema, --regex, --gbnf and --cml");
    }
    for (size_t i = 0; !a->is_generate && i < MODEL_LANE_NUMBERS; i++) {
        if (a->numbers[i] != NULL && strcmp(NUMBERS[i], "context") != 0) {
            return cli_fail(a->c, ERR_INPUT, "only generate takes --%s",
                            OPTIONS[i].name);
        }
    }
    a->has_grammar = grammars == 1;
    TRY(check_texts(a));
    return check_files(a);
}

static void hear(void *ctx, const Proctor__Event *e)
{
    struct model_lane *a = ctx;

    if (e->lane.len > 0 && !a->c->json && isatty(STDOUT_FILENO)) {
        progress_hide(a->session.progress);
        model_lane_put_text((struct ubytes){e->lane.data, e->lane.len});
        (void)fflush(stdout);
        a->streamed = 1;
    }
}

static int ask(struct model_lane *a, const char *store)
{
    int rc = session_open(&a->session, a->c, store);

    a->session.retell = model_lane_retell;
    a->session.retell_ctx = a;
    a->session.heard = hear;
    a->session.heard_ctx = a;
    if (rc == 0) {
        const struct client_question m = {MSG_RUN_REQUEST, &a->request.m.base,
                                          a->request.fds, a->request.fds_n,
                                          MSG_RUN_DONE};

        client_serve_named(a->session.client, a->served, a->served_n);
        rc = session_ask(&a->session, &m, -1);
    }
    if (rc == 0) {
        session_end_kernel(&a->session);
        rc = model_lane_report(a, store);
    }
    session_close(&a->session);
    return rc;
}

int model_lane(struct cli *c, int argc, char **argv)
{
    static const struct argp spec = {
        OPTIONS,
        parse,
        "FILE PROMPT [TEXT...]",
        "Runs one text through a model (GGUF) in a confined worker, token by token "
        "under the kernel's eyes, and records what left it."
        "\vPROMPT is the text itself, or - for the standard input. "
        "generate: continues the prompt. score: how likely each of the texts is "
        "behind it. classify: which of them is the likeliest, by its mean token.",
        NULL,
        NULL,
        NULL};
    struct model_lane *a = calloc(1, sizeof(*a));
    struct place place;
    int rc;

    if (a == NULL) {
        return cli_fail(c, ERR_NOMEM, "out of memory");
    }
    a->c = c;
    a->is_generate = strcmp(argv[0], "generate") == 0;
    a->op = a->is_generate                      ? "model.generate"
            : strcmp(argv[0], "score") == 0 ? "model.score"
                                                : "model.classify";
    request_init(&a->request, PROCTOR__RUN_MODE__RUN_FULL);
    buf_init(&a->typed, LIMIT_PROMPT_BYTES);
    rc = args_parse(c, &spec, argc, argv, a);
    rc = rc == 0 ? check(a) : rc;
    rc = rc == 0 ? model_lane_read_prompt(a) : rc;
    rc = rc == 0 ? make(a) : rc;
    rc = rc == 0 ? place_make(c->store, &place, &c->d) : rc;
    rc = rc == 0 ? ask(a, place.path) : rc;
    request_release(&a->request);
    buf_release(&a->typed);
    free(a);
    return rc;
}
