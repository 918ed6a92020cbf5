/* The forms of CML's files, told apart, read and written. Runs in the `cml`
 * worker. */
#include "workers/cml/format.h"

#include <stdlib.h>
#include <string.h>

#include "proto/manifest.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "workers/cml/mdx.h"
#include "workers/cml/text.h"
#include "workers/cml/xml.h"

enum form form_of(const char *name, struct ubytes in)
{
    if (in.n >= 4 && memcmp(in.p, "CMLB", 4) == 0) {
        return FORM_BUNDLE;
    }
    return mdx_is(name, in) ? FORM_MDX : xml_is(in) ? FORM_XML : FORM_TEXT;
}

int form_read(struct document *doc, enum form form, struct ubytes in,
              struct diag *diag)
{
    uint32_t root = 0;

    switch (form) {
    case FORM_TEXT:
        return text_parse(doc, in, diag);
    case FORM_XML:
        return xml_parse(doc, in, diag);
    case FORM_MDX:
        return mdx_parse(doc, in, diag);
    case FORM_BUNDLE:
        break;
    }
    TRY(cml_bundle_read(doc->dag, in, &root, diag));
    return document_from_node(doc, root, diag);
}

static int put(const struct document *doc, enum form to, struct buf *out,
               struct diag *diag)
{
    switch (to) {
    case FORM_XML:
        return xml_put(out, doc, diag);
    case FORM_MDX:
        return mdx_put(out, doc, diag);
    case FORM_TEXT:
    case FORM_BUNDLE:
        break;
    }
    return text_put(out, doc);
}

/* Does what was written read as the same units? */
static int is_same(const struct document *doc, enum form to, struct ubytes text)
{
    struct document again CLEANUP(document_release);
    struct diag d;
    int code;

    diag_init(&d);
    document_init(&again, doc->dag, "");
    code = form_read(&again, to, text, &d);
    for (uint32_t i = 0; code == 0 && i < doc->units_n; i++) {
        code = i >= again.units_n ||
               again.units[i].term->id != doc->units[i].term->id;
    }
    return code == 0 && again.units_n == doc->units_n;
}

int form_put(const struct document *doc, enum form from, enum form to,
             struct buf *out, struct diag *diag)
{
    to = to == FORM_BUNDLE ? FORM_TEXT : to;
    TRY(put(doc, to, out, diag));
    if (from == FORM_BUNDLE && !is_same(doc, to, buf_bytes(out))) {
        (void)diag_set(diag, ERR_INPUT, (struct loc){doc->path, 0, 0},
                       "the bundle's units cannot be written so");
        diag_hint(diag, "two of one name, or names that no text can have; "
                        "`proctor cml explain` shows it");
        return ERR_INPUT;
    }
    return 0;
}

int form_manifest(const struct document *docs, size_t n, struct buf *out,
                  struct diag *diag)
{
    CLEANUP(mem_freep) struct component *list = NULL;
    size_t all = 0;
    size_t at = 0;
    size_t clash = 0;
    char cids[2][CID_TEXT_BYTES];
    int code;

    for (size_t i = 0; i < n; i++) {
        all += docs[i].units_n;
    }
    list = calloc(all + 1, sizeof(*list));
    if (list == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        for (uint32_t u = 0; u < docs[i].units_n; u++) {
            const struct term *t = docs[i].units[u].term;

            list[at++] = (struct component){
                t->fields[0].value.u.text, cml_dag_at(docs[i].dag, t->id)->cid};
        }
    }
    code = manifest_put(list, &all, out, &clash);
    if (code == ERR_INPUT) {
        cid_text(&list[clash].cid, cids[0]);
        cid_text(&list[clash + 1].cid, cids[1]);
        (void)diag_set(diag, ERR_INPUT, (struct loc){0},
                       "\"%.*s\" is the name of two artifacts: %.16s and %.16s",
                       (int)(list[clash].name.n < 40 ? list[clash].name.n : 40),
                       (const char *)list[clash].name.p, cids[0], cids[1]);
    }
    return code;
}
