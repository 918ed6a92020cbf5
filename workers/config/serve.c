/* The channel: one CONFIG_TASK, one CONFIG_REPLY, then the end. Runs in the
 * confined `config` worker. */
#include <stddef.h>

#include "proto/frame.h"
#include "workers/config/config.h"

enum {
    SERVE_DONE = 0,
    SERVE_FAILED = 1
};

/* A reply that no frame can hold becomes a problem. */
static int send_reply(int fd, const Proctor__ConfigReply *reply)
{
    Proctor__ConfigReply instead = PROCTOR__CONFIG_REPLY__INIT;
    Proctor__Problem problem = PROCTOR__PROBLEM__INIT;
    static char what[] = "the canonical form is too large for one message";
    static char hint[] = "split the graph or the file";
    int code = frame_send(fd, MSG_CONFIG_REPLY, &reply->base, NULL, 0);

    if (code != ERR_LIMIT && code != ERR_PROTOCOL) {
        return code;
    }
    problem.what = what;
    problem.hint = hint;
    problem.kind = 1;
    instead.problem = &problem;
    return frame_send(fd, MSG_CONFIG_REPLY, &instead.base, NULL, 0);
}

int config_serve(int channel_fd)
{
    CLEANUP(config_release) struct config c;
    CLEANUP(frame_release) struct frame f;
    Proctor__ConfigReply reply;

    config_init(&c, NULL);
    frame_init(&f);
    if (frame_receive(channel_fd, MSG_FROM_KERNEL, &f) != 0 ||
        f.info->msg != MSG_CONFIG_TASK) {
        return SERVE_FAILED;
    }
    if (config_answer(&c, (const Proctor__ConfigTask *)f.m, &reply) != 0) {
        return SERVE_FAILED;
    }
    return send_reply(channel_fd, &reply) == 0 ? SERVE_DONE : SERVE_FAILED;
}
