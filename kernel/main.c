/* proctor-kernel: the trusted parent. Serves one client on descriptor 3 and ends
 * when the client does. Never parses text, never opens a path that a graph names,
 * never holds the key. The only file that ends the process. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "kernel/run/server.h"
#include "proto/err.h"

enum { CLIENT_FD = 3 };

struct options {
    const char *store;  /* NULL: none, checks and dry runs need none */
    const char *images; /* NULL: the folder of this binary */
};

static int usage(void)
{
    fputs("usage: proctor-kernel [--store DIR | --no-store] [--images DIR]\n"
          "Started by `proctor`, with its socket as descriptor 3.\n",
          stderr);
    return 2;
}

static int options_read(int argc, char **argv, struct options *out)
{
    int none = 0;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--no-store") == 0) {
            none = 1;
        } else if (strcmp(argv[i], "--store") == 0 && i + 1 < argc) {
            out->store = argv[++i];
        } else if (strcmp(argv[i], "--images") == 0 && i + 1 < argc) {
            out->images = argv[++i];
        } else {
            return -1;
        }
    }
    return none && out->store != NULL ? -1 : 0;
}

/* Nothing that the caller left open, set or masked changes what follows. */
static int sanitise(void)
{
    struct stat st;
    int fd = open("/dev/null", O_RDWR);

    while (fd >= 0 && fd <= STDERR_FILENO) {
        fd = dup(fd);
    }
    if (fd < 0) {
        return -1;
    }
    if (fd != CLIENT_FD) {
        close(fd);
    }
    if (fstat(CLIENT_FD, &st) < 0 || !S_ISSOCK(st.st_mode) ||
        fcntl(CLIENT_FD, F_SETFD, FD_CLOEXEC) < 0) {
        return -1;
    }
    closefrom(CLIENT_FD + 1); /* also where Linux has no close_range */
    umask(077);
    return 0;
}

static int environment_set(void)
{
    return clearenv() == 0 && setenv("PATH", "/usr/bin:/bin", 1) == 0 &&
                   setenv("LC_ALL", "C", 1) == 0
               ? 0
               : -1;
}

/* A core as far as it was made is taken down in any case: workers end, and what
 * the ledger has queued is committed if that is still possible. */
static int serve(struct core *c, const struct options *o, int signal_fd)
{
    int code = core_init(c, o->store, o->images);
    int closed;

    if (code == 0) {
        code = server_run(c, CLIENT_FD, signal_fd);
    }
    closed = core_release(c);
    return code < 0 ? code : closed;
}

static int signals_open(void)
{
    sigset_t set;

    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
        signal(SIGXFSZ, SIG_IGN) == SIG_ERR || /* EFBIG has a name */
        signal(SIGCHLD, SIG_DFL) == SIG_ERR) {
        return -1;
    }
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_SETMASK, &set, NULL) < 0) {
        return -1;
    }
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int own_folder(char *out, size_t out_n)
{
    ssize_t n = readlink("/proc/self/exe", out, out_n - 1);
    char *slash;

    if (n <= 0) {
        return -1;
    }
    out[n] = '\0';
    slash = strrchr(out, '/');
    if (slash == NULL) {
        return -1;
    }
    *slash = '\0';
    return 0;
}

int main(int argc, char **argv)
{
    static struct core core;
    char folder[PATH_MAX];
    struct options o = {0};
    int signal_fd;
    int code;

    if (options_read(argc, argv, &o) < 0) {
        return usage();
    }
    if (sanitise() < 0) {
        return usage();
    }
    signal_fd = signals_open();
    if (environment_set() < 0 || signal_fd < 0 || sodium_init() < 0 ||
        (o.images == NULL && own_folder(folder, sizeof(folder)) < 0)) {
        fprintf(stderr, "proctor-kernel: error: %s\n", strerror(errno));
        return 4;
    }
    o.images = o.images == NULL ? folder : o.images;
    code = serve(&core, &o, signal_fd);
    if (code < 0) {
        fprintf(stderr, "proctor-kernel: error: %s\n", err_text(code));
        err_trace_print(STDERR_FILENO);
        return err_exit_code(code);
    }
    return 0;
}
