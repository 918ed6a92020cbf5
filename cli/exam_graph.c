/* The graph and the policy of `proctor exam` as texts in memory. What a person
 * wrote as YAML is never pasted into them: it goes along as overrides. The
 * person's process. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/exam_ask.h"
#include "cli/json.h"
#include "proto/err.h"

#define POLICY_LABEL "(the exam's own policy)"
#define TEXT_BYTES_MAX ((size_t)16 << 20)

static const struct loc NOWHERE = {NULL, 0, 0};

/* Member unit; or function or run, and files, of a program. */
static void put_program(struct json *j, const struct exam_ask *a,
                        enum exam_role role)
{
    const struct exam_work *w = &a->works[role];
    char text[LIMIT_PATH_BYTES + EXAM_NAME_BYTES + 4];

    if (w->function[0] != '\0') {
        (void)snprintf(text, sizeof(text), "%s:%s", w->name, w->function);
        json_str(j, w->is_unit ? "unit" : "function", text);
        if (w->is_unit) {
            return;
        }
    } else {
        (void)snprintf(text, sizeof(text), "%s%s", w->is_script ? "" : "./",
                       w->name);
        json_array(j, "run");
        if (w->is_script) {
            json_str(j, NULL, "python3");
        }
        json_str(j, NULL, text);
        json_close(j);
    }
    json_array(j, "files");
    for (size_t i = 0; i < a->files_n; i++) {
        if (a->files[i].role == role) {
            json_str(j, NULL, a->files[i].name);
        }
    }
    json_close(j);
}

static void put_validator(struct json *j, const char *name, const char *level)
{
    json_object(j, "validator");
    json_str(j, "name", name);
    json_str(j, "level", level);
    json_close(j);
}

static void put_graph(struct json *j, const struct exam_ask *a)
{
    int has_second = a->works[EXAM_ROLE_SECOND].word != NULL;

    json_object(j, NULL);
    json_u64(j, "version", 1);
    json_str(j, "name", "exam");
    json_array(j, "tasks");
    json_object(j, NULL);
    json_str(j, "id", "candidate");
    json_str(j, "op",
             a->works[EXAM_ROLE_CANDIDATE].is_unit ? "cml" : "program");
    json_object(j, "with");
    put_program(j, a, EXAM_ROLE_CANDIDATE);
    json_close(j);
    put_validator(j, "well_formed", "schema");
    json_close(j);
    json_object(j, NULL);
    json_str(j, "id", "exam");
    json_str(j, "op", "exam");
    json_array(j, "needs");
    json_str(j, NULL, "candidate");
    json_close(j);
    json_object(j, "with");
    json_object(j, "oracle");
    put_program(j, a, EXAM_ROLE_ORACLE);
    json_close(j);
    if (has_second) {
        json_object(j, "second_oracle");
        put_program(j, a, EXAM_ROLE_SECOND);
        json_close(j);
    }
    json_close(j);
    /* No second oracle makes a noisy exam more than one. */
    put_validator(j, "holdout",
                  has_second && a->error_rate == NULL ? "proven" : "oracle");
    json_close(j);
    json_close(j);
    json_close(j);
}

/* One grant per work: nothing of one may be read by another. */
static void put_grant(struct json *j, const struct exam_ask *a,
                      enum exam_role role)
{
    const struct exam_work *w = &a->works[role];

    json_object(j, NULL);
    json_str(j, "capability", w->is_unit ? "cml.run" : "program.run");
    if (!w->is_unit && (w->function[0] != '\0' || w->is_script)) {
        json_array(j, "programs");
        json_str(j, NULL, "python3");
        json_close(j);
    }
    json_array(j, "files");
    if (w->word != NULL) {
        json_str(j, NULL, w->name);
    }
    for (size_t i = 0; i < a->files_n; i++) {
        if (a->files[i].role == role) {
            json_str(j, NULL, a->files[i].name);
        }
    }
    json_close(j);
    json_close(j);
}

static int has_corpus(const struct exam_ask *a)
{
    for (size_t i = 0; i < a->files_n; i++) {
        if (a->files[i].role == EXAM_ROLE_CORPUS) {
            return 1;
        }
    }
    return 0;
}

static void put_policy(struct json *j, const struct exam_ask *a)
{
    json_object(j, NULL);
    json_u64(j, "version", 1);
    json_str(j, "name", "exam");
    json_array(j, "grants");
    for (unsigned i = 0; i < EXAM_ROLE_N; i++) {
        if (a->works[i].word != NULL ||
            (i == EXAM_ROLE_CORPUS && has_corpus(a))) {
            put_grant(j, a, (enum exam_role)i);
        }
    }
    json_object(j, NULL);
    json_str(j, "capability", "exam.hold");
    json_close(j);
    json_close(j);
    json_close(j);
}

/* An override out of a formatted text, which it keeps. */
static int add_override(struct exam_ask *a, struct buf *text, struct diag *d)
{
    size_t n;
    char *s;

    if (buf_put_u8(text, 0) < 0) {
        buf_release(text);
        return diag_set(d, ERR_LIMIT, NOWHERE, "an option is too long");
    }
    s = (char *)buf_take(text, &n);
    ASSERT(a->texts_n < ARRAY_N(a->texts));
    a->texts[a->texts_n++] = s;
    return request_override(&a->request, s, d);
}

/* key=value; a value that is to be a list may stand without its brackets. */
static int add_value(struct exam_ask *a, const char *key, const char *value,
                     int is_list, struct diag *d)
{
    struct buf text;
    int bare;

    if (value == NULL) {
        return 0;
    }
    bare = is_list && value[strspn(value, " \t\n")] != '[';
    buf_init(&text, TEXT_BYTES_MAX);
    if (buf_putf(&text, "%s=", key) < 0 ||
        (bare && buf_put_u8(&text, '[') < 0) ||
        buf_put(&text, value, strlen(value)) < 0 ||
        (bare && buf_put_u8(&text, ']') < 0)) {
        buf_release(&text);
        return diag_set(d, ERR_LIMIT, NOWHERE, "an option is too long");
    }
    return add_override(a, &text, d);
}

static int put_example(struct buf *text, const char *example, int is_first)
{
    const char *arrow = exam_ask_arrow(example);
    size_t n = (size_t)(arrow - example);
    int bare = example[strspn(example, " \t\n")] != '[';

    TRY(buf_putf(text, "%s{in: %s", is_first ? "" : ", ", bare ? "[" : ""));
    TRY(buf_put(text, example, n));
    TRY(buf_putf(text, "%s, out: ", bare ? "]" : ""));
    TRY(buf_put(text, arrow + 2, strlen(arrow + 2)));
    return buf_put_u8(text, '}');
}

static int add_examples(struct exam_ask *a, struct diag *d)
{
    struct buf text;
    int rc;

    if (a->examples_n == 0) {
        return 0;
    }
    buf_init(&text, TEXT_BYTES_MAX);
    rc = buf_putf(&text, "exam.with.examples=[");
    for (size_t i = 0; rc == 0 && i < a->examples_n; i++) {
        rc = put_example(&text, a->examples[i], i == 0);
    }
    if (rc < 0 || buf_put_u8(&text, ']') < 0) {
        buf_release(&text);
        return diag_set(d, ERR_LIMIT, NOWHERE, "the examples are too long");
    }
    return add_override(a, &text, d);
}

static int add_overrides(struct exam_ask *a, struct diag *d)
{
    TRY(add_value(a, "exam.with.domain", a->domain, 1, d));
    TRY(add_value(a, "candidate.with.gives", a->gives, 0, d));
    TRY(add_value(a, "candidate.with.takes", a->takes, 1, d));
    TRY(add_examples(a, d));
    TRY(add_value(a, "exam.with.error_rate", a->error_rate, 0, d));
    TRY(add_value(a, "exam.with.ulps", a->ulps, 0, d));
    TRY(add_value(a, "policy.exam.p0", a->p0, 0, d));
    return add_value(a, "policy.exam.alpha", a->alpha, 0, d);
}

static int add_policy(struct exam_ask *a, struct diag *d)
{
    static char label[] = POLICY_LABEL;
    struct json j;

    if (a->policy != NULL) {
        return request_policy(&a->request, a->policy, d);
    }
    a->request.m.policy_path = label;
    json_init(&j);
    put_policy(&j, a);
    return request_json(&a->request, &j, d);
}

static int make(struct exam_ask *a, struct diag *d)
{
    const char *word = a->works[EXAM_ROLE_CANDIDATE].word;
    const char *slash = strrchr(word, '/');
    struct json j;

    for (unsigned i = 0; i < EXAM_ROLE_CORPUS; i++) {
        if (a->works[i].word != NULL) {
            TRY(exam_ask_read(a, (enum exam_role)i, d));
        }
    }
    TRY(exam_ask_name_files(a, d));
    (void)snprintf(a->label, sizeof(a->label), "(exam of %.100s)",
                   slash != NULL ? slash + 1 : word);
    a->request.m.graph_path = a->label;
    json_init(&j);
    put_graph(&j, a);
    TRY(request_json(&a->request, &j, d));
    TRY(add_policy(a, d));
    return add_overrides(a, d);
}

int exam_ask_make(struct exam_ask *a, struct diag *d)
{
    int rc = make(a, d);

    if (rc < 0 && d->at.path != NULL && d->at.path != a->policy) {
        char text[DIAG_TEXT_BYTES]; /* the path may be ours: it goes with us */

        (void)snprintf(text, sizeof(text), "%.100s: %.130s", d->at.path,
                       d->what);
        memcpy(d->what, text, sizeof(text));
        d->at = NOWHERE;
    }
    return rc;
}
