/* Sample values. A type and its value are both written head first, so one walk
 * over the type's bytes makes the value without a stack. Kernel process. */
#include "kernel/run/sample.h"

#include "proto/err.h"

static int sample_list(const struct type *t, unsigned variant, size_t *at,
                       struct buf *out)
{
    if (variant == 0) {
        *at = type_skip(t, *at);
        return value_put_list(out, 0);
    }
    *at += 1; /* its one element follows */
    return value_put_list(out, 1);
}

static int sample_float(const struct type *t, size_t at, unsigned variant,
                        struct buf *out)
{
    return t->b[at + 1] == 4 ? value_put_f32(out, (float)variant)
                             : value_put_f64(out, (double)variant);
}

int sample_value(const struct type *t, unsigned variant, struct buf *out)
{
    static const uint8_t text[] = {'a', 'b'};
    struct ubytes some = {text, variant};
    size_t at = 0;

    ASSERT(variant < SAMPLE_VARIANTS);
    while (at < t->n) {
        struct type one = type_sub(t, at);

        switch (type_tag_at(t, at)) {
        case TYPE_BOOL:
            TRY(value_put_bool(out, variant == 1));
            break;
        case TYPE_INT:
            TRY(value_put_int(out, &one, variant));
            break;
        case TYPE_FLOAT:
            TRY(sample_float(t, at, variant, out));
            break;
        case TYPE_STRING:
            TRY(value_put_string(out, some));
            break;
        case TYPE_BYTES:
            TRY(value_put_bytes(out, some));
            break;
        case TYPE_LIST:
            TRY(sample_list(t, variant, &at, out));
            continue;
        case TYPE_TUPLE:
            TRY(value_put_tuple(out, t->b[at + 1]));
            at += 2;
            continue;
        }
        at = type_skip(t, at);
    }
    return 0;
}
