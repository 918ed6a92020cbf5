/* The model of an experiment. Runs in the confined `config` worker. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "proto/limits.h"
#include "workers/config/experiment_int.h"
#include "workers/config/spec_recipe.h"

/* Names begin with these; what can run is one of them. */
static const char *const known[] = {
    "linear_regression", "mlp",          "transformer", "resnet", "vgg",
    "mobilenet",         "efficientnet", "custom"};

enum {
    M_NAME,
    M_ARCHITECTURE,
    M_PARAMS,
    M_N
};

static const struct exp_field model_fields[M_N] = {
    {"name", X_TEXT, X_REQUIRED, 0, 0, 0, 0, NULL, 0},
    {"architecture", X_ANY, X_NULL, 0, 0, 0, 0, NULL, 0},
    {"params", X_MAP, 0, 0, 0, 0, 0, NULL, 0}};

enum {
    P_SEED,
    P_TYPE,
    P_GRADIENT,
    P_L2,
    P_SIZES,
    P_ACTIVATION,
    P_OUTPUT,
    P_DROPOUT,
    P_STANDARDIZE,
    P_N
};

#define BOTH (MODEL_LINEAR | MODEL_MLP)
#define ALL (BOTH | MODEL_TRANSFORMER)
static const char *const activations[] = {"relu", "tanh", "sigmoid"};
static const char *const outputs[] = {"sigmoid", "softmax"};
static const char *const types[] = {"linear_regression", "mlp"};

static const struct exp_field params[P_N] = {
    {"seed", X_UINT, X_NULL, ALL, 0, UINT32_MAX, 0, NULL, 0},
    {"type", X_WORD, 0, BOTH, 0, 0, 0, types, ARRAY_N(types)},
    {"use_gradient_descent", X_BOOL, 0, MODEL_LINEAR, 0, 0, 0, NULL, 0},
    {"l2_regularization", X_NUMBER, 0, MODEL_LINEAR, 0, 0, 0, NULL, 0},
    {"layer_sizes", X_UINTS, X_REQUIRED, MODEL_MLP, 1, RECIPE_WIDTH_MAX, 0,
     NULL, 0},
    {"activation", X_WORD, 0, MODEL_MLP, 0, 0, 0, activations,
     ARRAY_N(activations)},
    {"output_activation", X_WORD, X_NULL, MODEL_MLP, 0, 0, 0, outputs,
     ARRAY_N(outputs)},
    {"dropout", X_NUMBER, 0, MODEL_MLP, 0, 0, 0, NULL, 0},
    {"standardize", X_BOOL, 0, BOTH, 0, 0, 0, NULL, 0}};

static int put(struct config *c, struct yaml_node *map, const char *key,
               struct yaml_node *value)
{
    return build_add(c, map, key, value) ? 0 : ERR_NOMEM;
}

/* A value of both the model and config.json, under their names for it. */
static int put_both(struct config *c, struct experiment *e, const char *key,
                    const char *param, struct yaml_node *value)
{
    struct yaml_node *copy = value ? build_copy(c, value) : NULL;

    TRY(put(c, e->learner, key, value));
    return put(c, e->model_params, param, copy);
}

static int read_linear(struct exp_reader *r, const struct exp_value *v,
                       struct experiment *e)
{
    struct config *c = r->c;

    e->is_closed = !v[P_GRADIENT].b;
    e->parameters = e->features > 0 ? e->features + 1 : 0;
    if (e->kind == PROCTOR__DATA_KIND__DATA_NONE) {
        e->kind = PROCTOR__DATA_KIND__DATA_REGRESSION;
    }
    if (e->kind != PROCTOR__DATA_KIND__DATA_REGRESSION) {
        return exp_fail(r, NULL, NULL, "name: mlp, with output_activation: "
                                       "softmax",
                        "a linear regression of classes");
    }
    TRY(put(c, e->learner, "closed_form", build_bool(c, e->is_closed)));
    TRY(put(c, e->model_params, "use_gradient_descent",
            build_bool(c, v[P_GRADIENT].b)));
    return put_both(c, e, "l2", "l2_regularization",
                    build_number(c, v[P_L2].n ? v[P_L2].f : 0));
}

static uint64_t size_at(const struct yaml_node *sizes, size_t i)
{
    const struct yaml_node *s = sizes->first;
    uint64_t v = 0;

    while (i > 0) {
        s = s->next;
        i--;
    }
    for (const char *d = s->text; *d >= '0' && *d <= '9'; d++) {
        v = v * 10 + (uint64_t)(*d - '0');
    }
    return v;
}

/* The last layer against what the labels are. */
static int check_outputs(struct exp_reader *r, const struct exp_value *v,
                         const struct experiment *e, uint64_t last)
{
    const struct yaml_node *at = v[P_SIZES].n;
    int is_softmax = v[P_OUTPUT].s && strcmp(v[P_OUTPUT].s, "softmax") == 0;

    if (e->kind == PROCTOR__DATA_KIND__DATA_REGRESSION) {
        return last == 1 ? 0
                         : exp_fail(r, at, "params.layer_sizes",
                                    "the last layer has one unit",
                                    "%llu outputs for targets of width 1",
                                    (unsigned long long)last);
    }
    if (is_softmax && e->classes > last) {
        return exp_fail(r, at, "params.layer_sizes",
                        "the last layer has one unit for each class",
                        "%llu classes for %llu outputs",
                        (unsigned long long)e->classes,
                        (unsigned long long)last);
    }
    if (is_softmax && e->classes > 0 && e->classes < last) {
        return exp_warn(r, at, "layer_sizes: %llu outputs for %llu classes: "
                               "the others are never right",
                        (unsigned long long)last,
                        (unsigned long long)e->classes);
    }
    if (!is_softmax && last != 1 && e->is_harness) {
        return exp_fail(r, at, "params.layer_sizes",
                        "say output_activation: softmax, or one output",
                        "labels have one column, the output layer %llu",
                        (unsigned long long)last);
    }
    if (!is_softmax && last == 1 && e->classes > 2) {
        return exp_fail(r, at, "params.layer_sizes",
                        "say output_activation: softmax and an output for each "
                        "class",
                        "one output cannot tell %llu classes apart",
                        (unsigned long long)e->classes);
    }
    if (!v[P_OUTPUT].s && last == 1 && !e->is_harness) {
        return exp_fail(r, at, "params.output_activation",
                        "say output_activation: sigmoid",
                        "one output of no activation is no class");
    }
    return 0;
}

static int check_sizes(struct exp_reader *r, const struct exp_value *v,
                       struct experiment *e)
{
    const struct yaml_node *sizes = v[P_SIZES].n;
    uint64_t before;

    if (!sizes) {
        return 0;
    }
    if (sizes->n < 2 || sizes->n > RECIPE_LAYERS_MAX + 2) {
        return exp_fail(r, sizes, "params.layer_sizes",
                        "inputs first, outputs last: [20, 10, 2]",
                        "expected 2 to %u sizes, got %u",
                        RECIPE_LAYERS_MAX + 2, sizes->n);
    }
    before = size_at(sizes, 0);
    e->parameters = 0;
    for (size_t i = 1; i < sizes->n; i++) {
        e->parameters += (before + 1) * size_at(sizes, i);
        before = size_at(sizes, i);
    }
    if (e->features > 0 && size_at(sizes, 0) != e->features) {
        TRY(exp_fail(r, sizes, "params.layer_sizes",
                     "the first size is the number of features",
                     "%llu inputs for data of %llu features",
                     (unsigned long long)size_at(sizes, 0),
                     (unsigned long long)e->features));
    }
    return check_outputs(r, v, e, before);
}

static int read_mlp(struct exp_reader *r, const struct exp_value *v,
                    struct experiment *e)
{
    struct config *c = r->c;
    const char *output = v[P_OUTPUT].s;

    if (e->kind == PROCTOR__DATA_KIND__DATA_NONE) {
        e->kind = output ? PROCTOR__DATA_KIND__DATA_CLASSIFICATION
                         : PROCTOR__DATA_KIND__DATA_REGRESSION;
    }
    TRY(check_sizes(r, v, e));
    if (v[P_SIZES].n) {
        TRY(put_both(c, e, "sizes", "layer_sizes",
                     build_copy(c, v[P_SIZES].n)));
    }
    TRY(put_both(c, e, "activation", "activation",
                 build_text(c, v[P_ACTIVATION].s ? v[P_ACTIVATION].s
                                                 : "relu")));
    TRY(put(c, e->model_params, "output_activation",
            output ? build_text(c, output) : build_null(c)));
    TRY(put(c, e->learner, "output",
            build_text(c, output ? output : "identity")));
    if (v[P_DROPOUT].n && !(v[P_DROPOUT].f < 1)) {
        TRY(exp_fail(r, v[P_DROPOUT].n, "params.dropout", "",
                     "expected a share below 1"));
    }
    return v[P_DROPOUT].n ? put_both(c, e, "dropout", "dropout",
                                     build_number(c, v[P_DROPOUT].f))
                          : 0;
}

/* The keys of a graph's transformer, read by the reader of graphs. */
static int read_transformer(struct exp_reader *r, const struct yaml_node *n,
                            struct experiment *e)
{
    struct config *c = r->c;
    Proctor__Learner *unused = NULL;

    if (e->kind != PROCTOR__DATA_KIND__DATA_TEXT) {
        return exp_fail(r, NULL, NULL, "dataset: {name: text, path: FILE}",
                        "a transformer learns from text only");
    }
    for (const struct yaml_node *p = n ? n->first : NULL; p; p = p->next) {
        TRY(put_both(c, e, p->key->text, p->key->text, build_copy(c, p)));
    }
    KEEP(r, recipe_learner(c, e->learner, &unused));
    return 0;
}

static int read_params(struct exp_reader *r, const struct yaml_node *n,
                       struct experiment *e)
{
    static const char *const words[] = {[MODEL_LINEAR] = "linear",
                                        [MODEL_MLP] = "mlp",
                                        [MODEL_TRANSFORMER] = "transformer"};
    struct config *c = r->c;
    struct exp_value v[P_N];
    int is_transformer = e->model_kind == MODEL_TRANSFORMER;

    TRY(put(c, e->learner, "kind", build_text(c, words[e->model_kind])));
    if (is_transformer) {
        return read_transformer(r, n, e);
    }
    config_enter(c, "params");
    TRY(exp_fields(r, n, params, P_N, e->model_kind, v));
    config_leave(c);
    if (!n && e->model_kind == MODEL_MLP) {
        TRY(exp_fail(r, NULL, "params", "for example layer_sizes: [20, 10, 2]",
                     "missing required field \"layer_sizes\""));
    }
    if (e->kind == PROCTOR__DATA_KIND__DATA_TEXT) {
        return exp_fail(r, NULL, NULL, "name: transformer",
                        "text is learnt by a transformer only");
    }
    if (v[P_TYPE].s) { /* of a custom model */
        TRY(put(c, e->model_params, "type", build_text(c, v[P_TYPE].s)));
    }
    if (v[P_SEED].n || e->is_harness) {
        TRY(put_both(c, e, "seed", "seed",
                     build_uint(c, v[P_SEED].n ? v[P_SEED].u : 42)));
    }
    if (v[P_STANDARDIZE].n) {
        TRY(put_both(c, e, "standardize", "standardize",
                     build_bool(c, v[P_STANDARDIZE].b)));
    }
    return e->model_kind == MODEL_MLP ? read_mlp(r, v, e)
                                      : read_linear(r, v, e);
}

static int fail_name(struct exp_reader *r, const struct exp_value *name)
{
    const char *nearest = diag_nearest(name->s, known, ARRAY_N(known));

    return exp_fail(r, name->n, "name",
                    "linear_regression, mlp, transformer, or a name that "
                    "begins with resnet, vgg, mobilenet, efficientnet or custom",
                    "\"%.60s\" is no model's name%s%s%s", name->s,
                    nearest ? "; did you mean \"" : "", nearest ? nearest : "",
                    nearest ? "\"?" : "");
}

/* Which model a name stands for; 0: one that is not here. */
static enum exp_model kind_of(const char *name, const struct yaml_node *type)
{
    if (strcasecmp(name, "custom") == 0 && type && type->kind == YAML_SCALAR) {
        name = type->text;
    }
    return strcasecmp(name, "linear_regression") == 0 ? MODEL_LINEAR
           : strcasecmp(name, "mlp") == 0             ? MODEL_MLP
           : strcasecmp(name, "transformer") == 0     ? MODEL_TRANSFORMER
                                                      : (enum exp_model)0;
}

int exp_read_model(struct exp_reader *r, const struct yaml_node *n,
                   struct experiment *e)
{
    struct exp_value v[M_N];
    size_t i = 0;

    e->learner = build_map(r->c);
    e->model_params = build_map(r->c);
    if (!e->learner || !e->model_params) {
        return ERR_NOMEM;
    }
    TRY(exp_fields(r, n, model_fields, M_N, 0, v));
    e->model = v[M_NAME].s ? v[M_NAME].s : "";
    e->architecture = v[M_ARCHITECTURE].n;
    if (!v[M_NAME].s) {
        return 0;
    }
    while (i < ARRAY_N(known) &&
           strncasecmp(e->model, known[i], strlen(known[i])) != 0) {
        i++;
    }
    if (i == ARRAY_N(known)) {
        return fail_name(r, &v[M_NAME]);
    }
    if (e->architecture) {
        TRY(exp_warn(r, e->architecture, "key \"architecture\" says nothing "
                                         "here: layer_sizes does"));
    }
    e->model_kind = kind_of(e->model, build_find(v[M_PARAMS].n, "type"));
    if (e->model_kind == 0) {
        e->kind = e->kind == PROCTOR__DATA_KIND__DATA_NONE
                      ? PROCTOR__DATA_KIND__DATA_REGRESSION
                      : e->kind;
        if (e->cannot[0] == '\0') {
            (void)snprintf(e->cannot, sizeof(e->cannot),
                           "model %.60s: there is none of that name; "
                           "linear_regression, mlp and transformer are here",
                           e->model);
        }
        return 0;
    }
    return read_params(r, v[M_PARAMS].n, e);
}
