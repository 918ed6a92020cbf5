/* Metrics as files. Runs in the person's process; names of metrics come from a
 * worker and are escaped. */
#include "cli/experiment_metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/disk.h"
#include "proto/err.h"
#include "proto/utf8.h"
#include "proto/value.h"

#define FILE_BYTES_MAX ((size_t)1 << 30)

static const struct loc NOWHERE = {NULL, 0, 0};

void metrics_release(struct metrics *m)
{
    free(m->rows);
    memset(m, 0, sizeof(*m));
}

/* The column of that name, or METRICS_COLUMNS: there are too many. */
static size_t column(struct metrics *m, const char *name)
{
    char text[METRICS_NAME_BYTES];
    size_t i = 0;

    utf8_escape((struct ubytes){(const uint8_t *)name, strlen(name)}, text,
                sizeof(text));
    while (i < m->names_n && strcmp(m->names[i], text) != 0) {
        i++;
    }
    if (i == m->names_n && i < METRICS_COLUMNS) {
        memcpy(m->names[m->names_n++], text, sizeof(text));
    }
    return i;
}

static void set(struct metrics *m, struct metrics_row *row, const char *name,
                double v)
{
    size_t i = column(m, name);

    if (i < METRICS_COLUMNS) {
        row->has |= 1u << i;
        row->v[i] = v;
    }
}

/* Room for the epoch, in its place. */
static struct metrics_row *row_of(struct metrics *m, uint32_t epoch)
{
    size_t at = m->rows_n;

    while (at > 0 && m->rows[at - 1].epoch > epoch) {
        at--;
    }
    if (at > 0 && m->rows[at - 1].epoch == epoch) {
        return &m->rows[at - 1];
    }
    if (m->rows_n == m->rows_cap) {
        size_t cap = m->rows_cap == 0 ? 64 : 2 * m->rows_cap;
        void *v = reallocarray(m->rows, cap, sizeof(*m->rows));

        if (v == NULL) {
            return NULL;
        }
        m->rows = v;
        m->rows_cap = cap;
    }
    memmove(&m->rows[at + 1], &m->rows[at],
            (m->rows_n - at) * sizeof(*m->rows));
    m->rows_n++;
    m->rows[at] = (struct metrics_row){.epoch = epoch};
    return &m->rows[at];
}

int metrics_add(struct metrics *m, const Proctor__TrainEpoch *e)
{
    struct metrics_row *row = row_of(m, e->epoch);

    if (row == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    row->has = 0;
    for (size_t i = 0; i < e->n_claims; i++) {
        set(m, row, e->claims[i]->name, e->claims[i]->value);
    }
    if (e->has_measured) {
        set(m, row, "measured", e->measured);
    }
    return 0;
}

int metrics_put_number(struct buf *out, double v)
{
    return isfinite(v) ? value_put_json_f64(out, v) : buf_putf(out, "null");
}

static int put_row(const struct metrics *m, const struct metrics_row *row,
                   struct buf *out)
{
    TRY(buf_putf(out, "{\"epoch\": %" PRIu32, row->epoch));
    for (size_t i = 0; i < m->names_n; i++) {
        if ((row->has >> i & 1) == 0) {
            continue;
        }
        TRY(buf_putf(out, ", "));
        TRY(value_put_json_string(
            out, (struct ubytes){(const uint8_t *)m->names[i],
                                 strlen(m->names[i])}));
        TRY(buf_putf(out, ": "));
        TRY(metrics_put_number(out, row->v[i]));
    }
    return buf_putf(out, "}");
}

int metrics_put_last(const struct metrics *m, struct buf *out)
{
    return m->rows_n > 0 ? put_row(m, &m->rows[m->rows_n - 1], out)
                         : buf_putf(out, "null");
}

static int fail(const char *path, int code, struct diag *d)
{
    return diag_set(d, code, NOWHERE, "%.180s: %s", path, err_text(code));
}

int metrics_stream(struct metrics *m, const struct experiment_dir *r,
                   const char *prefix, struct diag *d)
{
    CLEANUP(buf_release) struct buf out;
    CLEANUP(fd_closep) int fd = -1;
    char path[PATH_MAX];
    struct ubytes b;

    buf_init(&out, FILE_BYTES_MAX);
    for (size_t i = m->streamed; i < m->rows_n; i++) {
        TRY(put_row(m, &m->rows[i], &out));
        TRY(buf_putf(&out, "\n"));
    }
    if (snprintf(path, sizeof(path), "%s/metrics/%s.ndjson", r->path, prefix) >=
        (int)sizeof(path)) {
        return fail(r->path, ERR_LIMIT, d);
    }
    fd = open(path,
              O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW |
                  (m->streamed == 0 ? O_TRUNC : O_APPEND), 0666);
    if (fd < 0) {
        return fail(path, err_from_errno(errno), d);
    }
    for (b = buf_bytes(&out); b.n > 0;) {
        ssize_t n = write(fd, b.p, b.n);

        if (n < 0 && errno != EINTR) {
            return fail(path, err_from_errno(errno), d);
        }
        b.p += n > 0 ? n : 0;
        b.n -= n > 0 ? (size_t)n : 0;
    }
    m->streamed = m->rows_n;
    return 0;
}

static int put_json(const struct metrics *m, const char *name, struct buf *out)
{
    TRY(buf_putf(out, "{\n  \"experiment\": "));
    TRY(value_put_json_string(
        out, (struct ubytes){(const uint8_t *)name, strlen(name)}));
    TRY(buf_putf(out, ",\n  \"metrics\": ["));
    for (size_t i = 0; i < m->rows_n; i++) {
        TRY(buf_putf(out, "%s\n    ", i > 0 ? "," : ""));
        TRY(put_row(m, &m->rows[i], out));
    }
    return buf_putf(out, "%s]\n}\n", m->rows_n > 0 ? "\n  " : "");
}

static int put_cell(const struct metrics_row *row, size_t i, struct buf *out)
{
    return (row->has >> i & 1) != 0 && isfinite(row->v[i])
               ? buf_putf(out, "%.6f", row->v[i])
               : buf_putf(out, "N/A");
}

static int put_table(const struct metrics *m, struct buf *out)
{
    TRY(buf_putf(out, "| Epoch |"));
    for (size_t i = 0; i < m->names_n; i++) {
        TRY(buf_putf(out, " %s |", m->names[i]));
    }
    TRY(buf_putf(out, "\n|---|"));
    for (size_t i = 0; i < m->names_n; i++) {
        TRY(buf_putf(out, "---|"));
    }
    for (size_t k = 0; k < m->rows_n; k++) {
        TRY(buf_putf(out, "\n| %" PRIu32 " |", m->rows[k].epoch));
        for (size_t i = 0; i < m->names_n; i++) {
            TRY(buf_putf(out, " "));
            TRY(put_cell(&m->rows[k], i, out));
            TRY(buf_putf(out, " |"));
        }
    }
    return 0;
}

static int put_markdown(const struct metrics *m, const char *name,
                        struct buf *out)
{
    TRY(buf_putf(out, "# Metrics Summary: %s\n\n", name));
    TRY(put_table(m, out));
    TRY(buf_putf(out, "\n\n## Final Metrics\n\n"));
    for (size_t i = 0; i < m->names_n; i++) {
        TRY(buf_putf(out, "- **%s**: ", m->names[i]));
        TRY(put_cell(&m->rows[m->rows_n - 1], i, out));
        TRY(buf_putf(out, "\n"));
    }
    return 0;
}

int metrics_write(const struct metrics *m, const struct experiment_dir *r,
                  const char *prefix, const char *name, struct diag *d)
{
    CLEANUP(buf_release) struct buf out;
    char file[128];

    buf_init(&out, FILE_BYTES_MAX);
    if (m->rows_n == 0) {
        return 0; /* as there: no table of nothing */
    }
    TRY(put_json(m, name, &out));
    (void)snprintf(file, sizeof(file), "metrics/%.80s.json", prefix);
    TRY(experiment_dir_view(r, file, buf_bytes(&out), d));
    buf_reset(&out);
    TRY(put_markdown(m, name, &out));
    (void)snprintf(file, sizeof(file), "metrics/%.80s.md", prefix);
    return experiment_dir_view(r, file, buf_bytes(&out), d);
}
