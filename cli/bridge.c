/* See bridge.h. In the person's process, and in the bridges. */
#include "cli/bridge.h"

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
#include "proto/pb.h"

extern char **environ;

static const struct loc NOWHERE = {NULL, 0, 0};

/* Starts it with these two and standard error, nothing else. */
static int start(const struct bridge *b, int in_fd, int out_fd, pid_t *out_pid,
                 struct diag *d)
{
    char path[PATH_MAX];
    char *argv[] = {(char *)(uintptr_t)b->program, (char *)(uintptr_t)b->verb,
                    (char *)(uintptr_t)b->where, NULL};
    char *none[] = {NULL};
    posix_spawn_file_actions_t a;
    int bad;

    TRY(launch_path(b->program, path, d));
    if (posix_spawn_file_actions_init(&a) != 0) {
        return ERR_TRACE(ERR_NOMEM);
    }
    bad = posix_spawn_file_actions_adddup2(&a, in_fd, STDIN_FILENO);
    bad = bad != 0 ? bad
                   : posix_spawn_file_actions_adddup2(&a, out_fd,
                                                      STDOUT_FILENO);
    bad = bad != 0 ? bad
                   : posix_spawn_file_actions_addclosefrom_np(
                         &a, STDERR_FILENO + 1);
    bad = bad != 0 ? bad
                   : posix_spawn(out_pid, path, &a, NULL, argv,
                                 b->with_environment ? environ : none);
    (void)posix_spawn_file_actions_destroy(&a);
    return bad == 0 ? 0
                    : diag_set(d, err_from_errno(bad), NOWHERE,
                               "cannot start %s: %s", b->program,
                               strerror(bad));
}

static int wait_for(pid_t pid, int *out_status)
{
    while (waitpid(pid, out_status, 0) < 0) {
        if (errno != EINTR) {
            return ERR_TRACE(ERR_IO);
        }
    }
    return 0;
}

static int read_answer(const struct bridge *b, int fd, int status,
                       Proctor__BridgeAnswer **out, struct diag *d)
{
    struct buf bytes CLEANUP(buf_release);
    ProtobufCMessage *m = NULL;
    int rc;

    buf_init(&bytes, BRIDGE_BYTES_MAX);
    if (WIFSIGNALED(status)) {
        return diag_set(d, ERR_INTERNAL, NOWHERE, "%s was ended by signal %d",
                        b->program, WTERMSIG(status));
    }
    rc = lseek(fd, 0, SEEK_SET) == 0
             ? files_read_fd(fd, BRIDGE_BYTES_MAX, &bytes)
             : ERR_IO;
    if (rc == 0 && buf_len(&bytes) > 0) {
        rc = pb_decode(&proctor__bridge_answer__descriptor, buf_bytes(&bytes),
                       BRIDGE_BYTES_MAX, &m);
    } else if (rc == 0) {
        rc = ERR_CLOSED;
    }
    if (rc == 0 && !((const Proctor__BridgeAnswer *)m)->whole) {
        pb_free(m);
        rc = ERR_PROTOCOL;
    }
    if (rc < 0) {
        return diag_set(d, rc == ERR_LIMIT || rc == ERR_NOMEM ? rc
                                                              : ERR_INTERNAL,
                        NOWHERE, "%s gave no answer that can be read: %s",
                        b->program, err_text(rc));
    }
    *out = (Proctor__BridgeAnswer *)m;
    return 0;
}

/* The bridge's own code, in its words. */
static int tell_failure(const Proctor__BridgeAnswer *a, struct diag *d)
{
    int code = a->code <= 0 ? a->code : ERR_INTERNAL;

    if (code != 0) {
        (void)diag_set(d, code, NOWHERE, "%s", a->what);
        if (a->hint[0] != '\0') {
            diag_hint(d, "%s", a->hint);
        }
    }
    return code;
}

int bridge_ask(const struct bridge *b, const Proctor__BridgeAsk *ask,
               Proctor__BridgeAnswer **out, struct diag *d)
{
    int in CLEANUP(fd_closep) = memfd_create("question", MFD_CLOEXEC);
    int answer CLEANUP(fd_closep) = memfd_create("answer", MFD_CLOEXEC);
    struct buf bytes CLEANUP(buf_release);
    pid_t pid = -1;
    int status = 0;
    int rc;

    *out = NULL;
    buf_init(&bytes, BRIDGE_BYTES_MAX);
    rc = in < 0 || answer < 0 ? ERR_IO : pb_encode(&ask->base, &bytes);
    if (rc == 0) {
        rc = disk_write(in, 0, buf_bytes(&bytes).p, buf_len(&bytes));
    }
    buf_release(&bytes);
    if (rc < 0) {
        return diag_set(d, rc, NOWHERE, "what is exported: %s",
                        rc == ERR_LIMIT ? "over 256 MiB" : err_text(rc));
    }
    TRY(start(b, in, answer, &pid, d));
    TRY(wait_for(pid, &status));
    rc = read_answer(b, answer, status, out, d);
    return rc == 0 && *out != NULL ? tell_failure(*out, d) : rc;
}

int bridge_hear(Proctor__BridgeAsk **out, struct diag *d)
{
    struct buf bytes CLEANUP(buf_release);
    ProtobufCMessage *m = NULL;
    int rc;

    buf_init(&bytes, BRIDGE_BYTES_MAX);
    rc = files_read_fd(STDIN_FILENO, BRIDGE_BYTES_MAX, &bytes);
    if (rc == 0) {
        rc = pb_decode(&proctor__bridge_ask__descriptor, buf_bytes(&bytes),
                       BRIDGE_BYTES_MAX, &m);
    }
    *out = (Proctor__BridgeAsk *)m;
    return rc == 0 ? 0
                   : diag_set(d, rc, NOWHERE, "the question cannot be read: %s",
                              err_text(rc));
}

/* Words that came from outside, as a message may hold them. */
static void only_ascii(char *s)
{
    for (; *s != '\0'; s++) {
        if (*s < ' ' || *s > '~') {
            *s = '?';
        }
    }
}

int bridge_answer(Proctor__BridgeAnswer *a, int code, const struct diag *d)
{
    struct buf bytes CLEANUP(buf_release);
    char what[DIAG_TEXT_BYTES];
    char hint[DIAG_TEXT_BYTES];
    int rc;

    (void)snprintf(what, sizeof(what), "%s",
                   d->what[0] != '\0' || code == 0 ? d->what : err_text(code));
    (void)snprintf(hint, sizeof(hint), "%s", d->hint);
    only_ascii(what);
    only_ascii(hint);
    a->whole = 1;
    if (code != 0) {
        a->code = code;
        a->what = what;
        a->hint = hint;
        a->projection = NULL;
    }
    buf_init(&bytes, BRIDGE_BYTES_MAX);
    rc = pb_encode(&a->base, &bytes);
    if (rc == ERR_LIMIT && a->projection != NULL) {
        buf_reset(&bytes);
        a->projection = NULL;
        a->code = rc;
        a->what = pb_str("what is there is over 256 MiB");
        rc = pb_encode(&a->base, &bytes);
    }
    if (rc == 0) {
        rc = disk_write(STDOUT_FILENO, 0, buf_bytes(&bytes).p,
                        buf_len(&bytes));
    }
    return rc == 0 ? 0 : err_exit_code(rc);
}
