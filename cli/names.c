/* See names.h. Sees hostile bytes: whatever it accepts, it would write
 * alike. */
#include "cli/names.h"

#include <stdlib.h>
#include <string.h>

#include "proto/cml.h"
#include "proto/err.h"
#include "proto/manifest.h"
#include "proto/sort.h"
#include "proto/type.h"

static const uint8_t mark[4] = {'C', 'M', 'L', '1'};
static const struct loc NOWHERE = {NULL, 0, 0};

void names_init(struct names *m)
{
    *m = (struct names){.n = 0};
}

void names_release(struct names *m)
{
    free(m->entries);
    names_init(m);
}

int names_is_name(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    size_t total = strlen(name);

    if (total > LIMIT_REF_BYTES) {
        return 0;
    }
    for (const char *part = name;; part++) {
        size_t n = strspn(part, letters);

        if (n == 0 || part[0] == '.') {
            return 0;
        }
        part += n;
        if (part[0] == '\0') {
            return 1;
        }
        if (part[0] != '/') {
            return 0;
        }
    }
}

int names_add(struct names *m, const char *name,
                     const struct cid *c, struct diag *d)
{
    struct name_entry *e;

    if (!names_is_name(name)) {
        (void)diag_set(d, ERR_INPUT, NOWHERE,
                       "\"%.80s\" cannot be a name in a manifest", name);
        diag_hint(d, "parts of letters, digits, _ . and -, joined by /, none of "
                     "which begins with a dot");
        return ERR_INPUT;
    }
    if (m->n == MANIFEST_MAX) {
        return diag_set(d, ERR_LIMIT, NOWHERE,
                        "a manifest has at most %u names", MANIFEST_MAX);
    }
    if ((m->n & (m->n - 1)) == 0) { /* 0, 1, 2, 4, ...: full */
        size_t cap = m->n == 0 ? 1 : 2 * m->n;

        e = realloc(m->entries, cap * sizeof(*e));
        if (e == NULL) {
            return ERR_TRACE(ERR_NOMEM);
        }
        m->entries = e;
    }
    e = &m->entries[m->n++];
    *e = (struct name_entry){.cid = *c};
    memcpy(e->name, name, strlen(name));
    return 0;
}

static int by_name(const void *a, const void *b)
{
    const struct name_entry *x = a;
    const struct name_entry *y = b;

    return strcmp(x->name, y->name);
}

int names_sort(struct names *m, struct diag *d)
{
    _Static_assert(sizeof(struct name_entry) <= SORT_ITEM_BYTES,
                   "sort_items holds one");

    if (m->n > 0) {
        sort_items(m->entries, m->n, sizeof(*m->entries), by_name);
    }
    for (size_t i = 1; i < m->n; i++) {
        if (strcmp(m->entries[i - 1].name, m->entries[i].name) == 0) {
            return diag_set(d, ERR_INPUT, NOWHERE,
                            "two artifacts are called \"%.80s\"",
                            m->entries[i].name);
        }
    }
    return 0;
}

int names_put(const struct names *m, struct buf *out)
{
    CLEANUP(mem_freep) struct component *list =
        calloc(m->n + 1, sizeof(*list));
    size_t n = m->n;
    size_t clash;

    if (list == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (size_t i = 0; i < n; i++) {
        const char *name = m->entries[i].name;

        list[i].name = (struct ubytes){(const uint8_t *)name, strlen(name)};
        list[i].cid = m->entries[i].cid;
    }
    return manifest_put(list, &n, out, &clash);
}

int names_put_text(const struct names *m, struct buf *out)
{
    for (size_t i = 0; i < m->n; i++) {
        char cid[CID_TEXT_BYTES];

        cid_text(&m->entries[i].cid, cid);
        TRY(buf_putf(out, "%s  %s\n", cid, m->entries[i].name));
    }
    return 0;
}

static int read_all(struct names *m, struct ubytes in, struct diag *d)
{
    struct component c = {.name = {NULL, 0}};
    size_t at = 0;
    int code;

    while ((code = manifest_next(in, &at, &c)) == 0) {
        char name[LIMIT_REF_BYTES + 1];

        if (c.name.n > LIMIT_REF_BYTES ||
            memchr(c.name.p, '\0', c.name.n) != NULL) {
            return ERR_ENCODING;
        }
        memcpy(name, c.name.p, c.name.n);
        name[c.name.n] = '\0';
        if (!names_is_name(name)) {
            return ERR_ENCODING;
        }
        TRY(names_add(m, name, &c.cid, d));
    }
    return code == ERR_NOT_FOUND ? 0 : code;
}

int names_read(struct names *m, struct ubytes in, struct diag *d)
{
    int code = read_all(m, in, d);

    if (code == ERR_ENCODING) {
        (void)diag_set(d, code, NOWHERE,
                       "not the canonical bytes of a manifest of names");
    }
    return code;
}

static int is_manifest(struct ubytes b)
{
    return b.n >= 4 && memcmp(b.p, "CMLM", 4) == 0;
}

static int manifest_children(struct ubytes in, struct buf *out)
{
    struct component c = {.name = {NULL, 0}};
    size_t at = 0;
    int code;

    while ((code = manifest_next(in, &at, &c)) == 0) {
        TRY(buf_put(out, c.cid.b, CID_BYTES));
    }
    return code == ERR_NOT_FOUND ? 0 : code;
}

static struct ubytes read_str(struct rd *r)
{
    if (rd_u8(r) != CML_STRING) {
        rd_fail(r);
    }
    return rd_bytes32(r);
}

static int is_str(struct ubytes s, const char *text)
{
    return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0;
}

/* One value; its CID if it is a child. Lists: only their head. */
static int scan_value(struct rd *r, int is_leaf, struct buf *out, uint8_t *tag)
{
    struct ubytes cid;

    *tag = rd_u8(r);
    switch (*tag) {
    case CML_ABSENT:
    case CML_FALSE:
    case CML_TRUE:
    case CML_LIST:
        break;
    case CML_INT:
    case CML_FLOAT:
        (void)rd_take(r, rd_u8(r) & ~(unsigned)TYPE_UNSIGNED);
        break;
    case CML_STRING:
    case CML_BYTES:
        (void)rd_bytes32(r);
        break;
    case CML_CHILD:
        cid = rd_take(r, CID_BYTES);
        return rd_is_bad(r) || is_leaf ? 0 : buf_put(out, cid.p, cid.n);
    default:
        rd_fail(r);
    }
    return 0;
}

static int node_children(struct ubytes node, struct buf *out)
{
    struct rd r;
    struct ubytes first;
    struct ubytes fqn;
    unsigned fields;
    int is_leaf;

    rd_init(&r, node);
    first = rd_take(&r, sizeof(mark));
    fqn = read_str(&r);
    fields = rd_u8(&r);
    if (rd_is_bad(&r) || memcmp(first.p, mark, sizeof(mark)) != 0) {
        return ERR_ENCODING;
    }
    is_leaf = is_str(fqn, cml_kind_info(CML_LEAF)->fqn);
    while (fields-- > 0 && !rd_is_bad(&r)) {
        uint8_t tag;
        uint32_t n;

        TRY(scan_value(&r, is_leaf, out, &tag));
        n = tag == CML_LIST ? rd_u32(&r) : 0;
        while (n-- > 0 && !rd_is_bad(&r)) {
            TRY(scan_value(&r, is_leaf, out, &tag));
        }
    }
    return rd_end(&r);
}

int names_children(struct ubytes blob, struct buf *out)
{
    return is_manifest(blob) ? manifest_children(blob, out)
                             : node_children(blob, out);
}
