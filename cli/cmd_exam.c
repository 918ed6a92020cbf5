/* proctor exam: one candidate, its oracles and a domain; the verdict. A drop-in
 * judge for people who have a harness of their own: the same kernel, the same
 * worker, the same ledger as for a graph. */
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/exam_ask.h"
#include "cli/exam_report.h"
#include "cli/place.h"
#include "proto/err.h"

enum {
    KEY_ORACLE = 0x2000,
    KEY_SECOND,
    KEY_DOMAIN,
    KEY_TAKES,
    KEY_GIVES,
    KEY_EXAMPLE,
    KEY_RUN,
    KEY_FILE,
    KEY_ORACLE_FILE,
    KEY_SECOND_FILE,
    KEY_CORPUS,
    KEY_ERROR_RATE,
    KEY_ULPS,
    KEY_P0,
    KEY_ALPHA,
    KEY_POLICY
};

static const struct argp_option OPTIONS[] = {
    {"oracle", KEY_ORACLE, "WORK", 0, "What knows the answers", 0},
    {"second", KEY_SECOND, "WORK", 0,
     "A second oracle, written apart; with it an exam reaches `proven`", 0},
    {"domain", KEY_DOMAIN, "DOMAINS", 0,
     "Inputs to draw: a domain per argument, as in proctor-graph(5)", 0},
    {"gives", KEY_GIVES, "TYPE", 0, "Type of the answer", 0},
    {"takes", KEY_TAKES, "TYPES", 0,
     "Types of the arguments (else those that the domain draws)", 0},
    {"example", KEY_EXAMPLE, "ARGS=>ANSWER", 0,
     "A public example; may be given again", 0},
    {"run", KEY_RUN, NULL, 0,
     "Start the candidate, also one in Python: it reads and answers lines", 0},
    {"file", KEY_FILE, "FILE", 0,
     "One more file for the candidate; may be given again", 0},
    {"oracle-file", KEY_ORACLE_FILE, "FILE", 0, "The same for the oracle", 0},
    {"second-file", KEY_SECOND_FILE, "FILE", 0,
     "The same for the second oracle", 0},
    {"corpus", KEY_CORPUS, "FILE", 0,
     "A file that a corpus of the domain names; may be given again", 0},
    {"error-rate", KEY_ERROR_RATE, "RATE", 0,
     "Errors that an approximation may make, as in proctor-graph(5)", 0},
    {"ulps", KEY_ULPS, "N", 0,
     "Units in the last place by which floats may differ", 0},
    {"p0", KEY_P0, "RATE", 0, "Error rate that the exam must exclude", 0},
    {"alpha", KEY_ALPHA, "CHANCE", 0, "The chance that it is wrong about that",
     0},
    {"policy", KEY_POLICY, "FILE", 0,
     "What is granted (else these files and python3, and nothing more)", 0},
    {0}};

struct exam_args {
    struct cli *c;
    struct exam_ask *ask;
};

/* Options that hold one text each. */
static char **find_text(struct exam_ask *q, int key)
{
    switch (key) {
    case KEY_ORACLE:
        return &q->works[EXAM_ROLE_ORACLE].word;
    case KEY_SECOND:
        return &q->works[EXAM_ROLE_SECOND].word;
    case KEY_DOMAIN:
        return &q->domain;
    case KEY_TAKES:
        return &q->takes;
    case KEY_GIVES:
        return &q->gives;
    case KEY_ERROR_RATE:
        return &q->error_rate;
    case KEY_ULPS:
        return &q->ulps;
    case KEY_P0:
        return &q->p0;
    case KEY_ALPHA:
        return &q->alpha;
    case KEY_POLICY:
        return &q->policy;
    default:
        return NULL;
    }
}

static const char *name_of(int key)
{
    size_t i = 0;

    while (OPTIONS[i].name != NULL && OPTIONS[i].key != key) {
        i++;
    }
    return OPTIONS[i].name != NULL ? OPTIONS[i].name : "";
}

static int parse_list(struct exam_args *a, int key, char *arg)
{
    struct exam_ask *q = a->ask;
    struct diag *d = &a->c->d;

    switch (key) {
    case KEY_EXAMPLE:
        return exam_ask_example(q, arg, d);
    case KEY_FILE:
        return exam_ask_file(q, EXAM_ROLE_CANDIDATE, arg, d);
    case KEY_ORACLE_FILE:
        return exam_ask_file(q, EXAM_ROLE_ORACLE, arg, d);
    case KEY_SECOND_FILE:
        return exam_ask_file(q, EXAM_ROLE_SECOND, arg, d);
    case KEY_CORPUS:
        return exam_ask_file(q, EXAM_ROLE_CORPUS, arg, d);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct exam_args *a = state->input;
    struct exam_work *candidate = &a->ask->works[EXAM_ROLE_CANDIDATE];
    char **text = find_text(a->ask, key);
    int rc;

    if (text != NULL && *text != NULL) {
        (void)cli_fail(a->c, ERR_INPUT, "--%s is given twice", name_of(key));
        return EINVAL;
    }
    if (text != NULL) {
        *text = arg;
        return 0;
    }
    if (key == KEY_RUN) {
        a->ask->is_started = 1;
        return 0;
    }
    if (key == ARGP_KEY_ARG && candidate->word == NULL) {
        candidate->word = arg;
        return 0;
    }
    if (key == ARGP_KEY_ARG) {
        /* KEY=VALUE of the policy, as with `run`. */
        if (strncmp(arg, "policy.", 7) == 0) {
            rc = request_override(&a->ask->request, arg, &a->c->d);
        } else {
            rc = cli_fail_hint(a->c, ERR_INPUT,
                               "one candidate; policy.KEY=VALUE changes the "
                               "policy",
                               "what is \"%.80s\" for?", arg);
        }
        return rc == 0 ? 0 : EINVAL;
    }
    rc = parse_list(a, key, arg);
    return rc < 0 ? EINVAL : rc;
}

static const struct argp SPEC = {
    OPTIONS,
    parse,
    "CANDIDATE --oracle=WORK --domain=DOMAINS --gives=TYPE "
    "[policy.KEY=VALUE...]",
    "Examines one candidate against an oracle on fresh inputs and records the "
    "verdict, without a graph.\vCANDIDATE and WORK are FILE.py:NAME (a Python "
    "function), FILE.cml:NAME (a unit of CML), FILE.py or FILE.cml (what is named "
    "like the file) or a program's path. The exit code is 0 when the candidate is admitted, and "
    "only then. The same candidate again gets the verdict that it had.",
    NULL,
    NULL,
    NULL};

static int check_args(struct cli *c, const struct exam_ask *q)
{
    const struct {
        const char *value;
        const char *what;
        const char *hint;
    } needed[] = {
        {q->works[EXAM_ROLE_CANDIDATE].word, "which candidate?",
         "proctor exam crc32.py:crc32 --oracle ... --domain ... --gives u32"},
        {q->works[EXAM_ROLE_ORACLE].word, "--oracle: what knows the answers?",
         "name a function or a program: --oracle zlib_oracle.py:crc32"},
        {q->domain, "--domain: which inputs are to be drawn?",
         "one domain per argument: --domain '[u8]', --domain '[{bytes: "
         "{length: [0, 64]}}]'"},
        {q->gives, "--gives: of which type are the answers?",
         "for example --gives u32"},
    };

    for (size_t i = 0; i < ARRAY_N(needed); i++) {
        if (needed[i].value == NULL) {
            return cli_fail_hint(c, ERR_INPUT, needed[i].hint, "%s",
                                 needed[i].what);
        }
    }
    for (size_t i = 0; i < q->files_n; i++) {
        if (q->files[i].role == EXAM_ROLE_SECOND &&
            q->works[EXAM_ROLE_SECOND].word == NULL) {
            return cli_fail_hint(c, ERR_INPUT, "name it with --second",
                                 "--second-file without a second oracle");
        }
    }
    return 0;
}

static int fail_json(struct session *s, const char *store, int code)
{
    int rc = exam_report_failure(s, store, code);

    return rc != 0 ? rc : code;
}

static int ask(struct cli *c, struct exam_ask *q, const char *store)
{
    struct session s;
    int rc = session_open(&s, c, store);

    s.retell = exam_ask_retell;
    s.retell_ctx = q;
    if (rc == 0) {
        const struct client_question m = {MSG_RUN_REQUEST, &q->request.m.base,
                                          q->request.fds, q->request.fds_n,
                                          MSG_RUN_DONE};

        client_serve_named(s.client, q->served, q->served_n);
        rc = session_ask(&s, &m, -1);
    }
    if (rc == 0) {
        session_end_kernel(&s);
        rc = exam_report(&s, q, store);
    }
    if (rc < 0 && c->json && !c->emitted) {
        session_end_kernel(&s);
        rc = fail_json(&s, store, rc);
    }
    session_close(&s);
    return rc;
}

static int examine(struct cli *c, struct exam_ask *q)
{
    struct place place;

    TRY(check_args(c, q));
    TRY(exam_ask_make(q, &c->d));
    TRY(place_make(c->store, &place, &c->d));
    return ask(c, q, place.path);
}

int cmd_exam(struct cli *c, int argc, char **argv)
{
    struct exam_args a = {.c = c, .ask = malloc(sizeof(*a.ask))};
    int rc;

    if (a.ask == NULL) {
        return cli_fail(c, ERR_NOMEM, "out of memory");
    }
    exam_ask_init(a.ask);
    rc = args_parse(c, &SPEC, argc, argv, &a);
    if (rc == 0) {
        rc = examine(c, a.ask);
    }
    if (rc < 0 && c->json && !c->emitted) {
        struct session none = {.c = c};

        rc = fail_json(&none, NULL, rc);
    }
    exam_ask_release(a.ask);
    free(a.ask);
    return rc;
}
