/* Problems and their paths. Runs in the confined `config` worker. */
#include "workers/config/config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/limits.h"
#include "workers/config/yaml.h"

/* Everything a text can become is smaller than this: a frame holds the reply,
 * and a node is at most some twenty times its text. */
#define REPLY_BYTES_MAX ((size_t)512 << 20)
#define SCRATCH_BYTES_MAX ((size_t)512 << 20)

void config_init(struct config *c, const Proctor__ConfigTask *task)
{
    memset(c, 0, sizeof(*c));
    arena_init(&c->reply, REPLY_BYTES_MAX);
    arena_init(&c->scratch, SCRATCH_BYTES_MAX);
    diag_init(&c->problem);
    c->task = task;
}

void config_release(struct config *c)
{
    arena_release(&c->reply);
    arena_release(&c->scratch);
}

void config_enter(struct config *c, const char *key)
{
    ASSERT(c->path_n < CONFIG_PATH_MAX);
    c->path[c->path_n++] = (struct config_step){key, 0};
}

void config_enter_at(struct config *c, size_t i)
{
    ASSERT(c->path_n < CONFIG_PATH_MAX);
    c->path[c->path_n++] = (struct config_step){NULL, i};
}

void config_leave(struct config *c)
{
    ASSERT(c->path_n > 0);
    c->path_n--;
}

/* "override \"k=v\": " when the node came from one, then "a.b[2]: ". */
static void print_prefix(const struct config *c, const struct yaml_node *at,
                         char *out, size_t out_n)
{
    size_t n = 0;

    out[0] = '\0';
    if (at && at->line == 0 && at->col > 0 && c->task &&
        at->col <= c->task->n_overrides) {
        n += (size_t)snprintf(out, out_n, "override \"%.60s\": ",
                              c->task->overrides[at->col - 1]->key);
    }
    for (size_t i = 0; i < c->path_n && n < out_n; i++) {
        const struct config_step *s = &c->path[i];

        if (s->key) {
            n += (size_t)snprintf(out + n, out_n - n, "%s%s", i ? "." : "",
                                  s->key);
        } else {
            n += (size_t)snprintf(out + n, out_n - n, "[%zu]", s->i);
        }
    }
    if (c->path_n > 0 && n < out_n) {
        (void)snprintf(out + n, out_n - n, ": ");
    }
}

static int set_problem(struct config *c, const struct yaml_node *at,
                       struct loc place, int code, const char *text)
{
    char prefix[DIAG_TEXT_BYTES];

    print_prefix(c, at, prefix, sizeof(prefix));
    return diag_set(&c->problem, code, place, "%s%s", prefix, text);
}

static struct loc place_of(const struct yaml_node *at)
{
    struct loc place = {0};

    if (at && at->line > 0) {
        place.line = at->line;
        place.col = at->col;
    }
    return place;
}

int config_fail(struct config *c, const struct yaml_node *at, const char *fmt,
                ...)
{
    char text[DIAG_TEXT_BYTES];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return set_problem(c, at, place_of(at), ERR_INPUT, text);
}

int config_limit(struct config *c, const struct yaml_node *at, const char *fmt,
                 ...)
{
    char text[DIAG_TEXT_BYTES];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return set_problem(c, at, place_of(at), ERR_LIMIT, text);
}

int config_fail_at(struct config *c, uint32_t line, uint32_t col,
                   const char *fmt, ...)
{
    char text[DIAG_TEXT_BYTES];
    struct loc place = {NULL, line, col};
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return set_problem(c, NULL, place, ERR_INPUT, text);
}

void config_hint(struct config *c, const char *fmt, ...)
{
    char text[DIAG_TEXT_BYTES];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    diag_hint(&c->problem, "%s", text);
}
