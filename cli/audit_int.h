/* Shared by the files of `proctor verify` (audit*.c). */
#ifndef CLI_AUDIT_INT_H
#define CLI_AUDIT_INT_H

#include <protobuf-c/protobuf-c.h>

#include "cli/audit.h"
#include "proto/cid.h"
#include "proto/value.h"

enum {
    AUDIT_E_STOP = 1 /* damage: nothing after it can be checked */
};

/* The damage of one part that stands first in the ledger. */
struct audit_damage {
    uint64_t n;   /* findings; 0 = none, nothing else is set */
    uint64_t seq; /* lowest, or AUDIT_NO_SEQ */
    char where[128];
    char what[256];
    char label[96]; /* "2026-11-21 09:14:03, verdict of crc32", or "" */
};

struct audit {
    const char *store;
    int full;
    const struct audit_ears *ears;
    struct audit_result *out;
    struct ledger_identity id;
    struct checkpoint published; /* size 0 = none */
    int checkpoint_met;
    struct checkpoint seen; /* by the person; size 0 = none */
    int has_gap; /* a record was lost: rules and tiles are not judged behind it */
    struct audit_damage damage[AUDIT_PARTS_N];
    struct audit_links *links;
    struct audit_state *state;
    struct audit_train *train;
    struct audit_tiles *tiles;     /* NULL unless full */
    struct audit_objects *objects; /* NULL unless full */
    struct audit_data *data;       /* NULL unless full */
};

/* seq may be AUDIT_NO_SEQ. */
void audit_find(struct audit *a, enum audit_grade grade, enum audit_part part,
                uint64_t seq, const char *where, const char *fmt, ...)
    PRINTF_LIKE(6, 7);
/* What record seq says breaks a rule (AUDIT_DAMAGE) or is odd. */
void audit_find_record(struct audit *a, enum audit_grade grade, uint64_t seq,
                       const char *fmt, ...) PRINTF_LIKE(4, 5);
/* "2026-11-21 09:14:03, verdict of crc32", in one line whatever the task is
 * called; of record seq, "" when it cannot be read. */
void audit_label(const struct record *r, char out[static 96]);
void audit_label_of(const struct audit *a, uint64_t seq, char out[static 96]);

/* The segments from the first byte on (audit_walk.c). 0, AUDIT_E_STOP, ERR_*. */
int audit_walk(struct audit *a, int wal_fd) MUST_USE;

/* Which record of a batch was changed, when its bytes are not those that were
 * written (audit_locate.c). The chain holds the leaf hash of the changed one in
 * its successor, and the signature then proves all others. */
struct audit_gap {
    uint64_t seq;            /* AUDIT_NO_SEQ: only the frame around the records */
    uint64_t off, end;       /* its bytes in the segment */
    uint64_t next_off;       /* of the batch after this one */
    struct wal_check after;  /* state behind the batch */
    char label[96];          /* of what stands there now; "" = unreadable */
};
enum {
    AUDIT_E_LOST = 1 /* more than one record, or not signed so */
};
/* Where a batch begins, and a place before it with the state there. */
struct audit_spot {
    int wal_fd;
    uint64_t first; /* the segment */
    uint64_t at;
    uint64_t from_off;
    const struct wal_check *from; /* borrowed */
};
/* 0, AUDIT_E_LOST, ERR_*. */
int audit_locate(struct audit *a, const struct audit_spot *spot,
                 struct audit_gap *out) MUST_USE;

/* Makes out->line and out->trusted of what was found (audit_verdict.c). */
void audit_verdict(struct audit *a);

/* What records say about each other. */
struct audit_links;
int audit_links_new(struct audit_links **out) MUST_USE;
void audit_links_free(struct audit_links *l);
/* 0 or ERR_NOMEM; findings go to a. */
int audit_links_add(struct audit_links *l, struct audit *a,
                    const struct record *r,
                    const struct merkle_hash *leaf) MUST_USE;

/* Assertions, and statuses (audit_state.c). */
struct audit_state;
int audit_state_new(struct audit_state **out) MUST_USE;
void audit_state_free(struct audit_state *s);
int audit_state_add(struct audit_state *s, struct audit *a,
                    const struct record *r) MUST_USE;
/* Does the ref lead there, by the records; how many lead somewhere. */
int audit_state_leads(const struct audit_state *s, const char *path,
                      const uint8_t cid[static 32]);
uint64_t audit_state_refs(const struct audit_state *s);

/* Training runs (audit_train.c). */
struct audit_train;
int audit_train_new(struct audit_train **out) MUST_USE;
void audit_train_free(struct audit_train *t);
int audit_train_add(struct audit_train *t, struct audit *a,
                    const struct record *r) MUST_USE;

/* What others know of the ledger (audit_heads.c). note: the published one, empty
 * when there is none. 0 or ERR_NOMEM; findings go to a. */
int audit_heads_begin(struct audit *a, struct ubytes note) MUST_USE;
void audit_heads_meet(struct audit *a, const struct merkle_frontier *f);
void audit_heads_end(struct audit *a);

/* Tiles and entry bundles against the records. */
struct audit_tiles;
int audit_tiles_new(struct audit_tiles **out) MUST_USE;
void audit_tiles_free(struct audit_tiles *t);
int audit_tiles_add(struct audit_tiles *t, struct audit *a, struct ubytes entry,
                    const struct merkle_hash *leaf) MUST_USE;
/* After the last record: the partial ones, and files that belong to nothing. */
int audit_tiles_end(struct audit_tiles *t, struct audit *a) MUST_USE;
/* The leaf hash of record seq as a tile has it; true when one is there. Only a
 * guess until a signature proves it. */
int audit_tiles_leaf(const struct audit *a, uint64_t seq,
                     struct merkle_hash *out);

/* Objects: those that records name, and through them others. */
struct audit_objects;
int audit_objects_new(struct audit_objects **out) MUST_USE;
void audit_objects_free(struct audit_objects *o);
int audit_objects_add(struct audit_objects *o, const struct record *r) MUST_USE;
int audit_objects_end(struct audit_objects *o, struct audit *a) MUST_USE;

/* Splits and looks, computed again. */
struct audit_data;
int audit_data_new(struct audit_data **out) MUST_USE;
void audit_data_free(struct audit_data *d);
int audit_data_add(struct audit_data *d, struct audit *a,
                   const struct record *r) MUST_USE;
/* A LOOK, after what was released before it, and a HOLDOUT. 0, ERR_* of what could
 * not be read. */
int audit_look(struct audit *a, const struct record *r, uint32_t best) MUST_USE;
int audit_holdout(struct audit *a, const struct record *r) MUST_USE;
/* Objects that say what was drawn and answered. */
int audit_same(ProtobufCBinaryData b, const uint8_t h[static CID_BYTES]);
int audit_read_values(const char *store, const struct cid *c,
                      const struct type *t, struct values *out) MUST_USE;
int audit_field_values(const char *store, ProtobufCBinaryData field,
                       const struct type *t, struct values *out) MUST_USE;
int audit_read_message(const char *store, const uint8_t *hash,
                       const ProtobufCMessageDescriptor *type,
                       ProtobufCMessage **out) MUST_USE;

/* Every name in the store: place, kind, owner, mode. */
int audit_files(struct audit *a) MUST_USE;
/* The index, against the records it says it covers. */
void audit_index(struct audit *a);

/* Sorted table from 32-byte keys to small values. */
struct audit_map_row {
    uint8_t key[32];
    uint64_t n;
    uint8_t value[32];
};
struct audit_map {
    struct audit_map_row *rows; /* owned */
    size_t n;
    size_t cap;
};
void audit_map_release(struct audit_map *m);
/* The row of key, NULL when there is none. */
struct audit_map_row *audit_map_find(const struct audit_map *m,
                                     const uint8_t key[static 32]);
/* The row of key, made zeroed when new. ERR_NOMEM. */
int audit_map_put(struct audit_map *m, const uint8_t key[static 32],
                  struct audit_map_row **out) MUST_USE;

#endif
