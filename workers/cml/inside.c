#include "workers/cml/inside.h"

#include "proto/domain.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "workers/cml/branch.h"
#include "workers/cml/canonical.h"
#include "workers/cml/mutant.h"
#include "workers/cml/probe.h"
#include "workers/cml/shape.h"

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
    TRY(branches_of(dag, unit, &out->branches));
    return mutant_count(dag, unit, &out->mutants);
}

static int too_large(int code, struct diag *d)
{
    return code != ERR_LIMIT
               ? code
               : diag_set(d, ERR_LIMIT, (struct loc){0},
                          "the unit has over %u terms", LIMIT_CML_TERMS);
}

int inside_trap(struct cml_dag *dag, uint32_t unit, const Proctor__CmlTask *task,
                uint32_t *out_id, struct diag *d)
{
    struct tree t;
    int code = tree_open(&t, dag, unit);

    code = code == 0
               ? branch_trap(&t, task->branches, task->n_branches, out_id)
               : code;
    tree_release(&t);
    if (code == ERR_INPUT) {
        return diag_set(d, ERR_INPUT, (struct loc){0},
                        "a branch that the unit does not have");
    }
    return too_large(code, d);
}

static int check_domain(const struct cml_dag *dag, uint32_t unit,
                        struct ubytes domain, struct diag *d)
{
    struct type drawn;
    struct type takes;
    struct type gives;

    if (domain_check(domain, &drawn) != 0) {
        return diag_set(d, ERR_INPUT, (struct loc){0}, "the domain is none");
    }
    if (shape_of_unit(dag, unit, &takes, &gives) != 0 ||
        !type_is_equal(&drawn, &takes)) {
        return diag_set(d, ERR_INPUT, (struct loc){0},
                        "the domain does not draw what the unit takes");
    }
    return 0;
}

static int keep(struct arena *a, const struct buf *b, ProtobufCBinaryData *out)
{
    out->len = buf_len(b);
    out->data = (uint8_t *)arena_text(a, buf_bytes(b).p, buf_len(b));
    return out->data != NULL ? 0 : ERR_NOMEM;
}

int inside_probe(struct arena *a, struct cml_dag *dag, uint32_t unit,
                 const Proctor__CmlTask *task, Proctor__CmlReply *out,
                 struct diag *d)
{
    CLEANUP(buf_release) struct buf b;
    struct ubytes domain = {task->domain.data, task->domain.len};
    struct literals literals;

    buf_init(&b, LIMIT_FRAME_BYTES / 4);
    TRY(check_domain(dag, unit, domain, d));
    TRY(too_large(literals_of(a, dag, unit, &literals), d));
    TRY(literals_put(&literals, &b));
    TRY(keep(a, &b, &out->literals));
    buf_reset(&b);
    TRY(probe_inputs(dag, unit, domain, &literals, &b));
    return keep(a, &b, &out->inputs);
}
