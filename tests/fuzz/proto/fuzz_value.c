/* Values: type bytes with their length first, then a value. An accepted value
 * written again node by node gives the same bytes; its JSON is one clean line;
 * as a list of values it survives. */
#include "fuzz.h"

#include "proto/utf8.h"
#include "proto/value.h"

static int put_float(struct buf *out, struct rd *r, uint8_t width)
{
    if (width == 4) {
        uint32_t bits = rd_u32(r);
        float v;

        memcpy(&v, &bits, sizeof(v));
        return value_put_f32(out, v);
    } else {
        uint64_t bits = rd_u64(r);
        double v;

        memcpy(&v, &bits, sizeof(v));
        return value_put_f64(out, v);
    }
}

static int put_int(struct buf *out, struct rd *r, uint8_t code)
{
    struct type t = {.n = 2, .b = {TYPE_INT, code}};
    struct ubytes in = rd_take(r, code & 0x7fu);
    uint64_t bits = 0;

    for (size_t i = 0; i < in.n; i++) {
        bits = bits << 8 | in.p[i];
    }
    return value_put_int(out, &t, bits);
}

static int put_node(struct buf *out, struct rd *r)
{
    uint8_t tag = rd_u8(r);

    switch (tag) {
    case VALUE_FALSE:
    case VALUE_TRUE:
        return value_put_bool(out, tag == VALUE_TRUE);
    case TYPE_INT:
        return put_int(out, r, rd_u8(r));
    case TYPE_FLOAT:
        return put_float(out, r, rd_u8(r));
    case TYPE_STRING:
        return value_put_string(out, rd_bytes32(r));
    case TYPE_BYTES:
        return value_put_bytes(out, rd_bytes32(r));
    case TYPE_LIST:
        return value_put_list(out, rd_u32(r));
    default:
        REQUIRE(tag == TYPE_TUPLE);
        return value_put_tuple(out, rd_u32(r));
    }
}

static void check_json(struct ubytes v, const struct type *t)
{
    struct buf out;
    struct ubytes text;

    buf_init(&out, 16u << 20);
    REQUIRE(value_put_json(&out, v, t) == 0);
    text = buf_bytes(&out);
    REQUIRE(text.n > 0 && utf8_is_valid(text));
    for (size_t i = 0; i < text.n; i++) {
        REQUIRE(text.p[i] >= 0x20 && text.p[i] != 0x7f);
    }
    buf_release(&out);
}

static void check_list(struct ubytes v, const struct type *t)
{
    struct values_builder w;
    struct values many;

    values_init(&many);
    REQUIRE(values_builder_init(&w, 4u << 20) == 0);
    REQUIRE(values_builder_add(&w, v) == 0);
    REQUIRE(values_builder_add(&w, v) == 0);
    REQUIRE(values_decode(&many, values_builder_bytes(&w), t, 2) == 0);
    REQUIRE(same_bytes(values_at(&many, 1), v));
    values_release(&many);
    values_builder_release(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct values many;
    struct ubytes v;
    struct type t;
    struct buf out;
    struct rd r;
    struct rd nodes;
    size_t type_n;
    size_t used;

    rd_init(&r, (struct ubytes){data, size});
    type_n = rd_u8(&r);
    if (type_decode(rd_take(&r, type_n), &t) < 0) {
        return 0;
    }
    v = rd_take(&r, rd_left(&r));
    values_init(&many);
    if (values_decode(&many, v, &t, 1000) == 0) {
        REQUIRE(values_n(&many) <= 1000);
    }
    values_release(&many);
    if (value_check(v, &t, &used) < 0) {
        return 0;
    }
    REQUIRE(used <= v.n);
    v.n = used;
    buf_init(&out, size);
    rd_init(&nodes, v);
    while (rd_left(&nodes) > 0) {
        REQUIRE(put_node(&out, &nodes) == 0);
    }
    REQUIRE(same_bytes(buf_bytes(&out), v));
    buf_release(&out);
    (void)value_has_nonfinite(v);
    check_json(v, &t);
    check_list(v, &t);
    return 0;
}
