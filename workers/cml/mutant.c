/* Choosing mutants: changes in an order that the seed gives, those that check and
 * are new. */
#include "workers/cml/mutant.h"

#include <stdlib.h>
#include <string.h>

#include "proto/blake3.h"
#include "proto/buf.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "workers/cml/canonical.h"
#include "workers/cml/check.h"

#define TRIED_MAX 4096u /* changes, for one choice */

/* The key stream of a seed: block k = BLAKE3(seed, u64 k), four u64 each. */
struct draws {
    uint8_t seed[MUTANT_SEED_BYTES];
    uint8_t block[BLAKE3_BYTES];
    uint64_t next;
};

static uint64_t big_endian(const uint8_t *p)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < 8; i++) {
        v = v << 8 | p[i];
    }
    return v;
}

static uint64_t draw(struct draws *d)
{
    unsigned at = (unsigned)(d->next % 4);

    if (at == 0) {
        uint64_t k = __builtin_bswap64(d->next / 4);
        struct blake3 h;

        blake3_init(&h);
        blake3_update(&h, d->seed, sizeof(d->seed));
        blake3_update(&h, &k, sizeof(k));
        blake3_final(&h, d->block);
    }
    d->next++;
    return big_endian(d->block + at * 8);
}

static uint32_t below(struct draws *d, uint32_t n)
{
    uint64_t least = (0 - (uint64_t)n) % n; /* 2^64 mod n */
    uint64_t v;

    do {
        v = draw(d);
    } while (v < least);
    return (uint32_t)(v % n);
}

struct choice {
    struct cml_dag *dag;
    uint32_t unit;
    struct tree tree; /* of the unit, never changed */
    struct canonical canonical;
    uint32_t *order; /* owned; numbers of changes */
    uint32_t order_n;
    uint32_t forms[MUTANT_FIRST_MAX + 65]; /* the unit's, then the mutants' */
    uint32_t forms_n;
};

/* All units of the tree once more, for one change. 0, ERR_*. */
static int copy_of(const struct tree *t, struct tree *out)
{
    *out = (struct tree){.dag = t->dag, .units_n = t->units_n};
    arena_init(&out->arena, LIMIT_CML_DAG_BYTES);
    out->units = calloc(t->units_n, sizeof(*out->units));
    for (uint32_t u = 0; out->units != NULL && u < t->units_n; u++) {
        out->units[u].id = t->units[u].id;
        out->units[u].term = tree_copy(&out->arena, t->units[u].term);
        if (out->units[u].term == NULL) {
            return ERR_NOMEM;
        }
    }
    return out->units != NULL ? 0 : ERR_NOMEM;
}

/* Change `at` as a Unit of the dag. 1, 0 (it does not check), ERR_*. */
static int make(const struct choice *c, uint32_t at, uint32_t *out_unit)
{
    struct tree t;
    struct diag d;
    uint32_t n;
    int code = copy_of(&c->tree, &t);

    diag_init(&d);
    code = code == 0 ? mutant_change(&t, at, &n) : code;
    for (uint32_t u = 0; code == 1 && u < t.units_n; u++) {
        int good = check_unit(c->dag, t.units[u].term, &t.arena, NULL, &d);

        code = good == 0 ? 1 : good == ERR_INPUT ? 0 : good;
    }
    if (code == 1) {
        int good = tree_relink(&t, out_unit);

        code = good == 0 ? 1 : good == ERR_INPUT ? 0 : good;
    }
    tree_release(&t);
    return code;
}

/* 1 if it is a new mutant. */
static int try_change(struct choice *c, uint32_t at, uint32_t *out_unit)
{
    uint32_t form = 0;
    int code = make(c, at, out_unit);

    if (code <= 0) {
        return code;
    }
    TRY(canonical_of(&c->canonical, *out_unit, &form));
    for (uint32_t i = 0; i < c->forms_n; i++) {
        if (c->forms[i] == form) {
            return 0;
        }
    }
    c->forms[c->forms_n++] = form;
    return 1;
}

static int choice_open(struct choice *c, struct cml_dag *dag, uint32_t unit)
{
    struct tree t;
    int code;

    c->dag = dag;
    c->unit = unit;
    TRY(canonical_init(&c->canonical, dag));
    TRY(tree_open(&c->tree, dag, unit));
    TRY(canonical_of(&c->canonical, unit, &c->forms[0]));
    c->forms_n = 1;
    code = copy_of(&c->tree, &t);
    code = code == 0 ? mutant_change(&t, UINT32_MAX, &c->order_n) : code;
    tree_release(&t);
    c->order = code == 0 ? calloc(c->order_n + 1, sizeof(*c->order)) : NULL;
    return code < 0 ? code : c->order == NULL ? ERR_NOMEM : 0;
}

static void choice_release(struct choice *c)
{
    canonical_release(&c->canonical);
    tree_release(&c->tree);
    free(c->order);
}

/* The first `want` mutants, the last 64 of which may stand in out. */
static int choose(struct choice *c, struct draws *d, uint32_t first,
                  uint32_t want, uint32_t *out)
{
    for (uint32_t i = 0; i < c->order_n; i++) {
        c->order[i] = i;
    }
    for (uint32_t i = 0; i < c->order_n && i < TRIED_MAX; i++) {
        uint32_t k = d != NULL ? i + below(d, c->order_n - i) : i;
        uint32_t at = c->order[k];
        uint32_t unit = 0;
        int code;

        c->order[k] = c->order[i];
        if (c->forms_n - 1 == want) {
            return 0;
        }
        code = try_change(c, at, &unit);
        if (code < 0) {
            return code;
        }
        if (code == 1 && out != NULL && c->forms_n - 1 > first) {
            out[c->forms_n - 2 - first] = unit;
        }
    }
    return 0;
}

static int run(struct cml_dag *dag, uint32_t unit, struct draws *d,
               uint32_t first, uint32_t *out_units, uint32_t *out_n)
{
    struct choice *c = calloc(1, sizeof(*c));
    int code;

    *out_n = 0;
    if (c == NULL) {
        return ERR_NOMEM;
    }
    code = choice_open(c, dag, unit);
    if (code == ERR_LIMIT && c->forms_n == 0) {
        code = 0; /* too large to be looked into: it has none */
    } else if (code == 0) {
        code = choose(c, d, first, first + LIMIT_CML_MUTANTS, out_units);
        *out_n = c->forms_n - 1 > first ? c->forms_n - 1 - first : 0;
    }
    choice_release(c);
    free(c);
    return code;
}

int mutant_count(struct cml_dag *dag, uint32_t unit, uint32_t *out_n)
{
    return run(dag, unit, NULL, 0, NULL, out_n);
}

int mutant_choose(struct cml_dag *dag, uint32_t unit,
                  const uint8_t seed[static MUTANT_SEED_BYTES], uint32_t first,
                  uint32_t out_units[static 64], uint32_t *out_n)
{
    struct draws d = {.next = 0};

    ASSERT(first <= MUTANT_FIRST_MAX);
    memcpy(d.seed, seed, sizeof(d.seed));
    return run(dag, unit, &d, first, out_units, out_n);
}
