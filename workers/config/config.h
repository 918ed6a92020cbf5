/* The worker class `config`: text that a person wrote in, canonical messages
 * out, or one problem with its place. Confined: no files, no locale, memory by
 * malloc only. Nothing here is trusted; the kernel decodes what comes out and
 * checks it again.
 *
 * struct config is what every reader of one text shares: memory, the path of
 * the node being read, and the first problem. All readers return 0, ERR_INPUT
 * or ERR_LIMIT (the problem is set), or ERR_NOMEM. */
#ifndef WORKERS_CONFIG_CONFIG_H
#define WORKERS_CONFIG_CONFIG_H

#include "proto/diag.h"
#include "proto/err.h"
#include "proto/arena.h"

#include "worker.pb-c.h"

struct yaml_node;

#define CONFIG_PATH_MAX 64
#define CONFIG_OVERRIDES_MAX 256u

struct config_step {
    const char *key; /* NULL: entry i of a list */
    size_t i;
};

struct config {
    struct arena reply;   /* what the reply is made of */
    struct arena scratch; /* nodes of the text */
    struct diag problem;
    struct config_step path[CONFIG_PATH_MAX];
    size_t path_n;
    const Proctor__ConfigTask *task;
};

void config_init(struct config *c, const Proctor__ConfigTask *task);
void config_release(struct config *c);

/* Path of the node being read, e.g. tasks[2].with.domain[0]. Borrows key. */
void config_enter(struct config *c, const char *key);
void config_enter_at(struct config *c, size_t i);
void config_leave(struct config *c);

/* Sets the problem "PATH: text" at a node (NULL: no place) or at a place;
 * returns code. Nodes that came from an override are named as such. */
int config_fail(struct config *c, const struct yaml_node *at, const char *fmt,
                ...) PRINTF_LIKE(3, 4);
int config_limit(struct config *c, const struct yaml_node *at, const char *fmt,
                 ...) PRINTF_LIKE(3, 4);
int config_fail_at(struct config *c, uint32_t line, uint32_t col,
                   const char *fmt, ...) PRINTF_LIKE(4, 5);
void config_hint(struct config *c, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Answers one task: reads task, fills *out (init'ed by it; its memory belongs
 * to c until config_release). Always gives a reply: out->problem is set when
 * the text cannot be used. 0 or ERR_NOMEM. Pure: same task, same reply. */
int config_answer(struct config *c, const Proctor__ConfigTask *task,
                  Proctor__ConfigReply *out) MUST_USE;

/* Serves one task on a channel: the worker's hook. */
int config_serve(int channel_fd);

#endif
