#include "workers/cml/core.h"

#include <string.h>

static const struct core_info cores[] = {
#define CORE(name, signature, cost, what) {#name, signature, CORE_COST_##cost},
#include "workers/cml/core.def"
};

static const char *const names[] = {
#define CORE(name, signature, cost, what) #name,
#include "workers/cml/core.def"
};

const struct core_info *core_info(enum core c)
{
    ASSERT(c < CORES);
    return &cores[c];
}

enum core core_from_name(struct ubytes name)
{
    for (unsigned c = 0; c < CORES; c++) {
        if (strlen(names[c]) == name.n &&
            memcmp(names[c], name.p, name.n) == 0) {
            return (enum core)c;
        }
    }
    return CORES;
}

const char *const *core_names(void)
{
    return names;
}
