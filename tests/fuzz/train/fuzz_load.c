/* Loaders of data sets. The first byte says the format and the kind of labels, the
 * next two how long the first file is; the rest is the files. Accepted: rows that
 * rows.h accepts, and the same bytes again. */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/train/load.h"
#include "workers/train/rows.h"

#define AREA_BYTES (1u << 16)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
    const char *name;
    size_t files;
} formats[] = {{"csv", 1}, {"npy", 2},     {"npz", 1},
               {"idx", 2}, {"cifar10", 2}, {"cifar100", 1},
               {"text", 2}};

static void run(const Proctor__DataSpec *s, const struct ubytes *files,
                uint8_t *area)
{
    struct load l CLEANUP(load_release);
    Proctor__TrainReply reply = PROCTOR__TRAIN_REPLY__INIT;
    struct rows r;
    struct diag d;
    int code;

    memset(area, 0, AREA_BYTES);
    load_init(&l, s, files, s->n_files, area, AREA_BYTES);
    code = load_run(&l, &reply);
    if (code != 0) {
        ASSERT(code == ERR_NOMEM || l.d.code == code);
        err_trace_clear();
        return;
    }
    diag_init(&d);
    ASSERT(rows_open(reply.data, (struct ubytes){l.x, reply.x_bytes},
                     (struct ubytes){reply.y_bytes > 0 ? l.y : NULL,
                                     reply.y_bytes},
                     &r, &d) == 0);
    ASSERT(rows_check(&r, &d) == 0);
}

/* In a block of its exact size: reading behind it is seen. */
static void copy(struct ubytes *f)
{
    uint8_t *p = malloc(f->n + (f->n == 0));

    ASSERT(p != NULL);
    memcpy(p, f->p, f->n);
    f->p = p;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static _Alignas(8) uint8_t area[AREA_BYTES];
    static _Alignas(8) uint8_t again[AREA_BYTES];
    char *names[] = {(char *)(uintptr_t)"a", (char *)(uintptr_t)"b"};
    Proctor__DataSpec s = PROCTOR__DATA_SPEC__INIT;
    Proctor__TextSpec text = PROCTOR__TEXT_SPEC__INIT;
    struct ubytes files[2] = {{NULL, 0}, {NULL, 0}};
    size_t format;
    size_t n;

    if (size < 3) {
        return 0;
    }
    format = (data[0] & 15u) % ARRAY_N(formats);
    n = (size_t)data[1] << 8 | data[2];
    n = n < size - 3 ? n : size - 3;
    files[0] = (struct ubytes){data + 3, n};
    files[1] = (struct ubytes){data + 3 + n, size - 3 - n};
    if (formats[format].files == 1) {
        files[0].n = size - 3;
    }
    copy(&files[0]);
    copy(&files[1]);
    s.format = (char *)(uintptr_t)formats[format].name;
    s.files = names;
    s.n_files = formats[format].files;
    text.context = 1 + (data[0] >> 5);
    text.vocab = (data[0] & 16) != 0 ? 300 : 0;
    s.text = &text;
    s.output = (char *)(uintptr_t)"y";
    s.kind = (data[0] & 16) != 0 ? PROCTOR__DATA_KIND__DATA_CLASSIFICATION
                                 : PROCTOR__DATA_KIND__DATA_REGRESSION;
    s.drop_missing = (data[0] & 32) != 0;
    s.scale = (data[0] & 64) != 0;
    run(&s, files, area);
    run(&s, files, again);
    ASSERT(memcmp(area, again, sizeof(area)) == 0);
    free((void *)(uintptr_t)files[0].p);
    free((void *)(uintptr_t)files[1].p);
    return 0;
}
