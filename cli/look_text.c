/* Looks in words. Every number here follows from the record: nothing reads the
 * held-out outputs. */
#include "cli/look_text.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "cli/ledger.h"
#include "proto/err.h"

#define CONFIDENCE_ERROR 0.05

const char *look_outcome_text(const struct record *r)
{
    switch (record_u(r, RF_LOOK_outcome)) {
    case LOOK_BETTER:
        return "better";
    case LOOK_NOT_BETTER:
        return "not better";
    case LOOK_VOID:
        return "void";
    default:
        return "unknown";
    }
}

static double loss_of(const struct record *r, enum record_field f)
{
    double grid = (double)record_u(r, RF_LOOK_grid);

    return grid > 0 ? (double)record_u(r, f) / grid : 1;
}

/* A loss in [0, 1] in the metric's own unit. */
static double unit_of(const struct record *r, double loss)
{
    return record_u(r, RF_LOOK_metric) == METRIC_ACCURACY
               ? 1 - loss
               : loss * record_f64(r, RF_LOOK_scale);
}

void look_score(const struct record *r, enum record_field f,
                char out[static LOOK_SCORE_BYTES])
{
    unsigned metric = (unsigned)record_u(r, RF_LOOK_metric);

    (void)snprintf(out, LOOK_SCORE_BYTES,
                   metric == METRIC_ACCURACY   ? "%s %.3f"
                   : metric == METRIC_LOG_LOSS ? "%s %.4g nats a token"
                                               : "%s %.4g",
                   metric_name(metric), unit_of(r, loss_of(r, f)));
}

struct count {
    const struct record *of;
    uint32_t n;
};

static int count_one(void *ctx, const struct record *r, struct ubytes entry,
                     const struct merkle_hash *leaf)
{
    struct count *c = ctx;

    (void)entry;
    (void)leaf;
    if (r->seq > c->of->seq) {
        return 1;
    }
    c->n += r->kind == RECORD_LOOK &&
            record_u(r, RF_LOOK_outcome) != LOOK_NOT_BETTER &&
            memcmp(record_hash(r, RF_LOOK_split),
                   record_hash(c->of, RF_LOOK_split), 32) == 0;
    return 0;
}

uint32_t look_releases(const char *store, const struct record *r)
{
    struct count c = {r, 0};
    struct ledger_end end;
    struct diag d;

    diag_init(&d);
    if (ledger_each(store, record_u(r, RF_LOOK_split_seq), count_one, &c, &end,
                    &d) < 0) {
        err_trace_clear(); /* verify is who complains */
    }
    return c.n;
}

/* P(X <= x) of n draws at p, by summing from the largest term down. */
static double binomial_tail(double n, double x, double p)
{
    double term = lgamma(n + 1) - lgamma(x + 1) - lgamma(n - x + 1) +
                  x * log(p) + (n - x) * log1p(-p);
    double ratio = 1;
    double sum = 0;

    for (uint64_t k = 0; (double)k <= x && ratio > 1e-17 * sum; k++) {
        double i = x - (double)k;

        sum += ratio;
        ratio *= i / (n - i + 1) * ((1 - p) / p);
    }
    return exp(term) * sum;
}

/* The p at which x or fewer of n have probability e. */
static double upper_bound(double n, double x, double e)
{
    double lo = x / n;
    double hi = 1;

    if (x >= n) {
        return 1;
    }
    for (int i = 0; i < 60; i++) {
        double mid = (lo + hi) / 2;

        if (mid < 1 && binomial_tail(n, x, mid) > e) {
            lo = mid;
        } else {
            hi = mid;
        }
    }
    return hi;
}

void look_interval(const struct record *r, uint32_t releases, double *out_lo,
                   double *out_hi)
{
    double n = (double)record_u(r, RF_LOOK_limit);
    double k = (double)record_u(r, RF_LOOK_look);
    double grid = (double)record_u(r, RF_LOOK_grid);
    double loss = loss_of(r, RF_LOOK_loss);
    /* Each look tells nothing, void, or one of grid losses and five decades. */
    double share = log(k) + releases * log(1 + k * (5 * grid + 6)) +
                   2 * log(releases + 1.0) + log(M_PI * M_PI / 6);
    double e = exp(log(CONFIDENCE_ERROR / 2) - share);
    double wide = sqrt((log(2 / CONFIDENCE_ERROR) + share) / (2 * n));

    if (n < 1 || grid < 1 || k < 1) {
        *out_lo = 0;
        *out_hi = 1;
        return;
    }
    *out_lo = fmax(0, loss - 0.5 / grid - wide);
    *out_hi = fmin(1, loss + 0.5 / grid + wide);
    if (record_u(r, RF_LOOK_metric) == METRIC_ACCURACY && e > 1e-280) {
        double hi = fmin(n, ceil((loss + 0.5 / grid) * n));
        double lo = fmax(0, floor((loss - 0.5 / grid) * n));

        *out_hi = upper_bound(n, hi, e);
        *out_lo = 1 - upper_bound(n, n - lo, e);
    }
}

double look_ladder_error(uint64_t looks, uint64_t n)
{
    return n == 0 ? 1
                  : fmin(1, cbrt(log((double)looks * (double)n) / (double)n));
}

static void print_wear(FILE *to, const struct record *r, unsigned indent)
{
    uint64_t look = record_u(r, RF_LOOK_look);
    uint64_t n = record_u(r, RF_LOOK_limit);

    fprintf(to,
            "%*slook %" PRIu64 " of %" PRIu64 " that the %" PRIu64
            " distinct held-out inputs stand%s\n"
            "%*sLadder: steps of %.3g; error about (ln(kn)/n)^(1/3) = %.2f, at "
            "the first look %.2f\n",
            (int)indent, "", look, n, n, look >= n ? ": WORN" : "", (int)indent,
            "", 1 / (double)record_u(r, RF_LOOK_grid),
            look_ladder_error(look, n), look_ladder_error(1, n));
}

void look_print(FILE *to, const char *store, const struct record *r,
                unsigned indent)
{
    char score[LOOK_SCORE_BYTES];
    char best[LOOK_SCORE_BYTES];
    char placebo[LOOK_SCORE_BYTES];
    double lo;
    double hi;

    look_score(r, RF_LOOK_loss, score);
    look_score(r, RF_LOOK_best, best);
    look_score(r, RF_LOOK_placebo, placebo);
    if (record_u(r, RF_LOOK_outcome) == LOOK_BETTER) {
        look_interval(r, look_releases(store, r), &lo, &hi);
        fprintf(to, "better than the best: %s (was %s)\n", score, best);
        fprintf(to,
                "%*sbetween %.4g and %.4g on rows like these (95 %%, all "
                "looks counted)\n",
                (int)indent, "", fmin(unit_of(r, lo), unit_of(r, hi)),
                fmax(unit_of(r, lo), unit_of(r, hi)));
    } else if (record_u(r, RF_LOOK_outcome) == LOOK_VOID) {
        fputs("void: as good on outputs of other rows as on its own\n", to);
    } else {
        fprintf(to, "not better than the best by a step: %s\n", best);
    }
    fprintf(to, "%*splacebo (one answer for all): %s", (int)indent, "",
            placebo);
    if (record_u(r, RF_LOOK_best) == record_u(r, RF_LOOK_placebo)) {
        fputs(record_u(r, RF_LOOK_outcome) == LOOK_BETTER
                  ? "; the first to beat it"
                  : "; nothing has beaten it yet",
              to);
    }
    if (record_u(r, RF_LOOK_decades) > 0) {
        fprintf(to, "; evidence against it %s10^%" PRIu64,
                record_u(r, RF_LOOK_decades) == 4 ? "at least " : "about ",
                record_u(r, RF_LOOK_decades));
    }
    fputc('\n', to);
    print_wear(to, r, indent);
}
