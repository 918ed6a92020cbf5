/* A RunRequest with its descriptors: what run, check, resume and policy
 * send. */
#ifndef CLI_REQUEST_H
#define CLI_REQUEST_H

#include <limits.h>

#include "cli/json.h"
#include "proto/base.h"
#include "proto/diag.h"
#include "proto/limits.h"

#include "kernel.pb-c.h"

#define REQUEST_OVERRIDES_MAX 256

struct request_override {
    Proctor__Override m;
    char key[256];
};

struct request {
    Proctor__RunRequest m;
    int fds[2];
    unsigned fds_n;
    int dir_fd; /* the graph's folder; -1 = none */
    char dir[PATH_MAX];
    char policy[PATH_MAX];
    unsigned overrides_n;
    struct request_override *overrides; /* owned; NULL until there is one */
    Proctor__Override *list[REQUEST_OVERRIDES_MAX];
};

void request_init(struct request *r, Proctor__RunMode mode);
void request_release(struct request *r); /* closes the descriptors */

/* "key=value", borrowed. ERR_INPUT, ERR_LIMIT. */
int request_override(struct request *r, char *arg, struct diag *d) MUST_USE;
/* Opens the graph (before the policy) and its folder. path borrowed. */
int request_graph(struct request *r, char *path, struct diag *d) MUST_USE;
/* A text of ours, instead of a file: the graph, then the policy. Ends j and
 * releases it, also on failure. */
int request_json(struct request *r, struct json *j, struct diag *d) MUST_USE;
/* Opens the policy: path, else proctor-policy.yaml in the graph's folder, else
 * in the working directory. ERR_NOT_FOUND with a hint when there is none. */
int request_policy(struct request *r, char *path, struct diag *d) MUST_USE;

#endif
