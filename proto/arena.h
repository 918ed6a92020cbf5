/* Memory that is handed out in order and freed all at once. Marks let a reader
 * forget the nodes of one task before it reads the next, so that a graph of
 * 100,000 tasks needs the memory of one. */
#ifndef PROTO_ARENA_H
#define PROTO_ARENA_H

#include "proto/base.h"

struct arena_block;

struct arena {
    struct arena_block *top_; /* owned; newest first */
    size_t used_;             /* of the newest block */
    size_t total_;            /* bytes of all blocks */
    size_t max_;
};

struct arena_mark {
    struct arena_block *top;
    size_t used;
};

void arena_init(struct arena *a, size_t max_bytes);
void arena_release(struct arena *a);
/* Forgets everything handed out; keeps a block for what comes. */
void arena_reset(struct arena *a);
/* n zeroed bytes, aligned for any object; NULL when memory or max is spent. */
void *arena_get(struct arena *a, size_t n);
/* n objects of size bytes; checks the product. */
void *arena_array(struct arena *a, size_t n, size_t size);
/* A NUL-terminated copy. */
char *arena_text(struct arena *a, const void *p, size_t n);
struct arena_mark arena_mark(const struct arena *a);
/* Forgets everything handed out since the mark. */
void arena_rewind(struct arena *a, struct arena_mark m);

#endif
