/* The local engine: zygotes of this host, and the list of their workers. Runs in
 * the kernel, on its loop. Must never start a worker of an image or filter other
 * than those loaded at start, nor forget a process that it made. */
#include "kernel/engine/local.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/err.h"
#include "proto/limits.h"

static const char *const class_names[WORKER_CLASSES_N] = {
    [WORKER_CONFIG] = "config",
    [WORKER_PROGRAM] = "program",
    [WORKER_MODEL] = "model",
    [WORKER_CML] = "cml",
    [WORKER_TRAIN] = "train",
};

_Static_assert(WORKER_CLASSES_N <= UID_SLOT / UID_CLASS, "uids for each class");
_Static_assert(LIMIT_WORKERS < UID_CLASS / 2, "a free uid is always near");

const char *worker_class_name(enum worker_class c)
{
    ASSERT(c < WORKER_CLASSES_N);
    return class_names[c];
}

struct worker *engine_worker_find(struct engine *e, uint32_t ordinal)
{
    for (struct worker *w = e->workers; w != NULL; w = w->next) {
        if (w->request.ordinal == ordinal) {
            return w;
        }
    }
    return NULL;
}

static void zygote_end(struct engine_class *c)
{
    measure_held_release(&c->held);
    zygote_process_release(&c->process);
}

/* The zygote ended: by itself it never does. All its workers ended with it; the
 * next engine_start makes another. */
static void zygote_lost(struct engine_class *c)
{
    struct engine *e = c->engine;
    struct worker *w = e->workers;

    loop_remove(&c->watch);
    zygote_end(c);
    while (w != NULL) {
        struct worker *next = w->next;

        if (w->class == c && w->asked && !w->gone) {
            worker_on_orphaned(w, "its zygote ended");
            next = e->workers; /* a handler may have freed others */
        }
        w = next;
    }
}

static void event_take(struct engine_class *c, const struct zygote_event *ev,
                       int fd)
{
    struct worker *w = engine_worker_find(c->engine, ev->ordinal);

    if (w == NULL || w->class != c) {
        fd_closep(&fd);
        return;
    }
    switch (ev->kind) {
    case ZYGOTE_STARTED:
        worker_on_started(w, fd);
        return;
    case ZYGOTE_REFUSED:
        worker_on_refused(w, ev);
        break;
    case ZYGOTE_EXITED:
        worker_on_end(w, ev);
        break;
    default:
        break;
    }
    fd_closep(&fd);
}

static void on_zygote(void *ctx, short revents)
{
    struct engine_class *c = ctx;

    (void)revents;
    /* A few at a time, so that no class keeps the loop. */
    for (int i = 0; i < 16 && c->process.pid > 0; i++) {
        struct zygote_event ev;
        int fd;
        int code = zygote_next(c->process.sock, &ev, &fd);

        if (code == ZYGOTE_E_AGAIN) {
            return;
        }
        if (code < 0) {
            zygote_lost(c);
            return;
        }
        event_take(c, &ev, fd);
    }
}

static int image_need(struct engine_class *c, struct diag *d)
{
    return c->image.fd >= 0 ? 0
                            : image_load(c->engine->images_dir,
                                         c->profile->name, &c->image, d);
}

int engine_zygote_need(struct engine_class *c, struct diag *d)
{
    struct spawn s = {
        .class_name = c->profile->name,
        .own_root = c->profile->own_root,
        .uid_base = engine_class_uid(c),
        .filter = &c->zygote_filter,
        .watched = c->engine->host.filters_are_watched,
    };

    if (c->process.pid > 0) {
        return 0;
    }
    TRY(image_need(c, d));
    s.image_fd = c->image.fd;
    TRY(spawn_zygote(&s, &c->process, d));
    if (measure_held_open(c->process.pid, &c->held) < 0) {
        diag_set(d, ERR_CONFINE, (struct loc){0}, "class %s: namespaces: %s",
                 c->profile->name, strerror(errno));
        zygote_end(c);
        return ERR_TRACE(ERR_CONFINE);
    }
    if (loop_watch(c->engine->loop, c->process.sock, POLLIN, on_zygote, c,
                   &c->watch) < 0) {
        zygote_end(c);
        diag_set(d, ERR_NOMEM, (struct loc){0}, "zygote: out of memory");
        return ERR_TRACE(ERR_NOMEM);
    }
    return 0;
}

static int filters_make(struct engine_class *c, struct diag *d)
{
    const char *bad = NULL;
    int code = filter_make(c->profile->lists, PROFILE_LISTS_N,
                           &c->zygote_filter, &bad);

    if (code == 0) {
        code = filter_make(c->profile->lists, 1, &c->worker_filter, &bad);
    }
    if (code == ERR_NOMEM) {
        return diag_set(d, code, (struct loc){0}, "class %s: seccomp: %s",
                        c->profile->name, err_text(code));
    }
    if (code < 0) {
        diag_set(d, ERR_CONFINE, (struct loc){0},
                 "class %s: seccomp: libseccomp does not take the rule for %s",
                 c->profile->name, bad);
        diag_hint(d, "libseccomp 2.5.4 or later is needed");
        return ERR_TRACE(ERR_CONFINE);
    }
    measure_hash(&c->zygote_filter, &c->worker_filter, c->filters_sha256);
    return 0;
}

static int class_open(struct engine *e, enum worker_class number,
                      struct diag *d)
{
    struct engine_class *c = &e->classes[number];

    c->engine = e;
    c->number = number;
    c->profile = profile_find(class_names[number]);
    ASSERT(c->profile != NULL);
    if (number == WORKER_CONFIG) { /* always needed: a host without memfds is
                                    * told so, and not that a filter failed */
        TRY(image_need(c, d));
    }
    return filters_make(c, d);
}

static void engine_closep(struct engine **e)
{
    engine_close(*e);
}

int engine_open(struct loop *l, const char *images_dir, struct engine **out,
                struct diag *d)
{
    struct engine *e CLEANUP(engine_closep) = calloc(1, sizeof(*e));
    int code;

    *out = NULL;
    if (e == NULL) {
        diag_set(d, ERR_NOMEM, (struct loc){0}, "engine: out of memory");
        return ERR_TRACE(ERR_NOMEM);
    }
    e->magic = ENGINE_MAGIC;
    e->loop = l;
    e->images_dir = images_dir;
    host_init(&e->host);
    for (size_t i = 0; i < WORKER_CLASSES_N; i++) {
        image_init(&e->classes[i].image);
        zygote_process_init(&e->classes[i].process);
        measure_held_init(&e->classes[i].held);
    }
    measure_held_init(&e->own);
    TRY(host_check(&e->host, d));
    if (measure_held_open(getpid(), &e->own) < 0) {
        return diag_set(d, ERR_CONFINE, (struct loc){0}, "own namespaces: %s",
                        strerror(errno));
    }
    code = cgroups_open(&e->cgroups);
    if (code < 0) {
        return diag_set(d, code, (struct loc){0}, "control groups: %s",
                        err_text(code));
    }
    for (size_t i = 0; i < WORKER_CLASSES_N; i++) {
        TRY(class_open(e, (enum worker_class)i, d));
    }
    /* Whatever the host lacks is found before a store is made. */
    TRY(engine_zygote_need(&e->classes[WORKER_CONFIG], d));
    *out = e;
    e = NULL;
    return 0;
}

void engine_close(struct engine *e)
{
    if (e == NULL) {
        return;
    }
    ASSERT(e->magic == ENGINE_MAGIC);
    for (size_t i = 0; i < WORKER_CLASSES_N; i++) {
        struct engine_class *c = &e->classes[i];

        loop_remove(&c->watch);
        pool_release(&c->pool);
        zygote_end(c); /* and all its workers */
        filter_release(&c->zygote_filter);
        filter_release(&c->worker_filter);
        image_release(&c->image);
    }
    while (e->workers != NULL) {
        struct worker *w = e->workers;

        e->workers = w->next;
        worker_destroy(w);
    }
    cgroups_close(e->cgroups);
    measure_held_release(&e->own);
    host_release(&e->host);
    e->magic = 0;
    free(e);
}

int engine_load(struct engine *e, struct diag *d)
{
    ASSERT(e->magic == ENGINE_MAGIC);
    for (size_t i = 0; i < WORKER_CLASSES_N; i++) {
        TRY(image_need(&e->classes[i], d));
    }
    return 0;
}

struct cid engine_image(const struct engine *e, enum worker_class c)
{
    ASSERT(e->magic == ENGINE_MAGIC && c < WORKER_CLASSES_N);
    ASSERT(e->classes[c].image.fd >= 0);
    return e->classes[c].image.cid;
}
