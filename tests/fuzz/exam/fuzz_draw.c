/* Fuzzes drawing: 4 bytes of seed, then a domain. Whatever domain_check lets
 * pass must give members of the right type in every stratum, the same ones when
 * drawn again, and its first and last enumerated values as well. */
#include <stdlib.h>
#include <string.h>

#include "kernel/exam/draw.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "workers/config/shrink.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(const struct draw_source *src, const struct type *t,
                  struct ubytes v)
{
    if (value_check_exact(v, t) != 0 || !node_has(&src->of, v) ||
        value_has_nonfinite(v) || v.n > LIMIT_VALUE_BYTES) {
        abort();
    }
}

/* Two rounds of shrinking, the second from what the first saved: members only,
 * never longer. */
static void shrink_some(const struct draw_source *src, const struct type *t,
                        struct ubytes v)
{
    struct buf state;

    buf_init(&state, 65536);
    for (unsigned round = 0; round < 2; round++) {
        struct shrink *s;

        if (shrink_new(&src->of, v, &s) != 0 ||
            (round > 0 && shrink_resume(s, buf_bytes(&state), 0) != 0) ||
            shrink_round(s) < 0) {
            abort();
        }
        for (uint32_t i = 0; i < shrink_n(s); i++) {
            check(src, t, shrink_at(s, i));
            if (shrink_at(s, i).n > v.n) {
                abort();
            }
        }
        buf_reset(&state);
        if (shrink_save(s, &state) != 0) {
            abort();
        }
        shrink_free(s);
    }
    buf_release(&state);
}

static void draw_all(const struct draw_source *src, const struct type *t,
                     struct buf *v, struct buf *again)
{
    for (uint64_t i = 0; i < STRATA_BASE_N * 4; i++) {
        enum stratum s = (enum stratum)(i % STRATA_BASE_N);

        buf_reset(v);
        buf_reset(again);
        if (draw(src, s, i / STRATA_BASE_N, v) != 0 ||
            draw(src, s, i / STRATA_BASE_N, again) != 0 ||
            buf_len(v) != buf_len(again) ||
            memcmp(buf_bytes(v).p, buf_bytes(again).p, buf_len(v)) != 0) {
            abort();
        }
        check(src, t, buf_bytes(v));
    }
    shrink_some(src, t, buf_bytes(v));
}

static void enumerate_ends(const struct draw_source *src, const struct type *t,
                           struct buf *v)
{
    uint64_t size;
    uint64_t k[2] = {0, 0};

    if (domain_size(src->of.domain, NULL, 0, &size) != 0) {
        abort();
    }
    k[1] = size - 1;
    for (unsigned i = 0; i < 2 && size > 0 && size <= LIMIT_EXHAUSTIVE; i++) {
        buf_reset(v);
        if (draw_enumerate(src, k[i], v) != 0) {
            abort();
        }
        check(src, t, buf_bytes(v));
    }
}

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct draw_source src = {.literals = NULL};
    struct type t;
    struct buf v;
    struct buf again;

    if (n < 4) {
        return 0;
    }
    memcpy(src.seed, data, 4);
    src.of.domain = (struct ubytes){data + 4, n - 4};
    if (domain_check(src.of.domain, &t) != 0 || has_corpus(src.of.domain)) {
        return 0;
    }
    buf_init(&v, 16u << 20);
    buf_init(&again, 16u << 20);
    draw_all(&src, &t, &v, &again);
    enumerate_ends(&src, &t, &v);
    buf_release(&again);
    buf_release(&v);
    return 0;
}
