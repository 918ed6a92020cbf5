/* A lane's prompt as tokens: what the model wants before every text, then the
 * facts that the kernel vouches for, then the text.
 *
 *   [bos] { <|fact|> name=text <|/fact|> }* prompt
 *
 * The two marks are control tokens of the model's file. No text encodes a
 * control token, so no prompt and no fact can pretend to be, or end, a fact;
 * and a lane never proposes them (lane.h). Without facts the tokens are those of
 * the prompt, to the last one. Runs in the model worker. */
#ifndef WORKERS_MODEL_FACTS_H
#define WORKERS_MODEL_FACTS_H

#include "proto/diag.h"
#include "workers/nn/tokenizer.h"

#include "graph.pb-c.h"

#define FACT_OPEN "<|fact|>"
#define FACT_CLOSE "<|/fact|>"

struct fact_marks {
    uint32_t open, close; /* TOKENIZER_NONE: the model has none */
};

struct fact_marks fact_marks(const struct tokenizer *t);

/* Appends a lane's prompt. 0, ERR_NOMEM, or ERR_INPUT or ERR_LIMIT with ${d} set:
 * facts for a model without marks; a text that is no UTF-8; no token at all. */
int prompt_encode(const struct tokenizer *t, const struct fact_marks *marks,
                  const Proctor__LaneSpec *spec, struct tokens *out,
                  struct diag *d) MUST_USE;
/* Appends a text's tokens; one that is no token of text is ERR_INPUT. */
int text_encode(const struct tokenizer *t, struct ubytes text,
                struct tokens *out, struct diag *d) MUST_USE;

#endif
