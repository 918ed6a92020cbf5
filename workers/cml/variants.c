#include "workers/cml/variants.h"

#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "workers/cml/mutant.h"

/* Fuel of a mutant: what the unit took on this input, this often, and so much. */
#define FUEL_TIMES 8
#define FUEL_MORE 1024
#define FEW 32 /* inputs that come first: they tell most mutants */

static void on_branch(void *ctx, uint32_t branch)
{
    struct variants *v = ctx;

    if (branch >= v->first && branch - v->first < 64) {
        v->bits |= UINT64_C(1) << (branch - v->first);
    }
}

static int variant_open(struct variant *v, struct cml_dag *dag, uint32_t unit)
{
    v->unit = unit;
    return walk_new(dag, unit, &v->walk);
}

/* Many inputs follow. The dag's nodes stay where they are from here on: what
 * document_from_node would add is there, for the unit was checked. */
static int want_columns(struct variant *v, struct cml_dag *dag)
{
    struct diag d;
    int code;

    if (v->was_asked) {
        return 0;
    }
    v->was_asked = 1;
    diag_init(&d);
    document_init(&v->doc, dag, "");
    code = document_from_node(&v->doc, v->unit, &d);
    if (code == 0) {
        code = columns_new(dag, v->doc.units[v->doc.units_n - 1].term, "",
                           &v->columns, &d);
    }
    /* Without them, or the memory for them, it is walked. */
    return code == ERR_INPUT || code == ERR_LIMIT || code == ERR_NOMEM ? 0
                                                                       : code;
}

static void variant_release(struct variant *v)
{
    columns_free(v->columns);
    walk_free(v->walk);
    if (v->was_asked) {
        document_release(&v->doc);
    }
}

static int open_branches(struct variants *v, struct diag *d)
{
    uint32_t n = walk_branches_n(v->unit.walk);

    if (v->first >= n && v->first > 0) {
        return diag_set(d, ERR_INPUT, (struct loc){0},
                        "branch %u is asked for, the unit has %u", v->first, n);
    }
    v->watch = (struct walk_watch){.on_branch = on_branch, .ctx = v};
    walk_watch(v->unit.walk, &v->watch);
    return 0;
}

static int open_mutants(struct variants *v, struct cml_dag *dag, uint32_t unit,
                        const Proctor__CmlTask *task, struct diag *d)
{
    uint32_t units[64];

    if (task->variants_seed.len != MUTANT_SEED_BYTES) {
        return diag_set(d, ERR_INPUT, (struct loc){0},
                        "a seed of %zu bytes, expected %d",
                        task->variants_seed.len, MUTANT_SEED_BYTES);
    }
    if (v->first > MUTANT_FIRST_MAX) {
        return diag_set(d, ERR_INPUT, (struct loc){0},
                        "mutant %u is asked for, the last to begin with is %u",
                        v->first, MUTANT_FIRST_MAX);
    }
    TRY(mutant_choose(dag, unit, task->variants_seed.data, v->first, units,
                      &v->mutants_n));
    for (uint32_t i = 0; i < v->mutants_n; i++) {
        TRY(variant_open(&v->mutants[i], dag, units[i]));
    }
    return 0;
}

int variants_open(struct variants *v, struct cml_dag *dag, uint32_t unit,
                  const Proctor__CmlTask *task, struct diag *d)
{
    int code;

    memset(v, 0, sizeof(*v)); /* a copy of it would be large on the stack */
    v->kind = (enum variants_kind)task->variants;
    v->dag = dag;
    v->fuel = task->fuel;
    v->first = task->variants_first;
    buf_init(&v->wanted, (size_t)COLUMNS_LANES * LIMIT_VALUE_BYTES);
    buf_init(&v->got, LIMIT_VALUE_BYTES);
    if (task->variants != VARIANTS_BRANCHES &&
        task->variants != VARIANTS_MUTANTS) {
        return diag_set(d, ERR_INPUT, (struct loc){0}, "no such variants: %u",
                        task->variants);
    }
    code = variant_open(&v->unit, dag, unit);
    if (code == ERR_LIMIT) {
        return diag_set(d, ERR_LIMIT, (struct loc){0},
                        "the unit has over %u terms", LIMIT_CML_TERMS);
    }
    TRY(code);
    TRY(v->kind == VARIANTS_BRANCHES ? open_branches(v, d)
                                     : open_mutants(v, dag, unit, task, d));
    return eval_init(&v->eval, dag, v->fuel);
}

void variants_release(struct variants *v)
{
    variant_release(&v->unit);
    for (uint32_t i = 0; i < v->mutants_n; i++) {
        variant_release(&v->mutants[i]);
    }
    if (v->eval.dag != NULL) {
        eval_release(&v->eval);
    }
    buf_release(&v->wanted);
    buf_release(&v->got);
}

/* n inputs are given; the columns answer them at once. */
static int begin(struct variants *v, struct variant *u, const struct ubytes *in,
                 uint32_t n, uint64_t fuel)
{
    if (n > FEW) {
        TRY(want_columns(u, v->dag));
    }
    return u->columns != NULL ? columns_batch(u->columns, in, n, fuel) : 0;
}

/* The answer to one of them, behind what is in out, or its error. 0, EVAL_E_*,
 * ERR_*. */
static int answer(struct variants *v, struct variant *u,
                  const struct ubytes *in, uint32_t i, uint64_t fuel,
                  struct buf *out, uint64_t *out_left)
{
    struct val got;
    int code;

    if (u->columns != NULL) {
        code = columns_answer(u->columns, i, out, out_left);
    } else {
        eval_reset(&v->eval, fuel);
        code = walk_run(u->walk, &v->eval, in[i], &got);
        *out_left = v->eval.fuel;
        code = code == 0 ? eval_put(out, &got) : code;
    }
    /* what is over what may cross has no bytes to compare */
    return code == ERR_LIMIT ? EVAL_E_SIZE : code;
}

/* Fuel of a mutant where the unit took so much. */
static uint64_t fuel_of(const struct variants *v, uint64_t spent)
{
    uint64_t most = spent > (UINT64_MAX - FUEL_MORE) / FUEL_TIMES
                        ? UINT64_MAX
                        : spent * FUEL_TIMES + FUEL_MORE;

    return most < v->fuel ? most : v->fuel;
}

/* The unit's answers to n inputs. *out_fuel: the most that a mutant has. */
static int answer_unit(struct variants *v, const struct ubytes *in, uint32_t n,
                       uint64_t *out_fuel)
{
    buf_reset(&v->wanted);
    *out_fuel = 0;
    TRY(begin(v, &v->unit, in, n, v->fuel));
    for (uint32_t i = 0; i < n; i++) {
        struct variant_answer *a = &v->answers[i];
        uint64_t left = 0;

        a->at = buf_len(&v->wanted);
        a->code =
            answer(v, &v->unit, in, i, v->fuel, &v->wanted, &left);
        if (a->code < 0) {
            return a->code;
        }
        a->n = buf_len(&v->wanted) - a->at;
        a->fuel = fuel_of(v, v->fuel - left);
        *out_fuel = a->fuel > *out_fuel ? a->fuel : *out_fuel;
    }
    return 0;
}

/* The first of n inputs that tells the mutant from the unit, or n. The columns give
 * all inputs one fuel: what took more than its own ran out of it. */
static int told_at(struct variants *v, struct variant *m,
                   const struct ubytes *in, uint32_t n, uint64_t fuel,
                   uint32_t *out)
{
    TRY(begin(v, m, in, n, fuel));
    for (*out = 0; *out < n; (*out)++) {
        const struct variant_answer *a = &v->answers[*out];
        uint64_t given = m->columns != NULL ? fuel : a->fuel;
        struct ubytes wanted = buf_bytes(&v->wanted);
        uint64_t left = 0;
        int code;

        if (a->n > 0) { /* else there may be no buffer at all */
            wanted.p += a->at;
        }
        wanted.n = a->n;
        buf_reset(&v->got);
        code = answer(v, m, in, *out, given, &v->got, &left);
        if (code < 0) {
            return code;
        }
        if (given - left > a->fuel) {
            code = EVAL_E_FUEL;
        }
        if (code != a->code ||
            (code == 0 && values_compare(wanted, buf_bytes(&v->got)) != 0)) {
            return 0;
        }
    }
    return 0;
}

static int mutant_bits(struct variants *v, const struct ubytes *in, uint32_t n,
                       uint64_t *bits)
{
    uint64_t fuel;

    if (v->alive == 0) {
        return 0;
    }
    TRY(answer_unit(v, in, n, &fuel));
    for (uint32_t i = 0; i < v->mutants_n; i++) {
        uint32_t at;

        if ((v->alive >> i & 1) == 0) {
            continue;
        }
        TRY(told_at(v, &v->mutants[i], in, n, fuel, &at));
        if (at < n) {
            bits[at] |= UINT64_C(1) << i;
            v->alive &= ~(UINT64_C(1) << i);
        }
    }
    return 0;
}

static int branch_bits(struct variants *v, const struct ubytes *in, uint32_t n,
                       uint64_t *bits)
{
    for (uint32_t i = 0; i < n; i++) {
        struct val out;
        int code;

        v->bits = 0;
        eval_reset(&v->eval, v->fuel);
        code = walk_run(v->unit.walk, &v->eval, in[i], &out);
        if (code < 0) {
            return code;
        }
        bits[i] = v->bits;
    }
    return 0;
}

static int put_bits(const uint64_t *bits, uint32_t n, struct values_builder *out)
{
    struct buf b CLEANUP(buf_release);
    struct type u64;

    buf_init(&b, 64);
    TRY(type_from_name("u64", &u64));
    for (uint32_t i = 0; i < n; i++) {
        buf_reset(&b);
        TRY(value_put_int(&b, &u64, bits[i]));
        TRY(values_builder_add(out, buf_bytes(&b)));
    }
    return 0;
}

int variants_batch(struct variants *v, const struct values *inputs,
                   struct values_builder *out)
{
    struct ubytes in[COLUMNS_LANES];
    uint64_t bits[COLUMNS_LANES];
    uint32_t n;

    v->alive = v->mutants_n == 64 ? UINT64_MAX
                                  : (UINT64_C(1) << v->mutants_n) - 1;
    for (uint32_t first = 0; first < values_n(inputs); first += n) {
        uint32_t most = first == 0 ? FEW : COLUMNS_LANES;

        for (n = 0; n < most && first + n < values_n(inputs); n++) {
            in[n] = values_at(inputs, first + n);
            bits[n] = 0;
        }
        TRY(v->kind == VARIANTS_BRANCHES ? branch_bits(v, in, n, bits)
                                         : mutant_bits(v, in, n, bits));
        TRY(put_bits(bits, n, out));
    }
    return 0;
}
