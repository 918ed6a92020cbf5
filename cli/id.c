/* From what was typed to a record or an object. */
#include "cli/id.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "cli/object.h"
#include "proto/err.h"

static const struct loc NOWHERE = {NULL, 0, 0};

int id_parse(const char *text, uint64_t size, uint64_t *out_seq,
             char out_digits[static CID_TEXT_BYTES])
{
    size_t n = strlen(text);
    size_t i;

    if (text[0] == '#') {
        return args_u64(text + 1, out_seq);
    }
    if (args_u64(text, out_seq) == 0 &&
        (*out_seq < size || n < ID_DIGITS_MIN)) {
        return 0;
    }
    if (n < ID_DIGITS_MIN || n >= CID_TEXT_BYTES) {
        return ERR_INPUT;
    }
    for (i = 0; i < n; i++) {
        int c = tolower((unsigned char)text[i]);

        if (!isdigit(c) && (c < 'a' || c > 'f')) {
            return ERR_INPUT;
        }
        out_digits[i] = (char)c;
    }
    out_digits[n] = '\0';
    return ID_E_DIGITS;
}

enum {
    FOUND_MAX = 4
};

struct found {
    struct cid v[FOUND_MAX];
    size_t n; /* different ones; may exceed FOUND_MAX */
};

static void add(struct found *f, const struct cid *c)
{
    size_t i;

    for (i = 0; i < f->n && i < FOUND_MAX; i++) {
        if (cid_is_equal(&f->v[i], c)) {
            return;
        }
    }
    if (f->n < FOUND_MAX) {
        f->v[f->n] = *c;
    }
    f->n++;
}

/* Hashes in records, stored or not. */
static int find_mentions(struct index *ix, const char *digits, struct found *f,
                         struct diag *d)
{
    sqlite3_stmt *q = NULL;
    char text[CID_TEXT_BYTES];
    struct cid least, most;
    struct cid c;
    int rc;

    (void)snprintf(text, sizeof(text), "%s", digits);
    memset(text + strlen(digits), '0', sizeof(text) - 1 - strlen(digits));
    text[sizeof(text) - 1] = '\0';
    rc = cid_parse(text, &least);
    memset(text + strlen(digits), 'f', sizeof(text) - 1 - strlen(digits));
    if (rc != 0 || cid_parse(text, &most) != 0) {
        return ERR_TRACE(ERR_INTERNAL); /* id_parse saw to it: all hex */
    }
    TRY(index_query(ix,
                    "SELECT DISTINCT cid FROM mentions WHERE cid>=?1 AND "
                    "cid<=?2 LIMIT 8",
                    &q, d));
    (void)sqlite3_bind_blob(q, 1, least.b, CID_BYTES, SQLITE_STATIC);
    (void)sqlite3_bind_blob(q, 2, most.b, CID_BYTES, SQLITE_STATIC);
    while ((rc = index_step(ix, q, d)) == 0) {
        if (index_cid(q, 0, &c)) {
            add(f, &c);
        }
    }
    (void)sqlite3_finalize(q);
    return rc == INDEX_E_DONE ? 0 : rc;
}

static int ambiguous(const struct found *f, const char *text, struct diag *d)
{
    char a[CID_TEXT_BYTES];
    char b[CID_TEXT_BYTES];

    cid_text(&f->v[0], a);
    cid_text(&f->v[1], b);
    (void)diag_set(d, ERR_INPUT, NOWHERE, "%zu things begin with %s", f->n,
                   text);
    diag_hint(d, "give more digits: %.20s... or %.20s...", a, b);
    return ERR_INPUT;
}

int id_find(const char *store, struct index *ix, const char *text,
            struct id *out, struct diag *d)
{
    char digits[CID_TEXT_BYTES];
    struct cid stored[FOUND_MAX];
    struct found f = {.n = 0};
    size_t stored_n = 0;
    size_t i;
    int rc = id_parse(text, index_size(ix), &out->seq, digits);

    out->is_record = rc == 0;
    if (rc == 0) {
        return 0;
    }
    if (rc != ID_E_DIGITS) {
        (void)diag_set(d, ERR_INPUT, NOWHERE, "\"%.80s\" is no ID", text);
        diag_hint(d,
                  "an ID is a record's number, or at least %d hex digits of a "
                  "CID",
                  ID_DIGITS_MIN);
        return ERR_INPUT;
    }
    rc = object_find(store, digits, stored, FOUND_MAX, &stored_n);
    if (rc != 0) {
        return diag_set(d, rc, NOWHERE, "cannot read the objects: %s",
                        err_text(rc));
    }
    for (i = 0; i < stored_n && i < FOUND_MAX; i++) {
        add(&f, &stored[i]);
    }
    TRY(find_mentions(ix, digits, &f, d));
    if (f.n == 0) {
        (void)diag_set(d, ERR_NOT_FOUND, NOWHERE,
                       "nothing in this store begins with %s", text);
        diag_hint(d, "`proctor log` lists the records, `proctor show N` what "
                     "they name");
        return ERR_NOT_FOUND;
    }
    if (f.n > 1) {
        return ambiguous(&f, text, d);
    }
    out->cid = f.v[0];
    return 0;
}
