/* Strict protobuf: the first byte picks a message of msg.def or an object that
 * the store holds; accepted bytes re-encode to themselves. */
#include "fuzz.h"

#include "proto/frame.h"

#include "evidence.pb-c.h"
#include "graph.pb-c.h"
#include "kernel.pb-c.h"
#include "worker.pb-c.h"

static const ProtobufCMessageDescriptor *const types[] = {
#define MSG(name, number, from, type, max_bytes, max_fds)                      \
    &proctor__##type##__descriptor,
#include "proto/msg.def"
#undef MSG
    &proctor__graph__descriptor,       &proctor__policy__descriptor,
    &proctor__inputs__descriptor,      &proctor__runnable__descriptor,
    &proctor__exam__descriptor,        &proctor__evidence__descriptor,
    &proctor__confinement__descriptor, &proctor__snapshot__descriptor,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ubytes in;
    ProtobufCMessage *m;
    struct buf out;

    if (size == 0) {
        return 0;
    }
    in = (struct ubytes){data + 1, size - 1};
    if (pb_decode(types[data[0] % ARRAY_N(types)], in, 1u << 20, &m) < 0) {
        REQUIRE(m == NULL);
        return 0;
    }
    buf_init(&out, in.n);
    REQUIRE(pb_encode(m, &out) == 0);
    REQUIRE(same_bytes(buf_bytes(&out), in));
    buf_release(&out);
    pb_free(m);
    return 0;
}
