/* Makes the questions. Test code. */
#include "tests/proof/inputs.h"

#include <linux/audit.h>
#include <limits.h>
#include <string.h>

#define X32_BIT 0x40000000
#define VALUES_MAX 4096
#define CODE_AT 0x5555555540001234ull /* a place, and odd as a number */

struct values {
    uint64_t v[VALUES_MAX];
    size_t n;
};

static void value_add(struct values *s, uint64_t v)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->v[i] == v) {
            return;
        }
    }
    ASSERT(s->n < VALUES_MAX);
    s->v[s->n++] = v;
}

/* A value, its neighbours, all of it with junk above and in unmasked bits, and
 * each single bit of it turned. */
static void around(struct values *s, uint64_t value, uint64_t mask)
{
    const uint64_t near[] = {value, value + 1, value - 1, value | ~mask};

    for (size_t i = 0; i < ARRAY_N(near); i++) {
        value_add(s, near[i]);
        value_add(s, near[i] | 0xffffffff00000000ull);
        value_add(s, near[i] ^ (1ull << 32));
        value_add(s, near[i] ^ (1ull << 63));
    }
    for (unsigned bit = 0; bit < 64; bit++) {
        value_add(s, value ^ (1ull << bit));
    }
}

/* Everything to be asked at argument position i of a call. */
static void values_at(const struct table *t, int zygote, int nr, unsigned i,
                      struct values *out)
{
    static const uint64_t plain[] = {0,          1,          UINT32_MAX,
                                     UINT64_MAX, 1ull << 31, 1ull << 32};

    out->n = 0;
    for (size_t k = 0; k < ARRAY_N(plain); k++) {
        value_add(out, plain[k]);
    }
    for (size_t k = 0; k < t->n; k++) {
        const struct table_rule *r = &t->rules[k];

        for (unsigned a = 0;
             r->nr == nr && (zygote || !r->is_zygote) && a < r->args_n; a++) {
            if (r->args[a].i == i) {
                around(out, r->args[a].value, r->args[a].mask);
            }
        }
    }
}

/* Positions that any rule for this number looks at, at most two. */
static unsigned positions(const struct table *t, int zygote, int nr,
                          unsigned out[static TABLE_ARGS_MAX])
{
    unsigned n = 0;

    for (size_t k = 0; k < t->n; k++) {
        const struct table_rule *r = &t->rules[k];

        for (unsigned a = 0;
             r->nr == nr && (zygote || !r->is_zygote) && a < r->args_n; a++) {
            unsigned known = 0;

            for (unsigned i = 0; i < n; i++) {
                known |= out[i] == r->args[a].i;
            }
            if (!known) {
                ASSERT(n < TABLE_ARGS_MAX);
                out[n++] = r->args[a].i;
            }
        }
    }
    return n;
}

void inputs_of_call(const struct table *t, int zygote, int nr, inputs_fn *fn,
                    void *ctx)
{
    static struct values first, second;
    static const uint64_t others[] = {0, UINT64_MAX};
    unsigned at[TABLE_ARGS_MAX] = {0, 1};
    unsigned n = positions(t, zygote, nr, at);

    values_at(t, zygote, nr, at[0], &first);
    second.n = 1; /* one position looked at: nothing to combine with */
    second.v[0] = 0;
    if (n == 2) {
        values_at(t, zygote, nr, at[1], &second);
    }
    for (size_t o = 0; o < ARRAY_N(others); o++) {
        struct seccomp_data d = {.nr = nr,
                                 .arch = AUDIT_ARCH_X86_64,
                                 .instruction_pointer = others[o] & CODE_AT};

        for (size_t i = 0; i < ARRAY_N(d.args); i++) {
            d.args[i] = others[o];
        }
        for (size_t i = 0; i < first.n; i++) {
            d.args[at[0]] = first.v[i];
            for (size_t k = 0; k < second.n; k++) {
                if (n == 2) {
                    d.args[at[1]] = second.v[k];
                }
                fn(ctx, &d);
            }
        }
    }
}

static void number_ask(int nr, inputs_fn *fn, void *ctx)
{
    static const uint32_t arches[] = {AUDIT_ARCH_X86_64, AUDIT_ARCH_I386,
                                      AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM};

    for (size_t i = 0; i < ARRAY_N(arches); i++) {
        struct seccomp_data d = {.nr = nr, .arch = arches[i]};

        fn(ctx, &d);
        memset(d.args, 0xff, sizeof(d.args));
        d.instruction_pointer = CODE_AT;
        fn(ctx, &d);
    }
}

/* Arguments that make a rule of any other number hold. */
static void others_arguments_ask(const struct table *t, int zygote, int nr,
                                 inputs_fn *fn, void *ctx)
{
    for (size_t k = 0; k < t->n; k++) {
        const struct table_rule *r = &t->rules[k];
        struct seccomp_data d = {.nr = nr, .arch = AUDIT_ARCH_X86_64};

        for (unsigned a = 0; a < r->args_n; a++) {
            d.args[r->args[a].i] = r->args[a].value;
        }
        if (r->args_n > 0 && (zygote || !r->is_zygote)) {
            fn(ctx, &d);
        }
    }
}

/* The same question under another number or architecture. */
struct turned {
    inputs_fn *fn;
    void *ctx;
    int nr_bits;
    uint32_t arch;
};

static void turned_ask(void *ctx, const struct seccomp_data *d)
{
    const struct turned *t = ctx;
    struct seccomp_data other = *d;

    other.nr |= t->nr_bits;
    other.arch = t->arch;
    t->fn(t->ctx, &other);
}

static void other_doors_ask(const struct table *t, int zygote, int nr,
                            inputs_fn *fn, void *ctx)
{
    struct turned doors[] = {{fn, ctx, X32_BIT, AUDIT_ARCH_X86_64},
                             {fn, ctx, 0, AUDIT_ARCH_I386},
                             {fn, ctx, 0, AUDIT_ARCH_AARCH64},
                             {fn, ctx, 0, AUDIT_ARCH_ARM}};

    for (size_t i = 0; i < ARRAY_N(doors); i++) {
        inputs_of_call(t, zygote, nr, turned_ask, &doors[i]);
    }
}

void inputs_each(const struct table *t, int zygote, inputs_fn *fn, void *ctx)
{
    for (int nr = 0; nr < INPUTS_CALLS; nr++) {
        number_ask(nr, fn, ctx);
        number_ask(nr | X32_BIT, fn, ctx);
        number_ask(nr | INT_MIN, fn, ctx);
        number_ask(nr | INT_MIN | X32_BIT, fn, ctx);
        number_ask(-1 - nr, fn, ctx);
        inputs_of_call(t, zygote, nr, fn, ctx);
        others_arguments_ask(t, zygote, nr, fn, ctx);
        if (table_rule_of(t, zygote, nr) != NULL) {
            other_doors_ask(t, zygote, nr, fn, ctx);
        }
    }
    number_ask(INT_MAX, fn, ctx);
    number_ask(INT_MIN, fn, ctx);
    number_ask(X32_BIT - 1, fn, ctx);
}
