/* What holds for every text: a reply that is canonical, or one problem; never
 * both, never neither. */
#ifndef TESTS_FUZZ_CONFIG_FUZZ_ANSWER_H
#define TESTS_FUZZ_CONFIG_FUZZ_ANSWER_H

#include <stdlib.h>

#include "proto/limits.h"
#include "proto/pb.h"
#include "workers/config/config.h"

/* libfyaml 0.7.12 loses the pieces of a scalar with many escapes: a kilobyte
 * that the single-use worker takes with it. */
const char *__lsan_default_suppressions(void);
__attribute__((visibility("default"))) const char *
__lsan_default_suppressions(void)
{
    return "leak:fy_atom_iter_grow_chunk";
}

static inline void fuzz_answer(const Proctor__ConfigTask *task)
{
    struct config c;
    Proctor__ConfigReply reply;
    ProtobufCMessage *again = NULL;
    struct buf bytes;

    buf_init(&bytes, LIMIT_FRAME_BYTES);
    if (config_answer(&c, task, &reply) != 0 ||
        pb_encode(&reply.base, &bytes) != 0 ||
        pb_decode(&proctor__config_reply__descriptor, buf_bytes(&bytes),
                  LIMIT_FRAME_BYTES, &again) != 0) {
        abort();
    }
    if (reply.problem &&
        (reply.problem->what[0] == '\0' || reply.graph || reply.policy ||
         reply.inputs.len > 0 || reply.outputs.len > 0 ||
         reply.n_experiments > 0)) {
        abort();
    }
    if (!reply.problem && !reply.graph && !reply.policy &&
        reply.inputs.len == 0 && reply.n_experiments == 0) {
        abort();
    }
    pb_free(again);
    buf_release(&bytes);
    config_release(&c);
}

#endif
