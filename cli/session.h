/* One request to the kernel with everything around it: files opened, progress
 * and diagnoses shown, the answer kept. What run, check, resume, replay, policy
 * and status --tables share. */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include "cli/cli.h"
#include "cli/client.h"
#include "cli/progress.h"
#include "proto/note.h"

#define SESSION_DIAGS_MAX 64

/* A diagnosis kept for --json; strings owned. */
struct session_diag {
    char *path;
    char *what;
    char *hint;
    char *task;
    uint32_t line;
    uint32_t col;
    int32_t code;
};

/* Tells a diagnosis of the kernel in other terms. */
typedef void (*session_retell)(const void *ctx, struct diag *d);

struct session {
    struct cli *c;
    const char *store; /* borrowed; NULL = the kernel has none */
    session_retell retell; /* NULL = as it came */
    const void *retell_ctx;
    /* Hears each event first; NULL = nobody does. */
    void (*heard)(void *ctx, const Proctor__Event *e);
    void *heard_ctx;
    struct checkpoint seen; /* head that the kernel must find; size 0 = none */
    struct client *client;
    struct progress *progress;
    struct frame answer; /* owned */
    struct session_diag diags[SESSION_DIAGS_MAX];
    size_t diags_n;
    size_t diags_more; /* printed, not kept */
};

/* store: absolute path or NULL, borrowed to the end. ERR_* is in c->d. */
int session_open(struct session *s, struct cli *c, const char *store) MUST_USE;
/* The same with the replayer, which reads the store and changes nothing in it. */
int session_open_replayer(struct session *s, struct cli *c,
                          const char *store) MUST_USE;
/* Also waits for the kernel's end. Safe after a failed open. */
void session_close(struct session *s);
/* Waits for the kernel's end, keeps the answer, brings the store's derived files
 * up to date: files are then at rest. A bad end of the kernel is told, and
 * becomes the code of a RUN_DONE that had none. */
void session_end_kernel(struct session *s);

/* Asks; the answer is in s->answer. dir_fd: see client_serve_files. */
int session_ask(struct session *s, const struct client_question *q,
                int dir_fd) MUST_USE;
/* The answer as `wanted`, or NULL when RUN_DONE came in its place; then
 * *out_code is its code (an ERR_*, never 0). */
const ProtobufCMessage *session_answer(const struct session *s, enum msg wanted,
                                       int *out_code);

struct json;
/* Member "diagnoses": what was said. */
void session_put_json(const struct session *s, struct json *j);
/* Ends with code: 0, or an ERR_* for which a diagnosis may have been printed
 * already (then nothing more is). */
int session_fail(struct session *s, int code, const char *what);

#endif
