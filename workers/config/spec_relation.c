/* `relations` of an exam. Runs in the `config` worker. */
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "workers/config/schema.h"
#include "workers/config/specs.h"

static int read_relation(struct config *c, const struct yaml_node *n,
                         Proctor__RelationSpec **out)
{
    static const struct schema_key keys[] = {
        {"name", 1, NULL}, {"input", 1, NULL}, {"output", 0, NULL}};
    const struct yaml_node *v[ARRAY_N(keys)];
    Proctor__RelationSpec *r = arena_get(&c->reply, sizeof(*r));

    if (!r) {
        return ERR_NOMEM;
    }
    proctor__relation_spec__init(r);
    TRY(schema_map(c, n, keys, ARRAY_N(keys), v));
    TRY(spec_path(c, v[0], "name", &r->name));
    if (!spec_is_name(r->name) || strlen(r->name) > LIMIT_RELATION_NAME) {
        config_enter(c, "name");
        schema_expected(c, v[0], "a name of letters, digits and _");
        config_hint(c, "verdicts name the relation that does not hold");
        return ERR_INPUT;
    }
    TRY(spec_unit(c, v[1], "input", &r->input));
    if (v[2]) {
        TRY(spec_unit(c, v[2], "output", &r->output));
    }
    *out = r;
    return 0;
}

int spec_relations(struct config *c, const struct yaml_node *n,
                   Proctor__ExamSpec *x)
{
    config_enter(c, "relations");
    TRY(schema_list(c, n, LIMIT_RELATIONS));
    x->relations =
        arena_array(&c->reply, (size_t)n->n + 1, sizeof(*x->relations));
    if (!x->relations) {
        return ERR_NOMEM;
    }
    for (const struct yaml_node *e = n->first; e; e = e->next) {
        config_enter_at(c, x->n_relations);
        TRY(read_relation(c, e, &x->relations[x->n_relations]));
        x->n_relations++;
        config_leave(c);
    }
    config_leave(c);
    return 0;
}
