/* Elements to terms: expressions. */
#include <stdlib.h>
#include <string.h>

#include "proto/cid.h"
#include "proto/err.h"
#include "workers/cml/core.h"
#include "workers/cml/number.h"
#include "workers/cml/xml_int.h"

/* Text without the white space around it. */
static struct ubytes trimmed(struct ubytes s)
{
    while (s.n > 0 && memchr(" \t\r\n", s.p[0], 4) != NULL) {
        s = (struct ubytes){s.p + 1, s.n - 1};
    }
    while (s.n > 0 && memchr(" \t\r\n", s.p[s.n - 1], 4) != NULL) {
        s.n--;
    }
    return s;
}

static int bytes_of(struct reader *r, const struct element *e,
                    struct ubytes hex, struct ubytes *out)
{
    uint8_t *bytes = arena_array(r->a, hex.n / 2 + 1, 1);

    if (bytes == NULL) {
        return ERR_NOMEM;
    }
    if (hex_parse((const char *)hex.p, hex.n, bytes) < 0) {
        return xml_fail(r, e, "pairs of hex digits, lower case, are expected");
    }
    *out = (struct ubytes){bytes, hex.n / 2};
    return 0;
}

static int scalar(struct reader *r, const struct element *e, struct term *t,
                  enum cml_primitive type, struct cml_value value)
{
    struct term *ty = xml_term(r, CML_PRIMITIVE_TYPE, e);
    struct term *leaf = xml_term(r, CML_LEAF, e);

    if (ty == NULL || leaf == NULL) {
        return ERR_NOMEM;
    }
    term_word(ty, 0, cml_primitive_info(type)->name);
    leaf->fields[0].value = value;
    term_kid(t, 0, r->a, ty);
    term_kid(t, 1, r->a, leaf);
    return 0;
}

static int boolean(struct reader *r, const struct element *e, struct term *t,
                   struct ubytes text)
{
    struct cml_value v = {.tag = CML_FALSE};

    if (text.n == 4 && memcmp(text.p, "true", 4) == 0) {
        v.tag = CML_TRUE;
    } else if (text.n != 5 || memcmp(text.p, "false", 5) != 0) {
        return xml_fail(r, e, "a Bool is true or false");
    }
    return scalar(r, e, t, CML_PRIMITIVE_BOOL, v);
}

/* The literal of this type with this text. */
static int constant(struct reader *r, const struct element *e, struct term *t,
                    enum cml_primitive type, struct ubytes text)
{
    struct cml_value v = {.tag = CML_BYTES};
    int code;

    switch ((int)type) {
    case CML_PRIMITIVE_VOID:
        return trimmed(text).n == 0
                   ? scalar(r, e, t, type, cml_absent())
                   : xml_fail(r, e, "a Void has no value");
    case CML_PRIMITIVE_BOOL:
        return boolean(r, e, t, trimmed(text));
    case CML_PRIMITIVE_STRING:
        return scalar(r, e, t, type, cml_text(text));
    case CML_PRIMITIVE_BYTES:
        TRY(bytes_of(r, e, trimmed(text), &v.u.text));
        return scalar(r, e, t, type, v);
    case CML_PRIMITIVE_CID:
        return xml_fail(r, e, "there are no constants of Cid");
    default:
        break;
    }
    code = number_of_type(r->a, t, type, trimmed(text), r->diag);
    if (code < 0) {
        r->diag->at = (struct loc){r->doc->path, e->line, e->col};
    }
    return code;
}

/* A Literal's text: of its value, its utf8, or what stands in it. */
static int literal_text(struct reader *r, const struct element *e,
                        enum cml_primitive type, struct ubytes *out)
{
    const struct xml_attr *value = xml_attr(e, "value");
    const struct xml_attr *utf8 = xml_attr(e, "utf8");

    *out = value != NULL ? value->value : e->text;
    if ((value != NULL) + (utf8 != NULL) + (trimmed(e->text).n > 0) > 1) {
        return xml_fail(r, e, "<Literal> has two values");
    }
    if (value == NULL && utf8 == NULL && e->text.n == 0 &&
        type != CML_PRIMITIVE_VOID) {
        return xml_fail(r, e, "<Literal> has no \"value\"");
    }
    if (utf8 == NULL) {
        return 0;
    }
    return type == CML_PRIMITIVE_STRING
               ? bytes_of(r, e, utf8->value, out)
               : xml_fail(r, e, "\"utf8\" is for a String");
}

static int unit_value(struct reader *r, const struct element *e,
                      struct term *t)
{
    TRY(xml_need_name(r, e, "unit", &t->callee));
    TRY(xml_finish(r, e, e->kids));
    return document_site(r->doc, t);
}

static int literal(struct reader *r, struct element *e, struct term **out)
{
    struct term *t = xml_term(r, CML_LITERAL, e);
    enum cml_primitive type;
    struct ubytes text;
    const char *name = NULL;

    if (t == NULL) {
        return ERR_NOMEM;
    }
    *out = t;
    if (xml_attr(e, "unit") != NULL) {
        return unit_value(r, e, t);
    }
    if (e->kids != NULL && e->kids->tag == XML_SCALAR && e->attrs_n == 0) {
        TRY(xml_finish(r, e, e->kids->next));
        return constant(r, e->kids, t, e->kids->primitive, e->kids->text);
    }
    TRY(xml_need(r, e, "type", &name));
    TRY(xml_finish(r, e, e->kids));
    type = cml_primitive_from_name(
        (struct ubytes){(const uint8_t *)name, strlen(name)});
    if (type == CML_PRIMITIVES) {
        return xml_fail(r, e, "no type \"%s\"", name);
    }
    TRY(literal_text(r, e, type, &text));
    return constant(r, e, t, type, text);
}

/* name, <Name>, text, or index. */
static int var_name(struct reader *r, const struct element *e, const char **out)
{
    const struct xml_attr *name = xml_attr(e, "name");
    struct ubytes text = trimmed(e->text);

    if (e->kids != NULL && name == NULL) {
        if (e->kids->tag != XML_NAME) {
            return xml_fail(r, e->kids, "<%s> in <Var>",
                            xml_tag_name(e->kids));
        }
        text = trimmed(e->kids->text);
        TRY(xml_finish(r, e->kids, e->kids->kids));
        TRY(xml_finish(r, e, e->kids->next));
    } else {
        TRY(xml_finish(r, e, e->kids));
    }
    if (name != NULL && text.n > 0) {
        return xml_fail(r, e, "<Var> has two names");
    }
    if (name == NULL && text.n == 0) {
        return xml_need(r, e, "name", out);
    }
    *out = name != NULL ? (const char *)name->value.p
                        : arena_text(r->a, text.p, text.n);
    return *out != NULL ? 0 : ERR_NOMEM;
}

static int unbound(struct reader *r, const struct element *e, const char *name)
{
    const char *near = diag_nearest(name, r->scope, r->scope_n);

    xml_fail(r, e, "no variable \"%s\"", name);
    if (near != NULL) {
        diag_hint(r->diag, "did you mean \"%s\"?", near);
    } else {
        diag_hint(r->diag, "a unit as a value is <Literal unit=\"NAME\"/>");
    }
    return ERR_INPUT;
}

static int var(struct reader *r, struct element *e, struct term **out)
{
    struct term *t = xml_term(r, CML_VAR, e);
    const struct xml_attr *index = xml_attr(e, "index");
    const char *name = NULL;
    char *end;
    int64_t i;

    if (t == NULL) {
        return ERR_NOMEM;
    }
    if (index != NULL) {
        TRY(xml_finish(r, e, e->kids));
        i = strtol((const char *)index->value.p, &end, 10);
        if (index->value.n == 0 || *end != '\0' || i < 0 || i >= r->scope_n) {
            return xml_fail(r, e, "\"index\" counts binders: there are %u here",
                            r->scope_n);
        }
    } else {
        TRY(var_name(r, e, &name));
        i = xml_index(r, name);
        if (i < 0) {
            return unbound(r, e, name);
        }
    }
    t->fields[0].value = cml_index((uint32_t)i);
    *out = t;
    return 0;
}

/* A Reference of these words, the first of which is its subject. */
static int reference(struct reader *r, const struct element *e,
                     const struct cml_value *words, uint32_t n,
                     struct term **out)
{
    struct term *t = xml_term(r, CML_REFERENCE, e);
    struct cml_value *kept = arena_array(r->a, n, sizeof(*kept));

    if (t == NULL || kept == NULL) {
        return ERR_NOMEM;
    }
    memcpy(kept, words, n * sizeof(*kept));
    t->fields[0].value = kept[0];
    t->fields[1].words = kept + 1;
    t->fields[1].n = n - 1;
    *out = t;
    return 0;
}

#define PATH_MAX_PARTS 64

/* <Reference subject path="a/b"/> */
static int outside(struct reader *r, struct element *e, struct term **out)
{
    struct cml_value words[PATH_MAX_PARTS];
    const char *subject = NULL;
    const char *path = NULL;
    uint32_t n = 1;

    TRY(xml_finish(r, e, e->kids));
    if (e->tag == XML_NAMED_REF) {
        TRY(xml_need(r, e, "name", &path));
        subject = "SELF";
    } else {
        TRY(xml_need(r, e, "subject", &subject));
        TRY(xml_need(r, e, "path", &path));
    }
    words[0] = cml_word(subject);
    for (;;) {
        size_t length = e->tag == XML_NAMED_REF ? strlen(path)
                                                : strcspn(path, "/");

        if (length == 0 || n == PATH_MAX_PARTS) {
            return xml_fail(r, e, length == 0
                                      ? "a part of the reference is empty"
                                      : "a reference of over 63 parts");
        }
        words[n++] =
            cml_text((struct ubytes){(const uint8_t *)path, length});
        if (path[length] == '\0') {
            return reference(r, e, words, n, out);
        }
        path += length + 1;
    }
}

static int core_target(struct reader *r, struct element *e, const char *name,
                       struct term **out)
{
    const char *field = NULL;
    struct cml_value words[3] = {cml_word(CORE_SUBJECT), cml_word(name)};

    if (xml_attr(e, "field") == NULL) {
        return reference(r, e, words, 2, out);
    }
    TRY(xml_need_name(r, e, "field", &field));
    words[2] = cml_word(field);
    return reference(r, e, words, 3, out);
}

/* What an attribute of a Call names: into t. */
static int target(struct reader *r, struct element *e, struct term *t)
{
    struct element *k = NULL;
    struct term *to = NULL;
    const char *name = NULL;
    int64_t i = -1;

    if (xml_attr(e, "field") != NULL) {
        TRY(core_target(r, e, CORE_FIELD, &to));
    } else if (xml_attr(e, "core") != NULL) {
        TRY(xml_need_name(r, e, "core", &name));
        TRY(core_target(r, e, name, &to));
    } else if (xml_attr(e, "type") != NULL) {
        TRY(xml_type_of(r, e, &k, &to));
    } else if (xml_attr(e, "unit") != NULL) {
        TRY(xml_need_name(r, e, "unit", &name));
    } else {
        TRY(xml_need_name(r, e, "target", &name));
        i = xml_index(r, name);
        to = i >= 0 ? xml_term(r, CML_VAR, e) : NULL;
        if (to != NULL) {
            to->fields[0].value = cml_index((uint32_t)i);
        }
    }
    if (to == NULL) {
        t->callee = name;
        return document_site(r->doc, t);
    }
    term_kid(t, 0, r->a, to);
    return 0;
}

static int targets_n(const struct element *e)
{
    return (xml_attr(e, "target") != NULL) + (xml_attr(e, "unit") != NULL) +
           (xml_attr(e, "core") != NULL) + (xml_attr(e, "field") != NULL) +
           (xml_attr(e, "type") != NULL);
}

static int call(struct reader *r, struct element *e, struct term **out)
{
    struct term *t = xml_term(r, CML_CALL, e);
    struct term **args = arena_array(r->a, e->kids_n + 1, sizeof(*args));
    struct element *k = e->kids;
    struct term *to = NULL;
    uint32_t n = 0;

    if (t == NULL || args == NULL) {
        return ERR_NOMEM;
    }
    if (k != NULL && k->tag == XML_TARGET && targets_n(e) == 0) {
        struct element *inner = k->kids;

        if (inner == NULL || (inner->tag != XML_TYPE && inner->tag != XML_VAR)) {
            return xml_fail(r, k, "<Target> holds a <Type> or a <Var>");
        }
        TRY(inner->tag == XML_TYPE ? xml_type(r, inner, &to)
                                   : var(r, inner, &to));
        TRY(xml_finish(r, k, inner->next));
        term_kid(t, 0, r->a, to);
        k = k->next;
    } else if (targets_n(e) > 1) {
        return xml_fail(r, e, "<Call> has two targets");
    } else {
        TRY(target(r, e, t));
    }
    while (k != NULL) {
        struct element *arg = NULL;

        TRY(xml_take(r, e, &k, XML_ARG, &arg));
        TRY(xml_inside(r, arg, &args[n++]));
    }
    term_kids(t, 1, args, n);
    *out = t;
    return 0;
}

static int binop(struct reader *r, struct element *e, struct term **out)
{
    struct term *t = xml_term(r, CML_BINOP, e);
    struct term *left = NULL;
    struct term *right = NULL;
    const char *name = NULL;
    enum cml_op op;

    TRY(xml_need(r, e, "op", &name));
    op = cml_op_from_name((struct ubytes){(const uint8_t *)name, strlen(name)});
    if (op == CML_OPS) {
        return xml_fail(r, e, "no operator \"%s\"", name);
    }
    if (e->kids_n != 2) {
        return xml_fail(r, e, "<BinOp> has two operands, not %u", e->kids_n);
    }
    TRY(xml_expression(r, e->kids, &left));
    TRY(xml_expression(r, e->kids->next, &right));
    if (t == NULL) {
        return ERR_NOMEM;
    }
    term_word(t, 0, cml_op_info(op)->name);
    term_kid(t, 1, r->a, left);
    term_kid(t, 2, r->a, right);
    *out = t;
    return 0;
}

static int dispatch(struct reader *r, struct element *e, struct term **out)
{
    switch ((int)e->tag) {
    case XML_LITERAL:
        return literal(r, e, out);
    case XML_VAR:
        return var(r, e, out);
    case XML_CALL:
        return call(r, e, out);
    case XML_BINOP:
        return binop(r, e, out);
    case XML_MATCH:
        return xml_match(r, e, out);
    case XML_LOOP:
        return xml_loop(r, e, out);
    case XML_REFERENCE:
    case XML_NAMED_REF:
        return outside(r, e, out);
    default:
        return xml_fail(r, e, "<%s> where an expression is expected",
                        xml_tag_name(e));
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): xml_enter bounds it */
int xml_expression(struct reader *r, struct element *e, struct term **out)
{
    TRY(xml_enter(r, e));
    TRY(dispatch(r, e, out));
    xml_leave(r);
    return 0;
}
