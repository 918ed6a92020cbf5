/* Manifests, and children of nodes by bytes: accepted means the one form, and what
 * the decoder takes has exactly these children. */
#include "tests/fuzz/proto/fuzz.h"

#include "cli/names.h"
#include "proto/cml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ubytes in = {data, size};
    struct names m;
    struct cml_dag dag;
    struct diag diag;
    struct buf out;
    uint32_t id;
    int rc;

    diag_init(&diag);
    buf_init(&out, 64u << 20);
    names_init(&m);
    cml_dag_init(&dag);
    rc = names_read(&m, in, &diag);
    if (rc == 0) {
        REQUIRE(names_put(&m, &out) == 0);
        REQUIRE(same_bytes(in, buf_bytes(&out)));
        REQUIRE(names_sort(&m, &diag) == 0);
        buf_reset(&out);
        REQUIRE(names_children(in, &out) == 0);
        REQUIRE(buf_len(&out) == m.n * CID_BYTES);
    }
    buf_reset(&out);
    rc = names_children(in, &out);
    if (cml_decode(&dag, in, &id, &diag) == 0) { /* without children, then */
        REQUIRE(rc == 0 && buf_len(&out) == 0);
    }
    names_release(&m);
    cml_dag_release(&dag);
    buf_release(&out);
    return 0;
}
