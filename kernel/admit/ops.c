/* The tables of ops.def and validators.def. Kernel process; constant data. */
#include "kernel/admit/ops.h"

#include <string.h>

#include "proto/diag.h"

static const struct op_info ops[] = {
#define OP(id, name, class, takes, gives, capability, ceiling, repair)         \
    {OP_##id, name, class, takes, gives, capability, ceiling, repair},
#include "proto/ops.def"
#undef OP
};

static const struct validator_info validators[] = {
#define VALIDATOR(id, name, level_min, level_max, ops, what)                   \
    {name, level_min, level_max, ops, what},
#include "proto/validators.def"
#undef VALIDATOR
};

const struct op_info *ops_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_N(ops); i++) {
        if (strcmp(ops[i].name, name) == 0) {
            return &ops[i];
        }
    }
    return NULL;
}

size_t ops_n(void)
{
    return ARRAY_N(ops);
}

const struct op_info *ops_at(size_t i)
{
    ASSERT(i < ARRAY_N(ops));
    return &ops[i];
}

const char *ops_nearest(const char *name)
{
    const char *names[ARRAY_N(ops)];

    for (size_t i = 0; i < ARRAY_N(ops); i++) {
        names[i] = ops[i].name;
    }
    return diag_nearest(name, names, ARRAY_N(names));
}

const struct validator_info *validators_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_N(validators); i++) {
        if (strcmp(validators[i].name, name) == 0) {
            return &validators[i];
        }
    }
    return NULL;
}

size_t validators_n(void)
{
    return ARRAY_N(validators);
}

const struct validator_info *validators_at(size_t i)
{
    ASSERT(i < ARRAY_N(validators));
    return &validators[i];
}
