/* Bundles of CML nodes: accepted means the one form; a unit that the checker takes
 * runs to a value or an error of the language, and so does its canonical form. */
#include "tests/fuzz/proto/fuzz.h"

#include "workers/cml/canonical.h"
#include "workers/cml/document.h"
#include "workers/cml/eval.h"

/* The canonical form gives the same, if fuel suffices for both. */
static void check_form(struct cml_dag *dag, uint32_t root, struct eval *e,
                       int code, const struct val *out)
{
    struct canonical c;
    struct buf first;
    struct buf second;
    struct val again;
    uint32_t form = 0;
    int shown;
    int same;

    buf_init(&first, 64u << 20);
    buf_init(&second, 64u << 20);
    shown = code == 0 && eval_put(&first, out) == 0;
    REQUIRE(canonical_init(&c, dag) == 0);
    REQUIRE(canonical_of(&c, root, &form) == 0);
    canonical_release(&c);
    eval_reset(e, 2000);
    same = eval_unit(e, form, NULL, 0, &again);
    REQUIRE(code == EVAL_E_FUEL || same == EVAL_E_FUEL || same == code);
    if (shown && same == 0) {
        REQUIRE(eval_put(&second, &again) == 0);
        REQUIRE(same_bytes(buf_bytes(&first), buf_bytes(&second)));
    }
    buf_release(&first);
    buf_release(&second);
}

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
        int code = eval_unit(&e, root, NULL, 0, &out);

        REQUIRE(code >= 0);
        check_form(dag, root, &e, code, &out);
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
