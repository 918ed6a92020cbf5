/* info.c and all that it tries: any file as a model. What is said of it can be
 * sent, and is the same when it is asked again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/buf.h"
#include "proto/limits.h"
#include "proto/pb.h"
#include "workers/model/command.h"
#include "workers/model/weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void describe(const struct weights *w, struct buf *out)
{
    Proctor__ModelInfo *m = NULL;
    ProtobufCMessage *back;

    buf_init(out, LIMIT_FRAME_BYTES);
    if (command_info(w, &m) != 0 || pb_encode(&m->base, out) != 0 ||
        pb_decode(m->base.descriptor, buf_bytes(out), LIMIT_FRAME_BYTES,
                  &back) != 0) {
        abort();
    }
    pb_free(back);
    proctor__model_info__free_unpacked(m, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct weights w = {0};
    struct buf once, twice;
    struct diag d;
    void *copy; /* of exactly this size: one byte too far is found */

    if (posix_memalign(&copy, 64, size + (size == 0)) != 0) {
        return 0;
    }
    memcpy(copy, data, size);
    diag_init(&d);
    if (gguf_open((struct ubytes){copy, size}, &w.gguf, &d) == 0) {
        describe(&w, &once);
        describe(&w, &twice);
        if (buf_len(&once) != buf_len(&twice) ||
            memcmp(buf_bytes(&once).p, buf_bytes(&twice).p, buf_len(&once)) !=
                0) {
            abort();
        }
        buf_release(&once);
        buf_release(&twice);
        gguf_release(&w.gguf);
    }
    free(copy);
    return 0;
}
