/* Asking a language model about held-out rows of tokens: for each place what may
 * come next, held against what does (proto/holdout.h). In chunks, each in a fresh
 * train worker; all rows twice, the second time the last one first. A row's worker
 * has the row's tokens: that the model looks only at those before is its code's
 * doing. Kernel process. */
#ifndef KERNEL_RUN_HELD_TEXT_H
#define KERNEL_RUN_HELD_TEXT_H

#include "kernel/run/look.h"

struct held_text;

/* Of a split of text. 0, ERR_STORE_DAMAGED, ERR_*. */
int held_text_open(struct held *h, struct held_text **out) MUST_USE;
void held_text_free(struct held_text *t); /* NULL is fine */
/* Asks h->runnable; h->done as held_ask says. */
int held_text_ask(struct held_text *t) MUST_USE;
/* Two f64 for each row: holdout_text_losses. */
struct ubytes held_text_answers(const struct held_text *t);
int held_text_losses(const struct held_text *t,
                     struct holdout_losses *out) MUST_USE;

#endif
