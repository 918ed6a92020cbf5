/* Op `data.split`: a data set is fixed in the ledger, and only then is the seed
 * revealed that draws it apart. A file is split once in the life of a store:
 * the same task gets the old split, another share or choice of columns none.
 * Held-out outputs become an object that no worker is ever sent. Kernel
 * process. */
#include <stdlib.h>
#include <string.h>

#include "kernel/run/data.h"
#include "kernel/run/split.h"
#include "kernel/run/verdict.h"
#include "kernel/store/fold.h"
#include "proto/err.h"

/* The Data object, and its rows. */
static int load_table(struct splitting *x)
{
    const Proctor__TableSpec *t = x->spec->table;
    struct run *r = x->live->run;
    const struct file *f = files_find(&r->files, t->csv);
    const struct dataset *d = data_table(r, t, field_bytes(&x->spec->takes),
                                         field_bytes(&x->spec->gives));
    Proctor__Data m = PROCTOR__DATA__INIT;

    x->columns = calloc(t->n_inputs + 1, sizeof(char *));
    if (x->columns == NULL || f == NULL || d == NULL) {
        return ERR_TRACE(x->columns == NULL ? ERR_NOMEM : ERR_INTERNAL);
    }
    memcpy(x->columns, t->inputs, t->n_inputs * sizeof(char *));
    x->columns[t->n_inputs] = t->output;
    x->file = f->cid;
    x->name = t->csv;
    m.file = cid_field(&f->cid);
    m.inputs = cid_field(&d->inputs);
    m.outputs = cid_field(&d->outputs);
    m.takes = x->spec->takes;
    m.gives = x->spec->gives;
    m.holdout = x->spec->holdout;
    m.columns = x->columns;
    m.n_columns = t->n_inputs + 1;
    TRY(type_decode(field_bytes(&m.takes), &x->takes));
    TRY(type_decode(field_bytes(&m.gives), &x->gives));
    TRY(core_get_values(r->core, &d->inputs, &x->takes, &x->inputs));
    TRY(core_get_values(r->core, &d->outputs, &x->gives, &x->outputs));
    return core_put_message(r->core, &m.base, &x->data);
}

static int put_rows(struct core *c, const struct values *v,
                    const uint32_t *rows, uint32_t n, struct cid *out)
{
    CLEANUP(values_builder_release) struct values_builder w;

    TRY(values_builder_init(&w, LIMIT_FRAME_BYTES));
    TRY(values_builder_pick(&w, v, rows, n));
    return core_put(c, values_builder_bytes(&w), out);
}

static int put_csv(const struct splitting *x, const uint32_t *rows, uint32_t n,
                   struct cid *out)
{
    CLEANUP(buf_release) struct buf b;
    const struct values_table t = {x->columns, x->spec->table->n_inputs + 1,
                                   &x->inputs, &x->outputs,
                                   &x->takes,  &x->gives};

    buf_init(&b, LIMIT_CODE_FILE_BYTES);
    TRY(values_put_csv(&b, &t, rows, n));
    return core_put(x->live->run->core, buf_bytes(&b), out);
}

static int put_table(const struct splitting *x, Proctor__Split *m,
                     struct cid part[static PARTS_N])
{
    struct core *c = x->live->run->core;
    const struct holdout *h = &x->h;
    const uint32_t *train = h->rows + h->held_n;
    uint32_t train_n = h->n - h->held_n;
    int code = put_csv(x, train, train_n, &part[0]);

    code = code ? code : put_rows(c, &x->outputs, train, train_n, &part[1]);
    code = code ? code : put_rows(c, &x->inputs, h->rows, h->held_n, &part[2]);
    code = code ? code : put_rows(c, &x->outputs, h->rows, h->held_n, &part[3]);
    m->train_csv = cid_field(&part[0]);
    m->train_outputs = cid_field(&part[1]);
    m->held_inputs = cid_field(&part[2]);
    m->held_outputs = cid_field(&part[3]);
    return code;
}

static int put_split(const struct splitting *x, const uint8_t seed[static 32],
                     struct cid *out)
{
    const struct holdout *h = &x->h;
    Proctor__Split m = PROCTOR__SPLIT__INIT;
    struct cid part[PARTS_N];
    int code = x->set != NULL ? split_put_rows(x, &m, part)
                              : put_table(x, &m, part);

    m.data = cid_field(&x->data);
    m.file = cid_field(&x->file);
    m.seed = bytes_field((struct ubytes){seed, 32});
    m.train_rows = h->n - h->held_n;
    m.held_rows = h->held_n;
    m.held_distinct = h->held_distinct;
    m.contradictions = h->contradictions;
    return code ? code
                : core_put_message(x->live->run->core, &m.base, out);
}

static int draw_rows(struct splitting *x, const uint8_t seed[static 32])
{
    return x->set != NULL
               ? dataset_draw(&x->rows, x->spec->holdout, x->spec->stratified,
                              seed, &x->h)
               : holdout_draw(&x->inputs, &x->outputs, x->spec->holdout, seed,
                              &x->h);
}

/* Fixes the data, draws, and puts the split; both records are durable. Whoever
 * is killed in between has seen nothing: the next try draws with a new seed. */
static int draw(struct splitting *x, struct outcome *o)
{
    struct core *c = x->live->run->core;
    struct merkle_hash fixed;
    struct record rec;
    uint8_t secret[32];
    uint8_t seed[32];
    uint64_t seed_i;
    uint64_t seq;
    int code;

    TRY(ledger_next_seed(c->ledger, &seed_i));
    record_init(&rec, RECORD_SPLIT);
    record_set_u(&rec, RF_SPLIT_run, x->live->run->seq);
    record_set_str(&rec, RF_SPLIT_task, live_id(x->live));
    record_set_hash(&rec, RF_SPLIT_file, x->file.b);
    record_set_hash(&rec, RF_SPLIT_data, x->data.b);
    record_set_hash(&rec, RF_SPLIT_kernel, c->kernel.b);
    record_set_u(&rec, RF_SPLIT_seed_i, seed_i);
    TRY(ledger_append(c->ledger, &rec, &seq, &fixed));
    TRY(ledger_reveal_seed(c->ledger, seed_i, secret));
    verdict_seed(secret, &fixed, seed);
    TRY(draw_rows(x, seed));
    code = put_split(x, seed, &o->result);
    if (code != 0) {
        return code;
    }
    record_set_u(&rec, RF_SPLIT_fixed_ref, seq + 1);
    record_set_hash(&rec, RF_SPLIT_fixed_hash, fixed.b);
    record_set_hash(&rec, RF_SPLIT_seed_secret, secret);
    record_set_hash(&rec, RF_SPLIT_seed, seed);
    record_set_hash(&rec, RF_SPLIT_split, o->result.b);
    TRY(ledger_append(c->ledger, &rec, &seq, NULL));
    o->evidence_ref = seq + 1;
    return 0;
}

/* Whether it can be split at all: that takes no seed. Ends the task if not. */
static int check_rows(struct splitting *x)
{
    static const uint8_t any[32];
    int code;

    for (uint32_t i = 0; i < values_n(&x->outputs); i++) {
        if (value_has_nonfinite(values_at(&x->outputs, i))) {
            live_fail(x->live, 0, "row %u has an output that is not finite",
                      i + 1);
            return HOLDOUT_E_SMALL;
        }
    }
    code = draw_rows(x, any);
    if (code == HOLDOUT_E_SMALL) {
        live_fail(x->live, 0,
                  "too small: %u of %u distinct inputs would be held out; at "
                  "least %u must be, and one be left",
                  x->h.held_distinct, x->h.distinct, LIMIT_HELD_MIN);
    }
    return code;
}

/* The draw that stands: there is no other. Ends the task if it is of other
 * columns, types or share. */
static int find_old(struct splitting *x, uint64_t seq, struct outcome *o)
{
    CLEANUP(buf_release) struct buf b;
    struct record rec;

    TRY(core_read_record(x->live->run->core, seq, RECORD_SPLIT, &b, &rec));
    if (memcmp(record_hash(&rec, RF_SPLIT_data), x->data.b, CID_BYTES) != 0) {
        live_fail(x->live, 0,
                  "\"%.64s\" is split already, with other columns, types or "
                  "share, by record %llu; a file has one split in a store",
                  x->name, (unsigned long long)seq);
    }
    memcpy(o->result.b, record_hash(&rec, RF_SPLIT_split), CID_BYTES);
    o->evidence_ref = seq + 1;
    return 0;
}

static int split(struct splitting *x)
{
    struct outcome o = {.passed = 1, .level = LEVEL_PROPERTY};
    uint64_t seq;
    int code;

    code = x->spec->table != NULL ? load_table(x) : split_load_rows(x);
    if (code != 0) {
        return code;
    }
    if (fold_split(ledger_fold(x->live->run->core->ledger), &x->file, &seq)) {
        code = find_old(x, seq, &o);
    } else {
        code = check_rows(x);
        code = code == 0 ? draw(x, &o) : code;
    }
    if (code == 0) {
        live_over(x->live, &o); /* its first word counts */
    }
    return code;
}

static int split_start(struct live *l)
{
    struct splitting x = {.live = l, .spec = live_spec(l)->split};
    int code;

    ASSERT(x.spec != NULL);
    code = split(&x);
    if (code == ERR_LIMIT) {
        live_fail(l, code, "the rows are over %llu bytes",
                  x.set ? LIMIT_HELD_BYTES : 0ull + LIMIT_CODE_FILE_BYTES);
    } else if (code != 0) {
        live_error(l, code, NULL);
    }
    split_release_rows(&x);
    values_release(&x.inputs);
    values_release(&x.outputs);
    holdout_release(&x.h);
    free(x.columns);
    return 0;
}

const struct op op_split = {"data.split", split_start, NULL};
