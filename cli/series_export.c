/* A series as files, for tools that know nothing of us:
 *
 *   DIR/inputs/inputs-0-0-0.bin ...   DIR/inputs-meta.jsonl
 *   DIR/outputs/outputs-0-0-0.bin ... DIR/outputs-meta.jsonl
 *
 * Line i of either list is run i. The three numbers of a name are the position,
 * 1,000 to a carry: nothing else says which run it is. A view: the ledger is
 * the truth. Never writes over anything (H10). */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/series.h"
#include "proto/err.h"
#include "proto/limits.h"

#define CARRY 1000u

struct export
{
    struct cli *c;
    const char *store;
    const struct series_all *all;
    const struct series *s;
    int dir_fd;
};

static int write_all(int fd, struct ubytes b)
{
    while (b.n > 0) {
        ssize_t n = write(fd, b.p, b.n);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return err_from_errno(errno);
        }
        b.p += n;
        b.n -= (size_t)n;
    }
    return 0;
}

/* A new file, whole and synced. */
static int write_new(const struct export *x, const char *name, struct ubytes b)
{
    CLEANUP(fd_closep)
    int fd =
        openat(x->dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
    int code = fd < 0 ? err_from_errno(errno) : write_all(fd, b);

    if (code == 0 && fsync(fd) < 0) {
        code = err_from_errno(errno);
    }
    return code == 0 ? 0 : cli_fail(x->c, code, "%s: %s", name, err_text(code));
}

static void put_version(struct json *j, size_t i)
{
    json_array(j, "version");
    json_u64(j, NULL, i / CARRY / CARRY);
    json_u64(j, NULL, i / CARRY % CARRY);
    json_u64(j, NULL, i % CARRY);
    json_close(j);
}

/* Writes the artifact of entry i, if there is one, and begins its line. */
static int begin_line(const struct export *x, const char *kind, size_t i,
                      const struct series_entry *e, struct json *j)
{
    CLEANUP(buf_release) struct buf b;
    char name[80];
    int code;

    (void)snprintf(name, sizeof(name), "%s/%s-%zu-%zu-%zu.bin", kind, kind,
                   i / CARRY / CARRY, i / CARRY % CARRY, i % CARRY);
    json_init(j);
    json_object(j, NULL);
    put_version(j, i);
    if (cid_is_zero(&e->artifact)) {
        json_null(j, "file");
        json_null(j, "sha256");
        json_null(j, "cid");
        return 0;
    }
    buf_init(&b, LIMIT_OBJECT_BYTES);
    code = series_read(x->store, e, &b);
    if (code != 0) {
        return cli_fail_hint(x->c, code, "`proctor runs audit` names the file",
                             "%.80s[%zu]: %s: %s", x->s->name, i, kind,
                             err_text(code));
    }
    json_str(j, "file", name);
    json_hex(j, "sha256", e->sha256, sizeof(e->sha256));
    json_hex(j, "cid", e->artifact.b, CID_BYTES);
    return write_new(x, name, buf_bytes(&b));
}

/* The document on one line: its line breaks are never inside a string. */
static int end_line(struct json *j, struct buf *out)
{
    struct ubytes text;

    json_close(j);
    TRY(json_end(j, &text));
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] != '\n') {
            TRY(buf_put_u8(out, text.p[i]));
            continue;
        }
        while (i + 1 < text.n && text.p[i + 1] == ' ') {
            i++;
        }
    }
    return buf_put_u8(out, '\n');
}

static int put_inputs(const struct export *x, size_t i, struct json *j,
                      struct buf *out)
{
    const struct series_entry *e = &x->s->inputs[i];
    size_t parent_i = 0;
    const struct series *parent = series_by_ref(x->all, e->ref, &parent_i);

    TRY(begin_line(x, "inputs", i, e, j));
    json_str(j, "note", e->text);
    json_hex(j, "program", e->program.b, CID_BYTES);
    json_u64(j, "first", x->s->first[i]);
    if (parent != NULL) {
        json_array(j, "parent");
        json_str(j, NULL, parent->name);
        json_u64(j, NULL, parent_i);
        json_close(j);
    }
    json_u64(j, "record", e->seq);
    return end_line(j, out);
}

static int put_outputs(const struct export *x, size_t i, struct json *j,
                       struct buf *out)
{
    CLEANUP(buf_release) struct buf measured;
    const struct series_entry *e = &x->s->outputs[i];

    buf_init(&measured, 1u << 20);
    TRY(series_put_measured(x->all, x->store, x->s, i, &measured));
    TRY(begin_line(x, "outputs", i, e, j));
    if (i < x->s->inputs_n) {
        json_hex(j, "inputs_sha256", x->s->inputs[i].sha256, 32);
    }
    json_str(j, "status", series_status_text(x->s, i));
    json_str(j, "why", e->text);
    json_str(j, "evaluation", (const char *)buf_bytes(&measured).p);
    json_u64(j, "record", e->seq);
    return end_line(j, out);
}

static int write_list(const struct export *x, int is_in)
{
    CLEANUP(buf_release) struct buf lines;
    size_t n = is_in ? x->s->inputs_n : x->s->outputs_n;

    buf_init(&lines, LIMIT_OBJECT_BYTES);
    if (mkdirat(x->dir_fd, is_in ? "inputs" : "outputs", 0777) < 0) {
        return cli_fail(x->c, err_from_errno(errno), "mkdir: %s",
                        strerror(errno));
    }
    for (size_t i = 0; i < n; i++) {
        struct json j;
        int code = is_in ? put_inputs(x, i, &j, &lines)
                         : put_outputs(x, i, &j, &lines);

        json_release(&j);
        if (code != 0) {
            return code;
        }
    }
    return write_new(x, is_in ? "inputs-meta.jsonl" : "outputs-meta.jsonl",
                     buf_bytes(&lines));
}

int series_export(struct cli *c, const char *store,
                  const struct series_all *all, const struct series *s,
                  const char *dir)
{
    struct export x = {c, store, all, s, -1};
    struct json j;
    int code;

    if (mkdir(dir, 0777) < 0) {
        return cli_fail_hint(c, err_from_errno(errno),
                             "name a folder that is not there yet",
                             "\"%.200s\": %s", dir, strerror(errno));
    }
    x.dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (x.dir_fd < 0) {
        return cli_fail(c, err_from_errno(errno), "\"%.200s\": %s", dir,
                        strerror(errno));
    }
    code = write_list(&x, 1);
    code = code ? code : write_list(&x, 0);
    (void)close(x.dir_fd);
    if (code != 0) {
        return code;
    }
    if (!c->json) {
        printf("%zu inputs and %zu outputs of %s in %s\n", s->inputs_n,
               s->outputs_n, s->name, dir);
        return 0;
    }
    json_init(&j);
    json_object(&j, NULL);
    json_str(&j, "series", s->name);
    json_u64(&j, "inputs", s->inputs_n);
    json_u64(&j, "outputs", s->outputs_n);
    json_str(&j, "dir", dir);
    json_close(&j);
    return cli_emit(c, &j);
}
