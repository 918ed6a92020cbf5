/* proctor ref: names that runs earned, what they stand for, how they moved. */
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
    KEY_AT = 0x2000
};

static const struct argp_option OPTIONS[] = {
    {"at", KEY_AT, "N", 0, "As of record N: later moves are left out", 0}, {0}};

struct ref_args {
    struct cli *c;
    const char *verb;
    const char *name;
    uint64_t at; /* INT64_MAX: now */
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct ref_args *a = state->input;

    if (key == KEY_AT) {
        if (args_u64(arg[0] == '#' ? arg + 1 : arg, &a->at) != 0 ||
            a->at >= INT64_MAX) {
            argp_error(state, "--at: \"%.40s\" is no record's number", arg);
            return EINVAL;
        }
        return 0;
    }
    if (key != ARGP_KEY_ARG) {
        return ARGP_ERR_UNKNOWN;
    }
    if (a->verb == NULL) {
        if (strcmp(arg, "list") != 0 && strcmp(arg, "show") != 0 &&
            strcmp(arg, "log") != 0) {
            argp_error(state, "\"%.40s\": say `list`, `show` or `log`", arg);
            return EINVAL;
        }
        a->verb = arg;
        return 0;
    }
    if (a->name == NULL && strcmp(a->verb, "list") != 0) {
        a->name = arg;
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static const struct argp SPEC = {
    OPTIONS,
    parse,
    "list|show NAME|log NAME",
    "Lists all names, shows what one stands for, or lists its moves, newest "
    "last; now, or as of a record.",
    NULL,
    NULL,
    NULL};

/* The last move of each name at or before ?2. */
static const char LIST[] =
    "SELECT r.name,m.new_target,m.seq,m.move FROM refs r CROSS JOIN ref_moves m"
    " ON m.seq=(SELECT max(seq) FROM ref_moves WHERE name=r.name AND seq<=?2)"
    " ORDER BY r.name";
static const char SHOW[] =
    "SELECT name,new_target,seq,move,run,task,verdict,wall_ns FROM ref_moves"
    " WHERE name=?1 AND seq<=?2 ORDER BY seq DESC LIMIT 1";
static const char MOVES[] =
    "SELECT name,new_target,seq,wall_ns,old_target,run,task,verdict"
    " FROM ref_moves WHERE name=?1 AND seq<=?2 ORDER BY seq";

/* The nearest existing name is the hint. */
static int no_such(struct cli *c, struct index *ix, const struct ref_args *a)
{
    const char *name = a->name;
    char known[32][LIMIT_REF_BYTES + 1];
    const char *names[32];
    const char *near = NULL;
    sqlite3_stmt *q = NULL;
    size_t n = 0;
    struct diag ignored;

    diag_init(&ignored);
    if (index_query(ix, LIST, &q, &ignored) == 0) {
        (void)sqlite3_bind_int64(q, 2, (sqlite3_int64)a->at);
        while (n < ARRAY_N(names) && sqlite3_step(q) == SQLITE_ROW) {
            (void)snprintf(known[n], sizeof(known[n]), "%s", index_text(q, 0));
            names[n] = known[n];
            n++;
        }
        near = diag_nearest(name, names, n);
    }
    (void)sqlite3_finalize(q);
    return cli_fail_hint(c, ERR_NOT_FOUND, "`proctor ref list` lists the names",
                         "no ref %s called \"%.80s\"%s%s%s",
                         a->at == INT64_MAX ? "is" : "was then", name,
                         near != NULL ? "; did you mean \"" : "",
                         near != NULL ? near : "", near != NULL ? "\"?" : "");
}

static int list_text(sqlite3_stmt *q)
{
    static const char *const HEADS[] = {"name", "target", "record", "moves"};
    struct table t;
    size_t n = 0;
    int rc;

    table_init(&t, 4, HEADS);
    while (sqlite3_step(q) == SQLITE_ROW) {
        char target[20];
        const char *cells[] = {index_text(q, 0), target, index_text(q, 2),
                               index_text(q, 3)};

        (void)snprintf(target, sizeof(target), "%.16s", index_text(q, 1));
        table_row(&t, cells);
        n++;
    }
    rc = n > 0 ? table_print(&t, stdout, term_has_colour(stdout)) : 0;
    if (n == 0) {
        puts("no refs");
    }
    table_release(&t);
    return rc;
}

static int list_json(struct cli *c, sqlite3_stmt *q)
{
    struct json j;

    json_init(&j);
    json_object(&j, NULL);
    json_array(&j, "refs");
    while (sqlite3_step(q) == SQLITE_ROW) {
        json_object(&j, NULL);
        json_str(&j, "name", index_text(q, 0));
        json_str(&j, "target", index_text(q, 1));
        json_u64(&j, "seq", index_u64(q, 2));
        json_u64(&j, "moves", index_u64(q, 3));
        json_close(&j);
    }
    json_close(&j);
    json_close(&j);
    return cli_emit(c, &j);
}

static void put_verdict_json(struct json *j, sqlite3_stmt *q, int column)
{
    if (sqlite3_column_type(q, column) == SQLITE_NULL) {
        json_null(j, "verdict");
    } else {
        json_u64(j, "verdict", index_u64(q, column));
    }
}

/* q stands on the one row. */
static int show(struct cli *c, sqlite3_stmt *q)
{
    char time[TERM_TIME_BYTES];
    struct json j;

    if (c->json) {
        json_init(&j);
        json_object(&j, NULL);
        json_str(&j, "name", index_text(q, 0));
        json_str(&j, "target", index_text(q, 1));
        json_u64(&j, "seq", index_u64(q, 2));
        json_u64(&j, "moves", index_u64(q, 3));
        json_u64(&j, "run", index_u64(q, 4));
        json_str(&j, "task", index_text(q, 5));
        put_verdict_json(&j, q, 6);
        json_u64(&j, "wall_ns", index_u64(q, 7));
        json_close(&j);
        return cli_emit(c, &j);
    }
    printf("%s\n  target   %s\n  since    %s, record %s, run %s, task %s\n",
           index_text(q, 0), index_text(q, 1), term_time(index_u64(q, 7), time),
           index_text(q, 2), index_text(q, 4), index_text(q, 5));
    if (sqlite3_column_type(q, 6) != SQLITE_NULL) {
        printf("  verdict  proctor show %s\n", index_text(q, 6));
    }
    printf("  moves    %s\n", index_text(q, 3));
    return 0;
}

/* q stands on the first row. */
static int moves_text(sqlite3_stmt *q)
{
    static const char *const HEADS[] = {"record", "time",    "from", "to",
                                        "run",    "verdict", "task"};
    struct table t;
    int rc;

    table_init(&t, 7, HEADS);
    do {
        char time[TERM_TIME_BYTES];
        char from[20];
        char to[20];
        const char *cells[] = {index_text(q, 2),
                               term_time(index_u64(q, 3), time),
                               from,
                               to,
                               index_text(q, 5),
                               index_text(q, 7),
                               index_text(q, 6)};

        (void)snprintf(from, sizeof(from), "%.16s",
                       index_text(q, 4)[0] != '\0' ? index_text(q, 4) : "new");
        (void)snprintf(to, sizeof(to), "%.16s", index_text(q, 1));
        table_row(&t, cells);
    } while (sqlite3_step(q) == SQLITE_ROW);
    rc = table_print(&t, stdout, term_has_colour(stdout));
    table_release(&t);
    return rc;
}

static int moves_json(struct cli *c, sqlite3_stmt *q)
{
    struct json j;

    json_init(&j);
    json_object(&j, NULL);
    json_str(&j, "name", index_text(q, 0));
    json_array(&j, "moves");
    do {
        json_object(&j, NULL);
        json_u64(&j, "seq", index_u64(q, 2));
        json_u64(&j, "wall_ns", index_u64(q, 3));
        json_str(&j, "old_target", index_text(q, 4));
        json_str(&j, "new_target", index_text(q, 1));
        json_u64(&j, "run", index_u64(q, 5));
        json_str(&j, "task", index_text(q, 6));
        put_verdict_json(&j, q, 7);
        json_close(&j);
    } while (sqlite3_step(q) == SQLITE_ROW);
    json_close(&j);
    json_close(&j);
    return cli_emit(c, &j);
}

static int answer(struct ref_args *a, struct index *ix, sqlite3_stmt *q)
{
    struct cli *c = a->c;
    int is_log = strcmp(a->verb, "log") == 0;

    if (a->at != INT64_MAX && a->at >= index_size(ix)) {
        return cli_fail_hint(c, ERR_NOT_FOUND,
                             "`proctor log` lists the records",
                             "--at: there is no record %" PRIu64, a->at);
    }
    (void)sqlite3_bind_int64(q, 2, (sqlite3_int64)a->at);
    if (a->name == NULL) {
        return c->json ? list_json(c, q) : list_text(q);
    }
    (void)sqlite3_bind_text(q, 1, a->name, -1, SQLITE_STATIC);
    if (sqlite3_step(q) != SQLITE_ROW) {
        return no_such(c, ix, a);
    }
    if (!is_log) {
        return show(c, q);
    }
    return c->json ? moves_json(c, q) : moves_text(q);
}

int cmd_ref(struct cli *c, int argc, char **argv)
{
    struct ref_args a = {.c = c, .at = INT64_MAX};
    struct index *ix = NULL;
    struct place place;
    sqlite3_stmt *q = NULL;
    const char *sql = LIST;
    int rc = args_parse(c, &SPEC, argc, argv, &a);

    if (rc != 0) {
        return rc;
    }
    if (a.verb == NULL || (strcmp(a.verb, "list") != 0 && a.name == NULL)) {
        return cli_fail_hint(c, ERR_INPUT, "proctor ref --help",
                             a.verb == NULL ? "say `list`, `show` or `log`"
                                            : "which ref?");
    }
    if (strcmp(a.verb, "show") == 0) {
        sql = SHOW;
    } else if (strcmp(a.verb, "log") == 0) {
        sql = MOVES;
    }
    TRY(place_open(c->store, &place, &c->d));
    TRY(index_open(place.path, &ix, &c->d));
    rc = index_query(ix, sql, &q, &c->d);
    if (rc == 0) {
        rc = answer(&a, ix, q);
    }
    (void)sqlite3_finalize(q);
    return index_end(ix, rc, &c->d);
}
