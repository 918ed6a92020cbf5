/* Types: an accepted type re-encodes to the bytes that it came from, and all
 * that walks types ends where it should. */
#include "fuzz.h"

#include "proto/type.h"

/* Builds the type at off anew from its parts. */
static struct type rebuild(const struct type *t)
{
    struct type parts[TYPE_TUPLE_MAX];
    struct type out = *t;
    size_t off = 2;

    if (type_tag_at(t, 0) == TYPE_LIST) {
        parts[0] = type_sub(t, 1);
        return type_list_of(&parts[0]);
    }
    if (type_tag_at(t, 0) == TYPE_TUPLE) {
        for (unsigned i = 0; i < t->b[1]; i++) {
            parts[i] = type_sub(t, off);
            off = type_skip(t, off);
        }
        REQUIRE(off == t->n);
        REQUIRE(type_tuple_of(parts, t->b[1], &out) == 0);
    }
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ubytes in = {data, size};
    struct type t;
    struct type again;
    char text[40];

    if (type_decode(in, &t) < 0) {
        return 0;
    }
    REQUIRE(same_bytes(in, (struct ubytes){t.b, t.n}));
    REQUIRE(type_skip(&t, 0) == t.n);
    again = rebuild(&t);
    REQUIRE(type_is_equal(&t, &again));
    type_text(&t, text, sizeof(text));
    REQUIRE(strnlen(text, sizeof(text)) < sizeof(text));
    if (type_tag_at(&t, 0) != TYPE_LIST && type_tag_at(&t, 0) != TYPE_TUPLE) {
        REQUIRE(type_from_name(text, &again) == 0);
        REQUIRE(type_is_equal(&t, &again));
    }
    return 0;
}
