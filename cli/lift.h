/* How the kernel comes to the rights that it needs to confine workers, without
 * root: in a user namespace of its own, in which 0 is the person and a range of
 * subordinate ids (/etc/subuid, newuidmap) is there for the workers. Files that
 * it makes belong to the person outside.
 *
 * Whoever has these rights already (root, or root of a namespace) is not lifted:
 * the kernel uses the ids that are mapped there. It only leaves a chroot, in which
 * Linux makes no user namespaces (unroot.h). */
#ifndef CLI_LIFT_H
#define CLI_LIFT_H

#include <sys/types.h>

#include "proto/diag.h"

struct lift {
    int down[2]; /* parent to child */
    int up[2];
};

enum lift_way {
    LIFT_NONE,   /* all rights are there */
    LIFT_DIRECT, /* ids may be mapped, nothing else */
    LIFT_RANGE   /* by newuidmap, an ordinary person's way */
};
enum lift_way lift_way(void);
/* The first right that lacks, e.g. "CAP_SYS_ADMIN"; NULL: none does. */
const char *lift_lacks(void);

/* A range of the person's ids. count 0: none. */
struct lift_range {
    unsigned long first, count;
};
/* file: "/etc/subuid" or "/etc/subgid". */
struct lift_range lift_range(const char *file);

/* Before the fork. 0 or ERR_IO. */
int lift_open(struct lift *l, struct diag *d) MUST_USE;
/* In the child: goes where it can confine. 0 or -1 (then it must end). */
int lift_child(const struct lift *l) MUST_USE;
/* In the parent: maps the child's ids. 0 or ERR_CONFINE, d says why and what to
 * do; the child then ends by itself. Closes everything. */
int lift_parent(struct lift *l, pid_t child, struct diag *d) MUST_USE;

/* What to do when no user namespace can be made, by errno. */
void lift_hint(int error, struct diag *d);

#endif
