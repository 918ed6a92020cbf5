/* What `proctor synth` says: the unit as a text that is CML, comments and all; or
 * the define-fun; or its one JSON document. The person's process. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/files.h"
#include "cli/json.h"
#include "cli/message.h"
#include "cli/synth.h"
#include "cli/term.h"
#include "proto/cid.h"
#include "proto/err.h"

#define VALUE_BYTES ((size_t)4 << 20)

static const char *const NAMES[] = {
    [SYNTH_NOTHING] = "failed",       [SYNTH_FITS] = "fits",
    [SYNTH_ADMITTED] = "admitted",    [SYNTH_UNSURE] = "not enough evidence",
    [SYNTH_REFUTED] = "refuted",      [SYNTH_NONE] = "no",
    [SYNTH_OVER] = "none found",      [SYNTH_CONTRADICTS] = "contradictory examples"};

static int has_unit(const struct synth *x)
{
    return x->check != NULL;
}

static struct ubytes field(ProtobufCBinaryData b)
{
    return (struct ubytes){b.data, b.len};
}

/* --- text --- */

static void print_value(ProtobufCBinaryData v, const struct type *t)
{
    struct buf b;

    buf_init(&b, VALUE_BYTES);
    if (message_value(&b, field(v), t) == 0) {
        term_put_text(stdout, buf_bytes(&b), 400);
    }
    buf_release(&b);
}

static void print_evidence(const struct synth *x)
{
    const Proctor__SynthReply *r = x->reply;

    printf("# not enough evidence: %s\n", r->why);
    if (r->input.len > 0) {
        fputs("# for ", stdout);
        print_value(r->input, &x->takes);
        fputs(" this unit gives ", stdout);
        print_value(r->output, &x->gives);
        fputs(", another that fits gives ", stdout);
        print_value(r->other, &x->gives);
        fputc('\n', stdout);
    }
}

/* Comments above the unit: what holds of it, and no more. */
static void print_head(const struct synth *x)
{
    const Proctor__SynthCheck *k = x->check;
    char cid[CID_TEXT_BYTES];
    char number[TERM_NUMBER_BYTES];

    hex_text(k->cid.data, CID_BYTES, cid);
    printf("# %s %s\n# fits %u of %u examples", x->reply->unit->name, cid,
           k->fit + x->disclosed_n, k->given + x->disclosed_n);
    if (k->held > 0) {
        printf(", and %u of %u that were held out", k->held_fit, k->held);
    }
    printf("; size %u, %s evaluations\n", x->reply->size,
           term_number(x->evaluations, number));
    if (x->outcome == SYNTH_FITS) {
        puts("# nothing is known about other inputs: no oracle examined it");
    }
    if (x->outcome == SYNTH_UNSURE) {
        print_evidence(x);
    }
}

/* The verdict goes to standard error: standard output is the unit. */
static int print_verdict(const struct synth *x)
{
    if (!x->has_verdict || x->outcome != SYNTH_ADMITTED) {
        return 0;
    }
    (void)fprintf(stderr, "%u proposal%s, %u counterexample%s; record %" PRIu64
                          " of %s\n",
                  x->exams, x->exams == 1 ? "" : "s", x->disclosed_n,
                  x->disclosed_n == 1 ? "" : "s", x->verdict.r.seq, x->store);
    return exam_text_print(stderr, &x->evidence, &x->verdict.r, 2,
                           term_has_colour(stderr));
}

static int print_smt(struct synth *x)
{
    if (x->check->smt.len == 0) {
        return cli_fail_hint(x->c, ERR_INPUT,
                             "leave --sygus out: the unit itself is printed",
                             "this unit has no form in SMT-LIB");
    }
    (void)fwrite(x->check->smt.data, 1, x->check->smt.len, stdout);
    return 0;
}

static int print_text(struct synth *x)
{
    if (!has_unit(x)) {
        return 0;
    }
    if (x->as_smt) {
        TRY(print_smt(x));
        return print_verdict(x);
    }
    print_head(x);
    (void)fwrite(x->check->text.data, 1, x->check->text.len, stdout);
    if (x->other != NULL) {
        puts("\n# the other one");
        for (size_t i = 0; i < x->other->text.len; i++) {
            if (i == 0 || x->other->text.data[i - 1] == '\n') {
                fputs("# ", stdout);
            }
            fputc(x->other->text.data[i], stdout);
        }
    }
    return print_verdict(x);
}

/* --- JSON --- */

static void put_value(struct json *j, const char *key, ProtobufCBinaryData v,
                      const struct type *t)
{
    struct buf b;

    buf_init(&b, VALUE_BYTES);
    if (v.len > 0 && message_value(&b, field(v), t) == 0) {
        json_raw(j, key, buf_bytes(&b));
    } else {
        json_null(j, key);
    }
    buf_release(&b);
}

static void put_unit(struct json *j, const struct synth *x)
{
    const Proctor__SynthCheck *k = x->check;

    if (!has_unit(x)) {
        json_null(j, "unit");
        return;
    }
    json_object(j, "unit");
    json_str(j, "name", x->reply->unit->name);
    json_hex(j, "cid", k->cid.data, k->cid.len);
    json_text(j, "text", field(k->text));
    if (k->smt.len > 0) {
        json_text(j, "smt", field(k->smt));
    } else {
        json_null(j, "smt");
    }
    json_u64(j, "size", x->reply->size);
    json_u64(j, "fit", k->fit + x->disclosed_n);
    json_u64(j, "held_fit", k->held_fit);
    json_close(j);
}

static void put_problem(struct json *j, const struct synth *x)
{
    char text[400];

    if (x->problem == NULL) {
        json_null(j, "problem");
        return;
    }
    json_object(j, "problem");
    json_str(j, "format", x->problem->format);
    type_text(&x->takes, text, sizeof(text));
    json_str(j, "takes", text);
    type_text(&x->gives, text, sizeof(text));
    json_str(j, "gives", text);
    json_u64(j, "examples", x->problem->given);
    json_u64(j, "again", x->problem->again);
    json_u64(j, "held_out", x->problem->held);
    json_close(j);
}

static void put_evidence(struct json *j, const struct synth *x)
{
    if (x->outcome != SYNTH_UNSURE) {
        json_null(j, "evidence");
        return;
    }
    json_object(j, "evidence");
    json_str(j, "why", x->reply->why);
    put_value(j, "input", x->reply->input, &x->takes);
    put_value(j, "output", x->reply->output, &x->gives);
    put_value(j, "other", x->reply->other, &x->gives);
    if (x->other != NULL) {
        json_text(j, "other_text", field(x->other->text));
    } else {
        json_null(j, "other_text");
    }
    json_close(j);
}

static void put_json(struct json *j, const char *key, const char *text)
{
    if (text != NULL) {
        json_raw(j, key, (struct ubytes){(const uint8_t *)text, strlen(text)});
    } else {
        json_null(j, key);
    }
}

static void put_exam(struct json *j, const struct synth *x)
{
    const Proctor__Evidence *e = x->evidence.evidence;

    if (!x->has_verdict) {
        json_null(j, "exam");
        return;
    }
    json_object(j, "exam");
    json_str(j, "verdict",
             verdict_name((unsigned)record_u(&x->verdict.r, RF_VERDICT_verdict)));
    json_str(j, "level",
             level_name((unsigned)record_u(&x->verdict.r, RF_VERDICT_level)));
    json_text(j, "reason", record_bytes(&x->verdict.r, RF_VERDICT_reason));
    json_u64(j, "record", x->verdict.r.seq);
    json_u64(j, "draws", e != NULL ? e->draws : 0);
    json_bool(j, "exhaustive", e != NULL && e->exhaustive);
    if (e != NULL && x->outcome == SYNTH_ADMITTED) {
        json_f64(j, "bound95", e->bound95);
        json_f64(j, "bound_alpha", e->bound_alpha);
    } else {
        json_null(j, "bound95");
        json_null(j, "bound_alpha");
    }
    json_u64(j, "exams", x->exams);
    json_array(j, "disclosed");
    for (uint32_t i = 0; i < x->disclosed_n; i++) {
        const struct synth_disclosed *d = &x->disclosed[i];

        json_object(j, NULL);
        put_json(j, "input", d->input);
        put_json(j, "expected", d->expected);
        json_u64(j, "record", d->record);
        json_close(j);
    }
    json_close(j);
    json_str(j, "store", x->store);
    json_close(j);
}

static int print_json(struct synth *x, int code)
{
    struct json j;

    json_init(&j);
    json_object(&j, NULL);
    json_str(&j, "answer", NAMES[x->outcome]);
    put_unit(&j, x);
    put_problem(&j, x);
    json_u64(&j, "evaluations", x->evaluations);
    json_u64(&j, "terms", x->terms);
    put_evidence(&j, x);
    put_exam(&j, x);
    json_i64(&j, "code", code);
    json_str(&j, "error", code == 0 ? "" : err_name(code));
    json_i64(&j, "exit", code == 0 ? 0 : err_exit_code(code));
    json_str(&j, "path", x->c->d.at.path != NULL ? x->c->d.at.path : "");
    json_u64(&j, "line", x->c->d.at.line);
    json_u64(&j, "col", x->c->d.at.col);
    json_str(&j, "what", x->c->d.what);
    json_str(&j, "hint", x->c->d.hint);
    json_close(&j);
    return cli_emit(x->c, &j);
}

/* --- the end --- */

/* The exam neither admitted nor refuted: its own reason. */
static int undecided(struct synth *x)
{
    struct ubytes why = record_bytes(&x->verdict.r, RF_VERDICT_reason);

    return cli_fail_hint(x->c, ERR_TASK_FAILED,
                         "it says nothing about the program; see to the oracle "
                         "or the --domain",
                         "the exam came to no end: %.*s",
                         (int)(why.n < 200 ? why.n : 200), (const char *)why.p);
}

static int judge(struct synth *x)
{
    char number[TERM_NUMBER_BYTES];
    const char *why = x->reply != NULL ? x->reply->why : "";

    switch (x->outcome) {
    case SYNTH_NOTHING:
    case SYNTH_FITS:
    case SYNTH_ADMITTED:
        return 0;
    case SYNTH_UNSURE:
        return cli_fail_hint(x->c, ERR_TASK_FAILED,
                             "more examples, or an --oracle, decide; --any takes "
                             "the first that fits",
                             "not enough evidence: %.160s", why);
    case SYNTH_REFUTED:
        if (record_u(&x->verdict.r, RF_VERDICT_verdict) != VERDICT_REJECT) {
            return undecided(x);
        }
        return cli_fail_hint(
            x->c, ERR_TASK_FAILED, "a larger --size, or another grammar",
            x->disclosed_n == SYNTH_DISCLOSURES_MAX
                ? "refuted: %u counterexamples are as many as an oracle gives"
                : "not admitted, after %u counterexamples",
            x->disclosed_n);
    case SYNTH_NONE:
        return cli_fail_hint(x->c, ERR_TASK_FAILED,
                             "another grammar, or a larger --size",
                             "no program of this grammar fits: %.160s", why);
    case SYNTH_OVER:
        return cli_fail_hint(x->c, ERR_TASK_FAILED, "a larger --budget",
                             "none found in %s evaluations: %.100s",
                             term_number(x->evaluations, number), why);
    case SYNTH_CONTRADICTS:
        return cli_fail_hint(x->c, ERR_TASK_FAILED,
                             "the oracle does not agree with the file",
                             "contradictory examples");
    }
    return 0;
}

int synth_report(struct synth *x, int code)
{
    int rc;

    if (code == 0) {
        code = judge(x);
    }
    if (has_unit(x) && x->out != NULL &&
        (x->outcome == SYNTH_FITS || x->outcome == SYNTH_ADMITTED)) {
        int written = files_write(x->out, field(x->check->text));

        if (written < 0) {
            code = cli_fail(x->c, written, "%s: %s", x->out, err_text(written));
        }
    }
    rc = x->c->json ? print_json(x, code) : print_text(x);
    return code < 0 ? code : rc;
}
