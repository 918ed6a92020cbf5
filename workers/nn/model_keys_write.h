/* The keys of a GGUF file of a model that is made here: random or trained. What
 * they do not say is what readers take for granted of the architecture. Pure.
 * Workers only. */
#ifndef WORKERS_NN_MODEL_KEYS_WRITE_H
#define WORKERS_NN_MODEL_KEYS_WRITE_H

#include "workers/nn/gguf_write.h"
#include "workers/nn/model_parts.h"

#define MODEL_WRITE_EPS 1e-5f /* of norms */

/* general.* and A.*; nothing of a tokenizer. */
void model_keys_write(struct gguf_writer *w, const struct model_shape *s,
                      const char *name, enum gguf_tensor_type type);
/* rope.freq_base, as written. */
float model_freq_base(enum model_arch arch);

#endif
