/* proctor cml: texts of the closed language, read by a confined worker. Nothing is
 * recorded, no store is needed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/files.h"
#include "cli/json.h"
#include "cli/session.h"
#include "cli/term.h"
#include "proto/cid.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/type.h"

#define ARGS_MAX 32
#define FUEL 100000000

enum verb { VERB_CID, VERB_CHECK, VERB_FMT, VERB_EVAL, VERB_EXPLAIN, VERB_DIFF,
            VERB_EXPORT, VERBS };

static const struct {
    const char *name;
    Proctor__CmlCommand command;
    size_t files;
} verbs[] = {
    [VERB_CID] = {"cid", PROCTOR__CML_COMMAND__CML_COMPILE, 1},
    [VERB_CHECK] = {"check", PROCTOR__CML_COMMAND__CML_COMPILE, 1},
    [VERB_FMT] = {"fmt", PROCTOR__CML_COMMAND__CML_FORMAT, 1},
    [VERB_EVAL] = {"eval", PROCTOR__CML_COMMAND__CML_EVALUATE, 1},
    [VERB_EXPLAIN] = {"explain", PROCTOR__CML_COMMAND__CML_EXPLAIN, 1},
    [VERB_DIFF] = {"diff", PROCTOR__CML_COMMAND__CML_DIFF, 2},
    [VERB_EXPORT] = {"export", PROCTOR__CML_COMMAND__CML_EXPORT_C, 1},
};

struct cml_args {
    struct cli *c;
    enum verb verb;
    int has_verb;
    int dot;
    int write;
    const char *to; /* with fmt: "xml", "text", or NULL */
    int as_c;
    const char *folder; /* borrowed; of export */
    char *words[ARGS_MAX]; /* files, then arguments; borrowed */
    size_t words_n;
    Proctor__CmlTask task;
    Proctor__CmlText texts[2];
    Proctor__CmlText *text_list[2];
    struct buf bytes[2];
};

static error_t verb_of(struct cml_args *a, const char *arg)
{
    for (unsigned v = 0; v < VERBS; v++) {
        if (strcmp(arg, verbs[v].name) == 0) {
            a->verb = (enum verb)v;
            a->has_verb = 1;
            return 0;
        }
    }
    (void)cli_fail_hint(a->c, ERR_INPUT,
                        "cid, check, fmt, eval, explain, diff or export",
                        "\"%.40s\" is nothing that `proctor cml` does", arg);
    return EINVAL;
}

enum { KEY_UNIT = 256, KEY_FUEL, KEY_DOT, KEY_XML, KEY_TO, KEY_C };

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct cml_args *a = state->input;

    switch (key) {
    case ARGP_KEY_ARG:
        if (!a->has_verb) {
            return verb_of(a, arg);
        }
        if (a->words_n == ARGS_MAX) {
            (void)cli_fail(a->c, ERR_INPUT, "more than %d words", ARGS_MAX);
            return EINVAL;
        }
        a->words[a->words_n++] = arg;
        return 0;
    case KEY_UNIT:
        a->task.unit = arg;
        return 0;
    case KEY_FUEL:
        if (args_u64(arg, &a->task.fuel) < 0) {
            (void)cli_fail(a->c, ERR_INPUT, "--fuel: \"%.40s\" is no number",
                           arg);
            return EINVAL;
        }
        return 0;
    case KEY_DOT:
        a->dot = 1;
        return 0;
    case 'w':
        a->write = 1;
        return 0;
    case KEY_XML:
        a->to = "xml";
        return 0;
    case KEY_TO:
        if (strcmp(arg, "xml") != 0 && strcmp(arg, "text") != 0) {
            (void)cli_fail(a->c, ERR_INPUT, "--to: xml or text, not \"%.40s\"",
                           arg);
            return EINVAL;
        }
        a->to = arg;
        return 0;
    case KEY_C:
        a->as_c = 1;
        return 0;
    case 'o':
        a->folder = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option OPTIONS[] = {
    {"unit", KEY_UNIT, "NAME", 0, "This unit of the file (else its last)", 0},
    {"fuel", KEY_FUEL, "N", 0,
     "Steps that an evaluation may take (else 100000000)", 0},
    {"dot", KEY_DOT, NULL, 0, "With explain: for Graphviz", 0},
    {"to", KEY_TO, "FORM", 0,
     "With fmt: write text or xml (else the form that the file has)", 0},
    {"xml", KEY_XML, NULL, 0, "With fmt: the same as --to=xml", 0},
    {"write", 'w', NULL, 0, "With fmt: into the file instead of the terminal",
     0},
    {"c", KEY_C, NULL, 0, "With export: as C17", 0},
    {"output", 'o', "DIR", 0,
     "With export: the folder of NAME.c and NAME.h (else this one)", 0},
    {0}};

static const struct argp SPEC = {
    OPTIONS,
    parse,
    "cid|check|fmt|explain FILE\neval FILE [ARG...]\ndiff FILE FILE\nexport "
    "--c FILE",
    "Reads CML, the closed language of pure functions, in a confined worker: "
    "`cid` names its units by their content, `check` checks them, `fmt` writes "
    "them in their one spelling, `eval` applies one to JSON values, `explain` "
    "draws one, `diff` tells what two differ in, `export --c` writes one as C."
    "\vFILE - is the standard "
    "input. The language: docs/cml.md.",
    NULL,
    NULL,
    NULL};

static int read_text(struct cml_args *a, size_t i)
{
    const char *path = a->words[i];
    Proctor__CmlText *t = &a->texts[i];
    int fd = -1;
    int rc = 0;

    proctor__cml_text__init(t);
    a->text_list[i] = t;
    t->name = a->words[i];
    if (strcmp(path, "-") == 0) {
        rc = files_read_fd(STDIN_FILENO, LIMIT_CML_TEXT_BYTES, &a->bytes[i]);
    } else {
        TRY(files_open("the CML file", path, &fd, &a->c->d));
        rc = files_read_fd(fd, LIMIT_CML_TEXT_BYTES, &a->bytes[i]);
        fd_closep(&fd);
    }
    if (rc < 0) {
        return cli_fail(a->c, rc, "%s: %s", path,
                        rc == ERR_LIMIT ? "over 4 MiB" : err_text(rc));
    }
    t->content.data = (uint8_t *)(uintptr_t)buf_bytes(&a->bytes[i]).p;
    t->content.len = buf_len(&a->bytes[i]);
    return 0;
}

static void put_types(const Proctor__CmlUnit *u, char *takes, char *gives,
                      size_t n)
{
    struct type t;

    takes[0] = '\0';
    gives[0] = '\0';
    if (u->gives.len > 0 &&
        type_decode((struct ubytes){u->takes.data, u->takes.len}, &t) == 0) {
        type_text(&t, takes, n);
        if (type_decode((struct ubytes){u->gives.data, u->gives.len}, &t) ==
            0) {
            type_text(&t, gives, n);
        }
    }
}

static void print_units(const struct cml_args *a, const Proctor__CmlReply *r)
{
    for (size_t i = 0; i < r->n_units; i++) {
        const Proctor__CmlUnit *u = r->units[i];
        char cid[CID_TEXT_BYTES] = "";
        char takes[400];
        char gives[400];

        if (u->cid.len == CID_BYTES) {
            hex_text(u->cid.data, CID_BYTES, cid);
        }
        put_types(u, takes, gives, sizeof(takes));
        if (a->verb == VERB_CID) {
            printf("%s  %s\n", cid, u->name);
        } else {
            printf("%s %s -> %s: %u nodes, good\n", u->name, takes, gives,
                   u->nodes);
        }
    }
}

static int emit_json(struct cml_args *a, const Proctor__CmlReply *r)
{
    struct json j;
    struct ubytes out = {r->out.data, r->out.len};

    json_init(&j);
    json_object(&j, NULL);
    json_array(&j, "units");
    for (size_t i = 0; i < r->n_units; i++) {
        const Proctor__CmlUnit *u = r->units[i];
        char takes[400];
        char gives[400];

        put_types(u, takes, gives, sizeof(takes));
        json_object(&j, NULL);
        json_str(&j, "name", u->name);
        json_hex(&j, "cid", u->cid.data, u->cid.len);
        json_str(&j, "takes", takes);
        json_str(&j, "gives", gives);
        json_u64(&j, "nodes", u->nodes);
        json_close(&j);
    }
    json_close(&j);
    if (a->verb == VERB_EVAL) {
        json_u64(&j, "fuel", r->fuel);
        if (r->error[0] != '\0') {
            json_str(&j, "error", r->error);
        } else {
            json_raw(&j, "value", out);
        }
    } else if (out.n > 0) {
        json_text(&j, "text", out);
    }
    json_close(&j);
    return cli_emit(a->c, &j);
}

/* What is wrong with a text, at its place. */
static int tell_problem(struct cml_args *a, const Proctor__CmlReply *r)
{
    const Proctor__Problem *p = r->problem;
    size_t i = r->problem_text < verbs[a->verb].files ? r->problem_text : 0;

    diag_set(&a->c->d, p->kind == 1 ? ERR_LIMIT : ERR_INPUT,
             (struct loc){a->words[i], p->line, p->col}, "%s", p->what);
    if (p->hint[0] != '\0') {
        diag_hint(&a->c->d, "%s", p->hint);
    }
    return a->c->d.code;
}

static int is_file_name(const char *s)
{
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                         "0123456789_");

    return n > 0 && n < 64 && s[n] == '\0';
}

/* The worker's name becomes a file's: it is held to what that may be. */
static int write_export(struct cml_args *a, const Proctor__CmlReply *r)
{
    const char *name = r->n_units > 0 ? r->units[r->n_units - 1]->name : "";
    const uint8_t *end = memchr(r->out.data, '\0', r->out.len);
    size_t header = end != NULL ? (size_t)(end - r->out.data) : 0;
    char path[4096];

    if (end == NULL || !is_file_name(name)) {
        return cli_fail_hint(a->c, ERR_INPUT,
                             "letters, digits and _, at most 63 of them",
                             "no unit of this name can be exported");
    }
    for (int source = 0; source < 2; source++) {
        struct ubytes text = {r->out.data, header};

        if (source) {
            text.p = end + 1;
            text.n = r->out.len - header - 1;
        }
        if (snprintf(path, sizeof(path), "%s/%s.%c",
                     a->folder != NULL ? a->folder : ".", name,
                     source ? 'c' : 'h') >= (int)sizeof(path)) {
            return cli_fail(a->c, ERR_INPUT, "the path is too long");
        }
        TRY(files_write(path, text));
    }
    return 0;
}

static int print_reply(struct cml_args *a, const Proctor__CmlReply *r)
{
    if (a->verb == VERB_EXPORT) {
        return write_export(a, r);
    }
    if (a->verb == VERB_FMT && a->write) {
        return files_write(a->words[0],
                           (struct ubytes){r->out.data, r->out.len});
    }
    if (a->c->json) {
        TRY(emit_json(a, r));
    } else if (a->verb == VERB_CID || a->verb == VERB_CHECK) {
        print_units(a, r);
    } else if (r->error[0] == '\0') {
        (void)fwrite(r->out.data, 1, r->out.len, stdout);
        printf("%s", a->verb == VERB_EVAL ? "\n" : "");
    }
    if (r->error[0] != '\0') {
        return cli_fail(a->c, ERR_TASK_FAILED, "no value: %s", r->error);
    }
    if (a->verb == VERB_DIFF && r->out.len > 0) {
        a->c->told = 1; /* as diff(1) does */
        return ERR_TASK_FAILED;
    }
    return 0;
}

static int ask(struct cml_args *a)
{
    Proctor__AskRequest m = PROCTOR__ASK_REQUEST__INIT;
    const struct client_question q = {MSG_ASK_REQUEST, &m.base, NULL, 0,
                                      MSG_ASK_DONE};
    const Proctor__AskDone *done;
    struct session s;
    int rc = session_open(&s, a->c, NULL);

    if (rc == 0) {
        m.cml = &a->task;
        rc = session_ask(&s, &q, -1);
    }
    if (rc == 0) {
        done = (const Proctor__AskDone *)s.answer.m;
        if (s.answer.info->msg != MSG_ASK_DONE) {
            rc = ERR_TRACE(ERR_PROTOCOL);
        } else if (done->code < 0 || done->cml == NULL) {
            rc = cli_fail_hint(a->c, done->code < 0 ? done->code : ERR_WORKER,
                               done->hint, "%s", done->problem);
        } else {
            rc = done->cml->problem != NULL ? tell_problem(a, done->cml)
                                            : print_reply(a, done->cml);
        }
    }
    session_close(&s);
    return rc;
}

static int prepare(struct cml_args *a)
{
    size_t files = a->has_verb ? verbs[a->verb].files : 1;

    if (!a->has_verb || a->words_n < files ||
        (a->verb != VERB_EVAL && a->words_n > files)) {
        return cli_fail_hint(a->c, ERR_INPUT, "proctor cml --help",
                             !a->has_verb ? "say what to do with which file"
                             : a->words_n < files ? "which file?"
                                                  : "one file too many");
    }
    if (a->verb == VERB_EXPORT && !a->as_c) {
        return cli_fail_hint(a->c, ERR_INPUT, "--c", "export as what?");
    }
    a->task.command = a->dot && a->verb == VERB_EXPLAIN
                          ? PROCTOR__CML_COMMAND__CML_EXPLAIN_DOT
                          : verbs[a->verb].command;
    if (a->to != NULL && a->verb == VERB_FMT) {
        a->task.command = strcmp(a->to, "xml") == 0
                              ? PROCTOR__CML_COMMAND__CML_FORMAT_XML
                              : PROCTOR__CML_COMMAND__CML_FORMAT_TEXT;
    }
    for (size_t i = 0; i < files; i++) {
        TRY(read_text(a, i));
    }
    a->task.texts = a->text_list;
    a->task.n_texts = files;
    a->task.args = &a->words[files];
    a->task.n_args = a->words_n - files;
    return 0;
}

int cmd_cml(struct cli *c, int argc, char **argv)
{
    struct cml_args a = {.c = c, .task = PROCTOR__CML_TASK__INIT};
    int rc;

    a.task.fuel = FUEL;
    buf_init(&a.bytes[0], LIMIT_CML_TEXT_BYTES);
    buf_init(&a.bytes[1], LIMIT_CML_TEXT_BYTES);
    rc = args_parse(c, &SPEC, argc, argv, &a);
    if (rc == 0) {
        rc = prepare(&a);
    }
    if (rc == 0) {
        rc = ask(&a);
    }
    buf_release(&a.bytes[0]);
    buf_release(&a.bytes[1]);
    return rc;
}
