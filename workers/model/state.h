/* A lane at rest: what of it lies in its part of the area, where, and how the
 * header that names the rest is written and believed. docs/model/lanes.md,
 * "State format". All offsets are of the lane's own part, so its bytes can be
 * put anywhere and into another process. Zero bytes are no lane.
 *
 *   header      STATE_HEADER_BYTES; numbers big-endian, checksum at its end
 *   history     u32 per position: tokens of the prompt, proposed, drafted
 *   residuals   32 bytes per position: digests (tap.h)
 *   entropies   f32 per row of logits and layer (tap.h)
 *   stop        a pass that a trap stopped (transformer.h)
 *   cache       keys and values (transformer.h); then those of the draft model
 *
 * Numbers outside of the header are the machine's (little endian): a lane is
 * resumed by the image that parked it. Runs in the model worker. */
#ifndef WORKERS_MODEL_STATE_H
#define WORKERS_MODEL_STATE_H

#include "proto/base.h"
#include "proto/limits.h"
#include "workers/nn/transformer.h"

#define STATE_HEADER_BYTES 4096u
#define STATE_ALIGN 4096u
#define LANE_DRAFTS_MAX LIMIT_DRAFT_TOKENS
#define LANE_ROWS (LANE_DRAFTS_MAX + 1u) /* of logits, in one pass */
#define LANE_CHOICES_MAX LIMIT_CHOICES
#define LANE_SLACK_MORE 64u /* positions of rollback beside a batch */

struct state_layout {
    uint32_t context, batch, slack;
    size_t history, residuals, entropies, stop, cache, draft; /* offsets */
    size_t entropy_bytes, stop_bytes, cache_bytes, draft_bytes;
    size_t bytes; /* of a lane; multiple of STATE_ALIGN */
};

/* draft NULL: none. 0, or ERR_LIMIT: more than an address space. */
int state_layout(const struct model *m, const struct model *draft,
                 uint32_t context, uint32_t batch,
                 struct state_layout *out) MUST_USE;

/* What the header says. */
struct state {
    uint8_t spec[32]; /* digest of what the lane does (lane.h) */
    uint32_t prompt_n;
    uint32_t history_n; /* tokens: prompt and those proposed */
    uint32_t drafts_n;  /* and behind them drafts in a stopped pass */
    uint32_t cache_n;   /* positions held */
    uint32_t draft_n;   /* held of the draft model */
    uint32_t draft_len; /* drafts of the next pass */
    uint64_t passes;    /* begun, in its whole life */
    uint64_t stop_n;    /* bytes of the stopped pass; 0: none */
    uint32_t choice;    /* of score and classify: 0 prompt, then 1.. */
    double scores[LANE_CHOICES_MAX];
};

/* Writes the header over area, whose history stands. The checksum covers both. */
void state_write(const struct state *s, const struct state_layout *l,
                 uint8_t *area);
/* 0, or ERR_INPUT: no header of this layout, damaged, or counts that cannot be;
 * *out_why says which. Tokens and what they mean are the caller's to check. */
int state_read(const uint8_t *area, const struct state_layout *l,
               struct state *out, const char **out_why) MUST_USE;

#endif
