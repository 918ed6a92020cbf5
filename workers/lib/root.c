/* Mounts of a program worker. Must never bind anything writable or with set-uid
 * bits or devices in force (but /dev/null), nor keep the host's tree. */
#include "workers/lib/root.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PATH_BYTES 4200

/* Kept apart from <linux/mount.h>, which clashes in some versions. */
#define ATTR_RDONLY 1ull
#define ATTR_NOSUID 2ull
#define ATTR_NODEV 4ull
#define ATTR_NOEXEC 8ull

struct attr {
    uint64_t attr_set;
    uint64_t attr_clr;
    uint64_t propagation;
    uint64_t userns_fd;
};

static int attr_set(const char *path, uint64_t set, unsigned flags)
{
    struct attr a = {.attr_set = set};

    return syscall(SYS_mount_setattr, -1, path, flags, &a, sizeof(a)) < 0
               ? errno
               : 0;
}

static int path_join(char *out, const char *head, const char *tail)
{
    int n = snprintf(out, PATH_BYTES, "%s%s", head, tail);

    return n < 0 || n >= PATH_BYTES ? ENAMETOOLONG : 0;
}

/* Makes every directory above the last part of path (under ROOT_NEW). */
static int parents_make(char *path)
{
    for (char *p = path + sizeof(ROOT_NEW); *p != '\0'; p++) {
        int bad;

        if (*p != '/') {
            continue;
        }
        *p = '\0';
        bad = mkdir(path, 0755) < 0 && errno != EEXIST;
        *p = '/';
        if (bad) {
            return errno;
        }
    }
    return 0;
}

/* An empty directory or file to mount on. */
static int point_make(const char *path, int is_dir)
{
    int fd;

    if (is_dir) {
        return mkdir(path, 0755) < 0 && errno != EEXIST ? errno : 0;
    }
    fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0444);
    if (fd < 0) {
        return errno;
    }
    close(fd);
    return 0;
}

static int bind_one(const char *root, uint64_t attrs)
{
    char from[PATH_BYTES];
    char to[PATH_BYTES];
    struct stat st;
    int error = path_join(from, ROOT_HOST, root);

    if (error == 0) {
        error = path_join(to, ROOT_NEW, root);
    }
    if (error == 0 && lstat(from, &st) < 0) {
        error = errno;
    }
    if (error == 0 && S_ISLNK(st.st_mode)) {
        error = ELOOP; /* the kernel sends real paths only */
    }
    if (error == 0) {
        error = parents_make(to);
    }
    if (error == 0) {
        error = point_make(to, S_ISDIR(st.st_mode));
    }
    if (error == 0 && mount(from, to, NULL, MS_BIND | MS_REC, NULL) < 0) {
        error = errno;
    }
    if (error == 0) {
        error = attr_set(to, attrs, AT_RECURSIVE);
    }
    return error;
}

/* Merged-/usr hosts name loaders and shells through these links. A dangling
 * one does no harm. */
static int links_copy(void)
{
    static const char *const links[] = {"/bin",   "/sbin",  "/lib",
                                        "/lib32", "/lib64", "/libx32"};

    for (size_t i = 0; i < ARRAY_N(links); i++) {
        char from[PATH_BYTES];
        char to[PATH_BYTES];
        char target[PATH_BYTES];
        ssize_t n;

        if (path_join(from, ROOT_HOST, links[i]) != 0 ||
            path_join(to, ROOT_NEW, links[i]) != 0) {
            return ENAMETOOLONG;
        }
        n = readlink(from, target, sizeof(target) - 1);
        if (n <= 0) {
            continue; /* absent, or a directory of its own */
        }
        target[n] = '\0';
        if (symlink(target, to) < 0 && errno != EEXIST) {
            return errno;
        }
    }
    return 0;
}

static int tmpfs_mount(const char *path, const struct zygote_request *r,
                       unsigned long flags)
{
    char options[128];
    int n = snprintf(options, sizeof(options),
                     "size=%llu,nr_inodes=4096,mode=0755,uid=%u,gid=%u",
                     (unsigned long long)r->work_bytes, r->uid, r->uid);

    if (n < 0 || (size_t)n >= sizeof(options)) {
        return ENAMETOOLONG;
    }
    return mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV | flags,
                 options) < 0
               ? errno
               : 0;
}

static int binds_make(const struct zygote_request *r, const char *roots)
{
    const char *end = roots + r->roots_bytes;

    if (mount("tmpfs", ROOT_NEW, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
              "size=64k,nr_inodes=512,mode=0755") < 0) {
        return errno;
    }
    for (const char *p = roots; p < end; p += strlen(p) + 1) {
        int error = bind_one(p, ATTR_RDONLY | ATTR_NOSUID | ATTR_NODEV);

        if (error != 0) {
            return error;
        }
    }
    return links_copy();
}

static int work_make(const struct zygote_request *r)
{
    int error = point_make(ROOT_NEW "/work", 1);

    if (error == 0) {
        error = point_make(ROOT_NEW "/tmp", 1);
    }
    if (error == 0) {
        error = bind_one("/dev/null", ATTR_RDONLY | ATTR_NOSUID | ATTR_NOEXEC);
    }
    if (error == 0) {
        error = tmpfs_mount(ROOT_NEW "/work", r, 0);
    }
    if (error == 0) {
        error = tmpfs_mount(ROOT_NEW "/tmp", r, MS_NOEXEC);
    }
    return error;
}

static int pivot(void)
{
    if (chdir(ROOT_NEW) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
        umount2(".", MNT_DETACH) < 0) {
        return errno;
    }
    return 0;
}

int root_build(const struct zygote_request *request, const char *roots,
               enum confine_step *out_step)
{
    int error;

    *out_step = STEP_BIND;
    error = binds_make(request, roots);
    if (error == 0) {
        *out_step = STEP_WORK;
        error = work_make(request);
    }
    if (error == 0) {
        *out_step = STEP_ROOT_RDONLY;
        error = attr_set(ROOT_NEW, ATTR_RDONLY, 0);
    }
    if (error == 0) {
        *out_step = STEP_PIVOT;
        error = pivot();
    }
    if (error == 0 && chdir("/work") < 0) {
        *out_step = STEP_WORK;
        error = errno;
    }
    return error;
}
