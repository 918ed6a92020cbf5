/* `with` of data.split, score and derive, and what a program reads of a split. Runs in
 * the confined `config` worker. Form only: whether a task is a split, and a file
 * granted, is the kernel's to say. */
#include "workers/config/specs.h"

#include <string.h>

#include "proto/limits.h"
#include "proto/record.h"
#include "workers/config/member.h"

int spec_table(struct config *c, const struct yaml_node *const v[static 3],
               Proctor__TableSpec **out)
{
    Proctor__TableSpec *t = arena_get(&c->reply, sizeof(*t));

    if (!t) {
        return ERR_NOMEM;
    }
    proctor__table_spec__init(t);
    TRY(spec_path(c, v[0], "csv", &t->csv));
    config_enter(c, "inputs");
    TRY(schema_texts(c, v[1], LIMIT_FILES, LIMIT_PATH_BYTES, &t->inputs,
                     &t->n_inputs));
    if (t->n_inputs == 0) {
        return config_fail(c, v[1], "expected at least one column");
    }
    config_leave(c);
    TRY(spec_path(c, v[2], "output", &t->output));
    *out = t;
    return 0;
}

static int read_share(struct config *c, const struct yaml_node *n, double *out)
{
    config_enter(c, "holdout");
    TRY(schema_double(c, n, out));
    if (!(*out > 0) || !(*out < 1)) {
        schema_expected(c, n, "a share between 0 and 1");
        config_hint(c, "0.3 holds out three of ten distinct inputs");
        return ERR_INPUT;
    }
    config_leave(c);
    return 0;
}

/* Of a data.load task: it knows columns and types. */
static int split_of(struct config *c, const struct yaml_node *n,
                    Proctor__SplitSpec *s)
{
    static const struct schema_key keys[] = {
        {"of", 1, NULL}, {"holdout", 1, NULL}, {"stratified", 0, NULL}};
    const struct yaml_node *v[ARRAY_N(keys)];
    int stratified = 0;

    TRY(schema_map(c, n, keys, ARRAY_N(keys), v));
    TRY(spec_path(c, v[0], "of", &s->of));
    TRY(read_share(c, v[1], &s->holdout));
    if (v[2]) {
        config_enter(c, "stratified");
        TRY(schema_bool(c, v[2], &stratified));
        config_leave(c);
    }
    s->stratified = stratified;
    return 0;
}

static int split_table(struct config *c, const struct yaml_node *n,
                       Proctor__SplitSpec *s)
{
    static const struct schema_key keys[] = {
        {"csv", 1, NULL},   {"inputs", 1, NULL}, {"output", 1, NULL},
        {"takes", 1, NULL}, {"gives", 1, NULL},  {"holdout", 1, NULL}};
    const struct yaml_node *v[ARRAY_N(keys)];

    TRY(schema_map(c, n, keys, ARRAY_N(keys), v));
    TRY(spec_table(c, v, &s->table));
    TRY(spec_takes(c, v[3], &s->takes));
    TRY(spec_gives(c, v[4], &s->gives));
    return read_share(c, v[5], &s->holdout);
}

int spec_split(struct config *c, const struct yaml_node *n,
               Proctor__SplitSpec **out)
{
    Proctor__SplitSpec *s = arena_get(&c->reply, sizeof(*s));
    int is_of = 0;

    if (!s) {
        return ERR_NOMEM;
    }
    proctor__split_spec__init(s);
    for (const struct yaml_node *e = n->first; n->kind == YAML_MAP && e;
         e = e->next) {
        is_of |= strcmp(e->key->text, "of") == 0 ||
                 strcmp(e->key->text, "stratified") == 0;
    }
    TRY(is_of ? split_of(c, n, s) : split_table(c, n, s));
    *out = s;
    return 0;
}

int spec_metric(struct config *c, const struct yaml_node *n, uint32_t *out)
{
    static const char *const words[] = {
        [METRIC_ACCURACY - 1] = "accuracy",
        [METRIC_ABSOLUTE_ERROR - 1] = "mean_absolute_error",
        [METRIC_SQUARED_ERROR - 1] = "mean_squared_error",
        [METRIC_LOG_LOSS - 1] = "log_loss"};
    size_t i = 0;

    if (n) {
        TRY(member_word(c, n, "metric", words, ARRAY_N(words), &i));
        *out = (uint32_t)i + 1;
    }
    return 0;
}

int spec_score(struct config *c, const struct yaml_node *n,
               Proctor__ScoreSpec **out)
{
    static const struct schema_key keys[] = {{"metric", 1, NULL}};
    const struct yaml_node *v[ARRAY_N(keys)];
    Proctor__ScoreSpec *s = arena_get(&c->reply, sizeof(*s));

    if (!s) {
        return ERR_NOMEM;
    }
    proctor__score_spec__init(s);
    TRY(schema_map(c, n, keys, ARRAY_N(keys), v));
    TRY(spec_metric(c, v[0], &s->metric));
    *out = s;
    return 0;
}

int spec_derive(struct config *c, const struct yaml_node *n,
                Proctor__DeriveSpec **out)
{
    static const struct schema_key keys[] = {
        {"series", 1, NULL}, {"inputs", 0, NULL}, {"note", 0, NULL}};
    const struct yaml_node *v[ARRAY_N(keys)];
    Proctor__DeriveSpec *s = arena_get(&c->reply, sizeof(*s));

    if (!s) {
        return ERR_NOMEM;
    }
    proctor__derive_spec__init(s);
    TRY(schema_map(c, n, keys, ARRAY_N(keys), v));
    TRY(spec_path(c, v[0], "series", &s->series));
    if (v[1]) {
        TRY(spec_path(c, v[1], "inputs", &s->inputs));
    }
    if (v[2]) {
        TRY(spec_path(c, v[2], "note", &s->note));
        if (v[2]->n > LIMIT_NOTE_BYTES) {
            config_enter(c, "note");
            return config_limit(c, v[2], "at most %d bytes", LIMIT_NOTE_BYTES);
        }
    }
    *out = s;
    return 0;
}

/* {train.csv: ID of a split, ...} */
int spec_reads(struct config *c, const struct yaml_node *n,
               Proctor__ProgramSpec *p)
{
    config_enter(c, "reads");
    if (n->kind != YAML_MAP) {
        schema_expected(c, n, "a map from file names to data.split tasks");
        config_hint(c, "write reads: {train.csv: ID of the split}");
        return ERR_INPUT;
    }
    if (n->n > LIMIT_NEEDS) {
        return config_limit(c, n, "at most %d files of splits", LIMIT_NEEDS);
    }
    p->reads = arena_array(&c->reply, (size_t)n->n + 1, sizeof(*p->reads));
    if (!p->reads) {
        return ERR_NOMEM;
    }
    for (const struct yaml_node *e = n->first; e; e = e->next) {
        Proctor__ReadSpec *r = arena_get(&c->reply, sizeof(*r));

        if (!r) {
            return ERR_NOMEM;
        }
        proctor__read_spec__init(r);
        TRY(spec_path(c, e->key, "a file's name", &r->file));
        TRY(spec_path(c, e, r->file, &r->task));
        p->reads[p->n_reads++] = r;
    }
    config_leave(c);
    return 0;
}
