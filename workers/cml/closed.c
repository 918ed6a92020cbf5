/* Open references. Runs in the `cml` worker, on foreign artifacts. */
#include "workers/cml/closed.h"

#include <stdlib.h>

#include "proto/err.h"
#include "workers/cml/core.h"
#include "workers/cml/link.h"

/* NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
const struct term *closed_term(const struct term *t, uint32_t id)
{
    const struct term *found = NULL;

    if (t->kind == CML_REFERENCE && t->id == id && t->line > 0) {
        return t;
    }
    for (unsigned i = 0; i < CML_FIELDS_MAX && found == NULL; i++) {
        for (uint32_t k = 0; t->fields[i].kids && k < t->fields[i].n &&
                             found == NULL;
             k++) {
            found = closed_term(t->fields[i].kids[k], id);
        }
    }
    return found;
}

static int refuse(const struct document *doc, uint32_t ref, const char *did,
                  struct diag *d)
{
    const struct term *at = NULL;
    struct loc loc = {doc->path, 0, 0};
    char path[LIMIT_REF_BYTES + 1];
    int is_long = link_path(cml_dag_at(doc->dag, ref), did, path) < 0;

    for (uint32_t u = 0; u < doc->units_n && at == NULL; u++) {
        at = closed_term(doc->units[u].term, ref);
    }
    if (at != NULL) {
        loc = (struct loc){doc->path, at->line, at->col};
    }
    (void)diag_set(d, ERR_INPUT, loc, "%.100s%s: an open reference", path,
                   is_long ? "..." : "");
    diag_hint(d, "proctor cml link FILE -o OUT.cmlb puts what it leads to in its "
                 "place");
    return ERR_INPUT;
}

/* Children have smaller ids than what holds them. */
static void mark(const struct cml_node *n, uint8_t *marks)
{
    const struct cml_kind_info *info = cml_kind_info(n->kind);

    for (unsigned f = 0; n->kind != CML_LEAF && f < info->fields_n; f++) {
        const struct cml_value *v = &n->fields[f];

        if (info->fields[f].shape == CML_NODES) {
            for (uint32_t i = 0; i < v->u.list.n; i++) {
                marks[cml_item(v, i)] = 1;
            }
        } else if (info->fields[f].shape != CML_SCALAR &&
                   v->tag == CML_CHILD) {
            marks[cml_item(v, 0)] = 1;
        }
    }
}

int closed_check(const struct document *doc, uint32_t unit, const char *did,
                 struct diag *d)
{
    CLEANUP(mem_freep) uint8_t *marks = calloc((size_t)unit + 1, 1);

    if (marks == NULL) {
        return ERR_NOMEM;
    }
    marks[unit] = 1;
    for (uint32_t id = unit + 1; id-- > 0;) {
        const struct cml_node *n = cml_dag_at(doc->dag, id);

        if (marks[id] == 0) {
            continue;
        }
        if (n->kind == CML_REFERENCE &&
            !cml_is_word(&n->fields[0], CORE_SUBJECT)) {
            return refuse(doc, id, did, d);
        }
        mark(n, marks);
    }
    return 0;
}
