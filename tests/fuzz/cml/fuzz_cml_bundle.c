/* Bundles of CML nodes: accepted means the one form; a unit that the checker takes
 * runs to a value or an error of the language. */
#include "tests/fuzz/proto/fuzz.h"

#include "workers/cml/check.h"
#include "workers/cml/eval.h"

static void check_and_run(struct cml_dag *dag, uint32_t root)
{
    struct arena a;
    struct term *t = NULL;
    struct diag diag;
    uint32_t max = 5000;
    struct eval e;
    struct val out;

    arena_init(&a, 64u << 20);
    diag_init(&diag);
    if (term_from_node(dag, root, &a, &max, &t) == 0 &&
        check_tree(dag, t, &a, &diag) == 0 && t->kind == CML_UNIT &&
        t->fields[1].n == 0 && eval_init(&e, dag, 2000) == 0) {
        REQUIRE(eval_unit(&e, root, NULL, 0, &out) >= 0);
        eval_release(&e);
    }
    arena_release(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ubytes in = {data, size};
    struct cml_dag dag;
    struct diag diag;
    struct buf out;
    uint32_t root = 0;

    diag_init(&diag);
    cml_dag_init(&dag);
    buf_init(&out, 64u << 20);
    if (cml_bundle_read(&dag, in, &root, &diag) == 0) {
        REQUIRE(cml_bundle_put(&dag, root, &out) == 0);
        REQUIRE(same_bytes(in, buf_bytes(&out)));
        check_and_run(&dag, root);
    }
    buf_release(&out);
    cml_dag_release(&dag);
    return 0;
}
