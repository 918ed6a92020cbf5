/* proctor resume: a person releases a parked task, and its run goes on. */
#include "cli/args.h"
#include "cli/outcome.h"
#include "cli/place.h"
#include "cli/request.h"
#include "proto/err.h"

struct resume_args {
    struct cli *c;
    char *task;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct resume_args *a = state->input;

    if (key != ARGP_KEY_ARG) {
        return ARGP_ERR_UNKNOWN;
    }
    if (a->task != NULL) {
        return cli_fail_hint(a->c, ERR_INPUT,
                             "release one task after the other",
                             "one task at a time") < 0
                   ? EINVAL
                   : 0;
    }
    a->task = arg;
    return 0;
}

static const struct argp SPEC = {
    NULL,
    parse,
    "TASK",
    "Releases a task of the last run that waits for a person, and goes on with "
    "that run.\v`proctor status` lists what waits; `proctor run --resume` goes "
    "on with a run that was stopped without releasing anything.",
    NULL,
    NULL,
    NULL};

static NOINLINE int ask(struct resume_args *a, const char *store)
{
    struct request r;
    struct session s;
    int rc;

    request_init(&r, PROCTOR__RUN_MODE__RUN_RESUME_TASK);
    r.m.task = a->task;
    rc = session_open(&s, a->c, store);
    if (rc == 0) {
        const struct client_question q = {MSG_RUN_REQUEST, &r.m.base, NULL, 0,
                                          MSG_RUN_DONE};

        rc = session_ask(&s, &q, -1);
    }
    if (rc == 0) {
        session_end_kernel(&s);
        rc = outcome_report(&s, store, OUTCOME_RUN);
    }
    session_close(&s);
    request_release(&r);
    return rc;
}

int cmd_resume(struct cli *c, int argc, char **argv)
{
    struct resume_args a = {c, NULL};
    struct place place;
    int rc = args_parse(c, &SPEC, argc, argv, &a);

    if (rc != 0) {
        return rc;
    }
    if (a.task == NULL) {
        return cli_fail_hint(c, ERR_INPUT, "`proctor status` lists what waits",
                             "which task is to go on?");
    }
    TRY(place_open(c->store, &place, &c->d));
    return ask(&a, place.path);
}
