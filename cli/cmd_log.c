/* proctor log: records, newest last. */
#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "cli/follow.h"
#include "cli/place.h"
#include "proto/err.h"

#define FOLLOW_LAST 10u /* records shown before new ones, as tail -f does */

enum {
    KEY_KIND = 0x2000,
    KEY_RUN,
    KEY_TASK,
    KEY_REF,
    KEY_OBJECT,
    KEY_SINCE,
    KEY_UNTIL,
    KEY_LIMIT
};

static const struct argp_option OPTIONS[] = {
    {"kind", KEY_KIND, "KIND", 0,
     "Only records of this kind (verdict, ref, ...)", 0},
    {"run", KEY_RUN, "N", 0, "Only records of the run whose first record is N",
     0},
    {"task", KEY_TASK, "ID", 0, "Only records of this task", 0},
    {"ref", KEY_REF, "NAME", 0, "Only moves of this name", 0},
    {"object", KEY_OBJECT, "CID", 0,
     "Only records that name this object (8 or more digits of its CID)", 0},
    {"since", KEY_SINCE, "TIME", 0,
     "Only records from then on (2026-11-21, or \"2026-11-21 08:30:00\"; local "
     "time, or UTC with a Z at the end)",
     0},
    {"until", KEY_UNTIL, "TIME", 0, "Only records before then", 0},
    {"last", 'n', "N", 0, "Only the newest N of them", 0},
    {"limit", KEY_LIMIT, "N", 0, "The same as --last", 0},
    {"follow", 'f', NULL, 0,
     "Go on with new records as they become durable, until ^C; begin with the "
     "newest 10 (or --last N); with --json one object a line",
     0},
    {0}};

struct log_args {
    struct cli *c;
    struct log_filter filter;
    int follow;
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

static error_t parse_number(struct log_args *a, int key, const char *arg,
                            struct argp_state *state)
{
    if (key == KEY_RUN) {
        a->filter.has_run = 1;
        if (args_u64(arg[0] == '#' ? arg + 1 : arg, &a->filter.run) == 0 &&
            a->filter.run <= INT64_MAX) {
            return 0;
        }
        argp_error(state, "--run: \"%.40s\" is not a number", arg);
        return EINVAL;
    }
    a->filter.has_last = 1;
    if (args_u64(arg, &a->filter.last) == 0 && a->filter.last <= INT64_MAX) {
        return 0;
    }
    argp_error(state, "--%s: \"%.40s\" is not a number",
               key == KEY_LIMIT ? "limit" : "last", arg);
    return EINVAL;
}

static error_t parse_time(const char *name, const char *arg, uint64_t *out,
                          struct argp_state *state)
{
    if (log_filter_time(arg, out) == 0) {
        return 0;
    }
    argp_error(state,
               "--%s: \"%.40s\" is no time; write 2026-11-21 or "
               "\"2026-11-21 08:30:00\"",
               name, arg);
    return EINVAL;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct log_args *a = state->input;

    switch (key) {
    case KEY_KIND:
        a->filter.kind = record_kind_from_name(arg);
        return check_kind(a->c, arg) == 0 ? 0 : EINVAL;
    case KEY_TASK:
        a->filter.task = arg;
        return 0;
    case KEY_REF:
        a->filter.ref = arg;
        return 0;
    case KEY_OBJECT:
        a->filter.object = arg;
        return 0;
    case KEY_SINCE:
        return parse_time("since", arg, &a->filter.since_ns, state);
    case KEY_UNTIL:
        return parse_time("until", arg, &a->filter.until_ns, state);
    case KEY_RUN:
    case 'n':
    case KEY_LIMIT:
        return parse_number(a, key, arg, state);
    case 'f':
        a->follow = 1;
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

/* What the index covers. */
static int print_indexed(const struct log_filter *f, const char *store,
                         struct index *ix, struct log_print *p, struct diag *d)
{
    struct records x = {.wal_fd = -1, .segment_fd = -1};
    sqlite3_stmt *q = NULL;
    int rc = records_open(&x, store, d);

    if (rc == 0) {
        rc = log_filter_query(f, ix, &q, d);
    }
    while (rc == 0 && (rc = index_step(ix, q, d)) == 0) {
        struct record_at at = log_filter_row(q);
        struct merkle_hash leaf;
        struct record r;

        rc = records_get(&x, &at, &r, &leaf, d);
        if (rc == 0) {
            rc = log_print_record(p, &r, &leaf);
        }
    }
    (void)sqlite3_finalize(q);
    records_close(&x);
    return rc == INDEX_E_DONE ? 0 : rc;
}

static int print_all(struct log_args *a, const char *store, struct index *ix,
                     struct log_print *p)
{
    struct diag *d = &a->c->d;
    int is_torn = index_is_torn(ix);
    uint64_t size = index_size(ix);
    int rc = log_filter_resolve(&a->filter, store, ix, d);

    if (rc == 0) {
        log_print_open(p, a->c);
        rc = print_indexed(&a->filter, store, ix, p, d);
    }
    rc = index_end(ix, rc, d); /* following may last for days */
    if (rc == 0 && a->follow) {
        rc = follow(store, size, &a->filter, p, d);
    }
    if (rc == 0) {
        rc = log_print_end(p);
    }
    if (rc == 0 && is_torn && !a->follow) {
        fputs("note: an unfinished batch follows; a kernel is writing, or was "
              "cut off\n",
              stderr);
    }
    return rc;
}

int cmd_log(struct cli *c, int argc, char **argv)
{
    struct log_args a = {.c = c};
    struct index *ix = NULL;
    struct log_print p;
    struct place place;
    int rc;

    log_filter_init(&a.filter);
    rc = args_parse(c, &SPEC, argc, argv, &a);
    if (rc != 0) {
        return rc;
    }
    if (a.follow && !a.filter.has_last) {
        a.filter.has_last = 1;
        a.filter.last = FOLLOW_LAST;
    }
    TRY(place_open(c->store, &place, &c->d));
    TRY(index_open(place.path, &ix, &c->d));
    log_print_init(&p, !c->json   ? LOG_TABLE
                       : a.follow ? LOG_LINES
                                  : LOG_DOCUMENT);
    rc = print_all(&a, place.path, ix, &p);
    log_print_release(&p);
    if (rc == ERR_IO && c->d.code == 0) {
        return cli_fail(c, rc, "cannot write the records");
    }
    return rc;
}
