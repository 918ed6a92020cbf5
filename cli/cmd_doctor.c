/* proctor doctor: can this host run Proctor? Looks at each layer, then has the
 * kernel start and measure one worker of each class. That try decides. */
#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "cli/host.h"
#include "cli/json.h"
#include "cli/message.h"
#include "cli/place.h"
#include "cli/session.h"
#include "cli/term.h"
#include "proto/err.h"
#include "proto/pb.h"

#include "evidence.pb-c.h"

#define CLASSES_MAX 8
#define TEXT_COLUMNS 2000

struct
try {
    struct frame answer;             /* owned */
    const Proctor__AskDone *done; /* in it */
    ProtobufCMessage *report;        /* owned; NULL when it failed */
};

struct doctor {
    struct cli *c;
    struct host_row rows[HOST_ROWS_MAX];
    size_t rows_n;
    struct try tries[CLASSES_MAX];
    size_t tries_n;
    struct diag d;    /* the kernel could not even be asked */
    char reason[320]; /* "" = the host is fit */
    char routes[200]; /* "" = no model worker answered */
};

static const struct argp SPEC = {
    NULL,
    NULL,
    NULL,
    "Tells layer by layer whether this host can run Proctor and what to do "
    "about what is missing, then starts and measures one worker of each class. "
    "Exit status 0 or 3.",
    NULL,
    NULL,
    NULL};

/* One class. 1 = there are more, 0 = that was all, or ERR_*. */
static int try_class(struct doctor *o, struct session *s)
{
    struct try *t = &o->tries[o->tries_n];
    Proctor__AskRequest m = PROCTOR__ASK_REQUEST__INIT;
    const struct client_question q = {MSG_ASK_REQUEST, &m.base, NULL, 0,
                                      MSG_ASK_DONE};

    m.worker_class = (uint32_t)o->tries_n;
    TRY(session_ask(s, &q, -1));
    if (s->answer.info->msg != MSG_ASK_DONE) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    t->answer = s->answer;
    frame_init(&s->answer);
    t->done = (const Proctor__AskDone *)t->answer.m;
    if (t->done->code == ERR_NOT_FOUND) {
        frame_release(&t->answer);
        return 0;
    }
    o->tries_n++;
    if (t->done->code == 0) {
        const struct ubytes report = {t->done->report.data,
                                      t->done->report.len};

        TRY(pb_decode(&proctor__confinement__descriptor, report,
                      LIMIT_FRAME_BYTES, &t->report));
    }
    return o->tries_n < CLASSES_MAX;
}

/* Which numeric kernels a model worker proved on this host. */
static int ask_routes(struct doctor *o, struct session *s)
{
    Proctor__AskRequest m = PROCTOR__ASK_REQUEST__INIT;
    Proctor__ModelTask task = PROCTOR__MODEL_TASK__INIT;
    const struct client_question q = {MSG_ASK_REQUEST, &m.base, NULL, 0,
                                      MSG_ASK_DONE};
    const Proctor__AskDone *done;

    m.model = &task;
    task.command = PROCTOR__MODEL_COMMAND__MODEL_INFO;
    TRY(session_ask(s, &q, -1));
    done = (const Proctor__AskDone *)s->answer.m;
    if (s->answer.info->msg == MSG_ASK_DONE && done->model != NULL &&
        done->model->info != NULL) {
        (void)snprintf(o->routes, sizeof(o->routes), "%s",
                       done->model->info->routes);
    }
    return 0;
}

static void try_all(struct doctor *o)
{
    struct session s;
    int rc = session_open(&s, o->c, NULL);

    if (rc == 0) {
        do {
            rc = try_class(o, &s);
        } while (rc > 0);
        rc = rc == 0 ? ask_routes(o, &s) : rc;
    }
    if (rc < 0) {
        o->d = o->c->d;
        if (o->d.code == 0) {
            (void)diag_set(&o->d, rc, (struct loc){0}, "%s", err_text(rc));
        }
        o->c->d.code = 0;
    }
    session_close(&s);
}

/* The first layer that lacks, else what the kernel said. The rows are our own
 * look: they do not outweigh a real try that went well. */
static void judge(struct doctor *o)
{
    const char *why = o->d.code < 0 ? o->d.what : "";

    for (size_t i = 0; i < o->tries_n; i++) {
        const Proctor__Confinement *r =
            (const Proctor__Confinement *)o->tries[i].report;

        if (r == NULL && why[0] == '\0') {
            why = o->tries[i].done->problem;
        }
        if (r != NULL && strcmp(r->worker_class, "program") == 0) {
            host_cgroup(&o->rows[o->rows_n++], r->cgroup);
        }
    }
    if (o->tries_n == 0 && why[0] == '\0') {
        why = "no worker could be tried";
    }
    if (why[0] == '\0') {
        return;
    }
    (void)snprintf(o->reason, sizeof(o->reason), "%s", why);
    for (size_t i = 0; i < o->rows_n; i++) {
        if (o->rows[i].state == HOST_MISSING) {
            (void)snprintf(o->reason, sizeof(o->reason), "%s: %s",
                           o->rows[i].layer, o->rows[i].found);
            return;
        }
    }
}

static void print_line(const char *layer, enum host_state state,
                       const char *text)
{
    static const char *const codes[] = {"\033[32m", "\033[33m", "\033[31m"};
    int colour = term_has_colour(stdout);

    printf("%s%-8s%s  %-23s  ", term_style(colour, codes[state]),
           host_state_name(state), term_style(colour, "\033[0m"), layer);
    term_put_text(stdout, (struct ubytes){(const uint8_t *)text, strlen(text)},
                  TEXT_COLUMNS);
    putchar('\n');
}

static void print_try(const struct try *t)
{
    const Proctor__Confinement *r = (const Proctor__Confinement *)t->report;
    char layer[48];
    char text[400];

    if (r == NULL) {
        print_line("worker", HOST_MISSING, t->done->problem);
        return;
    }
    (void)snprintf(layer, sizeof(layer), "worker %.16s", r->worker_class);
    (void)snprintf(text, sizeof(text),
                   "started and measured: %zu namespaces, own uid, no "
                   "capabilities, %u filters of %u instructions (%.12s), "
                   "Landlock ABI %u, %zu limits, control group %.8s",
                   r->n_namespaces, r->filter_programs, r->filter_instructions,
                   r->filter_seen, r->landlock_abi, r->n_limits, r->cgroup);
    print_line(layer, HOST_OK, text);
}

static void print_text(const struct doctor *o)
{
    char how[160];

    for (size_t i = 0; i < o->rows_n; i++) {
        print_line(o->rows[i].layer, o->rows[i].state, o->rows[i].found);
        if (o->rows[i].todo[0] != '\0') {
            printf("%*s-> %s\n", 10, "", o->rows[i].todo);
        }
    }
    for (size_t i = 0; i < o->tries_n; i++) {
        if (i == 0 || o->tries[i].report != NULL ||
            strcmp(o->tries[i].done->problem, o->tries[i - 1].done->problem) !=
                0) {
            print_try(&o->tries[i]);
        }
    }
    if (o->routes[0] != '\0') {
        print_line("numbers of models", HOST_OK, o->routes);
    }
    if (o->d.code < 0) {
        print_line("kernel", HOST_MISSING, o->d.what);
        if (o->d.hint[0] != '\0') {
            printf("%*s-> %s\n", 10, "", o->d.hint);
        }
    }
    if (o->reason[0] == '\0') {
        host_say_how(how, sizeof(how));
        printf("this host can run Proctor: %s\n", how);
    } else {
        printf("this host cannot run Proctor: %s\n", o->reason);
    }
}

static int print_json(struct doctor *o)
{
    char how[160];
    struct json j;

    json_init(&j);
    json_object(&j, NULL);
    json_array(&j, "layers");
    for (size_t i = 0; i < o->rows_n; i++) {
        json_object(&j, NULL);
        json_str(&j, "layer", o->rows[i].layer);
        json_str(&j, "state", host_state_name(o->rows[i].state));
        json_str(&j, "found", o->rows[i].found);
        json_str(&j, "todo", o->rows[i].todo);
        json_close(&j);
    }
    json_close(&j);
    json_array(&j, "workers");
    for (size_t i = 0; i < o->tries_n; i++) {
        json_object(&j, NULL);
        json_bool(&j, "ok", o->tries[i].report != NULL);
        json_str(&j, "problem", o->tries[i].done->problem);
        if (o->tries[i].report != NULL) {
            message_json(&j, "report", o->tries[i].report, NULL);
        }
        json_close(&j);
    }
    json_close(&j);
    host_say_how(how, sizeof(how));
    json_str(&j, "routes", o->routes);
    json_bool(&j, "fit", o->reason[0] == '\0');
    json_str(&j, "how", o->reason[0] == '\0' ? how : "");
    json_str(&j, "reason", o->reason);
    json_str(&j, "hint", o->d.code < 0 ? o->d.hint : "");
    json_close(&j);
    return cli_emit(o->c, &j);
}

int cmd_doctor(struct cli *c, int argc, char **argv)
{
    static struct doctor o; /* rows and answers: not stack */
    struct place place;
    int rc = args_parse(c, &SPEC, argc, argv, NULL);

    if (rc != 0) {
        return rc;
    }
    rc = place_find(c->store, &place, &c->d);
    if (rc < 0) {
        return rc;
    }
    o.c = c;
    diag_init(&o.d);
    o.rows_n = host_look(o.rows, place.path);
    try_all(&o);
    judge(&o);
    rc = 0;
    if (c->json) {
        rc = print_json(&o);
    } else {
        print_text(&o);
    }
    for (size_t i = 0; i < o.tries_n; i++) {
        pb_free(o.tries[i].report);
        frame_release(&o.tries[i].answer);
    }
    if (rc == 0 && o.reason[0] != '\0') {
        c->told = 1;
        rc = ERR_CONFINE;
    }
    return rc;
}
