/* gguf_write.c, model_init.c, model_vocab.c, model_quantize.c, narrow.c: what is
 * written is read again; the same seed gives the same bytes; types round as they
 * say; bad arguments are named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>

#include <cmocka.h>

#include "tests/unit/nn/model_file.h"
#include "workers/nn/narrow.h"

static const char *const archs[] = {"llama", "qwen3moe", "olmoe", "gpt-oss"};
static const enum gguf_tensor_type types[] = {
    GGUF_TENSOR_F32, GGUF_TENSOR_F16, GGUF_TENSOR_BF16, GGUF_TENSOR_Q8_0};

static void make(const struct model_init *spec, struct model_file *out)
{
    struct diag d;

    if (model_file_make(spec, out, &d) != 0) {
        fail_msg("%s: %s", spec->arch, d.what);
    }
}

static void expect_number(const struct model_file *f, const char *key,
                          uint64_t v)
{
    uint64_t got = UINT64_MAX;

    assert_int_equal(gguf_uint(&f->g, key, &got), 0);
    assert_int_equal(got, v);
}

static void test_made(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_N(archs); i++) {
        struct model_init spec = {.arch = archs[i], .seed = 7, .experts = 4};
        struct model_file a, b;
        char key[64];

        make(&spec, &a);
        make(&spec, &b);
        assert_int_equal(a.n, b.n);
        assert_int_equal(memcmp(a.bytes, b.bytes, a.n), 0);
        model_file_release(&b);
        spec.seed = 8;
        make(&spec, &b);
        assert_int_not_equal(memcmp(a.bytes + a.n / 2, b.bytes + a.n / 2,
                                    a.n / 2 < b.n / 2 ? a.n / 2 : b.n / 2),
                             0);
        model_file_release(&b);
        (void)snprintf(key, sizeof(key), "%s.expert_count", archs[i]);
        expect_number(&a, key, 4);
        assert_non_null(gguf_tensor(&a.g, "blk.1.ffn_down_exps.weight"));
        assert_non_null(gguf_tensor(&a.g, "output.weight"));
        assert_int_equal(gguf_pair(&a.g, "tokenizer.ggml.tokens")->n, 512);
        model_file_release(&a);
    }
}

static void test_dense_and_tied(void **state)
{
    struct model_init spec = {.arch = "llama", .tied = 1, .vocab = 40};
    struct model_file f;

    (void)state;
    make(&spec, &f);
    assert_null(gguf_tensor(&f.g, "output.weight"));
    assert_null(gguf_tensor(&f.g, "blk.0.ffn_gate_inp.weight"));
    assert_non_null(gguf_tensor(&f.g, "blk.0.ffn_gate.weight"));
    assert_memory_equal(gguf_string(&f.g, "tokenizer.ggml.model").p, "no_vocab",
                        8);
    model_file_release(&f);
}

static int compare_texts(const void *a, const void *b)
{
    const struct ubytes *x = a, *y = b;
    size_t n = x->n < y->n ? x->n : y->n;
    int order = memcmp(x->p, y->p, n);

    return order != 0 ? order : (x->n > y->n) - (x->n < y->n);
}

static void test_vocabulary(void **state)
{
    (void)state;
    for (int spm = 0; spm < 2; spm++) {
        struct model_init spec = {.arch = "llama",
                                  .layers = 1,
                                  .width = 2,
                                  .heads = 1,
                                  .ffn = 1,
                                  .vocab = 30000,
                                  .spm = spm};
        const struct gguf_pair *p;
        struct ubytes *all;
        struct model_file f;
        uint64_t off = 0;

        make(&spec, &f);
        p = gguf_pair(&f.g, "tokenizer.ggml.tokens");
        assert_int_equal(p->n, 30000);
        all = calloc(p->n, sizeof(*all));
        assert_non_null(all);
        for (uint64_t i = 0; i < p->n; i++) {
            all[i] = gguf_next_string(p, &off);
            assert_true(all[i].n > 0);
        }
        assert_null(gguf_next_string(p, &off).p);
        assert_memory_equal(all[spm ? 3 : 258].p, "<|fact|>", 8);
        qsort(all, p->n, sizeof(*all), compare_texts);
        for (uint64_t i = 1; i < p->n; i++) {
            assert_int_not_equal(compare_texts(&all[i - 1], &all[i]), 0);
        }
        free(all);
        model_file_release(&f);
    }
}

static const struct gguf_tensor *tensor(const struct model_file *f,
                                        const struct gguf_tensor *like)
{
    char name[64] = "";

    memcpy(name, like->name.p, like->name.n);
    return gguf_tensor(&f->g, name);
}

/* What quantising writes is what making the model in that type writes. */
static void test_quantized(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_N(archs) * ARRAY_N(types); i++) {
        struct model_init spec = {.arch = archs[i / 4], .seed = i};
        struct model_file plain, made, turned = {0};
        struct diag d;
        uint64_t bytes;

        make(&spec, &plain);
        spec.type = types[i % 4];
        make(&spec, &made);
        diag_init(&d);
        assert_int_equal(model_quantize(&plain.g, spec.type, UINT64_MAX,
                                        model_file_sink, &turned, &bytes, &d),
                         0);
        assert_int_equal(bytes, turned.n);
        assert_int_equal(model_file_open(&turned, &d), 0);
        assert_int_equal(turned.g.pairs_n, made.g.pairs_n);
        assert_int_equal(turned.g.tensors_n, made.g.tensors_n);
        for (uint32_t t = 0; t < made.g.tensors_n; t++) {
            const struct gguf_tensor *want = &made.g.tensors[t];
            const struct gguf_tensor *got = tensor(&turned, want);

            assert_non_null(got);
            assert_int_equal(got->type, want->type);
            assert_memory_equal(got->dimensions, want->dimensions, 32);
            assert_int_equal(memcmp(got->data, want->data, want->bytes), 0);
        }
        assert_int_equal(model_quantize(&plain.g, spec.type, bytes - 1,
                                        model_file_sink, &turned, &bytes, &d),
                         ERR_LIMIT);
        model_file_release(&plain);
        model_file_release(&made);
        model_file_release(&turned);
    }
}

static void test_refused(void **state)
{
    static const struct {
        struct model_init spec;
        int code;
        const char *what;
    } cases[] = {
        {{.arch = "mamba"}, ERR_INPUT, "mamba"},
        {{.arch = "llama", .layers = 257}, ERR_LIMIT, "layers is 257"},
        {{.arch = "llama", .heads = 3, .kv_heads = 2}, ERR_INPUT, "3 heads"},
        {{.arch = "llama", .head = 7}, ERR_INPUT, "of 7"},
        {{.arch = "llama", .window = 8}, ERR_INPUT, "no sliding window"},
        {{.arch = "olmoe", .heads = 4, .kv_heads = 2}, ERR_INPUT, "2 for keys"},
        {{.arch = "olmoe", .head = 8}, ERR_INPUT, "width 64"},
        {{.arch = "olmoe", .tied = 1}, ERR_INPUT, "output tensor"},
        {{.arch = "gpt-oss", .tied = 1}, ERR_INPUT, "output tensor"},
        {{.arch = "olmoe", .experts = 2, .experts_used = 3},
         ERR_LIMIT,
         "experts_used is 3"},
        {{.arch = "llama", .width = 48, .type = GGUF_TENSOR_Q8_0},
         ERR_INPUT,
         "blocks of 32"},
        {{.arch = "llama", .type = (enum gguf_tensor_type)2},
         ERR_INPUT,
         "type 2"},
        {{.arch = "llama", .vocab = (1u << 20) + 1}, ERR_LIMIT, "vocab"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_N(cases); i++) {
        struct model_file f;
        struct diag d;
        int code = model_file_make(&cases[i].spec, &f, &d);

        if (code != cases[i].code || strstr(d.what, cases[i].what) == NULL) {
            fail_msg("%zu: %d \"%s\"", i, code, d.what);
        }
        assert_int_equal(f.n, 0); /* nothing was written */
        model_file_release(&f);
    }
}

/* Every half; and the middle between neighbours goes to the even one. */
static void test_halves(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 0x10000; h++) {
        uint16_t half = (uint16_t)h, back, next = (uint16_t)(h + 1);
        float v, w, middle;

        widen_floats(GGUF_TENSOR_F16, &half, 1, &v);
        narrow_floats(GGUF_TENSOR_F16, &v, 1, &back);
        if (isnan(v)) {
            assert_int_equal(back & 0x7fff, 0x7e00);
            continue;
        }
        assert_int_equal(back, half);
        if ((h & 0x7fff) >= 0x7bff) {
            continue;
        }
        widen_floats(GGUF_TENSOR_F16, &next, 1, &w);
        middle = v + (w - v) / 2;
        narrow_floats(GGUF_TENSOR_F16, &middle, 1, &back);
        assert_int_equal(back, (h & 1) == 0 ? half : next);
        middle = nextafterf(middle, w);
        narrow_floats(GGUF_TENSOR_F16, &middle, 1, &back);
        assert_int_equal(back, next);
    }
}

static void test_other_types(void **state)
{
    static const struct {
        float v;
        uint16_t bf16;
    } brains[] = {{1.0f, 0x3f80},
                  {0x1.01p0f, 0x3f80},     /* the middle: even */
                  {0x1.03p0f, 0x3f82},     /* the middle: even */
                  {0x1.010002p0f, 0x3f81}, /* above it */
                  {-0x1.fffffep127f, 0xff80} /* beyond: infinity */};
    float x[32] = {0}, y[32];
    uint8_t block[34];

    (void)state;
    for (size_t i = 0; i < ARRAY_N(brains); i++) {
        uint16_t got;

        narrow_floats(GGUF_TENSOR_BF16, &brains[i].v, 1, &got);
        assert_int_equal(got, brains[i].bf16);
    }
    narrow_floats(GGUF_TENSOR_Q8_0, x, 32, block);
    widen_floats(GGUF_TENSOR_Q8_0, block, 32, y);
    assert_memory_equal(x, y, sizeof(x));
    x[0] = -254.0f; /* scale 2 */
    x[1] = 5.0f;    /* 2.5: away from zero */
    x[2] = -5.0f;
    x[3] = 4.9f;
    narrow_floats(GGUF_TENSOR_Q8_0, x, 32, block);
    assert_int_equal((int8_t)block[2], -127);
    assert_int_equal((int8_t)block[3], 3);
    assert_int_equal((int8_t)block[4], -3);
    assert_int_equal((int8_t)block[5], 2);
    widen_floats(GGUF_TENSOR_Q8_0, block, 32, y);
    assert_true(y[0] == -254.0f && y[1] == 6.0f && y[4] == 0.0f);
}

static int full_sink(void *ctx, struct ubytes b)
{
    size_t *left = ctx;

    if (b.n > *left) {
        return ERR_SPACE;
    }
    *left -= b.n;
    return 0;
}

/* The writer: sizes are checked, a sink's error stays. */
static void test_writer(void **state)
{
    const uint64_t two[] = {2, 3}, odd[] = {33, 2};
    const uint8_t bytes[24] = {0};
    struct gguf_writer *w;
    size_t room = 100000;

    (void)state;
    assert_int_equal(gguf_writer_new(&w), 0);
    gguf_writer_tensor(w, "a", GGUF_TENSOR_F32, 2, two);
    assert_int_equal(gguf_writer_begin(w, full_sink, &room), 0);
    assert_int_equal(gguf_writer_data(w, (struct ubytes){bytes, 20}), 0);
    assert_int_equal(gguf_writer_data(w, (struct ubytes){bytes, 5}), ERR_INPUT);
    assert_int_equal(gguf_writer_end(w), ERR_INPUT);
    gguf_writer_free(w);

    assert_int_equal(gguf_writer_new(&w), 0);
    gguf_writer_tensor(w, "a", GGUF_TENSOR_F32, 2, two);
    assert_int_equal(gguf_writer_begin(w, full_sink, &room), 0);
    assert_int_equal(gguf_writer_end(w), ERR_INPUT); /* bytes are missing */
    gguf_writer_free(w);

    assert_int_equal(gguf_writer_new(&w), 0);
    gguf_writer_tensor(w, "a", GGUF_TENSOR_Q8_0, 2, odd);
    assert_int_equal(gguf_writer_bytes(w), 0);
    assert_int_equal(gguf_writer_begin(w, full_sink, &room), ERR_INPUT);
    gguf_writer_free(w);

    for (size_t cut = 0; cut < 128; cut++) {
        room = cut;
        assert_int_equal(gguf_writer_new(&w), 0);
        gguf_writer_u32(w, "k", 1);
        gguf_writer_tensor(w, "a", GGUF_TENSOR_F32, 2, two);
        assert_int_equal(gguf_writer_bytes(w), 128);
        (void)!gguf_writer_begin(w, full_sink, &room);
        (void)!gguf_writer_data(w, (struct ubytes){bytes, 24});
        assert_int_equal(gguf_writer_end(w), ERR_SPACE);
        gguf_writer_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_made),
                                       cmocka_unit_test(test_dense_and_tied),
                                       cmocka_unit_test(test_vocabulary),
                                       cmocka_unit_test(test_quantized),
                                       cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_halves),
                                       cmocka_unit_test(test_other_types),
                                       cmocka_unit_test(test_writer)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
