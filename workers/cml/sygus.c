/* Commands of SyGuS files. Runs in the `cml` worker. */
#include "workers/cml/sygus.h"

#include <string.h>

#include "proto/err.h"
#include "workers/cml/sygus_int.h"

static const char EXAMPLES[] = "examples are read: (= (f input ...) output), or "
                               "several of them in (and ...)";

int sygus_is(struct ubytes in)
{
    int comment = 0;

    for (size_t i = 0; i < in.n; i++) {
        uint8_t c = in.p[i];

        if (comment || c == ';') {
            comment = c != '\n';
        } else if (c != ' ' && c != '\t' && c != '\r' && c != '\n') {
            return c == '(';
        }
    }
    return comment;
}

/* A symbol as text of its own. */
static const char *keep(struct sygus *g, struct ubytes s)
{
    return arena_text(g->p->arena, s.p, s.n);
}

static int set_logic(struct sygus *g, const struct sexp *s)
{
    static const char *const known[] = {"BV",       "SLIA",      "S",
                                        "LIA",      "NIA",       "ALL",
                                        "PBE_BV",   "PBE_SLIA",  "PBE_Strings",
                                        "QF_BV",    "QF_SLIA",   "QF_S",
                                        "QF_LIA",   "UFSLIA"};
    const struct sexp *name = sygus_part(g, s, 1, "set-logic");

    if (name == NULL) {
        return ERR_INPUT;
    }
    for (size_t i = 0; i < ARRAY_N(known); i++) {
        if (sexp_is(name, known[i])) {
            return 0;
        }
    }
    return sygus_fail(g, name, "the logic %s is not known here",
                      "BV, SLIA, S or LIA");
}

static int declare_var(struct sygus *g, const struct sexp *s)
{
    const struct sexp *name = sygus_part(g, s, 1, "declare-var");
    const struct sexp *sort = sygus_part(g, s, 2, "declare-var");
    struct sygus_name *v = &g->vars[g->vars_n];

    if (name == NULL || sort == NULL) {
        return ERR_INPUT;
    }
    if (g->vars_n == ARRAY_N(g->vars)) {
        return diag_set(g->p->d, ERR_LIMIT, sygus_loc(g, s),
                        "more than %zu variables", ARRAY_N(g->vars));
    }
    TRY(sygus_symbol(g, name, "a variable's name", &v->symbol));
    TRY(sygus_sort(g, sort, &v->type));
    g->vars_n++;
    return 0;
}

static int define_fun(struct sygus *g, const struct sexp *s)
{
    struct sygus_macro *m = arena_get(g->p->arena, sizeof(*m));

    if (m == NULL) {
        return ERR_NOMEM;
    }
    if (s->n != 5) {
        return sygus_fail(g, s, "%s has not five parts",
                          "(define-fun name ((x Int)) Int term)");
    }
    TRY(sygus_symbol(g, sexp_at(s, 1), "the name of a macro", &m->symbol));
    if (sygus_macro_find(g, m->symbol) != NULL) {
        return sygus_fail(g, sexp_at(s, 1), "%s is defined already", "");
    }
    TRY(sygus_names(g, sexp_at(s, 2), m->params, PBE_PARAMS_MAX,
                    &m->params_n));
    TRY(sygus_sort(g, sexp_at(s, 3), &m->gives));
    m->body = sexp_at(s, 4);
    TRY(sygus_check_macro(g, m));
    m->next = g->macros;
    g->macros = m;
    return 0;
}

static int synth_fun(struct sygus *g, const struct sexp *s)
{
    struct sygus_name params[PBE_PARAMS_MAX];
    struct pbe *p = g->p;

    if (g->fun.n > 0) {
        return sygus_fail(g, s, "a second function is to be found",
                          "one synth-fun in a file");
    }
    if (s->n < 4 || s->n > 6) {
        return sygus_fail(g, s, "%s has not four to six parts",
                          "(synth-fun f ((x Int)) Int), and a grammar if wanted");
    }
    TRY(sygus_symbol(g, sexp_at(s, 1), "the name of the function", &g->fun));
    TRY(sygus_names(g, sexp_at(s, 2), params, PBE_PARAMS_MAX, &p->params_n));
    TRY(sygus_sort(g, sexp_at(s, 3), &p->gives));
    p->symbol = keep(g, g->fun);
    p->name = pbe_name(p, g->fun);
    if (p->name == NULL || p->symbol == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < p->params_n; i++) {
        p->types[i] = params[i].type;
        p->symbols[i] = keep(g, params[i].symbol);
        p->params[i] = pbe_name(p, params[i].symbol);
        if (p->symbols[i] == NULL || p->params[i] == NULL) {
            return ERR_NOMEM;
        }
    }
    TRY(pbe_close_types(p));
    if (s->n == 4) {
        return sygus_default(g);
    }
    return s->n == 5 ? sygus_grammar(g, NULL, sexp_at(s, 4))
                     : sygus_grammar(g, sexp_at(s, 4), sexp_at(s, 5));
}

/* --- constraints --- */

static int is_call(const struct sygus *g, const struct sexp *s)
{
    return s->kind == SEXP_LIST && s->first != NULL &&
           s->first->kind == SEXP_SYMBOL && sygus_same(s->first->text, g->fun);
}

/* A constant of this sort, as a value. */
static int value(struct sygus *g, const struct sexp *s, const struct type *t,
                 struct buf *out)
{
    struct type found;

    for (uint32_t i = 0; i < g->vars_n && s->kind == SEXP_SYMBOL; i++) {
        if (sygus_same(g->vars[i].symbol, s->text)) {
            return sygus_fail(g, s, "a constraint over the variable %s",
                              EXAMPLES);
        }
    }
    if (!sygus_is_literal(s)) {
        return sygus_fail(g, s, "%s is no constant", EXAMPLES);
    }
    TRY(sygus_literal(g, s, out, &found));
    return type_is_equal(&found, t)
               ? 0
               : sygus_fail(g, s, "%s is of another sort than expected here",
                            "that of the parameter, or of the function's value");
}

/* (f a b) = out; out NULL: a Bool that is `holds`. */
static int example(struct sygus *g, const struct sexp *call,
                   const struct sexp *out, int holds)
{
    CLEANUP(buf_release) struct buf in;
    CLEANUP(buf_release) struct buf to;
    const struct sexp *a = call->first->next;

    buf_init(&in, 1u << 20);
    buf_init(&to, 1u << 20);
    if (call->n != g->p->params_n + 1) {
        return sygus_fail(g, call, "%s has another number of arguments",
                          "as many as the function has parameters");
    }
    TRY(value_put_tuple(&in, g->p->params_n));
    for (uint32_t i = 0; a != NULL; a = a->next, i++) {
        TRY(value(g, a, &g->p->types[i], &in));
    }
    if (out != NULL) {
        TRY(value(g, out, &g->p->gives, &to));
    } else if (type_tag_at(&g->p->gives, 0) == TYPE_BOOL) {
        TRY(value_put_bool(&to, holds));
    } else {
        return sygus_fail(g, call, "%s is no Bool", EXAMPLES);
    }
    return pbe_add(g->p, buf_bytes(&in), buf_bytes(&to),
                       sygus_loc(g, call));
}

/* NOLINTNEXTLINE(misc-no-recursion): at most SEXP_DEPTH_MAX deep */
static int constraint(struct sygus *g, const struct sexp *s)
{
    const struct sexp *a = sexp_at(s, 1);
    const struct sexp *b = sexp_at(s, 2);

    if (sexp_is_form(s, "and")) {
        for (; a != NULL; a = a->next) {
            TRY(constraint(g, a));
        }
        return 0;
    }
    if (is_call(g, s)) {
        return example(g, s, NULL, 1);
    }
    if (sexp_is_form(s, "not") && s->n == 2 && is_call(g, a)) {
        return example(g, a, NULL, 0);
    }
    if (sexp_is_form(s, "=") && s->n == 3 && is_call(g, a)) {
        return example(g, a, b, 1);
    }
    if (sexp_is_form(s, "=") && s->n == 3 && is_call(g, b)) {
        return example(g, b, a, 1);
    }
    return sygus_fail(g, s, "the constraint %s is no example", EXAMPLES);
}

static int constrain(struct sygus *g, const struct sexp *s)
{
    if (g->fun.n == 0) {
        return sygus_fail(g, s, "%s before the synth-fun", "synth-fun first");
    }
    if (s->n != 2) {
        return sygus_fail(g, s, "%s has not two parts",
                          "(constraint (= (f #x00) #x01))");
    }
    return constraint(g, sexp_at(s, 1));
}

static int ignore(struct sygus *g, const struct sexp *s)
{
    (void)g;
    (void)s;
    return 0;
}

static const struct {
    const char *name;
    int (*read)(struct sygus *g, const struct sexp *s);
} commands[] = {{"set-logic", set_logic},     {"declare-var", declare_var},
                {"define-fun", define_fun},   {"synth-fun", synth_fun},
                {"constraint", constrain},    {"set-option", ignore},
                {"set-options", ignore},      {"set-info", ignore},
                {"set-feature", ignore},      {"check-synth", ignore}};

static int command(struct sygus *g, const struct sexp *s)
{
    const char *names[ARRAY_N(commands)];
    char word[64];
    const char *near;

    if (s->kind != SEXP_LIST || s->first == NULL) {
        return sygus_fail(g, s, "%s is no command", "(set-logic BV) and the like");
    }
    for (size_t i = 0; i < ARRAY_N(commands); i++) {
        if (sexp_is(s->first, commands[i].name)) {
            return commands[i].read(g, s);
        }
        names[i] = commands[i].name;
    }
    near = diag_nearest(sexp_show(s->first, word, sizeof(word)), names,
                        ARRAY_N(commands));
    (void)sygus_fail(g, s->first, "the command %s is not known here",
                     "set-logic, define-fun, declare-var, synth-fun, constraint, "
                     "check-synth");
    if (near != NULL) {
        diag_hint(g->p->d, "did you mean \"%s\"?", near);
    }
    return ERR_INPUT;
}

int sygus_read(struct pbe *p, struct ubytes in)
{
    struct sygus *g = arena_get(p->arena, sizeof(*g));
    const struct sexp *all;
    int asked = 0;

    if (g == NULL) {
        return ERR_NOMEM;
    }
    g->p = p;
    p->format = "SyGuS";
    TRY(sexp_read(in, p->path, p->arena, &all, p->d));
    for (const struct sexp *s = all->first; s != NULL; s = s->next) {
        if (asked) {
            return sygus_fail(g, s, "%s stands after check-synth",
                              "one question in a file");
        }
        TRY(command(g, s));
        asked = sexp_is_form(s, "check-synth");
    }
    if (g->fun.n == 0 || !asked) {
        (void)diag_set(p->d, ERR_INPUT, (struct loc){p->path, 0, 0},
                       g->fun.n == 0 ? "there is no synth-fun in it"
                                     : "there is no check-synth at its end");
        diag_hint(p->d, "(synth-fun f ((x Int)) Int) (constraint (= (f 1) 2)) "
                        "(check-synth)");
        return ERR_INPUT;
    }
    return 0;
}
