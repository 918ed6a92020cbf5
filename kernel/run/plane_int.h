/* Inside of planes: plane.c (what a worker says) and plane_turn.c (what it is asked,
 * and which lanes are where). Nobody else includes this. */
#ifndef KERNEL_RUN_PLANE_INT_H
#define KERNEL_RUN_PLANE_INT_H

#include "kernel/run/guard.h"
#include "kernel/run/plane.h"

#define PLANE_MAGIC 0x706c616eu
#define PLANE_MEMORY (8ull << 30)       /* limits.memory 0: that of the class */
#define PLANE_PASS_BYTES (32ull << 20)  /* for what a pass needs beside weights */
enum {
    PLANE_NEAR = 4 * LANE_QUANTUM, /* passes: deadlines that close come first */
    PLANE_TERM = 64,               /* quanta, before others get its place */
    PLANE_GROWS = 4                /* quanta, before it makes room for more lanes */
};

struct model_key {
    struct cid weights;
    struct cid draft; /* zero: none */
    uint32_t context;
};

struct plane {
    unsigned magic;
    struct core *core;
    struct plane *next;
    struct model_key key;
    int fds[2]; /* sealed weights, of the draft too; shared with planes like it */
    uint64_t bytes[2];
    struct worker_limits limits;
    struct guard *guard; /* NULL: none was asked for */
    int is_ready;        /* it was: may be spoken to */
    int is_relieved;     /* its lanes are being parked, for another worker */
    uint32_t served;     /* quanta, by this worker */
    uint64_t since_ms;
    struct lane_limits session;
    int area; /* -1 until the session is ready */
    size_t slots_n;    /* lanes of this session */
    size_t slots_most; /* that limits.memory holds */
    struct lane *slots[LIMIT_LANES_TOGETHER];
    struct lane *lanes; /* in the order in which they came */
    size_t lanes_n;
    struct fair fair;
    uint64_t passes; /* of all its workers */
    unsigned waits_for; /* an enum msg; 0: nothing is under way */
    struct lane *asked; /* OPENED, PARKED; NULL: it left */
    struct lane *picked[LIMIT_LANES_TOGETHER]; /* of the next quantum, or this */
    size_t picked_n;
    uint32_t quantum_id;
    uint32_t quantum_passes;
    unsigned losses; /* workers that never became ready for lanes */
    char lost_why[200];
    struct loop_source *later;
};

/* plane.c */
extern const struct guard_handler plane_handler;
/* Kills its worker, without a word to its lanes. */
void plane_send_away(struct plane *p);
/* The same, and lanes that were in it go back to where they were parked. counts: it
 * was lost. */
void plane_lose(struct plane *p, int counts, const char *why);
void plane_end_all(struct plane *p, int code, const char *what);
void plane_refuse_memory(struct plane *p);
/* As many lanes as limits.memory holds beside the weights, which a worker needs
 * twice while it reads them. 0: not one. */
size_t plane_count_slots(const struct plane *p);
/* Sends a request and waits for its answer (0: there is none). A worker that goes
 * meanwhile is told by on_end. */
void plane_ask(struct plane *p, enum msg msg, const ProtobufCMessage *m,
               const int *fds, unsigned fds_n, unsigned waits_for);
void plane_close_lane(struct plane *p, struct lane *l);

/* plane_turn.c: the next thing to do. ctx: the plane. */
void plane_turn(void *ctx, short revents);
void plane_turn_later(struct plane *p);

#endif
