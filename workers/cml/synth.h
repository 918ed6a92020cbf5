/* The enumerator: a unit that fits examples, smallest first. Bottom-up over terms by
 * size, one of each that behave alike on the examples, joined by decision trees.
 * A problem is Proctor__SynthTask (worker.proto), a grammar of sorts and rules over
 * the operators of synth_op.def. Deterministic: the budget counts evaluations, no
 * clock is read. What it finds is written as text, read and checked like any other,
 * run over all examples by the reference interpreter, and only then given.
 * Stateless: for a counterexample, ask again with one more example.
 * Runs in the `cml` worker. Contract and limits: docs/synth.md. */
#ifndef WORKERS_CML_SYNTH_H
#define WORKERS_CML_SYNTH_H

#include "proto/arena.h"
#include "proto/diag.h"

#include "worker.pb-c.h"

#define SYNTH_EXAMPLES_MAX 4096
#define SYNTH_SORTS_MAX 16
#define SYNTH_RULES_MAX 128 /* of all sorts, parameters and constants too */
#define SYNTH_ARGS_MAX 3    /* of an operator */
#define SYNTH_NODES_MAX 32  /* of a rule's own function */
#define SYNTH_SIZE_MAX 200  /* nodes of a program */

/* Fills reply (proctor__synth_reply__init is done here); what it holds is in a.
 * Contradictions, "none" and "not sure" are statuses, not errors. 0; ERR_INPUT (d:
 * types, values, grammar), ERR_LIMIT, ERR_NOMEM. */
int synth_solve(const Proctor__SynthTask *task, struct arena *a,
                Proctor__SynthReply *reply, struct diag *d) MUST_USE;

#endif
