/* What all loaders share: which one, how much room, what is wrong (load.h). Runs in
 * the train worker; files may be anything. */
#include "workers/train/load.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "workers/train/rows.h"

/* Names, notes and a loader's own tables: never more than the rows themselves. */
#define MEMORY_BYTES_MAX (LIMIT_DATASET_BYTES + (64u << 20))
#define NOTE_BYTES 200u

static const struct format {
    const char *name;
    load_fn *load;
    size_t files_min, files_max;
    int known_kind; /* of the spec's kind this is all that can be; 0: it says */
} formats[] = {
    {"csv", load_csv, 1, 1, 0},
    {"npy", load_npy, 2, 2, 0},
    {"npz", load_npz, 1, 1, 0},
    {"idx", load_idx, 2, 2, PROCTOR__DATA_KIND__DATA_CLASSIFICATION},
    {"cifar10", load_cifar, 1, LIMIT_DATASET_FILES,
     PROCTOR__DATA_KIND__DATA_CLASSIFICATION},
    {"cifar100", load_cifar, 1, LIMIT_DATASET_FILES,
     PROCTOR__DATA_KIND__DATA_CLASSIFICATION},
    {"text", load_text, 1, LIMIT_DATASET_FILES, PROCTOR__DATA_KIND__DATA_TEXT},
    {"regression", load_regression, 0, 0, PROCTOR__DATA_KIND__DATA_REGRESSION},
    {"classification", load_classification, 0, 0,
     PROCTOR__DATA_KIND__DATA_CLASSIFICATION},
    {"moons", load_moons, 0, 0, PROCTOR__DATA_KIND__DATA_CLASSIFICATION},
    {"spirals", load_spirals, 0, 0, PROCTOR__DATA_KIND__DATA_CLASSIFICATION},
};

void load_init(struct load *l, const Proctor__DataSpec *spec,
               const struct ubytes *files, size_t n, uint8_t *area,
               uint64_t area_bytes)
{
    memset(l, 0, sizeof(*l));
    l->spec = spec;
    l->files = files;
    l->files_n = n;
    l->area = area;
    l->area_bytes = area_bytes;
    arena_init(&l->memory, MEMORY_BYTES_MAX);
    proctor__dataset__init(&l->data);
    diag_init(&l->d);
}

void load_release(struct load *l)
{
    arena_release(&l->memory);
}

int load_fail(struct load *l, int code, size_t i, uint32_t line, uint32_t col,
              const char *fmt, ...)
{
    struct loc at = {.line = line, .col = col};
    char text[DIAG_TEXT_BYTES];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (l->files_n > 1 && i < l->spec->n_files) {
        return diag_set(&l->d, code, at, "\"%.80s\": %s", l->spec->files[i],
                        text);
    }
    return diag_set(&l->d, code, at, "%s", text);
}

void load_hint(struct load *l, const char *fmt, ...)
{
    char text[DIAG_TEXT_BYTES];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    diag_hint(&l->d, "%s", text);
}

int load_note(struct load *l, const char *fmt, ...)
{
    char text[NOTE_BYTES];
    va_list ap;

    if (l->notes == NULL) {
        l->notes = arena_array(&l->memory, LOAD_NOTES, sizeof(*l->notes));
        l->data.notes = l->notes;
    }
    if (l->notes == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    if (l->data.n_notes == LOAD_NOTES) {
        return 0;
    }
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    l->notes[l->data.n_notes] = arena_text(&l->memory, text, strlen(text));
    if (l->notes[l->data.n_notes] == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    l->data.n_notes++;
    return 0;
}

void load_put_u32(uint8_t *p, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++) {
        p[i] = (uint8_t)(v >> 8 * i);
    }
}

void load_put_f32(uint8_t *p, float v)
{
    uint32_t bits;

    memcpy(&bits, &v, sizeof(bits));
    load_put_u32(p, bits);
}

void load_put_f64(uint8_t *p, double v)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof(bits));
    load_put_u32(p, (uint32_t)bits);
    load_put_u32(p + 4, (uint32_t)(bits >> 32));
}

static uint64_t aligned(uint64_t n)
{
    return (n + LOAD_ALIGN - 1) / LOAD_ALIGN * LOAD_ALIGN;
}

static int fail_size(struct load *l, double rows, double width, double bytes)
{
    (void)load_fail(l, ERR_LIMIT, SIZE_MAX, 0, 0,
                    "%.0f rows of %.0f numbers would be %.1f MiB; at most "
                    "%.1f MiB are allowed",
                    rows, width, bytes / 1048576,
                    (double)l->area_bytes / 1048576);
    load_hint(l, "take fewer rows or columns, or raise limits.memory in the "
                 "policy: half of it is for the rows");
    return ERR_LIMIT;
}

int load_room(struct load *l, uint64_t rows, uint64_t width,
              Proctor__DataType type)
{
    size_t one = rows_type_bytes((enum rows_type)type);
    size_t label =
        l->data.kind == PROCTOR__DATA_KIND__DATA_CLASSIFICATION ? 4
        : l->data.kind == PROCTOR__DATA_KIND__DATA_REGRESSION   ? 8
                                                                : 0;
    double bytes = (double)rows * ((double)width * (double)one + (double)label);

    ASSERT(one > 0);
    if (rows == 0 || width == 0) {
        return load_fail(l, ERR_INPUT, SIZE_MAX, 0, 0,
                         "there are %llu rows of %llu numbers: nothing to learn "
                         "from",
                         (unsigned long long)rows, (unsigned long long)width);
    }
    if (rows > LIMIT_DATASET_ROWS || width > LIMIT_DATASET_WIDTH) {
        return load_fail(l, ERR_LIMIT, SIZE_MAX, 0, 0,
                         "%llu rows of %llu numbers: at most %u rows and %u "
                         "numbers",
                         (unsigned long long)rows, (unsigned long long)width,
                         LIMIT_DATASET_ROWS, LIMIT_DATASET_WIDTH);
    }
    l->x_bytes = rows * width * one; /* below 2^48, by the limits */
    l->y_bytes = rows * label;
    if (aligned(l->x_bytes) + l->y_bytes > l->area_bytes) {
        return fail_size(l, (double)rows, (double)width, bytes);
    }
    l->data.rows = rows;
    l->data.width = (uint32_t)width;
    l->data.x_type = type;
    l->x = l->area;
    l->y = l->area + aligned(l->x_bytes);
    return 0;
}

uint8_t *load_tokenizer(struct load *l, uint64_t max_bytes)
{
    uint64_t at = aligned(aligned(l->x_bytes) + l->y_bytes);

    return at > l->area_bytes || max_bytes > l->area_bytes - at ? NULL
                                                               : l->area + at;
}

static int fail_format(struct load *l)
{
    const char *names[ARRAY_N(formats)];
    const char *near;

    for (size_t i = 0; i < ARRAY_N(formats); i++) {
        names[i] = formats[i].name;
    }
    near = diag_nearest(l->spec->format, names, ARRAY_N(names));
    (void)load_fail(l, ERR_INPUT, SIZE_MAX, 0, 0, "no format \"%.40s\"",
                    l->spec->format);
    if (near != NULL) {
        load_hint(l, "did you mean \"%s\"?", near);
    }
    return ERR_INPUT;
}

static const struct format *find_format(const char *name)
{
    for (size_t i = 0; i < ARRAY_N(formats); i++) {
        if (strcmp(formats[i].name, name) == 0) {
            return &formats[i];
        }
    }
    return NULL;
}

/* What training wants of all rows, whatever they came from. */
static int check_rows(struct load *l)
{
    struct rows r;

    TRY(rows_open(&l->data, (struct ubytes){l->x, l->x_bytes},
                  (struct ubytes){l->y_bytes > 0 ? l->y : NULL, l->y_bytes},
                  &r, &l->d));
    return rows_check(&r, &l->d);
}

int load_run(struct load *l, Proctor__TrainReply *reply)
{
    const struct format *f = find_format(l->spec->format);
    int code;

    if (f == NULL) {
        return fail_format(l);
    }
    if (l->files_n != l->spec->n_files || l->files_n < f->files_min ||
        l->files_n > f->files_max) {
        return load_fail(l, ERR_INPUT, SIZE_MAX, 0, 0,
                         "format %s takes %zu to %zu files, got %zu", f->name,
                         f->files_min, f->files_max, l->files_n);
    }
    l->data.kind =
        f->known_kind != 0 ? (Proctor__DataKind)f->known_kind : l->spec->kind;
    if (l->data.kind == PROCTOR__DATA_KIND__DATA_NONE ||
        (f->known_kind == 0 &&
         l->data.kind == PROCTOR__DATA_KIND__DATA_TEXT)) {
        return load_fail(l, ERR_INPUT, SIZE_MAX, 0, 0,
                         "kind: expected regression or classification");
    }
    code = f->load(l);
    code = code == 0 ? check_rows(l) : code;
    if (code == 0 && l->data.kind != PROCTOR__DATA_KIND__DATA_TEXT) {
        code = load_note_constant(l);
    }
    if (code != 0) {
        return code;
    }
    reply->data = &l->data;
    reply->x_bytes = l->x_bytes;
    reply->y_bytes = l->y_bytes;
    reply->tokenizer_bytes = l->tokenizer_bytes;
    return 0;
}
