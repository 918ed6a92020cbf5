/* Reads STORE/objects/ab/cdef... and never writes. Replayer. */
#include "replay/objects.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/pb.h"

static int fail(const struct wanted *w, int code, const char *what,
                struct diag *d)
{
    char text[CID_TEXT_BYTES];

    cid_text(&w->cid, text);
    return diag_set(d, code, (struct loc){0}, "%s object %s %s", w->role, text,
                    what);
}

static int read_all(int fd, uint8_t *p, size_t n)
{
    size_t done = 0;

    while (done < n) {
        ssize_t got = pread(fd, p + done, n - done, (off_t)done);

        if (got == 0 || (got < 0 && errno != EINTR)) {
            return got == 0 ? ERR_STORE_DAMAGED : err_from_errno(errno);
        }
        done += got < 0 ? 0 : (size_t)got;
    }
    return 0;
}

int objects_bytes(const struct wanted *w, struct buf *out, struct diag *d)
{
    CLEANUP(fd_closep) int fd = -1;
    char text[CID_TEXT_BYTES];
    char path[PATH_MAX];
    struct stat st;
    struct cid is;
    uint8_t *p;
    int code;

    cid_text(&w->cid, text);
    (void)snprintf(path, sizeof(path), "%s/objects/%.2s/%s", w->store, text,
                   text + 2);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &st) < 0) {
        code = err_from_errno(errno);
        return fail(w, code,
                    code == ERR_NOT_FOUND ? "is missing" : "cannot be read", d);
    }
    code = buf_extend(out, (size_t)st.st_size, &p);
    if (code == ERR_LIMIT) {
        return fail(w, ERR_STORE_DAMAGED, "is too long", d);
    }
    TRY(code);
    code = read_all(fd, p, (size_t)st.st_size);
    if (code < 0) {
        return fail(w, code, "cannot be read", d);
    }
    is = cid_of((struct ubytes){p, (size_t)st.st_size});
    return cid_is_equal(&is, &w->cid)
               ? 0
               : fail(w, ERR_STORE_DAMAGED, "is damaged: it hashes to another",
                      d);
}

int objects_message(const struct wanted *w,
                    const ProtobufCMessageDescriptor *type,
                    ProtobufCMessage **out, struct diag *d)
{
    struct buf b;
    int code;

    buf_init(&b, LIMIT_FRAME_BYTES);
    code = objects_bytes(w, &b, d);
    if (code == 0) {
        code = pb_decode(type, buf_bytes(&b), LIMIT_FRAME_BYTES, out);
        if (code < 0) {
            (void)fail(w, code, "is no message of that kind", d);
        }
    }
    buf_release(&b);
    return code;
}

int objects_values(const struct wanted *w, const struct type *t,
                   struct values *out, struct diag *d)
{
    struct buf b;
    int code;

    buf_init(&b, LIMIT_FRAME_BYTES);
    code = objects_bytes(w, &b, d);
    if (code == 0) {
        code = values_decode(out, buf_bytes(&b), t, LIMIT_TABLE_ROWS);
        if (code < 0) {
            (void)fail(w, code, "holds no values of that type", d);
        }
    }
    buf_release(&b);
    return code;
}

int objects_cid(const char *role, const ProtobufCBinaryData *field,
                struct cid *out, struct diag *d)
{
    if (field->len != CID_BYTES) {
        return diag_set(d, ERR_ENCODING, (struct loc){0},
                        "the %s is named by no hash", role);
    }
    memcpy(out->b, field->data, CID_BYTES);
    return 0;
}
