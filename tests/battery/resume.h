/* A parked lane goes on in another process. Tests only. */
#ifndef TESTS_BATTERY_RESUME_H
#define TESTS_BATTERY_RESUME_H

#include "tests/battery/plain.h"

/* Writes model, tokens and c's bytes to a file, starts this program anew on it,
 * and reads the logits of positions [c->n, p->n) that it answers. */
void resume_elsewhere(const struct plain *p, const struct cache *c,
                      float *out_logits);
/* That other process: reads the file, appends logits. Exit status. */
int resume_child(const char *path);

#endif
