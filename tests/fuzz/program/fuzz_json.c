/* json.c: whatever is accepted is a canonical value of the type, is finite, and
 * what value_put_json writes for it reads back to the same bytes. First byte of
 * the input: which type. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/value.h"
#include "workers/lib/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(int truth)
{
    if (!truth) {
        abort();
    }
}

static struct type type_number(unsigned i)
{
    static const char *const names[] = {"bool", "u8",  "u64",    "i8",   "i64",
                                        "f32",  "f64", "string", "bytes"};
    struct type t, parts[3];

    demand(type_from_name(names[i % ARRAY_N(names)], &t) == 0);
    i /= ARRAY_N(names);
    parts[0] = t;
    parts[1] = type_list_of(&t);
    parts[2] = type_list_of(&parts[1]);
    switch (i % 4) {
    case 0:
        return t;
    case 1:
        return parts[1];
    case 2:
        demand(type_tuple_of(parts, 3, &t) == 0);
        return t;
    default:
        demand(type_tuple_of(parts, 3, &t) == 0);
        return type_list_of(&t);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf v, text, back;
    struct json_error e;
    struct type t;

    if (size == 0 || memchr(data + 1, '\n', size - 1) != NULL) {
        return 0;
    }
    t = type_number(data[0]);
    buf_init(&v, 1 << 20);
    buf_init(&text, 1 << 24);
    buf_init(&back, 1 << 20);
    if (json_read((struct ubytes){data + 1, size - 1}, &t, &v, &e) == 0) {
        demand(value_check_exact(buf_bytes(&v), &t) == 0);
        demand(!value_has_nonfinite(buf_bytes(&v)));
        demand(value_put_json(&text, buf_bytes(&v), &t) == 0);
        demand(json_read(buf_bytes(&text), &t, &back, &e) == 0);
        demand(buf_len(&v) == buf_len(&back));
        demand(memcmp(buf_bytes(&v).p, buf_bytes(&back).p, buf_len(&v)) == 0);
    }
    buf_release(&v);
    buf_release(&text);
    buf_release(&back);
    return 0;
}
