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
#include "tests/unit/admit/rule.h"

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
        cmocka_unit_test(level_out_of_reach)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
