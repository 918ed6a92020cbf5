/* Terms as XML, on one line. What it writes reads back as the same terms. */
#include <string.h>

#include "proto/err.h"
#include "proto/utf8.h"
#include "workers/cml/core.h"
#include "workers/cml/print_int.h"
#include "workers/cml/xml.h"

#define PUT(text) TRY(print_put(p, text))

/* XML 1.0 has no code points but these. */
static int is_char(uint32_t cp)
{
    return cp == '\t' || cp == '\n' || cp == '\r' ||
           (cp >= 0x20 && cp != 0xfffe && cp != 0xffff);
}

static int is_writable(struct ubytes s)
{
    while (s.n > 0) {
        uint32_t cp = 0;
        size_t n = utf8_next(s, &cp);

        if (n == 0 || !is_char(cp)) {
            return 0;
        }
        s = (struct ubytes){s.p + n, s.n - n};
    }
    return 1;
}

/* The value of an attribute; code points that XML has not become '?' (of
 * comments: others are asked before). */
static int put_value(struct printer *p, struct ubytes s)
{
    while (s.n > 0) {
        uint32_t cp = 0;
        size_t n = utf8_next(s, &cp);
        const char *escape = cp == '<'   ? "&lt;"
                             : cp == '>' ? "&gt;"
                             : cp == '&' ? "&amp;"
                             : cp == '"' ? "&quot;"
                                         : NULL;

        if (escape != NULL) {
            PUT(escape);
        } else if (!is_char(cp)) {
            PUT("?");
        } else if (utf8_is_unsafe(cp)) { /* line ends would become spaces */
            TRY(buf_putf(p->out, "&#%u;", cp));
        } else {
            TRY(buf_put(p->out, s.p, n));
        }
        s = (struct ubytes){s.p + n, s.n - n};
    }
    return 0;
}

static int attr(struct printer *p, const char *name, struct ubytes value)
{
    TRY(buf_putf(p->out, " %s=\"", name));
    TRY(put_value(p, value));
    return print_put(p, "\"");
}

static int attr_text(struct printer *p, const char *name, const char *value)
{
    return attr(p, name,
                (struct ubytes){(const uint8_t *)value, strlen(value)});
}

/* A word that must be kept as it is. */
static int attr_word(struct printer *p, const char *name,
                     const struct cml_value *word)
{
    return is_writable(word->u.text) ? attr(p, name, word->u.text)
                                     : ERR_TRACE(ERR_INPUT);
}

/* The comment's lines, each without the space that it begins with. */
static int comment(struct printer *p, const char *name, const char *text)
{
    if (text == NULL) {
        return 0;
    }
    TRY(buf_putf(p->out, " %s=\"", name));
    while (*text != '\0') {
        size_t n = strcspn(text, "\n");
        size_t from = *text == ' ' ? 1 : 0;

        TRY(put_value(p, (struct ubytes){(const uint8_t *)text + from,
                                         n - from}));
        text += n + (text[n] == '\n');
        PUT(*text != '\0' ? "&#10;" : "");
    }
    return print_put(p, "\"");
}

static int bind(struct printer *p, const char *name)
{
    if (p->scope_n == ARRAY_N(p->scope)) {
        return ERR_TRACE(ERR_LIMIT);
    }
    p->scope[p->scope_n++] = name;
    return 0;
}

static int is_bound(const struct printer *p, struct ubytes name)
{
    for (uint32_t i = 0; i < p->scope_n; i++) {
        if (strlen(p->scope[i]) == name.n &&
            memcmp(p->scope[i], name.p, name.n) == 0) {
            return 1;
        }
    }
    return 0;
}

static int expression(struct printer *p, const struct term *t);
static int block(struct printer *p, const struct term *t);
static int type(struct printer *p, const struct term *t);

/* --- types --- */

/* <Field type="Int32"/>, or with the type inside; attributes before it are
 * written. */
static int typed(struct printer *p, const char *tag, const struct term *t)
{
    if (t->kind == CML_PRIMITIVE_TYPE) {
        TRY(attr_word(p, "type", &t->fields[0].value));
        return print_put(p, "/>");
    }
    PUT(">");
    TRY(type(p, t));
    return buf_putf(p->out, "</%s>", tag);
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int composite(struct printer *p, const struct term *t)
{
    PUT("<Type kind=\"Composite\">");
    for (uint32_t i = 0; i < t->fields[1].n; i++) {
        PUT("<Field");
        TRY(attr_word(p, "name", &t->fields[0].words[i]));
        TRY(typed(p, "Field", t->fields[1].kids[i]));
    }
    return print_put(p, "</Type>");
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int function(struct printer *p, const struct term *t)
{
    PUT("<Type kind=\"Function\"><Params");
    PUT(t->fields[0].n > 0 ? ">" : "/>");
    for (uint32_t i = 0; i < t->fields[0].n; i++) {
        TRY(type(p, t->fields[0].kids[i]));
    }
    PUT(t->fields[0].n > 0 ? "</Params><Returns" : "<Returns");
    TRY(typed(p, "Returns", kid(t, 1)));
    return print_put(p, "</Type>");
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int type(struct printer *p, const struct term *t)
{
    switch ((int)t->kind) {
    case CML_PRIMITIVE_TYPE:
        PUT("<Type kind=\"Primitive\"");
        TRY(attr_word(p, "name", &t->fields[0].value));
        return print_put(p, "/>");
    case CML_COMPOSITE_TYPE:
        return composite(p, t);
    case CML_FUNCTION_TYPE:
        return function(p, t);
    case CML_CONSTRAINT:
        PUT("<Constraint");
        TRY(attr_word(p, "kind", &t->fields[0].value));
        TRY(attr_word(p, "target", &t->fields[1].value));
        return print_put(p, "/>");
    case CML_REFERENCE_TYPE:
        PUT("<Type kind=\"Reference\"");
        if (kid(t, 0)->kind == CML_UNIT) {
            TRY(attr_word(p, "target", &kid(t, 0)->fields[0].value));
            return print_put(p, "/>");
        }
        PUT(">");
        break;
    default:
        PUT("<Type kind=\"Array\">");
        break;
    }
    TRY(type(p, kid(t, 0)));
    return print_put(p, "</Type>");
}

/* --- expressions --- */

static int literal(struct printer *p, const struct term *t)
{
    const struct term *leaf = kid(t, 1);
    const struct cml_value *v = &leaf->fields[0].value;

    if (leaf->kind == CML_UNIT) {
        PUT("<Literal");
        TRY(attr_word(p, "unit", &leaf->fields[0].value));
        return print_put(p, "/>");
    }
    if (kid(t, 0)->kind != CML_PRIMITIVE_TYPE) {
        return ERR_TRACE(ERR_INPUT);
    }
    PUT("<Literal");
    TRY(attr_word(p, "type", &kid(t, 0)->fields[0].value));
    switch (v->tag) {
    case CML_FALSE:
    case CML_TRUE:
        TRY(attr_text(p, "value", v->tag == CML_TRUE ? "true" : "false"));
        break;
    case CML_INT:
    case CML_FLOAT:
        PUT(" value=\"");
        TRY(print_digits(p, t));
        PUT("\"");
        break;
    case CML_STRING:
        if (is_writable(v->u.text)) {
            TRY(attr(p, "value", v->u.text));
            break;
        }
        PUT(" utf8=\"");
        TRY(print_hex(p, v->u.text));
        PUT("\"");
        break;
    case CML_BYTES:
        PUT(" value=\"");
        TRY(print_hex(p, v->u.text));
        PUT("\"");
        break;
    case CML_ABSENT:
        break;
    case CML_CHILD:
    case CML_LIST:
        return ERR_TRACE(ERR_INPUT);
    }
    return print_put(p, "/>");
}

/* By name, or by number where the name means another one here. */
static int var(struct printer *p, const struct term *t)
{
    uint64_t i = t->fields[0].value.u.bits;
    const char *name;

    if (i >= p->scope_n) {
        return ERR_TRACE(ERR_INPUT);
    }
    name = p->scope[p->scope_n - 1 - i];
    for (uint64_t k = 0; k < i; k++) {
        if (strcmp(p->scope[p->scope_n - 1 - k], name) == 0) {
            return buf_putf(p->out, "<Var index=\"%u\"/>", (unsigned)i);
        }
    }
    PUT("<Var");
    TRY(attr_text(p, "name", name));
    return print_put(p, "/>");
}

static int reference(struct printer *p, const struct term *t)
{
    PUT("<Reference path=\"");
    for (uint32_t i = 0; i < t->fields[1].n; i++) {
        struct ubytes part = t->fields[1].words[i].u.text;

        if (!is_writable(part) || memchr(part.p, '/', part.n) != NULL) {
            return ERR_TRACE(ERR_INPUT);
        }
        PUT(i > 0 ? "/" : "");
        TRY(put_value(p, part));
    }
    PUT("\"");
    TRY(attr_word(p, "subject", &t->fields[0].value));
    return print_put(p, "/>");
}

/* <Call ...> with what is called; *out_open: the tag was closed by ">". */
static int target(struct printer *p, const struct term *t, int *out_open)
{
    const struct cml_value *word = &t->fields[0].value;

    *out_open = 0;
    switch ((int)t->kind) {
    case CML_UNIT:
        return attr_word(p, is_bound(p, word->u.text) ? "unit" : "target",
                         word);
    case CML_PRIMITIVE_TYPE:
        return attr_word(p, "type", word);
    case CML_REFERENCE:
        if (t->fields[1].n == 2) {
            return attr_word(p, "field", &t->fields[1].words[1]);
        }
        word = &t->fields[1].words[0];
        return attr_word(p, is_bound(p, word->u.text) ? "core" : "target",
                         word);
    default:
        break;
    }
    *out_open = 1;
    PUT("><Target>");
    TRY(t->kind == CML_VAR ? var(p, t) : type(p, t));
    return print_put(p, "</Target>");
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int call(struct printer *p, const struct term *t)
{
    const struct term_field *args = &t->fields[1];
    int is_open = 0;

    PUT("<Call");
    TRY(target(p, kid(t, 0), &is_open));
    if (args->n == 0 && !is_open) {
        return print_put(p, "/>");
    }
    PUT(is_open ? "" : ">");
    for (uint32_t i = 0; i < args->n; i++) {
        PUT("<Arg>");
        TRY(expression(p, args->kids[i]));
        PUT("</Arg>");
    }
    return print_put(p, "</Call>");
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int pattern(struct printer *p, const struct term *t)
{
    const struct cml_value *kind = &t->fields[0].value;

    PUT("<Pattern");
    if (cml_is_word(kind, "Bind")) {
        TRY(attr_text(p, "name", t->name));
        TRY(bind(p, t->name));
    }
    TRY(attr_word(p, "type", kind));
    if (!has_kid(t, 1)) {
        return print_put(p, "/>");
    }
    PUT(">");
    TRY(kid(t, 1)->kind == CML_LITERAL ? literal(p, kid(t, 1))
                                       : type(p, kid(t, 1)));
    for (uint32_t i = 0; i < t->fields[2].n; i++) {
        TRY(pattern(p, t->fields[2].kids[i]));
    }
    return print_put(p, "</Pattern>");
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int match(struct printer *p, const struct term *t)
{
    PUT("<Match><Value>");
    TRY(expression(p, kid(t, 0)));
    PUT("</Value>");
    for (uint32_t i = 0; i < t->fields[1].n; i++) {
        const struct term *arm = t->fields[1].kids[i];
        uint32_t kept = p->scope_n;

        PUT("<Arm>");
        TRY(pattern(p, kid(arm, 0)));
        TRY(block(p, kid(arm, 1)));
        PUT("</Arm>");
        p->scope_n = kept;
    }
    return print_put(p, "</Match>");
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int binding(struct printer *p, const struct term *t)
{
    const struct term *ty = has_kid(t, 0) ? kid(t, 0) : NULL;

    PUT("<Binding");
    TRY(comment(p, "doc", t->above));
    TRY(attr_text(p, "name", t->name));
    TRY(comment(p, "note", t->behind));
    if (!has_kid(t, 1) && ty != NULL) {
        return typed(p, "Binding", ty);
    }
    if (ty != NULL && ty->kind == CML_PRIMITIVE_TYPE) {
        TRY(attr_word(p, "type", &ty->fields[0].value));
    }
    PUT(">");
    if (ty != NULL && ty->kind != CML_PRIMITIVE_TYPE) {
        TRY(type(p, ty));
    }
    TRY(expression(p, kid(t, 1)));
    return print_put(p, "</Binding>");
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int loop(struct printer *p, const struct term *t)
{
    const char *kind = cml_is_word(&t->fields[0].value, "while") ? "Condition"
                       : t->name != NULL                         ? "Iterator"
                                                                 : "Count";
    uint32_t kept = p->scope_n;

    PUT("<Loop");
    TRY(attr_word(p, "kind", &t->fields[0].value));
    PUT("><State>");
    TRY(binding(p, kid(t, 1)));
    TRY(buf_putf(p->out, "</State><%s", kind));
    if (kind[0] == 'I') {
        TRY(attr_text(p, "name", t->name));
    }
    PUT(">");
    if (kind[1] == 'o' && kind[2] == 'n') { /* the condition sees the state */
        TRY(bind(p, kid(t, 1)->name));
        TRY(expression(p, kid(t, 2)));
    } else {
        TRY(expression(p, kid(t, 2)));
        TRY(bind(p, kid(t, 1)->name));
    }
    TRY(kind[0] == 'I' ? bind(p, t->name) : 0);
    TRY(buf_putf(p->out, "</%s>", kind));
    TRY(block(p, kid(t, 3)));
    p->scope_n = kept;
    return print_put(p, "</Loop>");
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int expression(struct printer *p, const struct term *t)
{
    switch ((int)t->kind) {
    case CML_LITERAL:
        return literal(p, t);
    case CML_VAR:
        return var(p, t);
    case CML_CALL:
        return call(p, t);
    case CML_REFERENCE:
        return reference(p, t);
    case CML_MATCH:
        return match(p, t);
    case CML_LOOP:
        return loop(p, t);
    default:
        break;
    }
    PUT("<BinOp");
    TRY(attr_word(p, "op", &t->fields[0].value));
    PUT(">");
    TRY(expression(p, kid(t, 1)));
    TRY(expression(p, kid(t, 2)));
    return print_put(p, "</BinOp>");
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int block(struct printer *p, const struct term *t)
{
    uint32_t kept = p->scope_n;

    PUT("<Block");
    TRY(comment(p, "doc", t->above));
    PUT(">");
    for (uint32_t i = 0; i < t->fields[0].n; i++) {
        const struct term *s = t->fields[0].kids[i];

        if (s->kind == CML_BINDING) {
            TRY(binding(p, s));
            TRY(bind(p, s->name));
            continue;
        }
        PUT("<Return");
        TRY(comment(p, "doc", s->above));
        TRY(comment(p, "note", s->behind));
        PUT(">");
        TRY(expression(p, kid(s, 0)));
        PUT("</Return>");
    }
    p->scope_n = kept;
    return print_put(p, "</Block>");
}

static int unit(struct printer *p, const struct unit *unit)
{
    const struct term *t = unit->term;

    p->scope_n = 0;
    PUT("<Unit");
    TRY(comment(p, "doc", unit->doc));
    TRY(attr_word(p, "name", &t->fields[0].value));
    TRY(comment(p, "note", unit->behind));
    PUT(t->fields[1].n > 0 ? "><Params>" : "><Params/>");
    for (uint32_t i = 0; i < t->fields[1].n; i++) {
        TRY(binding(p, t->fields[1].kids[i]));
        TRY(bind(p, t->fields[1].kids[i]->name));
    }
    PUT(t->fields[1].n > 0 ? "</Params><Returns" : "<Returns");
    TRY(typed(p, "Returns", kid(t, 2)));
    TRY(block(p, kid(t, 3)));
    return print_put(p, "</Unit>");
}

int xml_put_unit(struct buf *out, const struct document *d, uint32_t i,
                 struct diag *diag)
{
    struct printer p = {.out = out};
    int code = unit(&p, &d->units[i]);

    if (code == ERR_INPUT) {
        (void)diag_set(diag, ERR_INPUT, document_loc(d, d->units[i].term),
                       "XML cannot hold a name or constant of this unit");
    }
    return code;
}

int xml_put_doc(struct buf *out, const char *doc)
{
    struct printer p = {.out = out};

    return comment(&p, "doc", doc);
}

int xml_put(struct buf *out, const struct document *d, struct diag *diag)
{
    TRY(buf_putf(out, "<CML"));
    TRY(xml_put_doc(out, d->tail));
    TRY(buf_putf(out, " version=\"0.1\">"));
    for (uint32_t i = 0; i < d->units_n; i++) {
        TRY(xml_put_unit(out, d, i, diag));
    }
    return buf_putf(out, "</CML>\n");
}
