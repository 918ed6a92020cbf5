/* Where runs of experiments stand. Writes beneath the working directory only: each
 * folder on the way is looked at with its links resolved before the next is made. */
#include "cli/experiment_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "cli/files.h"
#include "cli/json.h"
#include "cli/json_read.h"
#include "proto/err.h"
#include "proto/value.h"

#define TRIES 1000
#define INDEX_BYTES_MAX ((size_t)64 << 20)

static const struct loc NOWHERE = {NULL, 0, 0};

static int fail_errno(const char *path, struct diag *d)
{
    int code = err_from_errno(errno);

    return diag_set(d, code, (struct loc){.path = path}, "%s", strerror(errno));
}

static int fail_outside(const char *path, struct diag *d)
{
    (void)diag_set(d, ERR_INPUT, NOWHERE,
                   "the output directory %.100s lies outside of the working "
                   "directory", path);
    diag_hint(d, "start proctor in a folder above it, or name one beneath");
    return ERR_INPUT;
}

static int is_beneath(const char *path, const char *root)
{
    size_t n = strcmp(root, "/") == 0 ? 0 : strlen(root);

    return strncmp(path, root, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* Makes path's folders one by one; *real gets it with links resolved. */
static int make_folders(const char *path, const char *root,
                        char real[static PATH_MAX], struct diag *d)
{
    char part[PATH_MAX];
    size_t n = 0;

    if (snprintf(part, sizeof(part), "%s", path) >= (int)sizeof(part)) {
        return diag_set(d, ERR_LIMIT, NOWHERE, "the output directory's path is "
                                               "too long");
    }
    do {
        char end;

        n += strspn(part + n, "/");
        n += strcspn(part + n, "/");
        end = part[n];
        part[n] = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST) {
            return fail_errno(path, d);
        }
        if (realpath(part, real) == NULL) {
            return fail_errno(path, d);
        }
        if (!is_beneath(real, root) && !is_beneath(root, real)) {
            return fail_outside(path, d);
        }
        part[n] = end;
    } while (part[n] != '\0');
    return is_beneath(real, root) ? 0 : fail_outside(path, d);
}

static int join(char out[static PATH_MAX], const char *a, const char *b,
                struct diag *d)
{
    int n = snprintf(out, PATH_MAX, "%s/%s", a, b);

    return n > 0 && n < PATH_MAX
               ? 0
               : diag_set(d, ERR_LIMIT, NOWHERE, "a path is too long");
}

static void tell_time(struct experiment_dir *out)
{
    struct timeval now;
    struct tm tm;
    size_t n;

    (void)gettimeofday(&now, NULL);
    (void)localtime_r(&now.tv_sec, &tm);
    (void)strftime(out->timestamp, sizeof(out->timestamp), "%Y%m%d_%H%M%S",
                   &tm);
    n = strftime(out->created, sizeof(out->created), "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(out->created + n, sizeof(out->created) - n, ".%06ld",
                   (long)now.tv_usec);
}

/* A folder of its own: whoever makes it first has it. */
static int make_own(struct experiment_dir *out, const char *folder,
                    struct diag *d)
{
    char plain[sizeof(out->timestamp) - 8];

    memcpy(plain, out->timestamp, sizeof(plain) - 1);
    plain[sizeof(plain) - 1] = '\0';
    for (int k = 1; k <= TRIES; k++) {
        TRY(join(out->path, folder, out->timestamp, d));
        if (mkdir(out->path, 0777) == 0) {
            return 0;
        }
        if (errno != EEXIST) {
            return fail_errno(folder, d);
        }
        (void)snprintf(out->timestamp, sizeof(out->timestamp), "%s_%d", plain,
                       k);
    }
    return diag_set(d, ERR_EXISTS, NOWHERE, "%.100s: %d runs in one second",
                    folder, TRIES);
}

int experiment_dir_make(const char *output, const char *name,
                        struct experiment_dir *out, struct diag *d)
{
    char here[PATH_MAX];
    char wanted[PATH_MAX];
    char folder[PATH_MAX];

    memset(out, 0, sizeof(*out));
    if (realpath(".", here) == NULL) {
        return fail_errno(".", d);
    }
    TRY(make_folders(output, here, out->root, d));
    TRY(join(wanted, out->root, name, d));
    TRY(make_folders(wanted, here, folder, d));
    tell_time(out);
    TRY(make_own(out, folder, d));
    TRY(join(out->run, name, out->timestamp, d));
    TRY(join(wanted, out->path, "metrics", d));
    if (mkdir(wanted, 0777) != 0) {
        return fail_errno(out->path, d);
    }
    TRY(join(wanted, out->path, "checkpoints", d));
    return mkdir(wanted, 0777) == 0 ? 0 : fail_errno(out->path, d);
}

int experiment_dir_open(const char *path, struct experiment_dir *out,
                        struct diag *d)
{
    struct stat st;
    char *slash;

    memset(out, 0, sizeof(*out));
    if (realpath(path, out->path) == NULL) {
        (void)diag_set(d, err_from_errno(errno), NOWHERE,
                       "there is no run directory %.150s", path);
        diag_hint(d, "proctor experiment list OUTPUT lists them");
        return d->code;
    }
    if (stat(out->path, &st) != 0 || !S_ISDIR(st.st_mode)) {
        return diag_set(d, ERR_INPUT, NOWHERE, "%.150s is no directory", path);
    }
    (void)snprintf(out->root, sizeof(out->root), "%s", out->path);
    for (int i = 0; i < 2 && (slash = strrchr(out->root, '/')) != NULL; i++) {
        *slash = '\0';
    }
    (void)snprintf(out->run, sizeof(out->run), "%s",
                   out->path + strlen(out->root) +
                       (out->path[strlen(out->root)] == '/'));
    slash = strrchr(out->path, '/');
    (void)snprintf(out->timestamp, sizeof(out->timestamp), "%.40s",
                   slash != NULL ? slash + 1 : "");
    return 0;
}

/* The end of the value that begins at s[i]; the text is JSON. */
static size_t skip_value(struct ubytes s, size_t i)
{
    unsigned depth = 0;
    int quoted = 0;

    for (; i < s.n; i++) {
        uint8_t b = s.p[i];

        if (quoted) {
            i += b == '\\';
            quoted = b != '"';
        } else if (b == '"') {
            quoted = 1;
        } else if (b == '{' || b == '[') {
            depth++;
        } else if (b == '}' || b == ']') {
            if (depth == 0) {
                return i;
            }
            depth--;
        } else if (b == ',' && depth == 0) {
            return i;
        }
    }
    return i;
}

/* When a run was made, as its old entry says. */
static void copy_created(struct ubytes entry, char out[static 48])
{
    static const char key[] = "\"created_at\": \"";
    const uint8_t *at = memmem(entry.p, entry.n, key, sizeof(key) - 1);
    size_t n;

    if (at == NULL) {
        return;
    }
    at += sizeof(key) - 1;
    n = (size_t)(entry.p + entry.n - at);
    n = n > 47 ? 47 : n;
    memcpy(out, at, n);
    out[n] = '\0';
    out[strcspn(out, "\"\\")] = '\0';
}

/* Entries of "runs" as they stand there, but that of the run itself. */
static int copy_entries(struct ubytes old, const char *run, struct buf *out,
                        size_t *out_n, char created[static 48])
{
    static const char head[] = "\"runs\"";
    const uint8_t *at = memmem(old.p, old.n, head, sizeof(head) - 1);
    CLEANUP(buf_release) struct buf own;
    size_t i;

    buf_init(&own, PATH_MAX * 8);
    TRY(buf_putf(&own, "\"run_dir\": "));
    TRY(value_put_json_string(
        &own, (struct ubytes){(const uint8_t *)run, strlen(run)}));
    *out_n = 0;
    at = at ? memchr(at, '[', (size_t)(old.p + old.n - at)) : NULL;
    if (at == NULL) {
        return ERR_INPUT;
    }
    for (i = (size_t)(at - old.p) + 1; i < old.n && old.p[i] != ']';) {
        size_t end;

        while (i < old.n && (old.p[i] == ',' || old.p[i] <= ' ')) {
            i++;
        }
        end = skip_value(old, i);
        while (end > i && old.p[end - 1] <= ' ') {
            end--;
        }
        if (end > i && memmem(old.p + i, end - i, buf_bytes(&own).p,
                              buf_len(&own)) != NULL) {
            copy_created((struct ubytes){old.p + i, end - i}, created);
        } else if (end > i) {
            TRY(buf_putf(out, "%s\n    ", *out_n > 0 ? "," : ""));
            TRY(buf_put(out, old.p + i, end - i));
            ++*out_n;
        }
        i = skip_value(old, i);
    }
    return 0;
}

static int put_pair(struct buf *out, const char *key, const char *value)
{
    TRY(buf_putf(out, "%s\"%s\": ", strcmp(key, "experiment") == 0 ? "" : ", ",
                 key));
    return value_put_json_string(
        out, (struct ubytes){(const uint8_t *)value, strlen(value)});
}

static int put_entry(const struct experiment_dir *r, const char *name,
                     const char *created, const char *status,
                     struct ubytes final_metrics, struct buf *out)
{
    TRY(buf_putf(out, "{"));
    TRY(put_pair(out, "experiment", name));
    TRY(put_pair(out, "timestamp", r->timestamp));
    TRY(put_pair(out, "run_dir", r->run));
    TRY(put_pair(out, "created_at", created));
    TRY(put_pair(out, "status", status));
    TRY(buf_putf(out, ", \"final_metrics\": "));
    TRY(final_metrics.n > 0 ? buf_put(out, final_metrics.p, final_metrics.n)
                            : buf_putf(out, "null"));
    return buf_putf(out, "}");
}

static int is_json(struct ubytes text)
{
    struct json_read *j = NULL;
    int rc = json_read_new(&j);

    rc = rc == 0 ? json_read_text(j, text, INDEX_BYTES_MAX) : rc;
    json_read_free(j);
    return rc == 0;
}

static int write_index(const struct experiment_dir *r, const char *name,
                       const char *status, struct ubytes final_metrics,
                       const char *path, struct diag *d)
{
    CLEANUP(buf_release) struct buf old;
    CLEANUP(buf_release) struct buf out;
    char created[48];
    size_t n = 0;
    int rc;

    memcpy(created, r->created, sizeof(created));
    buf_init(&old, INDEX_BYTES_MAX);
    buf_init(&out, INDEX_BYTES_MAX);
    rc = files_read(path, INDEX_BYTES_MAX, &old);
    if (rc != 0 && rc != ERR_NOT_FOUND) {
        return diag_set(d, rc, (struct loc){.path = path}, "%s", err_text(rc));
    }
    TRY(buf_putf(&out, "{\n  \"runs\": ["));
    if (rc == 0) {
        rc = is_json(buf_bytes(&old))
                 ? copy_entries(buf_bytes(&old), r->run, &out, &n, created)
                 : ERR_INPUT;
        if (rc != 0) {
            (void)diag_set(d, rc, (struct loc){.path = path},
                           "this is no list of runs");
            diag_hint(d, "move it away: nothing but a listing is lost");
            return rc;
        }
    }
    err_trace_clear();
    TRY(buf_putf(&out, "%s\n    ", n > 0 ? "," : ""));
    TRY(put_entry(r, name, created, status, final_metrics, &out));
    TRY(buf_putf(&out, "\n  ]\n}\n"));
    rc = files_write(path, buf_bytes(&out));
    return rc == 0 ? 0
                   : diag_set(d, rc, (struct loc){.path = path}, "%s",
                              err_text(rc));
}

int experiment_dir_index(const struct experiment_dir *r, const char *name,
                         const char *status, struct ubytes final_metrics,
                         struct diag *d)
{
    CLEANUP(fd_closep) int lock = -1;
    char path[PATH_MAX];

    TRY(join(path, r->root, ".index.lock", d));
    lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (lock < 0) {
        return fail_errno(r->root, d);
    }
    while (flock(lock, LOCK_EX) != 0) {
        if (errno != EINTR) {
            return fail_errno(r->root, d);
        }
    }
    TRY(join(path, r->root, "index.json", d));
    return write_index(r, name, status, final_metrics, path, d);
}

static int write_file(const struct experiment_dir *r, const char *file,
                      struct ubytes bytes,
                      int (*put)(const char *path, struct ubytes bytes),
                      struct diag *d)
{
    char path[PATH_MAX];
    int rc;

    TRY(join(path, r->path, file, d));
    rc = put(path, bytes);
    return rc == 0 ? 0
                   : diag_set(d, rc, NOWHERE, "%.180s: %s", path, err_text(rc));
}

int experiment_dir_write(const struct experiment_dir *r, const char *file,
                         struct ubytes bytes, struct diag *d)
{
    return write_file(r, file, bytes, files_write, d);
}

int experiment_dir_view(const struct experiment_dir *r, const char *file,
                        struct ubytes bytes, struct diag *d)
{
    return write_file(r, file, bytes, files_write_view, d);
}
