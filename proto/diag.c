/* Diagnoses for people. Runs in every process. Text may quote hostile input:
 * what is stored is always valid UTF-8 without control characters, cut between
 * characters, so that it may cross in a message and reach a terminal. */
#include "proto/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/utf8.h"

#define WORD_MAX 64u

/* Replaces control characters and broken bytes by '?', in place; never longer.
 */
static void clean(char text[static DIAG_TEXT_BYTES])
{
    struct ubytes s = {(const uint8_t *)text, strlen(text)};
    size_t at = 0;
    int cut = s.n == DIAG_TEXT_BYTES - 1;

    while (s.n > 0) {
        uint32_t cp = 0;
        size_t n = utf8_next(s, &cp);

        if (n == 0 && cut && s.n < 4 && s.p[0] >= 0xc2) {
            break; /* the last character did not fit */
        }
        if (n == 0 || utf8_is_unsafe(cp)) {
            n = n == 0 ? 1 : n;
            text[at] = '?';
            at++;
        } else {
            memmove(text + at, s.p, n);
            at += n;
        }
        s.p += n;
        s.n -= n;
    }
    text[at] = '\0';
}

void diag_init(struct diag *d)
{
    memset(d, 0, sizeof(*d));
}

int diag_set(struct diag *d, int code, struct loc at, const char *fmt, ...)
{
    va_list args;

    diag_init(d);
    d->code = code;
    d->at = at;
    va_start(args, fmt);
    (void)vsnprintf(d->what, sizeof(d->what), fmt, args);
    va_end(args);
    clean(d->what);
    return code;
}

void diag_hint(struct diag *d, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(d->hint, sizeof(d->hint), fmt, args);
    va_end(args);
    clean(d->hint);
}

static size_t min_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Edits (insert, delete, replace, swap of neighbours) from a to b, both at most
 * WORD_MAX long. Source: optimal string alignment, Boytsov 2011, 2.2. */
static size_t distance(const char *a, size_t a_n, const char *b, size_t b_n)
{
    size_t rows[3][WORD_MAX + 1];

    for (size_t j = 0; j <= b_n; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a_n; i++) {
        const size_t *two_up = rows[(i + 1) % 3];
        const size_t *up = rows[(i - 1) % 3];
        size_t *row = rows[i % 3];

        row[0] = i;
        for (size_t j = 1; j <= b_n; j++) {
            size_t best = min_of(up[j], row[j - 1]) + 1;

            best = min_of(best, up[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
                a[i - 2] == b[j - 1]) {
                best = min_of(best, two_up[j - 2] + 1);
            }
            row[j] = best;
        }
    }
    return rows[a_n % 3][b_n];
}

const char *diag_nearest(const char *word, const char *const *names, size_t n)
{
    size_t word_n = strnlen(word, WORD_MAX + 1);
    size_t allowed = word_n / 3;
    const char *best = NULL;

    allowed = allowed < 1 ? 1 : min_of(allowed, 3);
    if (word_n == 0 || word_n > WORD_MAX) {
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        size_t name_n = strnlen(names[i], WORD_MAX + 1);
        size_t d;

        if (name_n > WORD_MAX) {
            continue;
        }
        d = distance(word, word_n, names[i], name_n);
        if (d < allowed || (d == allowed && best == NULL)) {
            best = names[i];
            allowed = d;
        }
    }
    return best;
}
