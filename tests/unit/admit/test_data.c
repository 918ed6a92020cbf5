/* What admission demands of data sets: data.load, data.split of one, and what may
 * be scored on it: refused by rule and words, or admitted. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/admit/rule.h"

#include "proto/err.h"
#include "proto/limits.h"

static Proctor__Task *add_load(Proctor__Graph *g, const char *id)
{
    Proctor__Task *t = add_task(g, id, "data.load");

    t->data = make_mem(sizeof(*t->data));
    proctor__data_spec__init(t->data);
    t->data->format = make_text("csv");
    t->data->kind = PROCTOR__DATA_KIND__DATA_CLASSIFICATION;
    add_text(&t->data->files, &t->data->n_files, "t.csv");
    set_validator(t, "well_formed", LEVEL_SCHEMA);
    return t;
}

static Proctor__Task *add_split_of(Proctor__Graph *g, const char *id,
                                   const char *of)
{
    Proctor__Task *t = add_task(g, id, "data.split");

    t->split = make_mem(sizeof(*t->split));
    proctor__split_spec__init(t->split);
    t->split->of = make_text(of);
    t->split->holdout = 0.5;
    t->split->stratified = 1;
    add_need(t, of);
    set_validator(t, "disjoint", LEVEL_PROPERTY);
    return t;
}

static Proctor__Policy *policy_with(const char *files)
{
    Proctor__Policy *p = make_policy();
    Proctor__Grant *g = add_grant(p, "data.load");

    add_text(&g->files, &g->n_files, files);
    (void)add_grant(p, "data.split");
    return p;
}

/* One of each; a judgement takes the graph with it. */
struct world {
    Proctor__Graph *g;
    Proctor__Task *load, *split;
};

static struct world make_world(void)
{
    struct world w = {.g = make_graph()};

    w.load = add_load(w.g, "data");
    w.split = add_split_of(w.g, "parts", "data");
    return w;
}

static void refuses(struct world *w, const char *rule, const char *text)
{
    assert_rule(w->g, policy_with("**"), rule, ERR_INPUT, text);
    *w = make_world();
}

static void grants(void **state)
{
    struct world w = make_world();

    (void)state;
    assert_admitted(w.g, policy_with("**"));
    w = make_world();
    assert_rule(w.g, make_policy(), "gate.granted", ERR_REFUSED, "data.load");
    w = make_world();
    assert_rule(w.g, policy_with("other/**"), "gate.file", ERR_REFUSED,
                "t.csv");
    w = make_world();
    add_text(&w.load->data->files, &w.load->data->n_files, "../t.csv");
    refuses(&w, "file.path", "../t.csv");
    pb_free(&w.g->base);
}

static void load_form(void **state)
{
    struct world w = make_world();

    (void)state;
    w.load->data->kind = PROCTOR__DATA_KIND__DATA_NONE;
    refuses(&w, "spec.form", "no kind");
    w.load->data->kind = (Proctor__DataKind)4;
    refuses(&w, "spec.form", "no kind");
    while (w.load->data->n_files <= LIMIT_DATASET_FILES) {
        add_text(&w.load->data->files, &w.load->data->n_files, "t.csv");
    }
    refuses(&w, "spec.form", "28 files");
    w.load->data->kind = PROCTOR__DATA_KIND__DATA_REGRESSION;
    w.split->split->stratified = 0;
    assert_admitted(w.g, policy_with("**"));
}

static void split_form(void **state)
{
    struct world w = make_world();

    (void)state;
    w.split->split->holdout = 1;
    refuses(&w, "spec.form", "holdout");
    w.split->split->takes = make_arguments("f32");
    refuses(&w, "spec.form", "holdout");
    free(w.split->needs[--w.split->n_needs]);
    refuses(&w, "split.of", "\"data\"");
    (void)add_split_of(w.g, "again", "parts");
    refuses(&w, "split.of", "\"parts\"");
    w.load->data->kind = PROCTOR__DATA_KIND__DATA_TEXT;
    refuses(&w, "split.stratified", "classes");
    pb_free(&w.g->base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(grants),
                                       cmocka_unit_test(load_form),
                                       cmocka_unit_test(split_form)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
