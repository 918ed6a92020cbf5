/* CML's XML: whatever is accepted writes as XML and as text that read back as the
 * same artifacts. */
#include "tests/fuzz/cml/again.h"

#include "workers/cml/text.h"
#include "workers/cml/xml.h"

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
    if (xml_parse(&d, in, &diag) == 0) {
        REQUIRE(xml_put(&out, &d, &diag) == 0);
        check_again(xml_parse, &d, buf_bytes(&out));
        buf_reset(&out);
        if (text_put(&out, &d) == 0) { /* a ReferenceType has no text */
            check_again(text_parse, &d, buf_bytes(&out));
        }
    } else {
        REQUIRE(diag.code < 0);
    }
    buf_release(&out);
    document_release(&d);
    cml_dag_release(&dag);
    return 0;
}
