/* What a search found, as the answer. */
#ifndef WORKERS_CML_SYNTH_REPLY_H
#define WORKERS_CML_SYNTH_REPLY_H

#include "workers/cml/synth_solve.h"

/* The program is written, read, checked and run over all examples by the reference
 * interpreter first. 0; ERR_INTERNAL when that fails; ERR_NOMEM. */
int synth_reply(struct search *s, struct arena *a, Proctor__SynthReply *reply,
                struct diag *d) MUST_USE;

#endif
