/* proctor replay: the replayer (replay/) derives verdicts again from what the
 * ledger names. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/args.h"
#include "cli/json.h"
#include "cli/ledger.h"
#include "cli/place.h"
#include "cli/session.h"
#include "cli/table.h"
#include "cli/term.h"
#include "proto/err.h"

enum {
    KEY_ALL = 0x2000
};

static const struct argp_option OPTIONS[] = {
    {"all", KEY_ALL, NULL, 0, "Every verdict of the ledger", 0}, {0}};

struct replay_args {
    struct cli *c;
    int all;
    int has_seq;
    uint64_t seq;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct replay_args *a = state->input;

    switch (key) {
    case KEY_ALL:
        a->all = 1;
        return 0;
    case ARGP_KEY_ARG:
        if (a->has_seq || args_u64(arg[0] == '#' ? arg + 1 : arg, &a->seq)) {
            argp_error(state, "\"%.40s\" is not the number of one record", arg);
            return EINVAL;
        }
        a->has_seq = 1;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp SPEC = {
    OPTIONS,
    parse,
    "SEQ|--all",
    "Derives a verdict again, bit for bit, from its records and objects: the "
    "inputs from the revealed seed, the answers by running candidate and "
    "oracles. Exit code 1 when anything differs.",
    NULL,
    NULL,
    NULL};

/* The record must be a verdict. */
static int check_seq(struct cli *c, const char *store, uint64_t seq)
{
    struct ledger_entry e;
    int rc;

    ledger_entry_init(&e);
    rc = ledger_get(store, seq, &e, &c->d);
    if (rc == 0 && e.r.kind != RECORD_VERDICT) {
        rc = cli_fail_hint(c, ERR_INPUT,
                           "`proctor log --kind verdict` lists what can be "
                           "replayed",
                           "record %" PRIu64 " is a %s record, not a verdict",
                           seq, record_kind_name(e.r.kind));
    }
    ledger_entry_release(&e);
    return rc;
}

static int print_text(const Proctor__ReplayDone *done)
{
    static const char *const HEADS[] = {"record", "verdict", "replay", ""};
    struct table t;
    size_t i;
    int rc;

    table_init(&t, 4, HEADS);
    for (i = 0; i < done->n_rows; i++) {
        const Proctor__ReplayRow *row = done->rows[i];
        char seq[24];
        const char *cells[] = {seq, row->verdict,
                               row->same ? "same" : "DIFFERS", row->what};

        (void)snprintf(seq, sizeof(seq), "%" PRIu64, row->seq);
        table_row(&t, cells);
    }
    rc =
        done->n_rows > 0 ? table_print(&t, stdout, term_has_colour(stdout)) : 0;
    table_release(&t);
    printf("%" PRIu64 " replayed, %" PRIu64 " different%s\n", done->replayed,
           done->different,
           done->replayed > 0 && done->different == 0
               ? ": every verdict came out again, bit for bit."
               : ".");
    return rc;
}

static int print_json(struct session *s, const Proctor__ReplayDone *done)
{
    struct json j;
    size_t i;

    json_init(&j);
    json_object(&j, NULL);
    json_i64(&j, "code", done->code);
    if (done->code != 0) { /* as every failure says it */
        const struct session_diag *k = s->diags_n > 0 ? &s->diags[0] : NULL;

        json_str(&j, "error", err_name(done->code));
        json_i64(&j, "exit", err_exit_code(done->code));
        json_str(&j, "what",
                 k != NULL && k->what != NULL ? k->what : err_text(done->code));
        json_str(&j, "hint", k != NULL && k->hint != NULL ? k->hint : "");
    }
    json_u64(&j, "replayed", done->replayed);
    json_u64(&j, "different", done->different);
    json_array(&j, "rows");
    for (i = 0; i < done->n_rows; i++) {
        json_object(&j, NULL);
        json_u64(&j, "seq", done->rows[i]->seq);
        json_bool(&j, "same", done->rows[i]->same);
        json_str(&j, "verdict", done->rows[i]->verdict);
        json_str(&j, "what", done->rows[i]->what);
        json_close(&j);
    }
    json_close(&j);
    session_put_json(s, &j);
    json_close(&j);
    return cli_emit(s->c, &j);
}

static int report(struct session *s)
{
    const Proctor__ReplayDone *done;
    int code = 0;

    done =
        (const Proctor__ReplayDone *)session_answer(s, MSG_REPLAY_DONE, &code);
    if (done == NULL) {
        return session_fail(s, code, "nothing was replayed");
    }
    if (s->c->json || done->n_rows > 0 || done->code == 0) {
        TRY(s->c->json ? print_json(s, done) : print_text(done));
    }
    if (done->code != 0) {
        s->c->told |= done->different > 0; /* the table said which */
        return session_fail(s, done->code, "replay");
    }
    if (done->different > 0) {
        s->c->told = 1;
        return cli_fail(s->c, ERR_TASK_FAILED,
                        "a verdict came out differently");
    }
    return 0;
}

int cmd_replay(struct cli *c, int argc, char **argv)
{
    struct replay_args a = {.c = c};
    Proctor__ReplayRequest m = PROCTOR__REPLAY_REQUEST__INIT;
    struct place place;
    struct session s;
    int rc = args_parse(c, &SPEC, argc, argv, &a);

    if (rc != 0) {
        return rc;
    }
    if (a.all == a.has_seq) {
        return cli_fail_hint(c, ERR_INPUT,
                             "`proctor log --kind verdict` lists what can be "
                             "replayed",
                             "name one verdict's record, or --all");
    }
    TRY(place_open(c->store, &place, &c->d));
    if (a.has_seq) {
        TRY(check_seq(c, place.path, a.seq));
    }
    m.seq = a.seq;
    m.all = a.all;
    rc = session_open_replayer(&s, c, place.path);
    if (rc == 0) {
        const struct client_question q = {MSG_REPLAY_REQUEST, &m.base, NULL, 0,
                                          MSG_REPLAY_DONE};

        rc = session_ask(&s, &q, -1);
    }
    if (rc == 0) {
        rc = report(&s);
    }
    session_close(&s);
    return rc;
}
