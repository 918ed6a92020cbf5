/* See witness_confine.h. Process `proctor-witness serve`. Landlock has no library;
 * its calls are made here. */
#include "cli/http/witness_confine.h"

#include <errno.h>
#include <grp.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proto/err.h"

/* linux/landlock.h of Debian 12 knows only the first ABI. */
struct ruleset {
    uint64_t fs;
    uint64_t net;
    uint64_t scoped;
};
struct beneath {
    uint64_t allowed;
    int32_t parent_fd;
} __attribute__((packed));

#define RULE_PATH_BENEATH 1
#define FS_ALL ((1ull << 16) - 1)
#define FS_READ_FILE (1ull << 2)
#define FS_WRITE_FILE (1ull << 1)
#define FS_READ_DIR (1ull << 3)
#define FS_REMOVE_FILE (1ull << 5)
#define FS_MAKE_REG (1ull << 8)
#define NET_ALL 3ull    /* TCP bind and connect */
#define SCOPED_ALL 3ull /* abstract sockets, signals */

static const struct loc NOWHERE = {NULL, 0, 0};

static int refuse(struct diag *d, const char *what)
{
    (void)diag_set(d, ERR_CONFINE, NOWHERE,
                   "the witness cannot shut itself in: %s: %s", what,
                   strerror(errno));
    diag_hint(d, "proctor doctor tells what this host lacks");
    return ERR_CONFINE;
}

/* Out of root, into the uid that owns the folder. */
static int leave_root(int dir_fd, struct diag *d)
{
    struct stat st;

    if (fstat(dir_fd, &st) != 0) {
        return refuse(d, "fstat");
    }
    if (geteuid() != 0) {
        return 0;
    }
    if (st.st_uid == 0) {
        (void)diag_set(d, ERR_CONFINE, NOWHERE,
                       "a witness does not run as root, and its folder "
                       "belongs to root");
        diag_hint(d, "give the folder and all in it to a uid of its own (chown "
                     "-R), or `proctor witness init --owner UID`");
        return ERR_CONFINE;
    }
    if (setgroups(0, NULL) != 0 ||
        setresgid(st.st_gid, st.st_gid, st.st_gid) != 0 ||
        setresuid(st.st_uid, st.st_uid, st.st_uid) != 0) {
        return refuse(d, "setresuid");
    }
    return 0;
}

static int limits(struct diag *d)
{
    static const struct {
        int what;
        rlim_t most;
    } rows[] = {{RLIMIT_CORE, 0},
                {RLIMIT_FSIZE, 1u << 20},
                {RLIMIT_NOFILE, 128},
                {RLIMIT_MEMLOCK, 1u << 20}};
    size_t i;

    for (i = 0; i < ARRAY_N(rows); i++) {
        const struct rlimit limit = {rows[i].most, rows[i].most};

        if (setrlimit((__rlimit_resource_t)rows[i].what, &limit) != 0) {
            return refuse(d, "setrlimit");
        }
    }
    return 0;
}

static int landlock(int dir_fd, struct diag *d)
{
    const struct ruleset all = {FS_ALL, NET_ALL, SCOPED_ALL};
    const struct beneath own = {FS_READ_FILE | FS_WRITE_FILE | FS_READ_DIR |
                                    FS_REMOVE_FILE | FS_MAKE_REG,
                                dir_fd};
    int fd CLEANUP(fd_closep) =
        (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);

    if (fd < 0) {
        return refuse(d, "Landlock (ABI 6, Linux 6.12)");
    }
    if (syscall(SYS_landlock_add_rule, fd, RULE_PATH_BENEATH, &own, 0) != 0 ||
        syscall(SYS_landlock_restrict_self, fd, 0) != 0) {
        return refuse(d, "Landlock");
    }
    return 0;
}

int witness_confine(int dir_fd, struct diag *d)
{
    TRY(leave_root(dir_fd, d));
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
        return refuse(d, "prctl");
    }
    TRY(limits(d));
    return landlock(dir_fd, d);
}
