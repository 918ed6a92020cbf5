/* Opening what a request names, with the person's authority. */
#include "cli/request.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/files.h"
#include "proto/err.h"

#define DEFAULT_POLICY "proctor-policy.yaml"

static const struct loc NOWHERE = {NULL, 0, 0};

void request_init(struct request *r, Proctor__RunMode mode)
{
    memset(r, 0, sizeof(*r));
    proctor__run_request__init(&r->m);
    r->m.mode = mode;
    r->m.overrides = r->list;
    r->dir_fd = -1;
}

void request_release(struct request *r)
{
    while (r->fds_n > 0) {
        fd_closep(&r->fds[--r->fds_n]);
    }
    free(r->overrides);
    r->overrides = NULL;
    fd_closep(&r->dir_fd);
}

int request_override(struct request *r, char *arg, struct diag *d)
{
    struct request_override *o;
    char *equals = strchr(arg, '=');
    size_t key_n;

    if (equals == NULL || equals == arg) {
        (void)diag_set(d, ERR_INPUT, NOWHERE,
                       "\"%.80s\" is neither a second graph nor key=value",
                       arg);
        diag_hint(d, "one graph per run; overrides look like "
                     "exam.priority=9");
        return ERR_INPUT;
    }
    if (r->overrides == NULL) {
        r->overrides = calloc(REQUEST_OVERRIDES_MAX, sizeof(*r->overrides));
        if (r->overrides == NULL) {
            return diag_set(d, ERR_NOMEM, NOWHERE, "out of memory");
        }
    }
    o = &r->overrides[r->overrides_n];
    key_n = (size_t)(equals - arg);
    if (r->overrides_n == REQUEST_OVERRIDES_MAX || key_n >= sizeof(o->key)) {
        return diag_set(d, ERR_LIMIT, NOWHERE,
                        "override \"%.40s\": at most %d overrides, keys under "
                        "%zu bytes",
                        arg, REQUEST_OVERRIDES_MAX, sizeof(o->key));
    }
    proctor__override__init(&o->m);
    memcpy(o->key, arg, key_n);
    o->key[key_n] = '\0';
    o->m.key = o->key;
    o->m.value = equals + 1;
    r->list[r->overrides_n++] = &o->m;
    r->m.n_overrides = r->overrides_n;
    return 0;
}

int request_graph(struct request *r, char *path, struct diag *d)
{
    struct loc at = {path, 0, 0};
    int rc;

    ASSERT(r->fds_n == 0);
    TRY(files_open("the graph", path, &r->fds[0], d));
    r->fds_n = 1;
    rc = files_folder(path, r->dir, sizeof(r->dir));
    if (rc != 0) {
        return diag_set(d, rc, at, "cannot tell the graph's folder: %s",
                        err_text(rc));
    }
    r->dir_fd = open(r->dir[0] != '\0' ? r->dir : ".",
                     O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (r->dir_fd < 0) {
        rc = err_from_errno(errno);
        return diag_set(d, rc, at, "cannot open the graph's folder: %s",
                        strerror(errno));
    }
    r->m.graph_path = path;
    r->m.graph_dir = r->dir;
    return 0;
}

/* The default policy's path into r->policy. True when there is one. */
static int find_policy(struct request *r)
{
    int n = snprintf(r->policy, sizeof(r->policy), "%s%s%s", r->dir,
                     r->dir[0] != '\0' ? "/" : "", DEFAULT_POLICY);

    if (n > 0 && (size_t)n < sizeof(r->policy) &&
        access(r->policy, F_OK) == 0) {
        return 1;
    }
    (void)snprintf(r->policy, sizeof(r->policy), "%s", DEFAULT_POLICY);
    return access(r->policy, F_OK) == 0;
}

int request_policy(struct request *r, char *path, struct diag *d)
{
    if (path == NULL) {
        if (!find_policy(r)) {
            (void)diag_set(d, ERR_NOT_FOUND, NOWHERE,
                           "no policy: nothing is granted without one");
            diag_hint(d,
                      "name one with --policy (policy/default.yaml is one to "
                      "begin with), or put %s beside the graph",
                      DEFAULT_POLICY);
            return ERR_NOT_FOUND;
        }
        path = r->policy;
    }
    TRY(files_open("the policy", path, &r->fds[r->fds_n], d));
    r->fds_n++;
    r->m.policy_path = path;
    return 0;
}

static int add_memory(struct request *r, struct ubytes text)
{
    CLEANUP(fd_closep) int fd = memfd_create("proctor-text", MFD_CLOEXEC);

    if (fd < 0) {
        return err_from_errno(errno);
    }
    while (text.n > 0) {
        ssize_t n = write(fd, text.p, text.n);

        if (n < 0 && errno != EINTR) {
            return err_from_errno(errno);
        }
        text.p += n > 0 ? n : 0;
        text.n -= n > 0 ? (size_t)n : 0;
    }
    r->fds[r->fds_n++] = fd_take(&fd);
    return 0;
}

int request_json(struct request *r, struct json *j, struct diag *d)
{
    struct ubytes text;
    int rc = json_end(j, &text);

    rc = rc == 0 ? add_memory(r, text) : rc;
    json_release(j);
    return rc < 0 ? diag_set(d, rc, NOWHERE, "cannot write the task down: %s",
                             err_text(rc))
                  : 0;
}
