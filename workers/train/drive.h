/* Drives one fit as the kernel asks: the loop over steps, the clock, and what lies
 * in the area: checkpoints' weights, predictions of checked rows, the state; behind
 * them what several workers exchange.
 *
 * The area's parts are packed from its start on, each from a multiple of
 * DRIVE_ALIGN, and stand until the next drive_go. Only worker 0 writes parts.
 *
 * Never trusts: sizes in a recipe, a state, the kernel's order of requests. The
 * bits of weights and states do not hang on how drive_go was called. Worker train
 * only. */
#ifndef WORKERS_TRAIN_DRIVE_H
#define WORKERS_TRAIN_DRIVE_H

#include "workers/train/fit.h"
#include "workers/train/inputs.h"

#define DRIVE_ALIGN 64u
#define DRIVE_EPOCHS_MAX 512u /* of one answer */

struct drive;

/* Checks task and inputs (borrowed until drive_close), all numbers of the rows
 * included, and fills ${ready} (its strings static). Allocates nothing large. 0,
 * ERR_PROTOCOL (parts that a task of its command has not), ERR_NOMEM, or
 * ERR_INPUT or ERR_LIMIT with ${d} set. */
int drive_open(const Proctor__TrainTask *task, const struct inputs *in,
               struct drive **out, Proctor__TrainReady *ready,
               struct diag *d) MUST_USE;
void drive_close(struct drive *v); /* NULL is fine */

/* The area, ready->area_bytes, page-aligned; it lives until drive_close. Allocates
 * all, restores the state if there is one. What a person can do something about is
 * answered by drive_go (TRAIN_AT_FAILED). 0, ERR_NOMEM, ERR_PROTOCOL (twice). */
int drive_start(struct drive *v, uint8_t *area) MUST_USE;

/* One request. *out stands until the next one. 0, ERR_NOMEM, ERR_PROTOCOL: no
 * area yet; a measure that nobody waits for, none where the answer before said
 * TRAIN_AT_EPOCH, or one that is not finite; more steps after the end. */
int drive_go(struct drive *v, const Proctor__TrainGo *go,
             const Proctor__TrainDone **out) MUST_USE;

#endif
