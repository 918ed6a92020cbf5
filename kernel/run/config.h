/* One text, one single-use `config` worker, one reply. The kernel parses none of
 * it; what comes back was strictly decoded by the channel. */
#ifndef KERNEL_RUN_CONFIG_H
#define KERNEL_RUN_CONFIG_H

#include "kernel/run/core.h"

#include "worker.pb-c.h"

struct config_job;

struct config_ask {
    Proctor__ConfigTask task; /* all it points at is borrowed until the answer */
    const char *path;         /* for the diagnosis */
    const char *label;        /* of the CONFINE record */
    /* Not NULL: this (copied; its text is source, borrowed) is asked instead, of a
     * `cml` worker with the limits of a policy, and what it answers without a
     * problem goes to on_cml, not to the fn. */
    const Proctor__CmlTask *cml;
    struct ubytes source;
    const Proctor__Limits *limits;
    void (*on_cml)(void *ctx, const Proctor__CmlReply *reply);
};

/* code 0 and a reply (borrowed for the call; parts may be taken out of it by
 * setting them NULL), or ERR_* and d. Last call: then
 * config_free. */
typedef void (*config_fn)(void *ctx, struct config_job *j, int code,
                          Proctor__ConfigReply *reply,
                          const struct diag *d);

int config_start(struct core *c, const struct config_ask *ask, config_fn fn,
                 void *ctx, struct config_job **out) MUST_USE;
const struct config_ask *config_asked(const struct config_job *j);
/* What a worker found wrong, with a path for its place. Returns the code. */
int config_problem(const Proctor__Problem *p, const char *path, struct diag *d);
/* Ends it if it still runs. NULL is fine; safe inside fn. */
void config_free(struct config_job *j);

#endif
