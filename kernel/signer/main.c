/* proctor-signer: holds a store's key. Started by the kernel before anything
 * else, with a socket and the key file (proto/signer.h); ends when the socket
 * does.
 *
 * Must never fork, open, or let the key leave but as signatures and revealed
 * seeds. All memory is taken before the filter is on. */
#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proto/err.h"
#include "kernel/signer/signer.h"

/* Does not come back: exit_group itself, as nothing may run at exit under
 * the filter. Not marked so: sanitizers would make a call of their own
 * before it. */
static int leave(int code)
{
    (void)syscall(SYS_exit_group, code);
    return code;
}

/* Reads n bytes; false at the end of the stream. */
static int read_all(uint8_t *p, size_t n)
{
    while (n > 0) {
        ssize_t got = read(SIGNER_SOCKET_FD, p, n);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return 0;
        }
        p += got;
        n -= (size_t)got;
    }
    return 1;
}

/* One request and its answer, sent at once; false ends the process. */
static int serve_one(struct signer *s, uint8_t *request, struct buf *reply)
{
    uint8_t head[5];
    uint8_t *answer;
    uint32_t n;
    int status;

    if (!read_all(head, sizeof(head))) {
        return 0;
    }
    n = (uint32_t)head[0] << 24 | (uint32_t)head[1] << 16 |
        (uint32_t)head[2] << 8 | head[3];
    if (n < 1 || n - 1 > SIGNER_BODY_MAX || !read_all(request, n - 1)) {
        return 0;
    }
    buf_reset(reply);
    if (buf_extend(reply, sizeof(head), &answer) != 0) {
        return 0;
    }
    status = signer_answer(s, head[4], (struct ubytes){request, n - 1}, reply);
    if (status < 0) {
        return 0;
    }
    if (status != SIGNER_OK) {
        buf_truncate(reply, sizeof(head));
    }
    answer[4] = (uint8_t)status; /* all of reply's room was taken at start */
    buf_patch_u32(reply, 0, (uint32_t)buf_len(reply) - 4);
    return signer_write(SIGNER_SOCKET_FD, buf_bytes(reply).p,
                        buf_len(reply)) == 0;
}

int main(int argc, char **argv)
{
    static uint8_t request[SIGNER_BODY_MAX];
    static struct signer signer;
    struct buf reply;
    uint8_t *room;
    int turns;
    int code;

    /* Before the key is in memory. */
    if (argc != 2 || sodium_init() < 0 ||
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
        return leave(1);
    }
    turns = strcmp(argv[1], "turn") == 0;
    code = strcmp(argv[1], "new") == 0 ? signer_make(&signer, SIGNER_KEY_FD)
           : turns || strcmp(argv[1], "old") == 0
               ? signer_load(&signer, SIGNER_KEY_FD)
               : ERR_SIGNER;
    if (code == 0 && turns) {
        code = signer_make_next(&signer, SIGNER_NEXT_FD);
    }
    (void)close(SIGNER_KEY_FD);
    (void)close(SIGNER_NEXT_FD);
    buf_init(&reply, 4096);
    if (code != 0 || buf_extend(&reply, 4096, &room) != 0) {
        (void)signer_write(SIGNER_SOCKET_FD,
                           (const uint8_t[]){0, 0, 0, 1, SIGNER_E_KEY}, 5);
        return leave(1);
    }
    if (signer_confine() != 0) {
        return leave(1);
    }
    while (serve_one(&signer, request, &reply)) {
    }
    signer_wipe(&signer);
    return leave(0);
}
