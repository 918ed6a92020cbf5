/* The changes that make mutants. One walk both counts them and makes the one that
 * is asked for, so that a number means the same each time. Recursion is bounded by
 * LIMIT_CML_HEIGHT. */
#include <string.h>

#include "proto/err.h"
#include "workers/cml/check_int.h"
#include "workers/cml/eval_int.h"
#include "workers/cml/mutant.h"

#define VARIABLES_TRIED 8 /* nearest first, in place of one expression */

struct mutator {
    struct tree *t;
    uint32_t env[CHECK_ENV_MAX]; /* types */
    uint32_t env_n;
    uint32_t n; /* next number */
    uint32_t target;
    int done;
    int code;
};

/* Is it this change's turn? */
static int turn(struct mutator *m)
{
    return m->n++ == m->target;
}

static void put(struct mutator *m, struct term **slot, struct term *made)
{
    m->done = 1;
    if (made == NULL) {
        m->code = ERR_NOMEM;
        return;
    }
    *slot = made;
}

static uint8_t tag_of(const struct mutator *m, uint32_t type)
{
    enum cml_primitive p = check_as_primitive(m->t->dag, type);

    return p == CML_PRIMITIVE_BOOL ? CML_TRUE
           : p != CML_PRIMITIVES   ? cml_primitive_info(p)->tag
                                   : CML_ABSENT;
}

static struct term *number(struct mutator *m, uint32_t type, uint64_t bits)
{
    enum cml_primitive p = check_as_primitive(m->t->dag, type);
    struct val v;

    if (tag_of(m, type) == CML_INT) {
        return tree_integer(m->t, type, bits);
    }
    v = cml_primitive_info(p)->code == 4 ? val_f32((float)(int64_t)bits)
                                         : val_f64((double)(int64_t)bits);
    return tree_literal(m->t, type, &v);
}

/* --- operators --- */

static int op_is_arithmetic(enum cml_op op)
{
    return op == CML_OP_ADD || op == CML_OP_SUB || op == CML_OP_MUL ||
           op == CML_OP_DIV || op == CML_OP_REM;
}

static int op_is_bits(enum cml_op op)
{
    return op == CML_OP_BAND || op == CML_OP_BOR || op == CML_OP_BXOR;
}

static int op_is_shift(enum cml_op op)
{
    return op == CML_OP_SHL || op == CML_OP_SHR || op == CML_OP_ROTL ||
           op == CML_OP_ROTR;
}

static int op_compares(enum cml_op op)
{
    return op >= CML_OP_EQ && op <= CML_OP_GE;
}

/* May `to` stand in place of t's operator? */
static int op_fits(const struct mutator *m, const struct term *t, enum cml_op to)
{
    enum cml_op from = tree_op_of(t);
    const struct term *l = t->fields[1].kids[0];
    const struct term *r = t->fields[2].kids[0];

    if (to == from || from == CML_OP_CAT) {
        return 0;
    }
    if (op_compares(from) && op_compares(to)) {
        return 1;
    }
    switch (tag_of(m, l->type)) {
    case CML_TRUE:
        return to == CML_OP_AND || to == CML_OP_OR || op_is_bits(to) ||
               to == CML_OP_EQ || to == CML_OP_NE;
    case CML_INT:
        return !op_compares(from) &&
               (op_is_shift(from) && op_is_shift(to)
                    ? 1
                    : l->type == r->type &&
                          (op_is_arithmetic(to) || op_is_bits(to) ||
                           op_is_shift(to)));
    default:
        return op_is_arithmetic(from) && op_is_arithmetic(to);
    }
}

static void operators(struct mutator *m, struct term **slot)
{
    struct term *t = *slot;
    struct term *l = t->fields[1].kids[0];
    struct term *r = t->fields[2].kids[0];

    for (unsigned to = 0; to < CML_OPS && !m->done; to++) {
        if (op_fits(m, t, (enum cml_op)to) && turn(m)) {
            term_word(t, 0, cml_op_info((enum cml_op)to)->name);
            m->done = 1;
        }
    }
    if (!m->done && l->type == r->type && turn(m)) {
        t->fields[1].kids[0] = r;
        t->fields[2].kids[0] = l;
        m->done = 1;
    }
    if (!m->done && l->type == t->type && turn(m)) {
        put(m, slot, l);
    }
    if (!m->done && r->type == t->type && turn(m)) {
        put(m, slot, r);
    }
}

/* --- constants --- */

static void whole_constant(struct mutator *m, struct term **slot, uint64_t v)
{
    uint64_t others[] = {v + 1, v - 1, 0, ~v, 0 - v};

    for (size_t i = 0; i < ARRAY_N(others) && !m->done; i++) {
        if (turn(m)) {
            put(m, slot, tree_integer(m->t, (*slot)->type, others[i]));
        }
    }
}

static void float_constant(struct mutator *m, struct term **slot,
                           const struct val *v)
{
    double at = v->code == 4 ? (double)val_as_f32(v) : val_as_f64(v);
    double others[] = {at + 1, at - 1, 0, -at};

    for (size_t i = 0; i < ARRAY_N(others) && !m->done; i++) {
        struct val to = v->code == 4 ? val_f32((float)others[i])
                                     : val_f64(others[i]);

        if (turn(m)) {
            put(m, slot, tree_literal(m->t, (*slot)->type, &to));
        }
    }
}

static void text_constant(struct mutator *m, struct term **slot, struct val v)
{
    static const uint8_t x[] = {'x'};
    struct val to = v;

    to.n = 0;
    to.u.p = x;
    if (turn(m)) {
        put(m, slot, tree_literal(m->t, (*slot)->type, &to));
        return;
    }
    to.n = 1;
    if (turn(m)) {
        put(m, slot, tree_literal(m->t, (*slot)->type, &to));
    }
}

static void constants(struct mutator *m, struct term **slot)
{
    struct val v;

    if (!tree_constant(*slot, &v)) {
        return;
    }
    switch ((int)v.kind) {
    case VAL_BOOL:
        if (turn(m)) {
            put(m, slot, tree_bool(m->t, v.u.bits == 0));
        }
        return;
    case VAL_INT:
        whole_constant(m, slot, v.u.bits);
        return;
    case VAL_FLOAT:
        float_constant(m, slot, &v);
        return;
    default:
        text_constant(m, slot, v);
    }
}

/* --- what stands in for an expression --- */

static void variables(struct mutator *m, struct term **slot)
{
    const struct term *t = *slot;
    unsigned tried = 0;

    for (uint32_t i = 0; i < m->env_n && tried < VARIABLES_TRIED && !m->done;
         i++) {
        struct term *var;

        if (m->env[m->env_n - 1 - i] != t->type ||
            (t->kind == CML_VAR && t->fields[0].value.u.bits == i)) {
            continue;
        }
        tried++;
        if (turn(m)) {
            var = term_new(&m->t->arena, CML_VAR, (struct loc){0});
            if (var != NULL) {
                var->fields[0].value = cml_index(i);
                var->type = t->type;
            }
            put(m, slot, var);
        }
    }
}

/* 0 and 1, true and false; one more, one less; the other way. */
static void instead(struct mutator *m, struct term **slot)
{
    struct term *t = *slot;
    uint8_t tag = tag_of(m, t->type);

    if (tag == CML_TRUE) {
        for (int v = 0; v < 2 && !m->done; v++) {
            if (turn(m)) {
                put(m, slot, tree_bool(m->t, v));
            }
        }
        if (!m->done && turn(m)) {
            put(m, slot, tree_core(m->t, CORE_not, t->type, t, NULL));
        }
        return;
    }
    if (tag != CML_INT && tag != CML_FLOAT) {
        return;
    }
    for (uint64_t v = 0; v < 2 && !m->done; v++) {
        if (turn(m)) {
            put(m, slot, number(m, t->type, v));
        }
    }
    for (unsigned less = 0; less < 2 && !m->done; less++) {
        if (turn(m)) {
            put(m, slot, tree_binop(m->t, less ? CML_OP_SUB : CML_OP_ADD, t->type,
                                    t, number(m, t->type, 1)));
        }
    }
}

/* --- choices and the core --- */

static void arms(struct mutator *m, struct term *t)
{
    struct term_field *a = &t->fields[1];

    for (uint32_t i = 0; a->n > 1 && i < a->n && !m->done; i++) {
        if (turn(m)) {
            memmove(a->kids + i, a->kids + i + 1,
                    (a->n - i - 1) * sizeof(struct term *));
            a->n--;
            m->done = 1;
        }
    }
    for (uint32_t i = 0; i + 1 < a->n && !m->done; i++) {
        struct term *first = a->kids[i];
        struct term *second = a->kids[i + 1];

        if (tree_pattern_binders(first->fields[0].kids[0]) == 0 &&
            tree_pattern_binders(second->fields[0].kids[0]) == 0 && turn(m)) {
            struct term *body = first->fields[1].kids[0];

            first->fields[1].kids[0] = second->fields[1].kids[0];
            second->fields[1].kids[0] = body;
            m->done = 1;
        }
    }
}

static void cores(struct mutator *m, struct term *t)
{
    enum core from = tree_core_of(t);
    struct term_field *args = &t->fields[1];

    for (unsigned to = 0; from != CORES && to < CORES && !m->done; to++) {
        struct cml_value *path;

        if (to == from || strcmp(core_info((enum core)to)->signature,
                                 core_info(from)->signature) != 0 ||
            !turn(m)) {
            continue;
        }
        path = arena_array(&m->t->arena, 1, sizeof(*path));
        m->done = 1;
        if (path == NULL) {
            m->code = ERR_NOMEM;
            return;
        }
        *path = cml_word(core_info((enum core)to)->name);
        t->fields[0].kids[0]->fields[1].words = path;
    }
    for (uint32_t i = 0; i + 1 < args->n && !m->done; i++) {
        struct term *first = args->kids[i];

        if (first->type == args->kids[i + 1]->type && turn(m)) {
            args->kids[i] = args->kids[i + 1];
            args->kids[i + 1] = first;
            m->done = 1;
        }
    }
}

/* --- the walk --- */

static void bind(struct mutator *m, uint32_t type)
{
    ASSERT(m->env_n < CHECK_ENV_MAX); /* it checked */
    m->env[m->env_n++] = type;
}

/* NOLINTNEXTLINE(misc-no-recursion): see the head */
static void bind_pattern(struct mutator *m, const struct term *p, uint32_t type)
{
    const struct cml_node *n = cml_dag_at(m->t->dag, type);

    if (cml_is_word(&p->fields[0].value, "Bind")) {
        bind(m, type);
    }
    for (uint32_t k = 0; k < p->fields[2].n; k++) {
        bind_pattern(m, p->fields[2].kids[k], cml_item(&n->fields[1], k));
    }
}

static void visit(struct mutator *m, struct term **slot);

/* NOLINTNEXTLINE(misc-no-recursion): see the head */
static void visit_loop(struct mutator *m, struct term *t)
{
    const struct cml_value *kind = &t->fields[0].value;
    const struct cml_node *over;
    uint32_t kept = m->env_n;

    visit(m, &t->fields[1].kids[0]->fields[1].kids[0]);
    if (cml_is_word(kind, "while")) {
        bind(m, t->type);
        visit(m, &t->fields[2].kids[0]);
    } else {
        visit(m, &t->fields[2].kids[0]);
        bind(m, t->type);
    }
    if (cml_is_word(kind, "for")) {
        uint32_t type = t->fields[2].kids[0]->type;

        over = cml_dag_at(m->t->dag, type);
        bind(m, over->kind == CML_ARRAY_TYPE ? cml_item(&over->fields[0], 0)
                                             : type);
    }
    visit(m, &t->fields[3].kids[0]);
    m->env_n = kept;
}

/* NOLINTNEXTLINE(misc-no-recursion): see the head */
static void visit_match(struct mutator *m, struct term *t)
{
    visit(m, &t->fields[0].kids[0]);
    for (uint32_t k = 0; k < t->fields[1].n && !m->done; k++) {
        struct term *arm = t->fields[1].kids[k];
        struct term *p = arm->fields[0].kids[0];
        uint32_t kept = m->env_n;

        if (cml_is_word(&p->fields[0].value, "Literal")) {
            constants(m, &p->fields[1].kids[0]);
        }
        bind_pattern(m, p, t->fields[0].kids[0]->type);
        if (!m->done) {
            visit(m, &arm->fields[1].kids[0]);
        }
        m->env_n = kept;
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): see the head */
static void visit_block(struct mutator *m, struct term *b)
{
    uint32_t kept = m->env_n;

    for (uint32_t k = 0; k < b->fields[0].n && !m->done; k++) {
        struct term *s = b->fields[0].kids[k];
        struct term **value =
            &s->fields[s->kind == CML_RETURN ? 0 : 1].kids[0];
        uint32_t type = (*value)->type;

        visit(m, value);
        if (s->kind == CML_BINDING) {
            bind(m, type);
        }
    }
    m->env_n = kept;
}

/* NOLINTNEXTLINE(misc-no-recursion): see the head */
static void visit_kids(struct mutator *m, struct term *t)
{
    for (unsigned i = 0; i < cml_kind_info(t->kind)->fields_n; i++) {
        for (uint32_t k = 0; t->fields[i].kids && k < t->fields[i].n && !m->done;
             k++) {
            struct term *kid = t->fields[i].kids[k];

            if (tree_is_expression(kid) && kid->kind != CML_REFERENCE &&
                !(t->kind == CML_CALL && i == 0)) {
                visit(m, &t->fields[i].kids[k]);
            }
        }
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): see the head */
static void visit(struct mutator *m, struct term **slot)
{
    struct term *t = *slot;

    if (m->done || tree_is_trap(t)) {
        return;
    }
    if (t->kind == CML_BLOCK) {
        visit_block(m, t);
        return;
    }
    if (t->kind == CML_LITERAL) {
        constants(m, slot);
    } else {
        instead(m, slot);
    }
    if (!m->done && t->kind == CML_BINOP) {
        operators(m, slot);
    } else if (!m->done && t->kind == CML_MATCH) {
        arms(m, t);
    } else if (!m->done && t->kind == CML_CALL) {
        cores(m, t);
    }
    if (!m->done) {
        variables(m, slot);
    }
    if (m->done) {
        return;
    }
    if (t->kind == CML_LOOP) {
        visit_loop(m, t);
    } else if (t->kind == CML_MATCH) {
        visit_match(m, t);
    } else {
        visit_kids(m, t);
    }
}

int mutant_change(struct tree *t, uint32_t at, uint32_t *out_n)
{
    struct mutator *m = arena_get(&t->arena, sizeof(*m));
    int done;

    if (m == NULL) {
        return ERR_NOMEM;
    }
    m->t = t;
    m->target = at;
    for (uint32_t u = 0; u < t->units_n && !m->done; u++) {
        const struct term_field *params = &t->units[u].term->fields[1];

        m->env_n = 0;
        for (uint32_t i = 0; i < params->n; i++) {
            bind(m, params->kids[i]->fields[0].kids[0]->id);
        }
        visit(m, &t->units[u].term->fields[3].kids[0]);
    }
    *out_n = m->n;
    done = m->done;
    return m->code != 0 ? m->code : done;
}
