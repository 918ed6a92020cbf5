/* policy/profiles/CLASS.profile, read as a person reads it: an independent reading
 * of the text, which knows neither the kernel's tables nor libseccomp. Names of
 * system calls come from the host's headers. For tests. */
#ifndef TESTS_PROOF_TABLE_H
#define TESTS_PROOF_TABLE_H

#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base.h"

#define TABLE_ARGS_MAX 2

struct table_rule {
    int nr;
    int is_zygote; /* in force in the zygote only, not in the worker */
    uint32_t answer;
    unsigned args_n;
    struct {
        unsigned i;
        uint64_t mask;
        uint64_t value;
    } args[TABLE_ARGS_MAX];
};

struct table {
    struct table_rule *rules; /* owned */
    size_t n;
};

/* 0, or the number of the first line that has no meaning (-1: unreadable, or
 * without a worker's section). */
long table_load(const char *path, struct table *out) MUST_USE;
/* The same, of text. */
long table_parse(const char *text, struct table *out) MUST_USE;
void table_release(struct table *t);

/* What the table says about a call: as SECCOMP_RET_*. */
uint32_t table_answer(const struct table *t, int zygote,
                      const struct seccomp_data *d);
/* A rule that may hold for this number, or NULL. */
const struct table_rule *table_rule_of(const struct table *t, int zygote,
                                       int nr);

/* Number of a name of the host's headers; -1 = none. And back; NULL = none. */
int table_call_number(const char *name);
const char *table_call_name(int nr);

#endif
