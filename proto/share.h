/* Bulk values between the kernel and one worker travel in a memfd of SHARE_BYTES
 * of their own; frames say how many bytes of it count. The worker has it mapped;
 * the kernel never maps it: it writes inputs and copies outputs out, once, and
 * looks only at its copy. So a worker that changes bytes at a bad moment changes
 * nothing but its own proposal.
 *
 * Fixed places, so no offset travels that could be wrong. Its size is sealed. */
#ifndef PROTO_SHARE_H
#define PROTO_SHARE_H

#include "proto/buf.h"
#include "proto/limits.h"

#define SHARE_INPUTS 0u                 /* values (value.h), by the kernel */
#define SHARE_OUTPUTS LIMIT_BATCH_BYTES /* values, by the worker */
#define SHARE_BYTES (SHARE_OUTPUTS + LIMIT_BATCH_BYTES)

_Static_assert(LIMIT_BATCH_BYTES % 4096 == 0, "whole pages");

/* The kernel's end. What it holds is hostile from the moment the worker lives;
 * a share serves one worker. */

/* A fresh one, all zeroes, its size sealed. 0, ERR_NOMEM, ERR_IO. */
int share_new(int *out_fd) MUST_USE;
/* The same of another size, at most LIMIT_WEIGHTS_FILE_BYTES. And ERR_LIMIT. */
int share_fixed(uint64_t bytes, int *out_fd) MUST_USE;
/* For one worker to write, of this size, at most LIMIT_WEIGHTS_FILE_BYTES; and,
 * when that worker is gone, what it says it wrote: cut to n bytes, all seals set.
 * 0, ERR_LIMIT, ERR_PROTOCOL (n is more than there was), ERR_NOMEM, ERR_IO. */
int share_sized(uint64_t bytes, int *out_fd) MUST_USE;
int share_seal(int fd, uint64_t n) MUST_USE;
/* Writes inputs. 0, ERR_LIMIT (over LIMIT_BATCH_BYTES; nothing was written),
 * ERR_NOMEM. */
int share_put(int fd, struct ubytes inputs) MUST_USE;
/* Appends the one copy of the outputs that counts: n bytes as the worker claims.
 * 0, ERR_PROTOCOL (over LIMIT_BATCH_BYTES), ERR_NOMEM, ERR_LIMIT (of out). */
int share_take(int fd, uint64_t n, struct buf *out) MUST_USE;

#endif
