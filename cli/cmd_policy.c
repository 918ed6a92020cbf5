/* proctor policy: what a policy grants, as the kernel understands it. */
#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "cli/json.h"
#include "cli/message.h"
#include "cli/request.h"
#include "cli/session.h"
#include "cli/table.h"
#include "cli/term.h"
#include "proto/cid.h"
#include "proto/err.h"

struct policy_args {
    struct cli *c;
    const char *verb;
    char *file;
    struct request request;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct policy_args *a = state->input;

    if (key != ARGP_KEY_ARG) {
        return ARGP_ERR_UNKNOWN;
    }
    if (a->verb == NULL) {
        if (strcmp(arg, "show") != 0 && strcmp(arg, "check") != 0) {
            argp_error(state, "\"%.40s\": say `show` or `check`", arg);
            return EINVAL;
        }
        a->verb = arg;
        return 0;
    }
    if (a->file == NULL && strchr(arg, '=') == NULL) {
        a->file = arg;
        return 0;
    }
    if (strncmp(arg, "policy.", strlen("policy.")) != 0) {
        (void)cli_fail_hint(a->c, ERR_INPUT,
                            "write policy.KEY=VALUE, as in policy.workers=1",
                            "\"%.80s\" changes nothing of a policy", arg);
        return EINVAL;
    }
    return request_override(&a->request, arg, &a->c->d) == 0 ? 0 : EINVAL;
}

static const struct argp SPEC = {
    NULL,
    parse,
    "show|check [FILE] [policy.KEY=VALUE...]",
    "Reads a policy as a run would: `check` says whether it is good, `show` "
    "prints every value in force and what program names resolve to, with the "
    "hash of each.\vWithout FILE: proctor-policy.yaml in this folder.",
    NULL,
    NULL,
    NULL};

static int print_programs(const Proctor__PolicyView *v)
{
    static const char *const HEADS[] = {"program", "file", "BLAKE3"};
    struct table t;
    size_t i;
    int rc;

    table_init(&t, 3, HEADS);
    for (i = 0; i < v->n_programs; i++) {
        const Proctor__ProgramRow *row = v->programs[i];
        char text[CID_TEXT_BYTES] = "";
        const char *cells[] = {row->name, row->path, text};

        if (row->cid.len == CID_BYTES) {
            hex_text(row->cid.data, CID_BYTES, text);
        }
        table_row(&t, cells);
    }
    rc = v->n_programs > 0 ? table_print(&t, stdout, term_has_colour(stdout))
                           : 0;
    table_release(&t);
    return rc;
}

static int print_text(const struct policy_args *a, const Proctor__PolicyView *v)
{
    char text[CID_TEXT_BYTES] = "";

    if (v->cid.len == CID_BYTES) {
        hex_text(v->cid.data, CID_BYTES, text);
    }
    if (strcmp(a->verb, "check") == 0) {
        printf("%s: a good policy, %s\n", a->request.m.policy_path, text);
        return 0;
    }
    printf("policy %s\n", text);
    if (v->policy != NULL) {
        TRY(message_print(stdout, &v->policy->base, NULL, 2));
    }
    return print_programs(v);
}

static int print_json(struct cli *c, const Proctor__PolicyView *v)
{
    struct json j;

    json_init(&j);
    message_json(&j, NULL, &v->base, NULL);
    return cli_emit(c, &j);
}

static int ask(struct policy_args *a)
{
    const Proctor__PolicyView *view;
    struct session s;
    int code = 0;
    int rc = session_open(&s, a->c, NULL);

    if (rc == 0) {
        const struct client_question q = {MSG_RUN_REQUEST, &a->request.m.base,
                                          a->request.fds, a->request.fds_n,
                                          MSG_POLICY_VIEW};

        rc = session_ask(&s, &q, -1);
    }
    if (rc == 0) {
        view = (const Proctor__PolicyView *)session_answer(&s, MSG_POLICY_VIEW,
                                                           &code);
        if (view == NULL) {
            rc = session_fail(&s, code, "not a good policy");
        } else {
            rc = a->c->json ? print_json(a->c, view) : print_text(a, view);
        }
    }
    session_close(&s);
    return rc;
}

int cmd_policy(struct cli *c, int argc, char **argv)
{
    struct policy_args a = {.c = c};
    int rc;

    request_init(&a.request, PROCTOR__RUN_MODE__RUN_POLICY);
    rc = args_parse(c, &SPEC, argc, argv, &a);
    if (rc == 0 && a.verb == NULL) {
        rc = cli_fail_hint(c, ERR_INPUT, "proctor policy --help",
                           "say `show` or `check`");
    }
    if (rc == 0) {
        rc = request_policy(&a.request, a.file, &c->d);
    }
    if (rc == 0) {
        rc = ask(&a);
    }
    request_release(&a.request);
    return rc;
}
