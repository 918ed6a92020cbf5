/* Byte automata: u8 n, n bytes of text, then a network. An accepted network
 * numbers its states as they are met and writes its edges in order; stepping it
 * stays inside of it, changes nothing on errors and never stands nowhere. */
#include "fuzz.h"

#include "proto/automaton.h"
#include "proto/err.h"

static uint32_t meet(struct rd *r, uint32_t *met)
{
    uint32_t to = rd_u16(r);

    REQUIRE(to <= *met);
    *met += to == *met;
    return to;
}

/* The rules of the format again, in other words. */
static void require_one_encoding(struct ubytes in)
{
    uint32_t met = 1;
    uint32_t n;
    struct rd r;

    rd_init(&r, in);
    REQUIRE(rd_u32(&r) == 0x50415531u);
    n = rd_u16(&r);
    for (uint32_t s = 0; s < n; s++) {
        int64_t last = -1;
        int64_t last_to = -1;
        uint32_t ranges;
        uint32_t calls;

        REQUIRE(s < met && rd_u8(&r) <= 1);
        ranges = rd_u16(&r);
        calls = rd_u16(&r);
        for (uint32_t i = 0; i < ranges; i++) {
            int64_t first = rd_u8(&r);
            int64_t end = rd_u8(&r);
            int64_t to = meet(&r, &met);

            REQUIRE(first > last && end >= first);
            REQUIRE(first > last + 1 || to != last_to);
            last = end;
            last_to = to;
        }
        last = -1;
        for (uint32_t i = 0; i < calls; i++) {
            int64_t callee = meet(&r, &met);

            (void)meet(&r, &met);
            REQUIRE(callee > last);
            last = callee;
        }
    }
    REQUIRE(rd_end(&r) == 0 && met == n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct automaton_at at;
    static struct automaton_at before;
    struct automaton *a = NULL;
    size_t text_n = size > 0 ? data[0] : 0;
    struct ubytes in;
    int code;

    if (size < 1 + text_n) {
        return 0;
    }
    in = (struct ubytes){data + 1 + text_n, size - 1 - text_n};
    code = automaton_read(in, &a);
    REQUIRE((code == 0) == (a != NULL));
    if (code < 0) {
        return 0;
    }
    require_one_encoding(in);
    automaton_start(a, &at);
    for (size_t i = 1; i <= text_n; i++) {
        REQUIRE(automaton_has(a, &at));
        REQUIRE(automaton_accepts(a, &at) || automaton_can_go_on(a, &at));
        before = at;
        code = automaton_step(a, &at, data[i]);
        REQUIRE(code == 0 || code == ERR_NOT_FOUND || code == ERR_LIMIT);
        REQUIRE(code == 0 || automaton_is_same(&at, &before));
    }
    automaton_free(a);
    return 0;
}
