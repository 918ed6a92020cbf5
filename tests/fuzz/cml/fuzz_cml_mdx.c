/* CML's MDX: whatever is accepted writes as MDX that reads back as the same
 * artifacts and is stable, and as XML. */
#include "tests/fuzz/cml/again.h"

#include "workers/cml/mdx.h"
#include "workers/cml/xml.h"

/* And writes as what it was read from. */
static void check_stable(const struct document *d, struct ubytes text)
{
    struct cml_dag dag;
    struct document again;
    struct diag diag;
    struct buf out;

    diag_init(&diag);
    cml_dag_init(&dag);
    document_init(&again, &dag, "again");
    buf_init(&out, 64u << 20);
    read_again(&again, mdx_parse, d, text);
    REQUIRE(mdx_put(&out, &again, &diag) == 0);
    REQUIRE(same_bytes(text, buf_bytes(&out)));
    buf_release(&out);
    document_release(&again);
    cml_dag_release(&dag);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ubytes in = {data, size};
    struct cml_dag dag;
    struct document d;
    struct diag diag;
    struct buf out;

    diag_init(&diag);
    cml_dag_init(&dag);
    document_init(&d, &dag, "in");
    buf_init(&out, 64u << 20);
    if (mdx_parse(&d, in, &diag) == 0) {
        REQUIRE(mdx_put(&out, &d, &diag) == 0);
        check_stable(&d, buf_bytes(&out));
        buf_reset(&out);
        REQUIRE(xml_put(&out, &d, &diag) == 0);
        check_again(xml_parse, &d, buf_bytes(&out));
    } else {
        REQUIRE(diag.code < 0);
    }
    buf_release(&out);
    document_release(&d);
    cml_dag_release(&dag);
    return 0;
}
