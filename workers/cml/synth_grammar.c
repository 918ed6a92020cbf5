/* Default grammars: which operators, and which constants. Runs in the `cml` worker. */
#include <string.h>

#include "proto/err.h"
#include "workers/cml/synth_int.h"

#define TEXTS_MAX 12u /* constants that the examples suggest */

struct grammar {
    const char *name;
    const char *sorts; /* letters beside those of parameters and result */
    const char *ops;   /* between spaces */
    int least;         /* of small integers */
    int most;
};

static const struct grammar grammars[] = {
    {"bv", "", " not and or xor add sub shl1 shr1 shr4 shr16 if_one ", 0, 1},
    {"bits", "b",
     " not and or xor add sub mul neg shl1 shr1 shr4 shr16 ite eq lt ", 0, 2},
    {"int", "b",
     " add sub mul neg div rem min max ite eq lt le band bor bnot ", 0, 2},
    {"string", "ib",
     " concat part substr indexof len at replace_all upper lower trim contains "
     "prefixof suffixof eq ite text to_int add sub ",
     -1, 3},
    {"list", "i",
     " head last access take drop length total minimum maximum reversed sorted "
     "map_inc map_dec map_double map_half map_neg map_square map_times3 "
     "map_third map_times4 map_quarter filter_positive count_positive "
     "filter_negative count_negative filter_even count_even filter_odd "
     "count_odd zip_add scan_add zip_sub scan_sub zip_mul scan_mul zip_min "
     "scan_min zip_max scan_max ",
     0, 2},
};

static int has_word(const char *words, const char *word)
{
    size_t n = strlen(word);

    for (const char *s = strstr(words, word); s != NULL;
         s = strstr(s + 1, word)) {
        if (s[-1] == ' ' && s[n] == ' ') { /* words begin and end with one */
            return 1;
        }
    }
    return 0;
}

static const struct grammar *grammar_of(const struct problem *p,
                                        const char *name)
{
    struct shape_of gives = problem_shape(&p->gives);
    const char *want = name;

    if (name[0] == '\0' || strcmp(name, "auto") == 0) {
        int letters[128] = {0};
        int has_bits = gives.letter == 'w' && gives.code != 8;

        letters[(unsigned char)gives.letter & 127] = 1;
        for (uint32_t i = 0; i < p->params_n; i++) {
            letters[(unsigned char)p->shapes[i].letter & 127] = 1;
            has_bits |= p->shapes[i].letter == 'w' && p->shapes[i].code != 8;
        }
        want = letters['l'] ? "list" : letters['s'] ? "string"
               : has_bits ? "bits"
                          : "int";
    }
    for (size_t i = 0; i < ARRAY_N(grammars); i++) {
        if (strcmp(grammars[i].name, want) == 0) {
            return &grammars[i];
        }
    }
    return NULL;
}

/* --- constants --- */

static int add_constant(struct problem *p, uint64_t v, struct diag *d)
{
    const struct sort *s = &p->sorts[p->sorts_n - 1];
    struct rule r = {.kind = RULE_CONSTANT, .value = v};

    for (uint32_t i = 0; i < s->n; i++) {
        const struct rule *o = &p->rules[s->first + i];

        if (o->kind == RULE_CONSTANT && o->value == v) {
            return 0;
        }
    }
    return v == SYNTH_NO_VALUE ? ERR_NOMEM : problem_rule(p, &r, d);
}

static int is_in_all(const struct problem *p, const uint64_t *row, uint32_t n,
                     const uint8_t *s, size_t len)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct pool_item *e = pool_at(&p->pool, row[i]);

        if (len > e->n || memmem(e->p, e->n, s, len) == NULL) {
            return 0;
        }
    }
    return 1;
}

static int is_letter(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z') || c >= 0x80;
}

/* Runs of letters, and single other bytes, of a row's first text that all have. */
static int add_texts(struct problem *p, const uint64_t *row, int words,
                     struct diag *d)
{
    struct pool_item first = *pool_at(&p->pool, row[0]);
    uint32_t before = p->sorts[p->sorts_n - 1].n;
    uint32_t n;

    for (uint32_t at = 0; at < first.n; at += n) {
        n = 1;
        while (is_letter(first.p[at]) && at + n < first.n &&
               is_letter(first.p[at + n])) {
            n++;
        }
        if ((words || !is_letter(first.p[at])) &&
            p->sorts[p->sorts_n - 1].n - before < TEXTS_MAX &&
            is_in_all(p, row, p->examples_n, first.p + at, n)) {
            TRY(add_constant(p, pool_text(&p->pool, first.p + at, n), d));
        }
    }
    return 0;
}

/* Those that the examples suggest: separators of the inputs, words of outputs. */
static int suggested(struct problem *p, struct diag *d)
{
    TRY(add_constant(p, pool_text(&p->pool, (const uint8_t *)"", 0), d));
    TRY(add_constant(p, pool_text(&p->pool, (const uint8_t *)" ", 1), d));
    for (uint32_t k = 0; k < p->params_n; k++) {
        if (p->shapes[k].letter == 's') {
            TRY(add_texts(p, &p->params[(size_t)k * p->examples_n], 0, d));
        }
    }
    return problem_shape(&p->gives).letter == 's'
               ? add_texts(p, p->wanted, 1, d)
               : 0;
}

static int own_constants(struct problem *p, const struct type *t,
                         struct diag *d)
{
    const Proctor__SynthTask *m = p->task;

    for (size_t i = 0; i < m->n_constants && i < m->n_constant_types; i++) {
        struct ubytes is = {m->constant_types[i].data, m->constant_types[i].len};
        struct type type;
        uint64_t v;

        if (type_decode(is, &type) < 0) {
            return ERR_ENCODING;
        }
        if (type_is_equal(&type, t)) {
            TRY(problem_value(p, t,
                              (struct ubytes){m->constants[i].data,
                                              m->constants[i].len},
                              &v, NULL));
            TRY(add_constant(p, v, d));
        }
    }
    return 0;
}

/* --- sorts and rules --- */

static int has_type(const struct type *types, uint32_t n, const struct type *t)
{
    for (uint32_t i = 0; i < n; i++) {
        if (type_is_equal(&types[i], t)) {
            return 1;
        }
    }
    return 0;
}

static uint32_t types_of(const struct problem *p, const struct grammar *g,
                         struct type *types)
{
    uint32_t n = 0;

    types[n++] = p->gives;
    for (uint32_t i = 0; i < p->params_n; i++) {
        if (!has_type(types, n, &p->types[i])) {
            types[n++] = p->types[i];
        }
    }
    for (const char *s = g->sorts; *s != '\0'; s++) {
        struct type t;

        if (type_from_name(*s == 'b' ? "bool" : "i64", &t) == 0 &&
            !has_type(types, n, &t)) {
            types[n++] = t;
        }
    }
    return n;
}

/* An operator with every choice of sorts that fits. */
static int add_operator(struct problem *p, enum synth_op op,
                        const struct type *types, uint32_t types_n,
                        struct diag *d)
{
    uint32_t n = synth_op_args(op);
    uint32_t ways = 1;

    for (uint32_t i = 0; i < n; i++) {
        ways *= types_n;
    }
    for (uint32_t way = 0; way < ways; way++) {
        struct shape_of shapes[SYNTH_ARGS_MAX + 1];
        struct rule r = {
            .kind = RULE_OPERATOR, .op = op, .args_n = (uint8_t)n};
        uint32_t rest = way;

        for (uint32_t i = 0; i < n; i++, rest /= types_n) {
            r.args[i] = (uint8_t)(rest % types_n);
            shapes[i] = problem_shape(&types[r.args[i]]);
        }
        shapes[n] = p->sorts[p->sorts_n - 1].shape;
        if (synth_fits(op, shapes, n, &r.code)) {
            TRY(problem_rule(p, &r, d));
        }
    }
    return 0;
}

static int add_sort(struct problem *p, const struct grammar *g,
                    const struct type *types, uint32_t n, uint32_t at,
                    struct diag *d)
{
    uint32_t made;

    TRY(problem_sort(p, &types[at], &made, d));
    for (uint32_t i = 0; i < p->params_n; i++) {
        struct rule r = {.kind = RULE_PARAMETER, .parameter = i};

        if (type_is_equal(&p->types[i], &types[at])) {
            TRY(problem_rule(p, &r, d));
        }
    }
    TRY(own_constants(p, &types[at], d));
    if (p->sorts[made].shape.letter == 'w') {
        int is_signed = (p->sorts[made].shape.code & TYPE_UNSIGNED) == 0;

        for (int64_t v = is_signed ? g->least : 0; v <= g->most; v++) {
            TRY(add_constant(p, (uint64_t)v, d));
        }
    } else if (p->sorts[made].shape.letter == 's') {
        TRY(suggested(p, d));
    }
    for (unsigned op = 0; op < SYNTH_OPS; op++) {
        if (has_word(g->ops, synth_op_info((enum synth_op)op)->name)) {
            TRY(add_operator(p, (enum synth_op)op, types, n, d));
        }
    }
    return 0;
}

int grammar_default(struct problem *p, const char *name, struct diag *d)
{
    const struct grammar *g = grammar_of(p, name);
    struct type types[TYPE_TUPLE_MAX + 4];
    uint32_t n;

    if (g == NULL) {
        (void)diag_set(d, ERR_INPUT, (struct loc){0},
                       "there is no grammar \"%.40s\"", name);
        diag_hint(d, "bv, bits, int, string, list, or auto");
        return ERR_INPUT;
    }
    n = types_of(p, g, types);
    for (uint32_t i = 0; i < n; i++) {
        TRY(add_sort(p, g, types, n, i, d));
    }
    return 0;
}
