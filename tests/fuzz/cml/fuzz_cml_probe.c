/* Domains of a probe: whatever is made and changed is a member. */
#include "tests/fuzz/proto/fuzz.h"

#include "proto/limits.h"
#include "workers/cml/probe_value.h"

#define LONG_BYTES 65536u

static void check_member(const struct probe_values *p, const struct buf *v)
{
    struct node_source src = {.domain = p->domain};

    REQUIRE(value_check_exact(buf_bytes(v), &p->type) == 0);
    REQUIRE(node_has(&src, buf_bytes(v)));
}

/* Fewer of what is long: every change goes over all of it. */
static void check_changes(struct probe_values *p, const struct buf *made)
{
    unsigned changes = buf_len(made) > LONG_BYTES ? 1 : 16;
    uint32_t places = probe_places(p, buf_bytes(made));
    struct buf out;

    buf_init(&out, LIMIT_VALUE_BYTES);
    for (unsigned i = 0; i < changes; i++) {
        uint32_t place = probe_below(p, places + 1);
        enum probe_change how =
            (enum probe_change)probe_below(p, PROBE_CHANGES);
        int64_t by = (int64_t)(probe_random(p) >> probe_below(p, 64)) -
                     (int64_t)probe_below(p, 9);

        if (probe_change(p, buf_bytes(made), place, how, by, &out) == 0) {
            check_member(p, &out);
        }
    }
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint64_t integers[] = {0, 7, 0xdeadbeef, UINT64_MAX};
    static uint64_t floats[] = {0, UINT64_C(0x3ff8000000000000)};
    static struct ubytes texts[] = {{(const uint8_t *)"ab", 2},
                                    {(const uint8_t *)"\xff", 1}};
    struct literals l = {integers, floats, texts, ARRAY_N(integers),
                         ARRAY_N(floats), ARRAY_N(texts)};
    struct probe_values p = {.domain = {data, size}, .literals = &l};
    struct buf made;

    if (size > 4096 || domain_check(p.domain, &p.type) != 0) {
        return 0;
    }
    buf_init(&made, LIMIT_VALUE_BYTES);
    for (int64_t round = -4; round < 4 && buf_len(&made) <= LONG_BYTES;
         round++) {
        if (probe_make(&p, round, &made) == 0) {
            check_member(&p, &made);
            check_changes(&p, &made);
        }
    }
    buf_release(&made);
    return 0;
}
