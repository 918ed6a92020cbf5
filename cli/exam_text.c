/* Verdicts in words. Numbers come from the evidence object, never from a
 * worker; reasons and endings may quote one and are escaped. */
#include "cli/exam_text.h"

#include <ctype.h>
#include <string.h>

#include "cli/ledger.h"
#include "cli/object.h"
#include "cli/term.h"
#include "proto/err.h"
#include "proto/pb.h"

#define VALUE_COLUMNS 400
#define VALUE_BYTES ((size_t)8 << 20)

static void load_types(const char *store, const struct record *r,
                       struct exam_text *out)
{
    ProtobufCMessage *m CLEANUP(pb_freep) = NULL;
    struct cid c;

    memcpy(c.b, record_hash(r, RF_VERDICT_exam), CID_BYTES);
    if (object_message(store, &c, &proctor__exam__descriptor, &m) == 0) {
        const Proctor__Exam *e = (const Proctor__Exam *)m;

        message_types_set(&out->types,
                          (struct ubytes){e->takes.data, e->takes.len},
                          (struct ubytes){e->gives.data, e->gives.len});
    }
}

static void load_alpha(const char *store, const struct record *r,
                       struct exam_text *out)
{
    struct ledger_entry e;
    struct diag d;

    diag_init(&d);
    ledger_entry_init(&e);
    if (ledger_get(store, record_u(r, RF_VERDICT_commit), &e, &d) == 0 &&
        e.r.kind == RECORD_COMMIT) {
        out->alpha_j = record_f64(&e.r, RF_COMMIT_alpha_j);
    }
    ledger_entry_release(&e);
}

void exam_text_load(const char *store, const struct record *r,
                    struct exam_text *out)
{
    ProtobufCMessage *m = NULL;
    struct cid c;

    memset(out, 0, sizeof(*out));
    memcpy(c.b, record_hash(r, RF_VERDICT_evidence), CID_BYTES);
    if (object_message(store, &c, &proctor__evidence__descriptor, &m) == 0) {
        out->evidence = (Proctor__Evidence *)m;
    }
    load_types(store, r, out);
    load_alpha(store, r, out);
    err_trace_clear();
}

void exam_text_release(struct exam_text *x)
{
    pb_free((ProtobufCMessage *)x->evidence);
    x->evidence = NULL;
}

static int print_value(FILE *to, const char *name, ProtobufCBinaryData v,
                       const struct type *t, unsigned indent)
{
    struct buf text;
    int rc;

    if (v.len == 0) {
        return 0;
    }
    buf_init(&text, VALUE_BYTES);
    rc = message_value(&text, (struct ubytes){v.data, v.len}, t);
    if (rc == 0) {
        fprintf(to, "%*s%-9s", (int)indent, "", name);
        term_put_text(to, buf_bytes(&text), VALUE_COLUMNS);
        fputc('\n', to);
    }
    buf_release(&text);
    return rc;
}

static int print_counterexample(FILE *to, const char *title, const char *second,
                                const Proctor__Counterexample *c,
                                const struct exam_text *x, unsigned indent)
{
    fprintf(to, "%*s%s\n", (int)indent, "", title);
    indent += 2;
    TRY(print_value(to, "input", c->input, &x->types.takes, indent));
    TRY(print_value(to, "expected", c->expected, &x->types.gives, indent));
    TRY(print_value(to, second, c->got, &x->types.gives, indent));
    if (c->ending != NULL && c->ending[0] != '\0') {
        fprintf(to, "%*s%-9s", (int)indent, "", "ended");
        term_put_text(
            to, (struct ubytes){(const uint8_t *)c->ending, strlen(c->ending)},
            VALUE_COLUMNS);
        fputc('\n', to);
    }
    return 0;
}

/* Of a QUARANTINE: two oracles, an oracle and an example, or one that ends. */
static int print_disagreement(FILE *to, const Proctor__Counterexample *c,
                              const struct exam_text *x, unsigned indent)
{
    const char *title = "the oracles disagree:";
    const char *second = "second";

    if (c->ending != NULL && strcmp(c->ending, "a public example") == 0) {
        title = "the example and the oracle disagree:";
        second = "oracle";
    } else if (c->got.len == 0 && c->ending != NULL && c->ending[0] != '\0') {
        title = "it ended at:";
    }
    return print_counterexample(to, title, second, c, x, indent);
}

static void print_admitted(FILE *to, const struct exam_text *x, unsigned indent)
{
    const Proctor__Evidence *e = x->evidence;
    char draws[TERM_NUMBER_BYTES];

    fprintf(to, "%s%s %s, %llu failures",
            strncmp(e->reason, "noisy", 5) == 0 ? "noisy, " : "",
            term_number(e->draws, draws),
            e->exhaustive ? "values, all there are" : "draws",
            (unsigned long long)e->failures);
    if (e->bound95 > 0) {
        fprintf(to, "; error rate below %.1e (95 %%)", e->bound95);
        if (x->alpha_j > 0 && e->bound_alpha > 0) {
            fprintf(to, ", below %.1e (all but %.1e)", e->bound_alpha,
                    x->alpha_j);
        }
    }
    fputc('\n', to);
    if (!e->exhaustive && e->n_power > 0) {
        size_t i;

        fprintf(to, "%*sa defect would have been seen with chance", (int)indent,
                "");
        for (i = 0; i < e->n_power && i < 4; i++) {
            fprintf(to, "%s %.1f %% at rate %.0e", i > 0 ? "," : "",
                    100 * e->power[i]->chance, e->power[i]->error_rate);
        }
        fputc('\n', to);
    }
}

static void print_controls(FILE *to, const Proctor__Evidence *e,
                           unsigned indent)
{
    size_t i;
    size_t right = 0;
    size_t ran = 0;

    for (i = 0; i < e->n_controls; i++) {
        const Proctor__Control *c = e->controls[i];

        ran += !c->skipped;
        right += !c->skipped && c->passed == c->must_pass;
    }
    if (ran > 0) {
        fprintf(to, "%*scontrols: %zu of %zu behaved as they must\n",
                (int)indent, "", right, ran);
    }
}

/* What was seen of a unit from the inside, and relations. */
static void print_inside(FILE *to, const Proctor__Evidence *e, unsigned indent)
{
    uint64_t least = UINT64_MAX;

    for (size_t i = 0; i < e->n_trapped; i++) {
        fprintf(to, "%*sbranch %u was never reached: replaced by a trap\n",
                (int)indent, "", e->trapped[i]);
    }
    for (size_t i = 0; i < e->n_reached; i++) {
        least = e->reached[i] > 0 && e->reached[i] < least ? e->reached[i]
                                                           : least;
        if (e->reached[i] < e->needs && e->n_trapped == 0) {
            fprintf(to, "%*sbranch %zu: reached by %llu draws, needs %u\n",
                    (int)indent, "", i, (unsigned long long)e->reached[i],
                    e->needs);
        }
    }
    if (e->n_reached > 0 && least < UINT64_MAX) {
        fprintf(to, "%*sbranches: %zu, the rarest reached by %llu draws\n",
                (int)indent, "", e->n_reached, (unsigned long long)least);
    }
    if (e->mutants > 0) {
        fprintf(to, "%*smutants: %u of %u noticed", (int)indent, "", e->noticed,
                e->mutants);
        if (e->equivalent > 0) {
            fprintf(to, ", %u proved equivalent", e->equivalent);
        }
        fputc('\n', to);
    }
    for (size_t i = 0; i < e->n_relations; i++) {
        const Proctor__RelationFound *r = e->relations[i];

        fprintf(to, "%*srelation ", (int)indent, "");
        term_put_text(to,
                      (struct ubytes){(const uint8_t *)r->name, strlen(r->name)},
                      VALUE_COLUMNS);
        fprintf(to, ": %llu inputs, %llu failures\n",
                (unsigned long long)r->draws, (unsigned long long)r->failures);
    }
}

static void print_reason(FILE *to, const struct record *r)
{
    struct ubytes reason = record_bytes(r, RF_VERDICT_reason);

    term_put_text(to, reason, VALUE_COLUMNS);
    fputc('\n', to);
}

int exam_text_print(FILE *to, const struct exam_text *x, const struct record *r,
                    unsigned indent, int colour)
{
    unsigned verdict = (unsigned)record_u(r, RF_VERDICT_verdict);
    unsigned level = (unsigned)record_u(r, RF_VERDICT_level);
    const Proctor__Evidence *e = x->evidence;
    const char *name = verdict_name(verdict);
    size_t i;

    fputs(term_style(colour,
                     verdict == VERDICT_ADMIT ? "\033[1;32m" : "\033[1;31m"),
          to);
    for (i = 0; name[i] != '\0'; i++) {
        fputc(toupper((unsigned char)name[i]), to);
    }
    fputs(term_style(colour, "\033[0m"), to);
    if (verdict == VERDICT_ADMIT) {
        fprintf(to, " %s: ", level_name(level));
    } else {
        fputs(": ", to);
    }
    if (e == NULL) {
        print_reason(to, r);
        fprintf(to, "%*s(its evidence is not in the store)\n", (int)indent, "");
        return 0;
    }
    if (verdict == VERDICT_ADMIT) {
        print_admitted(to, x, indent);
        print_controls(to, e, indent);
        print_inside(to, e, indent);
        return 0;
    }
    print_reason(to, r);
    if (e->shrunk != NULL) {
        TRY(print_counterexample(to, "smallest counterexample found:", "got",
                                 e->shrunk, x, indent));
    } else if (e->raw != NULL) {
        TRY(print_counterexample(to, "counterexample:", "got", e->raw, x,
                                 indent));
    }
    if (e->disagreement != NULL) {
        TRY(print_disagreement(to, e->disagreement, x, indent));
    }
    print_controls(to, e, indent);
    print_inside(to, e, indent);
    return 0;
}
