/* One task of a graph: its map to the canonical message. */
#ifndef WORKERS_CONFIG_TASK_H
#define WORKERS_CONFIG_TASK_H

#include "workers/config/yaml.h"

struct task_read {
    Proctor__Task *task;
    Proctor__TaskPlaces *places;
    /* Examples wait until the candidate's types are known: those of the task's
     * exam and of its repair's. Borrow from the tree. */
    const struct yaml_node *examples;
    const struct yaml_node *repair_examples;
    const struct yaml_node *facts; /* wait likewise */
};

int task_read(struct config *c, const struct yaml_node *n,
              struct task_read *out) MUST_USE;

#endif
