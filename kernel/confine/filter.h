/* Seccomp filters: from a profile's rules to the BPF bytes that a worker must
 * carry, made once per class with libseccomp. Default: kill the process; foreign
 * architectures and x32 numbers are killed too. */
#ifndef KERNEL_CONFINE_FILTER_H
#define KERNEL_CONFINE_FILTER_H

#include <linux/filter.h>

#include "kernel/confine/profile.h"

struct filter {
    struct sock_filter *code; /* owned */
    unsigned n;               /* instructions */
};

/* The rules of all lists together. 0, ERR_NOMEM, ERR_CONFINE (libseccomp did not
 * take a rule; *out_bad names its call, borrowed from the list). */
int filter_make(const struct rule_list *const *lists, size_t lists_n,
                struct filter *out, const char **out_bad) MUST_USE;
void filter_release(struct filter *f);

static inline struct ubytes filter_bytes(const struct filter *f)
{
    return (struct ubytes){(const uint8_t *)f->code,
                           f->n * sizeof(struct sock_filter)};
}

#endif
