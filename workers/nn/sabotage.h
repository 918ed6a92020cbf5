/* Named points at which the tests break a mechanism slightly, to show that its
 * battery (tests/battery, docs/model/batteries.md) would notice.
 *
 *     slot = position % (ring - SABOTAGE(RING_WRAP));
 *
 * In every build of the product SABOTAGE(POINT) is the constant 0, and what
 * hangs on it is gone from the binary: none of them links a library that was
 * compiled with PROCTOR_SABOTAGE, and only a program of the tests defines the
 * variable that such a library wants. */
#ifndef WORKERS_NN_SABOTAGE_H
#define WORKERS_NN_SABOTAGE_H

/* point, its name on the command line of the tests, what it breaks */
#define SABOTAGE_POINTS(X)                                                     \
    X(TRAP_ROUND, "trap-round", "an armed trap alters its first number")       \
    X(BATCH_SLICE, "batch-slice", "sums of more than one row are cut at 128")  \
    X(EXPERT_ORDER, "expert-order", "experts of a batch are added backwards")  \
    X(ROUTE_SLICE, "route-slice", "vector kernels cut their sums at 128")      \
    X(RING_WRAP, "ring-wrap", "a ring's first new lap starts one slot late")   \
    X(ROLLBACK_WIPE, "rollback-wipe", "a rollback wipes one position more")    \
    X(PARK_DIRTY, "park-dirty", "the last head of the last layer is clean")    \
    X(STOP_ROW, "stop-row", "the last number of a stopped pass is lost")       \
    X(TAP_WRITES, "tap-writes", "the tap leaves its probabilities behind")     \
    X(MASK_LEAK, "mask-leak", "refused experts share in the router's sum")     \
    X(ACCEPT_MORE, "accept-more", "what follows a refused draft is kept")      \
    X(RNG_CALL, "rng-call", "random numbers are counted by passes")            \
    X(PARK_HISTORY, "park-history", "the first new token is not parked")       \
    X(INJECT_ZERO, "inject-zero", "an injector adds 2^-20 to what it adds")    \
    X(FACTS_CLOSE, "facts-close", "a fact has no end")                         \
    X(MASK_BOUNDARY, "mask-boundary", "a token's second byte starts anew")

#ifdef PROCTOR_SABOTAGE
#define SABOTAGE_ENUM(point, name, breaks) SABOTAGE_##point,
enum sabotage {
    SABOTAGE_NONE,
    SABOTAGE_POINTS(SABOTAGE_ENUM)
};
extern enum sabotage sabotage_now; /* tests/battery/main.c */
#define SABOTAGE(point) (sabotage_now == SABOTAGE_##point)
#else
#define SABOTAGE(point) 0
#endif

#endif
