/* What the kernel writes for candidates to train on reads back to the same values:
 * proto/value_csv.c against workers/config/csv.c. */
#include "ask.h"

#include "proto/err.h"
#include "proto/value.h"

struct table {
    Proctor__TableSpec spec;
    struct type takes;
    struct type gives;
    struct values inputs;
    struct values outputs;
};

static void read_table(struct table *t, struct asked *a, const void *text,
                       size_t n)
{
    static Proctor__ConfigTask task;

    proctor__config_task__init(&task);
    task.kind = PROCTOR__CONFIG_KIND__CONFIG_TABLE;
    task.text.data = (uint8_t *)(uintptr_t)text;
    task.text.len = n;
    task.table = &t->spec;
    task.takes.data = t->takes.b;
    task.takes.len = t->takes.n;
    task.gives.data = t->gives.b;
    task.gives.len = t->gives.n;
    assert_int_equal(config_answer(&a->c, &task, &a->reply), 0);
    if (a->reply.problem != NULL) {
        print_message("%u: %s\n%.*s", a->reply.problem->line,
                      a->reply.problem->what, (int)n, (const char *)text);
    }
    assert_null(a->reply.problem);
}

/* Text to values to text to values. */
static void round_trip(const char *const *types, size_t n, const char *gives,
                       int spread, const char *text, uint32_t rows)
{
    static char *names[] = {(char *)(uintptr_t) "a",
                            (char *)(uintptr_t) "b, \"b\"",
                            (char *)(uintptr_t) "c"};
    char *columns[4] = {NULL};
    static const uint32_t order[] = {0, 1, 2, 3};
    struct type elems[3];
    struct table t;
    struct asked first;
    struct asked second;
    struct buf b;

    memset(&t, 0, sizeof(t));
    proctor__table_spec__init(&t.spec);
    t.spec.inputs = names;
    t.spec.n_inputs = n;
    t.spec.output = (char *)(uintptr_t) "out";
    memcpy(columns, names, n * sizeof(*columns));
    columns[n] = t.spec.output;
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(type_from_name(types[i], &elems[i]), 0);
    }
    if (spread) {
        elems[0] = type_list_of(&elems[0]);
    }
    assert_int_equal(type_tuple_of(elems, spread ? 1 : n, &t.takes), 0);
    assert_int_equal(type_from_name(gives, &t.gives), 0);
    read_table(&t, &first, text, strlen(text));
    values_init(&t.inputs);
    values_init(&t.outputs);
    assert_int_equal(values_decode(&t.inputs,
                                   (struct ubytes){first.reply.inputs.data,
                                                   first.reply.inputs.len},
                                   &t.takes, 100),
                     0);
    assert_int_equal(values_decode(&t.outputs,
                                   (struct ubytes){first.reply.outputs.data,
                                                   first.reply.outputs.len},
                                   &t.gives, 100),
                     0);
    assert_int_equal(values_n(&t.inputs), rows);
    buf_init(&b, 1u << 20);
    assert_int_equal(
        values_put_csv(&b,
                       &(struct values_table){columns, n + 1, &t.inputs,
                                              &t.outputs, &t.takes, &t.gives},
                       order, rows),
        0);
    read_table(&t, &second, buf_bytes(&b).p, buf_len(&b));
    assert_int_equal(first.reply.inputs.len, second.reply.inputs.len);
    assert_memory_equal(first.reply.inputs.data, second.reply.inputs.data,
                        first.reply.inputs.len);
    assert_int_equal(first.reply.outputs.len, second.reply.outputs.len);
    assert_memory_equal(first.reply.outputs.data, second.reply.outputs.data,
                        first.reply.outputs.len);
    buf_release(&b);
    values_release(&t.inputs);
    values_release(&t.outputs);
    ask_done(&first);
    ask_done(&second);
}

static void test_scalars(void **state)
{
    static const char *const numbers[] = {"f64", "i64", "bool"};
    static const char *const texts[] = {"string", "bytes", "f32"};

    (void)state;
    round_trip(numbers, 3, "u64", 0,
               "a,\"b, \"\"b\"\"\",c,out\n"
               "0.1,-9223372036854775808,true,18446744073709551615\n"
               "-0.0,9223372036854775807,false,0\n"
               "NaN,0,true,1\n",
               3);
    round_trip(texts, 3, "string", 0,
               "a,\"b, \"\"b\"\"\",c,out\r\n"
               "\"x, \"\"y\"\"\nz\",00ff,-Infinity,\"\"\r\n"
               "true,,1e-45,=1+1\r\n",
               2);
}

static void test_spread(void **state)
{
    static const char *const elem[] = {"f32", "f32", "f32"};

    (void)state;
    round_trip(elem, 3, "i8", 1,
               "out,c,a,\"b, \"\"b\"\"\"\n-1,3,1,2\n5,0.25,0,1e9\n", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalars),
        cmocka_unit_test(test_spread),
    };

    return cmocka_run_group_tests_name("csv_out", tests, NULL, NULL);
}
