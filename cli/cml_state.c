/* Refs of CML for people. Reads the index; decides nothing. */
#include "cli/cml_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/cob.h"
#include "cli/index.h"
#include "cli/json.h"
#include "cli/place.h"
#include "cli/table.h"
#include "cli/term.h"
#include "proto/err.h"

enum {
    KEY_AT = 0x2000
};

struct state_args {
    const char *word;
    uint64_t at; /* INT64_MAX: now */
};

static const struct argp_option OPTIONS[] = {
    {"at", KEY_AT, "RECORD", 0, "As of that record: what came later is left out",
     0},
    {0}};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct state_args *a = state->input;

    if (key == KEY_AT) {
        if (args_u64(arg[0] == '#' ? arg + 1 : arg, &a->at) != 0 ||
            a->at >= INT64_MAX) {
            argp_error(state, "--at: \"%.40s\" is no record's number", arg);
            return EINVAL;
        }
        return 0;
    }
    if (key != ARGP_KEY_ARG || a->word != NULL) {
        return ARGP_ERR_UNKNOWN;
    }
    a->word = arg;
    return 0;
}

static const struct argp REFS = {OPTIONS, parse, "[PREFIX]",
                                 "Lists the refs of CML that lead somewhere, and "
                                 "those that only fields were said of.",
                                 NULL, NULL, NULL};
static const struct argp COB = {
    OPTIONS, parse, "PATH|ID",
    "What all that was said of one thing comes to. ID: the hash of the first "
    "assertion about it; others add to it as refs/cml/cobs/ID.",
    NULL, NULL, NULL};

/* The last word about the whole of each ref at ?2, and how many there were. */
static const char LIST[] =
    "SELECT a.ref_path,(SELECT payload_cid FROM m4_assertions WHERE did=a.did"
    " AND ref_path=a.ref_path AND id<=?2 AND operation NOT GLOB '*_*'"
    " ORDER BY id DESC LIMIT 1),max(a.seq_number),max(a.id),a.did"
    " FROM m4_assertions a WHERE a.id<=?2 AND"
    " substr(a.ref_path,1,length(?1))=?1 GROUP BY a.did,a.ref_path"
    " ORDER BY a.ref_path";

static int list(struct cli *c, sqlite3_stmt *q)
{
    static const char *const HEADS[] = {"ref", "payload", "said", "record"};
    struct table t;
    struct json j;
    int rc;

    table_init(&t, 4, HEADS);
    json_init(&j);
    json_object(&j, NULL);
    json_array(&j, "refs");
    while (sqlite3_step(q) == SQLITE_ROW) {
        char payload[20];
        const char *cells[] = {index_text(q, 0), payload, index_text(q, 2),
                               index_text(q, 3)};

        (void)snprintf(payload, sizeof(payload), "%.16s", index_text(q, 1));
        table_row(&t, cells);
        json_object(&j, NULL);
        json_str(&j, "did", index_text(q, 4));
        json_str(&j, "ref_path", index_text(q, 0));
        json_str(&j, "target_cid", index_text(q, 1));
        json_u64(&j, "seq_number", index_u64(q, 2));
        json_u64(&j, "record", index_u64(q, 3));
        json_close(&j);
    }
    json_close(&j);
    json_close(&j);
    rc = c->json ? cli_emit(c, &j)
                 : table_print(&t, stdout, term_has_colour(stdout));
    if (!c->json) {
        json_release(&j);
    }
    table_release(&t);
    return rc;
}

/* All assertions about the thing that ?1 is, or begins the hash of. */
static const char ABOUT[] =
    "SELECT did,ref_path,operation,payload_cid,seq_number,prev FROM"
    " m4_assertions WHERE id<=?2 AND (ref_path=(SELECT ref_path FROM"
    " m4_assertions WHERE seq_number=1 AND (ref_path=?1 OR"
    " (length(?1)>=8 AND substr(hash,1,length(?1))=?1)) ORDER BY id LIMIT 1)"
    " OR ref_path GLOB '*/cobs/'||(SELECT hash FROM m4_assertions WHERE"
    " seq_number=1 AND (ref_path=?1 OR (length(?1)>=8 AND"
    " substr(hash,1,length(?1))=?1)) ORDER BY id LIMIT 1))";

static int read_rows(sqlite3_stmt *q, struct cob_row **out, size_t *out_n)
{
    size_t cap = 0;

    while (sqlite3_step(q) == SQLITE_ROW) {
        struct cob_row *r;

        if (*out_n == cap) {
            struct cob_row *more;

            cap = cap > 0 ? 2 * cap : 64;
            more = reallocarray(*out, cap, sizeof(*more));
            if (more == NULL) {
                return ERR_TRACE(ERR_NOMEM);
            }
            *out = more;
        }
        r = &(*out)[(*out_n)++];
        TRY(assertion_init(&r->a, index_text(q, 0), index_text(q, 1),
                           index_text(q, 2)));
        r->a.n = index_u64(q, 4);
        if (index_text(q, 3)[0] != '\0') {
            TRY(cid_parse(index_text(q, 3), &r->a.payload));
        }
        if (index_text(q, 5)[0] != '\0') {
            TRY(cid_parse(index_text(q, 5), &r->a.prev));
        }
        TRY(assertion_hash(&r->a, &r->hash));
    }
    return 0;
}

static int put_cob(struct cli *c, const struct cob_row *first,
                   const struct cob *o)
{
    char text[CID_TEXT_BYTES];
    struct json j;

    json_init(&j);
    json_object(&j, NULL);
    cid_text(&first->hash, text);
    json_str(&j, "id", text);
    json_bool(&j, "deleted", o->is_deleted);
    json_object(&j, "fields");
    if (!c->json) {
        printf("%s%s\n", text, o->is_deleted ? ", deleted" : "");
    }
    for (size_t i = 0; i < o->n; i++) {
        const struct cob_field *f = &o->fields[i];

        cid_text(&f->by->a.payload, text);
        json_str(&j, f->name, text);
        if (!c->json) {
            printf("  %-16s %s  by %s, number %llu\n",
                   f->name[0] != '\0' ? f->name : "(whole)", text,
                   f->by->a.did, (unsigned long long)f->by->a.n);
        }
    }
    json_close(&j);
    json_close(&j);
    if (c->json) {
        return cli_emit(c, &j);
    }
    json_release(&j);
    return 0;
}

static int reduce(struct cli *c, sqlite3_stmt *q, const char *word)
{
    CLEANUP(mem_freep) struct cob_row *rows = NULL;
    struct cob o = {0};
    size_t n = 0;
    int rc = read_rows(q, &rows, &n);

    if (rc == 0 && n == 0) {
        return cli_fail_hint(c, ERR_NOT_FOUND, "proctor cml refs lists the refs",
                             "nothing was said of \"%.100s\"", word);
    }
    rc = rc == 0 ? cob_reduce(rows, &n, &o) : rc;
    rc = rc == 0 ? put_cob(c, &rows[0], &o) : rc;
    cob_release(&o);
    return rc;
}

int cml_state_has(const char *verb)
{
    return strcmp(verb, "refs") == 0 || strcmp(verb, "cob") == 0;
}

int cml_state(struct cli *c, int argc, char **argv)
{
    struct state_args a = {.at = INT64_MAX};
    int is_cob = strcmp(argv[0], "cob") == 0;
    struct index *ix = NULL;
    sqlite3_stmt *q = NULL;
    struct place place;
    int rc = args_parse(c, is_cob ? &COB : &REFS, argc, argv, &a);

    if (rc != 0) {
        return rc;
    }
    if (is_cob && a.word == NULL) {
        return cli_fail_hint(c, ERR_INPUT, "proctor cml cob refs/cml/cobs/NAME",
                             "which object?");
    }
    TRY(place_open(c->store, &place, &c->d));
    TRY(index_open(place.path, &ix, &c->d));
    rc = index_query(ix, is_cob ? ABOUT : LIST, &q, &c->d);
    if (rc == 0) {
        (void)sqlite3_bind_text(q, 1, a.word != NULL ? a.word : "", -1,
                                SQLITE_STATIC);
        (void)sqlite3_bind_int64(q, 2, (sqlite3_int64)a.at);
        rc = is_cob ? reduce(c, q, a.word) : list(c, q);
    }
    (void)sqlite3_finalize(q);
    return index_end(ix, rc, &c->d);
}
