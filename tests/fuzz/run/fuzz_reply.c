/* A worker's reply: how many inputs it was sent, the type's bytes with their
 * length, the BATCH_REPLY's bytes with theirs, then the copy of its shared
 * memory. Whatever it says: no answer too many, none malformed or not finite, and
 * words that may be shown. */
#include <string.h>

#include "kernel/run/reply.h"
#include "proto/limits.h"
#include "proto/pb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_words(const char *s)
{
    for (; *s != '\0'; s++) {
        ASSERT(*s >= ' ' && *s < 0x7f);
    }
}

static void check(const struct reply *r, const Proctor__BatchReply *m,
                  const struct type *gives, uint32_t asked)
{
    uint32_t n = values_n(&r->answers);

    ASSERT(n <= asked);
    for (uint32_t i = 0; i < n; i++) {
        ASSERT(value_check_exact(values_at(&r->answers, i), gives) == 0);
        ASSERT(!value_has_nonfinite(values_at(&r->answers, i)));
    }
    if (r->bad) {
        ASSERT(asked == 0 || n < asked);
        ASSERT(r->ending[0] != '\0');
    } else {
        ASSERT(n == asked && m->ending == PROCTOR__ENDING__ENDING_OK);
        ASSERT(r->ending[0] == '\0' && !r->limit && !r->was_killed);
    }
    check_words(r->ending);
    check_words(r->text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ProtobufCMessage *m;
    struct reply r;
    struct type gives;
    struct rd in;
    uint32_t asked;
    size_t n;

    rd_init(&in, (struct ubytes){data, size});
    asked = rd_u8(&in);
    n = rd_u8(&in);
    if (type_decode(rd_take(&in, n), &gives) < 0) {
        return 0;
    }
    n = rd_u16(&in);
    if (pb_decode(&proctor__batch_reply__descriptor, rd_take(&in, n),
                  LIMIT_WORKER_TEXT + 64, &m) < 0) {
        return 0;
    }
    reply_init(&r);
    ASSERT(reply_read(&r, (Proctor__BatchReply *)m, rd_take(&in, rd_left(&in)),
                      &gives, asked) == 0);
    check(&r, (Proctor__BatchReply *)m, &gives, asked);
    reply_release(&r);
    pb_free(m);
    return 0;
}
