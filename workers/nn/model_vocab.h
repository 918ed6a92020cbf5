/* Tokenizer tables of random models: the bytes, control tokens, and merges that
 * a seed makes out of common letters. Workers only. */
#ifndef WORKERS_NN_MODEL_VOCAB_H
#define WORKERS_NN_MODEL_VOCAB_H

#include "workers/nn/gguf_write.h"

/* Adds tokenizer.ggml.* for vocab tokens, MODEL_INIT_VOCAB_MIN of them at least:
 *   gpt2, pre "gpt-2"  0..255 bytes, 256.. <|bos|> <|eos|> <|fact|> <|/fact|>,
 *                      then one token per merge
 *   llama (spm)        0 <unk>, 1 <|bos|>, 2 <|eos|>, 3 <|fact|>, 4 <|/fact|>,
 *                      5..260 byte tokens <0x00>.., then pieces: a space,
 *                      letters, and what they merge to, the earlier the better
 * 0, ERR_NOMEM, or ERR_LIMIT. */
int model_vocab_add(struct gguf_writer *w, uint32_t vocab, uint64_t seed,
                    int spm) MUST_USE;

#endif
