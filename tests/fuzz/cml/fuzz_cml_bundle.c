/* Bundles of CML nodes: accepted means the one form; a unit that the checker takes
 * runs to a value or an error of the language. */
#include "tests/fuzz/proto/fuzz.h"

#include "workers/cml/document.h"
#include "workers/cml/eval.h"

static void check_and_run(struct cml_dag *dag, uint32_t root)
{
    struct document doc;
    struct diag diag;
    struct eval e;
    struct val out;

    document_init(&doc, dag, "in");
    diag_init(&diag);
    if (document_from_node(&doc, root, &diag) == 0 &&
        doc.units[doc.units_n - 1].term->fields[1].n == 0 &&
        eval_init(&e, dag, 2000) == 0) {
        REQUIRE(eval_unit(&e, root, NULL, 0, &out) >= 0);
        eval_release(&e);
    }
    document_release(&doc);
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
