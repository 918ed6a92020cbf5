/* CML's MDX: whatever is accepted writes as MDX that reads back as the same
 * artifacts and is stable, and as XML. */
#include "tests/fuzz/proto/fuzz.h"

#include "workers/cml/mdx.h"
#include "workers/cml/xml.h"

static void check_again(const struct document *d, struct ubytes text, int is_mdx)
{
    struct cml_dag dag;
    struct document again;
    struct diag diag;
    struct buf out;

    diag_init(&diag);
    cml_dag_init(&dag);
    document_init(&again, &dag, "again");
    buf_init(&out, 64u << 20);
    REQUIRE((is_mdx ? mdx_parse(&again, text, &diag)
                    : xml_parse(&again, text, &diag)) == 0);
    REQUIRE(again.units_n == d->units_n);
    for (uint32_t i = 0; i < d->units_n; i++) {
        const struct cml_node *a = cml_dag_at(d->dag, d->units[i].term->id);
        const struct cml_node *b = cml_dag_at(&dag, again.units[i].term->id);

        REQUIRE(cid_is_equal(&a->cid, &b->cid));
    }
    if (is_mdx) {
        REQUIRE(mdx_put(&out, &again, &diag) == 0);
        REQUIRE(same_bytes(text, buf_bytes(&out)));
    }
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
        check_again(&d, buf_bytes(&out), 1);
        buf_reset(&out);
        REQUIRE(xml_put(&out, &d, &diag) == 0);
        check_again(&d, buf_bytes(&out), 0);
    } else {
        REQUIRE(diag.code < 0);
    }
    buf_release(&out);
    document_release(&d);
    cml_dag_release(&dag);
    return 0;
}
