/* What a worker claims to have answered to one batch: checked, cut to what may
 * count, and named. Believes nothing; looks at bytes that nobody else can change
 * any more (proto/share.h). */
#ifndef KERNEL_RUN_REPLY_H
#define KERNEL_RUN_REPLY_H

#include "proto/value.h"

#include "worker.pb-c.h"

struct reply {
    struct values answers; /* to the first inputs, finite, of the right type */
    int bad;               /* fewer than asked, or not ended well: see ending */
    int limit;             /* by a limit of time */
    int was_killed;        /* by SIGKILL: by a limit or by itself */
    char ending[160];      /* the same for the same bytes: may be evidence */
    char text[160];        /* last line of its standard error, for people */
};

void reply_init(struct reply *r);
void reply_release(struct reply *r);
/* outputs: the copy of what m claims. asked: how many inputs it was sent. 0 or
 * ERR_NOMEM; anything else that is wrong makes it bad. */
int reply_read(struct reply *r, const Proctor__BatchReply *m,
               struct ubytes outputs, const struct type *gives,
               uint32_t asked) MUST_USE;
/* Bad for a reason outside its bytes. */
void reply_bad(struct reply *r, const char *ending);

#endif
