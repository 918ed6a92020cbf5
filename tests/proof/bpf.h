/* A second opinion on seccomp programs: classic BPF as the host's documentation
 * has it (Documentation/networking/filter.rst, userspace-api/seccomp_filter.rst),
 * evaluated in user space. Own code, for tests; test_bpf.c compares it with the
 * host on random programs. */
#ifndef TESTS_PROOF_BPF_H
#define TESTS_PROOF_BPF_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base.h"

enum {
    BPF_TOOK_YES = 1,
    BPF_TOOK_NO = 2
};

/* What a program was seen to do, over many runs; n of each. */
struct bpf_seen {
    uint32_t *runs; /* of each instruction */
    uint8_t *took;  /* BPF_TOOK_* of each conditional jump */
    uint8_t *word;  /* offset of the data's word that was in A, then */
};

/* Whether the host would take the program: known instructions, jumps forward and
 * inside, aligned loads inside of the data, a return at the end. */
int bpf_is_valid(const struct sock_filter *code, unsigned n);

/* Runs a valid program. seen may be NULL. */
uint32_t bpf_run(const struct sock_filter *code, unsigned n,
                 const struct seccomp_data *d, struct bpf_seen *seen);

int bpf_is_conditional(const struct sock_filter *i);

/* The answer of two installed programs: the stricter action; of two errors, that
 * of the later program. */
uint32_t bpf_strictest(uint32_t earlier, uint32_t later);

#endif
