/* Sends a TRAIN_REPLY. Runs in the train worker. */
#include "workers/train/reply.h"

#include "proto/err.h"
#include "proto/frame.h"

int reply_send(int channel_fd, Proctor__TrainReply *m, int code,
               const struct diag *d)
{
    Proctor__Problem problem = PROCTOR__PROBLEM__INIT;

    if (code != 0) {
        proctor__train_reply__init(m);
        problem.line = d->at.line;
        problem.col = d->at.col;
        problem.what = (char *)(uintptr_t)d->what;
        problem.hint = (char *)(uintptr_t)d->hint;
        problem.kind = code == ERR_LIMIT;
        m->problem = &problem;
    }
    return frame_send(channel_fd, MSG_TRAIN_REPLY, &m->base, NULL, 0);
}

int reply_end(int channel_fd, Proctor__TrainReply *m, const char *doing,
              int code, struct diag *d)
{
    if (code == ERR_NOMEM) {
        err_trace_clear();
        code = diag_set(d, ERR_LIMIT, (struct loc){0},
                        "%s takes more memory than a worker has", doing);
        diag_hint(d, "raise limits.memory in the policy");
    }
    return code != 0 && d->code == 0 ? ERR_TRACE(code)
                                     : reply_send(channel_fd, m, code, d);
}
