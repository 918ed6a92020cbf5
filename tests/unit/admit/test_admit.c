/* The three gates and all that admission refuses. The tests called hole_* are
 * the holes of an earlier kernel (neuralkernel, section 2): each was open there
 * and must be shut here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/limits.h"
#include "tests/unit/admit/make.h"

static void assert_rule(Proctor__Graph *g, Proctor__Policy *p, const char *rule,
                        int code, const char *text)
{
    struct seen s;
    size_t refused = judge(g, p, &s);

    if (strcmp(s.rule, rule) != 0) {
        fail_msg("expected rule %s, got \"%s\" (%zu refused): %s", rule, s.rule,
                 refused, s.d.what);
    }
    assert_int_equal(s.d.code, code);
    if (!strstr(s.d.what, text)) {
        fail_msg("\"%s\" is not in: %s", text, s.d.what);
    }
}

static void assert_admitted(Proctor__Graph *g, Proctor__Policy *p)
{
    struct seen s;

    if (judge(g, p, &s) != 0) {
        fail_msg("refused by %s: %s", s.rule, s.d.what);
    }
}

static void tour_is_admitted(void **state)
{
    (void)state;
    assert_admitted(make_tour(), make_policy());
    assert_admitted(make_tour(), NULL);
}

static void decisions_name_grant_and_capability(void **state)
{
    Proctor__Graph *g = make_tour();
    Proctor__Policy *p = make_policy();
    struct admit_request q = {.graph = g,
                              .policy = p,
                              .graph_path = "g.yaml",
                              .graph_dir = "examples/x"};
    struct admission a;

    (void)state;
    assert_int_equal(admit_check(&q, &a, NULL, NULL), 0);
    assert_int_equal(a.refused_n, 0);
    assert_int_equal(a.n, 3);
    assert_string_equal(a.tasks[0].capability, "program.run");
    assert_int_equal(a.tasks[0].grant_i, 0);
    assert_string_equal(a.tasks[1].capability, "exam.hold");
    assert_int_equal(a.tasks[1].grant_i, 2);
    assert_string_equal(a.tasks[2].capability, "ref.move");
    assert_int_equal(a.tasks[2].grant_i, 3);
    assert_string_equal(a.tasks[2].rule, "gates.passed");
    for (size_t i = 0; i < 3; i++) {
        assert_true(a.tasks[i].admitted);
        assert_int_equal(a.order[i], i);
    }
    admission_release(&a);
    pb_free(&g->base);
    pb_free(&p->base);
}

/* --- gate one ----------------------------------------------------------- */

static void unregistered_op(void **state)
{
    Proctor__Graph *g = make_graph();
    Proctor__Task *t = add_task(g, "a", "progam");

    (void)state;
    set_validator(t, "well_formed", LEVEL_SCHEMA);
    assert_rule(g, make_policy(), "gate.registered", ERR_REFUSED,
                "did you mean \"program\"");
    g = make_graph();
    t = add_task(g, "a", "");
    assert_rule(g, make_policy(), "gate.registered", ERR_REFUSED, "no op");
}

/* --- gate two ----------------------------------------------------------- */

/* "An ordinary op with no capability and no validator is admitted, runs, and
 * passes." Every op has a capability here; a silent policy grants none. */
static void hole_op_without_capability(void **state)
{
    (void)state;
    assert_rule(make_tour(), make_empty_policy(), "gate.granted", ERR_REFUSED,
                "does not grant program.run");
}

/* "Capability grant = caps of the job type UNION whatever the plan declares":
 * nothing in a graph can add to a policy. Each capability is missed by name. */
static void hole_plan_authorises_itself(void **state)
{
    static const char *const names[] = {"program.run", "exam.hold", "ref.move"};

    (void)state;
    for (size_t i = 0; i < ARRAY_N(names); i++) {
        Proctor__Policy *p = make_policy();

        for (size_t k = 0; k < p->n_grants; k++) {
            if (strcmp(p->grants[k]->capability, names[i]) == 0) {
                p->grants[k]->capability[0] = 'X';
            }
        }
        assert_rule(make_tour(), p, "gate.granted", ERR_REFUSED, names[i]);
    }
}

static void model_needs_its_grant(void **state)
{
    Proctor__Graph *g = make_graph();
    Proctor__Policy *p = make_policy();

    (void)state;
    (void)add_model(g, "net");
    assert_admitted(g, p);
    g = make_graph();
    (void)add_model(g, "net");
    p = make_policy();
    p->grants[1]->capability[0] = 'X';
    assert_rule(g, p, "gate.granted", ERR_REFUSED, "model.run");
    g = make_graph();
    (void)add_model(g, "net");
    p = make_policy();
    p->grants[1]->files[0][0] = 'X';
    assert_rule(g, p, "gate.file", ERR_REFUSED, "examples/x/net.gguf");
}

static void cml_needs_its_grant(void **state)
{
    Proctor__Graph *g = make_graph();
    Proctor__Policy *p = make_policy();
    size_t last = p->n_grants - 1;

    (void)state;
    (void)add_cml(g, "unit");
    assert_admitted(g, p);
    g = make_graph();
    (void)add_cml(g, "unit");
    p = make_policy();
    p->grants[last]->capability[0] = 'X';
    assert_rule(g, p, "gate.granted", ERR_REFUSED, "cml.run");
    g = make_graph();
    (void)add_cml(g, "unit");
    p = make_policy();
    p->grants[last]->files[0][0] = 'X';
    assert_rule(g, p, "gate.file", ERR_REFUSED, "examples/x/f.cml");
    g = make_graph();
    memcpy(add_cml(g, "unit")->cml->file, "/.cml", 6);
    assert_rule(g, make_policy(), "file.path", ERR_INPUT, "/.cml");
}

static void cml_is_well_formed(void **state)
{
    Proctor__Graph *g = make_graph();
    Proctor__Task *t = add_cml(g, "unit");

    (void)state;
    t->cml->unit[0] = '\0';
    assert_rule(g, make_policy(), "spec.form", ERR_INPUT, "unit: FILE.cml:NAME");
    g = make_graph();
    t = add_cml(g, "unit");
    t->cml->takes.len = 0;
    assert_rule(g, make_policy(), "spec.form", ERR_INPUT, "takes");
    g = make_graph();
    t = add_cml(g, "unit");
    t->cml->gives.len = 0;
    assert_rule(g, make_policy(), "spec.form", ERR_INPUT, "gives");
    g = make_graph();
    t = add_task(g, "unit", "cml");
    set_validator(t, "well_formed", LEVEL_SCHEMA);
    assert_rule(g, make_policy(), "spec.op", ERR_INPUT, "op cml");
    g = make_graph();
    t = add_cml(g, "unit");
    t->validator->level = LEVEL_ORACLE;
    assert_rule(g, make_policy(), "gate.ceiling", ERR_REFUSED,
                "the ceiling of op cml");
}

static Proctor__Graph *repaired_cml(const char *unit, const char *gives)
{
    Proctor__Graph *g = make_graph();
    Proctor__CmlSpec *by = make_mem(sizeof(*by));

    make_repair(add_cml(g, "unit"))->cml = by;
    proctor__cml_spec__init(by);
    by->file = make_text("f.cml");
    by->unit = make_text(unit);
    by->takes = make_arguments("f32");
    by->gives = make_type(gives);
    return g;
}

/* A repair is another unit of the same types. */
static void cml_is_repaired(void **state)
{
    (void)state;
    assert_rule(repaired_cml("f", "f32"), make_policy(), "repair.inert",
                ERR_INPUT, "changes nothing");
    assert_admitted(repaired_cml("g", "f32"), make_policy());
    assert_rule(repaired_cml("g", "f64"), make_policy(), "repair.types",
                ERR_INPUT, "take and give");
}

static void program_not_granted(void **state)
{
    Proctor__Graph *g = make_graph();
    Proctor__Task *t = add_program(g, "a");
    Proctor__Policy *p;

    (void)state;
    t->program->function_file[0] = '\0';
    t->program->function_name[0] = '\0';
    add_text(&t->program->run, &t->program->n_run, "perl");
    assert_rule(g, make_policy(), "gate.program", ERR_REFUSED, "\"perl\"");
    p = make_policy();
    p->grants[0]->programs[0][0] = 'X';
    assert_rule(make_tour(), p, "gate.program", ERR_REFUSED, "\"python3\"");
}

/* A program may be started only with files of the same grant. */
static void grants_are_not_mixed(void **state)
{
    Proctor__Policy *p = make_policy();
    Proctor__Grant *other = add_grant(p, "program.run");

    (void)state;
    add_text(&other->programs, &other->n_programs, "perl");
    add_text(&other->files, &other->n_files, "**");
    strcpy(p->grants[0]->files[0], "nowhere");
    assert_rule(make_tour(), p, "gate.file", ERR_REFUSED, "candidate.py");
}

static void file_not_granted(void **state)
{
    Proctor__Graph *g = make_tour();
    Proctor__ProgramSpec *s = g->tasks[0]->program;
    Proctor__Policy *p = make_policy();

    (void)state;
    strcpy(p->grants[0]->files[0], "examples/*"); /* no folders beneath */
    assert_rule(make_tour(), p, "gate.file", ERR_REFUSED,
                "examples/x/candidate.py");
    add_text(&s->files, &s->n_files, "lib/helper.py");
    assert_admitted(g, make_policy());
}

static void file_escapes(void **state)
{
    static const char *const paths[] = {
        "../x.py", "a/../../x.py", "/etc/passwd", "a//b.py", "a/./b.py",
        "..",      "a/..",         "./../x.py",   "a/",      "x\n.py"};

    (void)state;
    for (size_t i = 0; i < ARRAY_N(paths); i++) {
        for (int with_policy = 0; with_policy < 2; with_policy++) {
            Proctor__Graph *g = make_tour();
            Proctor__ProgramSpec *s = g->tasks[0]->program;
            Proctor__Policy *p = with_policy ? make_policy() : NULL;

            add_text(&s->files, &s->n_files, paths[i]);
            assert_rule(g, p, "file.path", ERR_INPUT, "no path beneath");
        }
    }
}

static void file_of_the_graph_runs_itself(void **state)
{
    Proctor__Graph *g = make_tour();
    Proctor__ProgramSpec *s = g->tasks[0]->program;

    (void)state;
    s->function_file[0] = '\0';
    s->function_name[0] = '\0';
    add_text(&s->run, &s->n_run, "./native");
    assert_admitted(g, make_policy());
    g = make_tour();
    s = g->tasks[0]->program;
    s->function_file[0] = '\0';
    s->function_name[0] = '\0';
    add_text(&s->run, &s->n_run, "../native");
    assert_rule(g, make_policy(), "file.path", ERR_INPUT, "../native");
    g = make_tour();
    s = g->tasks[0]->program;
    s->function_file[0] = '\0';
    s->function_name[0] = '\0';
    add_text(&s->run, &s->n_run, "/usr/bin/id");
    assert_rule(g, make_policy(), "gate.program", ERR_REFUSED, "/usr/bin/id");
}

static void graph_folder_climbs(void **state)
{
    Proctor__Graph *g = make_tour();
    struct admit_request q = {
        .graph = g, .graph_path = "g", .graph_dir = "../x"};
    struct admission a;

    (void)state;
    assert_int_equal(admit_check(&q, &a, NULL, NULL), 0);
    assert_int_equal(a.refused_n, 1);
    admission_release(&a);
    q.graph_dir = "/abs/x";
    assert_int_equal(admit_check(&q, &a, NULL, NULL), 0);
    assert_int_equal(a.refused_n, 0);
    admission_release(&a);
    pb_free(&g->base);
}

static void ref_not_granted(void **state)
{
    Proctor__Graph *g = make_tour();

    (void)state;
    strcpy(g->tasks[2]->ref_move->ref, "primitive/crc32");
    assert_rule(g, make_policy(), "gate.ref", ERR_REFUSED, "primitive/crc32");
    g = make_tour();
    strcpy(g->tasks[2]->ref_move->ref, "primitives/a/b");
    assert_rule(g, make_policy(), "gate.ref", ERR_REFUSED, "primitives/a/b");
}

static void ref_name(void **state)
{
    static const char *const names[] = {"",  "/a",  "a/", "a//b", "a/../b",
                                        ".", "a b", "a*", "a\n"};

    (void)state;
    for (size_t i = 0; i < ARRAY_N(names); i++) {
        Proctor__Graph *g = make_tour();

        strcpy(g->tasks[2]->ref_move->ref, names[i]);
        assert_rule(g, make_policy(), "ref.name", ERR_INPUT, "ref's name");
    }
}

static void oracle_must_be_granted(void **state)
{
    Proctor__Graph *g = make_tour();
    Proctor__ProgramSpec *s = g->tasks[1]->exam->oracle->program;

    (void)state;
    s->function_file[0] = '\0';
    s->function_name[0] = '\0';
    add_text(&s->run, &s->n_run, "perl");
    assert_rule(g, make_policy(), "gate.program", ERR_REFUSED, "perl");
    g = make_tour();
    g->tasks[1]->exam->second_oracle = make_oracle("../second.py");
    assert_rule(g, make_policy(), "file.path", ERR_INPUT, "../second.py");
}

/* --- gate three --------------------------------------------------------- */

/* "No validator: JUDGMENT, and passes." */
static void hole_op_without_validator(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        Proctor__Graph *g = make_tour();

        pb_free(&g->tasks[i]->validator->base);
        g->tasks[i]->validator = NULL;
        assert_rule(g, make_policy(), "gate.validated", ERR_REFUSED,
                    "no validator");
    }
}

static void unknown_validator(void **state)
{
    Proctor__Graph *g = make_tour();

    (void)state;
    set_validator(g->tasks[1], "holdot", LEVEL_PROVEN);
    assert_rule(g, make_policy(), "gate.validator", ERR_REFUSED,
                "did you mean \"holdout\"");
    g = make_tour();
    set_validator(g->tasks[1], "well_formed", LEVEL_SCHEMA);
    assert_rule(g, make_policy(), "gate.validator", ERR_REFUSED,
                "cannot judge op exam");
}

/* "A passing validator with an unknown level name raises outside the guard and
 * crashes run()." */
static void hole_unknown_level(void **state)
{
    (void)state;
    for (uint32_t level = LEVEL_N_; level != 0; level *= 4) {
        Proctor__Graph *g = make_tour();

        set_validator(g->tasks[0], "well_formed", level);
        assert_rule(g, make_policy(), "gate.level", ERR_REFUSED, "no level");
    }
}

static void over_the_ceiling(void **state)
{
    Proctor__Graph *g = make_tour();

    (void)state;
    set_validator(g->tasks[0], "well_formed", LEVEL_PROVEN);
    assert_rule(g, make_policy(), "gate.ceiling", ERR_REFUSED,
                "the ceiling of op program");
}

static void outside_the_range(void **state)
{
    Proctor__Graph *g = make_tour();

    (void)state;
    set_validator(g->tasks[0], "well_formed", LEVEL_NONE);
    assert_rule(g, make_policy(), "gate.range", ERR_REFUSED, "got none");
    g = make_tour();
    set_validator(g->tasks[1], "holdout", LEVEL_PROPERTY);
    assert_rule(g, make_policy(), "gate.range", ERR_REFUSED, "oracle..proven");
}

/* A ref claims no more than the exam that it stands on. */
static void honest_level(void **state)
{
    Proctor__Graph *g = make_tour();

    (void)state;
    set_validator(g->tasks[2], "same_object", LEVEL_PROVEN);
    assert_rule(g, make_policy(), "validator.honest", ERR_REFUSED,
                "proven is above oracle");
    assert_admitted(make_tour(), make_policy());
}

/* An exam that cannot reach its level would sit through all draws in vain. */
static void level_out_of_reach(void **state)
{
    Proctor__Graph *g = make_tour();

    (void)state;
    set_validator(g->tasks[1], "holdout", LEVEL_PROVEN);
    assert_rule(g, make_policy(), "exam.level", ERR_REFUSED,
                "one oracle reaches oracle");
    g = make_tour();
    set_validator(g->tasks[1], "holdout", LEVEL_PROVEN);
    g->tasks[1]->exam->second_oracle = make_oracle("second.py");
    assert_admitted(g, make_policy());
}

/* --- graph -------------------------------------------------------------- */

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
        cmocka_unit_test(tour_is_admitted),
        cmocka_unit_test(decisions_name_grant_and_capability),
        cmocka_unit_test(unregistered_op),
        cmocka_unit_test(hole_op_without_capability),
        cmocka_unit_test(hole_plan_authorises_itself),
        cmocka_unit_test(model_needs_its_grant),
        cmocka_unit_test(cml_needs_its_grant),
        cmocka_unit_test(cml_is_well_formed),
        cmocka_unit_test(cml_is_repaired),
        cmocka_unit_test(program_not_granted),
        cmocka_unit_test(grants_are_not_mixed),
        cmocka_unit_test(file_not_granted),
        cmocka_unit_test(file_escapes),
        cmocka_unit_test(file_of_the_graph_runs_itself),
        cmocka_unit_test(graph_folder_climbs),
        cmocka_unit_test(ref_not_granted),
        cmocka_unit_test(ref_name),
        cmocka_unit_test(oracle_must_be_granted),
        cmocka_unit_test(hole_op_without_validator),
        cmocka_unit_test(unknown_validator),
        cmocka_unit_test(hole_unknown_level),
        cmocka_unit_test(over_the_ceiling),
        cmocka_unit_test(outside_the_range),
        cmocka_unit_test(honest_level),
        cmocka_unit_test(level_out_of_reach),
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
