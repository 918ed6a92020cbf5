/* See cmd_cml_export.h. In the person's process; reads the store, writes two
 * files. */
#include "cli/cmd_cml_export.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/files.h"
#include "cli/id.h"
#include "cli/ledger.h"
#include "cli/object.h"
#include "cli/place.h"
#include "cli/proof.h"
#include "cli/statement.h"
#include "proto/cml.h"
#include "proto/domain.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/pb.h"

#define RUNNABLE_CML 4
#define DOMAIN_TEXT_BYTES 1024

/* --- which verdict --- */

/* What a->ref means: the number of a VERDICT record. */
struct meant {
    int is_found;
    uint64_t verdict;
    int has_target;
    struct cid target; /* the candidate, if a name says so */
};

static int find_name(struct cml_args *a, struct index *ix, struct meant *out)
{
    sqlite3_stmt *q = NULL;
    int rc = index_query(ix,
                         "SELECT verdict,new_target FROM ref_moves"
                         " WHERE name=?1 ORDER BY seq DESC LIMIT 1",
                         &q, &a->c->d);

    if (rc == 0) {
        (void)sqlite3_bind_text(q, 1, a->ref, -1, SQLITE_STATIC);
        rc = index_step(ix, q, &a->c->d);
    }
    if (rc == 0 && sqlite3_column_type(q, 0) == SQLITE_NULL) {
        rc = cli_fail(a->c, ERR_REFUSED,
                      "%.80s was moved without a verdict: it is not examined",
                      a->ref);
    } else if (rc == 0) {
        out->is_found = 1;
        out->verdict = index_u64(q, 0);
        out->has_target = cid_parse(index_text(q, 1), &out->target) == 0;
    }
    (void)sqlite3_finalize(q);
    return rc == INDEX_E_DONE ? 0 : rc;
}

/* The newest verdict about a candidate. */
static int find_candidate(struct cml_args *a, struct index *ix,
                          const struct cid *c, struct meant *out)
{
    char text[CID_TEXT_BYTES];
    sqlite3_stmt *q = NULL;
    int rc = index_query(ix,
                         "SELECT seq FROM verdicts WHERE candidate=?1"
                         " ORDER BY seq DESC LIMIT 1",
                         &q, &a->c->d);

    if (rc == 0) {
        cid_text(c, text);
        (void)sqlite3_bind_text(q, 1, text, -1, SQLITE_STATIC);
        rc = index_step(ix, q, &a->c->d);
    }
    if (rc == 0) {
        out->verdict = index_u64(q, 0);
    }
    (void)sqlite3_finalize(q);
    return rc == INDEX_E_DONE
               ? cli_fail_hint(a->c, ERR_NOT_FOUND,
                               "`proctor log --kind verdict` lists the verdicts",
                               "there is no verdict about %.80s", a->ref)
               : rc;
}

static int find_verdict(struct cml_args *a, const char *store,
                        struct index *ix, struct meant *out)
{
    char digits[CID_TEXT_BYTES];
    struct id id;

    TRY(find_name(a, ix, out));
    if (out->is_found) {
        return 0;
    }
    if (id_parse(a->ref, index_size(ix), &id.seq, digits) < 0) {
        return cli_fail_hint(a->c, ERR_NOT_FOUND,
                             "`proctor ref list` lists the names, `proctor log "
                             "--kind verdict` the verdicts",
                             "\"%.80s\" is no ref, no record and no candidate",
                             a->ref);
    }
    TRY(id_find(store, ix, a->ref, &id, &a->c->d));
    if (id.is_record) {
        out->verdict = id.seq;
        return 0;
    }
    return find_candidate(a, ix, &id.cid, out);
}

/* As the kernel has it: a revocation is of an exam and a candidate, by its canonical
 * form if it has one, and for good. *out: the REVOKE record plus one; 0: none. */
static int find_revocation(struct cml_args *a, struct index *ix,
                           const struct record *r, uint64_t *out)
{
    static const uint8_t none[CID_BYTES];
    const uint8_t *key = record_hash(r, RF_VERDICT_identity);
    sqlite3_stmt *q = NULL;
    int rc;

    key = memcmp(key, none, CID_BYTES) == 0
              ? record_hash(r, RF_VERDICT_candidate)
              : key;
    rc = index_query(ix,
                     "SELECT m.seq FROM mentions m JOIN records r ON r.seq=m.seq"
                     " JOIN mentions e ON e.seq=m.seq AND e.cid=?2"
                     " WHERE m.cid=?1 AND r.kind=?3 ORDER BY m.seq LIMIT 1",
                     &q, &a->c->d);
    if (rc == 0) {
        (void)sqlite3_bind_blob(q, 1, key, CID_BYTES, SQLITE_STATIC);
        (void)sqlite3_bind_blob(q, 2, record_hash(r, RF_VERDICT_exam),
                                CID_BYTES, SQLITE_STATIC);
        (void)sqlite3_bind_int(q, 3, RECORD_REVOKE);
        rc = index_step(ix, q, &a->c->d);
    }
    if (rc == 0) {
        *out = index_u64(q, 0) + 1;
    }
    (void)sqlite3_finalize(q);
    return rc == INDEX_E_DONE ? 0 : rc;
}

/* --- what it is about --- */

static int load_objects(struct cml_args *a, const char *store,
                        struct statement *s)
{
    for (size_t i = 0; i < STATEMENT_OBJECTS_N; i++) {
        struct cid c = statement_object_cid(s, (enum statement_object)i);
        int rc = object_read(store, &c, STATEMENT_OBJECT_BYTES, &s->objects[i]);

        if (rc < 0) {
            return cli_fail(a->c, rc == ERR_NOT_FOUND ? ERR_STORE_DAMAGED : rc,
                            "the verdict's %s: %s",
                            statement_object_name((enum statement_object)i),
                            err_text(rc));
        }
    }
    return statement_take_objects(s, &a->c->d);
}

/* The record with its proof and objects, all of it checked. */
static int load_statement(struct cml_args *a, const char *store, uint64_t seq,
                          struct statement *s)
{
    struct ledger_identity id;
    struct proof p;
    int rc;

    TRY(ledger_identity(store, &id, &a->c->d));
    proof_init(&p);
    rc = proof_make(store, seq, &p, &a->c->d);
    if (rc == 0) {
        rc = buf_put(&s->proof_text, buf_bytes(&p.text).p, buf_len(&p.text));
    }
    proof_release(&p);
    TRY(rc);
    TRY(statement_take_proof(s, id.origin, id.key, &a->c->d));
    return load_objects(a, store, s);
}

/* Only what was admitted goes out, by the name of what stands against it. */
static int judge(struct cml_args *a, struct index *ix,
                 const struct statement *s, const struct meant *m)
{
    unsigned verdict = (unsigned)record_u(&s->r, RF_VERDICT_verdict);
    struct cid c = statement_object_cid(s, STATEMENT_CANDIDATE);
    uint64_t revoked = 0;

    if (verdict != VERDICT_ADMIT) {
        return cli_fail_hint(a->c, ERR_REFUSED,
                             "without --ref, the unit of a file is exported "
                             "and called not examined",
                             "%.80s is not admitted: record %" PRIu64 " says %s",
                             a->ref, s->r.seq, verdict_name(verdict));
    }
    TRY(find_revocation(a, ix, &s->r, &revoked));
    if (revoked > 0) {
        return cli_fail(a->c, ERR_REFUSED,
                        "%.80s is revoked: by record %" PRIu64, a->ref,
                        revoked - 1);
    }
    if (s->candidate->kind != RUNNABLE_CML) {
        return cli_fail(a->c, ERR_INPUT, "%.80s is admitted, but no unit of CML",
                        a->ref);
    }
    return !m->has_target || cid_is_equal(&m->target, &c)
               ? 0
               : cli_fail(a->c, ERR_REFUSED,
                          "%.80s stands for something else than record %" PRIu64
                          " is about",
                          a->ref, s->r.seq);
}

/* The artifact into bytes[0]; its root is the unit. */
static int load_artifact(struct cml_args *a, const char *store,
                         const struct statement *s)
{
    struct cml_dag dag;
    struct cid bundle;
    uint32_t root = 0;
    int rc = ERR_STORE_DAMAGED;

    buf_release(&a->bytes[0]);
    buf_init(&a->bytes[0], LIMIT_CML_BUNDLE_BYTES);
    cml_dag_init(&dag);
    if (object_cid(s->candidate->bundle, &bundle)) {
        rc = object_read(store, &bundle, LIMIT_CML_BUNDLE_BYTES, &a->bytes[0]);
    }
    if (rc == 0) {
        rc = cml_bundle_read(&dag, buf_bytes(&a->bytes[0]), &root, &a->c->d);
    }
    if (rc == 0) {
        a->unit = cml_dag_at(&dag, root)->cid;
    }
    cml_dag_release(&dag);
    if (rc == 0) {
        return 0;
    }
    return cli_fail(a->c,
                    rc == ERR_ENCODING || rc == ERR_NOT_FOUND ? ERR_STORE_DAMAGED
                                                              : rc,
                    "the artifact of %.80s: %s", a->ref, err_text(rc));
}

/* --- the comment --- */

/* Text that is not ours, as what cannot end a comment nor warn a compiler. */
static int put_text(struct buf *out, const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        int is_fit = *c >= ' ' && *c <= '~' && strchr("*\\?", *c) == NULL;

        TRY(buf_put_u8(out, is_fit ? (uint8_t)*c : '_'));
    }
    return 0;
}

static int put_cid(struct buf *out, const char *name, const struct cid *c)
{
    char text[CID_TEXT_BYTES];

    cid_text(c, text);
    return buf_putf(out, " * %-10s %s\n", name, text);
}

static int put_bounds(struct buf *out, const struct statement *s,
                      const Proctor__Exam *exam)
{
    const Proctor__Evidence *e = s->evidence;
    char domain[DOMAIN_TEXT_BYTES] = "the rows of a table";

    if (exam->domain.len > 0) {
        domain_text(field_bytes(&exam->domain), domain, sizeof(domain));
    }
    TRY(buf_putf(out, " * verdict    %s, level %s: ",
                 verdict_name((unsigned)record_u(&s->r, RF_VERDICT_verdict)),
                 level_name((unsigned)record_u(&s->r, RF_VERDICT_level))));
    TRY(put_text(out, e->reason));
    TRY(buf_putf(out, "\n * domain     "));
    TRY(put_text(out, domain));
    TRY(buf_putf(out,
                 "\n * draws      %" PRIu64 ", failures %" PRIu64
                 "; fuel of each %" PRIu64 "\n",
                 e->draws, e->failures, s->candidate->fuel));
    if (e->exhaustive) {
        return buf_putf(out, " * bound      every member of the domain\n");
    }
    TRY(buf_putf(out,
                 " * bound      bound95 %.17g, bound_alpha %.17g (p0 %.17g, "
                 "alpha %.17g)\n",
                 e->bound95, e->bound_alpha, exam->p0, exam->alpha));
    return exam->error_rate > 0
               ? buf_putf(out, " * noisy      error_rate %.17g\n",
                          exam->error_rate)
               : 0;
}

/* The proof stands as it is, so that it can be cut out: it must have nothing in it
 * that means something in C. */
static int put_proof(struct cml_args *a, const struct statement *s)
{
    struct ubytes text = buf_bytes(&s->proof_text);

    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '*' || text.p[i] == '?' || text.p[i] == '\\') {
            return cli_fail(a->c, ERR_INPUT,
                            "the log's name has a \"%c\", which cannot stand in "
                            "a comment",
                            text.p[i]);
        }
    }
    TRY(buf_putf(&a->head,
                 " *\n"
                 " * What follows proves that record. To check it, with the "
                 "log's key:\n"
                 " *   sed -n '/^c2sp.org/,/^[*]/{/^[*]/!p}' THIS_FILE >proof\n"
                 " *   proctor prove --check proof --key VKEY\n"
                 " */\n/*\n"));
    TRY(buf_put(&a->head, text.p, text.n));
    return buf_putf(&a->head, "*/\n\n");
}

static int put_head(struct cml_args *a, const struct statement *s,
                    const Proctor__Exam *exam)
{
    struct cid candidate = statement_object_cid(s, STATEMENT_CANDIDATE);
    struct cid id = statement_object_cid(s, STATEMENT_EXAM);
    struct buf *out = &a->head;

    TRY(buf_putf(out, "/* Examined and admitted. An admission is a bound on the "
                      "error rate over the\n * domain, not a proof of the "
                      "function.\n"));
    TRY(put_cid(out, "unit", &a->unit));
    TRY(put_cid(out, "candidate", &candidate));
    if (s->candidate->n_trapped > 0) {
        TRY(buf_putf(out,
                     " * trapped    %zu branches: out of reach in the domain, they "
                     "end in an error\n",
                     s->candidate->n_trapped));
    }
    TRY(put_cid(out, "exam", &id));
    TRY(put_bounds(out, s, exam));
    TRY(buf_putf(out, " * log        "));
    TRY(put_text(out, s->proof.checkpoint.origin));
    TRY(buf_putf(out, ", record %" PRIu64 " of %" PRIu64 "\n", s->r.seq,
                 s->proof.checkpoint.size));
    return put_proof(a, s);
}

static int put_examined(struct cml_args *a, const struct statement *s)
{
    CLEANUP(pb_freep) ProtobufCMessage *exam = NULL;
    int rc = pb_decode(&proctor__exam__descriptor,
                       buf_bytes(&s->objects[STATEMENT_EXAM]),
                       STATEMENT_OBJECT_BYTES, &exam);

    if (rc < 0) {
        return cli_fail(a->c, ERR_STORE_DAMAGED, "the exam's object: %s",
                        err_text(rc));
    }
    return put_head(a, s, (const Proctor__Exam *)exam);
}

static int load(struct cml_args *a, const char *store, struct index *ix)
{
    struct meant m = {.is_found = 0};
    struct statement s;
    int rc;

    TRY(find_verdict(a, store, ix, &m));
    statement_init(&s);
    rc = load_statement(a, store, m.verdict, &s);
    if (rc == 0) {
        rc = judge(a, ix, &s, &m);
    }
    if (rc == 0) {
        rc = load_artifact(a, store, &s);
    }
    if (rc == 0) {
        rc = put_examined(a, &s);
    }
    statement_release(&s);
    return rc;
}

int cml_export_load(struct cml_args *a)
{
    Proctor__CmlText *t = &a->texts[0];
    struct index *ix = NULL;
    struct place place;
    int rc;

    TRY(place_open(a->c->store, &place, &a->c->d));
    TRY(index_open(place.path, &ix, &a->c->d));
    rc = index_end(ix, load(a, place.path, ix), &a->c->d);
    if (rc == 0) {
        proctor__cml_text__init(t);
        t->name = pb_str(a->ref);
        t->content = bytes_field(buf_bytes(&a->bytes[0]));
        a->text_list[0] = t;
    }
    return rc;
}

/* --- the files --- */

static int is_file_name(const char *s)
{
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                         "0123456789_");

    return n > 0 && n < 64 && s[n] == '\0';
}

static int write_one(struct cml_args *a, const char *name, char kind,
                     struct ubytes text)
{
    CLEANUP(buf_release) struct buf out;
    char path[4096];

    buf_init(&out, LIMIT_FRAME_BYTES);
    if (snprintf(path, sizeof(path), "%s/%s.%c",
                 a->output != NULL ? a->output : ".", name,
                 kind) >= (int)sizeof(path)) {
        return cli_fail(a->c, ERR_INPUT, "the path is too long");
    }
    if (a->ref == NULL) {
        TRY(buf_putf(&out, "/* Not examined. */\n"));
    }
    TRY(buf_put(&out, buf_bytes(&a->head).p, buf_len(&a->head)));
    TRY(buf_put(&out, text.p, text.n));
    return cml_write_out(a, path, buf_bytes(&out));
}

int cml_export_write(struct cml_args *a, const Proctor__CmlReply *r)
{
    const Proctor__CmlUnit *u = r->n_units > 0 ? r->units[r->n_units - 1] : NULL;
    const uint8_t *end = memchr(r->out.data, '\0', r->out.len);
    size_t header = end != NULL ? (size_t)(end - r->out.data) : 0;
    struct cid c;

    if (end == NULL || u == NULL || !is_file_name(u->name)) {
        return cli_fail_hint(a->c, ERR_INPUT,
                             "letters, digits and _, at most 63 of them",
                             "no unit of this name can be exported");
    }
    if (a->ref != NULL &&
        (!object_cid(u->cid, &c) || !cid_is_equal(&c, &a->unit))) {
        return cli_fail(a->c, ERR_WORKER,
                        "the worker wrote another unit than was asked for");
    }
    TRY(write_one(a, u->name, 'h', (struct ubytes){r->out.data, header}));
    return write_one(a, u->name, 'c',
                     (struct ubytes){end + 1, r->out.len - header - 1});
}
