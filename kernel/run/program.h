/* Programs that a policy grants: found along the fixed path /usr/bin:/bin (never
 * $PATH), followed to the real file, hashed. What a task may start is looked up
 * here and nowhere else. */
#ifndef KERNEL_RUN_PROGRAM_H
#define KERNEL_RUN_PROGRAM_H

#include "kernel/run/core.h"

#include "graph.pb-c.h"

struct program {
    char *name;       /* owned; as the policy says it */
    char *path;       /* owned; the real file */
    struct cid cid;   /* of its bytes */
    uint32_t grant_i;
};

struct programs {
    struct program *v; /* owned */
    size_t n;
};

void programs_init(struct programs *p);
void programs_release(struct programs *p);
/* Resolves and hashes what the policy grants; stores the files when store is
 * not NULL. 0, ERR_REFUSED with d for the first that is not there (out_grant: its
 * grant), ERR_*. */
int programs_resolve(struct programs *p, const Proctor__Policy *policy,
                     struct store *store, size_t *out_grant, struct diag *d)
    MUST_USE;
/* NULL when not granted. */
const struct program *programs_find(const struct programs *p, const char *name);

/* Absolute paths that a program needs to see: its own file, the loader and the
 * C library, and its language's own folders. Only what exists. */
#define PROGRAM_ROOTS_MAX 12
struct program_roots {
    char *v[PROGRAM_ROOTS_MAX]; /* owned */
    size_t n;
};
int program_roots(const char *real_path, struct program_roots *out) MUST_USE;
void program_roots_release(struct program_roots *r);

#endif
