/* NPZ: a ZIP archive of NPY files, stored or deflated, as numpy.savez and
 * savez_compressed write it. The central directory says what there is. Sizes are
 * held against limits before anything is unpacked, checksums after. Runs in the
 * train worker; the file may be anything. Source: APPNOTE.TXT 6.3.9. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST
#include <zlib.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/utf8.h"
#include "workers/train/array.h"

#define END_BYTES 22u
#define END_SEARCH (END_BYTES + 65535u)
#define ENTRY_BYTES 46u
#define LOCAL_BYTES 30u
#define RATIO_MAX 1032u /* of deflate */

struct member {
    const char *name; /* not terminated */
    size_t name_n;
    unsigned method;
    uint32_t crc;
    uint64_t packed;
    uint64_t bytes;
    uint64_t at; /* of its local header */
};

static uint32_t get(const uint8_t *p, unsigned n)
{
    uint32_t v = 0;

    for (unsigned i = 0; i < n; i++) {
        v |= (uint32_t)p[i] << 8 * i;
    }
    return v;
}

static uint64_t get64(const uint8_t *p)
{
    return get(p, 4) | (uint64_t)get(p + 4, 4) << 32;
}

static int fail(struct load *l, const char *what)
{
    (void)load_fail(l, ERR_INPUT, 0, 0, 0, "%s", what);
    load_hint(l, "write it by numpy.savez or numpy.savez_compressed");
    return ERR_INPUT;
}

/* The end record, searched from the end as it may have a comment. */
static int find_end(struct load *l, struct ubytes f, uint32_t *out_n,
                    uint32_t *out_at)
{
    size_t least = f.n > END_SEARCH ? f.n - END_SEARCH : 0;

    for (size_t i = f.n < END_BYTES ? 0 : f.n - END_BYTES + 1; i-- > least;) {
        const uint8_t *p = f.p + i;

        if (memcmp(p, "PK\5\6", 4) == 0 && get(p + 20, 2) == f.n - i - END_BYTES) {
            *out_n = get(p + 10, 2);
            *out_at = get(p + 16, 4);
            return get(p + 8, 2) == *out_n
                       ? 0
                       : fail(l, "is a part of a divided ZIP archive");
        }
    }
    return fail(l, "is no NPZ file: it has no ZIP directory");
}

/* Sizes that do not fit into 32 bits stand in an extra field. */
static int read_wide(struct member *m, const uint8_t *p, size_t n)
{
    uint64_t *const wide[] = {&m->bytes, &m->packed, &m->at};
    size_t at = 4;

    while (n >= 4 && get(p, 2) != 1) {
        size_t size = 4 + (size_t)get(p + 2, 2);

        if (size > n) {
            return 0;
        }
        p += size;
        n -= size;
    }
    for (size_t i = 0; i < ARRAY_N(wide); i++) {
        if (*wide[i] != UINT32_MAX) {
            continue;
        }
        if (n < at + 8 || get(p + 2, 2) + 4u < at + 8) {
            return 0;
        }
        *wide[i] = get64(p + at);
        at += 8;
    }
    return 1;
}

/* The entry at *at of the directory; moves behind it. */
static int read_entry(struct load *l, struct ubytes f, size_t *at,
                      struct member *m)
{
    const uint8_t *p = f.p + *at;
    size_t extra_n;
    size_t n;

    if (*at > f.n || f.n - *at < ENTRY_BYTES || memcmp(p, "PK\1\2", 4) != 0) {
        return fail(l, "its ZIP directory is damaged");
    }
    m->name = (const char *)p + ENTRY_BYTES;
    m->name_n = get(p + 28, 2);
    extra_n = get(p + 30, 2);
    n = ENTRY_BYTES + m->name_n + extra_n + get(p + 32, 2);
    if (f.n - *at < n) {
        return fail(l, "its ZIP directory is damaged");
    }
    m->method = get(p + 10, 2);
    m->crc = get(p + 16, 4);
    m->packed = get(p + 20, 4);
    m->bytes = get(p + 24, 4);
    m->at = get(p + 42, 4);
    if ((get(p + 8, 2) & 1) != 0) {
        return fail(l, "it is encrypted");
    }
    if (!read_wide(m, p + ENTRY_BYTES + m->name_n, extra_n)) {
        return fail(l, "its ZIP directory is damaged");
    }
    *at += n;
    return 0;
}

/* "x.npy", or the name as it is. */
static int is_named(const struct member *m, const char *name)
{
    size_t n = strlen(name);

    return m->name_n >= n && memcmp(m->name, name, n) == 0 &&
           (m->name_n == n ||
            (m->name_n == n + 4 && memcmp(m->name + n, ".npy", 4) == 0));
}

static int find_member(struct load *l, const char *name, struct member *out)
{
    struct ubytes f = l->files[0];
    char list[160] = "";
    char one[48];
    size_t list_n = 0;
    uint32_t n = 0;
    uint32_t first = 0;
    size_t at;

    TRY(find_end(l, f, &n, &first));
    at = first;
    for (uint32_t i = 0; i < n; i++) {
        TRY(read_entry(l, f, &at, out));
        if (is_named(out, name)) {
            return 0;
        }
        if (list_n < sizeof(list)) {
            utf8_escape((struct ubytes){(const uint8_t *)out->name,
                                        out->name_n < 40 ? out->name_n : 40},
                        one, sizeof(one));
            list_n += (size_t)snprintf(list + list_n, sizeof(list) - list_n,
                                       "%s%s", i == 0 ? "" : ", ", one);
        }
    }
    (void)load_fail(l, ERR_INPUT, 0, 0, 0, "it has no array \"%.80s\"", name);
    load_hint(l, "its members are %s; name two under inputs: and output:", list);
    return ERR_INPUT;
}

static int unpack(struct load *l, const struct member *m, const uint8_t *p,
                  uint8_t *out)
{
    z_stream z = {.next_in = p,
                  .avail_in = (uInt)m->packed,
                  .next_out = out,
                  .avail_out = (uInt)m->bytes};
    int status;

    if (inflateInit2(&z, -MAX_WBITS) != Z_OK) {
        return ERR_TRACE(ERR_NOMEM);
    }
    status = inflate(&z, Z_FINISH);
    (void)inflateEnd(&z);
    return status == Z_STREAM_END && z.avail_out == 0 && z.avail_in == 0
               ? 0
               : fail(l, "a member cannot be unpacked");
}

/* Where its packed bytes are. */
static int find_bytes(struct load *l, const struct member *m,
                      const uint8_t **out)
{
    struct ubytes f = l->files[0];
    size_t skip;

    if (m->at > f.n || f.n - m->at < LOCAL_BYTES ||
        memcmp(f.p + m->at, "PK\3\4", 4) != 0) {
        return fail(l, "a member is not where its ZIP directory says");
    }
    skip = LOCAL_BYTES + get(f.p + m->at + 26, 2) + get(f.p + m->at + 28, 2);
    if (f.n - m->at < skip || f.n - m->at - skip < m->packed) {
        return fail(l, "a member is cut off");
    }
    *out = f.p + m->at + skip;
    return 0;
}

/* *out: NULL when it lies in the file; else the caller's. */
static int open_member(struct load *l, const char *name, uint8_t **out,
                       struct array *a)
{
    struct member m;
    const uint8_t *p;

    TRY(find_member(l, name, &m));
    TRY(find_bytes(l, &m, &p));
    if (m.method != 0 && m.method != 8) {
        return fail(l, "a member is packed by a method that is not read");
    }
    if (m.method == 0 ? m.packed != m.bytes : m.bytes / RATIO_MAX > m.packed) {
        return fail(l, "a member says a size that it cannot have");
    }
    if (m.bytes > l->area_bytes + LOAD_ALIGN || m.bytes > LIMIT_DATASET_BYTES) {
        (void)load_fail(l, ERR_LIMIT, 0, 0, 0,
                        "\"%.80s\" would be %.1f MiB; at most %.1f MiB are "
                        "allowed",
                        name, (double)m.bytes / 1048576,
                        (double)l->area_bytes / 1048576);
        load_hint(l, "raise limits.memory in the policy");
        return ERR_LIMIT;
    }
    if (m.method == 8) {
        *out = malloc((size_t)m.bytes + 1);
        if (*out == NULL) {
            return ERR_TRACE(ERR_NOMEM);
        }
        TRY(unpack(l, &m, p, *out));
        p = *out;
    }
    if ((uint32_t)crc32(crc32(0, NULL, 0), p, (uInt)m.bytes) != m.crc) {
        return fail(l, "a member is damaged: its checksum is another");
    }
    return npy_open(l, 0, p, (size_t)m.bytes, a);
}

int load_npz(struct load *l)
{
    const Proctor__DataSpec *s = l->spec;
    CLEANUP(mem_freep) uint8_t *x_bytes = NULL;
    CLEANUP(mem_freep) uint8_t *y_bytes = NULL;
    struct array x;
    struct array y;

    TRY(open_member(l, s->n_inputs > 0 ? s->inputs[0] : "x", &x_bytes, &x));
    TRY(open_member(l, s->output[0] != '\0' ? s->output : "y", &y_bytes, &y));
    return array_put(l, &x, &y);
}
