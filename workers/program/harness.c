/* Runs one batch of inputs through one process. Runs in the program worker, as
 * process 1 of its sandbox. Must never believe a word of the program: lines are
 * parsed here, strictly, and compared elsewhere. Must never wait for the
 * program with a pipe of it unattended. */
#include "workers/program/harness.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proto/err.h"
#include "workers/program/child.h"
#include "workers/lib/json.h"
#include "workers/program/tail.h"

/* Only how soon an end is noticed while a descendant holds the pipes open. */
#define TICK_MS 10
/* A program writes line by line. We are not woken by each, which costs it more
 * than the line: after a read of less than PAUSE_BELOW bytes some may gather. */
#define PAUSE_NS 200000
#define PAUSE_BELOW 8192u
#define READ_BYTES 65536
/* A value of LIMIT_VALUE_BYTES, every character of it escaped. */
#define LINE_MAX_BYTES ((size_t)6 * LIMIT_VALUE_BYTES + 64)
/* A batch of LIMIT_BATCH_BYTES as lines. */
#define LINES_MAX_BYTES ((size_t)12 * LIMIT_BATCH_BYTES)

struct run {
    const struct program *p;
    struct batch_result *result;
    struct child child;
    struct buf in; /* lines for its standard input */
    size_t in_off;
    struct buf line; /* the beginning of a line that has no end yet */
    struct buf value;
    struct tail stderr_tail;
    uint64_t output_n; /* bytes it wrote on standard output */
    uint64_t errors_n; /* and on standard error */
    uint32_t wanted;
    int stop; /* the ending is decided */
    int code; /* ours: an ERR_* that ends the run */
    char note[256];
};

static void PRINTF_LIKE(3, 4)
    run_stop(struct run *r, Proctor__Ending ending, const char *fmt, ...)
{
    va_list ap;

    if (r->stop) {
        return;
    }
    r->stop = 1;
    r->result->ending = ending;
    va_start(ap, fmt);
    (void)vsnprintf(r->note, sizeof(r->note), fmt, ap);
    va_end(ap);
}

static void run_fail(struct run *r, int code)
{
    if (r->code == 0) {
        r->code = ERR_TRACE(code);
    }
    r->stop = 1;
}

static uint32_t answers_n(const struct run *r)
{
    return values_builder_n(&r->result->answers);
}

static int encode_inputs(struct run *r, const struct values *inputs)
{
    for (uint32_t i = 0; i < values_n(inputs); i++) {
        TRY(value_put_json(&r->in, values_at(inputs, i), &r->p->takes));
        TRY(buf_put_u8(&r->in, '\n'));
    }
    return 0;
}

static void take_answer(struct run *r)
{
    struct ubytes v = buf_bytes(&r->value);
    int code;

    if (v.n > LIMIT_VALUE_BYTES) {
        run_stop(r, PROCTOR__ENDING__ENDING_FLOOD,
                 "line %u: a value of %zu bytes, the limit is %u",
                 answers_n(r) + 1, v.n, LIMIT_VALUE_BYTES);
        return;
    }
    code = values_builder_add(&r->result->answers, v);
    if (code == ERR_LIMIT) {
        run_stop(r, PROCTOR__ENDING__ENDING_FLOOD,
                 "line %u: the answers pass %u bytes", answers_n(r) + 1,
                 LIMIT_BATCH_BYTES);
    } else if (code != 0) {
        run_fail(r, code);
    }
}

static void take_line(struct run *r, struct ubytes line)
{
    struct json_error e;
    int code;

    if (answers_n(r) == r->wanted) {
        run_stop(r, PROCTOR__ENDING__ENDING_TOO_MANY,
                 "line %u: more lines than the %u inputs", r->wanted + 1,
                 r->wanted);
        return;
    }
    code = json_read(line, &r->p->gives, &r->value, &e);
    if (code == JSON_OK) {
        take_answer(r);
    } else if (code < 0) {
        run_fail(r, code);
    } else {
        run_stop(r,
                 code == JSON_E_NONFINITE ? PROCTOR__ENDING__ENDING_NONFINITE
                                          : PROCTOR__ENDING__ENDING_MALFORMED,
                 "line %u, byte %zu: %s", answers_n(r) + 1, e.at + 1, e.what);
    }
}

/* Keeps the beginning of a line until its end comes. */
static void keep_part(struct run *r, const uint8_t *p, size_t n)
{
    int code = buf_put(&r->line, p, n);

    if (code == ERR_LIMIT) {
        run_stop(r, PROCTOR__ENDING__ENDING_FLOOD,
                 "line %u: over %zu bytes without an end", answers_n(r) + 1,
                 LINE_MAX_BYTES);
    } else if (code != 0) {
        run_fail(r, code);
    }
}

static void take_output(struct run *r, const uint8_t *p, size_t n)
{
    while (n > 0 && !r->stop) {
        const uint8_t *end = memchr(p, '\n', n);
        size_t used = end == NULL ? n : (size_t)(end - p);

        if (end == NULL || buf_len(&r->line) > 0) {
            keep_part(r, p, used);
        }
        if (end != NULL && !r->stop) {
            take_line(r, buf_len(&r->line) > 0 ? buf_bytes(&r->line)
                                               : (struct ubytes){p, used});
            buf_reset(&r->line);
        }
        used += end == NULL ? 0u : 1u;
        p += used;
        n -= used;
    }
}

/* One read. False at the end of the stream, or when nothing is there. */
static int read_some(int *fd, uint8_t *to, size_t *out_n)
{
    ssize_t n = read(*fd, to, READ_BYTES);

    *out_n = n > 0 ? (size_t)n : 0;
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        child_close(fd);
    }
    return n > 0;
}

/* The limit cuts at its very byte, so that the size of reads decides nothing.
 * */
static int pump_output(struct run *r, uint8_t *scratch)
{
    uint64_t left = r->p->output_bytes - r->output_n;
    size_t n;

    if (r->child.out_fd < 0 || !read_some(&r->child.out_fd, scratch, &n)) {
        return 0;
    }
    r->output_n += n < left ? n : left;
    take_output(r, scratch, n < left ? n : (size_t)left);
    if (n > left) {
        run_stop(r, PROCTOR__ENDING__ENDING_FLOOD, "over %llu bytes of output",
                 (unsigned long long)r->p->output_bytes);
    }
    return 1;
}

static int pump_errors(struct run *r, uint8_t *scratch)
{
    size_t n;

    if (r->child.err_fd < 0 || !read_some(&r->child.err_fd, scratch, &n)) {
        return 0;
    }
    tail_add(&r->stderr_tail, scratch, n);
    r->errors_n += n;
    if (r->errors_n > r->p->output_bytes && !r->stop) {
        /* How many answers came before is a race: none counts. */
        values_builder_release(&r->result->answers);
        if (values_builder_init(&r->result->answers, LIMIT_BATCH_BYTES) != 0) {
            run_fail(r, ERR_NOMEM);
        }
        run_stop(r, PROCTOR__ENDING__ENDING_FLOOD,
                 "over %llu bytes on standard error",
                 (unsigned long long)r->p->output_bytes);
    }
    return 1;
}

static void pump_input(struct run *r)
{
    struct ubytes in = buf_bytes(&r->in);
    ssize_t n = 0;

    if (r->in_off < in.n) {
        n = write(r->child.in_fd, in.p + r->in_off, in.n - r->in_off);
    }
    if (n > 0) {
        r->in_off += (size_t)n;
    }
    /* A program that reads no more is no error: its answers decide. */
    if (r->in_off == in.n || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        child_close(&r->child.in_fd);
    }
}

static void pump(struct run *r, uint8_t *scratch)
{
    struct pollfd f[] = {{r->child.in_fd, POLLOUT, 0},
                         {r->child.out_fd, POLLIN, 0},
                         {r->child.err_fd, POLLIN, 0}};

    if (poll(f, ARRAY_N(f), TICK_MS) < 0 && errno != EINTR) {
        run_fail(r, err_from_errno(errno));
        return;
    }
    if (f[2].revents != 0) {
        (void)pump_errors(r, scratch);
    }
    if (f[1].revents != 0) {
        uint64_t before = r->output_n;

        if (pump_output(r, scratch) && r->output_n - before < PAUSE_BELOW) {
            (void)nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
        }
        if (r->child.out_fd < 0) {
            child_close(&r->child.in_fd); /* no answer can come any more */
        }
    }
    if (f[0].revents != 0 && r->child.in_fd >= 0) {
        pump_input(r);
    }
}

/* Attends to the program until it has ended or the ending is decided. */
static void attend(struct run *r, uint8_t *scratch)
{
    while (!r->stop && !child_has_ended(&r->child)) {
        if (r->child.out_fd < 0 && r->child.err_fd < 0) {
            child_wait(&r->child); /* no pipe is left to attend to */
        } else {
            pump(r, scratch);
        }
    }
    child_kill_all(&r->child);
    /* No writer is left: what the pipes hold is finite. */
    while (!r->stop && pump_output(r, scratch)) {
    }
    while (pump_errors(r, scratch)) {
    }
}

static void note_end(struct run *r, int status)
{
    if (r->stop) {
        return;
    }
    if (buf_len(&r->line) > 0 && WIFEXITED(status) &&
        answers_n(r) < r->wanted) {
        run_stop(r, PROCTOR__ENDING__ENDING_MALFORMED,
                 "line %u: no newline at its end", answers_n(r) + 1);
    } else if (buf_len(&r->line) > 0 && answers_n(r) == r->wanted) {
        run_stop(r, PROCTOR__ENDING__ENDING_TOO_MANY,
                 "bytes behind the last answer");
    } else if (answers_n(r) == r->wanted) {
        run_stop(r, PROCTOR__ENDING__ENDING_OK, "%s", "");
    } else {
        /* No words of ours: its own last words are what people need. */
        run_stop(r,
                 WIFSIGNALED(status) ? PROCTOR__ENDING__ENDING_KILLED
                                     : PROCTOR__ENDING__ENDING_EXITED,
                 "%s", "");
    }
}

/* Where we killed it, its status is a race and says nothing. */
static uint32_t detail_of(Proctor__Ending ending, int status)
{
    uint32_t base = ending == PROCTOR__ENDING__ENDING_OK ? 128u : 0u;

    if (ending != PROCTOR__ENDING__ENDING_OK &&
        ending != PROCTOR__ENDING__ENDING_EXITED &&
        ending != PROCTOR__ENDING__ENDING_KILLED) {
        return 0;
    }
    return WIFSIGNALED(status) ? base + (uint32_t)WTERMSIG(status)
                               : (uint32_t)WEXITSTATUS(status);
}

static void finish_text(struct run *r)
{
    struct batch_result *out = r->result;
    char line[sizeof(r->note) + 16];
    int n = 0;

    if (r->note[0] != '\0') {
        n = snprintf(line, sizeof(line), "proctor: %s\n", r->note);
    }
    ASSERT(n >= 0 && (size_t)n < sizeof(line));
    out->text_n =
        tail_copy(&r->stderr_tail, out->text, sizeof(out->text) - (size_t)n);
    memcpy(out->text + out->text_n, line, (size_t)n);
    out->text_n += (size_t)n;
}

/* Is the file there, so that what is missing is what it asks for? */
static int is_there(const struct program *p)
{
    char path[PATH_MAX];
    const char *file = p->argv_[0];
    int n = snprintf(path, sizeof(path), "%s%s%s",
                     file[0] == '/' ? "" : p->work_dir,
                     file[0] == '/' ? "" : "/", file);

    return n > 0 && (size_t)n < sizeof(path) && access(path, F_OK) == 0;
}

static int run_batch(struct run *r, const struct values *inputs,
                     uint8_t *scratch)
{
    int why;
    int code = child_start(r->p->argv_, r->p->work_dir, &r->child, &why);

    if (code == ERR_NOT_FOUND && why != 0) {
        run_stop(r, PROCTOR__ENDING__ENDING_NO_START,
                 "cannot execute %.100s: %s", r->p->argv_[0],
                 why == ENOENT && is_there(r->p)
                     ? "its loader or interpreter is not in the sandbox; "
                       "link it statically"
                     : strerror(why));
        r->result->detail = (uint32_t)why;
        finish_text(r);
        return 0;
    }
    TRY(code);
    code = encode_inputs(r, inputs); /* while the program starts */
    if (code != 0) {
        run_fail(r, code);
    }
    attend(r, scratch);
    note_end(r, r->child.status);
    r->result->detail = detail_of(r->result->ending, r->child.status);
    finish_text(r);
    return r->code;
}

int batch_run(struct program *p, const struct values *inputs,
              struct batch_result *result)
{
    static uint8_t scratch[READ_BYTES]; /* one batch at a time per process */
    struct run r = {.p = p, .result = result, .wanted = values_n(inputs)};
    int code;

    memset(result, 0, sizeof(*result));
    TRY(values_builder_init(&result->answers, LIMIT_BATCH_BYTES));
    r.child = (struct child){0, 0, -1, -1, -1};
    buf_init(&r.in, LINES_MAX_BYTES);
    buf_init(&r.line, LINE_MAX_BYTES);
    buf_init(&r.value, LINE_MAX_BYTES);
    tail_init(&r.stderr_tail);
    (void)signal(SIGPIPE, SIG_IGN);
    p->is_dirty = 1;
    code = run_batch(&r, inputs, scratch);
    child_close(&r.child.in_fd);
    child_close(&r.child.out_fd);
    child_close(&r.child.err_fd);
    buf_release(&r.in);
    buf_release(&r.line);
    buf_release(&r.value);
    return code;
}

void batch_result_release(struct batch_result *result)
{
    values_builder_release(&result->answers);
}
