/* What admission demands of data.permute, and of who trains on its rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/limits.h"
#include "tests/unit/admit/make.h"

static Proctor__Policy *policy(void)
{
    Proctor__Policy *p = make_policy();

    (void)add_grant(p, "data.load");
    (void)add_grant(p, "data.split");
    return p;
}

static Proctor__Graph *rows(void)
{
    Proctor__Graph *g = make_graph();
    Proctor__Task *t = add_task(g, "rows", "data.load");

    t->data = make_mem(sizeof(*t->data));
    proctor__data_spec__init(t->data);
    t->data->format = make_text("moons");
    t->data->kind = PROCTOR__DATA_KIND__DATA_CLASSIFICATION;
    set_validator(t, "well_formed", LEVEL_SCHEMA);
    return g;
}

static Proctor__PermuteSpec *add_permute(Proctor__Graph *g, const char *id,
                                         const char *of, uint32_t level)
{
    Proctor__Task *t = add_task(g, id, "data.permute");
    Proctor__PermuteSpec *s = make_mem(sizeof(*s));

    proctor__permute_spec__init(s);
    s->of = make_text(of);
    s->depth = level;
    s->n_order = (size_t)1 << level;
    s->order = make_mem(s->n_order * sizeof(*s->order));
    for (size_t i = 0; i < s->n_order; i++) {
        s->order[i] = (uint32_t)(s->n_order - 1 - i);
    }
    t->permute = s;
    add_need(t, of);
    set_validator(t, "recorded", LEVEL_SCHEMA);
    return s;
}

static void add_split(Proctor__Graph *g, const char *id, const char *of)
{
    Proctor__Task *t = add_task(g, id, "data.split");

    t->split = make_mem(sizeof(*t->split));
    proctor__split_spec__init(t->split);
    t->split->of = make_text(of);
    t->split->holdout = 0.5;
    add_need(t, of);
    set_validator(t, "disjoint", LEVEL_PROPERTY);
}

static void assert_rule(Proctor__Graph *g, Proctor__Policy *p, const char *rule,
                        const char *text)
{
    struct seen s;

    (void)judge(g, p, &s);
    if (strcmp(s.rule, rule) != 0 || !strstr(s.d.what, text)) {
        fail_msg("expected %s, \"%s\"; got \"%s\": %s", rule, text, s.rule,
                 s.d.what);
    }
}

static void of_a_set_a_split_and_a_permutation(void **state)
{
    Proctor__Graph *g = rows();

    (void)state;
    (void)add_permute(g, "ba", "rows", 1);
    (void)add_permute(g, "quarters", "ba", 2);
    (void)add_permute(g, "most", "ba", LIMIT_PERMUTE_LEVEL);
    add_split(g, "parts", "rows");
    (void)add_permute(g, "left", "parts", 1);
    assert_rule(g, policy(), "", "");
}

static void form(void **state)
{
    Proctor__Graph *g = rows();
    Proctor__PermuteSpec *s = add_permute(g, "ba", "rows", 1);

    (void)state;
    s->depth = 2;
    assert_rule(g, policy(), "spec.form", "each block");
    g = rows();
    s = add_permute(g, "ba", "rows", 1);
    s->order[0] = s->order[1];
    assert_rule(g, policy(), "spec.form", "each block");
    g = rows();
    s = add_permute(g, "ba", "rows", 1);
    s->order[0] = 2;
    assert_rule(g, policy(), "spec.form", "each block");
    g = rows();
    s = add_permute(g, "ba", "rows", 1);
    s->depth = 0;
    s->n_order = 1;
    assert_rule(g, policy(), "spec.form", "each block");
    g = rows();
    (void)add_permute(g, "ba", "rows", LIMIT_PERMUTE_LEVEL + 1);
    assert_rule(g, policy(), "spec.form", "each block");
}

static void of_what_has_no_rows(void **state)
{
    Proctor__Graph *g = rows();

    (void)state;
    (void)add_program(g, "code");
    (void)add_permute(g, "ba", "code", 1);
    assert_rule(g, policy(), "permute.of", "\"code\" gives no rows");
    g = rows();
    (void)add_permute(g, "ba", "rows", 1);
    g->tasks[1]->n_needs = 0;
    free(g->tasks[1]->needs[0]);
    assert_rule(g, policy(), "permute.of", "is not needed");
}

/* A file is split once: not a second time in another order. */
static void no_split_of_a_permutation(void **state)
{
    Proctor__Graph *g = rows();

    (void)state;
    (void)add_permute(g, "ba", "rows", 1);
    add_split(g, "parts", "ba");
    assert_rule(g, policy(), "split.of", "no data.load task");
}

/* No word of a worker is a lineage. */
static void no_permutation_in_a_load(void **state)
{
    Proctor__Graph *g = rows();
    Proctor__DataSpec *d = g->tasks[0]->data;

    (void)state;
    d->permuted = make_mem(sizeof(*d->permuted));
    proctor__permute_spec__init(d->permuted);
    assert_rule(g, policy(), "spec.form", "no format");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_a_set_a_split_and_a_permutation),
        cmocka_unit_test(form),
        cmocka_unit_test(of_what_has_no_rows),
        cmocka_unit_test(no_split_of_a_permutation),
        cmocka_unit_test(no_permutation_in_a_load)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
