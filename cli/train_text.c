/* One line about a training run. Pure: numbers of events are claims, and only
 * shown. */
#include "cli/train_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/progress.h"
#include "cli/term.h"

#define PACE_S 0.5 /* measured over at least so long */
#define BAR_MIN 10u
#define BAR_MAX 24u

void train_pace_add(struct train_pace *p, const Proctor__TrainEvent *e,
                    double now_s)
{
    double s = now_s - p->at_s;
    double rate;

    if (p->at_s <= 0 || e->step < p->step) {
        p->at_s = now_s;
        p->step = e->step;
        return;
    }
    if (s < PACE_S || e->step == p->step) {
        return;
    }
    rate = (double)(e->step - p->step) / s;
    p->steps_per_s = p->steps_per_s > 0 ? (p->steps_per_s + rate) / 2 : rate;
    p->at_s = now_s;
    p->step = e->step;
}

/* "12 345 rows/s", or "" when it is not known. */
static void put_pace(const Proctor__TrainEvent *e, const struct train_pace *p,
                     char out[static 64])
{
    double per_step = (double)e->batch * (e->tokens > 0 ? (double)e->tokens : 1);
    char number[TERM_NUMBER_BYTES];

    out[0] = '\0';
    if (p->steps_per_s > 0 && per_step > 0) {
        (void)snprintf(out, 64, " %s %s/s",
                       term_number((uint64_t)(p->steps_per_s * per_step),
                                   number),
                       e->tokens > 0 ? "tokens" : "rows");
    }
}

static void put_left(const Proctor__TrainEvent *e, const struct train_pace *p,
                     char out[static 64])
{
    double s = p->steps_per_s > 0 && e->steps >= e->step
                   ? (double)(e->steps - e->step) / p->steps_per_s
                   : -1;

    out[0] = '\0';
    if (s >= 0 && s < 360000) {
        unsigned long whole = (unsigned long)(s + 0.5);

        (void)snprintf(out, 64, whole < 3600 ? " %lu:%02lu left"
                                             : " %luh%02lu left",
                       whole < 3600 ? whole / 60 : whole / 3600,
                       whole < 3600 ? whole % 60 : whole / 60 % 60);
    }
}

void train_text(const Proctor__TrainEvent *e, const struct train_pace *p,
                unsigned columns, char out[static TRAIN_TEXT_BYTES])
{
    char epoch[48];
    char loss[64];
    char rate[64];
    char pace[64];
    char left[64];
    char bar[BAR_MAX + 4] = "";
    size_t n;

    (void)snprintf(epoch, sizeof(epoch), "epoch %" PRIu32 "/%" PRIu32, e->epoch,
                   e->epochs);
    (void)snprintf(loss, sizeof(loss), " loss %.4g", e->loss);
    if (e->has_measured) {
        (void)snprintf(loss, sizeof(loss), " loss %.4g measured %.4g", e->loss,
                       e->measured);
    }
    (void)snprintf(rate, sizeof(rate), " rate %.3g", e->rate);
    put_pace(e, p, pace);
    put_left(e, p, left);
    n = strlen(epoch) + strlen(loss) + strlen(pace) + strlen(left);
    if (n + strlen(rate) > columns) {
        rate[0] = '\0';
    }
    n += strlen(rate);
    if (e->steps > 0 && n + BAR_MIN + 3 <= columns) {
        unsigned width = columns - (unsigned)n - 3;

        bar[0] = ' ';
        progress_bar(e->step, e->steps, width > BAR_MAX ? BAR_MAX : width,
                     bar + 1, sizeof(bar) - 1);
    }
    (void)snprintf(out, TRAIN_TEXT_BYTES, "%s%s%s%s%s%s", epoch, bar, loss, rate,
                   pace, left);
}
