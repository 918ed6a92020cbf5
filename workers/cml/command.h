/* What a person can ask of CML texts (worker.proto: CmlTask). */
#ifndef WORKERS_CML_COMMAND_H
#define WORKERS_CML_COMMAND_H

#include "proto/arena.h"
#include "proto/buf.h"

#include "workers/cml/document.h"
#include "workers/cml/format.h"

#include "worker.pb-c.h"

struct command {
    struct arena arena; /* of the reply */
    struct buf out;
    Proctor__CmlReply reply; /* borrows from both */
    Proctor__Problem problem;
    Proctor__SynthReply synth;
};

void command_init(struct command *c);
void command_release(struct command *c);
/* Fills reply; what is wrong with the texts stands in it. 0 or ERR_NOMEM. */
int command_answer(struct command *c, const Proctor__CmlTask *task) MUST_USE;
/* EVALUATE: the unit of args, or of each line of inputs. 0, ERR_* with d. */
int command_evaluate(struct command *c, const struct document *doc,
                     const struct term *unit, const Proctor__CmlTask *task,
                     struct diag *d) MUST_USE;
/* Merges base, ours and theirs into out, in the form of ours; or fills conflicts. 0,
 * ERR_INPUT with d, ERR_LIMIT, ERR_NOMEM. */
int command_merge(struct command *c, const struct document docs[static 3],
                  enum form form, struct diag *d) MUST_USE;

/* Shared with state.c. */
/* A diagnosis as the reply. */
void command_problem(struct command *c, const struct diag *d, size_t text);
/* The unit that is asked for; by default the last. NULL, with d. */
struct term *command_find(const struct document *doc, const char *name,
                          struct diag *d);
int command_describe(struct command *c, struct document *doc,
                     const struct term *u, int with_bundle, int with_inside,
                     Proctor__CmlUnit *out) MUST_USE;

#endif
