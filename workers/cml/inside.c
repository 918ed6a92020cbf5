#include "workers/cml/inside.h"

#include "proto/err.h"
#include "workers/cml/branch.h"
#include "workers/cml/canonical.h"

int inside_canonical_of(struct cml_dag *dag, uint32_t unit, uint32_t *out_id)
{
    struct canonical c;
    int code = canonical_init(&c, dag);

    code = code == 0 ? canonical_of(&c, unit, out_id) : code;
    canonical_release(&c);
    return code;
}

static int branches_of(struct cml_dag *dag, uint32_t unit, uint32_t *out_n)
{
    struct tree t;
    int code = tree_open(&t, dag, unit);

    *out_n = code == 0 ? branch_number(&t) : INSIDE_UNKNOWN;
    tree_release(&t);
    return code == ERR_LIMIT ? 0 : code;
}

int inside_describe(struct arena *a, struct cml_dag *dag, uint32_t unit,
                    Proctor__CmlUnit *out)
{
    uint32_t form = 0;
    uint8_t *cid;

    TRY(inside_canonical_of(dag, unit, &form));
    cid = (uint8_t *)arena_text(a, cml_dag_at(dag, form)->cid.b, CID_BYTES);
    if (cid == NULL) {
        return ERR_NOMEM;
    }
    out->canonical = (ProtobufCBinaryData){CID_BYTES, cid};
    return branches_of(dag, unit, &out->branches);
}
