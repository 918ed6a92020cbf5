/* bpe.c and load_text.c: merges by count, ties by the lower pair; any valid text
 * comes back byte for byte; rows by stride; what is refused. */
#include "tests/unit/train/load_world.h"

#include "proto/buf.h"
#include "proto/utf8.h"
#include "workers/nn/tokenizer.h"
#include "workers/train/bpe.h"
#include "workers/train/rows.h"

static uint64_t state = 99;

static uint64_t draw(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state >> 8;
}

static int run(struct world *w, Proctor__TextSpec *t, uint32_t context,
               uint32_t vocab, uint32_t stride)
{
    proctor__text_spec__init(t);
    t->context = context;
    t->vocab = vocab;
    t->stride = stride;
    w->spec.text = t;
    return world_run(w);
}

/* The tokenizer that was written. */
static struct tokenizer *open_tokenizer(const struct world *w, struct gguf *g)
{
    const uint8_t *at =
        w->area + (w->l.x_bytes + LOAD_ALIGN - 1) / LOAD_ALIGN * LOAD_ALIGN;
    struct tokenizer *t;
    struct diag d;

    diag_init(&d);
    assert_int_equal(
        gguf_open((struct ubytes){at, w->reply.tokenizer_bytes}, g, &d), 0);
    assert_int_equal(tokenizer_new(g, &t, &d), 0);
    assert_non_null(t);
    return t;
}

static uint32_t token(const struct world *w, size_t row, size_t i)
{
    uint32_t v;

    memcpy(&v, w->l.x + 4 * (row * w->l.data.width + i), 4);
    return v;
}

static void test_bytes(void **s)
{
    static const char a[] = "ab\xc3\xa9", b[] = "xyz";
    static const uint32_t stream[] = {256, 'a', 'b', 0xc3, 0xa9,
                                      256, 'x', 'y', 'z'};
    struct world w;
    Proctor__TextSpec t;

    (void)s;
    world_init(&w, "text", PROCTOR__DATA_KIND__DATA_TEXT);
    world_file(&w, "a", a, 4);
    world_file(&w, "b", b, 3);
    assert_int_equal(run(&w, &t, 3, 0, 0), 0);
    assert_int_equal(w.l.data.rows, 2); /* from 0 and 3; 6 has no four */
    assert_int_equal(w.l.data.width, 4);
    assert_int_equal(w.l.data.classes, BPE_BASE);
    assert_int_equal(w.l.data.x_type, PROCTOR__DATA_TYPE__DATA_U32);
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(token(&w, i / 4, i % 4), stream[i / 4 * 3 + i % 4]);
    }
    assert_int_equal(run(&w, &t, 3, 259, 1), 0);
    assert_int_equal(w.l.data.rows, 6);
    assert_int_equal(run(&w, &t, 8, 0, 0), 0);
    assert_int_equal(w.l.data.rows, 1);
    assert_int_equal(run(&w, &t, 9, 0, 0), ERR_INPUT);
    assert_non_null(strstr(w.l.d.what, "9 tokens, one row takes 10"));
    world_release(&w);
}

/* Merge i of a vocabulary, as it stands in the file. */
static void merge_is(const struct gguf *g, uint64_t i, const char *text)
{
    const struct gguf_pair *p = gguf_pair(g, "tokenizer.ggml.merges");
    struct ubytes got;

    assert_true(p != NULL && i < p->n);
    got = gguf_array_string(p, i);
    if (got.n != strlen(text) || memcmp(got.p, text, got.n) != 0) {
        fail_msg("merge %u is %.*s, not %s", (unsigned)i, (int)got.n,
                 (const char *)got.p, text);
    }
}

static void test_merges(void **s)
{
    /* Words: "low" 3, " low" 2, " lower" 1, " new" 2, " newest" 2. So first l o 6
     * before o w 6, then lo w 6; then " n", n e and e w have 4 each: the space is
     * the lowest byte, e w is lower than what begins with a merged token. */
    static const char text[] =
        "low\nlow\nlow low low lower new new newest newest";
    struct world w;
    struct gguf g;
    Proctor__TextSpec t;
    struct tokenizer *k;

    (void)s;
    world_init(&w, "text", PROCTOR__DATA_KIND__DATA_TEXT);
    world_file(&w, "a", text, sizeof(text) - 1);
    assert_int_equal(run(&w, &t, 4, 263, 0), 0);
    assert_int_equal(w.l.data.classes, 263);
    k = open_tokenizer(&w, &g);
    merge_is(&g, 0, "l o");
    merge_is(&g, 1, "lo w");
    merge_is(&g, 2, "\xc4\xa0 n");
    merge_is(&g, 3, "e w");
    merge_is(&g, 4, "\xc4\xa0n ew");
    tokenizer_free(k);
    gguf_release(&g);
    assert_int_equal(run(&w, &t, 4, 5000, 0), 0);
    assert_true(w.l.data.classes < 280);
    assert_int_equal(w.l.data.n_notes, 1);
    assert_non_null(strstr(w.l.data.notes[0], "stands twice"));
    world_release(&w);
}

/* Characters of all lengths, words that come again, some bytes often. */
static size_t make_text(uint8_t *out, size_t n)
{
    size_t at = 0;

    while (at + 64 < n) {
        uint64_t v = draw();

        if (v % 3 == 0 && at > 40) {
            size_t back = 1 + (size_t)(v >> 8) % 32;

            while ((out[at - back] & 0xc0) == 0x80) {
                back++;
            }
            memcpy(out + at, out + at - back, back);
            at += back;
        } else if (v % 3 == 1) {
            out[at++] = (uint8_t)((v >> 8) % 128);
        } else {
            uint32_t cp = (uint32_t)(v >> 8) % 0x110000;

            cp = v % 5 != 0 ? cp % 0x900 : cp;
            cp = cp >= 0xd800 && cp < 0xe000 ? '\n' : cp;
            at += utf8_put(cp, out + at);
        }
    }
    return at;
}

static void check_round_trip(const uint8_t *text, size_t n, uint32_t vocab)
{
    struct world w;
    struct gguf g;
    Proctor__TextSpec t;
    struct tokenizer *k;
    struct tokens tokens = {0};
    struct buf back;
    struct diag d;

    world_init(&w, "text", PROCTOR__DATA_KIND__DATA_TEXT);
    world_file(&w, "a", text, n);
    assert_int_equal(run(&w, &t, 7, vocab, 0), 0);
    k = open_tokenizer(&w, &g);
    assert_int_equal(tokenizer_n(k), w.l.data.classes);
    diag_init(&d);
    buf_init(&back, 1u << 20);
    assert_int_equal(tokenizer_encode(k, (struct ubytes){text, n}, &tokens, &d),
                     0);
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(token(&w, 0, i), i == 0 ? 256 : tokens.v[i - 1]);
    }
    assert_int_equal(tokenizer_decode(k, tokens.v, tokens.n, &back, &d), 0);
    assert_int_equal(buf_len(&back), n);
    assert_memory_equal(buf_bytes(&back).p, text, n);
    tokens_release(&tokens);
    buf_release(&back);
    tokenizer_free(k);
    gguf_release(&g);
    world_release(&w);
}

static void test_round_trips(void **s)
{
    static uint8_t text[20000];

    (void)s;
    for (int i = 0; i < 12; i++) {
        size_t n = make_text(text, 200 + (size_t)draw() % 19000);

        assert_true(utf8_is_valid((struct ubytes){text, n}));
        check_round_trip(text, n, (uint32_t)(draw() % 800));
    }
}

/* The same text, the same bytes; long words and repetitions included. */
static void test_again(void **s)
{
    static uint8_t text[8000], first[WORLD_AREA];
    struct world w;
    Proctor__TextSpec t;

    (void)s;
    memset(text, 'a', 3000);
    (void)make_text(text + 3000, 4000);
    memset(text + 7000 - 64, 'b', 64);
    world_init(&w, "text", PROCTOR__DATA_KIND__DATA_TEXT);
    world_file(&w, "a", text, 6900);
    w.files[0].n = 6900;
    while (!utf8_is_valid(w.files[0])) {
        w.files[0].n--;
    }
    assert_int_equal(run(&w, &t, 16, 900, 8), 0);
    memcpy(first, w.area, WORLD_AREA);
    assert_int_equal(run(&w, &t, 16, 900, 8), 0);
    assert_memory_equal(first, w.area, WORLD_AREA);
    world_release(&w);
}

static void refused(const char *text, size_t n, uint32_t context, int code,
                    const char *what)
{
    struct world w;
    Proctor__TextSpec t;

    world_init(&w, "text", PROCTOR__DATA_KIND__DATA_TEXT);
    world_file(&w, "a", text, n);
    assert_int_equal(run(&w, &t, context, 0, 0), code);
    if (strstr(w.l.d.what, what) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", what, w.l.d.what);
    }
    world_release(&w);
}

static void test_refused(void **s)
{
    (void)s;
    refused("", 0, 4, ERR_INPUT, "the text is empty");
    refused("abc", 3, 0, ERR_INPUT, "context of at least 1");
    refused("ab\ncd\xff"
            "e",
            7, 1, ERR_INPUT, "no UTF-8: byte 0xff");
    refused("ab\xc3", 3, 1, ERR_INPUT, "no UTF-8: byte 0xc3");
    refused("abc", 3, 40, ERR_INPUT, "4 tokens, one row takes 41");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes), cmocka_unit_test(test_merges),
        cmocka_unit_test(test_round_trips), cmocka_unit_test(test_again),
        cmocka_unit_test(test_refused)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
