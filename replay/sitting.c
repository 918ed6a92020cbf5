/* Holds an exam again (docs/exam.md section 8): asks, keeps what was said, goes
 * from step to step. Replayer. */
#include "replay/sitting.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "replay/objects.h"

int sitting_end(struct sitting *x, enum verdict v, const char *fmt, ...)
{
    va_list ap;

    x->verdict = v;
    va_start(ap, fmt);
    (void)vsnprintf(x->reason, sizeof(x->reason), fmt, ap);
    va_end(ap);
    return OVER;
}

int sitting_find(struct finding *f, struct ubytes input, struct ubytes expected,
                 struct ubytes got, uint64_t k, const char *ending)
{
    if (f->is_set) {
        return 0;
    }
    f->is_set = 1;
    f->k = k;
    (void)snprintf(f->ending, sizeof(f->ending), "%s", ending);
    buf_reset(&f->input);
    buf_reset(&f->expected);
    buf_reset(&f->got);
    TRY(buf_put(&f->input, input.p, input.n));
    TRY(buf_put(&f->expected, expected.p, expected.n));
    return buf_put(&f->got, got.p, got.n);
}

int sitting_pack(struct values_builder *w, const struct type *t,
                 struct values *out)
{
    return values_build(out, w, t, 0);
}

/* --- asking ----------------------------------------------------------------- */

int sitting_compare(struct ubytes a, struct ubytes b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n == 0 ? 0 : memcmp(a.p, b.p, n);

    return c != 0 ? c : (a.n > b.n) - (a.n < b.n);
}

int sitting_lookup(const struct party *p, struct ubytes input,
                   struct ubytes *out)
{
    uint32_t low = 0;
    uint32_t high = values_n(&p->rows);

    while (low < high) { /* the first row that is not below */
        uint32_t mid = low + (high - low) / 2;

        if (sitting_compare(values_at(&p->rows, p->sorted[mid]), input) < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    if (low == values_n(&p->rows) ||
        sitting_compare(values_at(&p->rows, p->sorted[low]), input) != 0) {
        return 0;
    }
    *out = values_at(&p->answers, p->sorted[low]);
    return 1;
}

static int ask_table(struct sitting *x, const struct party *p,
                     const struct values *inputs, struct said *out)
{
    struct values_builder w;
    struct ubytes answer;
    uint32_t i = 0;
    int code = 0;

    TRY(values_builder_init(&w, (size_t)1 << 30));
    while (code == 0 && i < values_n(inputs) &&
           sitting_lookup(p, values_at(inputs, i), &answer)) {
        code = values_builder_add(&w, answer);
        i++;
    }
    out->is_complete = i == values_n(inputs);
    out->is_limit = 0;
    (void)snprintf(out->ending, sizeof(out->ending), "%s",
                   out->is_complete ? ""
                                    : "the table has no row for this input");
    return values_build(&out->answers, &w, &x->gives, code);
}

/* 0 when the object is in the store and whole, else ERR_* with x->d. */
static int look_at(struct sitting *x, const char *role, struct ubytes cid)
{
    struct wanted w = {x->store, role, {{0}}};
    ProtobufCBinaryData field = {cid.n, (uint8_t *)(uintptr_t)cid.p};
    struct diag d;
    struct buf b;
    int code;

    diag_init(&d);
    buf_init(&b, LIMIT_HELD_BYTES);
    code = objects_cid(role, &field, &w.cid, &d);
    code = code == 0 ? objects_bytes(&w, &b, &d) : code;
    buf_release(&b);
    if (code < 0) {
        *x->d = d;
    }
    return code;
}

/* An object of a runnable that is not in the store has a name, which the kernel
 * does not tell. */
static int name_missing(struct sitting *x, const struct party *p)
{
    for (size_t i = 0; i < p->m->n_files; i++) {
        TRY(look_at(x, p->m->files[i]->name,
                    objects_field(&p->m->files[i]->cid)));
    }
    if (p->m->bundle.len > 0) {
        TRY(look_at(x, "artifact", objects_field(&p->m->bundle)));
    }
    return p->m->weights.len == 0
               ? 0
               : look_at(x, "weights", objects_field(&p->m->weights));
}

/* Nobody answered. True when something that the verdict names is why: x->d names
 * it. What the kernel, the host or the store lack says nothing about a verdict. */
static int is_own_fault(struct sitting *x, unsigned parties, int code)
{
    const struct cid *policy = &x->claim->policy;

    if (code != ERR_NOT_FOUND && code != ERR_STORE_DAMAGED &&
        code != ERR_ENCODING && code != ERR_INPUT && code != ERR_LIMIT) {
        return 0;
    }
    for (int i = 0; i < WHO; i++) {
        if ((parties & 1u << i) != 0 && name_missing(x, &x->party[i]) < 0) {
            return 1;
        }
    }
    return look_at(x, "policy", (struct ubytes){policy->b, CID_BYTES}) < 0 ||
           (code != ERR_NOT_FOUND && code != ERR_STORE_DAMAGED);
}

int sitting_ask_each(struct sitting *x, unsigned parties,
                     const struct values *inputs[WHO], uint32_t engine)
{
    struct question q[WHO];
    size_t n = 0;
    int code;

    for (int i = 0; i < WHO; i++) {
        struct party *p = &x->party[i];

        if ((parties & 1u << i) == 0) {
            continue;
        }
        if (p->is_table) {
            TRY(ask_table(x, p, inputs[i], &x->said[i]));
            continue;
        }
        q[n++] = (struct question){.runnable = p->cid,
                                   .engine = engine,
                                   .gives = &x->gives,
                                   .inputs = inputs[i],
                                   .out = &x->said[i]};
    }
    code = n == 0 ? 0 : asker_ask(x->asker, &x->claim->policy, q, n, x->d);
    x->is_unasked = code < 0 && !is_own_fault(x, parties, code);
    return code;
}

int sitting_put(struct sitting *x, struct question *q, size_t n)
{
    int code = n == 0 ? 0 : asker_ask(x->asker, &x->claim->policy, q, n, x->d);

    x->is_unasked = code < 0;
    return code;
}

int sitting_ask(struct sitting *x, unsigned parties)
{
    const struct values *inputs[WHO] = {&x->inputs, &x->inputs, &x->inputs};

    return sitting_ask_each(x, parties, inputs, 0);
}

unsigned sitting_everybody(const struct sitting *x)
{
    return 1u << CANDIDATE | (sitting_is_table(x) ? 0 : 1u << ORACLE) |
           (x->party[SECOND].m == NULL ? 0 : 1u << SECOND);
}

/* --- comparing ---------------------------------------------------------------- */

struct ubytes sitting_got(const struct said *s, uint32_t i)
{
    return i < values_n(&s->answers) ? values_at(&s->answers, i)
                                     : (struct ubytes){NULL, 0};
}

/* A float's bits as an integer of the same order, both zeros one. */
static int64_t float_order(struct rd *r, unsigned width)
{
    uint64_t bits = width == 4 ? (uint64_t)rd_u32(r) << 32 : rd_u64(r);
    int64_t magnitude = (int64_t)(bits & INT64_MAX);

    magnitude >>= width == 4 ? 32 : 0;
    return bits >> 63 != 0 ? -magnitude : magnitude;
}

static int floats_are_near(struct rd r[2], uint64_t ulps)
{
    unsigned width = rd_u8(&r[0]);
    int64_t a;
    int64_t b;

    if (rd_u8(&r[1]) != width) {
        return 0;
    }
    a = float_order(&r[0], width);
    b = float_order(&r[1], width);
    return (a > b ? (uint64_t)a - (uint64_t)b : (uint64_t)b - (uint64_t)a) <=
           ulps;
}

/* Bytes behind the tag that must be equal: a number, or a length or count and
 * what has no tag of its own. */
static size_t rest_of(struct rd ahead, uint8_t tag)
{
    size_t n;

    if (tag == TYPE_INT) {
        return 1 + (rd_u8(&ahead) & (size_t)~TYPE_UNSIGNED);
    }
    if (tag < TYPE_STRING) {
        return 0;
    }
    n = rd_u32(&ahead);
    return 4 + (tag <= TYPE_BYTES ? n : 0);
}

/* Equal but for floats at most so many units in the last place apart. */
static int is_near(struct ubytes a, struct ubytes b, uint64_t ulps)
{
    struct rd r[2];

    rd_init(&r[0], a);
    rd_init(&r[1], b);
    while (rd_left(&r[0]) > 0 && !rd_is_bad(&r[0]) && !rd_is_bad(&r[1])) {
        uint8_t tag = rd_u8(&r[0]);
        size_t n = rest_of(r[0], tag);

        if (rd_u8(&r[1]) != tag ||
            (tag == TYPE_FLOAT ? !floats_are_near(r, ulps)
                               : sitting_compare(rd_take(&r[0], n),
                                                 rd_take(&r[1], n)) != 0)) {
            return 0;
        }
    }
    return rd_end(&r[0]) == 0 && rd_end(&r[1]) == 0;
}

int sitting_is_right(const struct sitting *x, struct ubytes got,
                     struct ubytes expected)
{
    if (got.p == NULL || value_has_nonfinite(got) ||
        value_has_nonfinite(expected)) {
        return 0;
    }
    return sitting_compare(got, expected) == 0 ||
           (x->exam->ulps > 0 && is_near(got, expected, x->exam->ulps));
}

int sitting_is_enough(const struct sitting *x, uint64_t failures)
{
    if (!sitting_is_noisy(x)) {
        return failures == 0;
    }
    if (sitting_is_whole(x)) {
        return (double)failures <= x->exam->error_rate * (double)x->compared;
    }
    return odds_score(&x->bet, x->compared, failures) >= x->bet.goal;
}

struct ubytes sitting_expected(const struct sitting *x, uint32_t i)
{
    return sitting_is_table(x)
               ? values_at(&x->party[ORACLE].answers, x->order[x->first + i])
               : sitting_got(&x->said[ORACLE], i);
}

/* --- the whole ------------------------------------------------------------------ */

static int steps(struct sitting *x)
{
    STEP(screen_known(x));
    STEP(screen_plan(x));
    for (;;) {
        STEP(chunk_test(x));
        STEP(placebo_add(x));
        STEP(chunk_repeat(x));
        STEP(placebo_judge(x));
    }
}

static void finding_init(struct finding *f)
{
    buf_init(&f->input, LIMIT_FRAME_BYTES);
    buf_init(&f->expected, LIMIT_FRAME_BYTES);
    buf_init(&f->got, LIMIT_FRAME_BYTES);
}

int sitting_hold(struct sitting *x)
{
    int code;

    finding_init(&x->raw);
    finding_init(&x->shrunk);
    finding_init(&x->disagreement);
    buf_init(&x->constant, LIMIT_FRAME_BYTES);
    merkle_frontier_init(&x->results);
    blake3_init(&x->digest);
    blake3_init(&x->digest_again);
    TRY(load_objects(x));
    placebo_start(x);
    code = steps(x);
    return code == OVER ? 0 : code;
}
