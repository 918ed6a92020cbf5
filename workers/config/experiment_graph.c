/* An experiment as a graph: data, split, training, what is measured. Runs in the
 * confined `config` worker. The text that comes out is read again as any graph is:
 * nothing rests on this having got it right. */
#include <stdio.h>
#include <string.h>

#include "proto/limits.h"
#include "workers/config/experiment_int.h"

#define TRAINS_MAX (LIMIT_NEEDS + 3)

struct maker {
    struct config *c;
    const struct experiment *e;
    struct yaml_node *tasks;
    const char *data; /* the task that is learnt from */
    const char *trains[TRAINS_MAX];
    size_t trains_n;
    const char *score;
};

static struct yaml_node *texts(struct config *c, const char *const *v, size_t n)
{
    struct yaml_node *list = build_list(c);

    for (size_t i = 0; i < n; i++) {
        list = build_add(c, list, NULL, build_text(c, v[i]));
    }
    return list;
}

struct kind {
    const char *op, *validator, *level;
};

/* One task with its validator; with NULL: memory is spent. */
static int add_task(struct maker *m, const char *id, struct kind kind,
                    const char *const *needs, size_t needs_n,
                    struct yaml_node *with)
{
    struct config *c = m->c;
    struct yaml_node *v = build_map(c);
    struct yaml_node *t = build_map(c);

    v = build_add(c, v, "name", build_text(c, kind.validator));
    v = build_add(c, v, "level", build_text(c, kind.level));
    t = build_add(c, t, "id", build_text(c, id));
    t = build_add(c, t, "op", build_text(c, kind.op));
    if (needs_n > 0) {
        t = build_add(c, t, "needs", texts(c, needs, needs_n));
    }
    t = build_add(c, t, "with", with);
    t = build_add(c, t, "validator", v);
    return build_add(c, m->tasks, NULL, t) ? 0 : ERR_NOMEM;
}

/* A train task: the recipe, and what is its own. seed: SIZE_MAX the experiment's. */
static int add_train(struct maker *m, const char *id, const char *twin,
                     uint64_t fold, uint64_t seed)
{
    struct config *c = m->c;
    const struct experiment *e = m->e;
    struct yaml_node *with = build_map(c);

    with = build_add(c, with, "data", build_text(c, m->data));
    with = build_add(c, with, "model", build_deep_copy(c, e->learner));
    for (const struct yaml_node *p = e->with->first; p; p = p->next) {
        with = build_add(c, with, p->key->text, build_deep_copy(c, p));
    }
    if (seed != e->seed) {
        with = build_add(c, with, "seed", build_uint(c, seed));
    }
    if (!e->is_closed || e->is_harness) {
        with = build_add(c, with, "checkpoint", build_uint(c, e->frequency));
    }
    if (fold > 0) {
        with = build_add(c, with, "fold", build_uint(c, fold));
        with = build_add(c, with, "folds", build_uint(c, e->folds));
    } else if (e->validation > 0) {
        with = build_add(c, with, "validation", build_number(c, e->validation));
    }
    if (twin) {
        with = build_add(c, with, "twin", build_text(c, twin));
    } else {
        m->trains[m->trains_n++] = id;
    }
    return add_task(m, id, (struct kind){"train", "well_formed", "schema"},
                    &m->data, 1, with);
}

static char *numbered(struct config *c, const char *word, size_t i)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "%s_%zu", word, i);
    return arena_text(&c->scratch, text, strlen(text));
}

/* What is trained, the task "net" last. */
static int add_trains(struct maker *m)
{
    const struct experiment *e = m->e;
    struct config *c = m->c;
    struct yaml_node *with = build_map(c);
    size_t first;

    for (uint64_t i = 1; i <= e->folds; i++) {
        char *id = numbered(c, "fold", (size_t)i);

        if (!id) {
            return ERR_NOMEM;
        }
        TRY(add_train(m, id, NULL, i, e->seed));
    }
    if (!e->how) {
        return add_train(m, "net", NULL, 0, e->seed);
    }
    first = m->trains_n;
    for (uint64_t i = 1; i <= e->members; i++) {
        char *id = numbered(c, "member", (size_t)i);

        if (!id) {
            return ERR_NOMEM;
        }
        TRY(add_train(m, id, NULL, 0, e->seed + i - 1));
    }
    with = build_add(c, with, "how", build_text(c, e->how));
    with = build_add(c, with, "of",
                     texts(c, m->trains + first, m->trains_n - first));
    return add_task(m, "net",
                    (struct kind){"train.combine", "well_formed", "schema"},
                    m->trains + first, m->trains_n - first, with);
}

static int add_exam(struct maker *m)
{
    static const char *const needs[] = {"parts", "net", "shuffled", "random"};
    static const char *const exam[] = {"exam"};
    const struct experiment *e = m->e;
    struct config *c = m->c;
    struct yaml_node *with = build_map(c);
    struct yaml_node *move = build_map(c);

    TRY(add_train(m, "shuffled", "labels", 0, e->seed));
    TRY(add_train(m, "random", "weights", 0, e->seed));
    with = build_add(c, with, "split", build_text(c, "parts"));
    with = build_add(c, with, "candidate", build_text(c, "net"));
    if (e->kind != PROCTOR__DATA_KIND__DATA_TEXT) {
        with = build_add(c, with, "metric", build_text(c, e->metric));
    }
    with = build_add(c, with, "twins", texts(c, needs + 2, 2));
    if (e->ref) {
        with = build_add(c, with, "incumbent", build_text(c, e->ref));
    }
    m->score = "exam";
    TRY(add_task(m, "exam", (struct kind){"exam.holdout", "paired", "oracle"},
                 needs, ARRAY_N(needs), with));
    if (!e->ref) {
        return 0;
    }
    move = build_add(c, move, "ref", build_text(c, e->ref));
    return add_task(m, "keep",
                    (struct kind){"ref.move", "same_object", "oracle"}, exam, 1,
                    move);
}

static int add_score(struct maker *m)
{
    static const char *const needs[] = {"parts", "net"};
    struct config *c = m->c;
    struct yaml_node *with = build_map(c);

    m->score = "score";
    with = build_add(c, with, "metric", build_text(c, m->e->metric));
    return add_task(m, "score", (struct kind){"score", "ladder", "property"},
                    needs, ARRAY_N(needs), with);
}

static int add_split(struct maker *m)
{
    static const char *const needs[] = {"data"};
    struct config *c = m->c;
    struct yaml_node *with = build_map(c);

    m->data = "parts";
    with = build_add(c, with, "of", build_text(c, "data"));
    with = build_add(c, with, "holdout", build_number(c, m->e->holdout));
    with = build_add(c, with, "stratified", build_bool(c, m->e->stratified));
    return add_task(m, "parts",
                    (struct kind){"data.split", "disjoint", "property"}, needs,
                    1, with);
}

static int make_graph(struct maker *m, struct buf *out)
{
    const struct experiment *e = m->e;
    struct config *c = m->c;
    struct yaml_node *g = build_map(c);

    m->tasks = build_list(c);
    m->data = "data";
    TRY(add_task(m, "data", (struct kind){"data.load", "well_formed", "schema"},
                 NULL, 0, build_copy(c, e->load)));
    if (e->holdout > 0) {
        TRY(add_split(m));
    }
    TRY(add_trains(m));
    if (e->holdout > 0) {
        TRY(e->has_exam ? add_exam(m) : add_score(m));
    }
    g = build_add(c, g, "version", build_uint(c, 1));
    g = build_add(c, g, "name", build_text(c, e->name));
    g = build_add(c, g, "tasks", m->tasks);
    return g ? build_json(g, 0, out) : ERR_NOMEM;
}

static int put_text(struct config *c, const char *s, char **out)
{
    *out = arena_text(&c->reply, s, strlen(s));
    return *out ? 0 : ERR_NOMEM;
}

static int put_bytes(struct config *c, const struct buf *b,
                     ProtobufCBinaryData *out)
{
    out->len = buf_len(b);
    out->data = (uint8_t *)arena_text(&c->reply, buf_bytes(b).p, out->len);
    return out->data ? 0 : ERR_NOMEM;
}

static int put_texts(struct config *c, const char *const *v, size_t n,
                     char ***out, size_t *out_n)
{
    *out = arena_array(&c->reply, n + 1, sizeof(char *));
    if (!*out) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        TRY(put_text(c, v[i], &(*out)[i]));
    }
    *out_n = n;
    return 0;
}

static int put_files(struct config *c, const struct experiment *e,
                     Proctor__Experiment *x)
{
    const struct yaml_node *files = build_find(e->load, "files");

    x->files = arena_array(&c->reply, files ? files->n + 1 : 1, sizeof(char *));
    if (!x->files) {
        return ERR_NOMEM;
    }
    for (const struct yaml_node *f = files ? files->first : NULL; f;
         f = f->next) {
        TRY(put_text(c, f->text, &x->files[x->n_files]));
        x->n_files++;
    }
    return 0;
}

static int write_graph(struct config *c, const struct experiment *e,
                       Proctor__Experiment *x)
{
    CLEANUP(buf_release) struct buf text;
    struct maker m = {.c = c, .e = e};

    buf_init(&text, EXPERIMENT_BYTES_MAX * 4);
    if (e->cannot[0] != '\0') {
        return put_text(c, e->cannot, &x->cannot);
    }
    TRY(make_graph(&m, &text));
    TRY(put_bytes(c, &text, &x->graph));
    TRY(put_texts(c, m.trains, m.trains_n, &x->trains, &x->n_trains));
    TRY(put_files(c, e, x));
    return put_text(c, m.score ? m.score : "", &x->score);
}

int exp_write(struct exp_reader *r, const struct experiment *e)
{
    CLEANUP(buf_release) struct buf text;
    struct config *c = r->c;
    struct yaml_node *config = exp_config(c, e);
    Proctor__Experiment *x;

    buf_init(&text, EXPERIMENT_BYTES_MAX * 4);
    if (r->out->n_experiments == EXPERIMENT_MAX) {
        return exp_fail(r, NULL, NULL, "divide the file",
                        "more than %u experiments", EXPERIMENT_MAX);
    }
    x = arena_get(&c->reply, sizeof(*x));
    if (!x || !config) {
        return ERR_NOMEM;
    }
    proctor__experiment__init(x);
    TRY(build_json(config, 1, &text));
    TRY(put_bytes(c, &text, &x->config));
    TRY(put_text(c, e->name, &x->name));
    TRY(put_text(c, e->directory, &x->directory));
    TRY(put_text(c, e->ref ? e->ref : "", &x->ref));
    TRY(write_graph(c, e, x));
    TRY(exp_summary(c, e, &x->summary));
    x->harness = e->is_harness;
    x->absolute = e->is_absolute;
    x->saves = e->saves;
    x->logs = e->logs;
    x->checkpoint_frequency = (uint32_t)e->frequency;
    x->epochs = e->is_closed && !e->is_harness ? 1 : (uint32_t)e->epochs;
    x->kind = e->kind;
    r->out->experiments[r->out->n_experiments++] = x;
    return 0;
}
