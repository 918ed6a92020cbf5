/* Elements to terms: documents, units, blocks, and what all parts need. Runs in the
 * `cml` worker on foreign bytes; nesting is bounded. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "workers/cml/text.h"
#include "workers/cml/xml.h"
#include "workers/cml/xml_int.h"

int xml_fail(struct reader *r, const struct element *e, const char *fmt, ...)
{
    char text[DIAG_TEXT_BYTES];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return diag_set(r->diag, ERR_INPUT,
                    (struct loc){r->doc->path, e->line, e->col}, "%s", text);
}

struct term *xml_term(struct reader *r, enum cml_kind kind,
                      const struct element *e)
{
    return term_new(r->a, kind, (struct loc){NULL, e->line, e->col});
}

int xml_enter(struct reader *r, const struct element *e)
{
    if (r->depth == LIMIT_CML_HEIGHT) {
        return diag_set(r->diag, ERR_LIMIT,
                        (struct loc){r->doc->path, e->line, e->col},
                        "nested more than %u deep", LIMIT_CML_HEIGHT);
    }
    r->depth++;
    return 0;
}

void xml_leave(struct reader *r)
{
    r->depth--;
}

int xml_bind(struct reader *r, const struct element *e, const char *name)
{
    if (r->scope_n == XML_SCOPE_MAX) {
        return xml_fail(r, e, "more than %d names at once", XML_SCOPE_MAX);
    }
    r->scope[r->scope_n++] = name;
    return 0;
}

int64_t xml_index(const struct reader *r, const char *name)
{
    for (uint32_t i = r->scope_n; i-- > 0;) {
        if (strcmp(r->scope[i], name) == 0) {
            return r->scope_n - 1 - i;
        }
    }
    return -1;
}

int xml_need(struct reader *r, const struct element *e, const char *attr,
             const char **out)
{
    const struct xml_attr *a = xml_attr(e, attr);

    if (a == NULL) {
        return xml_fail(r, e, "<%s> has no \"%s\"", xml_tag_name(e), attr);
    }
    *out = (const char *)a->value.p;
    return 0;
}

int xml_need_name(struct reader *r, const struct element *e, const char *attr,
                  const char **out)
{
    TRY(xml_need(r, e, attr, out));
    if (!text_is_name((struct ubytes){(const uint8_t *)*out, strlen(*out)})) {
        xml_fail(r, e, "the \"%s\" of <%s> is no name", attr, xml_tag_name(e));
        diag_hint(r->diag, "letters a to z and A to Z, digits and _, not a digit "
                           "first, and no word of the text form");
        return ERR_INPUT;
    }
    return 0;
}

int xml_take(struct reader *r, const struct element *e, struct element **k,
             enum xml_tag tag, struct element **out)
{
    const struct element wanted = {.tag = tag};

    if (*k == NULL) {
        return xml_fail(r, e, "<%s> ends without <%s>", xml_tag_name(e),
                        xml_tag_name(&wanted));
    }
    if ((*k)->tag != tag) {
        return xml_fail(r, *k, "<%s> in <%s> where <%s> is expected",
                        xml_tag_name(*k), xml_tag_name(e),
                        xml_tag_name(&wanted));
    }
    *out = *k;
    *k = (*k)->next;
    return 0;
}

int xml_finish(struct reader *r, const struct element *e,
               const struct element *k)
{
    return k == NULL ? 0
                     : xml_fail(r, k, "<%s> is one too many in <%s>",
                                xml_tag_name(k), xml_tag_name(e));
}

int xml_inside(struct reader *r, const struct element *e, struct term **out)
{
    if (e->kids == NULL) {
        return xml_fail(r, e, "<%s> holds no expression", xml_tag_name(e));
    }
    TRY(xml_expression(r, e->kids, out));
    return xml_finish(r, e, e->kids->next);
}

static int is_nameless(const struct element *e)
{
    const struct xml_attr *a = xml_attr(e, "name");

    return a != NULL && a->value.n == 0;
}

int xml_binding(struct reader *r, const struct element *e, int nameless,
                struct term **out)
{
    struct term *t = xml_term(r, CML_BINDING, e);
    struct element *k = e->kids;
    struct term *type = NULL;
    struct term *init = NULL;

    if (t == NULL) {
        return ERR_NOMEM;
    }
    TRY(xml_enter(r, e));
    if (nameless && is_nameless(e)) {
        t->name = ""; /* what a loop of several values carries */
    } else {
        TRY(xml_need_name(r, e, "name", &t->name));
    }
    TRY(xml_type_of(r, e, &k, &type));
    if (k != NULL) {
        TRY(xml_expression(r, k, &init));
        TRY(xml_finish(r, e, k->next));
    }
    xml_leave(r);
    term_kid(t, 0, r->a, type);
    term_kid(t, 1, r->a, init);
    *out = t;
    return 0;
}

int xml_comment(struct reader *r, const struct element *e, const char **out)
{
    CLEANUP(buf_release) struct buf b;
    const struct xml_attr *doc = xml_attr(e, "doc");
    const char *text = doc != NULL ? (const char *)doc->value.p : NULL;

    *out = NULL;
    buf_init(&b, 2 * LIMIT_CML_TEXT_BYTES);
    while (text != NULL) {
        size_t n = strcspn(text, "\n");

        TRY(buf_put(&b, " ", n > 0 ? 1 : 0));
        TRY(buf_put(&b, text, n));
        TRY(buf_put_u8(&b, '\n'));
        text = text[n] == '\n' ? text + n + 1 : NULL;
    }
    if (doc != NULL) {
        *out = arena_text(r->a, buf_bytes(&b).p, buf_len(&b));
        return *out != NULL ? 0 : ERR_NOMEM;
    }
    return 0;
}

/* Attribute note as the comment behind a statement or unit. */
static int note(struct reader *r, const struct element *e, const char **out)
{
    const struct xml_attr *a = xml_attr(e, "note");
    char *text = NULL;
    size_t lead; /* a space, unless the note is empty */

    *out = NULL;
    if (a == NULL) {
        return 0;
    }
    lead = a->value.n > 0 ? 1 : 0;
    text = arena_array(r->a, a->value.n + 2, 1);
    if (text == NULL) {
        return ERR_NOMEM;
    }
    memcpy(text, " ", lead);
    memcpy(text + lead, a->value.p, a->value.n);
    for (char *line = text; (line = strchr(line, '\n')) != NULL;) {
        *line = ' ';
    }
    *out = text;
    return 0;
}

/* <Return>, <Next>, or the expression itself. */
static int block_value(struct reader *r, struct element *e, struct term **out)
{
    struct term *t = xml_term(r, CML_RETURN, e);
    struct term *value = NULL;

    if (t == NULL) {
        return ERR_NOMEM;
    }
    TRY(xml_enter(r, e));
    if (e->tag == XML_RETURN || e->tag == XML_NEXT) {
        TRY(xml_inside(r, e, &value));
    } else {
        TRY(xml_expression(r, e, &value));
    }
    xml_leave(r);
    term_kid(t, 0, r->a, value);
    *out = t;
    return 0;
}

int xml_block(struct reader *r, const struct element *e, struct term **out)
{
    struct term *t = xml_term(r, CML_BLOCK, e);
    struct term **list = arena_array(r->a, e->kids_n + 1, sizeof(*list));
    uint32_t scope_n = r->scope_n;
    uint32_t n = 0;

    if (t == NULL || list == NULL) {
        return ERR_NOMEM;
    }
    TRY(xml_enter(r, e));
    for (struct element *k = e->kids; k != NULL; k = k->next, n++) {
        if (k->tag == XML_BINDING) {
            TRY(xml_binding(r, k, 0, &list[n]));
            TRY(xml_bind(r, k, list[n]->name));
        } else {
            TRY(block_value(r, k, &list[n]));
        }
        TRY(xml_comment(r, k, &list[n]->above));
        TRY(note(r, k, &list[n]->behind));
    }
    TRY(xml_comment(r, e, &t->above));
    xml_leave(r);
    r->scope_n = scope_n;
    term_kids(t, 0, list, n);
    *out = t;
    return 0;
}

/* <Params>, or <Signature> with <Returns> in it: *out_returns, else NULL. */
static int params(struct reader *r, const struct element *e, struct term *unit,
                  struct element **out_returns)
{
    struct term **list = arena_array(r->a, e->kids_n + 1, sizeof(*list));
    uint32_t n = 0;

    *out_returns = NULL;
    if (list == NULL) {
        return ERR_NOMEM;
    }
    for (struct element *k = e->kids; k != NULL; k = k->next) {
        if (e->tag == XML_SIGNATURE && k->tag == XML_RETURNS) {
            *out_returns = k;
            TRY(xml_finish(r, e, k->next));
            break;
        }
        if (k->tag != XML_BINDING && k->tag != XML_PARAM) {
            return xml_fail(r, k, "<%s> where a parameter is expected",
                            xml_tag_name(k));
        }
        TRY(xml_binding(r, k, 0, &list[n]));
        if (list[n]->fields[0].n == 0) {
            xml_fail(r, k, "<%s> has no \"type\"", xml_tag_name(k));
            diag_hint(r->diag, "type=\"Int32\", or <Type> or <Constraint> in it");
            return ERR_INPUT;
        }
        TRY(xml_bind(r, k, list[n++]->name));
    }
    term_kids(unit, 1, list, n);
    return 0;
}

static int returns(struct reader *r, const struct element *e, struct term *unit)
{
    struct element *k = e->kids;
    struct term *type = NULL;

    TRY(xml_type_of(r, e, &k, &type));
    if (type == NULL) {
        return xml_fail(r, e, "<Returns> has no \"type\"");
    }
    term_kid(unit, 2, r->a, type);
    return xml_finish(r, e, k);
}

int xml_unit(struct reader *r, const struct element *e)
{
    const char *doc = NULL;
    struct term *u = xml_term(r, CML_UNIT, e);
    struct element *k = e->kids;
    struct element *part = NULL;
    struct term *body = NULL;

    if (u == NULL) {
        return ERR_NOMEM;
    }
    TRY(xml_need_name(r, e, "name", &u->name));
    TRY(xml_comment(r, e, &doc));
    TRY(document_unit(r->doc, u, doc));
    TRY(note(r, e, &r->doc->units[r->doc->units_n - 1].behind));
    term_word(u, 0, u->name);
    r->scope_n = 0;
    r->depth = 1;
    if (k != NULL && k->tag == XML_SIGNATURE) {
        part = k;
        k = k->next;
    } else {
        TRY(xml_take(r, e, &k, XML_PARAMS, &part));
    }
    TRY(params(r, part, u, &part));
    if (part == NULL) {
        TRY(xml_take(r, e, &k, XML_RETURNS, &part));
    }
    TRY(returns(r, part, u));
    TRY(xml_take(r, e, &k, XML_BLOCK, &part));
    TRY(xml_block(r, part, &body));
    term_kid(u, 3, r->a, body);
    return xml_finish(r, e, k);
}

int xml_is(struct ubytes in)
{
    return in.n > 0 && in.p[0] == '<';
}

int xml_parse(struct document *d, struct ubytes in, struct diag *diag)
{
    struct reader r = {.doc = d, .a = &d->arena, .diag = diag};
    struct element *root = NULL;

    TRY(xml_tree_read(&d->arena, in, d->path, NULL, &root, diag));
    if (root->tag != XML_CML || root->kids == NULL) {
        return xml_fail(&r, root,
                        root->tag != XML_CML ? "the root is <%s>, not <CML>"
                                             : "<%s> holds no <Unit>",
                        xml_tag_name(root));
    }
    TRY(xml_comment(&r, root, &d->tail));
    for (struct element *k = root->kids; k != NULL;) {
        struct element *e = NULL;

        TRY(xml_take(&r, root, &k, XML_UNIT, &e));
        TRY(xml_unit(&r, e));
    }
    return document_resolve(d, diag);
}
