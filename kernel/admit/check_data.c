/* Data sets: what is split, who may read which part, what is scored on it, what
 * is derived from it. Kernel process. */
#include "kernel/admit/check.h"

#include <string.h>

#include "proto/training.h"
#include "proto/type.h"

int check_load(struct check *c, const struct subject *s)
{
    const Proctor__DataSpec *x = s->task->data;

    if (x->format[0] == '\0' || x->permuted || x->n_files > LIMIT_DATASET_FILES ||
        x->kind == PROCTOR__DATA_KIND__DATA_NONE ||
        x->kind > PROCTOR__DATA_KIND__DATA_TEXT) {
        return check_refuse_form(c, s, "no format, no kind, or over 28 files");
    }
    return 0;
}

int check_permute(struct check *c, const struct subject *s)
{
    const Proctor__PermuteSpec *x = s->task->permute;
    uint8_t seen[1u << LIMIT_PERMUTE_LEVEL] = {0};
    int ok = x->depth >= 1 && x->depth <= LIMIT_PERMUTE_LEVEL &&
             x->n_order == (size_t)1 << x->depth;

    for (size_t i = 0; ok && i < x->n_order; i++) {
        ok = x->order[i] < x->n_order && seen[x->order[i]]++ == 0;
    }
    if (!ok) {
        return check_refuse_form(c, s, "expected each block of a level once");
    }
    if (!check_has_rows(c, s, x->of)) {
        (void)check_refuse(c, s, "permute.of", ERR_INPUT, SPOT_WITH,
                           "of: \"%.64s\" gives no rows, or is not needed",
                           x->of);
        diag_hint(&c->d, "write needs: [ID of a data.load or data.split]");
        return ADMIT_E_REFUSED;
    }
    return 0;
}

static int check_split_of(struct check *c, const struct subject *s)
{
    const Proctor__SplitSpec *x = s->task->split;
    const Proctor__Task *data = admission_data(c->a, c->q->graph, s->task);

    if (x->table || x->takes.len + x->gives.len > 0 || !(x->holdout > 0) ||
        !(x->holdout < 1)) {
        return check_refuse_form(c, s, "of: a holdout in (0, 1), and no table");
    }
    if (!data || strcmp(data->id, x->of) != 0 || !check_is_needed(s, x->of)) {
        (void)check_refuse(c, s, "split.of", ERR_INPUT, SPOT_WITH,
                           "of: \"%.64s\" is no data.load task that it needs",
                           x->of);
        diag_hint(&c->d, "write needs: [ID of the data.load] beside with:");
        return ADMIT_E_REFUSED;
    }
    return x->stratified &&
                   data->data->kind != PROCTOR__DATA_KIND__DATA_CLASSIFICATION
               ? check_refuse(c, s, "split.stratified", ERR_INPUT, SPOT_WITH,
                              "stratified: \"%.64s\" has no classes", x->of)
               : 0;
}

int check_split(struct check *c, const struct subject *s)
{
    const Proctor__SplitSpec *x = s->task->split;
    const Proctor__TableSpec *t = x->table;
    struct type takes;

    if (x->of[0] != '\0') {
        return check_split_of(c, s);
    }
    if (!t || t->csv[0] == '\0' || t->output[0] == '\0' || t->n_inputs == 0 ||
        t->n_inputs > LIMIT_FILES || !(x->holdout > 0) || !(x->holdout < 1)) {
        return check_refuse_form(c, s,
                                 "expected csv, inputs, output, and a holdout "
                                 "between 0 and 1");
    }
    if (check_values(c, s, &x->takes, &x->gives) != 0) {
        return ADMIT_E_REFUSED;
    }
    if (type_decode((struct ubytes){x->takes.data, x->takes.len}, &takes) !=
            0 ||
        (takes.b[1] != t->n_inputs &&
         (takes.b[1] != 1 || type_tag_at(&takes, 2) != TYPE_LIST))) {
        return check_refuse(c, s, "split.types", ERR_INPUT, SPOT_WITH,
                            "takes has %u types, the table %zu inputs",
                            takes.b[1], t->n_inputs);
    }
    return 0;
}

/* Each task is a split that it needs. */
int check_reads(struct check *c, const struct subject *s)
{
    const Proctor__ProgramSpec *p = s->task->program;
    char path[LIMIT_PATH_BYTES + 1];

    for (size_t i = 0; i < p->n_reads; i++) {
        size_t k = check_find(c, p->reads[i]->task);

        if (!check_is_needed(s, p->reads[i]->task) || k == SIZE_MAX ||
            !c->q->graph->tasks[k]->split ||
            !c->q->graph->tasks[k]->split->table) {
            (void)check_refuse(c, s, "program.reads", ERR_INPUT, SPOT_WITH,
                               "reads: \"%.64s\" is no data.split of a CSV "
                               "file that it needs",
                               p->reads[i]->task);
            diag_hint(&c->d, "write needs: [ID of the split] beside with:");
            return ADMIT_E_REFUSED;
        }
        if (check_join("", p->reads[i]->file, path) != 0) {
            return check_refuse_form(c, s, "reads: no plain file name");
        }
    }
    return 0;
}

/* Are its rows text, or was it trained on such? */
static int is_of_text(const struct check *c, const Proctor__Task *t)
{
    const Proctor__Task *data = admission_data(c->a, c->q->graph, t);

    return data && data->data->kind == PROCTOR__DATA_KIND__DATA_TEXT;
}

static int check_metric(struct check *c, const struct subject *s,
                        const Proctor__Task *split, unsigned metric,
                        const struct type *gives)
{
    enum type_tag tag = type_tag_at(gives, 0);
    int is_number = tag == TYPE_INT || tag == TYPE_FLOAT;
    int is_text = is_of_text(c, split);

    if (is_text && s->op->id == OP_SCORE) {
        return check_refuse(c, s, "score.text", ERR_INPUT, SPOT_NEEDS,
                            "text is judged by op exam.holdout");
    }

    if (is_text ? metric == METRIC_LOG_LOSS
                : metric == METRIC_ACCURACY ||
                      (is_number && (metric == METRIC_ABSOLUTE_ERROR ||
                                     metric == METRIC_SQUARED_ERROR))) {
        return 0;
    }
    return check_refuse(c, s, "score.metric", ERR_INPUT, SPOT_WITH,
                        "%s is no metric for this output", metric_name(metric));
}

/* Do candidate and split take and give the same? */
static int is_split_for(const struct check *c, const Proctor__Task *split,
                        const struct type *takes, const struct type *gives)
{
    const Proctor__SplitSpec *x = split->split;
    struct ubytes in = {x->takes.data, x->takes.len};
    struct ubytes out = {x->gives.data, x->gives.len};

    if (x->of[0] != '\0') {
        const Proctor__Task *data = admission_data(c->a, c->q->graph, split);

        if (!data || !training_types(data->data->kind, &in, &out)) {
            return 0;
        }
    }
    return takes->n == in.n && memcmp(takes->b, in.p, in.n) == 0 &&
           gives->n == out.n && memcmp(gives->b, out.p, out.n) == 0;
}

/* Has the candidate a file that the split's rows were read from? NULL: none. */
static const char *shared_file(const Proctor__Task *candidate,
                               const Proctor__SplitSpec *x,
                               const Proctor__DataSpec *data)
{
    size_t n = x->table ? 1 : data ? data->n_files : 0;

    for (size_t i = 0; i < n; i++) {
        const char *file = x->table ? x->table->csv : data->files[i];

        if (check_has_file(candidate->program, file) ||
            (candidate->repair &&
             check_has_file(candidate->repair->program, file))) {
            return file;
        }
    }
    return NULL;
}

int check_score(struct check *c, const struct subject *s)
{
    const Proctor__Graph *g = c->q->graph;
    size_t n = 0;
    size_t candidate_i = check_worked_on(c, s, &n);
    size_t split_i = check_need_of(c, s, "split", &n);
    const Proctor__Task *candidate;
    const Proctor__SplitSpec *x;
    const Proctor__Task *data;
    const char *shared;
    struct type takes;
    struct type gives;

    if (split_i == SIZE_MAX) {
        (void)check_refuse(c, s, "score.split", ERR_INPUT, SPOT_NEEDS,
                           "expected exactly one data.split among the needs, "
                           "got %zu",
                           n);
        diag_hint(&c->d, "write needs: [ID of the split, ID of the candidate]");
        return ADMIT_E_REFUSED;
    }
    x = g->tasks[split_i]->split;
    candidate = g->tasks[candidate_i];
    if (!x || !check_candidate_types(c, candidate, &takes, &gives)) {
        return 0; /* that task is refused itself */
    }
    data = admission_data(c->a, g, g->tasks[split_i]);
    if (!is_split_for(c, g->tasks[split_i], &takes, &gives)) {
        return check_refuse(c, s, "score.types", ERR_INPUT, SPOT_WITH,
                            "candidate and split take or give other types");
    }
    shared = shared_file(candidate, x, data ? data->data : NULL);
    if (shared) {
        return check_refuse(c, s, "score.labels", ERR_INPUT, SPOT_NEEDS,
                            "the candidate and the split share \"%.120s\"",
                            shared);
    }
    return check_metric(c, s, g->tasks[split_i], s->task->score->metric, &gives);
}

/* That task among its needs, or SIZE_MAX and a refusal. */
static size_t needed(struct check *c, const struct subject *s, const char *key,
                     const char *id)
{
    if (check_is_needed(s, id)) {
        return check_find(c, id);
    }
    (void)check_refuse(c, s, "holdout.needs", ERR_INPUT, SPOT_WITH,
                       "%s: \"%.64s\" is not among the needs", key, id);
    diag_hint(&c->d, "write it under needs: too");
    return SIZE_MAX;
}

/* Under that key, a needed predictor of the split's rows. */
static int check_contestant(struct check *c, const struct subject *s,
                            const Proctor__Task *split, const char *key,
                            const char *id, struct type *gives)
{
    const Proctor__Graph *g = c->q->graph;
    size_t k = needed(c, s, key, id);
    struct type takes;

    if (k == SIZE_MAX) {
        return ADMIT_E_REFUSED;
    }
    if (!check_candidate_types(c, g->tasks[k], &takes, gives) ||
        !is_split_for(c, split, &takes, gives) ||
        is_of_text(c, split) != is_of_text(c, g->tasks[k])) {
        return check_refuse(c, s, "holdout.types", ERR_INPUT, SPOT_WITH,
                            "%s: \"%.64s\" makes no predictor of the split's "
                            "rows",
                            key, id);
    }
    return 0;
}

int check_holdout(struct check *c, const struct subject *s)
{
    const Proctor__HoldoutSpec *x = s->task->holdout;
    size_t split_i = needed(c, s, "split", x->split);
    const Proctor__Task *split;
    struct type gives;

    if (split_i == SIZE_MAX) {
        return ADMIT_E_REFUSED;
    }
    split = c->q->graph->tasks[split_i];
    if (!split->split) {
        return check_refuse(c, s, "holdout.split", ERR_INPUT, SPOT_WITH,
                            "split: \"%.64s\" is no data.split", x->split);
    }
    if (x->n_twins == 0) {
        (void)check_refuse(c, s, "holdout.twins", ERR_INPUT, SPOT_WITH,
                           "no twin that must lose");
        diag_hint(&c->d, "train one more with twin: labels, name it in twins:");
        return ADMIT_E_REFUSED;
    }
    for (size_t i = 0; i < x->n_twins; i++) {
        if (strcmp(x->twins[i], x->candidate) == 0) {
            return check_refuse(c, s, "holdout.twins", ERR_INPUT, SPOT_WITH,
                                "the candidate is not its own twin");
        }
        if (check_contestant(c, s, split, "twins", x->twins[i], &gives) != 0) {
            return ADMIT_E_REFUSED;
        }
    }
    if (check_contestant(c, s, split, "candidate", x->candidate, &gives) != 0) {
        return ADMIT_E_REFUSED;
    }
    return check_metric(c, s, split, x->metric, &gives);
}

int check_derive(struct check *c, const struct subject *s)
{
    static const uint8_t one[] = {TYPE_TUPLE, 1, TYPE_BYTES};
    const Proctor__DeriveSpec *x = s->task->derive;
    size_t n = 0;
    size_t maker_i = check_worked_on(c, s, &n);
    size_t from_i = check_need_of(c, s, "artifact", &n);
    struct type takes;
    struct type gives;

    if (x->inputs[0] == '\0' && from_i == SIZE_MAX) {
        (void)check_refuse(c, s, "derive.inputs", ERR_INPUT, SPOT_WITH,
                           "no inputs, and %zu derive tasks among the needs",
                           n);
        diag_hint(&c->d, "write inputs: FILE, or needs: [the one task whose "
                         "output it works on, ...]");
        return ADMIT_E_REFUSED;
    }
    if (strlen(x->note) > LIMIT_NOTE_BYTES) {
        return check_refuse_form(c, s, "the note is too long");
    }
    if (check_candidate_types(c, c->q->graph->tasks[maker_i], &takes, &gives) &&
        (takes.n != sizeof(one) || memcmp(takes.b, one, sizeof(one)) != 0 ||
         gives.n != 1 || gives.b[0] != TYPE_BYTES)) {
        return check_refuse(c, s, "derive.types", ERR_INPUT, SPOT_NEEDS,
                            "the program must take [bytes] and give bytes");
    }
    return check_ref_name(c, s, "series", x->series);
}
