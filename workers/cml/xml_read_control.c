/* Elements to terms: types, Match and Loop. */
#include <string.h>

#include "proto/err.h"
#include "workers/cml/number.h"
#include "workers/cml/xml_int.h"

static int primitive(struct reader *r, const struct element *e, const char *name,
                     struct term **out)
{
    enum cml_primitive p = cml_primitive_from_name(
        (struct ubytes){(const uint8_t *)name, strlen(name)});

    if (p == CML_PRIMITIVES) {
        const char *names[CML_PRIMITIVES];
        const char *near;

        for (unsigned i = 0; i < CML_PRIMITIVES; i++) {
            names[i] = cml_primitive_info((enum cml_primitive)i)->name;
        }
        near = diag_nearest(name, names, CML_PRIMITIVES);
        xml_fail(r, e, "no type \"%s\"", name);
        diag_hint(r->diag, near != NULL ? "did you mean \"%s\"?"
                                        : "others than primitive ones are "
                                          "<Type kind=\"...\">",
                  near);
        return ERR_INPUT;
    }
    *out = xml_term(r, CML_PRIMITIVE_TYPE, e);
    if (*out == NULL) {
        return ERR_NOMEM;
    }
    term_word(*out, 0, cml_primitive_info(p)->name);
    return 0;
}

static int constraint(struct reader *r, const struct element *e,
                      struct term **out)
{
    const char *kind = NULL;
    const char *to = NULL;

    TRY(xml_need(r, e, "kind", &kind));
    TRY(xml_need(r, e, "target", &to));
    *out = xml_term(r, CML_CONSTRAINT, e);
    if (*out == NULL) {
        return ERR_NOMEM;
    }
    term_word(*out, 0, kind);
    term_word(*out, 1, to);
    return xml_finish(r, e, e->kids);
}

int xml_type_of(struct reader *r, const struct element *e, struct element **k,
                struct term **out)
{
    const struct xml_attr *a = xml_attr(e, "type");
    struct element *kid = *k;

    *out = NULL;
    if (kid == NULL || (kid->tag != XML_TYPE && kid->tag != XML_CONSTRAINT)) {
        return a != NULL ? primitive(r, e, (const char *)a->value.p, out) : 0;
    }
    if (a != NULL) {
        return xml_fail(r, kid, "<%s> has two types", xml_tag_name(e));
    }
    *k = kid->next;
    return kid->tag == XML_TYPE ? xml_type(r, kid, out)
                                : constraint(r, kid, out);
}

/* The type that e must have. */
static int needed(struct reader *r, const struct element *e, struct term **out)
{
    struct element *k = e->kids;

    TRY(xml_type_of(r, e, &k, out));
    if (*out == NULL) {
        return xml_fail(r, e, "<%s> has no \"type\"", xml_tag_name(e));
    }
    return xml_finish(r, e, k);
}

static int composite(struct reader *r, const struct element *e, struct term *t)
{
    struct cml_value *names = arena_array(r->a, e->kids_n + 1, sizeof(*names));
    struct term **types = arena_array(r->a, e->kids_n + 1, sizeof(*types));
    struct element *k = e->kids;
    uint32_t n = 0;

    if (names == NULL || types == NULL) {
        return ERR_NOMEM;
    }
    if (e->kids_n == 0 || e->kids_n > CML_COMPOSITE_MAX) {
        return xml_fail(r, e, "a composite has 1 to %d fields",
                        CML_COMPOSITE_MAX);
    }
    while (k != NULL) {
        struct element *f = NULL;
        const char *name = NULL;

        TRY(xml_take(r, e, &k, XML_FIELD, &f));
        TRY(xml_need_name(r, f, "name", &name));
        for (uint32_t i = 0; i < n; i++) {
            if (cml_is_word(&names[i], name)) {
                return xml_fail(r, f, "field \"%s\" is there already", name);
            }
        }
        names[n] = cml_word(name);
        TRY(needed(r, f, &types[n++]));
    }
    t->fields[0].words = names;
    t->fields[0].n = n;
    term_kids(t, 1, types, n);
    return 0;
}

static int function(struct reader *r, const struct element *e, struct term *t)
{
    struct element *k = e->kids;
    struct element *list = NULL;
    struct element *part = NULL;
    struct term *type = NULL;
    struct term **types;
    uint32_t n = 0;

    TRY(xml_take(r, e, &k, XML_PARAMS, &list));
    types = arena_array(r->a, list->kids_n + 1, sizeof(*types));
    if (types == NULL) {
        return ERR_NOMEM;
    }
    for (struct element *p = list->kids; p != NULL;) {
        TRY(xml_take(r, list, &p, XML_TYPE, &part));
        TRY(xml_type(r, part, &types[n++]));
    }
    TRY(xml_take(r, e, &k, XML_RETURNS, &part));
    TRY(needed(r, part, &type));
    term_kids(t, 0, types, n);
    term_kid(t, 1, r->a, type);
    return xml_finish(r, e, k);
}

static int array(struct reader *r, const struct element *e, struct term *t)
{
    struct element *k = e->kids;
    struct element *inner = NULL;
    struct term *type = NULL;

    TRY(xml_take(r, e, &k, XML_TYPE, &inner));
    TRY(xml_type(r, inner, &type));
    term_kid(t, 0, r->a, type);
    return xml_finish(r, e, k);
}

/* A unit of this document, or a type. */
static int referred(struct reader *r, const struct element *e, struct term *t)
{
    if (xml_attr(e, "target") == NULL) {
        return array(r, e, t); /* its one child is a type, too */
    }
    TRY(xml_need_name(r, e, "target", &t->callee));
    TRY(xml_finish(r, e, e->kids));
    return document_site(r->doc, t);
}

static int type_of_kind(struct reader *r, const struct element *e,
                        const char *kind, struct term **out)
{
    static const struct {
        const char *word;
        enum cml_kind kind;
        int (*read)(struct reader *, const struct element *, struct term *);
    } kinds[] = {
        {"Composite", CML_COMPOSITE_TYPE, composite},
        {"Function", CML_FUNCTION_TYPE, function},
        {"Array", CML_ARRAY_TYPE, array},
        {"Reference", CML_REFERENCE_TYPE, referred},
    };

    for (size_t i = 0; i < ARRAY_N(kinds); i++) {
        if (strcmp(kind, kinds[i].word) == 0) {
            *out = xml_term(r, kinds[i].kind, e);
            return *out != NULL ? kinds[i].read(r, e, *out) : ERR_NOMEM;
        }
    }
    return xml_fail(r, e, "a <Type> is Primitive, Composite, Array, Function or "
                          "Reference, not \"%s\"", kind);
}

/* NOLINTNEXTLINE(misc-no-recursion): xml_enter bounds it */
int xml_type(struct reader *r, const struct element *e, struct term **out)
{
    const char *kind = NULL;
    const char *name = NULL;

    TRY(xml_enter(r, e));
    TRY(xml_need(r, e, "kind", &kind));
    if (strcmp(kind, "Primitive") == 0) {
        TRY(xml_need(r, e, "name", &name));
        TRY(xml_finish(r, e, e->kids));
        TRY(primitive(r, e, name, out));
    } else {
        TRY(type_of_kind(r, e, kind, out));
    }
    xml_leave(r);
    return 0;
}

/* --- Match --- */

/* <Pattern type="Literal"> with value, or a Literal in it. */
static int literal_pattern(struct reader *r, const struct element *e,
                           struct term *t)
{
    const struct xml_attr *a = xml_attr(e, "value");
    struct term *value = NULL;
    struct ubytes text;
    int negative;

    if (a == NULL) {
        TRY(xml_inside(r, e, &value));
        if (value->kind != CML_LITERAL) {
            return xml_fail(r, e, "the pattern's value is no <Literal>");
        }
        term_kid(t, 1, r->a, value);
        return 0;
    }
    TRY(xml_finish(r, e, e->kids));
    value = xml_term(r, CML_LITERAL, e);
    if (value == NULL) {
        return ERR_NOMEM;
    }
    text = a->value;
    negative = text.n > 0 && text.p[0] == '-';
    text = (struct ubytes){text.p + negative, text.n - (size_t)negative};
    if (number_read(r->a, value, text, negative, r->diag) < 0) {
        xml_fail(r, e, "a pattern's \"value\" is a number");
        diag_hint(r->diag, "other constants: <Pattern type=\"Literal\"><Literal "
                           "type=\"Bool\" value=\"true\"/></Pattern>");
        return ERR_INPUT;
    }
    term_kid(t, 1, r->a, value);
    return 0;
}

static int pattern(struct reader *r, struct element *e, struct term **out);

/* <Pattern type="Type"> or "Cons": a Type, then patterns of its fields.
 * NOLINTNEXTLINE(misc-no-recursion): xml_enter bounds it */
static int typed_pattern(struct reader *r, const struct element *e, int is_cons,
                         struct term *t)
{
    struct term **parts = arena_array(r->a, e->kids_n + 1, sizeof(*parts));
    struct element *k = e->kids;
    struct element *first = NULL;
    struct term *type = NULL;
    uint32_t n = 0;

    if (parts == NULL) {
        return ERR_NOMEM;
    }
    TRY(xml_take(r, e, &k, XML_TYPE, &first));
    TRY(xml_type(r, first, &type));
    term_kid(t, 1, r->a, type);
    while (is_cons && k != NULL) {
        TRY(xml_take(r, e, &k, XML_PATTERN, &first));
        TRY(pattern(r, first, &parts[n++]));
    }
    term_kids(t, 2, parts, n);
    return xml_finish(r, e, k);
}

/* NOLINTNEXTLINE(misc-no-recursion): xml_enter bounds it */
static int pattern(struct reader *r, struct element *e, struct term **out)
{
    struct term *t = xml_term(r, CML_PATTERN, e);
    const char *kind = NULL;

    if (t == NULL) {
        return ERR_NOMEM;
    }
    TRY(xml_enter(r, e));
    TRY(xml_need(r, e, "type", &kind));
    if (strcmp(kind, "Literal") == 0) {
        term_word(t, 0, "Literal");
        TRY(literal_pattern(r, e, t));
    } else if (strcmp(kind, "Type") == 0 || strcmp(kind, "Cons") == 0) {
        term_word(t, 0, kind[0] == 'T' ? "Type" : "Cons");
        TRY(typed_pattern(r, e, kind[0] == 'C', t));
    } else if (strcmp(kind, "Bind") == 0) {
        term_word(t, 0, "Bind");
        TRY(xml_need_name(r, e, "name", &t->name));
        TRY(xml_bind(r, e, t->name));
        TRY(xml_finish(r, e, e->kids));
    } else if (strcmp(kind, "Wildcard") == 0) {
        term_word(t, 0, "Wildcard");
        TRY(xml_finish(r, e, e->kids));
    } else {
        return xml_fail(r, e, "a <Pattern> is Literal, Wildcard, Bind, Type or "
                              "Cons, not \"%s\"", kind);
    }
    xml_leave(r);
    *out = t;
    return 0;
}

static int arm(struct reader *r, const struct element *e, struct term **out)
{
    struct term *t = xml_term(r, CML_ARM, e);
    uint32_t scope_n = r->scope_n;
    struct element *k = e->kids;
    struct element *part = NULL;
    struct term *kid = NULL;

    if (t == NULL) {
        return ERR_NOMEM;
    }
    TRY(xml_enter(r, e));
    TRY(xml_take(r, e, &k, XML_PATTERN, &part));
    TRY(pattern(r, part, &kid));
    term_kid(t, 0, r->a, kid);
    TRY(xml_take(r, e, &k, XML_BLOCK, &part));
    TRY(xml_block(r, part, &kid));
    term_kid(t, 1, r->a, kid);
    xml_leave(r);
    r->scope_n = scope_n;
    *out = t;
    return xml_finish(r, e, k);
}

int xml_match(struct reader *r, struct element *e, struct term **out)
{
    struct term *t = xml_term(r, CML_MATCH, e);
    struct term **arms = arena_array(r->a, e->kids_n + 1, sizeof(*arms));
    struct element *k = e->kids;
    struct element *part = NULL;
    struct term *value = NULL;
    uint32_t n = 0;

    if (t == NULL || arms == NULL) {
        return ERR_NOMEM;
    }
    TRY(xml_take(r, e, &k, XML_VALUE, &part));
    TRY(xml_inside(r, part, &value));
    term_kid(t, 0, r->a, value);
    while (k != NULL) {
        TRY(xml_take(r, e, &k, XML_ARM, &part));
        TRY(arm(r, part, &arms[n++]));
    }
    if (n == 0) {
        return xml_fail(r, e, "<Match> without <Arm>");
    }
    term_kids(t, 1, arms, n);
    *out = t;
    return 0;
}

/* --- Loop --- */

/* <Condition> under the state, <Iterator> or <Count> before it; then the binders
 * of a round are in the scope. */
static int over(struct reader *r, struct element *e, struct element *part,
                const char *state, struct term *t)
{
    struct term *kid = NULL;

    if (part->tag == XML_CONDITION) {
        TRY(xml_bind(r, e, state));
        TRY(xml_inside(r, part, &kid));
    } else {
        TRY(xml_inside(r, part, &kid));
        TRY(xml_bind(r, e, state));
    }
    if (part->tag == XML_ITERATOR) {
        TRY(xml_need_name(r, part, "name", &t->name));
        TRY(xml_bind(r, part, t->name));
    }
    term_kid(t, 2, r->a, kid);
    return 0;
}

int xml_loop(struct reader *r, struct element *e, struct term **out)
{
    struct term *t = xml_term(r, CML_LOOP, e);
    uint32_t scope_n = r->scope_n;
    struct element *k = e->kids;
    struct element *part = NULL;
    struct element *carried = NULL;
    struct term *kid = NULL;
    const char *kind = NULL;
    enum xml_tag tag;

    if (t == NULL) {
        return ERR_NOMEM;
    }
    TRY(xml_need(r, e, "kind", &kind));
    tag = strcmp(kind, "while") == 0    ? XML_CONDITION
          : strcmp(kind, "for") == 0    ? XML_ITERATOR
          : strcmp(kind, "repeat") == 0 ? XML_COUNT
                                        : XML_TAGS;
    if (tag == XML_TAGS) {
        return xml_fail(r, e, "a <Loop> is while, for or repeat, not \"%s\"",
                        kind);
    }
    term_word(t, 0, kind);
    TRY(xml_take(r, e, &k, XML_STATE, &part));
    carried = part->kids;
    TRY(xml_take(r, part, &carried, XML_BINDING, &part));
    TRY(xml_binding(r, part, 1, &kid));
    if (carried != NULL) {
        xml_fail(r, carried, "a loop carries one value");
        diag_hint(r->diag, "several travel as a Composite: see docs/cml.md");
        return ERR_INPUT;
    }
    term_kid(t, 1, r->a, kid);
    TRY(xml_take(r, e, &k, tag, &part));
    TRY(over(r, e, part, kid->name, t));
    TRY(xml_take(r, e, &k, XML_BLOCK, &part));
    TRY(xml_block(r, part, &kid));
    term_kid(t, 3, r->a, kid);
    r->scope_n = scope_n;
    *out = t;
    return xml_finish(r, e, k);
}
