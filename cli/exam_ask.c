/* The options of `proctor exam` as works, files and examples. Opens nothing but
 * the person's files, with the person's authority; the person's process. */
#include "cli/exam_ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

static const struct loc NOWHERE = {NULL, 0, 0};

void exam_ask_init(struct exam_ask *a)
{
    memset(a, 0, sizeof(*a));
    request_init(&a->request, PROCTOR__RUN_MODE__RUN_FULL);
}

void exam_ask_release(struct exam_ask *a)
{
    request_release(&a->request);
    while (a->texts_n > 0) {
        free(a->texts[--a->texts_n]);
    }
}

static int is_python(const char *s, size_t n)
{
    return n > 3 && memcmp(s + n - 3, ".py", 3) == 0;
}

static int is_cml(const char *s, size_t n)
{
    return n > 4 && memcmp(s + n - 4, ".cml", 4) == 0;
}

static int is_identifier(const char *s)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz_0123456789";

    return *s != '\0' && (*s < '0' || *s > '9') &&
           s[strspn(s, letters)] == '\0' && strlen(s) < EXAM_NAME_BYTES;
}

static int fail_function(const char *word, struct diag *d)
{
    (void)diag_set(d, ERR_INPUT, NOWHERE,
                   "which function of \"%.80s\" is meant?", word);
    diag_hint(d, "FILE.py alone means the function that is named like the "
                 "file; else write FILE.py:NAME or FILE.cml:NAME");
    return ERR_INPUT;
}

/* The function of FILE.py is the one that is named like the file; so is the unit of
 * FILE.cml. */
static int name_like_file(struct exam_work *w, struct diag *d)
{
    const char *slash = strrchr(w->path, '/');
    const char *base = slash != NULL ? slash + 1 : w->path;

    (void)snprintf(w->function, sizeof(w->function), "%.*s",
                   (int)(strrchr(base, '.') - base), base);
    return is_identifier(w->function) ? 0 : fail_function(w->word, d);
}

int exam_ask_read(struct exam_ask *a, enum exam_role role, struct diag *d)
{
    struct exam_work *w = &a->works[role];
    const char *word = w->word;
    const char *colon = strrchr(word, ':');
    size_t n = strlen(word);
    int is_named = colon != NULL && (is_python(word, (size_t)(colon - word)) ||
                                     is_cml(word, (size_t)(colon - word)));

    if (is_named) {
        n = (size_t)(colon - word);
    }
    w->is_unit = is_cml(word, n);
    if (n == 0 || n > LIMIT_PATH_BYTES) {
        return diag_set(d, ERR_INPUT, NOWHERE, "\"%.60s\" is no file's path",
                        word);
    }
    memcpy(w->path, word, n);
    if (role == EXAM_ROLE_CANDIDATE && a->is_started) {
        w->is_script = is_python(word, n);
        return is_named
                   ? diag_set(d, ERR_INPUT, NOWHERE,
                              "--run starts a program: \"%.80s\" is none", word)
                   : 0;
    }
    if (is_named && !is_identifier(colon + 1)) {
        return fail_function(word, d);
    }
    if (is_named) {
        memcpy(w->function, colon + 1, strlen(colon + 1) + 1);
        return 0;
    }
    return is_python(word, n) || w->is_unit ? name_like_file(w, d) : 0;
}

int exam_ask_file(struct exam_ask *a, enum exam_role role, char *path,
                  struct diag *d)
{
    if (a->files_n == EXAM_FILES_MAX) {
        return diag_set(d, ERR_LIMIT, NOWHERE, "at most %d further files",
                        EXAM_FILES_MAX);
    }
    a->files[a->files_n++] = (struct exam_file){.role = role, .path = path};
    return 0;
}

const char *exam_ask_arrow(const char *text)
{
    int quoted = 0;

    for (; *text != '\0'; text++) {
        quoted ^= *text == '"';
        if (!quoted && text[0] == '=' && text[1] == '>') {
            return text;
        }
    }
    return NULL;
}

int exam_ask_example(struct exam_ask *a, char *text, struct diag *d)
{
    if (a->examples_n == EXAM_EXAMPLES_MAX) {
        return diag_set(d, ERR_LIMIT, NOWHERE, "at most %d examples",
                        EXAM_EXAMPLES_MAX);
    }
    if (exam_ask_arrow(text) == NULL) {
        (void)diag_set(d, ERR_INPUT, NOWHERE,
                       "--example: \"%.60s\" is not ARGS=>ANSWER", text);
        diag_hint(d, "the arguments, =>, the answer: --example '[1, 2]=>3'");
        return ERR_INPUT;
    }
    a->examples[a->examples_n++] = text;
    return 0;
}

/* What a diagnosis may begin with, and the option that it is about. The first
 * that fits holds; longer ones stand before shorter ones. */
struct told {
    const char *said;
    const char *option;
};

static const struct told TOLD[] = {
    {"tasks[1].with.domain", "--domain"},
    {"tasks[1].with.examples", "--example"},
    {"tasks[1].with.error_rate", "--error-rate"},
    {"tasks[1].with.ulps", "--ulps"},
    {"tasks[0].with.takes", "--takes"},
    {"tasks[0].with.gives", "--gives"},
    {"tasks[1].with.second_oracle", "--second"},
    {"tasks[1].with.oracle", "--oracle"},
    {"tasks[0].with: ", ""},
    {"tasks[1].with: ", ""},
    {"tasks[1].validator: ", ""},
    {"tasks[0].op: ", ""},
    {"tasks[1].op: ", ""},
    {"tasks[0]: ", ""},
    {"tasks[1]: ", ""},
    {"exam.p0", "--p0"},
    {"exam.alpha", "--alpha"},
};

static const struct told TOLD_OF_OVERRIDE[] = {
    {"override \"exam.with.domain\": ", "--domain: "},
    {"override \"exam.with.examples\": ", "--example: "},
    {"override \"candidate.with.takes\": ", "--takes: "},
    {"override \"candidate.with.gives\": ", "--gives: "},
    {"override \"exam.with.error_rate\": ", "--error-rate: "},
    {"override \"exam.with.ulps\": ", "--ulps: "},
    {"override \"policy.exam.p0\": ", "--p0: "},
    {"override \"policy.exam.alpha\": ", "--alpha: "},
};

/* The row that s begins with, or NULL. */
static const struct told *find_told(const struct told *rows, size_t n,
                                    const char *s)
{
    for (size_t i = 0; i < n; i++) {
        if (strncmp(s, rows[i].said, strlen(rows[i].said)) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

void exam_ask_retell(const void *ctx, struct diag *d)
{
    const struct exam_ask *a = ctx;
    const struct told *outer;
    const struct told *inner;
    const char *rest = d->what;
    char text[DIAG_TEXT_BYTES];

    if (d->at.path != NULL &&
        (strcmp(d->at.path, a->label) == 0 ||
         (a->policy == NULL &&
          strcmp(d->at.path, a->request.m.policy_path) == 0))) {
        d->at = NOWHERE;
    }
    outer = find_told(TOLD_OF_OVERRIDE, ARRAY_N(TOLD_OF_OVERRIDE), rest);
    rest += outer != NULL ? strlen(outer->said) : 0;
    inner = find_told(TOLD, ARRAY_N(TOLD), rest);
    if (inner != NULL) {
        (void)snprintf(text, sizeof(text), "%s%s", inner->option,
                       rest + strlen(inner->said));
    } else {
        (void)snprintf(text, sizeof(text), "%s%s",
                       outer != NULL ? outer->option : "", rest);
    }
    memcpy(d->what, text, sizeof(text));
    if (a->policy == NULL &&
        strncmp(text, "policy \"exam\" does not", 22) == 0) {
        diag_hint(d, "data that the domain names is given with --corpus; "
                     "--policy grants more than these files");
    }
}
