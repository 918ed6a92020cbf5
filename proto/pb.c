/* Strict protobuf. Runs in every process, in the kernel on bytes of hostile
 * workers. Must never hand such bytes to protobuf-c unseen: its decoder merges
 * repeated sub-messages, keeps unknown fields and takes any varint. So a walk
 * of our own, without allocation or recursion, first demands the canonical
 * shape; what it leaves open (defaults written out, -0.0) the re-encoding
 * decides. Memory of the decoded form is capped: two bytes can ask for a whole
 * struct. */
#include "proto/pb.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/utf8.h"

#define DEPTH_MAX 16 /* of the schemas: 6 (PolicyView, Graph) */
#define ALLOCATION_OVERHEAD 32u

struct level {
    const ProtobufCMessageDescriptor *type;
    size_t end;
    uint32_t last_id;
};

struct walk {
    struct rd rd;
    struct level levels[DEPTH_MAX];
    unsigned depth;
};

/* Shortest form only, at most `max`. */
static uint64_t read_varint(struct rd *rd, uint64_t max)
{
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = rd_u8(rd);
        uint64_t bits = byte & 0x7fu;

        if (shift == 63 && bits > 1) {
            break;
        }
        v |= bits << shift;
        if ((byte & 0x80u) == 0) {
            if ((byte == 0 && shift > 0) || v > max) {
                break;
            }
            return v;
        }
    }
    rd_fail(rd);
    return 0;
}

/* A 32-bit signed number travels sign-extended to 64 bits. */
static int32_t read_int32(struct rd *rd)
{
    uint64_t v = read_varint(rd, UINT64_MAX);

    if (v > INT32_MAX && v < UINT64_C(0xffffffff80000000)) {
        rd_fail(rd);
    }
    return (int32_t)(uint32_t)(v & 0xffffffffu);
}

static int is_packable(ProtobufCType type)
{
    return type != PROTOBUF_C_TYPE_STRING && type != PROTOBUF_C_TYPE_BYTES &&
           type != PROTOBUF_C_TYPE_MESSAGE;
}

static unsigned wire_type_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return PROTOBUF_C_WIRE_TYPE_32BIT;
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return PROTOBUF_C_WIRE_TYPE_64BIT;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_BOOL:
    case PROTOBUF_C_TYPE_ENUM:
    default:
        return PROTOBUF_C_WIRE_TYPE_VARINT;
    }
}

static void check_enum(struct rd *rd, const ProtobufCFieldDescriptor *field)
{
    int value = read_int32(rd);

    if (!rd_is_bad(rd) && protobuf_c_enum_descriptor_get_value(
                              field->descriptor, value) == NULL) {
        rd_fail(rd);
    }
}

/* One number of the field's type. */
static void check_number(struct rd *rd, const ProtobufCFieldDescriptor *field)
{
    switch (wire_type_of(field->type)) {
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        (void)rd_u32(rd);
        return;
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        (void)rd_u64(rd);
        return;
    default:
        break;
    }
    if (field->type == PROTOBUF_C_TYPE_ENUM) {
        check_enum(rd, field);
    } else if (field->type == PROTOBUF_C_TYPE_INT32) {
        (void)read_int32(rd);
    } else if (field->type == PROTOBUF_C_TYPE_BOOL) {
        (void)read_varint(rd, 1);
    } else if (field->type == PROTOBUF_C_TYPE_UINT32 ||
               field->type == PROTOBUF_C_TYPE_SINT32) {
        (void)read_varint(rd, UINT32_MAX);
    } else {
        (void)read_varint(rd, UINT64_MAX);
    }
}

static void check_packed(struct rd *rd, const ProtobufCFieldDescriptor *field)
{
    size_t n = (size_t)read_varint(rd, UINT32_MAX);
    struct rd inner;

    rd_init(&inner, rd_take(rd, n));
    while (rd_left(&inner) > 0) {
        check_number(&inner, field);
    }
    if (rd_is_bad(&inner)) {
        rd_fail(rd);
    }
}

/* String, bytes or sub-message; the last is entered, not crossed. */
static void check_prefixed(struct walk *w,
                           const ProtobufCFieldDescriptor *field)
{
    size_t n = (size_t)read_varint(&w->rd, UINT32_MAX);
    struct ubytes s;

    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        const struct level *outer = &w->levels[w->depth - 1];

        if (rd_is_bad(&w->rd) || n > outer->end - rd_off(&w->rd) ||
            w->depth == DEPTH_MAX) {
            rd_fail(&w->rd);
            return;
        }
        w->levels[w->depth] = (struct level){.type = field->descriptor,
                                             .end = rd_off(&w->rd) + n};
        w->depth++;
        return;
    }
    s = rd_take(&w->rd, n);
    if (field->type == PROTOBUF_C_TYPE_STRING && s.n > 0 &&
        (memchr(s.p, 0, s.n) != NULL || !utf8_is_valid(s))) {
        rd_fail(&w->rd);
    }
}

/* One field: known, in ascending order, once unless repeated. */
static void check_field(struct walk *w)
{
    struct level *level = &w->levels[w->depth - 1];
    uint32_t tag = (uint32_t)read_varint(&w->rd, UINT32_MAX);
    uint32_t id = tag >> 3;
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field(level->type, id);
    int packed;
    unsigned wire_type;

    if (rd_is_bad(&w->rd) || field == NULL || id < level->last_id) {
        rd_fail(&w->rd);
        return;
    }
    packed = field->label == PROTOBUF_C_LABEL_REPEATED &&
             is_packable(field->type) &&
             (field->flags & (uint32_t)PROTOBUF_C_FIELD_FLAG_PACKED) != 0;
    wire_type = packed ? (unsigned)PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED
                       : wire_type_of(field->type);
    if ((tag & 7u) != wire_type ||
        (id == level->last_id &&
         (packed || field->label != PROTOBUF_C_LABEL_REPEATED))) {
        rd_fail(&w->rd);
        return;
    }
    level->last_id = id;
    if (packed) {
        check_packed(&w->rd, field);
    } else if (is_packable(field->type)) {
        check_number(&w->rd, field);
    } else {
        check_prefixed(w, field);
    }
    if (rd_off(&w->rd) > level->end) {
        rd_fail(&w->rd); /* ran out of its message */
    }
}

static int check_shape(const ProtobufCMessageDescriptor *d, struct ubytes in)
{
    struct walk w = {.depth = 1};

    rd_init(&w.rd, in);
    w.levels[0] = (struct level){.type = d, .end = in.n};
    while (w.depth > 0 && !rd_is_bad(&w.rd)) {
        if (rd_off(&w.rd) == w.levels[w.depth - 1].end) {
            w.depth--;
        } else {
            check_field(&w);
        }
    }
    return rd_end(&w.rd);
}

struct budget {
    size_t left;
    int code; /* 0, or why an allocation failed */
};

static void *budget_alloc(void *ctx, size_t n)
{
    struct budget *b = ctx;
    void *p;

    if (n > b->left || b->left - n < ALLOCATION_OVERHEAD) {
        b->code = ERR_LIMIT;
        return NULL;
    }
    p = malloc(n > 0 ? n : 1);
    if (p == NULL) {
        b->code = ERR_NOMEM;
        return NULL;
    }
    b->left -= n + ALLOCATION_OVERHEAD;
    return p;
}

/* Only what was allocated by malloc comes here, so that pb_free needs no
 * budget. Nothing is paid back: the cap is on the sum. */
static void budget_free(void *ctx, void *p)
{
    (void)ctx;
    free(p);
}

static int check_same(const ProtobufCMessage *m, struct ubytes in)
{
    uint8_t *again;
    int code = 0;

    if (protobuf_c_message_get_packed_size(m) != in.n) {
        return ERR_ENCODING;
    }
    if (in.n == 0) {
        return 0;
    }
    again = malloc(in.n);
    if (again == NULL) {
        return ERR_NOMEM;
    }
    if (protobuf_c_message_pack(m, again) != in.n ||
        memcmp(again, in.p, in.n) != 0) {
        code = ERR_ENCODING;
    }
    free(again);
    return code;
}

int pb_decode(const ProtobufCMessageDescriptor *d, struct ubytes in,
              size_t max_bytes, ProtobufCMessage **out)
{
    static const uint8_t none;
    struct budget budget = {.left = LIMIT_DECODED_BYTES};
    ProtobufCAllocator allocator = {
        .alloc = budget_alloc, .free = budget_free, .allocator_data = &budget};
    CLEANUP(pb_freep) ProtobufCMessage *m = NULL;

    *out = NULL;
    if (in.n > max_bytes || in.n > INT32_MAX) {
        return ERR_TRACE(ERR_LIMIT);
    }
    TRY(check_shape(d, in));
    m = protobuf_c_message_unpack(d, &allocator, in.n, in.n > 0 ? in.p : &none);
    if (m == NULL) {
        return ERR_TRACE(budget.code < 0 ? budget.code : ERR_ENCODING);
    }
    TRY(check_same(m, in));
    *out = m;
    m = NULL;
    return 0;
}

int pb_encode(const ProtobufCMessage *m, struct buf *out)
{
    size_t n = protobuf_c_message_get_packed_size(m);
    uint8_t *at;

    if (n == 0) {
        return 0;
    }
    TRY(buf_extend(out, n, &at));
    ASSERT(protobuf_c_message_pack(m, at) == n);
    return 0;
}

void pb_free(ProtobufCMessage *m)
{
    if (m != NULL) {
        protobuf_c_message_free_unpacked(m, NULL);
    }
}

void pb_freep(void *pm)
{
    ProtobufCMessage **m = pm;

    pb_free(*m);
    *m = NULL;
}
