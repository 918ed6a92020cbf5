/* tlog-tiles files against the records. Tiles are derived: a missing one is a
 * warning (the next run writes it), a wrong or strange one is damage. Partial
 * tiles of earlier checkpoints may stay; each must be a prefix of its tile. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/audit_int.h"
#include "cli/files.h"
#include "proto/err.h"
#include "proto/limits.h"

#define TILE_WIDTH 256u
#define TILE_LEVELS 8
#define BUNDLE_BYTES_MAX ((size_t)TILE_WIDTH * (LIMIT_RECORD_BYTES + 2u))
#define TILE_DEPTH_MAX 12 /* folders below tile/ */

/* The tile under way on one level; the entries' level is -1. */
struct edge {
    uint64_t n; /* its index */
    unsigned width;
    struct merkle_hash h[TILE_WIDTH];
};

struct audit_tiles {
    struct edge level[TILE_LEVELS];
    struct buf bundle;
    uint32_t ends[TILE_WIDTH]; /* bytes of the bundle after entry i */
    uint64_t size;
    uint64_t checked; /* files met while the records went by */
};

int audit_tiles_new(struct audit_tiles **out)
{
    *out = calloc(1, sizeof(**out));
    if (*out == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    buf_init(&(*out)->bundle, BUNDLE_BYTES_MAX);
    return 0;
}

void audit_tiles_free(struct audit_tiles *t)
{
    if (t != NULL) {
        buf_release(&t->bundle);
        free(t);
    }
}

/* "tile/0/x001/234" below ledger/: three digits a part, all but the last x. */
static void tile_name(int level, uint64_t n, char *out, size_t out_n)
{
    char digits[64] = "";
    char part[80];

    (void)snprintf(digits, sizeof(digits), "%03u", (unsigned)(n % 1000));
    for (n /= 1000; n > 0; n /= 1000) {
        (void)snprintf(part, sizeof(part), "x%03u/%.60s", (unsigned)(n % 1000),
                       digits);
        (void)snprintf(digits, sizeof(digits), "%.63s", part);
    }
    if (level < 0) {
        (void)snprintf(out, out_n, "tile/entries/%s", digits);
    } else {
        (void)snprintf(out, out_n, "tile/%d/%s", level, digits);
    }
}

/* Bytes of the first `width` elements of the tile under way. */
static struct ubytes prefix(const struct audit_tiles *t, int level,
                            unsigned width)
{
    struct ubytes b = buf_bytes(&t->bundle);

    if (level < 0) {
        b.n = width == 0 ? 0 : t->ends[width - 1];
        return b;
    }
    return (struct ubytes){t->level[level].h[0].b, (size_t)width * 32};
}

/* The first record that a file of the tile under way has wrong from byte `at`
 * on. */
static uint64_t record_of(const struct audit_tiles *t, int level, size_t at)
{
    uint64_t i;

    if (level >= 0) {
        return (t->level[level].n * TILE_WIDTH + at / MERKLE_BYTES)
               << (8 * level);
    }
    for (i = 0; i + 1 < TILE_WIDTH && t->ends[i] <= at && t->ends[i] > 0; i++) {
        ;
    }
    return t->level[0].n * TILE_WIDTH + i;
}

/* A file that is not what the records make. */
static void tell_wrong(const struct audit_tiles *t, struct audit *a, int level,
                       const char *name, struct ubytes want, struct ubytes have)
{
    size_t n = want.n < have.n ? want.n : have.n;
    size_t at = 0;
    uint64_t seq;

    while (at < n && want.p[at] == have.p[at]) {
        at++;
    }
    seq = record_of(t, level, at < want.n ? at : want.n - 1);
    if (at == want.n) {
        audit_find(a, AUDIT_DAMAGE, AUDIT_DERIVED, seq, name,
                   "is not what the records make: %zu bytes follow record "
                   "%" PRIu64,
                   have.n - want.n, seq);
        return;
    }
    audit_find(a, AUDIT_DAMAGE, AUDIT_DERIVED, seq, name,
               "is not what the records make: %s at record %" PRIu64,
               at == have.n ? "cut short" : "another byte", seq);
}

/* One file that exists must hold exactly `want`. *out_there: it does exist. */
static int check_file(struct audit_tiles *t, struct audit *a, int level,
                      const char *name, struct ubytes want, int *out_there)
{
    char path[PATH_MAX];
    struct buf have;
    int rc;

    (void)snprintf(path, sizeof(path), "%s/ledger/%s", a->store, name);
    buf_init(&have, BUNDLE_BYTES_MAX);
    rc = files_read_plain(path, BUNDLE_BYTES_MAX, &have);
    *out_there = rc != ERR_NOT_FOUND;
    t->checked += (uint64_t)*out_there;
    a->out->tiles += (uint64_t)*out_there;
    if (rc == 0 && (buf_len(&have) != want.n ||
                    memcmp(buf_bytes(&have).p, want.p, want.n) != 0)) {
        tell_wrong(t, a, level, name, want, buf_bytes(&have));
    } else if (rc != 0 && rc != ERR_NOT_FOUND && rc != ERR_NOMEM) {
        audit_find(a, AUDIT_DAMAGE, AUDIT_DERIVED, AUDIT_NO_SEQ, name, "%s",
                   rc == ERR_INPUT   ? "is no regular file; it was not opened"
                   : rc == ERR_LIMIT ? "is longer than any tile"
                                     : err_text(rc));
    }
    buf_release(&have);
    return rc == ERR_NOMEM ? rc : 0;
}

/* All files of one tile: the whole one, and partial ones up to `width`. */
static int check_tile(struct audit_tiles *t, struct audit *a, int level,
                      uint64_t n, unsigned width)
{
    char folder[PATH_MAX];
    char name[128];
    char partial[PATH_MAX];
    struct dirent *e;
    DIR *dir;
    int there = 0;
    int rc = 0;

    tile_name(level, n, name, sizeof(name));
    if (width == TILE_WIDTH) {
        TRY(check_file(t, a, level, name, prefix(t, level, width), &there));
        if (!there && t->size <= a->published.size) {
            audit_find(a, AUDIT_WARNING, AUDIT_DERIVED, AUDIT_NO_SEQ, name,
                       "is missing; the next run writes it again");
        }
    }
    (void)snprintf(folder, sizeof(folder), "%s/ledger/%s.p", a->store, name);
    dir = opendir(folder);
    while (dir != NULL && rc == 0 && (e = readdir(dir)) != NULL) {
        char *end;
        unsigned long w = strtoul(e->d_name, &end, 10);
        char plain[16];

        if (e->d_name[0] == '.') {
            continue;
        }
        (void)snprintf(plain, sizeof(plain), "%lu", w % 1000);
        if (w == 0 || w > width || w >= TILE_WIDTH ||
            strcmp(plain, e->d_name) != 0) {
            continue; /* strange: the walk over all files says so */
        }
        (void)snprintf(partial, sizeof(partial), "%s.p/%lu", name, w);
        rc = check_file(t, a, level, partial, prefix(t, level, (unsigned)w), &there);
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return rc;
}

/* Checks a full tile and hands its hash to the level above. */
static int carry(struct audit_tiles *t, struct audit *a,
                 const struct merkle_hash *leaf)
{
    struct merkle_hash h = *leaf;
    int level;

    for (level = 0; level < TILE_LEVELS; level++) {
        struct edge *e = &t->level[level];

        e->h[e->width++] = h;
        if (e->width < TILE_WIDTH) {
            return 0;
        }
        TRY(check_tile(t, a, level, e->n, TILE_WIDTH));
        h = merkle_root(e->h, TILE_WIDTH);
        e->n++;
        e->width = 0;
    }
    return 0;
}

int audit_tiles_add(struct audit_tiles *t, struct audit *a, struct ubytes entry,
                    const struct merkle_hash *leaf)
{
    unsigned at = t->level[0].width;

    TRY(buf_put_bytes16(&t->bundle, entry));
    t->ends[at] = (uint32_t)buf_len(&t->bundle);
    t->size++;
    if (at + 1 == TILE_WIDTH) {
        TRY(check_tile(t, a, -1, t->level[0].n, TILE_WIDTH));
        buf_reset(&t->bundle);
    }
    return carry(t, a, leaf);
}

/* The partial tile that the published checkpoint relies on must be there. */
static void check_published(struct audit *a, int level)
{
    unsigned shift = level < 0 ? 0 : 8u * (unsigned)level;
    uint64_t at_level = a->published.size >> shift;
    unsigned width = (unsigned)(at_level & (TILE_WIDTH - 1));
    char name[128];
    char path[PATH_MAX];

    if (width == 0) {
        return;
    }
    tile_name(level, at_level >> 8, name, sizeof(name));
    (void)snprintf(path, sizeof(path), "%s/ledger/%s.p/%u", a->store, name,
                   width);
    if (access(path, F_OK) != 0) {
        (void)snprintf(path, sizeof(path), "%s/ledger/%s", a->store, name);
        if (access(path, F_OK) != 0) {
            audit_find(a, AUDIT_WARNING, AUDIT_DERIVED, AUDIT_NO_SEQ, name,
                       "is missing; the next run writes it again");
        }
    }
}

int audit_tiles_leaf(const struct audit *a, uint64_t seq,
                     struct merkle_hash *out)
{
    uint64_t n = seq / TILE_WIDTH;
    size_t at = (size_t)(seq % TILE_WIDTH) * sizeof(out->b);
    unsigned width = (unsigned)(a->published.size % TILE_WIDTH);
    char name[128];
    char path[PATH_MAX];
    struct buf tile;
    int is_there;

    tile_name(0, n, name, sizeof(name));
    (void)snprintf(path, sizeof(path), "%s/ledger/%s", a->store, name);
    buf_init(&tile, TILE_WIDTH * sizeof(out->b));
    if (n == a->published.size / TILE_WIDTH && width > 0) {
        (void)snprintf(path, sizeof(path), "%s/ledger/%s.p/%u", a->store, name,
                       width);
    }
    is_there = files_read_plain(path, TILE_WIDTH * sizeof(out->b), &tile) == 0 &&
               buf_len(&tile) >= at + sizeof(out->b);
    if (is_there) {
        memcpy(out->b, buf_bytes(&tile).p + at, sizeof(out->b));
    }
    buf_release(&tile);
    return is_there;
}

/* Numbers of "x001/234" or "234.p/17" into index and width; true when it is of
 * that form. width TILE_WIDTH: a whole tile. */
static int parse_index(const char *s, uint64_t *out_n, unsigned *out_width)
{
    uint64_t n = 0;

    *out_width = TILE_WIDTH;
    for (;;) {
        int is_more = *s == 'x';
        char *end;
        unsigned long v;

        s += is_more;
        if (strspn(s, "0123456789") != 3 || n > UINT64_MAX / 1000 - 1) {
            return 0;
        }
        v = strtoul(s, &end, 10);
        n = n * 1000 + v;
        s = end;
        if (!is_more) {
            break;
        }
        if (*s++ != '/') {
            return 0;
        }
    }
    *out_n = n;
    if (*s == '\0') {
        return 1;
    }
    if (strncmp(s, ".p/", 3) != 0 || s[3] < '1' || s[3] > '9') {
        return 0;
    }
    {
        char *end;
        unsigned long w = strtoul(s + 3, &end, 10);

        *out_width = (unsigned)w;
        return *end == '\0' && w < TILE_WIDTH;
    }
}

/* True when a file below tile/ is one of a tree of this size. */
static int belongs(const struct audit_tiles *t, const char *name)
{
    unsigned level = 0;
    uint64_t n;
    uint64_t have;
    unsigned width;

    if (strncmp(name, "entries/", 8) == 0) {
        name += 8;
    } else {
        if (name[0] < '0' || name[0] > '0' + TILE_LEVELS - 1 ||
            name[1] != '/') {
            return 0;
        }
        level = (unsigned)(name[0] - '0');
        name += 2;
    }
    if (!parse_index(name, &n, &width)) {
        return 0;
    }
    have = t->size >> (8 * level);
    return n < have >> 8 || (n == have >> 8 && width < TILE_WIDTH &&
                             width <= (have & (TILE_WIDTH - 1)));
}

/* One folder to walk, as its name below tile/ ("" for itself). */
struct pending {
    char name[128];
    unsigned depth;
    struct pending *next;
};

static int push(struct pending **list, const char *name, unsigned depth)
{
    struct pending *p = calloc(1, sizeof(*p));

    if (p == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    (void)snprintf(p->name, sizeof(p->name), "%s", name);
    p->depth = depth;
    p->next = *list;
    *list = p;
    return 0;
}

static int visit(struct audit_tiles *t, struct audit *a, struct pending **list,
                 const struct pending *at, const char *entry)
{
    char name[512];
    char path[PATH_MAX];
    struct stat st;

    (void)snprintf(name, sizeof(name), "%s%s%s", at->name,
                   at->name[0] != '\0' ? "/" : "", entry);
    (void)snprintf(path, sizeof(path), "%s/ledger/tile/%s", a->store, name);
    if (lstat(path, &st) != 0) {
        return 0;
    }
    if (S_ISDIR(st.st_mode) && at->depth < TILE_DEPTH_MAX &&
        strlen(name) < sizeof(at->name)) {
        return push(list, name, at->depth + 1);
    }
    if (!S_ISREG(st.st_mode) || !belongs(t, name)) {
        (void)snprintf(path, sizeof(path), "tile/%s", name);
        audit_find(a, AUDIT_DAMAGE, AUDIT_DERIVED, AUDIT_NO_SEQ, path,
                   "does not belong to a tree of %" PRIu64 " records", t->size);
    }
    return 0;
}

/* Every file below tile/ must have its place. */
static int walk(struct audit_tiles *t, struct audit *a)
{
    struct pending *list = NULL;
    int rc = push(&list, "", 0);

    while (rc == 0 && list != NULL) {
        struct pending *at = list;
        char path[PATH_MAX];
        struct dirent *e;
        DIR *dir;

        list = at->next;
        (void)snprintf(path, sizeof(path), "%s/ledger/tile/%s", a->store,
                       at->name);
        dir = opendir(path);
        while (dir != NULL && rc == 0 && (e = readdir(dir)) != NULL) {
            if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
                rc = visit(t, a, &list, at, e->d_name);
            }
        }
        if (dir != NULL) {
            (void)closedir(dir);
        }
        free(at);
    }
    while (list != NULL) {
        struct pending *next = list->next;

        free(list);
        list = next;
    }
    return rc;
}

int audit_tiles_end(struct audit_tiles *t, struct audit *a)
{
    int level;

    for (level = -1; level < TILE_LEVELS; level++) {
        const struct edge *e = &t->level[level < 0 ? 0 : level];

        if (e->width > 0) {
            TRY(check_tile(t, a, level, e->n, e->width));
        }
        check_published(a, level);
    }
    return walk(t, a);
}
