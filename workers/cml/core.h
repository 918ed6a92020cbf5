/* Names and signatures of CML's core (core.def). */
#ifndef WORKERS_CML_CORE_H
#define WORKERS_CML_CORE_H

#include "proto/cml.h"

#define CORE_SUBJECT "cml.core"
#define CORE_FIELD "field" /* Reference(cml.core, [field, NAME]) takes a field */

enum core {
#define CORE(name, signature, cost, what) CORE_##name,
#include "workers/cml/core.def"
    CORES
};

enum core_cost { CORE_COST_NONE, CORE_COST_ARGS };

struct core_info {
    const char *name;
    const char *signature; /* core.def */
    enum core_cost cost;
};

const struct core_info *core_info(enum core c);
/* CORES when there is none. */
enum core core_from_name(struct ubytes name);
/* All names, for hints. CORES of them. */
const char *const *core_names(void);

#endif
