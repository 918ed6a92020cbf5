/* The data of an experiment: which they are, and `with` of their data.load. Runs in
 * the confined `config` worker. Opens nothing: whether files are there, the kernel
 * finds out. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "proto/limits.h"
#include "workers/config/experiment_int.h"

/* A matrix of f64 may have so many MiB, as the harness's. */
#define SYNTHETIC_MIB_MAX 1000.0

enum {
    REGRESSION = 1u << 0,
    CLASSIFICATION = 1u << 1,
    MOONS = 1u << 2,
    SPIRALS = 1u << 3,
    CSV = 1u << 4,
    NPY = 1u << 5,
    NPZ = 1u << 6,
    IDX = 1u << 7,
    CIFAR10 = 1u << 8,
    CIFAR100 = 1u << 9,
    TEXT = 1u << 10,
    NOTHING = 1u << 11,
    HARNESS = REGRESSION | CLASSIFICATION,
    MADE = HARNESS | MOONS | SPIRALS,
    FILES = CSV | NPY | NPZ | IDX | CIFAR10 | CIFAR100 | TEXT,
    LABELS = CIFAR10 | CIFAR100 | IDX | CLASSIFICATION | MOONS | SPIRALS
};

static const struct dataset {
    const char *name;
    uint32_t format;
    const char *load; /* format of data.load */
} datasets[] = {{"mnist", IDX, "idx"},
                {"cifar10", CIFAR10, "cifar10"},
                {"cifar100", CIFAR100, "cifar100"},
                {"imagenet", NOTHING, NULL},
                {"custom", NOTHING, NULL}, /* by its file */
                {"synthetic_regression", REGRESSION, "regression"},
                {"synthetic_classification", CLASSIFICATION, "classification"},
                {"csv", CSV, "csv"},
                {"npy", NPY, "npy"},
                {"npz", NPZ, "npz"},
                {"idx", IDX, "idx"},
                {"text", TEXT, "text"},
                {"moons", MOONS, "moons"},
                {"spirals", SPIRALS, "spirals"}};

enum {
    D_NAME,
    D_PATH,
    D_PARAMS,
    D_N
};

static const struct exp_field dataset_fields[D_N] = {
    {"name", X_TEXT, X_REQUIRED, 0, 0, 0, 0, NULL, 0},
    {"path", X_TEXT, X_NULL, 0, 0, 0, 0, NULL, 0},
    {"params", X_MAP, 0, 0, 0, 0, 0, NULL, 0}};

enum {
    P_SAMPLES,
    P_FEATURES,
    P_INFORMATIVE,
    P_SEED,
    P_NOISE,
    P_CLASSES,
    P_SEPARATION,
    P_FORMAT,
    P_FILES,
    P_KIND,
    P_INPUTS,
    P_OUTPUT,
    P_DROP,
    P_SCALE,
    P_CONTEXT,
    P_VOCAB,
    P_STRIDE,
    P_N
};

static const char *const kinds[] = {"regression", "classification"};
static const char *const file_formats[] = {"csv", "npy", "npz", "idx", "text"};

static const struct exp_field params[P_N] = {
    {"n_samples", X_UINT, 0, MADE, 1, INT64_MAX, 0, NULL, 0},
    {"n_features", X_UINT, 0, HARNESS, 1, UINT32_MAX, 0, NULL, 0},
    {"n_informative", X_UINT, 0, HARNESS, 1, UINT32_MAX, 0, NULL, 0},
    {"seed", X_UINT, 0, MADE, 0, UINT32_MAX, 0, NULL, 0},
    {"noise_std", X_NUMBER, 0, REGRESSION | MOONS | SPIRALS, 0, 0, 0, NULL, 0},
    {"n_classes", X_UINT, 0, CLASSIFICATION | SPIRALS, 2, UINT32_MAX, 0, NULL,
     0},
    {"class_sep", X_NUMBER, X_OPEN, CLASSIFICATION, 0, 0, 0, NULL, 0},
    {"format", X_WORD, 0, FILES | NOTHING, 0, 0, 0, file_formats,
     ARRAY_N(file_formats)},
    {"files", X_ANY, 0, FILES, 0, 0, 0, NULL, 0},
    {"kind", X_WORD, 0, CSV | NPY | NPZ, 0, 0, 0, kinds, ARRAY_N(kinds)},
    {"inputs", X_ANY, 0, CSV | NPZ, 0, 0, 0, NULL, 0},
    {"output", X_TEXT, 0, CSV | NPZ | CIFAR100, 0, 0, 0, NULL, 0},
    {"drop_missing", X_BOOL, 0, CSV, 0, 0, 0, NULL, 0},
    {"scale", X_BOOL, 0, NPY | NPZ | IDX | CIFAR10 | CIFAR100, 0, 0, 0, NULL,
     0},
    {"context", X_UINT, 0, TEXT, 1, LIMIT_LANE_TOKENS, 0, NULL, 0},
    {"vocab", X_UINT, 0, TEXT, 0, LIMIT_VOCAB, 0, NULL, 0},
    {"stride", X_UINT, 0, TEXT, 0, UINT32_MAX, 0, NULL, 0}};

static const struct dataset *find_dataset(const char *name)
{
    for (size_t i = 0; i < ARRAY_N(datasets); i++) {
        if (strcasecmp(name, datasets[i].name) == 0) {
            return &datasets[i];
        }
    }
    return strncasecmp(name, "custom", 6) == 0 ? find_dataset("custom") : NULL;
}

/* Of a custom data set: what params.format says, or the file's suffix. */
static const struct dataset *by_file(const struct yaml_node *params_node,
                                     const char *path)
{
    static const struct {
        const char *suffix;
        const char *name;
    } suffixes[] = {{".csv", "csv"}, {".npz", "npz"}, {".txt", "text"},
                    {".md", "text"}};
    const struct yaml_node *format = build_find(params_node, "format");
    size_t n = path ? strlen(path) : 0;

    for (size_t i = 0; format && format->kind == YAML_SCALAR &&
                       i < ARRAY_N(file_formats);
         i++) {
        if (strcasecmp(format->text, file_formats[i]) == 0) {
            return find_dataset(file_formats[i]);
        }
    }
    for (size_t i = 0; i < ARRAY_N(suffixes); i++) {
        size_t s = strlen(suffixes[i].suffix);

        if (n > s && strcasecmp(path + n - s, suffixes[i].suffix) == 0) {
            return find_dataset(suffixes[i].name);
        }
    }
    return find_dataset("custom");
}

static int fail_name(struct exp_reader *r, const struct exp_value *name)
{
    const char *names[ARRAY_N(datasets)];
    const char *nearest;

    for (size_t i = 0; i < ARRAY_N(datasets); i++) {
        names[i] = datasets[i].name;
    }
    nearest = diag_nearest(name->s, names, ARRAY_N(datasets));
    return exp_fail(r, name->n, "name",
                    "mnist, cifar10, cifar100, imagenet, custom..., "
                    "synthetic_regression, synthetic_classification, csv, npy, "
                    "npz, idx, text, moons or spirals",
                    "\"%.60s\" is no data set's name%s%s%s", name->s,
                    nearest ? "; did you mean \"" : "", nearest ? nearest : "",
                    nearest ? "\"?" : "");
}

int exp_is_path(const char *s)
{
    if (*s == '\0') {
        return 0;
    }
    while (*s != '\0') {
        size_t n = strcspn(s, "/");

        if (n == 0 || (n == 1 && s[0] == '.') ||
            (n == 2 && s[0] == '.' && s[1] == '.')) {
            return 0;
        }
        s += n;
        s += *s == '/';
    }
    return 1;
}

/* One file of data.load, beneath path if there is one. */
static int add_file(struct exp_reader *r, const struct yaml_node *at,
                    const char *name, struct experiment *e,
                    struct yaml_node *files)
{
    char text[LIMIT_PATH_BYTES + 1];
    const char *from = text;
    int n;

    n = snprintf(text, sizeof(text), "%s%s%s", e->path ? e->path : "",
                 e->path && name[0] != '\0' ? "/" : "", name);
    if (n < 0 || (size_t)n >= sizeof(text)) {
        return exp_fail(r, at, NULL, "", "a path of more than %d bytes",
                        LIMIT_PATH_BYTES);
    }
    e->is_absolute = text[0] == '/';
    from += e->is_absolute;
    from += strncmp(from, "./", 2) == 0 ? 2 : 0;
    if (!exp_is_path(from)) {
        return exp_fail(r, at, NULL,
                        "write it without empty parts, . and ..; it begins at "
                        "the folder of this file, or at /",
                        "\"%.100s\" is no path of a data file", text);
    }
    return build_add(r->c, files, NULL, build_text(r->c, from)) ? 0 : ERR_NOMEM;
}

/* Names that the files of a published data set have. */
static int add_known(struct exp_reader *r, const struct yaml_node *at,
                     uint32_t format, struct experiment *e,
                     struct yaml_node *files)
{
    static const char *const idx[] = {"train-images-idx3-ubyte",
                                      "train-labels-idx1-ubyte"};
    char name[32];

    if (format == IDX) {
        TRY(add_file(r, at, idx[0], e, files));
        return add_file(r, at, idx[1], e, files);
    }
    for (int i = 1; format == CIFAR10 && i <= 5; i++) {
        (void)snprintf(name, sizeof(name), "data_batch_%d.bin", i);
        TRY(add_file(r, at, name, e, files));
    }
    return format == CIFAR100 ? add_file(r, at, "train.bin", e, files) : 0;
}

static int put_files(struct exp_reader *r, const struct exp_value *path,
                     const struct yaml_node *list, const struct dataset *d,
                     struct experiment *e)
{
    struct config *c = r->c;
    struct yaml_node *files = build_list(c);
    uint32_t in_folder = IDX | CIFAR10 | CIFAR100;

    if (!files) {
        return ERR_NOMEM;
    }
    if (list && list->kind != YAML_LIST) {
        return exp_fail(r, list, "files", "files: [a, b]",
                        "expected a list of files");
    }
    for (const struct yaml_node *f = list ? list->first : NULL; f;
         f = f->next) {
        if (f->kind != YAML_SCALAR || f->n == 0) {
            return exp_fail(r, f, "files", "", "expected the name of a file");
        }
        TRY(add_file(r, f, f->text, e, files));
    }
    if (!list && path->s && d->format & in_folder) {
        TRY(add_known(r, path->n, d->format, e, files));
    } else if (!list && path->s && d->format != NPY) {
        TRY(add_file(r, path->n, "", e, files));
    }
    if (files->n == 0) {
        (void)snprintf(e->cannot, sizeof(e->cannot),
                       "dataset %.60s: %s", e->dataset,
                       d->format == NPY
                           ? "params.files names the inputs' file and the "
                             "labels'"
                       : d->format & in_folder
                           ? "path names the folder of its files"
                           : "path names its file");
        return 0;
    }
    if (d->format & (NPY | IDX) ? files->n != 2
        : d->format & (CSV | NPZ) ? files->n != 1
                                  : files->n > LIMIT_DATASET_FILES) {
        return exp_fail(r, list, "files",
                        d->format & (NPY | IDX)
                            ? "the file of the inputs, then that of the labels"
                            : "one file holds inputs and labels",
                        "%u files", files->n);
    }
    return build_add(c, e->load, "files", files) ? 0 : ERR_NOMEM;
}

static int check_counts(struct exp_reader *r, const struct exp_value *v,
                        struct experiment *e, uint64_t informative)
{
    double mib = (double)e->rows * (double)e->features * 8 / 1048576;

    if (informative > e->features && !v[P_INFORMATIVE].is_bad) {
        TRY(exp_fail(r, v[P_INFORMATIVE].n, "params.n_informative",
                     "lower it or raise n_features",
                     "expected at most the %llu features, got %llu",
                     (unsigned long long)e->features,
                     (unsigned long long)informative));
    }
    if (e->rows < e->classes && !v[P_SAMPLES].is_bad && !v[P_CLASSES].is_bad) {
        const struct exp_value *at = v[P_SAMPLES].n ? &v[P_SAMPLES]
                                                    : &v[P_CLASSES];

        TRY(exp_fail(r, at->n, "params.n_samples", "one sample of each class "
                                                   "at least",
                     "%llu samples cannot have %llu classes",
                     (unsigned long long)e->rows,
                     (unsigned long long)e->classes));
    }
    if (mib > SYNTHETIC_MIB_MAX) {
        TRY(exp_fail(r, v[P_SAMPLES].n ? v[P_SAMPLES].n : v[P_FEATURES].n,
                     "params", "lower n_samples or n_features",
                     "the data set is too large: about %.1f MB, at most %.0f",
                     mib, SYNTHETIC_MIB_MAX));
    }
    return 0;
}

/* A count or number under its harness's name, and its name in data.load. */
static struct yaml_node *put_uint(struct config *c, struct experiment *e,
                                  const char *param, const char *name,
                                  uint64_t v)
{
    return build_add(c, e->dataset_params, param, build_uint(c, v)) &&
                   build_add(c, e->load, name, build_uint(c, v))
               ? e->load
               : NULL;
}

static struct yaml_node *put_number(struct config *c, struct experiment *e,
                                    const char *param, const char *name,
                                    double v)
{
    return build_add(c, e->dataset_params, param, build_number(c, v)) &&
                   build_add(c, e->load, name, build_number(c, v))
               ? e->load
               : NULL;
}

/* The seed follows later: it may be that of the training. */
static int put_made(struct exp_reader *r, const struct exp_value *v,
                    uint32_t format, struct experiment *e)
{
    struct config *c = r->c;
    uint64_t informative;
    struct yaml_node *ok;

    e->rows = v[P_SAMPLES].n ? v[P_SAMPLES].u : 1000;
    e->features = v[P_FEATURES].n ? v[P_FEATURES].u : format & HARNESS ? 10 : 2;
    e->classes = format == REGRESSION ? 0
                 : v[P_CLASSES].n     ? v[P_CLASSES].u
                                      : 2;
    informative = v[P_INFORMATIVE].n ? v[P_INFORMATIVE].u : e->features;
    if (!v[P_FEATURES].is_bad) {
        TRY(check_counts(r, v, e, informative));
    }
    ok = put_uint(c, e, "n_samples", "rows", e->rows);
    if (format & HARNESS) {
        ok = ok ? put_uint(c, e, "n_features", "features", e->features) : NULL;
        ok = ok ? put_uint(c, e, "n_informative", "informative", informative)
                : NULL;
    }
    if (format & (CLASSIFICATION | SPIRALS)) {
        ok = ok ? put_uint(c, e, "n_classes", "classes", e->classes) : NULL;
    }
    if (format == CLASSIFICATION) {
        ok = ok ? put_number(c, e, "class_sep", "separation",
                             v[P_SEPARATION].n ? v[P_SEPARATION].f : 1)
                : NULL;
    } else {
        ok = ok ? put_number(c, e, "noise_std", "noise",
                             v[P_NOISE].n ? v[P_NOISE].f : 0.1)
                : NULL;
    }
    if (v[P_SEED].n) {
        ok = ok ? put_uint(c, e, "seed", "seed", v[P_SEED].u) : NULL;
    }
    return ok ? 0 : ERR_NOMEM;
}

static int put_read(struct exp_reader *r, const struct exp_value *v,
                    uint32_t format, struct experiment *e)
{
    static const size_t same[] = {P_KIND,    P_INPUTS, P_OUTPUT, P_DROP,
                                  P_CONTEXT, P_VOCAB,  P_STRIDE};
    static const size_t only_here[] = {P_FORMAT, P_FILES};
    struct config *c = r->c;
    int scale = v[P_SCALE].n ? v[P_SCALE].b
                             : (format & (IDX | CIFAR10 | CIFAR100)) != 0;

    for (size_t i = 0; i < ARRAY_N(same); i++) {
        const struct exp_value *p = &v[same[i]];
        struct yaml_node *copy = p->n == NULL        ? NULL
                                 : same[i] == P_DROP ? build_bool(c, p->b)
                                 : same[i] == P_KIND ? build_text(c, p->s)
                                                     : build_copy(c, p->n);

        if (p->n && !(copy && build_add(c, e->load, params[same[i]].name,
                                        copy) &&
                      build_add(c, e->dataset_params, params[same[i]].name,
                                build_copy(c, copy)))) {
            return ERR_NOMEM;
        }
    }
    for (size_t i = 0; i < ARRAY_N(only_here); i++) {
        const struct exp_value *p = &v[only_here[i]];

        if (p->n && !build_add(c, e->dataset_params, params[only_here[i]].name,
                               build_copy(c, p->n))) {
            return ERR_NOMEM;
        }
    }
    if (scale && !(build_add(c, e->load, "scale", build_bool(c, 1)) &&
                   build_add(c, e->dataset_params, "scale",
                             build_bool(c, 1)))) {
        return ERR_NOMEM;
    }
    if (format == TEXT && !v[P_CONTEXT].n &&
        !build_add(c, e->load, "context", build_uint(c, 128))) {
        return ERR_NOMEM;
    }
    if (format == CSV && !v[P_OUTPUT].n && !v[P_OUTPUT].is_bad) {
        return exp_fail(r, NULL, "params", "output: NAME of the labels' column",
                        "missing required field \"output\"");
    }
    e->asks_kind = (format & (CSV | NPY | NPZ)) != 0 && !v[P_KIND].n;
    e->kind = format == TEXT ? PROCTOR__DATA_KIND__DATA_TEXT
              : v[P_KIND].n && v[P_KIND].s == kinds[0]
                  ? PROCTOR__DATA_KIND__DATA_REGRESSION
              : v[P_KIND].n || format & LABELS
                  ? PROCTOR__DATA_KIND__DATA_CLASSIFICATION
                  : PROCTOR__DATA_KIND__DATA_NONE;
    return 0;
}

int exp_read_dataset(struct exp_reader *r, const struct yaml_node *n,
                     struct experiment *e)
{
    struct exp_value v[D_N];
    struct exp_value p[P_N];
    const struct dataset *d;
    size_t path_n = r->c->path_n;

    e->dataset = "";
    e->load = build_map(r->c);
    e->dataset_params = build_map(r->c);
    if (!e->load || !e->dataset_params) {
        return ERR_NOMEM;
    }
    TRY(exp_fields(r, n, dataset_fields, D_N, 0, v));
    if (!v[D_NAME].s) {
        return 0;
    }
    e->dataset = v[D_NAME].s;
    e->path = v[D_PATH].s;
    d = find_dataset(v[D_NAME].s);
    if (!d) {
        return fail_name(r, &v[D_NAME]);
    }
    if (d == find_dataset("custom")) {
        d = by_file(v[D_PARAMS].n, e->path);
    }
    config_enter(r->c, "params");
    TRY(exp_fields(r, v[D_PARAMS].n, params, P_N, d->format, p));
    r->c->path_n = path_n;
    if (d->format == NOTHING) {
        (void)snprintf(e->cannot, sizeof(e->cannot),
                       "dataset %.60s: %s", e->dataset,
                       strncasecmp(e->dataset, "custom", 6) == 0
                           ? "path names a .csv, .npz or .txt file, or "
                             "params.format says what it is"
                           : "there is no reader for it");
        return 0;
    }
    e->format = d->load;
    e->kind = d->format == REGRESSION ? PROCTOR__DATA_KIND__DATA_REGRESSION
                                      : PROCTOR__DATA_KIND__DATA_CLASSIFICATION;
    if (!build_add(r->c, e->load, "format", build_text(r->c, d->load))) {
        return ERR_NOMEM;
    }
    if (d->format & MADE) {
        return put_made(r, p, d->format, e);
    }
    TRY(put_read(r, p, d->format, e));
    return put_files(r, &v[D_PATH], p[P_FILES].n, d, e);
}
