/* The command line's end of the kernel: starts proctor-kernel (the one beside
 * this program; or proctor-replay, which serves alike), asks one thing, answers its wishes for files, hears events and
 * diagnoses, and waits until it is gone. Interrupts are passed on: the first
 * Ctrl-C stops the run in good order, the second at once; the kernel is never
 * left behind. */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include "proto/diag.h"
#include "proto/frame.h"

#include "kernel.pb-c.h"

struct client;

/* Who hears what arrives before the answer. Messages are borrowed. */
struct client_ears {
    void (*event)(void *ctx, const Proctor__Event *e);
    void (*diagnosis)(void *ctx, const Proctor__Diagnosis *d);
    /* The person asked to stop, for the n-th time (n >= 1). */
    void (*interrupted)(void *ctx, unsigned n);
    void *ctx;
};

/* A file that is served under a name of its own. Borrowed. */
struct client_file {
    const char *name;
    const char *path;
};

/* What is asked. Everything is borrowed; fds may be NULL when fds_n is 0. */
struct client_question {
    enum msg msg;
    const ProtobufCMessage *m;
    const int *fds;
    unsigned fds_n;
    enum msg wanted;
};

#define CLIENT_KERNEL "proctor-kernel"
#define CLIENT_REPLAYER "proctor-replay"

/* What is started. All borrowed. */
struct client_program {
    const char *name;
    const char *store; /* absolute path, or NULL for requests that need none */
    int with_workers;  /* in a place where it can confine some (lift.h) */
};

/* Starts it. ERR_NOT_FOUND (it is not beside this program), ERR_CONFINE (no such
 * place), ERR_NOMEM, ERR_IO; d says. */
int client_open(const struct client_program *p, struct client **out,
                struct diag *d) MUST_USE;
/* Closes the socket and waits for the kernel's end. 0 (also for NULL), or
 * ERR_INTERNAL with d when that was no good one. The client stays. */
int client_end(struct client *c, struct diag *d) MUST_USE;
/* Waits for the kernel's end too, and frees. NULL is fine. */
void client_close(struct client *c);

/* Files that the kernel may ask for are beneath dir_fd (borrowed; -1: none). */
void client_serve_files(struct client *c, int dir_fd);

/* These files come first, before what lies beneath a folder. Borrows v. */
void client_serve_named(struct client *c, const struct client_file *v,
                        size_t n);

/* Sends one request and serves the kernel until an answer comes: q->wanted, or
 * RUN_DONE in its place. *out owns it (frame_release). 0, or ERR_*
 * with d when the kernel ended without one. */
int client_ask(struct client *c, const struct client_question *q,
               const struct client_ears *ears, struct frame *out,
               struct diag *d) MUST_USE;

#endif
