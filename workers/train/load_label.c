/* Numbers as people write them, labels as classes, columns that say nothing
 * (load.h). Runs in the train worker; what it reads may be anything. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/sort.h"
#include "workers/train/load.h"
#include "workers/train/rows.h"

#define NUMBER_BYTES_MAX 400u
#define LIST_BYTES 160u

/* digits [. digits] [e [sign] digits], one digit at least before the e. */
static int is_decimal(const char *s)
{
    size_t digits = 0;

    for (; *s >= '0' && *s <= '9'; s++) {
        digits++;
    }
    s += *s == '.';
    for (; *s >= '0' && *s <= '9'; s++) {
        digits++;
    }
    if (digits > 0 && (*s == 'e' || *s == 'E')) {
        s++;
        s += *s == '+' || *s == '-';
        for (digits = 0; *s >= '0' && *s <= '9'; s++) {
            digits++;
        }
    }
    return digits > 0 && *s == '\0';
}

static int is_word(const char *s, const char *word)
{
    while (*word != '\0' && (*s | 0x20) == *word) {
        s++;
        word++;
    }
    return *word == '\0' && *s == '\0';
}

int load_number(const uint8_t *p, size_t n, double *out)
{
    char text[NUMBER_BYTES_MAX + 1];
    const char *body = text;

    if (n == 0 || n > NUMBER_BYTES_MAX) {
        return 0;
    }
    memcpy(text, p, n);
    text[n] = '\0';
    body += text[0] == '+' || text[0] == '-';
    if (!is_decimal(body) && !is_word(body, "nan") && !is_word(body, "inf") &&
        !is_word(body, "infinity")) {
        return 0;
    }
    *out = strtod(text, NULL);
    return 1;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static char *number_name(struct load *l, double v)
{
    char text[40];

    for (int digits = 1; digits <= 17; digits++) {
        (void)snprintf(text, sizeof(text), "%.*g", digits, v);
        if (strtod(text, NULL) == v) {
            break;
        }
    }
    if (v == floor(v) && fabs(v) < 1e15) {
        (void)snprintf(text, sizeof(text), "%.0f", v);
    }
    return arena_text(&l->memory, text, strlen(text));
}

static int name_classes(struct load *l, const double *distinct, size_t n)
{
    l->data.names = arena_array(&l->memory, n, sizeof(*l->data.names));
    for (size_t i = 0; l->data.names != NULL && i < n; i++) {
        l->data.names[i] = number_name(l, distinct[i]);
        if (l->data.names[i] == NULL) {
            return ERR_TRACE(ERR_NOMEM);
        }
        l->data.n_names++;
    }
    return l->data.names == NULL ? ERR_TRACE(ERR_NOMEM) : 0;
}

/* Sorts and unites. */
static size_t distinct_values(double *v, size_t n)
{
    size_t kept = 1;

    sort_items(v, n, sizeof(*v), by_value);
    for (size_t i = 1; i < n; i++) {
        if (v[i] != v[kept - 1]) {
            v[kept++] = v[i];
        }
    }
    return kept;
}

static uint32_t class_of(const double *distinct, size_t n, double v)
{
    size_t low = 0;

    while (n > 1) { /* the value is in distinct[low, low + n) */
        size_t half = n / 2;

        if (v >= distinct[low + half]) {
            low += half;
            n -= half;
        } else {
            n = half;
        }
    }
    return (uint32_t)low;
}

int load_classes(struct load *l, const double *v)
{
    size_t rows = (size_t)l->data.rows;
    struct arena_mark mark = arena_mark(&l->memory);
    double *distinct = arena_array(&l->memory, rows, sizeof(*distinct));
    size_t n;

    if (distinct == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    memcpy(distinct, v, rows * sizeof(*v));
    n = distinct_values(distinct, rows);
    if (n == 1) {
        return load_fail(l, ERR_INPUT, l->files_n - 1, 0, 0,
                         "all rows are of the class %g: nothing to tell apart",
                         distinct[0]);
    }
    if (n > LIMIT_CLASSES) {
        (void)load_fail(l, ERR_INPUT, l->files_n - 1, 0, 0,
                        "%zu different labels; at most %u classes", n,
                        LIMIT_CLASSES);
        load_hint(l, "for numbers that are measured, write kind: regression");
        return ERR_INPUT;
    }
    for (size_t i = 0; i < rows; i++) {
        load_put_u32(l->y + 4 * i, class_of(distinct, n, v[i]));
    }
    l->data.classes = (uint32_t)n;
    if (distinct[0] == 0 && distinct[n - 1] == (double)(n - 1)) {
        arena_rewind(&l->memory, mark);
        return 0; /* they are their own names */
    }
    return name_classes(l, distinct, n);
}

int load_note_constant(struct load *l)
{
    size_t width = l->data.width;
    size_t one = rows_type_bytes((enum rows_type)l->data.x_type);
    char list[LIST_BYTES] = "";
    size_t at = 0;
    size_t n = 0;

    for (size_t k = 0; k < width && l->data.rows > 1; k++) {
        uint64_t i = 1;

        while (i < l->data.rows && memcmp(l->x + k * one,
                                          l->x + (i * width + k) * one,
                                          one) == 0) {
            i++;
        }
        if (i < l->data.rows) {
            continue;
        }
        if (n++ < 3 && k < l->data.n_columns) {
            at += (size_t)snprintf(list + at, sizeof(list) - at, " \"%.30s\"",
                                   l->data.columns[k]);
        } else if (n <= 3) {
            at += (size_t)snprintf(list + at, sizeof(list) - at, " %zu", k + 1);
        }
    }
    return n == 0 ? 0
                  : load_note(l,
                              "%zu of %zu columns are constant and say "
                              "nothing:%s%s",
                              n, width, list, n > 3 ? " ..." : "");
}
