/* XML to elements, by expat. Runs in the confined `cml` worker on foreign bytes. A
 * document type, and with it every entity of a document's own, ends the reading
 * before a byte of it is interpreted; expat draws no randomness (its salt is the
 * text's own hash), opens nothing, and sees UTF-8 only. */
#include "workers/cml/xml_tree.h"

#include <expat.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/utf8.h"

/* An element per node, and one around it. */
#define DEPTH_MAX (2 * LIMIT_CML_HEIGHT + 16)
#define ATTRS_MAX 64
#define COUNTS_MAX 6

static const struct {
    const char *name;
    const char *counts;
    int text;
} elements[] = {
#define ELEMENT(tag, name, counts, text) {name, counts, text},
#include "workers/cml/xml.def"
};

struct tree {
    XML_Parser expat;
    struct arena *a;
    struct ubytes in;
    struct xml_map map; /* at least one span */
    size_t span;        /* that the last place was in */
    const char *path;
    struct diag *diag;
    int code;
    struct element *root;
    struct element **open; /* owned; DEPTH_MAX of them */
    uint32_t depth;
    struct buf text;  /* since the last tag */
    size_t seen;      /* bytes of the file that line and from are of */
    size_t from;      /* where the line begins */
    uint32_t line;
};

const char *xml_tag_name(const struct element *e)
{
    return e->tag == XML_SCALAR ? cml_primitive_info(e->primitive)->name
                                : elements[e->tag].name;
}

const struct xml_attr *xml_attr(const struct element *e, const char *name)
{
    for (uint32_t i = 0; i < e->attrs_n; i++) {
        if (strcmp(e->attrs[i].name, name) == 0) {
            return &e->attrs[i];
        }
    }
    return NULL;
}

static struct loc place(struct tree *t)
{
    long index = (long)XML_GetCurrentByteIndex(t->expat);
    size_t at = index < 0 ? t->in.n : (size_t)index;
    size_t to;

    while (t->span + 1 < t->map.n && t->map.spans[t->span + 1].at <= at) {
        t->span++;
    }
    to = t->map.spans[t->span].from + (at - t->map.spans[t->span].at);
    for (; t->seen < to && t->seen < t->map.file.n; t->seen++) {
        if (t->map.file.p[t->seen] == '\n') {
            t->line++;
            t->from = t->seen + 1;
        }
    }
    return (struct loc){t->path, t->line, (uint32_t)(t->seen - t->from + 1)};
}

/* Ends the reading; what was set first stays. */
static void refuse(struct tree *t, int code, const char *what, const char *hint)
{
    if (t->code == 0) {
        t->code = code;
        if (what != NULL) {
            diag_set(t->diag, code, place(t), "%s", what);
            diag_hint(t->diag, "%s", hint);
        }
    }
    XML_StopParser(t->expat, XML_FALSE);
}

static const char *local(const char *name)
{
    return strncmp(name, "cml:", 4) == 0 ? name + 4 : name;
}

static int find_tag(const char *name, struct element *e)
{
    struct ubytes text = {(const uint8_t *)name, strlen(name)};

    for (unsigned i = 0; i < ARRAY_N(elements); i++) {
        if (strcmp(elements[i].name, name) == 0) {
            e->tag = (enum xml_tag)i;
            return 0;
        }
    }
    e->tag = XML_SCALAR;
    e->primitive = cml_primitive_from_name(text);
    return e->primitive != CML_PRIMITIVES ? 0 : ERR_INPUT;
}

int xml_is_tag(const char *name, const char **out_near)
{
    const char *names[ARRAY_N(elements)];
    struct element e;

    for (unsigned i = 0; i < ARRAY_N(elements); i++) {
        names[i] = elements[i].name;
    }
    *out_near = diag_nearest(name, names, ARRAY_N(names));
    return find_tag(name, &e) == 0;
}

int xml_attr_counts(const char *tag, const char *attr)
{
    struct element e;
    const char *counts;

    if (attr[0] == '\0' || find_tag(tag, &e) < 0 || e.tag == XML_SCALAR) {
        return 0;
    }
    counts = elements[e.tag].counts;
    for (const char *at = counts; (at = strstr(at, attr)) != NULL; at++) {
        size_t n = strlen(attr);

        if ((at == counts || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0')) {
            return 1;
        }
    }
    return 0;
}

static void unknown_element(struct tree *t, const char *name)
{
    const char *near;
    char shown[64];

    (void)xml_is_tag(name, &near);
    utf8_escape((struct ubytes){(const uint8_t *)name, strlen(name)}, shown,
                sizeof(shown));
    t->code = diag_set(t->diag, ERR_INPUT, place(t), "no element <%s> in CML",
                       shown);
    if (near != NULL) {
        diag_hint(t->diag, "did you mean <%s>?", near);
    }
    refuse(t, t->code, NULL, NULL);
}

/* A word of the list that e lacks and this attribute nearly is, or NULL. */
static const char *meant(const struct element *e, const char *attr,
                         char (*words)[16])
{
    const char *counts = e->tag == XML_SCALAR ? "" : elements[e->tag].counts;
    const char *names[COUNTS_MAX];
    size_t n = 0;

    while (*counts != '\0' && n < COUNTS_MAX) {
        size_t length = strcspn(counts, " ");

        memcpy(words[n], counts, length);
        words[n][length] = '\0';
        if (strcmp(words[n], attr) == 0) {
            return NULL;
        }
        if (xml_attr(e, words[n]) == NULL) {
            names[n] = words[n];
            n++;
        }
        counts += length + (counts[length] == ' ');
    }
    return strlen(attr) > 2 ? diag_nearest(attr, names, n) : NULL;
}

static void check_attrs(struct tree *t, const struct element *e)
{
    for (uint32_t i = 0; i < e->attrs_n && t->code == 0; i++) {
        const char *name = e->attrs[i].name;
        char words[COUNTS_MAX + 1][16];
        const char *near = meant(e, name, words);

        if (xml_attr(e, name) != &e->attrs[i]) {
            refuse(t, ERR_INPUT, "an attribute is there twice",
                   "once with \"cml:\" before it, once without");
        } else if (near != NULL) {
            t->code = diag_set(t->diag, ERR_INPUT, place(t),
                               "<%s> has no \"%s\", but \"%.32s\"",
                               xml_tag_name(e), near, name);
            diag_hint(t->diag, "did you mean \"%s\"? Metadata of this name: "
                               "\"meta:%.32s\"", near, name);
            refuse(t, t->code, NULL, NULL);
        }
    }
}

static void take_attrs(struct tree *t, struct element *e, const char **attrs)
{
    uint32_t n = 0;

    while (attrs[n * 2] != NULL) {
        n++;
    }
    if (n > ATTRS_MAX) {
        refuse(t, ERR_LIMIT, "an element with over 64 attributes", "");
        return;
    }
    e->attrs = arena_array(t->a, n + 1, sizeof(*e->attrs));
    for (uint32_t i = 0; e->attrs != NULL && i < n; i++) {
        const char *name = local(attrs[i * 2]);
        const char *value = attrs[i * 2 + 1];
        struct xml_attr *out = &e->attrs[e->attrs_n];

        if (strncmp(name, "meta:", 5) == 0 || strncmp(name, "xml", 3) == 0) {
            continue;
        }
        out->value.n = strlen(value);
        out->name = arena_text(t->a, name, strlen(name));
        out->value.p =
            (const uint8_t *)arena_text(t->a, value, out->value.n);
        if (out->name == NULL || out->value.p == NULL) {
            refuse(t, ERR_NOMEM, NULL, NULL);
            return;
        }
        e->attrs_n++;
    }
    if (e->attrs == NULL) {
        refuse(t, ERR_NOMEM, NULL, NULL);
        return;
    }
    check_attrs(t, e);
}

static int is_blank(const struct buf *b)
{
    for (size_t i = 0; i < buf_len(b); i++) {
        if (memchr(" \t\r\n", buf_bytes(b).p[i], 4) == NULL) {
            return 0;
        }
    }
    return 1;
}

/* Text that ends here: only what may hold text, and holds nothing else, has it. */
static void check_text(struct tree *t, const struct element *e, int is_end)
{
    int holds = e == NULL || e->tag == XML_SCALAR || elements[e->tag].text;

    if (!is_blank(&t->text) && (!holds || !is_end || e->kids_n > 0)) {
        refuse(t, ERR_INPUT, "text between elements",
               "CML has no mixed content; comments are <!-- -->");
    }
}

static void add_kid(struct element *to, struct element *e)
{
    if (to->last != NULL) {
        to->last->next = e;
    } else {
        to->kids = e;
    }
    to->last = e;
    to->kids_n++;
}

static void XMLCALL on_start(void *data, const char *name, const char **attrs)
{
    struct tree *t = data;
    struct element *up = t->depth > 0 ? t->open[t->depth - 1] : NULL;
    struct element *e;
    struct loc at;

    if (t->code < 0) {
        return;
    }
    at = place(t);
    if (up != NULL) {
        check_text(t, up, 0);
    }
    buf_reset(&t->text);
    if (t->depth == DEPTH_MAX) {
        t->code = diag_set(t->diag, ERR_LIMIT, at,
                           "elements nested more than %u deep", DEPTH_MAX);
        refuse(t, t->code, NULL, NULL);
        return;
    }
    e = arena_get(t->a, sizeof(*e));
    if (e == NULL) {
        refuse(t, ERR_NOMEM, NULL, NULL);
        return;
    }
    e->line = at.line;
    e->col = at.col;
    if (find_tag(local(name), e) < 0) {
        unknown_element(t, local(name));
        return;
    }
    take_attrs(t, e, attrs);
    t->open[t->depth++] = e;
    if (up != NULL) {
        add_kid(up, e);
    } else {
        t->root = e;
    }
}

static void XMLCALL on_end(void *data, const char *name)
{
    struct tree *t = data;
    struct element *e;

    (void)name;
    if (t->code < 0) {
        return;
    }
    e = t->open[--t->depth];
    check_text(t, e, 1);
    if (e->kids_n == 0 && (e->tag == XML_SCALAR || elements[e->tag].text)) {
        e->text.n = buf_len(&t->text);
        e->text.p = (const uint8_t *)arena_text(t->a, buf_bytes(&t->text).p,
                                                e->text.n);
        if (e->text.p == NULL) {
            refuse(t, ERR_NOMEM, NULL, NULL);
        }
    }
    buf_reset(&t->text);
}

static void XMLCALL on_text(void *data, const char *p, int n)
{
    struct tree *t = data;

    if (t->code == 0 && buf_put(&t->text, p, (size_t)n) < 0) {
        refuse(t, ERR_NOMEM, NULL, NULL);
    }
}

static void XMLCALL on_doctype(void *data, const char *name, const char *sysid,
                               const char *pubid, int has_subset)
{
    (void)name;
    (void)sysid;
    (void)pubid;
    (void)has_subset;
    refuse(data, ERR_INPUT, "a document type (<!DOCTYPE)",
           "CML's XML has none, and no entities but &lt; &gt; &amp; &apos; "
           "&quot;");
}

static void XMLCALL on_instruction(void *data, const char *target,
                                   const char *text)
{
    (void)target;
    (void)text;
    refuse(data, ERR_INPUT, "a processing instruction (<? ?>)",
           "CML's XML has none");
}

static void XMLCALL on_cdata(void *data)
{
    refuse(data, ERR_INPUT, "a CDATA section", "write &lt; and &amp; instead");
}

static void XMLCALL on_declaration(void *data, const char *version,
                                   const char *encoding, int standalone)
{
    (void)standalone;
    if (version != NULL && strcmp(version, "1.0") != 0) {
        refuse(data, ERR_INPUT, "an XML version that is not 1.0", "");
    } else if (encoding != NULL && strcmp(encoding, "UTF-8") != 0 &&
               strcmp(encoding, "utf-8") != 0) {
        refuse(data, ERR_INPUT, "an encoding that is not UTF-8", "");
    }
}

/* What expat itself refused. */
static void complain(struct tree *t)
{
    enum XML_Error e = XML_GetErrorCode(t->expat);

    if (e == XML_ERROR_NO_MEMORY) {
        t->code = ERR_NOMEM;
    } else if (e == XML_ERROR_UNDEFINED_ENTITY) {
        refuse(t, ERR_INPUT, "an entity that is none of the five",
               "&lt; &gt; &amp; &apos; &quot; and &#NUMBER; are there");
    } else {
        t->code = diag_set(t->diag, ERR_INPUT, place(t), "not XML: %s",
                           XML_ErrorString(e));
    }
}

static int parse(struct tree *t)
{
    struct cid salt = cid_of(t->in);
    unsigned long number;

    memcpy(&number, salt.b, sizeof(number));
    XML_SetHashSalt(t->expat, number | 1); /* 0 would mean: draw one */
    XML_SetUserData(t->expat, t);
    XML_SetElementHandler(t->expat, on_start, on_end);
    XML_SetCharacterDataHandler(t->expat, on_text);
    XML_SetStartDoctypeDeclHandler(t->expat, on_doctype);
    XML_SetProcessingInstructionHandler(t->expat, on_instruction);
    XML_SetStartCdataSectionHandler(t->expat, on_cdata);
    XML_SetXmlDeclHandler(t->expat, on_declaration);
    if (XML_Parse(t->expat, (const char *)t->in.p, (int)t->in.n, 1) !=
            XML_STATUS_OK &&
        t->code == 0) {
        complain(t);
    }
    return t->code;
}

int xml_tree_read(struct arena *a, struct ubytes in, const char *path,
                  const struct xml_map *map, struct element **out,
                  struct diag *diag)
{
    const struct xml_span whole = {0, 0};
    struct tree t = {.a = a, .in = in, .path = path, .diag = diag, .line = 1};

    t.map = map != NULL ? *map : (struct xml_map){in, &whole, 1};

    if (in.n > LIMIT_CML_TEXT_BYTES) {
        return diag_set(diag, ERR_LIMIT, (struct loc){path, 0, 0},
                        "over %u bytes of text", LIMIT_CML_TEXT_BYTES);
    }
    if (!utf8_is_valid(in)) {
        return diag_set(diag, ERR_INPUT, (struct loc){path, 0, 0}, "not UTF-8");
    }
    buf_init(&t.text, LIMIT_CML_TEXT_BYTES);
    t.open = calloc(DEPTH_MAX, sizeof(struct element *));
    t.expat = XML_ParserCreate("UTF-8");
    t.code = t.open != NULL && t.expat != NULL ? 0 : ERR_NOMEM;
    if (t.code == 0) {
        t.code = parse(&t);
    }
    if (t.expat != NULL) {
        XML_ParserFree(t.expat);
    }
    free((void *)t.open);
    buf_release(&t.text);
    *out = t.root;
    return t.code;
}
