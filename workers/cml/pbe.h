/* Programming by example: a function that is known by its values, as the
 * readers of SyGuS files and tables make it of a person's file, before anybody looks
 * for a program. Runs in the `cml`
 * worker, on foreign bytes. */
#ifndef WORKERS_CML_PBE_H
#define WORKERS_CML_PBE_H

#include "proto/arena.h"
#include "proto/buf.h"
#include "proto/diag.h"
#include "proto/type.h"
#include "proto/value.h"

#include "worker.pb-c.h"

#define PBE_EXAMPLES_MAX 65536u
#define PBE_PARAMS_MAX TYPE_TUPLE_MAX

enum pbe_role {
    PBE_GIVEN, /* a program has to fit it */
    PBE_AGAIN, /* the same stands elsewhere */
    PBE_HELD   /* held out: only looked at afterwards */
};

struct pbe_example {
    struct ubytes in;  /* a tuple (value.h) */
    struct ubytes out;
    uint32_t line, col;
    uint32_t seq; /* place among all */
    enum pbe_role role;
};

struct pbe {
    struct arena *arena; /* borrowed; of everything but the list of examples */
    const char *path; /* borrowed, for places */
    struct diag *d;   /* borrowed */
    const char *name; /* of the function, in CML */
    const char *symbol; /* in SMT-LIB; NULL = it has no such form */
    const char *params[PBE_PARAMS_MAX]; /* in CML */
    const char *symbols[PBE_PARAMS_MAX]; /* in SMT-LIB */
    struct type types[PBE_PARAMS_MAX];
    uint32_t params_n;
    struct type takes; /* the tuple of types */
    struct type gives;
    struct pbe_example *examples; /* owned */
    uint32_t examples_n;
    uint32_t examples_cap;
    const char *format;           /* "SyGuS", "CSV" or "JSON" */
    const char *grammar;          /* by name (worker.proto: SynthTask), or "" */
    Proctor__SynthSort **sorts;   /* in the arena; the file's own grammar */
    uint32_t sorts_n;
};

void pbe_init(struct pbe *p, struct arena *a, const char *path, struct diag *d);
void pbe_release(struct pbe *p);

/* Sets p->takes from types. ERR_LIMIT. */
int pbe_close_types(struct pbe *p) MUST_USE;
/* Adds one; bytes are copied. 0, ERR_LIMIT, ERR_NOMEM. */
int pbe_add(struct pbe *p, struct ubytes in, struct ubytes out,
                struct loc at) MUST_USE;
/* When all examples are there: marks those that stand twice, refuses those that
 * contradict each other (both places are told: ERR_TASK_FAILED, for the text is well
 * formed), and holds `permille` of the others out, chosen by the hash of their input.
 * 0, ERR_TASK_FAILED, ERR_INPUT (none there), ERR_NOMEM. */
int pbe_settle(struct pbe *p, uint32_t permille) MUST_USE;
/* Inputs or outputs of the examples of a role, as values. */
int pbe_values(const struct pbe *p, enum pbe_role role, int outputs,
                   struct values_builder *out) MUST_USE;

/* A name for CML that is not in use yet: `wanted` with what no name can have
 * replaced, and a number behind it if need be. NULL: no memory. */
const char *pbe_name(struct pbe *p, struct ubytes wanted);

#endif
