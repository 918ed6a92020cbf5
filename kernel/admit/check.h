/* Shared by the files of admission: what is being checked, and how a refusal is
 * made. Every check returns 0 when it is content, ADMIT_E_REFUSED when c->rule
 * and c->d say why not, or ERR_NOMEM. Nothing of the graph is changed. */
#ifndef KERNEL_ADMIT_CHECK_H
#define KERNEL_ADMIT_CHECK_H

#include "kernel/admit/admit.h"
#include "kernel/admit/ops.h"
#include "proto/err.h"
#include "proto/limits.h"

enum {
    ADMIT_E_REFUSED = 1
};

#define CHECK_SUGGESTIONS_MAX 8u /* nearest-name searches of one admission */

struct type;

struct check {
    const struct admit_request *q;
    struct admission *a;  /* its tasks are sorted by check_prepare */
    uint32_t *edges;      /* owned; dependencies as indices */
    size_t *edges_at;     /* owned; of task i: [edges_at[i], edges_at[i + 1]) */
    unsigned suggestions; /* made so far */
    const char **names;   /* owned; all ids, once a suggestion was needed */
    /* the last refusal */
    const char *rule;
    struct diag d;
};

/* The task under the checks: of the graph, or its repair's child, whose spec is
 * put together from both. */
struct subject {
    const Proctor__Task *task;
    size_t i; /* index in the graph */
    int is_repair;
    const struct op_info *op;
    struct decision *decision;
};

/* Which place of the task a refusal points at. */
enum spot {
    SPOT_TASK,
    SPOT_ID,
    SPOT_OP,
    SPOT_WITH,
    SPOT_VALIDATOR,
    SPOT_LEVEL,
    SPOT_REPAIR,
    SPOT_NEEDS /* the first; check_refuse_need for others */
};

/* Returns ADMIT_E_REFUSED with c->rule and c->d set: "tasks[i].SPOT: what". */
int check_refuse(struct check *c, const struct subject *s, const char *rule,
                 int code, enum spot spot, const char *fmt, ...)
    PRINTF_LIKE(6, 7);
int check_refuse_need(struct check *c, const struct subject *s,
                      const char *rule, size_t need_i, const char *fmt, ...)
    PRINTF_LIKE(5, 6);
/* About the graph as a whole. */
int check_refuse_graph(struct check *c, const char *rule, int code,
                       const char *fmt, ...) PRINTF_LIKE(4, 5);

/* Index of the task with that id (the first of several), or SIZE_MAX. */
size_t check_find(const struct check *c, const char *id);

/* Form and dependencies (check_form.c, check_graph.c). */
int check_form(struct check *c, const struct subject *s);
int check_prepare(struct check *c); /* index by id, room for edges */
int check_duplicate(struct check *c, const struct subject *s);
int check_needs(struct check *c, const struct subject *s);
/* Orders all tasks; calls on_cycle for each task that closes a cycle. */
int check_order(struct check *c, uint32_t *out_order,
                void (*on_cycle)(void *ctx, size_t task_i), void *ctx);

/* The three gates (check_gates.c, check_grant.c). */
int check_registered(struct check *c, struct subject *s);
int check_validated(struct check *c, const struct subject *s);
int check_granted(struct check *c, const struct subject *s);

/* What the ops add (check_spec.c, check_exam.c). */
int check_spec(struct check *c, const struct subject *s);
int check_exam(struct check *c, const struct subject *s);
int check_ref(struct check *c, const struct subject *s);
int check_ref_name(struct check *c, const struct subject *s, const char *kind,
                   const char *name);
int check_load(struct check *c, const struct subject *s);
int check_permute(struct check *c, const struct subject *s);
int check_split(struct check *c, const struct subject *s);
int check_derive(struct check *c, const struct subject *s);
/* Does the task need that one, and does it give rows of a data.load? */
int check_has_rows(const struct check *c, const struct subject *s,
                   const char *id);
int check_train(struct check *c, const struct subject *s);
int check_combine(struct check *c, const struct subject *s);
int check_score(struct check *c, const struct subject *s);
int check_holdout(struct check *c, const struct subject *s);
int check_lane(struct check *c, const struct subject *s);
/* Under that key of with, a task among its needs whose result is a text. */
int check_text_of(struct check *c, const struct subject *s, const char *task,
                  const char *key);
int check_reads(struct check *c, const struct subject *s);
int check_values(struct check *c, const struct subject *s,
                 const ProtobufCBinaryData *takes,
                 const ProtobufCBinaryData *gives);
int check_refuse_form(struct check *c, const struct subject *s,
                      const char *what);
/* The one need whose op gives that kind; SIZE_MAX if not exactly one (*out_n
 * says how many). */
size_t check_need_of(const struct check *c, const struct subject *s,
                     const char *kind, size_t *out_n);
/* The same for what this op takes. */
size_t check_worked_on(const struct check *c, const struct subject *s,
                       size_t *out_n);
/* Types of a task that is a candidate. */
int check_candidate_types(const struct check *c, const Proctor__Task *t,
                          struct type *takes, struct type *gives);
/* Does it stand under needs? */
int check_is_needed(const struct subject *s, const char *id);

/* Is file among them? p may be NULL. */
int check_has_file(const Proctor__ProgramSpec *p, const char *file);
/* "python3", run[0] when it is a program's name, or NULL when it starts a file
 * of the graph. */
const char *check_program_name(const Proctor__ProgramSpec *p);
/* dir/file with "./" dropped; 0, or -1 when file is absolute, has an empty or
 * ".." part or a control character, or does not fit. */
int check_join(const char *dir, const char *file,
               char out[static LIMIT_PATH_BYTES + 1]);

#endif
