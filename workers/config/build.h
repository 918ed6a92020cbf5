/* Trees that are made instead of read, and any tree as JSON. What is made has no
 * place; what is borrowed from a text keeps its own, so that a reader which checks
 * the whole names the person's line. Memory of c->scratch. */
#ifndef WORKERS_CONFIG_BUILD_H
#define WORKERS_CONFIG_BUILD_H

#include "proto/buf.h"
#include "workers/config/yaml.h"

/* NULL when memory is spent; every function here takes that and passes it on, so
 * that only the end is checked. */
struct yaml_node *build_map(struct config *c);
struct yaml_node *build_list(struct config *c);
struct yaml_node *build_text(struct config *c, const char *s);
struct yaml_node *build_uint(struct config *c, uint64_t v);
struct yaml_node *build_number(struct config *c, double v);
struct yaml_node *build_bool(struct config *c, int v);
struct yaml_node *build_null(struct config *c);
/* n with the entries that it has, to stand in another tree; NULL gives null. */
struct yaml_node *build_copy(struct config *c, const struct yaml_node *n);
/* The same with all that is below, for a tree that will be changed. */
struct yaml_node *build_deep_copy(struct config *c, const struct yaml_node *n);

/* Puts value into a map or, with key NULL, a list; takes the place of an entry of
 * that key. Returns its first argument, or NULL when something is NULL. */
struct yaml_node *build_add(struct config *c, struct yaml_node *to,
                            const char *key, struct yaml_node *value);
/* The entry of that key, or NULL. */
struct yaml_node *build_find(const struct yaml_node *map, const char *key);

/* Appends the tree as JSON: plain scalars that are numbers, booleans or null as
 * such (numbers in one spelling), all others as strings. is_pretty: two spaces a
 * level. ERR_NOMEM, ERR_LIMIT. */
int build_json(const struct yaml_node *n, int is_pretty,
               struct buf *out) MUST_USE;

/* A plain scalar that is null, in any of YAML's spellings. */
int build_is_null(const struct yaml_node *n);

#endif
