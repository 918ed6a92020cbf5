/* CML texts: whatever is accepted writes as text that reads back as the same
 * artifacts, and runs to a value or an error of the language. */
#include "tests/fuzz/cml/again.h"

#include "workers/cml/eval.h"
#include "workers/cml/text.h"

static void run(const struct document *d)
{
    for (uint32_t i = 0; i < d->units_n; i++) {
        const struct cml_node *u = cml_dag_at(d->dag, d->units[i].term->id);
        struct eval e;
        struct val out;

        if (u->fields[1].u.list.n > 0 || eval_init(&e, d->dag, 2000) < 0) {
            continue;
        }
        REQUIRE(eval_unit(&e, d->units[i].term->id, NULL, 0, &out) >= 0);
        eval_release(&e);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cml_dag dag;
    struct document d;
    struct diag diag;
    struct buf out;

    diag_init(&diag);
    cml_dag_init(&dag);
    document_init(&d, &dag, "in");
    buf_init(&out, 64u << 20);
    if (text_parse(&d, (struct ubytes){data, size}, &diag) == 0) {
        for (uint32_t i = 0; i < d.units_n && (size & 1) == 0; i++) {
            REQUIRE(text_put_unit(&out, d.units[i].term, (int)(i & 1)) == 0);
        }
        REQUIRE((size & 1) == 0 || text_put(&out, &d) == 0);
        check_again(text_parse, &d, buf_bytes(&out));
        run(&d);
    }
    buf_release(&out);
    document_release(&d);
    cml_dag_release(&dag);
    return 0;
}
