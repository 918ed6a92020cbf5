/* Showing one object: who names it, as what, and its content. Bytes that are no
 * message of ours are shown as text when they are text. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/json.h"
#include "cli/kinds.h"
#include "cli/message.h"
#include "cli/object.h"
#include "cli/show.h"
#include "cli/term.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/pb.h"
#include "proto/utf8.h"

#include "evidence.pb-c.h"

#define SHOWN_TEXT_BYTES 4096
#define HELD_BYTES ((size_t)LIMIT_FRAME_BYTES) /* no message is larger */

/* An object with what is known about it. */
struct known {
    struct cid cid;
    char text[CID_TEXT_BYTES];
    struct buf bytes;
    uint64_t large_n; /* not held: its size */
    int is_stored;
    ProtobufCMessage *m; /* owned; NULL: bytes */
    struct message_types types;
};

static const char MENTIONS[] =
    "SELECT m.seq,r.kind,m.field FROM mentions m JOIN records r ON r.seq=m.seq"
    " WHERE m.cid=?1 ORDER BY m.seq";
/* The exam whose types an object's values have. */
static const char EXAM_OF[] =
    "SELECT v.cid FROM mentions m JOIN mentions v ON v.seq=m.seq AND"
    " v.field='exam' WHERE m.cid=?1 LIMIT 1";

static void set_types(struct known *k, const Proctor__Exam *e)
{
    message_types_set(&k->types, (struct ubytes){e->takes.data, e->takes.len},
                      (struct ubytes){e->gives.data, e->gives.len});
}

static int find_types(struct known *k, const char *store, struct index *ix,
                      struct diag *d)
{
    ProtobufCMessage *m CLEANUP(pb_freep) = NULL;
    sqlite3_stmt *q = NULL;
    struct cid exam;

    if (k->m != NULL && k->m->descriptor == &proctor__exam__descriptor) {
        set_types(k, (const Proctor__Exam *)k->m);
        return 0;
    }
    TRY(index_query(ix, EXAM_OF, &q, d));
    (void)sqlite3_bind_blob(q, 1, k->cid.b, CID_BYTES, SQLITE_STATIC);
    if (sqlite3_step(q) == SQLITE_ROW && index_cid(q, 0, &exam) &&
        object_message(store, &exam, &proctor__exam__descriptor, &m) == 0) {
        set_types(k, (const Proctor__Exam *)m);
    }
    (void)sqlite3_finalize(q);
    err_trace_clear();
    return 0;
}

static ProtobufCMessage *decode(const struct known *k,
                                const ProtobufCMessageDescriptor *type)
{
    ProtobufCMessage *m = NULL;

    if (type != NULL &&
        pb_decode(type, buf_bytes(&k->bytes), LIMIT_FRAME_BYTES, &m) != 0) {
        m = NULL;
    }
    err_trace_clear();
    return m;
}

/* By how records name it; else the one type that its bytes are a strict
 * encoding of and that is told by nothing else. */
static int find_type(struct known *k, struct index *ix, struct diag *d)
{
    sqlite3_stmt *q = NULL;
    size_t i;

    TRY(index_query(ix, MENTIONS, &q, d));
    (void)sqlite3_bind_blob(q, 1, k->cid.b, CID_BYTES, SQLITE_STATIC);
    while (k->m == NULL && sqlite3_step(q) == SQLITE_ROW) {
        const struct kinds_info *info =
            kinds_of_mention(index_text(q, 1), index_text(q, 2));

        if (info != NULL) {
            k->m = decode(k, info->type);
        }
    }
    (void)sqlite3_finalize(q);
    if (k->m != NULL || buf_len(&k->bytes) == 0 ||
        utf8_is_valid(buf_bytes(&k->bytes))) {
        return 0;
    }
    for (i = 0; k->m == NULL && kinds_type_name(i) != NULL; i++) {
        k->m = decode(k, kinds_type(kinds_type_name(i)));
    }
    return 0;
}

static int load(struct known *k, struct show_args *a, const char *store,
                struct index *ix)
{
    struct cli *c = a->c;
    int rc = object_read(store, &k->cid, HELD_BYTES, &k->bytes);

    if (rc == ERR_LIMIT) {
        err_trace_clear();
        buf_reset(&k->bytes);
        rc = object_check(store, &k->cid, &k->large_n);
    }
    if (rc == ERR_STORE_DAMAGED) {
        return cli_fail_hint(c, rc, "restore the store from a copy",
                             "object %s: its bytes do not hash to their name",
                             k->text);
    }
    if (rc != 0 && rc != ERR_NOT_FOUND) {
        return cli_fail(c, rc, "object %s: %s", k->text, err_text(rc));
    }
    k->is_stored = rc == 0;
    if (!k->is_stored || a->raw || (k->large_n > 0 && a->as == NULL)) {
        return 0;
    }
    if (a->as != NULL) {
        k->m = decode(k, a->as);
        if (k->m == NULL) {
            return cli_fail(c, ERR_INPUT, "object %s is no %s", k->text,
                            a->as->short_name);
        }
    } else {
        TRY(find_type(k, ix, &c->d));
    }
    return find_types(k, store, ix, &c->d);
}

static uint64_t size_of(const struct known *k)
{
    return k->large_n > 0 ? k->large_n : buf_len(&k->bytes);
}

/* Lines of a text, each escaped. */
static void print_lines(struct ubytes s)
{
    size_t shown = s.n < SHOWN_TEXT_BYTES ? s.n : SHOWN_TEXT_BYTES;
    size_t from = 0;

    while (from < shown) {
        const uint8_t *end = memchr(s.p + from, '\n', shown - from);
        size_t to = end != NULL ? (size_t)(end - s.p) : shown;

        fputs("  | ", stdout);
        term_put_text(stdout, (struct ubytes){s.p + from, to - from}, 1000);
        fputc('\n', stdout);
        from = to + 1;
    }
    if (shown < s.n) {
        printf("  ... %zu bytes more; --raw writes all\n", s.n - shown);
    }
}

static int print_text(const struct known *k, sqlite3_stmt *mentions)
{
    struct ubytes all = buf_bytes(&k->bytes);

    printf("object %s\n", k->text);
    while (sqlite3_step(mentions) == SQLITE_ROW) {
        printf("  named by record %s (%s) as %s\n", index_text(mentions, 0),
               record_kind_name((enum record_kind)index_u64(mentions, 1)),
               index_text(mentions, 2));
    }
    if (!k->is_stored) {
        puts("  its bytes are not in the store");
        return 0;
    }
    if (k->m != NULL) {
        printf("  %zu bytes, %s\n", all.n, k->m->descriptor->short_name);
        return message_print(stdout, k->m, &k->types, 2);
    }
    if (all.n > 0 && k->large_n == 0 && utf8_is_valid(all)) {
        printf("  %zu bytes of text\n", all.n);
        print_lines(all);
    } else {
        printf("  %" PRIu64 " bytes; --raw writes them\n", size_of(k));
    }
    return 0;
}

static int print_json(struct cli *c, const struct known *k,
                      sqlite3_stmt *mentions)
{
    struct json j;

    json_init(&j);
    json_object(&j, NULL);
    json_str(&j, "cid", k->text);
    json_bool(&j, "stored", k->is_stored);
    json_u64(&j, "bytes", size_of(k));
    json_array(&j, "named_by");
    while (sqlite3_step(mentions) == SQLITE_ROW) {
        json_object(&j, NULL);
        json_u64(&j, "seq", index_u64(mentions, 0));
        json_str(&j, "kind",
                 record_kind_name((enum record_kind)index_u64(mentions, 1)));
        json_str(&j, "field", index_text(mentions, 2));
        json_close(&j);
    }
    json_close(&j);
    if (k->m != NULL) {
        json_str(&j, "type", k->m->descriptor->short_name);
        message_json(&j, "object", k->m, &k->types);
    } else {
        json_null(&j, "type");
    }
    json_close(&j);
    return cli_emit(c, &j);
}

int show_object(struct show_args *a, const char *store, struct index *ix,
                const struct cid *cid)
{
    struct known k = {.cid = *cid};
    sqlite3_stmt *mentions = NULL;
    int rc;

    cid_text(cid, k.text);
    buf_init(&k.bytes, HELD_BYTES);
    rc = load(&k, a, store, ix);
    if (rc == 0 && a->raw && !k.is_stored) {
        rc = cli_fail(a->c, ERR_NOT_FOUND,
                      "the bytes of %s are not in the store", k.text);
    } else if (rc == 0 && a->raw && k.large_n > 0) {
        rc = object_copy(store, &k.cid, stdout, &k.large_n);
    } else if (rc == 0 && a->raw) {
        (void)fwrite(buf_bytes(&k.bytes).p, 1, buf_len(&k.bytes), stdout);
    } else if (rc == 0) {
        rc = index_query(ix, MENTIONS, &mentions, &a->c->d);
        if (rc == 0) {
            (void)sqlite3_bind_blob(mentions, 1, k.cid.b, CID_BYTES,
                                    SQLITE_STATIC);
            rc = a->c->json ? print_json(a->c, &k, mentions)
                            : print_text(&k, mentions);
        }
    }
    (void)sqlite3_finalize(mentions);
    pb_free(k.m);
    buf_release(&k.bytes);
    return rc;
}
