/* Two implementations of drawing, byte for byte: random domains, seeds, strata and
 * instances; members in order; membership. */
#include "domains.h"

#include "kernel/exam/literal.h"
#include "proto/limits.h"
#include "replay/excerpt.h"

enum {
    DOMAINS = 8000,
    DEEP = 60
};

static void compare_draws(const struct draw_source *src, const struct shape *s,
                          uint64_t k)
{
    struct buf a;
    struct buf b;

    buf_init(&a, 16u << 20);
    buf_init(&b, 16u << 20);
    for (unsigned in = 0; in < STRATA; in++) {
        buf_reset(&a);
        buf_reset(&b);
        OK(draw(src, (enum stratum)in, k, &a));
        OK(draw_instance(s, src->seed, (enum layer)in, k, &b));
        if (buf_len(&a) != buf_len(&b) ||
            memcmp(buf_bytes(&a).p, buf_bytes(&b).p, buf_len(&a)) != 0) {
            char text[300];

            domain_text(src->of.domain, text, sizeof(text));
            print_message("stratum %u, instance %llu of %s\n", in,
                          (unsigned long long)k, text);
        }
        same_bytes(&a, &b);
        assert_true(shape_has(s, buf_bytes(&b)));
    }
    buf_release(&a);
    buf_release(&b);
}

static void compare_members(const struct draw_source *src,
                            const struct shape *s)
{
    uint64_t size;
    struct buf a;
    struct buf b;

    OK(draw_size(src, &size));
    assert_int_equal(size, s->size);
    buf_init(&a, 16u << 20);
    buf_init(&b, 16u << 20);
    for (unsigned i = 0; i < 20 && size > 0 && size <= LIMIT_EXHAUSTIVE; i++) {
        uint64_t k = i == 0 ? size - 1 : dice(size);

        buf_reset(&a);
        buf_reset(&b);
        OK(draw_enumerate(src, k, &a));
        OK(shape_member(s, k, &b));
        same_bytes(&a, &b);
        assert_true(shape_has(s, buf_bytes(&b)));
    }
    buf_release(&a);
    buf_release(&b);
}

/* A member with one byte changed: both say the same of it, if it is a value. */
static void compare_membership(const struct draw_source *src,
                               const struct shape *s, const struct type *t)
{
    struct buf a;

    buf_init(&a, 16u << 20);
    for (unsigned i = 0; i < 20; i++) {
        uint8_t *p;

        buf_reset(&a);
        OK(draw(src, (enum stratum)(i % STRATA), i, &a));
        p = (uint8_t *)(uintptr_t)buf_bytes(&a).p;
        p[dice(buf_len(&a))] ^= (uint8_t)(1u << dice(8));
        if (value_check_exact(buf_bytes(&a), t) == 0) {
            assert_int_equal(shape_has(s, buf_bytes(&a)),
                             node_has(&src->of, buf_bytes(&a)));
        }
    }
    buf_release(&a);
}

static void test_random_domains(void **state)
{
    struct buf domain;
    unsigned made = 0;

    (void)state;
    buf_init(&domain, DOMAIN_BYTES_MAX);
    for (unsigned i = 0; made < DOMAINS; i++) {
        struct draw_source src = {.literals = NULL};
        struct shape s = {.size = 0};
        struct type t;

        dice_state = 1 + i * UINT64_C(0x9e3779b97f4a7c15);
        if (!domain_arguments(&domain, &t)) {
            continue;
        }
        made++;
        src.of.domain = buf_bytes(&domain);
        memset(src.seed, (int)i, sizeof(src.seed));
        memcpy(src.seed, &i, sizeof(i));
        OK(shape_read(src.of.domain, NULL, 0, &s));
        for (uint64_t k = 0; k < (made % DEEP == 0 ? 200 : 8); k++) {
            compare_draws(&src, &s, k);
        }
        compare_draws(&src, &s, dice_wide());
        compare_members(&src, &s);
        compare_membership(&src, &s, &t);
        shape_release(&s);
    }
    buf_release(&domain);
}

/* Literals that some of the domains can hold. */
static void random_literals(struct buf *b)
{
    uint32_t n[3] = {(uint32_t)dice(9), (uint32_t)dice(9), (uint32_t)dice(9)};

    OK(buf_put_u32(b, n[0]));
    for (uint32_t i = 0; i < n[0]; i++) {
        OK(buf_put_u64(b, dice(2) ? dice(40) : 0 - dice_wide()));
    }
    OK(buf_put_u32(b, n[1]));
    for (uint32_t i = 0; i < n[1]; i++) {
        double v = ((double)dice(4001) - 2000.0) / (double)(1 + dice(7));
        uint64_t bits;

        memcpy(&bits, &v, sizeof(bits));
        OK(buf_put_u64(b, bits));
    }
    OK(buf_put_u32(b, n[2]));
    for (uint32_t i = 0; i < n[2]; i++) {
        char text[16];
        int length =
            snprintf(text, sizeof(text), "%c\xc3%c%llu", (char)(1 + dice(90)),
                     (char)(0x80 + dice(40)), (unsigned long long)dice(10000));

        OK(buf_put_bytes32(b, (struct ubytes){(const uint8_t *)text + dice(2),
                                              (size_t)length - 1}));
    }
}

static void compare_literals(const struct buf *domain, uint64_t seed)
{
    struct draw_source src = {.of.domain = buf_bytes(domain)};
    struct excerpts e = {.ints_n = 0};
    struct literals l = {.ints_n = 0};
    struct shape s = {.size = 0};
    struct buf bytes[2];
    struct buf a;
    struct buf b;
    uint64_t n;

    for (unsigned i = 0; i < 2; i++) {
        buf_init(&bytes[i], 1u << 20);
        dice_state = seed;
        random_literals(&bytes[i]);
    }
    OK(literals_decode(&l, buf_bytes(&bytes[0])));
    OK(excerpts_read(&bytes[1], &e));
    memcpy(src.seed, &seed, sizeof(seed));
    src.literals = &l;
    OK(shape_read(src.of.domain, NULL, 0, &s));
    n = literal_draws(&src);
    assert_int_equal(n, excerpts_draws(&e, &s));
    buf_init(&a, 16u << 20);
    buf_init(&b, 16u << 20);
    for (unsigned i = 0; i < 24 && n > 0; i++) {
        uint64_t k = i < 8 ? i : dice(n);

        buf_reset(&a);
        buf_reset(&b);
        OK(draw(&src, STRATUM_LITERALS, k, &a));
        OK(excerpts_instance(&e, &s, src.seed, k, &b));
        if (buf_len(&a) != buf_len(&b) ||
            memcmp(buf_bytes(&a).p, buf_bytes(&b).p, buf_len(&a)) != 0) {
            char text[300];

            domain_text(src.of.domain, text, sizeof(text));
            print_message("literals %u %u %u, instance %llu of %s\n", e.ints_n,
                          e.floats_n, e.texts_n, (unsigned long long)k, text);
        }
        same_bytes(&a, &b);
        assert_true(shape_has(&s, buf_bytes(&b)));
    }
    buf_release(&a);
    buf_release(&b);
    shape_release(&s);
    literals_release(&l);
    excerpts_release(&e);
    buf_release(&bytes[0]);
}

static void test_random_literals(void **state)
{
    struct buf domain;
    unsigned made = 0;

    (void)state;
    buf_init(&domain, DOMAIN_BYTES_MAX);
    for (unsigned i = 0; made < DOMAINS; i++) {
        struct type t;

        dice_state = 3 + i * UINT64_C(0x9e3779b97f4a7c15);
        if (domain_arguments(&domain, &t)) {
            made++;
            compare_literals(&domain, dice_wide() | 1);
        }
    }
    buf_release(&domain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_domains),
        cmocka_unit_test(test_random_literals),
    };

    return cmocka_run_group_tests(tests, sodium_start, NULL);
}
