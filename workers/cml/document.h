/* A source file: units that may call each other by name, in any order. The
 * surfaces fill one; document_resolve turns names into units, and refuses those
 * that are nowhere and calls that go in circles. */
#ifndef WORKERS_CML_DOCUMENT_H
#define WORKERS_CML_DOCUMENT_H

#include "workers/cml/term.h"

struct unit {
    struct term *term;
    const char *doc; /* comment lines above it, or NULL */
    const char *behind; /* comment behind its end, or NULL */
    const char *prose;  /* of MDX: what stands before its block, or NULL */
    uint8_t colour;  /* document.c */
    uint32_t first_site; /* of its names, in sites; its last is before the next's */
};

struct document {
    struct arena arena;
    struct cml_dag *dag; /* borrowed */
    const char *path;    /* borrowed; for places */
    const char *tail;    /* comment lines below the last unit, or NULL */
    const char *prose_tail; /* of MDX: what stands behind the last one, or NULL */
    struct unit *units;  /* owned */
    uint32_t units_n;
    uint32_t units_cap;
    struct term **sites; /* owned; terms with a callee */
    uint32_t sites_n;
    uint32_t sites_cap;
};

void document_init(struct document *d, struct cml_dag *dag, const char *path);
void document_release(struct document *d);
/* Begins a unit; its sites follow. ERR_NOMEM. */
int document_unit(struct document *d, struct term *t, const char *doc) MUST_USE;
/* t->callee is to be resolved. ERR_NOMEM. */
int document_site(struct document *d, struct term *t) MUST_USE;
/* Resolves names, then checks (check.h) and interns units, callees before
 * callers. 0, ERR_INPUT, ERR_LIMIT, ERR_NOMEM. */
int document_resolve(struct document *d, struct diag *diag) MUST_USE;
/* The units that the Unit at root reaches, callees first, checked, with names of
 * their own for what binds. 0, ERR_INPUT, ERR_LIMIT, ERR_NOMEM. */
int document_from_node(struct document *d, uint32_t root, struct diag *diag)
    MUST_USE;
struct loc document_loc(const struct document *d, const struct term *t);

#endif
