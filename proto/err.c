/* The list of fatal errors and the trail of the last one. Runs in every
 * process. The trail is the only state, one per process, 16 frames, fixed size:
 * recording never fails and never allocates. */
#include "proto/err.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define TRACE_N 16

struct err_row {
    const char *name;
    const char *text;
    int exit_code;
};

static const struct err_row rows[] = {
    {"NONE", "no error", 0},
#define ERR(name, exit_code, text) {#name, text, exit_code},
#include "proto/err.def"
#undef ERR
};

struct trace_frame {
    const char *file; /* a string literal */
    int line;
    int code;
};

static struct trace_frame trace[TRACE_N];
static unsigned trace_n; /* frames recorded since the last clear */

static const struct err_row *row_of(int code)
{
    if (code > 0 || code <= -ERR_INDEX_N_) {
        return NULL;
    }
    return &rows[-code];
}

const char *err_text(int code)
{
    const struct err_row *row = row_of(code);

    return row != NULL ? row->text : "unknown error";
}

const char *err_name(int code)
{
    const struct err_row *row = row_of(code);

    return row != NULL ? row->name : "UNKNOWN";
}

int err_exit_code(int code)
{
    const struct err_row *row = row_of(code);

    return row != NULL ? row->exit_code : rows[ERR_INDEX_INTERNAL_].exit_code;
}

int err_from_errno(int errno_value)
{
    switch (errno_value) {
    case ENOMEM:
        return ERR_NOMEM;
    case ENOSPC:
    case EDQUOT:
        return ERR_SPACE;
    case EROFS:
        return ERR_STORE_RDONLY;
    case EACCES:
    case EPERM:
        return ERR_ACCESS;
    case ENOENT:
        return ERR_NOT_FOUND;
    case EEXIST:
        return ERR_EXISTS;
    default:
        return ERR_IO;
    }
}

int err_trace(int code, const char *file, int line)
{
    trace[trace_n % TRACE_N] = (struct trace_frame){file, line, code};
    trace_n++;
    if (trace_n == 2 * TRACE_N) {
        trace_n = TRACE_N; /* same slot, no overflow */
    }
    return code;
}

void err_trace_clear(void)
{
    trace_n = 0;
}

void err_trace_print(int fd)
{
    unsigned first = trace_n > TRACE_N ? trace_n - TRACE_N : 0;

    for (unsigned i = first; i < trace_n; i++) {
        const struct trace_frame *f = &trace[i % TRACE_N];

        (void)dprintf(fd, "  at %s:%d: %s (%s)\n", f->file, f->line,
                      err_name(f->code), err_text(f->code));
    }
}
