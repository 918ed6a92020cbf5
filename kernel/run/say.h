/* Words to the client: events, diagnoses, the final answer. A client that is
 * gone hears nothing; that is no error here. What is said was durable before. */
#ifndef KERNEL_RUN_SAY_H
#define KERNEL_RUN_SAY_H

#include "kernel/run/core.h"

#include "kernel.pb-c.h"

void say(struct core *c, enum msg msg, const ProtobufCMessage *m);
void say_with(struct core *c, enum msg msg, const ProtobufCMessage *m,
              const int *fds, unsigned fds_n); /* borrowed */
void say_diag(struct core *c, const struct diag *d, const char *task);
/* seq_ref: the record that it stands for, plus one; state "" = unchanged. */
void say_event(struct core *c, uint64_t seq_ref, const char *task,
               const char *state, const char *text);
/* Words of a worker, marked as such. */
void say_quote(struct core *c, const char *task, const char *text);
/* More of a text, as it was committed. */
void say_text(struct core *c, const char *task, struct ubytes text);
/* How far a training run is. Without epochs that ended, as say_progress. */
void say_train(struct core *c, const char *task, Proctor__TrainEvent *train);
/* At most ten a second; the others are dropped. */
void say_progress(struct core *c, const char *task, const char *text,
                  uint64_t done, uint64_t total);

#endif
