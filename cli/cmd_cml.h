/* Shared by the files of `proctor cml`. */
#ifndef CLI_CMD_CML_H
#define CLI_CMD_CML_H

#include "cli/cli.h"
#include "cli/session.h"
#include "proto/buf.h"
#include "proto/cid.h"

#include "worker.pb-c.h"

#define CML_WORDS_MAX 32

enum cml_verb { VERB_CID, VERB_CHECK, VERB_FMT, VERB_EVAL, VERB_EXPLAIN,
                VERB_DIFF, VERB_EXPORT, VERB_MANIFEST, VERB_CANONICAL,
                VERB_IMPORT, VERB_MERGE, VERB_LINK, VERBS };

struct cml_args {
    struct cli *c;
    enum cml_verb verb;
    int has_verb;
    int dot;
    int write;
    const char *to; /* with fmt: "xml", "text", "mdx", or NULL */
    int as_c;
    int as_text;
    const char *inputs; /* borrowed; path, with eval, or NULL */
    const char *output; /* borrowed; where to write, or NULL */
    const char *git;    /* borrowed; of import, or NULL */
    const char *ref;    /* borrowed; of export: what of the store, or NULL */
    struct cid unit;    /* that it stands for */
    struct buf head;    /* comment above exported files */
    uint64_t at;        /* of link; INT64_MAX: now */
    const char *snapshot; /* borrowed; of link, or NULL */
    char *words[CML_WORDS_MAX]; /* files, then arguments; borrowed */
    size_t words_n;
    size_t files_n;
    Proctor__CmlTask task;
    Proctor__CmlText texts[CML_WORDS_MAX];
    Proctor__CmlText *text_list[CML_WORDS_MAX];
    struct buf bytes[CML_WORDS_MAX];
    struct buf input_bytes;
};

/* Prints or writes what was asked for. 0, ERR_TASK_FAILED, ERR_*. */
int cml_show_reply(struct cml_args *a, const Proctor__CmlReply *r);
/* What is wrong with a text, at its place: the code that it ends with. */
int cml_tell_problem(struct cml_args *a, const Proctor__CmlReply *r);
/* A file for the person; a failure is told with its path. */
int cml_write_out(struct cml_args *a, const char *path, struct ubytes bytes);

/* Opens a session and asks a worker; the reply is the session's. The session is to
 * be closed in any case. ERR_* is in c->d. */
int cml_ask(struct session *s, struct cli *c, Proctor__CmlTask *task,
            const Proctor__CmlReply **out) MUST_USE;
/* proctor cml link, when its text is read. */
int cml_link(struct cml_args *a);

#endif
