/* Terminal facts and small formats. Never writes a byte from outside
 * unescaped. */
#include "cli/term.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "proto/utf8.h"

#define TEXT_BYTES_MAX 4096

int term_has_colour(FILE *f)
{
    const char *no = getenv("NO_COLOR");
    const char *kind = getenv("TERM");

    if (no != NULL && no[0] != '\0') {
        return 0;
    }
    if (kind == NULL || strcmp(kind, "dumb") == 0) {
        return 0;
    }
    return isatty(fileno(f));
}

int term_is_live(void)
{
    const char *kind = getenv("TERM");

    return kind != NULL && strcmp(kind, "dumb") != 0 && isatty(STDERR_FILENO);
}

unsigned term_width(void)
{
    struct winsize w;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) != 0 || w.ws_col == 0) {
        return 80;
    }
    return w.ws_col < 20 ? 20 : w.ws_col > 512 ? 512 : w.ws_col;
}

const char *term_style(int colour, const char *code)
{
    return colour ? code : "";
}

void term_put_text(FILE *f, struct ubytes s, size_t max_bytes)
{
    char text[TEXT_BYTES_MAX];
    size_t n = s.n > max_bytes ? max_bytes : s.n;

    utf8_escape((struct ubytes){s.p, n}, text, sizeof(text));
    fputs(text, f);
    if (n < s.n) {
        fputs("...", f);
    }
}

const char *term_number(uint64_t v, char out[static TERM_NUMBER_BYTES])
{
    char digits[24];
    size_t n;
    size_t i;
    size_t o = 0;

    (void)snprintf(digits, sizeof(digits), "%" PRIu64, v);
    n = strlen(digits);
    for (i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0) {
            out[o++] = ' ';
        }
        out[o++] = digits[i];
    }
    out[o] = '\0';
    return out;
}

const char *term_time(uint64_t wall_ns, char out[static TERM_TIME_BYTES])
{
    time_t s = (time_t)(wall_ns / 1000000000u);
    struct tm tm;

    if (localtime_r(&s, &tm) == NULL ||
        strftime(out, TERM_TIME_BYTES, "%Y-%m-%d %H:%M:%S", &tm) == 0) {
        (void)snprintf(out, TERM_TIME_BYTES, "?");
    }
    return out;
}
