/* Structural difference of two artifacts (spec: cml section 15). Equal ids are
 * equal trees, so only what differs is walked. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/cml/explain.h"

#define PATH_BYTES 2000
#define LIST_MAX 2000 /* children that are aligned; more: all replaced */

struct differ {
    const struct cml_dag *d;
    struct buf *out;
    char path[PATH_BYTES];
};

static int put_node(struct differ *w, uint32_t id)
{
    const struct cml_node *n = cml_dag_at(w->d, id);
    char cid[CID_TEXT_BYTES];

    cid_text(&n->cid, cid);
    return buf_putf(w->out, "%s %.16s", cml_kind_info(n->kind)->fqn + 4, cid);
}

/* old or new UINT32_MAX: there is none. */
static int report(struct differ *w, uint32_t old, uint32_t new)
{
    TRY(buf_putf(w->out, "%s: ", w->path));
    if (old != UINT32_MAX) {
        TRY(put_node(w, old));
    }
    TRY(buf_putf(w->out, "%s", old == UINT32_MAX   ? "added "
                               : new == UINT32_MAX ? " removed"
                                                   : " -> "));
    if (new != UINT32_MAX) {
        TRY(put_node(w, new));
    }
    return buf_putf(w->out, "\n");
}

/* What a field holds that is no child: a scalar, or a list of words. */
static int values_are_same(const struct cml_value *a, const struct cml_value *b)
{
    int same = cml_scalar_is_same(a, b) &&
               (a->tag != CML_LIST || a->u.list.n == b->u.list.n);

    for (uint32_t i = 0; same && a->tag == CML_LIST && i < a->u.list.n; i++) {
        same = cml_scalar_is_same(&a->u.list.p[i], &b->u.list.p[i]);
    }
    return same;
}

static int differ_nodes(struct differ *w, uint32_t a, uint32_t b);

/* With .NAME or [i] behind the path for the call. */
static int at(struct differ *w, const char *name, int64_t i, uint32_t a,
              uint32_t b)
{
    size_t n = strlen(w->path);
    int code;

    if (a == b) {
        return 0;
    }
    if (n + strlen(name) + 24 > sizeof(w->path)) {
        return report(w, a, b);
    }
    if (i >= 0) {
        snprintf(w->path + n, sizeof(w->path) - n, ".%s[%lld]", name,
                 (long long)i);
    } else {
        snprintf(w->path + n, sizeof(w->path) - n, ".%s", name);
    }
    code = a == UINT32_MAX || b == UINT32_MAX ? report(w, a, b)
                                              : differ_nodes(w, a, b);
    w->path[n] = '\0';
    return code;
}

/* lengths[i][j]: longest common subsequence of a from i and b from j. */
static uint16_t *common(const struct cml_value *a, const struct cml_value *b)
{
    uint32_t m = b->u.list.n + 1;
    uint16_t *t = calloc((size_t)(a->u.list.n + 1) * m, sizeof(*t));

    for (uint32_t i = a->u.list.n; t != NULL && i-- > 0;) {
        for (uint32_t j = b->u.list.n; j-- > 0;) {
            uint16_t down = t[(i + 1) * m + j];
            uint16_t right = t[i * m + j + 1];

            t[i * m + j] = cml_item(a, i) == cml_item(b, j)
                               ? (uint16_t)(t[(i + 1) * m + j + 1] + 1)
                           : down > right ? down
                                          : right;
        }
    }
    return t;
}

/* Between two common children: pairs are compared, the rest added or removed. */
static int differ_run(struct differ *w, const char *name,
                      const struct cml_value *a, const uint32_t *ai,
                      const struct cml_value *b, const uint32_t *bi)
{
    uint32_t olds = ai[1] - ai[0];
    uint32_t news = bi[1] - bi[0];

    for (uint32_t k = 0; k < olds || k < news; k++) {
        TRY(at(w, name, k < olds ? ai[0] + k : bi[0] + k,
               k < olds ? cml_item(a, ai[0] + k) : UINT32_MAX,
               k < news ? cml_item(b, bi[0] + k) : UINT32_MAX));
    }
    return 0;
}

static int differ_lists(struct differ *w, const char *name,
                        const struct cml_value *a, const struct cml_value *b)
{
    CLEANUP(mem_freep) uint16_t *t = NULL;
    uint32_t m = b->u.list.n + 1;
    uint32_t i[2] = {0, 0};
    uint32_t j[2] = {0, 0};

    if (a->u.list.n > LIST_MAX || b->u.list.n > LIST_MAX) {
        i[1] = a->u.list.n;
        j[1] = b->u.list.n;
        return differ_run(w, name, a, i, b, j);
    }
    t = common(a, b);
    if (t == NULL) {
        return ERR_NOMEM;
    }
    for (;;) {
        while (i[1] < a->u.list.n && j[1] < b->u.list.n &&
               cml_item(a, i[1]) != cml_item(b, j[1])) {
            if (t[(i[1] + 1) * m + j[1]] >= t[i[1] * m + j[1] + 1]) {
                i[1]++;
            } else {
                j[1]++;
            }
        }
        if (i[1] == a->u.list.n || j[1] == b->u.list.n) {
            i[1] = a->u.list.n;
            j[1] = b->u.list.n;
            return differ_run(w, name, a, i, b, j);
        }
        TRY(differ_run(w, name, a, i, b, j));
        i[0] = ++i[1];
        j[0] = ++j[1];
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int differ_fields(struct differ *w, const struct cml_node *x,
                         const struct cml_node *y, int *out_plain)
{
    const struct cml_kind_info *k = cml_kind_info(x->kind);

    for (unsigned f = 0; f < k->fields_n; f++) {
        const struct cml_value *a = &x->fields[f];
        const struct cml_value *b = &y->fields[f];
        enum cml_shape shape = k->fields[f].shape;

        if (shape == CML_NODES) {
            TRY(differ_lists(w, k->fields[f].name, a, b));
        } else if (shape == CML_NODE || shape == CML_OPT) {
            TRY(at(w, k->fields[f].name, -1,
                   a->tag == CML_CHILD ? a->u.node : UINT32_MAX,
                   b->tag == CML_CHILD ? b->u.node : UINT32_MAX));
        } else if (!values_are_same(a, b)) {
            *out_plain = 1;
        }
    }
    return 0;
}

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int differ_nodes(struct differ *w, uint32_t a, uint32_t b)
{
    const struct cml_node *x = cml_dag_at(w->d, a);
    const struct cml_node *y = cml_dag_at(w->d, b);
    int plain = 0;

    if (a == b) {
        return 0;
    }
    if (x->kind != y->kind) {
        return report(w, a, b);
    }
    TRY(differ_fields(w, x, y, &plain));
    return plain ? report(w, a, b) : 0;
}

int explain_diff(const struct cml_dag *d, uint32_t a, uint32_t b,
                 struct buf *out)
{
    struct differ *w = calloc(1, sizeof(*w));
    int code;

    if (w == NULL) {
        return ERR_NOMEM;
    }
    w->d = d;
    w->out = out;
    snprintf(w->path, sizeof(w->path), "%s",
             cml_kind_info(cml_dag_at(d, a)->kind)->fqn + 4);
    code = differ_nodes(w, a, b);
    free(w);
    return code;
}
