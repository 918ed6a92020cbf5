/* `with`, by op. Runs in the confined `config` worker. Paths and names are only
 * measured here: whether they are granted, and stay beneath the graph's folder,
 * is the kernel's to say. */
#include "workers/config/specs.h"

#include <string.h>

#include "proto/limits.h"
#include "workers/config/schema.h"

#define EXAMPLES_MAX 1024u
#define EXAMPLES_BYTES_MAX (1u << 20)
#define RATE_MIN 1e-6

int spec_bytes(struct config *c, struct ubytes in, ProtobufCBinaryData *out)
{
    out->len = in.n;
    out->data = arena_get(&c->reply, in.n + 1);
    if (!out->data) {
        return ERR_NOMEM;
    }
    if (in.n > 0) {
        memcpy(out->data, in.p, in.n);
    }
    return 0;
}

static int put_type(struct config *c, const struct type *t,
                    ProtobufCBinaryData *out)
{
    return spec_bytes(c, (struct ubytes){t->b, t->n}, out);
}

int spec_takes(struct config *c, const struct yaml_node *n,
               ProtobufCBinaryData *out)
{
    struct type t;

    config_enter(c, "takes");
    TRY(types_arguments(c, n, &t));
    config_leave(c);
    return put_type(c, &t, out);
}

int spec_gives(struct config *c, const struct yaml_node *n,
               ProtobufCBinaryData *out)
{
    struct type t;

    config_enter(c, "gives");
    TRY(types_read(c, n, &t));
    config_leave(c);
    return put_type(c, &t, out);
}

int spec_path(struct config *c, const struct yaml_node *n, const char *key,
              char **out)
{
    const char *text = NULL;

    config_enter(c, key);
    TRY(schema_text(c, n, LIMIT_PATH_BYTES, &text));
    config_leave(c);
    *out = arena_text(&c->reply, text, n->n);
    return *out ? 0 : ERR_NOMEM;
}

int spec_is_name(const char *s)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz_0123456789";

    return *s != '\0' && (*s < '0' || *s > '9') &&
           s[strspn(s, letters)] == '\0';
}

int spec_named(struct config *c, const struct yaml_node *n, const char *key,
               const char *example, char **out_file, char **out_name)
{
    int is_unit = strcmp(key, "function") != 0;
    char *text = NULL;
    char *colon;

    TRY(spec_path(c, n, key, &text));
    colon = strrchr(text, ':');
    if (!colon || colon == text || !spec_is_name(colon + 1)) {
        config_enter(c, key);
        schema_expected(c, n, is_unit ? "file.cml:name" : "file.py:name");
        config_hint(c, "name the file and the %s in it, e.g. %s",
                    is_unit ? "unit" : key, example);
        return ERR_INPUT;
    }
    *colon = '\0';
    *out_file = text;
    *out_name = colon + 1;
    return 0;
}

/* A script named after its interpreter is a file of the program. */
static int add_script(struct config *c, Proctor__ProgramSpec *p)
{
    const char *script = p->n_run > 1 ? p->run[1] : NULL;
    char **files;

    if (!script || script[0] == '-' || strchr(p->run[0], '/')) {
        return 0;
    }
    for (size_t i = 0; i < p->n_files; i++) {
        if (strcmp(p->files[i], script) == 0) {
            return 0;
        }
    }
    files = arena_array(&c->reply, p->n_files + 1, sizeof(*files));
    if (!files) {
        return ERR_NOMEM;
    }
    files[0] = p->run[1];
    if (p->n_files > 0) {
        memcpy(files + 1, p->files, p->n_files * sizeof(*files));
    }
    p->files = files;
    p->n_files++;
    return 0;
}

static int read_run(struct config *c, const struct yaml_node *n,
                    Proctor__ProgramSpec *p)
{
    config_enter(c, "run");
    TRY(schema_texts(c, n, LIMIT_ARGV, LIMIT_PATH_BYTES, &p->run, &p->n_run));
    if (p->n_run == 0) {
        return config_fail(c, n, "expected at least the program's name");
    }
    config_leave(c);
    return add_script(c, p);
}

/* function or run, and files. */
static int read_what_runs(struct config *c, const struct yaml_node *n,
                          const struct yaml_node *function,
                          const struct yaml_node *run,
                          const struct yaml_node *files,
                          Proctor__ProgramSpec *p)
{
    if (function && run) {
        config_fail(c, run->key, "both \"function\" and \"run\" are given");
        config_hint(c, "keep one of them");
        return ERR_INPUT;
    }
    if (!function && !run) {
        config_fail(c, n, "neither \"function\" nor \"run\" is given");
        config_hint(c, "write function: file.py:name, or run: [program, word]");
        return ERR_INPUT;
    }
    if (files) {
        config_enter(c, "files");
        TRY(schema_texts(c, files, LIMIT_FILES - 1, LIMIT_PATH_BYTES, &p->files,
                         &p->n_files));
        config_leave(c);
    }
    return function ? spec_named(c, function, "function", "crc32.py:crc32",
                                 &p->function_file, &p->function_name)
                    : read_run(c, run, p);
}

enum {
    P_FUNCTION,
    P_RUN,
    P_FILES,
    P_TAKES,
    P_GIVES,
    P_READS,
    P_N
};

static const struct schema_key program_keys[P_N] = {{"function", 0, NULL},
                                                    {"run", 0, NULL},
                                                    {"files", 0, NULL},
                                                    {"takes", 0, NULL},
                                                    {"gives", 0, NULL},
                                                    {"reads", 0, NULL}};

static int fail_missing(struct config *c, const struct yaml_node *n,
                        const char *key, const char *hint)
{
    config_fail(c, n, "key \"%s\" is missing", key);
    config_hint(c, "%s", hint);
    return ERR_INPUT;
}

int spec_program(struct config *c, const struct yaml_node *n,
                 const struct yaml_node *base, Proctor__ProgramSpec **out)
{
    const struct yaml_node *v[P_N];
    const struct yaml_node *of_base[P_N] = {NULL};
    Proctor__ProgramSpec *p = arena_get(&c->reply, sizeof(*p));

    if (!p) {
        return ERR_NOMEM;
    }
    proctor__program_spec__init(p);
    TRY(schema_map(c, n, program_keys, P_N, v));
    if (base) {
        TRY(schema_map(c, base, program_keys, P_N, of_base));
    }
    for (size_t i = 0; i < P_N; i++) {
        /* function and run exclude each other: take over neither beside one. */
        if (!v[i] && (i > P_RUN || (!v[P_FUNCTION] && !v[P_RUN]))) {
            v[i] = of_base[i];
        }
    }
    TRY(read_what_runs(c, n, v[P_FUNCTION], v[P_RUN], v[P_FILES], p));
    if (!v[P_GIVES]) {
        return fail_missing(c, n, "gives",
                            "name the answer's type, e.g. gives: u32");
    }
    if (v[P_TAKES]) {
        TRY(spec_takes(c, v[P_TAKES], &p->takes));
    }
    TRY(spec_gives(c, v[P_GIVES], &p->gives));
    if (v[P_READS]) {
        TRY(spec_reads(c, v[P_READS], p));
    }
    *out = p;
    return 0;
}

enum {
    M_WEIGHTS,
    M_TAKES,
    M_GIVES,
    M_DECIDE,
    M_N
};

static const struct schema_key model_keys[M_N] = {{"weights", 0, NULL},
                                                  {"takes", 0, NULL},
                                                  {"gives", 0, NULL},
                                                  {"decide", 0, NULL}};

int spec_model(struct config *c, const struct yaml_node *n,
               const struct yaml_node *base, Proctor__ModelSpec **out)
{
    static const char *const decisions[] = {"none", "threshold", "argmax"};
    const struct yaml_node *v[M_N];
    const struct yaml_node *of_base[M_N] = {NULL};
    Proctor__ModelSpec *m = arena_get(&c->reply, sizeof(*m));
    size_t decide = 0;

    if (!m) {
        return ERR_NOMEM;
    }
    proctor__model_spec__init(m);
    TRY(schema_map(c, n, model_keys, M_N, v));
    if (base) {
        TRY(schema_map(c, base, model_keys, M_N, of_base));
    }
    for (size_t i = 0; i < M_N; i++) {
        v[i] = v[i] ? v[i] : of_base[i];
        if (!v[i] && i != M_DECIDE) {
            return fail_missing(c, n, model_keys[i].name,
                                "a model needs weights: FILE.gguf, takes: "
                                "[types] and gives: type");
        }
    }
    TRY(spec_path(c, v[M_WEIGHTS], "weights", &m->weights));
    TRY(spec_takes(c, v[M_TAKES], &m->takes));
    TRY(spec_gives(c, v[M_GIVES], &m->gives));
    if (v[M_DECIDE]) {
        config_enter(c, "decide");
        TRY(schema_word(c, v[M_DECIDE], decisions, ARRAY_N(decisions),
                        &decide));
        config_leave(c);
    }
    m->decide = (uint32_t)decide;
    *out = m;
    return 0;
}

enum {
    C_UNIT,
    C_TAKES,
    C_GIVES,
    C_FILE_OF,
    C_N
};

static const struct schema_key cml_keys[C_N] = {{"unit", 0, NULL},
                                                {"takes", 0, NULL},
                                                {"gives", 0, NULL},
                                                {"file_of", 0, NULL}};

/* FILE.cml:NAME, or NAME in the text that a task among its needs made. */
static int read_unit(struct config *c, const struct yaml_node *unit,
                     const struct yaml_node *file_of, Proctor__CmlSpec *m)
{
    if (!file_of) {
        return spec_named(c, unit, "unit", "gcd.cml:gcd", &m->file, &m->unit);
    }
    TRY(spec_path(c, file_of, "file_of", &m->file_of));
    TRY(spec_path(c, unit, "unit", &m->unit));
    if (!spec_is_name(m->unit)) {
        config_enter(c, "unit");
        return schema_expected(c, unit, "the name of a unit");
    }
    return 0;
}

int spec_cml(struct config *c, const struct yaml_node *n,
             const struct yaml_node *base, Proctor__CmlSpec **out)
{
    const struct yaml_node *v[C_N];
    const struct yaml_node *of_base[C_N] = {NULL};
    Proctor__CmlSpec *m = arena_get(&c->reply, sizeof(*m));

    if (!m) {
        return ERR_NOMEM;
    }
    proctor__cml_spec__init(m);
    TRY(schema_map(c, n, cml_keys, C_N, v));
    if (base) {
        TRY(schema_map(c, base, cml_keys, C_N, of_base));
    }
    for (size_t i = 0; i < C_N; i++) {
        v[i] = v[i] ? v[i] : of_base[i];
        if (!v[i] && i != C_TAKES && i != C_FILE_OF) {
            return fail_missing(c, n, cml_keys[i].name,
                                "a unit needs unit: FILE.cml:NAME and gives: "
                                "type");
        }
    }
    TRY(read_unit(c, v[C_UNIT], v[C_FILE_OF], m));
    if (v[C_TAKES]) {
        TRY(spec_takes(c, v[C_TAKES], &m->takes));
    }
    TRY(spec_gives(c, v[C_GIVES], &m->gives));
    *out = m;
    return 0;
}

int spec_ref_move(struct config *c, const struct yaml_node *n,
                  Proctor__RefMoveSpec **out)
{
    static const struct schema_key keys[] = {{"ref", 1, NULL}};
    const struct yaml_node *v[ARRAY_N(keys)];
    Proctor__RefMoveSpec *m = arena_get(&c->reply, sizeof(*m));

    if (!m) {
        return ERR_NOMEM;
    }
    proctor__ref_move_spec__init(m);
    TRY(schema_map(c, n, keys, ARRAY_N(keys), v));
    TRY(spec_path(c, v[0], "ref", &m->ref));
    *out = m;
    return 0;
}

static int read_table(struct config *c, const struct yaml_node *n,
                      Proctor__TableSpec **out)
{
    static const struct schema_key keys[] = {
        {"csv", 1, NULL}, {"inputs", 1, NULL}, {"output", 1, NULL}};
    const struct yaml_node *v[ARRAY_N(keys)];

    config_enter(c, "table");
    TRY(schema_map(c, n, keys, ARRAY_N(keys), v));
    TRY(spec_table(c, v, out));
    config_leave(c);
    return 0;
}

int spec_unit(struct config *c, const struct yaml_node *n,
                     const char *key, Proctor__CmlSpec **out)
{
    Proctor__CmlSpec *m = arena_get(&c->reply, sizeof(*m));

    if (!m) {
        return ERR_NOMEM;
    }
    proctor__cml_spec__init(m);
    TRY(spec_named(c, n, key, "gcd.cml:gcd", &m->file, &m->unit));
    *out = m;
    return 0;
}

static int read_oracle(struct config *c, const struct yaml_node *n,
                       const char *name, int table_allowed,
                       Proctor__OracleSpec **out)
{
    static const char why[] = "an oracle takes and gives what the candidate "
                              "does";
    static const struct schema_key keys[] = {
        {"function", 0, NULL}, {"run", 0, NULL},  {"files", 0, NULL},
        {"table", 0, NULL},    {"takes", 0, why}, {"gives", 0, why},
        {"unit", 0, NULL}};
    const struct yaml_node *v[ARRAY_N(keys)];
    Proctor__OracleSpec *o = arena_get(&c->reply, sizeof(*o));
    Proctor__ProgramSpec *p = arena_get(&c->reply, sizeof(*p));

    if (!o || !p) {
        return ERR_NOMEM;
    }
    proctor__oracle_spec__init(o);
    proctor__program_spec__init(p);
    config_enter(c, name);
    TRY(schema_map(c, n, keys, ARRAY_N(keys), v));
    if (v[3] && !table_allowed) {
        config_fail(c, v[3]->key, "a second oracle cannot be a table");
        config_hint(c, "name a program or a unit: function, run or unit");
        return ERR_INPUT;
    }
    if ((v[3] || v[6]) && n->n > 1) {
        config_fail(c, (v[3] ? v[3] : v[6])->key, "a %s stands alone",
                    v[3] ? "table" : "unit");
        config_hint(c, "leave out the other keys of this oracle");
        return ERR_INPUT;
    }
    if (v[3]) {
        TRY(read_table(c, v[3], &o->table));
    } else if (v[6]) {
        TRY(spec_unit(c, v[6], "unit", &o->cml));
    } else {
        TRY(read_what_runs(c, n, v[0], v[1], v[2], p));
        o->program = p;
    }
    config_leave(c);
    *out = o;
    return 0;
}

static int read_domain(struct config *c, const struct yaml_node *n,
                       Proctor__ExamSpec *x)
{
    CLEANUP(buf_release) struct buf bytes;
    struct corpora corpora = {0};
    struct type takes;

    buf_init(&bytes, LIMIT_DATA_FILE_BYTES);
    config_enter(c, "domain");
    TRY(types_domains(c, n, &corpora, &bytes, &takes));
    config_leave(c);
    TRY(spec_bytes(c, buf_bytes(&bytes), &x->domain));
    x->corpora = corpora.files;
    x->n_corpora = corpora.n;
    return put_type(c, &takes, &x->takes);
}

enum {
    X_ORACLE,
    X_SECOND,
    X_DOMAIN,
    X_EXAMPLES,
    X_ERROR_RATE,
    X_ULPS,
    X_RELATIONS,
    X_N
};

static const struct schema_key exam_keys[X_N] = {{"oracle", 0, NULL},
                                                 {"second_oracle", 0, NULL},
                                                 {"domain", 0, NULL},
                                                 {"examples", 0, NULL},
                                                 {"error_rate", 0, NULL},
                                                 {"ulps", 0, NULL},
                                                 {"relations", 0, NULL}};

/* What an exam forgives, when it says so. */
static int read_tolerance(struct config *c, const struct yaml_node *rate,
                          const struct yaml_node *ulps, Proctor__ExamSpec *x)
{
    if (rate) {
        config_enter(c, "error_rate");
        TRY(schema_double(c, rate, &x->error_rate));
        if (!(x->error_rate >= RATE_MIN) || !(x->error_rate <= 0.5)) {
            schema_expected(c, rate, "a rate of 0.000001 to 0.5");
            config_hint(c, "leave it out to allow no error at all");
            return ERR_INPUT;
        }
        config_leave(c);
    }
    if (ulps) {
        config_enter(c, "ulps");
        TRY(schema_uint(c, ulps, 1, LIMIT_ULPS, &x->ulps));
        config_leave(c);
    }
    return 0;
}

int spec_exam(struct config *c, const struct yaml_node *n,
              const struct yaml_node *base, Proctor__ExamSpec **out,
              const struct yaml_node **out_examples)
{
    const struct yaml_node *v[X_N];
    const struct yaml_node *of_base[X_N] = {NULL};
    Proctor__ExamSpec *x = arena_get(&c->reply, sizeof(*x));

    if (!x) {
        return ERR_NOMEM;
    }
    proctor__exam_spec__init(x);
    TRY(schema_map(c, n, exam_keys, X_N, v));
    if (base) {
        TRY(schema_map(c, base, exam_keys, X_N, of_base));
    }
    for (size_t i = 0; i < X_N; i++) {
        v[i] = v[i] ? v[i] : of_base[i];
    }
    if (!v[X_ORACLE]) {
        return fail_missing(c, n, "oracle",
                            "name what knows the answers: function, run, "
                            "unit or table");
    }
    TRY(read_oracle(c, v[X_ORACLE], "oracle", 1, &x->oracle));
    if (v[X_SECOND]) {
        TRY(read_oracle(c, v[X_SECOND], "second_oracle", 0, &x->second_oracle));
    }
    if (x->oracle->table && v[X_DOMAIN]) {
        config_fail(c, v[X_DOMAIN]->key,
                    "the rows of the table are the domain");
        config_hint(c, "leave out domain");
        return ERR_INPUT;
    }
    if (!x->oracle->table) {
        if (!v[X_DOMAIN]) {
            return fail_missing(c, n, "domain",
                                "list one domain per argument, e.g. [{bytes: "
                                "{length: [0, 4096]}}]");
        }
        TRY(read_domain(c, v[X_DOMAIN], x));
    }
    TRY(read_tolerance(c, v[X_ERROR_RATE], v[X_ULPS], x));
    if (v[X_RELATIONS]) {
        TRY(spec_relations(c, v[X_RELATIONS], x));
    }
    *out_examples = v[X_EXAMPLES];
    *out = x;
    return 0;
}

/* One {in: [...], out: ...} as the tuple (arguments, answer). */
static int read_example(struct config *c, const struct yaml_node *n,
                        const struct type *takes, const struct type *gives,
                        struct buf *out)
{
    static const struct schema_key keys[] = {{"in", 1, NULL}, {"out", 1, NULL}};
    const struct yaml_node *v[ARRAY_N(keys)];

    TRY(schema_map(c, n, keys, ARRAY_N(keys), v));
    TRY(value_put_tuple(out, 2));
    config_enter(c, "in");
    TRY(types_value(c, v[0], takes, out));
    config_leave(c);
    config_enter(c, "out");
    TRY(types_value(c, v[1], gives, out));
    config_leave(c);
    return 0;
}

int spec_examples(struct config *c, const struct yaml_node *examples,
                  const struct type *takes, const struct type *gives,
                  Proctor__ExamSpec *exam)
{
    CLEANUP(buf_release) struct buf bytes;
    size_t i = 0;

    buf_init(&bytes, EXAMPLES_BYTES_MAX);
    config_enter(c, "examples");
    TRY(schema_list(c, examples, EXAMPLES_MAX));
    exam->examples = arena_array(&c->reply, (size_t)examples->n + 1,
                                 sizeof(*exam->examples));
    if (!exam->examples) {
        return ERR_NOMEM;
    }
    for (const struct yaml_node *e = examples->first; e; e = e->next, i++) {
        buf_reset(&bytes);
        config_enter_at(c, i);
        TRY(read_example(c, e, takes, gives, &bytes));
        config_leave(c);
        TRY(spec_bytes(c, buf_bytes(&bytes), &exam->examples[i]));
        exam->n_examples++;
    }
    config_leave(c);
    return 0;
}
