/* Control groups. Runs in the kernel. Must never touch a group that no kernel
 * of ours made: names are proctor-PIDNAMESPACE-PID-STARTTIME, and one is removed
 * only when no process of our own namespace with that pid and start time lives. */
#include "kernel/confine/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/err.h"

#define FILE_BYTES 65536u

enum {
    HIERARCHY_PIDS,
    HIERARCHY_MEMORY,
    HIERARCHIES_N
};

struct cgroups {
    int version; /* 0 none, 1, 2 */
    char name[64];
    /* Directory of this kernel's group; version 2 uses the first only. */
    char base[HIERARCHIES_N][CGROUP_PATH_BYTES];
};

static int file_write(const char *dir, const char *name, const char *text)
{
    char path[CGROUP_PATH_BYTES + 64];
    int fd CLEANUP(fd_closep) = -1;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text)
               ? 0
               : -1;
}

/* A whole file as allocated text, or NULL with errno. */
static char *file_read(const char *path)
{
    int fd CLEANUP(fd_closep) = open(path, O_RDONLY | O_CLOEXEC);
    char *text = fd < 0 ? NULL : malloc(FILE_BYTES);
    size_t at = 0;
    ssize_t n = 1;

    if (text == NULL) {
        return NULL;
    }
    while (n > 0 && at < FILE_BYTES - 1) {
        do {
            n = read(fd, text + at, FILE_BYTES - 1 - at);
        } while (n < 0 && errno == EINTR);
        at += n > 0 ? (size_t)n : 0;
    }
    if (n != 0) {
        int error = n < 0 ? errno : EFBIG;

        free(text);
        errno = error;
        return NULL;
    }
    text[at] = '\0';
    return text;
}

/* When a process started, in ticks; 0: there is none. -1: cannot be known. */
static int start_time(long pid, uint64_t *out)
{
    char path[48];
    char *text;
    const char *p;

    *out = 0;
    snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
    text = file_read(path);
    if (text == NULL) {
        return errno == ENOENT || errno == ESRCH ? 0 : -1;
    }
    p = strrchr(text, ')');
    for (int i = 0; p != NULL && i < 20; i++) {
        p = strchr(p + 1, ' '); /* to field 22 */
    }
    if (p != NULL) {
        *out = strtoull(p, NULL, 10);
    }
    free(text);
    return p == NULL ? -1 : 0;
}

/* Where this process is in a hierarchy: "N:controllers:/path". */
static int own_path(const char *cgroup_text, const char *controller,
                    char out[static CGROUP_PATH_BYTES])
{
    size_t want_n = strlen(controller);
    const char *line = cgroup_text;

    while (line != NULL && *line != '\0') {
        const char *list = strchr(line, ':');
        const char *path = list == NULL ? NULL : strchr(list + 1, ':');

        if (path != NULL && (size_t)(path - list - 1) == want_n &&
            strncmp(list + 1, controller, want_n) == 0) {
            size_t n = strcspn(path + 1, "\n");

            if (n >= CGROUP_PATH_BYTES) {
                return -1;
            }
            memcpy(out, path + 1, n);
            out[n] = '\0';
            return 0;
        }
        line = strchr(line, '\n');
        line = line == NULL ? NULL : line + 1;
    }
    return -1;
}

struct mount_fields {
    char root[CGROUP_PATH_BYTES];
    char point[CGROUP_PATH_BYTES];
    char type[32];
    char super[256];
};

/* controller "" = the version 2 hierarchy. */
static int mount_find(const char *mounts, const char *controller,
                      struct mount_fields *m)
{
    const char *type = controller[0] == '\0' ? "cgroup2" : "cgroup";

    for (const char *line = mounts; line != NULL && *line != '\0';) {
        const char *dash = strstr(line, " - ");

        if (dash == NULL ||
            sscanf(line, "%*s %*s %*s %511s %511s", m->root, m->point) != 2 ||
            sscanf(dash + 3, "%31s %*s %255s", m->type, m->super) != 2) {
            return -1;
        }
        if (strcmp(m->type, type) == 0) {
            size_t n = strlen(controller);
            const char *in = n == 0 ? m->super : strstr(m->super, controller);

            if (in != NULL && (n == 0 || in[n] == ',' || in[n] == '\0')) {
                return 0;
            }
        }
        line = strchr(dash, '\n');
        line = line == NULL ? NULL : line + 1;
    }
    return -1;
}

/* Directory of this process's own group in a hierarchy. */
static int own_dir(const char *mounts, const char *groups,
                   const char *controller, char out[static CGROUP_PATH_BYTES])
{
    struct mount_fields m;
    char path[CGROUP_PATH_BYTES];
    const char *tail = path;
    int n;

    if (own_path(groups, controller, path) < 0 ||
        mount_find(mounts, controller, &m) < 0) {
        return -1;
    }
    if (strcmp(m.root, "/") != 0) { /* the mount shows a part of the tree */
        size_t root_n = strlen(m.root);

        if (strncmp(path, m.root, root_n) != 0) {
            return -1;
        }
        tail = path + root_n;
    }
    n = snprintf(out, CGROUP_PATH_BYTES, "%s%s", m.point,
                 strcmp(tail, "/") == 0 ? "" : tail);
    return n < 0 || n >= CGROUP_PATH_BYTES - 128 ? -1 : 0;
}

/* Ends what is left in a group and removes it. */
static void group_remove(const char *dir)
{
    char path[CGROUP_PATH_BYTES + 640];
    char *text;

    if (rmdir(dir) == 0 || errno == ENOENT) {
        return;
    }
    snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
    text = file_read(path);
    for (char *p = text; p != NULL && *p != '\0';) {
        long pid = strtol(p, &p, 10);

        if (pid > 1) {
            kill((pid_t)pid, SIGKILL);
        }
        p += strspn(p, "\n");
    }
    free(text);
    rmdir(dir);
}

/* A kernel's group with its workers' groups. */
static void tree_remove(const char *dir, void (*remove_one)(const char *))
{
    DIR *list = opendir(dir);
    struct dirent *e;
    char path[CGROUP_PATH_BYTES + 600];

    while (list != NULL && (e = readdir(list)) != NULL) {
        if (e->d_name[0] == 'w') {
            snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
            remove_one(path);
        }
    }
    if (list != NULL) {
        closedir(list);
    }
    remove_one(dir);
}

/* Only when it is empty: what a dead kernel started died with it. */
static void group_remove_empty(const char *dir)
{
    rmdir(dir);
}

/* Pids mean something within one pid namespace only; 0 when it has no number. */
static unsigned long pid_namespace(void)
{
    struct stat st;

    return stat("/proc/self/ns/pid", &st) == 0 ? st.st_ino : 0;
}

static void leftovers_remove(const char *dir)
{
    DIR *list = opendir(dir);
    struct dirent *e;
    char path[CGROUP_PATH_BYTES + 300];

    while (list != NULL && (e = readdir(list)) != NULL) {
        uint64_t start;
        uint64_t now;
        unsigned long ns;
        long pid;
        int end = 0;

        if (sscanf(e->d_name, "proctor-%lu-%ld-%" SCNu64 "%n", &ns, &pid,
                   &start, &end) == 3 &&
            e->d_name[end] == '\0' && ns == pid_namespace() &&
            start_time(pid, &now) == 0 && now != start) {
            snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
            tree_remove(path, group_remove_empty);
        }
    }
    if (list != NULL) {
        closedir(list);
    }
}

/* In our own group and in those beside it: a session's memory group is often
 * gone from view with its shell, and what a killed kernel left in it would stay. */
static void leftovers_around(const char *own)
{
    char path[CGROUP_PATH_BYTES + 300];
    int n = (int)(strrchr(own, '/') - own);
    struct dirent *e;
    DIR *list;

    leftovers_remove(own);
    snprintf(path, sizeof(path), "%.*s", n, own);
    list = opendir(path);
    while (list != NULL && (e = readdir(list)) != NULL) {
        if (e->d_type == DT_DIR && e->d_name[0] != '.') {
            snprintf(path, sizeof(path), "%.*s/%s", n, own, e->d_name);
            leftovers_remove(path);
        }
    }
    if (list != NULL) {
        closedir(list);
    }
}

static int base_make(struct cgroups *c, int i, const char *own)
{
    int n;

    leftovers_around(own);
    n = snprintf(c->base[i], sizeof(c->base[i]), "%s/%s", own, c->name);
    return n > 0 && n < (int)sizeof(c->base[i]) - 64 &&
                   (mkdir(c->base[i], 0755) == 0 || errno == EEXIST)
               ? 0
               : -1;
}

/* Both controllers, from here down; a group with processes in it may not hand
 * them out (unless it is the root), and then version 2 is of no use. */
static int v2_open(struct cgroups *c, const char *mounts, const char *groups)
{
    char own[CGROUP_PATH_BYTES];

    if (own_dir(mounts, groups, "", own) < 0 ||
        file_write(own, "cgroup.subtree_control", "+pids +memory") < 0 ||
        base_make(c, HIERARCHY_PIDS, own) < 0) {
        return -1;
    }
    if (file_write(c->base[HIERARCHY_PIDS], "cgroup.subtree_control",
                   "+pids +memory") < 0) {
        rmdir(c->base[HIERARCHY_PIDS]);
        return -1;
    }
    c->version = 2;
    return 0;
}

static int v1_open(struct cgroups *c, const char *mounts, const char *groups)
{
    char own[CGROUP_PATH_BYTES];

    if (own_dir(mounts, groups, "pids", own) < 0 ||
        base_make(c, HIERARCHY_PIDS, own) < 0) {
        return -1;
    }
    if (own_dir(mounts, groups, "memory", own) < 0 ||
        base_make(c, HIERARCHY_MEMORY, own) < 0) {
        rmdir(c->base[HIERARCHY_PIDS]);
        return -1;
    }
    c->version = 1;
    return 0;
}

/* A host without groups has no such file, or none that names them. */
static int read_hosts(char **mounts, char **groups)
{
    *groups = NULL;
    *mounts = file_read("/proc/self/mountinfo");
    if (*mounts == NULL) {
        return ERR_TRACE(err_from_errno(errno));
    }
    *groups = file_read("/proc/self/cgroup");
    return *groups != NULL || errno == ENOENT
               ? 0
               : ERR_TRACE(err_from_errno(errno));
}

int cgroups_open(struct cgroups **out)
{
    struct cgroups *c CLEANUP(mem_freep) = calloc(1, sizeof(*c));
    char *mounts CLEANUP(mem_freep) = NULL;
    char *groups CLEANUP(mem_freep) = NULL;
    uint64_t start;

    *out = NULL;
    if (c == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    TRY(read_hosts(&mounts, &groups));
    if (start_time(getpid(), &start) < 0) {
        return ERR_TRACE(err_from_errno(errno));
    }
    snprintf(c->name, sizeof(c->name), "proctor-%lu-%ld-%" PRIu64,
             pid_namespace(), (long)getpid(), start);
    if (groups != NULL && v2_open(c, mounts, groups) < 0) {
        (void)!v1_open(c, mounts, groups); /* version stays 0: none */
    }
    *out = c;
    c = NULL;
    return 0;
}

static int bases_n(const struct cgroups *c)
{
    return c->version == 0 ? 0 : c->version == 2 ? 1 : HIERARCHIES_N;
}

void cgroups_close(struct cgroups *c)
{
    if (c == NULL) {
        return;
    }
    for (int i = 0; i < bases_n(c); i++) {
        tree_remove(c->base[i], group_remove);
    }
    free(c);
}

const char *cgroups_version(const struct cgroups *c)
{
    static const char *const names[] = {"none", "v1", "v2"};

    return names[c->version];
}

void cgroups_name(const struct cgroups *c, uint32_t ordinal,
                  char out[static 80])
{
    out[0] = '\0';
    if (c->version != 0) {
        snprintf(out, 80, "/%s/w%u", c->name, ordinal);
    }
}

int cgroups_add(struct cgroups *c, uint32_t ordinal, pid_t pid,
                uint64_t memory_bytes, uint64_t processes)
{
    static const char *const memory_file[] = {"", "memory.limit_in_bytes",
                                              "memory.max"};
    char dir[CGROUP_PATH_BYTES + 24];
    char text[32];

    for (int i = 0; i < bases_n(c); i++) {
        int bad;

        snprintf(dir, sizeof(dir), "%s/w%u", c->base[i], ordinal);
        if (mkdir(dir, 0755) < 0 && errno != EEXIST) {
            return ERR_TRACE(ERR_CONFINE);
        }
        snprintf(text, sizeof(text), "%" PRIu64, processes);
        bad = i == HIERARCHY_PIDS && file_write(dir, "pids.max", text) < 0;
        if (!bad && (i == HIERARCHY_MEMORY || c->version == 2)) {
            snprintf(text, sizeof(text), "%" PRIu64, memory_bytes);
            bad = file_write(dir, memory_file[c->version], text) < 0;
        }
        snprintf(text, sizeof(text), "%ld", (long)pid);
        if (bad || file_write(dir, "cgroup.procs", text) < 0) {
            return ERR_TRACE(ERR_CONFINE);
        }
    }
    return 0;
}

void cgroups_remove(struct cgroups *c, uint32_t ordinal)
{
    char dir[CGROUP_PATH_BYTES + 24];

    for (int i = 0; i < bases_n(c); i++) {
        snprintf(dir, sizeof(dir), "%s/w%u", c->base[i], ordinal);
        group_remove(dir);
    }
}
