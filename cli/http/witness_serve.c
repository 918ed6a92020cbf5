/* See witness_serve.h. Process `proctor-witness serve`. libmicrohttpd without threads: it is run when one of its
 * descriptors is ready, so requests are decided one after the other. */
#include "cli/http/witness_serve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/http/witness_confine.h"
#include "proto/add_checkpoint.h"
#include "proto/err.h"

#define CONNECTIONS_MAX 64
#define TIMEOUT_S 10
#define REPLY_BYTES_MAX 4096

struct server {
    struct witness *w; /* borrowed */
    struct MHD_Daemon *http;
    int listen_fd; /* owned until http has it */
    int signal_fd;
    int failed; /* the witness must not go on */
};

/* A request's body as far as it came. */
struct intake {
    struct buf body;
    int too_long;
};

static const struct loc NOWHERE = {NULL, 0, 0};

static enum MHD_Result respond(struct MHD_Connection *c, unsigned status,
                               struct ubytes text)
{
    struct MHD_Response *r = MHD_create_response_from_buffer(
        text.n, (void *)(uintptr_t)text.p, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result result;

    if (r == NULL) {
        return MHD_NO;
    }
    (void)MHD_add_response_header(
        r, MHD_HTTP_HEADER_CONTENT_TYPE,
        status == 409 ? "text/x.tlog.size" : "text/plain; charset=utf-8");
    result = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return result;
}

static enum MHD_Result respond_text(struct MHD_Connection *c, unsigned status,
                                    const char *text)
{
    return respond(c, status,
                   (struct ubytes){(const uint8_t *)text, strlen(text)});
}

static enum MHD_Result decide(struct server *s, struct MHD_Connection *c,
                              struct intake *in)
{
    enum MHD_Result result;
    struct timespec now = {0, 0};
    unsigned status = 500;
    struct buf out;
    int rc;

    if (in->too_long) {
        return respond_text(c, 400, "the request is too long\n");
    }
    buf_init(&out, REPLY_BYTES_MAX);
    (void)clock_gettime(CLOCK_REALTIME, &now);
    rc = witness_answer(s->w, buf_bytes(&in->body),
                        now.tv_sec > 0 ? (uint64_t)now.tv_sec : 0, &status,
                        &out);
    if (rc != 0) {
        s->failed = rc;
        result = respond_text(c, 500, "this witness has stopped\n");
    } else {
        result = respond(c, status, buf_bytes(&out));
    }
    buf_release(&out);
    return result;
}

/* Its form is libmicrohttpd's.
 * NOLINTNEXTLINE(readability-function-size) */
static enum MHD_Result on_request(void *ctx, struct MHD_Connection *c,
                                  const char *url, const char *method,
                                  const char *version, const char *data,
                                  size_t *data_n, void **state)
{
    struct server *s = ctx;
    struct intake *in = *state;

    (void)version;
    if (strcmp(url, "/add-checkpoint") != 0) {
        return respond_text(c, 404, "there is only /add-checkpoint\n");
    }
    if (strcmp(method, "POST") != 0) {
        return respond_text(c, 405, "POST it\n");
    }
    if (in == NULL) {
        in = calloc(1, sizeof(*in));
        if (in == NULL) {
            return MHD_NO;
        }
        buf_init(&in->body, ADD_CHECKPOINT_BYTES_MAX);
        *state = in;
        return MHD_YES;
    }
    if (*data_n > 0) {
        if (buf_put(&in->body, data, *data_n) != 0) {
            err_trace_clear();
            in->too_long = 1;
        }
        *data_n = 0;
        return MHD_YES;
    }
    return decide(s, c, in);
}

static void on_end(void *ctx, struct MHD_Connection *c, void **state,
                   enum MHD_RequestTerminationCode why)
{
    struct intake *in = *state;

    (void)ctx;
    (void)c;
    (void)why;
    if (in != NULL) {
        buf_release(&in->body);
        free(in);
        *state = NULL;
    }
}

/* Listening. */

/* A socket that nobody answers on is what a killed witness left. */
static int listen_unix(const char *path, int *out_fd, struct diag *d)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd CLEANUP(fd_closep) =
        socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct stat st;

    if (path[0] != '/' || strlen(path) >= sizeof(a.sun_path)) {
        return diag_set(d, ERR_INPUT, NOWHERE,
                        "unix:PATH needs an absolute path of at most %zu bytes",
                        sizeof(a.sun_path) - 1);
    }
    memcpy(a.sun_path, path, strlen(path));
    if (fd >= 0 && lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) &&
        connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0 &&
        errno == ECONNREFUSED) {
        (void)unlink(path);
    }
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 ||
        chmod(path, 0666) != 0 || listen(fd, CONNECTIONS_MAX) != 0) {
        return diag_set(d, err_from_errno(errno), NOWHERE,
                        "cannot listen on %.120s: %s", path, strerror(errno));
    }
    *out_fd = fd_take(&fd);
    return 0;
}

static int listen_port(const char *at, int *out_fd, struct diag *d)
{
    static const char *const hosts[] = {"127.0.0.1:", "[::1]:"};
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
                              .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int is_v6 = strncmp(at, hosts[1], strlen(hosts[1])) == 0;
    const char *host = hosts[is_v6];
    int fd CLEANUP(fd_closep) = -1;
    const int yes = 1;
    uint64_t port;
    int bad;

    if (strncmp(at, host, strlen(host)) != 0 ||
        args_u64(at + strlen(host), &port) != 0 || port > 65535) {
        (void)diag_set(d, ERR_INPUT, NOWHERE, "cannot listen on \"%.80s\"", at);
        diag_hint(d, "unix:PATH, 127.0.0.1:PORT or [::1]:PORT; who wants it "
                     "further away puts a web server in front");
        return ERR_INPUT;
    }
    v4.sin_port = v6.sin6_port = htons((uint16_t)port);
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fd = socket(is_v6 ? AF_INET6 : AF_INET,
                SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    bad = fd < 0 ||
          (is_v6 ? bind(fd, (struct sockaddr *)&v6, sizeof(v6))
                 : bind(fd, (struct sockaddr *)&v4, sizeof(v4))) != 0 ||
          listen(fd, CONNECTIONS_MAX) != 0;
    if (bad) {
        return diag_set(d, err_from_errno(errno), NOWHERE,
                        "cannot listen on %.80s: %s", at, strerror(errno));
    }
    *out_fd = fd_take(&fd);
    return 0;
}

/* The address as a client names it; the port is the one that was given out. */
static void say_where(const struct server *s, const char *at)
{
    struct sockaddr_in6 a = {.sin6_port = 0}; /* v4 has its port there too */
    socklen_t n = sizeof(a);

    if (strncmp(at, "unix:", 5) == 0) {
        printf("listening on %s\n", at);
    } else {
        (void)getsockname(s->listen_fd, (struct sockaddr *)&a, &n);
        printf("listening on http://%.*s:%u\n",
               (int)(strrchr(at, ':') - at), at, ntohs(a.sin6_port));
    }
    (void)fflush(stdout);
}

static int open_http(struct server *s, struct diag *d)
{
    s->http = MHD_start_daemon(
        MHD_USE_EPOLL, 0, NULL, NULL, on_request, s, MHD_OPTION_LISTEN_SOCKET,
        s->listen_fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)16384,
        MHD_OPTION_NOTIFY_COMPLETED, on_end, s, MHD_OPTION_END);
    if (s->http == NULL) {
        return diag_set(d, ERR_IO, NOWHERE, "cannot start the HTTP server: %s",
                        strerror(errno));
    }
    return 0;
}

static int catch_signals(struct server *s, struct diag *d)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 ||
        signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
        (s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) < 0) {
        return diag_set(d, err_from_errno(errno), NOWHERE,
                        "cannot wait for signals: %s", strerror(errno));
    }
    return 0;
}

static int loop(struct server *s, struct diag *d)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(s->http, MHD_DAEMON_INFO_EPOLL_FD);
    struct pollfd p[2] = {{.fd = info->epoll_fd, .events = POLLIN},
                          {.fd = s->signal_fd, .events = POLLIN}};

    for (;;) {
        MHD_UNSIGNED_LONG_LONG wait_ms;
        int timeout = MHD_get_timeout(s->http, &wait_ms) != MHD_YES ? -1
                      : wait_ms > 60000                             ? 60000
                                        : (int)wait_ms;

        if (poll(p, 2, timeout) < 0 && errno != EINTR) {
            return diag_set(d, err_from_errno(errno), NOWHERE, "poll: %s",
                            strerror(errno));
        }
        if (p[1].revents != 0) {
            return 0;
        }
        if (MHD_run(s->http) != MHD_YES) {
            return diag_set(d, ERR_IO, NOWHERE, "the HTTP server failed");
        }
        if (s->failed != 0) {
            (void)diag_set(d, s->failed, NOWHERE,
                           "the witness stopped: its head could not be kept: "
                           "%s", err_text(s->failed));
            diag_hint(d, "nothing was cosigned that is not kept; start it "
                         "again when the disk is well");
            return s->failed;
        }
    }
}

int witness_serve(struct witness *w, const char *at, struct diag *d)
{
    struct server s = {.w = w, .listen_fd = -1, .signal_fd = -1};
    int rc = strncmp(at, "unix:", 5) == 0
                 ? listen_unix(at + 5, &s.listen_fd, d)
                 : listen_port(at, &s.listen_fd, d);

    if (rc == 0) {
        rc = catch_signals(&s, d);
    }
    if (rc == 0) {
        rc = witness_confine(witness_dir_fd(w), d);
    }
    if (rc == 0) {
        rc = open_http(&s, d);
    }
    if (rc == 0) {
        say_where(&s, at);
        rc = loop(&s, d);
        MHD_stop_daemon(s.http);
        s.listen_fd = -1; /* the server closed it */
    }
    fd_closep(&s.listen_fd);
    fd_closep(&s.signal_fd);
    return rc;
}
