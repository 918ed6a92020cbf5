/* What this machine has, and the person on it; what its Linux offers is
 * host_linux.c's. Runs in the person's process. Must leave nothing changed
 * behind. */
#include "cli/host.h"

#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cli/host_int.h"
#include "cli/lift.h"
#include "proto/limits.h"

#define FUSE_MAGIC 0x65735546
#define CIFS_MAGIC 0xff534d42u

const char *host_state_name(enum host_state s)
{
    static const char *const names[] = {"OK", "DEGRADED", "MISSING"};

    ASSERT(s < ARRAY_N(names));
    return names[s];
}

void host_found(struct host_row *r, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(r->found, sizeof(r->found), fmt, ap);
    va_end(ap);
}

void host_todo(struct host_row *r, enum host_state s, const char *fmt, ...)
{
    va_list ap;

    r->state = s;
    va_start(ap, fmt);
    (void)vsnprintf(r->todo, sizeof(r->todo), fmt, ap);
    va_end(ap);
}

int host_number_in(const char *path, long *out)
{
    FILE *f = fopen(path, "re");
    int got = f == NULL ? 0 : fscanf(f, "%ld", out);

    if (f != NULL) {
        (void)fclose(f);
    }
    return got == 1;
}

static void look_linux(struct host_row *r)
{
    struct utsname u;

    if (uname(&u) == 0) {
        host_found(r, "%s, %s", u.release, u.machine);
        if (strcmp(u.machine, "x86_64") != 0) {
            host_todo(r, HOST_MISSING, "Proctor's filters are for x86-64 only");
        }
    }
}

static void look_rights(struct host_row *r)
{
    const char *lacks = lift_lacks();

    host_say_how(r->found, sizeof(r->found));
    if (lacks != NULL && getuid() == 0) {
        host_found(r, "root without %s: through a user namespace of its own",
                   lacks);
    }
}

static int in_path(const char *tool)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "/usr/bin/%s", tool);
    return access(path, X_OK) == 0;
}

/* The longest range of uids that this namespace maps. */
static unsigned long uids_mapped(void)
{
    unsigned long first, outer, n, most = 0;
    FILE *f = fopen("/proc/self/uid_map", "re");

    while (f != NULL && fscanf(f, "%lu %lu %lu", &first, &outer, &n) == 3) {
        most = n > most ? n : most;
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return most;
}

/* Who is not root: /etc/subuid. Root: what its namespace maps. */
static void look_uids(struct host_row *r)
{
    struct lift_range u, g;
    unsigned long most;

    if (lift_way() == LIFT_RANGE) {
        u = lift_range("/etc/subuid");
        g = lift_range("/etc/subgid");
        host_found(r, "subordinate ids: %lu uids from %lu, %lu gids from %lu%s",
                   u.count, u.first, g.count, g.first,
                   in_path("newuidmap") ? "" : "; newuidmap is not installed");
        if (u.count < LIMIT_UIDS || g.count < LIMIT_UIDS) {
            host_todo(r, HOST_MISSING, "%s",
                      "as root: usermod --add-subuids "
                      "FIRST-LAST --add-subgids FIRST-LAST "
                      "NAME (65536 that nobody else has; "
                      "proctor run names free ones)");
        } else if (!in_path("newuidmap") || !in_path("newgidmap")) {
            host_todo(r, HOST_MISSING,
                      "apt install uidmap (Debian, Ubuntu), dnf "
                      "install shadow-utils (Fedora)");
        }
        return;
    }
    most = uids_mapped();
    host_found(r, "%lu mapped here", most);
    if (most <= LIMIT_UIDS) {
        host_todo(r, HOST_MISSING,
                  "map a range into this namespace: unshare "
                  "--map-auto, podman run --uidmap; a kernel "
                  "needs %u",
                  LIMIT_UIDS + 1);
    }
}

static void look_limits(struct host_row *r)
{
    struct rlimit p, f;

    if (getrlimit(RLIMIT_NPROC, &p) < 0 || getrlimit(RLIMIT_NOFILE, &f) < 0) {
        return;
    }
    host_found(r, "%lld processes, %lld descriptors",
               p.rlim_cur == RLIM_INFINITY ? -1 : (long long)p.rlim_cur,
               (long long)f.rlim_cur);
    if (p.rlim_cur != RLIM_INFINITY && p.rlim_cur < 512) {
        host_todo(r, HOST_DEGRADED,
                  "few processes: programs that start some may "
                  "fail; ulimit -u");
    }
    if (f.rlim_max < 256) {
        host_todo(r, HOST_MISSING,
                  "workers are given 256 descriptors: ulimit -Hn");
    }
}

/* The nearest folder that exists. */
static int statfs_above(const char *path, struct statfs *out)
{
    char at[PATH_MAX];
    char *slash;

    (void)snprintf(at, sizeof(at), "%s", path);
    while (statfs(at, out) < 0) {
        slash = strrchr(at, '/');
        if (slash == NULL || slash == at) {
            return statfs("/", out);
        }
        *slash = '\0';
    }
    return 0;
}

static void look_store(struct host_row *r, const char *store)
{
    static const struct {
        unsigned long magic;
        const char *name;
    } odd[] = {{NFS_SUPER_MAGIC, "NFS"}, {SMB2_SUPER_MAGIC, "SMB"},
               {CIFS_MAGIC, "CIFS"},     {FUSE_MAGIC, "FUSE"},
               {V9FS_MAGIC, "9p"},       {TMPFS_MAGIC, "tmpfs"}};
    struct statfs fs;

    if (statfs_above(store, &fs) < 0) {
        return;
    }
    host_found(r, "%.120s", store);
    for (size_t i = 0; i < ARRAY_N(odd); i++) {
        if ((unsigned long)fs.f_type != odd[i].magic) {
            continue;
        }
        host_todo(
            r, HOST_DEGRADED,
            odd[i].magic == TMPFS_MAGIC
                ? "%s: gone after a restart; name another with --store"
                : "%s: locks and fsync may not hold what they promise; name a "
                  "local folder with --store",
            odd[i].name);
    }
}

static void look_binaries(struct host_row *r)
{
    static const char *const names[] = {"proctor-kernel", "proctor-signer",
                                        "proctor-replay", "worker-config",
                                        "worker-program", "worker-model",
                                        "worker-cml"};
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 64);
    char *slash;

    path[n > 0 ? n : 0] = '\0';
    slash = strrchr(path, '/');
    if (slash == NULL) {
        return;
    }
    host_found(r, "%.*s", (int)(slash - path), path);
    for (size_t i = 0; i < ARRAY_N(names); i++) {
        (void)snprintf(slash + 1, 48, "%s", names[i]);
        if (access(path, i < 3 ? X_OK : R_OK) < 0) {
            host_found(r, "%s: %s", names[i], strerror(errno));
            host_todo(r, HOST_MISSING,
                      "it must lie beside proctor: build or "
                      "install all of them again");
        }
    }
}

static void look_python(struct host_row *r)
{
    if (in_path("python3")) {
        host_found(r, "/usr/bin/python3");
        return;
    }
    host_found(r, "no /usr/bin/python3");
    host_todo(r, HOST_DEGRADED,
              "Python candidates and the examples need it: apt "
              "install python3-minimal libpython3-stdlib");
}

size_t host_look(struct host_row rows[static HOST_ROWS_MAX], const char *store)
{
    static const struct {
        const char *layer;
        void (*look)(struct host_row *r);
    } table[] = {{"Linux", look_linux},
                 {"rights", look_rights},
                 {"uids for workers", look_uids},
                 {"user namespaces", host_look_userns},
                 {"other namespaces", host_look_namespaces},
                 {"root: tmpfs, pivot_root", host_look_root},
                 {"root: mount_setattr", host_look_mount_api},
                 {"/proc", host_look_proc},
                 {"seccomp", host_look_seccomp},
                 {"Landlock", host_look_landlock},
                 {"ptrace", host_look_ptrace},
                 {"images: memfd", host_look_memfd},
                 {"images: execveat", host_look_execveat},
                 {"pidfd", host_look_pidfd},
                 {"close_range", host_look_close_range},
                 {"limits", look_limits},
                 {"binaries", look_binaries},
                 {"python3", look_python}};
    size_t n = 0;

    _Static_assert(ARRAY_N(table) + 2 <= HOST_ROWS_MAX, "all fit");
    for (; n < ARRAY_N(table); n++) {
        rows[n] = (struct host_row){.layer = table[n].layer};
        table[n].look(&rows[n]);
    }
    rows[n] = (struct host_row){.layer = "store"};
    look_store(&rows[n++], store);
    return n;
}

void host_cgroup(struct host_row *r, const char *used)
{
    *r = (struct host_row){.layer = "control groups"};
    host_found(r, "%s", used);
    if (strcmp(used, "none") == 0) {
        host_todo(
            r, HOST_DEGRADED,
            "memory and number of a program's processes are bounded for each "
            "process, not for all together; as root with v1 or v2 controllers "
            "memory and pids that may be handed on, they are");
    }
}

void host_say_how(char *out, size_t out_n)
{
    struct lift_range r;

    if (lift_way() == LIFT_RANGE) {
        r = lift_range("/etc/subuid");
        (void)snprintf(out, out_n, "as you (uid %u, workers from %lu on)",
                       (unsigned)getuid(), r.first);
        return;
    }
    (void)snprintf(out, out_n, "%s",
                   uids_mapped() == UINT_MAX ? "as root"
                                             : "as root of a user namespace");
}
