/* Canonical bytes of CML nodes, both ways, directed by the table of kinds. Sees
 * hostile bytes: whatever it accepts, it would write alike. */
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "proto/cml_int.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/type.h"
#include "proto/utf8.h"

static const uint8_t mark[4] = {'C', 'M', 'L', '1'};

/* Strict UTF-8, no NUL, Unicode normal form C (utf8proc's version of it). */
static int text_is_canonical(struct ubytes s)
{
    uint8_t *nfc = NULL;
    utf8proc_ssize_t n;
    int ascii = 1;
    int same;

    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == 0) {
            return 0;
        }
        ascii &= s.p[i] < 0x80;
    }
    if (ascii) {
        return 1;
    }
    if (!utf8_is_valid(s)) {
        return 0;
    }
    n = utf8proc_map(s.p, (utf8proc_ssize_t)s.n, &nfc,
                     UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    same = n >= 0 && (size_t)n == s.n && memcmp(nfc, s.p, s.n) == 0;
    free(nfc);
    return same;
}

static int code_is_int(uint8_t code)
{
    unsigned width = code & ~(unsigned)TYPE_UNSIGNED;

    return width == 1 || width == 2 || width == 4 || width == 8;
}

static int is_word(const struct cml_value *v)
{
    return v->tag == CML_STRING && v->u.text.n > 0 &&
           text_is_canonical(v->u.text);
}

static int is_child(const struct cml_dag *d, const struct cml_value *v,
                    uint32_t kinds)
{
    return v->tag == CML_CHILD && v->u.node < d->n_ &&
           (CML_K(d->nodes_[v->u.node].kind) & kinds) != 0;
}

static int float_is_canonical(uint64_t bits, uint8_t width)
{
    uint64_t exponent = width == 4 ? UINT64_C(0x7f800000)
                                   : UINT64_C(0x7ff0000000000000);
    uint64_t top = width == 4 ? UINT64_C(0x80000000)
                              : UINT64_C(0x8000000000000000);
    uint64_t nan = exponent | (width == 4 ? UINT64_C(0x00400000)
                                          : UINT64_C(0x0008000000000000));

    if (width == 4 && bits >> 32 != 0) {
        return 0;
    }
    return (bits & ~top) <= exponent || bits == nan;
}

/* Sign-extended, or below 2^bits. */
static int int_is_canonical(uint64_t bits, uint8_t code)
{
    unsigned n = (code & ~(unsigned)TYPE_UNSIGNED) * 8;
    uint64_t rest = n < 64 ? bits >> (n - 1) : 0;

    if (n == 64) {
        return 1;
    }
    if ((code & TYPE_UNSIGNED) != 0) {
        return bits >> n == 0;
    }
    return rest == 0 || rest == UINT64_MAX >> (n - 1);
}

static int is_scalar(const struct cml_value *v)
{
    switch (v->tag) {
    case CML_ABSENT:
    case CML_FALSE:
    case CML_TRUE:
        return 1;
    case CML_INT:
        return code_is_int(v->code) && int_is_canonical(v->u.bits, v->code);
    case CML_FLOAT:
        return (v->code == 4 || v->code == 8) &&
               float_is_canonical(v->u.bits, v->code);
    case CML_STRING:
        return text_is_canonical(v->u.text);
    case CML_BYTES:
        return 1;
    case CML_CHILD:
        return v->u.text.n == CID_BYTES;
    case CML_LIST:
        return 0;
    }
    return 0;
}

static int fits(const struct cml_dag *d, const struct cml_field *f,
                const struct cml_value *v)
{
    switch (f->shape) {
    case CML_WORD:
        return is_word(v);
    case CML_NODE:
        return is_child(d, v, f->kinds);
    case CML_OPT:
        return v->tag == CML_ABSENT || is_child(d, v, f->kinds);
    case CML_INDEX:
        return v->tag == CML_INT && v->code == CML_INDEX_CODE &&
               v->u.bits <= UINT32_MAX;
    case CML_SCALAR:
        return is_scalar(v);
    case CML_WORDS:
    case CML_NODES:
        break;
    }
    if (v->tag != CML_LIST) {
        return 0;
    }
    for (uint32_t i = 0; i < v->u.list.n; i++) {
        const struct cml_value *item = &v->u.list.p[i];

        if (f->shape == CML_WORDS ? !is_word(item)
                                  : !is_child(d, item, f->kinds)) {
            return 0;
        }
    }
    return 1;
}

int cml_check_fields(const struct cml_dag *d, enum cml_kind kind,
                     const struct cml_value *fields, struct diag *diag)
{
    const struct cml_kind_info *k = cml_kind_info(kind);

    for (unsigned i = 0; i < k->fields_n; i++) {
        if (!fits(d, &k->fields[i], &fields[i])) {
            return diag_set(diag, ERR_INPUT, (struct loc){0},
                            "%s.%s: not what the kind has there", k->fqn,
                            k->fields[i].name);
        }
    }
    return 0;
}

static int put_value(const struct cml_dag *d, enum cml_shape shape,
                     const struct cml_value *v, struct buf *out)
{
    TRY(buf_put_u8(out, (uint8_t)v->tag));
    switch (v->tag) {
    case CML_ABSENT:
    case CML_FALSE:
    case CML_TRUE:
    case CML_LIST:
        return 0; /* items: put_field */
    case CML_INT:
    case CML_FLOAT:
        TRY(buf_put_u8(out, v->code));
        for (unsigned i = v->code & ~(unsigned)TYPE_UNSIGNED; i > 0; i--) {
            TRY(buf_put_u8(out, (uint8_t)(v->u.bits >> (i - 1) * 8)));
        }
        return 0;
    case CML_STRING:
    case CML_BYTES:
        return buf_put_bytes32(out, v->u.text);
    case CML_CHILD:
        return shape == CML_SCALAR
                   ? buf_put(out, v->u.text.p, v->u.text.n)
                   : buf_put(out, d->nodes_[v->u.node].cid.b, CID_BYTES);
    }
    return ERR_ENCODING;
}

static int put_field(const struct cml_dag *d, enum cml_shape shape,
                     const struct cml_value *v, struct buf *out)
{
    TRY(put_value(d, shape, v, out));
    if (v->tag != CML_LIST) {
        return 0;
    }
    TRY(buf_put_u32(out, v->u.list.n));
    for (uint32_t i = 0; i < v->u.list.n; i++) {
        TRY(put_value(d, shape, &v->u.list.p[i], out));
    }
    return 0;
}

int cml_encode(const struct cml_dag *d, enum cml_kind kind,
               const struct cml_value *fields, struct buf *out)
{
    const struct cml_kind_info *k = cml_kind_info(kind);
    struct cml_value name = cml_word(k->fqn);

    TRY(buf_put(out, mark, sizeof(mark)));
    TRY(put_value(d, CML_WORD, &name, out));
    TRY(buf_put_u8(out, (uint8_t)k->fields_n));
    for (unsigned i = 0; i < k->fields_n; i++) {
        TRY(put_field(d, k->fields[i].shape, &fields[i], out));
    }
    return 0;
}

struct decoder {
    struct cml_dag *d;
    struct rd r;
    struct arena scratch; /* lists */
    struct diag *diag;
    int code; /* first error that is not a form: ERR_NOT_FOUND, ERR_LIMIT */
};

static uint64_t read_bits(struct rd *r, uint8_t code)
{
    unsigned width = code & ~(unsigned)TYPE_UNSIGNED;
    uint64_t bits = 0;

    for (unsigned i = 0; i < width; i++) {
        bits = bits << 8 | rd_u8(r);
    }
    if ((code & TYPE_UNSIGNED) == 0 && width < 8 &&
        bits >> (width * 8 - 1) != 0) {
        bits |= UINT64_MAX << width * 8;
    }
    return bits;
}

static void read_child(struct decoder *c, enum cml_shape shape,
                       struct cml_value *out)
{
    struct ubytes raw = rd_take(&c->r, CID_BYTES);
    struct cid cid;
    char text[CID_TEXT_BYTES];

    if (rd_is_bad(&c->r)) {
        return;
    }
    if (shape == CML_SCALAR) {
        out->u.text = raw;
        return;
    }
    memcpy(cid.b, raw.p, CID_BYTES);
    if (cml_dag_find(c->d, &cid, &out->u.node) < 0) {
        cid_text(&cid, text);
        c->code = diag_set(c->diag, ERR_NOT_FOUND, (struct loc){0},
                           "no node %s before the one that names it", text);
        rd_fail(&c->r);
    }
}

static void read_value(struct decoder *c, enum cml_shape shape,
                       struct cml_value *out)
{
    *out = (struct cml_value){.tag = (enum cml_tag)rd_u8(&c->r)};
    switch (out->tag) {
    case CML_ABSENT:
    case CML_FALSE:
    case CML_TRUE:
        return;
    case CML_INT:
        out->code = rd_u8(&c->r);
        if (!code_is_int(out->code)) {
            rd_fail(&c->r);
            return;
        }
        out->u.bits = read_bits(&c->r, out->code);
        return;
    case CML_FLOAT:
        out->code = rd_u8(&c->r);
        if (out->code != 4 && out->code != 8) {
            rd_fail(&c->r);
            return;
        }
        out->u.bits = read_bits(&c->r, out->code | TYPE_UNSIGNED);
        return;
    case CML_STRING:
    case CML_BYTES:
        out->u.text = rd_bytes32(&c->r);
        return;
    case CML_CHILD:
        read_child(c, shape, out);
        return;
    case CML_LIST:
        return; /* read_field */
    }
    rd_fail(&c->r);
}

static void read_field(struct decoder *c, enum cml_shape shape,
                       struct cml_value *out)
{
    struct cml_value *items;
    uint32_t n;

    read_value(c, shape, out);
    if (rd_is_bad(&c->r) || out->tag != CML_LIST) {
        return;
    }
    n = rd_u32(&c->r);
    if (n > rd_left(&c->r)) { /* an item has at least its tag */
        rd_fail(&c->r);
        return;
    }
    items = n > 0 ? arena_array(&c->scratch, n, sizeof(*items)) : NULL;
    if (n > 0 && items == NULL) {
        c->code = ERR_LIMIT;
        rd_fail(&c->r);
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        read_value(c, shape, &items[i]);
        if (items[i].tag == CML_LIST) {
            rd_fail(&c->r);
        }
    }
    *out = cml_list(items, n);
}

static int decode(struct decoder *c, uint32_t *out_id)
{
    struct ubytes m = rd_take(&c->r, sizeof(mark));
    struct cml_value name;
    struct cml_value fields[CML_FIELDS_MAX];
    const struct cml_kind_info *k;
    enum cml_kind kind = CML_KINDS;

    if (m.p != NULL && memcmp(m.p, mark, sizeof(mark)) == 0) {
        read_value(c, CML_WORD, &name);
        if (!rd_is_bad(&c->r) && name.tag == CML_STRING) {
            kind = cml_kind_from_name(name.u.text);
        }
    }
    if (kind == CML_KINDS ||
        !cml_is_word(&name, (k = cml_kind_info(kind))->fqn) ||
        rd_u8(&c->r) != k->fields_n) {
        return ERR_ENCODING;
    }
    for (unsigned i = 0; i < k->fields_n; i++) {
        read_field(c, k->fields[i].shape, &fields[i]);
    }
    if (c->code < 0 || rd_end(&c->r) < 0) {
        return c->code < 0 ? c->code : ERR_ENCODING;
    }
    return cml_add(c->d, kind, fields, out_id, c->diag);
}

int cml_decode(struct cml_dag *d, struct ubytes bytes, uint32_t *out_id,
               struct diag *diag)
{
    struct decoder c = {.d = d, .diag = diag};
    int code;

    rd_init(&c.r, bytes);
    arena_init(&c.scratch, LIMIT_CML_DAG_BYTES);
    code = decode(&c, out_id);
    arena_release(&c.scratch);
    if (code == ERR_INPUT || code == ERR_ENCODING) {
        return diag_set(diag, ERR_ENCODING, (struct loc){0},
                        "not the canonical bytes of a node");
    }
    return code;
}
