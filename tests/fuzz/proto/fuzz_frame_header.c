/* Frame headers: an accepted header re-encodes to the same bytes and is within
 * the table's bounds for its sender. */
#include "fuzz.h"

#include "proto/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < FRAME_HEADER_BYTES) {
        return 0;
    }
    for (int from = MSG_FROM_CLI; from <= MSG_FROM_WORKER; from++) {
        struct frame_header h;
        const struct msg_info *info;
        uint8_t again[FRAME_HEADER_BYTES];

        if (frame_header_decode(data, (enum msg_from)from, &h) < 0) {
            continue;
        }
        info = msg_find(h.number);
        REQUIRE(info != NULL && (int)info->from == from);
        REQUIRE(h.body_n <= info->max_bytes && h.fds_n <= info->max_fds);
        REQUIRE(h.body_n <= LIMIT_FRAME_BYTES && h.fds_n <= LIMIT_FRAME_FDS);
        frame_header_encode(h, again);
        REQUIRE(memcmp(again, data, sizeof(again)) == 0);
    }
    return 0;
}
