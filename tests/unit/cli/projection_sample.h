/* A small projection made by hand: one name, its unit's few nodes. Included by
 * tests; every function is static. */
#ifndef TESTS_UNIT_CLI_PROJECTION_SAMPLE_H
#define TESTS_UNIT_CLI_PROJECTION_SAMPLE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cli/projection.h"
#include "proto/err.h"

/* [ [i32] ] as a type: three nodes, one chain. */
UNUSED static void sample_bundle(struct buf *out, struct cid *out_root)
{
    struct cml_dag dag;
    struct cml_value v = cml_word("Int32");
    struct diag d;
    uint32_t id = 0;

    diag_init(&d);
    cml_dag_init(&dag);
    assert_int_equal(cml_add(&dag, CML_PRIMITIVE_TYPE, &v, &id, &d), 0);
    for (int i = 0; i < 2; i++) {
        v = cml_child(id);
        assert_int_equal(cml_add(&dag, CML_ARRAY_TYPE, &v, &id, &d), 0);
    }
    assert_int_equal(cml_bundle_put(&dag, id, out), 0);
    *out_root = cml_dag_at(&dag, id)->cid;
    cml_dag_release(&dag);
}

/* p is whole; its one name is `name`. */
UNUSED static void sample_make(struct projection *p, const char *name,
                               struct cid *out_root)
{
    struct buf b;
    struct diag d;

    diag_init(&d);
    buf_init(&b, 4096);
    projection_init(p);
    sample_bundle(&b, out_root);
    assert_int_equal(projection_unit(p, name, buf_bytes(&b), &d), 0);
    assert_int_equal(projection_end(p, &d), 0);
    assert_int_equal(p->m.n_blobs, 4);
    buf_release(&b);
}

#endif
