/* The part of measuring that reads /proc/PID; used by measure.c, and proc_read by
 * who asks for a worker's processor time. Each check
 * returns 0 or ERR_CONFINE with d set. `dir` is a descriptor of /proc/PID, which
 * goes dead with its process instead of naming another one. */
#ifndef KERNEL_CONFINE_MEASURE_PROC_H
#define KERNEL_CONFINE_MEASURE_PROC_H

#include "kernel/confine/measure.h"

/* Reads a whole small file. Bytes read, or -1. Terminated. *out_owner (not for
 * NULL): whose file it is. */
long proc_read(int dir, const char *name, char *out, size_t out_bytes,
               uid_t *out_owner);

/* The names in a directory but "." and "..". next: 1, 0 at the end, -1. */
struct proc_list {
    int fd;
    ssize_t n, at;
    uint64_t text[128]; /* of struct dirent64 */
};
void proc_list_open(int dir, const char *name, struct proc_list *out);
int proc_list_next(struct proc_list *l, const char **out_name) MUST_USE;
void proc_list_close(struct proc_list *l);

int proc_status(int dir, const struct measure_want *w, struct diag *d) MUST_USE;
int proc_stat(int dir, const struct measure_want *w, struct diag *d) MUST_USE;
int proc_namespaces(int dir, const struct measure_want *w, struct measured *m,
                    struct diag *d) MUST_USE;
int proc_descriptors(int dir, const struct measure_want *w, struct measured *m,
                     struct diag *d) MUST_USE;
int proc_mounts(int dir, const struct measure_want *w, struct measured *m,
                struct diag *d) MUST_USE;
int proc_cgroup(int dir, const struct measure_want *w, struct diag *d) MUST_USE;
int proc_shared(int dir, const struct measure_want *w, struct measured *m,
                struct diag *d) MUST_USE;
/* Its program file is our sealed image; its personality is plain. */
int proc_identity(int dir, const struct measure_want *w,
                  struct diag *d) MUST_USE;

/* "measured short": the one way in which a layer is refused. */
int measure_short(struct diag *d, const struct measure_want *w,
                  const char *layer, const char *found, const char *expected);

#endif
