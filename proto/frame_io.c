/* Bytes and descriptors on a stream socket. Runs in every process. Must never
 * leave a received descriptor without an owner. */
#include "proto/frame_io.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "proto/err.h"

/* Room for one set of descriptors, aligned as the kernel wants it. */
union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int) * LIMIT_FRAME_FDS)];
};

void frame_fds_close(struct frame_fds *fds)
{
    for (unsigned i = 0; i < fds->n; i++) {
        fd_closep(&fds->fd[i]);
    }
    fds->n = 0;
}

static int code_of_errno(int errno_value)
{
    switch (errno_value) {
    case EAGAIN:
        return FRAME_IO_E_AGAIN;
    case EPIPE:
    case ECONNRESET:
        return ERR_CLOSED;
    case ENOMEM:
    case ENOBUFS:
        return ERR_NOMEM;
    default:
        return ERR_IO;
    }
}

/* Adds what a control message carries; what does not fit is closed. */
static int collect(const struct cmsghdr *c, struct frame_fds *fds)
{
    size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    int code = 0;

    for (size_t i = 0; i < n; i++) {
        int fd;

        memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
        if (fds->n < LIMIT_FRAME_FDS) {
            fds->fd[fds->n] = fd;
            fds->n++;
        } else {
            fd_closep(&fd);
            code = ERR_PROTOCOL;
        }
    }
    return code;
}

int frame_io_receive(int sock, int flags, void *p, size_t n,
                     struct frame_fds *fds, size_t *out_n)
{
    union control control = {.bytes = {0}};
    struct iovec iov = {.iov_base = p, .iov_len = n};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof(control.bytes)};
    ssize_t got;
    int code = 0;

    *out_n = 0;
    do {
        got = recvmsg(sock, &m, flags | MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return code_of_errno(errno);
    }
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c != NULL;
         c = CMSG_NXTHDR(&m, c)) {
        int bad = 0;

        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
            bad = collect(c, fds);
        }
        code = bad < 0 ? bad : code;
    }
    if ((m.msg_flags & MSG_CTRUNC) != 0) {
        code = ERR_PROTOCOL;
    }
    if (code < 0) {
        frame_fds_close(fds);
        return code;
    }
    *out_n = (size_t)got;
    return 0;
}

int frame_io_send(int sock, int flags, struct ubytes bytes, const int *fds,
                  unsigned fds_n, size_t *out_n)
{
    union control control = {.bytes = {0}};
    struct iovec iov = {.iov_len = bytes.n};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t sent;

    ASSERT(fds_n <= LIMIT_FRAME_FDS && bytes.n > 0);
    *out_n = 0;
    memcpy(&iov.iov_base, &bytes.p, sizeof(bytes.p)); /* it is only read */
    if (fds_n > 0) {
        struct cmsghdr *c;

        m.msg_control = control.bytes;
        m.msg_controllen = CMSG_SPACE(sizeof(int) * fds_n);
        c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * fds_n);
        memcpy(CMSG_DATA(c), fds, sizeof(int) * fds_n);
    }
    do {
        sent = sendmsg(sock, &m, flags | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) {
        return code_of_errno(errno);
    }
    *out_n = (size_t)sent;
    return 0;
}
