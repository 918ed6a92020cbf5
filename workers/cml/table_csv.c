/* CSV with a header: columns of inputs and one of outputs. Runs in the `cml`
 * worker, on foreign bytes. */
#include <string.h>

#include "proto/err.h"
#include "workers/cml/table_int.h"

#define COLUMNS_MAX (PBE_PARAMS_MAX + 1)

struct cell {
    struct ubytes text;
    struct loc at;
};

struct row {
    struct cell cells[COLUMNS_MAX];
    uint32_t n;
};

struct csv {
    struct pbe *p;
    struct ubytes in;
    size_t at;
    size_t line_start;
    uint32_t line;
    uint32_t columns_n;
    uint32_t output; /* its column */
};

static struct loc here(const struct csv *v)
{
    return (struct loc){v->p->path, v->line,
                        (uint32_t)(v->at - v->line_start + 1)};
}

static int fail(struct csv *v, const char *what, const char *hint)
{
    (void)diag_set(v->p->d, ERR_INPUT, here(v), "%s", what);
    diag_hint(v->p->d, "%s", hint);
    return ERR_INPUT;
}

static int read_quoted(struct csv *v, struct cell *out)
{
    size_t max = v->in.n - v->at;
    uint8_t *text = arena_array(v->p->arena, max, 1);
    struct csv start = *v;

    if (text == NULL) {
        return ERR_NOMEM;
    }
    out->text = (struct ubytes){text, 0};
    for (v->at++; v->at < v->in.n; v->at++) {
        uint8_t c = v->in.p[v->at];

        if (c == '"') {
            if (v->at + 1 == v->in.n || v->in.p[v->at + 1] != '"') {
                v->at++;
                return 0;
            }
            v->at++;
        }
        if (c == '\n') {
            v->line++;
            v->line_start = v->at + 1;
        }
        text[out->text.n++] = c;
    }
    *v = start;
    return fail(v, "a quoted field that has no end", "close it with a quote");
}

static int read_plain(struct csv *v, struct cell *out)
{
    size_t from = v->at;

    while (v->at < v->in.n && strchr(",\r\n\"", v->in.p[v->at]) == NULL) {
        v->at++;
    }
    if (v->at < v->in.n && v->in.p[v->at] == '"') {
        return fail(v, "a quote inside of a field without quotes",
                    "put the whole field into quotes, and write it twice");
    }
    out->text = (struct ubytes){v->in.p + from, v->at - from};
    return 0;
}

/* What stands behind a field; 1: the row goes on. */
static int read_end(struct csv *v)
{
    if (v->at < v->in.n && v->in.p[v->at] == ',') {
        v->at++;
        return 1;
    }
    if (v->at + 1 < v->in.n && v->in.p[v->at] == '\r' &&
        v->in.p[v->at + 1] == '\n') {
        v->at++;
    }
    if (v->at == v->in.n) {
        return 0;
    }
    if (v->in.p[v->at] != '\n') {
        return fail(v, "text behind a quoted field",
                    "a quote inside of quotes is written twice; lines end with "
                    "LF or CRLF");
    }
    v->at++;
    v->line++;
    v->line_start = v->at;
    return 0;
}

static int read_row(struct csv *v, struct row *row)
{
    int more = 1;

    for (row->n = 0; more; row->n++) {
        struct cell *c = &row->cells[row->n];

        if (row->n == COLUMNS_MAX) {
            return diag_set(v->p->d, ERR_LIMIT, here(v),
                            "more than %u columns", COLUMNS_MAX);
        }
        c->at = here(v);
        TRY(v->at < v->in.n && v->in.p[v->at] == '"' ? read_quoted(v, c)
                                                     : read_plain(v, c));
        more = read_end(v);
        TRY(more);
    }
    return 0;
}

static int find_output(struct csv *v, const struct row *head, const char *name)
{
    char text[80];
    const char *names[COLUMNS_MAX];
    const char *near;

    v->output = head->n - 1;
    if (name[0] == '\0') {
        return 0;
    }
    for (uint32_t i = 0; i < head->n; i++) {
        struct ubytes s = head->cells[i].text;

        if (s.n == strlen(name) && memcmp(s.p, name, s.n) == 0) {
            v->output = i;
            return 0;
        }
        names[i] = arena_text(v->p->arena, s.p, s.n);
        if (names[i] == NULL) {
            return ERR_NOMEM;
        }
    }
    near = diag_nearest(name, names, head->n);
    (void)diag_set(v->p->d, ERR_INPUT, head->cells[0].at,
                   "no column \"%.60s\"", name);
    if (near != NULL) {
        strncpy(text, near, sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        diag_hint(v->p->d, "did you mean \"%s\"?", text);
    }
    return ERR_INPUT;
}

static int read_head(struct csv *v, const char *output)
{
    struct pbe *p = v->p;
    struct row head;

    TRY(read_row(v, &head));
    v->columns_n = head.n;
    if (head.n < 2) {
        (void)diag_set(p->d, ERR_INPUT, head.cells[0].at,
                       "a table of one column");
        diag_hint(p->d, "columns of inputs, and one of the outputs");
        return ERR_INPUT;
    }
    TRY(find_output(v, &head, output));
    for (uint32_t i = 0; i < head.n; i++) {
        for (uint32_t k = 0; k < i; k++) {
            if (head.cells[i].text.n == head.cells[k].text.n &&
                memcmp(head.cells[i].text.p, head.cells[k].text.p,
                       head.cells[i].text.n) == 0) {
                (void)diag_set(p->d, ERR_INPUT, head.cells[i].at,
                               "two columns have this name");
                diag_hint(p->d, "the first line names the columns");
                return ERR_INPUT;
            }
        }
    }
    p->name = pbe_name(p, head.cells[v->output].text);
    p->params_n = 0;
    for (uint32_t i = 0; i < head.n; i++) {
        if (i != v->output) {
            p->params[p->params_n] = pbe_name(p, head.cells[i].text);
            if (p->params[p->params_n] == NULL) {
                return ERR_NOMEM;
            }
            p->params_n++;
        }
    }
    return p->name != NULL ? 0 : ERR_NOMEM;
}

/* Rows, one after the other, from the one below the header. 1: there is one. */
static int next_row(struct csv *v, struct row *row)
{
    uint32_t line = v->line;

    if (v->at >= v->in.n) {
        return 0;
    }
    TRY(read_row(v, row));
    if (row->n != v->columns_n) {
        (void)diag_set(v->p->d, ERR_INPUT, (struct loc){v->p->path, line, 1},
                       "%u fields; the header has %u", row->n, v->columns_n);
        diag_hint(v->p->d, "a field that holds a comma stands in quotes");
        return ERR_INPUT;
    }
    return 1;
}

/* The type at which a column stands, from all of its cells. */
static int guess(struct csv *v, const struct csv *first)
{
    struct table_guess *all =
        arena_array(v->p->arena, COLUMNS_MAX, sizeof(*all));
    struct row row;
    uint32_t param = 0;
    int more;

    if (all == NULL) {
        return ERR_NOMEM;
    }
    while ((more = next_row(v, &row)) > 0) {
        for (uint32_t i = 0; i < row.n; i++) {
            table_guess_cell(&all[i], row.cells[i].text, 1);
        }
    }
    TRY(more);
    for (uint32_t i = 0; i < v->columns_n && all[0].cells > 0; i++) {
        struct type *t =
            i == v->output ? &v->p->gives : &v->p->types[param++];

        TRY(table_guess_type(&all[i], t));
    }
    *v = *first;
    return 0;
}

static int read_types(struct csv *v, const char *types)
{
    struct csv first = *v;
    uint32_t params_n = v->p->params_n;

    if (types[0] == '\0') {
        TRY(guess(v, &first));
        return v->at >= v->in.n ? 0 : table_check_types(v->p);
    }
    TRY(table_types(v->p, types));
    if (v->p->params_n != params_n) {
        return diag_set(v->p->d, ERR_INPUT, (struct loc){v->p->path, 1, 1},
                        "%u columns of inputs, and --types has %u", params_n,
                        v->p->params_n);
    }
    return table_check_types(v->p);
}

static int put_row(struct csv *v, const struct row *row)
{
    CLEANUP(buf_release) struct buf in;
    CLEANUP(buf_release) struct buf out;
    uint32_t param = 0;

    buf_init(&in, 1u << 20);
    buf_init(&out, 1u << 20);
    TRY(value_put_tuple(&in, v->p->params_n));
    for (uint32_t i = 0; i < row->n; i++) {
        const struct cell *c = &row->cells[i];
        int is_output = i == v->output;

        TRY(table_cell(v->p, c->text, 1,
                       is_output ? &v->p->gives : &v->p->types[param], c->at,
                       is_output ? &out : &in));
        param += !is_output;
    }
    return pbe_add(v->p, buf_bytes(&in), buf_bytes(&out), row->cells[0].at);
}

int table_read_csv(struct pbe *p, struct ubytes in, const struct table_ask *ask)
{
    struct csv v = {.p = p, .in = in, .line = 1};
    struct row row;
    int more;

    p->format = "CSV";
    TRY(table_check_text(p, in));
    if (in.n >= 3 && memcmp(in.p, "\xef\xbb\xbf", 3) == 0) {
        v.at = 3;
        v.line_start = 3;
    }
    TRY(read_head(&v, ask->output));
    TRY(read_types(&v, ask->types));
    while ((more = next_row(&v, &row)) > 0) {
        TRY(put_row(&v, &row));
    }
    return more;
}
