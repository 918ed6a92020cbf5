/* An artifact over batches: answers up to the first input that has none, types that
 * must be the unit's, bundles that are broken. */
#include "gen.h"

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/value.h"
#include "workers/cml/command.h"
#include "workers/cml/run.h"

struct job {
    struct command command;
    Proctor__CmlText text;
    Proctor__CmlText *texts[1];
    Proctor__CmlTask task;
    struct type takes;
    struct type gives;
    struct diag d;
};

/* Compiles the text's last unit; then the task is to run it. */
static void job_init(struct job *j, const char *text)
{
    const Proctor__CmlReply *reply = &j->command.reply;

    memset(j, 0, sizeof(*j));
    diag_init(&j->d);
    command_init(&j->command);
    proctor__cml_text__init(&j->text);
    proctor__cml_task__init(&j->task);
    j->text.name = (char *)(uintptr_t)"t.cml";
    j->text.content.data = (uint8_t *)(uintptr_t)text;
    j->text.content.len = strlen(text);
    j->texts[0] = &j->text;
    j->task.texts = j->texts;
    j->task.n_texts = 1;
    j->task.command = PROCTOR__CML_COMMAND__CML_COMPILE;
    assert_int_equal(command_answer(&j->command, &j->task), 0);
    assert_null(reply->problem);
    assert_int_equal(reply->n_units, 1);
    j->text.content = reply->units[0]->bundle;
    j->task.takes = reply->units[0]->takes;
    j->task.gives = reply->units[0]->gives;
    j->task.command = PROCTOR__CML_COMMAND__CML_RUN;
    j->task.fuel = 1000;
    assert_int_equal(type_decode((struct ubytes){j->task.takes.data,
                                                 j->task.takes.len},
                                 &j->takes),
                     0);
    assert_int_equal(type_decode((struct ubytes){j->task.gives.data,
                                                 j->task.gives.len},
                                 &j->gives),
                     0);
}

/* Of one u64 each. */
static void job_batch(struct job *j, const uint64_t *in, uint32_t n,
                      Proctor__Ending ending, uint32_t detail,
                      const uint64_t *want, uint32_t want_n)
{
    struct run_answers out;
    struct values inputs;
    struct values answers;
    struct values_builder w;
    struct type u64;
    struct buf b;
    struct run r;

    buf_init(&b, 1024);
    values_init(&inputs);
    values_init(&answers);
    assert_int_equal(type_from_name("u64", &u64), 0);
    assert_int_equal(values_builder_init(&w, LIMIT_BATCH_BYTES), 0);
    for (uint32_t i = 0; i < n; i++) {
        buf_reset(&b);
        assert_int_equal(value_put_tuple(&b, 1), 0);
        assert_int_equal(value_put_int(&b, &u64, in[i]), 0);
        assert_int_equal(values_builder_add(&w, buf_bytes(&b)), 0);
    }
    assert_int_equal(values_build(&inputs, &w, &j->takes, 0), 0);
    assert_int_equal(run_open(&r, &j->task, &j->d), 0);
    assert_int_equal(run_batch(&r, &inputs, &out), 0);
    assert_int_equal(out.ending, ending);
    assert_int_equal(out.detail, detail);
    assert_int_equal(values_decode(&answers, values_builder_bytes(&out.outputs),
                                   &j->gives, n),
                     0);
    assert_int_equal(values_n(&answers), want_n);
    for (uint32_t i = 0; i < want_n; i++) {
        buf_reset(&b);
        assert_int_equal(value_put_int(&b, &u64, want[i]), 0);
        assert_int_equal(values_at(&answers, i).n, buf_len(&b));
        assert_memory_equal(values_at(&answers, i).p, buf_bytes(&b).p,
                            buf_len(&b));
    }
    values_builder_release(&out.outputs);
    values_release(&answers);
    values_release(&inputs);
    run_release(&r);
    buf_release(&b);
}

static void test_answers(void **state)
{
    static const uint64_t in[] = {7, 3, 0, 9};
    static const uint64_t want[] = {14, 33, 100, 11};
    struct job j;

    (void)state;
    job_init(&j, "unit f(a: u64) -> u64 { 100 / a }");
    job_batch(&j, in, 4, PROCTOR__ENDING__ENDING_ERROR, EVAL_E_DIVISION, want, 2);
    job_batch(&j, in, 2, PROCTOR__ENDING__ENDING_OK, 0, want, 2);
    job_batch(&j, in, 0, PROCTOR__ENDING__ENDING_OK, 0, want, 0);
    command_release(&j.command);
    /* Every input has its own fuel; the third needs too much. */
    job_init(&j, "unit f(a: u64) -> u64 { loop (x: u64 = a) while x % 7 != 0 "
                 "{ if a == 0 { 1 } else { x + 1 } } }");
    job_batch(&j, (const uint64_t[]){1, 7, 8}, 3, PROCTOR__ENDING__ENDING_OK, 0,
              (const uint64_t[]){7, 7, 14}, 3);
    command_release(&j.command);
    job_init(&j, "unit f(a: u64) -> u64 { loop (x: u64 = a) while x > 5 "
                 "{ x } }");
    job_batch(&j, (const uint64_t[]){1, 2, 6, 3}, 4,
              PROCTOR__ENDING__ENDING_ERROR, EVAL_E_FUEL,
              (const uint64_t[]){1, 2}, 2);
    command_release(&j.command);
}

static void refuse(struct job *j, int code, const char *what)
{
    struct run r;

    diag_init(&j->d);
    assert_int_equal(run_open(&r, &j->task, &j->d), code);
    if (strstr(j->d.what, what) == NULL) {
        fail_msg("wanted \"%s\", got \"%s\"", what, j->d.what);
    }
    run_release(&r);
}

static void test_refused(void **state)
{
    ProtobufCBinaryData kept;
    struct job j;

    (void)state;
    job_init(&j, "unit f(a: u64) -> bool { a > 3 }");
    kept = j.task.takes;
    j.task.takes = j.task.gives;
    refuse(&j, ERR_INPUT, "takes");
    j.task.takes = kept;
    kept = j.task.gives;
    j.task.gives = j.task.takes;
    refuse(&j, ERR_INPUT, "gives bool, the task says");
    j.task.gives.len = 0;
    refuse(&j, ERR_INPUT, "none");
    j.task.gives = kept;
    for (size_t n = 0; n < j.text.content.len; n++) {
        struct run r;
        size_t whole = j.text.content.len;

        j.text.content.len = n; /* cut short anywhere: never run */
        assert_true(run_open(&r, &j.task, &j.d) < 0);
        run_release(&r);
        j.text.content.len = whole;
    }
    command_release(&j.command);
}

/* What a task says of a text's unit is looked at when it is compiled. */
static void test_compile(void **state)
{
    struct job j;
    struct command c;

    (void)state;
    job_init(&j, "unit f(a: u64) -> bool { a > 3 }");
    j.task.command = PROCTOR__CML_COMMAND__CML_COMPILE;
    j.text.content.data =
        (uint8_t *)(uintptr_t) "# f\nunit f(a: u32) -> bool { a > 3 }";
    j.text.content.len = strlen((const char *)j.text.content.data);
    command_init(&c);
    assert_int_equal(command_answer(&c, &j.task), 0);
    assert_non_null(c.reply.problem);
    assert_int_equal(c.reply.problem->line, 2);
    assert_int_equal(c.reply.n_units, 0);
    assert_non_null(strstr(c.reply.problem->what, "the task says (u64)"));
    command_release(&c);
    command_release(&j.command);
}

/* Artifacts from anywhere: they are read and run, or refused; never more. */
static void test_hostile(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct job j;

        job_init(&j, "unit f(a: u64) -> u64 { if a > 9 { a * 3 } else { 1 } }");
        for (size_t i = seed % 5; i < j.text.content.len; i += 7) {
            uint8_t was = j.text.content.data[i];
            struct run r;

            j.text.content.data[i] = (uint8_t)(was ^ (1u << seed % 8));
            diag_init(&j.d);
            if (run_open(&r, &j.task, &j.d) == 0) {
                assert_true(r.unit < cml_dag_n(&r.dag));
            }
            run_release(&r);
            j.text.content.data[i] = was;
        }
        command_release(&j.command);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_compile),
        cmocka_unit_test(test_hostile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
