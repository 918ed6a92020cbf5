/* proctor cml: texts of the closed language, read by a confined worker. Nothing is
 * recorded, no store is needed. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/cml_assert.h"
#include "cli/cml_state.h"
#include "cli/cmd_cml_export.h"
#include "cli/export_out.h"
#include "cli/files.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/tlog_proof.h"

#define FUEL 100000000

static const struct {
    const char *name;
    Proctor__CmlCommand command;
    size_t files; /* 0: one or more */
} verbs[] = {
    [VERB_CID] = {"cid", PROCTOR__CML_COMMAND__CML_COMPILE, 1},
    [VERB_CHECK] = {"check", PROCTOR__CML_COMMAND__CML_COMPILE, 1},
    [VERB_FMT] = {"fmt", PROCTOR__CML_COMMAND__CML_FORMAT, 1},
    [VERB_EVAL] = {"eval", PROCTOR__CML_COMMAND__CML_EVALUATE, 1},
    [VERB_EXPLAIN] = {"explain", PROCTOR__CML_COMMAND__CML_EXPLAIN, 1},
    [VERB_DIFF] = {"diff", PROCTOR__CML_COMMAND__CML_DIFF, 2},
    [VERB_EXPORT] = {"export", PROCTOR__CML_COMMAND__CML_EXPORT_C, 1},
    [VERB_CANONICAL] = {"canonical", PROCTOR__CML_COMMAND__CML_CANONICAL, 1},
    [VERB_MERGE] = {"merge", PROCTOR__CML_COMMAND__CML_MERGE, 3},
    [VERB_MANIFEST] = {"manifest", PROCTOR__CML_COMMAND__CML_MANIFEST, 0},
    [VERB_LINK] = {"link", PROCTOR__CML_COMMAND__CML_LINK, 1},
    [VERB_IMPORT] = {"import", PROCTOR__CML_COMMAND__CML_NONE, 0},
};

static error_t verb_of(struct cml_args *a, const char *arg)
{
    for (unsigned v = 0; v < VERBS; v++) {
        if (strcmp(arg, verbs[v].name) == 0) {
            a->verb = (enum cml_verb)v;
            a->has_verb = 1;
            return 0;
        }
    }
    (void)cli_fail_hint(a->c, ERR_INPUT,
                        "cid, check, fmt, eval, explain, diff, merge, export, "
                        "manifest, canonical, link, assert, refs, cob or import",
                        "\"%.40s\" is nothing that `proctor cml` does", arg);
    return EINVAL;
}

enum { KEY_UNIT = 256, KEY_FUEL, KEY_DOT, KEY_XML, KEY_TO, KEY_C, KEY_TEXT,
       KEY_GIT, KEY_ENGINE, KEY_INPUTS, KEY_REF, KEY_CLOSED, KEY_AT,
       KEY_SNAPSHOT };

static error_t engine_of(struct cml_args *a, const char *arg)
{
    static const char *const names[] = {"best", "reference", "columns"};

    for (uint32_t i = 0; i < ARRAY_N(names); i++) {
        if (strcmp(arg, names[i]) == 0) {
            a->task.engine = i;
            return 0;
        }
    }
    (void)cli_fail(a->c, ERR_INPUT,
                   "--engine: best, reference or columns, not \"%.40s\"", arg);
    return EINVAL;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct cml_args *a = state->input;

    switch (key) {
    case ARGP_KEY_ARG:
        if (!a->has_verb) {
            return verb_of(a, arg);
        }
        if (a->words_n == CML_WORDS_MAX) {
            (void)cli_fail(a->c, ERR_INPUT, "more than %d words", CML_WORDS_MAX);
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
        if (strcmp(arg, "xml") != 0 && strcmp(arg, "text") != 0 &&
            strcmp(arg, "mdx") != 0) {
            (void)cli_fail(a->c, ERR_INPUT,
                           "--to: text, xml or mdx, not \"%.40s\"", arg);
            return EINVAL;
        }
        a->to = arg;
        return 0;
    case KEY_ENGINE:
        return engine_of(a, arg);
    case KEY_INPUTS:
        a->inputs = arg;
        return 0;
    case KEY_CLOSED:
        a->task.closed = 1;
        return 0;
    case KEY_SNAPSHOT:
        a->snapshot = arg;
        return 0;
    case KEY_AT:
        if (args_u64(arg[0] == '#' ? arg + 1 : arg, &a->at) < 0 ||
            a->at >= INT64_MAX) {
            (void)cli_fail(a->c, ERR_INPUT,
                           "--at: \"%.40s\" is no record's number", arg);
            return EINVAL;
        }
        return 0;
    case KEY_C:
        a->as_c = 1;
        return 0;
    case KEY_TEXT:
        a->as_text = 1;
        return 0;
    case KEY_GIT:
        a->git = arg;
        return 0;
    case KEY_REF:
        a->ref = arg;
        return 0;
    case 'o':
        a->output = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option OPTIONS[] = {
    {"unit", KEY_UNIT, "NAME", 0, "This unit of the file (else its last)", 0},
    {"fuel", KEY_FUEL, "N", 0,
     "Steps that an evaluation may take (else 100000000)", 0},
    {"engine", KEY_ENGINE, "NAME", 0,
     "With eval: reference or columns (else columns if the unit is for it)", 0},
    {"inputs", KEY_INPUTS, "FILE", 0,
     "With eval: a JSON array of arguments on each line, answers likewise", 0},
    {"dot", KEY_DOT, NULL, 0, "With explain: for Graphviz", 0},
    {"to", KEY_TO, "FORM", 0,
     "With fmt: write text, xml or mdx (else the form that the file has)", 0},
    {"xml", KEY_XML, NULL, 0, "With fmt: the same as --to=xml", 0},
    {"write", 'w', NULL, 0, "With fmt: into the file instead of the terminal",
     0},
    {"c", KEY_C, NULL, 0, "With export: as C17", 0},
    {"ref", KEY_REF, "ID", 0,
     "With export, instead of FILE: what was admitted under this name, in this "
     "VERDICT record, or as this candidate",
     0},
    {"text", KEY_TEXT, NULL, 0, "With canonical: the form itself", 0},
    {"closed", KEY_CLOSED, NULL, 0,
     "With check: references that are open are errors", 0},
    {"at", KEY_AT, "RECORD", 0, "With link: refs as of that record", 0},
    {"snapshot", KEY_SNAPSHOT, "FILE", 0,
     "With link: refs as this snapshot has them (proctor show --raw CID)", 0},
    {"git", KEY_GIT, "DIR", 0,
     "With import: the repository whose refs/cml/ are read", 0},
    {"output", 'o', "PATH", 0,
     "With export: the folder of NAME.c and NAME.h (else this one); with "
     "merge, manifest and link: the file to write; with import: the folder of NAME.cmlb "
     "(else this one)",
     0},
    {0}};

static const struct argp SPEC = {
    OPTIONS,
    parse,
    "cid|check|fmt|explain|canonical|link FILE\neval FILE [ARG...]\neval --inputs "
    "FILE FILE\ndiff FILE FILE\nexport --c FILE\nexport --c --ref ID\nmanifest "
    "FILE...\nmerge BASE OURS THEIRS\nimport --git DIR",
    "Reads CML, the closed language of pure functions, in a confined worker: "
    "`cid` names its units by their content, `check` checks them, `fmt` writes "
    "them in their one spelling, `eval` applies one to JSON values, `explain` "
    "draws one, `diff` tells what two differ in, `merge` joins what two changed "
    "in a third, `export --c` writes one as C, with what is known of it above, "
    "`manifest` lists the names and CIDs of all units of some files, "
    "`canonical` names the form that a unit shares with those that differ from it "
    "only in what cannot matter, `link` replaces references by what they lead "
    "to, `import --git` "
    "takes artifacts from a git repository, each verified by its CID."
    "\vproctor cml assert, refs and cob have a --help of their own. FILE - is the standard "
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

static int read_inputs(struct cml_args *a)
{
    int fd = -1;
    int rc;

    if (a->verb != VERB_EVAL || a->words_n > 1) {
        return cli_fail(a->c, ERR_INPUT,
                        "--inputs is for eval, instead of arguments");
    }
    TRY(files_open("the inputs", a->inputs, &fd, &a->c->d));
    rc = files_read_fd(fd, LIMIT_CML_TEXT_BYTES, &a->input_bytes);
    fd_closep(&fd);
    if (rc < 0 || buf_len(&a->input_bytes) == 0) {
        return cli_fail(a->c, rc < 0 ? rc : ERR_INPUT, "%s: %s", a->inputs,
                        rc == ERR_LIMIT ? "over 4 MiB"
                        : rc < 0        ? err_text(rc)
                                        : "no line in it");
    }
    a->task.inputs.data = (uint8_t *)(uintptr_t)buf_bytes(&a->input_bytes).p;
    a->task.inputs.len = buf_len(&a->input_bytes);
    return 0;
}

int cml_ask(struct session *s, struct cli *c, Proctor__CmlTask *task,
            const Proctor__CmlReply **out)
{
    Proctor__AskRequest m = PROCTOR__ASK_REQUEST__INIT;
    const struct client_question q = {MSG_ASK_REQUEST, &m.base, NULL, 0,
                                      MSG_ASK_DONE};
    const Proctor__AskDone *done;

    TRY(session_open(s, c, NULL));
    m.cml = task;
    TRY(session_ask(s, &q, -1));
    done = (const Proctor__AskDone *)s->answer.m;
    if (s->answer.info->msg != MSG_ASK_DONE) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    *out = done->cml;
    return done->code < 0 || done->cml == NULL
               ? cli_fail_hint(c, done->code < 0 ? done->code : ERR_WORKER,
                               done->hint, "%s", done->problem)
               : 0;
}

static int ask(struct cml_args *a)
{
    const Proctor__CmlReply *reply = NULL;
    struct session s;
    int rc = cml_ask(&s, a->c, &a->task, &reply);

    if (rc == 0) {
        rc = reply->problem != NULL ? cml_tell_problem(a, reply)
                                    : cml_show_reply(a, reply);
    }
    session_close(&s);
    return rc;
}

/* Instead of a file, what was admitted. */
static int prepare_ref(struct cml_args *a)
{
    if (a->verb != VERB_EXPORT || !a->as_c || a->words_n > 0 ||
        a->task.unit[0] != '\0') {
        return cli_fail(a->c, ERR_INPUT,
                        "--ref is for export --c, instead of a file and --unit");
    }
    a->task.command = PROCTOR__CML_COMMAND__CML_EXPORT_C;
    a->words[0] = (char *)(uintptr_t)a->ref; /* where a problem is */
    a->files_n = 1;
    a->task.texts = a->text_list;
    a->task.n_texts = 1;
    return cml_export_load(a);
}

/* How many of the words are files. */
static size_t files_of(const struct cml_args *a)
{
    size_t n = a->has_verb ? verbs[a->verb].files : 1;

    return n > 0 ? n : a->words_n > 0 ? a->words_n : 1;
}

static int prepare(struct cml_args *a)
{
    size_t files = files_of(a);

    if (a->has_verb && a->ref != NULL) {
        return prepare_ref(a);
    }
    if (!a->has_verb || a->words_n < files ||
        (a->verb != VERB_EVAL && a->words_n > files)) {
        return cli_fail_hint(a->c, ERR_INPUT, "proctor cml --help",
                             !a->has_verb ? "say what to do with which file"
                             : a->words_n < files ? "which file?"
                                                  : "one file too many");
    }
    if (a->task.closed && a->verb != VERB_CHECK) {
        return cli_fail(a->c, ERR_INPUT, "--closed is for check");
    }
    if (a->verb != VERB_LINK && (a->at != INT64_MAX || a->snapshot != NULL)) {
        return cli_fail(a->c, ERR_INPUT, "--at and --snapshot are for link");
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
                          : strcmp(a->to, "mdx") == 0
                              ? PROCTOR__CML_COMMAND__CML_FORMAT_MDX
                              : PROCTOR__CML_COMMAND__CML_FORMAT_TEXT;
    }
    for (size_t i = 0; i < files; i++) {
        TRY(read_text(a, i));
    }
    a->task.texts = a->text_list;
    a->files_n = files;
    a->task.n_texts = files;
    a->task.args = &a->words[files];
    a->task.n_args = a->words_n - files;
    return a->inputs != NULL ? read_inputs(a) : 0;
}

static int import(struct cml_args *a)
{
    if (a->git == NULL || a->words_n > 0) {
        return cli_fail_hint(a->c, ERR_INPUT, "proctor cml import --git DIR",
                             "import from where?");
    }
    return import_git(a->c, a->git, a->output != NULL ? a->output : ".");
}

int cmd_cml(struct cli *c, int argc, char **argv)
{
    struct cml_args a = {.c = c, .task = PROCTOR__CML_TASK__INIT};
    int rc;

    if (argc > 1 && strcmp(argv[1], "assert") == 0) {
        return cml_assert(c, argc - 1, argv + 1);
    }
    if (argc > 1 && cml_state_has(argv[1])) {
        return cml_state(c, argc - 1, argv + 1);
    }
    a.at = INT64_MAX;
    a.task.fuel = FUEL;
    for (size_t i = 0; i < CML_WORDS_MAX; i++) {
        buf_init(&a.bytes[i], LIMIT_CML_TEXT_BYTES);
    }
    buf_init(&a.input_bytes, LIMIT_CML_TEXT_BYTES);
    buf_init(&a.head, TLOG_PROOF_BYTES_MAX + 8192);
    rc = args_parse(c, &SPEC, argc, argv, &a);
    if (rc == 0 && a.has_verb && a.verb == VERB_IMPORT) {
        rc = import(&a);
    } else if (rc == 0) {
        rc = prepare(&a);
        rc = rc < 0                 ? rc
             : a.verb == VERB_LINK ? cml_link(&a)
                                   : ask(&a);
    }
    for (size_t i = 0; i < CML_WORDS_MAX; i++) {
        buf_release(&a.bytes[i]);
    }
    buf_release(&a.input_bytes);
    buf_release(&a.head);
    return rc;
}
