/* Between the person's words and the graph in memory of `proctor model generate`:
 * the prompt from the standard input, and the kernel's diagnoses in terms of
 * options and files. Trusts no text that it quotes. The person's process. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/files.h"
#include "cli/model_lane_int.h"
#include "proto/err.h"
#include "proto/utf8.h"

#define WITH "tasks[0].with"

static const struct {
    const char *key;
    const char *word;
} WORDS[] = {{"weights", "FILE"},
             {"prompt", "PROMPT"},
             {"choices", "TEXT"},
             {"grammar.regex", "--regex"},
             {"grammar.json_schema", "--schema"},
             {"grammar.gbnf", "--gbnf"}};

int model_lane_read_prompt(struct model_lane *a)
{
    struct ubytes text;
    int rc;

    if (strcmp(a->prompt, "-") != 0) {
        return 0;
    }
    rc = files_read_fd(STDIN_FILENO, LIMIT_PROMPT_BYTES - 1, &a->typed);
    text = buf_bytes(&a->typed);
    if (rc == 0 && text.n > 0 &&
        (!utf8_is_valid(text) || memchr(text.p, 0, text.n) != NULL)) {
        return cli_fail(a->c, ERR_INPUT, "the standard input is no UTF-8 text");
    }
    rc = rc == 0 ? buf_put(&a->typed, "", 1) : rc;
    if (rc < 0) {
        return cli_fail(a->c, rc, "the standard input: %s", err_text(rc));
    }
    a->prompt = (char *)(uintptr_t)buf_bytes(&a->typed).p;
    return 0;
}

static const char *path_told(const struct model_lane *a, const char *path)
{
    if (strcmp(path, MODEL_LANE_LABEL) == 0 ||
        strcmp(path, MODEL_LANE_POLICY) == 0) {
        return NULL;
    }
    if (a->regex != NULL && strcmp(path, "grammar.regex") == 0) {
        return "--regex";
    }
    for (size_t i = 0; i < a->served_n; i++) {
        if (strcmp(path, a->served[i].name) == 0) {
            return a->served[i].path;
        }
    }
    return path;
}

/* "max_tokens: ..." as "--max-tokens: ...". */
static void name_option(const char *rest, char *out, size_t out_n)
{
    size_t i;

    for (i = 0; i < ARRAY_N(WORDS); i++) {
        size_t n = strlen(WORDS[i].key);

        if (strncmp(rest, WORDS[i].key, n) == 0 && rest[n] != '_') {
            (void)snprintf(out, out_n, "%s%s", WORDS[i].word, rest + n);
            return;
        }
    }
    (void)snprintf(out, out_n, "--%s", rest);
    for (i = 2; islower((unsigned char)out[i]) || out[i] == '_'; i++) {
        out[i] = out[i] == '_' ? '-' : out[i];
    }
}

void model_lane_retell(const void *ctx, struct diag *d)
{
    const struct model_lane *a = ctx;
    const char *rest = d->what + strlen(WITH);
    char text[DIAG_TEXT_BYTES];

    if (d->at.path != NULL) {
        d->at.path = path_told(a, d->at.path);
        if (d->at.path == NULL) {
            d->at = (struct loc){NULL, 0, 0};
        }
    }
    if (strncmp(d->what, WITH, strlen(WITH)) != 0) {
        return;
    }
    if (rest[0] == '.') {
        name_option(rest + 1, text, sizeof(text));
    } else {
        (void)snprintf(text, sizeof(text), "%s", rest + strspn(rest, ": "));
    }
    memcpy(d->what, text, sizeof(text));
}

int model_lane_blame(const struct model_lane *a, const char *reason,
                     struct diag *d)
{
    int is_draft = strncmp(reason, "the draft", 9) == 0;
    const char *path = is_draft ? a->draft : a->weights;

    if (strncmp(reason, "the grammar: ", 13) == 0) {
        return ERR_INPUT; /* its place was told */
    }
    if (!is_draft && strncmp(reason, "the model", 9) != 0) {
        return 0;
    }
    reason += reason[9] == ':' ? strlen("the model: ") : 0;
    return diag_set(d, ERR_INPUT, (struct loc){.path = path}, "%s", reason);
}
