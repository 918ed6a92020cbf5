/* Live lines with a few escape codes: up, erase, print. */
#include "cli/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/term.h"
#include "cli/train_text.h"
#include "proto/limits.h"
#include "proto/record.h"
#include "proto/utf8.h"

#define LINES_MAX 16
#define TEXT_BYTES TRAIN_TEXT_BYTES
#define INDENT 20u /* of what stands behind a task's name, and a free column */
#define BAR_COLUMNS 24
#define REDRAW_NS 100000000 /* ten a second are enough to see */

struct line {
    char task[LIMIT_ID_BYTES + 1];
    char text[TEXT_BYTES];
    uint64_t done;
    uint64_t total;
    struct train_pace pace;
};

struct progress {
    int live;
    int colour;
    unsigned drawn; /* lines on the screen now */
    unsigned lines_n;
    struct line lines[LINES_MAX];
    struct timespec last;
};

struct progress *progress_new(void)
{
    struct progress *p = calloc(1, sizeof(*p));

    if (p != NULL) {
        p->live = term_is_live();
        p->colour = term_has_colour(stderr);
    }
    return p;
}

void progress_free(struct progress *p)
{
    progress_hide(p);
    free(p);
}

void progress_hide(struct progress *p)
{
    if (p == NULL || p->drawn == 0) {
        return;
    }
    fprintf(stderr, "\033[%uA\r\033[J", p->drawn);
    fflush(stderr);
    p->drawn = 0;
}

void progress_bar(uint64_t done, uint64_t total, unsigned width, char *out,
                  size_t out_n)
{
    unsigned filled = 0;
    size_t o = 0;
    unsigned i;

    ASSERT(out_n >= (size_t)width + 3);
    if (total > 0) {
        double share = (double)done / (double)total;

        share = share > 1 ? 1 : share;
        filled = (unsigned)(share * width);
    }
    out[o++] = '[';
    for (i = 0; i < width; i++) {
        out[o++] = i < filled ? '#' : '.';
    }
    out[o++] = ']';
    out[o] = '\0';
}

static void draw_line(const struct progress *p, const struct line *l,
                      unsigned width)
{
    char text[512];
    char bar[BAR_COLUMNS + 3] = "";
    char done[TERM_NUMBER_BYTES] = "";
    char total[TERM_NUMBER_BYTES] = "";
    int n;

    if (l->total > 0) {
        progress_bar(l->done, l->total, BAR_COLUMNS, bar, sizeof(bar));
        (void)term_number(l->done, done);
        (void)term_number(l->total, total);
        n = snprintf(text, sizeof(text), "  %-16s %s %s/%s  %s", l->task, bar,
                     done, total, l->text);
    } else {
        n = snprintf(text, sizeof(text), "  %-16s %s", l->task, l->text);
    }
    if (n < 0) {
        return;
    }
    /* Cut by bytes at a boundary of UTF-8: never wraps a line. */
    if ((size_t)n >= width) {
        size_t cut = width - 1;

        while (cut > 0 && ((unsigned char)text[cut] & 0xc0) == 0x80) {
            cut--;
        }
        text[cut] = '\0';
    }
    fprintf(stderr, "%s%s%s\n", term_style(p->colour, "\033[36m"), text,
            term_style(p->colour, "\033[0m"));
}

static void draw(struct progress *p)
{
    unsigned width = term_width();
    unsigned i;

    progress_hide(p);
    for (i = 0; i < p->lines_n; i++) {
        draw_line(p, &p->lines[i], width);
    }
    p->drawn = p->lines_n;
    fflush(stderr);
    (void)clock_gettime(CLOCK_MONOTONIC, &p->last);
}

static int is_due(const struct progress *p)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - p->last.tv_sec) * 1000000000 +
               (now.tv_nsec - p->last.tv_nsec) >
           REDRAW_NS;
}

static void escape(const char *s, char *out, size_t n)
{
    utf8_escape((struct ubytes){(const uint8_t *)s, strlen(s)}, out, n);
}

static struct line *find(struct progress *p, const char *task)
{
    unsigned i;

    for (i = 0; i < p->lines_n; i++) {
        if (strcmp(p->lines[i].task, task) == 0) {
            return &p->lines[i];
        }
    }
    if (p->lines_n == LINES_MAX) {
        return NULL;
    }
    memset(&p->lines[p->lines_n], 0, sizeof(p->lines[0]));
    (void)snprintf(p->lines[p->lines_n].task, sizeof(p->lines[0].task), "%s",
                   task);
    return &p->lines[p->lines_n++];
}

static void drop(struct progress *p, const char *task)
{
    unsigned i;

    for (i = 0; i < p->lines_n; i++) {
        if (strcmp(p->lines[i].task, task) == 0) {
            memmove(&p->lines[i], &p->lines[i + 1],
                    (p->lines_n - i - 1) * sizeof(p->lines[0]));
            p->lines_n--;
            return;
        }
    }
}

static int is_state(const char *state, enum task_state s)
{
    return strcmp(state, state_name(s)) == 0;
}

static int is_at_rest(const char *state)
{
    return is_state(state, STATE_PASSED) || is_state(state, STATE_FAILED) ||
           is_state(state, STATE_ABORTED) || is_state(state, STATE_PARKED) ||
           is_state(state, STATE_COMMITTED);
}

static int is_waiting(const char *state)
{
    return is_state(state, STATE_NEW) || is_state(state, STATE_READY) ||
           is_state(state, STATE_BLOCKED);
}

static void settle_line(struct progress *p, const char *task, const char *state,
                        const char *text)
{
    const char *code =
        is_state(state, STATE_FAILED) || is_state(state, STATE_ABORTED)
            ? "\033[31m"
        : is_state(state, STATE_PARKED) ? "\033[33m"
                                        : "\033[32m";

    drop(p, task);
    progress_hide(p);
    fprintf(stderr, "  %-16s %s%s%s  %s\n", task, term_style(p->colour, code),
            state, term_style(p->colour, "\033[0m"), text);
    draw(p);
}

/* What a training does, in the width that there is. */
static void tell_train(const Proctor__TrainEvent *t, struct line *l)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    train_pace_add(&l->pace, t,
                   (double)now.tv_sec + (double)now.tv_nsec * 1e-9);
    train_text(t, &l->pace, term_width() - INDENT, l->text);
}

void progress_event(struct progress *p, const Proctor__Event *e)
{
    char task[LIMIT_ID_BYTES + 1];
    char state[32];
    char text[TEXT_BYTES];
    struct line *l;

    if (p == NULL || !p->live) {
        return;
    }
    escape(e->task, task, sizeof(task));
    escape(e->state, state, sizeof(state));
    escape(e->text, text, sizeof(text));
    if (e->worker_text && text[0] != '\0') {
        char quoted[TEXT_BYTES];

        (void)snprintf(quoted, sizeof(quoted), "worker says: %.120s", text);
        memcpy(text, quoted, sizeof(text));
    }
    if (e->worker_text && state[0] == '\0') { /* stays on the screen */
        char line[sizeof(task) + TEXT_BYTES + 2];

        (void)snprintf(line, sizeof(line), "%-16s %s", task, text);
        progress_say(p, line);
        return;
    }
    if (task[0] == '\0') {
        if (text[0] != '\0') {
            progress_say(p, text);
        }
        return;
    }
    if (is_at_rest(state)) {
        settle_line(p, task, state, text);
        return;
    }
    if (is_waiting(state)) {
        drop(p, task);
        draw(p);
        return;
    }
    l = find(p, task);
    if (l == NULL) {
        return;
    }
    if (e->train != NULL) {
        tell_train(e->train, l);
    } else if (text[0] != '\0') {
        memcpy(l->text, text, sizeof(l->text));
    } else if (state[0] != '\0') {
        (void)snprintf(l->text, sizeof(l->text), "%s", state);
    }
    l->done = e->done;
    l->total = e->train != NULL ? 0 : e->total; /* it has a bar of its own */
    if (state[0] != '\0' || is_due(p)) {
        draw(p);
    }
}

void progress_say(struct progress *p, const char *text)
{
    if (p == NULL || !p->live) {
        return;
    }
    progress_hide(p);
    fprintf(stderr, "  %s\n", text);
    draw(p);
}
