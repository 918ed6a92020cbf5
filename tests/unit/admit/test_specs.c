/* What admission demands of specs: candidates, exams, refs and repairs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/limits.h"
#include "tests/unit/admit/make.h"

static void assert_rule(Proctor__Graph *g, const char *rule, const char *text)
{
    struct seen s;
    size_t refused = judge(g, make_policy(), &s);

    if (strcmp(s.rule, rule) != 0) {
        fail_msg("expected rule %s, got \"%s\" (%zu refused): %s", rule, s.rule,
                 refused, s.d.what);
    }
    if (!strstr(s.d.what, text)) {
        fail_msg("\"%s\" is not in: %s", text, s.d.what);
    }
}

static void assert_admitted(Proctor__Graph *g)
{
    struct seen s;

    if (judge(g, make_policy(), &s) != 0) {
        fail_msg("refused by %s: %s", s.rule, s.d.what);
    }
}

static void spec_of_another_op(void **state)
{
    Proctor__Graph *g = make_tour();

    (void)state;
    g->tasks[0]->exam = make_exam_spec(); /* beside its own */
    assert_rule(g, "spec.op", "not one of op program");
    g = make_tour();
    pb_free(&g->tasks[0]->program->base);
    g->tasks[0]->program = NULL;
    assert_rule(g, "spec.op", "not one of op program");
    g = make_tour();
    g->tasks[2]->program = make_candidate_spec("x.py");
    assert_rule(g, "spec.op", "not one of op ref.move");
}

static void program_form(void **state)
{
    Proctor__Graph *g = make_tour();
    Proctor__ProgramSpec *s = g->tasks[0]->program;

    (void)state;
    add_text(&s->run, &s->n_run, "python3"); /* beside function */
    assert_rule(g, "spec.form", "either function or run");
    g = make_tour();
    s = g->tasks[0]->program;
    s->function_file[0] = '\0';
    assert_rule(g, "spec.form", "either function or run");
    g = make_tour();
    g->tasks[0]->program->takes.data[0] = 0x7e;
    assert_rule(g, "spec.form", "takes");
    g = make_tour();
    g->tasks[0]->program->gives.len = 0;
    assert_rule(g, "spec.form", "gives");
}

static void exam_without_exactly_one_candidate(void **state)
{
    Proctor__Graph *g = make_tour();

    (void)state;
    (void)add_program(g, "second");
    add_need(g->tasks[1], "second");
    assert_rule(g, "exam.candidate", "got 2");
    g = make_graph();
    (void)add_exam(g, "exam", "other");
    (void)add_exam(g, "other", "exam");
    assert_rule(g, "exam.candidate", "got 0");
}

static void exam_types_disagree(void **state)
{
    Proctor__Graph *g = make_tour();
    Proctor__ProgramSpec *s = g->tasks[0]->program;

    (void)state;
    free(s->takes.data);
    s->takes = make_arguments("u64");
    assert_rule(g, "exam.types", "takes (u64), the domain makes (u32)");
    g = make_tour(); /* what the worker states is not what the domain draws */
    free(g->tasks[1]->exam->takes.data);
    g->tasks[1]->exam->takes = make_arguments("u64");
    assert_rule(g, "exam.form", "domain");
    g = make_tour();
    g->tasks[1]->exam->domain.len--;
    assert_rule(g, "exam.form", "domain");
}

static void add_example(Proctor__ExamSpec *x, const void *p, size_t n)
{
    x->examples =
        realloc(x->examples, (x->n_examples + 1) * sizeof(ProtobufCBinaryData));
    assert_non_null(x->examples);
    x->examples[x->n_examples++] = make_bytes(p, n);
}

static void examples_are_checked(void **state)
{
    static const uint8_t good[] = {9, 0, 0, 0, 2, 9,
                                   0, 0, 0, 1, 3, TYPE_UNSIGNED | 4,
                                   0, 0, 0, 7, 3, TYPE_UNSIGNED | 1,
                                   3};
    uint8_t bad[sizeof(good)];
    Proctor__Graph *g = make_tour();

    (void)state;
    add_example(g->tasks[1]->exam, good, sizeof(good));
    assert_admitted(g);
    for (size_t n = 0; n < sizeof(good); n++) { /* cut short */
        g = make_tour();
        add_example(g->tasks[1]->exam, good, n);
        assert_rule(g, "exam.types", "examples[0]");
    }
    memcpy(bad, good, sizeof(good));
    bad[17] = 1; /* i8, not u8 */
    g = make_tour();
    add_example(g->tasks[1]->exam, good, sizeof(good));
    add_example(g->tasks[1]->exam, bad, sizeof(bad));
    assert_rule(g, "exam.types", "examples[1]");
}

static Proctor__Graph *table_tour(size_t inputs_n)
{
    Proctor__Graph *g = make_tour();
    Proctor__ExamSpec *x = g->tasks[1]->exam;

    pb_free(&x->oracle->base);
    x->oracle = make_table_oracle(inputs_n);
    free(x->domain.data);
    x->domain = (ProtobufCBinaryData){0};
    free(x->takes.data);
    x->takes = (ProtobufCBinaryData){0};
    return g;
}

static void tables(void **state)
{
    Proctor__Graph *g = table_tour(1);

    (void)state;
    assert_admitted(g);
    assert_rule(table_tour(2), "exam.types", "the table has 2 inputs");
    assert_rule(table_tour(0), "exam.form", "table");
    g = table_tour(1);
    g->tasks[1]->exam->domain = make_domain();
    assert_rule(g, "exam.form", "its own domain");
    g = table_tour(1);
    strcpy(g->tasks[1]->exam->oracle->table->csv, "../r.csv");
    assert_rule(g, "file.path", "../r.csv");
    g = make_tour();
    g->tasks[1]->exam->second_oracle = make_table_oracle(1);
    assert_rule(g, "exam.form", "second oracle");
}

static void oracle_form(void **state)
{
    Proctor__Graph *g = make_tour();
    Proctor__OracleSpec *o = g->tasks[1]->exam->oracle;

    (void)state;
    pb_free(&o->program->base);
    o->program = NULL;
    assert_rule(g, "exam.form", "a program, a unit of CML or a table");
    g = make_tour();
    g->tasks[1]->exam->oracle->program->gives = make_type("u8");
    assert_rule(g, "exam.form", "takes and gives");
    g = make_tour();
    pb_free(&g->tasks[1]->exam->oracle->base);
    g->tasks[1]->exam->oracle = NULL;
    assert_rule(g, "spec.form", "no oracle");
}

static Proctor__OracleSpec *make_unit_oracle(const char *file, const char *unit)
{
    Proctor__OracleSpec *o = make_mem(sizeof(*o));

    proctor__oracle_spec__init(o);
    o->cml = make_mem(sizeof(*o->cml));
    proctor__cml_spec__init(o->cml);
    o->cml->file = make_text(file);
    o->cml->unit = make_text(unit);
    return o;
}

static Proctor__Graph *relation_tour(const char *name, const char *file)
{
    Proctor__Graph *g = make_tour();
    Proctor__ExamSpec *x = g->tasks[1]->exam;
    Proctor__OracleSpec *o = make_unit_oracle(file, "f");

    x->relations = make_mem(sizeof(*x->relations));
    x->relations[0] = make_mem(sizeof(**x->relations));
    x->n_relations = 1;
    proctor__relation_spec__init(x->relations[0]);
    x->relations[0]->name = make_text(name);
    x->relations[0]->input = o->cml;
    free(o);
    return g;
}

static void relations(void **state)
{
    Proctor__Graph *g;

    (void)state;
    assert_admitted(relation_tour("even", "r.cml"));
    assert_rule(relation_tour("two words", "r.cml"), "exam.form",
                "relations[0] is not in canonical form");
    assert_rule(relation_tour("", "r.cml"), "exam.form", "relations[0]");
    assert_rule(relation_tour("even", ""), "exam.form", "relations[0]");
    assert_rule(relation_tour("even", "../r.cml"), "file.path", "../r.cml");
    g = relation_tour("even", "r.cml");
    g->tasks[1]->exam->error_rate = 0.01;
    assert_rule(g, "exam.form", "without an error_rate");
}

static Proctor__Graph *unit_tour(const char *file, const char *unit)
{
    Proctor__Graph *g = make_tour();

    pb_free(&g->tasks[1]->exam->oracle->base);
    g->tasks[1]->exam->oracle = make_unit_oracle(file, unit);
    return g;
}

static void units_as_oracles(void **state)
{
    Proctor__Graph *g = unit_tour("a.cml", "f");
    Proctor__OracleSpec *both;

    (void)state;
    g->tasks[1]->exam->second_oracle = make_unit_oracle("b.cml", "f");
    g->tasks[1]->validator->level = LEVEL_PROVEN;
    assert_admitted(g);
    assert_rule(unit_tour("a.cml", ""), "exam.form", "a file and a name");
    assert_rule(unit_tour("../a.cml", "f"), "file.path", "../a.cml");
    g = unit_tour("a.cml", "f");
    g->tasks[1]->exam->oracle->cml->gives = make_type("u8");
    assert_rule(g, "exam.form", "the types of the candidate");
    g = unit_tour("a.cml", "f");
    both = make_oracle("o.py");
    g->tasks[1]->exam->oracle->program = both->program;
    free(both);
    assert_rule(g, "exam.form", "a program, a unit of CML or a table");
    g = unit_tour("./a.cml", "f");
    g->tasks[1]->exam->second_oracle = make_unit_oracle("a.cml", "g");
    assert_rule(g, "exam.oracle", "the oracle and the second oracle share");
    assert_rule(unit_tour("candidate.py", "f"), "exam.oracle",
                "the candidate and its oracle share");
}

/* Nobody grades their own. */
static void oracle_is_the_candidate(void **state)
{
    Proctor__Graph *g = make_tour();
    Proctor__ProgramSpec *o = g->tasks[1]->exam->oracle->program;

    (void)state;
    free(o->function_file);
    o->function_file = make_text("./candidate.py");
    assert_rule(g, "exam.oracle", "the candidate and its oracle share");
    g = make_tour();
    o = g->tasks[1]->exam->oracle->program;
    add_text(&o->files, &o->n_files, "candidate.py"); /* imports it */
    assert_rule(g, "exam.oracle", "candidate.py");
    g = make_tour();
    g->tasks[1]->exam->second_oracle = make_oracle("candidate.py");
    assert_rule(g, "exam.oracle", "second oracle");
    g = make_tour();
    g->tasks[1]->exam->second_oracle = make_oracle("oracle.py");
    assert_rule(g, "exam.oracle", "the oracle and the second oracle");
    g = make_tour();
    o = g->tasks[1]->exam->oracle->program; /* python3 candidate.py */
    o->function_file[0] = '\0';
    o->function_name[0] = '\0';
    add_text(&o->run, &o->n_run, "python3");
    add_text(&o->run, &o->n_run, "candidate.py");
    add_text(&o->files, &o->n_files, "candidate.py");
    assert_rule(g, "exam.oracle", "candidate.py");
    g = make_tour(); /* the repair may not be the oracle either */
    make_repair(g->tasks[0])->program = make_candidate_spec("oracle.py");
    assert_rule(g, "exam.oracle", "repair");
}

static void ref_without_exam(void **state)
{
    Proctor__Graph *g = make_graph();

    (void)state;
    (void)add_program(g, "candidate");
    (void)add_ref(g, "keep", "candidate", "primitives/x");
    assert_rule(g, "ref.exam", "exactly one exam");
}

static void ref_moved_twice(void **state)
{
    Proctor__Graph *g = make_tour();

    (void)state;
    (void)add_ref(g, "again", "exam", "primitives/crc32");
    assert_rule(g, "ref.duplicate", "task \"keep\" moves");
}

/* "Repair children are inserted without admission: no capability, ceiling or
 * validator re-check." */
static void hole_repair_past_the_door(void **state)
{
    Proctor__Graph *g = make_tour();

    (void)state;
    make_repair(g->tasks[0])->program = make_candidate_spec("fixed.py");
    assert_admitted(g);
    g = make_tour();
    make_repair(g->tasks[0])->program = make_candidate_spec("../fixed.py");
    assert_rule(g, "file.path", "tasks[0].repair");
    g = make_tour();
    make_repair(g->tasks[0])->program = make_candidate_spec("x.py");
    g->tasks[0]->repair->program->function_file[0] = '\0';
    g->tasks[0]->repair->program->function_name[0] = '\0';
    add_text(&g->tasks[0]->repair->program->run,
             &g->tasks[0]->repair->program->n_run, "perl");
    assert_rule(g, "gate.program", "perl");
}

static void repair_of_another_op(void **state)
{
    Proctor__Graph *g = make_tour();

    (void)state;
    make_repair(g->tasks[0])->exam = make_exam_spec();
    assert_rule(g, "spec.op", "not one of op program");
    g = make_tour();
    (void)add_exam(g, "other", "candidate");
    (void)make_repair(g->tasks[2]);
    add_text(&g->tasks[2]->repair->needs, &g->tasks[2]->repair->n_needs,
             "other");
    assert_rule(g, "repair.op", "op ref.move has no repair");
}

/* "At T=0 a retry of the same kind reproduces the failure." */
static void repair_that_changes_nothing(void **state)
{
    Proctor__Graph *g = make_tour();

    (void)state;
    (void)make_repair(g->tasks[0]);
    assert_rule(g, "repair.inert", "changes nothing");
    g = make_tour();
    make_repair(g->tasks[0])->program = make_candidate_spec("candidate.py");
    assert_rule(g, "repair.inert", "changes nothing");
}

static void repair_of_other_types(void **state)
{
    Proctor__Graph *g = make_tour();
    Proctor__ProgramSpec *p = make_candidate_spec("fixed.py");

    (void)state;
    free(p->gives.data);
    p->gives = make_type("u16");
    make_repair(g->tasks[0])->program = p;
    assert_rule(g, "repair.types", "what the task does");
}

static void repair_needs(void **state)
{
    Proctor__Graph *g = make_tour();
    Proctor__Repair *r = make_repair(g->tasks[1]);

    (void)state;
    add_text(&r->needs, &r->n_needs, "nowhere");
    assert_rule(g, "dependency.unknown", "tasks[1].repair.needs");
    g = make_tour();
    (void)add_program(g, "spare");
    r = make_repair(g->tasks[1]);
    add_text(&r->needs, &r->n_needs, "spare");
    assert_admitted(g);
    g = make_tour();
    r = make_repair(g->tasks[1]);
    add_text(&r->needs, &r->n_needs, "exam");
    assert_rule(g, "dependency.self", "needs itself");
    g = make_tour();
    make_repair(g->tasks[0])->program = make_candidate_spec("fixed.py");
    (void)add_program(g, "candidate.repair1");
    assert_rule(g, "task.duplicate", "candidate.repair1");
}

static Proctor__Graph *make_series(void)
{
    Proctor__Graph *g = make_graph();

    (void)add_maker(g, "train");
    (void)add_derive(g, "first", "train", "rows.csv");
    add_need(add_derive(g, "second", "train", ""), "first");
    return g;
}

static void derive_form(void **state)
{
    Proctor__Graph *g = make_series();

    (void)state;
    assert_admitted(g);
    g = make_series();
    free(g->tasks[1]->derive->inputs);
    g->tasks[1]->derive->inputs = make_text("");
    assert_rule(g, "derive.inputs", "no inputs, and 0 derive tasks");
    g = make_series();
    (void)add_derive(g, "other", "train", "rows.csv");
    add_need(g->tasks[2], "other");
    assert_rule(g, "derive.inputs", "and 2 derive tasks");
    g = make_series();
    (void)add_maker(g, "swap");
    add_need(g->tasks[1], "swap");
    assert_rule(g, "derive.program", "among the needs, got 2");
    g = make_series();
    free(g->tasks[1]->derive->series);
    g->tasks[1]->derive->series = make_text("a//b");
    assert_rule(g, "ref.name", "\"a//b\" is not a series's name");
    g = make_series();
    g->tasks[1]->derive->note = make_mem(LIMIT_NOTE_BYTES + 2);
    memset(g->tasks[1]->derive->note, 'x', LIMIT_NOTE_BYTES + 1);
    assert_rule(g, "spec.form", "the note is too long");
}

static void derive_types(void **state)
{
    static const char *const takes[] = {"string", "u8"};
    Proctor__Graph *g;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        g = make_series();
        free(g->tasks[0]->program->takes.data);
        g->tasks[0]->program->takes = make_arguments(takes[i]);
        assert_rule(g, "derive.types", "must take [bytes] and give bytes");
    }
    g = make_series();
    free(g->tasks[0]->program->gives.data);
    g->tasks[0]->program->gives = make_type("string");
    assert_rule(g, "derive.types", "must take [bytes] and give bytes");
}

static void derive_gates(void **state)
{
    Proctor__Graph *g = make_series();

    (void)state;
    free(g->tasks[1]->derive->series);
    g->tasks[1]->derive->series = make_text("other/xor");
    assert_rule(g, "gate.ref", "does not let derive add to \"other/xor\"");
    g = make_series();
    free(g->tasks[1]->derive->inputs);
    g->tasks[1]->derive->inputs = make_text("../rows.csv");
    assert_rule(g, "file.path", "is no path beneath");
    g = make_series();
    g->tasks[1]->validator->level = LEVEL_ORACLE;
    assert_rule(g, "gate.ceiling", "above property");
    g = make_series();
    g->tasks[1]->validator->level = LEVEL_SCHEMA;
    assert_rule(g, "gate.range", "replayed reaches");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spec_of_another_op),
        cmocka_unit_test(program_form),
        cmocka_unit_test(exam_without_exactly_one_candidate),
        cmocka_unit_test(exam_types_disagree),
        cmocka_unit_test(examples_are_checked),
        cmocka_unit_test(tables),
        cmocka_unit_test(oracle_form),
        cmocka_unit_test(units_as_oracles),
        cmocka_unit_test(relations),
        cmocka_unit_test(oracle_is_the_candidate),
        cmocka_unit_test(ref_without_exam),
        cmocka_unit_test(ref_moved_twice),
        cmocka_unit_test(hole_repair_past_the_door),
        cmocka_unit_test(repair_of_another_op),
        cmocka_unit_test(repair_that_changes_nothing),
        cmocka_unit_test(repair_of_other_types),
        cmocka_unit_test(repair_needs),
        cmocka_unit_test(derive_form),
        cmocka_unit_test(derive_types),
        cmocka_unit_test(derive_gates)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
