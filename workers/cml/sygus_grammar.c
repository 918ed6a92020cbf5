/* Grammars of SyGuS files as those of the enumerator. Runs in the `cml` worker. */
#include <string.h>

#include "proto/err.h"
#include "workers/cml/sygus_int.h"

#define ROWS_MAX 512 /* productions of one non-terminal */

static int new_sort(struct sygus *g, struct ubytes symbol,
                    const struct type *t, uint32_t *out)
{
    Proctor__SynthSort *s = arena_get(g->p->arena, sizeof(*s));

    if (s == NULL) {
        return ERR_NOMEM;
    }
    if (g->nts_n == SYNTH_SORTS_MAX) {
        return diag_set(g->p->d, ERR_LIMIT, (struct loc){g->p->path, 0, 0},
                        "a grammar of more than %u non-terminals (parameters "
                        "that stand inside of rules are such, too)",
                        SYNTH_SORTS_MAX);
    }
    proctor__synth_sort__init(s);
    s->type = (ProtobufCBinaryData){
        t->n, (uint8_t *)arena_text(g->p->arena, t->b, t->n)};
    s->parameters = arena_array(g->p->arena, PBE_PARAMS_MAX,
                                sizeof(*s->parameters));
    s->constants =
        arena_array(g->p->arena, ROWS_MAX, sizeof(*s->constants));
    s->rules = arena_array(g->p->arena, ROWS_MAX, sizeof(*s->rules));
    if (s->type.data == NULL || s->parameters == NULL ||
        s->constants == NULL || s->rules == NULL) {
        return ERR_NOMEM;
    }
    g->nts[g->nts_n] = (struct sygus_name){symbol, *t};
    g->sorts[g->nts_n] = s;
    *out = g->nts_n++;
    return 0;
}

int sygus_param_sort(struct sygus *g, uint32_t param, uint32_t *out)
{
    for (uint32_t i = 0; i < g->nts_n; i++) {
        const Proctor__SynthSort *s = g->sorts[i];

        if (g->nts[i].symbol.n == 0 && s->parameters[0] == param) {
            *out = i;
            return 0;
        }
    }
    TRY(new_sort(g, (struct ubytes){NULL, 0}, &g->p->types[param], out));
    g->sorts[*out]->parameters[0] = param;
    g->sorts[*out]->n_parameters = 1;
    return 0;
}

static int too_many(struct sygus *g, struct loc at)
{
    return diag_set(g->p->d, ERR_LIMIT, at,
                    "more than %d productions of one non-terminal", ROWS_MAX);
}

static void add_parameter(Proctor__SynthSort *s, uint32_t param)
{
    for (size_t i = 0; i < s->n_parameters; i++) {
        if (s->parameters[i] == param) {
            return;
        }
    }
    s->parameters[s->n_parameters++] = param; /* each once: they fit */
}

static int add_constant(struct sygus *g, Proctor__SynthSort *s,
                        ProtobufCBinaryData v)
{
    for (size_t i = 0; i < s->n_constants; i++) {
        if (s->constants[i].len == v.len &&
            memcmp(s->constants[i].data, v.data, v.len) == 0) {
            return 0;
        }
    }
    if (s->n_constants == ROWS_MAX) {
        return diag_set(g->p->d, ERR_LIMIT, (struct loc){g->p->path, 0, 0},
                        "more than %d constants", ROWS_MAX);
    }
    s->constants[s->n_constants++] = v;
    return 0;
}

/* (Variable Sort): every parameter of the sort. */
static int any_variable(struct sygus *g, const struct sexp *s, uint32_t nt)
{
    struct type t;

    TRY(sygus_sort(g, s, &t));
    for (uint32_t i = 0; i < g->p->params_n; i++) {
        if (type_is_equal(&t, &g->p->types[i])) {
            add_parameter(g->sorts[nt], i);
        }
    }
    return 0;
}

static int put_number(struct sygus *g, Proctor__SynthSort *s,
                      const struct type *t, uint64_t bits)
{
    CLEANUP(buf_release) struct buf b;
    ProtobufCBinaryData v;

    buf_init(&b, 16);
    TRY(value_put_int(&b, t, bits));
    v.len = buf_len(&b);
    v.data = (uint8_t *)arena_text(g->p->arena, buf_bytes(&b).p, v.len);
    return v.data != NULL ? add_constant(g, s, v) : ERR_NOMEM;
}

/* A few constants of the type. */
static int constants_of(struct sygus *g, const struct type *t, uint32_t nt)
{
    static const char *const texts[] = {"", " ", "-", ",", ".", "/", "0"};
    static const uint64_t numbers[] = {0, 1, 2, 3, 4, 8, 10, UINT64_MAX};

    if (type_tag_at(t, 0) == TYPE_INT) {
        for (size_t i = 0; i < ARRAY_N(numbers); i++) {
            TRY(put_number(g, g->sorts[nt], t, numbers[i]));
        }
    }
    for (size_t i = 0; i < ARRAY_N(texts) &&
                       type_tag_at(t, 0) == TYPE_STRING; i++) {
        struct sexp literal = {.kind = SEXP_STRING,
                               .text = {(const uint8_t *)texts[i],
                                        strlen(texts[i])}};
        CLEANUP(buf_release) struct buf b;
        struct type same;
        ProtobufCBinaryData v;

        buf_init(&b, 64);
        TRY(sygus_literal(g, &literal, &b, &same));
        v.len = buf_len(&b);
        v.data = (uint8_t *)arena_text(g->p->arena, buf_bytes(&b).p, v.len);
        if (v.data == NULL) {
            return ERR_NOMEM;
        }
        TRY(add_constant(g, g->sorts[nt], v));
    }
    return 0;
}

/* (Constant Sort) would allow every value; here it is a few. */
static int any_constant(struct sygus *g, const struct sexp *s, uint32_t nt)
{
    struct type t;

    TRY(sygus_sort(g, s, &t));
    return type_is_equal(&t, &g->nts[nt].type)
               ? constants_of(g, &t, nt)
               : sygus_fail(g, s, "%s is not the sort of this non-terminal", "");
}

/* ite(arg0 == 1, arg1, arg2), as a macro of the usual kind makes it. */
static const char *as_if(const struct sygus_nodes *w)
{
    const Proctor__SynthNode *c = w->n == 6 ? w->v[3] : NULL;
    const Proctor__SynthNode *e = w->n == 6 ? w->v[4] : NULL;
    const Proctor__SynthNode *i = w->n == 6 ? w->v[5] : NULL;
    uint64_t v = 0;

    if (c == NULL || w->args_n != 3 || c->kind != 1 || e->kind != 2 ||
        i->kind != 2 || strcmp(e->op, "eq") != 0 || strcmp(i->op, "ite") != 0 ||
        e->args[0] + e->args[1] != 3 || e->args[0] * e->args[1] != 0 ||
        i->args[0] != 4 || i->args[1] != 1 || i->args[2] != 2 ||
        type_tag_at(&w->types[0], 0) != TYPE_INT ||
        !type_is_equal(&w->types[0], &w->types[1])) {
        return NULL;
    }
    for (size_t k = 2; k < c->constant.len; k++) {
        v = v << 8 | c->constant.data[k];
    }
    return v == 1 ? "if_one" : v == 0 ? "if_zero" : NULL;
}

/* The operator when the nodes are one of it over the arguments in their order. */
static const char *as_operator(const struct sygus_nodes *w)
{
    const Proctor__SynthNode *last = w->v[w->n - 1];

    if (last->kind != 2 || w->n != w->args_n + 1 ||
        last->n_args != w->args_n) {
        return as_if(w);
    }
    for (uint32_t i = 0; i < w->args_n; i++) {
        if (last->args[i] != i) {
            return NULL;
        }
    }
    return last->op;
}

static int add_rule(struct sygus *g, const struct sexp *s, uint32_t nt,
                    const struct sygus_nodes *w)
{
    Proctor__SynthSort *sort = g->sorts[nt];
    Proctor__SynthRule *r = arena_get(g->p->arena, sizeof(*r));
    const char *op = as_operator(w);

    if (r == NULL) {
        return ERR_NOMEM;
    }
    if (sort->n_rules == ROWS_MAX) {
        return too_many(g, sygus_loc(g, s));
    }
    proctor__synth_rule__init(r);
    r->args = arena_array(g->p->arena, w->args_n + 1, sizeof(*r->args));
    if (r->args == NULL) {
        return ERR_NOMEM;
    }
    memcpy(r->args, w->args, w->args_n * sizeof(*r->args));
    r->n_args = w->args_n;
    if (op != NULL) {
        r->op = (char *)(uintptr_t)op;
    } else {
        r->nodes = arena_array(g->p->arena, w->n, sizeof(*r->nodes));
        if (r->nodes == NULL) {
            return ERR_NOMEM;
        }
        memcpy((void *)r->nodes, (const void *)w->v, w->n * sizeof(*r->nodes));
        r->n_nodes = w->n;
    }
    sort->rules[sort->n_rules++] = r;
    return 0;
}

/* A term that is one node: a constant, a non-terminal, a parameter. */
static int add_leaf(struct sygus *g, uint32_t nt, const struct sygus_nodes *w,
                    uint32_t node)
{
    const Proctor__SynthNode *n = w->v[node];
    uint32_t other;

    if (n->kind == 1) {
        return add_constant(g, g->sorts[nt], n->constant);
    }
    other = w->args[n->args[0]];
    if (g->nts[other].symbol.n == 0) {
        add_parameter(g->sorts[nt], g->sorts[other]->parameters[0]);
    } else {
        g->includes[nt] |= 1u << other;
    }
    return 0;
}

/* The parameter of the function that the symbol names, unless a non-terminal has the
 * name; params_n if there is none. */
static uint32_t parameter_of(const struct sygus *g, const struct sexp *s)
{
    uint32_t i = 0;

    for (uint32_t k = 0; k < g->nts_n; k++) {
        if (s->kind != SEXP_SYMBOL || sygus_same(g->nts[k].symbol, s->text)) {
            return g->p->params_n;
        }
    }
    while (i < g->p->params_n && !sexp_is(s, g->p->symbols[i])) {
        i++;
    }
    return i;
}

static int add_production(struct sygus *g, const struct sexp *s, uint32_t nt)
{
    struct sygus_nodes *w = arena_get(g->p->arena, sizeof(*w));
    uint32_t param = parameter_of(g, s);
    uint32_t node = 0;
    struct type t;

    if (w == NULL) {
        return ERR_NOMEM;
    }
    if ((sexp_is_form(s, "Constant") || sexp_is_form(s, "Variable") ||
         sexp_is_form(s, "InputVariable")) && s->n == 2) {
        return sexp_is(s->first, "Constant")
                   ? any_constant(g, sexp_at(s, 1), nt)
                   : any_variable(g, sexp_at(s, 1), nt);
    }
    if (param < g->p->params_n) {
        t = g->p->types[param];
    } else {
        TRY(sygus_term(g, s, w, &node, &t));
    }
    if (!type_is_equal(&t, &g->nts[nt].type)) {
        return sygus_fail(g, s, "%s is not of the sort of its non-terminal", "");
    }
    if (param < g->p->params_n) {
        add_parameter(g->sorts[nt], param);
        return 0;
    }
    return w->v[node]->kind == 2 ? add_rule(g, s, nt, w)
                                 : add_leaf(g, nt, w, node);
}

/* What one non-terminal may be because another one may be it. */
static int include(struct sygus *g, uint32_t into, uint32_t from)
{
    Proctor__SynthSort *a = g->sorts[into];
    const Proctor__SynthSort *b = g->sorts[from];

    for (size_t i = 0; i < b->n_parameters; i++) {
        add_parameter(a, b->parameters[i]);
    }
    for (size_t i = 0; i < b->n_constants; i++) {
        TRY(add_constant(g, a, b->constants[i]));
    }
    for (size_t i = 0; i < b->n_rules; i++) {
        size_t k = 0;

        while (k < a->n_rules && a->rules[k] != b->rules[i]) {
            k++;
        }
        if (k == ROWS_MAX) {
            return too_many(g, (struct loc){g->p->path, 0, 0});
        }
        if (k == a->n_rules) {
            a->rules[a->n_rules++] = b->rules[i];
        }
    }
    return 0;
}

static int close_includes(struct sygus *g)
{
    for (uint32_t k = 0; k < g->nts_n; k++) { /* Warshall */
        for (uint32_t i = 0; i < g->nts_n; i++) {
            if ((g->includes[i] >> k & 1) != 0) {
                g->includes[i] |= g->includes[k];
            }
        }
    }
    for (uint32_t i = 0; i < g->nts_n; i++) {
        for (uint32_t k = 0; k < g->nts_n; k++) {
            if (k != i && (g->includes[i] >> k & 1) != 0) {
                TRY(include(g, i, k));
            }
        }
    }
    return 0;
}

static int declare(struct sygus *g, const struct sexp *list)
{
    if (list->kind != SEXP_LIST || list->first == NULL) {
        return sygus_fail(g, list, "expected a grammar, found %s",
                          "((Start Int (x 0 (+ Start Start))))");
    }
    for (const struct sexp *s = list->first; s != NULL; s = s->next) {
        const struct sexp *name = sygus_part(g, s, 0, "a non-terminal");
        const struct sexp *sort = sygus_part(g, s, 1, "a non-terminal");
        struct ubytes symbol;
        struct type t;
        uint32_t nt;

        if (name == NULL || sort == NULL) {
            return ERR_INPUT;
        }
        TRY(sygus_symbol(g, name, "a non-terminal", &symbol));
        TRY(sygus_sort(g, sort, &t));
        for (uint32_t i = 0; i < g->nts_n; i++) {
            if (sygus_same(g->nts[i].symbol, symbol)) {
                return sygus_fail(g, name, "the non-terminal %s is there already",
                                  "");
            }
        }
        TRY(new_sort(g, symbol, &t, &nt));
    }
    return 0;
}

/* Version 2: what stands in the two lists must agree. */
static int agree(struct sygus *g, const struct sexp *declared,
                 const struct sexp *list)
{
    const struct sexp *b = list->first;

    for (const struct sexp *a = declared->first; a != NULL; a = a->next) {
        struct type x;
        struct type y;

        if (b == NULL || a->n != 2 || b->n != 3 ||
            a->first->kind != SEXP_SYMBOL || b->first->kind != SEXP_SYMBOL ||
            !sygus_same(a->first->text, b->first->text)) {
            return sygus_fail(g, b != NULL ? b : list,
                              "%s is not the non-terminal that is declared",
                              "the two lists name the same ones in one order");
        }
        TRY(sygus_sort(g, sexp_at(a, 1), &x));
        TRY(sygus_sort(g, sexp_at(b, 1), &y));
        if (!type_is_equal(&x, &y)) {
            return sygus_fail(g, b, "%s has another sort than declared", "");
        }
        b = b->next;
    }
    return b == NULL ? 0
                     : sygus_fail(g, b, "%s is not declared",
                                  "version 2 names all non-terminals first");
}

static int keep_sorts(struct sygus *g)
{
    g->p->sorts = arena_array(g->p->arena, g->nts_n, sizeof(*g->p->sorts));
    if (g->p->sorts == NULL) {
        return ERR_NOMEM;
    }
    memcpy((void *)g->p->sorts, (const void *)g->sorts,
           g->nts_n * sizeof(*g->sorts));
    g->p->sorts_n = g->nts_n;
    return 0;
}

/* The non-terminal of a type, made when it is not there. */
static int sort_of(struct sygus *g, const struct type *t, uint32_t *out)
{
    for (*out = 0; *out < g->nts_n; (*out)++) {
        if (type_is_equal(&g->nts[*out].type, t)) {
            return 0;
        }
    }
    TRY(new_sort(g, (struct ubytes){NULL, 0}, t, out));
    for (uint32_t i = 0; i < g->p->params_n; i++) {
        if (type_is_equal(&g->p->types[i], t)) {
            add_parameter(g->sorts[*out], i);
        }
    }
    return 0;
}

static int default_constants(struct sygus *g, uint32_t nt)
{
    const struct type *t = &g->nts[nt].type;

    return type_tag_at(t, 0) == TYPE_BOOL ? 0 : constants_of(g, t, nt);
}

/* Every symbol at every sort that is there, or is needed by another. */
int sygus_default(struct sygus *g)
{
    static const char *const more[] = {"string", "i64", "bool"};
    uint32_t nt;

    TRY(sort_of(g, &g->p->gives, &nt));
    for (uint32_t i = 0; i < g->p->params_n; i++) {
        TRY(sort_of(g, &g->p->types[i], &nt));
    }
    for (uint32_t i = 0, n = g->nts_n; i < n; i++) {
        struct type t = g->nts[i].type;
        int from = type_tag_at(&t, 0) == TYPE_STRING ? 1 : 2;

        for (size_t k = (size_t)from; k < ARRAY_N(more); k++) {
            TRY(type_from_name(more[k], &t));
            TRY(sort_of(g, &t, &nt));
        }
    }
    for (uint32_t i = 0; i < g->nts_n; i++) {
        TRY(default_constants(g, i));
        TRY(sygus_add_symbols(g, i));
    }
    return keep_sorts(g);
}

/* One operator over sorts. */
int sygus_add_operator(struct sygus *g, uint32_t nt, const char *op,
                       const uint32_t *sorts, uint32_t n)
{
    Proctor__SynthSort *sort = g->sorts[nt];
    Proctor__SynthRule *r = arena_get(g->p->arena, sizeof(*r));

    if (r == NULL) {
        return ERR_NOMEM;
    }
    ASSERT(sort->n_rules < ROWS_MAX);
    proctor__synth_rule__init(r);
    r->op = (char *)(uintptr_t)op;
    r->args = arena_array(g->p->arena, n + 1, sizeof(*r->args));
    if (r->args == NULL) {
        return ERR_NOMEM;
    }
    memcpy(r->args, sorts, n * sizeof(*sorts));
    r->n_args = n;
    sort->rules[sort->n_rules++] = r;
    return 0;
}

int sygus_grammar(struct sygus *g, const struct sexp *declared,
                  const struct sexp *list)
{
    uint32_t nt = 0;

    TRY(declare(g, list));
    if (declared != NULL) {
        TRY(agree(g, declared, list));
    }
    if (!type_is_equal(&g->nts[0].type, &g->p->gives)) {
        return sygus_fail(g, list->first->first,
                          "%s, the first non-terminal, has not the sort of the "
                          "function", "");
    }
    for (const struct sexp *s = list->first; s != NULL; s = s->next, nt++) {
        const struct sexp *rows = sygus_part(g, s, 2, "a non-terminal");

        if (rows == NULL) {
            return ERR_INPUT;
        }
        if (rows->kind != SEXP_LIST || s->n != 3) {
            return sygus_fail(g, s, "%s has no list of productions",
                              "(Start Int (x 0 (+ Start Start)))");
        }
        for (const struct sexp *r = rows->first; r != NULL; r = r->next) {
            TRY(add_production(g, r, nt));
        }
    }
    TRY(close_includes(g));
    sygus_tidy(g);
    return keep_sorts(g);
}
