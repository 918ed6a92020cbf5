/* The table of worker classes. Runs in the kernel and in tests; holds no
 * state. */
#include "kernel/confine/profile.h"

#include <string.h>

#include "proto/share.h"

#include "kernel/confine/profile_table.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)

struct class_row {
    const char *name;
    int own_root;
    const struct rule_list *worker;
    const struct rule_list *fork;
    struct profile_limits limits;
};

/* Ceilings, with reasons: a graph file of 48 MiB takes about 30 times that in a
 * parser; OpenBLAS maps 128 MiB before its first product, weights go to 1 GiB;
 * an interpreter maps 40 MiB before main and needs few descriptors. */
static const struct class_row rows[] = {
    {"config",
     0,
     &rules_pure,
     &rules_fork_pure,
     {.cpu_s = 60,
      .as_bytes = 4 * GIB,
      .as_extra_bytes = 32 * MIB,
      .file_bytes = 0,
      .processes = 1,
      .files = 16,
      .stack_bytes = 8 * MIB,
      .work_bytes = 0}},
    {"program",
     1,
     &rules_program,
     &rules_fork_own,
     {.cpu_s = 600,
      .as_bytes = 4 * GIB,
      .file_bytes = 256 * MIB,
      .processes = 64,
      .files = 256,
      .stack_bytes = 8 * MIB,
      .work_bytes = 256 * MIB,
      .share_bytes = SHARE_BYTES}},
    {"model",
     0,
     &rules_pure,
     &rules_fork_pure,
     {.cpu_s = 600,
      .as_bytes = 8 * GIB,
      .as_extra_bytes = 256 * MIB,
      .file_bytes = 0,
      .processes = 1,
      .files = 16,
      .stack_bytes = 8 * MIB,
      .work_bytes = 0,
      .share_bytes = SHARE_BYTES}},
};

static struct profile profiles[ARRAY_N(rows)];

const struct profile *profile_at(size_t i)
{
    struct profile *p;

    if (i >= ARRAY_N(rows)) {
        return NULL;
    }
    p = &profiles[i];
    if (p->name == NULL) {
        p->own_root = rows[i].own_root;
        p->worker = *rows[i].worker;
        p->zygote[0] = *rows[i].worker;
        p->zygote[1] = rules_startup;
        p->zygote[2] = rules_zygote;
        p->zygote[3] = rules_narrow;
        p->zygote[4] = *rows[i].fork;
        p->limits = rows[i].limits;
        p->name = rows[i].name;
    }
    return p;
}

const struct profile *profile_find(const char *class_name)
{
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        if (strcmp(rows[i].name, class_name) == 0) {
            return profile_at(i);
        }
    }
    return NULL;
}
