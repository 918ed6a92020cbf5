/* Files, or a generator, to a data set: rows of numbers one after the other, that
 * nobody has to parse again. Runs in the train worker; files may be anything, and
 * nothing is allocated or written before its size was held against a limit. Same
 * spec and files, same bytes. Formats: docs/data.md. */
#ifndef WORKERS_TRAIN_LOAD_H
#define WORKERS_TRAIN_LOAD_H

#include "proto/arena.h"
#include "proto/diag.h"

#include "worker.pb-c.h"

/* x lies at 0 of the area, y at the next multiple of LOAD_ALIGN, the tokenizer at
 * the next one behind y. */
#define LOAD_ALIGN 4096u

struct load {
    const Proctor__DataSpec *spec; /* borrowed; files: names, for messages */
    const struct ubytes *files;    /* borrowed, parallel to spec->files */
    size_t files_n;
    uint8_t *area; /* borrowed; zeroes; the caller's size */
    uint64_t area_bytes;
    struct arena memory;   /* what data points at, and loaders' own needs */
    Proctor__Dataset data; /* no CIDs */
    char **notes;          /* data.notes, with room for LOAD_NOTES */
    uint8_t *x;            /* in area, from load_room on; 8-byte aligned */
    uint8_t *y;
    uint64_t x_bytes;
    uint64_t y_bytes;
    uint64_t tokenizer_bytes; /* 0 unless a loader wrote one */
    struct diag d;
};
#define LOAD_NOTES 16u

/* Nothing is allocated yet. */
void load_init(struct load *l, const Proctor__DataSpec *spec,
               const struct ubytes *files, size_t n, uint8_t *area,
               uint64_t area_bytes);
void load_release(struct load *l);
/* Fills the area and reply (init'ed before; borrows from l). 0, ERR_NOMEM, or
 * ERR_INPUT, ERR_LIMIT with l->d. */
int load_run(struct load *l, Proctor__TrainReply *reply) MUST_USE;

/* ---- For loaders. Each is called once, by load_run, and fills data.kind (if the
 * spec does not say it), classes, names, columns, x and y. ---- */

typedef int load_fn(struct load *l);
load_fn load_csv, load_npy, load_npz, load_idx, load_cifar, load_text;
load_fn load_regression, load_classification, load_moons, load_spirals;

/* Sets data.rows, width and x_type, x_bytes and y_bytes (by data.kind, which is
 * set), x and y. At least one row of one number. 0, ERR_INPUT, ERR_LIMIT with the
 * estimate. */
int load_room(struct load *l, uint64_t rows, uint64_t width,
              Proctor__DataType type) MUST_USE;
/* Where the tokenizer's bytes go: max_bytes of them are there. NULL: no room. */
uint8_t *load_tokenizer(struct load *l, uint64_t max_bytes);
/* Little endian. */
void load_put_u32(uint8_t *p, uint32_t v);
void load_put_f32(uint8_t *p, float v);
void load_put_f64(uint8_t *p, double v);

/* Fails with a place in file i (line 0: none); names the file if there are
 * several. Returns code. */
int load_fail(struct load *l, int code, size_t i, uint32_t line, uint32_t col,
              const char *fmt, ...) PRINTF_LIKE(6, 7);
void load_hint(struct load *l, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* A line for people that goes into the data set; past LOAD_NOTES none does. 0,
 * ERR_NOMEM. */
int load_note(struct load *l, const char *fmt, ...) MUST_USE PRINTF_LIKE(2, 3);

/* A whole decimal number of n bytes at p, as written by people: digits, a point,
 * an exponent, a sign; or nan, inf, infinity. 1 and *out, 0: it is none. */
int load_number(const uint8_t *p, size_t n, double *out);

/* Labels of classification, one a row. Whole numbers 0..k-1 stay what they are
 * (names empty); other values are classes in ascending order, named. y is
 * load_room's; v has data.rows values. 0, ERR_NOMEM, ERR_INPUT: more than
 * LIMIT_CLASSES, or one class only. */
int load_classes(struct load *l, const double *v) MUST_USE;
/* Finds constant columns of x, and notes them. 0, ERR_NOMEM. */
int load_note_constant(struct load *l) MUST_USE;

#endif
