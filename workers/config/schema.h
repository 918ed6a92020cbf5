/* Maps by table, and scalars with exact range checks. Every reader names the
 * path, what it expected and what it found. */
#ifndef WORKERS_CONFIG_SCHEMA_H
#define WORKERS_CONFIG_SCHEMA_H

#include "workers/config/yaml.h"

struct schema_key {
    const char *name;
    int required;
    const char *refused; /* not NULL: the key is an error, and this is why */
};

/* Fills values[i] with the node of keys[i], or NULL when it is not there.
 * Refuses what is not a map, unknown keys (names the nearest), keys given
 * twice, and missing ones. */
int schema_map(struct config *c, const struct yaml_node *n,
               const struct schema_key *keys, size_t keys_n,
               const struct yaml_node **values) MUST_USE;
/* Index of a key in the table, or keys_n; then the problem is set. */
size_t schema_find(struct config *c, const struct yaml_node *key,
                   const struct schema_key *keys, size_t keys_n);
/* Index of a word in a list, or the problem "expected A, B or C, got X". */
int schema_word(struct config *c, const struct yaml_node *n,
                const char *const *words, size_t words_n,
                size_t *out_i) MUST_USE;

int schema_list(struct config *c, const struct yaml_node *n,
                size_t max_n) MUST_USE;
/* Text of 1..max_bytes bytes without control characters; memory of n. */
int schema_text(struct config *c, const struct yaml_node *n, size_t max_bytes,
                const char **out) MUST_USE;
/* A list of such, copied to the reply. */
int schema_texts(struct config *c, const struct yaml_node *n, size_t max_n,
                 size_t max_bytes, char ***out, size_t *out_n) MUST_USE;
int schema_bool(struct config *c, const struct yaml_node *n, int *out) MUST_USE;
/* Decimal or 0x; lo <= hi <= INT64_MAX or, when lo >= 0, any uint64_t. */
int schema_uint(struct config *c, const struct yaml_node *n, uint64_t lo,
                uint64_t hi, uint64_t *out) MUST_USE;
int schema_int(struct config *c, const struct yaml_node *n, int64_t lo,
               int64_t hi, int64_t *out) MUST_USE;
/* A finite number; 64 or 32 bits wide (rounded once, to nearest). */
int schema_double(struct config *c, const struct yaml_node *n,
                  double *out) MUST_USE;
int schema_float(struct config *c, const struct yaml_node *n,
                 float *out) MUST_USE;
/* Bytes: 4096, 64KiB, 512MiB, 2GiB. Milliseconds: 500ms, 10s, 10m, 2h. */
int schema_size(struct config *c, const struct yaml_node *n, uint64_t lo,
                uint64_t hi, uint64_t *out) MUST_USE;
int schema_duration(struct config *c, const struct yaml_node *n, uint64_t lo,
                    uint64_t hi, uint64_t *out) MUST_USE;

/* True for a quoted scalar, or a plain one that is no number, no boolean and
 * not null. */
int schema_is_text(const struct yaml_node *n);
/* A plain scalar that is true or false. */
int schema_is_bool(const struct yaml_node *n);
/* "found" of messages: 300, "abc", a list, a map, nothing. */
const char *schema_found(const struct yaml_node *n, char out[static 64]);
/* Fails with "expected WHAT, got FOUND". */
int schema_expected(struct config *c, const struct yaml_node *n,
                    const char *what);

#endif
