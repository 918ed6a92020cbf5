#include "workers/cml/variants.h"

#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "workers/cml/mutant.h"

/* Fuel of a mutant: what the unit took on this input, this often, and so much. */
#define FUEL_TIMES 8
#define FUEL_MORE 1024

static void on_branch(void *ctx, uint32_t branch)
{
    struct variants *v = ctx;

    if (branch >= v->first && branch - v->first < 64) {
        v->bits |= UINT64_C(1) << (branch - v->first);
    }
}

static int open_branches(struct variants *v, struct diag *d)
{
    uint32_t n = walk_branches_n(v->unit);

    if (v->first >= n && v->first > 0) {
        return diag_set(d, ERR_INPUT, (struct loc){0},
                        "branch %u is asked for, the unit has %u", v->first, n);
    }
    v->watch = (struct walk_watch){.on_branch = on_branch, .ctx = v};
    walk_watch(v->unit, &v->watch);
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
        TRY(walk_new(dag, units[i], &v->mutants[i]));
    }
    return 0;
}

int variants_open(struct variants *v, struct cml_dag *dag, uint32_t unit,
                  const Proctor__CmlTask *task, struct diag *d)
{
    int code;

    *v = (struct variants){.kind = (enum variants_kind)task->variants,
                           .fuel = task->fuel,
                           .first = task->variants_first};
    buf_init(&v->wanted, LIMIT_VALUE_BYTES);
    buf_init(&v->got, LIMIT_VALUE_BYTES);
    if (task->variants != VARIANTS_BRANCHES &&
        task->variants != VARIANTS_MUTANTS) {
        return diag_set(d, ERR_INPUT, (struct loc){0}, "no such variants: %u",
                        task->variants);
    }
    code = walk_new(dag, unit, &v->unit);
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
    walk_free(v->unit);
    for (uint32_t i = 0; i < v->mutants_n; i++) {
        walk_free(v->mutants[i]);
    }
    if (v->eval.dag != NULL) {
        eval_release(&v->eval);
    }
    buf_release(&v->wanted);
    buf_release(&v->got);
}

/* An answer as bytes, or its error. 0, EVAL_E_*, ERR_*. */
static int answer(struct variants *v, struct walk *w, struct ubytes input,
                  uint64_t fuel, struct buf *out)
{
    struct val got;
    int code;

    buf_reset(out);
    eval_reset(&v->eval, fuel);
    code = walk_run(w, &v->eval, input, &got);
    if (code == 0) {
        code = eval_put(out, &got);
        /* what is over what may cross is told by its error, as in a run */
        code = code == ERR_LIMIT ? EVAL_E_SIZE : code;
    }
    return code;
}

/* Walks of the mutants that live still; those that this input tells go. */
static int try_mutants(struct variants *v, struct ubytes input, int wanted,
                       uint64_t spent, uint64_t *alive)
{
    uint64_t most = spent > (UINT64_MAX - FUEL_MORE) / FUEL_TIMES
                        ? UINT64_MAX
                        : spent * FUEL_TIMES + FUEL_MORE;
    uint64_t fuel = most < v->fuel ? most : v->fuel;

    for (uint32_t i = 0; i < v->mutants_n; i++) {
        int code;

        if ((*alive >> i & 1) == 0) {
            continue;
        }
        code = answer(v, v->mutants[i], input, fuel, &v->got);
        if (code < 0) {
            return code;
        }
        if (code != wanted ||
            (code == 0 && values_compare(buf_bytes(&v->wanted),
                                         buf_bytes(&v->got)) != 0)) {
            v->bits |= UINT64_C(1) << i;
            *alive &= ~(UINT64_C(1) << i);
        }
    }
    return 0;
}

int variants_batch(struct variants *v, const struct values *inputs,
                   struct values_builder *out)
{
    struct buf b CLEANUP(buf_release);
    uint64_t alive = v->mutants_n == 64 ? UINT64_MAX
                                       : (UINT64_C(1) << v->mutants_n) - 1;
    struct type u64;

    buf_init(&b, 64);
    TRY(type_from_name("u64", &u64));
    for (uint32_t i = 0; i < values_n(inputs); i++) {
        struct ubytes input = values_at(inputs, i);
        int code;

        v->bits = 0;
        code = v->kind == VARIANTS_MUTANTS && alive == 0
                   ? 0
                   : answer(v, v->unit, input, v->fuel, &v->wanted);
        if (code < 0) {
            return code;
        }
        if (v->kind == VARIANTS_MUTANTS && alive != 0) {
            TRY(try_mutants(v, input, code, v->fuel - v->eval.fuel, &alive));
        }
        buf_reset(&b);
        TRY(value_put_int(&b, &u64, v->bits));
        TRY(values_builder_add(out, buf_bytes(&b)));
    }
    return 0;
}
