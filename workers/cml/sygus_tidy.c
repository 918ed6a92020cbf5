/* A grammar without what the search would do twice or in vain: non-terminals with the
 * same productions are one, and those that no program can hold are left out. It
 * derives the same programs as before. Runs in the `cml` worker. */
#include <string.h>

#include "proto/err.h"
#include "workers/cml/sygus_int.h"

static int has_parameters(const Proctor__SynthSort *a,
                          const Proctor__SynthSort *b)
{
    size_t found = 0;

    for (size_t i = 0; i < a->n_parameters; i++) {
        for (size_t k = 0; k < b->n_parameters; k++) {
            found += a->parameters[i] == b->parameters[k];
        }
    }
    return found == a->n_parameters && a->n_parameters == b->n_parameters;
}

static int has_constants(const Proctor__SynthSort *a,
                         const Proctor__SynthSort *b)
{
    size_t found = 0;

    if (a->n_constants != b->n_constants) {
        return 0;
    }
    for (size_t i = 0; i < a->n_constants; i++) {
        const ProtobufCBinaryData *x = &a->constants[i];

        for (size_t k = 0; k < b->n_constants; k++) {
            const ProtobufCBinaryData *y = &b->constants[k];

            found += x->len == y->len && memcmp(x->data, y->data, x->len) == 0;
        }
    }
    return found == a->n_constants;
}

static int has_rules(const Proctor__SynthSort *a, const Proctor__SynthSort *b)
{
    size_t found = 0;

    if (a->n_rules != b->n_rules) {
        return 0;
    }
    for (size_t i = 0; i < a->n_rules; i++) {
        for (size_t k = 0; k < b->n_rules; k++) {
            found += a->rules[i] == b->rules[k];
        }
    }
    return found == a->n_rules;
}

/* Every rule names sorts as `as` says. Rules are shared: each is changed once. */
static void rename_sorts(struct sygus *g, const uint32_t *as)
{
    for (uint32_t i = 0; i < g->nts_n; i++) {
        for (size_t k = 0; k < g->sorts[i]->n_rules; k++) {
            Proctor__SynthRule *r = g->sorts[i]->rules[k];
            int is_done = 0;

            for (uint32_t b = 0; b < i; b++) {
                for (size_t m = 0; m < g->sorts[b]->n_rules; m++) {
                    is_done |= g->sorts[b]->rules[m] == r;
                }
            }
            for (size_t m = 0; !is_done && m < r->n_args; m++) {
                r->args[m] = as[r->args[m]];
            }
        }
    }
}

/* The first sort with the same productions: maybe itself. */
static uint32_t first_like(const struct sygus *g, uint32_t nt)
{
    const Proctor__SynthSort *b = g->sorts[nt];

    for (uint32_t i = 0; i < nt; i++) {
        const Proctor__SynthSort *a = g->sorts[i];

        if (type_is_equal(&g->nts[i].type, &g->nts[nt].type) &&
            has_parameters(a, b) && has_constants(a, b) && has_rules(a, b)) {
            return i;
        }
    }
    return nt;
}

/* Sorts that a program can hold, from the first on, as bits. */
static uint32_t reached(const struct sygus *g)
{
    uint32_t all = 1;
    uint32_t before = 0;

    while (all != before) {
        before = all;
        for (uint32_t i = 0; i < g->nts_n; i++) {
            const Proctor__SynthSort *s = g->sorts[i];

            for (size_t k = 0; (all >> i & 1) != 0 && k < s->n_rules; k++) {
                for (size_t m = 0; m < s->rules[k]->n_args; m++) {
                    all |= (uint32_t)1 << s->rules[k]->args[m];
                }
            }
        }
    }
    return all;
}

void sygus_tidy(struct sygus *g)
{
    uint32_t as[SYNTH_SORTS_MAX];
    uint32_t kept = 0;
    uint32_t all;

    for (uint32_t i = 0; i < g->nts_n; i++) {
        as[i] = first_like(g, i);
    }
    rename_sorts(g, as);
    all = reached(g);
    for (uint32_t i = 0; i < g->nts_n; i++) {
        as[i] = kept;
        kept += all >> i & 1;
    }
    rename_sorts(g, as);
    kept = 0;
    for (uint32_t i = 0; i < g->nts_n; i++) {
        if ((all >> i & 1) != 0) {
            g->nts[kept] = g->nts[i];
            g->sorts[kept++] = g->sorts[i];
        }
    }
    g->nts_n = kept;
}
