/* proctor log: records, newest last. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "cli/index.h"
#include "cli/json.h"
#include "cli/place.h"
#include "cli/table.h"
#include "cli/term.h"
#include "proto/err.h"
#include "proto/limits.h"

enum {
    KEY_KIND = 0x2000,
    KEY_RUN,
    KEY_TASK,
    KEY_LIMIT
};

static const struct argp_option OPTIONS[] = {
    {"kind", KEY_KIND, "KIND", 0,
     "Only records of this kind (verdict, ref, ...)", 0},
    {"run", KEY_RUN, "N", 0, "Only records of the run whose first record is N",
     0},
    {"task", KEY_TASK, "ID", 0, "Only records of this task", 0},
    {"limit", KEY_LIMIT, "N", 0, "Only the newest N of them", 0},
    {0}};

struct log_args {
    struct cli *c;
    const char *kind;
    const char *task;
    uint64_t run;
    int has_run;
    uint64_t limit;
};

static int check_kind(struct cli *c, const char *kind)
{
    const char *names[32];
    const char *near;
    size_t n = 0;
    unsigned k;

    if (record_kind_from_name(kind) != RECORD_NONE) {
        return 0;
    }
    for (k = 1; n < ARRAY_N(names) && k < 256; k++) {
        const char *name = record_kind_name((enum record_kind)k);

        if (name != NULL) {
            names[n++] = name;
        }
    }
    near = diag_nearest(kind, names, n);
    return cli_fail_hint(c, ERR_INPUT, "proctor-store(5) lists the kinds",
                         "no kind of record is called \"%.40s\"%s%s%s", kind,
                         near != NULL ? "; did you mean \"" : "",
                         near != NULL ? near : "", near != NULL ? "\"?" : "");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct log_args *a = state->input;

    switch (key) {
    case KEY_KIND:
        a->kind = arg;
        return check_kind(a->c, arg) == 0 ? 0 : EINVAL;
    case KEY_RUN:
        a->has_run = 1;
        if (args_u64(arg[0] == '#' ? arg + 1 : arg, &a->run) != 0) {
            argp_error(state, "--run: \"%.40s\" is not a number", arg);
            return EINVAL;
        }
        return 0;
    case KEY_TASK:
        a->task = arg;
        return 0;
    case KEY_LIMIT:
        if (args_u64(arg, &a->limit) != 0 || a->limit == 0 ||
            a->limit > INT64_MAX) {
            argp_error(state, "--limit: \"%.40s\" is not a number above 0",
                       arg);
            return EINVAL;
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp SPEC = {
    OPTIONS,
    parse,
    NULL,
    "Lists the records of the ledger, newest last.\v`proctor show N` tells all "
    "that a record says and shows the objects that it names.",
    NULL,
    NULL,
    NULL};

static const char QUERY[] =
    "SELECT seq,wall_ns,kind,task,summary,json FROM (SELECT * FROM records"
    " WHERE (?1 IS NULL OR kind=?1) AND (?2 IS NULL OR run=?2)"
    " AND (?3 IS NULL OR task=?3) ORDER BY seq DESC LIMIT ?4) ORDER BY seq";

static int select_records(struct log_args *a, struct index *ix,
                          sqlite3_stmt **out)
{
    sqlite3_int64 limit = a->limit == 0 ? -1 : (sqlite3_int64)a->limit;

    TRY(index_query(ix, QUERY, out, &a->c->d));
    if (a->kind != NULL) {
        (void)sqlite3_bind_text(*out, 1, a->kind, -1, SQLITE_STATIC);
    }
    if (a->has_run) {
        (void)sqlite3_bind_int64(*out, 2, (sqlite3_int64)a->run);
    }
    if (a->task != NULL) {
        (void)sqlite3_bind_text(*out, 3, a->task, -1, SQLITE_STATIC);
    }
    (void)sqlite3_bind_int64(*out, 4, limit);
    return 0;
}

static int print_text(sqlite3_stmt *q)
{
    static const char *const HEADS[] = {"record", "time", "kind", "task",
                                        "what"};
    struct table t;
    int rc;

    table_init(&t, 5, HEADS);
    while (sqlite3_step(q) == SQLITE_ROW) {
        char seq[24];
        char time[TERM_TIME_BYTES];
        const char *cells[] = {seq, term_time(index_u64(q, 1), time),
                               index_text(q, 2), index_text(q, 3),
                               index_text(q, 4)};

        (void)snprintf(seq, sizeof(seq), "%" PRIu64, index_u64(q, 0));
        table_row(&t, cells);
    }
    rc = table_print(&t, stdout, term_has_colour(stdout));
    table_release(&t);
    return rc;
}

static int print_json(struct cli *c, sqlite3_stmt *q)
{
    struct json j;

    json_init(&j);
    json_object(&j, NULL);
    json_array(&j, "records");
    while (sqlite3_step(q) == SQLITE_ROW) {
        const char *text = index_text(q, 5);

        json_raw(&j, NULL,
                 (struct ubytes){(const uint8_t *)text, strlen(text)});
    }
    json_close(&j);
    json_close(&j);
    return cli_emit(c, &j);
}

int cmd_log(struct cli *c, int argc, char **argv)
{
    struct log_args a = {.c = c};
    struct index *ix = NULL;
    struct place place;
    sqlite3_stmt *q = NULL;
    int rc = args_parse(c, &SPEC, argc, argv, &a);

    if (rc != 0) {
        return rc;
    }
    TRY(place_open(c->store, &place, &c->d));
    TRY(index_open(place.path, &ix, &c->d));
    rc = select_records(&a, ix, &q);
    if (rc == 0) {
        rc = c->json ? print_json(c, q) : print_text(q);
    }
    if (rc == 0 && index_is_torn(ix)) {
        fputs("note: an unfinished batch follows; a kernel is writing, or was "
              "cut off\n",
              stderr);
    }
    (void)sqlite3_finalize(q);
    index_close(ix);
    return rc;
}
