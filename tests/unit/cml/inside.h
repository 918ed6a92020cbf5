/* What the tests of the exam's inside share: a text in a dag, canonical forms, and
 * random values of the types of gen.h. */
#ifndef TESTS_UNIT_CML_INSIDE_H
#define TESTS_UNIT_CML_INSIDE_H

#include <math.h>

#include "gen.h"

#include "proto/value.h"
#include "workers/cml/canonical.h"
#include "workers/cml/shape.h"
#include "workers/cml/text.h"

struct inside {
    struct cml_dag dag;
    struct document doc;
    struct diag diag;
    uint32_t unit; /* the text's last one */
};

static inline void inside_open(struct inside *s, struct ubytes text)
{
    diag_init(&s->diag);
    cml_dag_init(&s->dag);
    document_init(&s->doc, &s->dag, "t.cml");
    if (text_parse(&s->doc, text, &s->diag) < 0) {
        fail_msg("%.*s\n%u:%u: %s (%s)", (int)text.n, (const char *)text.p,
                 s->diag.at.line, s->diag.at.col, s->diag.what, s->diag.hint);
    }
    s->unit = s->doc.units[s->doc.units_n - 1].term->id;
}

static inline void inside_open_text(struct inside *s, const char *text)
{
    inside_open(s, (struct ubytes){(const uint8_t *)text, strlen(text)});
}

static inline void inside_close(struct inside *s)
{
    document_release(&s->doc);
    cml_dag_release(&s->dag);
}

static inline uint32_t inside_canonical(struct inside *s, uint32_t unit)
{
    struct canonical c;
    uint32_t id = 0;

    assert_int_equal(canonical_init(&c, &s->dag), 0);
    assert_int_equal(canonical_of(&c, unit, &id), 0);
    canonical_release(&c);
    return id;
}

/* A random argument of a type of gen.h, as canonical bytes. */
static inline void inside_value(struct gen *g, enum gen_type t, struct buf *b)
{
    static const char *const texts[] = {"", "a", "a b\n", "\u00e9x7", " zz "};
    static const uint64_t edges[] = {0, 1, 2, 3, 7, 31, 63, 127, 128, 255};
    uint64_t n = gen_below(g, 3) > 0 ? edges[gen_below(g, ARRAY_N(edges))]
                                     : gen_u64(g);
    uint32_t len = gen_below(g, 4);
    struct type of;
    const char *text = texts[gen_below(g, ARRAY_N(texts))];

    if (gen_below(g, 4) == 0) {
        n = 0 - n;
    }
    switch ((int)t) {
    case GEN_BOOL:
        assert_int_equal(value_put_bool(b, (int)(n & 1)), 0);
        return;
    case GEN_F64:
        assert_int_equal(
            value_put_f64(b, n % 7 == 0 ? (double)NAN : (double)(int64_t)n / 4),
            0);
        return;
    case GEN_STRING:
    case GEN_BYTES:
        assert_int_equal(
            (t == GEN_STRING ? value_put_string : value_put_bytes)(
                b, (struct ubytes){(const uint8_t *)text, strlen(text)}),
            0);
        return;
    case GEN_LIST:
        assert_int_equal(type_from_name("u32", &of), 0);
        assert_int_equal(value_put_list(b, len), 0);
        for (uint32_t i = 0; i < len; i++) {
            assert_int_equal(value_put_int(b, &of, gen_below(g, 6)), 0);
        }
        return;
    case GEN_PAIR:
        assert_int_equal(value_put_tuple(b, 2), 0);
        inside_value(g, GEN_U32, b);
        inside_value(g, GEN_I64, b);
        return;
    default:
        assert_int_equal(type_from_name(gen_types[t], &of), 0);
        assert_int_equal(value_put_int(b, &of, n), 0);
    }
}

/* What the unit answers: an error's number, or value bytes in out. */
static inline int inside_run(struct eval *e, uint32_t unit, struct ubytes args,
                             uint32_t n, uint64_t fuel, struct buf *out)
{
    const struct cml_node *u = cml_dag_at(e->dag, unit);
    struct val v[8];
    struct val got;
    struct rd r;
    int code;

    eval_reset(e, fuel);
    rd_init(&r, args);
    for (uint32_t i = 0; i < n; i++) {
        const struct cml_node *b = cml_dag_at(e->dag, cml_item(&u->fields[1], i));

        assert_int_equal(
            eval_read(e, cml_item(&b->fields[0], 0), &r, &v[i]), 0);
    }
    buf_reset(out);
    code = eval_unit(e, unit, v, n, &got);
    if (code == 0) {
        assert_int_equal(eval_put(out, &got), 0);
    }
    return code;
}

#endif
