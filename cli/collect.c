/* See collect.h. Must never remove a file while the store is not locked, or
 * after a check that did not end well. */
#include "cli/collect.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/collect_int.h"
#include "proto/disk.h"
#include "proto/err.h"

static const struct loc NOWHERE = {NULL, 0, 0};

static const char *const KINDS[COLLECT_KINDS_N] = {
    [COLLECT_OBJECT] = "object",
    [COLLECT_TMP] = "half-written file",
    [COLLECT_TILE] = "partial tile",
    [COLLECT_TORN] = "torn batch",
};

const char *collect_kind_name(enum collect_kind k)
{
    ASSERT(k < COLLECT_KINDS_N);
    return KINDS[k];
}

void collect_release(struct collect *g)
{
    free(g->v);
    memset(g, 0, sizeof(*g));
}

int collect_add(struct collect *g, const struct collect_item *item)
{
    if (g->n == g->cap) {
        size_t cap = g->cap == 0 ? 64 : 2 * g->cap;
        struct collect_item *v = reallocarray(g->v, cap, sizeof(*v));

        if (v == NULL) {
            return ERR_TRACE(ERR_NOMEM);
        }
        g->v = v;
        g->cap = cap;
    }
    g->v[g->n++] = *item;
    g->bytes += item->bytes;
    return 0;
}

int collect_look(const char *store, struct collect_item *item)
{
    char path[PATH_MAX];
    struct timespec now;
    struct stat st;

    (void)snprintf(path, sizeof(path), "%s/%s", store, item->name);
    if (lstat(path, &st) != 0 || !S_ISREG(st.st_mode)) {
        return 0;
    }
    (void)clock_gettime(CLOCK_REALTIME, &now);
    item->bytes = (uint64_t)st.st_size;
    /* A file from the future is as young as can be. */
    item->age_s = now.tv_sec > st.st_mtim.tv_sec
                      ? (uint64_t)(now.tv_sec - st.st_mtim.tv_sec)
                      : 0;
    return 1;
}

/* What keeps kernels, and commands that write tiles, away. */
struct hold {
    int dir_fd;
    int lock_fd;
    int ledger_fd;
    int unclean; /* a kernel crashed: the next one must still learn of it */
    int mine;    /* the text in the lock file is ours */
};

static int busy(struct diag *d, const char *who)
{
    (void)diag_set(d, ERR_STORE_BUSY, NOWHERE,
                   "the store is in use by %s; nothing was removed", who);
    diag_hint(d, "wait for it to end; without --delete, gc only lists");
    return ERR_STORE_BUSY;
}

static int lock_store(struct hold *h, struct diag *d)
{
    char text[32] = "";
    uint64_t n;
    size_t got;
    int code;

    TRY(disk_open(h->dir_fd, "lock", O_RDWR, &h->lock_fd));
    code = disk_lock(h->lock_fd);
    if (code == DISK_E_LOCKED) {
        char who[64];

        if (disk_read(h->lock_fd, 0, (uint8_t *)text, sizeof(text) - 1, &got) !=
            0) {
            got = 0;
        }
        text[got] = '\0';
        text[strcspn(text, "\n")] = '\0';
        (void)snprintf(who, sizeof(who), "a kernel (%s)",
                       text[0] != '\0' ? text : "pid unknown");
        return busy(d, who);
    }
    TRY(code);
    TRY(disk_size(h->lock_fd, &n));
    h->unclean = n > 0;
    n = (uint64_t)snprintf(text, sizeof(text), "pid %ld, gc\n", (long)getpid());
    TRY(disk_truncate(h->lock_fd, 0));
    TRY(disk_write(h->lock_fd, 0, (const uint8_t *)text, (size_t)n));
    h->mine = 1;
    return 0;
}

static int hold(struct hold *h, const char *store, struct diag *d)
{
    int code = disk_open_dir(AT_FDCWD, store, &h->dir_fd);

    if (code == 0) {
        code = lock_store(h, d);
    }
    if (code == 0) {
        code = disk_open_dir(h->dir_fd, "ledger", &h->ledger_fd);
    }
    if (code == 0) {
        code = disk_lock(h->ledger_fd);
    }
    if (code == DISK_E_LOCKED) {
        return busy(d, "a command that writes tiles");
    }
    if (code != 0 && d->what[0] == '\0') {
        (void)diag_set(d, code, (struct loc){.path = store},
                       "cannot take the store's lock: %s", err_text(code));
    }
    return code;
}

static void let_go(struct hold *h)
{
    if (h->mine && !h->unclean) {
        int code = disk_truncate(h->lock_fd, 0);

        (void)code; /* if not, the next owner syncs once more */
    }
    fd_closep(&h->ledger_fd);
    fd_closep(&h->lock_fd);
    fd_closep(&h->dir_fd);
}

/* Whole, as far as can be known, or nothing is judged. */
static int check(const struct collect_ask *ask, struct audit_result *r,
                 struct diag *d)
{
    TRY(audit_run(ask->store, 1, ask->ears, r, d));
    if (r->count[AUDIT_DAMAGE] > 0) {
        (void)diag_set(d, ERR_STORE_DAMAGED, (struct loc){.path = ask->store},
                       "the store is damaged (%" PRIu64
                       " findings); nothing was removed",
                       r->count[AUDIT_DAMAGE]);
        diag_hint(d, "`proctor verify --full` tells what is wrong; a damaged "
                     "store is never collected");
        return ERR_STORE_DAMAGED;
    }
    if (r->is_torn) {
        (void)diag_set(d, ERR_INPUT, (struct loc){.path = ask->store},
                       "an unfinished batch follows record %" PRIu64
                       "; nothing was removed",
                       r->size > 0 ? r->size - 1 : 0);
        diag_hint(d, "the next run sets it aside; collect after it");
        return ERR_INPUT;
    }
    return 0;
}

/* ledger/tile/0/x001/234.p, when its last file went. */
static void drop_folder(int dir_fd, const char *name)
{
    char folder[sizeof(((struct collect_item *)NULL)->name)];
    char *slash;
    int code;

    (void)snprintf(folder, sizeof(folder), "%s", name);
    slash = strrchr(folder, '/');
    ASSERT(slash != NULL);
    *slash = '\0';
    code = disk_rmdir(dir_fd, folder);
    (void)code; /* another one is in it */
    err_trace_clear();
}

static int remove_all(const struct hold *h, struct collect *g, struct diag *d)
{
    size_t i;

    for (i = 0; i < g->n; i++) {
        int code = disk_unlink(h->dir_fd, g->v[i].name);

        if (code != 0 && code != ERR_NOT_FOUND) {
            (void)diag_set(d, code, NOWHERE,
                           "%s: cannot be removed: %s; %" PRIu64
                           " of %zu files are gone",
                           g->v[i].name, err_text(code), g->removed, g->n);
            diag_hint(d, "nothing that is needed was touched; run it again");
            return code;
        }
        if (g->v[i].kind == COLLECT_TILE) {
            drop_folder(h->dir_fd, g->v[i].name);
        }
        g->removed++;
    }
    return 0;
}

static int find_and_remove(const struct collect_ask *ask, const struct hold *h,
                           struct collect *out, struct diag *d)
{
    struct audit_result checked;

    TRY(check(ask, &checked, d));
    TRY(collect_objects(ask, out, d));
    TRY(collect_files(ask, &checked, out, d));
    return ask->is_delete ? remove_all(h, out, d) : 0;
}

int collect_run(const struct collect_ask *ask, struct collect *out,
                struct diag *d)
{
    struct hold h = {.dir_fd = -1, .lock_fd = -1, .ledger_fd = -1};
    int rc = 0;

    memset(out, 0, sizeof(*out));
    diag_init(d);
    if (ask->is_delete) {
        rc = hold(&h, ask->store, d);
    }
    if (rc == 0) {
        rc = find_and_remove(ask, &h, out, d);
    }
    let_go(&h);
    if (rc != 0 && d->what[0] == '\0') {
        (void)diag_set(d, rc, (struct loc){.path = ask->store},
                       "cannot be collected: %s", err_text(rc));
    }
    return rc;
}
