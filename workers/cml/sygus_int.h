/* What the files of the SyGuS reader share. */
#ifndef WORKERS_CML_SYGUS_INT_H
#define WORKERS_CML_SYGUS_INT_H

#include "workers/cml/sexp.h"
#include "workers/cml/sygus.h"
#include "workers/cml/synth.h"

#define SYGUS_STEPS_MAX 65536u /* of writing macros out, in one file */
#define SYGUS_DEPTH_MAX 64u    /* macros inside of macros */

/* A name with a sort: a parameter, or a non-terminal. */
struct sygus_name {
    struct ubytes symbol;
    struct type type;
};

struct sygus_macro {
    struct ubytes symbol;
    struct sygus_name params[PBE_PARAMS_MAX];
    uint32_t params_n;
    struct type gives;
    const struct sexp *body;
    const struct sygus_macro *next;
};

struct sygus {
    struct pbe *p;
    struct ubytes fun; /* symbol of the function; n = 0 before synth-fun */
    const struct sygus_macro *macros; /* last first */
    struct sygus_name vars[64];       /* of declare-var */
    uint32_t vars_n;
    /* Non-terminals; those without a name stand for one parameter. */
    struct sygus_name nts[SYNTH_SORTS_MAX];
    Proctor__SynthSort *sorts[SYNTH_SORTS_MAX];
    uint32_t includes[SYNTH_SORTS_MAX]; /* bit set: others that may stand there */
    uint32_t nts_n;
    uint32_t steps;
};

/* A name of the term that is being written down, and the node that it is. */
struct sygus_bound {
    struct ubytes symbol;
    uint32_t node;
};

/* A term as the enumerator's nodes. */
struct sygus_nodes {
    Proctor__SynthNode *v[SYNTH_NODES_MAX];
    struct type types[SYNTH_NODES_MAX];
    uint32_t n;
    uint32_t args[SYNTH_ARGS_MAX]; /* sorts that stand in it */
    uint32_t args_n;
};

struct loc sygus_loc(const struct sygus *g, const struct sexp *s);
/* ERR_INPUT at s, whose word or kind stands for the one %s of fmt. */
int sygus_fail(struct sygus *g, const struct sexp *s, const char *fmt,
               const char *hint);
/* Its Nth part, which must be there. NULL: told. */
const struct sexp *sygus_part(struct sygus *g, const struct sexp *list,
                              uint32_t i, const char *what);
int sygus_symbol(struct sygus *g, const struct sexp *s, const char *what,
                 struct ubytes *out) MUST_USE;
int sygus_same(struct ubytes a, struct ubytes b);
/* A sort: (_ BitVec 64), (BitVec 64), Int, String, Bool. */
int sygus_sort(struct sygus *g, const struct sexp *s, struct type *out) MUST_USE;
/* ((name sort) ...) */
int sygus_names(struct sygus *g, const struct sexp *list,
                struct sygus_name *out, uint32_t max, uint32_t *out_n) MUST_USE;
/* Is it a constant: a literal, or (- number)? */
int sygus_is_literal(const struct sexp *s);
/* Its value and sort. */
int sygus_literal(struct sygus *g, const struct sexp *s, struct buf *out,
                  struct type *out_type) MUST_USE;
const struct sygus_macro *sygus_macro_find(const struct sygus *g,
                                           struct ubytes symbol);
/* Writes s down in w. Names are, in this order: what params binds, non-terminals,
 * parameters of the function, macros, symbols of smt.def. */
int sygus_term(struct sygus *g, const struct sexp *s, struct sygus_nodes *w,
               uint32_t *out_node, struct type *out_type) MUST_USE;
/* Sees that the body of a macro has its sort. */
int sygus_check_macro(struct sygus *g, const struct sygus_macro *m) MUST_USE;
/* The grammar of synth-fun: the list of productions, and in version 2 the list of
 * non-terminals before it, else NULL. */
int sygus_grammar(struct sygus *g, const struct sexp *declared,
                  const struct sexp *list) MUST_USE;
/* The grammar of a synth-fun without: all of smt.def over the sorts that matter. */
int sygus_default(struct sygus *g) MUST_USE;
/* All of smt.def that give the sort nt, over sorts that are there. */
int sygus_add_symbols(struct sygus *g, uint32_t nt) MUST_USE;
int sygus_add_operator(struct sygus *g, uint32_t nt, const char *op,
                       const uint32_t *sorts, uint32_t n) MUST_USE;
/* Makes non-terminals with the same productions one, and leaves out those that no
 * program can hold. The first one stays the first. */
void sygus_tidy(struct sygus *g);
/* A non-terminal that allows one parameter of the function and nothing else. */
int sygus_param_sort(struct sygus *g, uint32_t param, uint32_t *out) MUST_USE;

#endif
