/* key=value words of the command line, laid over a text before it is checked.
 *
 * Graph: KEY for the top level, ID.KEY or ID.with.KEY for a task. Policy: the
 * same after `policy.`. Deeper keys work alike; values are YAML. Each must hit
 * exactly one place, else it is refused by name. */
#ifndef WORKERS_CONFIG_OVERRIDE_H
#define WORKERS_CONFIG_OVERRIDE_H

#include "workers/config/yaml.h"

struct override {
    const char *key;         /* borrowed from the task, without `policy.` */
    struct yaml_node *value; /* scratch memory */
    uint32_t number;         /* from 1, in the task's list */
    unsigned hits;
};

struct overrides {
    struct override *list; /* scratch memory */
    size_t n;
};

/* Those for this kind of text; reads their values. */
int overrides_open(struct config *c, struct overrides *out) MUST_USE;
/* Sets path (a.b.c) beneath a map to o's value; maps on the way are made. Any number
 * of times: the value is copied. */
int override_set(struct config *c, const struct override *o,
                 struct yaml_node *map, const char *path) MUST_USE;
/* Sets all of them in a whole tree (policies). */
int overrides_apply(struct config *c, struct overrides *o,
                    struct yaml_node *root) MUST_USE;
/* The override of a top-level key, or NULL. Counts as a hit. */
struct override *overrides_top(struct overrides *o, const char *key);
/* Sets those that begin with "ID." in a task. */
int overrides_apply_task(struct config *c, struct overrides *o, const char *id,
                         struct yaml_node *task) MUST_USE;
/* Refuses one that hit nothing. */
int overrides_end(struct config *c, const struct overrides *o) MUST_USE;

#endif
