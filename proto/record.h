/* Ledger records: typed fields after a fixed head, one byte form per record.
 *
 *   "PR" | u8 version 1 | u8 kind | u64 seq | 32 bytes: leaf hash of record
 *   seq - 1 (zero for the first) | u64 wall clock, ns since 1970 | u64
 *   monotonic ns since the kernel started | fields in the order of record.def
 * Clock fields are the only ones that a second run may not reproduce. */
#ifndef PROTO_RECORD_H
#define PROTO_RECORD_H

#include "proto/buf.h"
#include "proto/cid.h"

#define RECORD_FIELDS_MAX 20

enum record_kind {
    RECORD_NONE = 0,
#define KIND(NAME, number, text, what) RECORD_##NAME = (number),
#define FIELD(KIND_, name, type, what)
#include "proto/record.def"
#undef KIND
#undef FIELD
};

/* RF_GENESIS_origin ...: unique over the table; record_* map it to the field's
 * position in its kind. */
enum record_field {
#define KIND(NAME, number, text, what)
#define FIELD(KIND_, name, type, what) RF_##KIND_##_##name,
#include "proto/record.def"
#undef KIND
#undef FIELD
    RF_N_
};

enum record_type {
    RT_U8, RT_U32, RT_U64, RT_F64, RT_HASH, RT_STR, RT_BYTES, RT_CIDS
};

struct record_value {
    uint64_t u;       /* U8 U32 U64; F64 as its bits */
    struct ubytes b;  /* STR BYTES CIDS; borrowed */
    uint8_t h[32];    /* HASH */
};

/* Borrows strings and bytes that were set or decoded. */
struct record {
    enum record_kind kind;
    uint64_t seq;
    uint8_t prev[32];
    uint64_t wall_ns;
    uint64_t mono_ns;
    struct record_value v[RECORD_FIELDS_MAX];
};

struct record_field_info {
    enum record_kind kind;
    const char *name;
    enum record_type type;
    const char *what;
};

/* Table access. Fields of a kind are consecutive from record_first_field. */
const char *record_kind_name(enum record_kind k); /* NULL = unknown */
const char *record_kind_what(enum record_kind k);
enum record_kind record_kind_from_name(const char *name); /* RECORD_NONE */
unsigned record_fields_n(enum record_kind k);
enum record_field record_first_field(enum record_kind k);
const struct record_field_info *record_field_info(enum record_field f);

/* A zeroed record of a kind; then set fields. The field must belong to the
 * record's kind and have that type (ASSERTed: our own mistake). */
void record_init(struct record *r, enum record_kind k);
void record_set_u(struct record *r, enum record_field f, uint64_t v);
void record_set_f64(struct record *r, enum record_field f, double v);
void record_set_hash(struct record *r, enum record_field f,
                     const uint8_t h[static 32]);
void record_set_str(struct record *r, enum record_field f, const char *s);
void record_set_bytes(struct record *r, enum record_field f, struct ubytes b);
uint64_t record_u(const struct record *r, enum record_field f);
double record_f64(const struct record *r, enum record_field f);
const uint8_t *record_hash(const struct record *r, enum record_field f);
struct ubytes record_bytes(const struct record *r, enum record_field f);
/* STR as a C string; out is terminated, cut to out_n. */
void record_str(const struct record *r, enum record_field f, char *out,
                size_t out_n);

/* Appends the encoding. 0, ERR_NOMEM, ERR_LIMIT (over LIMIT_RECORD_BYTES),
 * ERR_ENCODING (a STR that is not UTF-8). */
int record_encode(const struct record *r, struct buf *out) MUST_USE;
/* Borrows from in. 0 or ERR_ENCODING; trailing bytes refused. */
int record_decode(struct ubytes in, struct record *r) MUST_USE;

/* One JSON object, all fields by name. */
int record_put_json(struct buf *b, const struct record *r,
                    const uint8_t leaf_hash[static 32]) MUST_USE;

enum verdict {
    VERDICT_NONE = 0,
    VERDICT_ADMIT = 1,
    VERDICT_REJECT = 2,
    VERDICT_ABSTAIN = 3,
    VERDICT_QUARANTINE = 4,
    VERDICT_VOID = 5,
    VERDICT_INCONCLUSIVE = 6
};
const char *verdict_name(unsigned v);

/* How a score is computed from held-out rows (docs/data.md). */
enum metric {
    METRIC_NONE,
    METRIC_ACCURACY,
    METRIC_ABSOLUTE_ERROR,
    METRIC_SQUARED_ERROR,
    METRIC_LOG_LOSS, /* of text, nats a token */
    METRIC_N_
};
const char *metric_name(unsigned m);

/* What a look was told. */
enum look_outcome { LOOK_NONE, LOOK_BETTER, LOOK_NOT_BETTER, LOOK_VOID };

/* How a run of a series ended. */
/* RECONCILE.state */
const char *reconcile_state_name(unsigned s);
enum reconcile_state { RECONCILE_NONE, RECONCILE_IN_SYNC, RECONCILE_DRIFT,
                       RECONCILE_MISSING_DESIRED, RECONCILE_MISSING_OBSERVED,
                       RECONCILE_UNIT };
/* GENERATE.decision */
enum lane_decision { LANE_DECISION_NONE, LANE_EMIT, LANE_REPAIR, LANE_BAIL,
                     LANE_REJECT, LANE_DECISION_N_ };
const char *lane_decision_name(unsigned d);
enum series_status { SERIES_NONE, SERIES_DONE, SERIES_ABORTED };

enum level {
    LEVEL_NONE, LEVEL_SYNTAX, LEVEL_SCHEMA, LEVEL_PROPERTY, LEVEL_ORACLE,
    LEVEL_PROVEN, LEVEL_N_
};
const char *level_name(unsigned level);
int level_from_name(const char *name); /* -1 = unknown */

enum task_state {
    STATE_NEW, STATE_READY, STATE_BLOCKED, STATE_RUNNING, STATE_PARKED,
    STATE_VALIDATING, STATE_PASSED, STATE_FAILED, STATE_REPAIRING,
    STATE_ABORTED, STATE_COMMITTED, STATE_N_
};
const char *state_name(unsigned state);

#endif
