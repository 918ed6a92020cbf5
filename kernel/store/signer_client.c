/* See signer_client.h. Kernel process. The key file passes through as a
 * descriptor and is never read here. */
#include "kernel/store/signer_client.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/err.h"
#include "proto/signer.h"

#define PATH_BYTES 4096
#define SIGNER_NAME "proctor-signer"

_Static_assert(SIGNER_SOCKET_FD == 3 && SIGNER_KEY_FD == 4 &&
                   SIGNER_NEXT_FD == 5,
               "the child keeps 3, 4 and perhaps 5 alone");

/* proctor-signer in the folder of this binary. */
static int default_path(char out[static PATH_BYTES])
{
    ssize_t n = readlink("/proc/self/exe", out, PATH_BYTES - 1);
    char *slash;

    if (n <= 0) {
        return ERR_TRACE(ERR_SIGNER);
    }
    out[n] = '\0';
    slash = strrchr(out, '/');
    if (slash == NULL ||
        (size_t)(slash - out) + 2 + sizeof(SIGNER_NAME) > PATH_BYTES) {
        return ERR_TRACE(ERR_SIGNER);
    }
    memcpy(slash + 1, SIGNER_NAME, sizeof(SIGNER_NAME));
    return 0;
}

/* In the child: only async-signal-safe calls. */
NORETURN static void become_signer(const char *path, int sock, int key_fd,
                                    int next_fd, const char *word)
{
    char name[] = SIGNER_NAME;
    char argument[5];
    char *argv[] = {name, argument, NULL};
    char *envp[] = {NULL};
    /* All out of the way first, as each may be 3, 4 or 5. */
    int high_sock = fcntl(sock, F_DUPFD, 10);
    int high_key = fcntl(key_fd, F_DUPFD, 10);
    int high_next = next_fd < 0 ? -1 : fcntl(next_fd, F_DUPFD, 10);
    unsigned last = next_fd < 0 ? SIGNER_KEY_FD : SIGNER_NEXT_FD;

    (void)stpncpy(argument, word, sizeof(argument) - 1);
    argument[sizeof(argument) - 1] = '\0';
    if (high_sock >= 0 && high_key >= 0 && (next_fd < 0 || high_next >= 0) &&
        dup2(high_sock, SIGNER_SOCKET_FD) >= 0 &&
        dup2(high_key, SIGNER_KEY_FD) >= 0 &&
        (next_fd < 0 || dup2(high_next, SIGNER_NEXT_FD) >= 0) &&
        syscall(SYS_close_range, 0u, (unsigned)SIGNER_SOCKET_FD - 1, 0u) == 0 &&
        syscall(SYS_close_range, last + 1, ~0u, 0u) == 0) {
        (void)execve(path, argv, envp);
    }
    _exit(127);
}

static int write_all(int fd, const uint8_t *p, size_t n)
{
    while (n > 0) {
        ssize_t wrote = send(fd, p, n, MSG_NOSIGNAL);

        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote <= 0) {
            return ERR_TRACE(ERR_SIGNER);
        }
        p += wrote;
        n -= (size_t)wrote;
    }
    return 0;
}

static int read_all(int fd, uint8_t *p, size_t n)
{
    while (n > 0) {
        ssize_t got = recv(fd, p, n, 0);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return ERR_TRACE(ERR_SIGNER);
        }
        p += got;
        n -= (size_t)got;
    }
    return 0;
}

/* Request of a head (may be empty) and a tail (may be empty), sent at once: each
 * send would wake the signer. */
static int send_request(struct signer_client *c, enum signer_op op,
                        struct ubytes head, struct ubytes tail)
{
    struct buf *b = &c->request_;

    if (c->fd < 0) {
        return ERR_TRACE(ERR_SIGNER);
    }
    buf_reset(b);
    TRY(buf_put_u32(b, (uint32_t)(1 + head.n + tail.n)));
    TRY(buf_put_u8(b, (uint8_t)op));
    TRY(buf_put(b, head.p, head.n));
    TRY(buf_put(b, tail.p, tail.n));
    return write_all(c->fd, buf_bytes(b).p, buf_len(b));
}

/* The body, borrowed until the next reply. A refusal is ERR_SIGNER. */
static int receive_reply(struct signer_client *c, struct ubytes *out)
{
    uint8_t head[5];
    uint8_t *room;
    size_t n;

    TRY(read_all(c->fd, head, sizeof(head)));
    n = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 |
        head[3];
    if (n < 1 || n > 4096 || head[4] != SIGNER_OK) {
        return ERR_TRACE(ERR_SIGNER);
    }
    buf_reset(&c->reply_);
    TRY(buf_extend(&c->reply_, n - 1, &room));
    TRY(read_all(c->fd, room, n - 1));
    *out = buf_bytes(&c->reply_);
    return 0;
}

static int ask_public(struct signer_client *c, struct signer_public *out)
{
    struct ubytes none = {NULL, 0};
    struct ubytes body;
    struct rd r;
    size_t n;

    memset(out, 0, sizeof(*out));
    TRY(send_request(c, SIGNER_PUBLIC, none, none));
    TRY(receive_reply(c, &body));
    rd_init(&r, body);
    n = rd_u8(&r);
    if (n >= sizeof(out->origin)) {
        return ERR_TRACE(ERR_SIGNER);
    }
    rd_copy(&r, out->origin, n);
    rd_copy(&r, out->key, sizeof(out->key));
    rd_copy(&r, out->anchor, sizeof(out->anchor));
    out->chain_n = rd_u64(&r);
    return rd_end(&r) == 0 ? 0 : ERR_TRACE(ERR_SIGNER);
}

static int spawn(struct signer_client *c, const char *path, int key_fd,
                 int next_fd, const char *word)
{
    int pair[2];
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        return ERR_TRACE(ERR_SIGNER);
    }
    pid = fork();
    if (pid == 0) {
        become_signer(path, pair[1], key_fd, next_fd, word);
    }
    (void)close(pair[1]);
    c->fd = pair[0];
    c->pid = pid < 0 ? 0 : (int)pid;
    return pid < 0 ? ERR_TRACE(ERR_SIGNER) : 0;
}

int signer_client_start(struct signer_client *c, const char *path, int key_fd,
                        int next_fd, int is_new, struct signer_public *out,
                        struct diag *d)
{
    char beside[PATH_BYTES] = "";
    uint8_t *room;
    int code = 0;

    *c = (struct signer_client){.fd = -1};
    buf_init(&c->reply_, 4096);
    buf_init(&c->request_, 5 + SIGNER_BODY_MAX);
    if (path == NULL) {
        code = default_path(beside);
        path = beside;
    }
    /* At once: appending cannot fail for it later. */
    TRY(buf_extend(&c->request_, 5 + SIGNER_BODY_MAX, &room));
    if (code != 0 || access(path, X_OK) != 0) {
        (void)diag_set(d, ERR_SIGNER, (struct loc){.path = NULL},
                       "cannot run the signer %s", path);
        diag_hint(d, "install proctor-signer beside proctor-kernel");
        return ERR_TRACE(ERR_SIGNER);
    }
    code = spawn(c, path, key_fd, next_fd,
                 is_new ? "new" : next_fd >= 0 ? "turn" : "old");
    if (code == 0) {
        code = ask_public(c, out);
    }
    if (code != 0) {
        (void)diag_set(d, ERR_SIGNER, (struct loc){.path = NULL},
                       "the signer could not %s the key file, or had no "
                       "memory for it",
                       is_new ? "write" : "read");
        diag_hint(d, is_new ? "free some space on the disk"
                            : "restore keys/key from a copy; without it the "
                              "ledger can be read but not continued");
    }
    return code;
}

int signer_client_begin(struct signer_client *c,
                        const struct merkle_frontier *f, const uint8_t *sig)
{
    struct ubytes none = {NULL, 0};
    struct ubytes reply;
    struct buf body;
    unsigned level;
    int code;

    buf_init(&body, 8 + 64 * MERKLE_BYTES + 64);
    code = buf_put_u64(&body, f->size);
    for (level = 0; level < 64 && code == 0; level++) {
        if ((f->size >> level & 1) != 0) {
            code = buf_put(&body, f->h[level].b, MERKLE_BYTES);
        }
    }
    if (code == 0 && f->size > 0) {
        code = buf_put(&body, sig, 64);
    }
    if (code == 0) {
        code = send_request(c, SIGNER_START, buf_bytes(&body), none);
    }
    if (code == 0) {
        code = receive_reply(c, &reply);
    }
    buf_release(&body);
    return code;
}

static void put_u64(uint8_t out[static 8], uint64_t v)
{
    int i;

    for (i = 0; i < 8; i++) {
        out[i] = (uint8_t)(v >> (56 - 8 * i));
    }
}

int signer_client_sign_send(struct signer_client *c, uint64_t old_size,
                            const struct merkle_hash *leaves, uint32_t n)
{
    uint8_t head[8];

    put_u64(head, old_size);
    return send_request(c, SIGNER_SIGN, (struct ubytes){head, sizeof(head)},
                        (struct ubytes){leaves->b, (size_t)n * MERKLE_BYTES});
}

int signer_client_sign_receive(struct signer_client *c, uint64_t *out_size,
                               struct merkle_hash *out_root,
                               uint8_t out_sig[static 64])
{
    struct ubytes body;
    struct rd r;

    TRY(receive_reply(c, &body));
    rd_init(&r, body);
    *out_size = rd_u64(&r);
    rd_copy(&r, out_root->b, sizeof(out_root->b));
    rd_copy(&r, out_sig, 64);
    return rd_end(&r) == 0 ? 0 : ERR_TRACE(ERR_SIGNER);
}

int signer_client_reveal(struct signer_client *c, uint64_t i,
                         uint8_t out[static 32])
{
    struct ubytes none = {NULL, 0};
    struct ubytes body;
    uint8_t head[8];

    put_u64(head, i);
    TRY(send_request(c, SIGNER_REVEAL, (struct ubytes){head, sizeof(head)},
                     none));
    TRY(receive_reply(c, &body));
    if (body.n != 32) {
        return ERR_TRACE(ERR_SIGNER);
    }
    memcpy(out, body.p, 32);
    return 0;
}

int signer_client_turn(struct signer_client *c, uint8_t out_key[static 32],
                       uint8_t out_sigs[static 128])
{
    struct ubytes none = {NULL, 0};
    struct ubytes body;
    struct rd r;

    TRY(send_request(c, SIGNER_TURN, none, none));
    TRY(receive_reply(c, &body));
    rd_init(&r, body);
    rd_copy(&r, out_key, 32);
    rd_copy(&r, out_sigs, 128);
    return rd_end(&r) == 0 ? 0 : ERR_TRACE(ERR_SIGNER);
}

void signer_client_stop(struct signer_client *c)
{
    fd_closep(&c->fd);
    if (c->pid > 0) {
        while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR) {
        }
        c->pid = 0;
    }
    buf_release(&c->reply_);
    buf_release(&c->request_);
}
