/* Graphs that are accepted: what they become, in YAML and in JSON. */
#include "tests/unit/config/ask.h"

#include "proto/domain.h"
#include "proto/limits.h"
#include "proto/record.h"
#include "proto/value.h"

static const char tour_yaml[] =
    "version: 1\n"
    "name: crc32\n"
    "tasks:\n"
    "  - id: candidate\n"
    "    op: program\n"
    "    with:\n"
    "      function: crc32.py:crc32  # or run\n"
    "      takes: [bytes]\n"
    "      gives: u32\n"
    "    validator: {name: well_formed, level: schema}\n"
    "  - id: exam\n"
    "    op: exam\n"
    "    needs: [candidate]\n"
    "    with:\n"
    "      oracle: {function: zlib_oracle.py:crc32}\n"
    "      second_oracle: {run: [./bitwise_crc32]}\n"
    "      domain: [{bytes: {length: [0, 4096]}}]\n"
    "      examples: [{in: [\"313233\"], out: 0x884863d2}]\n"
    "    validator: {name: holdout, level: proven}\n"
    "    priority: 9\n"
    "  - id: keep\n"
    "    op: ref.move\n"
    "    needs: [exam]\n"
    "    with: {ref: primitives/crc32}\n"
    "    validator: {name: same_object, level: proven}\n"
    "    approval: true\n"
    "    root: true\n";

static const char tour_json[] =
    "{\"version\": 1, \"name\": \"crc32\", \"tasks\": [\n"
    "{\"op\": \"program\", \"id\": \"candidate\", \"with\": {\"gives\": "
    "\"u32\","
    "\"takes\": [\"bytes\"], \"function\": \"crc32.py:crc32\"},"
    "\"validator\": {\"level\": \"schema\", \"name\": \"well_formed\"}},\n"
    "{\"id\": \"exam\", \"op\": \"exam\", \"needs\": [\"candidate\"], \"with\":"
    "{\"oracle\": {\"function\": \"zlib_oracle.py:crc32\"},"
    "\"second_oracle\": {\"run\": [\"./bitwise_crc32\"]},"
    "\"domain\": [{\"bytes\": {\"length\": [0, 4096]}}],"
    "\"examples\": [{\"in\": [\"313233\"], \"out\": 2286445522}]},"
    "\"priority\": 9,"
    "\"validator\": {\"name\": \"holdout\", \"level\": \"proven\"}},\n"
    "{\"id\": \"keep\", \"op\": \"ref.move\", \"needs\": [\"exam\"],"
    "\"with\": {\"ref\": \"primitives/crc32\"}, \"approval\": true,"
    "\"root\": true,"
    "\"validator\": {\"name\": \"same_object\", \"level\": \"proven\"}}]}\n";

static void encode(const Proctor__Graph *g, struct buf *out)
{
    buf_init(out, (size_t)64 << 20);
    assert_int_equal(pb_encode(&g->base, out), 0);
}

static void tour(void **state)
{
    struct asked a;
    const Proctor__Graph *g;
    const Proctor__Task *t;
    struct type type;
    char text[64];

    (void)state;
    ask_graph(&a, tour_yaml);
    assert_fine(&a);
    g = a.reply.graph;
    assert_int_equal(g->version, 1);
    assert_string_equal(g->name, "crc32");
    assert_int_equal(g->n_tasks, 3);
    t = g->tasks[0];
    assert_string_equal(t->program->function_file, "crc32.py");
    assert_string_equal(t->program->function_name, "crc32");
    assert_int_equal(t->priority, 5);
    assert_int_equal(t->validator->level, LEVEL_SCHEMA);
    assert_int_equal(type_decode((struct ubytes){t->program->takes.data,
                                                 t->program->takes.len},
                                 &type),
                     0);
    type_text(&type, text, sizeof(text));
    assert_string_equal(text, "(bytes)");
    t = g->tasks[1];
    assert_int_equal(t->priority, 9);
    assert_int_equal(t->n_needs, 1);
    assert_string_equal(t->needs[0], "candidate");
    assert_string_equal(t->exam->oracle->program->function_file,
                        "zlib_oracle.py");
    assert_int_equal(t->exam->oracle->program->takes.len, 0);
    assert_string_equal(t->exam->second_oracle->program->run[0],
                        "./bitwise_crc32");
    assert_int_equal(t->exam->n_examples, 1);
    assert_int_equal(t->exam->examples[0].len, 5 + 5 + 5 + 3 + 6);
    domain_text((struct ubytes){t->exam->domain.data, t->exam->domain.len},
                text, sizeof(text));
    assert_non_null(strstr(text, "0..4096"));
    t = g->tasks[2];
    assert_string_equal(t->ref_move->ref, "primitives/crc32");
    assert_true(t->approval);
    assert_true(t->root);
    ask_done(&a);
}

static void places(void **state)
{
    struct asked a;
    Proctor__TaskPlaces *p;

    (void)state;
    ask_graph(&a, tour_yaml);
    assert_int_equal(a.reply.n_places, 3);
    p = a.reply.places[1];
    assert_int_equal(p->task->line, 11);
    assert_int_equal(p->task->col, 5);
    assert_int_equal(p->id->line, 11);
    assert_int_equal(p->id->col, 9);
    assert_int_equal(p->op->line, 12);
    assert_int_equal(p->needs[0]->line, 13);
    assert_int_equal(p->needs[0]->col, 13);
    assert_int_equal(p->with->line, 15);
    assert_int_equal(p->level->line, 19);
    assert_null(p->repair);
    ask_done(&a);
}

/* JSON with the same keys, in any order, is the same graph. */
static void json_twin(void **state)
{
    struct asked a;
    struct buf yaml;
    struct buf json;

    (void)state;
    ask_graph(&a, tour_yaml);
    assert_fine(&a);
    encode(a.reply.graph, &yaml);
    ask_done(&a);
    ask_graph(&a, tour_json);
    assert_fine(&a);
    encode(a.reply.graph, &json);
    ask_done(&a);
    assert_int_equal(buf_len(&yaml), buf_len(&json));
    assert_memory_equal(buf_bytes(&yaml).p, buf_bytes(&json).p, buf_len(&yaml));
    buf_release(&yaml);
    buf_release(&json);
}

/* What the kernel demands: decoding and encoding again gives the same bytes. */
static void reply_is_canonical(void **state)
{
    struct asked a;
    struct buf bytes;
    ProtobufCMessage *m = NULL;

    (void)state;
    ask_graph(&a, tour_yaml);
    buf_init(&bytes, (size_t)1 << 20);
    assert_int_equal(pb_encode(&a.reply.base, &bytes), 0);
    assert_int_equal(pb_decode(&proctor__config_reply__descriptor,
                               buf_bytes(&bytes), (size_t)1 << 20, &m),
                     0);
    pb_free(m);
    buf_release(&bytes);
    ask_done(&a);
}

static void overrides(void **state)
{
    static const char *const words[] = {
        "name=other",
        "candidate.with.function=b.py:g",
        "exam.validator.level=oracle",
        "keep.root=false",
        "exam.with.domain=[{bytes: {length: [0, 8]}}]",
        "policy.budgets.draws=5",
        "candidate.with.files=[d.txt]"};
    struct asked a;

    (void)state;
    ask_with(&a, PROCTOR__CONFIG_KIND__CONFIG_GRAPH, tour_yaml, words,
             ARRAY_N(words));
    assert_fine(&a);
    assert_string_equal(a.reply.graph->name, "other");
    assert_string_equal(a.reply.graph->tasks[0]->program->function_file,
                        "b.py");
    assert_string_equal(a.reply.graph->tasks[0]->program->files[0], "d.txt");
    assert_int_equal(a.reply.graph->tasks[1]->validator->level, LEVEL_ORACLE);
    assert_false(a.reply.graph->tasks[2]->root);
    ask_done(&a);
}

static void override_problems(void **state)
{
    static const struct {
        const char *word, *what;
    } rows[] = {
        {"nosuch=1", "override \"nosuch\": there is no such key"},
        {"exm.with.ref=1", "override \"exm.with.ref\": there is no such key"},
        {"candidate.id=x", "an id cannot be overridden"},
        {"candidate.prioritty=1", "did you mean \"priority\""},
        {"candidate.priority=10",
         "override \"candidate.priority\": tasks[0].priority: expected 0..9"},
        {"candidate.priority.x=1", "priority: expected 0..9, got a map"},
        {"candidate..x=1", "names no key"},
        {"candidate.state=passed", "state is set by the kernel"},
        {"name=[", "not well-formed"},
        {"name=", "the text is empty"},
        {"name=&a b", "anchors"},
        {"tasks=[]", "there is no such key"},
        {"version=2", "override \"version\": version: expected 1"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        struct asked a;

        ask_with(&a, PROCTOR__CONFIG_KIND__CONFIG_GRAPH, tour_yaml,
                 &rows[i].word, 1);
        assert_problem(&a, 0, 0, rows[i].what);
        ask_done(&a);
    }
}

/* Ids may hold dots: an override must not fit two tasks. */
static void override_that_fits_two(void **state)
{
    static const char text[] = "version: 1\nname: t\ntasks:\n"
                               "  - {id: a, op: nosuch, with: {x: {y: 1}}}\n"
                               "  - {id: a.with, op: nosuch}\n";
    const char *word = "a.with.priority=3";
    struct asked a;

    (void)state;
    ask_with(&a, PROCTOR__CONFIG_KIND__CONFIG_GRAPH, text, &word, 1);
    assert_problem(&a, 0, 0, "fits more than one task");
    ask_done(&a);
}

static void names_may_come_from_overrides(void **state)
{
    static const char *const words[] = {"name=t", "version=1"};
    struct asked a;

    (void)state;
    ask_with(&a, PROCTOR__CONFIG_KIND__CONFIG_GRAPH, "tasks: []", words, 2);
    assert_fine(&a);
    assert_string_equal(a.reply.graph->name, "t");
    ask_done(&a);
}

static void repair_inherits(void **state)
{
    static const char text[] =
        "version: 1\nname: t\ntasks:\n"
        "  - id: a\n    op: program\n"
        "    with: {function: 'a.py:f', takes: [u8], gives: u8, files: [d]}\n"
        "    repair: {needs: [b], with: {run: [python3, b.py]}}\n";
    struct asked a;
    const Proctor__Repair *r;

    (void)state;
    ask_graph(&a, text);
    assert_fine(&a);
    r = a.reply.graph->tasks[0]->repair;
    assert_string_equal(r->needs[0], "b");
    assert_string_equal(r->program->function_file, "");
    assert_int_equal(r->program->n_run, 2);
    assert_true(r->program->takes.len > 0);
    assert_int_equal(r->program->n_files, 2); /* its script, and d */
    assert_string_equal(r->program->files[0], "b.py");
    assert_string_equal(r->program->files[1], "d");
    ask_done(&a);
}

/* A script beside its interpreter is a file; an option or a native is not. */
static void scripts_are_files(void **state)
{
    static const struct {
        const char *run;
        size_t files_n;
    } rows[] = {{"[python3, a.py]", 1},       {"[python3, -c, pass]", 0},
                {"[./native, a.py]", 0},      {"[cat]", 0},
                {"[python3, a.py, more]", 1}, {"[/bin/cat, a.txt]", 0}};

    (void)state;
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        char text[200];
        struct asked a;

        snprintf(
            text, sizeof(text),
            "version: 1\nname: t\ntasks: [{id: a, op: program, with: {run: "
            "%s, takes: [], gives: u8}}]",
            rows[i].run);
        ask_graph(&a, text);
        assert_fine(&a);
        assert_int_equal(a.reply.graph->tasks[0]->program->n_files,
                         rows[i].files_n);
        ask_done(&a);
    }
}

static void unknown_op_is_left_to_the_kernel(void **state)
{
    struct asked a;

    (void)state;
    ask_graph(&a, "version: 1\nname: t\ntasks: [{id: a, op: shell, with: {x: "
                  "[1, {y: 2}]}}]");
    assert_fine(&a);
    assert_string_equal(a.reply.graph->tasks[0]->op, "shell");
    assert_null(a.reply.graph->tasks[0]->program);
    ask_done(&a);
}

static void models_and_tables(void **state)
{
    struct asked a;
    const Proctor__Graph *g;

    (void)state;
    ask_graph(&a,
              "version: 1\nname: t\ntasks:\n"
              "  - {id: m, op: model, with: {weights: w.gguf, takes: [{list: "
              "f32}], gives: u8, decide: argmax}}\n"
              "  - {id: x, op: exam, needs: [m], with: {oracle: {table: {csv: "
              "t.csv, inputs: [a, b], output: y}}, examples: [{in: [[1, 2.5]],"
              " out: 3}]}}\n");
    assert_fine(&a);
    g = a.reply.graph;
    assert_int_equal(g->tasks[0]->model->decide, 2);
    assert_string_equal(g->tasks[1]->exam->oracle->table->csv, "t.csv");
    assert_int_equal(g->tasks[1]->exam->oracle->table->n_inputs, 2);
    assert_int_equal(g->tasks[1]->exam->domain.len, 0);
    assert_int_equal(g->tasks[1]->exam->takes.len, 0);
    assert_int_equal(g->tasks[1]->exam->n_examples, 1);
    ask_done(&a);
}

static void units(void **state)
{
    struct asked a;
    const Proctor__Graph *g;

    (void)state;
    ask_graph(&a,
              "version: 1\nname: t\ntasks:\n"
              "  - {id: u, op: cml, with: {unit: d/f.cml:f, takes: [u8], "
              "gives: u8}, repair: {with: {unit: d/f.cml:g}}}\n"
              "  - {id: x, op: exam, needs: [u], with: {oracle: {function: "
              "o.py:f}, second_oracle: {unit: d/o.cml:h}, domain: [u8], "
              "relations: [{name: even, input: r.cml:a, output: r.cml:b}, "
              "{name: odd, input: r.cml:c}], "
              "examples: [{in: [1], out: 3}]}}\n");
    assert_fine(&a);
    g = a.reply.graph;
    assert_string_equal(g->tasks[0]->cml->file, "d/f.cml");
    assert_string_equal(g->tasks[0]->cml->unit, "f");
    assert_string_equal(g->tasks[0]->repair->cml->unit, "g");
    assert_null(g->tasks[1]->exam->second_oracle->program);
    assert_string_equal(g->tasks[1]->exam->second_oracle->cml->file, "d/o.cml");
    assert_string_equal(g->tasks[1]->exam->second_oracle->cml->unit, "h");
    assert_int_equal(g->tasks[1]->exam->n_relations, 2);
    assert_string_equal(g->tasks[1]->exam->relations[0]->name, "even");
    assert_string_equal(g->tasks[1]->exam->relations[0]->output->unit, "b");
    assert_string_equal(g->tasks[1]->exam->relations[1]->input->file, "r.cml");
    assert_null(g->tasks[1]->exam->relations[1]->output);
    assert_int_equal(g->tasks[0]->repair->cml->takes.len,
                     g->tasks[0]->cml->takes.len);
    assert_int_equal(g->tasks[1]->exam->n_examples, 1);
    ask_done(&a);
}

/* Every domain that can be written is one that the kernel's check accepts. */
static void domains(void **state)
{
    static const struct {
        const char *text, *type;
    } rows[] = {
        {"bool", "(bool)"},
        {"u8, u16, u32, u64", "(u8, u16, u32, u64)"},
        {"i8, i16, i32, i64", "(i8, i16, i32, i64)"},
        {"f32, f64", "(f32, f64)"},
        {"{u64: {range: [0, 0xffffffffffffffff]}}", "(u64)"},
        {"{i64: {range: [-9223372036854775808, -1]}}", "(i64)"},
        {"{f32: {range: [-1.5, 2e3]}}", "(f32)"},
        {"{f64: {range: [-0.0, 0]}}", "(f64)"},
        {"{bytes: {length: [0, 4096]}}", "(bytes)"},
        {"{string: {length: [1, 2]}}", "(string)"},
        {"{string: {length: [0, 9], alphabet: ascii}}", "(string)"},
        {"{string: {length: [0, 9], alphabet: printable}}", "(string)"},
        {"{string: {length: [0, 9], alphabet: unicode}}", "(string)"},
        {"{string: {length: [0, 9], alphabet: digits}}", "(string)"},
        {"{string: {length: [0, 9], alphabet: lower}}", "(string)"},
        {"{string: {length: [0, 9], alphabet: upper}}", "(string)"},
        {"{string: {length: [0, 9], alphabet: letters}}", "(string)"},
        {"{string: {length: [0, 9], alphabet: alphanumeric}}", "(string)"},
        {"{string: {length: [0, 9], alphabet: hex}}", "(string)"},
        {"{string: {length: [0, 9], alphabet: \"ba\\u00e4ab\"}}", "(string)"},
        {"{list: {of: {tuple: [u8, bool]}, length: [0, 8]}}", "([(u8, bool)])"},
        {"{tuple: []}", "(())"},
        {"{choice: {of: string, values: [a, b, \"12\"]}}", "(string)"},
        {"{choice: {of: {list: u8}, values: [[], [1, 2]]}}", "([u8])"},
        {"{corpus: {of: string, file: w.txt}}, {corpus: {of: string, file: "
         "w.txt}}, {corpus: {of: u8, file: v.txt}}",
         "(string, string, u8)"},
        {"", "()"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        char text[400];
        char type_out[80];
        struct asked a;
        const Proctor__ExamSpec *x;
        struct type drawn;

        snprintf(text, sizeof(text),
                 "version: 1\nname: t\ntasks: [{id: x, op: exam, with: "
                 "{oracle: {run: [cat]}, domain: [%s]}}]",
                 rows[i].text);
        ask_graph(&a, text);
        assert_fine(&a);
        x = a.reply.graph->tasks[0]->exam;
        assert_int_equal(
            domain_check((struct ubytes){x->domain.data, x->domain.len},
                         &drawn),
            0);
        type_text(&drawn, type_out, sizeof(type_out));
        assert_string_equal(type_out, rows[i].type);
        assert_int_equal(x->takes.len, drawn.n);
        assert_memory_equal(x->takes.data, drawn.b, drawn.n);
        if (strstr(rows[i].text, "corpus")) {
            assert_int_equal(x->n_corpora, 2);
            assert_string_equal(x->corpora[1], "v.txt");
        }
        ask_done(&a);
    }
}

/* Memory is that of the messages: the text of a task is forgotten. */
static void many_tasks(void **state)
{
    const size_t n = 20000;
    struct buf text;
    struct asked a;

    (void)state;
    buf_init(&text, (size_t)64 << 20);
    assert_int_equal(buf_putf(&text, "version: 1\nname: t\ntasks:\n"), 0);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(
            buf_putf(&text,
                     "  - id: t%zu\n    op: program\n    with:\n"
                     "      function: a.py:f\n      takes: [bytes]\n"
                     "      gives: u32\n"
                     "    validator: {name: well_formed, level: schema}\n",
                     i),
            0);
    }
    ask_bytes(&a, PROCTOR__CONFIG_KIND__CONFIG_GRAPH, buf_bytes(&text).p,
              buf_len(&text));
    assert_fine(&a);
    assert_int_equal(a.reply.graph->n_tasks, n);
    assert_string_equal(a.reply.graph->tasks[n - 1]->id, "t19999");
    assert_int_equal(a.reply.places[n - 1]->task->line, 4 + 7 * (n - 1));
    assert_true(a.c.scratch.total_ <= (size_t)1 << 20);
    assert_true(a.c.reply.total_ <= n * 2048);
    ask_done(&a);
    buf_release(&text);
}

/* One line of JSON is read in flat memory too, with the columns of the text. */
static void one_long_line(void **state)
{
    const size_t n = 20000;
    struct buf text;
    struct asked a;
    size_t at = 0;

    (void)state;
    buf_init(&text, (size_t)64 << 20);
    assert_int_equal(
        buf_putf(&text, "{\"version\":1,\"name\":\"t\",\"tasks\":["), 0);
    for (size_t i = 0; i < n; i++) {
        at = buf_len(&text) + (i > 0);
        assert_int_equal(buf_putf(&text, "%s{\"id\":\"t%zu\",\"op\":\"x,[y\"}",
                                  i > 0 ? "," : "", i),
                         0);
    }
    assert_int_equal(buf_putf(&text, "]}"), 0);
    ask_bytes(&a, PROCTOR__CONFIG_KIND__CONFIG_GRAPH, buf_bytes(&text).p,
              buf_len(&text));
    assert_fine(&a);
    assert_int_equal(a.reply.graph->n_tasks, n);
    assert_string_equal(a.reply.graph->tasks[7]->op, "x,[y");
    assert_int_equal(a.reply.places[n - 1]->task->line, 1);
    assert_int_equal(a.reply.places[n - 1]->task->col, at + 1);
    assert_int_equal(a.reply.places[n - 1]->id->col, at + 7);
    ask_done(&a);
    buf_release(&text);
}

/* Left out, the candidate's types are those that its exam draws: one graph. */
static void takes_may_be_the_domains(void **state)
{
    static const char left_out[] = "      takes: [bytes]\n";
    char text[sizeof(tour_yaml)];
    struct asked a;
    struct asked b;
    struct buf of_a;
    struct buf of_b;
    char *at;

    (void)state;
    memcpy(text, tour_yaml, sizeof(text));
    at = strstr(text, left_out);
    memmove(at, at + strlen(left_out), strlen(at + strlen(left_out)) + 1);
    ask_graph(&a, tour_yaml);
    ask_graph(&b, text);
    assert_fine(&a);
    assert_fine(&b);
    encode(a.reply.graph, &of_a);
    encode(b.reply.graph, &of_b);
    assert_int_equal(buf_len(&of_a), buf_len(&of_b));
    assert_memory_equal(buf_bytes(&of_a).p, buf_bytes(&of_b).p, buf_len(&of_a));
    buf_release(&of_a);
    buf_release(&of_b);
    ask_done(&a);
    ask_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tour),
        cmocka_unit_test(places),
        cmocka_unit_test(json_twin),
        cmocka_unit_test(reply_is_canonical),
        cmocka_unit_test(overrides),
        cmocka_unit_test(override_problems),
        cmocka_unit_test(override_that_fits_two),
        cmocka_unit_test(names_may_come_from_overrides),
        cmocka_unit_test(repair_inherits),
        cmocka_unit_test(takes_may_be_the_domains),
        cmocka_unit_test(scripts_are_files),
        cmocka_unit_test(unknown_op_is_left_to_the_kernel),
        cmocka_unit_test(models_and_tables),
        cmocka_unit_test(units),
        cmocka_unit_test(domains),
        cmocka_unit_test(many_tasks),
        cmocka_unit_test(one_long_line)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
