/* Metrics of answers. Pure: sums in the order of rows, in doubles. */
#include "cli/experiment_score.h"

#include <math.h>
#include <string.h>

#include "proto/err.h"
#include "proto/type.h"

int experiment_score_number(struct ubytes v, double *out)
{
    struct rd r;
    uint8_t tag;
    uint8_t code;
    uint32_t bits;
    float f;

    rd_init(&r, v);
    tag = rd_u8(&r);
    code = rd_u8(&r);
    bits = rd_u32(&r);
    if (rd_end(&r) != 0) {
        return ERR_TRACE(ERR_ENCODING);
    }
    if (tag == TYPE_INT && code == (4 | TYPE_UNSIGNED)) {
        *out = bits;
        return 0;
    }
    if (tag == TYPE_FLOAT && code == 4) {
        memcpy(&f, &bits, sizeof(f));
        *out = (double)f;
        return 0;
    }
    return ERR_TRACE(ERR_ENCODING);
}

static void add_errors(struct experiment_score *s, const double *answers,
                       const double *labels, size_t n)
{
    double mean = 0;
    double about = 0;

    for (size_t i = 0; i < n; i++) {
        double e = answers[i] - labels[i];

        s->mse += e * e;
        s->mae += fabs(e);
        mean += labels[i];
    }
    mean /= (double)n;
    for (size_t i = 0; i < n; i++) {
        about += (labels[i] - mean) * (labels[i] - mean);
    }
    s->r2 = about > 0 ? 1 - s->mse / about : 0;
    s->mse /= (double)n;
    s->mae /= (double)n;
    s->rmse = sqrt(s->mse);
}

static void add_classes(struct experiment_score *s, const double *answers,
                        const double *labels, size_t n)
{
    uint64_t right = 0;

    for (size_t i = 0; i < n; i++) {
        int is_right = answers[i] == labels[i];
        uint32_t k = labels[i] < SCORE_CLASSES_MAX ? (uint32_t)labels[i]
                                                   : SCORE_CLASSES_MAX - 1;

        right += (uint64_t)is_right;
        s->of_class[k]++;
        s->right[k] += (uint64_t)is_right;
        s->classes = k + 1 > s->classes ? k + 1 : s->classes;
    }
    s->accuracy = (double)right / (double)n;
}

int experiment_score_make(struct experiment_score *s, int is_class,
                          const double *answers, const double *labels,
                          size_t n)
{
    memset(s, 0, sizeof(*s));
    s->is_class = is_class;
    s->n = n;
    if (n == 0) {
        return ERR_TRACE(ERR_INPUT);
    }
    if (is_class) {
        add_classes(s, answers, labels, n);
    } else {
        add_errors(s, answers, labels, n);
    }
    return 0;
}
