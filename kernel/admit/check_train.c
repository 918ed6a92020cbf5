/* Training: what is trained on which rows, what is measured on which, and what the
 * kernel's own part needs. What a recipe means is for its worker to refuse. Kernel
 * process. */
#include "kernel/admit/check.h"

#include <string.h>

#include "proto/training.h"
#include "proto/type.h"

const Proctor__Task *admission_data(const struct admission *a,
                                    const Proctor__Graph *g,
                                    const Proctor__Task *t)
{
    for (size_t n = 0; t != NULL && !t->data && n <= g->n_tasks; n++) {
        const char *of = t->train                         ? t->train->data
                         : t->split                       ? t->split->of
                         : t->permute                     ? t->permute->of
                         : t->combine && t->combine->n_of ? t->combine->of[0]
                                                          : "";
        size_t i = admission_find(a, g, of);

        t = i == SIZE_MAX ? NULL : g->tasks[i];
    }
    return t != NULL && t->data ? t : NULL;
}

int check_has_rows(const struct check *c, const struct subject *s, const char *id)
{
    size_t k = check_find(c, id);
    const Proctor__Task *t = k == SIZE_MAX ? NULL : c->q->graph->tasks[k];

    return t && check_is_needed(s, id) && (t->data || t->split || t->permute) &&
           admission_data(c->a, c->q->graph, t);
}

/* It takes no more workers, and no more memory with all of them, than a run may
 * have: else they would wait for each other. */
static int check_workers(struct check *c, const struct subject *s)
{
    const Proctor__Policy *p = c->q->policy;
    uint32_t n = s->task->train->workers;

    if (n > LIMIT_WORKERS || (p && n > p->workers)) {
        (void)check_refuse(c, s, "train.workers", ERR_REFUSED, SPOT_WITH,
                           "%u workers, and the policy has %u", n,
                           p ? p->workers : (unsigned)LIMIT_WORKERS);
        diag_hint(&c->d, "write fewer: the result is the same, bit for bit");
        return ADMIT_E_REFUSED;
    }
    if (p && n > 1 && p->budgets && p->limits &&
        p->limits->memory_bytes > p->budgets->memory_bytes / n) {
        (void)check_refuse(c, s, "train.memory", ERR_REFUSED, SPOT_WITH,
                           "%u workers of limits.memory are more than "
                           "budgets.memory",
                           n);
        diag_hint(&c->d, "write fewer workers, or raise budgets.memory");
        return ADMIT_E_REFUSED;
    }
    return 0;
}

/* A needed task that gives trained weights, of the same data kind. */
static int is_trained(const struct check *c, const struct subject *s,
                      const char *id)
{
    size_t k = check_find(c, id);
    const Proctor__Graph *g = c->q->graph;
    const Proctor__Task *from;
    const Proctor__Task *here = admission_data(c->a, g, s->task);

    if (k == SIZE_MAX || !check_is_needed(s, id) ||
        (!g->tasks[k]->train && !g->tasks[k]->combine)) {
        return 0;
    }
    from = admission_data(c->a, g, g->tasks[k]);
    return !from || !here || from->data->kind == here->data->kind;
}

static int refuse_trained(struct check *c, const struct subject *s,
                          const char *key, const char *id)
{
    (void)check_refuse(c, s, "train.of", ERR_INPUT, SPOT_WITH,
                       "%s: \"%.64s\" is no task that it needs and that trains on "
                       "data of this kind",
                       key, id);
    diag_hint(&c->d, "write needs: [%.64s, ...]", id);
    return ADMIT_E_REFUSED;
}

/* A split of these rows, whose held-out labels would go to a worker with them. */
static const Proctor__Task *split_of(const struct check *c,
                                     const Proctor__Task *data)
{
    const Proctor__Graph *g = c->q->graph;

    for (size_t i = 0; i < g->n_tasks; i++) {
        if (g->tasks[i]->split && admission_data(c->a, g, g->tasks[i]) == data) {
            return g->tasks[i];
        }
    }
    return NULL;
}

int check_train(struct check *c, const struct subject *s)
{
    const Proctor__TrainSpec *x = s->task->train;
    size_t k = check_find(c, x->data);
    const Proctor__Task *from = k == SIZE_MAX ? NULL : c->q->graph->tasks[k];
    const Proctor__Task *data = admission_data(c->a, c->q->graph, s->task);
    const char *problem;

    if (!check_has_rows(c, s, x->data)) {
        (void)check_refuse(c, s, "train.data", ERR_INPUT, SPOT_WITH,
                           "data: \"%.64s\" is no data.load, and no data.split or "
                           "data.permute of one, that it needs",
                           x->data);
        diag_hint(&c->d, "write needs: [ID of the split] beside with:");
        return ADMIT_E_REFUSED;
    }
    while (from->permute) { /* there are rows, so this ends */
        from = c->q->graph->tasks[check_find(c, from->permute->of)];
    }
    if (!from->split && split_of(c, data)) {
        (void)check_refuse(c, s, "train.held", ERR_INPUT, SPOT_WITH,
                           "data: all rows of \"%.64s\", of which \"%.64s\" "
                           "holds some out",
                           x->data, split_of(c, data)->id);
        diag_hint(&c->d, "write data: %.64s", split_of(c, data)->id);
        return ADMIT_E_REFUSED;
    }
    problem = training_spec_problem(x, from->split != NULL, data->data->kind);
    if (problem) {
        return check_refuse_form(c, s, problem);
    }
    if (x->start[0] != '\0' && !is_trained(c, s, x->start)) {
        return refuse_trained(c, s, "start", x->start);
    }
    return check_workers(c, s);
}

int check_combine(struct check *c, const struct subject *s)
{
    static const char *const ways[] = {"average", "vote", "weights"};
    const Proctor__CombineSpec *x = s->task->combine;
    int is_known = 0;

    for (size_t i = 0; i < ARRAY_N(ways); i++) {
        is_known |= strcmp(x->how, ways[i]) == 0;
    }
    if (!is_known || x->n_of < 2 || x->n_of > LIMIT_COMBINED) {
        return check_refuse_form(c, s,
                                 "expected how: average, vote or weights, of 2 "
                                 "to 16 tasks");
    }
    for (size_t i = 0; i < x->n_of; i++) {
        if (!is_trained(c, s, x->of[i])) {
            return refuse_trained(c, s, "of", x->of[i]);
        }
    }
    return 0;
}
