/* Reading domains (node.h). Must never guess: a domain that domain_check let
 * pass decodes here without an error, anything else is our own mistake. Runs in
 * the kernel, and in the worker that looks for simpler inputs. */
#include "proto/node.h"

#include <string.h>

#define SCALARS_N (0x110000u - 0x800u - 1u) /* without surrogates and NUL */

static struct ubytes tail(struct ubytes b, size_t off)
{
    ASSERT(off < b.n);
    return (struct ubytes){b.p + off, b.n - off};
}

/* Length of the type that stands at the front of in. */
static size_t type_bytes(struct ubytes in)
{
    struct type t = {0};

    t.n = (uint8_t)(in.n < TYPE_BYTES_MAX ? in.n : TYPE_BYTES_MAX);
    memcpy(t.b, in.p, t.n);
    return type_skip(&t, 0);
}

struct node node_at(struct ubytes domain, size_t off)
{
    struct ubytes at = tail(domain, off);
    struct node n = {.tag = (enum domain_tag)at.p[0]};
    struct rd r;

    rd_init(&r, at);
    (void)rd_u8(&r);
    switch (n.tag) {
    case DOMAIN_BOOL:
        break;
    case DOMAIN_INT:
    case DOMAIN_FLOAT:
        n.code = rd_u8(&r);
        n.lo = rd_u64(&r);
        n.hi = rd_u64(&r);
        break;
    case DOMAIN_STRING:
    case DOMAIN_BYTES:
    case DOMAIN_LIST:
        n.lo = rd_u32(&r);
        n.hi = rd_u32(&r);
        n.n = n.tag == DOMAIN_STRING ? rd_u32(&r) : 0;
        break;
    case DOMAIN_TUPLE:
        n.n = rd_u8(&r);
        break;
    case DOMAIN_CHOICE:
        (void)rd_take(&r, type_bytes(tail(at, 1)));
        n.n = rd_u32(&r);
        break;
    case DOMAIN_CORPUS:
        (void)rd_take(&r, type_bytes(tail(at, 1)));
        n.n = rd_u16(&r);
        break;
    default:
        rd_fail(&r);
    }
    ASSERT(!rd_is_bad(&r));
    n.body = off + rd_off(&r);
    return n;
}

size_t node_skip(struct ubytes domain, size_t off)
{
    for (uint64_t open = 1; open > 0; open--) {
        struct node n = node_at(domain, off);

        off = n.body;
        if (n.tag == DOMAIN_STRING) {
            off += 4 * (size_t)n.n;
        } else if (n.tag == DOMAIN_LIST) {
            open++;
        } else if (n.tag == DOMAIN_TUPLE) {
            open += n.n;
        } else if (n.tag == DOMAIN_CHOICE) {
            for (uint32_t i = 0; i < n.n; i++) {
                struct rd r;

                rd_init(&r, tail(domain, off));
                off += 4 + (size_t)rd_u32(&r);
            }
        }
    }
    ASSERT(off <= domain.n);
    return off;
}

uint32_t node_symbols_n(const struct node *n)
{
    if (n->tag == DOMAIN_BYTES) {
        return 256;
    }
    return n->n == 0 ? SCALARS_N : n->n;
}

uint32_t node_symbol(struct ubytes domain, const struct node *n, uint32_t i)
{
    struct rd r;

    ASSERT(i < node_symbols_n(n));
    if (n->tag == DOMAIN_BYTES) {
        return i;
    }
    if (n->n == 0) {
        return i + 1 < 0xd800 ? i + 1 : i + 1 + 0x800;
    }
    rd_init(&r, tail(domain, n->body + 4 * (size_t)i));
    return rd_u32(&r);
}

uint32_t node_values_n(const struct node_source *src, const struct node *n)
{
    if (n->tag == DOMAIN_CHOICE) {
        return n->n;
    }
    ASSERT(n->n < src->corpora_n);
    return values_n(&src->corpora[n->n]);
}

struct ubytes node_value(const struct node_source *src, const struct node *n,
                         uint32_t i)
{
    struct rd r;

    ASSERT(i < node_values_n(src, n));
    if (n->tag == DOMAIN_CORPUS) {
        return values_at(&src->corpora[n->n], i);
    }
    rd_init(&r, tail(src->domain, n->body));
    for (uint32_t at = 0; at < i; at++) {
        (void)rd_bytes32(&r);
    }
    return rd_bytes32(&r);
}

/* Sign bit of the number that keys are made from: integers use all 64. */
static uint64_t sign_bit(const struct node *n)
{
    return n->tag == DOMAIN_FLOAT && n->code == 4 ? 1ull << 31 : 1ull << 63;
}

uint64_t node_key(const struct node *n, uint64_t bits)
{
    uint64_t sign = sign_bit(n);

    if (n->tag == DOMAIN_INT) {
        return (n->code & TYPE_UNSIGNED) != 0 ? bits : bits ^ sign;
    }
    ASSERT(n->tag == DOMAIN_FLOAT && bits <= sign + (sign - 1));
    return (bits & sign) != 0 ? (sign + (sign - 1)) ^ bits : bits | sign;
}

uint64_t node_unkey(const struct node *n, uint64_t key)
{
    uint64_t sign = sign_bit(n);

    if (n->tag == DOMAIN_INT) {
        return (n->code & TYPE_UNSIGNED) != 0 ? key : key ^ sign;
    }
    return (key & sign) != 0 ? key ^ sign : (sign + (sign - 1)) ^ key;
}
