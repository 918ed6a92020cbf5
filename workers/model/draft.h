/* Drafts from the text itself: what followed the last time that the text ended
 * as it does now. Costs no forward pass, and pays where texts repeat. A draft
 * changes when a token is proposed, never which. Model worker. */
#ifndef WORKERS_MODEL_DRAFT_H
#define WORKERS_MODEL_DRAFT_H

#include "proto/base.h"

#define DRAFT_MATCH_MIN 2u /* tokens that must have stood there before */
#define DRAFT_MATCH_MAX 16u
#define DRAFT_LOOK_BACK 8192u /* positions: some microseconds */

/* Looks for the place in tokens (n) before its end at which the longest run of
 * its last DRAFT_MATCH_MIN to DRAFT_MATCH_MAX tokens stood, the latest of equals,
 * and copies up to most tokens of what followed. Returns how many. */
size_t draft_look_up(const uint32_t *tokens, size_t n, uint32_t *out,
                     size_t most);

#endif
