/* Asking a bridge: proctor-git or proctor-sql, the programs that hold the heavy
 * libraries and read what comes from outside. Question and answer are messages
 * in memfds, so nothing blocks on a pipe; what they say is decoded strictly, and
 * nothing that they read is believed (import.h checks it). */
#ifndef CLI_BRIDGE_H
#define CLI_BRIDGE_H

#include "proto/buf.h"
#include "proto/diag.h"

#include "bridge.pb-c.h"

#define BRIDGE_GIT "proctor-git"
#define BRIDGE_SQL "proctor-sql"
#define BRIDGE_BYTES_MAX (256u << 20) /* a question or an answer */
#define BRIDGE_CML "refs/cml/"
#define BRIDGE_MAIN "refs/cml/heads/main" /* stands for the manifest */
#define BRIDGE_NAMES "refs/cml/names/" /* the names of `proctor ref` */

struct bridge {
    const char *program;
    const char *verb;  /* its first word */
    const char *where; /* its second word, or NULL */
    int with_environment;
};

/* *out is the caller's (pb_free), also when its code is not 0: then the same code
 * is returned and d says what it says. ERR_INTERNAL: it died. */
int bridge_ask(const struct bridge *b, const Proctor__BridgeAsk *ask,
               Proctor__BridgeAnswer **out, struct diag *d) MUST_USE;

/* The bridge's side: the question from standard input (pb_free). */
int bridge_hear(Proctor__BridgeAsk **out, struct diag *d) MUST_USE;
/* The answer to standard output; code and d's words go into it. Exit code. */
int bridge_answer(Proctor__BridgeAnswer *a, int code, const struct diag *d);

#endif
