/* See witness_ask.h. Question and answer lie in memfds: nothing can block on a
 * full pipe, nor die by a closed one. */
#include "cli/witness_ask.h"

#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/files.h"
#include "proto/disk.h"
#include "proto/err.h"
#include "proto/launch.h"
#include "proto/note_text.h"

#define ANSWER_BYTES_MAX (REPLY_BYTES_MAX + 16)
#define REPLY_BYTES_MAX 65536

/* Runs it; *out_code: its exit code, -1 when a signal ended it. */
static int run(const char *url, int in_fd, int out_fd, int *out_code)
{
    char path[PATH_MAX];
    char name[] = WITNESS_PROGRAM;
    char verb[] = "ask";
    char *argv[] = {name, verb, (char *)(uintptr_t)url, NULL};
    char *none[] = {NULL};
    posix_spawn_file_actions_t a;
    struct diag ignored;
    pid_t pid;
    int status;
    int bad;

    diag_init(&ignored);
    TRY(launch_path(WITNESS_PROGRAM, path, &ignored));
    if (posix_spawn_file_actions_init(&a) != 0) {
        return ERR_TRACE(ERR_NOMEM);
    }
    bad = posix_spawn_file_actions_adddup2(&a, in_fd, STDIN_FILENO) != 0 ||
          posix_spawn_file_actions_adddup2(&a, out_fd, STDOUT_FILENO) != 0 ||
          posix_spawn_file_actions_addclosefrom_np(&a, STDERR_FILENO + 1) !=
              0 ||
          posix_spawn(&pid, path, &a, NULL, argv, none) != 0;
    (void)posix_spawn_file_actions_destroy(&a);
    if (bad) {
        return ERR_TRACE(ERR_IO);
    }
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return ERR_TRACE(ERR_IO);
        }
    }
    *out_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return 0;
}

/* Status line and reply, or the reason. */
static int understand(struct ubytes answer, int code, unsigned *out_status,
                      struct buf *reply, char why[static WITNESS_WHY_BYTES])
{
    struct note_text rest = {(const char *)answer.p, answer.n};
    struct note_text line;
    uint64_t status;

    if (code == 0 && note_take_line(&rest, &line) &&
        note_parse_u64(line, &status) && status < 1000) {
        *out_status = (unsigned)status;
        return buf_put(reply, rest.p, rest.n);
    }
    (void)snprintf(why, WITNESS_WHY_BYTES, "%.*s",
                   code == 1 && answer.n < 120 ? (int)answer.n : 0,
                   (const char *)answer.p);
    return ERR_TRACE(ERR_CLOSED);
}

int witness_ask(const char *url, struct ubytes body, unsigned *out_status,
                struct buf *reply, char out_why[static WITNESS_WHY_BYTES])
{
    int in CLEANUP(fd_closep) = memfd_create("question", MFD_CLOEXEC);
    int out CLEANUP(fd_closep) = memfd_create("answer", MFD_CLOEXEC);
    struct buf answer;
    int code = -1;
    int rc = in < 0 || out < 0 ? ERR_TRACE(ERR_IO)
                               : disk_write(in, 0, body.p, body.n);

    out_why[0] = '\0';
    buf_init(&answer, ANSWER_BYTES_MAX);
    if (rc == 0) {
        rc = run(url, in, out, &code);
    }
    if (rc == 0 && lseek(out, 0, SEEK_SET) == 0) {
        rc = files_read_fd(out, ANSWER_BYTES_MAX, &answer);
    }
    if (rc == 0) {
        rc = understand(buf_bytes(&answer), code, out_status, reply, out_why);
    }
    buf_release(&answer);
    if (rc != 0 && out_why[0] == '\0') {
        (void)snprintf(out_why, WITNESS_WHY_BYTES,
                       "proctor-witness could not ask it");
    }
    return rc == 0 ? 0 : ERR_CLOSED;
}
