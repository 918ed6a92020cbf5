/* Shared by the files of the enumerator. Values are 64-bit words: a bool 0 or 1, an
 * integer as in a val, a string or list its place in the pool, where equal ones are
 * held once. So terms of every sort are compared alike. */
#ifndef WORKERS_CML_SYNTH_INT_H
#define WORKERS_CML_SYNTH_INT_H

#include "proto/arena.h"
#include "proto/diag.h"
#include "proto/value.h"
#include "workers/cml/synth.h"
#include "workers/cml/synth_op.h"

#define SYNTH_SEQUENCE_MAX 4096u /* bytes or elements of a value in the search */
#define SYNTH_ACTIVE_MAX 60u     /* examples that the search looks at, at once */
#define SYNTH_PROBES 4u          /* fresh inputs beside them: 64 with those */
#define SYNTH_COLUMNS_MAX (SYNTH_ACTIVE_MAX + SYNTH_PROBES)
#define SYNTH_NO_VALUE (UINT64_MAX - 1) /* of a pool that is full, or too long */

/* Strings and lists of i64, each once. */
struct pool_item {
    const uint8_t *p; /* of a list: int64_t, aligned */
    uint32_t n;       /* bytes; of a list elements */
    uint32_t points;  /* code points */
    uint32_t is_list;
    uint32_t hash;
};

struct pool {
    struct arena arena;
    struct pool_item *items; /* owned */
    uint32_t n;
    uint32_t cap;
    uint32_t *slots; /* owned */
    uint32_t slots_n;
};

int pool_init(struct pool *p) MUST_USE;
void pool_release(struct pool *p);
/* Place of a value, SYNTH_NO_VALUE when it is too long or memory is at its end. */
uint64_t pool_text(struct pool *p, const uint8_t *s, size_t n);
uint64_t pool_list(struct pool *p, const int64_t *v, size_t n);
static inline const struct pool_item *pool_at(const struct pool *p, uint64_t v)
{
    return &p->items[v];
}

/* What a sort holds: its letter in signatures, with the code of an integer. */
struct shape_of {
    char letter; /* w b s l */
    uint8_t code;
};

enum rule_kind { RULE_PARAMETER, RULE_CONSTANT, RULE_OPERATOR, RULE_OWN };

struct rule_node {
    enum { NODE_ARGUMENT, NODE_CONSTANT, NODE_OPERATOR } kind;
    enum synth_op op;
    struct shape_of shape; /* of its value */
    uint8_t code;          /* of the operator's w */
    uint8_t args[SYNTH_ARGS_MAX];
    uint64_t value;
    struct ubytes bytes; /* of a constant; borrowed from the task */
};

struct rule {
    enum rule_kind kind;
    uint8_t sort;
    uint8_t args_n;
    uint8_t args[SYNTH_ARGS_MAX]; /* sorts */
    uint8_t is_symmetric;
    uint8_t code; /* of the operator's w */
    enum synth_op op;
    uint32_t parameter;
    uint64_t value;      /* constant */
    struct ubytes bytes; /* of it, borrowed from the task or the arena */
    struct rule_node *nodes;
    uint32_t nodes_n;
};

struct sort {
    struct type type;
    struct shape_of shape;
    uint32_t first; /* of its rules */
    uint32_t n;
};

struct problem {
    const Proctor__SynthTask *task;
    struct arena arena;
    struct pool pool;
    struct type takes;
    struct type gives;
    struct shape_of shapes[TYPE_TUPLE_MAX]; /* of parameters */
    struct type types[TYPE_TUPLE_MAX];
    uint32_t params_n;
    struct values inputs;
    struct values outputs;
    uint32_t examples_n;
    uint64_t *params; /* params_n rows of examples_n */
    uint64_t *wanted; /* examples_n */
    struct sort sorts[SYNTH_SORTS_MAX];
    uint32_t sorts_n;
    struct rule rules[SYNTH_RULES_MAX];
    uint32_t rules_n;
    uint64_t budget;
    uint32_t max_size;
};

/* In any case problem_release follows. 0, ERR_INPUT, ERR_LIMIT, ERR_NOMEM. */
int problem_init(struct problem *p, const Proctor__SynthTask *task,
                 struct diag *d) MUST_USE;
void problem_release(struct problem *p);
/* The default grammar of that name. ERR_INPUT. */
int grammar_default(struct problem *p, const char *name, struct diag *d)
    MUST_USE;
int problem_sort(struct problem *p, const struct type *t, uint32_t *out,
                 struct diag *d) MUST_USE;
/* Adds a rule to the sort that was made last. */
int problem_rule(struct problem *p, struct rule *r, struct diag *d) MUST_USE;
/* A value of this type, from the front of in; *out_used may be NULL. ERR_ENCODING,
 * ERR_LIMIT. */
int problem_value(struct problem *p, const struct type *t, struct ubytes in,
                  uint64_t *out, size_t *out_used) MUST_USE;
int problem_put(const struct problem *p, const struct type *t, uint64_t v,
                struct buf *out) MUST_USE;
/* Which letter is this type? 0 letter: none. */
struct shape_of problem_shape(const struct type *t);
/* Does the signature fit: arguments, and then the value at args[n]; *out_code is
 * that of w. */
int synth_fits(enum synth_op op, const struct shape_of *args, uint32_t n,
               uint8_t *out_code);

/* w columns of an operator or a rule; code: of the operator's w. Columns may hold
 * SYNTH_NO_VALUE, then 1 is given and the term is not worth keeping. */
int synth_columns(struct problem *p, enum synth_op op, uint8_t code,
                  const uint64_t *const *args, uint32_t w, uint64_t *out);
int synth_rule_columns(struct problem *p, const struct rule *r,
                       const uint64_t *const *args, uint32_t w, uint64_t *out);
/* Of a rule's own function: node `last` of it. Arguments that it does not reach
 * may be NULL. */
int synth_own_columns(struct problem *p, const struct rule *r, uint32_t last,
                      const uint64_t *const *args, uint32_t w, uint64_t *out);
uint64_t synth_text_value(struct problem *p, enum synth_op op,
                          const uint64_t *a);
uint64_t synth_list_value(struct problem *p, enum synth_op op,
                          const uint64_t *a);
/* Byte at which code point k begins, at most n. */
uint32_t synth_offset(const struct pool_item *s, uint64_t k);

/* A program. Depth is bounded by SYNTH_SIZE_MAX. */
struct tree {
    const struct rule *rule;
    struct tree *kids[SYNTH_ARGS_MAX];
    uint32_t size;
};

struct tree *tree_new(struct arena *a, const struct rule *r,
                      struct tree *const *kids);
/* Its values over rows of parameters (params_n rows of stride). ERR_NOMEM. */
int tree_columns(struct problem *p, const struct tree *t, const uint64_t *params,
                 uint32_t stride, uint32_t w, uint64_t *out) MUST_USE;
double tree_bits(const struct problem *p, const struct tree *t);
/* Writes it as text, after the units that it calls. ERR_NOMEM, ERR_LIMIT. */
int tree_put(const struct problem *p, const struct tree *t, const char *name,
             struct buf *out)
    MUST_USE;

/* Terms by size and sort, one of each that behave alike. */
struct term_of {
    uint16_t rule;
    uint8_t sort;
    uint8_t size;
    uint32_t args[SYNTH_ARGS_MAX];
};

/* Sets of examples, each with the smallest term that makes it. */
struct mask_of {
    uint64_t mask;
    uint32_t term;
    uint16_t choice;   /* of a test: which choice */
    uint8_t is_turned; /* of a test: it holds for the others */
    uint8_t size;
};
struct masks {
    struct mask_of *v; /* owned; in the order found: sizes ascend */
    uint32_t n;
    uint32_t cap;
    uint32_t *slots; /* owned */
    uint32_t slots_n;
};

/* The first of a mask stays. ERR_NOMEM. */
int masks_add(struct masks *m, const struct mask_of *e) MUST_USE;
void masks_release(struct masks *m);

/* A rule that chooses between two values of the result's sort. */
struct choice {
    uint32_t rule;
    uint8_t test; /* arguments */
    uint8_t then_arg;
    uint8_t else_arg;
    uint32_t node; /* of RULE_OWN: the node that is tested */
};
#define SYNTH_CHOICES_MAX 8

struct bank {
    struct problem *p;
    uint32_t active[SYNTH_ACTIVE_MAX]; /* examples */
    uint32_t n;                        /* of them */
    uint32_t w;                        /* columns: active, then probes */
    uint64_t full;                     /* the mask of all active */
    uint64_t *params;                  /* owned; params_n rows of w */
    uint64_t wanted[SYNTH_ACTIVE_MAX];
    struct term_of *terms; /* owned */
    uint64_t *columns;     /* owned; w each */
    uint64_t *covers;      /* owned; of each: the examples that it has right */
    uint32_t terms_n;
    uint32_t cap;
    uint32_t most; /* terms that memory is there for */
    uint64_t *slots; /* owned */
    uint32_t slots_n;
    uint32_t level; /* sizes up to here are complete */
    uint32_t first[SYNTH_SORTS_MAX][SYNTH_SIZE_MAX + 2];
    uint32_t last[SYNTH_SORTS_MAX][SYNTH_SIZE_MAX + 2];
    struct masks leaves; /* of terms of the result's sort */
    struct masks tests;  /* with example 0 not in them */
    struct choice choices[SYNTH_CHOICES_MAX];
    uint32_t choices_n;
    uint64_t covered;     /* by any term */
    uint64_t evaluations; /* terms times columns */
    uint64_t candidates;
    uint64_t next_rest; /* candidates at which rest is called */
    uint32_t whole;     /* a term with every example right, or UINT32_MAX */
    int is_thorough;    /* when one is whole, others of its size are wanted too */
    /* Not 0: enumeration ends with that. May set next_rest. */
    int (*rest)(void *ctx);
    void *ctx;
};

/* How enumeration ended. */
enum { BANK_WHOLE = 1, BANK_STOP = 2, BANK_ALL = 3, BANK_FULL = 4 };

/* probes: params_n rows of probes_n. ERR_NOMEM; in any case bank_release follows. */
int bank_init(struct bank *b, struct problem *p, const uint32_t *active,
              uint32_t n, const uint64_t *probes, uint32_t probes_n) MUST_USE;
void bank_release(struct bank *b);
/* Terms by size, until one is whole (the smallest there is), rest says stop, there
 * are no more of max_size (or at all), or memory is full. ERR_NOMEM. */
int bank_fill(struct bank *b, uint32_t max_size) MUST_USE;
static inline const uint64_t *bank_columns(const struct bank *b, uint32_t term)
{
    return &b->columns[(size_t)term * b->w];
}
/* A term of this sort with these values for the active examples, the smallest one
 * that is near in the table; UINT32_MAX: none. */
uint32_t bank_find(const struct bank *b, uint32_t sort, const uint64_t *v);
/* Columns (the first 64) on which a term, as what this choice tests, holds. */
uint64_t bank_test(const struct bank *b, uint32_t choice, const uint64_t *v);
struct tree *bank_tree(const struct bank *b, struct arena *a, uint32_t term);

/* A program of terms: one, or a choice of two. */
struct plan {
    enum { PLAN_TERM, PLAN_TREE, PLAN_CHOICE } kind;
    uint32_t term; /* PLAN_CHOICE: what is tested */
    uint32_t choice;
    int is_turned;
    uint32_t size;
    uint64_t set;      /* examples that come here */
    struct tree *tree; /* PLAN_TREE, and its columns in the bank's order */
    const uint64_t *columns;
    struct plan *yes;
    struct plan *no;
};

/* The smallest plan that is found of the bank's terms for all active examples;
 * *out NULL: none. Plans are in a. ERR_NOMEM. */
int unify(struct bank *b, struct arena *a, struct plan **out) MUST_USE;
struct tree *plan_tree(const struct bank *b, struct arena *a,
                       const struct plan *plan);
/* Of a program that is no plan of terms. ERR_NOMEM: NULL. */
struct plan *plan_of_tree(struct bank *b, struct arena *a, struct tree *tree);
/* Other plans: one term replaced by another that is no larger and has the same
 * examples right. How many of them differ on a probe (cut at 255), and the first of
 * these: probe, and its value there. */
struct others {
    uint32_t n;
    uint32_t probe;
    uint64_t value;
};
void plan_others(const struct bank *b, const struct plan *plan,
                 struct others *out);
/* As unify, for strings: of chains too. */
int unify_texts(struct bank *b, struct arena *a, struct plan **out) MUST_USE;
/* The smallest program op(t, u) of two terms for all active examples, op one that
 * can be undone or parted; t is sought among the first `most` terms. *out NULL: none.
 * ERR_NOMEM. */
int pair(struct bank *b, struct arena *a, uint32_t most, struct tree **out)
    MUST_USE;
/* The smallest program op(t, op(u, v)) that is found of three terms, t and u small,
 * with that many evaluations at most; else as pair. */
int triple(struct bank *b, struct arena *a, uint64_t most, struct tree **out)
    MUST_USE;
/* A tree that joins strings to what is wanted of the examples of set; *out NULL:
 * none found. ERR_NOMEM. */
int chain(struct bank *b, struct arena *a, uint64_t set, struct tree **out)
    MUST_USE;

#endif
