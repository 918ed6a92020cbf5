/* Shared by the tests of the readers of examples: a text read as `proctor synth`
 * has it read. */
#ifndef TESTS_UNIT_CML_EXAMPLES_H
#define TESTS_UNIT_CML_EXAMPLES_H

#include "gen.h"

#include "proto/err.h"
#include "proto/value.h"
#include "workers/cml/command.h"

struct examples {
    struct command command;
    Proctor__CmlText text;
    Proctor__CmlText *texts[2];
    Proctor__SynthRead ask;
    Proctor__CmlTask task;
    const Proctor__SynthProblem *problem; /* NULL: it was refused */
};

static void examples_init(struct examples *x, const void *text, size_t n)
{
    memset(x, 0, sizeof(*x));
    command_init(&x->command);
    proctor__cml_text__init(&x->text);
    proctor__cml_task__init(&x->task);
    proctor__synth_read__init(&x->ask);
    x->text.name = (char *)(uintptr_t)"t";
    x->text.content.data = (uint8_t *)(uintptr_t)text;
    x->text.content.len = n;
    x->texts[0] = &x->text;
    x->task.texts = x->texts;
    x->task.n_texts = 1;
    x->task.synth_read = &x->ask;
    x->task.command = PROCTOR__CML_COMMAND__CML_SYNTH_READ;
}

static void examples_read(struct examples *x)
{
    assert_int_equal(command_answer(&x->command, &x->task), 0);
    x->problem = x->command.reply.synth_problem;
    assert_true((x->problem == NULL) == (x->command.reply.problem != NULL));
}

static void examples_release(struct examples *x)
{
    command_release(&x->command);
}

/* Example i as JSON: "[1, 2] -> 3". */
static const char *example_text(const struct examples *x, uint32_t i,
                                char out[static 400])
{
    const Proctor__SynthTask *t = x->problem->task;
    struct values in;
    struct values to;
    struct type takes;
    struct type gives;
    struct buf b;

    values_init(&in);
    values_init(&to);
    buf_init(&b, 400);
    assert_int_equal(
        type_decode((struct ubytes){t->takes.data, t->takes.len}, &takes), 0);
    assert_int_equal(
        type_decode((struct ubytes){t->gives.data, t->gives.len}, &gives), 0);
    assert_int_equal(values_decode(&in,
                                   (struct ubytes){t->inputs.data,
                                                   t->inputs.len},
                                   &takes, 65536),
                     0);
    assert_int_equal(values_decode(&to,
                                   (struct ubytes){t->outputs.data,
                                                   t->outputs.len},
                                   &gives, 65536),
                     0);
    assert_int_equal(values_n(&in), values_n(&to));
    assert_true(i < values_n(&in));
    assert_int_equal(value_put_json(&b, values_at(&in, i), &takes), 0);
    assert_int_equal(buf_putf(&b, " -> "), 0);
    assert_int_equal(value_put_json(&b, values_at(&to, i), &gives), 0);
    snprintf(out, 400, "%.*s", (int)buf_len(&b), (const char *)buf_bytes(&b).p);
    buf_release(&b);
    values_release(&in);
    values_release(&to);
    return out;
}

/* The text is read; its first example is `first`. */
static void expect_first(const char *text, const char *first)
{
    struct examples x;
    char got[400];

    examples_init(&x, text, strlen(text));
    examples_read(&x);
    if (x.problem == NULL) {
        fail_msg("%s\n%u:%u: %s", text, x.command.problem.line,
                 x.command.problem.col, x.command.problem.what);
    }
    assert_string_equal(example_text(&x, 0, got), first);
    examples_release(&x);
}

/* It is refused, there, with these words, as this kind of problem. */
static void expect_refused(const char *text, uint32_t line, uint32_t col,
                           const char *what, uint32_t kind)
{
    struct examples x;
    const Proctor__Problem *p = &x.command.problem;

    examples_init(&x, text, strlen(text));
    examples_read(&x);
    if (x.problem != NULL) {
        fail_msg("accepted:\n%s", text);
    }
    if (p->line != line || p->col != col || p->kind != kind ||
        strstr(p->what, what) == NULL) {
        fail_msg("%s\ngave %u:%u, kind %u: %s", text, p->line, p->col, p->kind,
                 p->what);
    }
    examples_release(&x);
}

#endif
