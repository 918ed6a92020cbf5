/* proctor verify: is the ledger whole? Says what is not, and where. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "cli/audit.h"
#include "cli/json.h"
#include "cli/place.h"
#include "cli/progress.h"
#include "cli/published.h"
#include "cli/quorum.h"
#include "cli/term.h"
#include "proto/err.h"

#define FINDINGS_MAX 100 /* shown; the rest is counted */

enum {
    KEY_FULL = 0x2000,
    KEY_POLICY
};

static const struct argp_option OPTIONS[] = {
    {"full", KEY_FULL, NULL, 0,
     "Also hash every object, compare every tile with the records, check every "
     "signature, and name every file that is out of place",
     0},
    {"policy", KEY_POLICY, "FILE", 0,
     "The published checkpoint must be cosigned by the quorum of this "
     "c2sp.org/tlog-policy file",
     0},
    {0}};

struct verify_args {
    struct cli *c;
    int full;
    const char *policy;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct verify_args *a = state->input;

    switch (key) {
    case KEY_FULL:
        a->full = 1;
        return 0;
    case KEY_POLICY:
        a->policy = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp SPEC = {
    OPTIONS,
    parse,
    NULL,
    "Checks the whole ledger from its bytes: chain, tree, signatures, "
    "checkpoint, and what records say about each other.\vNeeds no kernel and "
    "changes nothing; may run while a kernel works. Exit code 5 when something "
    "is damaged.",
    NULL,
    NULL,
    NULL};

struct hearing {
    struct cli *c;
    struct json *j; /* NULL without --json */
    int live;
    unsigned shown;
};

static const char *const GRADES[] = {"note", "warning", "error"};

static void hide_progress(const struct hearing *h)
{
    if (h->live) {
        fputs("\r\033[K", stderr);
    }
}

static void put_finding(struct json *j, const struct audit_finding *f)
{
    json_object(j, NULL);
    json_str(j, "grade", GRADES[f->grade]);
    json_str(j, "part", audit_part_name(f->part));
    if (f->seq != AUDIT_NO_SEQ) {
        json_u64(j, "record", f->seq);
    }
    json_str(j, "where", f->where);
    json_str(j, "what", f->what);
    json_close(j);
}

static void hear_finding(void *ctx, const struct audit_finding *f)
{
    struct hearing *h = ctx;

    if (h->shown++ >= FINDINGS_MAX) {
        return;
    }
    if (h->j != NULL) {
        put_finding(h->j, f);
        return;
    }
    hide_progress(h);
    term_put_text(stderr,
                  (struct ubytes){(const uint8_t *)f->where, strlen(f->where)},
                  400);
    fprintf(stderr, ": %s: ", GRADES[f->grade]);
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

/* The verdict is the last line, and the only one on standard output that says
 * whole or DAMAGED. */
static void print_text(const struct audit_result *r, int full)
{
    char number[TERM_NUMBER_BYTES];
    char bytes[TERM_NUMBER_BYTES];

    if (full) {
        printf("%s objects of %s bytes", term_number(r->objects, number),
               term_number(r->object_bytes, bytes));
        if (r->unnamed > 0) {
            printf(" (%" PRIu64 " that no record leads to)", r->unnamed);
        }
        printf(", %s tiles and bundles", term_number(r->tiles, number));
        printf(", %s files\n", term_number(r->files, number));
    }
    term_put_text(stdout,
                  (struct ubytes){(const uint8_t *)r->line, strlen(r->line)},
                  AUDIT_LINE_BYTES);
    fputc('\n', stdout);
    if (r->hint[0] != '\0') {
        fflush(stdout);
        fputs("hint: ", stderr);
        term_put_text(stderr,
                      (struct ubytes){(const uint8_t *)r->hint, strlen(r->hint)},
                      AUDIT_HINT_BYTES);
        fputc('\n', stderr);
    }
}

static void put_result(struct json *j, const struct audit_result *r, int full)
{
    json_bool(j, "whole", r->count[AUDIT_DAMAGE] == 0);
    json_str(j, "verdict", r->line);
    json_str(j, "hint", r->hint);
    json_u64(j, "trusted", r->trusted);
    json_bool(j, "full", full);
    json_u64(j, "size", r->size);
    json_hex(j, "root", r->root.b, r->has_root ? sizeof(r->root.b) : 0);
    json_bool(j, "torn", r->is_torn);
    json_u64(j, "checkpoint_size", r->checkpoint_size);
    json_u64(j, "batches", r->batches);
    json_u64(j, "signatures_checked", r->signatures);
    json_u64(j, "verdicts", r->verdicts);
    if (full) {
        json_u64(j, "tiles", r->tiles);
        json_u64(j, "objects", r->objects);
        json_u64(j, "object_bytes", r->object_bytes);
        json_u64(j, "unnamed_objects", r->unnamed);
        json_u64(j, "files", r->files);
    }
    json_u64(j, "notes", r->count[AUDIT_NOTE]);
    json_u64(j, "warnings", r->count[AUDIT_WARNING]);
    json_u64(j, "errors", r->count[AUDIT_DAMAGE]);
}

/* What the person demands of the checkpoint that was found good. */
static int check_quorum(struct verify_args *a, const char *store)
{
    struct published p;
    int rc;

    published_init(&p);
    rc = published_read(store, &p, &a->c->d);
    if (rc == 0) {
        rc = quorum_check(a->policy, buf_bytes(&p.note), &a->c->d);
    }
    published_release(&p);
    return rc;
}

static int verify(struct verify_args *a, const char *store, struct json *j)
{
    struct cli *c = a->c;
    struct hearing h = {c, j, term_is_live() && j == NULL, 0};
    struct audit_ears ears = {hear_finding, hear_progress, &h};
    struct audit_result r;
    int rc = audit_run(store, a->full, &ears, &r, &c->d);

    hide_progress(&h);
    if (rc < 0) {
        return rc;
    }
    if (j == NULL) {
        if (h.shown > FINDINGS_MAX) {
            fprintf(stderr, "... and %u more\n", h.shown - FINDINGS_MAX);
        }
        print_text(&r, a->full);
    } else {
        json_close(j);
        put_result(j, &r, a->full);
        json_close(j);
        TRY(cli_emit(c, j));
    }
    if (r.count[AUDIT_DAMAGE] > 0) {
        c->told = 1;
        return cli_fail(c, ERR_STORE_DAMAGED, "the store is damaged");
    }
    return a->policy == NULL ? 0 : check_quorum(a, store);
}

int cmd_verify(struct cli *c, int argc, char **argv)
{
    struct verify_args a = {.c = c};
    struct place place;
    struct json j;
    int rc = args_parse(c, &SPEC, argc, argv, &a);

    if (rc != 0) {
        return rc;
    }
    TRY(place_open(c->store, &place, &c->d));
    if (!c->json) {
        return verify(&a, place.path, NULL);
    }
    json_init(&j);
    json_object(&j, NULL);
    json_array(&j, "findings");
    rc = verify(&a, place.path, &j);
    json_release(&j);
    return rc;
}
