/* Admission: three gates for every op (registered, granted, validated), and
 * everything else that DESIGN section 5 refuses. Checks all, changes nothing,
 * decides for the graph as a whole: one refused task refuses the run.
 *
 * Cost: O(tasks + dependencies), memory flat per task. */
#ifndef KERNEL_ADMIT_ADMIT_H
#define KERNEL_ADMIT_ADMIT_H

#include "proto/diag.h"

#include "graph.pb-c.h"

/* What decided about one task; rule is a static name: "gates.passed", or the
 * first that refused, such as "gate.granted" or "graph.cycle". A run goes on
 * only when none of its tasks is refused (admission.refused_n == 0). */
struct decision {
    int admitted;
    const char *rule;
    const char *capability; /* of the op table; "" when refused before that */
    uint32_t grant_i;       /* index in policy->grants */
};

struct admission {
    struct decision *tasks; /* owned; parallel to graph->tasks */
    uint32_t *order;        /* owned; topological, stable in file order */
    uint32_t *sorted;       /* owned; task indices by id, then by index */
    size_t n;
    size_t refused_n;
};

/* Where a task's files are for the policy: "examples/crc32" when the graph lies
 * there relative to the working directory, "" for it, or an absolute path. */
struct admit_request {
    const Proctor__Graph *graph;
    Proctor__TaskPlaces *const *places; /* parallel to tasks, or NULL */
    size_t places_n;
    const Proctor__Policy *policy; /* NULL: form and dependencies only */
    const char *graph_path;        /* for diagnoses */
    const char *graph_dir;
};

/* Calls on_refusal(ctx, task index or SIZE_MAX, diag) for every refusal, at
 * most 64 of them. 0 when the decision is made (look at refused_n), or
 * ERR_NOMEM. */
int admit_check(const struct admit_request *q, struct admission *out,
                void (*on_refusal)(void *ctx, size_t task_i, const char *rule,
                                   const struct diag *d),
                void *ctx) MUST_USE;
void admission_release(struct admission *a);
/* Index of the task with that id (the first of several), or SIZE_MAX. */
size_t admission_find(const struct admission *a, const Proctor__Graph *g,
                      const char *id);
/* The graph's files of a program spec, in order: function_file, run[0] with a '/' in it,
 * files. i counts from 0; NULL behind the last. */
const char *admission_file(const Proctor__ProgramSpec *p, size_t i);

/* What a candidate's task takes and gives (borrowed); 0 when it is none. Those of
 * trained weights follow from their data. */
int admission_types(const struct admission *a, const Proctor__Graph *g,
                    const Proctor__Task *t, struct ubytes *out_takes,
                    struct ubytes *out_gives);
/* The data.load task whose rows it works on, through splits and what was trained;
 * NULL: none. */
const Proctor__Task *admission_data(const struct admission *a,
                                    const Proctor__Graph *g,
                                    const Proctor__Task *t);

#endif
