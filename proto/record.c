/* The record codec: tables made from record.def, and the two directions driven
 * by them. Any process; never reads clocks or files.
 *
 * A STR is UTF-8 without NUL, so that a record has one byte form and a C
 * string holds all of it. */
#include "proto/record.h"

#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/utf8.h"

/* RFIRST_X: the first field of kind X. The enumerator after it steps back, so
 * that the next FIELD gets the same number. */
enum {
#define KIND(NAME, number, text, what)                                         \
    RFIRST_##NAME, RFIRST_STEP_##NAME = (RFIRST_##NAME) - 1,
#define FIELD(KIND_, name, type, what) RPLACE_##KIND_##_##name,
#include "proto/record.def"
#undef KIND
#undef FIELD
    RFIRST_END_
};
_Static_assert((int)RFIRST_END_ == (int)RF_N_, "field numbering drifted");

struct kind_info {
    const char *name;
    const char *what;
    unsigned first;
};

static const struct kind_info kinds[] = {
#define KIND(NAME, number, text, what_)                                        \
    [number] = {.name = (text), .what = (what_), .first = RFIRST_##NAME},
#define FIELD(KIND_, name, type, what)
#include "proto/record.def"
#undef KIND
#undef FIELD
};

static const struct record_field_info fields[] = {
#define KIND(NAME, number, text, what)
#define FIELD(KIND_, name_, type_, what_)                                      \
    {RECORD_##KIND_, #name_, RT_##type_, what_},
#include "proto/record.def"
#undef KIND
#undef FIELD
};
_Static_assert(ARRAY_N(fields) == RF_N_, "a field without a row");

static int kind_is_known(enum record_kind k)
{
    return (unsigned)k < ARRAY_N(kinds) && kinds[k].name != NULL;
}

const char *record_kind_name(enum record_kind k)
{
    return kind_is_known(k) ? kinds[k].name : NULL;
}

const char *record_kind_what(enum record_kind k)
{
    return kind_is_known(k) ? kinds[k].what : NULL;
}

enum record_kind record_kind_from_name(const char *name)
{
    unsigned k;

    for (k = 0; k < ARRAY_N(kinds); k++) {
        if (kinds[k].name != NULL && strcmp(kinds[k].name, name) == 0) {
            return (enum record_kind)k;
        }
    }
    return RECORD_NONE;
}

enum record_field record_first_field(enum record_kind k)
{
    ASSERT(kind_is_known(k));
    return (enum record_field)kinds[k].first;
}

unsigned record_fields_n(enum record_kind k)
{
    unsigned first;
    unsigned n = 0;

    if (!kind_is_known(k)) {
        return 0;
    }
    first = kinds[k].first;
    while (first + n < RF_N_ && fields[first + n].kind == k) {
        n++;
    }
    return n;
}

const struct record_field_info *record_field_info(enum record_field f)
{
    ASSERT((unsigned)f < RF_N_);
    return &fields[f];
}

void record_init(struct record *r, enum record_kind k)
{
    ASSERT(kind_is_known(k));
    memset(r, 0, sizeof(*r));
    r->kind = k;
}

/* The slot of field f, which must be one of r's. */
static unsigned slot_of(const struct record *r, enum record_field f)
{
    ASSERT((unsigned)f < RF_N_ && fields[f].kind == r->kind);
    return (unsigned)f - kinds[r->kind].first;
}

static uint64_t integer_max(enum record_type t)
{
    if (t == RT_U8) {
        return UINT8_MAX;
    }
    return t == RT_U32 ? UINT32_MAX : UINT64_MAX;
}

void record_set_u(struct record *r, enum record_field f, uint64_t v)
{
    enum record_type t = record_field_info(f)->type;

    ASSERT(t == RT_U8 || t == RT_U32 || t == RT_U64);
    ASSERT(v <= integer_max(t));
    r->v[slot_of(r, f)].u = v;
}

void record_set_f64(struct record *r, enum record_field f, double v)
{
    ASSERT(record_field_info(f)->type == RT_F64);
    memcpy(&r->v[slot_of(r, f)].u, &v, sizeof(v));
}

void record_set_hash(struct record *r, enum record_field f,
                     const uint8_t h[static 32])
{
    ASSERT(record_field_info(f)->type == RT_HASH);
    memcpy(r->v[slot_of(r, f)].h, h, 32);
}

void record_set_str(struct record *r, enum record_field f, const char *s)
{
    ASSERT(record_field_info(f)->type == RT_STR);
    r->v[slot_of(r, f)].b = (struct ubytes){(const uint8_t *)s, strlen(s)};
}

void record_set_bytes(struct record *r, enum record_field f, struct ubytes b)
{
    enum record_type t = record_field_info(f)->type;

    ASSERT(t == RT_BYTES || t == RT_CIDS);
    ASSERT(t != RT_CIDS || b.n % CID_BYTES == 0);
    r->v[slot_of(r, f)].b = b;
}

uint64_t record_u(const struct record *r, enum record_field f)
{
    enum record_type t = record_field_info(f)->type;

    ASSERT(t == RT_U8 || t == RT_U32 || t == RT_U64);
    return r->v[slot_of(r, f)].u;
}

double record_f64(const struct record *r, enum record_field f)
{
    double v;

    ASSERT(record_field_info(f)->type == RT_F64);
    memcpy(&v, &r->v[slot_of(r, f)].u, sizeof(v));
    return v;
}

const uint8_t *record_hash(const struct record *r, enum record_field f)
{
    ASSERT(record_field_info(f)->type == RT_HASH);
    return r->v[slot_of(r, f)].h;
}

struct ubytes record_bytes(const struct record *r, enum record_field f)
{
    enum record_type t = record_field_info(f)->type;

    ASSERT(t == RT_STR || t == RT_BYTES || t == RT_CIDS);
    return r->v[slot_of(r, f)].b;
}

void record_str(const struct record *r, enum record_field f, char *out,
                size_t out_n)
{
    struct ubytes b = record_bytes(r, f);
    size_t n = b.n;

    ASSERT(record_field_info(f)->type == RT_STR && out_n > 0);
    if (n > out_n - 1) {
        n = out_n - 1;
    }
    if (n > 0) {
        memcpy(out, b.p, n);
    }
    out[n] = '\0';
}

/* UTF-8 without NUL. */
static int str_is_valid(struct ubytes s)
{
    return s.n == 0 || (memchr(s.p, 0, s.n) == NULL && utf8_is_valid(s));
}

static int put_str(struct buf *out, struct ubytes s)
{
    if (s.n > UINT16_MAX) {
        return ERR_TRACE(ERR_LIMIT);
    }
    if (!str_is_valid(s)) {
        return ERR_TRACE(ERR_ENCODING);
    }
    return buf_put_bytes16(out, s);
}

static int put_cids(struct buf *out, struct ubytes b)
{
    if (b.n / CID_BYTES > UINT16_MAX) {
        return ERR_TRACE(ERR_LIMIT);
    }
    TRY(buf_put_u16(out, (uint16_t)(b.n / CID_BYTES)));
    return buf_put(out, b.p, b.n);
}

static int put_field(struct buf *out, enum record_type t,
                     const struct record_value *v)
{
    switch (t) {
    case RT_U8:
        return buf_put_u8(out, (uint8_t)v->u);
    case RT_U32:
        return buf_put_u32(out, (uint32_t)v->u);
    case RT_U64:
    case RT_F64:
        return buf_put_u64(out, v->u);
    case RT_HASH:
        return buf_put(out, v->h, sizeof(v->h));
    case RT_STR:
        return put_str(out, v->b);
    case RT_BYTES:
        return v->b.n > LIMIT_RECORD_BYTES ? ERR_TRACE(ERR_LIMIT)
                                           : buf_put_bytes32(out, v->b);
    case RT_CIDS:
        return put_cids(out, v->b);
    }
    return ERR_TRACE(ERR_INTERNAL);
}

int record_encode(const struct record *r, struct buf *out)
{
    size_t start = buf_len(out);
    unsigned n = record_fields_n(r->kind);
    unsigned i;

    ASSERT(kind_is_known(r->kind));
    TRY(buf_put(out, "PR", 2));
    TRY(buf_put_u8(out, 1));
    TRY(buf_put_u8(out, (uint8_t)r->kind));
    TRY(buf_put_u64(out, r->seq));
    TRY(buf_put(out, r->prev, sizeof(r->prev)));
    TRY(buf_put_u64(out, r->wall_ns));
    TRY(buf_put_u64(out, r->mono_ns));
    for (i = 0; i < n; i++) {
        TRY(put_field(out, fields[kinds[r->kind].first + i].type, &r->v[i]));
    }
    if (buf_len(out) - start > LIMIT_RECORD_BYTES) {
        return ERR_TRACE(ERR_LIMIT);
    }
    return 0;
}

static void get_field(struct rd *in, enum record_type t, struct record_value *v)
{
    switch (t) {
    case RT_U8:
        v->u = rd_u8(in);
        return;
    case RT_U32:
        v->u = rd_u32(in);
        return;
    case RT_U64:
    case RT_F64:
        v->u = rd_u64(in);
        return;
    case RT_HASH:
        rd_copy(in, v->h, sizeof(v->h));
        return;
    case RT_STR:
        v->b = rd_bytes16(in);
        if (!str_is_valid(v->b)) {
            rd_fail(in);
        }
        return;
    case RT_BYTES:
        v->b = rd_bytes32(in);
        return;
    case RT_CIDS:
        v->b = rd_take(in, (size_t)rd_u16(in) * CID_BYTES);
        return;
    }
    rd_fail(in);
}

int record_decode(struct ubytes in, struct record *r)
{
    struct rd rd;
    enum record_kind k;
    unsigned n;
    unsigned i;

    memset(r, 0, sizeof(*r));
    rd_init(&rd, in);
    if (in.n > LIMIT_RECORD_BYTES || rd_u8(&rd) != 'P' || rd_u8(&rd) != 'R' ||
        rd_u8(&rd) != 1) {
        return ERR_TRACE(ERR_ENCODING);
    }
    k = (enum record_kind)rd_u8(&rd);
    if (!kind_is_known(k)) {
        return ERR_TRACE(ERR_ENCODING);
    }
    r->kind = k;
    r->seq = rd_u64(&rd);
    rd_copy(&rd, r->prev, sizeof(r->prev));
    r->wall_ns = rd_u64(&rd);
    r->mono_ns = rd_u64(&rd);
    n = record_fields_n(k);
    for (i = 0; i < n; i++) {
        get_field(&rd, fields[kinds[k].first + i].type, &r->v[i]);
    }
    return rd_end(&rd);
}

static const char *const verdict_names[] = {
    "none", "admit", "reject", "abstain", "quarantine", "void", "inconclusive"};
static const char *const level_names[] = {"none",     "syntax", "schema",
                                          "property", "oracle", "proven"};
static const char *const metric_names[] = {
    "none", "accuracy", "mean_absolute_error", "mean_squared_error",
    "log_loss"};
static const char *const reconcile_names[] = {
    "none",            "in-sync",          "drift",
    "missing-desired", "missing-observed", "as the unit says"};
static const char *const state_names[] = {
    "new",    "ready",  "blocked",   "running", "parked",   "validating",
    "passed", "failed", "repairing", "aborted", "committed"};
_Static_assert(ARRAY_N(verdict_names) == VERDICT_INCONCLUSIVE + 1, "names");
_Static_assert(ARRAY_N(level_names) == LEVEL_N_, "names");
_Static_assert(ARRAY_N(metric_names) == METRIC_N_, "names");
_Static_assert(ARRAY_N(state_names) == STATE_N_, "names");

const char *verdict_name(unsigned v)
{
    return v < ARRAY_N(verdict_names) ? verdict_names[v] : "unknown";
}

const char *reconcile_state_name(unsigned s)
{
    return s < ARRAY_N(reconcile_names) ? reconcile_names[s] : "unknown";
}

const char *lane_decision_name(unsigned d)
{
    static const char *const names[LANE_DECISION_N_] = {"none", "emit", "repair",
                                                        "bail", "reject"};

    return d < LANE_DECISION_N_ ? names[d] : "unknown";
}

const char *metric_name(unsigned m)
{
    return m < ARRAY_N(metric_names) ? metric_names[m] : "unknown";
}

const char *level_name(unsigned level)
{
    return level < ARRAY_N(level_names) ? level_names[level] : "unknown";
}

int level_from_name(const char *name)
{
    unsigned i;

    for (i = 0; i < ARRAY_N(level_names); i++) {
        if (strcmp(level_names[i], name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

const char *state_name(unsigned state)
{
    return state < ARRAY_N(state_names) ? state_names[state] : "unknown";
}
