/* The answer to CML_MERGE. Runs in the `cml` worker, on foreign texts. */
#include <string.h>

#include "proto/err.h"
#include "workers/cml/command.h"
#include "workers/cml/merge.h"

static char *keep(struct command *c, const char *text)
{
    char *copy = arena_text(&c->arena, text, strlen(text));

    return copy != NULL ? copy : c->problem.what;
}

/* Conflicts as the reply. */
static int tell_conflicts(struct command *c, const struct merge_result *r)
{
    size_t n = r->n < MERGE_CONFLICTS_MAX ? r->n : MERGE_CONFLICTS_MAX;
    Proctor__CmlConflict *list = arena_array(&c->arena, n, sizeof(*list));

    c->reply.conflicts = arena_array(&c->arena, n, sizeof(*c->reply.conflicts));
    if (list == NULL || c->reply.conflicts == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        char **values = arena_array(&c->arena, 3, sizeof(*values));

        if (values == NULL) {
            return ERR_NOMEM;
        }
        for (unsigned k = 0; k < 3; k++) {
            values[k] = keep(c, r->list[i].values[k]);
        }
        proctor__cml_conflict__init(&list[i]);
        list[i].path = keep(c, r->list[i].path);
        list[i].why = keep(c, r->list[i].why);
        list[i].values = values;
        list[i].n_values = 3;
        c->reply.conflicts[i] = &list[i];
    }
    c->reply.n_conflicts = n;
    c->reply.conflicts_n = r->n;
    return 0;
}

/* In the form of ours. Names that its form cannot have are given anew. */
static int put_merged(struct command *c, struct document *out, enum form form,
                      struct diag *d)
{
    int code = form_put(out, FORM_BUNDLE, form, &c->out, d);

    if (code != ERR_INPUT) {
        return code;
    }
    buf_reset(&c->out);
    for (uint32_t i = 0; i < out->units_n; i++) {
        term_spell(out->units[i].term, &out->arena, NULL, 0);
    }
    return form_put(out, FORM_BUNDLE, form, &c->out, d);
}

int command_merge(struct command *c, const struct document docs[static 3],
                  enum form form, struct diag *d)
{
    const struct document *in[3] = {&docs[0], &docs[1], &docs[2]};
    struct merge_result *r = arena_get(&c->arena, sizeof(*r));
    struct document out CLEANUP(document_release);
    int code;

    document_init(&out, docs[0].dag, "what comes out");
    if (r == NULL) {
        return ERR_NOMEM;
    }
    code = merge_documents(in, &out, r, d);
    if (code == 0 && r->n > 0) {
        return tell_conflicts(c, r);
    }
    return code == 0 ? put_merged(c, &out, form, d) : code;
}
