/* The core: costs, and who computes what. */
#include "workers/cml/eval_int.h"

int eval_core(struct eval *e, enum core core, const struct val *args, uint32_t n,
              struct val *out)
{
    enum val_order o;
    int code;

    ASSERT(core < CORES);
    if (core_info(core)->cost == CORE_COST_ARGS) {
        for (uint32_t i = 0; i < n; i++) {
            EVAL_TRY(eval_spend(e, val_length(&args[i])));
        }
    }
    if (core == CORE_min || core == CORE_max) { /* what it costs */
        EVAL_TRY(eval_compare(e, &args[1], &args[0], &o));
    }
    code = core_number(core, args, out);
    if (code == CORE_NOT_HERE) {
        code = core_array(e, core, args, out);
    }
    return code == CORE_NOT_HERE ? core_text(e, core, args, out) : code;
}
