/* Types, values and domains: text form to canonical bytes (type.h, value.h,
 * domain.h of proto). Depth is bounded by LIMIT_TEXT_DEPTH, checked while the
 * text was read. */
#ifndef WORKERS_CONFIG_TYPES_H
#define WORKERS_CONFIG_TYPES_H

#include "proto/value.h"
#include "workers/config/yaml.h"

/* u32, {list: T}, {tuple: [T, ...]}. */
int types_read(struct config *c, const struct yaml_node *n,
               struct type *out) MUST_USE;
/* A list of types as one tuple: the arguments. */
int types_arguments(struct config *c, const struct yaml_node *n,
                    struct type *out) MUST_USE;

/* Appends the value of type t: integers decimal or 0x, bytes as hex in quotes,
 * "NaN", "Infinity" and "-Infinity" for those, lists for lists and tuples. */
int types_value(struct config *c, const struct yaml_node *n,
                const struct type *t, struct buf *out) MUST_USE;
/* A table's cell: text without YAML's rules; lists and tuples as JSON. n is a
 * scalar, its text the cell. */
int types_cell(struct config *c, const struct yaml_node *n,
               const struct type *t, struct buf *out) MUST_USE;

/* Files that corpus entries index, each once. */
struct corpora {
    char **files; /* memory of the reply */
    size_t n;
};

/* Appends the domain at n. */
int types_domain(struct config *c, const struct yaml_node *n, struct corpora *k,
                 struct buf *out) MUST_USE;
/* A list of domains, one per argument, as one tuple; *out_takes: its type. */
int types_domains(struct config *c, const struct yaml_node *n,
                  struct corpora *k, struct buf *out,
                  struct type *out_takes) MUST_USE;

#endif
