/* Op table and validator table: data, printed by
 * `proctor status --tables`. Ops and validators are found here and nowhere
 * else: what is not registered does not run. Kernel process; pure. */
#ifndef KERNEL_ADMIT_OPS_H
#define KERNEL_ADMIT_OPS_H

#include "proto/record.h"

enum op_id {
#define OP(id, name, class, takes, gives, capability, ceiling, repair) OP_##id,
#include "proto/ops.def"
#undef OP
    OP_N_
};

struct op_info {
    enum op_id id;
    const char *name;
    const char *worker_class;
    const char *takes; /* kind of the one need it works on, "" = none */
    const char *gives; /* kind of its result */
    const char *capability;
    enum level ceiling;
    int can_repair;
};

const struct op_info *ops_find(const char *name); /* NULL: not registered */
size_t ops_n(void);
const struct op_info *ops_at(size_t i); /* i < ops_n() */
/* Nearest name, for hints, or NULL. */
const char *ops_nearest(const char *name);

struct validator_info {
    const char *name;
    enum level level_min, level_max;
    uint32_t ops; /* bit op_id set: it can judge that op */
    const char *what;
};

const struct validator_info *validators_find(const char *name);
size_t validators_n(void);
const struct validator_info *validators_at(size_t i);

#endif
