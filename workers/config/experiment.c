/* Experiment files as a whole: one object or a list, what the command line lays
 * over them, and all problems in one reply. Runs in the confined `config` worker. */
#include "workers/config/experiment.h"

#include <stdio.h>
#include <string.h>

#include "proto/limits.h"
#include "workers/config/experiment_int.h"
#include "workers/config/schema.h"

enum {
    E_NAME,
    E_DESCRIPTION,
    E_DATASET,
    E_MODEL,
    E_TRAINING,
    E_OUTPUT,
    E_COMPAT,
    E_EVALUATION,
    E_ENSEMBLE,
    E_SEARCH, /* exp_read_search has seen it */
    E_N
};

static const char *const compats[] = {"harness", "none"};
static const struct exp_field fields[E_N] = {
    {"name", X_TEXT, X_REQUIRED, 0, 0, 0, 0, NULL, 0},
    {"description", X_ANY, X_NULL, 0, 0, 0, 0, NULL, 0},
    {"dataset", X_MAP, X_REQUIRED, 0, 0, 0, 0, NULL, 0},
    {"model", X_MAP, X_REQUIRED, 0, 0, 0, 0, NULL, 0},
    {"training", X_MAP, 0, 0, 0, 0, 0, NULL, 0},
    {"output", X_MAP, 0, 0, 0, 0, 0, NULL, 0},
    {"compat", X_WORD, 0, 0, 0, 0, 0, compats, ARRAY_N(compats)},
    {"evaluation", X_MAP, 0, 0, 0, 0, 0, NULL, 0},
    {"ensemble", X_MAP, 0, 0, 0, 0, 0, NULL, 0},
    {"search", X_ANY, X_NULL, 0, 0, 0, 0, NULL, 0}};

static int check_name(struct exp_reader *r, const struct exp_value *v)
{
    if (v->s && (strchr(v->s, '/') || strchr(v->s, '\\') ||
                 strstr(v->s, "..") || strcmp(v->s, ".") == 0 ||
                 strlen(v->s) > 200)) {
        return exp_fail(r, v->n, "name",
                        "a name is one folder's: no /, \\ or .., at most 200 "
                        "bytes",
                        "has invalid path characters");
    }
    return 0;
}

/* A section under its name; NULL stays one with all defaults. */
static int read_section(struct exp_reader *r, const struct exp_value *v,
                        const char *name,
                        int (*read)(struct exp_reader *,
                                    const struct yaml_node *,
                                    struct experiment *),
                        struct experiment *e)
{
    int rc;

    config_enter(r->c, name);
    rc = read(r, v->n, e);
    config_leave(r->c);
    return rc;
}

int exp_read_one(struct exp_reader *r, struct yaml_node *n)
{
    struct exp_value v[E_N];
    struct experiment e = {.directory = "outputs"};
    size_t before = r->problems_n;

    TRY(exp_fields(r, n, fields, E_N, 0, v));
    TRY(check_name(r, &v[E_NAME]));
    e.name = v[E_NAME].s ? v[E_NAME].s : "";
    e.description = v[E_DESCRIPTION].n;
    e.is_harness = v[E_COMPAT].s && strcmp(v[E_COMPAT].s, "harness") == 0;
    if (v[E_DATASET].n) {
        TRY(read_section(r, &v[E_DATASET], "dataset", exp_read_dataset, &e));
    }
    if (v[E_MODEL].n && v[E_DATASET].n) {
        TRY(read_section(r, &v[E_MODEL], "model", exp_read_model, &e));
        TRY(read_section(r, &v[E_EVALUATION], "evaluation",
                         exp_read_evaluation, &e));
        TRY(read_section(r, &v[E_TRAINING], "training", exp_read_training, &e));
        TRY(read_section(r, &v[E_ENSEMBLE], "ensemble", exp_read_ensemble, &e));
    }
    TRY(read_section(r, &v[E_OUTPUT], "output", exp_read_output, &e));
    return r->problems_n > before ? 0 : exp_write(r, &e);
}

/* Overrides are of every experiment of the file. */
static int apply_overrides(struct exp_reader *r, struct yaml_node *n)
{
    for (size_t i = 0; i < r->overrides.n; i++) {
        KEEP(r, override_set(r->c, &r->overrides.list[i], n,
                             r->overrides.list[i].key));
    }
    return 0;
}

static int read_experiment(struct exp_reader *r, struct yaml_node *n)
{
    struct yaml_node *search;

    if (n->kind != YAML_MAP) {
        KEEP(r, schema_expected(r->c, n, "an object"));
        return 0;
    }
    TRY(apply_overrides(r, n));
    search = build_find(n, "search");
    return search && !build_is_null(search) ? exp_read_search(r, n, search)
                                            : exp_read_one(r, n);
}

static int read_all(struct exp_reader *r, struct yaml_node *root)
{
    size_t i = 0;

    if (root->kind != YAML_LIST) {
        return read_experiment(r, root);
    }
    if (root->n == 0) {
        return exp_fail(r, root, NULL, "a list holds at least one experiment",
                        "the list is empty");
    }
    for (struct yaml_node *e = root->first; e; e = e->next, i++) {
        size_t path_n = r->c->path_n;

        config_enter_at(r->c, i);
        TRY(read_experiment(r, e));
        r->c->path_n = path_n;
    }
    return 0;
}

/* In the order of the text, whatever the order of reading. */
static void sort_problems(struct exp_reader *r)
{
    for (size_t i = 1; i < r->problems_n; i++) {
        Proctor__Problem *p = r->problems[i];
        size_t at = i;

        while (at > 0 && (r->problems[at - 1]->line > p->line ||
                          (r->problems[at - 1]->line == p->line &&
                           r->problems[at - 1]->col > p->col))) {
            r->problems[at] = r->problems[at - 1];
            at--;
        }
        r->problems[at] = p;
    }
}

/* The first problem is that of a reply that has one; all go along. */
static int finish(struct exp_reader *r)
{
    struct config *c = r->c;
    Proctor__ConfigReply *out = r->out;

    out->warnings = arena_array(&c->reply, r->warnings_n + 1, sizeof(char *));
    out->problems = arena_array(&c->reply, r->problems_n + 1,
                                sizeof(Proctor__Problem *));
    if (!out->warnings || !out->problems) {
        return ERR_NOMEM;
    }
    sort_problems(r);
    memcpy(out->warnings, r->warnings, r->warnings_n * sizeof(char *));
    memcpy(out->problems, r->problems,
           r->problems_n * sizeof(Proctor__Problem *));
    out->n_warnings = r->warnings_n;
    out->n_problems = r->problems_n;
    if (r->problems_n > 0) {
        out->n_experiments = 0;
        out->problem = r->problems[0];
    }
    return 0;
}

int experiment_read(struct config *c, Proctor__ConfigReply *out)
{
    const Proctor__ConfigTask *t = c->task;
    struct exp_reader *r;
    struct yaml_node *root = NULL;

    if (t->text.len > EXPERIMENT_BYTES_MAX) {
        return config_limit(c, NULL, "an experiment file has at most %u bytes, "
                                     "got %zu",
                            EXPERIMENT_BYTES_MAX, t->text.len);
    }
    r = arena_get(&c->scratch, sizeof(*r));
    out->experiments = arena_array(&c->reply, EXPERIMENT_MAX,
                                   sizeof(Proctor__Experiment *));
    if (!r || !out->experiments) {
        return ERR_NOMEM;
    }
    r->c = c;
    r->out = out;
    TRY(overrides_open(c, &r->overrides));
    TRY(yaml_parse(c, (struct ubytes){t->text.data, t->text.len},
                   YAML_SYNTAX_YAML, 0, 0, &root));
    TRY(read_all(r, root));
    return finish(r);
}
