/* Who must have cosigned a checkpoint (C2SP tlog-policy): logs, witnesses, groups
 * of them, and one quorum. A text file of a person's:
 *
 *   log VKEY [URL]
 *   witness NAME VKEY [URL]
 *   group NAME K|any|all NAME...
 *   quorum NAME|none */
#ifndef PROTO_TLOG_POLICY_H
#define PROTO_TLOG_POLICY_H

#include "proto/cosign.h"
#include "proto/diag.h"

#define TLOG_POLICY_MAX 32 /* logs, witnesses, groups: of each */
#define TLOG_POLICY_BYTES_MAX (256u << 10)
#define TLOG_POLICY_NAME_BYTES 128
#define TLOG_POLICY_URL_BYTES 512

struct tlog_policy_log {
    char origin[NOTE_ORIGIN_BYTES];
    uint8_t key[32];
    char url[TLOG_POLICY_URL_BYTES]; /* "" = none */
};
struct tlog_policy_witness {
    char name[TLOG_POLICY_NAME_BYTES]; /* in this file */
    struct cosigner cosigner;
    char url[TLOG_POLICY_URL_BYTES];
};
struct tlog_policy_group {
    char name[TLOG_POLICY_NAME_BYTES];
    unsigned k;       /* so many of them, 1..n */
    uint64_t members; /* bit i: witness i; bit 32 + i: group i, an earlier one */
};

struct tlog_policy {
    struct tlog_policy_log logs[TLOG_POLICY_MAX];
    struct tlog_policy_witness witnesses[TLOG_POLICY_MAX];
    struct tlog_policy_group groups[TLOG_POLICY_MAX];
    unsigned logs_n;
    unsigned witnesses_n;
    unsigned groups_n;
    int quorum; /* a bit as in members; -1 = none */
};

/* path (for d) may be NULL. 0, or ERR_INPUT with d naming the line. */
int tlog_policy_read(struct ubytes in, const char *path,
                     struct tlog_policy *out, struct diag *d) MUST_USE;
/* One spelling: what it writes reads back as the same policy. */
int tlog_policy_write(struct buf *out, const struct tlog_policy *p) MUST_USE;
/* True when these witnesses (bit i: witness i) make the quorum. */
int tlog_policy_met(const struct tlog_policy *p, uint32_t witnesses);
/* Bits of those whose cosignature the note carries, and of those whose line in
 * it is not theirs. 0 or ERR_ENCODING. */
int tlog_policy_cosigned(const struct tlog_policy *p, struct ubytes note,
                         uint32_t *out_good, uint32_t *out_bad) MUST_USE;

#endif
