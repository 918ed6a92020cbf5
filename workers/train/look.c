/* What training data look like. Runs in worker-train. */
#include "workers/train/look.h"

#include <stdio.h>
#include <string.h>

#include "proto/err.h"

#define NAMED_MAX 8u /* columns that one note names */

static const struct loc nowhere = {NULL, 0, 0};

/* The bytes of a column's number: rows of one type. */
static const uint8_t *cell(const struct rows *r, uint64_t row, uint32_t column)
{
    return r->x + (row * r->width + column) * rows_type_bytes(r->type);
}

static int is_constant(const struct rows *r, uint32_t column)
{
    const uint8_t *first = cell(r, 0, column);
    size_t n = rows_type_bytes(r->type);

    for (uint64_t i = 1; i < r->n; i++) {
        if (memcmp(cell(r, i, column), first, n) != 0) {
            return 0;
        }
    }
    return 1;
}

static void look_at_inputs(const struct fit_task *t)
{
    char names[128] = "";
    size_t used = 0;
    uint32_t found = 0;

    for (uint32_t j = 0; j < t->rows->width; j++) {
        if (!is_constant(t->rows, j)) {
            continue;
        }
        if (found++ < NAMED_MAX) {
            used +=
                (size_t)snprintf(names + used, sizeof(names) - used, " %u", j);
        }
    }
    if (found > 0) {
        fit_note(t->notes,
                 "the same in all rows, so standardized to 0: %u inputs, "
                 "number%s%s",
                 found, names, found > NAMED_MAX ? " ..." : "");
    }
}

static int is_one_class(const struct rows *r)
{
    for (uint64_t i = 1; i < r->n; i++) {
        if (rows_class(r, i) != rows_class(r, 0)) {
            return 0;
        }
    }
    return 1;
}

static void look_at_targets(const struct fit_task *t)
{
    double first = rows_target(t->rows, 0);

    for (uint64_t i = 1; i < t->rows->n; i++) {
        if (rows_target(t->rows, i) != first) {
            return;
        }
    }
    fit_note(t->notes, "all %llu labels are %g", (unsigned long long)t->rows->n,
             first);
}

int look_at_data(const struct fit_task *t, struct diag *d)
{
    const struct rows *r = t->rows;

    if (t->recipe->batch > r->n) {
        fit_note(t->notes,
                 "batch of %u rows: there are only %llu, one batch an epoch",
                 t->recipe->batch, (unsigned long long)r->n);
    }
    if (r->kind == ROWS_CLASSIFICATION && is_one_class(r)) {
        (void)diag_set(d, ERR_INPUT, nowhere,
                       "all %llu training rows are of class %u: there is "
                       "nothing to tell apart",
                       (unsigned long long)r->n, rows_class(r, 0));
        diag_hint(d, "more rows, or a split with `stratified: true`");
        return ERR_INPUT;
    }
    if (r->kind == ROWS_REGRESSION) {
        look_at_targets(t);
    }
    if (t->recipe->learner != NULL && t->recipe->learner->standardize) {
        look_at_inputs(t);
    }
    return 0;
}
