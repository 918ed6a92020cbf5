/* What a series must keep (docs/runs.md, H1 to H15), checked from its records
 * and objects. Runs nothing, writes nothing. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/object.h"
#include "cli/series.h"
#include "proto/blake3.h"
#include "proto/err.h"

struct auditing {
    const struct series_all *all;
    const char *store;
    const struct series_ears *ears;
    const struct series *s;
    size_t i;
};

static void found(const struct auditing *a, const char *fmt, ...)
    PRINTF_LIKE(2, 3);

static void found(const struct auditing *a, const char *fmt, ...)
{
    char where[320];
    char what[PATH_MAX];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    (void)snprintf(where, sizeof(where), "%.280s[%zu]", a->s->name, a->i);
    a->ears->found(a->ears->ctx, where, what);
}

/* Both hashes of a file, whatever its size. 0 or a negative errno. */
static int hash_file(const char *path, struct cid *out,
                     uint8_t sha256[static 32], uint64_t *out_n)
{
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    crypto_hash_sha256_state sha;
    struct blake3 h;
    uint8_t part[8192];

    if (fd < 0) {
        return -errno;
    }
    *out_n = 0;
    blake3_init(&h);
    crypto_hash_sha256_init(&sha);
    for (;;) {
        ssize_t n = read(fd, part, sizeof(part));

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -errno;
        }
        if (n == 0) {
            break;
        }
        blake3_update(&h, part, (size_t)n);
        crypto_hash_sha256_update(&sha, part, (size_t)n);
        *out_n += (uint64_t)n;
    }
    blake3_final(&h, out->b);
    crypto_hash_sha256_final(&sha, sha256);
    return 0;
}

/* H4, H8: what is listed is there, byte for byte. */
static void check_bytes(const struct auditing *a, const char *kind,
                        const struct series_entry *e)
{
    char path[PATH_MAX];
    uint8_t sha256[32];
    struct cid cid;
    uint64_t n = 0;
    const char *name;
    int code;

    object_path(a->store, &e->artifact, path);
    name = path + strlen(a->store) + 1;
    code = hash_file(path, &cid, sha256, &n);
    if (code != 0) {
        found(a, "%s %s: %s", kind, name,
              code == -ENOENT ? "the file is missing" : strerror(-code));
    } else if (!cid_is_equal(&cid, &e->artifact)) {
        found(a, "%s %s: its bytes have changed", kind, name);
    } else if (n != e->bytes || memcmp(sha256, e->sha256, 32) != 0) {
        found(a, "%s %s: record %" PRIu64 " gives another length or SHA-256",
              kind, name, e->seq);
    }
}

/* H9: data that came from a run is that run's output. */
static void check_parent(const struct auditing *a,
                         const struct series_entry *in)
{
    size_t k = 0;
    const struct series *p = series_by_ref(a->all, in->ref, &k);

    if (in->ref == 0) {
        return;
    }
    if (p == NULL || p->outputs[k].seq >= in->seq ||
        p->outputs[k].status != SERIES_DONE) {
        found(a, "record %" PRIu64 ": its inputs come from no finished run",
              in->seq);
    } else if (!cid_is_equal(&p->outputs[k].artifact, &in->artifact)) {
        found(a,
              "record %" PRIu64 ": its inputs are not the output of %.80s[%zu]",
              in->seq, p->name, k);
    }
}

/* H1, H9, H10, H11 of inputs. */
static void check_inputs(const struct auditing *a)
{
    const struct series_entry *in = &a->s->inputs[a->i];

    if (in->index != a->i) {
        found(a, "record %" PRIu64 " says it is run %" PRIu64, in->seq,
              in->index);
    }
    if (a->i > a->s->outputs_n || (a->i > 0 && a->i - 1 < a->s->outputs_n &&
                                   a->s->outputs[a->i - 1].seq > in->seq)) {
        found(a, "record %" PRIu64 ": it began before the run before it ended",
              in->seq);
    }
    check_parent(a, in);
    check_bytes(a, "inputs", in);
}

/* H1, H2, H7, H15 of outputs. */
static void check_outputs(const struct auditing *a)
{
    const struct series_entry *out = &a->s->outputs[a->i];
    const struct series_entry *in = &a->s->inputs[a->i];

    if (a->i >= a->s->inputs_n) {
        found(a, "record %" PRIu64 ": an output without inputs", out->seq);
        return;
    }
    if (out->index != a->i) {
        found(a, "record %" PRIu64 " says it is run %" PRIu64, out->seq,
              out->index);
    }
    if (out->ref != in->seq + 1 || out->seq <= in->seq ||
        !cid_is_equal(&out->program, &in->program)) {
        found(a, "record %" PRIu64 " is not the output of these inputs",
              out->seq);
    }
    if (out->status != SERIES_DONE && out->status != SERIES_ABORTED) {
        found(a, "record %" PRIu64 " has no status that there is", out->seq);
    }
    if (!cid_is_zero(&out->artifact)) {
        check_bytes(a, "output", out);
    } else if (out->status == SERIES_DONE) {
        found(a, "record %" PRIu64 ": it is done and made nothing", out->seq);
    }
}

int series_audit(const struct series_all *all, const char *store,
                 const struct series_ears *ears)
{
    struct auditing a = {.all = all, .store = store, .ears = ears};

    for (size_t k = 0; k < all->n; k++) {
        a.s = &all->v[k];
        for (a.i = 0; a.i < a.s->inputs_n || a.i < a.s->outputs_n; a.i++) {
            if (a.i < a.s->inputs_n) {
                check_inputs(&a);
            }
            if (a.i < a.s->outputs_n) {
                check_outputs(&a);
            }
        }
    }
    return 0;
}
