/* See witness_state.h. Process `proctor witness`. */
#include "cli/witness_state.h"

#include <dirent.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/add_checkpoint.h"
#include "proto/disk.h"
#include "proto/err.h"
#include "proto/note_text.h"

#define HASH_NAME_BYTES 33
#define LOG_KEYS_MAX 16
#define SMALL_BYTES_MAX 16384

struct witness {
    struct cosigner self;
    uint8_t secret[64];
    int dir_fd; /* owned, as the next three */
    int logs_fd;
    int heads_fd;
    int lock_fd;
    int failed; /* an ERR_* after which nothing is cosigned */
};

/* What is known of one log. */
struct log {
    char name[HASH_NAME_BYTES];
    uint8_t keys[LOG_KEYS_MAX][32];
    size_t keys_n;
};

static const struct loc NOWHERE = {NULL, 0, 0};

static void file_name(const char *origin, char out[static HASH_NAME_BYTES])
{
    uint8_t hash[crypto_hash_sha256_BYTES];

    (void)crypto_hash_sha256(hash, (const uint8_t *)origin, strlen(origin));
    (void)sodium_bin2hex(out, HASH_NAME_BYTES, hash, (HASH_NAME_BYTES - 1) / 2);
}

/* A whole small file; room is the caller's. */
static int read_small(int dir_fd, const char *name, struct buf *out)
{
    int fd CLEANUP(fd_closep) = -1;
    uint8_t *room;
    size_t n;

    TRY(disk_open(dir_fd, name, O_RDONLY, &fd));
    TRY(buf_extend(out, SMALL_BYTES_MAX, &room));
    TRY(disk_read(fd, 0, room, SMALL_BYTES_MAX, &n));
    buf_truncate(out, n);
    return n < SMALL_BYTES_MAX ? 0 : ERR_TRACE(ERR_LIMIT);
}

static int put_small(int dir_fd, const char *name, mode_t mode,
                     struct ubytes bytes)
{
    return disk_put(&(struct disk_file){.tmp_fd = dir_fd,
                                        .dir_fd = dir_fd,
                                        .name = name,
                                        .mode = mode,
                                        .durable = 1},
                    bytes);
}

/* Opening. */

static int read_self(struct witness *w)
{
    struct buf text;
    struct note_text rest;
    struct note_text line = {NULL, 0};
    char vkey[512];
    int rc;

    buf_init(&text, SMALL_BYTES_MAX);
    rc = read_small(w->dir_fd, "vkey", &text);
    rest = (struct note_text){(const char *)buf_bytes(&text).p, buf_len(&text)};
    if (rc == 0 && (!note_take_line(&rest, &line) || rest.n > 0 ||
                    line.n >= sizeof(vkey))) {
        rc = ERR_TRACE(ERR_STORE_DAMAGED);
    }
    if (rc == 0) {
        memcpy(vkey, line.p, line.n);
        vkey[line.n] = '\0';
        rc = cosigner_parse(vkey, &w->self) == 0 ? 0
                                                 : ERR_TRACE(ERR_STORE_DAMAGED);
    }
    buf_release(&text);
    return rc;
}

static int load_key(struct witness *w)
{
    uint8_t key[32];
    struct buf seed;
    int rc;

    buf_init(&seed, SMALL_BYTES_MAX);
    rc = read_small(w->dir_fd, "key", &seed);
    if (rc == 0 && buf_len(&seed) != crypto_sign_SEEDBYTES) {
        rc = ERR_TRACE(ERR_STORE_DAMAGED);
    }
    if (rc == 0) {
        (void)crypto_sign_seed_keypair(key, w->secret, buf_bytes(&seed).p);
        rc = memcmp(key, w->self.key, sizeof(key)) == 0
                 ? 0
                 : ERR_TRACE(ERR_STORE_DAMAGED);
        sodium_memzero((void *)(uintptr_t)buf_bytes(&seed).p, buf_len(&seed));
    }
    buf_release(&seed);
    return rc;
}

static int open_steps(struct witness *w, const char *dir, enum witness_use use,
                      const char **out_what)
{
    *out_what = dir;
    TRY(disk_open_dir(AT_FDCWD, dir, &w->dir_fd));
    *out_what = "vkey";
    TRY(read_self(w));
    *out_what = "logs";
    TRY(disk_open_dir(w->dir_fd, "logs", &w->logs_fd));
    *out_what = "heads";
    TRY(disk_open_dir(w->dir_fd, "heads", &w->heads_fd));
    if (use == WITNESS_LOOK) {
        return 0;
    }
    *out_what = "lock";
    TRY(disk_open(w->dir_fd, "lock", O_RDWR, &w->lock_fd));
    if (disk_lock(w->lock_fd) != 0) {
        return ERR_TRACE(ERR_STORE_BUSY);
    }
    *out_what = "key";
    return load_key(w);
}

int witness_open(const char *dir, enum witness_use use, struct witness **out,
                 struct diag *d)
{
    struct witness *w = calloc(1, sizeof(*w));
    const char *what;
    int rc;

    if (w == NULL || sodium_init() < 0) {
        free(w);
        return diag_set(d, ERR_NOMEM, NOWHERE, "out of memory");
    }
    w->dir_fd = w->logs_fd = w->heads_fd = w->lock_fd = -1;
    rc = open_steps(w, dir, use, &what);
    if (rc == 0) {
        *out = w;
        return 0;
    }
    if (rc == ERR_STORE_BUSY) {
        (void)diag_set(d, rc, NOWHERE,
                       "%.120s is served by another process", dir);
    } else {
        (void)diag_set(d, rc, NOWHERE, "no witness can be opened in %.120s: "
                       "%.60s: %s", dir, what, err_text(rc));
        diag_hint(d, "`proctor witness init --dir %.60s --name NAME` makes one",
                  dir);
    }
    witness_close(w);
    return rc;
}

void witness_close(struct witness *w)
{
    if (w == NULL) {
        return;
    }
    fd_closep(&w->lock_fd);
    fd_closep(&w->heads_fd);
    fd_closep(&w->logs_fd);
    fd_closep(&w->dir_fd);
    sodium_memzero(w, sizeof(*w));
    free(w);
}

const struct cosigner *witness_self(const struct witness *w)
{
    return &w->self;
}

int witness_dir_fd(const struct witness *w)
{
    return w->dir_fd;
}

/* Logs and heads. */

/* ERR_NOT_FOUND: unknown. Each line must be a key of that origin. */
static int load_log(struct witness *w, const char *origin, struct log *out)
{
    struct buf text;
    struct note_text rest;
    struct note_text line;
    char vkey[512];
    char name[NOTE_ORIGIN_BYTES];
    int rc;

    file_name(origin, out->name);
    out->keys_n = 0;
    buf_init(&text, SMALL_BYTES_MAX);
    rc = read_small(w->logs_fd, out->name, &text);
    rest = (struct note_text){(const char *)buf_bytes(&text).p, buf_len(&text)};
    while (rc == 0 && rest.n > 0) {
        if (!note_take_line(&rest, &line) || line.n >= sizeof(vkey) ||
            out->keys_n == LOG_KEYS_MAX) {
            rc = ERR_TRACE(ERR_STORE_DAMAGED);
            break;
        }
        memcpy(vkey, line.p, line.n);
        vkey[line.n] = '\0';
        if (note_vkey_parse(vkey, name, out->keys[out->keys_n]) != 0 ||
            strcmp(name, origin) != 0) {
            rc = ERR_TRACE(ERR_STORE_DAMAGED);
        }
        out->keys_n++;
    }
    buf_release(&text);
    return rc;
}

/* The head of a log that is known; it is there since the log was made known. */
static int load_head(struct witness *w, const char *name,
                     struct checkpoint *out)
{
    struct buf note;
    uint64_t time_s;
    size_t body_n;
    int rc;

    buf_init(&note, SMALL_BYTES_MAX);
    rc = read_small(w->heads_fd, name, &note);
    if (rc == ERR_NOT_FOUND ||
        (rc == 0 && (note_peek(buf_bytes(&note), out, &body_n) != 0 ||
                     cosign_check(buf_bytes(&note), &w->self, &time_s) != 0))) {
        rc = ERR_TRACE(ERR_STORE_DAMAGED);
    }
    buf_release(&note);
    return rc;
}

/* Body of the head, an empty line, our line over it. line may be NULL: made. */
static int put_head(struct witness *w, const char *name,
                    const struct checkpoint *at, uint64_t now_s)
{
    struct buf note;
    struct buf body;
    int rc;

    buf_init(&note, SMALL_BYTES_MAX);
    buf_init(&body, SMALL_BYTES_MAX);
    rc = note_body(&body, at);
    if (rc == 0) {
        rc = buf_put(&note, buf_bytes(&body).p, buf_len(&body));
    }
    if (rc == 0) {
        rc = buf_put_u8(&note, '\n');
    }
    if (rc == 0) {
        rc = cosign_line(&note, &w->self, w->secret, now_s, buf_bytes(&body));
    }
    if (rc == 0) {
        rc = put_small(w->heads_fd, name, 0644, buf_bytes(&note));
    }
    buf_release(&note);
    buf_release(&body);
    return rc;
}

static int has_key(const struct log *l, const uint8_t key[static 32])
{
    size_t i;

    for (i = 0; i < l->keys_n; i++) {
        if (memcmp(l->keys[i], key, 32) == 0) {
            return 1;
        }
    }
    return 0;
}

static int add_key(struct witness *w, struct log *l, const char *origin,
                   const uint8_t key[static 32])
{
    struct buf text;
    size_t i;
    int rc = 0;

    if (has_key(l, key)) {
        return ERR_TRACE(ERR_EXISTS);
    }
    if (l->keys_n == LOG_KEYS_MAX) {
        return ERR_TRACE(ERR_LIMIT);
    }
    memcpy(l->keys[l->keys_n++], key, 32);
    buf_init(&text, SMALL_BYTES_MAX);
    for (i = 0; rc == 0 && i < l->keys_n; i++) {
        rc = note_vkey(&text, origin, l->keys[i]);
        if (rc == 0) {
            rc = buf_put_u8(&text, '\n');
        }
    }
    if (rc == 0) {
        rc = put_small(w->logs_fd, l->name, 0644, buf_bytes(&text));
    }
    buf_release(&text);
    return rc;
}

/* A log that is new gets the head of the empty tree first. One that has a head
 * already was known once: it keeps that. */
static int add_log(struct witness *w, const char *origin,
                   const uint8_t key[static 32])
{
    struct checkpoint empty = {.size = 0, .root = merkle_empty()};
    struct log l;
    int rc;

    TRY(disk_lock(w->logs_fd) == 0 ? 0 : ERR_TRACE(ERR_STORE_BUSY));
    rc = load_log(w, origin, &l);
    if (rc == ERR_NOT_FOUND) {
        err_trace_clear();
        rc = 0;
        if (faccessat(w->heads_fd, l.name, F_OK, 0) != 0) {
            TRY(load_key(w));
            (void)snprintf(empty.origin, sizeof(empty.origin), "%s", origin);
            rc = put_head(w, l.name, &empty, 0);
        }
    }
    TRY(rc);
    return add_key(w, &l, origin, key);
}

int witness_add(struct witness *w, const char *vkey, struct diag *d)
{
    char origin[NOTE_ORIGIN_BYTES];
    uint8_t key[32];
    int rc;

    if (note_vkey_parse(vkey, origin, key) != 0) {
        err_trace_clear();
        (void)diag_set(d, ERR_INPUT, NOWHERE,
                       "\"%.60s\" is not a log's verifier key", vkey);
        diag_hint(d, "it is the line in ledger/vkey of a store");
        return ERR_INPUT;
    }
    rc = add_log(w, origin, key);
    if (rc != 0) {
        (void)diag_set(d, rc, NOWHERE, "cannot add the log %.80s: %s", origin,
                       rc == ERR_EXISTS ? "this key of it is known"
                                        : err_text(rc));
    }
    return rc;
}

/* The origin of logs/NAME, from its first line. */
static int origin_of(struct witness *w, const char *name,
                     char out[static NOTE_ORIGIN_BYTES])
{
    struct buf text;
    char vkey[512] = "";
    uint8_t key[32];
    size_t n = 0;
    int rc;

    buf_init(&text, SMALL_BYTES_MAX);
    rc = read_small(w->logs_fd, name, &text);
    while (rc == 0 && n < buf_len(&text) && n + 1 < sizeof(vkey) &&
           buf_bytes(&text).p[n] != '\n') {
        vkey[n] = (char)buf_bytes(&text).p[n];
        n++;
    }
    buf_release(&text);
    TRY(rc);
    return note_vkey_parse(vkey, out, key);
}

int witness_each(struct witness *w, witness_log_fn fn, void *ctx)
{
    int fd = fcntl(w->logs_fd, F_DUPFD_CLOEXEC, 0);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;
    int rc = 0;

    if (dir == NULL) {
        fd_closep(&fd);
        return ERR_TRACE(ERR_IO);
    }
    rewinddir(dir);
    while (rc == 0 && (e = readdir(dir)) != NULL) {
        struct checkpoint head = {.size = 0};
        char origin[NOTE_ORIGIN_BYTES];

        if (strlen(e->d_name) != HASH_NAME_BYTES - 1) {
            continue;
        }
        if (origin_of(w, e->d_name, origin) != 0) {
            (void)snprintf(head.origin, sizeof(head.origin), "logs/%.100s",
                           e->d_name);
            rc = fn(ctx, &head, 1);
        } else if (load_head(w, e->d_name, &head) != 0 ||
                   strcmp(head.origin, origin) != 0) {
            (void)snprintf(head.origin, sizeof(head.origin), "%s", origin);
            rc = fn(ctx, &head, 1);
        } else {
            rc = fn(ctx, &head, 0);
        }
        err_trace_clear();
    }
    (void)closedir(dir);
    return rc;
}

/* Answering. */

static int is_signed(const struct log *l, const struct add_checkpoint *q)
{
    size_t i;

    for (i = 0; i < l->keys_n; i++) {
        struct checkpoint at;
        uint8_t sig[64];

        if (note_read(q->note, q->at.origin, l->keys[i], &at, sig) == 0) {
            return 1;
        }
        err_trace_clear();
    }
    return 0;
}

/* Does the new tree contain the old one? An HTTP status. */
static unsigned judge(const struct checkpoint *head,
                      const struct add_checkpoint *q)
{
    int same = memcmp(head->root.b, q->at.root.b, MERKLE_BYTES) == 0;

    if (q->old_size > q->at.size) {
        return 400;
    }
    if (q->old_size != head->size || (q->at.size == head->size && !same)) {
        return 409;
    }
    if (head->size == 0 || head->size == q->at.size) {
        return q->proof_n == 0 ? 200 : 422;
    }
    return merkle_check_consistency(head->size, q->at.size, q->proof,
                                    q->proof_n, &head->root, &q->at.root)
               ? 200
               : 422;
}

static int reply(struct buf *out, unsigned *out_status, unsigned status,
                 const char *text)
{
    *out_status = status;
    return buf_putf(out, "%s\n", text);
}

/* Stored, then cosigned: whoever holds the cosignature knows that it is kept. */
static int accept_head(struct witness *w, const struct log *l,
                       const struct checkpoint *head,
                       const struct add_checkpoint *q, uint64_t now_s,
                       struct buf *out)
{
    if (q->at.size > head->size) {
        int rc = put_head(w, l->name, &q->at, now_s);

        if (rc != 0) {
            w->failed = rc;
            return rc;
        }
    }
    return cosign_line(out, &w->self, w->secret, now_s, q->body);
}

static int answer(struct witness *w, struct ubytes request, uint64_t now_s,
                  unsigned *out_status, struct buf *out)
{
    struct add_checkpoint q;
    struct checkpoint head;
    struct log l;
    int rc;

    if (add_checkpoint_read(request, &q) != 0) {
        return reply(out, out_status, 400, "no add-checkpoint request");
    }
    rc = load_log(w, q.at.origin, &l);
    if (rc == ERR_NOT_FOUND) {
        return reply(out, out_status, 404, "this log is not known here");
    }
    if (rc != 0) {
        return reply(out, out_status, 500, "the keys of this log are damaged");
    }
    if (!is_signed(&l, &q)) {
        return reply(out, out_status, 403, "not signed by a key of this log");
    }
    rc = load_head(w, l.name, &head);
    if (rc != 0 || strcmp(head.origin, q.at.origin) != 0) {
        return reply(out, out_status, 500, "the head of this log is damaged");
    }
    *out_status = judge(&head, &q);
    switch (*out_status) {
    case 200:
        return accept_head(w, &l, &head, &q, now_s, out);
    case 409:
        return buf_putf(out, "%llu\n", (unsigned long long)head.size);
    case 400:
        return reply(out, out_status, 400, "old is above the checkpoint");
    default:
        return reply(out, out_status, 422, "the proof does not lead there");
    }
}

int witness_answer(struct witness *w, struct ubytes request, uint64_t now_s,
                   unsigned *out_status, struct buf *out)
{
    size_t before = buf_len(out);
    int rc = w->failed;

    if (rc == 0) {
        rc = answer(w, request, now_s, out_status, out);
        err_trace_clear();
    }
    if (rc != 0) {
        buf_truncate(out, before);
        *out_status = 500;
        w->failed = rc;
    }
    return rc;
}
