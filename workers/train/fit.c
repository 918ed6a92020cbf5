/* Which fit a recipe asks for, and notes. Runs in worker-train. */
#include "workers/train/fit.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/err.h"

static const struct loc nowhere = {NULL, 0, 0};

void fit_note(struct fit_notes *notes, const char *fmt, ...)
{
    va_list args;

    if (notes->n == FIT_NOTES_MAX) {
        notes->left_off++;
        return;
    }
    va_start(args, fmt);
    (void)vsnprintf(notes->v[notes->n++], DIAG_TEXT_BYTES, fmt, args);
    va_end(args);
}

static int is_closed(const Proctor__Recipe *r)
{
    return r->learner != NULL && r->learner->closed_form &&
           strcmp(r->learner->kind, "linear") == 0;
}

int fit_find(const Proctor__Recipe *r, const struct fit_ops **out,
             struct diag *d)
{
    *out = NULL;
    if (r->version != 1) {
        return diag_set(d, ERR_INPUT, nowhere,
                        "recipe of version %u: this program knows version 1",
                        r->version);
    }
    *out = r->harness     ? &fit_harness
           : is_closed(r) ? &fit_closed
                          : &fit_standard;
    return 0;
}
