/* Makes states of the notes of a recording (disk_model.h). Test code. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk_model_int.h"

/* One part of a call that may have reached the disk, or not. */
struct part {
    const struct op *op;
    size_t at, n; /* OP_WRITE: which of its bytes; n 0 = only the size */
    const struct op *before; /* OP_WRITE: whose bytes the block held once */
    int is_synced;
    int is_lost; /* never reaches the disk */
};

struct disk_state {
    struct part *parts;
    size_t n, cap;
    size_t pending;
};

static void part_add(struct disk_state *s, const struct op *o, size_t at,
                     size_t n)
{
    if (s->n == s->cap) {
        s->cap = s->cap == 0 ? 256 : 2 * s->cap;
        s->parts = disk_must(reallocarray(s->parts, s->cap, sizeof(*s->parts)));
    }
    s->parts[s->n++] = (struct part){.op = o, .at = at, .n = n};
}

static void take_write(struct disk_state *s, const struct op *o,
                       const struct op *before)
{
    size_t at = 0;

    part_add(s, o, o->n, 0); /* the size that it brings */
    while (at < o->n) {
        size_t n = rec.sector - (size_t)((o->off + at) % rec.sector);

        n = n < o->n - at ? n : o->n - at;
        part_add(s, o, at, n);
        s->parts[s->n - 1].before = (o->off + at) % rec.sector == 0 ? before
                                                                    : NULL;
        at += n;
    }
}

static void take_sync(struct disk_state *s, const struct op *o)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct op *p = s->parts[i].op;

        if (s->parts[i].is_lost) {
            continue; /* it looks clean: no later sync writes it */
        }
        if (o->kind == OP_DROP) {
            s->parts[i].is_lost |= p->kind == OP_WRITE && p->file == o->file &&
                                   s->parts[i].n > 0 && !s->parts[i].is_synced;
        } else if (o->kind == OP_ALL) {
            s->parts[i].is_synced = 1;
        } else if (p->kind == OP_WRITE || p->kind == OP_SIZE) {
            s->parts[i].is_synced |= p->file == o->file;
        } else if (p->kind == OP_MOVE) {
            s->parts[i].is_synced |= p->dir_to == o->file;
        } else {
            s->parts[i].is_synced |= p->dir == o->file;
        }
    }
}

struct disk_state *disk_state_at(size_t n)
{
    struct disk_state *s = disk_must(calloc(1, sizeof(*s)));
    const struct op *before = NULL;

    for (size_t i = 0; i < n; i++) {
        const struct op *o = &rec.ops[i];

        if (o->kind == OP_WRITE) {
            take_write(s, o, before);
            before = o;
        } else if (o->kind == OP_SYNC || o->kind == OP_ALL ||
                   o->kind == OP_DROP) {
            take_sync(s, o);
        } else {
            part_add(s, o, 0, 0);
        }
    }
    for (size_t i = 0; i < s->n; i++) {
        s->pending += !s->parts[i].is_synced && !s->parts[i].is_lost;
    }
    return s;
}

void disk_state_free(struct disk_state *s)
{
    free(s->parts);
    free(s);
}

size_t disk_state_pending_n(const struct disk_state *s)
{
    return s->pending;
}

int disk_state_is_size(const struct disk_state *s, size_t i)
{
    for (size_t k = 0; k < s->n; k++) {
        if (!s->parts[k].is_synced && !s->parts[k].is_lost && i-- == 0) {
            return s->parts[k].op->kind == OP_WRITE && s->parts[k].n == 0;
        }
    }
    return 0;
}

/* The outcome: bytes of every node, and the names. */
struct outcome {
    struct {
        uint8_t *p;
        size_t n, cap;
    } file[FILES_MAX];
    struct entry {
        uint32_t dir, file;
        char name[NAME_BYTES];
    } * entries;
    size_t entries_n;
};

static void grow(struct outcome *w, uint32_t f, size_t n)
{
    if (n > w->file[f].cap) {
        w->file[f].p = disk_must(realloc(w->file[f].p, n));
        memset(w->file[f].p + w->file[f].cap, 0, n - w->file[f].cap);
        w->file[f].cap = n;
    }
}

static void entry_remove(struct outcome *w, uint32_t dir, const char *name)
{
    for (size_t i = 0; i < w->entries_n; i++) {
        if (w->entries[i].dir == dir && strcmp(w->entries[i].name, name) == 0) {
            w->entries[i] = w->entries[--w->entries_n];
            return;
        }
    }
}

static void entry_set(struct outcome *w, uint32_t dir, const char *name,
                      uint32_t file)
{
    struct entry *e;

    entry_remove(w, dir, name);
    e = &w->entries[w->entries_n++];
    *e = (struct entry){.dir = dir, .file = file};
    disk_name_copy(e->name, name);
}

static void apply(struct outcome *w, const struct part *p, int is_torn)
{
    const struct op *o = p->op;
    size_t n = is_torn ? p->n / 2 : p->n;
    size_t end = (size_t)o->off + o->n;

    switch (o->kind) {
    case OP_NAME:
        entry_set(w, o->dir, o->name, o->file);
        break;
    case OP_MOVE:
        entry_remove(w, o->dir, o->name);
        entry_set(w, o->dir_to, o->name_to, o->file);
        break;
    case OP_REMOVE:
        entry_remove(w, o->dir, o->name);
        break;
    case OP_SIZE:
        grow(w, o->file, (size_t)o->off);
        w->file[o->file].n = (size_t)o->off;
        memset(w->file[o->file].p + o->off, 0,
               w->file[o->file].cap - (size_t)o->off);
        break;
    case OP_WRITE:
        grow(w, o->file, end);
        if (p->n == 0 && w->file[o->file].n < end) {
            w->file[o->file].n = end;
        }
        memcpy(w->file[o->file].p + o->off + p->at, o->bytes + p->at, n);
        break;
    case OP_SYNC:
    case OP_DROP:
    case OP_ALL:
        break;
    }
}

/* A missing sector of a new block: an earlier write's bytes, at their place. The
 * file is no longer for it. */
static void apply_stale(struct outcome *w, const struct part *p)
{
    const struct op *o = p->op, *b = p->before;

    grow(w, o->file, (size_t)o->off + o->n);
    for (size_t i = 0; i < p->n; i++) {
        w->file[o->file].p[o->off + p->at + i] = b->bytes[(p->at + i) % b->n];
    }
}

static struct outcome *outcome_start(size_t parts_n)
{
    struct outcome *w = disk_must(calloc(1, sizeof(*w)));

    w->entries =
        disk_must(calloc(rec.nodes_n + parts_n + 1, sizeof(*w->entries)));
    for (uint32_t i = 0; i < rec.nodes_n; i++) {
        const struct node *n = &rec.nodes[i];

        if (n->start.p != NULL) {
            grow(w, i, n->start.n);
            memcpy(w->file[i].p, n->start.p, n->start.n);
            w->file[i].n = n->start.n;
        }
        if (n->parent != NONE) {
            entry_set(w, n->parent, n->name, i);
        }
    }
    return w;
}

static struct outcome *outcome_make(const struct disk_state *s,
                                    const struct disk_outcome *o)
{
    struct outcome *w = outcome_start(s->n);
    size_t pending = 0;

    for (size_t i = 0; i < s->n; i++) {
        const struct part *p = &s->parts[i];
        size_t at = p->is_synced || p->is_lost ? SIZE_MAX : pending++;

        if (p->is_synced || (at != SIZE_MAX && o->kept[at] != 0)) {
            apply(w, p, at != SIZE_MAX && at == o->torn);
        } else if (o->stale && p->before != NULL) {
            apply_stale(w, p);
        }
    }
    return w;
}

static void outcome_free(struct outcome *w)
{
    for (uint32_t i = 0; i < rec.nodes_n; i++) {
        free(w->file[i].p);
    }
    free(w->entries);
    free(w);
}

static int entry_order(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    return x->dir != y->dir ? (x->dir < y->dir ? -1 : 1)
                            : strcmp(x->name, y->name);
}

static uint64_t mix(uint64_t h, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    uint64_t v = n;

    for (; n >= 8; p += 8, n -= 8) {
        h = (h ^ v) * 0x9e3779b97f4a7c15u;
        h ^= h >> 32;
        memcpy(&v, p, 8);
    }
    h = (h ^ v) * 0x9e3779b97f4a7c15u;
    h ^= h >> 32;
    v = 0;
    if (n > 0) {
        memcpy(&v, p, n);
    }
    h = (h ^ v) * 0xd6e8feb86659fd93u;
    return h ^ h >> 32;
}

static uint64_t digest(struct outcome *w)
{
    uint64_t d = 1;

    qsort(w->entries, w->entries_n, sizeof(*w->entries), entry_order);
    for (size_t i = 0; i < w->entries_n; i++) {
        const struct entry *e = &w->entries[i];

        d = mix(d, &e->dir, sizeof(e->dir));
        d = mix(d, e->name, strlen(e->name) + 1);
        d = mix(d, &e->file, sizeof(e->file));
        if (e->file != NONE) {
            d = mix(d, w->file[e->file].p, w->file[e->file].n);
        }
    }
    return d;
}

/* Everything below folder `dir`, breadth first: no entry leads upwards. */
static int write_below(const struct outcome *w, uint32_t dir, const char *path)
{
    char at[512];

    for (size_t i = 0; i < w->entries_n; i++) {
        const struct entry *e = &w->entries[i];
        int fd;

        if (e->dir != dir || e->file == NONE) {
            continue;
        }
        (void)snprintf(at, sizeof(at), "%s/%s", path, e->name);
        if (rec.nodes[e->file].is_dir) {
            if ((mkdir(at, 0700) != 0 && errno != EEXIST) ||
                write_below(w, e->file, at) != 0) {
                return -1;
            }
            continue;
        }
        fd = open(at, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd < 0 || write(fd, w->file[e->file].p, w->file[e->file].n) !=
                          (ssize_t)w->file[e->file].n ||
            fchmod(fd, rec.nodes[e->file].mode) != 0) {
            return -1;
        }
        (void)close(fd);
    }
    return 0;
}

static int remove_below(const char *path)
{
    DIR *d = opendir(path);
    struct dirent *e;
    int rc = 0;

    while (d != NULL && rc == 0 && (e = readdir(d)) != NULL) {
        char at[512];

        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) {
            continue;
        }
        (void)snprintf(at, sizeof(at), "%s/%s", path, e->d_name);
        if (unlink(at) != 0) {
            rc = remove_below(at) != 0 ? -1 : rmdir(at);
        }
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    return d == NULL ? -1 : rc;
}

int disk_state_write(const struct disk_state *s, const struct disk_outcome *o,
                     const char *dir)
{
    struct outcome *w = outcome_make(s, o);
    int rc = -1;

    if ((mkdir(dir, 0700) == 0 || errno == EEXIST) && remove_below(dir) == 0) {
        rc = write_below(w, 0, dir);
    }
    outcome_free(w);
    return rc;
}

uint64_t disk_state_digest(const struct disk_state *s,
                           const struct disk_outcome *o)
{
    struct outcome *w = outcome_make(s, o);
    uint64_t d = digest(w);

    outcome_free(w);
    return d;
}

uint8_t *disk_state_of_file(uint32_t file, size_t *out_n)
{
    struct disk_state *s = disk_state_at(rec.ops_n);
    struct outcome *w = outcome_start(s->n);
    uint8_t *p;

    for (size_t i = 0; i < s->n; i++) {
        if (!s->parts[i].is_lost) {
            apply(w, &s->parts[i], 0);
        }
    }
    *out_n = w->file[file].n;
    p = disk_must(malloc(*out_n + 1));
    if (*out_n > 0) {
        memcpy(p, w->file[file].p, *out_n);
    }
    outcome_free(w);
    disk_state_free(s);
    return p;
}
