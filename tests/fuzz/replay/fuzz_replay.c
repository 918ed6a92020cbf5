/* Fuzzes what the replayer reads: u16 length, literals, then a domain. Both
 * implementations must take and refuse the same bytes, and draw the same. */
#include <stdlib.h>
#include <string.h>

#include "kernel/exam/literal.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "replay/excerpt.h"
#include "replay/variants.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(int holds)
{
    if (!holds) {
        abort();
    }
}

static int count(void *ctx, struct ubytes v)
{
    uint64_t *left = ctx;

    (void)v;
    return (*left)-- == 0;
}

static void same(const struct buf *a, const struct buf *b)
{
    check(buf_len(a) == buf_len(b) &&
          memcmp(buf_bytes(a).p, buf_bytes(b).p, buf_len(a)) == 0);
}

static void draw_both(const struct draw_source *src, const struct excerpts *e,
                      const struct shape *s)
{
    uint64_t n = excerpts_draws(e, s);
    uint64_t left = 500;
    struct buf a;
    struct buf b;

    buf_init(&a, 16u << 20);
    buf_init(&b, 16u << 20);
    for (unsigned in = 0; in < STRATA; in++) {
        buf_reset(&a);
        buf_reset(&b);
        check(draw(src, (enum stratum)in, in, &a) == 0 &&
              draw_instance(s, src->seed, (enum layer)in, in, &b) == 0);
        same(&a, &b);
        check(shape_has(s, buf_bytes(&b)));
    }
    check(variants_walk(s, buf_bytes(&b), count, &left) >= 0);
    for (uint64_t k = 0; k < 8 && k < n; k++) {
        buf_reset(&a);
        buf_reset(&b);
        check(draw(src, STRATUM_LITERALS, k, &a) == 0 &&
              excerpts_instance(e, s, src->seed, k, &b) == 0);
        same(&a, &b);
    }
    buf_release(&a);
    buf_release(&b);
}

static int has_corpus(struct ubytes domain)
{
    struct rd r;

    rd_init(&r, domain);
    while (rd_left(&r) > 0) {
        struct domain_node node;

        domain_node_read(&r, &node);
        if (rd_is_bad(&r) || node.tag == DOMAIN_CORPUS) {
            return 1;
        }
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct draw_source src = {.literals = NULL};
    struct literals l = {.ints_n = 0};
    struct excerpts e = {.ints_n = 0};
    struct shape s = {.size = 0};
    struct type t;
    struct buf b;
    size_t at;
    int code;

    if (n < 2) {
        return 0;
    }
    at = 2 + ((size_t)data[0] << 8 | data[1]);
    if (at > n) {
        return 0;
    }
    buf_init(&b, LIMIT_FRAME_BYTES);
    check(buf_put(&b, data + 2, at - 2) == 0);
    code = literals_decode(&l, (struct ubytes){data + 2, at - 2});
    check((excerpts_read(&b, &e) == 0) == (code == 0));
    src.of.domain = (struct ubytes){data + at, n - at};
    if (code == 0 && domain_check(src.of.domain, &t) == 0 &&
        type_tag_at(&t, 0) == TYPE_TUPLE && !has_corpus(src.of.domain)) {
        src.literals = &l;
        check(shape_read(src.of.domain, NULL, 0, &s) == 0);
        draw_both(&src, &e, &s);
    }
    shape_release(&s);
    excerpts_release(&e);
    literals_release(&l);
    return 0;
}
