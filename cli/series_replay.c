/* H12: a run again, from its recorded inputs and program, in a fresh worker
 * under the limits of its policy; the bytes must be those that were recorded.
 * Adds nothing to the ledger. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/series.h"
#include "cli/session.h"
#include "cli/table.h"
#include "cli/term.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/value.h"

struct again {
    struct cli *c;
    const char *store;
    const struct series *s;
    struct session session;
    uint64_t run; /* whose policy it is */
    struct cid policy;
    struct json j;
    struct table t;
    uint64_t replayed;
    uint64_t different;
    uint64_t skipped;
};

static int find_policy(struct again *a, uint64_t run)
{
    struct ledger_entry e;
    int code;

    if (a->run == run && !cid_is_zero(&a->policy)) {
        return 0;
    }
    ledger_entry_init(&e);
    code = ledger_get(a->store, run, &e, &a->c->d);
    if (code == 0 && e.r.kind != RECORD_RUN) {
        code = cli_fail(a->c, ERR_STORE_DAMAGED, "record %" PRIu64 " is no run",
                        run);
    }
    if (code == 0) {
        a->run = run;
        memcpy(a->policy.b, record_hash(&e.r, RF_RUN_policy), CID_BYTES);
    }
    ledger_entry_release(&e);
    return code;
}

/* The inputs as what the program takes: one tuple of one bytes value. */
static int make_inputs(const struct again *a, size_t i,
                       struct values_builder *w)
{
    CLEANUP(buf_release) struct buf inputs;
    CLEANUP(buf_release) struct buf value;

    buf_init(&inputs, LIMIT_VALUE_BYTES);
    buf_init(&value, LIMIT_VALUE_BYTES);
    TRY(series_read(a->store, &a->s->inputs[i], &inputs));
    TRY(value_put_tuple(&value, 1));
    TRY(value_put_bytes(&value, buf_bytes(&inputs)));
    TRY(values_builder_init(w, LIMIT_BATCH_BYTES));
    return values_builder_add(w, buf_bytes(&value));
}

static ProtobufCBinaryData field(const uint8_t *p, size_t n)
{
    return (ProtobufCBinaryData){n, (uint8_t *)(uintptr_t)p};
}

/* What came out, in words; NULL: the recorded bytes. ERR_* in *out_code. */
static const char *compare(const struct again *a, size_t i,
                           const Proctor__EvaluateDone *m, char said[200])
{
    static const struct type bytes = {1, {TYPE_BYTES}};
    CLEANUP(values_release) struct values v = {0};
    const struct series_entry *out = &a->s->outputs[i];
    struct ubytes value;
    struct cid cid;

    if (!m->complete) {
        (void)snprintf(said, 200, "no output: it %.150s", m->ending);
        return said;
    }
    if (values_decode(&v, (struct ubytes){m->outputs.data, m->outputs.len},
                      &bytes, 1) != 0 ||
        values_n(&v) != 1) {
        err_trace_clear();
        return "no output that can be read";
    }
    value = values_at(&v, 0);
    value = (struct ubytes){value.p + 5, value.n - 5}; /* tag, length */
    cid = cid_of(value);
    if (cid_is_equal(&cid, &out->artifact)) {
        return NULL;
    }
    (void)snprintf(said, 200, "other bytes: %zu, recorded are %" PRIu64,
                   value.n, out->bytes);
    return said;
}

static int tell(struct again *a, size_t i, const char *result, const char *what)
{
    char number[24];
    const char *cells[] = {number, result, what};

    (void)snprintf(number, sizeof(number), "%zu", i);
    if (a->c->json) {
        json_object(&a->j, NULL);
        json_u64(&a->j, "index", i);
        json_str(&a->j, "result", result);
        json_str(&a->j, "what", what);
        json_close(&a->j);
    } else {
        table_row(&a->t, cells);
    }
    return 0;
}

static int replay_one(struct again *a, size_t i)
{
    CLEANUP(values_builder_release) struct values_builder w = {0};
    Proctor__EvaluateRequest m = PROCTOR__EVALUATE_REQUEST__INIT;
    const struct client_question q = {MSG_EVALUATE_REQUEST, &m.base, NULL, 0,
                                      MSG_EVALUATE_DONE};
    const Proctor__EvaluateDone *done;
    const char *what;
    char said[200];
    int code;

    if (i >= a->s->outputs_n || a->s->outputs[i].status != SERIES_DONE) {
        a->skipped++;
        return tell(a, i, "skipped", series_status_text(a->s, i));
    }
    TRY(find_policy(a, a->s->inputs[i].run));
    code = make_inputs(a, i, &w);
    if (code != 0) {
        return cli_fail_hint(a->c, code, "`proctor runs audit` names the file",
                             "%.80s[%zu]: its inputs: %s", a->s->name, i,
                             err_text(code));
    }
    m.id = 1;
    m.runnable = field(a->s->inputs[i].program.b, CID_BYTES);
    m.policy = field(a->policy.b, CID_BYTES);
    m.inputs = field(values_builder_bytes(&w).p, values_builder_bytes(&w).n);
    frame_release(&a->session.answer);
    frame_init(&a->session.answer);
    TRY(session_ask(&a->session, &q, -1));
    done = (const Proctor__EvaluateDone *)session_answer(
        &a->session, MSG_EVALUATE_DONE, &code);
    if (done == NULL || done->code != 0) {
        return cli_fail(a->c, done == NULL ? code : done->code,
                        "%.80s[%zu] could not be run: %.200s", a->s->name, i,
                        done == NULL ? err_text(code) : done->what);
    }
    what = compare(a, i, done, said);
    a->replayed++;
    a->different += what != NULL;
    return tell(a, i, what == NULL ? "same" : "DIFFERS",
                what == NULL ? "" : what);
}

static int finish_text(struct again *a)
{
    TRY(table_print(&a->t, stdout, term_has_colour(stdout)));
    printf("%" PRIu64 " made again, %" PRIu64 " different%s\n", a->replayed,
           a->different,
           a->replayed > 0 && a->different == 0
               ? ": every output came out again, byte for byte."
               : ".");
    return 0;
}

static int finish_json(struct again *a)
{
    json_close(&a->j);
    json_u64(&a->j, "replayed", a->replayed);
    json_u64(&a->j, "different", a->different);
    json_u64(&a->j, "skipped", a->skipped);
    json_close(&a->j);
    return cli_emit(a->c, &a->j);
}

int series_replay(struct cli *c, const char *store, const struct series *s,
                  size_t i)
{
    static const char *const HEADS[] = {"run", "replay", ""};
    struct again a = {.c = c, .store = store, .s = s};
    size_t first = i == SIZE_MAX ? 0 : i;
    size_t end = i == SIZE_MAX ? s->inputs_n : i + 1;
    int code = session_open(&a.session, c, store);

    json_init(&a.j);
    json_object(&a.j, NULL);
    json_str(&a.j, "series", s->name);
    json_array(&a.j, "runs");
    table_init(&a.t, 3, HEADS);
    for (; code == 0 && first < end; first++) {
        code = replay_one(&a, first);
    }
    session_close(&a.session);
    if (code == 0) {
        code = c->json ? finish_json(&a) : finish_text(&a);
    }
    table_release(&a.t);
    json_release(&a.j);
    if (code == 0 && a.different > 0) {
        c->told = 1;
        return cli_fail(c, ERR_TASK_FAILED, "a run came out differently");
    }
    return code;
}
