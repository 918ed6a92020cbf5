/* See cosigning.h. Command line. Must never drop the log's own signature from the
 * checkpoint, nor count a cosignature that it did not check. */
#include "cli/cosigning.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/files.h"
#include "cli/published.h"
#include "cli/tiles.h"
#include "proto/add_checkpoint.h"
#include "proto/disk.h"
#include "proto/err.h"
#include "proto/note_text.h"

#define ROUNDS_MAX 4
#define REPLY_BYTES_MAX 65536
#define TILE_BYTES 8192
#define LOCK_TRIES 400
#define LOCK_WAIT_NS 5000000

static const struct loc NOWHERE = {NULL, 0, 0};

/* What asking needs. */
struct asking {
    const char *store;
    struct cosigning *out;
    struct published at;
    struct buf lines; /* new cosignatures */
    uint32_t fresh;   /* of these witnesses */
};

static int policy_path(const char *store, char out[static PATH_MAX])
{
    return snprintf(out, PATH_MAX, "%s/%s", store, COSIGNING_FILE) < PATH_MAX
               ? 0
               : ERR_TRACE(ERR_LIMIT);
}

int cosigning_policy(const char *store, struct tlog_policy *out,
                     struct diag *d)
{
    char path[PATH_MAX];
    struct buf text;
    int rc;

    buf_init(&text, TLOG_POLICY_BYTES_MAX);
    rc = policy_path(store, path);
    if (rc == 0) {
        rc = files_read(path, TLOG_POLICY_BYTES_MAX, &text);
    }
    if (rc != 0) {
        (void)diag_set(d, rc, NOWHERE,
                       rc == ERR_NOT_FOUND ? "this store has no witnesses"
                                           : "%s/witnesses cannot be read",
                       store);
    } else {
        rc = tlog_policy_read(buf_bytes(&text), "witnesses", out, d);
    }
    buf_release(&text);
    return rc;
}

int cosigning_policy_put(const char *store, const struct tlog_policy *p,
                         struct diag *d)
{
    char path[PATH_MAX];
    struct buf text;
    int rc;

    buf_init(&text, TLOG_POLICY_BYTES_MAX);
    rc = policy_path(store, path);
    if (rc == 0) {
        rc = tlog_policy_write(&text, p);
    }
    if (rc == 0) {
        rc = files_write(path, buf_bytes(&text));
    }
    buf_release(&text);
    return rc == 0 ? 0
                   : diag_set(d, rc, NOWHERE, "cannot write %.150s: %s", path,
                              err_text(rc));
}

/* Hash of a complete subtree, from the published tiles: a tile that is wrong makes
 * a proof that the witness refuses. */
static int subtree(void *ctx, unsigned level, uint64_t i,
                   struct merkle_hash *out)
{
    struct asking *a = ctx;
    unsigned tile_level = level / 8;
    unsigned up = level % 8;
    uint64_t first = i << up;
    uint64_t tile = first >> 8;
    uint64_t have = a->at.at.size >> (8 * tile_level);
    unsigned width = tile < have >> 8 ? 256u : (unsigned)(have & 255);
    struct merkle_hash h[256];
    char name[TILE_PATH_BYTES];
    char path[PATH_MAX];
    struct buf bytes;
    int rc;

    tile_path((int)tile_level, tile, width, name);
    (void)snprintf(path, sizeof(path), "%s/ledger/%s", a->store, name);
    buf_init(&bytes, TILE_BYTES);
    rc = files_read(path, TILE_BYTES, &bytes);
    if (rc == 0 && buf_len(&bytes) != width * sizeof(h[0])) {
        rc = ERR_TRACE(ERR_STORE_DAMAGED);
    }
    if (rc == 0) {
        memcpy(h, buf_bytes(&bytes).p, buf_len(&bytes));
        *out = merkle_root(&h[first & 255], (uint64_t)1 << up);
    }
    buf_release(&bytes);
    return rc;
}

static int build(struct asking *a, uint64_t old, struct buf *out)
{
    struct add_checkpoint q = {.old_size = old,
                               .note = buf_bytes(&a->at.note)};
    struct merkle_hash proof[MERKLE_PROOF_MAX];

    if (old > 0 && old < a->at.at.size) {
        TRY(merkle_prove_consistency(old, a->at.at.size, subtree, a, proof,
                                     &q.proof_n));
        if (q.proof_n > ADD_CHECKPOINT_PROOF_MAX) {
            return ERR_TRACE(ERR_LIMIT);
        }
        memcpy(q.proof, proof, q.proof_n * sizeof(proof[0]));
    }
    buf_reset(out);
    return add_checkpoint_write(out, &q);
}

static void set_row(struct cosigning_row *r, enum cosigning_state state,
                    const char *why)
{
    r->state = state;
    (void)snprintf(r->why, sizeof(r->why), "%s", why);
}

/* 200: the lines, as far as they are its own and good. */
static int take_lines(struct asking *a, unsigned i, struct ubytes reply)
{
    const struct cosigner *c = &a->out->policy.witnesses[i].cosigner;
    struct cosigning_row *r = &a->out->rows[i];
    struct checkpoint ignored;
    struct ubytes body = buf_bytes(&a->at.note);
    unsigned n = 0;
    int rc;

    TRY(note_peek(body, &ignored, &body.n));
    rc = cosign_pick(reply, body, c, &a->lines, &n);
    if (rc == ERR_NOMEM || rc == ERR_LIMIT) {
        return rc;
    }
    err_trace_clear();
    if (rc != 0 || n == 0) {
        set_row(r, COSIGNING_REFUSED, "its answer is not its cosignature");
        return 0;
    }
    a->fresh |= (uint32_t)1 << i;
    r->size = a->at.at.size;
    set_row(r, COSIGNING_DONE, "");
    return 0;
}

/* 409: what it holds. True when the request is to be made again from *old. */
static int conflict(struct asking *a, unsigned i, struct ubytes reply,
                    uint64_t *old)
{
    struct cosigning_row *r = &a->out->rows[i];
    struct note_text rest = {(const char *)reply.p, reply.n};
    struct note_text line;
    uint64_t size = a->at.at.size;

    if (!note_take_line(&rest, &line) || rest.n > 0 ||
        !note_parse_u64(line, &r->size)) {
        set_row(r, COSIGNING_REFUSED, "409 without a size");
        return 0;
    }
    if (r->size > size) {
        set_row(r, COSIGNING_AHEAD, "");
        return 0;
    }
    if (r->size == *old) {
        set_row(r, r->size == size ? COSIGNING_FORK : COSIGNING_REFUSED,
                "409 with the size that was named");
        return 0;
    }
    *old = r->size;
    return 1;
}

static int is_cosigned(const struct asking *a, unsigned i)
{
    uint64_t time_s;

    return cosign_check(buf_bytes(&a->at.note),
                        &a->out->policy.witnesses[i].cosigner, &time_s) == 0;
}

/* What an answer means; true when it is to be asked again. */
static int hear(struct asking *a, unsigned i, unsigned status,
                struct ubytes reply, uint64_t *old, int *out_again)
{
    struct cosigning_row *r = &a->out->rows[i];
    char why[WITNESS_WHY_BYTES];

    *out_again = 0;
    if (status == 200) {
        return take_lines(a, i, reply);
    }
    if (status == 409) {
        uint64_t named = *old;

        *out_again = conflict(a, i, reply, old);
        r->lost = r->lost || (*out_again && named == a->at.at.size);
        return 0;
    }
    (void)snprintf(why, sizeof(why), "it answered %u", status);
    if (status == 404) {
        set_row(r, COSIGNING_UNKNOWN, "it does not know this log");
    } else if (status == 422) {
        r->size = *old;
        set_row(r, COSIGNING_FORK, "");
    } else if (status >= 500) {
        set_row(r, COSIGNING_AWAY, why);
    } else {
        set_row(r, COSIGNING_REFUSED, why);
    }
    return 0;
}

/* One witness: first as if it held what it cosigned here last, else what it says
 * itself. */
static int ask_one(struct asking *a, unsigned i)
{
    const char *url = a->out->policy.witnesses[i].url;
    struct cosigning_row *r = &a->out->rows[i];
    uint64_t old = is_cosigned(a, i) ? a->at.at.size : 0;
    char why[WITNESS_WHY_BYTES];
    struct buf body;
    struct buf reply;
    unsigned status = 0;
    int again = url[0] != '\0';
    int round;
    int rc = 0;

    memset(r, 0, sizeof(*r));
    buf_init(&body, ADD_CHECKPOINT_BYTES_MAX);
    buf_init(&reply, REPLY_BYTES_MAX);
    for (round = 0; rc == 0 && again && round < ROUNDS_MAX; round++) {
        set_row(r, COSIGNING_REFUSED, "it changes its mind");
        rc = build(a, old, &body);
        buf_reset(&reply);
        if (rc == 0 && witness_ask(url, buf_bytes(&body), &status, &reply,
                                   why) != 0) {
            char told[WITNESS_WHY_BYTES];

            (void)snprintf(told, sizeof(told), "%.80s: %.76s", url, why);
            memcpy(r->why, told, sizeof(r->why));
            r->state = COSIGNING_AWAY;
            err_trace_clear();
            break;
        }
        if (rc == 0) {
            rc = hear(a, i, status, buf_bytes(&reply), &old, &again);
        }
    }
    buf_release(&body);
    buf_release(&reply);
    return rc;
}

/* Keeping. */

static int lock(int fd)
{
    const struct timespec pause = {0, LOCK_WAIT_NS};
    int i;

    for (i = 0; i < LOCK_TRIES; i++) {
        int rc = disk_lock(fd);

        if (rc != DISK_E_LOCKED) {
            return rc;
        }
        (void)nanosleep(&pause, NULL);
    }
    return ERR_TRACE(ERR_STORE_BUSY);
}

/* The note with the new lines in place of old ones of the same witnesses. */
static int merge(const struct asking *a, struct ubytes note, struct buf *out)
{
    struct buf from;
    unsigned i;
    int rc;

    buf_init(&from, NOTE_BYTES_MAX);
    rc = buf_put(out, note.p, note.n);
    for (i = 0; rc == 0 && i < a->out->policy.witnesses_n; i++) {
        if ((a->fresh >> i & 1) == 0) {
            continue;
        }
        buf_reset(&from);
        rc = buf_put(&from, buf_bytes(out).p, buf_len(out));
        buf_reset(out);
        if (rc == 0) {
            rc = cosign_strip(buf_bytes(&from),
                              &a->out->policy.witnesses[i].cosigner, out);
        }
    }
    if (rc == 0) {
        rc = buf_put(out, buf_bytes(&a->lines).p, buf_len(&a->lines));
    }
    buf_release(&from);
    return rc;
}

static int keep_locked(struct asking *a, int store_fd, int ledger_fd)
{
    int tmp CLEANUP(fd_closep) = -1;
    struct published now;
    struct buf note;
    struct diag ignored;
    int rc;

    diag_init(&ignored);
    published_init(&now);
    buf_init(&note, NOTE_BYTES_MAX);
    rc = published_read(a->store, &now, &ignored);
    if (rc == 0 && now.at.size == a->at.at.size) {
        rc = merge(a, buf_bytes(&now.note), &note);
        if (rc == 0) {
            rc = disk_open_dir(store_fd, "tmp", &tmp);
        }
        if (rc == 0) {
            rc = disk_put(&(struct disk_file){.tmp_fd = tmp,
                                              .dir_fd = ledger_fd,
                                              .name = "checkpoint",
                                              .mode = 0644,
                                              .durable = 1},
                          buf_bytes(&note));
        }
    } /* else somebody published more meanwhile, and asks for that */
    published_release(&now);
    buf_release(&note);
    return rc;
}

static int keep(struct asking *a)
{
    int store CLEANUP(fd_closep) = -1;
    int ledger CLEANUP(fd_closep) = -1;
    int rc;

    TRY(disk_open_dir(AT_FDCWD, a->store, &store));
    TRY(disk_open_dir(store, "ledger", &ledger));
    TRY(lock(ledger));
    rc = keep_locked(a, store, ledger);
    if (rc == ERR_NOT_FOUND) { /* a kernel that began emptied tmp/ */
        rc = keep_locked(a, store, ledger);
    }
    return rc;
}

/* Judging. */

static int contradicts(const struct cosigning *c, struct diag *d)
{
    unsigned i;

    for (i = 0; i < c->policy.witnesses_n; i++) {
        const struct cosigning_row *r = &c->rows[i];
        const char *name = c->policy.witnesses[i].name;

        if (r->state == COSIGNING_AHEAD) {
            (void)diag_set(d, ERR_STORE_DAMAGED, NOWHERE,
                           "restored from an older copy? the witness %.60s "
                           "cosigned %" PRIu64 " records, here are %" PRIu64
                           ": %" PRIu64 " are missing",
                           name, r->size, c->size, r->size - c->size);
            diag_hint(d, "put the newer copy back; nothing more was signed");
            return ERR_STORE_DAMAGED;
        }
        if (r->state == COSIGNING_FORK) {
            (void)diag_set(d, ERR_STORE_DAMAGED, NOWHERE,
                           "the witness %.60s cosigned another tree of %" PRIu64
                           " records: this ledger is a fork of that",
                           name, r->size);
            diag_hint(d, "`proctor verify --full` tells whether tiles are "
                         "damaged; nothing more was signed");
            return ERR_STORE_DAMAGED;
        }
    }
    return 0;
}

static int judge(const struct cosigning *c, struct diag *d)
{
    uint32_t done = 0;
    const char *name = "";
    const char *why = "it has no URL";
    unsigned i;

    TRY(contradicts(c, d));
    for (i = 0; i < c->policy.witnesses_n; i++) {
        if (c->rows[i].state == COSIGNING_DONE) {
            done |= (uint32_t)1 << i;
        } else if (name[0] == '\0') {
            name = c->policy.witnesses[i].name;
            why = c->rows[i].why;
        }
        if (c->rows[i].lost) {
            (void)fprintf(stderr,
                          "proctor: note: the witness %s had cosigned %" PRIu64
                          " records and has forgotten it\n",
                          c->policy.witnesses[i].name, c->size);
        }
    }
    if (tlog_policy_met(&c->policy, done)) {
        return 0;
    }
    (void)diag_set(d, ERR_REFUSED, NOWHERE,
                   "%d of %u witnesses cosigned, which is no quorum; %.60s: "
                   "%.120s",
                   __builtin_popcount(done), c->policy.witnesses_n, name, why);
    diag_hint(d, "nothing is lost; start the witness (proctor witness serve), "
                 "then `proctor witness sync` asks again");
    return ERR_REFUSED;
}

/* One round over all of them, for what is published now. */
static int ask_all(struct asking *a, struct diag *d)
{
    uint32_t had = 0;
    uint32_t bad;
    unsigned i;
    int rc = tiles_catch_up(a->store, d);

    if (rc == 0) {
        rc = published_read(a->store, &a->at, d);
    }
    if (rc == ERR_NOT_FOUND) {
        (void)diag_set(d, ERR_STORE_DAMAGED, NOWHERE,
                       "the store names witnesses, but its ledger is gone");
        diag_hint(d, "put the ledger back from a copy");
        return ERR_STORE_DAMAGED;
    }
    if (rc != 0) {
        return rc;
    }
    a->out->size = a->at.at.size;
    a->fresh = 0;
    buf_reset(&a->lines);
    rc = tlog_policy_cosigned(&a->out->policy, buf_bytes(&a->at.note), &had,
                              &bad);
    for (i = 0; rc == 0 && i < a->out->policy.witnesses_n; i++) {
        rc = ask_one(a, i);
    }
    if (rc == 0 && (a->fresh & ~had) != 0) {
        rc = keep(a);
    }
    return rc == 0 ? 0
                   : diag_set(d, rc, NOWHERE,
                              "the witnesses could not be asked: %s",
                              err_text(rc));
}

/* A witness that is ahead of what was published may have been told by another
 * command of this store meanwhile: only what is still behind then is old. */
static int is_ahead(const struct cosigning *c)
{
    unsigned i;

    for (i = 0; i < c->policy.witnesses_n; i++) {
        if (c->rows[i].state == COSIGNING_AHEAD) {
            return 1;
        }
    }
    return 0;
}

int cosigning_ask(const char *store, struct cosigning *out, struct diag *d)
{
    struct asking a = {.store = store, .out = out};
    int round;
    int rc;

    memset(out, 0, sizeof(*out));
    rc = cosigning_policy(store, &out->policy, d);
    if (rc != 0) {
        return rc;
    }
    published_init(&a.at);
    buf_init(&a.lines, NOTE_BYTES_MAX);
    for (round = 0; round < ROUNDS_MAX; round++) {
        uint64_t before = out->size;

        rc = ask_all(&a, d);
        if (rc != 0 || !is_ahead(out) || (round > 0 && out->size == before)) {
            break;
        }
    }
    if (rc == 0) {
        rc = judge(out, d);
    }
    published_release(&a.at);
    buf_release(&a.lines);
    return rc;
}
