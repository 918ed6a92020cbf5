/* Drawing a DAG. Runs in the `cml` worker; recursion is bounded by
 * LIMIT_CML_HEIGHT. */
#include "workers/cml/explain.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/utf8.h"
#include "workers/cml/check.h"

#define SHOWN_BYTES 60 /* of a string */

struct drawing {
    const struct cml_dag *d;
    struct buf *out;
    uint32_t *uses; /* owned: parents of each node, below the root */
    uint32_t *number; /* owned: of nodes that were drawn and are used again */
    uint32_t numbers;
};

static int is_type(const struct cml_node *n)
{
    return (CML_K(n->kind) & CML_TYPES) != 0;
}

static const char *short_name(const struct cml_node *n)
{
    return cml_kind_info(n->kind)->fqn + strlen("cml.");
}

/* A scalar field, or a list of words, as text. */
static int put_scalar(struct buf *out, const struct cml_value *v)
{
    char shown[4 * SHOWN_BYTES];
    struct ubytes s;

    switch (v->tag) {
    case CML_FALSE:
    case CML_TRUE:
        return buf_putf(out, "%s", v->tag == CML_TRUE ? "true" : "false");
    case CML_INT:
        return (v->code & 0x80) != 0
                   ? buf_putf(out, "%llu", (unsigned long long)v->u.bits)
                   : buf_putf(out, "%lld", (long long)v->u.bits);
    case CML_FLOAT:
        return buf_putf(out, "%0*llx", v->code * 2,
                        (unsigned long long)v->u.bits);
    case CML_STRING:
        s = v->u.text;
        s.n = s.n < SHOWN_BYTES ? s.n : SHOWN_BYTES;
        utf8_escape(s, shown, sizeof(shown));
        return buf_putf(out, "\"%s\"%s", shown,
                        s.n < v->u.text.n ? "..." : "");
    case CML_BYTES:
    case CML_CHILD:
        for (size_t i = 0; i < v->u.text.n && i < SHOWN_BYTES / 2; i++) {
            TRY(buf_putf(out, "%02x", v->u.text.p[i]));
        }
        return v->u.text.n > SHOWN_BYTES / 2 ? buf_putf(out, "...") : 0;
    case CML_LIST:
        for (uint32_t i = 0; i < v->u.list.n; i++) {
            TRY(buf_putf(out, "%s", i > 0 ? "/" : ""));
            TRY(put_scalar(out, &v->u.list.p[i]));
        }
        return 0;
    case CML_ABSENT:
        break;
    }
    return buf_putf(out, "void");
}

static int put_head(struct drawing *w, const struct cml_node *n)
{
    const struct cml_kind_info *k = cml_kind_info(n->kind);
    char text[200];

    TRY(buf_putf(w->out, "%s", short_name(n)));
    if (is_type(n)) {
        check_type_text(w->d, (uint32_t)(n - cml_dag_at(w->d, 0)), text,
                        sizeof(text));
        return buf_putf(w->out, " %s", text);
    }
    for (unsigned i = 0; i < k->fields_n; i++) {
        enum cml_shape shape = k->fields[i].shape;

        if (shape == CML_WORD || shape == CML_WORDS || shape == CML_INDEX ||
            shape == CML_SCALAR) {
            TRY(buf_putf(w->out, " %s=", k->fields[i].name));
            TRY(put_scalar(w->out, &n->fields[i]));
        }
    }
    return 0;
}

static int has_kids(const struct cml_field *f)
{
    return f->shape == CML_NODE || f->shape == CML_OPT ||
           f->shape == CML_NODES;
}

static uint32_t kids_n(const struct cml_value *v)
{
    return v->tag == CML_LIST ? v->u.list.n : v->tag == CML_CHILD;
}

static int drawing_init(struct drawing *w, const struct cml_dag *d,
                        uint32_t root, struct buf *out)
{
    *w = (struct drawing){.d = d, .out = out};
    w->uses = calloc(cml_dag_n(d), sizeof(*w->uses));
    w->number = calloc(cml_dag_n(d), sizeof(*w->number));
    if (w->uses == NULL || w->number == NULL) {
        return ERR_NOMEM;
    }
    w->uses[root] = 1;
    for (uint32_t i = root + 1; i-- > 0;) {
        const struct cml_node *n = cml_dag_at(d, i);
        const struct cml_kind_info *k = cml_kind_info(n->kind);

        for (unsigned f = 0; w->uses[i] > 0 && f < k->fields_n; f++) {
            for (uint32_t c = 0;
                 has_kids(&k->fields[f]) && c < kids_n(&n->fields[f]); c++) {
                w->uses[cml_item(&n->fields[f], c)]++;
            }
        }
    }
    return 0;
}

static void drawing_release(struct drawing *w)
{
    free(w->uses);
    free(w->number);
}

/* NOLINTNEXTLINE(misc-no-recursion): see the head */
static int draw(struct drawing *w, uint32_t id, unsigned depth,
                const char *label)
{
    const struct cml_node *n = cml_dag_at(w->d, id);
    const struct cml_kind_info *k = cml_kind_info(n->kind);

    TRY(buf_putf(w->out, "%*s%s%s", (int)depth * 2, "", label,
                 label[0] != '\0' ? ": " : ""));
    if (w->number[id] > 0) {
        return buf_putf(w->out, "see #%u\n", w->number[id]);
    }
    TRY(put_head(w, n));
    if (w->uses[id] > 1 && !is_type(n) && n->height > 1) {
        w->number[id] = ++w->numbers;
        TRY(buf_putf(w->out, "  #%u", w->number[id]));
    }
    TRY(buf_putf(w->out, "\n"));
    for (unsigned f = 0; !is_type(n) && f < k->fields_n; f++) {
        for (uint32_t c = 0;
             has_kids(&k->fields[f]) && c < kids_n(&n->fields[f]); c++) {
            TRY(draw(w, cml_item(&n->fields[f], c), depth + 1,
                     k->fields[f].name));
        }
    }
    return 0;
}

int explain_text(const struct cml_dag *d, uint32_t root, struct buf *out)
{
    struct drawing w CLEANUP(drawing_release);
    char cid[CID_TEXT_BYTES];

    TRY(drawing_init(&w, d, root, out));
    cid_text(&cml_dag_at(d, root)->cid, cid);
    TRY(buf_putf(out, "%s\n", cid));
    return draw(&w, root, 0, "");
}

static int dot_text(struct drawing *w, const struct cml_node *n)
{
    CLEANUP(buf_release) struct buf label;
    struct drawing to = *w;

    buf_init(&label, 1u << 16);
    to.out = &label;
    TRY(put_head(&to, n));
    for (size_t i = 0; i < buf_len(&label); i++) {
        uint8_t c = buf_bytes(&label).p[i];

        if (c == '"' || c == '\\') {
            TRY(buf_put_u8(w->out, '\\'));
        }
        TRY(buf_put_u8(w->out, c));
    }
    return 0;
}

int explain_dot(const struct cml_dag *d, uint32_t root, struct buf *out)
{
    struct drawing w CLEANUP(drawing_release);

    TRY(drawing_init(&w, d, root, out));
    TRY(buf_putf(out, "digraph cml {\n  node [shape=box, fontname=monospace];\n"));
    for (uint32_t i = root + 1; i-- > 0;) {
        const struct cml_node *n = cml_dag_at(d, i);
        const struct cml_kind_info *k = cml_kind_info(n->kind);

        if (w.uses[i] == 0) {
            continue;
        }
        TRY(buf_putf(out, "  n%u [label=\"", i));
        TRY(dot_text(&w, n));
        TRY(buf_putf(out, "\"];\n"));
        for (unsigned f = 0; f < k->fields_n; f++) {
            for (uint32_t c = 0;
                 has_kids(&k->fields[f]) && c < kids_n(&n->fields[f]); c++) {
                TRY(buf_putf(out, "  n%u -> n%u [label=\"%s\"];\n", i,
                             cml_item(&n->fields[f], c), k->fields[f].name));
            }
        }
    }
    return buf_putf(out, "}\n");
}
