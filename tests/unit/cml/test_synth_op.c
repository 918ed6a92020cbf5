/* Each operator of the enumerator, of each type: its column is what its CML text
 * gives in the reference interpreter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "synth_gen.h"
#include "workers/cml/eval.h"
#include "workers/cml/synth_int.h"
#include "workers/cml/text.h"

#define ROUNDS 300u
#define FUEL (1u << 20)

static const char *const words[] = {"u64", "i64", "u32", "i32",
                                    "u16", "i16", "u8",  "i8"};

static uint64_t draw_word(uint64_t *seed)
{
    uint64_t x = hidden_draw(seed);

    switch (hidden_draw(seed) % 5) {
    case 0:
        return x % 16;
    case 1:
        return 0 - x % 16;
    case 2:
        return (uint64_t)1 << (x & 63);
    case 3:
        return ((uint64_t)1 << (x & 63)) - 1;
    default:
        return x;
    }
}

static int put_text(struct buf *b, uint64_t *seed)
{
    static const char *const parts[] = {"a",  "b", " ", ",", "\xc3\xa9", "1",
                                        "22", "A", "z", "-", "\n",       "ab"};
    char text[64] = "";

    for (uint64_t n = hidden_draw(seed) % 9; n > 0; n--) {
        strcat(text, parts[hidden_draw(seed) % ARRAY_N(parts)]);
    }
    return value_put_string(
        b, (struct ubytes){(const uint8_t *)text, strlen(text)});
}

static int put_random(struct buf *b, const struct type *t, uint64_t *seed)
{
    struct type element = {.n = 2, .b = {TYPE_INT, 8}};
    uint32_t n;
    int code;

    switch (type_tag_at(t, 0)) {
    case TYPE_BOOL:
        return value_put_bool(b, (int)(hidden_draw(seed) & 1));
    case TYPE_STRING:
        return put_text(b, seed);
    case TYPE_LIST:
        n = (uint32_t)(hidden_draw(seed) % 7);
        code = value_put_list(b, n);
        for (; n > 0; n--) {
            code |= put_random(b, &element, seed);
        }
        return code;
    case TYPE_INT:
    case TYPE_FLOAT:
    case TYPE_BYTES:
    case TYPE_TUPLE:
        break;
    }
    return value_put_int(b, t, draw_word(seed));
}

/* Arguments of m's types, and any answer. */
static void add_random(struct made *m, uint64_t *seed)
{
    struct buf b;
    size_t at = 2;

    buf_init(&b, 1u << 16);
    assert_int_equal(value_put_tuple(&b, m->takes.b[1]), 0);
    for (uint32_t i = 0; i < m->takes.b[1]; i++) {
        struct type t = type_sub(&m->takes, at);

        assert_int_equal(put_random(&b, &t, seed), 0);
        at = type_skip(&m->takes, at);
    }
    assert_int_equal(values_builder_add(&m->in, buf_bytes(&b)), 0);
    buf_reset(&b);
    assert_int_equal(put_random(&b, &m->gives, seed), 0);
    assert_int_equal(values_builder_add(&m->out, buf_bytes(&b)), 0);
    buf_release(&b);
}

/* The program op(parameters). */
static struct tree *call_of(struct problem *p, enum synth_op op, uint32_t n,
                            uint8_t code)
{
    struct tree *kids[SYNTH_ARGS_MAX];
    struct rule *rules = p->rules; /* instead of its grammar */

    for (uint32_t i = 0; i < n; i++) {
        rules[i] = (struct rule){.kind = RULE_PARAMETER, .parameter = i};
        kids[i] = tree_new(&p->arena, &rules[i], NULL);
    }
    rules[n] = (struct rule){
        .kind = RULE_OPERATOR, .op = op, .args_n = (uint8_t)n, .code = code};
    return tree_new(&p->arena, &rules[n], kids);
}

static int read_val(struct eval *e, const struct cml_node *u, struct ubytes in,
                    struct val *args)
{
    struct rd r;

    rd_init(&r, in);
    (void)rd_u8(&r);
    (void)rd_u32(&r);
    for (uint32_t i = 0; i < u->fields[1].u.list.n; i++) {
        const struct cml_node *b =
            cml_dag_at(e->dag, cml_item(&u->fields[1], i));

        if (eval_read(e, cml_item(&b->fields[0], 0), &r, &args[i]) != 0) {
            return 1;
        }
    }
    return 0;
}

static void compare(struct problem *p, const struct tree *t, struct ubytes text,
                    const uint64_t *got)
{
    struct document doc;
    struct cml_dag dag;
    struct diag d;
    struct eval e;
    uint32_t unit;

    cml_dag_init(&dag);
    document_init(&doc, &dag, "t");
    diag_init(&d);
    if (text_parse(&doc, text, &d) != 0) {
        fail_msg("%.*s: %s", (int)text.n, (const char *)text.p, d.what);
    }
    unit = doc.units[doc.units_n - 1].term->id;
    assert_int_equal(eval_init(&e, &dag, FUEL), 0);
    for (uint32_t i = 0; i < p->examples_n; i++) {
        struct val args[SYNTH_ARGS_MAX];
        struct val v;
        struct buf a;
        struct buf b;

        eval_reset(&e, FUEL);
        buf_init(&a, 1u << 20);
        buf_init(&b, 1u << 20);
        assert_int_equal(read_val(&e, cml_dag_at(&dag, unit),
                                  values_at(&p->inputs, i), args),
                         0);
        assert_int_equal(eval_unit(&e, unit, args, t->rule->args_n, &v), 0);
        assert_int_equal(eval_put(&a, &v), 0);
        assert_int_equal(problem_put(p, &p->gives, got[i], &b), 0);
        if (values_compare(buf_bytes(&a), buf_bytes(&b)) != 0) {
            fail_msg("%.*s differs in row %u", (int)text.n,
                     (const char *)text.p, i);
        }
        buf_release(&a);
        buf_release(&b);
    }
    eval_release(&e);
    document_release(&doc);
    cml_dag_release(&dag);
}

static void test_of(enum synth_op op, const char *word, const char *any)
{
    const char *s = synth_op_info(op)->signature;
    uint32_t n = synth_op_args(op);
    const char *types[SYNTH_ARGS_MAX + 1];
    struct shape_of shapes[SYNTH_ARGS_MAX + 1];
    uint64_t seed = 7 + (uint64_t)op;
    struct problem *p = calloc(1, sizeof(*p));
    struct made m;
    struct diag d;
    struct buf text;
    uint64_t got[ROUNDS];
    const struct tree *t;
    uint8_t code;

    for (uint32_t i = 0; i <= n; i++) {
        char c = s[i < n ? i : n + 1];

        types[i] = c == 'w'   ? word
                   : c == 'a' ? any
                   : c == 'b' ? "bool"
                   : c == 'i' ? "i64"
                   : c == 's' ? "string"
                              : "[i64]";
    }
    made_begin(&m, types[n], types, n);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        add_random(&m, &seed);
    }
    made_end(&m);
    m.task.grammar = (char *)(uintptr_t) "auto";
    diag_init(&d);
    assert_non_null(p);
    if (problem_init(p, &m.task, &d) != 0) {
        fail_msg("%s: %s", synth_op_info(op)->name, d.what);
    }
    for (uint32_t i = 0; i <= n; i++) {
        shapes[i] = i < n ? p->shapes[i] : problem_shape(&p->gives);
    }
    assert_true(synth_fits(op, shapes, n, &code));
    t = call_of(p, op, n, code);
    buf_init(&text, 1u << 16);
    if (tree_put(p, t, "f", &text) != 0 ||
        tree_columns(p, t, p->params, ROUNDS, ROUNDS, got) != 0) {
        fail_msg("%s", synth_op_info(op)->name);
    }
    compare(p, t, buf_bytes(&text), got);
    buf_release(&text);
    problem_release(p);
    made_release(&m);
    free(p);
}

static void test_operators(void **state)
{
    (void)state;
    for (unsigned op = 0; op < SYNTH_OPS; op++) {
        const char *s = synth_op_info((enum synth_op)op)->signature;

        if (strchr(s, 'w') != NULL) {
            for (size_t i = 0; i < ARRAY_N(words); i++) {
                test_of((enum synth_op)op, words[i], NULL);
            }
        } else if (strchr(s, 'a') != NULL) {
            test_of((enum synth_op)op, NULL, "u64");
            test_of((enum synth_op)op, NULL, "bool");
            test_of((enum synth_op)op, NULL, "string");
            test_of((enum synth_op)op, NULL, "[i64]");
        } else {
            test_of((enum synth_op)op, NULL, NULL);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_operators)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
