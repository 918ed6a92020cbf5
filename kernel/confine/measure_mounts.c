/* Reader of /proc/PID/mountinfo: every mount of a worker must be one that its
 * class has, with at least the restrictions of that class. Runs in the kernel. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/err.h"

#include "kernel/confine/measure_proc.h"

#define MOUNTINFO_BYTES 65536u

struct mount_line {
    const char *point;
    const char *options; /* of this mount */
    const char *type;
};

/* Cuts fields 5, 6 and the one after " - " out of a line, in place. */
static int line_cut(char *line, struct mount_line *out)
{
    char *dash = strstr(line, " - ");
    char *save = NULL;
    char *field;

    if (dash == NULL) {
        return -1;
    }
    *dash = '\0';
    out->type = strtok_r(dash + 3, " ", &save);
    field = strtok_r(line, " ", &save);
    for (int i = 0; field != NULL && i < 3; i++) {
        field = strtok_r(NULL, " ", &save);
    }
    out->point = strtok_r(NULL, " ", &save);
    out->options = strtok_r(NULL, " ", &save);
    return field == NULL || out->type == NULL || out->point == NULL ||
                   out->options == NULL
               ? -1
               : 0;
}

static int has_option(const char *options, const char *name)
{
    size_t n = strlen(name);
    const char *p = options;

    while (p != NULL) {
        if (strncmp(p, name, n) == 0 && (p[n] == ',' || p[n] == '\0')) {
            return 1;
        }
        p = strchr(p, ',');
        p = p == NULL ? NULL : p + 1;
    }
    return 0;
}

/* The declared root at or above point, or NULL. */
static const char *root_of(const struct measure_want *w, const char *point)
{
    const char *end =
        w->roots == NULL ? NULL : w->roots + w->request->roots_bytes;

    for (const char *r = w->roots; r < end; r += strlen(r) + 1) {
        size_t n = strlen(r);

        if (strncmp(point, r, n) == 0 &&
            (point[n] == '\0' || point[n] == '/')) {
            return r;
        }
    }
    return NULL;
}

/* Options that a mount point must have; NULL = may not exist. */
static const char *const *options_for(const struct measure_want *w,
                                      const struct mount_line *l)
{
    static const char *const bare[] = {"ro", "nosuid", "nodev", "noexec", NULL};
    static const char *const bound[] = {"ro", "nosuid", "nodev", NULL};
    static const char *const null[] = {"ro", "nosuid", "noexec", NULL};
    static const char *const work[] = {"rw", "nosuid", "nodev", NULL};
    static const char *const tmp[] = {"rw", "nosuid", "nodev", "noexec", NULL};
    int tmpfs = strcmp(l->type, "tmpfs") == 0;

    if (strcmp(l->point, "/") == 0) {
        return tmpfs ? bare : NULL;
    }
    if (!w->request->own_root) {
        return NULL;
    }
    if (strcmp(l->point, "/work") == 0) {
        return tmpfs ? work : NULL;
    }
    if (strcmp(l->point, "/tmp") == 0) {
        return tmpfs ? tmp : NULL;
    }
    if (strcmp(l->point, "/dev/null") == 0) {
        return null;
    }
    if (strcmp(l->type, "proc") == 0 || strcmp(l->type, "sysfs") == 0) {
        return NULL;
    }
    return root_of(w, l->point) != NULL ? bound : NULL;
}

static int mount_check(const struct measure_want *w, const struct mount_line *l,
                       struct diag *d)
{
    const char *const *options = options_for(w, l);
    char layer[128];

    snprintf(layer, sizeof(layer), "mount on %s", l->point);
    if (options == NULL) {
        return measure_short(d, w, layer, l->type, "none");
    }
    for (; *options != NULL; options++) {
        if (!has_option(l->options, *options)) {
            return measure_short(d, w, layer, l->options, *options);
        }
    }
    return 0;
}

/* Declared roots that are mount points, counted once each. */
static size_t root_is_mount(const struct measure_want *w, const char *point)
{
    const char *r = root_of(w, point);

    return r != NULL && strcmp(r, point) == 0;
}

static int text_check(char *text, const struct measure_want *w,
                      size_t *out_mounts, size_t *out_roots, struct diag *d)
{
    char *save = NULL;
    char *line = strtok_r(text, "\n", &save);

    *out_mounts = 0;
    *out_roots = 0;
    for (; line != NULL; line = strtok_r(NULL, "\n", &save)) {
        struct mount_line l;

        if (line_cut(line, &l) < 0) {
            return measure_short(d, w, "mountinfo", "an unreadable line",
                                 "its fields");
        }
        TRY(mount_check(w, &l, d));
        *out_mounts += root_of(w, l.point) == NULL; /* those of the class */
        *out_roots += root_is_mount(w, l.point);
    }
    return 0;
}

/* Another root than ours; empty, where the class has nothing in it. */
static int root_check(int dir, const struct measure_want *w, struct diag *d)
{
    struct proc_list list CLEANUP(proc_list_close);
    struct stat its, own;
    const char *name;
    int code = 0;

    proc_list_open(dir, "root", &list);
    if (fstat(list.fd, &its) < 0 || stat("/", &own) < 0) {
        return measure_short(d, w, "root", strerror(errno), "readable");
    }
    if (its.st_ino == own.st_ino && its.st_dev == own.st_dev) {
        return measure_short(d, w, "root", "the kernel's", "its own");
    }
    if (!w->request->own_root) {
        code = proc_list_next(&list, &name);
    }
    return code == 0
               ? 0
               : measure_short(d, w, "root",
                               code < 0 ? strerror(errno) : "files", "empty");
}

/* Text of the root for the report: "tmpfs read-only, /usr read-only, ...". */
static void root_say(const struct measure_want *w, struct measured *m)
{
    const char *end = w->roots + w->request->roots_bytes;
    size_t at;

    if (!w->request->own_root) {
        snprintf(m->root_, sizeof(m->root_), "tmpfs, empty, read-only");
        return;
    }
    at = (size_t)snprintf(m->root_, sizeof(m->root_),
                          "tmpfs, read-only; /work, /tmp; read-only:");
    for (const char *r = w->roots; r < end; r += strlen(r) + 1) {
        if (at + strlen(r) + 6 >= sizeof(m->root_)) {
            snprintf(m->root_ + at, sizeof(m->root_) - at, " ...");
            return;
        }
        at += (size_t)snprintf(m->root_ + at, sizeof(m->root_) - at, " %s", r);
    }
}

int proc_mounts(int dir, const struct measure_want *w, struct measured *m,
                struct diag *d)
{
    char *text CLEANUP(mem_freep) = malloc(MOUNTINFO_BYTES);
    const char *end = w->roots + w->request->roots_bytes;
    size_t mounts, roots, roots_want = 0;

    if (text == NULL) {
        diag_set(d, ERR_NOMEM, (struct loc){0}, "measuring: out of memory");
        return ERR_TRACE(ERR_NOMEM);
    }
    if (proc_read(dir, "mountinfo", text, MOUNTINFO_BYTES, NULL) < 0) {
        return measure_short(d, w, "mountinfo", strerror(errno), "readable");
    }
    TRY(text_check(text, w, &mounts, &roots, d));
    for (const char *r = w->roots; r < end; r += strlen(r) + 1) {
        roots_want++;
    }
    if (roots < roots_want || mounts != (w->request->own_root ? 4u : 1u)) {
        return measure_short(d, w, "mounts", "others", "all of its class");
    }
    TRY(root_check(dir, w, d));
    root_say(w, m);
    m->report.root = m->root_;
    return 0;
}
