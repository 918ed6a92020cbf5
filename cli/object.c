/* Reading objects. Invariant: bytes that do not hash to their name are never
 * handed on. */
#include "cli/object.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/files.h"
#include "proto/blake3.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/pb.h"

#define CHECK_BYTES ((size_t)64 << 10) /* the widest vectors want 16 KiB */
#define OBJECT_MESSAGE_BYTES ((size_t)LIMIT_FRAME_BYTES)

void object_path(const char *store, const struct cid *c,
                 char out[static PATH_MAX])
{
    char text[CID_TEXT_BYTES];

    cid_text(c, text);
    (void)snprintf(out, PATH_MAX, "%s/objects/%.2s/%s", store, text, text + 2);
}

int object_read(const char *store, const struct cid *c, size_t max_bytes,
                struct buf *out)
{
    char path[PATH_MAX];
    size_t before = buf_len(out);
    struct ubytes all;
    struct cid is;

    object_path(store, c, path);
    TRY(files_read(path, max_bytes, out));
    all = buf_bytes(out);
    is = cid_of((struct ubytes){all.p + before, all.n - before});
    return cid_is_equal(&is, c) ? 0 : ERR_TRACE(ERR_STORE_DAMAGED);
}

int object_check(const char *store, const struct cid *c, uint64_t *out_bytes)
{
    return object_copy(store, c, NULL, out_bytes);
}

int object_copy(const char *store, const struct cid *c, FILE *to,
                uint64_t *out_bytes)
{
    char path[PATH_MAX];
    CLEANUP(fd_closep) int fd = -1;
    CLEANUP(mem_freep) uint8_t *part = malloc(CHECK_BYTES);
    struct blake3 h;
    struct stat st;
    struct cid is;
    uint64_t total = 0;

    if (part == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    object_path(store, c, path);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        return errno == ELOOP ? ERR_INPUT : err_from_errno(errno);
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        return ERR_INPUT;
    }
    if ((uint64_t)st.st_size > LIMIT_OBJECT_BYTES) {
        return ERR_LIMIT;
    }
    blake3_init(&h);
    for (;;) {
        ssize_t n = read(fd, part, CHECK_BYTES);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return err_from_errno(errno);
        }
        if (n == 0) {
            break;
        }
        if (to != NULL && fwrite(part, 1, (size_t)n, to) != (size_t)n) {
            return ERR_TRACE(ERR_IO);
        }
        blake3_update(&h, part, (size_t)n);
        total += (uint64_t)n;
    }
    blake3_final(&h, is.b);
    *out_bytes = total;
    return cid_is_equal(&is, c) ? 0 : ERR_STORE_DAMAGED;
}

int object_message(const char *store, const struct cid *c,
                   const ProtobufCMessageDescriptor *type,
                   ProtobufCMessage **out)
{
    struct buf bytes;
    int rc;

    buf_init(&bytes, OBJECT_MESSAGE_BYTES);
    rc = object_read(store, c, OBJECT_MESSAGE_BYTES, &bytes);
    if (rc == 0) {
        rc = pb_decode(type, buf_bytes(&bytes), OBJECT_MESSAGE_BYTES, out);
    }
    buf_release(&bytes);
    return rc;
}

int object_cid(ProtobufCBinaryData field, struct cid *out)
{
    if (field.len != CID_BYTES) {
        return 0;
    }
    memcpy(out->b, field.data, CID_BYTES);
    return !cid_is_zero(out);
}

/* CID of folder "ab" and file name; true when together they are one. */
static int cid_of_name(const char *folder, const char *name, struct cid *out)
{
    char text[CID_TEXT_BYTES + 4];
    int n = snprintf(text, sizeof(text), "%.2s%.64s", folder, name);

    return strlen(folder) == 2 && n == CID_TEXT_BYTES - 1 &&
           cid_parse(text, out) == 0;
}

/* One folder of objects/. */
static int each_in(const char *store, const char *folder,
                   int (*fn)(void *ctx, const struct cid *c, const char *name),
                   void *ctx)
{
    char path[PATH_MAX];
    struct dirent *e;
    DIR *dir;
    int rc = 0;

    (void)snprintf(path, sizeof(path), "%s/objects/%s", store, folder);
    dir = opendir(path);
    if (dir == NULL) {
        return errno == ENOENT    ? 0
               : errno == ENOTDIR ? fn(ctx, NULL, path + strlen(store) + 1)
                                  : err_from_errno(errno);
    }
    while (rc == 0 && (e = readdir(dir)) != NULL) {
        char shown[PATH_MAX];
        struct cid c;

        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) {
            continue;
        }
        (void)snprintf(shown, sizeof(shown), "objects/%s/%s", folder,
                       e->d_name);
        rc = fn(ctx, cid_of_name(folder, e->d_name, &c) ? &c : NULL, shown);
    }
    (void)closedir(dir);
    return rc;
}

int object_each(const char *store,
                int (*fn)(void *ctx, const struct cid *c, const char *name),
                void *ctx)
{
    char path[PATH_MAX];
    struct dirent *e;
    DIR *dir;
    int rc = 0;

    (void)snprintf(path, sizeof(path), "%s/objects", store);
    dir = opendir(path);
    if (dir == NULL) {
        return errno == ENOENT ? 0 : err_from_errno(errno);
    }
    while (rc == 0 && (e = readdir(dir)) != NULL) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            rc = each_in(store, e->d_name, fn, ctx);
        }
    }
    (void)closedir(dir);
    return rc;
}

struct search {
    const char *digits;
    struct cid *out;
    size_t max;
    size_t n;
};

static int match(void *ctx, const struct cid *c, const char *name)
{
    struct search *s = ctx;
    char text[CID_TEXT_BYTES];

    (void)name;
    if (c == NULL) {
        return 0;
    }
    cid_text(c, text);
    if (strncmp(text, s->digits, strlen(s->digits)) == 0) {
        if (s->n < s->max) {
            s->out[s->n] = *c;
        }
        s->n++;
    }
    return 0;
}

int object_find(const char *store, const char *digits, struct cid *out,
                size_t max, size_t *out_n)
{
    struct search s = {digits, out, max, 0};
    char folder[3] = {digits[0], digits[1], '\0'};
    int rc = each_in(store, folder, match, &s);

    *out_n = s.n;
    return rc;
}
