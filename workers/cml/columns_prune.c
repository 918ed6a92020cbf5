/* Steps of the columnar engine without what nobody reads. Runs in the `cml` worker. */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/cml/columns_int.h"

struct pruner {
    const struct flat *flat;
    uint32_t scratch; /* the last register */
};

static void live_value(uint8_t *live, const struct flat_value *v, uint8_t is)
{
    memset(live + v->first, is, v->n);
}

static int reads_b(const struct step *s)
{
    switch ((int)s->what) {
    case STEP_KERNEL:
        switch ((int)s->kernel) {
#define UN 0
#define BIN 1
#define LANE 1
#define LANE_K 0
#define KERNEL(name, form, ...)                                                \
    case K_##name:                                                             \
        return form;
#include "workers/cml/columns_kernel_list.def"
#undef UN
#undef BIN
#undef LANE
#undef LANE_K
        default:
            return 1;
        }
    case STEP_LANES:
        return s->code->what != FLAT_CONVERT;
    default:
        return 1;
    }
}

/* Before s, from what is read after it; 0: nobody needs s.  */
static int live_before(const struct pruner *g, const struct step *s,
                       uint8_t *live)
{
    switch (s->what) {
    case STEP_KERNEL:
    case STEP_SELECT:
    case STEP_LANES:
        if (!live[s->d]) {
            return 0;
        }
        live[s->d] = (uint8_t)s->is_masked;
        if (s->what != STEP_KERNEL || s->kernel != K_FILL) {
            live[s->a] = 1;
        }
        if (reads_b(s)) {
            live[s->b] = 1;
        }
        if (s->what == STEP_SELECT) {
            live[s->c] = 1;
        }
        return 1;
    case STEP_DIVIDE:
        live[s->b] = 1;
        return 1;
    case STEP_MARK:
        if (s->code->what != FLAT_SPEND && s->code->what != FLAT_FAIL) {
            memset(live, 0, g->scratch + 1);
            memset(live, 1, s->code->top);
        }
        if (s->code->what == FLAT_IF || s->code->what == FLAT_UNLESS) {
            live[s->a] = 1;
        }
        return 1;
    case STEP_CALL: {
        const struct flat_function *to = g->flat->functions[s->code->bits];

        memset(live + s->d, 0, to->results_n);
        memset(live + s->d, 1, to->args_n);
        return 1;
    }
    case STEP_OBJECT:
        if (s->code->v == NULL) {
            live[s->d] = 0;
            return 1;
        }
        live_value(live, &s->code->v[s->code->c], 0);
        for (uint32_t i = 0; i < s->code->c; i++) {
            live_value(live, &s->code->v[i], 1);
        }
        return 1;
    case STEP_NONE:
        break;
    }
    return 1;
}

/* A copy of what the step before made for it alone: that one makes it in place. */
static int takes_over(struct step *before, const struct step *s,
                      const uint8_t *live)
{
    if (s->what != STEP_KERNEL || s->kernel != K_COPY || live[s->a] ||
        (before->what != STEP_KERNEL && before->what != STEP_SELECT) ||
        before->d != s->a || before->is_masked) {
        return 0;
    }
    before->d = s->d;
    before->is_masked = s->is_masked;
    return 1;
}

int columns_prune(const struct flat *flat, const struct flat_function *f,
                  struct step *steps, uint32_t *n)
{
    const struct pruner p = {flat, f->registers};
    CLEANUP(mem_freep) uint8_t *live = calloc((size_t)p.scratch + 1, 1);
    uint32_t kept = 0;

    if (live == NULL) {
        return ERR_NOMEM;
    }
    memset(live + f->result, 1, f->results_n);
    for (uint32_t i = *n; i-- > 0;) {
        struct step *s = &steps[i];

        if ((s->what == STEP_KERNEL && s->kernel == K_COPY && s->d == s->a) ||
            (i > 0 && live[s->d] && takes_over(s - 1, s, live)) ||
            !live_before(&p, s, live)) {
            s->what = STEP_NONE;
        }
    }
    for (uint32_t i = 0; i < *n; i++) {
        if (steps[i].what != STEP_NONE) {
            steps[kept++] = steps[i];
        }
    }
    *n = kept;
    return 0;
}
