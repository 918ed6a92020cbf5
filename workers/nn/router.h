/* From a router's numbers to experts and their weights, and back. Fixed bits, by
 * the functions of math.h. Pure. Workers only. */
#ifndef WORKERS_NN_ROUTER_H
#define WORKERS_NN_ROUTER_H

#include "proto/base.h"

/* How a router's numbers become weights; GGUF's numbers. */
enum gating {
    GATING_SOFTMAX = 1,       /* over all that may be chosen; then choose */
    GATING_SIGMOID = 2,       /* of each; then choose */
    GATING_SOFTMAX_CHOSEN = 3 /* choose; then over the chosen */
};

struct router {
    uint32_t experts, used; /* 1 <= used <= experts */
    enum gating gating;
    int norm_chosen; /* weights of the chosen are divided by their sum */
    float scale;     /* then multiplied by this */
};

/* v (experts): a router's numbers; becomes what gating makes of all of them.
 * allowed (experts): 1 = may be chosen, `used` of them at least, and others' v
 * are -inf; NULL: all. chosen (used): the largest first, ties to the lower index;
 * a NaN is never larger. weights (used): theirs. */
void router_route(const struct router *r, float *v, const uint8_t *allowed,
                  uint32_t *chosen, float *weights);
/* Of one row, with GATING_SOFTMAX and all experts allowed. p: v as router_route
 * left it; dweights (used); dp (experts): further gradients of p, changed here.
 * Writes dv (experts), the gradients of the router's numbers. */
void router_back(const struct router *r, const float *p, const uint32_t *chosen,
                 const float *weights, const float *dweights, float *dp,
                 float *dv);

#endif
