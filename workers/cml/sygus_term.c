/* Terms of SMT-LIB as nodes of the enumerator's rules. Runs in the `cml` worker;
 * recursion is bounded by SEXP_DEPTH_MAX and SYGUS_DEPTH_MAX, work by
 * SYGUS_STEPS_MAX. */
#include <string.h>

#include "proto/err.h"
#include "workers/cml/sygus_int.h"

enum how { PLAIN, LEFT, NOT };

static const struct smt {
    const char *symbol;
    const char *signature;
    const char *op;
    enum how how;
} symbols[] = {
#define SMT(symbol, signature, op, how) {symbol, signature, op, how},
#include "workers/cml/smt.def"
};

/* The term being written: what macros bind, level by level. */
struct scope {
    const struct sygus_name *names; /* NULL: the level of the grammar */
    const uint32_t *nodes;
    uint32_t n;
    uint32_t depth;
};

const struct sygus_macro *sygus_macro_find(const struct sygus *g,
                                           struct ubytes symbol)
{
    const struct sygus_macro *m = g->macros;

    while (m != NULL && !sygus_same(m->symbol, symbol)) {
        m = m->next;
    }
    return m;
}

static int add_node(struct sygus *g, const struct sexp *s,
                    struct sygus_nodes *w, uint32_t args_n,
                    Proctor__SynthNode **out)
{
    Proctor__SynthNode *n = arena_get(g->p->arena, sizeof(*n));

    if (n == NULL) {
        return ERR_NOMEM;
    }
    if (w->n == SYNTH_NODES_MAX) {
        return diag_set(g->p->d, ERR_LIMIT, sygus_loc(g, s),
                        "written out, a rule of more than %u operators and "
                        "constants",
                        SYNTH_NODES_MAX);
    }
    proctor__synth_node__init(n);
    n->args = arena_array(g->p->arena, args_n + 1, sizeof(*n->args));
    if (n->args == NULL) {
        return ERR_NOMEM;
    }
    n->n_args = args_n;
    w->v[w->n++] = n;
    *out = n;
    return 0;
}

/* A non-terminal that stands in the rule. */
static int put_argument(struct sygus *g, const struct sexp *s,
                        struct sygus_nodes *w, uint32_t sort,
                        uint32_t *out_node)
{
    Proctor__SynthNode *n;

    if (w->args_n == SYNTH_ARGS_MAX) {
        return diag_set(g->p->d, ERR_LIMIT, sygus_loc(g, s),
                        "more than %u non-terminals and parameters in one rule",
                        SYNTH_ARGS_MAX);
    }
    TRY(add_node(g, s, w, 1, &n));
    n->args[0] = w->args_n;
    w->args[w->args_n++] = sort;
    *out_node = w->n - 1;
    w->types[*out_node] = g->nts[sort].type;
    return 0;
}

static int put_literal(struct sygus *g, const struct sexp *s,
                       struct sygus_nodes *w, uint32_t *out_node)
{
    CLEANUP(buf_release) struct buf value;
    Proctor__SynthNode *n;
    struct type *t;

    buf_init(&value, 1u << 20);
    TRY(add_node(g, s, w, 0, &n));
    *out_node = w->n - 1;
    t = &w->types[*out_node];
    TRY(sygus_literal(g, s, &value, t));
    n->kind = 1;
    n->type = (ProtobufCBinaryData){
        t->n, (uint8_t *)arena_text(g->p->arena, t->b, t->n)};
    n->constant = (ProtobufCBinaryData){
        buf_len(&value), (uint8_t *)arena_text(g->p->arena,
                                               buf_bytes(&value).p,
                                               buf_len(&value))};
    return n->type.data != NULL && n->constant.data != NULL ? 0 : ERR_NOMEM;
}

/* The value of a constant of a bit-vector sort; -1 when it is none or large. */
static long constant_at(const struct sygus_nodes *w, uint32_t i)
{
    const Proctor__SynthNode *n = w->v[i];
    uint64_t v = 0;

    if (n->kind != 1 || type_tag_at(&w->types[i], 0) != TYPE_INT) {
        return -1;
    }
    for (size_t k = 2; k < n->constant.len; k++) {
        v = v << 8 | n->constant.data[k];
    }
    return v < 1024 ? (long)v : -1;
}

/* Shifts by the last node, a constant that was written for this one alone, when
 * there is an operator for that. */
static void shorten(struct sygus_nodes *w)
{
    static const struct {
        const char *op;
        long by;
        const char *own;
    } shifts[] = {{"shr", 1, "shr1"}, {"shr", 4, "shr4"}, {"shr", 16, "shr16"},
                  {"shl", 1, "shl1"}};
    Proctor__SynthNode *n = w->v[w->n - 1];
    unsigned width = w->types[w->n - 1].b[1] & ~(unsigned)TYPE_UNSIGNED;

    for (size_t i = 0; i < ARRAY_N(shifts) && n->n_args == 2; i++) {
        if (strcmp(n->op, shifts[i].op) == 0 &&
            constant_at(w, n->args[1]) == shifts[i].by &&
            shifts[i].by < 8 * (long)width) {
            n->op = (char *)(uintptr_t)shifts[i].own;
            n->n_args = 1;
            w->types[w->n - 2] = w->types[w->n - 1];
            w->v[w->n - 2] = n;
            w->n--;
            return;
        }
    }
}

static int put_op(struct sygus *g, const struct sexp *s, struct sygus_nodes *w,
                  const char *op, const uint32_t *args, uint32_t args_n,
                  const struct type *gives)
{
    Proctor__SynthNode *n;

    TRY(add_node(g, s, w, args_n, &n));
    n->kind = 2;
    n->op = (char *)(uintptr_t)op;
    for (uint32_t i = 0; i < args_n; i++) {
        n->args[i] = args[i];
    }
    w->types[w->n - 1] = *gives;
    return 0;
}

/* Does a letter of a signature stand for t? *any is what w and a stand for. */
static int fits(char letter, const struct type *t, struct type *any)
{
    int integer = type_tag_at(t, 0) == TYPE_INT;
    int is_unsigned = integer && (t->b[1] & TYPE_UNSIGNED) != 0;

    switch (letter) {
    case 'b':
        return type_tag_at(t, 0) == TYPE_BOOL;
    case 's':
        return type_tag_at(t, 0) == TYPE_STRING;
    case 'i':
        return integer && !is_unsigned;
    default:
        if (letter == 'w' && !is_unsigned) {
            return 0;
        }
        if (any->n == 0) {
            *any = *t;
        }
        return type_is_equal(any, t);
    }
}

static const char *letter_name(char letter)
{
    return letter == 'b'   ? "Bool"
           : letter == 's' ? "String"
           : letter == 'i' ? "Int"
           : letter == 'w' ? "a bit-vector"
                           : "the sort of the others";
}

static const char *sort_name(const struct type *t, char out[static 24])
{
    static const char *const vectors[] = {
        [1] = "(_ BitVec 8)", [2] = "(_ BitVec 16)", [4] = "(_ BitVec 32)",
        [8] = "(_ BitVec 64)"};

    if (type_tag_at(t, 0) == TYPE_INT && (t->b[1] & TYPE_UNSIGNED) != 0) {
        return vectors[t->b[1] & 15];
    }
    type_text(t, out, 24);
    return type_tag_at(t, 0) == TYPE_INT      ? "Int"
           : type_tag_at(t, 0) == TYPE_STRING ? "String"
                                              : "Bool";
}

static int wrong_sort(struct sygus *g, const struct sexp *form,
                      const struct sexp *s, char letter, const struct type *t)
{
    char name[24];
    char shown[80];

    (void)diag_set(g->p->d, ERR_INPUT, sygus_loc(g, s),
                   "%s is %s; %.*s takes %s there",
                   sexp_show(s, shown, sizeof(shown)), sort_name(t, name),
                   (int)form->first->text.n, (const char *)form->first->text.p,
                   letter_name(letter));
    return ERR_INPUT;
}

/* The row of a symbol for so many arguments. *out_known: the symbol is there. */
static const struct smt *find_symbol(const struct sexp *s, uint32_t args_n,
                                     int *out_known)
{
    *out_known = 0;
    for (size_t i = 0; i < ARRAY_N(symbols); i++) {
        uint32_t n = (uint32_t)(strchr(symbols[i].signature, '>') -
                                symbols[i].signature);

        if (sexp_is(s, symbols[i].symbol)) {
            *out_known = 1;
            if (n == args_n || (symbols[i].how == LEFT && args_n > n)) {
                return &symbols[i];
            }
        }
    }
    return NULL;
}

static int unknown_symbol(struct sygus *g, const struct sexp *s)
{
    const char *names[ARRAY_N(symbols)];
    char word[64];
    const char *near;

    if (s->kind != SEXP_SYMBOL) {
        return sygus_fail(g, s, "%s stands where an operator should",
                          "(operator argument ...)");
    }
    for (size_t i = 0; i < ARRAY_N(symbols); i++) {
        names[i] = symbols[i].symbol;
    }
    sexp_show(s, word, sizeof(word));
    near = s->text.n > 2 ? diag_nearest(word, names, ARRAY_N(symbols)) : NULL;
    (void)sygus_fail(g, s, "the operator %s is not known here",
                     "operators that are read: docs/synth-files.md");
    if (near != NULL) {
        diag_hint(g->p->d, "did you mean \"%s\"?", near);
    }
    return ERR_INPUT;
}

static int term(struct sygus *g, const struct sexp *s, struct sygus_nodes *w,
                const struct scope *in, uint32_t *out_node);

struct applied {
    const struct sexp *form;
    const struct sexp *at[PBE_PARAMS_MAX];
    uint32_t nodes[PBE_PARAMS_MAX];
    uint32_t n;
};

/* NOLINTNEXTLINE(misc-no-recursion): SEXP_DEPTH_MAX */
static int arguments(struct sygus *g, const struct sexp *s,
                     struct sygus_nodes *w, const struct scope *in,
                     struct applied *out)
{
    out->form = s;
    out->n = 0;
    for (const struct sexp *a = s->first->next; a != NULL; a = a->next) {
        if (out->n == PBE_PARAMS_MAX) {
            return diag_set(g->p->d, ERR_LIMIT, sygus_loc(g, a),
                            "more than %u arguments", PBE_PARAMS_MAX);
        }
        out->at[out->n] = a;
        TRY(term(g, a, w, in, &out->nodes[out->n]));
        out->n++;
    }
    return 0;
}

static int put_symbol(struct sygus *g, const struct smt *m, struct applied *a,
                      struct sygus_nodes *w, uint32_t *out_node)
{
    uint32_t n = (uint32_t)(strchr(m->signature, '>') - m->signature);
    char gives = m->signature[n + 1];
    struct type any = {0};
    struct type to = {0};

    for (uint32_t i = 0; i < a->n; i++) {
        char letter = m->signature[i < n ? i : n - 1];

        if (!fits(letter, &w->types[a->nodes[i]], &any)) {
            return wrong_sort(g, a->form, a->at[i], letter,
                              &w->types[a->nodes[i]]);
        }
    }
    if (gives == 'w' || gives == 'a') {
        to = any;
    } else {
        TRY(type_from_name(gives == 'b'   ? "bool"
                           : gives == 's' ? "string"
                                          : "i64",
                           &to));
    }
    TRY(put_op(g, a->form, w, m->op, a->nodes, n, &to));
    if (a->n == 2 && sygus_is_literal(a->at[1])) {
        shorten(w);
    }
    for (uint32_t i = n; i < a->n; i++) {
        uint32_t two[2] = {w->n - 1, a->nodes[i]};

        TRY(put_op(g, a->form, w, m->op, two, 2, &to));
    }
    if (m->how == NOT) {
        uint32_t one = w->n - 1;

        TRY(put_op(g, a->form, w, "not", &one, 1, &to));
    }
    *out_node = w->n - 1;
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): SYGUS_DEPTH_MAX */
static int put_macro(struct sygus *g, const struct sygus_macro *m,
                     const struct applied *a, struct sygus_nodes *w,
                     const struct scope *in, uint32_t *out_node)
{
    struct scope inner = {m->params, a->nodes, m->params_n, in->depth + 1};

    if (a->n != m->params_n) {
        return sygus_fail(g, a->form, "%s has another number of arguments",
                          "as many as its define-fun has parameters");
    }
    for (uint32_t i = 0; i < a->n; i++) {
        if (!type_is_equal(&w->types[a->nodes[i]], &m->params[i].type)) {
            char name[24];
            char shown[80];

            (void)diag_set(g->p->d, ERR_INPUT, sygus_loc(g, a->at[i]),
                           "%s is not of the sort %s",
                           sexp_show(a->at[i], shown, sizeof(shown)),
                           sort_name(&m->params[i].type, name));
            return ERR_INPUT;
        }
    }
    if (inner.depth > SYGUS_DEPTH_MAX) {
        return diag_set(g->p->d, ERR_LIMIT, sygus_loc(g, a->form),
                        "macros nested more than %u deep", SYGUS_DEPTH_MAX);
    }
    return term(g, m->body, w, &inner, out_node);
}

/* A name without arguments. */
static int put_name(struct sygus *g, const struct sexp *s,
                    struct sygus_nodes *w, const struct scope *in,
                    uint32_t *out_node)
{
    const struct sygus_macro *m = sygus_macro_find(g, s->text);
    struct applied none = {.form = s};

    for (uint32_t i = 0; i < in->n; i++) {
        if (sygus_same(in->names[i].symbol, s->text)) {
            *out_node = in->nodes[i];
            return 0;
        }
    }
    for (uint32_t i = 0; in->names == NULL && i < g->nts_n; i++) {
        if (sygus_same(g->nts[i].symbol, s->text)) {
            return put_argument(g, s, w, i, out_node);
        }
    }
    for (uint32_t i = 0; in->names == NULL && i < g->p->params_n; i++) {
        struct ubytes name = {(const uint8_t *)g->p->symbols[i],
                              strlen(g->p->symbols[i])};
        uint32_t sort;

        if (sygus_same(name, s->text)) {
            TRY(sygus_param_sort(g, i, &sort));
            return put_argument(g, s, w, sort, out_node);
        }
    }
    if (m != NULL && m->params_n == 0) {
        return put_macro(g, m, &none, w, in, out_node);
    }
    return sygus_fail(g, s, "nothing is called %s here",
                      "parameters, non-terminals and macros without parameters "
                      "have names");
}

/* NOLINTNEXTLINE(misc-no-recursion): SEXP_DEPTH_MAX, SYGUS_DEPTH_MAX */
static int term(struct sygus *g, const struct sexp *s, struct sygus_nodes *w,
                const struct scope *in, uint32_t *out_node)
{
    const struct sygus_macro *m;
    struct applied a;
    int known;

    if (g->steps++ == SYGUS_STEPS_MAX) {
        return diag_set(g->p->d, ERR_LIMIT, sygus_loc(g, s),
                        "macros that are too long when they are written out");
    }
    if (sygus_is_literal(s)) {
        return put_literal(g, s, w, out_node);
    }
    if (s->kind == SEXP_SYMBOL) {
        return put_name(g, s, w, in, out_node);
    }
    if (s->kind != SEXP_LIST || s->first == NULL) {
        return sygus_fail(g, s, "%s is no term", "(operator argument ...)");
    }
    m = s->first->kind == SEXP_SYMBOL ? sygus_macro_find(g, s->first->text)
                                      : NULL;
    if (m == NULL) {
        (void)find_symbol(s->first, s->n - 1, &known);
        if (!known) {
            return unknown_symbol(g, s->first);
        }
    }
    TRY(arguments(g, s, w, in, &a));
    if (m != NULL) {
        return put_macro(g, m, &a, w, in, out_node);
    }
    if (find_symbol(s->first, a.n, &known) == NULL) {
        return sygus_fail(g, s, "%s has a number of arguments that it cannot have",
                          "as SMT-LIB has it");
    }
    return put_symbol(g, find_symbol(s->first, a.n, &known), &a, w, out_node);
}

int sygus_term(struct sygus *g, const struct sexp *s, struct sygus_nodes *w,
               uint32_t *out_node, struct type *out_type)
{
    struct scope top = {.names = NULL};

    TRY(term(g, s, w, &top, out_node));
    *out_type = w->types[*out_node];
    return 0;
}

int sygus_check_macro(struct sygus *g, const struct sygus_macro *m)
{
    struct sygus_nodes *w = arena_get(g->p->arena, sizeof(*w));
    uint32_t nodes[PBE_PARAMS_MAX];
    struct scope in = {m->params, nodes, m->params_n, 1};
    uint32_t out = 0;

    if (w == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < m->params_n; i++) {
        Proctor__SynthNode *n;

        TRY(add_node(g, m->body, w, 1, &n));
        w->types[i] = m->params[i].type;
        nodes[i] = i;
    }
    TRY(term(g, m->body, w, &in, &out));
    if (!type_is_equal(&w->types[out], &m->gives)) {
        char name[24];
        char shown[80];

        (void)diag_set(g->p->d, ERR_INPUT, sygus_loc(g, m->body),
                       "%s is %s, and is to be another sort",
                       sexp_show(m->body, shown, sizeof(shown)),
                       sort_name(&w->types[out], name));
        return ERR_INPUT;
    }
    return 0;
}

/* The sort of a letter, for symbols over the sort t; -1 if there is none. */
static int letter_sort(const struct sygus *g, char letter, const struct type *t)
{
    for (uint32_t i = 0; i < g->nts_n; i++) {
        struct type any = letter == 'w' || letter == 'a' ? *t
                                                         : (struct type){0};

        if (fits(letter, &g->nts[i].type, &any)) {
            return (int)i;
        }
    }
    return -1;
}

/* One symbol, w and a being t, when its value is of the sort nt. */
static int add_symbol(struct sygus *g, const struct smt *m, uint32_t nt,
                      const struct type *t)
{
    uint32_t n = (uint32_t)(strchr(m->signature, '>') - m->signature);
    uint32_t sorts[SYNTH_ARGS_MAX];

    if (m->how == NOT || letter_sort(g, m->signature[n + 1], t) != (int)nt) {
        return 0;
    }
    for (uint32_t i = 0; i < n; i++) {
        int sort = letter_sort(g, m->signature[i], t);

        if (sort < 0) {
            return 0;
        }
        sorts[i] = (uint32_t)sort;
    }
    return sygus_add_operator(g, nt, m->op, sorts, n);
}

int sygus_add_symbols(struct sygus *g, uint32_t nt)
{
    for (size_t i = 0; i < ARRAY_N(symbols); i++) {
        const struct smt *m = &symbols[i];
        int generic = strpbrk(m->signature, "wa") != NULL;
        int again = 0;

        for (size_t k = 0; k < i; k++) { /* a second name for the same */
            again |= strcmp(symbols[k].op, m->op) == 0 &&
                     strcmp(symbols[k].signature, m->signature) == 0;
        }
        for (uint32_t s = 0; !again && s < (generic ? g->nts_n : 1); s++) {
            TRY(add_symbol(g, m, nt, &g->nts[s].type));
        }
    }
    return 0;
}
