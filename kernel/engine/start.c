/* Asking for a worker: limits, uid, channel, the request to its class's zygote.
 * Runs in the kernel. Must never raise a ceiling of the profile, nor give a uid
 * out while a process may still have it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/share.h"

#include "kernel/engine/local.h"
#include "kernel/engine/roots.h"

#define WORK_EXTRA_BYTES                                                       \
    (64ull << 20) /* a program's own files, beside output */

static uint64_t lower(uint64_t asked, uint64_t ceiling)
{
    return asked == 0 || asked > ceiling ? ceiling : asked;
}

static void limits_take(struct worker *w, const struct worker_limits *l)
{
    const struct profile *p = w->class->profile;
    const struct profile_limits *most = &p->limits;
    struct zygote_request *r = &w->request;
    uint64_t output;

    w->memory_bytes = lower(l->memory_bytes, most->as_bytes);
    r->cpu_s = lower(l->cpu_ms / 1000 + (l->cpu_ms % 1000 != 0), most->cpu_s);
    r->share_bytes = most->share_bytes;
    r->as_bytes = w->memory_bytes + most->as_extra_bytes + r->share_bytes;
    r->processes = most->processes;
    r->files = most->files;
    r->stack_bytes = most->stack_bytes;
    r->own_root = p->own_root != 0;
    if (p->own_root) {
        output = lower(l->output_bytes, most->file_bytes);
        /* The harness writes a program's own files there too. */
        r->file_bytes =
            output > LIMIT_CODE_FILE_BYTES ? output : LIMIT_CODE_FILE_BYTES;
        r->work_bytes = output + WORK_EXTRA_BYTES;
        r->processes = lower(l->processes, most->processes) + 1; /* harness */
    }
}

/* In [1, UID_CLASS): of no worker of the class whose process may exist. */
static uint32_t uid_pick(const struct engine_class *c, uint32_t ordinal)
{
    for (uint32_t i = 0; i < UID_CLASS - 1; i++) {
        uint32_t uid = 1 + (ordinal + i) % (UID_CLASS - 1);
        int used = 0;

        for (const struct worker *w = c->engine->workers; w != NULL && !used;
             w = w->next) {
            used = w->class == c && w->request.uid == uid;
        }
        if (!used) {
            return uid;
        }
    }
    return 0;
}

static int request_send(struct worker *w)
{
    struct engine_class *c = w->class;
    int theirs CLEANUP(fd_closep) = -1;
    struct stat st;
    int pair[2];
    int code;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        return ERR_TRACE(err_from_errno(errno));
    }
    w->channel = pair[0];
    theirs = pair[1];
    if (fcntl(w->channel, F_SETFL, O_NONBLOCK) < 0 || fstat(theirs, &st) < 0) {
        return ERR_TRACE(ERR_IO);
    }
    w->channel_inode = st.st_ino;
    if (w->request.share_bytes > 0) {
        TRY(share_new(&w->share));
    }
    code = zygote_ask(c->process.sock, &w->request, c->worker_filter.code,
                      w->roots, (const int[]){theirs, w->share});
    if (code == 0) {
        w->asked = 1;
        code = loop_watch(w->engine->loop, w->channel, POLLIN, worker_on_hello,
                          w, &w->hello_watch);
    }
    return code;
}

/* What may fail for a reason worth telling. */
static int prepare(struct worker *w, const struct worker_limits *l)
{
    limits_take(w, l);
    return !w->class->profile->own_root
               ? 0
               : roots_resolve(l->roots, l->roots_n, &w->roots,
                               &w->request.roots_bytes, &w->diag);
}

static int launch(struct worker *w)
{
    TRY(engine_zygote_need(w->class, &w->diag));
    w->request.uid = uid_pick(w->class, w->request.ordinal);
    if (w->request.uid == 0) {
        diag_set(&w->diag, ERR_CONFINE, (struct loc){0},
                 "class %s: no uid is free", w->class->profile->name);
        return ERR_TRACE(ERR_CONFINE);
    }
    return request_send(w);
}

void worker_begin(struct worker *w, int code)
{
    code = code < 0 ? code : launch(w);
    if (code < 0) {
        if (w->diag.code == 0) {
            diag_set(&w->diag, code, (struct loc){0}, "worker: %s",
                     err_text(code));
        }
        worker_kill(w);
    }
    /* A failed start is told from the loop, not from here. */
    worker_timer(w, w->asked ? WORKER_START_MS : 0);
    w->next = w->engine->workers;
    w->engine->workers = w;
}

uint32_t engine_ordinal(struct engine *e)
{
    do {
        e->ordinal++;
    } while (engine_worker_find(e, e->ordinal) != NULL);
    return e->ordinal;
}

struct worker *worker_new(struct engine_class *c)
{
    struct worker *w = calloc(1, sizeof(*w));

    if (w == NULL) {
        return NULL;
    }
    w->magic = WORKER_MAGIC;
    w->engine = c->engine;
    w->class = c;
    w->channel = w->pidfd = w->share = -1;
    w->request.magic = ZYGOTE_MAGIC;
    w->request.watched = c->engine->host.filters_are_watched != 0;
    w->request.filter_n = c->worker_filter.n;
    w->request.ordinal = engine_ordinal(c->engine);
    return w;
}

int engine_start(struct engine *e, enum worker_class c,
                 const struct worker_limits *limits,
                 const struct worker_handler *h, void *ctx, struct worker **out)
{
    struct worker *w, *warm = NULL;
    int code;

    ASSERT(e->magic == ENGINE_MAGIC && c < WORKER_CLASSES_N);
    *out = NULL;
    if (e->live >= LIMIT_WORKERS) {
        return ERR_TRACE(ERR_LIMIT);
    }
    w = worker_new(&e->classes[c]);
    if (w == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    code = prepare(w, limits);
    if (code == 0 && (warm = pool_claim(w->class, w)) != NULL) {
        worker_destroy(w);
        w = warm;
    }
    w->handler = *h;
    w->ctx = ctx;
    if (limits->wall_ms != 0) {
        w->wall_deadline_ms = loop_now_ms(e->loop) + limits->wall_ms;
    }
    if (warm == NULL) {
        worker_begin(w, code);
    } else { /* if it is ready, that too is told from the loop */
        worker_timer(w, w->chan != NULL ? 0 : WORKER_START_MS);
    }
    e->live++;
    *out = w;
    return 0;
}
