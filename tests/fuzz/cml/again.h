/* What every surface of CML is held to: a document that was written reads back as
 * the same artifacts. */
#ifndef TESTS_FUZZ_CML_AGAIN_H
#define TESTS_FUZZ_CML_AGAIN_H

#include "tests/fuzz/proto/fuzz.h"

#include "workers/cml/document.h"

typedef int (*parse_fn)(struct document *d, struct ubytes in, struct diag *diag);

/* Into an initialized document. */
static void read_again(struct document *again, parse_fn parse,
                       const struct document *d, struct ubytes text)
{
    struct diag diag;

    diag_init(&diag);
    REQUIRE(parse(again, text, &diag) == 0);
    REQUIRE(again->units_n == d->units_n);
    for (uint32_t i = 0; i < d->units_n; i++) {
        const struct cml_node *a = cml_dag_at(d->dag, d->units[i].term->id);
        const struct cml_node *b =
            cml_dag_at(again->dag, again->units[i].term->id);

        REQUIRE(cid_is_equal(&a->cid, &b->cid));
    }
}

static inline void check_again(parse_fn parse, const struct document *d,
                               struct ubytes text)
{
    struct cml_dag dag;
    struct document again;

    cml_dag_init(&dag);
    document_init(&again, &dag, "again");
    read_again(&again, parse, d, text);
    document_release(&again);
    cml_dag_release(&dag);
}

#endif
