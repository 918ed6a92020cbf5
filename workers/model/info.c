/* What a model file is. Runs in the model worker, over a file that may be
 * anything: what is quoted of it is cut and made printable. Everything that can be
 * done is tried, not guessed from names: weights are packed, the tokenizer is
 * made. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/diag.h"
#include "proto/err.h"
#include "proto/utf8.h"
#include "workers/model/command.h"
#include "workers/model/weights.h"
#include "workers/nn/mlp.h"
#include "workers/nn/panel.h"
#include "workers/nn/tokenizer.h"
#include "workers/nn/transformer.h"

#define TEXT_BYTES 256
#define LANE_SLACK 512u /* room for one batch of the usual size */

/* Room for one more element of a repeated field. */
static void *more(void *v, size_t n, size_t item_bytes)
{
    return realloc(v, (n + 1) * item_bytes);
}

static int set_text(char **out, struct ubytes text)
{
    char plain[TEXT_BYTES];

    utf8_escape(text, plain, sizeof(plain));
    *out = strdup(plain);
    return *out == NULL ? ERR_TRACE(ERR_NOMEM) : 0;
}

static int set_string(char **out, const char *text)
{
    return set_text(out, (struct ubytes){(const uint8_t *)text, strlen(text)});
}

static int add_can(Proctor__ModelInfo *m, const char *op)
{
    char **v = more(m->can, m->n_can, sizeof(*v));

    if (v == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    m->can = v;
    TRY(set_string(&v[m->n_can], op));
    m->n_can++;
    return 0;
}

static int add_lack(Proctor__ModelInfo *m, const char *what, const char *why)
{
    Proctor__ModelLack **v = more(m->lacks, m->n_lacks, sizeof(*v));
    Proctor__ModelLack *l;

    if (v == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    m->lacks = v;
    l = malloc(sizeof(*l));
    if (l == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    proctor__model_lack__init(l);
    v[m->n_lacks++] = l;
    TRY(set_string(&l->what, what));
    return set_string(&l->why, why);
}

static int add_number(Proctor__ModelInfo *m, const char *name, uint64_t value)
{
    Proctor__ModelNumber **v = more(m->shape, m->n_shape, sizeof(*v));
    Proctor__ModelNumber *x;

    if (v == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    m->shape = v;
    x = malloc(sizeof(*x));
    if (x == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    proctor__model_number__init(x);
    v[m->n_shape++] = x;
    x->value = value;
    return set_string(&x->name, name);
}

static int add_tensors(Proctor__ModelInfo *m, const char *type,
                       Proctor__ModelTensors **out)
{
    Proctor__ModelTensors **v = more(m->tensors, m->n_tensors, sizeof(*v));
    Proctor__ModelTensors *x;

    if (v == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    m->tensors = v;
    x = malloc(sizeof(*x));
    if (x == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    proctor__model_tensors__init(x);
    v[m->n_tensors++] = x;
    *out = x;
    return set_string(&x->type, type);
}

static int count_tensors(Proctor__ModelInfo *m, const struct gguf *g)
{
    for (uint32_t i = 0; i < g->tensors_n; i++) {
        const struct gguf_tensor *t = &g->tensors[i];
        const char *type = gguf_tensor_type_name(t->type);
        Proctor__ModelTensors *x = NULL;
        uint64_t n = 1;

        for (size_t k = 0; k < m->n_tensors; k++) {
            x = strcmp(m->tensors[k]->type, type) == 0 ? m->tensors[k] : x;
        }
        if (x == NULL) {
            TRY(add_tensors(m, type, &x));
        }
        for (uint32_t k = 0; k < t->dimensions_n; k++) {
            n *= t->dimensions[k]; /* fits: the file has the bytes */
        }
        x->tensors++;
        x->bytes += t->bytes;
        m->parameters += n;
    }
    return 0;
}

/* A failure that the file caused is a lack; others end the asking. */
static int note(Proctor__ModelInfo *m, const char *what, int code,
                const struct diag *d)
{
    if (code != 0 && d->code == 0) {
        return code == ERR_NOMEM
                   ? add_lack(m, what, "the worker's memory does not hold it")
                   : ERR_TRACE(code);
    }
    return code != 0 ? add_lack(m, what, d->what) : 0;
}

static int describe_perceptron(Proctor__ModelInfo *m, const struct gguf *g)
{
    struct mlp *p = NULL;
    struct diag d;
    int code;

    diag_init(&d);
    code = mlp_new(g, &p, &d);
    if (p != NULL) {
        code = set_string(&m->kind, "perceptron");
        code = code != 0 ? code : add_number(m, "inputs", mlp_inputs(p));
        code = code != 0 ? code : add_number(m, "outputs", mlp_outputs(p));
        code = code != 0 || mlp_members(p) == 1
                   ? code
                   : add_number(m, "members", mlp_members(p));
        code = code != 0 ? code : add_can(m, "model");
    }
    mlp_free(p);
    return note(m, "forward passes", code, &d);
}

static int describe_shape(Proctor__ModelInfo *m, const struct model *t)
{
    const struct model_shape *s = model_shape(t);
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {{"layers", s->layers},
                   {"width", s->width},
                   {"heads", s->heads},
                   {"kv_heads", s->kv_heads},
                   {"head_k", s->head_k},
                   {"head_v", s->head_v},
                   {"ffn", s->ffn},
                   {"experts", s->experts},
                   {"experts_used", s->experts_used},
                   {"vocab", s->vocab},
                   {"context", s->context},
                   {"window", s->window}};

    m->weight_bytes = model_weight_bytes(t);
    m->lane_bytes = cache_bytes(t, s->context, LANE_SLACK);
    TRY(set_string(&m->kind, "transformer"));
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        TRY(add_number(m, numbers[i].name, numbers[i].value));
    }
    return 0;
}

static int describe_transformer(Proctor__ModelInfo *m, const struct gguf *g,
                                uint32_t *out_vocab)
{
    struct model *t = NULL;
    struct diag d;
    int code;

    diag_init(&d);
    code = model_new(g, &t, &d);
    if (t != NULL) {
        *out_vocab = model_shape(t)->vocab;
        code = describe_shape(m, t);
    }
    model_free(t);
    return note(m, "forward passes", code, &d);
}

static int add_ends(Proctor__ModelTokens *x, const struct tokenizer *t)
{
    for (uint32_t id = 0; id < tokenizer_n(t) && x->n_ends < 64; id++) {
        if (tokenizer_is_end(t, id)) {
            uint32_t *v = more(x->ends, x->n_ends, sizeof(*v));

            if (v == NULL) {
                return ERR_TRACE(ERR_NOMEM);
            }
            x->ends = v;
            v[x->n_ends++] = id;
        }
    }
    return 0;
}

static int describe_tokens(Proctor__ModelInfo *m, const struct tokenizer *t)
{
    Proctor__ModelTokens *x = malloc(sizeof(*x));

    if (x == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    proctor__model_tokens__init(x);
    m->tokens = x;
    x->n = tokenizer_n(t);
    x->bos = tokenizer_bos(t) + 1; /* none becomes 0 */
    x->eos = tokenizer_eos(t) + 1;
    x->adds_bos = tokenizer_adds_bos(t);
    x->adds_space = tokenizer_adds_space(t);
    x->missing_bytes = tokenizer_missing_bytes(t);
    TRY(set_string(&x->rule, tokenizer_rule(t)));
    return add_ends(x, t);
}

/* vocab: rows of the model; 0: there is none. */
static int describe_text(Proctor__ModelInfo *m, const struct gguf *g,
                         uint32_t vocab)
{
    static const char *const ops[] = {"model.generate", "model.score",
                                      "model.logits", "model.classify"};
    struct tokenizer *t = NULL;
    char why[TEXT_BYTES];
    struct diag d;
    int code;

    diag_init(&d);
    code = tokenizer_new(g, &t, &d);
    if (code == 0 && t == NULL) {
        return vocab == 0 ? 0
                          : add_lack(m, "text",
                                     "the file has no tokenizer "
                                     "(tokenizer.ggml.model)");
    }
    if (code != 0) {
        return note(m, "text", code, &d);
    }
    code = describe_tokens(m, t);
    tokenizer_free(t);
    TRY(code);
    if (vocab != 0 && vocab != m->tokens->n) {
        (void)snprintf(why, sizeof(why),
                       "the tokenizer has %u tokens, the model %u",
                       m->tokens->n, vocab);
        return add_lack(m, "text", why);
    }
    if (m->tokens->missing_bytes > 0) {
        (void)snprintf(why, sizeof(why),
                       "%u of the 243 bytes of UTF-8 are no token",
                       m->tokens->missing_bytes);
        TRY(add_lack(m, "some texts", why));
    }
    if (gguf_pair(g, "tokenizer.chat_template") != NULL) {
        TRY(add_lack(m, "chat templates",
                     "tokenizer.chat_template is not applied: a prompt is "
                     "taken as it is"));
    }
    for (size_t i = 0; vocab != 0 && i < sizeof(ops) / sizeof(ops[0]); i++) {
        TRY(add_can(m, ops[i]));
    }
    return 0;
}

static int describe(Proctor__ModelInfo *m, const struct gguf *g)
{
    struct ubytes arch = gguf_string(g, "general.architecture");
    struct ubytes name = gguf_string(g, "general.name");
    uint32_t vocab = 0;

    TRY(set_text(&m->architecture, arch));
    TRY(set_text(&m->name, name));
    TRY(count_tensors(m, g));
    if (strcmp(m->architecture, "proctor-mlp") == 0) {
        TRY(describe_perceptron(m, g));
    } else {
        TRY(describe_transformer(m, g, &vocab));
    }
    return describe_text(m, g, vocab);
}

int command_info(const struct weights *w, Proctor__ModelInfo **out)
{
    Proctor__ModelInfo *m = malloc(sizeof(*m));

    if (m == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    proctor__model_info__init(m);
    *out = m;
    TRY(set_string(&m->routes, panels_routes()));
    return w == NULL ? 0 : describe(m, &w->gguf);
}
