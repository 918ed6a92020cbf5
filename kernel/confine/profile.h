/* The confinement of each worker class, as data: which system calls with which
 * arguments, which limits, which root. policy/profiles/CLASS.profile shows the
 * same table to people (a unit test compares them). */
#ifndef KERNEL_CONFINE_PROFILE_H
#define KERNEL_CONFINE_PROFILE_H

#include "proto/buf.h"

enum rule_action {
    RULE_ALLOW,
    RULE_ERRNO /* answered with an error, not executed */
};

#define RULE_ARGS_MAX 2

/* For each of its calls: holds when (argument[arg_i] & mask) == value for all its
 * args_n conditions. A call no rule of which holds ends the process (SIGSYS). */
struct rule {
    const char *const *calls; /* NULL behind the last */
    enum rule_action action;
    int error;
    unsigned args_n;
    struct rule_arg {
        unsigned arg_i;
        uint64_t mask;
        uint64_t value;
    } args[RULE_ARGS_MAX];
};

struct rule_list {
    const struct rule *rules;
    size_t n;
};

#define PROFILE_LISTS_N 5

/* Ceilings; a task's own limits only lower them. */
struct profile_limits {
    uint64_t cpu_s;
    uint64_t as_bytes;
    uint64_t as_extra_bytes; /* mapped by the image itself, not the task's */
    uint64_t file_bytes;
    uint64_t processes;
    uint64_t files;
    uint64_t stack_bytes;
    uint64_t work_bytes;
    uint64_t share_bytes; /* for the values of batches (proto/share.h) */
};

struct profile {
    const char *name;        /* of the class */
    int own_root;            /* own pid and mount namespace, declared paths */
    /* The zygote's filter is of all of them, a worker's of the first alone. */
    const struct rule_list *lists[PROFILE_LISTS_N];
    struct profile_limits limits;
};

/* NULL for an unknown class. */
const struct profile *profile_find(const char *class_name);
/* i = 0, 1, ...; NULL after the last. */
const struct profile *profile_at(size_t i);

#endif
