/* The one-deep pool of a class. Runs in the kernel, on its loop. Must never hand
 * out a worker of other limits than asked for, nor one that is known dead. */
#include "kernel/engine/pool.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

#include "kernel/engine/local.h"

static int is_same(const struct zygote_request *a, const char *a_roots,
                   const struct zygote_request *b, const char *b_roots)
{
    struct zygote_request x = *a, y = *b;

    x.ordinal = y.ordinal = 0;
    x.uid = y.uid = 0;
    return memcmp(&x, &y, sizeof(x)) == 0 &&
           (x.roots_bytes == 0 || memcmp(a_roots, b_roots, x.roots_bytes) == 0);
}

static char *roots_copy(const char *roots, size_t bytes)
{
    char *copy = malloc(bytes + 1);

    if (copy != NULL && bytes > 0) {
        memcpy(copy, roots, bytes);
    }
    return copy;
}

static void remember(struct pool *p, const struct worker *asked)
{
    free(p->last_roots);
    p->last = asked->request;
    p->last_memory_bytes = asked->memory_bytes;
    p->last_roots = roots_copy(asked->roots, p->last.roots_bytes);
    if (p->last_roots == NULL) {
        p->last.magic = 0;
    }
}

static int is_alive(const struct worker *w)
{
    struct pollfd gone = {.fd = w->pidfd, .events = POLLIN};

    return !w->chan_over && !w->kill_wanted && !w->gone &&
           poll(&gone, 1, 0) == 0;
}

struct worker *pool_claim(struct engine_class *c, const struct worker *asked)
{
    struct pool *p = &c->pool;
    struct worker *w = p->warm;

    /* Asks that take turns would have each one's worker made for the other. */
    p->hopeful = p->last.magic == 0 || is_same(&p->last, p->last_roots,
                                               &asked->request, asked->roots);
    if (!p->hopeful || p->last.magic == 0) {
        remember(p, asked);
    }
    if (w == NULL) {
        return NULL;
    }
    if (p->hopeful && !is_alive(w)) {
        return NULL; /* about to be replaced */
    }
    p->warm = NULL;
    w->warm = 0;
    if (p->hopeful) {
        return w;
    }
    worker_drop(w);
    return NULL;
}

/* What cannot be had now is missed by nobody: the next ask says why. */
static void on_fill(void *ctx, short revents)
{
    struct engine_class *c = ctx;
    struct pool *p = &c->pool;
    struct worker *w;

    (void)revents;
    loop_remove(&p->timer);
    if (p->warm != NULL || !p->hopeful || p->last.magic == 0 ||
        (w = worker_new(c)) == NULL) {
        return;
    }
    w->roots = roots_copy(p->last_roots, p->last.roots_bytes);
    w->memory_bytes = p->last_memory_bytes;
    w->request = p->last;
    w->request.ordinal = engine_ordinal(c->engine);
    w->warm = 1;
    p->warm = w;
    worker_begin(w, w->roots == NULL ? ERR_NOMEM : 0);
}

void pool_later(struct engine_class *c)
{
    if (c->pool.timer == NULL && c->pool.warm == NULL && c->pool.hopeful) {
        /* Without memory for it there is just no pool. */
        (void)!loop_timer(c->engine->loop, 0, on_fill, c, &c->pool.timer);
    }
}

void pool_release(struct pool *p)
{
    loop_remove(&p->timer);
    free(p->last_roots);
    p->last_roots = NULL;
}
