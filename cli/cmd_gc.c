/* proctor gc: lists what nothing in a store needs, and removes it when told
 * to. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "cli/collect.h"
#include "cli/json.h"
#include "cli/place.h"
#include "cli/table.h"
#include "cli/term.h"
#include "proto/err.h"

#define GRACE_S 3600
#define FINDINGS_MAX 5 /* shown; `verify --full` tells all */

enum {
    KEY_DELETE = 0x2000,
    KEY_GRACE,
    KEY_TORN
};

static const struct argp_option OPTIONS[] = {
    {"delete", KEY_DELETE, NULL, 0, "Remove what is listed", 0},
    {"grace", KEY_GRACE, "TIME", 0,
     "Keep objects and half-written files younger than this: 0, 90s, 30m, 1h, "
     "7d (default 1h)",
     0},
    {"torn", KEY_TORN, "NAME", 0,
     "Also this torn-... file of ledger/wal, an unfinished batch that a kernel "
     "set aside",
     0},
    {0}};

struct gc_args {
    struct cli *c;
    struct collect_ask ask;
};

/* A number with a unit, in seconds. True when it is one. */
static int read_time(const char *text, uint64_t *out_s)
{
    static const struct {
        char unit;
        uint32_t s;
    } UNITS[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    char digits[16];
    size_t n = strspn(text, "0123456789");
    uint64_t v;
    size_t i;

    if (n == 0 || n > 9) {
        return 0;
    }
    (void)snprintf(digits, sizeof(digits), "%.*s", (int)n, text);
    if (args_u64(digits, &v) != 0) {
        return 0;
    }
    *out_s = 0;
    if (text[n] == '\0') {
        return v == 0;
    }
    for (i = 0; i < ARRAY_N(UNITS); i++) {
        if (text[n] == UNITS[i].unit && text[n + 1] == '\0') {
            *out_s = v * UNITS[i].s;
            return 1;
        }
    }
    return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct gc_args *a = state->input;

    if (key == KEY_DELETE) {
        a->ask.is_delete = 1;
    } else if (key == KEY_TORN) {
        a->ask.torn = arg;
    } else if (key == KEY_GRACE) {
        if (!read_time(arg, &a->ask.grace_s)) {
            argp_error(state, "--grace=%.40s: expected 0, 90s, 30m, 1h or 7d",
                       arg);
            return EINVAL;
        }
    } else {
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp SPEC = {
    OPTIONS,
    parse,
    NULL,
    "Lists what nothing in the store needs: objects that no record leads to, "
    "half-written files, partial tiles that full ones have replaced. With "
    "--delete it removes them.\vThe whole store is checked first, as `proctor "
    "verify --full` does; a damaged one is never collected. --delete needs the "
    "store to itself: no kernel can start until it ends.",
    NULL,
    NULL,
    NULL};

/* The check speaks only of damage. */
struct hearing {
    int live;
    unsigned shown;
};

static void hide_progress(const struct hearing *h)
{
    if (h->live) {
        fputs("\r\033[K", stderr);
    }
}

static void hear_finding(void *ctx, const struct audit_finding *f)
{
    struct hearing *h = ctx;

    if (f->grade != AUDIT_DAMAGE || h->shown++ >= FINDINGS_MAX) {
        return;
    }
    hide_progress(h);
    fprintf(stderr, "%s: error: ", f->where);
    term_put_text(stderr,
                  (struct ubytes){(const uint8_t *)f->what, strlen(f->what)},
                  400);
    fputc('\n', stderr);
}

static void hear_progress(void *ctx, const char *phase, uint64_t done)
{
    struct hearing *h = ctx;
    char number[TERM_NUMBER_BYTES];

    if (h->live) {
        fprintf(stderr, "\r  %s %s\033[K", phase, term_number(done, number));
        fflush(stderr);
    }
}

static void age_text(uint64_t s, char *out, size_t n)
{
    if (s < 120) {
        (void)snprintf(out, n, "%" PRIu64 " s", s);
    } else if (s < 7200) {
        (void)snprintf(out, n, "%" PRIu64 " min", s / 60);
    } else if (s < 172800) {
        (void)snprintf(out, n, "%" PRIu64 " h", s / 3600);
    } else {
        (void)snprintf(out, n, "%" PRIu64 " days", s / 86400);
    }
}

static const char *kind_of(const struct collect_item *i)
{
    return i->kind != COLLECT_OBJECT ? collect_kind_name(i->kind)
           : i->type != NULL         ? i->type
                                     : "bytes";
}

static int print_list(const struct collect *g)
{
    static const char *const HEADS[] = {"KIND", "BYTES", "AGE", "NAME", "WHY"};
    struct table t;
    size_t i;
    int rc;

    table_init(&t, ARRAY_N(HEADS), HEADS);
    for (i = 0; i < g->n; i++) {
        const struct collect_item *item = &g->v[i];
        char bytes[TERM_NUMBER_BYTES];
        char age[32];

        age_text(item->age_s, age, sizeof(age));
        table_row(&t, (const char *[]){kind_of(item),
                                       term_number(item->bytes, bytes), age,
                                       item->name, item->why});
    }
    rc = table_print(&t, stdout, term_has_colour(stdout));
    table_release(&t);
    return rc;
}

static int print_text(const struct collect *g, const struct collect_ask *ask)
{
    char number[TERM_NUMBER_BYTES];
    char bytes[TERM_NUMBER_BYTES];
    int rc = 0;

    if (g->n == 0) {
        printf("nothing to do");
    } else {
        rc = print_list(g);
        printf("%s %s files of %s bytes", ask->is_delete ? "removed" : "found",
               term_number(g->n, number), term_number(g->bytes, bytes));
    }
    if (g->kept > 0) {
        printf("; %" PRIu64 " kept that are younger than --grace", g->kept);
    }
    if (g->torn > 0) {
        printf("; %" PRIu64 " torn batches kept (--torn=NAME)", g->torn);
    }
    printf("\n");
    if (g->n > 0 && !ask->is_delete) {
        printf("nothing was removed: `proctor gc --delete` does it\n");
    }
    return rc;
}

static int emit(struct cli *c, const struct collect *g,
                const struct collect_ask *ask)
{
    struct json j;
    size_t i;
    int rc;

    json_init(&j);
    json_object(&j, NULL);
    json_array(&j, "garbage");
    for (i = 0; i < g->n; i++) {
        json_object(&j, NULL);
        json_str(&j, "kind", collect_kind_name(g->v[i].kind));
        json_str(&j, "type", kind_of(&g->v[i]));
        json_str(&j, "name", g->v[i].name);
        json_u64(&j, "bytes", g->v[i].bytes);
        json_u64(&j, "age_s", g->v[i].age_s);
        json_str(&j, "why", g->v[i].why);
        json_close(&j);
    }
    json_close(&j);
    json_u64(&j, "files", g->n);
    json_u64(&j, "bytes", g->bytes);
    json_u64(&j, "kept", g->kept);
    json_u64(&j, "torn", g->torn);
    json_bool(&j, "deleted", ask->is_delete);
    json_close(&j);
    rc = cli_emit(c, &j);
    json_release(&j);
    return rc;
}

int cmd_gc(struct cli *c, int argc, char **argv)
{
    struct gc_args a = {.c = c, .ask = {.grace_s = GRACE_S}};
    struct hearing h = {.live = term_is_live()};
    struct audit_ears ears = {hear_finding, hear_progress, &h};
    struct collect g;
    struct place place;
    int rc = args_parse(c, &SPEC, argc, argv, &a);

    if (rc != 0) {
        return rc;
    }
    TRY(place_open(c->store, &place, &c->d));
    a.ask.store = place.path;
    a.ask.ears = &ears;
    rc = collect_run(&a.ask, &g, &c->d);
    hide_progress(&h);
    if (rc == 0) {
        rc = c->json ? emit(c, &g, &a.ask) : print_text(&g, &a.ask);
    }
    collect_release(&g);
    return rc;
}
