/* Domains: an accepted domain written again node by node gives the same bytes;
 * its type is a type; size and text agree that it is one. */
#include "fuzz.h"

#include "proto/domain.h"
#include "proto/domain_node.h"

static void put(struct buf *out, uint64_t v, unsigned n)
{
    for (unsigned i = n; i > 0; i--) {
        REQUIRE(buf_put_u8(out, (uint8_t)(v >> 8 * (i - 1))) == 0);
    }
}

static void put_node(struct buf *out, const struct domain_node *n)
{
    put(out, n->tag, 1);
    switch (n->tag) {
    case DOMAIN_INT:
    case DOMAIN_FLOAT:
        put(out, n->code, 1);
        put(out, n->lo, 8);
        put(out, n->hi, 8);
        break;
    case DOMAIN_STRING:
    case DOMAIN_BYTES:
    case DOMAIN_LIST:
        put(out, n->lo, 4);
        put(out, n->hi, 4);
        if (n->tag == DOMAIN_STRING) {
            put(out, n->n, 4);
            REQUIRE(buf_put(out, n->items.p, n->items.n) == 0);
        }
        break;
    case DOMAIN_TUPLE:
        put(out, n->n, 1);
        break;
    case DOMAIN_CHOICE:
        REQUIRE(buf_put(out, n->type.b, n->type.n) == 0);
        put(out, n->n, 4);
        REQUIRE(buf_put(out, n->items.p, n->items.n) == 0);
        break;
    case DOMAIN_CORPUS:
        REQUIRE(buf_put(out, n->type.b, n->type.n) == 0);
        put(out, n->file, 2);
        break;
    default:
        REQUIRE(n->tag == DOMAIN_BOOL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint32_t corpora[] = {3, 0, 4000000000u};
    struct ubytes in = {data, size};
    struct type t;
    struct type again;
    struct buf out;
    struct rd r;
    uint64_t n;
    char text[100];

    domain_text(in, text, sizeof(text));
    if (domain_check(in, &t) < 0) {
        return 0;
    }
    REQUIRE(strcmp(text, "malformed domain") != 0);
    REQUIRE(type_decode((struct ubytes){t.b, t.n}, &again) == 0);
    REQUIRE(domain_size(in, corpora, 3, &n) == 0);
    buf_init(&out, size);
    rd_init(&r, in);
    while (rd_left(&r) > 0) {
        struct domain_node node;

        domain_node_read(&r, &node);
        REQUIRE(!rd_is_bad(&r));
        put_node(&out, &node);
    }
    REQUIRE(same_bytes(buf_bytes(&out), in));
    buf_release(&out);
    return 0;
}
