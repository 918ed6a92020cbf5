/* Op `derive`: one run of a series. INPUTS is durable before the program
 * starts, the output is an object before OUTPUTS names it, so a crash shows as
 * lists of different lengths. A run found open is gone on with when it is this
 * one, else closed as aborted; a series has one at a time. Never changes what
 * stands. Kernel process. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/run/eval.h"
#include "kernel/run/say.h"
#include "kernel/run/sched.h"
#include "kernel/store/fold.h"
#include "proto/err.h"

enum {
    BYTES_HEAD = 5
}; /* of a bytes value: tag, u32 length */

struct artifact {
    struct cid cid; /* zero: there is none */
    struct buf bytes;
};

struct derive {
    struct live *live;
    const Proctor__DeriveSpec *spec;
    uint64_t index;
    uint64_t inputs_ref;
    uint64_t parent_ref;
    struct cid program;
    struct artifact inputs;
    struct artifact output;
    struct runnable *runnable;
    struct values asked;
    struct eval *eval;
};

static void derive_free(void *state)
{
    struct derive *d = state;

    eval_free(d->eval);
    runnable_free(d->runnable);
    values_release(&d->asked);
    buf_release(&d->inputs.bytes);
    buf_release(&d->output.bytes);
    free(d);
}

/* Adds to one of the two lists. Their records are alike in their first ten
 * fields. */
static int append(struct derive *d, enum record_kind k, const char *text,
                  enum series_status status, uint64_t *out_seq)
{
    const struct artifact *a = k == RECORD_INPUTS ? &d->inputs : &d->output;
    uint64_t ref = k == RECORD_INPUTS ? d->parent_ref : d->inputs_ref;
    enum record_field f = record_first_field(k);
    struct ubytes bytes = buf_bytes(&a->bytes);
    uint8_t sha256[32] = {0};
    struct record rec;

    if (!cid_is_zero(&a->cid)) {
        crypto_hash_sha256(sha256, bytes.p, bytes.n);
    }
    record_init(&rec, k);
    record_set_u(&rec, f++, d->live->run->seq);
    record_set_str(&rec, f++, live_id(d->live));
    record_set_str(&rec, f++, d->spec->series);
    record_set_u(&rec, f++, d->index);
    record_set_hash(&rec, f++, a->cid.b);
    record_set_hash(&rec, f++, sha256);
    record_set_u(&rec, f++, bytes.n);
    record_set_hash(&rec, f++, d->program.b);
    record_set_u(&rec, f++, ref);
    record_set_str(&rec, f++, text);
    if (k == RECORD_OUTPUTS) {
        record_set_u(&rec, RF_OUTPUTS_status, status);
    }
    /* An end is signed with its task's: neither stands without the other. */
    return k == RECORD_INPUTS
               ? ledger_append(d->live->run->core->ledger, &rec, out_seq, NULL)
               : run_record(d->live->run, &rec, out_seq);
}

/* The run failed by its own doing: that stays visible. */
static int give_up(struct derive *d, const char *why)
{
    uint64_t seq;

    TRY(append(d, RECORD_OUTPUTS, why, SERIES_ABORTED, &seq));
    live_fail(d->live, 0, "run %llu of %.64s: %s", (unsigned long long)d->index,
              d->spec->series, why);
    return 0;
}

static int finish(struct derive *d)
{
    struct outcome o = {.passed = 1, .result = d->output.cid};
    uint64_t seq;

    TRY(append(d, RECORD_OUTPUTS, "", SERIES_DONE, &seq));
    o.level = (enum level)live_spec(d->live)->validator->level;
    o.evidence_ref = seq + 1;
    snprintf(o.reason, sizeof(o.reason), "run %llu of %.200s",
             (unsigned long long)d->index, d->spec->series);
    live_over(d->live, &o);
    return 0;
}

static void on_answer(void *ctx, struct eval *v, const struct evaluation *e);

static int ask(struct derive *d)
{
    struct eval_ask a = {.runnable = d->runnable,
                         .inputs = &d->asked,
                         .limits = d->live->run->policy->limits,
                         .task = live_id(d->live)};

    return eval_start(d->live->run->core, &a, on_answer, d, &d->eval);
}

/* The first output is kept, a second one compared with it. */
static int made(struct derive *d, struct ubytes output)
{
    struct ubytes first = buf_bytes(&d->output.bytes);
    int code;

    if (!cid_is_zero(&d->output.cid)) {
        return first.n == output.n && memcmp(first.p, output.p, output.n) == 0
                   ? finish(d)
                   : give_up(d,
                             "not deterministic: other bytes when made again");
    }
    code = core_put(d->live->run->core, output, &d->output.cid);
    code = code ? code : buf_put(&d->output.bytes, output.p, output.n);
    if (code != 0) {
        return code;
    }
    return live_spec(d->live)->validator->level < LEVEL_PROPERTY ? finish(d)
                                                                 : ask(d);
}

static void on_answer(void *ctx, struct eval *v, const struct evaluation *e)
{
    struct derive *d = ctx;
    int code = 0;

    d->eval = NULL;
    if (e->complete) {
        struct ubytes value = values_at(&e->answers, 0);

        code = made(
            d, (struct ubytes){value.p + BYTES_HEAD, value.n - BYTES_HEAD});
    } else if (e->outside) { /* not its doing: it stays open */
        live_fail(d->live, eval_code(v), "%s", e->ending);
    } else {
        if (eval_text(v)[0] != '\0') {
            say_quote(d->live->run->core, live_id(d->live), eval_text(v));
        }
        code = give_up(d, e->ending);
    }
    eval_free(v);
    if (code != 0) {
        live_error(d->live, code, NULL);
    }
}

/* Is the open run, of record seq, what this task would run? 1, 0, ERR_*. */
static int is_this(const struct derive *d, uint64_t seq)
{
    CLEANUP(buf_release) struct buf b;
    struct record rec;

    TRY(core_read_record(d->live->run->core, seq, RECORD_INPUTS, &b, &rec));
    return memcmp(record_hash(&rec, RF_INPUTS_artifact), d->inputs.cid.b,
                  CID_BYTES) == 0 &&
           memcmp(record_hash(&rec, RF_INPUTS_program), d->program.b,
                  CID_BYTES) == 0;
}

/* The position, by the lengths of the lists; what is open is closed. */
static int take_place(struct derive *d)
{
    uint64_t seq;
    uint64_t n = fold_series(ledger_fold(d->live->run->core->ledger),
                             d->spec->series, &seq);

    d->index = n / 2;
    d->inputs_ref = seq + 1;
    if (n % 2 == 1) {
        int same = is_this(d, seq);

        if (same != 0) {
            return same < 0 ? same : 0;
        }
        TRY(append(d, RECORD_OUTPUTS, "unfinished when another run began",
                   SERIES_ABORTED, &seq));
        d->index++;
    }
    TRY(append(d, RECORD_INPUTS, d->spec->note, SERIES_NONE, &seq));
    d->inputs_ref = seq + 1;
    return 0;
}

static int load(struct derive *d, struct diag *diag)
{
    const struct run *r = d->live->run;
    const struct file *f = files_find(&r->files, d->spec->inputs);
    const Proctor__Task *spec = live_spec(d->live);
    CLEANUP(buf_release) struct buf b;
    struct values_builder w;
    int code;

    buf_init(&b, LIMIT_VALUE_BYTES);
    for (size_t i = 0; i < spec->n_needs; i++) {
        const struct task *t = &r->tasks[run_find(r, spec->needs[i])];

        if (t->spec->program != NULL) {
            d->program = t->result;
        } else if (t->spec->derive != NULL && f == NULL) {
            d->inputs.cid = t->result;
            d->parent_ref = t->evidence_ref;
        }
    }
    d->inputs.cid = f == NULL ? d->inputs.cid : f->cid;
    TRY(runnable_load(r->core, &d->program, &d->runnable, diag));
    code = store_get(r->core->store, &d->inputs.cid, &d->inputs.bytes);
    code = code ? code : value_put_tuple(&b, 1);
    code = code ? code : value_put_bytes(&b, buf_bytes(&d->inputs.bytes));
    if (code == ERR_LIMIT) {
        return diag_set(diag, code, (struct loc){0},
                        "the inputs of a run have at most %u bytes",
                        LIMIT_VALUE_BYTES - 2 * BYTES_HEAD);
    }
    TRY(code);
    ASSERT(type_tag_at(&d->runnable->gives, 0) == TYPE_BYTES); /* admission */
    TRY(values_builder_init(&w, LIMIT_BATCH_BYTES));
    return values_build(&d->asked, &w, &d->runnable->takes,
                        values_builder_add(&w, buf_bytes(&b)));
}

static void derive_begin(struct live *l)
{
    struct derive *d = l->state;
    struct diag diag;
    int code;

    diag_init(&diag);
    code = load(d, &diag);
    code = code ? code : take_place(d);
    code = code ? code : ask(d);
    if (code != 0) {
        live_error(l, code, &diag);
    }
}

static int derive_start(struct live *l)
{
    struct derive *d = calloc(1, sizeof(*d));
    struct cid key;

    if (d == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    d->live = l;
    d->spec = live_spec(l)->derive;
    buf_init(&d->inputs.bytes, LIMIT_VALUE_BYTES);
    buf_init(&d->output.bytes, LIMIT_VALUE_BYTES);
    l->state = d;
    key = cid_of((struct ubytes){(const uint8_t *)d->spec->series,
                                 strlen(d->spec->series)});
    live_turn(l, &key, derive_begin);
    return 0;
}

const struct op op_derive = {"derive", derive_start, derive_free};
