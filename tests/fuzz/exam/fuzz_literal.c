/* Fuzzes the stratum `literals`: u8 length of a domain, the domain, an object of
 * literals. What both decoders let pass draws members of the domain, the same
 * ones again. */
#include <stdlib.h>
#include <string.h>

#include "kernel/exam/literal.h"
#include "proto/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int has_corpus(struct ubytes domain)
{
    for (size_t off = 0; off < domain.n;) {
        struct node n = node_at(domain, off);

        if (n.tag == DOMAIN_CORPUS) {
            return 1;
        }
        off = n.tag == DOMAIN_LIST || n.tag == DOMAIN_TUPLE
                  ? n.body
                  : node_skip(domain, off);
    }
    return 0;
}

static void draw_some(const struct draw_source *src, const struct type *t)
{
    struct buf v;
    struct buf again;
    uint64_t n = literal_draws(src);

    buf_init(&v, 16u << 20);
    buf_init(&again, 16u << 20);
    for (uint64_t i = 0; i < 24 && i < n; i++) {
        uint64_t k = i < 12 ? i : n - i;

        buf_reset(&v);
        buf_reset(&again);
        if (draw(src, STRATUM_LITERALS, k, &v) != 0 ||
            draw(src, STRATUM_LITERALS, k, &again) != 0 ||
            buf_len(&v) != buf_len(&again) ||
            memcmp(buf_bytes(&v).p, buf_bytes(&again).p, buf_len(&v)) != 0 ||
            value_check_exact(buf_bytes(&v), t) != 0 ||
            !node_has(&src->of, buf_bytes(&v))) {
            abort();
        }
    }
    buf_release(&again);
    buf_release(&v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct draw_source src = {.literals = NULL};
    struct literals l = {.ints_n = 0};
    struct type t;

    if (n == 0 || data[0] >= n) {
        return 0;
    }
    src.of.domain = (struct ubytes){data + 1, data[0]};
    if (domain_check(src.of.domain, &t) == 0 && type_tag_at(&t, 0) == TYPE_TUPLE &&
        !has_corpus(src.of.domain) &&
        literals_decode(
            &l, (struct ubytes){data + 1 + data[0], n - 1 - data[0]}) == 0) {
        src.literals = &l;
        draw_some(&src, &t);
    }
    literals_release(&l);
    return 0;
}
