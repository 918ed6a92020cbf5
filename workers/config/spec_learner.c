/* The model of a recipe: linear, mlp, transformer. Runs in the confined `config`
 * worker. Whether a shape fits the data is the train worker's to say. */
#include "workers/config/spec_recipe.h"

#include <string.h>

#include "proto/limits.h"

enum learner_kind { LINEAR, MLP, TRANSFORMER, LEARNERS_N };

enum {
    M_KIND,
    M_LAYERS,
    M_SIZES,
    M_ACTIVATION,
    M_OUTPUT,
    M_DROPOUT,
    M_STANDARDIZE,
    M_CLOSED_FORM,
    M_L2,
    M_ARCH,
    M_BLOCKS,
    M_WIDTH,
    M_HEADS,
    M_KV_HEADS,
    M_FFN,
    M_EXPERTS,
    M_EXPERTS_USED,
    M_BALANCE,
    M_TIED,
    M_SEED,
    M_N
};

#define OF(k) (1u << (k))

static const struct recipe_key keys[M_N] = {
    {"kind", OF(LINEAR) | OF(MLP) | OF(TRANSFORMER)},
    {"layers", OF(MLP)},
    {"sizes", OF(MLP)},
    {"activation", OF(MLP)},
    {"output", OF(MLP)},
    {"dropout", OF(MLP)},
    {"standardize", OF(LINEAR) | OF(MLP)},
    {"closed_form", OF(LINEAR)},
    {"l2", OF(LINEAR)},
    {"arch", OF(TRANSFORMER)},
    {"blocks", OF(TRANSFORMER)},
    {"width", OF(TRANSFORMER)},
    {"heads", OF(TRANSFORMER)},
    {"kv_heads", OF(TRANSFORMER)},
    {"ffn", OF(TRANSFORMER)},
    {"experts", OF(TRANSFORMER)},
    {"experts_used", OF(TRANSFORMER)},
    {"balance", OF(TRANSFORMER)},
    {"tied", OF(TRANSFORMER)},
    {"seed", OF(LINEAR) | OF(MLP) | OF(TRANSFORMER)}};

/* layers: the hidden ones; sizes: the ends too. Both become all of them, 0 for an
 * end that follows from the data. */
static int read_layers(struct config *c, const struct yaml_node *const v[M_N],
                       Proctor__Learner *m)
{
    uint32_t *hidden = NULL;
    size_t n = 0;

    if (v[M_LAYERS] && v[M_SIZES]) {
        config_fail(c, v[M_SIZES]->key, "both \"layers\" and \"sizes\" are "
                                        "given");
        config_hint(c, "layers lists the hidden ones, sizes all of them");
        return ERR_INPUT;
    }
    if (v[M_SIZES]) {
        TRY(member_u32s(c, v[M_SIZES], "sizes",
                        (struct member_whole){RECIPE_LAYERS_MAX + 2, 1,
                                              RECIPE_WIDTH_MAX},
                        &m->layers, &m->n_layers));
        if (m->n_layers < 2) {
            config_enter(c, "sizes");
            return schema_expected(c, v[M_SIZES],
                                   "at least inputs and outputs");
        }
        return 0;
    }
    TRY(member_u32s(
        c, v[M_LAYERS], "layers",
        (struct member_whole){RECIPE_LAYERS_MAX, 1, RECIPE_WIDTH_MAX}, &hidden,
        &n));
    m->layers = arena_array(&c->reply, n + 2, sizeof(*m->layers));
    if (!m->layers) {
        return ERR_NOMEM;
    }
    if (n > 0) {
        memcpy(m->layers + 1, hidden, n * sizeof(*hidden));
    }
    m->n_layers = n + 2;
    return 0;
}

static int read_mlp(struct config *c, const struct yaml_node *const v[M_N],
                    Proctor__Learner *m)
{
    static const char *const activations[] = {"relu", "tanh", "sigmoid", "gelu",
                                              "identity"};
    static const char *const outputs[] = {"identity", "sigmoid", "softmax"};

    TRY(read_layers(c, v, m));
    m->activation = recipe_text(c, "relu");
    if (!m->activation) {
        return ERR_NOMEM;
    }
    TRY(member_word_text(c, v[M_ACTIVATION], "activation", activations,
                         ARRAY_N(activations), &m->activation));
    TRY(member_word_text(c, v[M_OUTPUT], "output", outputs, ARRAY_N(outputs),
                         &m->output));
    TRY(member_number(c, v[M_DROPOUT], "dropout",
                      (struct member_range){0, 1, 0, 1}, &m->dropout));
    return member_flag(c, v[M_STANDARDIZE], "standardize", &m->standardize);
}

static int read_linear(struct config *c, const struct yaml_node *const v[M_N],
                       Proctor__Learner *m)
{
    m->closed_form = 1;
    TRY(member_flag(c, v[M_CLOSED_FORM], "closed_form", &m->closed_form));
    TRY(member_number(c, v[M_L2], "l2",
                      (struct member_range){0, RECIPE_RATE_MAX, 0, 0}, &m->l2));
    return member_flag(c, v[M_STANDARDIZE], "standardize", &m->standardize);
}

static int check_transformer(struct config *c, const struct yaml_node *n,
                             const struct yaml_node *const v[M_N],
                             const Proctor__Learner *m)
{
    if (m->width % m->heads != 0 || m->width / m->heads % 2 != 0) {
        config_fail(c, v[M_WIDTH] ? v[M_WIDTH] : n,
                    "width %u does not divide into %u heads of even width",
                    m->width, m->heads);
        config_hint(c, "for example width: 128, heads: 4");
        return ERR_INPUT;
    }
    if (m->heads % m->kv_heads != 0) {
        config_fail(c, v[M_KV_HEADS] ? v[M_KV_HEADS] : n,
                    "%u heads cannot share %u kv_heads", m->heads, m->kv_heads);
        config_hint(c, "kv_heads divides heads");
        return ERR_INPUT;
    }
    if (m->experts_used > m->experts) {
        config_fail(c, v[M_EXPERTS_USED] ? v[M_EXPERTS_USED] : n,
                    "%u experts_used of %u experts", m->experts_used,
                    m->experts);
        config_hint(c, "say experts: N with N >= experts_used, or leave "
                       "experts_used out");
        return ERR_INPUT;
    }
    return 0;
}

static int read_transformer(struct config *c, const struct yaml_node *n,
                            const struct yaml_node *const v[M_N],
                            Proctor__Learner *m)
{
    static const char *const archs[] = {"llama", "qwen3moe", "olmoe",
                                        "gpt-oss"};

    m->blocks = 2;
    m->width = 64;
    m->heads = 4;
    TRY(member_u32(c, v[M_BLOCKS], "blocks", 1, LIMIT_LAYERS, &m->blocks));
    TRY(member_u32(c, v[M_WIDTH], "width", 2, RECIPE_WIDTH_MAX, &m->width));
    TRY(member_u32(c, v[M_HEADS], "heads", 1, 1024, &m->heads));
    m->kv_heads = m->heads;
    TRY(member_u32(c, v[M_KV_HEADS], "kv_heads", 1, 1024, &m->kv_heads));
    TRY(member_u32(c, v[M_EXPERTS], "experts", 0, 4096, &m->experts));
    m->experts_used = m->experts < 2 ? m->experts : 2;
    m->ffn = m->experts > 0 ? m->width * 2 : m->width * 4;
    m->balance = m->experts > 0 ? 0.01 : 0;
    TRY(member_u32(c, v[M_FFN], "ffn", 1, 1u << 20, &m->ffn));
    TRY(member_u32(c, v[M_EXPERTS_USED], "experts_used", 1, 4096,
                   &m->experts_used));
    TRY(member_number(c, v[M_BALANCE], "balance",
                      (struct member_range){0, 100, 0, 0}, &m->balance));
    TRY(member_flag(c, v[M_TIED], "tied", &m->tied));
    m->arch = recipe_text(c, m->experts > 0 ? "olmoe" : "llama");
    if (!m->arch) {
        return ERR_NOMEM;
    }
    TRY(member_word_text(c, v[M_ARCH], "arch", archs, ARRAY_N(archs),
                         &m->arch));
    return check_transformer(c, n, v, m);
}

int recipe_learner(struct config *c, const struct yaml_node *n,
                   Proctor__Learner **out)
{
    static const char *const kinds[LEARNERS_N] = {"linear", "mlp",
                                                  "transformer"};
    const struct yaml_node *v[M_N];
    Proctor__Learner *m = arena_get(&c->reply, sizeof(*m));
    size_t kind = 0;

    if (!m) {
        return ERR_NOMEM;
    }
    proctor__learner__init(m);
    config_enter(c, "model");
    TRY(recipe_kind(c, n, kinds, LEARNERS_N, &kind));
    TRY(recipe_map(c, n, keys, M_N, kind, kinds[kind], v));
    if (kind == MLP) {
        TRY(read_mlp(c, v, m));
    } else if (kind == LINEAR) {
        TRY(read_linear(c, v, m));
    } else {
        TRY(read_transformer(c, n, v, m));
    }
    TRY(member_uint(c, v[M_SEED], "seed", 0, UINT64_MAX, &m->seed));
    m->seeded = v[M_SEED] != NULL;
    config_leave(c);
    m->kind = recipe_text(c, kinds[kind]);
    *out = m;
    return m->kind ? 0 : ERR_NOMEM;
}
