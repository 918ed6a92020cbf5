/* Byte automata: known networks, random ones against the fixpoint matcher of
 * network.h, one encoding each, loops refused, limits named. */
#include "gen.h"

#include "network.h"
#include "proto/limits.h"

#define RANGE(a, b, t) {.first = (a), .last = (b), .to = (t)}
#define CALL(c, t) {.first = 1, .callee = (c), .to = (t)}

/* s = "a" s "b" | "" */
static const struct net nested = {
    3,
    {{1, 1, {RANGE('a', 'a', 1)}},
     {0, 1, {CALL(0, 2)}},
     {0, 1, {RANGE('b', 'b', 3)}}}};

static struct automaton *read_net(const struct net *net)
{
    struct automaton *a = NULL;
    struct buf b;

    buf_init(&b, 1u << 20);
    net_bytes(net, &b);
    assert_int_equal(automaton_read(buf_bytes(&b), &a), 0);
    buf_release(&b);
    return a;
}

static int read_code(const struct net *net)
{
    struct automaton *a = NULL;
    struct buf b;
    int code;

    buf_init(&b, 1u << 20);
    net_bytes(net, &b);
    code = automaton_read(buf_bytes(&b), &a);
    assert_true((code == 0) == (a != NULL));
    automaton_free(a);
    buf_release(&b);
    return code;
}

static struct net make_nested(void)
{
    struct net net = nested;

    net.n = 4;
    net.states[3] = (struct net_state){1, 0, {{0}}};
    return net;
}

static int walk(const struct automaton *a, struct automaton_at *at,
                const char *text, size_t n)
{
    automaton_start(a, at);
    for (size_t i = 0; i < n; i++) {
        int code = automaton_step(a, at, (uint8_t)text[i]);

        assert_true(automaton_has(a, at));
        if (code < 0) {
            return code;
        }
    }
    return automaton_accepts(a, at);
}

static void test_nested(void **state)
{
    struct net net = make_nested();
    struct automaton *a = read_net(&net);
    struct automaton_at at;
    char text[2 * AUTOMATON_DEPTH + 8];

    (void)state;
    assert_int_equal(walk(a, &at, "", 0), 1);
    assert_int_equal(walk(a, &at, "aabb", 4), 1);
    assert_false(automaton_can_go_on(a, &at));
    assert_int_equal(walk(a, &at, "aab", 3), 0);
    assert_true(automaton_can_go_on(a, &at));
    assert_int_equal(walk(a, &at, "abb", 3), ERR_NOT_FOUND);
    for (size_t n = 1; n < AUTOMATON_DEPTH + 3; n++) {
        memset(text, 'a', n);
        memset(text + n, 'b', n);
        assert_int_equal(walk(a, &at, text, 2 * n),
                         n < AUTOMATON_DEPTH ? 1 : ERR_LIMIT);
    }
    automaton_free(a);
}

/* At the limit the place is as it was, and the text can still be ended. */
static void test_limit_keeps_place(void **state)
{
    struct net net = make_nested();
    struct automaton *a = read_net(&net);
    struct automaton_at at;
    struct automaton_at before;
    size_t n = 0;

    (void)state;
    automaton_start(a, &at);
    for (;; n++) {
        int code;

        before = at;
        code = automaton_step(a, &at, 'a');
        assert_true(code == 0 || code == ERR_LIMIT);
        if (code == ERR_LIMIT) {
            break;
        }
        assert_false(automaton_is_same(&at, &before));
    }
    assert_true(automaton_is_same(&at, &before));
    assert_true(automaton_hash(&at) == automaton_hash(&before));
    for (; n > 0; n--) {
        assert_int_equal(automaton_step(a, &at, 'b'), 0);
    }
    assert_true(automaton_accepts(a, &at));
    automaton_free(a);
}

/* s = "x" s | "y": a tail call needs no depth, however long. */
static void test_tail(void **state)
{
    struct net net = {4,
                      {{0, 2, {RANGE('x', 'x', 1), RANGE('y', 'y', 2)}},
                       {0, 1, {CALL(0, 2)}},
                       {1, 0, {{0}}}}};
    struct automaton *a;
    struct automaton_at at;

    (void)state;
    net.n = 3;
    a = read_net(&net);
    automaton_start(a, &at);
    for (int i = 0; i < 100000; i++) {
        assert_int_equal(automaton_step(a, &at, 'x'), 0);
    }
    assert_int_equal(automaton_step(a, &at, 'y'), 0);
    assert_true(automaton_accepts(a, &at));
    automaton_free(a);
}

/* s = t s "p" | "q", t = "a" | "a" t' ...: every byte doubles the readings, but
 * equal ones are one. u = "a" u | "a" u "b" | "c" keeps them apart. */
static void test_ambiguous(void **state)
{
    struct net net = {5,
                      {{0, 2, {RANGE('a', 'a', 1), RANGE('c', 'c', 2)}},
                       {0, 2, {CALL(0, 2), CALL(3, 4)}},
                       {1, 0, {{0}}},
                       {0, 2, {RANGE('a', 'a', 1), RANGE('c', 'c', 2)}},
                       {0, 1, {RANGE('b', 'b', 2)}}}};
    struct automaton *a = read_net(&net);
    struct automaton_at at;
    int code = 0;
    int n = 0;

    (void)state;
    automaton_start(a, &at);
    while (code == 0 && n < 10000) {
        code = automaton_step(a, &at, 'a');
        n++;
    }
    assert_int_equal(code, ERR_LIMIT);
    assert_int_equal(walk(a, &at, "aaacbb", 6), 1);
    assert_int_equal(walk(a, &at, "aaacbbbb", 8), ERR_NOT_FOUND);
    automaton_free(a);
}

static void test_loops(void **state)
{
    struct net left = {3,
                       {{0, 2, {RANGE('a', 'a', 1), CALL(0, 2)}},
                        {1, 0, {{0}}},
                        {0, 1, {RANGE('b', 'b', 1)}}}};
    struct net hidden = {5,
                         {{0, 2, {RANGE('a', 'a', 1), CALL(2, 3)}},
                          {1, 0, {{0}}},
                          {1, 1, {RANGE('c', 'c', 1)}},
                          {0, 1, {CALL(0, 4)}},
                          {1, 0, {{0}}}}};
    struct net empty = {2, {{1, 1, {CALL(1, 0)}}, {1, 1, {RANGE(1, 1, 0)}}}};

    (void)state;
    assert_int_equal(read_code(&left), ERR_INPUT);
    assert_int_equal(read_code(&hidden), ERR_INPUT);
    hidden.states[2].final = 0; /* now a byte comes first */
    assert_int_equal(read_code(&hidden), 0);
    assert_int_equal(read_code(&empty), ERR_INPUT);
    empty.states[1].final = 0;
    assert_int_equal(read_code(&empty), 0);
}

static void test_one_encoding(void **state)
{
    static const struct net bad[] = {
        /* overlap, order, touching ones with one target */
        {2, {{0, 2, {RANGE(1, 3, 1), RANGE(3, 4, 0)}}, {1, 0, {{0}}}}},
        {2, {{0, 2, {RANGE(5, 6, 1), RANGE(3, 4, 0)}}, {1, 0, {{0}}}}},
        {2, {{0, 2, {RANGE(1, 3, 1), RANGE(4, 4, 1)}}, {1, 0, {{0}}}}},
        /* numbers: never met, met in another order, beyond the end */
        {2, {{1, 1, {RANGE(1, 3, 0)}}, {1, 0, {{0}}}}},
        {3, {{0, 2, {RANGE(1, 1, 2), RANGE(3, 3, 1)}}, {1, 0, {{0}}},
             {1, 0, {{0}}}}},
        {2, {{0, 1, {RANGE(1, 1, 2)}}, {1, 0, {{0}}}}},
        /* callees twice, or not ascending; a language without a text */
        {3, {{0, 2, {CALL(1, 2), CALL(1, 2)}}, {0, 1, {RANGE(1, 1, 2)}},
             {1, 0, {{0}}}}},
        {1, {{2, 0, {{0}}}}},
        {1, {{0, 0, {{0}}}}}};
    struct net net = make_nested();
    struct automaton *a = NULL;
    struct buf b;

    (void)state;
    for (size_t i = 0; i < ARRAY_N(bad); i++) {
        assert_int_equal(read_code(&bad[i]), ERR_ENCODING);
    }
    buf_init(&b, 1u << 20);
    net_bytes(&net, &b);
    for (size_t n = 0; n < buf_len(&b); n++) {
        assert_int_equal(
            automaton_read((struct ubytes){buf_bytes(&b).p, n}, &a),
            ERR_ENCODING);
    }
    assert_int_equal(buf_put_u8(&b, 0), 0);
    assert_int_equal(automaton_read(buf_bytes(&b), &a), ERR_ENCODING);
    buf_release(&b);
    buf_init(&b, 2 * LIMIT_AUTOMATON_BYTES);
    while (buf_len(&b) <= LIMIT_AUTOMATON_BYTES) {
        assert_int_equal(buf_put_u64(&b, 0), 0);
    }
    assert_int_equal(automaton_read(buf_bytes(&b), &a), ERR_LIMIT);
    buf_release(&b);
}

static void random_net(struct gen *g, struct net *net)
{
    memset(net, 0, sizeof(*net));
    net->n = (uint16_t)(2 + gen_below(g, NET_STATES - 2));
    for (uint16_t s = 0; s < net->n; s++) {
        struct net_state *now = &net->states[s];
        uint16_t ranges = (uint16_t)gen_below(g, 3);
        uint16_t calls = (uint16_t)(gen_below(g, 3) == 0);
        uint8_t at = 'a';

        now->final = gen_below(g, 3) == 0;
        for (uint16_t i = 0; i < ranges; i++) {
            uint8_t last = (uint8_t)(at + gen_below(g, 2));

            now->edges[now->edges_n++] = (struct net_edge)RANGE(
                at, last, (uint16_t)gen_below(g, net->n));
            at = (uint8_t)(last + 1);
        }
        if (ranges == 2 && now->edges[0].to == now->edges[1].to) {
            now->edges_n--;
        }
        for (uint16_t i = 0; i < calls; i++) {
            now->edges[now->edges_n++] = (struct net_edge)CALL(
                (uint16_t)gen_below(g, net->n), (uint16_t)gen_below(g, net->n));
        }
    }
}

struct counts {
    unsigned nets, texts, members, refused, limits;
};

/* All texts over {a, b, c} up to five bytes, depth first. */
static void compare(const struct gen *g, const struct net *net,
                    const struct automaton *a, struct counts *c)
{
    static struct automaton_at at[7];
    uint8_t text[6] = {0};
    size_t n = 0;

    automaton_start(a, &at[0]);
    text[0] = 'a' - 1;
    for (;;) {
        struct net_parts parts;
        int code;

        if (++text[n] > 'c') {
            if (n == 0) {
                return;
            }
            n--;
            continue;
        }
        at[n + 1] = at[n];
        code = automaton_step(a, &at[n + 1], text[n]);
        if (code == ERR_LIMIT) {
            c->limits++;
            continue;
        }
        net_match(net, text, n + 1, &parts);
        CHECK(g, parts.prefix[0][0] == (code == 0));
        c->texts++;
        if (code < 0) {
            CHECK(g, automaton_is_same(&at[n], &at[n + 1]));
            c->refused++;
            continue;
        }
        CHECK(g, (int)(parts.part[0][0] >> (n + 1) & 1) ==
                     automaton_accepts(a, &at[n + 1]));
        CHECK(g, automaton_accepts(a, &at[n + 1]) ||
                    automaton_can_go_on(a, &at[n + 1]));
        c->members += (unsigned)automaton_accepts(a, &at[n + 1]);
        if (n + 1 < 5) {
            text[++n] = 'a' - 1;
        }
    }
}

static void test_random(void **state)
{
    struct gen g = gen_start();
    struct counts c = {0};

    (void)state;
    while (c.nets < 400) {
        struct automaton *a = NULL;
        struct net raw;
        struct net net;
        struct buf b;

        random_net(&g, &raw);
        if (!net_number(&raw, &net) || net.n < 3 || !net_is_productive(&net)) {
            continue;
        }
        buf_init(&b, 1u << 20);
        net_bytes(&net, &b);
        if (automaton_read(buf_bytes(&b), &a) == 0) {
            compare(&g, &net, a, &c);
            c.nets++;
        }
        automaton_free(a);
        buf_release(&b);
    }
    print_message("%u networks, %u texts, %u members, %u refused, %u limits\n",
                  c.nets, c.texts, c.members, c.refused, c.limits);
    assert_true(c.members > 2000 && c.refused > 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_limit_keeps_place),
        cmocka_unit_test(test_tail),
        cmocka_unit_test(test_ambiguous),
        cmocka_unit_test(test_loops),
        cmocka_unit_test(test_one_encoding),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
