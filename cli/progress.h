/* Progress of a run on a terminal: a line for each task that came to rest, and
 * below them one live line per running task with a bar while it counts. Silent
 * when standard error is no terminal. Text of a worker is escaped, cut and
 * marked as its words. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "proto/base.h"

#include "kernel.pb-c.h"

struct progress;

/* NULL when memory is short: every call then does nothing. */
struct progress *progress_new(void);
void progress_free(struct progress *p);
void progress_event(struct progress *p, const Proctor__Event *e);
/* Takes the live lines away, so that something else can be printed. They come
 * back with the next event. */
void progress_hide(struct progress *p);
/* A line for the person, kept above the live ones. */
void progress_say(struct progress *p, const char *text);

/* A bar of `width` columns for done of total, e.g. "[####......]". */
void progress_bar(uint64_t done, uint64_t total, unsigned width, char *out,
                  size_t out_n);

#endif
