/* CML's artifacts (M1): immutable nodes in a Merkle DAG, and nothing else. No
 * time, author, path or version of a tool can get in here.
 *
 *   node  = "CML1" str(FQN) u8 fields value*       fields as in cml.def
 *   value = 00 absent | 01 false | 02 true | 03 code integer | 04 width float |
 *           05 u32 n, UTF-8 NFC | 06 u32 n, bytes | 07 CID | 08 u32 n, value*
 *   CID(node) = BLAKE3-256(node)
 * (scalars as in value.h). A `cml_dag` holds each node once, children before
 * parents, so equal sub-trees have one id and a cycle cannot be made.
 *
 *   bundle = "CMLB" u32 n, n * (u32 length, node)
 * the nodes that the last one reaches, by height, then by CID: one byte form
 * per artifact. Source: spec cml sections 2, 7 to 9. */
#ifndef PROTO_CML_H
#define PROTO_CML_H

#include "proto/arena.h"
#include "proto/buf.h"
#include "proto/cid.h"
#include "proto/diag.h"

enum cml_kind {
#define KIND(name, ...) CML_##name,
#include "proto/cml.def"
    CML_KINDS
};

#define CML_K(kind) (1u << (kind))
#define CML_TYPES                                                              \
    (CML_K(CML_PRIMITIVE_TYPE) | CML_K(CML_COMPOSITE_TYPE) |                   \
     CML_K(CML_ARRAY_TYPE) | CML_K(CML_FUNCTION_TYPE) |                        \
     CML_K(CML_REFERENCE_TYPE))
#define CML_EXPRESSIONS                                                        \
    (CML_K(CML_LITERAL) | CML_K(CML_VAR) | CML_K(CML_CALL) |                   \
     CML_K(CML_BINOP) | CML_K(CML_MATCH) | CML_K(CML_LOOP) |                   \
     CML_K(CML_REFERENCE))

enum cml_shape {
    CML_WORD,
    CML_WORDS,
    CML_NODE,
    CML_OPT,
    CML_NODES,
    CML_INDEX,
    CML_SCALAR
};

struct cml_field {
    const char *name;
    enum cml_shape shape;
    uint32_t kinds; /* bit set of CML_K */
};

#define CML_INDEX_CODE 0x84 /* unsigned, four bytes */
#define CML_FIELDS_MAX 4
struct cml_kind_info {
    const char *fqn; /* "cml.Unit" */
    unsigned fields_n;
    struct cml_field fields[CML_FIELDS_MAX];
};

const struct cml_kind_info *cml_kind_info(enum cml_kind kind);
/* By FQN ("cml.Unit") or its last part ("Unit"); CML_KINDS when there is none. */
enum cml_kind cml_kind_from_name(struct ubytes name);

enum cml_tag {
    CML_ABSENT = 0x00,
    CML_FALSE = 0x01,
    CML_TRUE = 0x02,
    CML_INT = 0x03,
    CML_FLOAT = 0x04,
    CML_STRING = 0x05,
    CML_BYTES = 0x06,
    CML_CHILD = 0x07,
    CML_LIST = 0x08
};

/* One field. code: of an integer (width, +80h if unsigned) or width of a float. In
 * a Leaf, CML_CHILD is a CID as such: u.text, 32 bytes. */
struct cml_value {
    enum cml_tag tag;
    uint8_t code;
    union {
        uint64_t bits;      /* CML_INT sign-extended, CML_FLOAT */
        struct ubytes text; /* CML_STRING, CML_BYTES, a Leaf's CID */
        uint32_t node;      /* CML_CHILD: id in the dag */
        struct {
            const struct cml_value *p;
            uint32_t n;
        } list; /* CML_LIST */
    } u;
};

struct cml_node {
    enum cml_kind kind;
    uint8_t word; /* BinOp: enum cml_op, PrimitiveType: enum cml_primitive */
    uint32_t height; /* 1 = no children */
    struct cid cid;
    struct ubytes bytes;            /* canonical; owned by the dag */
    const struct cml_value *fields; /* fields_n of its kind; owned by the dag */
};

struct cml_dag {
    struct arena arena_;
    struct cml_node *nodes_; /* owned */
    uint32_t n_;
    uint32_t cap_;
    uint32_t *slots_; /* owned; hash table of ids + 1 by CID */
    uint32_t slots_n_;
    uint32_t *recent_; /* owned, slots_n_; ids + 1 by a hash of the fields, the last
                        * one of each: what comes again is not encoded again */
};

#define CML_COMPOSITE_MAX 16 /* fields; as tuples of type.h */

void cml_dag_init(struct cml_dag *d);
void cml_dag_release(struct cml_dag *d);
uint32_t cml_dag_n(const struct cml_dag *d);
/* Borrowed until the dag is released; moves when nodes are added. */
const struct cml_node *cml_dag_at(const struct cml_dag *d, uint32_t id);
/* 0 or ERR_NOT_FOUND. */
int cml_dag_find(const struct cml_dag *d, const struct cid *c, uint32_t *out_id)
    MUST_USE;

/* Adds a node, or finds the one that is equal. fields: as many as the kind has;
 * children are ids of this dag; texts and lists are copied. Strings must be NFC;
 * floats get the one NaN. 0, ERR_NOMEM, ERR_LIMIT, ERR_INPUT (shape, kind of a
 * child, text): diag says which field. */
int cml_add(struct cml_dag *d, enum cml_kind kind,
            const struct cml_value *fields, uint32_t *out_id,
            struct diag *diag) MUST_USE;
/* A node from canonical bytes; its children must be in the dag. 0,
 * ERR_ENCODING (not canonical), ERR_NOT_FOUND (a child), ERR_NOMEM,
 * ERR_LIMIT. */
int cml_decode(struct cml_dag *d, struct ubytes bytes, uint32_t *out_id,
               struct diag *diag) MUST_USE;

/* Writes the bundle of root. 0, ERR_NOMEM, ERR_LIMIT. */
int cml_bundle_put(const struct cml_dag *d, uint32_t root, struct buf *out)
    MUST_USE;
/* Reads one into d, which may hold others. 0, ERR_ENCODING, ERR_NOT_FOUND,
 * ERR_LIMIT, ERR_NOMEM. */
int cml_bundle_read(struct cml_dag *d, struct ubytes in, uint32_t *out_root,
                    struct diag *diag) MUST_USE;

/* Values of fields. */
struct cml_value cml_absent(void);
struct cml_value cml_word(const char *text);
struct cml_value cml_text(struct ubytes utf8);
struct cml_value cml_child(uint32_t id);
struct cml_value cml_index(uint32_t i);
struct cml_value cml_list(const struct cml_value *p, uint32_t n);
/* The same word, scalar or absence; of a Leaf's CID its bytes. Not for children and
 * lists. */
int cml_scalar_is_same(const struct cml_value *a, const struct cml_value *b);
/* Is this string field the word? */
int cml_is_word(const struct cml_value *v, const char *word);
/* Child `i` of a NODES field, the child of a NODE field. */
uint32_t cml_item(const struct cml_value *v, uint32_t i);

/* Primitive types. */
enum cml_primitive {
#define PRIMITIVE(name, text, short_text, tag, code) CML_PRIMITIVE_##name,
#include "proto/cml_primitive.def"
    CML_PRIMITIVES
};
struct cml_primitive_info {
    const char *name;       /* "Int32" */
    const char *short_name; /* "i32" */
    uint8_t tag;            /* as enum cml_tag; 0 = no values */
    uint8_t code;
};
const struct cml_primitive_info *cml_primitive_info(enum cml_primitive p);
/* By canonical name, alias or short name; CML_PRIMITIVES when there is none. */
enum cml_primitive cml_primitive_from_name(struct ubytes name);

/* Operators. */
enum cml_op {
#define OP(name, text, strength, what) CML_OP_##name,
#include "proto/cml_op.def"
    CML_OPS
};
struct cml_op_info {
    const char *name; /* "ADD" */
    const char *text; /* "+" */
    unsigned strength;
};
const struct cml_op_info *cml_op_info(enum cml_op op);
/* By name, text form or alias (MULTIPLY); CML_OPS when there is none. */
enum cml_op cml_op_from_name(struct ubytes name);

#endif
