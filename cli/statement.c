/* Statements about verdicts. In the person's process; whoever made the input,
 * nothing stands in a statement that proof and objects do not say. Formats:
 * in-toto attestation v1, predicate test-result v0.1. */
#include "cli/statement.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/json.h"
#include "cli/object.h"
#include "proto/blake3.h"
#include "proto/disk.h"
#include "proto/err.h"
#include "proto/pb.h"

#define STATEMENT_TYPE "https://in-toto.io/Statement/v1"
#define PREDICATE_TYPE "https://in-toto.io/attestation/test-result/v0.1"

static const struct loc NOWHERE = {NULL, 0, 0};

static const struct {
    const char *name;
    enum record_field field;
} OBJECTS[] = {[STATEMENT_CANDIDATE] = {"candidate", RF_VERDICT_candidate},
               [STATEMENT_EXAM] = {"exam", RF_VERDICT_exam},
               [STATEMENT_EVIDENCE] = {"evidence", RF_VERDICT_evidence}};

const char *statement_object_name(enum statement_object o)
{
    return OBJECTS[o].name;
}

void statement_init(struct statement *s)
{
    size_t i;

    memset(s, 0, sizeof(*s));
    buf_init(&s->proof_text, TLOG_PROOF_BYTES_MAX);
    tlog_proof_init(&s->proof);
    for (i = 0; i < ARRAY_N(s->objects); i++) {
        buf_init(&s->objects[i], STATEMENT_OBJECT_BYTES);
    }
}

void statement_release(struct statement *s)
{
    size_t i;

    buf_release(&s->proof_text);
    tlog_proof_release(&s->proof);
    for (i = 0; i < ARRAY_N(s->objects); i++) {
        buf_release(&s->objects[i]);
    }
    pb_freep(&s->candidate);
    pb_freep(&s->evidence);
    free(s->subjects);
}

static int refute(struct diag *d, const char *what, const char *name)
{
    return diag_set(d, ERR_TASK_FAILED, NOWHERE, "%s%s", what, name);
}

int statement_take_proof(struct statement *s, const char *origin,
                         const uint8_t key[static 32], struct diag *d)
{
    struct merkle_hash leaf;
    int rc =
        tlog_proof_read(buf_bytes(&s->proof_text), origin, key, &s->proof, d);

    if (rc == 0) {
        leaf = merkle_leaf(buf_bytes(&s->proof.extra));
        rc = tlog_proof_check(&s->proof, &leaf, d);
    }
    if (rc != 0) {
        return rc > 0 ? ERR_TASK_FAILED : rc; /* d says */
    }
    if (record_decode(buf_bytes(&s->proof.extra), &s->r) != 0 ||
        s->r.seq != s->proof.index) {
        return refute(d, "the proof holds no record of that number", "");
    }
    if (s->r.kind != RECORD_VERDICT) {
        rc = diag_set(
            d, ERR_INPUT, NOWHERE, "record %llu is a %s record, not a verdict",
            (unsigned long long)s->r.seq, record_kind_name(s->r.kind));
        diag_hint(d, "`proctor log --kind verdict` lists the verdicts");
    }
    return rc;
}

struct cid statement_object_cid(const struct statement *s,
                                enum statement_object o)
{
    struct cid c;

    memcpy(c.b, record_hash(&s->r, OBJECTS[o].field), sizeof(c.b));
    return c;
}

/* Room for one more; the candidate's size bounds their number. */
static int add_subject(struct statement *s, const char *name,
                       ProtobufCBinaryData cid)
{
    struct statement_subject *more;
    struct cid c;

    if (!object_cid(cid, &c)) {
        return 0;
    }
    more = reallocarray(s->subjects, s->subjects_n + 1, sizeof(*more));
    if (more == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    s->subjects = more;
    s->subjects[s->subjects_n++] =
        (struct statement_subject){.name = name, .cid = c};
    return 0;
}

/* The candidate's files; for a model its weights, for CML its artifact; for what
 * has none of them the candidate's own description, whose bytes are here. */
static int find_subjects(struct statement *s)
{
    const Proctor__Runnable *m = s->candidate;
    struct ubytes own = buf_bytes(&s->objects[STATEMENT_CANDIDATE]);
    struct cid c = statement_object_cid(s, STATEMENT_CANDIDATE);
    uint8_t sha256[32];
    size_t i;

    for (i = 0; i < m->n_files; i++) {
        TRY(add_subject(s, m->files[i]->name, m->files[i]->cid));
    }
    TRY(add_subject(s, "weights", m->weights));
    TRY(add_subject(s, "bundle", m->bundle));
    if (s->subjects_n == 0) {
        TRY(add_subject(s, "candidate", (ProtobufCBinaryData){CID_BYTES, c.b}));
        (void)crypto_hash_sha256(sha256, own.p, own.n);
        (void)statement_give_digests(s, &c, sha256);
    }
    return 0;
}

int statement_take_objects(struct statement *s, struct diag *d)
{
    struct ubytes b;
    size_t i;
    int rc;

    for (i = 0; i < ARRAY_N(s->objects); i++) {
        struct cid named = statement_object_cid(s, (enum statement_object)i);
        struct cid is = cid_of(buf_bytes(&s->objects[i]));

        if (!cid_is_equal(&named, &is)) {
            return refute(d, "the record names other bytes as its ",
                          OBJECTS[i].name);
        }
    }
    b = buf_bytes(&s->objects[STATEMENT_CANDIDATE]);
    rc = pb_decode(&proctor__runnable__descriptor, b, STATEMENT_OBJECT_BYTES,
                   (ProtobufCMessage **)&s->candidate);
    if (rc == 0) {
        b = buf_bytes(&s->objects[STATEMENT_EVIDENCE]);
        rc =
            pb_decode(&proctor__evidence__descriptor, b, STATEMENT_OBJECT_BYTES,
                      (ProtobufCMessage **)&s->evidence);
    }
    if (rc == ERR_NOMEM) {
        return rc;
    }
    return rc == 0
               ? find_subjects(s)
               : refute(d, "its candidate or its evidence is malformed", "");
}

int statement_give_digests(struct statement *s, const struct cid *c,
                           const uint8_t sha256[static 32])
{
    int found = 0;
    size_t i;

    for (i = 0; i < s->subjects_n; i++) {
        if (cid_is_equal(&s->subjects[i].cid, c)) {
            memcpy(s->subjects[i].sha256, sha256, 32);
            s->subjects[i].has_sha256 = 1;
            found = 1;
        }
    }
    return found;
}

const struct statement_subject *statement_missing(const struct statement *s)
{
    size_t i;

    for (i = 0; i < s->subjects_n; i++) {
        if (!s->subjects[i].has_sha256) {
            return &s->subjects[i];
        }
    }
    return NULL;
}

static void put_digest(struct json *j, const struct cid *c,
                       const uint8_t *sha256)
{
    json_object(j, "digest");
    if (sha256 != NULL) {
        json_hex(j, "sha256", sha256, 32);
    }
    json_hex(j, "blake3", c->b, sizeof(c->b));
    json_close(j);
}

static void put_subjects(struct json *j, const struct statement *s)
{
    size_t i;

    json_array(j, "subject");
    for (i = 0; i < s->subjects_n; i++) {
        json_object(j, NULL);
        json_str(j, "name", s->subjects[i].name);
        put_digest(j, &s->subjects[i].cid, s->subjects[i].sha256);
        json_close(j);
    }
    json_close(j);
}

/* When, by the kernel's clock: RFC 3339, UTC, with nanoseconds. */
static void put_time(struct json *j, uint64_t wall_ns)
{
    time_t seconds = (time_t)(wall_ns / 1000000000u);
    char text[64];
    struct tm t;
    size_t n;

    if (gmtime_r(&seconds, &t) == NULL) {
        json_null(j, "time"); /* beyond the year's range */
        return;
    }
    n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &t);
    (void)snprintf(text + n, sizeof(text) - n, ".%09uZ",
                   (unsigned)(wall_ns % 1000000000u));
    json_str(j, "time", text);
}

/* What the record and its evidence say. */
static void put_facts(struct json *j, const struct statement *s)
{
    const struct record *r = &s->r;
    const Proctor__Evidence *e = s->evidence;

    json_str(j, "log", s->proof.checkpoint.origin);
    json_u64(j, "record", r->seq);
    put_time(j, r->wall_ns);
    json_text(j, "task", record_bytes(r, RF_VERDICT_task));
    json_str(j, "verdict",
             verdict_name((unsigned)record_u(r, RF_VERDICT_verdict)));
    json_str(j, "level", level_name((unsigned)record_u(r, RF_VERDICT_level)));
    json_text(j, "reason", record_bytes(r, RF_VERDICT_reason));
    json_u64(j, "draws", e->draws);
    json_u64(j, "failures", e->failures);
    json_bool(j, "exhaustive", e->exhaustive);
    json_f64(j, "bound95", e->bound95);
    json_f64(j, "boundAlpha", e->bound_alpha);
    json_u64(j, "commit", record_u(r, RF_VERDICT_commit));
    json_hex(j, "commitHash", record_hash(r, RF_VERDICT_commit_hash), 32);
}

static void put_sources(struct json *j, const struct statement *s)
{
    size_t i;

    for (i = 0; i < ARRAY_N(OBJECTS); i++) {
        struct cid c = statement_object_cid(s, (enum statement_object)i);

        json_hex(j, OBJECTS[i].name, c.b, sizeof(c.b));
    }
    json_object(j, "objects");
    for (i = 0; i < ARRAY_N(OBJECTS); i++) {
        json_base64(j, OBJECTS[i].name, buf_bytes(&s->objects[i]));
    }
    json_close(j);
    json_text(j, "proof", buf_bytes(&s->proof_text));
}

static void put_predicate(struct json *j, const struct statement *s)
{
    int passed = record_u(&s->r, RF_VERDICT_verdict) == VERDICT_ADMIT;
    struct cid exam = statement_object_cid(s, STATEMENT_EXAM);

    json_str(j, "result", passed ? "PASSED" : "FAILED");
    json_array(j, "configuration");
    json_object(j, NULL);
    json_str(j, "name", "exam");
    put_digest(j, &exam, NULL);
    json_close(j);
    json_close(j);
    json_array(j, passed ? "passedTests" : "failedTests");
    json_text(j, NULL, record_bytes(&s->r, RF_VERDICT_task));
    json_close(j);
    json_object(j, "proctor");
    put_facts(j, s);
    put_sources(j, s);
    json_close(j);
}

int statement_write(const struct statement *s, struct buf *out)
{
    struct ubytes text;
    struct json j;
    int rc;

    ASSERT(s->evidence != NULL && statement_missing(s) == NULL);
    json_init(&j);
    json_object(&j, NULL);
    json_str(&j, "_type", STATEMENT_TYPE);
    put_subjects(&j, s);
    json_str(&j, "predicateType", PREDICATE_TYPE);
    json_object(&j, "predicate");
    put_predicate(&j, s);
    json_close(&j);
    json_close(&j);
    rc = json_end(&j, &text);
    if (rc == 0) {
        rc = buf_put(out, text.p, text.n);
    }
    json_release(&j);
    return rc;
}

int statement_digest_file(int fd, struct cid *out_cid,
                          uint8_t out_sha256[static 32])
{
    crypto_hash_sha256_state sha;
    struct blake3 b3;
    uint8_t part[8192];
    uint64_t off = 0;
    size_t n;

    (void)crypto_hash_sha256_init(&sha);
    blake3_init(&b3);
    do {
        TRY(disk_read(fd, off, part, sizeof(part), &n));
        (void)crypto_hash_sha256_update(&sha, part, n);
        blake3_update(&b3, part, n);
        off += n;
    } while (n == sizeof(part));
    blake3_final(&b3, out_cid->b);
    (void)crypto_hash_sha256_final(&sha, out_sha256);
    return 0;
}
