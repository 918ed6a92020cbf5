/* Shared by the files of `proctor verify` (audit*.c). */
#ifndef CLI_AUDIT_INT_H
#define CLI_AUDIT_INT_H

#include "cli/audit.h"
#include "proto/cid.h"

struct audit {
    const char *store;
    int full;
    const struct audit_ears *ears;
    struct audit_result *out;
    struct ledger_identity id;
    struct checkpoint published; /* size 0 = none */
    int checkpoint_met;
    struct audit_links *links;
    struct audit_tiles *tiles;     /* NULL unless full */
    struct audit_objects *objects; /* NULL unless full */
    struct audit_data *data;       /* NULL unless full */
};

void audit_find(struct audit *a, enum audit_grade grade, const char *where,
                const char *fmt, ...) PRINTF_LIKE(4, 5);
void audit_find_record(struct audit *a, enum audit_grade grade, uint64_t seq,
                       const char *fmt, ...) PRINTF_LIKE(4, 5);

/* What records say about each other. */
struct audit_links;
int audit_links_new(struct audit_links **out) MUST_USE;
void audit_links_free(struct audit_links *l);
/* 0 or ERR_NOMEM; findings go to a. */
int audit_links_add(struct audit_links *l, struct audit *a,
                    const struct record *r,
                    const struct merkle_hash *leaf) MUST_USE;

/* Tiles and entry bundles against the records. */
struct audit_tiles;
int audit_tiles_new(struct audit_tiles **out) MUST_USE;
void audit_tiles_free(struct audit_tiles *t);
int audit_tiles_add(struct audit_tiles *t, struct audit *a, struct ubytes entry,
                    const struct merkle_hash *leaf) MUST_USE;
/* After the last record: the partial ones, and files that belong to nothing. */
int audit_tiles_end(struct audit_tiles *t, struct audit *a) MUST_USE;

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
