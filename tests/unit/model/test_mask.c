/* Masks: every sequence of tokens that they let through, of random networks and
 * vocabularies, is what a matcher without stacks says of its bytes; no bit differs
 * from stepping each token alone; a string that is forbidden stays so however it
 * is cut. */
#include "tests/unit/proto/gen.h"

#include "tests/unit/proto/network.h"
#include "workers/model/mask.h"

#define WORDS 10
#define RANGE(a, b, t) {.first = (a), .last = (b), .to = (t)}

static struct automaton *read_net(const struct net *net)
{
    struct automaton *a = NULL;
    struct buf b;

    buf_init(&b, 1u << 20);
    net_bytes(net, &b);
    (void)(automaton_read(buf_bytes(&b), &a) == 0);
    buf_release(&b);
    return a;
}

static unsigned limits; /* met by step_token */

/* 1: after `at` token i may come. at becomes the place behind it. */
static int step_token(const struct automaton *a, struct automaton_at *at,
                      const struct mask_token *t)
{
    if (t->ends) {
        return automaton_accepts(a, at);
    }
    for (size_t i = 0; i < t->text.n; i++) {
        int code = automaton_step(a, at, t->text.p[i]);

        if (code < 0) {
            limits += code == ERR_LIMIT;
            return 0;
        }
    }
    return t->text.n > 0;
}

static void check_bits(const struct gen *g, const struct automaton *a,
                       const struct automaton_at *at,
                       const struct mask_token *tokens, uint32_t n,
                       const uint8_t *bits)
{
    for (uint32_t i = 0; i < n; i++) {
        static struct automaton_at next;

        next = *at;
        CHECK(g, step_token(a, &next, &tokens[i]) == (bits[i / 8] >> i % 8 & 1));
    }
}

struct search {
    const struct gen *g;
    const struct net *net;
    const struct automaton *a;
    const struct mask *mask;
    struct mask_grammar *masks;
    const struct mask_token *tokens;
    uint32_t n;
    unsigned ended, stuck, sequences;
};

/* All sequences of tokens of up to `left` bytes more. NOLINTNEXTLINE */
static void search(struct search *s, const struct automaton_at *at,
                   uint8_t *text, size_t n, size_t left)
{
    uint8_t bits[2];
    struct net_parts parts;
    int code = mask_allowed(s->masks, at, bits);

    s->sequences++;
    check_bits(s->g, s->a, at, s->tokens, s->n, bits);
    if (code < 0) {
        s->stuck++;
        return;
    }
    net_match(s->net, text, n, &parts);
    for (uint32_t i = 0; i < s->n; i++) {
        const struct mask_token *t = &s->tokens[i];
        struct automaton_at *next;
        unsigned limits_before = limits;
        int may = bits[i / 8] >> i % 8 & 1;

        if (t->ends) {
            CHECK(s->g, may == (int)(parts.part[0][0] >> n & 1));
            s->ended += (unsigned)may;
            continue;
        }
        if (t->text.n > left) {
            continue;
        }
        memcpy(text + n, t->text.p, t->text.n);
        net_match(s->net, text, n + t->text.n, &parts);
        next = calloc(1, sizeof(*next));
        assert_non_null(next);
        automaton_copy(next, at);
        CHECK(s->g, may == step_token(s->a, next, t));
        CHECK(s->g, may == (t->text.n > 0 && parts.prefix[0][0]) ||
                        limits > limits_before);
        net_match(s->net, text, n, &parts);
        if (may) {
            search(s, next, text, n + t->text.n, left - t->text.n);
        }
        free(next);
    }
}

static void random_net(struct gen *g, struct net *net)
{
    memset(net, 0, sizeof(*net));
    net->n = (uint16_t)(2 + gen_below(g, 6));
    for (uint16_t s = 0; s < net->n; s++) {
        struct net_state *now = &net->states[s];
        uint8_t at = 'a';

        now->final = gen_below(g, 3) == 0;
        for (uint32_t i = gen_below(g, 3); i > 0; i--) {
            now->edges[now->edges_n++] = (struct net_edge)RANGE(
                at, at, (uint16_t)gen_below(g, net->n));
            at = (uint8_t)(at + 2);
        }
        if (gen_below(g, 3) == 0) {
            now->edges[now->edges_n++] = (struct net_edge){
                .first = 1, .callee = (uint16_t)gen_below(g, net->n),
                .to = (uint16_t)gen_below(g, net->n)};
        }
    }
}

/* The single letters, an end, a token without text, random others. */
static uint32_t random_words(struct gen *g, uint8_t text[WORDS][4],
                             struct mask_token *out)
{
    for (uint32_t i = 0; i < WORDS; i++) {
        size_t n = i < 2 ? 1 : 1 + gen_below(g, 4);

        for (size_t k = 0; k < n; k++) {
            text[i][k] = (uint8_t)('a' + (i < 2 ? 2 * i : gen_below(g, 4)));
        }
        out[i] = (struct mask_token){{text[i], i == WORDS - 1 ? 0 : n},
                                     i == WORDS - 2};
    }
    return WORDS;
}

static void test_exhaustive(void **state)
{
    struct gen g = gen_start();
    unsigned nets = 0;
    unsigned ended = 0;
    unsigned sequences = 0;
    unsigned want = getenv("PROCTOR_FULL") != NULL ? 1500 : 60;

    (void)state;
    while (nets < want) {
        uint8_t words[WORDS][4];
        struct mask_token tokens[WORDS];
        struct search s = {.g = &g, .tokens = tokens};
        struct mask *mask = NULL;
        struct automaton *a;
        static struct automaton_at at;
        uint8_t text[NET_TEXT];
        struct net raw;
        struct net net;

        random_net(&g, &raw);
        if (!net_number(&raw, &net) || net.n < 2 || !net_is_productive(&net)) {
            continue;
        }
        a = read_net(&net);
        if (a == NULL) {
            continue;
        }
        s.n = random_words(&g, words, tokens);
        assert_int_equal(mask_make(tokens, s.n, &mask), 0);
        s.a = a;
        s.net = &net;
        s.mask = mask;
        assert_int_equal(mask_grammar_new(mask, a, &s.masks), 0);
        automaton_start(a, &at);
        search(&s, &at, text, 0, 6);
        ended += s.ended;
        sequences += s.sequences;
        nets++;
        mask_grammar_free(s.masks);
        mask_free(mask);
        automaton_free(a);
    }
    print_message("%u networks, %u sequences of tokens, %u ended\n", nets,
                  sequences, ended);
    assert_true(ended > want);
}

/* No text holds "bad"; its letters come in all pieces. */
static void test_forbidden(void **state)
{
    static const char *const words[] = {"b",  "a",  "d",   "ba",  "ad", "bad",
                                        "xb", "dx", "xba", "adx", "x",  "bb"};
    struct net net = {
        3,
        {{1, 3, {RANGE('a', 'a', 0), RANGE('b', 'b', 1), RANGE('c', 'z', 0)}},
         {1, 3, {RANGE('a', 'a', 2), RANGE('b', 'b', 1), RANGE('c', 'z', 0)}},
         {1, 4, {RANGE('a', 'a', 0), RANGE('b', 'b', 1), RANGE('c', 'c', 0),
                 RANGE('e', 'z', 0)}}}};
    struct automaton *a = read_net(&net);
    struct mask_token tokens[ARRAY_N(words)];
    struct mask_grammar *masks = NULL;
    struct mask *mask = NULL;
    struct gen g = gen_start();
    unsigned closed = 0;

    (void)state;
    assert_non_null(a);
    for (size_t i = 0; i < ARRAY_N(words); i++) {
        tokens[i] = (struct mask_token){
            {(const uint8_t *)words[i], strlen(words[i])}, 0};
    }
    assert_int_equal(mask_make(tokens, ARRAY_N(words), &mask), 0);
    assert_int_equal(mask_grammar_new(mask, a, &masks), 0);
    for (int round = 0; round < 300; round++) {
        static struct automaton_at at;
        char text[400] = "";
        uint8_t bits[2];

        automaton_start(a, &at);
        while (strlen(text) < 300) {
            uint32_t i = gen_below(&g, ARRAY_N(words));
            char with[404];

            assert_int_equal(mask_allowed(masks, &at, bits), 0);
            (void)snprintf(with, sizeof(with), "%s%s", text, words[i]);
            CHECK(&g, (bits[i / 8] >> i % 8 & 1) == !strstr(with, "bad"));
            closed += strstr(with, "bad") != NULL;
            if (bits[i / 8] >> i % 8 & 1) {
                strcpy(text, with);
                assert_true(step_token(a, &at, &tokens[i]));
            }
        }
    }
    assert_true(closed > 1000);
    mask_grammar_free(masks);
    mask_free(mask);
    automaton_free(a);
}

/* A vocabulary whose memory of places is used: as without. */
static void test_remembered(void **state)
{
    enum { N = 3000 };
    static uint8_t text[N][3];
    static struct mask_token tokens[N];
    static uint8_t bits[N / 8 + 1];
    struct gen g = gen_start();
    struct net net = {
        3,
        {{0, 2, {RANGE('a', 'm', 1), {.first = 1, .callee = 2, .to = 0}}},
         {1, 2, {RANGE('a', 'f', 1), RANGE('g', 'z', 0)}},
         {0, 1, {RANGE('n', 'z', 1)}}}};
    struct net numbered;
    struct automaton *a;
    struct mask_grammar *masks = NULL;
    struct mask *mask = NULL;

    (void)state;
    assert_true(net_number(&net, &numbered));
    a = read_net(&numbered);
    assert_non_null(a);
    for (uint32_t i = 0; i < N; i++) {
        size_t n = 1 + gen_below(&g, 3);

        for (size_t k = 0; k < n; k++) {
            text[i][k] = (uint8_t)('a' + gen_below(&g, 26));
        }
        tokens[i] = (struct mask_token){{text[i], n}, i == 7};
    }
    assert_int_equal(mask_make(tokens, N, &mask), 0);
    assert_int_equal(mask_bytes(mask), N / 8);
    assert_int_equal(mask_grammar_new(mask, a, &masks), 0);
    for (int round = 0; round < 40; round++) {
        static struct automaton_at at;

        automaton_start(a, &at);
        for (int step = 0; step < 6; step++) {
            uint32_t i = gen_below(&g, N);
            int code = mask_allowed(masks, &at, bits);

            check_bits(&g, a, &at, tokens, N, bits);
            if (code < 0) {
                break;
            }
            while (!(bits[i / 8] >> i % 8 & 1)) {
                i = (i + 1) % N;
            }
            if (!step_token(a, &at, &tokens[i]) || tokens[i].ends) {
                break;
            }
        }
    }
    mask_grammar_free(masks);
    mask_free(mask);
    automaton_free(a);
}

static void test_refused(void **state)
{
    static uint8_t text[MASK_TOKEN_BYTES_MAX + 1];
    struct mask_token token = {{text, sizeof(text)}, 0};
    struct mask *mask = NULL;

    (void)state;
    assert_int_equal(mask_make(&token, 1, &mask), ERR_LIMIT);
    assert_null(mask);
    token.text.n--;
    assert_int_equal(mask_make(&token, 1, &mask), 0);
    mask_free(mask);
    assert_int_equal(mask_make(&token, 0, &mask), 0);
    mask_free(mask);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exhaustive),
        cmocka_unit_test(test_forbidden),
        cmocka_unit_test(test_remembered),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
