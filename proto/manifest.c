/* Manifests as bytes. Runs in workers and in the command line. */
#include "proto/manifest.h"

#include <string.h>

#include "proto/err.h"
#include "proto/sort.h"
#include "proto/utf8.h"

static const uint8_t mark[4] = {'C', 'M', 'L', 'M'};

static int compare_names(struct ubytes a, struct ubytes b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n > 0 ? memcmp(a.p, b.p, n) : 0;

    return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

static int by_name(const void *a, const void *b)
{
    const struct component *x = a;
    const struct component *y = b;
    int order = compare_names(x->name, y->name);

    return order != 0 ? order : memcmp(x->cid.b, y->cid.b, CID_BYTES);
}

/* Sorted, and what is there twice alike once. */
static int settle(struct component *list, size_t *io_n, size_t *out_clash)
{
    size_t n = 0;

    sort_items(list, *io_n, sizeof(*list), by_name);
    for (size_t i = 0; i < *io_n; i++) {
        if (n > 0 && compare_names(list[n - 1].name, list[i].name) == 0) {
            if (!cid_is_equal(&list[n - 1].cid, &list[i].cid)) {
                list[n] = list[i];
                *out_clash = n - 1;
                return ERR_INPUT;
            }
            continue;
        }
        list[n++] = list[i];
    }
    *io_n = n;
    return 0;
}

int manifest_put(struct component *list, size_t *io_n, struct buf *out,
                     size_t *out_clash)
{
    if (*io_n > MANIFEST_MAX) {
        return ERR_TRACE(ERR_LIMIT);
    }
    TRY(settle(list, io_n, out_clash));
    TRY(buf_put(out, mark, sizeof(mark)));
    TRY(buf_put_u32(out, (uint32_t)*io_n));
    for (size_t i = 0; i < *io_n; i++) {
        TRY(buf_put_bytes32(out, list[i].name));
        TRY(buf_put(out, list[i].cid.b, CID_BYTES));
    }
    return 0;
}

/* Are there as many components as it says? */
static int count(struct ubytes in)
{
    struct rd r;
    uint32_t n;

    rd_init(&r, in);
    (void)rd_take(&r, sizeof(mark));
    n = rd_u32(&r);
    for (uint32_t i = 0; i < n && !rd_is_bad(&r); i++) {
        (void)rd_bytes32(&r);
        (void)rd_take(&r, CID_BYTES);
    }
    return rd_end(&r);
}

int manifest_next(struct ubytes in, size_t *io_at,
                      struct component *out)
{
    struct rd r;
    struct ubytes name;
    struct ubytes cid;
    size_t first = sizeof(mark) + 4;
    struct ubytes last = out->name;

    if (*io_at == 0) {
        if (in.n < first || memcmp(in.p, mark, sizeof(mark)) != 0 ||
            count(in) < 0) {
            return ERR_ENCODING;
        }
        *io_at = first;
    }
    if (*io_at == in.n) {
        return ERR_NOT_FOUND;
    }
    rd_init(&r, (struct ubytes){in.p + *io_at, in.n - *io_at});
    name = rd_bytes32(&r);
    cid = rd_take(&r, CID_BYTES);
    if (rd_is_bad(&r) || name.n == 0 || !utf8_is_valid(name) ||
        (*io_at > first && compare_names(last, name) >= 0)) {
        return ERR_ENCODING;
    }
    out->name = name;
    memcpy(out->cid.b, cid.p, CID_BYTES);
    *io_at = in.n - rd_left(&r);
    return 0;
}
