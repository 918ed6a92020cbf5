/* Byte-pair merges learnt from a text, for a tokenizer of kind "gpt2" with
 * pre-tokenizer "gpt-2": inside the words that it cuts the text into, the most
 * frequent pair of neighbours becomes one token, again and again; of equally
 * frequent ones the pair of the lower left, then lower right token. So the merges
 * are a function of the text alone.
 *
 * Tokens: 0..255 the bytes, 256 <|bos|>, 257 <|eos|>, then what merges give, in
 * their order. Two merges may give one token. Pure; worker train only.
 * Source: Sennrich, Haddow, Birch 2016, over bytes as in GPT-2. */
#ifndef WORKERS_TRAIN_BPE_H
#define WORKERS_TRAIN_BPE_H

#include "workers/nn/vocab.h"

#define BPE_BASE 258u /* tokens without any merge */
#define BPE_BOS 256u
#define BPE_PIECE_BYTES                                                        \
    64u /* of a token, at most: longer words stay in parts */

/* Adds the bytes, <|bos|>, <|eos|> and merges to v, which is empty and no spm,
 * until it has `tokens` of them or no pair occurs twice. texts (n): valid UTF-8.
 * 0, ERR_NOMEM, or ERR_LIMIT: over 2^31 bytes of different words. O(bytes) for
 * words, then about O(log) per changed pair. */
int bpe_learn(const struct ubytes *texts, size_t n, uint32_t tokens,
              struct vocab *v) MUST_USE;

#endif
