/* The columnar engine's steps: masks, fuel, errors. Runs in the `cml` worker;
 * recursion is as deep as units call each other. */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/cml/columns_int.h"

/* --- lanes and masks --- */

void columns_end_lane(struct columns *c, uint32_t lane, int error,
                      uint64_t left)
{
    c->error[lane] = error;
    c->left[lane] = left;
    c->alive[lane] = 0;
    c->alive_n--;
    columns_mask(c)[lane] = 0;
    c->active_n--;
}

void columns_end_active(struct columns *c, int error)
{
    const uint64_t *mask = columns_mask(c);

    for (uint32_t i = 0; i < COLUMN_LANES && c->active_n > 0; i++) {
        if (mask[i] != 0) {
            columns_end_lane(c, i, error, columns_left(c, i));
        }
    }
}

int columns_push_mask(struct columns *c)
{
    if (c->masks_n == COLUMNS_MASKS_MAX) {
        return COLUMNS_REDO;
    }
    c->masks_n++;
    return 0;
}

static void keep_alive(struct columns *c)
{
    c->active_n = c->kernels->keep(columns_mask(c), c->alive);
}

void columns_pop_mask(struct columns *c, uint32_t n)
{
    c->masks_n -= n;
    keep_alive(c);
}

/* --- fuel --- */

static void find_least(struct columns *c)
{
    c->least = UINT64_MAX;
    for (uint32_t i = 0; i < COLUMN_LANES; i++) {
        if (c->alive[i] != 0 && columns_left(c, i) < c->least) {
            c->least = columns_left(c, i);
        }
    }
}

static void spend(struct columns *c, uint64_t k)
{
    const uint64_t *mask = columns_mask(c);

    if (c->least < k) {
        find_least(c);
    }
    for (uint32_t i = 0; c->least < k && i < COLUMN_LANES; i++) {
        if (mask[i] != 0 && columns_left(c, i) < k) {
            columns_end_lane(c, i, EVAL_E_FUEL, 0);
        }
    }
    if (c->active_n == c->alive_n) {
        c->pending += k;
    } else if (c->active_n > 0) {
        c->kernels->spend(c->fuel, mask, k);
    }
    c->least -= k < c->least ? k : c->least;
}

/* --- marks --- */

struct frame {
    struct columns *c;
    const struct column_function *f;
    uint32_t base;
    uint32_t entry_n; /* lanes that were active at the call, and live */
    uint32_t at;      /* next step */
};

/* Loops that are open, in this function. */
struct open_loop {
    struct eval_mark mark;
    size_t next; /* bytes of the arena at which what is dead is let go */
};

static uint64_t *reg(const struct frame *f, uint32_t r)
{
    return columns_at(f->c, f->base + r);
}

/* Masks: the other branch's below this one's. */
static int mark_if(struct frame *f, const struct step *s)
{
    struct columns *c = f->c;
    const uint64_t *outer = columns_mask(c);
    const uint64_t *a = reg(f, s->a);

    EVAL_TRY(columns_push_mask(c));
    (void)c->kernels->narrow(columns_mask(c), outer, a, s->k, 0);
    EVAL_TRY(columns_push_mask(c));
    c->active_n = c->kernels->narrow(columns_mask(c), outer, a, s->k, 1);
    if (c->active_n == 0) {
        f->at = s->jump;
    }
    return 0;
}

static void mark_else(struct frame *f, const struct step *s)
{
    columns_pop_mask(f->c, 1);
    if (f->c->active_n == 0) {
        f->at = s->jump;
    }
}

#define LOOSE_BYTES ((size_t)16 << 20)

/* Objects among what the loop carries in lanes that are in it: gathered, or put
 * back. */
static int carried(const struct frame *f, const struct flat_value *v,
                   struct val *kept, uint32_t *n, int back)
{
    struct columns *c = f->c;
    const uint64_t *in = columns_mask(c) - COLUMN_LANES;
    enum cml_primitive p[FLAT_LEAVES_MAX];
    uint32_t parts = flat_parts(&c->flat, v->type, p);

    *n = 0;
    for (uint32_t part = 0; part < parts; part++) {
        uint64_t *column = reg(f, v->first + part);

        for (uint32_t i = 0; flat_is_object(p[part]) && i < COLUMN_LANES; i++) {
            if (in[i] == 0 || c->alive[i] == 0) {
                continue;
            }
            if (!back) {
                kept[(*n)++] = *(const struct val *)(uintptr_t)column[i];
            } else if (columns_hold(c, &kept[(*n)++], &column[i]) != 0) {
                return COLUMNS_REDO;
            }
        }
    }
    return 0;
}

/* As eval_tidy: of what a loop made, only what it carries is kept. */
static int tidy(struct frame *f, const struct step *loop, struct open_loop *o)
{
    struct columns *c = f->c;
    const struct flat_value *v = loop->code->v;
    struct val *kept;
    uint32_t n;
    int code;

    if (v == NULL || c->e.arena.total_ < o->next) {
        return 0;
    }
    kept = calloc((size_t)v->n * COLUMN_LANES, sizeof(*kept));
    if (kept == NULL) {
        return ERR_NOMEM;
    }
    (void)carried(f, v, kept, &n, 0);
    code = eval_tidy(&c->e, &o->mark, kept, n);
    if (code == 0) {
        code = carried(f, v, kept, &n, 1);
    }
    free(kept);
    o->next = c->e.arena.total_ * 2 - o->mark.total + LOOSE_BYTES;
    return code != 0 ? COLUMNS_REDO : 0;
}

/* The loop's mask, below it that of all who came. */
static int mark_loop(struct frame *f, struct open_loop *o)
{
    struct columns *c = f->c;
    const uint64_t *outer = columns_mask(c);

    o->mark = eval_mark(&c->e);
    o->next = o->mark.total + LOOSE_BYTES;
    EVAL_TRY(columns_push_mask(c));
    memcpy(columns_mask(c), outer, COLUMN_LANES * sizeof(*outer));
    return 0;
}

/* Whether the loop is left. */
static int mark_unless(struct frame *f, const struct step *s)
{
    struct columns *c = f->c;
    uint64_t *mask = columns_mask(c);

    c->active_n = c->kernels->narrow(mask, mask, reg(f, s->a), 0, 0);
    if (c->active_n > 0) {
        return 0;
    }
    columns_pop_mask(c, 1);
    f->at = s->jump + 1;
    return 1;
}

#define LOOPS_MAX 64 /* within each other, in one function */

struct loops {
    struct open_loop open[LOOPS_MAX];
    uint32_t n;
};

static int mark(struct frame *f, const struct step *s, struct loops *l)
{
    struct columns *c = f->c;

    switch ((int)s->code->what) {
    case FLAT_SPEND:
        spend(c, s->k);
        return 0;
    case FLAT_FAIL:
        columns_end_active(c, (int)s->k);
        return 0;
    case FLAT_IF:
        return mark_if(f, s);
    case FLAT_ELSE:
        mark_else(f, s);
        return 0;
    case FLAT_END:
        columns_pop_mask(c, 1);
        return 0;
    case FLAT_LOOP:
        return l->n < LOOPS_MAX ? mark_loop(f, &l->open[l->n++])
                                : COLUMNS_REDO;
    case FLAT_UNLESS:
        l->n -= (uint32_t)mark_unless(f, s);
        return 0;
    default: /* AGAIN */
        f->at = s->jump + 1;
        return tidy(f, &f->f->steps[s->jump], &l->open[l->n - 1]);
    }
}

/* --- steps --- */

static void divide(struct frame *f, const struct step *s)
{
    struct columns *c = f->c;
    const uint64_t *b = reg(f, s->b);
    const uint64_t *mask = columns_mask(c);
    uint64_t any = 0;

    for (uint32_t i = 0; i < COLUMN_LANES; i++) {
        any |= mask[i] & (uint64_t)(b[i] == 0);
    }
    for (uint32_t i = 0; any != 0 && i < COLUMN_LANES; i++) {
        if (mask[i] != 0 && b[i] == 0) {
            columns_end_lane(c, i, EVAL_E_DIVISION, columns_left(c, i));
        }
    }
}

/* What ends in one register of every lane; those that are left out keep theirs. */
static void plain(struct frame *f, const struct step *s)
{
    struct columns *c = f->c;
    int aside = s->is_masked && c->active_n < f->entry_n;
    uint64_t *d = reg(f, aside ? f->f->frame - 1 : s->d);

    if (s->what == STEP_KERNEL) {
        c->kernels->by_name[s->kernel](d, reg(f, s->a), reg(f, s->b), s->k);
    } else if (s->what == STEP_SELECT) {
        c->kernels->select(d, reg(f, s->a), reg(f, s->b), reg(f, s->c));
    } else {
        columns_lane_op(c, s->code, f->base);
        return; /* it writes active lanes only */
    }
    if (aside) {
        c->kernels->move(reg(f, s->d), d, columns_mask(c));
    }
}

static int call(struct frame *f, const struct flat_code *k)
{
    struct columns *c = f->c;
    int code;

    c->env += k->c;
    code = columns_run(c, (uint32_t)k->bits, f->base + k->d);
    c->env -= k->c;
    return code;
}

static int step(struct frame *f, const struct step *s, struct loops *l)
{
    const struct flat_code *k = s->code;

    switch (s->what) {
    case STEP_KERNEL:
    case STEP_SELECT:
    case STEP_LANES:
        plain(f, s);
        return 0;
    case STEP_DIVIDE:
        divide(f, s);
        return 0;
    case STEP_MARK:
        return mark(f, s, l);
    case STEP_CALL:
        return f->c->active_n > 0 ? call(f, k) : 0;
    case STEP_OBJECT:
        return f->c->active_n > 0
                   ? columns_object(f->c, k, f->base, f->base + f->f->frame)
                   : 0;
    case STEP_NONE:
        break;
    }
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as units call each other */
int columns_run(struct columns *c, uint32_t function, uint32_t base)
{
    struct frame f = {.c = c, .base = base, .entry_n = c->active_n};
    struct loops loops = {.n = 0};
    const struct flat_function *flat = c->flat.functions[function];
    uint32_t masks_n = c->masks_n;

    if (c->functions[function].flat == NULL) {
        TRY(columns_compile(c, function));
    }
    f.f = &c->functions[function];
    if (base + f.f->frame > COLUMNS_REGISTERS_MAX) {
        return COLUMNS_REDO;
    }
    while (f.at < f.f->steps_n && c->alive_n > 0) {
        int code = step(&f, &f.f->steps[f.at++], &loops);

        if (code != 0) {
            return code;
        }
    }
    if (c->masks_n > masks_n) { /* all ended within a choice or a loop */
        columns_pop_mask(c, c->masks_n - masks_n);
    }
    for (uint32_t i = 0; flat->result != 0 && i < flat->results_n; i++) {
        memcpy(reg(&f, i), reg(&f, flat->result + i),
               COLUMN_LANES * sizeof(uint64_t));
    }
    return 0;
}
