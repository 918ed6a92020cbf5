/* Functions that are values: map, filter, fold, any, all and calls. The body runs over
 * columns: one element of every lane at a time, lanes with the same function
 * together. Runs in the `cml` worker. */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/cml/columns_int.h"

/* One step over all lanes. */
struct each {
    struct columns *c;
    const struct flat_code *k;
    uint32_t base;
    uint32_t next;           /* where the function's registers are */
    uint32_t function;       /* of the lanes that are active */
    struct flat_value in[2]; /* its arguments, from next on */
    struct flat_value out;   /* its value */
    struct val f[COLUMN_LANES];
    struct val seq[COLUMN_LANES];
    struct val state[COLUMN_LANES]; /* fold: so far; any, all: the answer */
    struct val *items[COLUMN_LANES];
    uint32_t kept[COLUMN_LANES];
    uint64_t waits[COLUMN_LANES]; /* mask: lanes whose function did not run yet */
    uint64_t stopped[COLUMN_LANES];
};

static int is_core(const struct each *s, enum core core)
{
    return s->k->what == FLAT_CORE_OF && s->k->op == core;
}

/* The function that lanes with this unit call; the arguments' places. */
static int find_function(struct each *s, uint32_t node, const uint32_t *types,
                         uint32_t n)
{
    struct columns *c = s->c;
    struct flat_unit *u = c->flat.units;
    const struct flat_function *f;

    while (u != NULL && u->unit->id != node) {
        u = u->next;
    }
    if (u == NULL || u->unit->fields[1].n != n) {
        return ERR_TRACE(ERR_INTERNAL); /* every value was a literal once */
    }
    if (flat_function_of(&c->flat, u->unit, u->unit, types, &s->function) !=
        0) {
        return COLUMNS_REDO;
    }
    f = c->flat.functions[s->function];
    if (c->env + s->k->bits + f->env > EVAL_ENV_MAX ||
        s->next + f->registers >= COLUMNS_REGISTERS_MAX) {
        return COLUMNS_REDO;
    }
    s->out = (struct flat_value){f->types[f->types_n - 1], 0, f->results_n};
    return 0;
}

static int run_function(struct each *s)
{
    int code;

    s->c->env += (uint32_t)s->k->bits;
    code = columns_run(s->c, s->function, s->next);
    s->c->env -= (uint32_t)s->k->bits;
    return code;
}

/* --- sequences --- */

static uint32_t element_type(const struct each *s, const struct flat_value *seq)
{
    const struct cml_dag *dag = s->c->flat.dag;

    return flat_type(dag,
                     cml_item(&cml_dag_at(dag, seq->type)->fields[0], 0));
}

static uint32_t parts_of(const struct each *s, uint32_t type)
{
    enum cml_primitive p[FLAT_LEAVES_MAX];

    return flat_parts(&s->c->flat, type, p);
}

/* What core(v) costs and makes before the first call. 0, EVAL_E_*, COLUMNS_REDO. */
static int start_lane(struct each *s, uint32_t i)
{
    struct eval *e = &s->c->e;
    struct val out;

    if (is_core(s, CORE_map)) {
        return val_new_array(e, s->seq[i].n, &s->items[i], &out);
    }
    EVAL_TRY(eval_spend(e, s->seq[i].n));
    if (is_core(s, CORE_fold)) {
        return eval_spend(e, val_length(&s->state[i]));
    }
    if (is_core(s, CORE_filter)) {
        s->items[i] = arena_array(&e->arena, (size_t)s->seq[i].n + 1,
                                  sizeof(struct val));
        return s->items[i] != NULL ? 0 : ERR_NOMEM;
    }
    s->state[i] = val_bool(is_core(s, CORE_all));
    return 0;
}

/* Arguments are spent for from the left: of fold, the start is before the array. */
static int start(struct each *s)
{
    struct columns *c = s->c;
    const uint64_t *mask = columns_mask(c);
    const struct flat_value *v = s->k->v;
    uint32_t last = s->k->c - 1;

    for (uint32_t i = 0; i < COLUMN_LANES; i++) {
        int code;

        if (mask[i] == 0) {
            continue;
        }
        EVAL_TRY(columns_box(c, &v[0], s->base, i, &s->f[i]));
        EVAL_TRY(columns_box(c, &v[last], s->base, i, &s->seq[i]));
        if (last == 2) {
            EVAL_TRY(columns_box(c, &v[1], s->base, i, &s->state[i]));
        }
        c->e.fuel = columns_left(c, i);
        code = start_lane(s, i);
        if (code < 0) {
            return COLUMNS_REDO; /* memory: of all lanes together */
        }
        columns_spent(c, i, c->e.fuel);
        if (code > 0) {
            columns_end_lane(c, i, code, c->e.fuel);
        }
    }
    return 0;
}

/* The function's value in a lane, for element `round`. */
static int take(struct each *s, uint32_t i, uint32_t round)
{
    struct columns *c = s->c;

    if (is_core(s, CORE_map)) {
        return columns_box(c, &s->out, s->next, i, &s->items[i][round]);
    }
    if (is_core(s, CORE_fold)) {
        return columns_box(c, &s->out, s->next, i, &s->state[i]);
    }
    if (is_core(s, CORE_filter)) {
        if (columns_at(c, s->next)[i] != 0) {
            s->items[i][s->kept[i]++] = s->seq[i].u.items[round];
        }
        return 0;
    }
    if (columns_at(c, s->next)[i] == (uint64_t)is_core(s, CORE_any)) {
        s->state[i] = val_bool(is_core(s, CORE_any));
        s->stopped[i] = UINT64_MAX;
    }
    return 0;
}

/* The lanes that have an element `round`; the mask is pushed, and theirs. */
static void narrow(struct each *s, const uint64_t *group, uint32_t round)
{
    uint64_t *mask = columns_mask(s->c);

    s->c->active_n = 0;
    for (uint32_t i = 0; i < COLUMN_LANES; i++) {
        mask[i] = group[i] & s->c->alive[i] & ~s->stopped[i];
        if (mask[i] != 0 && round >= s->seq[i].n) {
            mask[i] = 0;
        }
        s->c->active_n += mask[i] != 0;
    }
}

/* One element of each lane. */
static int round_of(struct each *s, uint32_t round)
{
    struct columns *c = s->c;
    const uint64_t *mask = columns_mask(c);
    int folds = is_core(s, CORE_fold);

    for (uint32_t i = 0; i < COLUMN_LANES; i++) {
        if (mask[i] == 0) {
            continue;
        }
        if (folds) {
            EVAL_TRY(
                columns_unbox(c, &s->in[0], s->next, i, &s->state[i]));
        }
        EVAL_TRY(columns_unbox(c, &s->in[folds], s->next, i,
                               &s->seq[i].u.items[round]));
    }
    EVAL_TRY(run_function(s));
    for (uint32_t i = 0; i < COLUMN_LANES; i++) {
        if (mask[i] != 0) {
            EVAL_TRY(take(s, i, round));
        }
    }
    return 0;
}

#define LOOSE_BYTES ((size_t)16 << 20)

/* As the interpreter's fold does: of what the function made, the states stay. */
static int tidy(struct each *s, const struct eval_mark *mark, size_t *next)
{
    struct eval *e = &s->c->e;
    int code = 0;

    if (is_core(s, CORE_fold) && e->arena.total_ >= *next) {
        code = eval_tidy(e, mark, s->state, COLUMN_LANES);
        *next = e->arena.total_ * 2 - mark->total + LOOSE_BYTES;
    }
    return code != 0 ? COLUMNS_REDO : 0;
}

/* All elements, for the lanes of one function: their mask is active. */
static int rounds(struct each *s)
{
    struct columns *c = s->c;
    const uint64_t *group = columns_mask(c);
    struct eval_mark mark = eval_mark(&c->e);
    size_t next = mark.total + LOOSE_BYTES;

    EVAL_TRY(columns_push_mask(c));
    for (uint32_t round = 0;; round++) {
        narrow(s, group, round);
        if (c->active_n == 0) {
            columns_pop_mask(c, 1);
            return 0;
        }
        EVAL_TRY(round_of(s, round));
        if (c->alive_n == 0) {
            return 0; /* who runs us stops too */
        }
        EVAL_TRY(tidy(s, &mark, &next));
    }
}

static int sequence(struct each *s, uint32_t node)
{
    const struct flat_value *v = s->k->v;
    uint32_t element = element_type(s, &v[s->k->c - 1]);
    uint32_t types[2] = {element, element};
    uint32_t n = 1;

    if (is_core(s, CORE_fold)) {
        types[0] = v[1].type;
        n = 2;
    }
    EVAL_TRY(find_function(s, node, types, n));
    s->in[0] = (struct flat_value){types[0], 0, parts_of(s, types[0])};
    s->in[1] = (struct flat_value){types[1], s->in[0].n, parts_of(s, element)};
    return rounds(s);
}

/* The lane's value of map, filter, fold, any or all. */
static int finish(struct each *s, uint32_t i, struct val *out)
{
    if (is_core(s, CORE_map) || is_core(s, CORE_filter)) {
        uint32_t n = is_core(s, CORE_map) ? s->seq[i].n : s->kept[i];

        *out = (struct val){
            .kind = VAL_ARRAY, .n = n, .u.items = s->items[i]};
        return is_core(s, CORE_map) ? 0 : eval_spend(&s->c->e, n);
    }
    *out = s->state[i];
    return 0;
}

static int finish_all(struct each *s)
{
    struct columns *c = s->c;
    const uint64_t *mask = columns_mask(c);

    for (uint32_t i = 0; i < COLUMN_LANES; i++) {
        struct val out;
        int code;

        if (mask[i] == 0) {
            continue;
        }
        c->e.fuel = columns_left(c, i);
        code = finish(s, i, &out);
        columns_spent(c, i, c->e.fuel);
        if (code != 0) {
            columns_end_lane(c, i, code, c->e.fuel);
            continue;
        }
        EVAL_TRY(columns_unbox(c, &s->k->v[s->k->c], s->base, i, &out));
    }
    return 0;
}

/* --- calls --- */

/* Values of the arguments, to the function's registers; its value back, to those
 * lanes. */
static int apply(struct each *s, uint32_t node)
{
    struct columns *c = s->c;
    const struct flat_value *v = s->k->v;
    uint32_t n = s->k->c - 1;
    uint32_t *types = calloc((size_t)n + 1, sizeof(*types));
    uint32_t to = s->next;
    int code;

    if (types == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < n; i++) {
        types[i] = v[1 + i].type;
    }
    code = find_function(s, node, types, n);
    free(types);
    EVAL_TRY(code);
    for (uint32_t i = 1; i <= n; i++) {
        for (uint32_t r = 0; r < v[i].n; r++) {
            memcpy(columns_at(c, to++), columns_at(c, s->base + v[i].first + r),
                   COLUMN_LANES * sizeof(uint64_t));
        }
    }
    EVAL_TRY(run_function(s));
    for (uint32_t r = 0; r < s->out.n && c->alive_n > 0; r++) {
        c->kernels->move(columns_at(c, s->base + v[n + 1].first + r),
                         columns_at(c, s->next + r), columns_mask(c));
    }
    return 0;
}

/* --- both --- */

/* The next lanes with one function, on a mask of their own: 0 when none waits. */
static int next_group(struct each *s, uint32_t *out_node)
{
    struct columns *c = s->c;
    uint64_t *mask = columns_mask(c);
    int found = 0;

    c->active_n = 0;
    for (uint32_t i = 0; i < COLUMN_LANES; i++) {
        mask[i] = 0;
        if ((s->waits[i] & c->alive[i]) == 0 ||
            (found && s->f[i].node != *out_node)) {
            continue;
        }
        *out_node = s->f[i].node;
        found = 1;
        mask[i] = UINT64_MAX;
        s->waits[i] = 0;
        c->active_n++;
    }
    return found;
}

static int groups(struct each *s)
{
    struct columns *c = s->c;
    uint32_t node = 0;

    memcpy(s->waits, columns_mask(c), sizeof(s->waits));
    EVAL_TRY(columns_push_mask(c));
    while (c->alive_n > 0 && next_group(s, &node)) {
        EVAL_TRY(s->k->what == FLAT_APPLY ? apply(s, node)
                                          : sequence(s, node));
    }
    columns_pop_mask(c, 1);
    return 0;
}

static int run(struct each *s)
{
    struct columns *c = s->c;
    const uint64_t *mask = columns_mask(c);

    if (s->k->what == FLAT_CORE_OF) {
        EVAL_TRY(start(s));
        EVAL_TRY(groups(s));
        return c->alive_n > 0 ? finish_all(s) : 0;
    }
    for (uint32_t i = 0; i < COLUMN_LANES; i++) {
        if (mask[i] != 0) {
            EVAL_TRY(columns_box(c, &s->k->v[0], s->base, i, &s->f[i]));
        }
    }
    return groups(s);
}

int columns_each(struct columns *c, const struct flat_code *k, uint32_t base,
                 uint32_t next)
{
    struct each *s = calloc(1, sizeof(*s));
    int code;

    if (s == NULL) {
        return ERR_NOMEM;
    }
    s->c = c;
    s->k = k;
    s->base = base;
    s->next = next;
    code = run(s);
    free(s);
    return code;
}
