/* A loader's surroundings for tests: an area, files of memory, and what came. */
#ifndef TESTS_UNIT_TRAIN_LOAD_WORLD_H
#define TESTS_UNIT_TRAIN_LOAD_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/err.h"
#include "workers/train/load.h"

#define WORLD_AREA (1u << 20)
#define WORLD_FILES 4u

struct world {
    Proctor__DataSpec spec;
    Proctor__SyntheticSpec synthetic;
    struct ubytes files[WORLD_FILES];
    char *names[WORLD_FILES];
    char *inputs[8];
    uint8_t *area;
    struct load l;
    Proctor__TrainReply reply;
};

static inline void world_init(struct world *w, const char *format,
                              Proctor__DataKind kind)
{
    memset(w, 0, sizeof(*w));
    proctor__data_spec__init(&w->spec);
    proctor__synthetic_spec__init(&w->synthetic);
    w->spec.format = (char *)(uintptr_t)format;
    w->spec.kind = kind;
    w->spec.files = w->names;
    w->area = aligned_alloc(LOAD_ALIGN, WORLD_AREA);
    assert_non_null(w->area);
}

static inline void world_file(struct world *w, const char *name, const void *p,
                              size_t n)
{
    size_t i = w->spec.n_files++;

    w->names[i] = (char *)(uintptr_t)name;
    w->files[i] = (struct ubytes){p, n};
}

/* Into an area of so many bytes. */
static inline int world_run_in(struct world *w, uint64_t area_bytes)
{
    load_release(&w->l);
    memset(w->area, 0, WORLD_AREA);
    proctor__train_reply__init(&w->reply);
    load_init(&w->l, &w->spec, w->files, w->spec.n_files, w->area, area_bytes);
    return load_run(&w->l, &w->reply);
}

static inline int world_run(struct world *w)
{
    return world_run_in(w, WORLD_AREA);
}

static inline void world_release(struct world *w)
{
    load_release(&w->l);
    free(w->area);
}

static inline double world_x(const struct world *w, size_t row, size_t k)
{
    double v;

    memcpy(&v, w->l.x + 8 * (row * w->l.data.width + k), 8);
    return v;
}

static inline float world_x_f32(const struct world *w, size_t row, size_t k)
{
    float v;

    memcpy(&v, w->l.x + 4 * (row * w->l.data.width + k), 4);
    return v;
}

static inline uint32_t world_class(const struct world *w, size_t row)
{
    uint32_t v;

    memcpy(&v, w->l.y + 4 * row, 4);
    return v;
}

static inline double world_target(const struct world *w, size_t row)
{
    double v;

    memcpy(&v, w->l.y + 8 * row, 8);
    return v;
}

/* It fails so: the code, the place, and words of the text. */
static inline void world_refuses(struct world *w, int code, uint32_t line,
                                 uint32_t col, const char *words)
{
    assert_int_equal(world_run(w), code);
    if (strstr(w->l.d.what, words) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", w->l.d.what, words);
    }
    assert_int_equal(w->l.d.at.line, line);
    assert_int_equal(w->l.d.at.col, col);
}

#endif
