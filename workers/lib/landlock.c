/* Landlock calls. Runs in the worker while it gives its rights up; must never
 * leave a right unhandled that the host's version knows. */
#include "workers/lib/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* From the kernel's interface; headers of Debian 12 stop at version 2. */
struct ruleset_attr {
    uint64_t handled_access_fs;
    uint64_t handled_access_net; /* version 4 */
    uint64_t scoped;             /* version 6 */
};

struct path_attr {
    uint64_t allowed_access;
    int32_t parent_fd;
} __attribute__((packed));

#define CREATE_RULESET_VERSION 1u
#define RULE_PATH_BENEATH 1

#define FS_EXECUTE (1ull << 0)
#define FS_WRITE_FILE (1ull << 1)
#define FS_READ_FILE (1ull << 2)
#define FS_READ_DIR (1ull << 3)
#define FS_REMOVE_DIR (1ull << 4)
#define FS_REMOVE_FILE (1ull << 5)
#define FS_MAKE_DIR (1ull << 7)
#define FS_MAKE_REG (1ull << 8)
#define FS_MAKE_SYM (1ull << 12)
#define FS_REFER (1ull << 13)
#define FS_TRUNCATE (1ull << 14)
#define FS_FILES (FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE)

static const uint64_t uses[] = {
    [LANDLOCK_USE_READ] = FS_READ_FILE | FS_READ_DIR,
    [LANDLOCK_USE_RUN] = FS_READ_FILE | FS_READ_DIR | FS_EXECUTE,
    [LANDLOCK_USE_WRITE] = FS_READ_FILE | FS_READ_DIR | FS_WRITE_FILE |
                           FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR |
                           FS_MAKE_REG | FS_MAKE_SYM | FS_REFER | FS_TRUNCATE,
    [LANDLOCK_USE_BUILD] = FS_READ_FILE | FS_READ_DIR | FS_WRITE_FILE |
                           FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR |
                           FS_MAKE_REG | FS_MAKE_SYM | FS_REFER | FS_TRUNCATE |
                           FS_EXECUTE,
    [LANDLOCK_USE_NULL] = FS_READ_FILE | FS_WRITE_FILE,
};

/* What each version added, all of it handled. */
static struct ruleset_attr everything(unsigned abi)
{
    struct ruleset_attr a = {.handled_access_fs = (1ull << 13) - 1};

    if (abi >= 2) {
        a.handled_access_fs |= FS_REFER;
    }
    if (abi >= 3) {
        a.handled_access_fs |= FS_TRUNCATE;
    }
    if (abi >= 4) {
        a.handled_access_net = 3; /* bind and connect TCP; no rule follows */
    }
    if (abi >= 5) {
        a.handled_access_fs |= 1ull << 15; /* ioctl on devices */
    }
    if (abi >= 6) {
        a.scoped = 3; /* abstract unix sockets, signals */
    }
    return a;
}

static int rule_add(int ruleset, const struct landlock_rule *r,
                    uint64_t handled)
{
    int fd CLEANUP(fd_closep) = open(r->path, O_PATH | O_CLOEXEC);
    struct path_attr attr = {.allowed_access = uses[r->use] & handled,
                             .parent_fd = fd};
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0) {
        return errno;
    }
    if (!S_ISDIR(st.st_mode)) {
        attr.allowed_access &= FS_FILES;
    }
    return syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &attr,
                   0) < 0
               ? errno
               : 0;
}

int landlock_enter(const struct landlock_rule *rules, size_t rules_n,
                   unsigned *out_abi)
{
    long abi =
        syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);
    int ruleset CLEANUP(fd_closep) = -1;
    struct ruleset_attr attr;
    size_t attr_bytes;

    *out_abi = 0;
    if (abi < 1) {
        return abi < 0 ? errno : EOPNOTSUPP;
    }
    attr = everything((unsigned)abi);
    attr_bytes = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
    ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, attr_bytes, 0);
    if (ruleset < 0) {
        return errno;
    }
    for (size_t i = 0; i < rules_n; i++) {
        int error = rule_add(ruleset, &rules[i], attr.handled_access_fs);

        if (error != 0) {
            return error;
        }
    }
    if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0) {
        return errno;
    }
    *out_abi = (unsigned)abi;
    return 0;
}
