/* The binary version of CIFAR-10 and CIFAR-100: records of one or two labels and
 * 32 x 32 pixels of three colours. Runs in the train worker; files may be
 * anything. */
#include <string.h>

#include "proto/err.h"
#include "workers/train/array.h"

#define PIXELS 3072u

static char *const names_of_10[] = {"airplane", "automobile", "bird", "cat",
                                    "deer",     "dog",        "frog", "horse",
                                    "ship",     "truck"};

struct cifar {
    size_t record; /* bytes */
    size_t label;  /* offset in it */
    uint32_t classes;
};

static int check_file(struct load *l, const struct cifar *c, size_t i)
{
    struct ubytes f = l->files[i];

    if (f.n == 0 || f.n % c->record != 0) {
        return load_fail(l, ERR_INPUT, i, 0, 0,
                         "%zu bytes are no whole number of records of %zu", f.n,
                         c->record);
    }
    for (size_t at = 0; at < f.n; at += c->record) {
        if (f.p[at + c->label] >= c->classes) {
            return load_fail(l, ERR_INPUT, i, 0, 0,
                             "record %zu has the label %u; classes are below %u",
                             at / c->record + 1, f.p[at + c->label],
                             c->classes);
        }
    }
    return 0;
}

int load_cifar(struct load *l)
{
    int is_10 = strcmp(l->spec->format, "cifar10") == 0;
    int is_coarse = strcmp(l->spec->output, "coarse") == 0;
    struct cifar c = {PIXELS + 1, 0, 10};
    size_t each = l->spec->scale ? 4 * PIXELS : PIXELS;
    uint64_t rows = 0;
    uint64_t row = 0;

    if (!is_10) {
        c = (struct cifar){PIXELS + 2, !is_coarse, is_coarse ? 20 : 100};
    }
    for (size_t i = 0; i < l->files_n; i++) {
        TRY(check_file(l, &c, i));
        rows += l->files[i].n / c.record;
    }
    TRY(load_room(l, rows, PIXELS,
                  l->spec->scale ? PROCTOR__DATA_TYPE__DATA_F32
                                 : PROCTOR__DATA_TYPE__DATA_U8));
    for (size_t i = 0; i < l->files_n; i++) {
        const uint8_t *end = l->files[i].p + l->files[i].n;

        for (const uint8_t *p = l->files[i].p; p < end; p += c.record, row++) {
            array_put_bytes(l, l->x + row * each, p + c.record - PIXELS,
                            PIXELS);
            load_put_u32(l->y + 4 * row, p[c.label]);
        }
    }
    l->data.classes = c.classes;
    if (is_10) {
        l->data.names = (char **)(uintptr_t)names_of_10;
        l->data.n_names = ARRAY_N(names_of_10);
    }
    return 0;
}
