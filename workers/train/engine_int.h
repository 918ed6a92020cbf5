/* What the files of the engine share. */
#ifndef WORKERS_TRAIN_ENGINE_INT_H
#define WORKERS_TRAIN_ENGINE_INT_H

#include "proto/diag.h"
#include "workers/train/engine.h"

/* Where engine_next goes on. Stored in states: append only. */
enum engine_phase {
    PHASE_IDLE, /* never begun */
    PHASE_STARTED,
    PHASE_EPOCH_STARTED,
    PHASE_BATCH,
    PHASE_FETCH,
    PHASE_FETCHING, /* the caller is asked */
    PHASE_DATA_END,
    PHASE_FETCHED,
    PHASE_ITERATION,
    PHASE_PROCESS,
    PHASE_PROCESSING, /* the caller is asked */
    PHASE_PROCESSED,
    PHASE_STEP,
    PHASE_STEP_DONE,
    PHASE_EPOCH_END,
    PHASE_EPOCH_COMPLETED,
    PHASE_EPOCH_DONE,
    PHASE_COMPLETED,
    PHASE_OVER,
    PHASE_N
};

/* One event of one handler. */
struct engine_node {
    struct engine_node *next;
    unsigned event;
    int priority;
    uint64_t handle;
    uint64_t born; /* of the engine's own clock of additions and firings */
    int dead;      /* removed while something fires: swept afterwards */
    struct engine_filter filter; /* once: within this node */
    engine_handler *run;
    void *ctx;
    uint64_t once[]; /* owned copy */
};

struct engine_own {
    char name[ENGINE_NAME_BYTES];
    unsigned count; /* as engine_register */
    uint64_t fired;
};

struct engine_entry {
    char name[ENGINE_NAME_BYTES];
    double v;
};

struct engine {
    char name[ENGINE_NAME_BYTES];
    uint64_t (*clock)(void *ctx);
    void *clock_ctx;
    struct engine_state s;

    enum engine_phase phase;
    int no_data;
    int fresh_data; /* RESET comes before the next batch */
    int data_ended; /* known without asking */
    int in_epoch;
    int waits;     /* interrupted or loaded: engine_begin goes on */
    int terminate; /* asked for: 1; 2 without COMPLETED */
    int terminate_epoch;
    int interrupt;
    int pending; /* engine_fail's code */
    struct diag why;
    uint64_t run_at_ns;
    uint64_t epoch_at_ns;
    uint64_t asked_at_ns;

    struct engine_node *nodes; /* by priority, then order */
    size_t nodes_n;
    uint64_t ticks;
    unsigned depth;
    struct engine_own own[ENGINE_OWN_EVENTS];
    size_t own_n;

    struct engine_entry *values; /* owned, ENGINE_VALUES_MAX */
    size_t values_n;
};

/* Nodes of an engine that goes. */
void engine_nodes_free(struct engine *e);
/* Where a state can be saved: no batch is under way. */
int engine_can_rest(enum engine_phase p);

#endif
