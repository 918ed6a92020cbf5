/* The columnar engine: one step of a unit's flat code (flat.h) at a time, over up to
 * COLUMNS_LANES inputs. Scalars are columns of 64-bit lanes; strings, bytes, arrays
 * and functions are columns of pointers to values of the reference interpreter
 * (eval.h), on which the core works lane by lane. Lanes that a choice or a loop leaves
 * out are masked. Value, error and fuel of every lane are those of the reference. Lanes
 * for which memory does not suffice all together are handed to the reference, one by
 * one. No memory is ever executable. Runs in the `cml` worker. */
#ifndef WORKERS_CML_COLUMNS_H
#define WORKERS_CML_COLUMNS_H

#include "proto/buf.h"
#include "workers/cml/columns_kernel.h"
#include "workers/cml/term.h"

#define COLUMNS_LANES COLUMN_LANES

struct columns;

/* unit: checked; it and dag outlive the engine. 0; ERR_INPUT, ERR_LIMIT: not for this
 * engine, d says why and where; ERR_NOMEM. */
int columns_new(const struct cml_dag *dag, const struct term *unit,
                const char *path, struct columns **out, struct diag *d)
    MUST_USE;
void columns_free(struct columns *c);
void columns_freep(struct columns **c); /* for CLEANUP */
/* No wider vectors than these; for tests and measurements. */
void columns_limit(struct columns *c, enum column_level most);
/* Applies the unit to n inputs, tuples of canonical bytes that are borrowed until the
 * next batch, each with so much fuel. 0, ERR_ENCODING, ERR_NOMEM. */
int columns_batch(struct columns *c, const struct ubytes *inputs, uint32_t n,
                  uint64_t fuel) MUST_USE;
/* The answer of a lane: its canonical bytes behind what is in out, if out is given,
 * and what is left of the fuel. 0, EVAL_E_*, or ERR_* of eval_put. */
int columns_answer(struct columns *c, uint32_t lane, struct buf *out,
                   uint64_t *out_left) MUST_USE;
/* For measurements: runs the batch again that was given last, without reading its
 * inputs. */
int columns_again(struct columns *c, uint64_t fuel) MUST_USE;
/* Lanes that the reference did since the engine was made. */
uint64_t columns_redone(const struct columns *c);

#endif
