/* The trap plane in a session: what a pass does at the traps of the lanes in it.
 * At a site the traps of a lane act on its rows in the order of its spec, a STOP
 * last, whatever its place; rows of other lanes are not touched.
 *
 * INJECT  adds to the residual (inject.h).
 * DIGEST  residuals[p] = BLAKE3(residuals[p], row as f32), over a lane's digest
 *         sites in the order of a pass, from 32 zero bytes on; tap_digest hashes
 *         them all in order of position. So it is the same however the lane's
 *         tokens were cut into passes, drafted or rolled back.
 * STOP    stops the pass with the number in its spec.
 * The entropy tap reads each router's probabilities: -sum p ln p / ln n over the
 * n experts that may be chosen, 0 for n = 1. It changes nothing.
 * Runs in the model worker. */
#ifndef WORKERS_MODEL_TAP_H
#define WORKERS_MODEL_TAP_H

#include "workers/model/lane.h"

struct tap {
    uint8_t *armed; /* [2 * layers] */
    uint32_t layers;
    struct lane **lanes; /* in the pass; borrowed */
    size_t lanes_n;
    uint32_t router_layer; /* rows seen of its routers, by lane */
    uint32_t *router_rows;
    struct traps traps; /* for pass_run */
};

int tap_init(struct tap *t, const struct model *m, size_t lanes_max) MUST_USE;
void tap_release(struct tap *t);
/* Arms what these lanes want of their next pass. */
void tap_arm(struct tap *t, struct lane **lanes, size_t n);
/* Of the positions held. */
void tap_digest(const struct lane *l, uint8_t out[static 32]);

#endif
