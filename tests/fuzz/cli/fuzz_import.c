/* What proctor-git says it found: whatever of it is taken is a bundle that reads as
 * the artifact that its name stands for. */
#include "tests/fuzz/proto/fuzz.h"

#include "cli/import.h"
#include "proto/cml.h"
#include "proto/pb.h"

/* Blobs of the fuzzer's get the CIDs that they should have. */
static void give_cids(Proctor__Projection *p)
{
    for (size_t i = 0; i < p->n_blobs; i++) {
        struct cid c = cid_of(field_bytes(&p->blobs[i]->data));

        if (p->blobs[i]->cid.len == CID_BYTES) {
            memcpy(p->blobs[i]->cid.data, c.b, CID_BYTES);
        }
    }
}

static void check(const struct import_item *item)
{
    struct cml_dag dag;
    struct diag d;
    uint32_t root;

    diag_init(&d);
    cml_dag_init(&dag);
    REQUIRE(cml_bundle_read(&dag, buf_bytes(&item->bundle), &root, &d) == 0);
    REQUIRE(cid_is_equal(&cml_dag_at(&dag, root)->cid, &item->cid));
    cml_dag_release(&dag);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ProtobufCMessage *m = NULL;
    struct import x;
    struct diag d;

    diag_init(&d);
    import_init(&x);
    if (size > 0 && pb_decode(&proctor__projection__descriptor,
                              (struct ubytes){data + 1, size - 1}, 1u << 20,
                              &m) == 0) {
        Proctor__Projection *p = (Proctor__Projection *)m;

        if (data[0] & 1) {
            give_cids(p);
        }
        if (import_check(&x, p, &d) == 0) {
            for (size_t i = 0; i < x.n; i++) {
                check(&x.items[i]);
            }
        } else {
            REQUIRE(d.what[0] != '\0');
        }
    }
    import_release(&x);
    pb_free(m);
    return 0;
}
