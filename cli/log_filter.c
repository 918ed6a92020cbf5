/* Filters of `proctor log`. Every filter is answered from an index of the
 * database, in the order of the records, so that the newest few are found
 * without reading the others. */
#include "cli/log_filter.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/id.h"
#include "cli/summary.h"
#include "proto/err.h"
#include "proto/limits.h"

void log_filter_init(struct log_filter *f)
{
    *f = (struct log_filter){.until_ns = UINT64_MAX};
}

int log_filter_time(const char *text, uint64_t *out_ns)
{
    static const char *const FORMS[] = {"%Y-%m-%d", "%Y-%m-%d %H:%M",
                                        "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M",
                                        "%Y-%m-%dT%H:%M:%S"};
    size_t i;

    for (i = 0; i < ARRAY_N(FORMS); i++) {
        struct tm tm = {.tm_isdst = -1};
        const char *end = strptime(text, FORMS[i], &tm);
        int is_utc = end != NULL && strcmp(end, "Z") == 0;

        if (end != NULL && (*end == '\0' || is_utc)) {
            time_t t = is_utc ? timegm(&tm) : mktime(&tm);

            if (t < 0) {
                return ERR_INPUT;
            }
            *out_ns = (uint64_t)t * 1000000000u;
            return 0;
        }
    }
    return ERR_INPUT;
}

int log_filter_resolve(struct log_filter *f, const char *store,
                       struct index *ix, struct diag *d)
{
    struct id id;

    if (f->object == NULL) {
        return 0;
    }
    TRY(id_find(store, ix, f->object, &id, d));
    if (id.is_record) {
        (void)diag_set(d, ERR_INPUT, (struct loc){.path = NULL},
                       "--object: %.80s is a record's number", f->object);
        diag_hint(d, "give a CID, or at least %d hex digits of one",
                  ID_DIGITS_MIN);
        return ERR_INPUT;
    }
    f->cid = id.cid;
    return 0;
}

/* The first row of a query of two numbers narrows [*lo, *hi]. */
static int narrow(struct index *ix, sqlite3_stmt *q, uint64_t *lo, uint64_t *hi,
                  struct diag *d)
{
    int rc = index_step(ix, q, d);

    if (rc == 0) {
        *lo = index_u64(q, 0) > *lo ? index_u64(q, 0) : *lo;
        *hi = index_u64(q, 1) < *hi ? index_u64(q, 1) : *hi;
    }
    (void)sqlite3_finalize(q);
    return rc < 0 ? rc : 0;
}

/* No record outside of [lo, hi] is of the run or was written in the time asked
 * for. */
static int find_span(const struct log_filter *f, struct index *ix,
                     uint64_t *out_lo, uint64_t *out_hi, struct diag *d)
{
    sqlite3_stmt *q = NULL;

    *out_lo = 0;
    *out_hi = INT64_MAX;
    if (f->has_run) {
        TRY(index_query(
            ix,
            "SELECT coalesce((SELECT min(seq) FROM records WHERE run=?1),1),"
            "coalesce((SELECT max(seq) FROM records WHERE run=?1),0)",
            &q, d));
        (void)sqlite3_bind_int64(q, 1, (sqlite3_int64)f->run);
        TRY(narrow(ix, q, out_lo, out_hi, d));
    }
    if (f->since_ns == 0 && f->until_ns == UINT64_MAX) {
        return 0;
    }
    TRY(index_query(ix,
                    "SELECT coalesce(min(first),1),coalesce(max(first)+?3,0) "
                    "FROM spans WHERE latest_ns>=?1 AND earliest_ns<?2",
                    &q, d));
    (void)sqlite3_bind_int64(q, 1, (sqlite3_int64)f->since_ns);
    (void)sqlite3_bind_int64(
        q, 2, f->until_ns > INT64_MAX ? INT64_MAX : (sqlite3_int64)f->until_ns);
    (void)sqlite3_bind_int64(q, 3, INDEX_SPAN - 1);
    return narrow(ix, q, out_lo, out_hi, d);
}

/* One source gives the order, the rest narrows it (+ keeps SQLite from taking
 * another index for the order). From the rarest down: an object, a ref, a task,
 * a run, a kind. */
static void put_sql(const struct log_filter *f, char *out, size_t n)
{
    int joined = f->object != NULL || f->ref != NULL;
    const char *from = f->object != NULL ? "mentions m CROSS JOIN records r ON"
                                           " r.seq=m.seq WHERE m.cid=?5"
                       : f->ref != NULL  ? "ref_moves m CROSS JOIN records r ON"
                                           " r.seq=m.seq WHERE m.name=?4"
                                         : "records r WHERE 1";
    const char *seq = joined ? "m.seq" : "r.seq";
    int by_task = !joined && f->task != NULL;
    int by_run = !joined && !by_task && f->has_run;
    int by_kind = !joined && !by_task && !by_run;
    char sql[1024];

    (void)snprintf(
        sql, sizeof(sql),
        "SELECT r.seq AS seq,r.segment,r.at,r.leaf FROM %s%s%s%s%s%s%s%s", from,
        f->object != NULL && f->ref != NULL
            ? " AND r.seq IN (SELECT seq FROM ref_moves WHERE name=?4)"
            : "",
        f->task == NULL ? ""
        : by_task       ? " AND r.task=(SELECT id FROM names WHERE name=?3)"
                        : " AND +r.task=(SELECT id FROM names WHERE name=?3)",
        !f->has_run ? ""
        : by_run    ? " AND r.run=?2"
                    : " AND +r.run=?2",
        f->kind == RECORD_NONE ? ""
        : by_kind              ? " AND r.kind=?1"
                               : " AND +r.kind=?1",
        f->since_ns != 0 ? " AND r.wall_ns>=?8" : "",
        f->until_ns != UINT64_MAX ? " AND r.wall_ns<?9" : "",
        f->object != NULL ? " AND m.seq BETWEEN ?6 AND ?7 GROUP BY m.seq"
        : joined          ? " AND m.seq BETWEEN ?6 AND ?7"
                          : " AND r.seq BETWEEN ?6 AND ?7");
    if (f->has_last) {
        (void)snprintf(out, n,
                       "SELECT * FROM (%s ORDER BY %s DESC LIMIT ?10)"
                       " ORDER BY seq",
                       sql, seq);
    } else {
        (void)snprintf(out, n, "%s ORDER BY %s", sql, seq);
    }
}

static void bind_text(sqlite3_stmt *q, int i, const char *s)
{
    if (s != NULL) {
        (void)sqlite3_bind_text(q, i, s, -1, SQLITE_STATIC);
    }
}

int log_filter_query(const struct log_filter *f, struct index *ix,
                     sqlite3_stmt **out, struct diag *d)
{
    char sql[1280];
    uint64_t lo;
    uint64_t hi;

    TRY(find_span(f, ix, &lo, &hi, d));
    put_sql(f, sql, sizeof(sql));
    TRY(index_query(ix, sql, out, d));
    (void)sqlite3_bind_int64(*out, 1, (sqlite3_int64)f->kind);
    (void)sqlite3_bind_int64(*out, 2, (sqlite3_int64)f->run);
    bind_text(*out, 3, f->task);
    bind_text(*out, 4, f->ref);
    (void)sqlite3_bind_blob(*out, 5, f->cid.b, CID_BYTES, SQLITE_STATIC);
    (void)sqlite3_bind_int64(*out, 6, (sqlite3_int64)lo);
    (void)sqlite3_bind_int64(*out, 7, (sqlite3_int64)hi);
    (void)sqlite3_bind_int64(*out, 8, (sqlite3_int64)f->since_ns);
    (void)sqlite3_bind_int64(*out, 9, (sqlite3_int64)f->until_ns);
    (void)sqlite3_bind_int64(*out, 10, (sqlite3_int64)f->last);
    return 0;
}

struct record_at log_filter_row(sqlite3_stmt *q)
{
    return (struct record_at){.seq = index_u64(q, 0),
                              .segment = index_u64(q, 1),
                              .off = index_u64(q, 2),
                              .leaf_part = sqlite3_column_int64(q, 3)};
}

static int names_object(const struct record *r, const struct cid *c)
{
    unsigned first = (unsigned)record_first_field(r->kind);
    unsigned n = record_fields_n(r->kind);
    unsigned i;

    for (i = first; i < first + n; i++) {
        enum record_field f = (enum record_field)i;
        const struct record_field_info *info = record_field_info(f);
        struct ubytes all = {NULL, 0};
        size_t k;

        if (info->type == RT_HASH) {
            all = (struct ubytes){record_hash(r, f), CID_BYTES};
        } else if (info->type == RT_CIDS) {
            all = record_bytes(r, f);
        }
        for (k = 0; k + CID_BYTES <= all.n; k += CID_BYTES) {
            if (memcmp(all.p + k, c->b, CID_BYTES) == 0) {
                return 1;
            }
        }
    }
    return 0;
}

int log_filter_takes(const struct log_filter *f, const struct record *r)
{
    char text[LIMIT_REF_BYTES + 1];
    uint64_t run;

    if (f->kind != RECORD_NONE && r->kind != f->kind) {
        return 0;
    }
    if (f->has_run && !(summary_run(r, &run) && run == f->run)) {
        return 0;
    }
    if (f->task != NULL) {
        summary_task(r, text, sizeof(text));
        if (strcmp(text, f->task) != 0) {
            return 0;
        }
    }
    if (f->ref != NULL) {
        if (r->kind != RECORD_REF) {
            return 0;
        }
        record_str(r, RF_REF_name, text, sizeof(text));
        if (strcmp(text, f->ref) != 0) {
            return 0;
        }
    }
    return (f->object == NULL || names_object(r, &f->cid)) &&
           r->wall_ns >= f->since_ns && r->wall_ns < f->until_ns;
}
