/* CML as it is written: a tree with places and names, from which the artifact is
 * made. The surfaces (text, XML) build terms; names and places go no further
 * than here (the seal of M1: proto/cml.h). */
#ifndef WORKERS_CML_TERM_H
#define WORKERS_CML_TERM_H

#include "proto/cml.h"

struct term;

struct term_field {
    struct cml_value value; /* of WORD, INDEX, SCALAR; ABSENT for no child */
    struct term **kids;     /* of NODE and OPT one, of NODES n */
    const struct cml_value *words; /* of WORDS n */
    uint32_t n;
};

struct term {
    enum cml_kind kind;
    uint32_t line; /* 1-based; 0 = no place */
    uint32_t col;
    const char *name; /* of what binds: Unit, Binding, Bind pattern, for; or NULL */
    const char *callee; /* of a Call or Literal whose unit is still a name */
    const char *spelling; /* of a number in hex or binary, or NULL */
    const char *above; /* comment lines of a statement; of a Block those before
                          its end; or NULL */
    const char *behind; /* the comment on a statement's line, or NULL */
    uint8_t is_plain;   /* a number without a type of its own: check.c gives it one */
    uint32_t id;        /* in the dag, once interned */
    uint32_t type;      /* id of the type of an expression, once checked */
    uint32_t mark;      /* tree.h: errors that it may end in, or a number */
    struct term_field fields[CML_FIELDS_MAX];
};

/* A spelling of a binder or a unit, in the order in which the tree is walked. */
struct spellings {
    const char **names; /* owned; the names belong to the arena */
    uint32_t n;
    uint32_t cap;
};

struct term *term_new(struct arena *a, enum cml_kind kind, struct loc at);
/* One child; NULL = absent. */
void term_kid(struct term *t, unsigned field, struct arena *a,
              struct term *kid);
void term_kids(struct term *t, unsigned field, struct term **kids, uint32_t n);
void term_word(struct term *t, unsigned field, const char *word);
/* Puts the tree into the dag, children first, and sets every id. Diagnoses have
 * the place of the term. 0, ERR_INPUT, ERR_LIMIT, ERR_NOMEM. */
int term_intern(struct term *t, struct cml_dag *d, struct diag *diag) MUST_USE;
/* The same for t alone: its children are there. */
int term_intern_one(struct term *t, struct cml_dag *d, struct diag *diag)
    MUST_USE;
/* A node of a dag as a tree, with at most max nodes (sharing is written out):
 * ERR_LIMIT. Names from s in walking order, or NULL. */
int term_from_node(const struct cml_dag *d, uint32_t id, struct arena *a,
                   uint32_t *max, struct term **out) MUST_USE;
/* The units that root reaches, callees first and it last, each a tree of its own,
 * that calls the trees of the others. *out_n of them, in a. ERR_LIMIT: over max
 * nodes, ERR_NOMEM. */
int term_units(const struct cml_dag *d, uint32_t root, struct arena *a,
               uint32_t max, struct term ***out, uint32_t *out_n) MUST_USE;
/* Gives binders their spellings, in walking order; those without get v0, v1, ... */
void term_spell(struct term *t, struct arena *a, const char *const *names,
                uint32_t n);
/* Collects spellings in walking order. ERR_NOMEM. */
int term_spellings(const struct term *t, struct spellings *out) MUST_USE;
void spellings_release(struct spellings *s);

#endif
