/* The kernel's end of a worker's shared memory, by pread and pwrite. Kernel
 * process. Must never map it, or read a byte of it twice. */
#include "proto/share.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/err.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008u /* Linux 6.3 */
#endif

int share_sized(uint64_t bytes, int *out_fd)
{
    unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    int fd CLEANUP(fd_closep) = memfd_create("share", flags | MFD_NOEXEC_SEAL);

    if (bytes > LIMIT_WEIGHTS_FILE_BYTES) {
        return ERR_TRACE(ERR_LIMIT);
    }
    if (fd < 0 && errno == EINVAL) {
        fd = memfd_create("share", flags);
    }
    if (fd < 0 || ftruncate(fd, (off_t)bytes) < 0) {
        return ERR_TRACE(err_from_errno(errno));
    }
    *out_fd = fd_take(&fd);
    return 0;
}

/* EBUSY: the system holds a page for a moment, to move it. The call waits some
 * tenths of a second for that by itself. */
static int seal_all(int fd)
{
    int tries = 10;
    int status;

    do {
        status = fcntl(fd, F_ADD_SEALS,
                       F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
    } while (status < 0 && errno == EBUSY && --tries > 0);
    return status;
}

int share_seal(int fd, uint64_t n)
{
    struct stat st;

    if (fstat(fd, &st) < 0 || n > (uint64_t)st.st_size) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    if (ftruncate(fd, (off_t)n) < 0 || seal_all(fd) < 0) {
        return ERR_TRACE(err_from_errno(errno));
    }
    return 0;
}

int share_new(int *out_fd)
{
    return share_fixed(SHARE_BYTES, out_fd);
}

int share_fixed(uint64_t bytes, int *out_fd)
{
    int fd CLEANUP(fd_closep) = -1;

    TRY(share_sized(bytes, &fd));
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0) {
        return ERR_TRACE(err_from_errno(errno));
    }
    *out_fd = fd_take(&fd);
    return 0;
}

int share_put(int fd, struct ubytes inputs)
{
    size_t at = 0;

    if (inputs.n > LIMIT_BATCH_BYTES) {
        return ERR_TRACE(ERR_LIMIT);
    }
    while (at < inputs.n) {
        ssize_t n = pwrite(fd, inputs.p + at, inputs.n - at,
                           (off_t)(SHARE_INPUTS + at));

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return ERR_TRACE(ERR_NOMEM); /* memory is all it can lack */
        }
        at += (size_t)n;
    }
    return 0;
}

int share_take(int fd, uint64_t claimed, struct buf *out)
{
    size_t at = 0;
    uint8_t *to;

    if (claimed > LIMIT_BATCH_BYTES) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    TRY(buf_extend(out, (size_t)claimed, &to));
    while (at < claimed) {
        ssize_t n = pread(fd, to + at, (size_t)claimed - at,
                          (off_t)(SHARE_OUTPUTS + at));

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return ERR_TRACE(ERR_NOMEM);
        }
        at += (size_t)n;
    }
    return 0;
}
