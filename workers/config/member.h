/* Values under the keys of a map that was taken apart by schema_map: what stands
 * there is checked and named with its key; what is not there (NULL) leaves *out as
 * it is, so that callers put their default there first. */
#ifndef WORKERS_CONFIG_MEMBER_H
#define WORKERS_CONFIG_MEMBER_H

#include "workers/config/schema.h"

/* lo..hi as schema_uint. */
int member_uint(struct config *c, const struct yaml_node *n, const char *key,
                uint64_t lo, uint64_t hi, uint64_t *out) MUST_USE;
int member_u32(struct config *c, const struct yaml_node *n, const char *key,
               uint32_t lo, uint32_t hi, uint32_t *out) MUST_USE;
int member_flag(struct config *c, const struct yaml_node *n, const char *key,
                protobuf_c_boolean *out) MUST_USE;
/* A finite number. lo: excluded when open_lo, likewise hi. */
struct member_range {
    double lo, hi;
    int open_lo, open_hi;
};
int member_number(struct config *c, const struct yaml_node *n, const char *key,
                  struct member_range range, double *out) MUST_USE;
/* One of words, as an index into them. */
int member_word(struct config *c, const struct yaml_node *n, const char *key,
                const char *const *words, size_t words_n,
                size_t *out_i) MUST_USE;
/* The same as text of the reply. */
int member_word_text(struct config *c, const struct yaml_node *n,
                     const char *key, const char *const *words, size_t words_n,
                     char **out) MUST_USE;
/* A list of at most max_n elements of ${each} bytes, memory of the reply, with room
 * for one more; take reads one, with how. *out_n is 0 when it is empty. */
struct member_list {
    size_t max_n, each;
    int (*take)(struct config *c, const struct yaml_node *n, const void *how,
                void *out);
    const void *how;
};
int member_list(struct config *c, const struct yaml_node *n, const char *key,
                const struct member_list *list, void **out,
                size_t *out_n) MUST_USE;
/* The same of whole numbers lo..hi. */
struct member_whole {
    size_t max_n;
    uint64_t lo, hi; /* u32s: of 32 bits */
};
int member_u32s(struct config *c, const struct yaml_node *n, const char *key,
                struct member_whole range, uint32_t **out,
                size_t *out_n) MUST_USE;
int member_u64s(struct config *c, const struct yaml_node *n, const char *key,
                struct member_whole range, uint64_t **out,
                size_t *out_n) MUST_USE;

#endif
