/* What a lane gave, from the ledger's records and the objects that they name. The
 * person's process. */
#include "cli/model_lane_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/ledger.h"
#include "cli/object.h"
#include "cli/term.h"
#include "proto/err.h"
#include "proto/little.h"
#include "proto/pb.h"
#include "proto/utf8.h"

#define RESULT_BYTES ((size_t)64 << 20)
#define WHY_BYTES 240 /* of a record's reason that are shown */

void model_lane_put_text(struct ubytes s)
{
    while (s.n > 0) {
        size_t n = 0;

        while (n < s.n && s.p[n] != '\n' && s.p[n] != '\t') {
            n++;
        }
        term_put_text(stdout, (struct ubytes){s.p, n}, n);
        if (n < s.n) {
            fputc(s.p[n++], stdout);
        }
        s.p += n;
        s.n -= n;
    }
}

/* The GENERATE record that the task's TASK record stands on. */
static int find_record(const struct model_lane *a, const char *store,
                       const Proctor__TaskRow *row, struct ledger_entry *out)
{
    struct diag unused;
    uint64_t ref = 0;

    diag_init(&unused);
    if (row->seq > 0 && ledger_get(store, row->seq - 1, out, &unused) == 0 &&
        out->r.kind == RECORD_TASK) {
        ref = record_u(&out->r, RF_TASK_evidence_ref);
    }
    ledger_entry_release(out);
    ledger_entry_init(out);
    err_trace_clear();
    if (ref == 0) {
        return ERR_NOT_FOUND;
    }
    TRY(ledger_get(store, ref - 1, out, &a->c->d));
    return out->r.kind == RECORD_GENERATE ? 0 : ERR_NOT_FOUND;
}

static int read_object(const char *store, const struct record *r,
                       enum record_field f, struct buf *out)
{
    struct cid c;

    memcpy(c.b, record_hash(r, f), CID_BYTES);
    return cid_is_zero(&c) ? 0 : object_read(store, &c, RESULT_BYTES, out);
}

static void put_numbers(struct json *j, const struct record *r, double wall_s)
{
    char why[WHY_BYTES];

    record_str(r, RF_GENERATE_reason, why, sizeof(why));
    json_u64(j, "record", r->seq);
    json_str(j, "decision",
             lane_decision_name((unsigned)record_u(r, RF_GENERATE_decision)));
    json_str(j, "reason", why);
    json_u64(j, "prompt_tokens", record_u(r, RF_GENERATE_prompt_n));
    json_u64(j, "passes", record_u(r, RF_GENERATE_passes));
    json_u64(j, "drafted", record_u(r, RF_GENERATE_drafted));
    json_u64(j, "accepted", record_u(r, RF_GENERATE_accepted));
    json_u64(j, "tried", record_u(r, RF_GENERATE_tried));
    json_ms(j, "wall_s", wall_s);
}

static void put_text(struct json *j, struct ubytes text, struct ubytes ids)
{
    if (utf8_is_valid(text)) {
        json_text(j, "text", text);
    } else {
        json_hex(j, "text_hex", text.p, text.n);
    }
    json_array(j, "tokens");
    for (size_t i = 0; i < ids.n / 4; i++) {
        json_u64(j, NULL, little_u32(ids.p, i));
    }
    json_close(j);
}

static void put_scores(struct json *j, const struct model_lane *a,
                       const Proctor__LaneAnswer *m)
{
    json_array(j, "choices");
    for (size_t i = 0; i < m->n_choices && i < a->choices_n; i++) {
        json_object(j, NULL);
        json_str(j, "text", a->choices[i]);
        json_f64(j, "log_likelihood", m->choices[i]->log_likelihood);
        json_u64(j, "tokens", m->choices[i]->tokens);
        json_close(j);
    }
    json_close(j);
    if (strcmp(a->op, "model.classify") == 0) {
        json_u64(j, "best", m->best);
    }
}

static void print_scores(const struct model_lane *a,
                         const Proctor__LaneAnswer *m)
{
    int classifies = strcmp(a->op, "model.classify") == 0;

    for (size_t i = 0; i < m->n_choices && i < a->choices_n; i++) {
        printf("%s%14.6f  %4u tokens  ",
               !classifies ? "" : i == m->best ? "* " : "  ",
               m->choices[i]->log_likelihood, m->choices[i]->tokens);
        term_put_text(stdout,
                      (struct ubytes){(const uint8_t *)a->choices[i],
                                      strlen(a->choices[i])},
                      200);
        fputc('\n', stdout);
    }
}

/* How it ended, beside the text and not in it. */
static void print_end(const struct record *r, double wall_s)
{
    uint64_t n = record_u(r, RF_GENERATE_n);
    char why[WHY_BYTES];

    record_str(r, RF_GENERATE_reason, why, sizeof(why));
    fprintf(stderr, "%" PRIu64 " tokens, %.1f tokens/s with start and all; "
                    "record %" PRIu64 "; ended by ",
            n, wall_s > 0 ? (double)n / wall_s : 0.0, r->seq);
    if (why[0] == '\0') {
        fputs("the model", stderr);
    }
    term_put_text(stderr, (struct ubytes){(const uint8_t *)why, strlen(why)},
                  sizeof(why));
    fputc('\n', stderr);
}

static int report_good(struct model_lane *a, const struct record *r,
                       struct ubytes result, struct ubytes ids, double wall_s)
{
    ProtobufCMessage *m CLEANUP(pb_freep) = NULL;
    struct json j;

    if (!a->is_generate) {
        TRY(pb_decode(&proctor__lane_answer__descriptor, result, RESULT_BYTES,
                      &m));
    }
    if (a->c->json) {
        json_init(&j);
        json_object(&j, NULL);
        if (m != NULL) {
            put_scores(&j, a, (const Proctor__LaneAnswer *)m);
        } else {
            put_text(&j, result, ids);
        }
        put_numbers(&j, r, wall_s);
        json_close(&j);
        return cli_emit(a->c, &j);
    }
    if (m != NULL) {
        print_scores(a, (const Proctor__LaneAnswer *)m);
    } else {
        if (!a->streamed) {
            model_lane_put_text(result);
        }
        fputc('\n', stdout);
    }
    (void)fflush(stdout);
    if (a->is_generate) {
        print_end(r, wall_s);
    }
    return 0;
}

static int report_bad(struct model_lane *a, const Proctor__RunDone *done,
                      const Proctor__TaskRow *row)
{
    int code = done->code < 0 ? done->code : ERR_TASK_FAILED;
    int blamed =
        row == NULL ? 0 : model_lane_blame(a, row->reason, &a->c->d);
    struct json j;

    if (a->streamed) {
        fputc('\n', stdout);
    }
    if (a->c->json) {
        json_init(&j);
        json_object(&j, NULL);
        json_null(&j, "text");
        json_str(&j, "reason", row != NULL ? row->reason : "");
        session_put_json(&a->session, &j);
        json_close(&j);
        TRY(cli_emit(a->c, &j));
    } else if (blamed != 0 && a->c->d.code != 0) {
        return blamed;
    } else if (row != NULL) {
        fputs("no result: ", stderr);
        term_put_text(stderr,
                      (struct ubytes){(const uint8_t *)row->reason,
                                      strlen(row->reason)},
                      400);
        fputc('\n', stderr);
    }
    a->c->told = 1;
    return blamed != 0 ? blamed : code;
}

int model_lane_report(struct model_lane *a, const char *store)
{
    const Proctor__RunDone *done;
    const Proctor__TaskRow *row = NULL;
    struct buf result, ids;
    struct ledger_entry e;
    int code = 0;

    done = (const Proctor__RunDone *)session_answer(&a->session, MSG_RUN_DONE,
                                                    &code);
    if (done == NULL) {
        return session_fail(&a->session, code, "no answer");
    }
    for (size_t i = 0; i < done->n_tasks; i++) {
        row = strcmp(done->tasks[i]->id, MODEL_LANE_ID) == 0 ? done->tasks[i]
                                                             : row;
    }
    if (done->code != 0 || row == NULL) {
        return report_bad(a, done, row);
    }
    buf_init(&result, RESULT_BYTES);
    buf_init(&ids, 4u * LIMIT_LANE_TOKENS);
    ledger_entry_init(&e);
    code = find_record(a, store, row, &e);
    code = code == 0 ? read_object(store, &e.r, RF_GENERATE_result, &result)
                     : code;
    code = code == 0 ? read_object(store, &e.r, RF_GENERATE_tokens, &ids) : code;
    code = code == 0 ? report_good(a, &e.r, buf_bytes(&result), buf_bytes(&ids),
                                   done->wall_s)
                     : cli_fail(a->c, code, "the result is not in the store: %s",
                                err_text(code));
    ledger_entry_release(&e);
    buf_release(&result);
    buf_release(&ids);
    return code;
}
