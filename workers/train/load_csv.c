/* CSV (RFC 4180) with a header: columns of numbers, and one of labels. Read twice:
 * first counted and checked, then written. Runs in the train worker; the file may
 * be anything. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/sort.h"
#include "proto/utf8.h"
#include "workers/lib/csv.h"
#include "workers/train/load.h"

#define NAME_BYTES_MAX 200u

struct label { /* as it stands in the file */
    const uint8_t *p;
    uint32_t n;
    uint32_t is_quoted;
};

struct table {
    struct load *l;
    struct csv csv;
    struct csv_field *fields; /* of the row being read */
    size_t columns_n;
    size_t *inputs; /* columns */
    size_t inputs_n;
    size_t output;
    uint64_t rows; /* kept */
    uint64_t dropped;
    int has_words;        /* some label is no number */
    double *numbers;      /* labels, by row; or */
    struct label *labels; /* this, when some is a word */
};

typedef int row_fn(struct table *t);

static int fail_at(const struct table *t, const struct csv_field *f,
                   const char *what)
{
    return load_fail(t->l, ERR_INPUT, 0, f->line, f->col, "%s", what);
}

static int fail_column(const struct table *t, size_t k, const char *what)
{
    const struct csv_field *f = &t->fields[k];
    const char *name = k == t->output ? t->l->spec->output : "";
    char cell[48];

    utf8_escape((struct ubytes){f->raw.p, f->raw.n < 40 ? f->raw.n : 40}, cell,
                sizeof(cell));
    for (size_t i = 0; i < t->inputs_n; i++) {
        if (t->inputs[i] == k) {
            name = t->l->data.columns[i];
        }
    }
    return load_fail(t->l, ERR_INPUT, 0, f->line, f->col,
                     "column \"%.60s\": \"%s\" %s", name, cell, what);
}

/* Blanks around a field without quotes are no part of it. */
static struct ubytes trimmed(const struct csv_field *f)
{
    struct ubytes v = f->raw;

    while (!f->is_quoted && v.n > 0 && (v.p[0] == ' ' || v.p[0] == '\t')) {
        v.p++;
        v.n--;
    }
    while (!f->is_quoted && v.n > 0 &&
           (v.p[v.n - 1] == ' ' || v.p[v.n - 1] == '\t')) {
        v.n--;
    }
    return v;
}

static int is_missing(const struct csv_field *f)
{
    static const char *const words[] = {"NA", "N/A", "n/a", "null", "NULL", "?"};
    struct ubytes v = trimmed(f);

    for (size_t i = 0; i < ARRAY_N(words) && !f->is_quoted; i++) {
        if (v.n == strlen(words[i]) && memcmp(v.p, words[i], v.n) == 0) {
            return 1;
        }
    }
    return v.n == 0;
}

/* One line of the file. Behind the last *out_end is CSV_TEXT. */
static int read_row(struct table *t, enum csv_end *out_end)
{
    uint32_t line = csv_line(&t->csv);
    struct csv_fault fault;
    size_t n = 0;

    *out_end = CSV_COMMA;
    while (*out_end == CSV_COMMA) {
        struct csv_field extra;
        struct csv_field *f = n < t->columns_n ? &t->fields[n] : &extra;

        if (csv_next(&t->csv, f, out_end, &fault) != 0) {
            (void)load_fail(t->l, ERR_INPUT, 0, fault.line, fault.col, "%s",
                            fault.what);
            load_hint(t->l, "%s", fault.hint);
            return ERR_INPUT;
        }
        n++;
    }
    if (n != t->columns_n) {
        (void)load_fail(t->l, ERR_INPUT, 0, line, 1,
                        "expected %zu fields, got %zu", t->columns_n, n);
        load_hint(t->l, "every row has the fields that the header names");
        return ERR_INPUT;
    }
    return 0;
}

/* Is a value missing that is wanted? Then the row is left out, or refused. */
static int check_missing(struct table *t, int *out_missing)
{
    *out_missing = 0;
    for (size_t i = 0; i <= t->inputs_n; i++) {
        size_t k = i < t->inputs_n ? t->inputs[i] : t->output;

        if (!is_missing(&t->fields[k])) {
            continue;
        }
        *out_missing = 1;
        if (!t->l->spec->drop_missing) {
            (void)fail_column(t, k, "is a missing value");
            load_hint(t->l, "fill it in, or write drop_missing: true to leave "
                            "such rows out");
            return ERR_INPUT;
        }
    }
    return 0;
}

static int each_row(struct table *t, row_fn *fn)
{
    struct csv start = t->csv;
    enum csv_end end = CSV_LINE;
    int is_out = 0;

    t->rows = t->dropped = 0;
    while (end == CSV_LINE) {
        TRY(read_row(t, &end));
        TRY(check_missing(t, &is_out));
        if (is_out) {
            t->dropped++;
            continue;
        }
        TRY(fn(t));
        t->rows++;
    }
    t->csv = start;
    return 0;
}

static int count_row(struct table *t)
{
    struct ubytes v = trimmed(&t->fields[t->output]);
    double unused;

    t->has_words |= !load_number(v.p, v.n, &unused);
    return 0;
}

static int read_number(struct table *t, size_t k, double *out)
{
    struct ubytes v = trimmed(&t->fields[k]);

    if (!load_number(v.p, v.n, out)) {
        (void)fail_column(t, k, "is no number");
        load_hint(t->l, k == t->output
                            ? "for words, write kind: classification"
                            : "name the columns of numbers under inputs:");
        return ERR_INPUT;
    }
    if (!isfinite(*out)) {
        return fail_column(t, k, "is not finite");
    }
    return 0;
}

static int write_row(struct table *t)
{
    uint8_t *x = t->l->x + t->rows * t->inputs_n * 8;
    const struct csv_field *f = &t->fields[t->output];
    double v;

    for (size_t i = 0; i < t->inputs_n; i++) {
        TRY(read_number(t, t->inputs[i], &v));
        load_put_f64(x + i * 8, v);
    }
    if (t->labels != NULL) {
        struct ubytes text = trimmed(f);

        if (text.n > NAME_BYTES_MAX) {
            return fail_at(t, f, "the name of a class is over 200 bytes");
        }
        t->labels[t->rows] =
            (struct label){text.p, (uint32_t)text.n, (uint32_t)f->is_quoted};
        return 0;
    }
    TRY(read_number(t, t->output, &v));
    if (t->numbers != NULL) {
        t->numbers[t->rows] = v;
    } else {
        load_put_f64(t->l->y + t->rows * 8, v);
    }
    return 0;
}

/* ---- Names ---- */

static int copy_name(struct load *l, const struct csv_field *f, char **out)
{
    char text[NAME_BYTES_MAX];
    struct ubytes v = trimmed(f);
    struct csv_field cut = *f;
    size_t n;

    if (v.n > NAME_BYTES_MAX || !utf8_is_valid(v) ||
        memchr(v.p, 0, v.n) != NULL) {
        return load_fail(l, ERR_INPUT, 0, f->line, f->col,
                         "a name that is no UTF-8, or over 200 bytes");
    }
    cut.raw = v;
    n = csv_text(&cut, text);
    *out = arena_text(&l->memory, text, n);
    return *out == NULL ? ERR_TRACE(ERR_NOMEM) : 0;
}

static int compare_labels(const void *a, const void *b)
{
    const struct label *x = a;
    const struct label *y = b;
    int c = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);

    return c != 0 ? c : (x->n > y->n) - (x->n < y->n);
}

static uint32_t find_label(const struct label *sorted, size_t n,
                           const struct label *x)
{
    size_t low = 0;

    while (n > 1) {
        size_t half = n / 2;

        if (compare_labels(x, &sorted[low + half]) >= 0) {
            low += half;
            n -= half;
        } else {
            n = half;
        }
    }
    return (uint32_t)low;
}

static int put_words(struct table *t, const struct label *distinct, size_t n)
{
    struct load *l = t->l;

    l->data.names = arena_array(&l->memory, n, sizeof(*l->data.names));
    if (l->data.names == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (size_t i = 0; i < n; i++) {
        struct csv_field f = {.raw = {distinct[i].p, distinct[i].n},
                              .is_quoted = distinct[i].is_quoted != 0};

        TRY(copy_name(l, &f, &l->data.names[l->data.n_names]));
        l->data.n_names++;
    }
    l->data.classes = (uint32_t)n;
    for (uint64_t i = 0; i < t->rows; i++) {
        load_put_u32(l->y + 4 * i, find_label(distinct, n, &t->labels[i]));
    }
    return 0;
}

/* Words are classes in the order of their bytes. */
static int classes_of_words(struct table *t)
{
    size_t rows = (size_t)t->rows;
    struct label *v = arena_array(&t->l->memory, rows, sizeof(*v));
    char name[80];
    size_t n = 1;

    if (v == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    memcpy(v, t->labels, rows * sizeof(*v));
    sort_items(v, rows, sizeof(*v), compare_labels);
    for (size_t i = 1; i < rows; i++) {
        if (compare_labels(&v[i], &v[n - 1]) != 0) {
            v[n++] = v[i];
        }
    }
    if (n == 1) {
        utf8_escape((struct ubytes){v[0].p, v[0].n}, name, sizeof(name));
        return load_fail(t->l, ERR_INPUT, 0, 0, 0,
                         "all rows are of the class \"%s\": nothing to tell "
                         "apart",
                         name);
    }
    return n > LIMIT_CLASSES
               ? load_fail(t->l, ERR_LIMIT, 0, 0, 0,
                           "%zu different labels; at most %u classes", n,
                           LIMIT_CLASSES)
               : put_words(t, v, n);
}

/* ---- Header ---- */

static int fail_no_column(const struct table *t, const char *name,
                          char *const *names)
{
    const char **v =
        arena_array(&t->l->memory, t->columns_n, sizeof(*v));
    const char *near;

    if (v == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (size_t i = 0; i < t->columns_n; i++) {
        v[i] = names[i];
    }
    (void)load_fail(t->l, ERR_INPUT, 0, 1, 1, "no column \"%.80s\"", name);
    near = diag_nearest(name, v, t->columns_n);
    if (near != NULL) {
        load_hint(t->l, "did you mean \"%.80s\"?", near);
    } else {
        load_hint(t->l, "the first line names the columns");
    }
    return ERR_INPUT;
}

static int find_column(const struct table *t, const char *name,
                       char *const *names, size_t *out)
{
    for (size_t i = 0; i < t->columns_n; i++) {
        if (strcmp(names[i], name) == 0) {
            *out = i;
            return 0;
        }
    }
    return fail_no_column(t, name, names);
}

static int check_names(const struct table *t, char *const *names)
{
    size_t numbers = 0;
    double unused;

    for (size_t i = 0; i < t->columns_n; i++) {
        numbers += load_number((const uint8_t *)names[i], strlen(names[i]),
                               &unused) != 0;
        for (size_t k = 0; k < i; k++) {
            if (strcmp(names[i], names[k]) == 0) {
                (void)load_fail(t->l, ERR_INPUT, 0, t->fields[i].line,
                                t->fields[i].col,
                                "column \"%.80s\" is named twice", names[i]);
                load_hint(t->l, "give every column its own name");
                return ERR_INPUT;
            }
        }
    }
    if (numbers == t->columns_n) {
        (void)load_fail(t->l, ERR_INPUT, 0, 1, 1,
                        "the first line holds numbers, not the columns' names");
        load_hint(t->l, "write a header: one name per column");
        return ERR_INPUT;
    }
    return 0;
}

/* Which columns are inputs, and their names. */
static int pick_columns(struct table *t, char **names)
{
    const Proctor__DataSpec *s = t->l->spec;
    Proctor__Dataset *d = &t->l->data;

    TRY(find_column(t, s->output, names, &t->output));
    t->inputs_n = s->n_inputs > 0 ? s->n_inputs : t->columns_n - 1;
    t->inputs = arena_array(&t->l->memory, t->inputs_n + 1, sizeof(*t->inputs));
    d->columns = arena_array(&t->l->memory, t->inputs_n + 1, sizeof(char *));
    if (t->inputs == NULL || d->columns == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (size_t i = 0, k = 0; i < t->inputs_n; i++, k++) {
        k += s->n_inputs == 0 && k == t->output;
        if (s->n_inputs > 0) {
            TRY(find_column(t, s->inputs[i], names, &k));
        }
        if (k == t->output) {
            return load_fail(t->l, ERR_INPUT, 0, 1, 1,
                             "column \"%.80s\" is input and output", s->output);
        }
        t->inputs[i] = k;
        d->columns[d->n_columns++] = names[k];
    }
    return 0;
}

static int count_columns(struct table *t)
{
    struct csv v = t->csv;
    struct csv_fault fault;
    struct csv_field f;
    enum csv_end end = CSV_COMMA;

    while (end == CSV_COMMA && csv_next(&v, &f, &end, &fault) == 0) {
        t->columns_n++;
    }
    if (t->columns_n == 0) { /* the first field is the fault */
        t->columns_n = 1;
    }
    if (t->columns_n > LIMIT_DATASET_WIDTH / 64) {
        return load_fail(t->l, ERR_LIMIT, 0, 1, 1, "more than %u columns",
                         LIMIT_DATASET_WIDTH / 64);
    }
    t->fields =
        arena_array(&t->l->memory, t->columns_n, sizeof(*t->fields));
    return t->fields == NULL ? ERR_TRACE(ERR_NOMEM) : 0;
}

static int read_header(struct table *t)
{
    enum csv_end end;
    char **names;

    if (!csv_has(&t->csv)) {
        return load_fail(t->l, ERR_INPUT, 0, 1, 1, "the file is empty");
    }
    TRY(count_columns(t));
    TRY(read_row(t, &end));
    names = arena_array(&t->l->memory, t->columns_n, sizeof(*names));
    if (names == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (size_t i = 0; i < t->columns_n; i++) {
        TRY(copy_name(t->l, &t->fields[i], &names[i]));
    }
    TRY(check_names(t, names));
    if (end == CSV_TEXT) {
        return load_fail(t->l, ERR_INPUT, 0, 1, 1,
                         "there is no row below the header");
    }
    return pick_columns(t, names);
}

static int make_labels(struct table *t)
{
    size_t n = (size_t)t->rows;
    int is_class =
        t->l->data.kind == PROCTOR__DATA_KIND__DATA_CLASSIFICATION;

    if (is_class && t->has_words) {
        t->labels = arena_array(&t->l->memory, n, sizeof(*t->labels));
        return t->labels == NULL ? ERR_TRACE(ERR_NOMEM) : 0;
    }
    if (is_class) {
        t->numbers = arena_array(&t->l->memory, n, sizeof(*t->numbers));
        return t->numbers == NULL ? ERR_TRACE(ERR_NOMEM) : 0;
    }
    return 0;
}

int load_csv(struct load *l)
{
    struct table t = {.l = l};

    csv_init(&t.csv, l->files[0]);
    TRY(read_header(&t));
    TRY(each_row(&t, count_row));
    if (t.dropped > 0) {
        TRY(load_note(l, "%llu of %llu rows lack a value and were left out",
                      (unsigned long long)t.dropped,
                      (unsigned long long)(t.dropped + t.rows)));
    }
    TRY(load_room(l, t.rows, t.inputs_n, PROCTOR__DATA_TYPE__DATA_F64));
    TRY(make_labels(&t));
    TRY(each_row(&t, write_row));
    return t.labels != NULL    ? classes_of_words(&t)
           : t.numbers != NULL ? load_classes(l, t.numbers)
                               : 0;
}
