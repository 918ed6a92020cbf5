/* The kinds mlp and linear. Runs in worker train. */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/train/net.h"
#include "workers/train/rows.h"

static const struct loc nowhere = {NULL, 0, 0};

/* What both kinds say. */
static void read_common(const Proctor__Recipe *r, struct net_shape *s)
{
    s->standardize = r->learner->standardize;
    s->seed = r->seed;
    s->weights_seed = r->learner->seed != 0 ? r->learner->seed : r->seed;
}

/* Outputs of a model whose recipe leaves them to the data. */
static uint32_t outputs_of(const Proctor__Learner *l, const struct rows *data)
{
    int is_sigmoid = l->output != NULL && strcmp(l->output, "sigmoid") == 0;

    return data->kind != ROWS_CLASSIFICATION       ? 1
           : is_sigmoid && data->classes <= 2      ? 1
                                                   : data->classes;
}

static int read_hidden(const Proctor__Learner *l, struct net_shape *s,
                       struct diag *d)
{
    struct ubytes name = {(const uint8_t *)l->activation,
                          l->activation == NULL ? 0 : strlen(l->activation)};

    s->hidden = ACTIVATION_RELU;
    if (name.n > 0 && (activation_find(name, &s->hidden) != 0 ||
                       s->hidden == ACTIVATION_SOFTMAX)) {
        (void)diag_set(d, ERR_INPUT, nowhere, "activation \"%s\" is unknown",
                       l->activation);
        diag_hint(d, "known: identity, relu, tanh, sigmoid, gelu");
        return ERR_INPUT;
    }
    return 0;
}

static int open_mlp(const Proctor__Recipe *r, const struct rows *data,
                    const struct ubytes *tokenizer_gguf, struct learner **out,
                    struct diag *d)
{
    const Proctor__Learner *l = r->learner;
    struct net_shape s = {0};

    (void)tokenizer_gguf;
    *out = NULL;
    if (l->n_layers < 2 || l->n_layers - 1 > MLP_LAYERS_MAX) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "a perceptron of %zu layers of units, expected 2 to %u",
                        l->n_layers, MLP_LAYERS_MAX + 1);
    }
    s.layers_n = (uint32_t)l->n_layers - 1;
    memcpy(s.sizes, l->layers, l->n_layers * sizeof(s.sizes[0]));
    if (s.sizes[0] == 0) {
        s.sizes[0] = data->width;
    }
    if (s.sizes[s.layers_n] == 0) {
        s.sizes[s.layers_n] = outputs_of(l, data);
    }
    s.dropout = l->dropout;
    TRY(read_hidden(l, &s, d));
    read_common(r, &s);
    return net_open(&learner_mlp, &s, r, data, out, d);
}

static int open_linear(const Proctor__Recipe *r, const struct rows *data,
                       const struct ubytes *tokenizer_gguf,
                       struct learner **out, struct diag *d)
{
    struct net_shape s = {.layers_n = 1,
                          .hidden = ACTIVATION_IDENTITY,
                          .l2 = r->learner->l2,
                          .spread = 0.01};

    (void)tokenizer_gguf;
    *out = NULL;
    s.sizes[0] = data->width;
    s.sizes[1] = outputs_of(r->learner, data);
    read_common(r, &s);
    return net_open(&learner_linear, &s, r, data, out, d);
}

#define NET_OPS(name, opens)                                                   \
    {                                                                          \
        .kind = name, .open = opens, .close = net_close,                       \
        .parameters_n = net_parameters_n, .outputs_n = net_outputs_n,          \
        .memory = net_memory, .start = net_start, .first = net_first,          \
        .decays = net_decays, .set = net_set, .gradient = net_gradient,        \
        .predict = net_predict, .load = net_load, .write = net_write           \
    }

const struct learner_ops learner_mlp = NET_OPS("mlp", open_mlp);
const struct learner_ops learner_linear = NET_OPS("linear", open_linear);
