/* Words for how a program ended. What a worker wrote is hostile: it is cut and
 * made printable before anybody sees it. Kernel process. */
#include "kernel/run/ending.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static const char *signal_meaning(uint32_t n)
{
    switch (n) {
    case SIGSYS:
        return " (a forbidden system call)";
    case SIGXCPU:
        return " (over its processor time)";
    case SIGSEGV:
        return " (a memory fault)";
    case SIGXFSZ:
        return " (a file over its limit)";
    default:
        return "";
    }
}

int ending_is_time(const Proctor__BatchReply *r)
{
    return r->ending == PROCTOR__ENDING__ENDING_KILLED && r->detail == SIGXCPU;
}

void ending_text(const Proctor__BatchReply *r, uint32_t answered, uint32_t asked,
                 char *out, size_t out_n)
{
    static const char *const plain[] = {
        [PROCTOR__ENDING__ENDING_OK] = "claimed to be done",
        [PROCTOR__ENDING__ENDING_MALFORMED] =
            "answered what is no value of its type",
        [PROCTOR__ENDING__ENDING_TOO_MANY] = "gave too many answers",
        [PROCTOR__ENDING__ENDING_FLOOD] = "flooded its output past the limit",
        [PROCTOR__ENDING__ENDING_NO_START] = "could not be started",
        [PROCTOR__ENDING__ENDING_NONFINITE] = "answered NaN or an infinity",
    };
    static const char *const errors[] = {
        "none",
#define EVAL(name, text) text,
#include "proto/cml_error.def"
    };
    char how[96];

    if (r->ending == PROCTOR__ENDING__ENDING_EXITED) {
        snprintf(how, sizeof(how), "exited with status %u", r->detail);
    } else if (r->ending == PROCTOR__ENDING__ENDING_KILLED) {
        snprintf(how, sizeof(how), "was killed by signal %u%s", r->detail,
                 signal_meaning(r->detail));
    } else if (r->ending == PROCTOR__ENDING__ENDING_ERROR) {
        snprintf(how, sizeof(how), "ended in error: %s",
                 r->detail < ARRAY_N(errors) ? errors[r->detail] : "unknown");
    } else if (r->ending < ARRAY_N(plain)) {
        snprintf(how, sizeof(how), "%s", plain[r->ending]);
    } else {
        snprintf(how, sizeof(how), "ended in an unknown way (%u)", r->ending);
    }
    snprintf(out, out_n, "%s after %u of %u answers", how, answered, asked);
}

int ending_is_plain(const Proctor__BatchReply *r)
{
    return r->ending == PROCTOR__ENDING__ENDING_EXITED ||
           r->ending == PROCTOR__ENDING__ENDING_KILLED;
}

/* The last line of text[0, *end) that is not blank; *end moves to its start. */
static struct ubytes line_before(struct ubytes text, size_t *end)
{
    size_t stop = *end;
    size_t from;

    while (stop > 0 && text.p[stop - 1] <= ' ') {
        stop--;
    }
    from = stop;
    while (from > 0 && text.p[from - 1] != '\n') {
        from--;
    }
    *end = from;
    return (struct ubytes){text.p + from, stop - from};
}

void ending_last_line(struct ubytes text, int skip_note, char *out,
                      size_t out_n)
{
    static const char note[] = "proctor: ";
    size_t end = text.n;
    struct ubytes line = {text.p, 0};
    size_t n = 0;

    ASSERT(out_n > 0);
    if (text.n > 0) {
        line = line_before(text, &end);
    }
    if (skip_note && end > 0 && line.n >= sizeof(note) - 1 &&
        memcmp(line.p, note, sizeof(note) - 1) == 0) {
        struct ubytes before = line_before(text, &end);

        line = before.n > 0 ? before : line;
    }
    for (size_t i = 0; i < line.n && n + 1 < out_n; i++) {
        uint8_t b = line.p[i];

        out[n++] = (char)(b >= ' ' && b < 0x7f ? b : '?');
    }
    out[n] = '\0';
}
