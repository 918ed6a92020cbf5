/* Ops, validators and transitions, printed from the kernel's answer. */
#include "cli/status_tables.h"

#include <stdio.h>
#include <string.h>

#include "cli/json.h"
#include "cli/message.h"
#include "cli/session.h"
#include "cli/table.h"
#include "cli/term.h"
#include "proto/err.h"

static void join(char *const *words, size_t n, char *out, size_t out_n)
{
    size_t used = 0;
    size_t i;

    out[0] = '\0';
    for (i = 0; i < n && used < out_n; i++) {
        int w = snprintf(out + used, out_n - used, "%s%s", i > 0 ? ", " : "",
                         words[i]);

        used += w > 0 ? (size_t)w : 0;
    }
}

static int print_ops(const Proctor__Tables *m)
{
    static const char *const HEADS[] = {
        "op", "class", "capability", "takes", "gives", "ceiling", "validators"};
    struct table t;
    size_t i;
    int rc;

    table_init(&t, 7, HEADS);
    for (i = 0; i < m->n_ops; i++) {
        const Proctor__OpRow *o = m->ops[i];
        char validators[200];
        const char *cells[] = {o->name,   o->worker_class, o->capability,
                               o->takes,  o->gives,        o->ceiling,
                               validators};

        join(o->validators, o->n_validators, validators, sizeof(validators));
        table_row(&t, cells);
    }
    rc = table_print(&t, stdout, term_has_colour(stdout));
    table_release(&t);
    return rc;
}

static int print_validators(const Proctor__Tables *m)
{
    static const char *const HEADS[] = {"validator", "from", "to", "what"};
    struct table t;
    size_t i;
    int rc;

    table_init(&t, 4, HEADS);
    for (i = 0; i < m->n_validators; i++) {
        const Proctor__ValidatorRow *v = m->validators[i];
        const char *cells[] = {v->name, v->level_min, v->level_max, v->what};

        table_row(&t, cells);
    }
    fputc('\n', stdout);
    rc = table_print(&t, stdout, term_has_colour(stdout));
    table_release(&t);
    return rc;
}

static int print_transitions(const Proctor__Tables *m)
{
    static const char *const HEADS[] = {"state", "event", "next"};
    struct table t;
    size_t i;
    int rc;

    table_init(&t, 3, HEADS);
    for (i = 0; i < m->n_transitions; i++) {
        const Proctor__TransitionRow *x = m->transitions[i];
        const char *cells[] = {x->state, x->event, x->next};

        table_row(&t, cells);
    }
    fputc('\n', stdout);
    rc = table_print(&t, stdout, term_has_colour(stdout));
    table_release(&t);
    return rc;
}

static int print(struct cli *c, const Proctor__Tables *m)
{
    struct json j;

    if (c->json) {
        json_init(&j);
        message_json(&j, NULL, &m->base, NULL);
        return cli_emit(c, &j);
    }
    TRY(print_ops(m));
    TRY(print_validators(m));
    return print_transitions(m);
}

int status_tables(struct cli *c)
{
    Proctor__TablesRequest m = PROCTOR__TABLES_REQUEST__INIT;
    const ProtobufCMessage *answer;
    struct session s;
    int code = 0;
    int rc = session_open_bare(&s, c);

    if (rc == 0) {
        const struct client_question q = {MSG_TABLES_REQUEST, &m.base, NULL, 0,
                                          MSG_TABLES};

        rc = session_ask(&s, &q, -1);
    }
    if (rc == 0) {
        answer = session_answer(&s, MSG_TABLES, &code);
        rc = answer != NULL ? print(c, (const Proctor__Tables *)answer)
                            : session_fail(&s, code, "no tables");
    }
    session_close(&s);
    return rc;
}
