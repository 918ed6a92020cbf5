/* Shared by the files of the interpreter. Everything here returns 0, EVAL_E_*, or
 * a negative ERR_*. */
#ifndef WORKERS_CML_EVAL_INT_H
#define WORKERS_CML_EVAL_INT_H

#include "proto/type.h"
#include "workers/cml/core.h"
#include "workers/cml/eval.h"

#define EVAL_ENV_MAX 65536

/* Leaves the function with what is not 0. */
#define EVAL_TRY(call)                                                         \
    do {                                                                       \
        int eval_try_ = (call);                                                \
        if (eval_try_ != 0) {                                                  \
            return eval_try_;                                                  \
        }                                                                      \
    } while (0)

int eval_spend(struct eval *e, uint64_t fuel) MUST_USE;

struct val val_void(void);
struct val val_bool(int v);
struct val val_int(uint8_t code, uint64_t bits); /* wraps to the width */
struct val val_f32(float v);
struct val val_f64(double v);
double val_as_f64(const struct val *v); /* VAL_FLOAT of 8 bytes */
float val_as_f32(const struct val *v);
unsigned val_width(const struct val *v); /* bits of an integer */
int val_is_signed(const struct val *v);
/* Equality and order of values of one type; NaN: unordered. */
enum val_order { VAL_LESS = -1, VAL_SAME = 0, VAL_MORE = 1, VAL_UNORDERED = 2 };
enum val_order val_compare(const struct val *a, const struct val *b);
/* The same, paid for: each pair of sequences that is come to, those inside too, is
 * its shorter length, before it is looked at. */
int eval_compare(struct eval *e, const struct val *a, const struct val *b,
                 enum val_order *out) MUST_USE;
/* Spends `times` the lengths of the sequences in v, those inside too. */
int eval_spend_inside(struct eval *e, const struct val *v, uint64_t times)
    MUST_USE;
/* Sequences: memory for n, charged; EVAL_E_SIZE. */
int val_new_bytes(struct eval *e, uint32_t kind, uint64_t n, uint8_t **out_p,
                  struct val *out) MUST_USE;
int val_new_array(struct eval *e, uint64_t n, struct val **out_items,
                  struct val *out) MUST_USE;
struct ubytes val_bytes(const struct val *v);
uint64_t val_length(const struct val *v); /* of a sequence, as it is charged */

/* What a Literal holds: a Leaf, or a Unit as a value. */
struct val eval_literal(const struct cml_dag *dag, uint32_t leaf);
int eval_op(struct eval *e, enum cml_op op, const struct val *l,
            const struct val *r, struct val *out) MUST_USE;
int eval_convert(const struct val *v, enum cml_primitive to, struct val *out)
    MUST_USE;
int eval_core(struct eval *e, enum core core, const struct val *args, uint32_t n,
              struct val *out) MUST_USE;
/* Calls a function value. */
int eval_apply(struct eval *e, const struct val *f, const struct val *args,
               uint32_t n, struct val *out) MUST_USE;

/* Parts of the core, by what they work on; each gives CORE_NOT_HERE for others. */
#define CORE_NOT_HERE 1000
int core_number(enum core core, const struct val *args, struct val *out);
int core_array(struct eval *e, enum core core, const struct val *args,
               struct val *out);
int core_text(struct eval *e, enum core core, const struct val *args,
              struct val *out);

/* Memory of loops: what was made since the mark and is not in keep is freed when
 * it has grown. */
struct eval_mark {
    struct arena_mark mark;
    size_t total;
};
struct eval_mark eval_mark(const struct eval *e);
int eval_tidy(struct eval *e, const struct eval_mark *m, struct val *keep,
              uint32_t n) MUST_USE;

#endif
