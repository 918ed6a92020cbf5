/* What this host offers, layer by layer, for `proctor doctor`: each is tried as
 * the kernel would use it, in a child of its own where trying changes something.
 * Tells people why and what to do; decides nothing (the kernel tries for real). */
#ifndef CLI_HOST_H
#define CLI_HOST_H

#include "proto/base.h"

enum host_state {
    HOST_OK,
    HOST_DEGRADED, /* works; `todo` names what is weaker and what to do */
    HOST_MISSING   /* nothing runs without it */
};
const char *host_state_name(enum host_state s);

struct host_row {
    const char *layer;
    enum host_state state;
    char found[160];
    char todo[240]; /* "" when there is nothing to do */
};

#define HOST_ROWS_MAX 32

/* store: where it is or would be. Returns how many rows it filled. */
size_t host_look(struct host_row rows[static HOST_ROWS_MAX], const char *store);

/* Control groups, from what a program worker's report said ("v1", ...). */
void host_cgroup(struct host_row *r, const char *used);

/* As whom the kernel runs here: "as root", "as you, with uids ...". */
void host_say_how(char *out, size_t out_n);

#endif
