/* Asking the kernel what candidates and oracles answer: only the kernel can start
 * confined workers. Cuts inputs into batches by the rule of docs/exam.md, keeps
 * several under way, joins the answers. Starts the kernel at the first question;
 * what it says about answers is taken, about verdicts there is nothing to say. */
#ifndef REPLAY_ASKER_H
#define REPLAY_ASKER_H

#include "proto/cid.h"
#include "proto/diag.h"
#include "proto/value.h"

struct asker;

/* What one runnable said: answers for the first values_n(&answers) inputs. */
struct said {
    struct values answers;
    int is_complete;  /* one answer per input, and it ended well */
    int is_limit;     /* stopped by a limit of time, twice */
    char ending[160]; /* printable ASCII; "" when complete */
};

struct question {
    struct cid runnable;
    uint32_t engine; /* of a unit of CML, as in CmlTask, like the next three */
    uint32_t variants;
    uint32_t variants_first;
    const uint8_t *seed; /* 32 bytes, or NULL */
    const struct type *gives;
    const struct values *inputs;
    struct said *out; /* owned by the asker's caller: values_release */
};

/* client_fd (borrowed, -1: none): whatever comes there means stop. */
int asker_open(const char *store, int client_fd, struct asker **out) MUST_USE;
/* Ends the kernel and waits for that. NULL is fine. */
void asker_close(struct asker *a);
/* All questions at once. One that ran out of time is put a second time. 0,
 * ERR_CANCELLED, or ERR_* with d when one could not be run. */
int asker_ask(struct asker *a, const struct cid *policy, struct question *q,
              size_t n, struct diag *d) MUST_USE;
/* Has a Generation run again: CIDs of what came out, zero tokens for none. 0,
 * ERR_CANCELLED, or ERR_* with d. */
int asker_generate(struct asker *a, const struct cid *policy,
                   const struct cid *generation, struct cid *out_result,
                   struct cid *out_tokens, struct diag *d) MUST_USE;
int asker_is_stopped(const struct asker *a);

#endif
