/* The order of the checks, what they find, and the checkpoint and key that
 * others are given. */
#include "cli/audit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/audit_int.h"
#include "cli/files.h"
#include "proto/err.h"

static const struct loc NOWHERE = {NULL, 0, 0};

const char *audit_part_name(enum audit_part part)
{
    static const char *const NAMES[AUDIT_PARTS_N] = {
        "ledger", "cut", "entry", "rule", "object", "signed", "derived", "file"};

    return NAMES[part];
}

/* Keeps the damage that stands first in the ledger, part by part. */
static void keep(struct audit *a, const struct audit_finding *f)
{
    struct audit_damage *d = &a->damage[f->part];

    a->out->count[f->grade]++;
    if (f->grade != AUDIT_DAMAGE) {
        return;
    }
    if (d->n++ > 0 && f->seq >= d->seq) {
        return;
    }
    d->seq = f->seq;
    d->label[0] = '\0';
    (void)snprintf(d->where, sizeof(d->where), "%s", f->where);
    (void)snprintf(d->what, sizeof(d->what), "%s", f->what);
}

PRINTF_LIKE(6, 0)
static void find_v(struct audit *a, enum audit_grade grade,
                   enum audit_part part, uint64_t seq, const char *where,
                   const char *fmt, va_list ap)
{
    char what[256];
    char below[160]; /* tiles are named from ledger/, people look from STORE */
    struct audit_finding f = {grade, part, seq, where, what};

    if (part == AUDIT_DERIVED && strncmp(where, "tile/", 5) == 0) {
        (void)snprintf(below, sizeof(below), "ledger/%s", where);
        f.where = below;
    }

    (void)vsnprintf(what, sizeof(what), fmt, ap);
    keep(a, &f);
    if (a->ears->finding != NULL) {
        a->ears->finding(a->ears->ctx, &f);
    }
}

void audit_find(struct audit *a, enum audit_grade grade, enum audit_part part,
                uint64_t seq, const char *where, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    find_v(a, grade, part, seq, where, fmt, ap);
    va_end(ap);
}

void audit_find_record(struct audit *a, enum audit_grade grade, uint64_t seq,
                       const char *fmt, ...)
{
    char where[48];
    va_list ap;

    (void)snprintf(where, sizeof(where), "record %" PRIu64, seq);
    va_start(ap, fmt);
    find_v(a, grade, AUDIT_RULE, seq, where, fmt, ap);
    va_end(ap);
}

/* Reads STORE/ledger/<name>. */
static int read_small(const struct audit *a, const char *name, struct buf *out)
{
    char path[PATH_MAX];

    (void)snprintf(path, sizeof(path), "%s/ledger/%s", a->store, name);
    return files_read_plain(path, NOTE_BYTES_MAX, out);
}

/* The published checkpoint: of this log, signed by its key. */
static int check_checkpoint(struct audit *a)
{
    struct buf text;
    int rc;

    buf_init(&text, NOTE_BYTES_MAX);
    rc = read_small(a, "checkpoint", &text);
    if (rc == ERR_NOT_FOUND) {
        audit_find(a, AUDIT_WARNING, AUDIT_SIGNED, AUDIT_NO_SEQ, "ledger/checkpoint",
                   "is missing; the next run writes it again");
        rc = 0;
    } else if (rc == 0 && ledger_note(a->store, &a->id, buf_bytes(&text),
                                      &a->published) != 0) {
        memset(&a->published, 0, sizeof(a->published));
        audit_find(a, AUDIT_DAMAGE, AUDIT_SIGNED, AUDIT_NO_SEQ, "ledger/checkpoint",
                   "is not a checkpoint that this log's key signed");
    } else if (rc != 0 && rc != ERR_NOMEM) {
        audit_find(a, AUDIT_DAMAGE, AUDIT_SIGNED, AUDIT_NO_SEQ, "ledger/checkpoint", "cannot be read: %s",
                   err_text(rc));
        rc = 0;
    }
    a->out->checkpoint_size = a->published.size;
    if (rc == 0) {
        rc = audit_heads_begin(a, buf_bytes(&text));
    }
    buf_release(&text);
    return rc;
}

/* The line for this key, with or without its newline. */
static int is_vkey(const struct audit *a, struct ubytes have,
                   const uint8_t key[static 32], int *out)
{
    struct buf want;
    struct ubytes w;
    int rc;

    buf_init(&want, NOTE_BYTES_MAX);
    rc = note_vkey(&want, a->id.origin, key);
    if (rc == 0) {
        rc = buf_put_u8(&want, '\n');
    }
    w = buf_bytes(&want);
    *out = rc == 0 && have.n + 1 >= w.n && have.n <= w.n &&
           memcmp(w.p, have.p, have.n) == 0;
    buf_release(&want);
    return rc;
}

/* The key that outsiders are given signs the published checkpoint, or already the
 * ledger's end. */
static int check_vkey(struct audit *a)
{
    struct buf have;
    uint8_t key[32];
    int is_good = 0;
    int rc;
    int got;

    buf_init(&have, NOTE_BYTES_MAX);
    got = read_small(a, "vkey", &have);
    rc = ledger_key_at(a->store, &a->id, a->published.size, key);
    if (rc == 0) {
        rc = is_vkey(a, buf_bytes(&have), key, &is_good);
    }
    if (rc == 0 && !is_good) {
        rc = is_vkey(a, buf_bytes(&have), a->id.key, &is_good);
    }
    if (rc == 0 && got == ERR_NOT_FOUND) {
        audit_find(a, AUDIT_WARNING, AUDIT_SIGNED, AUDIT_NO_SEQ, "ledger/vkey",
                   "is missing; the next run writes it again");
    } else if (rc == 0 && (got != 0 || !is_good)) {
        audit_find(a, AUDIT_DAMAGE, AUDIT_SIGNED, AUDIT_NO_SEQ, "ledger/vkey",
                   "is not the key that the records name");
    }
    buf_release(&have);
    return rc;
}

static int make_parts(struct audit *a)
{
    TRY(audit_links_new(&a->links));
    TRY(audit_state_new(&a->state));
    TRY(audit_train_new(&a->train));
    if (a->full) {
        TRY(audit_tiles_new(&a->tiles));
        TRY(audit_objects_new(&a->objects));
        TRY(audit_data_new(&a->data));
    }
    return 0;
}

static int run_all(struct audit *a, int wal_fd)
{
    int rc;

    TRY(make_parts(a));
    TRY(check_checkpoint(a));
    TRY(check_vkey(a));
    rc = audit_walk(a, wal_fd);
    if (rc == 0 && a->full && !a->has_gap) {
        TRY(audit_tiles_end(a->tiles, a));
    }
    /* What was read of the records is worth checking even when some are bad. */
    if ((rc == 0 || rc == AUDIT_E_STOP) && a->full) {
        TRY(audit_objects_end(a->objects, a));
        TRY(audit_files(a));
        audit_index(a);
    }
    return rc < 0 ? rc : 0;
}

/* No record: as it should be before the first run, unless one was signed. */
static int see_nothing(struct audit *a, struct diag *d)
{
    static const char *const SIGNS[] = {"checkpoint", "vkey"};
    char path[PATH_MAX];
    size_t i;

    diag_init(d);
    for (i = 0; i < ARRAY_N(SIGNS); i++) {
        (void)snprintf(path, sizeof(path), "%s/ledger/%s", a->store, SIGNS[i]);
        if (access(path, F_OK) == 0) {
            audit_find(a, AUDIT_DAMAGE, AUDIT_CUT, 0, "ledger/wal",
                       "holds no whole batch, but there is a %s", SIGNS[i]);
            return 0;
        }
    }
    (void)snprintf(path, sizeof(path), "%s/ledger/wal", a->store);
    if (access(path, F_OK) != 0) {
        audit_find(a, AUDIT_DAMAGE, AUDIT_CUT, 0, "ledger/wal", "is missing");
        return 0;
    }
    audit_find(a, AUDIT_NOTE, AUDIT_LEDGER, AUDIT_NO_SEQ, "ledger/wal", "no record was written yet");
    return 0;
}

/* Origin and key as outsiders have them, when record 0 cannot be read: enough to
 * see which records that key signed. True when there are some. */
static int identity_from_vkey(struct audit *a)
{
    struct buf text;
    char line[NOTE_ORIGIN_BYTES + 64] = "";
    int is_there;

    buf_init(&text, sizeof(line) - 1);
    is_there = read_small(a, "vkey", &text) == 0 && buf_len(&text) > 0;
    if (is_there) {
        memcpy(line, buf_bytes(&text).p, buf_len(&text));
        line[strcspn(line, "\n")] = '\0';
        is_there = note_vkey_parse(line, a->id.origin, a->id.key) == 0;
        memcpy(a->id.first_key, a->id.key, sizeof(a->id.key));
    }
    err_trace_clear();
    buf_release(&text);
    return is_there;
}

/* Record 0, without which nothing can be checked; then all else. */
static int begin(struct audit *a, struct diag *d)
{
    CLEANUP(fd_closep) int wal_fd = -1;
    char path[PATH_MAX];
    int rc = ledger_identity(a->store, &a->id, d);

    if (rc == ERR_NOMEM || rc == ERR_ACCESS) {
        return rc;
    }
    (void)snprintf(path, sizeof(path), "%s/ledger/wal/%016x.wal", a->store, 0);
    if (rc == ERR_NOT_FOUND &&
        (access(path, F_OK) != 0 || !identity_from_vkey(a))) {
        return see_nothing(a, d);
    }
    if (rc != 0 && !identity_from_vkey(a)) {
        audit_find(a, AUDIT_DAMAGE, AUDIT_LEDGER, 0, "ledger/wal", "%s",
                   d->what);
        diag_init(d);
        return 0;
    }
    diag_init(d);
    (void)snprintf(path, sizeof(path), "%s/ledger/wal", a->store);
    wal_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (wal_fd < 0) {
        return diag_set(d, err_from_errno(errno), NOWHERE,
                        "cannot open ledger/wal: %s", strerror(errno));
    }
    rc = run_all(a, wal_fd);
    if (rc < 0 && d->what[0] == '\0') {
        (void)diag_set(d, rc, NOWHERE, "the check could not go on: %s",
                       err_text(rc));
    }
    return rc;
}

int audit_run(const char *store, int full, const struct audit_ears *ears,
              struct audit_result *out, struct diag *d)
{
    struct audit a = {.store = store, .full = full, .ears = ears, .out = out};
    int rc;

    memset(out, 0, sizeof(*out));
    rc = begin(&a, d);
    if (rc >= 0) {
        audit_verdict(&a);
    }
    audit_links_free(a.links);
    audit_state_free(a.state);
    audit_tiles_free(a.tiles);
    audit_objects_free(a.objects);
    audit_data_free(a.data);
    audit_train_free(a.train);
    return rc;
}
