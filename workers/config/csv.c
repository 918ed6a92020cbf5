/* CSV tables to values. Runs in the confined `config` worker. */
#include <string.h>

#include "proto/limits.h"
#include "proto/utf8.h"
#include "workers/config/rows.h"
#include "workers/config/specs.h"
#include "workers/config/types.h"
#include "workers/lib/csv.h"

#define COLUMNS_MAX 4096u
#define INPUTS_MAX (LIMIT_FILES + 1u)
#define VALUES_BYTES_MAX (LIMIT_FRAME_BYTES / 2)

struct table {
    struct config *c;
    struct csv csv;
    size_t columns_n;
    size_t pick[INPUTS_MAX]; /* column of each input, then of the output */
    size_t inputs_n;
    struct type takes, gives;
    int spread; /* all inputs form one list */
};

int rows_check_text(struct config *c, struct ubytes text)
{
    struct ubytes rest = text;
    uint32_t line = 1;
    size_t line_start = 0;

    while (rest.n > 0) {
        size_t pos = text.n - rest.n;
        uint32_t cp = 0;
        size_t n = utf8_next(rest, &cp);

        if (n == 0 || cp == 0) {
            config_fail_at(c, line, (uint32_t)(pos - line_start + 1),
                           n == 0 ? "byte %zu (0x%02x) is not valid UTF-8"
                                  : "byte %zu (0x%02x) is a NUL character",
                           pos, rest.p[0]);
            config_hint(c, "save the file as UTF-8");
            return ERR_INPUT;
        }
        if (cp == '\n') {
            line++;
            line_start = pos + 1;
        }
        rest.p += n;
        rest.n -= n;
    }
    return 0;
}

static int fail_here(struct table *v, const char *what, const char *hint)
{
    config_fail_at(v->c, csv_line(&v->csv), csv_col(&v->csv), "%s", what);
    config_hint(v->c, "%s", hint);
    return ERR_INPUT;
}

static int read_field(struct table *v, struct yaml_node *out,
                      enum csv_end *out_end)
{
    struct csv_field f;
    struct csv_fault fault;
    char *text;

    if (csv_next(&v->csv, &f, out_end, &fault) != 0) {
        config_fail_at(v->c, fault.line, fault.col, "%s", fault.what);
        config_hint(v->c, "%s", fault.hint);
        return ERR_INPUT;
    }
    text = arena_array(&v->c->scratch, f.raw.n + 1, 1);
    if (!text) {
        return ERR_NOMEM;
    }
    memset(out, 0, sizeof(*out));
    out->plain = 1;
    out->line = f.line;
    out->col = f.col;
    out->n = (uint32_t)csv_text(&f, text);
    out->text = text;
    return 0;
}

static const char *wanted(const struct table *v, size_t i)
{
    const Proctor__TableSpec *t = v->c->task->table;

    return i < v->inputs_n ? t->inputs[i] : t->output;
}

static int fail_no_column(struct table *v, const char *name,
                          const struct yaml_node *fields)
{
    const char **names =
        arena_array(&v->c->scratch, v->columns_n, sizeof(*names));
    const char *nearest;

    if (!names) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < v->columns_n; i++) {
        names[i] = fields[i].text;
    }
    nearest = diag_nearest(name, names, v->columns_n);
    if (nearest) {
        config_fail_at(v->c, 1, 1, "no column \"%s\"; did you mean \"%s\"?",
                       name, nearest);
    } else {
        config_fail_at(v->c, 1, 1, "no column \"%s\"", name);
    }
    config_hint(v->c, "the first line names the columns");
    return ERR_INPUT;
}

static int fail_double_column(struct table *v, const struct yaml_node *field)
{
    config_fail_at(v->c, field->line, field->col,
                   "column \"%s\" is named twice", field->text);
    config_hint(v->c, "give every column its own name");
    return ERR_INPUT;
}

static int read_header(struct table *v)
{
    struct yaml_node *fields =
        arena_array(&v->c->scratch, COLUMNS_MAX, sizeof(*fields));
    enum csv_end end = CSV_COMMA;

    if (!fields) {
        return ERR_NOMEM;
    }
    while (end == CSV_COMMA) {
        if (v->columns_n == COLUMNS_MAX) {
            return fail_here(v, "more than 4096 columns", "leave columns out");
        }
        TRY(read_field(v, &fields[v->columns_n++], &end));
    }
    if (end == CSV_TEXT) {
        return fail_here(v, "there is no row below the header",
                         "the first line names the columns");
    }
    for (size_t i = 0; i <= v->inputs_n; i++) {
        size_t found = v->columns_n;

        for (size_t k = 0; k < v->columns_n; k++) {
            if (strcmp(fields[k].text, wanted(v, i)) != 0) {
                continue;
            }
            if (found < v->columns_n) {
                return fail_double_column(v, &fields[k]);
            }
            found = k;
        }
        if (found == v->columns_n) {
            return fail_no_column(v, wanted(v, i), fields);
        }
        v->pick[i] = found;
    }
    return 0;
}

static int read_row(struct table *v, struct yaml_node *fields,
                    enum csv_end *out_end)
{
    uint32_t line = csv_line(&v->csv);
    size_t n = 0;

    *out_end = CSV_COMMA;
    while (*out_end == CSV_COMMA) {
        if (n == v->columns_n) {
            return fail_here(v, "more fields than the header has",
                             "quote a field that holds a comma");
        }
        TRY(read_field(v, &fields[n++], out_end));
    }
    if (n < v->columns_n) {
        config_fail_at(v->c, line, 1, "expected %zu fields, got %zu",
                       v->columns_n, n);
        config_hint(v->c, "every row has the fields that the header names");
        return ERR_INPUT;
    }
    return 0;
}

static int read_cell(struct table *v, const struct yaml_node *fields, size_t i,
                     const struct type *t, struct buf *out)
{
    config_enter(v->c, wanted(v, i));
    TRY(types_cell(v->c, &fields[v->pick[i]], t, out));
    config_leave(v->c);
    return 0;
}

static int put_inputs(struct table *v, const struct yaml_node *fields,
                      struct buf *out)
{
    size_t off = v->spread ? 3 : 2; /* of the first element's type */

    if (v->spread) {
        struct type elem = type_sub(&v->takes, off);

        TRY(value_put_tuple(out, 1));
        TRY(value_put_list(out, (uint32_t)v->inputs_n));
        for (size_t i = 0; i < v->inputs_n; i++) {
            TRY(read_cell(v, fields, i, &elem, out));
        }
        return 0;
    }
    TRY(value_put_tuple(out, (uint32_t)v->inputs_n));
    for (size_t i = 0; i < v->inputs_n; i++) {
        struct type elem = type_sub(&v->takes, off);

        TRY(read_cell(v, fields, i, &elem, out));
        off = type_skip(&v->takes, off);
    }
    return 0;
}

static int read_rows(struct table *v, struct values_builder *inputs,
                     struct values_builder *outputs)
{
    CLEANUP(buf_release) struct buf value;
    struct yaml_node *fields =
        arena_array(&v->c->scratch, v->columns_n, sizeof(*fields));
    enum csv_end end = CSV_LINE;
    uint32_t rows = 0;

    if (!fields) {
        return ERR_NOMEM;
    }
    buf_init(&value, LIMIT_VALUE_BYTES);
    while (end == CSV_LINE) {
        struct arena_mark mark = arena_mark(&v->c->scratch);

        if (rows++ == LIMIT_TABLE_ROWS) {
            return config_limit(v->c, NULL, "at most %u rows",
                                LIMIT_TABLE_ROWS);
        }
        TRY(read_row(v, fields, &end));
        buf_reset(&value);
        TRY(put_inputs(v, fields, &value));
        TRY(values_builder_add(inputs, buf_bytes(&value)));
        buf_reset(&value);
        TRY(read_cell(v, fields, v->inputs_n, &v->gives, &value));
        TRY(values_builder_add(outputs, buf_bytes(&value)));
        arena_rewind(&v->c->scratch, mark);
    }
    return 0;
}

/* The task's types, and whether the columns fit them. */
static int read_types(struct table *v)
{
    const Proctor__ConfigTask *t = v->c->task;
    char text[120];

    if (!t->table || t->table->n_inputs == 0 ||
        t->table->n_inputs >= INPUTS_MAX ||
        type_decode((struct ubytes){t->takes.data, t->takes.len}, &v->takes) ||
        type_decode((struct ubytes){t->gives.data, t->gives.len}, &v->gives) ||
        type_tag_at(&v->takes, 0) != TYPE_TUPLE) {
        return ERR_PROTOCOL;
    }
    v->inputs_n = t->table->n_inputs;
    v->spread = v->takes.b[1] == 1 && v->inputs_n > 1 &&
                type_tag_at(&v->takes, 2) == TYPE_LIST;
    if (!v->spread && v->takes.b[1] != v->inputs_n) {
        type_text(&v->takes, text, sizeof(text));
        config_fail(v->c, NULL,
                    "the table has %zu inputs, the candidate takes %s",
                    v->inputs_n, text);
        config_hint(v->c, "name one column per argument under inputs");
        return ERR_INPUT;
    }
    return 0;
}

int csv_read(struct config *c, Proctor__ConfigReply *out)
{
    CLEANUP(values_builder_release) struct values_builder inputs = {0};
    CLEANUP(values_builder_release) struct values_builder outputs = {0};
    struct ubytes text = {c->task->text.data, c->task->text.len};
    struct table *v = arena_get(&c->scratch, sizeof(*v));

    if (!v) {
        return ERR_NOMEM;
    }
    TRY(values_builder_init(&inputs, VALUES_BYTES_MAX));
    TRY(values_builder_init(&outputs, VALUES_BYTES_MAX));
    if (text.n > LIMIT_DATA_FILE_BYTES) {
        return config_limit(c, NULL, "a table has at most %u bytes, got %zu",
                            LIMIT_DATA_FILE_BYTES, text.n);
    }
    v->c = c;
    TRY(read_types(v));
    TRY(rows_check_text(c, text));
    csv_init(&v->csv, text);
    if (!csv_has(&v->csv)) {
        return config_fail_at(c, 1, 1, "the text is empty");
    }
    TRY(read_header(v));
    TRY(read_rows(v, &inputs, &outputs));
    TRY(spec_bytes(c, values_builder_bytes(&inputs), &out->inputs));
    return spec_bytes(c, values_builder_bytes(&outputs), &out->outputs);
}
