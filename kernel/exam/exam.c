/* The exam's loop (exam.h): runs phases until one waits for answers, takes
 * answers in, ends. Must never read a clock, open a file or believe anything but
 * bytes that it compared itself. Kernel process. */
#include "kernel/exam/machine.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/domain.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/pb.h"

#define SEARCH_BYTES_MAX 65536u /* a hash per input tried, and a few numbers */

const char *const exam_who_text[EXAM_PARTIES_N] = {"candidate", "oracle",
                                            "second oracle"};

int exam_is_table(const struct exam *x)
{
    return x->s.table_inputs != NULL;
}

void exam_progress(struct exam *x, const char *phase, uint64_t done,
                   uint64_t total)
{
    if (x->ops.progress != NULL) {
        x->ops.progress(x->ctx, phase, done, total);
    }
}

int exam_finish(struct exam *x, enum verdict v, const char *fmt, ...)
{
    va_list ap;

    ASSERT(x->phase < PHASE_END);
    x->verdict = (uint32_t)v;
    x->phase = PHASE_END;
    va_start(ap, fmt);
    (void)vsnprintf(x->reason, sizeof(x->reason), fmt, ap);
    va_end(ap);
    return 0;
}

void exam_forget(struct finding *f)
{
    f->is_set = 0;
    buf_reset(&f->input);
    buf_reset(&f->expected);
    buf_reset(&f->got);
}

int exam_find(struct finding *f, struct ubytes input, struct ubytes expected,
              struct ubytes got, uint64_t k, const char *ending)
{
    if (f->is_set) {
        return 0;
    }
    f->is_set = 1;
    f->k = k;
    (void)snprintf(f->ending, sizeof(f->ending), "%s", ending);
    TRY(buf_put(&f->input, input.p, input.n));
    TRY(buf_put(&f->expected, expected.p, expected.n));
    return buf_put(&f->got, got.p, got.n);
}

int exam_pack(struct values_builder *w, const struct type *t,
              struct values *out)
{
    return values_decode(out, values_builder_bytes(w), t, values_builder_n(w));
}

int exam_is_right(const struct exam *x, struct ubytes got,
                  struct ubytes expected)
{
    uint64_t ulps = x->s.exam->ulps;

    if (value_has_nonfinite(got) || value_has_nonfinite(expected)) {
        return 0;
    }
    return values_compare(got, expected) == 0 ||
           (ulps > 0 && values_are_near(got, expected, ulps));
}

enum answer exam_compare(const struct exam *x, enum exam_who who, uint32_t i,
                         struct ubytes expected, struct ubytes *out_got)
{
    const struct values *answers = &x->said[who].answers;

    *out_got = (struct ubytes){NULL, 0};
    if (i >= values_n(answers)) {
        return ANSWER_NONE;
    }
    *out_got = values_at(answers, i);
    return exam_is_right(x, *out_got, expected) ? ANSWER_RIGHT : ANSWER_WRONG;
}

int exam_is_noisy(const struct exam *x)
{
    return x->s.exam->error_rate > 0;
}

int exam_is_whole(const struct exam *x)
{
    return x->is_exhaustive && !exam_is_table(x);
}

int exam_is_enough(const struct exam *x, uint64_t failures)
{
    if (!exam_is_noisy(x)) {
        return failures == 0;
    }
    if (exam_is_whole(x)) {
        return (double)failures <=
               x->s.exam->error_rate * (double)x->compared;
    }
    return exam_score(&x->bet, x->compared, failures) >= x->bet.goal;
}

/* --- asking and taking in ------------------------------------------------ */

static int send(struct exam *x, unsigned who)
{
    x->pending |= UINT64_C(1) << who;
    return x->ops.evaluate(x->ctx, who, x->said[who].inputs,
                           x->phase == PHASE_REPEATED);
}

int exam_ask(struct exam *x, unsigned who, const struct values *inputs,
             enum phase after)
{
    struct said *s = &x->said[who];

    ASSERT((x->pending & UINT64_C(1) << who) == 0 && values_n(inputs) > 0);
    if (x->phase >= PHASE_END) {
        return 0; /* the one asked before ended the exam at once */
    }
    s->inputs = inputs;
    s->was_repeated = 0;
    x->phase = after;
    return send(x, who);
}

int exam_ask_all(struct exam *x, const struct values *inputs, enum phase after)
{
    TRY(exam_ask(x, EXAM_CANDIDATE, inputs, after));
    if (!exam_is_table(x)) {
        TRY(exam_ask(x, EXAM_ORACLE, inputs, after));
    }
    return x->s.has_second ? exam_ask(x, EXAM_SECOND, inputs, after) : 0;
}

int exam_each_oracle(struct exam *x, int (*check)(struct exam *x,
                                                  enum exam_who who))
{
    if (!exam_is_table(x)) {
        TRY(check(x, EXAM_ORACLE));
    }
    return x->s.has_second && x->phase < PHASE_END ? check(x, EXAM_SECOND) : 0;
}

/* Copies, and checks against the type once more: this is where what a worker
 * said becomes what the verdict stands on. Who did not end well lacks an answer,
 * whatever it said. */
static int take_answers(struct exam *x, unsigned who,
                        const struct evaluation *e)
{
    static const struct type bits = {2, {TYPE_INT, TYPE_UNSIGNED | 8}};
    struct said *s = &x->said[who];
    struct values_builder w;
    uint32_t n = values_n(&e->answers);
    uint32_t most = values_n(s->inputs) - (e->complete ? 0 : 1);
    int code = values_builder_init(&w, UINT32_MAX);

    if (code == 0) {
        code = values_builder_add_all(&w, &e->answers, 0, n < most ? n : most);
    }
    return values_build(&s->answers, &w,
                        who < EXAM_MUTANTS     ? &x->gives
                        : who < EXAM_RELATIONS ? &bits
                        : (who - EXAM_RELATIONS) % 2 == 0 ? &x->takes
                                                          : &x->gives,
                        code);
}

static void end_without_verdict(struct exam *x, int code, const char *why)
{
    if (x->phase < PHASE_END) {
        (void)exam_finish(x, VERDICT_INCONCLUSIVE, "%s", why);
    }
    x->code = code;
    x->verdict = VERDICT_INCONCLUSIVE;
}

static int (*const phases[])(struct exam *) = {
    [PHASE_SCREEN] = screen_ask,     [PHASE_SCREENED] = screen_judge,
    [PHASE_COMMIT] = screen_commit,  [PHASE_TEST] = test_ask,
    [PHASE_TESTED] = test_judge,     [PHASE_REPEAT] = repeat_ask,
    [PHASE_REPEATED] = repeat_judge, [PHASE_REDUCE] = reduce_ask,
    [PHASE_PROPOSED] = reduce_try,   [PHASE_REDUCED] = reduce_judge,
    [PHASE_HUNT] = hunt_ask,         [PHASE_HUNTED] = hunt_judge,
    [PHASE_RELATE] = relate_ask,     [PHASE_RELATED] = relate_pair,
    [PHASE_COMPARE] = relate_output, [PHASE_COMPARED] = relate_judge};

static void release(struct exam *x);

/* Runs phases until one waits; frees the exam if a callback asked for it. */
static void run(struct exam *x)
{
    if (x->busy) {
        return;
    }
    x->busy = 1;
    while (!x->is_freed && x->pending == 0 && x->phase < PHASE_END) {
        int code = phases[x->phase](x);

        if (code < 0) {
            ERR_TRACE(code);
            end_without_verdict(x, code, err_text(code));
        }
    }
    if (!x->is_freed && x->phase == PHASE_END) {
        x->phase = PHASE_OVER;
        evidence_give(x);
    }
    x->busy = 0;
    if (x->is_freed) {
        release(x);
    }
}

/* Evidence holds printable ASCII: it is signed, shown, and strictly decoded. */
static void plain(char *s)
{
    for (; *s != '\0'; s++) {
        *s = (char)(*s >= 0x20 && *s < 0x7f ? *s : '?');
    }
}

/* What an ended evaluation means for the exam, short of its phase's judgement. */
static int take(struct exam *x, unsigned who, const struct evaluation *e)
{
    struct said *s = &x->said[who];
    /* About a candidate there is always an answer. */
    int is_view = who >= EXAM_MUTANTS && who < EXAM_RELATIONS;

    s->is_limit = e->limit;
    (void)snprintf(s->ending, sizeof(s->ending), "%s", e->ending);
    plain(s->ending);
    if (e->outside || (is_view && !e->complete && s->was_repeated)) {
        end_without_verdict(x, ERR_WORKER, "");
        (void)snprintf(x->reason, sizeof(x->reason),
                       "the %s could not be run: %s",
                       who < EXAM_PARTIES_N ? exam_who_text[who] : "unit",
                       s->ending);
        return 0;
    }
    if (!e->complete && (e->limit || is_view) && !s->was_repeated) {
        s->was_repeated = 1; /* a slow host must not decide: once more */
        return send(x, who);
    }
    return take_answers(x, who, e);
}

void exam_evaluated(struct exam *x, unsigned who,
                    const struct evaluation *e)
{
    int was_busy = x->busy;
    int code;

    ASSERT(x->magic == EXAM_MAGIC && who < WHO_N);
    if (x->phase >= PHASE_END) {
        return; /* an error ended the exam while others were still asked */
    }
    ASSERT((x->pending & UINT64_C(1) << who) != 0);
    x->pending &= ~(UINT64_C(1) << who);
    x->busy = 1; /* send may come back here */
    code = take(x, who, e);
    x->busy = was_busy;
    if (code < 0) {
        end_without_verdict(x, ERR_TRACE(code), err_text(code));
    }
    run(x);
}

void exam_proposed(struct exam *x, int code, struct ubytes inputs,
                   struct ubytes state)
{
    ASSERT(x->magic == EXAM_MAGIC &&
           (x->pending & UINT64_C(1) << WHO_N) != 0);
    x->pending &= ~(UINT64_C(1) << WHO_N);
    code = code < 0 ? code : reduce_take(x, inputs, state);
    if (code < 0) {
        end_without_verdict(x, ERR_TRACE(code), err_text(code));
    }
    run(x);
}

/* --- life ----------------------------------------------------------------- */

static void finding_init(struct finding *f)
{
    buf_init(&f->input, LIMIT_VALUE_BYTES + 16);
    buf_init(&f->expected, LIMIT_BATCH_BYTES);
    buf_init(&f->got, LIMIT_BATCH_BYTES);
}

static void finding_release(struct finding *f)
{
    buf_release(&f->input);
    buf_release(&f->expected);
    buf_release(&f->got);
}

static void release(struct exam *x)
{
    for (unsigned i = 0; i < WHO_N; i++) {
        values_release(&x->said[i].answers);
    }
    for (unsigned i = 0; i < EXAM_PARTIES_N; i++) {
        values_release(&x->firsts[i]);
        values_release(&x->again[i]);
        free(x->again_at[i]);
    }
    values_release(&x->known);
    values_release(&x->known_answers);
    values_release(&x->inputs);
    values_release(&x->directed);
    values_release(&x->near);
    values_release(&x->answers);
    buf_release(&x->search);
    buf_release(&x->constant);
    finding_release(&x->raw);
    finding_release(&x->shrunk);
    finding_release(&x->disagreement);
    free(x->order);
    x->magic = 0;
    free(x);
}

void exam_free(struct exam *x)
{
    if (x == NULL) {
        return;
    }
    ASSERT(x->magic == EXAM_MAGIC);
    x->is_freed = 1;
    if (!x->busy) {
        release(x);
    }
}

/* What the setup promises. */
static int check_setup(struct exam *x)
{
    const Proctor__Exam *e = x->s.exam;
    struct type drawn;

    TRY(type_decode(field_bytes(&e->takes), &x->takes));
    TRY(type_decode(field_bytes(&e->gives), &x->gives));
    if (e->version != DRAW_VERSION || type_tag_at(&x->takes, 0) != TYPE_TUPLE ||
        !(e->p0 > 0) || !(e->p0 <= 0.5) || !(e->alpha > 0) ||
        !(e->alpha <= 0.5) || !(e->error_rate >= 0) ||
        !(e->error_rate <= 0.5) || e->ulps > LIMIT_ULPS ||
        e->n_relations > LIMIT_RELATIONS ||
        (e->n_relations > 0 && (exam_is_table(x) || e->error_rate > 0)) ||
        (x->s.unit != NULL && x->s.unit->branches > LIMIT_BRANCHES)) {
        return ERR_TRACE(ERR_INPUT);
    }
    if (exam_is_table(x)) {
        return x->s.table_outputs != NULL && values_n(x->s.table_outputs) ==
                                                 values_n(x->s.table_inputs)
                   ? 0
                   : ERR_TRACE(ERR_INPUT);
    }
    x->src.of.domain = field_bytes(&e->domain);
    x->src.of.corpora = x->s.corpora;
    x->src.of.corpora_n = e->n_corpora;
    x->src.literals = exam_is_noisy(x) ? NULL : x->s.literals;
    TRY(domain_check(x->src.of.domain, &drawn));
    return type_is_equal(&drawn, &x->takes) ? 0 : ERR_TRACE(ERR_INPUT);
}

/* Adds an example's arguments and answer: the two members of its tuple. */
static int add_example(struct exam *x, const ProtobufCBinaryData *b,
                       struct values_builder *known,
                       struct values_builder *answers)
{
    struct type both;
    struct type parts[2] = {x->takes, x->gives};
    struct ubytes v = field_bytes(b);
    size_t used;

    TRY(type_tuple_of(parts, 2, &both));
    TRY(value_check_exact(v, &both));
    v = (struct ubytes){v.p + 5, v.n - 5}; /* tag, count */
    TRY(value_check(v, &x->takes, &used));
    TRY(values_builder_add(known, (struct ubytes){v.p, used}));
    return values_builder_add(answers, (struct ubytes){v.p + used, v.n - used});
}

/* Gathers what is public: examples with their answers, then burnt inputs. */
static int gather_known(struct exam *x)
{
    CLEANUP(values_builder_release) struct values_builder known = {0};
    CLEANUP(values_builder_release) struct values_builder answers = {0};
    const Proctor__Exam *e = x->s.exam;

    TRY(values_builder_init(&known, LIMIT_FRAME_BYTES));
    TRY(values_builder_init(&answers, LIMIT_FRAME_BYTES));
    for (size_t i = 0; i < e->n_examples; i++) {
        TRY(add_example(x, &e->examples[i], &known, &answers));
    }
    for (uint32_t i = 0; x->s.burnt != NULL && i < values_n(x->s.burnt); i++) {
        TRY(values_builder_add(&known, values_at(x->s.burnt, i)));
    }
    x->examples_n = (uint32_t)e->n_examples;
    TRY(exam_pack(&known, &x->takes, &x->known));
    return exam_pack(&answers, &x->gives, &x->known_answers);
}

int exam_start(const struct exam_setup *s, const struct exam_ops *ops,
               void *ctx, struct exam **out)
{
    struct exam *x = calloc(1, sizeof(*x));
    int code;

    *out = NULL;
    if (x == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    x->magic = EXAM_MAGIC;
    x->s = *s;
    x->ops = *ops;
    x->ctx = ctx;
    finding_init(&x->raw);
    finding_init(&x->shrunk);
    finding_init(&x->disagreement);
    buf_init(&x->constant, LIMIT_BATCH_BYTES);
    buf_init(&x->search, SEARCH_BYTES_MAX);
    merkle_frontier_init(&x->results);
    blake3_init(&x->first_digest);
    blake3_init(&x->second_digest);
    code = check_setup(x);
    code = code == 0 ? gather_known(x) : code;
    code = code == 0 ? controls_start(x) : code;
    if (code < 0) {
        release(x);
        return ERR_TRACE(code);
    }
    *out = x;
    run(x);
    return 0;
}
