/* proctor status: the store, its last run, what waits for a person; with
 * --tables what this version can do. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "cli/index.h"
#include "cli/json.h"
#include "cli/place.h"
#include "cli/status_tables.h"
#include "cli/table.h"
#include "cli/term.h"
#include "proto/err.h"

enum {
    KEY_TABLES = 0x2000
};

static const struct argp_option OPTIONS[] = {
    {"tables", KEY_TABLES, NULL, 0,
     "Print the tables of ops, validators and state transitions instead", 0},
    {0}};

struct status_args {
    struct cli *c;
    int tables;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct status_args *a = state->input;

    (void)arg;
    if (key != KEY_TABLES) {
        return ARGP_ERR_UNKNOWN;
    }
    a->tables = 1;
    return 0;
}

static const struct argp SPEC = {
    OPTIONS,
    parse,
    NULL,
    "Shows the store, its last run with every task's state, and what waits for "
    "a person.",
    NULL,
    NULL,
    NULL};

/* All that status shows, gathered before anything is printed. */
struct status {
    const char *store;
    uint64_t size;
    struct ledger_identity id;
    struct merkle_hash root;
    struct buf vkey;
    uint64_t refs;
    uint64_t verdicts;
    uint64_t parked;
    sqlite3_stmt *run;    /* on its row, or NULL when there was none */
    sqlite3_stmt *tasks;  /* before its first row */
    sqlite3_stmt *splits; /* the same; each with its looks */
};

static const char LAST_RUN[] =
    "SELECT seq,wall_ns,graph_path,graph,ended,code,passed,failed,parked,"
    "skipped,resumes FROM runs ORDER BY seq DESC LIMIT 1";
/* A repair comes to rest as the task that it repairs: one row for both. */
static const char TASKS[] =
    "SELECT task,op,state,level,CASE WHEN state='passed' AND"
    " coalesce(reason,'')='' AND EXISTS(SELECT 1 FROM tasks AS r WHERE"
    " r.run=t.run AND r.task=t.task||'.repair1') THEN 'by its repair, '||"
    "t.task||'.repair1' ELSE reason END,seq,evidence FROM tasks AS t"
    " WHERE run=?1 AND NOT (state='new' AND task LIKE '%.repair1' AND"
    " EXISTS(SELECT 1 FROM tasks AS p WHERE p.run=t.run AND"
    " p.task=substr(t.task,1,length(t.task)-8))) ORDER BY place";

static const char SPLITS[] =
    "SELECT s.seq,s.task,s.split,count(l.seq),coalesce(max(l.looks_max),0),"
    "coalesce((SELECT score FROM looks AS b WHERE b.split=s.split AND"
    " b.outcome='better' ORDER BY b.seq DESC LIMIT 1),'none'),s.file"
    " FROM splits AS s"
    " LEFT JOIN looks AS l ON l.split=s.split GROUP BY s.seq ORDER BY s.seq";

static int count(struct index *ix, const char *sql, uint64_t *out,
                 struct diag *d)
{
    sqlite3_stmt *q = NULL;

    TRY(index_query(ix, sql, &q, d));
    *out = sqlite3_step(q) == SQLITE_ROW ? index_u64(q, 0) : 0;
    (void)sqlite3_finalize(q);
    return 0;
}

static int stop(void *ctx, const struct record *r, struct ubytes entry,
                const struct merkle_hash *leaf)
{
    (void)ctx;
    (void)r;
    (void)entry;
    (void)leaf;
    return 0;
}

static int gather(struct status *s, struct index *ix, struct diag *d)
{
    struct ledger_end end;

    s->size = index_size(ix);
    if (s->size > 0) {
        TRY(ledger_identity(s->store, &s->id, d));
        TRY(ledger_each(s->store, s->size - 1, stop, NULL, &end, d));
        s->size = end.size;
        s->root = end.root;
        TRY(note_vkey(&s->vkey, s->id.origin, s->id.key));
    }
    TRY(count(ix, "SELECT count(*) FROM refs", &s->refs, d));
    TRY(count(ix, "SELECT count(*) FROM verdicts", &s->verdicts, d));
    TRY(count(ix,
              "SELECT count(*) FROM tasks WHERE state='parked' AND run="
              "(SELECT max(seq) FROM runs)",
              &s->parked, d));
    TRY(index_query(ix, SPLITS, &s->splits, d));
    TRY(index_query(ix, LAST_RUN, &s->run, d));
    if (sqlite3_step(s->run) != SQLITE_ROW) {
        (void)sqlite3_finalize(s->run);
        s->run = NULL;
        return 0;
    }
    TRY(index_query(ix, TASKS, &s->tasks, d));
    (void)sqlite3_bind_int64(s->tasks, 1, sqlite3_column_int64(s->run, 0));
    return 0;
}

static void print_run(const struct status *s)
{
    char time[TERM_TIME_BYTES];
    const char *path = index_text(s->run, 2);

    printf("last run  ");
    term_put_text(stdout, (struct ubytes){(const uint8_t *)path, strlen(path)},
                  200);
    printf(", %s, record %s\n", term_time(index_u64(s->run, 1), time),
           index_text(s->run, 0));
    if (sqlite3_column_int(s->run, 4) != 0) {
        printf(
            "          ended: %s passed, %s failed, %s waiting, %s not run\n",
            index_text(s->run, 6), index_text(s->run, 7), index_text(s->run, 8),
            index_text(s->run, 9));
    } else {
        puts("          not ended: it runs, or was cut off (`proctor run "
             "--resume` goes on)");
    }
}

static int print_tasks(const struct status *s)
{
    static const char *const HEADS[] = {"task",  "op",     "state",
                                        "level", "record", "reason"};
    struct table t;
    int rc;

    table_init(&t, 6, HEADS);
    while (sqlite3_step(s->tasks) == SQLITE_ROW) {
        const char *cells[] = {
            index_text(s->tasks, 0), index_text(s->tasks, 1),
            index_text(s->tasks, 2), index_text(s->tasks, 3),
            index_text(s->tasks, 5), index_text(s->tasks, 4)};

        table_row(&t, cells);
    }
    rc = table_print(&t, stdout, term_has_colour(stdout));
    (void)sqlite3_reset(s->tasks);
    while (rc == 0 && sqlite3_step(s->tasks) == SQLITE_ROW) {
        if (strcmp(index_text(s->tasks, 2), state_name(STATE_PARKED)) == 0) {
            printf("%s waits; go on with: proctor resume %s\n",
                   index_text(s->tasks, 0), index_text(s->tasks, 0));
        }
    }
    table_release(&t);
    return rc;
}

static int is_worn(sqlite3_stmt *q)
{
    return index_u64(q, 3) > 0 && index_u64(q, 3) >= index_u64(q, 4);
}

static void print_splits(const struct status *s)
{
    while (sqlite3_step(s->splits) == SQLITE_ROW) {
        printf("split     %s of %s, record %s: %s looks",
               index_text(s->splits, 1), index_text(s->splits, 6),
               index_text(s->splits, 0), index_text(s->splits, 3));
        if (index_u64(s->splits, 3) > 0) {
            printf(" of %s, best %s%s", index_text(s->splits, 4),
                   index_text(s->splits, 5),
                   is_worn(s->splits) ? ": WORN" : "");
        }
        fputc('\n', stdout);
    }
}

static void put_splits(struct json *j, const struct status *s)
{
    json_array(j, "splits");
    while (sqlite3_step(s->splits) == SQLITE_ROW) {
        json_object(j, NULL);
        json_u64(j, "seq", index_u64(s->splits, 0));
        json_str(j, "task", index_text(s->splits, 1));
        json_str(j, "file", index_text(s->splits, 6));
        json_str(j, "split", index_text(s->splits, 2));
        json_u64(j, "looks", index_u64(s->splits, 3));
        json_u64(j, "looks_max", index_u64(s->splits, 4));
        json_str(j, "best", index_text(s->splits, 5));
        json_bool(j, "worn", is_worn(s->splits));
        json_close(j);
    }
    json_close(j);
}

static int print_text(const struct status *s)
{
    char number[TERM_NUMBER_BYTES];
    char hex[CID_TEXT_BYTES];

    printf("store     %s\n", s->store);
    printf("ledger    %s records", term_number(s->size, number));
    if (s->size == 0) {
        puts(" (no run yet)");
        return 0;
    }
    hex_text(s->root.b, sizeof(s->root.b), hex);
    printf(", %s verdicts\nroot      %s\nkey       %.*s\n",
           term_number(s->verdicts, number), hex, (int)buf_len(&s->vkey),
           (const char *)buf_bytes(&s->vkey).p);
    printf("refs      %s\n", term_number(s->refs, number));
    print_splits(s);
    if (s->run == NULL) {
        return 0;
    }
    print_run(s);
    return print_tasks(s);
}

static void put_run(struct json *j, const struct status *s)
{
    static const char *const COUNTS[] = {"passed", "failed", "parked",
                                         "skipped"};
    int i;

    json_object(j, "last_run");
    json_u64(j, "seq", index_u64(s->run, 0));
    json_u64(j, "wall_ns", index_u64(s->run, 1));
    json_str(j, "graph_path", index_text(s->run, 2));
    json_str(j, "graph", index_text(s->run, 3));
    json_bool(j, "ended", sqlite3_column_int(s->run, 4) != 0);
    if (sqlite3_column_int(s->run, 4) != 0) {
        json_u64(j, "code", index_u64(s->run, 5));
        for (i = 0; i < 4; i++) {
            json_u64(j, COUNTS[i], index_u64(s->run, 6 + i));
        }
    }
    json_array(j, "tasks");
    while (sqlite3_step(s->tasks) == SQLITE_ROW) {
        json_object(j, NULL);
        json_str(j, "id", index_text(s->tasks, 0));
        json_str(j, "op", index_text(s->tasks, 1));
        json_str(j, "state", index_text(s->tasks, 2));
        json_str(j, "level", index_text(s->tasks, 3));
        json_str(j, "reason", index_text(s->tasks, 4));
        json_u64(j, "seq", index_u64(s->tasks, 5));
        json_close(j);
    }
    json_close(j);
    json_close(j);
}

static int print_json(struct cli *c, const struct status *s)
{
    struct json j;

    json_init(&j);
    json_object(&j, NULL);
    json_str(&j, "store", s->store);
    json_u64(&j, "size", s->size);
    if (s->size > 0) {
        json_str(&j, "origin", s->id.origin);
        json_hex(&j, "root", s->root.b, sizeof(s->root.b));
        json_text(&j, "vkey", buf_bytes(&s->vkey));
    }
    json_u64(&j, "refs", s->refs);
    json_u64(&j, "verdicts", s->verdicts);
    json_u64(&j, "parked", s->parked);
    put_splits(&j, s);
    if (s->run != NULL) {
        put_run(&j, s);
    } else {
        json_null(&j, "last_run");
    }
    json_close(&j);
    return cli_emit(c, &j);
}

static int show_store(struct cli *c)
{
    struct status s = {0};
    struct index *ix = NULL;
    struct place place;
    int rc;

    TRY(place_open(c->store, &place, &c->d));
    TRY(index_open(place.path, &ix, &c->d));
    s.store = place.path;
    buf_init(&s.vkey, NOTE_BYTES_MAX);
    rc = gather(&s, ix, &c->d);
    if (rc == 0) {
        rc = c->json ? print_json(c, &s) : print_text(&s);
    }
    (void)sqlite3_finalize(s.run);
    (void)sqlite3_finalize(s.tasks);
    (void)sqlite3_finalize(s.splits);
    buf_release(&s.vkey);
    return index_end(ix, rc, &c->d);
}

int cmd_status(struct cli *c, int argc, char **argv)
{
    struct status_args a = {.c = c};
    int rc = args_parse(c, &SPEC, argc, argv, &a);

    if (rc != 0) {
        return rc;
    }
    return a.tables ? status_tables(c) : show_store(c);
}
