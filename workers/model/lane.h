/* One lane of a session: a text under way. What it shall do (lane_spec) comes
 * with LANE_OPEN; all that it has become lies in its part of the area (state.h);
 * this struct holds the counts of both while the lane is open.
 *
 * A lane is fed to forward passes of its session: lane_feed says which tokens
 * come next, lane_take makes something of the logits. Between passes holds:
 *   1. history [0, prompt_n) is the prompt; [prompt_n, history_n) what it has
 *      proposed (score, classify: the choice under way);
 *   2. cache holds positions [0, cache.n) of history, cache.n <= history_n;
 *   3. generate: the token at history_n - 1 is fed to propose the next one, so
 *      each proposal depends on history alone, not on how it came about;
 *   4. place is where history's proposals stand in the grammar.
 * Runs in the model worker. */
#ifndef WORKERS_MODEL_LANE_H
#define WORKERS_MODEL_LANE_H

#include "proto/automaton.h"
#include "proto/diag.h"
#include "workers/model/facts.h"
#include "workers/model/sample.h"
#include "workers/model/state.h"

#include "worker.pb-c.h"

#define LANE_PROPOSED_MAX 512u /* tokens of one quantum */
#define LANE_TRAPS_MAX LIMIT_LANE_TRAPS
/* Logits in one answer: it travels in one message. */
#define LANE_LOGITS_BYTES_MAX (48u << 20)

struct injector;
struct mask;
struct mask_grammar;

/* What all lanes of a session share. Borrowed; only scratch changes. */
struct shared {
    const struct model *model;
    const struct model *draft; /* NULL: none */
    const struct tokenizer *tokenizer;
    const struct mask *mask;
    struct sampler *sampler;
    struct fact_marks marks;
    const uint8_t *plain; /* a bit per token that may be proposed without a
                             grammar; NULL: all */
    uint8_t *allowed;     /* scratch: a bit per token */
    struct state_layout layout;
};

struct lane_trap {
    uint32_t layer;
    enum trap_when when;
    Proctor__LayerAct act;
    uint64_t pass;             /* STOP */
    struct injector *injector; /* INJECT; owned */
};

struct lane_spec {
    Proctor__LaneWhat what;
    uint8_t digest[32]; /* of all of it, and of the models' shapes */
    struct tokens prompt;
    uint32_t limit; /* positions */
    struct sampling sampling;
    uint32_t drafts;              /* at most, in one pass */
    struct automaton *automaton;  /* NULL: any text */
    struct mask_grammar *grammar; /* of it */
    struct tokens *choices;
    size_t choices_n;
    int all_positions;
    int entropy;
    int digests;    /* some trap is DIGEST */
    uint32_t width; /* of the model */
    struct lane_trap *traps;
    size_t traps_n;
    uint8_t *experts; /* mask; NULL: all */
};

/* 0, ERR_NOMEM, or with ${d} set ERR_INPUT or ERR_LIMIT. Released by the caller
 * in either case. */
int lane_spec_read(const struct shared *s, const Proctor__LaneOpen *m,
                   struct lane_spec *out, struct diag *d) MUST_USE;
void lane_spec_release(struct lane_spec *spec);

/* Positions of a cache that may differ from what was last parked. */
struct dirty {
    uint64_t from, to;
};

struct lane {
    int is_open;
    int is_foreign; /* its bytes came from outside: any of them may be set */
    struct lane_spec spec;
    uint8_t key[32];
    uint8_t *area;
    uint32_t *history; /* in area, as the next two */
    uint8_t (*residuals)[32];
    float *entropies;          /* [LANE_ROWS][layers] */
    struct cache cache, draft; /* draft.area NULL: no draft model */
    uint32_t history_n, drafts_n, draft_len, choice;
    uint64_t passes, stop_n;
    double scores[LANE_CHOICES_MAX];
    struct automaton_at place;
    struct dirty dirty, draft_dirty;
    float *answer;   /* logits: (positions, vocab); NULL: none */
    uint8_t *packed; /* ANSWERED: LaneAnswer */
    size_t packed_n;

    /* the quantum under way */
    Proctor__LaneState state;
    uint32_t wanted;                  /* tokens to propose at most */
    uint32_t took, drafted, accepted; /* passes; tokens */
    uint32_t out_n;
    Proctor__LaneToken out[LANE_PROPOSED_MAX];
    Proctor__LaneToken *out_p[LANE_PROPOSED_MAX];
    float *out_entropies; /* [LANE_PROPOSED_MAX][layers]; NULL: none */
};

/* l is closed (all zero, or after lane_close) and keeps ${spec}, which it takes
 * when 0 is returned. area: its part, layout.bytes; an earlier lane's bytes in it
 * are zeroed. 0, ERR_NOMEM. */
int lane_begin(struct lane *l, const struct shared *s, uint8_t *area,
               struct lane_spec *spec, const uint8_t key[static 32]) MUST_USE;
/* The same for a lane that area holds. ERR_INPUT with ${d} set: it holds none
 * that does this, or a damaged one; l is closed then. */
int lane_resume(struct lane *l, const struct shared *s, uint8_t *area,
                struct lane_spec *spec, const uint8_t key[static 32],
                struct diag *d) MUST_USE;
/* What both have in common: buffers, an empty lane in area, spec and key. */
int lane_make(struct lane *l, const struct shared *s, uint8_t *area,
              struct lane_spec *spec, const uint8_t key[static 32]) MUST_USE;
/* Its bytes stay until the slot is used again. */
void lane_close(struct lane *l);
/* Zeroes what a closed lane left in its part. */
void lane_wipe(struct lane *l, const struct shared *s);

/* A quantum begins: ${keep} proposals stay, at most ${wanted} follow. 0, or
 * ERR_PROTOCOL: it has not so many. */
int lane_start(struct lane *l, const struct shared *s, uint32_t keep,
               uint32_t wanted) MUST_USE;
/* Has it something to feed in this quantum? */
int lane_wants(const struct lane *l);
/* Will a trap stop its next pass? */
int lane_will_stop(const struct lane *l);
/* Tokens that the next pass of generate may draft behind history. */
uint32_t lane_room(const struct lane *l);
/* What it feeds to its next pass; logits: LANE_ROWS rows for it. The same until
 * something changes: a stopped pass is found again by it. */
void lane_feed(struct lane *l, const struct shared *s, float *logits,
               struct pass_lane *out);
/* Its pass has begun: what will be written counts as changed. */
void lane_written(struct lane *l, size_t tokens);
/* Its pass is done. fed: what lane_feed gave. 0, ERR_NOMEM. */
int lane_take(struct lane *l, const struct shared *s,
              const struct pass_lane *fed) MUST_USE;
/* Back to n positions, by rollback or from the beginning. */
void lane_roll_back(const struct model *m, struct cache *c, struct dirty *dirty,
                    uint64_t n);

/* Writes the header: then the area holds the lane. */
void lane_rest(const struct lane *l, const struct shared *s);

/* lane_generate.c, lane_score.c: by what the lane does. */
void generate_feed(struct lane *l, struct pass_lane *out, uint32_t batch);
void generate_take(struct lane *l, const struct shared *s,
                   const struct pass_lane *fed);
/* Where n proposals lead; ERR_INPUT: the grammar has no such text. */
int generate_walk(const struct lane *l, const struct shared *s, uint32_t n,
                  struct automaton_at *out) MUST_USE;
/* May ${token} come next at ${place}? Then place goes on. */
int generate_step(const struct lane *l, const struct shared *s,
                  struct automaton_at *place, uint32_t token) MUST_USE;
/* Bits of the tokens that may come next; NULL: all. */
const uint8_t *generate_allowed(const struct lane *l, const struct shared *s,
                                const struct automaton_at *place);
void score_feed(struct lane *l, struct pass_lane *out, uint32_t batch);
int score_take(struct lane *l, const struct shared *s,
               const struct pass_lane *fed) MUST_USE;
/* Answers if it was resumed with all its choices scored. */
void score_finish(struct lane *l);
void logits_feed(struct lane *l, struct pass_lane *out, uint32_t batch,
                 uint32_t vocab);
int logits_take(struct lane *l, const struct shared *s,
                const struct pass_lane *fed) MUST_USE;
/* Bytes that its packed answer may have. */
size_t answer_bytes_max(const struct lane_spec *spec, uint32_t vocab);

#endif
