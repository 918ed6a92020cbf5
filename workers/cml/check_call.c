/* Calls and choices. */
#include <stdio.h>
#include <string.h>

#include "proto/err.h"
#include "workers/cml/check_int.h"

#define VARIABLES 26 /* A to Z of a core signature */
#define CORE_ARGS_MAX 4

static int count(struct checker *c, const struct term *t, uint32_t found,
                 uint32_t expected, const char *what)
{
    if (found == expected) {
        return 0;
    }
    return check_fail(c, t, "%s takes %u argument%s, here are %u", what,
                      expected, expected == 1 ? "" : "s", found);
}

/* --- the core --- */

struct signature {
    const char *at; /* into core_info.signature */
    uint32_t types[VARIABLES];
};

static enum trait letter_trait(char letter)
{
    return letter == 'O'   ? TRAIT_COMPARABLE
           : letter == 'N' ? TRAIT_NUMERIC
           : letter == 'I' ? TRAIT_INTEGER
           : letter == 'F' ? TRAIT_FLOAT
           : letter == 'S' ? TRAIT_SEQUENCE
                           : TRAIT_ANY;
}

static enum cml_primitive letter_primitive(char letter)
{
    static const struct {
        char letter;
        enum cml_primitive type;
    } letters[] = {
        {'b', CML_PRIMITIVE_BOOL},   {'x', CML_PRIMITIVE_UINT8},
        {'u', CML_PRIMITIVE_UINT32}, {'U', CML_PRIMITIVE_UINT64},
        {'i', CML_PRIMITIVE_INT64},  {'f', CML_PRIMITIVE_FLOAT64},
        {'s', CML_PRIMITIVE_STRING}, {'y', CML_PRIMITIVE_BYTES},
    };

    for (size_t i = 0; i < ARRAY_N(letters); i++) {
        if (letters[i].letter == letter) {
            return letters[i].type;
        }
    }
    return CML_PRIMITIVES;
}

/* End of the type that starts at s. */
static const char *skip(const char *s)
{
    int depth = 0;

    do {
        if (*s == '[') {
            depth++; /* one type follows */
        } else if (*s == '(' || *s == '{') {
            const char *close = strchr(s, *s == '(' ? ')' : '}');

            s = close; /* neither nests in core.def */
            depth = 0;
        } else {
            depth = 0;
        }
        s++;
    } while (depth > 0);
    return s;
}

/* The type at s under the variables bound so far; TYPE_NONE: not known yet.
 * NOLINTNEXTLINE(misc-no-recursion): signatures nest a few deep */
static int build(struct checker *c, const struct signature *g, const char *s,
                 uint32_t *out)
{
    uint32_t parts[CORE_ARGS_MAX] = {TYPE_NONE, TYPE_NONE, TYPE_NONE,
                                     TYPE_NONE};
    uint32_t n = 0;
    int is_function = *s == '(';
    static const char *const names[] = {"a", "b"};
    struct cml_value fields[2];

    *out = TYPE_NONE;
    if (letter_primitive(*s) != CML_PRIMITIVES) {
        return check_primitive(c, letter_primitive(*s), out);
    }
    if (*s >= 'A' && *s <= 'Z') {
        *out = g->types[*s - 'A'];
        return 0;
    }
    for (s++; *s != ')' && *s != '}' && n < CORE_ARGS_MAX; s = skip(s)) {
        if (*s == '>') {
            s++;
        }
        TRY(build(c, g, s, &parts[n]));
        if (parts[n++] == TYPE_NONE) {
            return 0;
        }
        if (s[-1] == '[') {
            return check_array_of(c, parts[0], out);
        }
    }
    if (is_function) {
        return check_function(c, parts, n - 1, parts[n - 1], out);
    }
    for (uint32_t i = 0; i < n && i < ARRAY_N(names); i++) {
        fields[i] = cml_word(names[i]);
    }
    return check_composite(c, fields, parts, n, out);
}

/* Fits the type to the pattern at s and binds its variables: 1, else 0.
 * NOLINTNEXTLINE(misc-no-recursion): signatures nest a few deep */
static int fits(struct checker *c, struct signature *g, const char *s,
                uint32_t type)
{
    const struct cml_node *n = cml_dag_at(c->dag, type);
    enum cml_primitive p = letter_primitive(*s);

    if (p != CML_PRIMITIVES) {
        return check_as_primitive(c->dag, type) == p;
    }
    if (*s >= 'A' && *s <= 'Z') {
        uint32_t *bound = &g->types[*s - 'A'];

        if (*bound == TYPE_NONE &&
            check_has_trait(c->dag, type, letter_trait(*s))) {
            *bound = type;
        }
        return *bound == type;
    }
    if (*s == '[') {
        return n->kind == CML_ARRAY_TYPE &&
               fits(c, g, s + 1, cml_item(&n->fields[0], 0));
    }
    if (*s != '(' || n->kind != CML_FUNCTION_TYPE) {
        return 0;
    }
    s++;
    for (uint32_t i = 0; i < n->fields[0].u.list.n; i++, s = skip(s)) {
        if (*s == '>' || !fits(c, g, s, cml_item(&n->fields[0], i))) {
            return 0;
        }
    }
    return *s == '>' && fits(c, g, s + 1, cml_item(&n->fields[1], 0));
}

static int core_arg(struct checker *c, struct term *call, struct signature *g,
                    const char *s, struct term *arg, enum core core)
{
    char found[80];
    uint32_t want = TYPE_NONE;

    if (check_is_plain(arg)) {
        TRY(build(c, g, s, &want));
        if (want == TYPE_NONE && *s == 'F') {
            TRY(check_primitive(c, CML_PRIMITIVE_FLOAT64, &want));
        }
    }
    TRY(check_expression(c, arg, want));
    if (!fits(c, g, s, arg->type)) {
        check_type_text(c->dag, arg->type, found, sizeof(found));
        check_fail(c, arg, "%s: not for %s here", core_info(core)->name, found);
        diag_hint(c->diag, "signature %s (docs/cml.md)",
                  core_info(core)->signature);
        return ERR_INPUT;
    }
    (void)call;
    return 0;
}

int check_core(struct checker *c, struct term *t, enum core core, uint32_t want)
{
    const struct term_field *args = &t->fields[1];
    struct signature g = {.at = core_info(core)->signature};
    const char *params[CORE_ARGS_MAX];
    const char *s = g.at;
    uint32_t n = 0;

    for (unsigned i = 0; i < VARIABLES; i++) {
        g.types[i] = TYPE_NONE;
    }
    for (; *s != '>'; s = skip(s)) {
        params[n++] = s;
    }
    s++;
    TRY(count(c, t, args->n, n, core_info(core)->name));
    if (want != TYPE_NONE && *s >= 'A' && *s <= 'Z' &&
        letter_primitive(*s) == CML_PRIMITIVES) {
        (void)fits(c, &g, s, want); /* plain arguments get the wanted type */
    }
    for (int plain = 0; plain < 2; plain++) {
        for (uint32_t i = 0; i < n; i++) {
            if (check_is_plain(args->kids[i]) == plain) {
                TRY(core_arg(c, t, &g, params[i], args->kids[i], core));
            }
        }
    }
    TRY(build(c, &g, s, &t->type));
    ASSERT(t->type != TYPE_NONE);
    return 0;
}

/* --- fields, conversions, constructors --- */

static int field(struct checker *c, struct term *t, const struct term *r)
{
    const struct cml_value *name = &r->fields[1].words[1];
    const struct cml_node *n;
    char is[80];

    TRY(count(c, t, t->fields[1].n, 1, "a field"));
    TRY(check_expression(c, t->fields[1].kids[0], TYPE_NONE));
    n = cml_dag_at(c->dag, t->fields[1].kids[0]->type);
    for (uint32_t i = 0;
         n->kind == CML_COMPOSITE_TYPE && i < n->fields[0].u.list.n; i++) {
        const struct ubytes *f = &n->fields[0].u.list.p[i].u.text;

        if (f->n == name->u.text.n && memcmp(f->p, name->u.text.p, f->n) == 0) {
            t->type = cml_item(&n->fields[1], i);
            return 0;
        }
    }
    check_type_text(c->dag, t->fields[1].kids[0]->type, is, sizeof(is));
    return check_fail(c, t, "no field \"%.*s\" in %s", (int)name->u.text.n,
                      (const char *)name->u.text.p, is);
}

static int convert(struct checker *c, struct term *t, uint32_t type)
{
    struct term *arg;
    char is[80];

    TRY(count(c, t, t->fields[1].n, 1, "a conversion"));
    arg = t->fields[1].kids[0];
    t->type = type;
    if (arg->kind == CML_REFERENCE) {
        return 0; /* what is found there must have this type */
    }
    TRY(check_expression(c, arg, TYPE_NONE));
    if (arg->type == type ||
        (check_has_trait(c->dag, type, TRAIT_NUMERIC) &&
         (check_has_trait(c->dag, arg->type, TRAIT_NUMERIC) ||
          check_as_primitive(c->dag, arg->type) == CML_PRIMITIVE_BOOL))) {
        return 0;
    }
    check_type_text(c->dag, arg->type, is, sizeof(is));
    return check_fail(c, t, "no conversion from %s to this type", is);
}

static int construct(struct checker *c, struct term *t, uint32_t type)
{
    const struct cml_node *n = cml_dag_at(c->dag, type);
    const struct term_field *args = &t->fields[1];

    t->type = type;
    if (args->n == 1 && args->kids[0]->kind == CML_REFERENCE) {
        return 0;
    }
    if (n->kind == CML_COMPOSITE_TYPE) {
        TRY(count(c, t, args->n, n->fields[1].u.list.n, "this composite"));
    }
    for (uint32_t i = 0; i < args->n; i++) {
        n = cml_dag_at(c->dag, type); /* adding nodes moves them */
        TRY(check_expression(c, args->kids[i],
                             n->kind == CML_ARRAY_TYPE
                                 ? cml_item(&n->fields[0], 0)
                                 : cml_item(&n->fields[1], i)));
    }
    return 0;
}

/* --- units --- */

/* The type that a constrained one is bound to, of those of the call so far. */
static uint32_t *bound_to(uint32_t bound[][2], uint32_t type)
{
    unsigned i = 0;

    while (bound[i][0] != TYPE_NONE && bound[i][0] != type) {
        i++;
    }
    bound[i][0] = type;
    return &bound[i][1];
}

static int unit_arg(struct checker *c, struct term *arg, uint32_t param,
                    uint32_t bound[][2])
{
    const struct cml_node *n = cml_dag_at(c->dag, param);
    enum trait trait;
    uint32_t *to;
    char is[80];

    if (n->kind != CML_CONSTRAINT) {
        return check_expression(c, arg, param);
    }
    trait = check_trait_of(n);
    to = bound_to(bound, param);
    TRY(check_expression(c, arg, *to));
    if (!check_has_trait(c->dag, arg->type, trait)) {
        check_type_text(c->dag, arg->type, is, sizeof(is));
        return check_fail(c, arg, "%s does not meet the unit's constraint", is);
    }
    *to = arg->type;
    return 0;
}

static int call_unit(struct checker *c, struct term *t, const struct term *u)
{
    const struct term_field *params = &u->fields[1];
    const struct term_field *args = &t->fields[1];
    uint32_t bound[TRAIT_SEQUENCE + 2][2];
    uint32_t returns = u->fields[2].kids[0]->id;

    for (unsigned i = 0; i < ARRAY_N(bound); i++) {
        bound[i][0] = TYPE_NONE;
        bound[i][1] = TYPE_NONE;
    }
    TRY(count(c, t, args->n, params->n, u->name ? u->name : "the unit"));
    for (int plain = 0; plain < 2; plain++) {
        for (uint32_t i = 0; i < args->n; i++) {
            struct term *type = params->kids[i]->fields[0].kids[0];

            if (check_is_plain(args->kids[i]) == plain) {
                TRY(unit_arg(c, args->kids[i], type->id, bound));
            }
        }
    }
    t->type = cml_dag_at(c->dag, returns)->kind == CML_CONSTRAINT
                  ? *bound_to(bound, returns)
                  : returns;
    return 0;
}

static int call_value(struct checker *c, struct term *t, struct term *f)
{
    const struct cml_node *n;
    uint32_t type;

    TRY(check_expression(c, f, TYPE_NONE));
    type = f->type;
    n = cml_dag_at(c->dag, type);
    if (n->kind != CML_FUNCTION_TYPE) {
        return check_fail(c, t, "this is no function");
    }
    TRY(count(c, t, t->fields[1].n, n->fields[0].u.list.n, "it"));
    for (uint32_t i = 0; i < t->fields[1].n; i++) {
        n = cml_dag_at(c->dag, type);
        TRY(check_expression(c, t->fields[1].kids[i],
                             cml_item(&n->fields[0], i)));
    }
    t->type = cml_item(&cml_dag_at(c->dag, type)->fields[1], 0);
    return 0;
}

static int call_reference(struct checker *c, struct term *t,
                          const struct term *r, uint32_t want)
{
    const struct term_field *path = &r->fields[1];
    enum core core = path->n == 1 ? core_from_name(path->words[0].u.text)
                                  : CORES;

    if (!cml_is_word(&r->fields[0].value, CORE_SUBJECT)) {
        check_fail(c, r, "a call of a reference has no type");
        diag_hint(c->diag, "link it first (proctor cml link)");
        return ERR_INPUT;
    }
    if (path->n == 2 && cml_is_word(&path->words[0], CORE_FIELD)) {
        return field(c, t, r);
    }
    return core != CORES ? check_core(c, t, core, want)
                         : check_fail(c, r, "no such function of the core");
}

int check_call(struct checker *c, struct term *t, uint32_t want)
{
    struct term *target = t->fields[0].kids[0];
    uint32_t type = TYPE_NONE;

    switch ((int)target->kind) {
    case CML_UNIT:
        return call_unit(c, t, target);
    case CML_VAR:
        return call_value(c, t, target);
    case CML_REFERENCE:
        return call_reference(c, t, target, want);
    default:
        break;
    }
    TRY(check_type(c, target, &type));
    switch ((int)cml_dag_at(c->dag, type)->kind) {
    case CML_PRIMITIVE_TYPE:
        return convert(c, t, type);
    case CML_ARRAY_TYPE:
    case CML_COMPOSITE_TYPE:
        return construct(c, t, type);
    default:
        return check_fail(c, t, "a function type makes no values");
    }
}

/* --- match --- */

static int pattern(struct checker *c, struct term *t, uint32_t type);

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int parts(struct checker *c, struct term *t, uint32_t type)
{
    const struct cml_node *n = cml_dag_at(c->dag, type);

    if (n->kind != CML_COMPOSITE_TYPE ||
        n->fields[1].u.list.n != t->fields[2].n) {
        return check_fail(c, t, "a pattern with parts is for composites, one "
                                "part for each field");
    }
    for (uint32_t i = 0; i < t->fields[2].n; i++) {
        n = cml_dag_at(c->dag, type);
        TRY(pattern(c, t->fields[2].kids[i], cml_item(&n->fields[1], i)));
    }
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int pattern(struct checker *c, struct term *t, uint32_t type)
{
    const struct cml_value *kind = &t->fields[0].value;
    struct term *value = t->fields[1].n > 0 ? t->fields[1].kids[0] : NULL;
    uint32_t named = TYPE_NONE;

    if (cml_is_word(kind, "Wildcard") && value == NULL) {
        return 0;
    }
    if (cml_is_word(kind, "Bind") && value == NULL) {
        return check_bind(c, t, type);
    }
    if (cml_is_word(kind, "Literal") && value != NULL &&
        value->kind == CML_LITERAL) {
        return check_expression(c, value, type);
    }
    if (value == NULL || value->kind == CML_LITERAL ||
        (!cml_is_word(kind, "Type") && !cml_is_word(kind, "Cons"))) {
        return check_fail(c, t, "a pattern is Literal, Wildcard, Bind, Type or "
                                "Cons, with what belongs to it");
    }
    TRY(check_type(c, value, &named));
    if (named != type) {
        return check_differ(c, t, "the pattern's type", named, type);
    }
    return cml_is_word(kind, "Cons") ? parts(c, t, type) : 0;
}

static int arm_is_plain(const struct term *a)
{
    const struct term_field *s = &a->fields[1].kids[0]->fields[0];
    const struct term *last = s->n > 0 ? s->kids[s->n - 1] : NULL;

    return last != NULL && last->kind == CML_RETURN &&
           check_is_plain(last->fields[0].kids[0]);
}

/* *want: the type of the arms so far, or TYPE_NONE. */
static int arm(struct checker *c, struct term *a, uint32_t value,
               uint32_t *want)
{
    uint32_t env_n = c->env_n;

    TRY(pattern(c, a->fields[0].kids[0], value));
    TRY(check_block(c, a->fields[1].kids[0], *want));
    *want = a->fields[1].kids[0]->type;
    c->env_n = env_n;
    return 0;
}

/* `if` is a match whose first pattern, true, stands where the condition does: then
 * it is the condition that has the wrong type. */
static int condition(struct checker *c, const struct term *t)
{
    const struct term *value = t->fields[0].kids[0];
    const struct term *pattern = t->fields[1].kids[0]->fields[0].kids[0];
    const struct term *literal =
        pattern->fields[1].n > 0 ? pattern->fields[1].kids[0] : NULL;
    uint32_t boolean = TYPE_NONE;

    if (literal == NULL || literal->kind != CML_LITERAL || value->line == 0 ||
        literal->line != value->line || literal->col != value->col) {
        return 0;
    }
    TRY(check_primitive(c, CML_PRIMITIVE_BOOL, &boolean));
    return value->type == boolean
               ? 0
               : check_differ(c, value, "the condition", value->type, boolean);
}

int check_match(struct checker *c, struct term *t, uint32_t want)
{
    const struct term_field *arms = &t->fields[1];

    TRY(check_expression(c, t->fields[0].kids[0], TYPE_NONE));
    if (arms->n == 0) {
        return check_fail(c, t, "a match without arms");
    }
    TRY(condition(c, t));
    for (int plain = 0; plain < 2; plain++) {
        for (uint32_t i = 0; i < arms->n; i++) {
            if (arm_is_plain(arms->kids[i]) == plain) {
                TRY(arm(c, arms->kids[i], t->fields[0].kids[0]->type, &want));
            }
        }
    }
    t->type = want;
    return 0;
}
