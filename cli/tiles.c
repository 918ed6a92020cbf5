/* See tiles.h. Command line. Cost: each record is read and written once, however
 * often it is published, but for the last partial bundle. Must never write what
 * it cannot make again from the segments, nor publish an unsigned root. */
#include "cli/tiles.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ledger.h"
#include "proto/disk.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/wal.h"

#define WIDTH 256u
#define LEVELS 8
#define BUNDLE_MAX ((size_t)WIDTH * (2 + LIMIT_RECORD_BYTES))
/* From here on one sync of the whole file system is cheaper than one a file. */
#define BULK_RECORDS 2048u

struct tile_level {
    uint64_t n;     /* full tiles so far */
    unsigned width; /* hashes in the one under way */
    struct merkle_hash h[WIDTH];
};

struct tiles {
    int ledger_fd; /* owned, like the next two; locked */
    int wal_fd;
    int tmp_fd;
    const char *store; /* borrowed */
    struct ledger_identity id; /* its key signs what is published now */
    int is_turned; /* another key signed what was published before */
    struct checkpoint done; /* what is published */
    uint64_t size;          /* records taken in */
    struct tile_level levels[LEVELS];
    struct buf bundle;
    struct wal_reader *reader; /* stands at size */
    int bulk;                  /* files are synced together at the end */
};

void tile_path(int level, uint64_t n, unsigned width,
               char out[static TILE_PATH_BYTES])
{
    char index[40] = "";
    char groups[8][8];
    unsigned count = 0;
    unsigned used;
    unsigned i;
    uint64_t rest = n;

    do {
        (void)snprintf(groups[count], sizeof(groups[0]), "%03u",
                       (unsigned)(rest % 1000));
        rest /= 1000;
        count++;
    } while (rest > 0);
    for (i = count, used = 0; i-- > 0;) {
        used +=
            (unsigned)snprintf(index + used, sizeof(index) - used, "%s%s%s",
                               i > 0 ? "x" : "", groups[i], i > 0 ? "/" : "");
    }
    used = level < 0 ? (unsigned)snprintf(out, TILE_PATH_BYTES,
                                          "tile/entries/%s", index)
                     : (unsigned)snprintf(out, TILE_PATH_BYTES, "tile/%d/%s",
                                          level, index);
    if (width < WIDTH) {
        (void)snprintf(out + used, TILE_PATH_BYTES - used, ".p/%u", width);
    }
}

/* Makes the folders of path one by one and opens the last; *out_name: the rest.
 * A folder that is new is made durable in its parent. */
static int open_folder(const struct tiles *t, char *path, int *out_fd,
                       const char **out_name)
{
    int fd CLEANUP(fd_closep) = -1;
    char *part = path;
    char *slash;

    TRY(disk_open_dir(t->ledger_fd, ".", &fd));
    while ((slash = strchr(part, '/')) != NULL) {
        int next;
        int made;

        *slash = '\0';
        TRY(disk_mkdir(fd, part, 0755, &made));
        if (made && !t->bulk) {
            TRY(disk_sync_dir(fd));
        }
        TRY(disk_open_dir(fd, part, &next));
        fd_closep(&fd);
        fd = next;
        part = slash + 1;
    }
    *out_name = part;
    *out_fd = fd_take(&fd);
    return 0;
}

static int put_file(const struct tiles *t, const char *path,
                    struct ubytes bytes)
{
    int fd CLEANUP(fd_closep) = -1;
    char copy[TILE_PATH_BYTES];
    const char *name;

    (void)snprintf(copy, sizeof(copy), "%s", path);
    TRY(open_folder(t, copy, &fd, &name));
    return disk_put(&(struct disk_file){.tmp_fd = t->tmp_fd,
                                        .dir_fd = fd,
                                        .name = name,
                                        .mode = 0644,
                                        .durable = !t->bulk},
                    bytes);
}

static int put_tile(const struct tiles *t, int level, uint64_t n,
                    unsigned width, struct ubytes bytes)
{
    char path[TILE_PATH_BYTES];

    tile_path(level, n, width, path);
    return put_file(t, path, bytes);
}

static struct ubytes level_bytes(const struct tile_level *l)
{
    return (struct ubytes){l->h[0].b, l->width * sizeof(l->h[0])};
}

/* Writes a level's full tile and hands its hash up, as far as tiles fill. */
static int carry(struct tiles *t, const struct merkle_hash *leaf)
{
    struct merkle_hash h = *leaf;
    int level;

    for (level = 0; level < LEVELS; level++) {
        struct tile_level *l = &t->levels[level];

        l->h[l->width++] = h;
        if (l->width < WIDTH) {
            return 0;
        }
        TRY(put_tile(t, level, l->n, WIDTH, level_bytes(l)));
        h = merkle_root(l->h, WIDTH);
        l->n++;
        l->width = 0;
    }
    return ERR_TRACE(ERR_INTERNAL); /* 2^64 records */
}

static int add_entry(struct tiles *t, struct ubytes entry,
                     const struct merkle_hash *leaf)
{
    uint64_t bundle_n = t->levels[0].n;

    TRY(buf_put_bytes16(&t->bundle, entry));
    if (t->levels[0].width + 1 == WIDTH) {
        TRY(put_tile(t, -1, bundle_n, WIDTH, buf_bytes(&t->bundle)));
        buf_reset(&t->bundle);
    }
    TRY(carry(t, leaf));
    t->size++;
    return 0;
}

/* Root of what was taken in, from the tiles: other code than the ledger's. */
static struct merkle_hash root_of(const struct tiles *t)
{
    struct merkle_frontier f;
    unsigned level;

    merkle_frontier_init(&f);
    f.size = t->size;
    for (level = 0; level < LEVELS; level++) {
        const struct tile_level *l = &t->levels[level];
        unsigned at = 0;
        unsigned bit;

        for (bit = 8; bit-- > 0;) {
            if ((l->width >> bit & 1) != 0) {
                f.h[8 * level + bit] = merkle_root(&l->h[at], 1u << bit);
                at += 1u << bit;
            }
        }
    }
    return merkle_frontier_root(&f);
}

/* Takes in the records [size, end) from the segments. */
static int read_up_to(struct tiles *t, uint64_t end)
{
    struct merkle_hash leaf;
    struct ubytes entry;
    struct record r;

    if (t->reader == NULL && t->size < end) {
        TRY(wal_reader_open_at(t->wal_fd, t->size, &t->reader));
    }
    while (t->size < end) {
        int code = wal_reader_next(t->reader, &r, &entry, &leaf);

        if (code != 0) {
            return ERR_TRACE(code < 0 ? code : ERR_STORE_DAMAGED);
        }
        TRY(add_entry(t, entry, &leaf));
    }
    return 0;
}

static void restart(struct tiles *t)
{
    wal_reader_close(t->reader);
    t->reader = NULL;
    buf_reset(&t->bundle);
    memset(t->levels, 0, sizeof(t->levels));
    memset(&t->done, 0, sizeof(t->done));
    t->size = 0;
}

static int is_there(const struct tiles *t, const char *path)
{
    int fd CLEANUP(fd_closep) = -1;

    return disk_open(t->ledger_fd, path, O_RDONLY, &fd) == 0;
}

/* vkey, the last bundle and the last tile of level 0 are there: a quick sign
 * that nobody removed the tiles and left the checkpoint. */
static int edge_is_there(const struct tiles *t, uint64_t size)
{
    unsigned width = size % WIDTH == 0 ? WIDTH : (unsigned)(size % WIDTH);
    char bundle[TILE_PATH_BYTES];
    char tile[TILE_PATH_BYTES];

    tile_path(-1, (size - 1) / WIDTH, width, bundle);
    tile_path(0, (size - 1) / WIDTH, width, tile);
    return is_there(t, bundle) && is_there(t, tile) && is_there(t, "vkey");
}

/* The partial tiles of the levels above 0, from disk. */
static int load_edge(struct tiles *t, uint64_t size)
{
    unsigned level;

    for (level = 1; level < LEVELS; level++) {
        struct tile_level *l = &t->levels[level];
        int fd CLEANUP(fd_closep) = -1;
        char path[TILE_PATH_BYTES];
        size_t n = 0;

        l->n = level < 7 ? size >> (8 * level + 8) : 0;
        l->width = (unsigned)(size >> (8 * level) & 0xff);
        if (l->width == 0) {
            continue;
        }
        tile_path((int)level, l->n, l->width, path);
        TRY(disk_open(t->ledger_fd, path, O_RDONLY, &fd));
        TRY(disk_read(fd, 0, l->h[0].b, sizeof(l->h), &n));
        if (n != l->width * sizeof(l->h[0])) {
            return ERR_TRACE(ERR_STORE_DAMAGED);
        }
    }
    return 0;
}

/* Takes the state up where checkpoint c left it; its root is the proof that the
 * edge on disk is right. */
static int load(struct tiles *t, const struct checkpoint *c)
{
    struct merkle_hash root;

    restart(t);
    if (c->size == 0 || !edge_is_there(t, c->size)) {
        return ERR_TRACE(ERR_NOT_FOUND);
    }
    TRY(load_edge(t, c->size));
    t->levels[0].n = c->size / WIDTH;
    t->size = c->size - c->size % WIDTH;
    TRY(read_up_to(t, c->size));
    root = root_of(t);
    if (memcmp(root.b, c->root.b, sizeof(root.b)) != 0) {
        return ERR_TRACE(ERR_STORE_DAMAGED);
    }
    t->done = *c;
    return 0;
}

/* The tiles at the right edge that are not full. */
static int put_edge(const struct tiles *t)
{
    int level;

    if (t->levels[0].width > 0) {
        TRY(put_tile(t, -1, t->levels[0].n, t->levels[0].width,
                     buf_bytes(&t->bundle)));
    }
    for (level = 0; level < LEVELS; level++) {
        const struct tile_level *l = &t->levels[level];

        if (l->width > 0) {
            TRY(put_tile(t, level, l->n, l->width, level_bytes(l)));
        }
    }
    return 0;
}

static int put_note(const struct tiles *t, const struct checkpoint *c,
                    const uint8_t sig[static 64])
{
    struct checkpoint read;
    uint8_t read_sig[64];
    struct buf text;
    int code;

    buf_init(&text, NOTE_BYTES_MAX);
    code = note_vkey(&text, c->origin, t->id.key);
    if (code == 0) {
        code = buf_put_u8(&text, '\n');
    }
    if (code == 0 && (t->done.size == 0 || t->is_turned)) {
        code = put_file(t, "vkey", buf_bytes(&text));
    }
    buf_reset(&text);
    if (code == 0) {
        code = note_write(&text, c, t->id.key, sig);
    }
    if (code == 0 && note_read(buf_bytes(&text), c->origin, t->id.key, &read,
                               read_sig) != 0) {
        code = ERR_TRACE(ERR_STORE_DAMAGED); /* not what the log's key signed */
    }
    if (code == 0 && t->bulk) {
        code = disk_sync_all(t->ledger_fd);
    }
    if (code == 0) {
        code = disk_put(&(struct disk_file){.tmp_fd = t->tmp_fd,
                                            .dir_fd = t->ledger_fd,
                                            .name = "checkpoint",
                                            .mode = 0644,
                                            .durable = 1},
                        buf_bytes(&text));
    }
    buf_release(&text);
    return code;
}

/* Removes <path>.p/ of a tile that is full now. */
static int drop_partials(const struct tiles *t, int level, uint64_t n)
{
    int fd CLEANUP(fd_closep) = -1;
    char path[TILE_PATH_BYTES];
    int code;

    tile_path(level, n, 0, path);
    path[strlen(path) - 2] = '\0'; /* "/0" */
    code = disk_open_dir(t->ledger_fd, path, &fd);
    if (code == ERR_NOT_FOUND) {
        return 0;
    }
    TRY(code);
    TRY(disk_empty_dir(fd));
    return disk_rmdir(t->ledger_fd, path);
}

/* For each level, the tile that was partial at old and is full at size. */
static int drop_replaced(const struct tiles *t, uint64_t old, uint64_t size)
{
    unsigned level;

    for (level = 0; level < LEVELS; level++) {
        uint64_t was = old >> (8 * level);
        uint64_t now = size >> (8 * level);

        if (was % WIDTH == 0 || was / WIDTH == now / WIDTH) {
            continue;
        }
        TRY(drop_partials(t, (int)level, was / WIDTH));
        if (level == 0) {
            TRY(drop_partials(t, -1, was / WIDTH));
        }
    }
    return 0;
}

static int publish(struct tiles *t, const struct checkpoint *c,
                   const uint8_t sig[static 64])
{
    struct merkle_hash root;
    uint64_t old = t->done.size;

    if (c->size == old) {
        return 0;
    }
    ASSERT(c->size > old);
    t->bulk = c->size - t->size >= BULK_RECORDS;
    TRY(read_up_to(t, c->size));
    TRY(put_edge(t));
    root = root_of(t);
    if (memcmp(root.b, c->root.b, sizeof(root.b)) != 0) {
        return ERR_TRACE(ERR_STORE_DAMAGED);
    }
    TRY(put_note(t, c, sig));
    t->done = *c;
    return drop_replaced(t, old, c->size);
}

/* The last whole batch of one segment: its size, root, signature; durable. size
 * stays 0 when there is none. */
static int segment_end(const struct tiles *t, uint64_t first,
                       struct checkpoint *c, uint8_t sig[static 64])
{
    struct wal_segment s = {.fd = -1};
    struct wal_batch b;
    int code = wal_segment_open_direct(t->wal_fd, first, &s);

    while (code == 0) {
        code = wal_segment_next(&s, &b);
        if (code == 0) {
            c->size = b.size;
            c->root = b.root;
            memcpy(sig, b.sig, sizeof(b.sig));
        }
    }
    code = code == WAL_E_END || code == WAL_E_TORN ? 0 : code;
    if (code == 0) { /* a kernel that died may have left it in memory only */
        code = disk_sync(s.fd);
    }
    wal_segment_close(&s);
    return code;
}

static int ledger_last(const struct tiles *t, struct checkpoint *c,
                       uint8_t sig[static 64])
{
    uint64_t *firsts CLEANUP(mem_freep) = NULL;
    size_t n = 0;

    TRY(wal_segments(t->wal_fd, &firsts, &n));
    while (n-- > 0 && c->size == 0) {
        TRY(segment_end(t, firsts[n], c, sig));
    }
    return disk_sync_dir(t->wal_fd);
}

static int place_open(struct tiles *t, const char *store)
{
    int store_fd CLEANUP(fd_closep) = -1;

    TRY(disk_open_dir(AT_FDCWD, store, &store_fd));
    TRY(disk_open_dir(store_fd, "ledger", &t->ledger_fd));
    TRY(disk_open_dir(t->ledger_fd, "wal", &t->wal_fd));
    TRY(disk_open_dir(store_fd, "tmp", &t->tmp_fd));
    return disk_lock(t->ledger_fd);
}

/* The first c->size records hash to c's root. */
static int agrees(const struct tiles *t, const struct checkpoint *c)
{
    struct merkle_frontier f;
    struct merkle_hash leaf, root;
    struct wal_reader *w;
    struct ubytes entry;
    struct record r;
    int code;

    merkle_frontier_init(&f);
    TRY(wal_reader_open_at(t->wal_fd, 0, &w));
    for (code = 0; code == 0 && f.size < c->size;) {
        code = wal_reader_next(w, &r, &entry, &leaf);
        if (code == 0) {
            merkle_frontier_add(&f, &leaf);
        }
    }
    wal_reader_close(w);
    root = merkle_frontier_root(&f);
    if (code < 0) {
        return code;
    }
    return code == 0 && memcmp(root.b, c->root.b, sizeof(root.b)) == 0
               ? 0
               : ERR_TRACE(ERR_STORE_DAMAGED);
}

/* Goes on from the checkpoint that is there. It was signed once: when the
 * records do not lead to it, they were rolled back or forked, and it must stay
 * as the witness of that. Tiles that do not fit it are made again. */
static int resume(struct tiles *t, uint64_t last_size)
{
    struct checkpoint published;
    uint8_t key[32];
    int code = note_read_file(t->ledger_fd, "checkpoint", t->id.origin, NULL,
                              &published);

    if (code == ERR_NOT_FOUND) {
        return 0;
    }
    TRY(code);
    TRY(ledger_key_at(t->store, &t->id, published.size, key));
    TRY(note_read_file(t->ledger_fd, "checkpoint", t->id.origin, key,
                       &published));
    t->is_turned = memcmp(key, t->id.key, sizeof(key)) != 0;
    if (published.size > last_size) {
        return ERR_TRACE(ERR_STORE_DAMAGED);
    }
    code = load(t, &published);
    if (code == 0 || code == ERR_NOMEM) {
        return code;
    }
    restart(t);
    return agrees(t, &published);
}

static int catch_up(struct tiles *t)
{
    struct checkpoint last = {.size = 0};
    uint8_t sig[64];

    memcpy(last.origin, t->id.origin, sizeof(last.origin));
    TRY(ledger_last(t, &last, sig));
    if (last.size == 0) {
        return 0;
    }
    TRY(ledger_key_at(t->store, &t->id, last.size, t->id.key));
    TRY(resume(t, last.size));
    return publish(t, &last, sig);
}

static void tiles_free(struct tiles *t)
{
    wal_reader_close(t->reader);
    buf_release(&t->bundle);
    fd_closep(&t->tmp_fd);
    fd_closep(&t->wal_fd);
    fd_closep(&t->ledger_fd);
    free(t);
}

static int attempt(const char *store, const struct ledger_identity *id)
{
    struct tiles *t = calloc(1, sizeof(*t));
    int code;

    if (t == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    t->ledger_fd = t->wal_fd = t->tmp_fd = -1;
    t->id = *id;
    t->store = store;
    buf_init(&t->bundle, BUNDLE_MAX);
    code = place_open(t, store);
    if (code == 0) {
        code = catch_up(t);
    }
    tiles_free(t);
    return code == DISK_E_LOCKED ? 0 : code;
}

int tiles_catch_up(const char *store, struct diag *d)
{
    struct ledger_identity id;
    int code = ledger_identity(store, &id, d);

    if (code == 0) {
        code = attempt(store, &id);
        if (code == ERR_NOT_FOUND) {
            code = attempt(store, &id); /* a kernel that began emptied tmp/ */
        }
        if (code != 0) {
            (void)diag_set(d, code, (struct loc){store, 0, 0},
                           "the tiles for outside readers were not brought up "
                           "to date: %s",
                           err_text(code));
            diag_hint(d, "no record is lost; the next run tries again");
        }
    }
    return code == ERR_NOT_FOUND ? 0 : code;
}
