/* IDX, the format of the MNIST files: one of images, one of labels, big-endian.
 * Runs in the train worker; files may be anything. */
#include "proto/err.h"
#include "workers/train/array.h"

static uint32_t u32_at(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 |
           p[3];
}

static int set_type(struct array *a, uint8_t code)
{
    static const struct {
        uint8_t code;
        char kind;
        unsigned size;
    } types[] = {{0x08, 'u', 1}, {0x09, 'i', 1}, {0x0b, 'i', 2},
                 {0x0c, 'i', 4}, {0x0d, 'f', 4}, {0x0e, 'f', 8}};

    for (size_t i = 0; i < ARRAY_N(types); i++) {
        if (types[i].code == code) {
            a->kind = types[i].kind;
            a->size = types[i].size;
            return 1;
        }
    }
    return 0;
}

static int idx_open(struct load *l, size_t i, struct array *out)
{
    struct ubytes f = l->files[i];
    size_t head;

    *out = (struct array){.is_big = 1, .file_i = i};
    if (f.n >= 2 && f.p[0] == 0x1f && f.p[1] == 0x8b) {
        (void)load_fail(l, ERR_INPUT, i, 0, 0, "is packed by gzip");
        load_hint(l, "unpack it first: gunzip FILE");
        return ERR_INPUT;
    }
    if (f.n < 4 || f.p[0] != 0 || f.p[1] != 0 || f.p[3] == 0 ||
        f.p[3] > ARRAY_DIMS_MAX || !set_type(out, f.p[2])) {
        return load_fail(l, ERR_INPUT, i, 0, 0, "is no IDX file");
    }
    out->dims = f.p[3];
    head = 4 + 4 * (size_t)out->dims;
    if (f.n < head) {
        return load_fail(l, ERR_INPUT, i, 0, 0, "its header is cut off");
    }
    for (unsigned k = 0; k < out->dims; k++) {
        out->shape[k] = u32_at(f.p + 4 + 4 * k);
    }
    return array_fill(l, out, f.p + head, f.n - head);
}

int load_idx(struct load *l)
{
    struct array x;
    struct array y;

    TRY(idx_open(l, 0, &x));
    TRY(idx_open(l, 1, &y));
    return array_put(l, &x, &y);
}
