/* `with` of data.load: which keys there are depends on the format. Runs in the
 * confined `config` worker. Form only: what files hold is for the train worker to
 * find out, whether they may be read for the kernel. */
#include <stdio.h>
#include <string.h>

#include "proto/limits.h"
#include "workers/config/schema.h"
#include "workers/config/specs.h"

enum { /* formats, as bits */
    CSV = 1u << 0,
    NPY = 1u << 1,
    NPZ = 1u << 2,
    IDX = 1u << 3,
    CIFAR10 = 1u << 4,
    CIFAR100 = 1u << 5,
    TEXT = 1u << 6,
    REGRESSION = 1u << 7,
    CLASSIFICATION = 1u << 8,
    MOONS = 1u << 9,
    SPIRALS = 1u << 10,
    ALL = (1u << 11) - 1,
    HARNESS = REGRESSION | CLASSIFICATION,
    MADE = HARNESS | MOONS | SPIRALS,
    FILES = ALL & ~MADE
};

static const char *const formats[] = {
    "csv",  "npy",        "npz",            "idx",   "cifar10", "cifar100",
    "text", "regression", "classification", "moons", "spirals"};

enum {
    K_FORMAT,
    K_FILES,
    K_INPUTS,
    K_OUTPUT,
    K_KIND,
    K_DROP,
    K_SCALE,
    K_ROWS,
    K_FEATURES,
    K_INFORMATIVE,
    K_CLASSES,
    K_NOISE,
    K_SEPARATION,
    K_SEED,
    K_CONTEXT,
    K_VOCAB,
    K_STRIDE,
    K_N
};

static const struct {
    const char *name;
    unsigned formats; /* that have it */
    unsigned required;
} fields[K_N] = {
    [K_FORMAT] = {"format", ALL, ALL},
    [K_FILES] = {"files", FILES, FILES},
    [K_INPUTS] = {"inputs", CSV | NPZ, 0},
    [K_OUTPUT] = {"output", CSV | NPZ | CIFAR100, CSV},
    [K_KIND] = {"kind", CSV | NPY | NPZ, CSV | NPY | NPZ},
    [K_DROP] = {"drop_missing", CSV, 0},
    [K_SCALE] = {"scale", NPY | NPZ | IDX | CIFAR10 | CIFAR100, 0},
    [K_ROWS] = {"rows", MADE, 0},
    [K_FEATURES] = {"features", HARNESS, 0},
    [K_INFORMATIVE] = {"informative", HARNESS, 0},
    [K_CLASSES] = {"classes", CLASSIFICATION | SPIRALS, 0},
    [K_NOISE] = {"noise", REGRESSION | MOONS | SPIRALS, 0},
    [K_SEPARATION] = {"separation", CLASSIFICATION, 0},
    [K_SEED] = {"seed", MADE, 0},
    [K_CONTEXT] = {"context", TEXT, TEXT},
    [K_VOCAB] = {"vocab", TEXT, 0},
    [K_STRIDE] = {"stride", TEXT, 0},
};

/* The format's bit, whatever else stands there. */
static int read_format(struct config *c, const struct yaml_node *n,
                       unsigned *out, char **out_name)
{
    static const struct schema_key any[] = {{"format", 1, NULL}};
    const struct yaml_node *at = NULL;
    size_t i = 0;

    if (n->kind != YAML_MAP) {
        return schema_expected(c, n, "a map");
    }
    for (const struct yaml_node *e = n->first; e; e = e->next) {
        at = strcmp(e->key->text, any[0].name) == 0 && !at ? e : at;
    }
    if (!at) {
        config_fail(c, n, "key \"format\" is missing");
        config_hint(c, "say what the files are: format: csv, or a generator: "
                       "format: moons");
        return ERR_INPUT;
    }
    config_enter(c, "format");
    TRY(schema_word(c, at, formats, ARRAY_N(formats), &i));
    config_leave(c);
    *out = 1u << i;
    *out_name = arena_text(&c->reply, formats[i], strlen(formats[i]));
    return *out_name ? 0 : ERR_NOMEM;
}

/* Values of the format's own keys; v[k] NULL: not there. */
static int read_keys(struct config *c, const struct yaml_node *n, unsigned f,
                     const struct yaml_node *v[static K_N])
{
    struct schema_key keys[K_N];
    const struct yaml_node *found[K_N];
    size_t at[K_N];
    size_t keys_n = 0;

    for (size_t k = 0; k < K_N; k++) {
        v[k] = NULL;
        if ((fields[k].formats & f) != 0) {
            at[keys_n] = k;
            keys[keys_n++] = (struct schema_key){
                fields[k].name, (fields[k].required & f) != 0, NULL};
        }
    }
    TRY(schema_map(c, n, keys, keys_n, found));
    for (size_t i = 0; i < keys_n; i++) {
        v[at[i]] = found[i];
    }
    return 0;
}

static int read_files(struct config *c, const struct yaml_node *n, unsigned f,
                      Proctor__DataSpec *s)
{
    size_t least = (f & (NPY | IDX)) != 0 ? 2 : 1;
    size_t most = (f & (CSV | NPZ)) != 0 ? 1
                  : least == 2           ? 2
                                         : LIMIT_DATASET_FILES;

    if (!n) {
        return 0;
    }
    config_enter(c, fields[K_FILES].name);
    TRY(schema_texts(c, n, LIMIT_DATASET_FILES, LIMIT_PATH_BYTES, &s->files,
                     &s->n_files));
    if (s->n_files < least || s->n_files > most) {
        config_fail(c, n,
                    least == most ? "expected %zu, got %zu"
                                  : "expected at least %zu, got %zu",
                    least, s->n_files);
        config_hint(c, "%s",
                    least == 2 ? "the file of the inputs, then that of the "
                                 "labels"
                    : most == 1 ? "one file holds inputs and labels"
                                : "name what is to be read");
        return ERR_INPUT;
    }
    config_leave(c);
    return 0;
}

static int read_kind(struct config *c, const struct yaml_node *n, unsigned f,
                     Proctor__DataSpec *s)
{
    static const char *const words[] = {"regression", "classification"};
    size_t i = (f & REGRESSION) != 0 ? 0 : 1;

    if ((f & TEXT) != 0) {
        s->kind = PROCTOR__DATA_KIND__DATA_TEXT;
        return 0;
    }
    if (n) {
        config_enter(c, fields[K_KIND].name);
        TRY(schema_word(c, n, words, ARRAY_N(words), &i));
        config_leave(c);
    }
    s->kind = i == 0 ? PROCTOR__DATA_KIND__DATA_REGRESSION
                     : PROCTOR__DATA_KIND__DATA_CLASSIFICATION;
    return 0;
}

static int read_columns(struct config *c, const struct yaml_node *const *v,
                        unsigned f, Proctor__DataSpec *s)
{
    static const char *const fineness[] = {"fine", "coarse"};
    size_t i = 0;

    if (v[K_INPUTS]) {
        config_enter(c, fields[K_INPUTS].name);
        TRY(schema_texts(c, v[K_INPUTS], LIMIT_DATASET_WIDTH, LIMIT_PATH_BYTES,
                         &s->inputs, &s->n_inputs));
        if (s->n_inputs == 0 || ((f & NPZ) != 0 && s->n_inputs > 1)) {
            config_fail(c, v[K_INPUTS], "expected %s, got %zu",
                        (f & NPZ) != 0 ? "one array" : "at least one column",
                        s->n_inputs);
            config_hint(c, "leave it out for %s",
                        (f & NPZ) != 0 ? "[x]" : "all but the output");
            return ERR_INPUT;
        }
        config_leave(c);
    }
    if (v[K_OUTPUT]) {
        TRY(spec_path(c, v[K_OUTPUT], fields[K_OUTPUT].name, &s->output));
    }
    if (v[K_OUTPUT] && (f & CIFAR100) != 0) {
        config_enter(c, fields[K_OUTPUT].name);
        TRY(schema_word(c, v[K_OUTPUT], fineness, ARRAY_N(fineness), &i));
        config_leave(c);
    }
    return 0;
}

static int read_flag(struct config *c, const struct yaml_node *n, size_t key,
                     protobuf_c_boolean *out)
{
    int value = 0;

    if (!n) {
        return 0;
    }
    config_enter(c, fields[key].name);
    TRY(schema_bool(c, n, &value));
    config_leave(c);
    *out = value;
    return 0;
}

static int read_count(struct config *c, const struct yaml_node *const *v,
                      size_t key, uint64_t lo, uint64_t hi, uint64_t *out)
{
    if (!v[key]) {
        return 0;
    }
    config_enter(c, fields[key].name);
    TRY(schema_uint(c, v[key], lo, hi, out));
    config_leave(c);
    return 0;
}

static int read_u32(struct config *c, const struct yaml_node *const *v,
                    size_t key, uint32_t lo, uint32_t hi, uint32_t *out)
{
    uint64_t value = *out;

    TRY(read_count(c, v, key, lo, hi, &value));
    *out = (uint32_t)value;
    return 0;
}

static int read_real(struct config *c, const struct yaml_node *const *v,
                     size_t key, int zero_is_fine, double *out)
{
    if (!v[key]) {
        return 0;
    }
    config_enter(c, fields[key].name);
    TRY(schema_double(c, v[key], out));
    if (*out < 0 || (*out == 0 && !zero_is_fine)) {
        return schema_expected(c, v[key],
                               zero_is_fine ? "0 or more" : "more than 0");
    }
    config_leave(c);
    return 0;
}

static int read_synthetic(struct config *c, const struct yaml_node *const *v,
                          unsigned f, Proctor__DataSpec *out)
{
    Proctor__SyntheticSpec *s = arena_get(&c->reply, sizeof(*s));

    if (!s) {
        return ERR_NOMEM;
    }
    proctor__synthetic_spec__init(s);
    s->rows = 1000;
    s->features = (f & HARNESS) != 0 ? 10 : 0;
    s->classes = (f & REGRESSION) != 0 ? 0 : 2;
    s->noise = (f & CLASSIFICATION) != 0 ? 0 : 0.1;
    s->separation = (f & CLASSIFICATION) != 0 ? 1 : 0;
    s->seed = 42;
    TRY(read_count(c, v, K_ROWS, 1, LIMIT_DATASET_ROWS, &s->rows));
    TRY(read_u32(c, v, K_FEATURES, 1, LIMIT_DATASET_WIDTH, &s->features));
    s->informative = s->features;
    TRY(read_u32(c, v, K_INFORMATIVE, 1, LIMIT_DATASET_WIDTH, &s->informative));
    TRY(read_u32(c, v, K_CLASSES, 2, LIMIT_CLASSES, &s->classes));
    TRY(read_real(c, v, K_NOISE, 1, &s->noise));
    TRY(read_real(c, v, K_SEPARATION, 0, &s->separation));
    TRY(read_u32(c, v, K_SEED, 0, UINT32_MAX, &s->seed));
    if (s->informative > s->features) {
        config_enter(c, fields[K_INFORMATIVE].name);
        config_fail(c, v[K_INFORMATIVE], "expected at most the %u features, "
                                         "got %u",
                    s->features, s->informative);
        config_hint(c, "lower informative or raise features");
        return ERR_INPUT;
    }
    if (s->rows < s->classes) {
        config_enter(c, fields[K_ROWS].name);
        config_fail(c, v[K_ROWS], "%llu rows cannot have %u classes",
                    (unsigned long long)s->rows, s->classes);
        config_hint(c, "raise rows");
        return ERR_INPUT;
    }
    out->synthetic = s;
    return 0;
}

static int read_text(struct config *c, const struct yaml_node *const *v,
                     Proctor__DataSpec *out)
{
    Proctor__TextSpec *s = arena_get(&c->reply, sizeof(*s));

    if (!s) {
        return ERR_NOMEM;
    }
    proctor__text_spec__init(s);
    TRY(read_u32(c, v, K_CONTEXT, 1, LIMIT_LANE_TOKENS, &s->context));
    TRY(read_u32(c, v, K_VOCAB, 0, LIMIT_VOCAB, &s->vocab));
    TRY(read_u32(c, v, K_STRIDE, 0, UINT32_MAX, &s->stride));
    out->text = s;
    return 0;
}

int spec_load(struct config *c, const struct yaml_node *n,
              Proctor__DataSpec **out)
{
    Proctor__DataSpec *s = arena_get(&c->reply, sizeof(*s));
    const struct yaml_node *v[K_N];
    unsigned f = 0;

    if (!s) {
        return ERR_NOMEM;
    }
    proctor__data_spec__init(s);
    TRY(read_format(c, n, &f, &s->format));
    TRY(read_keys(c, n, f, v));
    TRY(read_files(c, v[K_FILES], f, s));
    TRY(read_kind(c, v[K_KIND], f, s));
    TRY(read_columns(c, v, f, s));
    TRY(read_flag(c, v[K_DROP], K_DROP, &s->drop_missing));
    TRY(read_flag(c, v[K_SCALE], K_SCALE, &s->scale));
    if ((f & MADE) != 0) {
        TRY(read_synthetic(c, v, f, s));
    }
    if ((f & TEXT) != 0) {
        TRY(read_text(c, v, s));
    }
    *out = s;
    return 0;
}
