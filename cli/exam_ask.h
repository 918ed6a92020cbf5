/* What `proctor exam` asks for: a graph of one candidate and one exam, its
 * policy, and the files of both, made from the command's options. Texts that
 * are the person's (types, domains, examples, numbers) travel as overrides, so
 * that the reader of graphs judges them alone and its errors can be told in
 * terms of the options. Without a policy of the person's, files bear fixed
 * names: a candidate's identity is then its bytes, wherever they lie. */
#ifndef CLI_EXAM_ASK_H
#define CLI_EXAM_ASK_H

#include "cli/client.h"
#include "cli/request.h"

#define EXAM_FILES_MAX 64
#define EXAM_EXAMPLES_MAX 64
#define EXAM_NAME_BYTES 128

enum exam_role {
    EXAM_ROLE_CANDIDATE,
    EXAM_ROLE_ORACLE,
    EXAM_ROLE_SECOND,
    EXAM_ROLE_CORPUS, /* data that the domain names; has no work of its own */
    EXAM_ROLE_N
};

/* FILE.py, FILE.py:NAME, FILE.cml:NAME or PROGRAM. */
struct exam_work {
    char *word; /* as written; NULL = not given; borrowed */
    char path[LIMIT_PATH_BYTES + 1];
    char function[EXAM_NAME_BYTES]; /* "" = it is started and answers lines */
    int is_script;                  /* started by python3 */
    int is_unit;                    /* of CML: function names it */
    char name[LIMIT_PATH_BYTES + 1];
};

struct exam_file {
    enum exam_role role;
    char *path; /* borrowed */
    char name[LIMIT_PATH_BYTES + 1];
};

struct exam_ask {
    struct exam_work works[EXAM_ROLE_N];
    struct exam_file files[EXAM_FILES_MAX];
    size_t files_n;
    char *examples[EXAM_EXAMPLES_MAX]; /* borrowed, "ARGS=>ANSWER" */
    size_t examples_n;
    char *takes; /* borrowed; NULL = as the domain */
    char *gives;
    char *domain;
    char *error_rate;
    char *ulps;
    char *p0;
    char *alpha;
    char *policy;
    int is_started; /* the candidate is started, not called */

    struct request request;
    struct client_file served[EXAM_FILES_MAX + EXAM_ROLE_N];
    size_t served_n;
    char label[EXAM_NAME_BYTES + 32]; /* the graph's name in records */
    char *texts[12];                  /* owned: what the overrides hold */
    size_t texts_n;
};

void exam_ask_init(struct exam_ask *a);
void exam_ask_release(struct exam_ask *a);

/* Reads the word of the role's work. ERR_INPUT. */
int exam_ask_read(struct exam_ask *a, enum exam_role role,
                  struct diag *d) MUST_USE;
/* One more file beside the role's work. ERR_LIMIT. */
int exam_ask_file(struct exam_ask *a, enum exam_role role, char *path,
                  struct diag *d) MUST_USE;
int exam_ask_example(struct exam_ask *a, char *text, struct diag *d) MUST_USE;
/* Where "=>" stands in an example, outside of quotes; NULL = nowhere. */
const char *exam_ask_arrow(const char *text);

/* Names every file, fills served and the request's folder, and sees that each is
 * there and stands in one role only. Part of exam_ask_make. */
int exam_ask_name_files(struct exam_ask *a, struct diag *d) MUST_USE;
/* Fills request and served, when all options are read. ERR_INPUT, ERR_NOT_FOUND
 * and what opening files gives; d says. */
int exam_ask_make(struct exam_ask *a, struct diag *d) MUST_USE;

/* Turns a diagnosis about the graph or the policy into one about the options:
 * the place in a text that nobody wrote goes. ctx: a struct exam_ask. */
void exam_ask_retell(const void *ctx, struct diag *d);

#endif
