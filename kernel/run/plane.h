/* The neural plane: workers that hold a model, and the lanes that take turns in
 * them. A plane is one worker's post for one model: its worker may be lost or
 * relieved, its lanes go on in the next one, bit for bit. Lanes that are ready
 * together share their passes; with more lanes than places they take turns (fair.h)
 * through the store. */
#ifndef KERNEL_RUN_PLANE_H
#define KERNEL_RUN_PLANE_H

#include "kernel/run/lane.h"

/* Takes in a lane: to a plane of its model with room, to a new one while its policy
 * has workers, else to the one with the fewest lanes. 0, ERR_*. */
int plane_join(struct core *c, struct lane *l) MUST_USE;
/* Of a lane that was not decided: its worker is lost to the others, too. */
void plane_leave(struct lane *l);
/* No lane is left in any. Lets go of the models that were kept for the next one. */
void planes_free(struct core *c);

#endif
