/* Sessions of the model worker, driven in process as the kernel drives them,
 * and the plain text of a lane: alone, one token a quantum, no drafts. Tests
 * only. */
#ifndef TESTS_BATTERY_TALK_H
#define TESTS_BATTERY_TALK_H

#include "tests/battery/plain.h"
#include "workers/model/lane.h"
#include "workers/model/session.h"

#define WISH_TOKENS_MAX 400u
#define WISH_SITES_MAX 8u
#define TALK_LANES_MAX 6u

/* What a lane shall do. */
struct wish {
    const char *prompt;
    struct sampling sampling;
    uint64_t key;            /* other numbers, other texts */
    uint32_t most;           /* proposed tokens at which it is over */
    uint32_t drafts;         /* per pass; 0: none */
    struct ubytes automaton; /* none: any text */
    const Proctor__FactSpec *facts;
    size_t facts_n;
    int entropy;
    struct ubytes injector; /* before layer 1; none: no trap */
    float value;            /* what it is told */
    int stops;              /* a trap stops pass stop_at, after layer 0 */
    uint64_t stop_at;
    const uint32_t *experts; /* that may be chosen; experts_n 0: all */
    size_t experts_n;
};

struct said {
    uint32_t ids[WISH_TOKENS_MAX];
    size_t n;
    int is_over;
    uint32_t passes, drafted, accepted;
    Proctor__LaneState state;
};

struct talk {
    const struct little *little;
    struct session *session;
    uint8_t *area;
    size_t lane_bytes, lanes;
    const struct model_shape *shape;
};

struct tokenizer *talker_tokens(const struct little *l);
/* draft: NULL, or a model that drafts. batch: tokens of a pass. */
struct talk talk_make(const struct little *l, const struct little *draft,
                      uint32_t context, uint32_t batch, size_t lanes);
/* Opens wish as lane, from the beginning or as its area holds it. Every layer
 * has DIGEST traps. Returns the tokens of its prompt. */
uint32_t talk_open(struct talk *t, uint32_t lane, const struct wish *w,
                   int resumes);
/* One lane of a quantum. */
struct turn {
    uint32_t lane;
    struct said *said; /* its n stays; what is proposed joins it */
    uint32_t tokens;   /* at most */
};
/* Returns the passes. */
uint32_t talk_quantum(struct talk *t, const struct turn *turns, size_t n,
                      uint32_t passes);
/* Parks; copies what changed to store, which holds a lane's bytes. Returns the
 * bytes copied. */
size_t talk_park(struct account *a, struct talk *t, uint32_t lane,
                 uint8_t *store);

/* The plain text, and what its lane was at the end. */
struct plain_text {
    const struct little *little;
    const struct wish *wish;
    struct said said;
    struct talk talk; /* lane 0 is still open */
};
const struct plain_text *plain_text(struct account *a, const struct little *l,
                                    const struct wish *w, uint32_t context);
/* said is a beginning of the plain text; over: all of it. */
void same_said(struct account *a, const struct plain_text *p,
               const struct said *said, int over, const char *schedule);
/* The lane, which has proposed said: its tokens, and at every position that it
 * holds the digest of all residual rows of all layers, and its keys and values:
 * against those of the plain lane. */
void same_lane(struct account *a, const struct plain_text *p,
               const struct talk *t, uint32_t lane, const char *schedule);

/* A second plain text, by a loop over pass_run and sample alone, with nothing of
 * the session in it; allowed: which tokens may come, after a text of n bytes. */
typedef void allowed_fn(void *ctx, const uint8_t *text, size_t n,
                        uint8_t *bits);
void same_loop(struct account *a, const struct plain_text *p,
               allowed_fn *allowed, void *ctx);

#endif
