/* The kinds of learners. Runs in worker train. */
#include "workers/train/learner.h"

#include <string.h>

const struct learner_ops *learner_find(const char *kind)
{
    static const struct learner_ops *const all[] = {
        &learner_mlp, &learner_linear, &learner_transformer};

    for (size_t i = 0; i < ARRAY_N(all); i++) {
        if (strcmp(all[i]->kind, kind) == 0) {
            return all[i];
        }
    }
    return NULL;
}
