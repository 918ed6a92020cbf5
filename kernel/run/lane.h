/* A lane: one sequence of tokens that a model works on, from its Generation to a
 * decision. Its state lives in a worker's area or at rest in the store; what was
 * committed, and where it can go on from, lives here. Planes (plane.h) take lanes to
 * workers; nothing here sends. */
#ifndef KERNEL_RUN_LANE_H
#define KERNEL_RUN_LANE_H

#include "kernel/run/emit.h"
#include "kernel/run/fair.h"
#include "kernel/run/park.h"

struct lane;
struct plane;

struct lane_ask { /* borrowed until lane_free, with all it points at */
    struct cid generation;
    const Proctor__Generation *m;
    struct cid parked; /* goes on from there; zero: from its start */
    unsigned priority;
    uint32_t quantum; /* 0: LANE_QUANTUM */
    uint64_t deadline;
    uint32_t park_every;
    int holds; /* a STOP trap ends it, at rest, until somebody starts it again */
    const char *task;
    const Proctor__Limits *limits; /* of a worker */
    unsigned workers;              /* for one model at once */
    /* All from the loop. on_decision: REPAIR, and it begins once more when this
     * returns; else the last call, and it may be freed. on_text, may be NULL: more
     * was committed. */
    void (*on_decision)(void *ctx, struct lane *l);
    void (*on_text)(void *ctx, struct lane *l);
    void *ctx;
};

enum { LANE_QUANTUM = 16 };

struct lane {
    struct lane *next;
    struct lane_ask ask;
    struct core *core;
    struct plane *plane;
    struct fair_lane fair;
    struct emit emit;
    int slot;                    /* of its worker's area; -1: in none */
    int wants_park;              /* before its next quantum */
    int wants_slot;              /* somebody else does: it leaves when parked */
    Proctor__ParkedLane *parked; /* owned; NULL: its start */
    struct cid parked_cid, draws; /* draws: what key hangs on, with tried */
    ProtobufCBinaryData injectors[LIMIT_LANE_TRAPS]; /* owned */
    size_t injectors_n;
    uint8_t key[32];
    uint32_t asked;         /* tokens, in the quantum under way */
    uint32_t idle;          /* quanta without a token */
    uint32_t since_park;    /* quanta */
    uint64_t began;         /* passes of its plane when it came */
    unsigned losses;        /* workers lost with it */
    const char *off_why;    /* why it is in no worker */
    /* For its holder, when decided. */
    int over;
    enum lane_decision decision; /* NONE: code, or stopped */
    int code;                    /* 0, or ERR_*: outside of the lane */
    int stopped;                 /* by a trap, at rest */
    char why[200];
    struct buf answer;           /* LaneAnswer; empty: a text */
    struct buf entropies;
    uint8_t digest[32];
    uint32_t tried, went_on, prompt_n, position;
    uint64_t passes, drafted, accepted;
};

/* What a session said that is known of its model. */
struct lane_limits {
    uint64_t lane_bytes;
    uint32_t context;
    uint32_t vocab;
};

/* 0, ERR_STORE_DAMAGED (the parked one is not of this generation or image), ERR_*.
 * It is in no plane yet. */
int lane_new(struct core *c, const struct lane_ask *ask,
             struct lane **out) MUST_USE;
void lane_free(struct lane *l); /* leaves its plane; NULL is fine */
/* Decides, if nothing was decided; code 0 or an ERR_*. */
void lane_end(struct lane *l, enum lane_decision d, int code, const char *fmt,
              ...) PRINTF_LIKE(4, 5);
/* Ends it unless it has another try. */
void lane_decide(struct lane *l, int decision);
/* Its next try, after REPAIR. */
void lane_again(struct lane *l);
/* An answer for it, of a worker: checked, committed, decided. How it was asked is
 * in l. ERR_NOMEM only. */
int lane_take(struct lane *l, const Proctor__LaneDone *d, uint32_t passes,
              const struct lane_limits *limits) MUST_USE;
/* What changed, into the store, and a record of it. 0, BUDGET_E_SPENT,
 * ERR_PROTOCOL, ERR_*. */
int lane_park(struct lane *l, const Proctor__LaneParked *m, int area_fd,
              uint64_t lane_bytes, const char *why) MUST_USE;
/* Its worker is gone: back to where it was parked. counts: that was not our doing. */
int lane_lose(struct lane *l, int counts, const char *why) MUST_USE;
/* It is in a worker again: the record of that. */
int lane_record_went_on(struct lane *l) MUST_USE;

#endif
