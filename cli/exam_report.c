/* The verdict of `proctor exam`. Everything said comes from the ledger's record
 * and the evidence that it names; a task's reason may quote a worker and is
 * escaped. */
#include "cli/exam_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/exam_text.h"
#include "cli/json.h"
#include "cli/ledger.h"
#include "cli/outcome.h"
#include "cli/term.h"
#include "proto/err.h"
#include "proto/text.h"

#define COMMAND_BYTES 8192 /* a path, every character of it escaped */
#define VALUE_BYTES ((size_t)8 << 20)

/* Everything that a verdict is told from. */
struct told {
    struct session *s;
    const struct exam_ask *a;
    const char *store;
    const Proctor__RunDone *done;
    const Proctor__TaskRow *row; /* that says why; NULL = nothing ran */
    struct ledger_entry verdict; /* of the ledger, when has_verdict */
    int has_verdict;
    struct exam_text text;
};

static const Proctor__TaskRow *find_row(const Proctor__RunDone *done,
                                        const char *id)
{
    for (size_t i = 0; i < done->n_tasks; i++) {
        if (strcmp(done->tasks[i]->id, id) == 0) {
            return done->tasks[i];
        }
    }
    return NULL;
}

/* The exam's row, or the candidate's when that never came so far. */
static void load(struct told *t)
{
    const Proctor__TaskRow *exam = find_row(t->done, "exam");
    const Proctor__TaskRow *candidate = find_row(t->done, "candidate");

    ledger_entry_init(&t->verdict);
    memset(&t->text, 0, sizeof(t->text));
    t->row = exam;
    if (exam != NULL &&
        outcome_verdict_load(t->store, outcome_verdict(t->store, t->done, exam),
                             &t->verdict)) {
        t->has_verdict = 1;
        exam_text_load(t->store, &t->verdict.r, &t->text);
    } else if (candidate != NULL && strcmp(candidate->state, "failed") == 0) {
        t->row = candidate;
    }
}

static void release(struct told *t)
{
    exam_text_release(&t->text);
    ledger_entry_release(&t->verdict);
}

/* A verdict that stood in the ledger before this run. */
static int is_known(const struct told *t)
{
    return t->has_verdict && t->verdict.r.seq < t->done->first_seq;
}

static int is_admitted(const struct told *t)
{
    return t->has_verdict && t->done->code == 0 &&
           record_u(&t->verdict.r, RF_VERDICT_verdict) == VERDICT_ADMIT;
}

static void print_escaped(const char *s)
{
    term_put_text(stdout, (struct ubytes){(const uint8_t *)s, strlen(s)},
                  COMMAND_BYTES);
}

/* As a shell reads it back: plain words as they are, others in quotes. */
static void put_word(const char *s, struct text *out)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+:@";

    if (s[0] != '\0' && s[strspn(s, plain)] == '\0') {
        text_putf(out, "%s", s);
        return;
    }
    text_putf(out, "'");
    for (; *s != '\0'; s++) {
        if (*s == '\'') {
            text_putf(out, "'\\''");
        } else {
            text_putf(out, "%c", *s);
        }
    }
    text_putf(out, "'");
}

/* What to type next about the record. */
static const char *command(const struct told *t, const char *verb,
                           const char *rest, char out[static COMMAND_BYTES])
{
    const char *store = t->s->c->store;
    struct text text;

    text_init(&text, out, COMMAND_BYTES);
    text_putf(&text, "proctor %s %" PRIu64 "%s", verb, t->verdict.r.seq, rest);
    if (store != NULL) {
        text_putf(&text, " --store ");
        put_word(store, &text);
    }
    return out;
}

static int print_text(const struct told *t)
{
    const struct record *r = &t->verdict.r;
    char text[COMMAND_BYTES];

    if (!t->has_verdict && t->row == NULL) {
        return 0; /* the diagnoses said it */
    }
    print_escaped(t->a->works[EXAM_ROLE_CANDIDATE].word);
    fputs(": ", stdout);
    if (!t->has_verdict) {
        fputs("no verdict: ", stdout);
        print_escaped(t->row->reason[0] != '\0' ? t->row->reason
                                                : t->row->state);
        fputc('\n', stdout);
        return 0;
    }
    TRY(exam_text_print(stdout, &t->text, r, 2, term_has_colour(stdout)));
    if (is_known(t)) {
        printf("  known since record %" PRIu64 ": nothing was drawn again\n",
               r->seq);
    }
    printf("record %" PRIu64 " of %s\n", r->seq, t->store);
    fputs("  derive it again:    ", stdout);
    print_escaped(command(t, "replay", "", text));
    fputs("\n  prove it to others: ", stdout);
    print_escaped(command(t, "prove", " -o exam.tlog-proof", text));
    fputc('\n', stdout);
    return 0;
}

static void put_value(struct json *j, const char *key, ProtobufCBinaryData v,
                      const struct type *type)
{
    struct buf text;

    buf_init(&text, VALUE_BYTES);
    if (v.len > 0 &&
        message_value(&text, (struct ubytes){v.data, v.len}, type) == 0) {
        json_raw(j, key, buf_bytes(&text));
    } else {
        json_null(j, key);
    }
    buf_release(&text);
}

/* The smallest one that was found; null for a verdict without. */
static void put_counterexample(struct json *j, const struct exam_text *x)
{
    const Proctor__Evidence *e = x->evidence;
    const Proctor__Counterexample *c = NULL;

    if (e != NULL) {
        c = e->shrunk != NULL ? e->shrunk
            : e->raw != NULL  ? e->raw
                              : e->disagreement;
    }
    if (c == NULL) {
        json_null(j, "counterexample");
        return;
    }
    json_object(j, "counterexample");
    put_value(j, "input", c->input, &x->types.takes);
    put_value(j, "expected", c->expected, &x->types.gives);
    put_value(j, "got", c->got, &x->types.gives);
    json_str(j, "ending", c->ending);
    json_close(j);
}

static void put_evidence(struct json *j, const struct told *t)
{
    const Proctor__Evidence *e = t->text.evidence;

    json_u64(j, "draws", e != NULL ? e->draws : 0);
    json_bool(j, "exhaustive", e != NULL && e->exhaustive);
    if (is_admitted(t) && e != NULL) {
        json_f64(j, "bound95", e->bound95);
        json_f64(j, "bound_alpha", e->bound_alpha);
    } else {
        json_null(j, "bound95");
        json_null(j, "bound_alpha");
    }
    put_counterexample(j, &t->text);
}

static void put_record(struct json *j, const struct told *t)
{
    const struct record *r = &t->verdict.r;
    char text[COMMAND_BYTES];

    json_hex(j, "candidate", record_hash(r, RF_VERDICT_candidate), CID_BYTES);
    json_hex(j, "exam", record_hash(r, RF_VERDICT_exam), CID_BYTES);
    json_u64(j, "record", r->seq);
    json_str(j, "replay", command(t, "replay", "", text));
    json_str(j, "prove", command(t, "prove", " -o exam.tlog-proof", text));
}

/* The same members as with a verdict. */
static void put_no_verdict(struct json *j, const struct told *t)
{
    static const char *const NONE[] = {
        "bound95", "bound_alpha", "counterexample", "candidate", "exam",
        "record",  "replay",      "prove",          "evidence"};

    json_null(j, "verdict");
    json_str(j, "level", "none");
    json_str(j, "reason", t->row != NULL ? t->row->reason : "");
    json_bool(j, "known", 0);
    json_u64(j, "draws", 0);
    json_bool(j, "exhaustive", 0);
    for (size_t i = 0; i < ARRAY_N(NONE); i++) {
        json_null(j, NONE[i]);
    }
}

static void put_verdict(struct json *j, const struct told *t)
{
    const struct record *r = &t->verdict.r;

    if (!t->has_verdict) {
        put_no_verdict(j, t);
        return;
    }
    json_str(j, "verdict",
             verdict_name((unsigned)record_u(r, RF_VERDICT_verdict)));
    json_str(j, "level", level_name((unsigned)record_u(r, RF_VERDICT_level)));
    json_text(j, "reason", record_bytes(r, RF_VERDICT_reason));
    json_bool(j, "known", is_known(t));
    put_evidence(j, t);
    put_record(j, t);
    if (t->text.evidence != NULL) {
        message_json(j, "evidence", &t->text.evidence->base, &t->text.types);
    } else {
        json_null(j, "evidence");
    }
}

static int print_json(const struct told *t)
{
    const Proctor__RunDone *done = t->done;
    const struct session_diag *k = t->s->diags_n > 0 ? t->s->diags : NULL;
    struct json j;

    json_init(&j);
    json_object(&j, NULL);
    json_bool(&j, "admitted", is_admitted(t));
    put_verdict(&j, t);
    if (t->store != NULL) {
        json_str(&j, "store", t->store);
    } else {
        json_null(&j, "store");
    }
    json_ms(&j, "wall_s", done->wall_s);
    json_i64(&j, "code", done->code);
    json_str(&j, "error", done->code == 0 ? "" : err_name(done->code));
    json_i64(&j, "exit", done->code == 0 ? 0 : err_exit_code(done->code));
    json_str(&j, "what", k != NULL ? k->what : t->s->c->d.what);
    json_str(&j, "hint", k != NULL ? k->hint : t->s->c->d.hint);
    session_put_json(t->s, &j);
    json_close(&j);
    return cli_emit(t->s->c, &j);
}

int exam_report_failure(struct session *s, const char *store, int code)
{
    Proctor__RunDone done = PROCTOR__RUN_DONE__INIT;
    struct told t = {.s = s, .store = store, .done = &done};

    done.code = code;
    return print_json(&t);
}

int exam_report(struct session *s, const struct exam_ask *a, const char *store)
{
    struct told t = {.s = s,
                     .a = a,
                     .store = store,
                     .done = (const Proctor__RunDone *)s->answer.m};
    struct cli *c = s->c;
    int code = t.done->code;
    int rc;

    load(&t);
    rc = c->json ? print_json(&t) : print_text(&t);
    if (rc == 0 && code == 0 && !is_admitted(&t)) {
        rc = cli_fail(c, ERR_STORE_DAMAGED,
                      "the exam passed, but its verdict is not to be found");
    } else if (rc == 0 && code != 0) {
        /* The verdict or the diagnoses said it, unless there were none. */
        c->told = c->json || t.row != NULL || s->diags_n + s->diags_more > 0;
        rc = cli_fail(c, code, "%s", err_text(code));
    }
    release(&t);
    return rc;
}
