/* Lanes at rest: what a worker changed in its area since it was last asked goes
 * into one object, and a ParkedLane says which bytes of which objects make up the
 * whole. The area is read and written by pread and pwrite, never mapped, and what
 * it means is never looked at. */
#ifndef KERNEL_RUN_PARK_H
#define KERNEL_RUN_PARK_H

#include "kernel/run/core.h"

#include "evidence.pb-c.h"
#include "worker.pb-c.h"

/* Stores the changed bytes, and m with the extents that old (NULL: none) and they
 * make. *out_bytes: how many changed. 0, BUDGET_E_SPENT, ERR_PROTOCOL (extents that
 * no area has), ERR_*. */
int park_put(struct core *c, int area_fd, uint64_t at,
             Proctor__AreaExtent *const *changed, size_t changed_n,
             const Proctor__ParkedLane *old, Proctor__ParkedLane *m,
             struct cid *out, uint64_t *out_bytes) MUST_USE;
/* Bytes from one descriptor to another. ERR_STORE_DAMAGED: they are not there. */
int park_copy(int from_fd, uint64_t from, int to_fd, uint64_t to,
              uint64_t n) MUST_USE;
/* Reads it back, strictly: extents within lane_bytes. ERR_STORE_DAMAGED. */
int park_get(struct core *c, const struct cid *id,
             Proctor__ParkedLane **out) MUST_USE;
/* Writes it into an area that is zero there. */
int park_restore(struct core *c, const Proctor__ParkedLane *m, int area_fd,
                 uint64_t at) MUST_USE;

#endif
