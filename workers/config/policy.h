/* A policy's text to its canonical message. */
#ifndef WORKERS_CONFIG_POLICY_H
#define WORKERS_CONFIG_POLICY_H

#include "workers/config/config.h"

/* Sets out->policy and out->grant_places. What is left out gets the value of
 * policy.c's tables, so the message is complete. */
int policy_read(struct config *c, Proctor__ConfigReply *out) MUST_USE;

#endif
