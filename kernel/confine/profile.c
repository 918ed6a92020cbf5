/* The table of worker classes. Runs in the kernel and in tests; holds no
 * state. */
#include "kernel/confine/profile.h"

#include <string.h>

#include "proto/share.h"

#include "kernel/confine/profile_table.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)

/* What a worker is left with, and what its zygote needs on top. */
#define LISTS(worker, fork)                                                    \
    {                                                                          \
        &(worker), &rules_startup, &rules_zygote, &rules_narrow, &(fork)       \
    }

/* Ceilings, with reasons: a graph file of 48 MiB takes about 30 times that in a
 * parser; OpenBLAS maps 128 MiB before its first product, weights go to 1 GiB;
 * an interpreter maps 40 MiB before main and needs few descriptors. */
static const struct profile profiles[] = {
    {.name = "config",
     .lists = LISTS(rules_pure, rules_fork_pure),
     .limits = {.cpu_s = 60,
                .as_bytes = 4 * GIB,
                .as_extra_bytes = 32 * MIB,
                .processes = 1,
                .files = 16,
                .stack_bytes = 8 * MIB}},
    {.name = "program",
     .own_root = 1,
     .lists = LISTS(rules_program, rules_fork_own),
     .limits = {.cpu_s = 600,
                .as_bytes = 4 * GIB,
                .file_bytes = 256 * MIB,
                .processes = 64,
                .files = 256,
                .stack_bytes = 8 * MIB,
                .work_bytes = 256 * MIB,
                .share_bytes = SHARE_BYTES}},
    {.name = "model",
     .lists = LISTS(rules_pure, rules_fork_pure),
     .limits = {.cpu_s = 600,
                .as_bytes = 8 * GIB,
                .as_extra_bytes = 256 * MIB,
                .processes = 1,
                .files = 16,
                .stack_bytes = 8 * MIB,
                .share_bytes = SHARE_BYTES}},
    {.name = "cml",
     .lists = LISTS(rules_pure, rules_fork_pure),
     .limits = {.cpu_s = 600,
                .as_bytes = 4 * GIB,
                .as_extra_bytes = 32 * MIB,
                .processes = 1,
                .files = 16,
                .stack_bytes = 8 * MIB,
                .share_bytes = SHARE_BYTES}},
    {.name = "train",
     .lists = LISTS(rules_pure, rules_fork_pure),
     .limits = {.cpu_s = 24 * 3600,
                .as_bytes = 16 * GIB,
                .as_extra_bytes = 256 * MIB,
                .processes = 1,
                .files = 64,
                .stack_bytes = 8 * MIB,
                .share_bytes = SHARE_BYTES}},
};

const struct profile *profile_at(size_t i)
{
    return i < ARRAY_N(profiles) ? &profiles[i] : NULL;
}

const struct profile *profile_find(const char *class_name)
{
    for (size_t i = 0; i < ARRAY_N(profiles); i++) {
        if (strcmp(profiles[i].name, class_name) == 0) {
            return &profiles[i];
        }
    }
    return NULL;
}
