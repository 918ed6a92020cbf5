/* Any bytes as a candidate's file, or as two of them (the first byte says where
 * the first one ends): there is always a reply, and it holds what the exam's
 * decoder takes: three lists within their limits. */
#include <stdlib.h>

#include "proto/buf.h"
#include "proto/limits.h"
#include "workers/config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_numbers(struct rd *r)
{
    uint32_t count = rd_u32(r);

    if (count > LIMIT_LITERALS) {
        abort();
    }
    (void)rd_take(r, 8 * (size_t)count);
}

static void check(struct ubytes b)
{
    struct rd r;
    uint32_t texts_n;

    rd_init(&r, b);
    check_numbers(&r);
    check_numbers(&r);
    texts_n = rd_u32(&r);
    for (uint32_t i = 0; i < texts_n && !rd_is_bad(&r); i++) {
        if (rd_bytes32(&r).n > LIMIT_LITERAL_BYTES) {
            abort();
        }
    }
    if (texts_n > LIMIT_LITERALS || rd_end(&r) != 0) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    Proctor__ConfigTask task = PROCTOR__CONFIG_TASK__INIT;
    Proctor__File files[2] = {PROCTOR__FILE__INIT, PROCTOR__FILE__INIT};
    Proctor__File *at[2] = {&files[0], &files[1]};
    Proctor__ConfigReply reply;
    struct config c;
    size_t first;

    if (n == 0) {
        return 0;
    }
    first = data[0] % n;
    files[0].content =
        (ProtobufCBinaryData){first, (uint8_t *)(uintptr_t)(data + 1)};
    files[1].content = (ProtobufCBinaryData){
        n - 1 - first, (uint8_t *)(uintptr_t)(data + 1 + first)};
    task.kind = PROCTOR__CONFIG_KIND__CONFIG_LITERALS;
    task.files = at;
    task.n_files = 2;
    if (config_answer(&c, &task, &reply) != 0 || reply.problem) {
        abort();
    }
    if (reply.literals.len > 0) {
        check((struct ubytes){reply.literals.data, reply.literals.len});
    }
    config_release(&c);
    return 0;
}
