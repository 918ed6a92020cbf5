/* What the hostile image says on the channel, in and out of turn. */
#include "tests/attack/hostile.h"

#include <errno.h>
#include <unistd.h>

#include "proto/frame.h"
#include "workers/lib/worker.h"

#include "worker.pb-c.h"

#define CHANNEL WORKER_CHANNEL_FD

static long frame_raw(uint32_t body_n, uint16_t number, size_t send_n)
{
    uint8_t bytes[64] = {0};

    frame_header_encode((struct frame_header){body_n, number, 0}, bytes);
    return write(CHANNEL, bytes, send_n) == (ssize_t)send_n ? 0 : -errno;
}

long message_of_the_kernel(void)
{
    (void)!frame_raw(0, MSG_CONFIG_TASK, FRAME_HEADER_BYTES);
    spin();
}

long unknown_message(void)
{
    (void)!frame_raw(0, 999, FRAME_HEADER_BYTES);
    spin();
}

long announces_4_gib(void)
{
    (void)!frame_raw(UINT32_MAX, MSG_CONFIG_REPLY, FRAME_HEADER_BYTES);
    spin();
}

long half_a_message(void)
{
    (void)!frame_raw(40, MSG_CONFIG_REPLY, 20);
    _exit(7);
}

/* Answers, one after the other, whether they are read or not. */
long floods(void)
{
    Proctor__ConfigReply reply = PROCTOR__CONFIG_REPLY__INIT;
    Proctor__Problem problem = PROCTOR__PROBLEM__INIT;
    char what[] = "0";

    problem.what = what;
    reply.problem = &problem;
    while (frame_send(CHANNEL, MSG_CONFIG_REPLY, &reply.base, NULL, 0) == 0) {
    }
    _exit(7);
}

long garbage(void)
{
    uint8_t bytes[512];

    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * 167 + 13);
    }
    (void)!write(CHANNEL, bytes, sizeof(bytes));
    spin();
}
