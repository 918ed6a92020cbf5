/* White-box literals: what stands in a candidate's own files, as proposals for
 * the exam (docs/exam.md sections 6 and 12). Runs in the confined `config`
 * worker; nothing but the exam's power depends on it. */
#ifndef WORKERS_CONFIG_LITERALS_H
#define WORKERS_CONFIG_LITERALS_H

#include "workers/config/config.h"

/* Reads task->files and sets out->literals, empty when there are none. */
int literals_read(struct config *c, Proctor__ConfigReply *out) MUST_USE;

#endif
