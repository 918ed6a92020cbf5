/* A graph's text to its canonical message, with the places of every task. */
#ifndef WORKERS_CONFIG_GRAPH_H
#define WORKERS_CONFIG_GRAPH_H

#include "workers/config/config.h"

/* Sets out->graph and out->places. Task by task: the text of one task is
 * forgotten before the next is read. */
int graph_read(struct config *c, Proctor__ConfigReply *out) MUST_USE;

#endif
