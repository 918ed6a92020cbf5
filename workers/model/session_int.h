/* What the files of a session share: nobody else's affair. */
#ifndef WORKERS_MODEL_SESSION_INT_H
#define WORKERS_MODEL_SESSION_INT_H

#include "workers/model/lane.h"
#include "workers/model/session.h"
#include "workers/model/tap.h"

struct session {
    struct model *model, *draft;
    struct tokenizer *tokenizer;
    struct mask *mask;
    struct shared shared; /* borrows the above */
    struct pass *pass, *draft_pass;
    struct tap tap;
    uint8_t *plain; /* owned; see struct shared */
    uint8_t *allowed;
    float *logits;       /* [lanes][LANE_ROWS][vocab] */
    float *draft_logits; /* [lanes][vocab] */
    uint8_t *area;
    struct lane *lanes;
    uint32_t lanes_n;

    /* the pass under way: members of a quantum that take part, and their feed */
    struct lane **members; /* [lanes] of the quantum */
    struct lane **passing; /* [lanes] of the pass */
    struct pass_lane *feed;
    struct automaton_at *places; /* [lanes] where drafts stand */

    /* answers */
    Proctor__QuantumDone done;
    Proctor__LaneDone *lane_done;
    Proctor__LaneDone **lane_done_p;
    uint8_t (*digests)[32];
    Proctor__LaneParked parked;
    Proctor__AreaExtent *extents;
    Proctor__AreaExtent **extents_p;
    size_t extents_cap;
    struct extents changed;
};

/* Runs passes of the n members until ${passes} are done or nobody wants one.
 * 0, ERR_NOMEM, or what pass_run found wrong, which is our own mistake. */
int session_run(struct session *s, size_t n, uint32_t passes,
                uint32_t *out_passes) MUST_USE;
/* Puts drafts behind the histories of s->passing's n lanes that may have some. */
int session_draft(struct session *s, size_t n) MUST_USE;

#endif
