/* Parts of a training run's recipe (train.proto): every key with its place and
 * range, every default filled in, so that what is hashed says all. Short forms: a
 * word alone is {kind: WORD}. n may be NULL: the default. Results are memory of the
 * reply. What depends on the data's kind stays empty until that is known
 * (train_kind.h). */
#ifndef WORKERS_CONFIG_SPEC_RECIPE_H
#define WORKERS_CONFIG_SPEC_RECIPE_H

#include "workers/config/member.h"

#define RECIPE_LAYERS_MAX 64u
#define RECIPE_WIDTH_MAX 65536u
#define RECIPE_HANDLERS_MAX 32u
#define RECIPE_PARTS_MAX 32u
#define RECIPE_RATE_MAX 1e6

int recipe_learner(struct config *c, const struct yaml_node *n,
                   Proctor__Learner **out) MUST_USE;
int recipe_loss(struct config *c, const struct yaml_node *n,
                Proctor__LossSpec **out) MUST_USE;
int recipe_optimizer(struct config *c, const struct yaml_node *n,
                     Proctor__OptimizerSpec **out) MUST_USE;
/* *out NULL without n: constant. */
int recipe_schedule(struct config *c, const struct yaml_node *n,
                    Proctor__ScheduleSpec **out) MUST_USE;
int recipe_handlers(struct config *c, const struct yaml_node *n,
                    Proctor__Recipe *r) MUST_USE;

/* The word of a kind: n itself, or its key `kind`; NULL with the problem set when
 * there is none. words: what it may be. */
int recipe_kind(struct config *c, const struct yaml_node *n,
                const char *const *words, size_t words_n,
                size_t *out_i) MUST_USE;
/* Keys of a kind: those whose mask lacks bit `kind` are refused with `why`. */
struct recipe_key {
    const char *name;
    uint32_t kinds;
};
/* As schema_map, over at most 32 keys; a word alone has none of them. */
int recipe_map(struct config *c, const struct yaml_node *n,
               const struct recipe_key *keys, size_t keys_n, size_t kind,
               const char *kind_word, const struct yaml_node **v) MUST_USE;
char *recipe_text(struct config *c, const char *s);

#endif
