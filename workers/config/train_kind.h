/* Defaults of training that follow from the data: loss and output of a perceptron,
 * the metric, and which way a metric is better. They are known when all tasks of
 * the graph are read. */
#ifndef WORKERS_CONFIG_TRAIN_KIND_H
#define WORKERS_CONFIG_TRAIN_KIND_H

#include "workers/config/config.h"

/* HandlerSpec.lower until it is known; never leaves this worker. */
#define TRAIN_LOWER_BY_METRIC 2

/* Fills in what the tasks of op train and exam.holdout left out. sorted: all tasks of
 * the graph, by id. What names no data stays as it is: the kernel refuses it. 0 or
 * ERR_NOMEM. */
int train_kind_fill(struct config *c, Proctor__Task **sorted,
                    size_t n) MUST_USE;
/* True when some task has such defaults. */
int train_kind_is_needed(const Proctor__Graph *g);

#endif
