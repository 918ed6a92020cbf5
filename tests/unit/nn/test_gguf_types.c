/* gguf_value.c and model_new: numbers of every kind are read as they are;
 * transformers whose keys, shapes or numbers are wrong are refused by name. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/nn/transformer_world.h"

/* A file of these pairs, written by the writer. */
static void test_values(void **state)
{
    const int32_t list[] = {1, -1, 3};
    struct model_file f = {0};
    struct gguf_writer *w;
    struct diag d;
    uint64_t v = 9;
    double real = 9;
    int flag = 9, ok;

    (void)state;
    assert_int_equal(gguf_writer_new(&w), 0);
    gguf_writer_u32(w, "u32", 4000000000u);
    gguf_writer_f32(w, "f32", 0.5f);
    gguf_writer_f32(w, "nan", NAN);
    gguf_writer_bool(w, "bool", 1);
    gguf_writer_string(w, "text", "12");
    gguf_writer_array(w, "list", GGUF_I32, 3,
                      (struct ubytes){(const uint8_t *)list, 12});
    assert_int_equal(gguf_writer_begin(w, model_file_sink, &f), 0);
    assert_int_equal(gguf_writer_end(w), 0);
    gguf_writer_free(w);
    diag_init(&d);
    assert_int_equal(model_file_open(&f, &d), 0);
    assert_int_equal(gguf_uint(&f.g, "none", &v), GGUF_E_ABSENT);
    assert_int_equal(gguf_uint(&f.g, "text", &v), GGUF_E_TYPE);
    assert_int_equal(gguf_uint(&f.g, "bool", &v), GGUF_E_TYPE);
    assert_int_equal(gguf_uint(&f.g, "list", &v), GGUF_E_TYPE);
    assert_int_equal(v, 9);
    assert_int_equal(gguf_uint(&f.g, "u32", &v), 0);
    assert_int_equal(v, 4000000000u);
    assert_int_equal(gguf_real(&f.g, "u32", &real), GGUF_E_TYPE);
    assert_int_equal(gguf_real(&f.g, "nan", &real), GGUF_E_TYPE);
    assert_int_equal(gguf_real(&f.g, "f32", &real), 0);
    assert_true(real == 0.5);
    assert_int_equal(gguf_bool(&f.g, "u32", &flag), GGUF_E_TYPE);
    assert_int_equal(gguf_bool(&f.g, "bool", &flag), 0);
    assert_int_equal(flag, 1);
    assert_int_equal(gguf_array_uint(gguf_pair(&f.g, "list"), 2, &ok), 3);
    assert_true(ok);
    (void)gguf_array_uint(gguf_pair(&f.g, "list"), 1, &ok);
    assert_false(ok);
    model_file_release(&f);
}

/* A model, written again with one thing changed. */
struct change {
    const char *arch;
    const char *drop_key; /* or the key whose value changes */
    const char *text;     /* its new value; NULL: number, if has_number */
    int has_number;
    uint32_t number;
    const char *drop_tensor;
    const char *add_tensor;
    const char *spoil_tensor; /* its last number becomes infinite */
    const char *what;         /* in the diagnosis */
};

static int is_named(struct ubytes name, const char *text)
{
    return text != NULL && name.n == strlen(text) &&
           memcmp(name.p, text, name.n) == 0;
}

static void put_pairs(struct gguf_writer *w, const struct gguf *g,
                      const struct change *c)
{
    for (uint32_t i = 0; i < g->pairs_n; i++) {
        if (!is_named(g->pairs[i].key, c->drop_key)) {
            gguf_writer_pair(w, &g->pairs[i]);
        }
    }
    if (c->text != NULL) {
        gguf_writer_string(w, c->drop_key, c->text);
    } else if (c->has_number) {
        gguf_writer_u32(w, c->drop_key, c->number);
    }
}

static void put_data(struct gguf_writer *w, const struct gguf_tensor *t,
                     const struct change *c)
{
    uint8_t *bytes = world_calloc(t->bytes, 1);

    memcpy(bytes, t->data, t->bytes);
    if (is_named(t->name, c->spoil_tensor)) {
        const uint16_t infinite = t->type == GGUF_TENSOR_F16 ? 0x7c00 : 0x7f80;

        memcpy(bytes + t->bytes - (t->type == GGUF_TENSOR_Q8_0 ? 34 : 2),
               t->type == GGUF_TENSOR_Q8_0 ? (const uint8_t *)"\0\x7c"
                                           : (const uint8_t *)&infinite,
               2);
    }
    assert_int_equal(gguf_writer_data(w, (struct ubytes){bytes, t->bytes}), 0);
    free(bytes);
}

static void change_file(const struct gguf *g, const struct change *c,
                        struct model_file *out)
{
    const uint64_t four = 4;
    const float zeros[4] = {0};
    struct gguf_writer *w;

    assert_int_equal(gguf_writer_new(&w), 0);
    put_pairs(w, g, c);
    for (uint32_t i = 0; i < g->tensors_n; i++) {
        char name[64] = "";

        memcpy(name, g->tensors[i].name.p, g->tensors[i].name.n);
        if (!is_named(g->tensors[i].name, c->drop_tensor)) {
            gguf_writer_tensor(w, name, g->tensors[i].type,
                               g->tensors[i].dimensions_n,
                               g->tensors[i].dimensions);
        }
    }
    if (c->add_tensor != NULL) {
        gguf_writer_tensor(w, c->add_tensor, GGUF_TENSOR_F32, 1, &four);
    }
    assert_int_equal(gguf_writer_begin(w, model_file_sink, out), 0);
    for (uint32_t i = 0; i < g->tensors_n; i++) {
        if (!is_named(g->tensors[i].name, c->drop_tensor)) {
            put_data(w, &g->tensors[i], c);
        }
    }
    if (c->add_tensor != NULL) {
        assert_int_equal(
            gguf_writer_data(w, (struct ubytes){(const uint8_t *)zeros, 16}),
            0);
    }
    assert_int_equal(gguf_writer_end(w), 0);
    gguf_writer_free(w);
}

static void check_change(const struct change *c, size_t type)
{
    struct model_init spec = world_spec(0, type);
    struct model_file f, changed = {0};
    struct model *m = NULL;
    struct diag d;
    int code;

    spec.arch = c->arch;
    spec.window = strcmp(c->arch, "gpt-oss") == 0 ? 16 : 0;
    assert_int_equal(model_file_make(&spec, &f, &d), 0);
    change_file(&f.g, c, &changed);
    assert_int_equal(model_file_open(&changed, &d), 0);
    code = model_new(&changed.g, &m, &d);
    if (c->what == NULL ? code != 0
                        : code >= 0 || strstr(d.what, c->what) == NULL) {
        fail_msg("%s: code %d, \"%s\", expected \"%s\"", c->arch, code, d.what,
                 c->what == NULL ? "" : c->what);
    }
    model_free(m);
    model_file_release(&f);
    model_file_release(&changed);
}

#define NUMBER(arch_, key, n, what_)                                           \
    {                                                                          \
        .arch = arch_, .drop_key = arch_ "." key, .has_number = 1,             \
        .number = n, .what = what_                                             \
    }

static void test_changed(void **state)
{
    static const struct change changes[] = {
        {.arch = "llama"}, /* written again, it is the same */
        {.arch = "llama",
         .drop_key = "general.architecture",
         .text = "mamba",
         .what = "general.architecture is \"mamba\""},
        {.arch = "llama",
         .drop_key = "llama.block_count",
         .what = "llama.block_count: the key is missing"},
        {.arch = "llama",
         .drop_key = "llama.attention.layer_norm_rms_epsilon",
         .what = "epsilon: the key is missing"},
        {.arch = "llama",
         .drop_key = "llama.context_length",
         .text = "long",
         .what = "context_length: expected a whole number"},
        NUMBER("llama", "block_count", 0, "block_count is 0"),
        NUMBER("llama", "block_count", 257, "block_count is 257"),
        NUMBER("llama", "block_count", 4, "tensor blk.3.attn_norm.weight"),
        NUMBER("llama", "block_count", 2, "tensor blk.2.attn_k.weight"),
        NUMBER("llama", "embedding_length", 64, "expected [64, 40"),
        NUMBER("llama", "embedding_length", 1u << 31, "embedding_length is"),
        NUMBER("llama", "vocab_size", 41, "expected [32, 41, 1]"),
        NUMBER("llama", "attention.head_count", 3, "a multiple of it"),
        NUMBER("llama", "attention.key_length", 0, "key_length is 0"),
        NUMBER("llama", "attention.value_length", 4, "blk.0.attn_v.weight"),
        NUMBER("llama", "rope.dimension_count", 7, "an even number"),
        NUMBER("llama", "rope.dimension_count", 10, "dimension_count is 10"),
        NUMBER("llama", "rope.dimension_count", 4, NULL),
        NUMBER("llama", "rope.freq_base", 10000, "expected a finite number"),
        NUMBER("llama", "expert_count", 6, "expected [32, 6, 1]"),
        NUMBER("llama", "expert_used_count", 6, "expert_used_count is 6"),
        NUMBER("llama", "expert_gating_func", 4, "expert_gating_func is 4"),
        NUMBER("llama", "expert_gating_func", 2, NULL),
        NUMBER("llama", "expert_shared_count", 1, "this is not run"),
        NUMBER("llama", "expert_shared_count", 0, NULL),
        NUMBER("llama", "attention.sliding_window", 8, "only gpt-oss"),
        NUMBER("llama", "attention.sliding_window", 256, NULL),
        NUMBER("qwen3moe", "expert_count", 0, "expert_count is 0"),
        NUMBER("gpt-oss", "attention.sliding_window", 1u << 30, "over"),
        NUMBER("gpt-oss", "attention.sliding_window", 0, NULL),
        NUMBER("gpt-oss", "attention.sliding_window_pattern", 0, NULL),
        {.arch = "gpt-oss",
         .drop_key = "gpt-oss.rope.scaling.type",
         .text = "longrope",
         .what = "expected none, linear or yarn"},
        {.arch = "gpt-oss",
         .drop_key = "gpt-oss.rope.scaling.factor",
         .what = "rope.scaling.factor: the key is missing"},
        {.arch = "olmoe",
         .drop_tensor = "blk.1.attn_q_norm.weight",
         .what = "tensor blk.1.attn_q_norm.weight is missing"},
        {.arch = "gpt-oss",
         .drop_tensor = "blk.2.ffn_down_exps.bias",
         .what = "tensor blk.2.ffn_down_exps.bias is missing"},
        {.arch = "llama", .drop_tensor = "output.weight"}, /* tied */
        {.arch = "llama",
         .add_tensor = "blk.0.attn_q.bias",
         .what = "tensor blk.0.attn_q.bias: llama models have none"},
        {.arch = "llama",
         .add_tensor = "rope_freqs.weight",
         .what = "a factor is not above 0"},
        {.arch = "qwen3moe",
         .spoil_tensor = "blk.1.ffn_norm.weight",
         .what = "tensor blk.1.ffn_norm.weight: a number is not finite"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_N(changes); i++) {
        check_change(&changes[i], 0);
    }
}

/* In every type a weight that is no number is found. */
static void test_not_finite(void **state)
{
    static const char *const tensors[] = {"token_embd.weight", "output.weight",
                                          "blk.0.attn_k.weight",
                                          "blk.2.ffn_down_exps.weight"};

    (void)state;
    for (size_t i = 0; i < 16; i++) {
        const struct change c = {.arch = "llama",
                                 .spoil_tensor = tensors[i / 4],
                                 .what = "a number is not finite"};

        check_change(&c, i % 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values),
                                       cmocka_unit_test(test_changed),
                                       cmocka_unit_test(test_not_finite)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
