/* MDX to documents and back. Runs in the `cml` worker on foreign bytes. */
#include "workers/cml/mdx.h"

#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/utf8.h"
#include "workers/cml/mdx_scan.h"
#include "workers/cml/xml.h"
#include "workers/cml/xml_int.h"

static const char import_line[] = "import { Unit } from '@cml/core'\n\n";

int mdx_is(const char *name, struct ubytes in)
{
    static const char *const starts[] = {"---\n", "---\r", "--- ", "import "};
    size_t n = strlen(name);

    if (n >= 4 && strcmp(name + n - 4, ".mdx") == 0) {
        return 1;
    }
    if (in.n >= 3 && memcmp(in.p, "\xef\xbb\xbf", 3) == 0) {
        in = (struct ubytes){in.p + 3, in.n - 3};
    }
    for (size_t i = 0; i < ARRAY_N(starts); i++) {
        size_t k = strlen(starts[i]);

        if (in.n >= k && memcmp(in.p, starts[i], k) == 0) {
            return 1;
        }
    }
    return 0;
}

/* The prose since the last unit as a text of the document's. */
static int keep_prose(struct document *d, struct buf *prose, const char **out)
{
    *out = arena_text(&d->arena, buf_bytes(prose).p, buf_len(prose));
    buf_reset(prose);
    return *out != NULL ? 0 : ERR_NOMEM;
}

static int take_unit(struct reader *r, struct element *e, struct buf *prose)
{
    struct element *only = e;
    uint32_t at = r->doc->units_n;

    TRY(xml_take(r, e, &only, XML_UNIT, &e));
    TRY(xml_unit(r, e));
    return keep_prose(r->doc, prose, &r->doc->units[at].prose);
}

/* A block: a unit, or <CML> around some. */
static int take_block(struct reader *r, struct element *e, struct buf *prose)
{
    const char *doc = NULL;

    if (e->tag != XML_CML) {
        return take_unit(r, e, prose);
    }
    TRY(xml_comment(r, e, &doc));
    r->doc->tail = doc != NULL ? doc : r->doc->tail;
    for (struct element *k = e->kids; k != NULL; k = k->next) {
        TRY(take_unit(r, k, prose));
        TRY(k->next != NULL ? buf_putf(prose, "\n\n") : 0);
    }
    return 0;
}

static int take_blocks(struct document *d, const struct mdx *m,
                       struct element *root, struct diag *diag)
{
    CLEANUP(buf_release) struct buf prose;
    struct reader r = {.doc = d, .a = &d->arena, .diag = diag};
    size_t i = 0;

    buf_init(&prose, 2 * (size_t)LIMIT_CML_TEXT_BYTES);
    for (struct element *k = root->kids; k != NULL; k = k->next, i++) {
        ASSERT(i + 1 < m->prose_n); /* a block is one element */
        TRY(buf_put(&prose, m->prose[i].p, m->prose[i].n));
        TRY(take_block(&r, k, &prose));
    }
    TRY(buf_put(&prose, m->prose[i].p, m->prose[i].n));
    TRY(keep_prose(d, &prose, &d->prose_tail));
    return d->units_n > 0
               ? document_resolve(d, diag)
               : diag_set(diag, ERR_INPUT, (struct loc){d->path, 1, 1},
                          "no <Unit> in it");
}

int mdx_parse(struct document *d, struct ubytes in, struct diag *diag)
{
    CLEANUP(mdx_release) struct mdx m;
    struct element *root = NULL;
    struct xml_map map;

    mdx_init(&m);
    if (in.n > LIMIT_CML_TEXT_BYTES) {
        return diag_set(diag, ERR_LIMIT, (struct loc){d->path, 0, 0},
                        "over %u bytes of text", LIMIT_CML_TEXT_BYTES);
    }
    if (!utf8_is_valid(in) || memchr(in.p, '\0', in.n) != NULL) {
        return diag_set(diag, ERR_INPUT, (struct loc){d->path, 0, 0},
                        "not UTF-8 text");
    }
    TRY(mdx_scan(&m, &d->arena, in, d->path, diag));
    map = (struct xml_map){in, m.spans, m.spans_n};
    TRY(xml_tree_read(&d->arena, buf_bytes(&m.xml), d->path, &map, &root, diag));
    return take_blocks(d, &m, root, diag);
}

static int put_tail(struct buf *out, const struct document *d)
{
    const char *prose = d->prose_tail != NULL ? d->prose_tail : "\n";
    size_t n = strlen(prose);

    if (d->tail == NULL) {
        return buf_put(out, prose, n);
    }
    while (n > 0 && strchr(" \t\r\n", prose[n - 1]) != NULL) {
        n--;
    }
    TRY(buf_put(out, prose, n));
    TRY(buf_putf(out, "\n\n<CML"));
    TRY(xml_put_doc(out, d->tail));
    return buf_putf(out, "/>\n");
}

int mdx_put(struct buf *out, const struct document *d, struct diag *diag)
{
    for (uint32_t i = 0; i < d->units_n; i++) {
        const char *prose = d->units[i].prose;

        prose = prose != NULL ? prose : i == 0 ? import_line : "\n\n";
        TRY(buf_put(out, prose, strlen(prose)));
        TRY(xml_put_unit(out, d, i, diag));
    }
    return put_tail(out, d);
}
