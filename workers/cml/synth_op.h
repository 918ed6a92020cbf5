/* The enumerator's operators (synth_op.def). */
#ifndef WORKERS_CML_SYNTH_OP_H
#define WORKERS_CML_SYNTH_OP_H

#include "proto/base.h"

enum synth_op {
#define SYNTH_OP(name, ...) SYNTH_OP_##name,
#define SYNTH_MAP(name, body) SYNTH_OP_##name,
#define SYNTH_FILTER(name, count, body) SYNTH_OP_##name, SYNTH_OP_##count,
#define SYNTH_ZIP(name, scan, body) SYNTH_OP_##name, SYNTH_OP_##scan,
#include "workers/cml/synth_op.def"
    SYNTH_OPS
};

struct synth_op_info {
    const char *name;
    const char *signature;
    const char *expression;
    const char *units;
};

const struct synth_op_info *synth_op_info(enum synth_op op);
/* SYNTH_OPS when there is none. */
enum synth_op synth_op_from_name(const char *name);
unsigned synth_op_args(enum synth_op op);

#endif
