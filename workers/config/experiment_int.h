/* Parts of the reader of experiment files. Functions return 0 or ERR_NOMEM: what is
 * wrong in a text is kept in the reader, and reading goes on. */
#ifndef WORKERS_CONFIG_EXPERIMENT_INT_H
#define WORKERS_CONFIG_EXPERIMENT_INT_H

#include "workers/config/build.h"
#include "workers/config/experiment.h"
#include "workers/config/override.h"

struct exp_reader {
    struct config *c;
    struct overrides overrides;
    Proctor__ConfigReply *out;
    Proctor__Problem *problems[EXPERIMENT_PROBLEMS_MAX];
    size_t problems_n;
    char *warnings[EXPERIMENT_WARNINGS_MAX];
    size_t warnings_n;
    int is_harness; /* of the file: compat of the command line */
};

/* A problem that a reader function set stands in the list, and its path is left:
 * KEEP(r, call). */
int exp_keep(struct exp_reader *r, size_t path_n, int code) MUST_USE;
#define KEEP(r, call)                                                          \
    do {                                                                       \
        size_t path_n_ = (r)->c->path_n;                                       \
        TRY(exp_keep(r, path_n_, call));                                       \
    } while (0)
/* One more problem, at n and the present path. hint may be "". */
int exp_fail(struct exp_reader *r, const struct yaml_node *n, const char *key,
             const char *hint, const char *fmt, ...) MUST_USE
    PRINTF_LIKE(5, 6);
/* A line for the person; n NULL: without a place. */
int exp_warn(struct exp_reader *r, const struct yaml_node *n, const char *fmt,
             ...) MUST_USE PRINTF_LIKE(3, 4);

/* Fields of a map. */
enum exp_type {
    X_UINT,   /* lo..hi */
    X_NUMBER, /* finite; at least `least`, above it with X_OPEN */
    X_BOOL,   /* with YAML 1.1's words */
    X_TEXT,
    X_WORD, /* any case; s is the table's spelling */
    X_MAP,
    X_UINTS, /* a list of lo..hi */
    X_ANY
};
#define X_REQUIRED 1u
#define X_NULL 2u /* null is as if it were not there */
#define X_OPEN 4u
struct exp_field {
    const char *name;
    enum exp_type type;
    unsigned flags;
    uint32_t kinds; /* that have it; 0: all */
    uint64_t lo, hi;
    double least;
    const char *const *words;
    size_t words_n;
};
/* is given: n. Without: zero, for the caller's default. */
struct exp_value {
    const struct yaml_node *n;
    uint64_t u;
    double f;
    int b;
    const char *s; /* TEXT, WORD */
    int is_bad;    /* something was wrong with it, and told */
};
/* map NULL: nothing is given (then nothing is required). Keys of other kinds than
 * `kind` and unknown ones are warned about. */
int exp_fields(struct exp_reader *r, const struct yaml_node *map,
               const struct exp_field *fields, size_t n, uint32_t kind,
               struct exp_value *v) MUST_USE;

enum exp_model { MODEL_LINEAR = 1, MODEL_MLP = 2, MODEL_TRANSFORMER = 4 };

/* One experiment, read. Borrows from the tree. */
struct experiment {
    const char *name;
    const struct yaml_node *description;
    int is_harness;
    char cannot[DIAG_TEXT_BYTES]; /* why it cannot run; "": it can */
    /* experiment_data.c */
    const char *dataset; /* as written */
    const char *path;    /* or NULL */
    struct yaml_node *dataset_params; /* with defaults, for config.json */
    const char *format;  /* of data.load; NULL when it cannot run */
    struct yaml_node *load; /* `with` of data.load */
    Proctor__DataKind kind;
    uint64_t rows;     /* 0: not known before the files are read */
    uint64_t features; /* likewise */
    uint64_t classes;
    int is_absolute;
    int asks_kind; /* its files do not say: as the model has it */
    /* experiment_model.c */
    const char *model; /* as written */
    const struct yaml_node *architecture;
    enum exp_model model_kind; /* 0: cannot run */
    struct yaml_node *model_params; /* for config.json */
    struct yaml_node *learner;      /* `model` of op train */
    uint64_t parameters;            /* 0: not known */
    int is_closed;                  /* least squares, solved */
    /* experiment_training.c */
    uint64_t epochs, batch, seed;
    double rate;
    const char *optimizer;
    struct yaml_node *training_params;
    struct yaml_node *with; /* of op train, without data, model and twin */
    /* output */
    const char *directory;
    int saves, logs;
    uint64_t frequency;
    /* evaluation */
    double holdout;
    int stratified;
    const char *metric;
    double validation;
    uint64_t folds;
    int has_exam;
    const char *ref; /* or NULL */
    const char *how; /* of an ensemble, or NULL */
    uint64_t members;
};

int exp_read_dataset(struct exp_reader *r, const struct yaml_node *n,
                     struct experiment *e) MUST_USE;
int exp_read_model(struct exp_reader *r, const struct yaml_node *n,
                   struct experiment *e) MUST_USE;
/* After the two above. */
int exp_read_training(struct exp_reader *r, const struct yaml_node *n,
                      struct experiment *e) MUST_USE;
int exp_read_output(struct exp_reader *r, const struct yaml_node *n,
                    struct experiment *e) MUST_USE;
int exp_read_evaluation(struct exp_reader *r, const struct yaml_node *n,
                        struct experiment *e) MUST_USE;
int exp_read_ensemble(struct exp_reader *r, const struct yaml_node *n,
                      struct experiment *e) MUST_USE;
/* One experiment: its map, overrides laid over it. */
int exp_read_one(struct exp_reader *r, struct yaml_node *n) MUST_USE;
/* The experiments of a search: n without its key `search`, once for each setting. */
int exp_read_search(struct exp_reader *r, struct yaml_node *n,
                    const struct yaml_node *search) MUST_USE;
/* Adds it to the reply. */
int exp_write(struct exp_reader *r, const struct experiment *e) MUST_USE;
/* config.json as a tree. */
struct yaml_node *exp_config(struct config *c, const struct experiment *e);
/* The words of a dry run. */
int exp_summary(struct config *c, const struct experiment *e,
                char **out) MUST_USE;
/* A name as a path: no "..", no empty part. */
int exp_is_path(const char *s);

#endif
