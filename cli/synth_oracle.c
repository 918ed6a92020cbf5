/* Propose, examine, learn: the loop of `proctor synth --oracle`. Every exam is a run
 * of its own in the store, as those of `proctor exam`; the domain, the examples of
 * the file and the oracle stay the same, so that all proposals are candidates for
 * one exam. The person's process. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/files.h"
#include "cli/message.h"
#include "cli/outcome.h"
#include "cli/place.h"
#include "cli/synth.h"
#include "cli/term.h"
#include "proto/err.h"
#include "proto/text.h"

#define TEXT_BYTES ((size_t)4 << 20)

/* A type as graphs have it. Lists are at most TYPE_DEPTH_MAX deep. */
static void put_type(struct text *to, const struct type *t)
{
    char name[16];
    struct type inner = *t;
    unsigned lists = 0;

    while (type_tag_at(&inner, 0) == TYPE_LIST) {
        text_putf(to, "{list: ");
        inner = type_sub(&inner, 1);
        lists++;
    }
    type_text(&inner, name, sizeof(name));
    text_putf(to, "%s", name);
    while (lists-- > 0) {
        text_putf(to, "}");
    }
}

/* All of a type: lists of up to 8, strings of up to 24 characters of ASCII. */
static void put_domain(struct text *to, const struct type *t)
{
    char name[16];
    struct type inner = *t;
    unsigned lists = 0;

    while (type_tag_at(&inner, 0) == TYPE_LIST) {
        text_putf(to, "{list: {of: ");
        inner = type_sub(&inner, 1);
        lists++;
    }
    type_text(&inner, name, sizeof(name));
    text_putf(to, "%s",
              type_tag_at(&inner, 0) == TYPE_STRING
                  ? "{string: {length: [0, 24], alphabet: printable}}"
                  : name);
    while (lists-- > 0) {
        text_putf(to, ", length: [0, 8]}}");
    }
}

static void put_each(const struct synth *x,
                     void (*put)(struct text *to, const struct type *t),
                     char *out, size_t n)
{
    struct text to;
    size_t at = 2;

    text_init(&to, out, n);
    text_putf(&to, "[");
    for (unsigned i = 0; i < x->takes.b[1]; i++) {
        struct type t = type_sub(&x->takes, at);

        text_putf(&to, "%s", i > 0 ? ", " : "");
        put(&to, &t);
        at = type_skip(&x->takes, at);
    }
    text_putf(&to, "]");
}

/* The proposal as a file. *out_path: unlinked and freed by the caller. */
static int write_proposal(struct synth *x, char **out_path)
{
    const char *folder = getenv("TMPDIR");
    CLEANUP(mem_freep) char *path = NULL;
    CLEANUP(fd_closep) int fd = -1;

    if (asprintf(&path, "%s/proctor-synth-XXXXXX.cml",
                 folder != NULL ? folder : "/tmp") < 0) {
        path = NULL;
        return cli_fail(x->c, ERR_NOMEM, "out of memory");
    }
    fd = mkostemps(path, 4, O_CLOEXEC);
    if (fd < 0) {
        return cli_fail(x->c, err_from_errno(errno), "%s: %s", path,
                        strerror(errno));
    }
    *out_path = path;
    path = NULL;
    return files_write(*out_path, (struct ubytes){x->reply->text.data,
                                                  x->reply->text.len});
}

static char *as_json(ProtobufCBinaryData v, const struct type *t)
{
    struct buf b;
    size_t n = 0;
    char *text = NULL;

    buf_init(&b, TEXT_BYTES);
    if (message_value(&b, (struct ubytes){v.data, v.len}, t) == 0 &&
        buf_put_u8(&b, 0) == 0) {
        text = (char *)buf_take(&b, &n);
    }
    buf_release(&b);
    return text;
}

/* The smallest counterexample of the verdict becomes an example. 1: it did. */
static int disclose(struct synth *x)
{
    const Proctor__Evidence *e = x->evidence.evidence;
    const Proctor__Counterexample *c = NULL;
    struct synth_disclosed *d = &x->disclosed[x->disclosed_n];
    struct ubytes in;
    struct ubytes out;

    if (e != NULL) {
        c = e->shrunk != NULL ? e->shrunk : e->raw;
    }
    if (c == NULL || c->expected.len == 0) {
        return 0;
    }
    in = (struct ubytes){c->input.data, c->input.len};
    out = (struct ubytes){c->expected.data, c->expected.len};
    if (value_check_exact(in, &x->takes) < 0 ||
        value_check_exact(out, &x->gives) < 0) {
        return 0;
    }
    TRY(synth_add_example(x, in, out));
    d->input = as_json(c->input, &x->takes);
    d->expected = as_json(c->expected, &x->gives);
    d->record = x->verdict.r.seq;
    x->disclosed_n++;
    return 1;
}

/* What the run of the exam left in the ledger. 0; or the run's code when there is no
 * verdict. */
static int load_verdict(struct synth *x, const Proctor__RunDone *done)
{
    const Proctor__TaskRow *exam = NULL;

    for (size_t i = 0; i < done->n_tasks; i++) {
        if (strcmp(done->tasks[i]->id, "exam") == 0) {
            exam = done->tasks[i];
        }
    }
    exam_text_release(&x->evidence);
    ledger_entry_release(&x->verdict);
    ledger_entry_init(&x->verdict);
    x->has_verdict =
        exam != NULL &&
        outcome_verdict_load(x->store, outcome_verdict(x->store, done, exam),
                             &x->verdict);
    if (!x->has_verdict) {
        return cli_fail(x->c, done->code != 0 ? done->code : ERR_TASK_FAILED,
                        "the exam came to no verdict%s%.150s",
                        exam != NULL && exam->reason[0] != '\0' ? ": " : "",
                        exam != NULL ? exam->reason : "");
    }
    exam_text_load(x->store, &x->verdict.r, &x->evidence);
    return 0;
}

static int run_exam(struct synth *x, struct exam_ask *q)
{
    struct session s;
    int rc = session_open(&s, x->c, x->store);

    s.retell = exam_ask_retell;
    s.retell_ctx = q;
    if (rc == 0) {
        const struct client_question m = {MSG_RUN_REQUEST, &q->request.m.base,
                                          q->request.fds, q->request.fds_n,
                                          MSG_RUN_DONE};

        client_serve_named(s.client, q->served, q->served_n);
        rc = session_ask(&s, &m, -1);
    }
    if (rc == 0) {
        session_end_kernel(&s);
        x->exams++;
        rc = load_verdict(x, (const Proctor__RunDone *)s.answer.m);
        x->c->told |= rc < 0 && s.diags_n > 0;
    }
    session_close(&s);
    return rc;
}

static int examine_file(struct synth *x, char *path)
{
    struct exam_ask *q = malloc(sizeof(*q));
    char word[4096];
    char takes[1024];
    char domain[4096];
    char gives[128];
    struct text to;
    int rc;

    if (q == NULL) {
        return cli_fail(x->c, ERR_NOMEM, "out of memory");
    }
    (void)snprintf(word, sizeof(word), "%s:%s", path, x->reply->unit->name);
    put_each(x, put_type, takes, sizeof(takes));
    put_each(x, put_domain, domain, sizeof(domain));
    text_init(&to, gives, sizeof(gives));
    put_type(&to, &x->gives);
    exam_ask_init(q);
    q->works[EXAM_ROLE_CANDIDATE].word = word;
    q->works[EXAM_ROLE_ORACLE].word = x->oracle;
    q->takes = takes;
    q->gives = gives;
    q->domain = x->domain != NULL ? x->domain : domain;
    rc = exam_ask_make(q, &x->c->d);
    if (rc == 0) {
        rc = run_exam(x, q);
    }
    exam_ask_release(q);
    free(q);
    return rc;
}

static int examine(struct synth *x)
{
    char *path = NULL;
    int rc = write_proposal(x, &path);

    if (rc == 0) {
        rc = examine_file(x, path);
    }
    if (path != NULL) {
        (void)unlink(path);
    }
    free(path);
    return rc;
}

static int find_store(struct synth *x)
{
    struct place place;

    TRY(place_make(x->c->store, &place, &x->c->d));
    x->store = strdup(place.path);
    return x->store != NULL ? 0 : cli_fail(x->c, ERR_NOMEM, "out of memory");
}

static void show_round(const struct synth *x)
{
    if (term_is_live() && !x->c->json) {
        const struct synth_disclosed *d = &x->disclosed[x->disclosed_n - 1];

        (void)fprintf(stderr, "%s(", x->problem->task->name);
        term_put_text(stderr,
                      (struct ubytes){(const uint8_t *)d->input,
                                      strlen(d->input)}, 200);
        (void)fputs(") is ", stderr);
        term_put_text(stderr,
                      (struct ubytes){(const uint8_t *)d->expected,
                                      strlen(d->expected)}, 200);
        (void)fprintf(stderr, ": proposing again\n");
    }
}

int synth_examine(struct synth *x)
{
    TRY(find_store(x));
    for (;;) {
        unsigned verdict;
        int more;

        TRY(synth_solve(x));
        if (x->outcome != SYNTH_FITS) {
            return 0;
        }
        TRY(synth_check(x));
        synth_end_asks(x); /* one kernel at a time */
        TRY(examine(x));
        verdict = (unsigned)record_u(&x->verdict.r, RF_VERDICT_verdict);
        x->outcome = verdict == VERDICT_ADMIT ? SYNTH_ADMITTED : SYNTH_REFUTED;
        if (verdict != VERDICT_REJECT ||
            x->disclosed_n == SYNTH_DISCLOSURES_MAX) {
            return 0;
        }
        more = disclose(x);
        if (more <= 0) {
            return more;
        }
        show_round(x);
    }
}
