/* What the files of the handlers share. */
#ifndef WORKERS_TRAIN_HANDLER_INT_H
#define WORKERS_TRAIN_HANDLER_INT_H

#include "proto/diag.h"
#include "workers/train/handler.h"

enum handler_kind {
#define HANDLER(id, name, event, fields) HANDLER_##id,
#include "workers/train/handler.def"
#undef HANDLER
    HANDLER_KIND_N
};

struct handler_mark { /* of a checkpoint that is kept */
    double score;
    uint64_t step;
};

struct handler {
    struct handlers *all;
    const Proctor__HandlerSpec *spec; /* borrowed */
    enum handler_kind kind;
    size_t i;
    unsigned event;
    unsigned fires;                 /* 0: nothing */
    char metric[ENGINE_NAME_BYTES]; /* "": the newest */
    /* early_stopping: best so far and how often it was not beaten since */
    double best;
    uint64_t waited;
    int has_best;
    /* checkpoint: best or newest first */
    struct handler_mark kept[HANDLER_KEEP_MAX];
    size_t kept_n;
    /* timer: what its last note counted to */
    uint64_t fetch_ns;
    uint64_t process_ns;
    uint64_t steps;
    uint64_t started_ns; /* time_limit */
};

struct handlers {
    struct handler_world world;
    struct handler v[HANDLERS_MAX];
    size_t n;
    char failure[DIAG_TEXT_BYTES];
    char ended[DIAG_TEXT_BYTES];
};

/* What a handler does when its event comes: 1 it did what `fires` tells of, 0 it
 * did not, or a code. */
int handler_act(struct handler *h, struct engine *e, struct diag *d);
size_t handler_keeps(const struct handler *h); /* checkpoints at most */
const char *handler_name(enum handler_kind kind);

#endif
