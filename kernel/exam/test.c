/* S3, S4 and S7: draws a chunk, asks candidate and oracles about it, compares
 * with zero tolerance. Must never show an expected answer to anybody; the first
 * mismatch in draw order decides. Kernel process. */
#include "kernel/exam/machine.h"

#include <inttypes.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"

#define REDRAWS_MAX 64u /* for an instance that is no secret */

unsigned test_stratum(const struct exam *x, uint64_t draw)
{
    uint64_t item = draw < x->order_n ? x->order[draw] : UINT32_MAX;

    return x->is_exhaustive                     ? STRATA_ALL_N
           : item >= x->base_n + x->literals_n ? STRATUM_DIRECTED
           : item >= x->base_n                 ? STRATUM_LITERALS
                                               : (unsigned)(item / x->stratum_n);
}

int exam_is_known(const struct exam *x, struct ubytes v)
{
    for (uint32_t i = 0; i < values_n(&x->known); i++) {
        if (values_compare(values_at(&x->known, i), v) == 0) {
            return 1;
        }
    }
    return 0;
}

enum make {
    MAKE_NOTHING_NEW = 1
};

/* Input of a draw. One that is public or burnt is replaced by the instance of
 * its stratum `stratum_n` further on, and so forth: no draw depends on another. */
static int make_input(const struct exam *x, uint64_t draw_i, struct buf *out)
{
    uint64_t instance = x->order[draw_i];

    if (exam_is_table(x)) {
        struct ubytes row = values_at(x->s.table_inputs, (uint32_t)instance);

        return buf_put(out, row.p, row.n);
    }
    if (x->is_exhaustive) {
        return draw_enumerate(&x->src, instance, out);
    }
    if (instance >= x->base_n + x->literals_n) {
        struct ubytes v = values_at(
            &x->directed, (uint32_t)(instance - x->base_n - x->literals_n));

        return buf_put(out, v.p, v.n);
    }
    if (instance >= x->base_n) {
        return draw(&x->src, STRATUM_LITERALS, instance - x->base_n, out);
    }
    for (unsigned i = 0; i < REDRAWS_MAX; i++) {
        uint64_t k = instance % x->stratum_n + i * x->stratum_n;

        buf_reset(out);
        TRY(draw(&x->src, (enum stratum)test_stratum(x, draw_i), k, out));
        if (!exam_is_known(x, buf_bytes(out))) {
            return 0;
        }
    }
    return MAKE_NOTHING_NEW;
}

static int fill_chunk(struct exam *x)
{
    CLEANUP(values_builder_release) struct values_builder w = {0};
    CLEANUP(buf_release) struct buf v;
    uint64_t n = x->draws_n - x->compared;
    size_t bytes = 0;

    n = n < x->chunk_n ? n : x->chunk_n;
    buf_init(&v, LIMIT_VALUE_BYTES + LIMIT_BATCH_BYTES);
    TRY(values_builder_init(&w, CHUNK_BYTES + LIMIT_VALUE_BYTES + 64));
    for (uint64_t i = 0; i < n && bytes < CHUNK_BYTES; i++) {
        int code;

        buf_reset(&v);
        code = make_input(x, x->compared + i, &v);
        if (code != 0) {
            return code;
        }
        bytes += 4 + buf_len(&v);
        TRY(values_builder_add(&w, buf_bytes(&v)));
    }
    return exam_pack(&w, &x->takes, &x->inputs);
}

int test_ask(struct exam *x)
{
    int code;

    exam_progress(x, "test", x->compared, x->draws_n);
    x->first = x->compared;
    code = fill_chunk(x);
    if (code == MAKE_NOTHING_NEW) {
        return exam_finish(
            x, VERDICT_INCONCLUSIVE,
            "the domain holds too few inputs that are not public");
    }
    if (code == ERR_LIMIT) {
        return exam_finish(x, VERDICT_INCONCLUSIVE,
                           "a drawn input is longer than %u bytes",
                           LIMIT_VALUE_BYTES);
    }
    TRY(code);
    return exam_ask_all(x, &x->inputs, PHASE_TESTED);
}

struct ubytes test_expected(const struct exam *x, uint32_t i)
{
    if (exam_is_table(x)) {
        return values_at(x->s.table_outputs, x->order[x->first + i]);
    }
    return values_at(&x->said[EXAM_ORACLE].answers, i);
}

/* An oracle that ends early or answers with NaN cannot judge. */
static int check_oracle(struct exam *x, enum exam_who who)
{
    const struct said *s = &x->said[who];
    uint32_t n = values_n(&x->inputs);
    uint32_t at = values_n(&s->answers);

    for (uint32_t i = 0; i < at; i++) {
        if (value_has_nonfinite(values_at(&s->answers, i))) {
            TRY(exam_find(&x->disagreement, values_at(&x->inputs, i),
                          values_at(&s->answers, i), (struct ubytes){NULL, 0},
                          x->first + i, "an answer that is not finite"));
            return exam_finish(x, VERDICT_QUARANTINE,
                               "the %s gives an answer that is not finite",
                               exam_who_text[who]);
        }
    }
    if (at == n) {
        return 0;
    }
    TRY(exam_find(&x->disagreement, values_at(&x->inputs, at),
                  (struct ubytes){NULL, 0}, (struct ubytes){NULL, 0},
                  x->first + at, s->ending));
    return exam_finish(x, VERDICT_QUARANTINE, "the %s gives no answer: %s",
                       exam_who_text[who], s->ending);
}

static int check_oracles(struct exam *x)
{
    TRY(exam_each_oracle(x, check_oracle));
    if (!x->s.has_second || x->phase >= PHASE_END) {
        return 0;
    }
    for (uint32_t i = 0; i < values_n(&x->inputs); i++) {
        struct ubytes expected = test_expected(x, i);
        struct ubytes got;

        if (exam_compare(x, EXAM_SECOND, i, expected, &got) != ANSWER_RIGHT) {
            x->disagreements++;
            TRY(exam_find(&x->disagreement, values_at(&x->inputs, i), expected,
                          got, x->first + i, ""));
        }
    }
    return x->disagreements == 0
               ? 0
               : exam_finish(x, VERDICT_QUARANTINE, "the oracles disagree");
}

void test_digest(struct blake3 *h, struct ubytes answer)
{
    uint8_t n[4] = {(uint8_t)(answer.n >> 24), (uint8_t)(answer.n >> 16),
                    (uint8_t)(answer.n >> 8), (uint8_t)answer.n};

    blake3_update(h, n, sizeof(n));
    blake3_update(h, answer.p, answer.n);
}

/* Counts draw first + i and adds it to the tree of results. */
static int account(struct exam *x, uint32_t i, struct ubytes expected,
                   struct ubytes got, int is_right, struct buf *entry)
{
    struct merkle_hash leaf;
    unsigned s = test_stratum(x, x->first + i);

    buf_reset(entry);
    TRY(buf_put_bytes32(entry, values_at(&x->inputs, i)));
    TRY(buf_put_bytes32(entry, expected));
    TRY(buf_put_bytes32(entry, got));
    leaf = merkle_leaf(buf_bytes(entry));
    merkle_frontier_add(&x->results, &leaf);
    test_digest(&x->first_digest, got);
    x->compared++;
    x->failures += is_right ? 0 : 1;
    if (s < STRATA_ALL_N) {
        x->drawn[s]++;
        x->failed[s] += is_right ? 0 : 1;
    }
    return 0;
}

/* The candidate is wrong, or silent, at input i. */
static int reject(struct exam *x, uint32_t i, struct ubytes expected,
                  struct ubytes got)
{
    const struct said *s = &x->said[EXAM_CANDIDATE];

    exam_forget(&x->raw);
    TRY(exam_find(&x->raw, values_at(&x->inputs, i), expected, got,
                  x->first + i, got.p == NULL ? s->ending : ""));
    if (got.p == NULL && s->is_limit) {
        return exam_finish(x, VERDICT_REJECT,
                           "ran out of time at draw %" PRIu64 ", twice",
                           x->first + i);
    }
    if (exam_is_noisy(x)) {
        return exam_finish(x, VERDICT_REJECT,
                           "no answer at draw %" PRIu64 " of %" PRIu64 ": %s",
                           x->first + i, x->draws_n, s->ending);
    }
    if (exam_is_table(x)) {
        return exam_finish(x, VERDICT_REJECT, "wrong on a row of the table");
    }
    x->phase = PHASE_REDUCE;
    return 0;
}

static int compare_chunk(struct exam *x)
{
    CLEANUP(buf_release) struct buf entry;

    buf_init(&entry, 3 * (size_t)(LIMIT_VALUE_BYTES + LIMIT_BATCH_BYTES));
    for (uint32_t i = 0; i < values_n(&x->inputs); i++) {
        struct ubytes expected = test_expected(x, i);
        struct ubytes got;
        enum answer a = exam_compare(x, EXAM_CANDIDATE, i, expected, &got);

        TRY(account(x, i, expected, got, a == ANSWER_RIGHT, &entry));
        if (a == ANSWER_WRONG && exam_is_noisy(x)) {
            TRY(exam_find(&x->raw, values_at(&x->inputs, i), expected, got,
                          x->first + i, ""));
        } else if (a != ANSWER_RIGHT) {
            return reject(x, i, expected, got);
        }
    }
    TRY(controls_add(x));
    x->phase = PHASE_REPEAT;
    return 0;
}

int test_judge(struct exam *x)
{
    TRY(check_oracles(x));
    return x->phase >= PHASE_END ? 0 : compare_chunk(x);
}
