/* The commit trap: what a model proposes leaves its worker only through here, one
 * token after the other. Steps the grammar's automaton over every byte, charges
 * the budget, looks for stop strings, ends the text. Believes nothing. */
#ifndef KERNEL_RUN_EMIT_H
#define KERNEL_RUN_EMIT_H

#include "kernel/run/budget.h"
#include "proto/automaton.h"
#include "proto/buf.h"
#include "proto/record.h"

#include "worker.pb-c.h"

struct emit {
    const Proctor__LaneSpec *spec; /* borrowed, like the budget */
    struct budget *budget;
    struct automaton *automaton; /* owned; NULL: any text */
    struct automaton_at at;
    struct buf text; /* committed */
    struct buf ids_; /* u32 little endian: of n tokens, and behind them those of a
                        worker that was lost, which must come again */
    uint32_t n;
    uint64_t charged;
    char why[160];
};

/* 0, ERR_ENCODING and others of automaton_read. */
int emit_init(struct emit *e, const Proctor__LaneSpec *spec,
              struct budget *b) MUST_USE;
void emit_release(struct emit *e);
struct ubytes emit_ids(const struct emit *e);
/* Another try: nothing was said. */
void emit_restart(struct emit *e);
/* Back to what was said when the lane was parked; NULL: to the start. ERR_INPUT:
 * that does not keep to the grammar; ERR_NOMEM. */
int emit_rewind(struct emit *e, struct ubytes text, const uint32_t *ids,
                size_t n) MUST_USE;
/* The tokens of an answer, and how its lane stands then. 0: it goes on; or a
 * decision, with why. REPAIR: it ended where the grammar lets no text end. ERR_NOMEM. */
int emit_take(struct emit *e, Proctor__LaneToken *const *tokens, size_t n,
              Proctor__LaneState state) MUST_USE;
/* Bytes of the text that no stop string can take back any more. */
size_t emit_safe_n(const struct emit *e);

#endif
