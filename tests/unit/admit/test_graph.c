/* Admission's rules about the graph itself: needs, cycles, ids, roots, versions,
 * numbers of things, and the order. hole_*: see test_admit.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/limits.h"
#include "tests/unit/admit/rule.h"

/* "A dependency id that does not exist is ignored, so the task becomes READY at
 * once." */
static void hole_unknown_dependency(void **state)
{
    Proctor__Graph *g = make_tour();

    (void)state;
    strcpy(g->tasks[2]->needs[0], "exm");
    assert_rule(g, make_policy(), "dependency.unknown", ERR_INPUT,
                "tasks[2].needs: no task \"exm\"; did you mean \"exam\"?");
}

/* "Cycles are not detected." */
static void hole_cycle(void **state)
{
    Proctor__Graph *g = make_tour();

    (void)state;
    add_need(g->tasks[0], "keep");
    assert_rule(g, make_policy(), "graph.cycle", ERR_INPUT, "candidate");
    g = make_graph();
    for (size_t i = 0; i < 5; i++) {
        char id[8];
        char need[8];

        snprintf(id, sizeof(id), "t%zu", i);
        snprintf(need, sizeof(need), "t%zu", (i + 1) % 5);
        add_need(add_program(g, id), need);
    }
    assert_rule(g, make_policy(), "graph.cycle", ERR_INPUT,
                "t0 -> t1 -> t2 -> t3 -> t4 -> t0");
}

static void cycle_through_a_repair(void **state)
{
    Proctor__Graph *g = make_tour();
    Proctor__Repair *r = make_repair(g->tasks[0]);

    (void)state;
    r->program = make_candidate_spec("other.py");
    add_text(&r->needs, &r->n_needs, "keep");
    assert_rule(g, make_policy(), "graph.cycle", ERR_INPUT, "keep");
}

static void self_dependency(void **state)
{
    Proctor__Graph *g = make_tour();

    (void)state;
    add_need(g->tasks[0], "candidate");
    assert_rule(g, make_policy(), "dependency.self", ERR_INPUT, "needs itself");
}

static void dependency_twice(void **state)
{
    Proctor__Graph *g = make_graph();
    Proctor__Task *t;

    (void)state;
    (void)add_program(g, "a");
    t = add_program(g, "b");
    add_need(t, "a");
    add_need(t, "a");
    assert_rule(g, make_policy(), "dependency.duplicate", ERR_INPUT, "twice");
}

/* "Duplicate task_id silently replaces the existing task." */
static void hole_duplicate_id(void **state)
{
    Proctor__Graph *g = make_tour();
    struct seen s;

    (void)state;
    (void)add_program(g, "exam");
    assert_int_equal(judge(g, make_policy(), &s), 1);
    assert_string_equal(s.rule, "task.duplicate");
    assert_int_equal(s.task_i, 3);
    assert_non_null(strstr(s.d.what, "tasks[1]"));
}

/* "A later is_root task silently becomes the new root." */
static void hole_second_root(void **state)
{
    Proctor__Graph *g = make_tour();

    (void)state;
    g->tasks[2]->root = 1;
    assert_admitted(g, make_policy());
    g = make_tour();
    g->tasks[0]->root = 1;
    g->tasks[2]->root = 1;
    assert_rule(g, make_policy(), "task.root", ERR_INPUT, "second root");
}

/* "Status is caller-supplied": the message has no field for it, so a graph that
 * carries one is not canonical and never becomes a graph. */
static void hole_state_set_by_the_caller(void **state)
{
    static const uint8_t graph[] = {0x08, 1, 0x12, 1,    'x', 0x1a, 5,
                                    0x0a, 1, 'a',  0x68, 6 /* field 13 = 6 */};
    ProtobufCMessage *m = NULL;

    (void)state;
    assert_int_equal(pb_decode(&proctor__graph__descriptor,
                               (struct ubytes){graph, sizeof(graph)}, 1024, &m),
                     ERR_ENCODING);
    assert_null(m);
    for (unsigned i = 0; i < proctor__task__descriptor.n_fields; i++) {
        const char *name = proctor__task__descriptor.fields[i].name;

        assert_string_not_equal(name, "state");
        assert_string_not_equal(name, "status");
        assert_string_not_equal(name, "result");
        assert_string_not_equal(name, "level");
    }
}

static void bad_ids(void **state)
{
    static const char *const ids[] = {"", "a b", "a/b", "\xc3\xa4", "a\n", "*"};
    char big[LIMIT_ID_BYTES + 2];
    Proctor__Graph *g;

    (void)state;
    for (size_t i = 0; i < ARRAY_N(ids); i++) {
        g = make_graph();
        (void)add_program(g, ids[i]);
        assert_rule(g, make_policy(), "task.id", ERR_INPUT, "is not an id");
    }
    memset(big, 'a', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    g = make_graph();
    (void)add_program(g, big);
    assert_rule(g, make_policy(), "task.id", ERR_INPUT, "is not an id");
    g = make_graph();
    big[LIMIT_ID_BYTES] = '\0';
    (void)add_program(g, big);
    assert_admitted(g, make_policy());
}

static void priority_range(void **state)
{
    Proctor__Graph *g = make_tour();

    (void)state;
    g->tasks[0]->priority = 9;
    assert_admitted(g, make_policy());
    g = make_tour();
    g->tasks[0]->priority = 10;
    assert_rule(g, make_policy(), "task.priority", ERR_INPUT, "0..9");
}

static void versions_and_empty(void **state)
{
    Proctor__Graph *g = make_tour();
    Proctor__Policy *p = make_policy();

    (void)state;
    g->version = 2;
    assert_rule(g, p, "graph.version", ERR_INPUT, "got 2");
    assert_rule(make_graph(), make_policy(), "graph.empty", ERR_INPUT,
                "at least one");
    p = make_policy();
    p->version = 0;
    assert_rule(make_tour(), p, "policy.version", ERR_INPUT, "got 0");
    p = make_policy();
    pb_free(&p->budgets->base);
    p->budgets = NULL;
    assert_rule(make_tour(), p, "policy.form", ERR_INPUT, "budgets");
}

/* "Budgets set by the job": ours are the policy's. */
static void hole_budget_of_the_job(void **state)
{
    Proctor__Policy *p = make_policy();

    (void)state;
    p->budgets->tasks = 3;
    assert_admitted(make_tour(), p);
    p = make_policy();
    p->budgets->tasks = 2;
    assert_rule(make_tour(), p, "budget.tasks", ERR_REFUSED,
                "3 tasks, and policy \"test\" allows 2");
    for (unsigned i = 0; i < proctor__task__descriptor.n_fields; i++) {
        assert_null(strstr(proctor__task__descriptor.fields[i].name, "budget"));
    }
}

static void too_many_of_something(void **state)
{
    Proctor__Graph *g = make_graph();
    Proctor__Task *t = add_program(g, "a");

    (void)state;
    for (size_t i = 0; i <= LIMIT_NEEDS; i++) {
        add_need(t, "b");
    }
    assert_rule(g, make_policy(), "task.limit", ERR_LIMIT, "64 dependencies");
    g = make_graph();
    t = add_program(g, "a");
    for (size_t i = 0; i <= LIMIT_FILES; i++) {
        add_text(&t->program->files, &t->program->n_files, "f");
    }
    assert_rule(g, make_policy(), "task.limit", ERR_LIMIT, "256 files");
}

/* At most 64 refusals are told; all are counted. */
static void many_refusals(void **state)
{
    Proctor__Graph *g = make_graph();
    struct seen s;

    (void)state;
    for (size_t i = 0; i < 1000; i++) {
        char id[16];

        snprintf(id, sizeof(id), "t%zu", i);
        add_need(add_program(g, id), "nowhere");
    }
    assert_int_equal(judge(g, make_policy(), &s), 1000);
    assert_int_equal(s.calls, 64);
}

static void order_is_topological_and_stable(void **state)
{
    static const uint32_t expected[] = {2, 0, 1, 3};
    Proctor__Graph *g = make_graph();
    struct admit_request q = {.graph = g, .graph_path = "g", .graph_dir = ""};
    struct admission a;

    (void)state;
    add_need(add_program(g, "a"), "c");
    (void)add_program(g, "b");
    (void)add_program(g, "c");
    add_need(add_program(g, "d"), "a");
    assert_int_equal(admit_check(&q, &a, NULL, NULL), 0);
    assert_memory_equal(a.order, expected, sizeof(expected));
    admission_release(&a);
    pb_free(&g->base);
}

/* A chain of 100,000 tasks, each needing the one behind it in the file: deep,
 * and the order is the reverse. */
static void hundred_thousand_tasks(void **state)
{
    const size_t n = 100000;
    Proctor__Graph *g = make_graph();
    Proctor__Policy *p = make_policy();
    struct admit_request q = {
        .graph = g, .policy = p, .graph_path = "g", .graph_dir = "examples/x"};
    struct admission a;
    size_t admitted = 0;

    (void)state;
    g->tasks = make_mem(n * sizeof(Proctor__Task *));
    for (size_t i = 0; i < n; i++) {
        Proctor__Graph one = PROCTOR__GRAPH__INIT;
        char id[24];

        snprintf(id, sizeof(id), "t%zu", i);
        g->tasks[i] = add_program(&one, id);
        free(one.tasks);
        if (i + 1 < n) {
            snprintf(id, sizeof(id), "t%zu", i + 1);
            add_need(g->tasks[i], id);
        }
    }
    g->n_tasks = n;
    assert_int_equal(admit_check(&q, &a, NULL, NULL), 0);
    for (size_t i = 0; i < n; i++) {
        admitted += (size_t)a.tasks[i].admitted;
        assert_int_equal(a.order[i], n - 1 - i);
    }
    assert_int_equal(admitted, n);
    assert_int_equal(a.refused_n, 0);
    admission_release(&a);
    pb_free(&g->base);
    pb_free(&p->base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hole_unknown_dependency),
        cmocka_unit_test(hole_cycle),
        cmocka_unit_test(cycle_through_a_repair),
        cmocka_unit_test(self_dependency),
        cmocka_unit_test(dependency_twice),
        cmocka_unit_test(hole_duplicate_id),
        cmocka_unit_test(hole_second_root),
        cmocka_unit_test(hole_state_set_by_the_caller),
        cmocka_unit_test(bad_ids),
        cmocka_unit_test(priority_range),
        cmocka_unit_test(versions_and_empty),
        cmocka_unit_test(hole_budget_of_the_job),
        cmocka_unit_test(too_many_of_something),
        cmocka_unit_test(many_refusals),
        cmocka_unit_test(order_is_topological_and_stable),
        cmocka_unit_test(hundred_thousand_tasks)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
