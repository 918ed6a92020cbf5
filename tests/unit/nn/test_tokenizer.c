/* tokenizer.c: every valid text comes back as it was, in all planes of Unicode;
 * text never gives a control token; tables that contradict themselves are
 * refused by name; long texts take no quadratic time. What the tokens are is
 * test_tokenizer_vectors' affair. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/utf8.h"
#include "tests/unit/nn/vocabulary.h"
#include "workers/nn/tokenizer_pre.h"

static void same_back(const struct tokenizer *t, struct ubytes text)
{
    struct tokens got = {NULL, 0, 0};
    struct buf back;
    struct diag d;

    diag_init(&d);
    buf_init(&back, 1u << 28);
    assert_int_equal(tokenizer_encode(t, text, &got, &d), 0);
    for (size_t i = 0; i < got.n; i++) {
        enum token_kind kind = tokenizer_kind(t, got.v[i]);

        assert_true(kind == TOKEN_NORMAL || kind == TOKEN_BYTE ||
                    kind == TOKEN_USER);
    }
    assert_int_equal(tokenizer_decode(t, got.v, got.n, &back, &d), 0);
    assert_int_equal(buf_len(&back), text.n);
    if (text.n > 0) {
        assert_memory_equal(buf_bytes(&back).p, text.p, text.n);
    }
    buf_release(&back);
    tokens_release(&got);
}

static void same_text_back(const struct tokenizer *t, const char *text)
{
    same_back(t, text_of(text));
}

/* The random models' own vocabularies. */
static struct tokenizer *random_one(int spm, struct model_file *f)
{
    struct model_init spec = {.arch = "llama",
                              .layers = 1,
                              .width = 64,
                              .heads = 1,
                              .ffn = 64,
                              .vocab = 700,
                              .seed = 5,
                              .spm = spm};
    struct tokenizer *t = NULL;
    struct diag d;

    if (model_file_make(&spec, f, &d) != 0 ||
        tokenizer_new(&f->g, &t, &d) != 0) {
        fail_msg("%s", d.what);
    }
    assert_non_null(t);
    assert_int_equal(tokenizer_n(t), 700);
    return t;
}

static void all_planes(void **state)
{
    uint8_t *text = malloc(4u << 20);

    (void)state;
    assert_non_null(text);
    for (int spm = 0; spm < 2; spm++) {
        struct model_file f;
        struct tokenizer *t = random_one(spm, &f);

        assert_int_equal(tokenizer_missing_bytes(t), 0);
        for (uint32_t plane = 0; plane < 17; plane++) {
            size_t n = 0;

            for (uint32_t cp = plane << 16; cp < (plane + 1) << 16; cp++) {
                if (cp < 0xd800 || cp > 0xdfff) {
                    n += utf8_put(cp, text + n);
                }
            }
            same_back(t, (struct ubytes){text, n});
        }
        tokenizer_free(t);
        model_file_release(&f);
    }
    free(text);
}

static uint64_t random_next(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s;
}

static size_t random_text(uint64_t *s, uint8_t *out, size_t characters)
{
    size_t n = 0;

    for (size_t i = 0; i < characters; i++) {
        uint64_t r = random_next(s) >> 20;
        uint32_t cp = (uint32_t)(r % 0x110000);

        if (r >> 32 & 3) {
            cp = (uint8_t)"aetoin  \n\t's1|<>\xff"[r % 17];
        }
        cp = cp < 0x110000 && (cp < 0xd800 || cp > 0xdfff) ? cp : 0x2581;
        n += utf8_put(cp, out + n);
    }
    return n;
}

static void random_texts(void **state)
{
    int n = getenv("PROCTOR_FULL") != NULL ? 100000 : 3000;
    uint64_t s = 88172645463325252u;
    uint8_t text[512];

    (void)state;
    for (int spm = 0; spm < 2; spm++) {
        struct model_file f;
        struct tokenizer *t = random_one(spm, &f);

        for (int i = 0; i < n; i++) {
            size_t bytes = random_text(&s, text, random_next(&s) % 100);

            same_back(t, (struct ubytes){text, bytes});
        }
        tokenizer_free(t);
        model_file_release(&f);
    }
}

/* By its literal text, alone, in the middle, or by pieces that join. */
static void no_control(void **state)
{
    (void)state;
    for (int spm = 0; spm < 2; spm++) {
        struct model_file f;
        struct tokenizer *t = random_one(spm, &f);
        uint32_t id;

        assert_int_equal(tokenizer_find(t, "<|bos|>", &id), 0);
        assert_int_equal(id, tokenizer_bos(t));
        assert_int_equal(tokenizer_kind(t, id), TOKEN_CONTROL);
        assert_int_equal(tokenizer_bytes(t, id).n, 0);
        assert_int_equal(tokenizer_find(t, "<|eos|>", &id), 0);
        assert_int_equal(id, tokenizer_eos(t));
        assert_true(tokenizer_is_end(t, id));
        assert_true(tokenizer_find(t, "e", &id) != 0); /* a normal one */
        assert_true(tokenizer_find(t, "<|none|>", &id) != 0);
        same_text_back(t, "");
        same_text_back(t, "<|bos|>");
        same_text_back(t, "a<|bos|><|eos|><|fact|>x<|/fact|> <unk>");
        same_text_back(t, "<0x41><0x0A>");
        tokenizer_free(t);
        model_file_release(&f);
    }
}

/* Scores would make <s> of < and s>, were it for text; it is not, nor are known
 * ends whatever their kind says. */
static void joined_control(void **state)
{
    struct vocabulary v;
    struct tokenizer *t;
    struct gguf_writer *w;
    struct tokens got = {NULL, 0, 0};
    struct diag d;
    uint32_t id;

    (void)state;
    vocabulary_init(&v);
    (void)vocabulary_add(&v, TOKEN_UNKNOWN, 0, "<unk>");
    (void)vocabulary_add(&v, TOKEN_CONTROL, 9, "<s>");
    (void)vocabulary_add(&v, TOKEN_CONTROL, 9, "</s>");
    vocabulary_bytes(&v);
    (void)vocabulary_add(&v, TOKEN_NORMAL, 1, "s>");
    (void)vocabulary_add(&v, TOKEN_NORMAL, 1, "<");
    (void)vocabulary_add(&v, TOKEN_UNUSED, 8, "<<");
    (void)vocabulary_add(&v, TOKEN_USER, 0, "<|im_end|>");
    (void)vocabulary_add(&v, TOKEN_USER, 0, "<|im_start|>");
    (void)vocabulary_add(&v, TOKEN_NORMAL, 0, ""); /* never anything */
    w = vocabulary_write(&v, "llama", NULL);
    vocabulary_kinds(&v, w);
    assert_int_equal(vocabulary_read(&v, w, &t, &d), 0);
    assert_int_equal(tokenizer_bos(t), 1); /* where SentencePiece has them */
    assert_int_equal(tokenizer_eos(t), 2);
    assert_true(tokenizer_adds_bos(t));
    assert_true(tokenizer_adds_space(t));
    same_text_back(t, "<s></s><<s><unk>");
    same_text_back(t, "<|im_start|>user<|im_end|>");
    assert_int_equal(tokenizer_find(t, "<|im_end|>", &id), 0);
    assert_int_equal(tokenizer_kind(t, id), TOKEN_CONTROL);
    assert_true(tokenizer_is_end(t, id));
    assert_int_equal(
        tokenizer_encode(t, text_of("<|im_start|>"), &got, &d), 0);
    assert_int_equal(got.n, 1); /* the file says that this one is for text */
    assert_int_equal(tokenizer_kind(t, got.v[0]), TOKEN_USER);
    tokens_release(&got);
    tokenizer_free(t);
    vocabulary_release(&v);
}

static void bad_text(void **state)
{
    static const struct {
        const char *text;
        const char *what;
    } cases[] = {{"ab\xff", "byte 2 (0xff)"},
                 {"\xc3", "byte 0 (0xc3)"},
                 {"x\xed\xa0\x80", "byte 1 (0xed)"},
                 {"\xf4\x90\x80\x80", "byte 0 (0xf4)"},
                 {"abc\xe2\x82", "byte 3 (0xe2)"}};
    struct model_file f;
    struct tokenizer *t = random_one(0, &f);
    struct tokens got = {NULL, 0, 0};
    struct diag d;

    (void)state;
    assert_int_equal(tokens_add(&got, 7), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        diag_init(&d);
        assert_int_equal(
            tokenizer_encode(t, text_of(cases[i].text), &got, &d), ERR_INPUT);
        assert_non_null(strstr(d.what, cases[i].what));
        assert_int_equal(got.n, 1);
    }
    diag_init(&d);
    assert_int_equal(tokenizer_decode(t, &(uint32_t){700}, 1, NULL, &d),
                     ERR_INPUT);
    assert_non_null(strstr(d.what, "token 700"));
    tokens_release(&got);
    tokenizer_free(t);
    model_file_release(&f);
}

/* Without a token for a byte, text with it is refused, at its place. */
static void missing_byte(void **state)
{
    struct vocabulary v;
    struct tokenizer *t;
    struct tokens got = {NULL, 0, 0};
    struct diag d;

    (void)state;
    vocabulary_init(&v);
    for (unsigned b = 0; b < 256; b++) {
        if (b != 'q') {
            vocabulary_letter(&v, b);
        }
    }
    assert_int_equal(
        vocabulary_read(&v, vocabulary_write(&v, "gpt2", "qwen2"), &t, &d), 0);
    assert_int_equal(tokenizer_missing_bytes(t), 1);
    same_text_back(t, "ab \xf0\x9f\x98\x80");
    assert_int_equal(tokenizer_encode(t, text_of("a b qx"), &got, &d),
                     ERR_INPUT);
    assert_non_null(strstr(d.what, "byte 4 (0x71)"));
    assert_int_equal(got.n, 0);
    tokens_release(&got);
    tokenizer_free(t);
    vocabulary_release(&v);
}

enum table {
    TWICE,
    NOT_UTF8,
    LONG,
    BAD_KIND,
    NAN_SCORE,
    BAD_BYTE,
    TWO_BYTES,
    NO_TOKENS,
    SHORT_KINDS,
    NO_MERGES,
    MERGE_UNKNOWN,
    MERGE_GIVES,
    MERGE_CONTROL,
    MERGE_LOOP,
    MERGE_EMPTY,
    MERGE_TWICE,
    BAD_PRE,
    BAD_MODEL,
    BAD_EOS,
    BOS_TYPE,
    TABLES_N
};

static const char *const said[TABLES_N] = {
    [TWICE] = "tokens, entry 5: this text stands twice",
    [NOT_UTF8] = "tokens, entry 4: no UTF-8",
    [LONG] = "tokens, entry 4: 1025 bytes, the limit is 1024",
    [BAD_KIND] = "token_type, entry 4",
    [NAN_SCORE] = "scores, entry 4: no number",
    [BAD_BYTE] = "tokens, entry 4: a byte token",
    [TWO_BYTES] = "tokens, entry 260: a byte token",
    [NO_TOKENS] = "tokens is missing or empty",
    [SHORT_KINDS] = "has another length",
    [NO_MERGES] = "merges is missing",
    [MERGE_UNKNOWN] = "merges, entry 1: it joins what is no normal token",
    [MERGE_GIVES] = "merges, entry 1: it gives what is no normal token",
    [MERGE_CONTROL] = "merges, entry 1: it gives what is no normal token",
    [MERGE_LOOP] = "merges, entry 1: not two texts",
    [MERGE_EMPTY] = "merges, entry 1: not two texts",
    [MERGE_TWICE] = "merges, entry 1: this pair stands twice",
    [BAD_PRE] = "pre: the pre-tokenizer \"klingon\" is not known",
    [BAD_MODEL] = "model: a tokenizer of kind \"bert\" is not read",
    [BAD_EOS] = "eos_token_id is no token",
    [BOS_TYPE] = "add_bos_token",
};

static void spoil_tokens(struct vocabulary *v, enum table k)
{
    char text[TOKENIZER_TOKEN_BYTES_MAX + 2];
    float nan = 0.0f;

    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    switch ((int)k) {
    case TWICE:
        (void)vocabulary_add(v, TOKEN_NORMAL, 0, "ab");
        (void)vocabulary_add(v, TOKEN_NORMAL, 0, "ab");
        break;
    case NOT_UTF8:
        (void)vocabulary_add(v, TOKEN_USER, 0, "a\xff");
        break;
    case LONG:
        (void)vocabulary_add(v, TOKEN_USER, 0, text);
        break;
    case BAD_KIND:
        (void)vocabulary_add(v, 7, 0, "a");
        break;
    case NAN_SCORE:
        nan /= nan;
        (void)vocabulary_add(v, TOKEN_NORMAL, nan, "a");
        break;
    case BAD_BYTE:
        (void)vocabulary_add(v, TOKEN_BYTE, 0, "<0x0g>");
        break;
    default:
        vocabulary_bytes(v);
        break;
    }
}

static void spoil_merges(struct vocabulary *v, enum table k)
{
    static const char *const second[TABLES_N] = {
        [MERGE_UNKNOWN] = "a zz",       [MERGE_GIVES] = "a b",
        [MERGE_CONTROL] = "< s",        [MERGE_LOOP] = "aa",
        [MERGE_EMPTY] = "a",            [MERGE_TWICE] = "a a"};

    for (unsigned b = 0; b < 256; b++) {
        vocabulary_letter(v, b);
    }
    (void)vocabulary_add(v, TOKEN_NORMAL, 0, "aa");
    (void)vocabulary_add(v, TOKEN_CONTROL, 0, "<s");
    vocabulary_merge(v, "a a");
    if (second[k] != NULL) {
        vocabulary_merge(v, second[k]);
    }
}

static int read_spoilt(struct vocabulary *v, enum table k, struct diag *d)
{
    int pairs = k >= NO_MERGES && k <= BAD_PRE;
    struct tokenizer *t = NULL;
    struct gguf_writer *w;
    int code;

    if (pairs) {
        spoil_merges(v, k);
    } else {
        for (size_t i = 0; i < 4; i++) {
            (void)vocabulary_add(v, TOKEN_CONTROL, 0,
                                 (const char *[]){"<unk>", "<s>", "</s>",
                                                  "<pad>"}[i]);
        }
        spoil_tokens(v, k);
        if (k == TWO_BYTES) {
            (void)vocabulary_add(v, TOKEN_BYTE, 0, "<0x41>");
        }
    }
    if (k == NO_MERGES || k == NO_TOKENS) {
        must(gguf_writer_new(&w));
        gguf_writer_string(w, "tokenizer.ggml.model",
                           k == NO_MERGES ? "gpt2" : "llama");
        if (k == NO_MERGES) {
            gguf_writer_array(w, "tokenizer.ggml.tokens", GGUF_STRING,
                              v->tokens_n, buf_bytes(&v->tokens));
        }
    } else {
        w = vocabulary_write(v, pairs ? "gpt2" : k == BAD_MODEL ? "bert" : "llama",
                             k == BAD_PRE ? "klingon" : NULL);
        v->tokens_n -= k == SHORT_KINDS;
        buf_truncate(&v->kinds, 4 * v->tokens_n);
        buf_truncate(&v->scores, 4 * v->tokens_n);
        vocabulary_kinds(v, w);
    }
    if (k == BAD_EOS) {
        gguf_writer_u32(w, "tokenizer.ggml.eos_token_id", 100000);
    }
    if (k == BOS_TYPE) {
        gguf_writer_u32(w, "tokenizer.ggml.add_bos_token", 1);
    }
    code = vocabulary_read(v, w, &t, d);
    tokenizer_free(t);
    return code;
}

static void hostile_tables(void **state)
{
    (void)state;
    for (int k = 0; k < TABLES_N; k++) {
        struct vocabulary v;
        struct diag d;
        int code;

        vocabulary_init(&v);
        code = read_spoilt(&v, (enum table)k, &d);
        if (code != (k == LONG ? ERR_LIMIT : ERR_INPUT) ||
            strstr(d.what, said[k]) == NULL) {
            fail_msg("table %d: %d \"%s\", expected \"%s\"", k, code, d.what,
                     said[k]);
        }
        vocabulary_release(&v);
    }
}

/* A megabyte of what joins most: a quadratic way would take minutes. */
static void long_texts(void **state)
{
    size_t n = 1u << 20;
    uint8_t *text = malloc(n);

    (void)state;
    assert_non_null(text);
    for (int spm = 0; spm < 2; spm++) {
        struct model_file f;
        struct tokenizer *t = random_one(spm, &f);

        for (int i = 0; i < 4; i++) {
            for (size_t k = 0; k < n; k++) {
                text[k] = (uint8_t)("e\n t"[i] + (i == 3 && k % 2 ? 'a' - 't' : 0));
            }
            same_back(t, (struct ubytes){text, n});
        }
        tokenizer_free(t);
        model_file_release(&f);
    }
    free(text);
}

/* Each rule's words put together are the text, for texts of every shape. */
static void words_cover(void **state)
{
    static const char *const names[] = {"default", "gpt-2",    "starcoder",
                                        "falcon",  "llama-bpe", "qwen2",
                                        "gpt-4o",  "tekken",   "minicpm5"};
    uint64_t s = 7;
    uint8_t text[512];

    (void)state;
    for (size_t i = 0; i < 2000; i++) {
        struct ubytes all = {text, random_text(&s, text, i % 100 + 1)};

        for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
            const struct pre_rule *rule = pre_rule_find(text_of(names[k]));
            struct pre_words w;
            struct ubytes word;
            size_t at = 0;

            assert_non_null(rule);
            pre_words_init(&w, rule, all);
            while (pre_words_next(&w, &word)) {
                assert_ptr_equal(word.p, text + at);
                assert_true(word.n > 0 && utf8_is_valid(word));
                at += word.n;
            }
            assert_int_equal(at, all.n);
        }
    }
    assert_null(pre_rule_find(text_of("klingon")));
    assert_null(pre_rule_find(text_of("")));
}

static void no_vocabulary(void **state)
{
    struct vocabulary v;
    struct tokenizer *t = (struct tokenizer *)&v;
    struct gguf_writer *w;
    struct diag d;

    (void)state;
    vocabulary_init(&v);
    must(gguf_writer_new(&w));
    gguf_writer_string(w, "tokenizer.ggml.model", "no_vocab");
    assert_int_equal(vocabulary_read(&v, w, &t, &d), 0);
    assert_null(t);
    vocabulary_release(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_planes),     cmocka_unit_test(random_texts),
        cmocka_unit_test(no_control),     cmocka_unit_test(joined_control),
        cmocka_unit_test(bad_text),       cmocka_unit_test(missing_byte),
        cmocka_unit_test(hostile_tables), cmocka_unit_test(long_texts),
        cmocka_unit_test(words_cover),    cmocka_unit_test(no_vocabulary),
    };

    return cmocka_run_group_tests_name("tokenizer", tests, NULL, NULL);
}
