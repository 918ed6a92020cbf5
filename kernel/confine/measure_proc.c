/* Readers of /proc/PID: status, stat, namespaces, descriptors, identity. Run in
 * the kernel; must never take a missing or odd line for a good one. */
#include "kernel/confine/measure_proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proto/err.h"

#define STATUS_BYTES 4096
#define MAPS_BYTES 8192 /* a worker has about twenty lines */

/* request: the ioctl of <linux/pidfd.h> that opens it. */
static struct {
    char name[8];
    unsigned request;
} kinds[] = {{"cgroup", 1}, {"ipc", 2},  {"mnt", 3}, {"net", 4},
             {"pid", 5},    {"user", 9}, {"uts", 10}};
_Static_assert(ARRAY_N(kinds) == MEASURE_NS_N, "all fit");

long proc_read(int dir, const char *name, char *out, size_t out_bytes,
               uid_t *out_owner)
{
    int fd CLEANUP(fd_closep) = openat(dir, name, O_RDONLY | O_CLOEXEC);
    struct stat st = {.st_uid = (uid_t)-1};
    size_t at = 0;

    if (out_owner != NULL) {
        (void)!fstat(fd, &st);
        *out_owner = st.st_uid;
    }

    while (fd >= 0 && at < out_bytes - 1) {
        ssize_t n = read(fd, out + at, out_bytes - 1 - at);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -1;
        }
        if (n == 0) {
            out[at] = '\0';
            return (long)at;
        }
        at += (size_t)n;
    }
    return -1; /* not there, or larger than we know it to be */
}

void proc_list_open(int dir, const char *name, struct proc_list *out)
{
    out->fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    out->n = out->at = 0;
}

int proc_list_next(struct proc_list *l, const char **out_name)
{
    for (;;) {
        const struct dirent64 *e;

        if (l->at == l->n) {
            l->n = getdents64(l->fd, l->text, sizeof(l->text));
            l->at = 0;
            if (l->n <= 0) {
                return l->n < 0 ? -1 : 0;
            }
        }
        e = (const void *)((const char *)l->text + l->at);
        l->at += e->d_reclen;
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            *out_name = e->d_name;
            return 1;
        }
    }
}

void proc_list_close(struct proc_list *l)
{
    fd_closep(&l->fd);
}

int measure_short(struct diag *d, const struct measure_want *w,
                  const char *layer, const char *found, const char *expected)
{
    diag_set(d, ERR_CONFINE, (struct loc){0},
             "class %s measured short: %s: found %s, expected %s",
             w->class_name, layer, found, expected);
    diag_hint(d, "no task byte was sent; see the confinement section of "
                 "proctor(1)");
    return ERR_TRACE(ERR_CONFINE);
}

/* The value of a "Key:\tvalue" line into out, with blanks for tabs. */
static int status_value(const char *text, const char *key, char *out,
                        size_t out_bytes)
{
    size_t key_n = strlen(key);
    const char *line = text;

    while (line != NULL && *line != '\0') {
        if (strncmp(line, key, key_n) == 0 && line[key_n] == ':') {
            const char *p = line + key_n + 1;
            size_t n;

            p += strspn(p, " \t");
            n = strcspn(p, "\n");
            while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == '\t')) {
                n--;
            }
            if (n >= out_bytes) {
                return -1;
            }
            for (size_t i = 0; i < n; i++) {
                out[i] = (char)(p[i] == '\t' ? ' ' : p[i]);
            }
            out[n] = '\0';
            return 0;
        }
        line = strchr(line, '\n');
        line = line == NULL ? NULL : line + 1;
    }
    return -1;
}

int proc_status(int dir, const struct measure_want *w, struct diag *d)
{
    static const char zero[] = "0000000000000000";
    char text[STATUS_BYTES];
    char uids[64];
    char filters[16];
    char found[256];
    uint32_t uid = w->uid_base + w->request->uid;
    uid_t owner;
    const struct {
        const char *key, *layer, *expected;
    } rows[] = {
        {"Uid", "own uid", uids},
        {"Gid", "own gid", uids},
        {"Groups", "groups", ""},
        {"CapInh", "capabilities: inheritable", zero},
        {"CapPrm", "capabilities: permitted", zero},
        {"CapEff", "capabilities: effective", zero},
        {"CapBnd", "capabilities: bounding", zero},
        {"CapAmb", "capabilities: ambient", zero},
        {"NoNewPrivs", "no_new_privs", "1"},
        {"Seccomp", "seccomp mode", "2"},
        {"Seccomp_filters", "seccomp: number of filters", filters},
        {"Threads", "threads", "1"},
    };

    snprintf(uids, sizeof(uids), "%u %u %u %u", uid, uid, uid, uid);
    snprintf(filters, sizeof(filters), "%u", w->host->filters_n + 2);
    if (proc_read(dir, "status", text, sizeof(text), &owner) < 0) {
        return measure_short(d, w, "status", strerror(errno), "readable");
    }
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        if (status_value(text, rows[i].key, found, sizeof(found)) < 0) {
            return measure_short(d, w, rows[i].layer, "no such line",
                                 rows[i].expected);
        }
        if (strcmp(found, rows[i].expected) != 0) {
            return measure_short(d, w, rows[i].layer, found, rows[i].expected);
        }
    }
    /* The files of one that is undumpable are its user namespace's root's. */
    return owner == w->uid_base
               ? 0
               : measure_short(d, w, "undumpable", "dumpable", "undumpable");
}

int proc_stat(int dir, const struct measure_want *w, struct diag *d)
{
    char text[1024];
    char found[96];
    const char *p;
    char state;
    int parent, group, session, tty;

    if (proc_read(dir, "stat", text, sizeof(text), NULL) < 0) {
        return measure_short(d, w, "stat", strerror(errno), "readable");
    }
    p = strrchr(text, ')'); /* the name may hold anything */
    if (p == NULL || sscanf(p + 1, " %c %d %d %d %d", &state, &parent, &group,
                            &session, &tty) != 5) {
        return measure_short(d, w, "stat", "unreadable", "its fields");
    }
    if (session != w->pid || group != w->pid || tty != 0) {
        snprintf(found, sizeof(found), "session %d, group %d, terminal %d",
                 session, group, tty);
        return measure_short(d, w, "own session", found,
                             "itself and no terminal");
    }
    if (parent != w->zygote_pid) {
        snprintf(found, sizeof(found), "process %d", parent);
        return measure_short(d, w, "parent", found, "its zygote");
    }
    return 0;
}

void measure_held_init(struct measure_held *h)
{
    for (size_t i = 0; i < MEASURE_NS_N; i++) {
        h->fd[i] = -1;
    }
}

int measure_held_open(pid_t pid, struct measure_held *h)
{
    for (size_t i = 0; i < MEASURE_NS_N; i++) {
        char path[40];
        struct stat st;

        snprintf(path, sizeof(path), "/proc/%d/ns/%.8s", (int)pid,
                 kinds[i].name);
        h->fd[i] = open(path, O_RDONLY | O_CLOEXEC);
        if (h->fd[i] < 0 || fstat(h->fd[i], &st) < 0) {
            return ERR_TRACE(ERR_CONFINE);
        }
        h->inode[i] = st.st_ino;
    }
    return 0;
}

void measure_held_release(struct measure_held *h)
{
    for (size_t i = 0; i < MEASURE_NS_N; i++) {
        fd_closep(&h->fd[i]);
    }
}

int proc_namespaces(int dir, const struct measure_want *w, struct measured *m,
                    struct diag *d)
{
    for (size_t i = 0; i < MEASURE_NS_N; i++) {
        int fd CLEANUP(fd_closep) =
            ioctl(w->pidfd, _IO(0xff, kinds[i].request), 0);
        struct stat st;
        char layer[32];

        if (fd < 0 && (errno == ENOTTY || errno == EINVAL)) {
            snprintf(layer, sizeof(layer), "ns/%.8s", kinds[i].name);
            fd = openat(dir, layer, O_RDONLY | O_CLOEXEC); /* before 6.11 */
        }
        snprintf(layer, sizeof(layer), "%.8s namespace", kinds[i].name);
        if (fd < 0 || fstat(fd, &st) < 0) {
            return measure_short(d, w, layer, strerror(errno), "readable");
        }
        if (st.st_ino == w->own->inode[i]) {
            return measure_short(d, w, layer, "the kernel's", "its own");
        }
        m->namespaces_[i] = kinds[i].name;
    }
    m->report.n_namespaces = MEASURE_NS_N;
    m->report.namespaces = m->namespaces_;
    return 0;
}

/* Descriptor number fd is the channel or /dev/null, as its class has it. */
static int descriptor_check(int dir, const struct measure_want *w, long fd,
                            struct diag *d)
{
    char path[32];
    char found[64];
    struct stat st;

    snprintf(path, sizeof(path), "fd/%ld", fd);
    if (fstatat(dir, path, &st, 0) < 0) {
        return measure_short(d, w, path, strerror(errno), "readable");
    }
    snprintf(found, sizeof(found), "descriptor %ld", fd);
    if (fd == ZYGOTE_FD) {
        return S_ISSOCK(st.st_mode) && st.st_ino == w->channel
                   ? 0
                   : measure_short(d, w, found, "something else",
                                   "the channel");
    }
    if (w->request->own_root && fd < ZYGOTE_FD) {
        return S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)
                   ? 0
                   : measure_short(d, w, found, "something else", "/dev/null");
    }
    return measure_short(d, w, found, "open", "closed");
}

int proc_descriptors(int dir, const struct measure_want *w, struct measured *m,
                     struct diag *d)
{
    static char channel[] = "3: channel";
    static char null[][16] = {"0: /dev/null", "1: /dev/null", "2: /dev/null"};
    size_t expected = w->request->own_root ? 4 : 1;
    struct proc_list list CLEANUP(proc_list_close);
    const char *name;
    size_t n = 0;
    int code;

    proc_list_open(dir, "fd", &list);
    while ((code = proc_list_next(&list, &name)) > 0) {
        TRY(descriptor_check(dir, w, strtol(name, NULL, 10), d));
        n++;
    }
    if (code < 0) {
        return measure_short(d, w, "descriptors", strerror(errno), "readable");
    }
    if (n != expected) {
        return measure_short(d, w, "descriptors", "fewer", "all of its class");
    }
    if (w->request->own_root) {
        for (size_t i = 0; i < 3; i++) {
            m->descriptors_[i] = null[i];
        }
    }
    m->descriptors_[expected - 1] = channel;
    m->report.n_descriptors = expected;
    m->report.descriptors = m->descriptors_;
    return 0;
}

/* In the group that holds its limits: a line of its list ends in the name. */
int proc_cgroup(int dir, const struct measure_want *w, struct diag *d)
{
    char text[STATUS_BYTES];
    size_t name_n = strlen(w->cgroup_name);
    const char *p = text;

    if (name_n == 0) {
        return 0;
    }
    if (proc_read(dir, "cgroup", text, sizeof(text), NULL) < 0) {
        return measure_short(d, w, "cgroup", strerror(errno), "readable");
    }
    while ((p = strstr(p, w->cgroup_name)) != NULL) {
        if (p[name_n] == '\n') {
            return 0;
        }
        p++;
    }
    return measure_short(d, w, "cgroup", "another group", w->cgroup_name);
}

/* A line of maps whose memory is shared: the whole of its own share? */
static int is_own_share(const char *line, const struct measure_want *w)
{
    unsigned long start, end, offset, inode;
    unsigned major_n, minor_n;
    char mode[5];
    struct stat st;

    return w->request->share_bytes > 0 && fstat(w->share_fd, &st) == 0 &&
           sscanf(line, "%lx-%lx %4s %lx %x:%x %lu", &start, &end, mode,
                  &offset, &major_n, &minor_n, &inode) == 7 &&
           end - start == w->request->share_bytes && offset == 0 &&
           strcmp(mode, "rw-s") == 0 && inode == st.st_ino &&
           makedev(major_n, minor_n) == st.st_dev;
}

/* Memory: shared with nobody but, where its class has that, the kernel, once;
 * and none of it both writable and code. */
int proc_shared(int dir, const struct measure_want *w, struct measured *m,
                struct diag *d)
{
    char text[MAPS_BYTES];
    const char *p = text;
    unsigned found = 0;

    if (proc_read(dir, "maps", text, sizeof(text), NULL) < 0) {
        return measure_short(d, w, "maps", strerror(errno), "readable");
    }
    while (*p != '\0') {
        const char *mode = p + strcspn(p, " \n"); /* " rw-s" */

        if (strncmp(mode, " rwx", 4) == 0 || strncmp(mode, " -wx", 4) == 0) {
            return measure_short(d, w, "memory", "writable code", "none");
        }
        if (*mode != ' ' || strcspn(mode, "\n") < 5 ||
            (mode[4] == 's' && !is_own_share(p, w))) {
            return measure_short(d, w, "shared memory", "another mapping",
                                 "none but its own");
        }
        found += mode[4] == 's';
        p += strcspn(p, "\n");
        p += *p == '\n';
    }
    if (found != (w->request->share_bytes > 0)) {
        return measure_short(d, w, "shared memory", "another number",
                             "what its class has");
    }
    snprintf(m->shared_, sizeof(m->shared_), "%llu bytes",
             (unsigned long long)w->request->share_bytes);
    m->report.shared = m->shared_;
    return 0;
}

int proc_identity(int dir, const struct measure_want *w, struct diag *d)
{
    struct stat exe, image;
    char text[32];

    if (fstatat(dir, "exe", &exe, 0) < 0 || fstat(w->image_fd, &image) < 0) {
        return measure_short(d, w, "identity", strerror(errno), "readable");
    }
    if (exe.st_ino != image.st_ino || exe.st_dev != image.st_dev) {
        return measure_short(d, w, "image", "another file", "the sealed image");
    }
    if (proc_read(dir, "personality", text, sizeof(text), NULL) < 0 ||
        strtoul(text, NULL, 16) != 0) {
        return measure_short(d, w, "personality", "not plain", "0");
    }
    return 0;
}
