/* A session: lanes of one model that advance together, quantum by quantum.
 * What the kernel asks and what is answered: worker.proto, "A session". Here
 * without the socket (session_serve.c has that), so tests and batteries can drive
 * one in their own process.
 *
 * Trusted in form, because the kernel sends it: which lane, how many. Hostile:
 * weights, prompts, facts, automata, injectors, the bytes of a resumed lane.
 *
 * All working memory is made by session_new and session_open; a quantum makes
 * none. One thread. Runs in the model worker. */
#ifndef WORKERS_MODEL_SESSION_H
#define WORKERS_MODEL_SESSION_H

#include "proto/diag.h"

#include "worker.pb-c.h"

#define SESSION_LANES_MAX 64u
#define SESSION_CONTEXT                                                        \
    4096u /* unless it is told another, or the model has less */
#define SESSION_BATCH 512u /* tokens of a pass, unless it is told another */
#define SESSION_BATCH_MAX 2048u

struct gguf;
struct lane;
struct session;

struct session_config {
    uint32_t context; /* positions of a lane; 0: SESSION_CONTEXT; at most the
                         model's */
    uint32_t batch;   /* 0: SESSION_BATCH */
    uint32_t lanes;   /* open at once; 1..SESSION_LANES_MAX */
};

/* Lets what d says begin with whose file it is about: "model" or "draft".
 * Returns code; 0, and a d that says nothing, pass as they are. */
int session_blame(int code, const char *whose, struct diag *d) MUST_USE;

/* draft: NULL, or a model of the same vocabulary that drafts tokens. The files
 * may go afterwards. 0, ERR_NOMEM, or with ${d} set ERR_INPUT or ERR_LIMIT. */
int session_new(const struct gguf *model, const struct gguf *draft,
                const struct session_config *c, struct session **out,
                struct diag *d) MUST_USE;
void session_free(struct session *s); /* NULL is fine; the area stays */

/* Points into s. */
void session_ready(const struct session *s, Proctor__SessionReady *out);
/* Lanes' bytes, lanes * lane_bytes, zero, aligned to a page; borrowed. */
void session_area(struct session *s, uint8_t *area);

/* 0: open, or refused with ${d} set (the lane is closed then); ERR_PROTOCOL: no
 * such lane, or a message that cannot be; ERR_NOMEM. */
int session_open(struct session *s, const Proctor__LaneOpen *m,
                 Proctor__LaneOpened *out, struct diag *d) MUST_USE;
/* *out lives until the next call. 0, ERR_PROTOCOL, ERR_NOMEM. */
int session_quantum(struct session *s, const Proctor__Quantum *q,
                    const Proctor__QuantumDone **out) MUST_USE;
/* Brings a lane to rest in its area, and names what changed there since it
 * rested last, or began; extents ascend and are apart. *out lives until the next
 * call. 0, ERR_PROTOCOL, ERR_NOMEM. */
int session_park(struct session *s, uint32_t lane,
                 const Proctor__LaneParked **out) MUST_USE;
int session_close(struct session *s, uint32_t lane) MUST_USE;

/* For tests: an open lane. */
const struct lane *session_lane(const struct session *s, uint32_t lane);

/* The conversation of MODEL_SESSION behind MODEL_TASK, up to the end. fds: the
 * weights, and the draft model if draft_bytes is not 0. 0 or what broke it. */
struct frame;
int session_serve(int channel_fd, const Proctor__ModelTask *task,
                  const struct frame *f) MUST_USE;

#endif
