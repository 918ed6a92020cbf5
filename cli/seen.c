/* See seen.h. Command line. Must never replace a head by a smaller one, nor by
 * another of the same size: that would forget what a fork is known by. */
#include "cli/seen.h"

#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/files.h"
#include "proto/disk.h"
#include "proto/err.h"

#define NAME_BYTES 33
#define LOCK_TRIES 200
#define LOCK_WAIT_NS 5000000

static const struct loc NOWHERE = {NULL, 0, 0};

/* A file name for an origin, which may hold any character. */
static void name_of(const char *origin, char out[static NAME_BYTES])
{
    uint8_t hash[crypto_hash_sha256_BYTES];

    (void)crypto_hash_sha256(hash, (const uint8_t *)origin, strlen(origin));
    (void)sodium_bin2hex(out, NAME_BYTES, hash, (NAME_BYTES - 1) / 2);
}

/* The folder above the one of heads, and what is to be made below it. A relative
 * $XDG_STATE_HOME does not count. 0, BASE_E_NONE, or what making it said. */
enum {
    BASE_E_NONE = 1
};
static int base(int make, char out[static PATH_MAX], const char **out_below)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");

    *out_below = "proctor/heads";
    if (state != NULL && state[0] == '/' && strlen(state) < PATH_MAX) {
        (void)snprintf(out, PATH_MAX, "%s", state);
        return make ? disk_mkdir(AT_FDCWD, out, 0700, NULL) : 0;
    }
    if (home != NULL && home[0] == '/' && strlen(home) < PATH_MAX) {
        (void)snprintf(out, PATH_MAX, "%s", home);
        *out_below = ".local/state/proctor/heads";
        return 0;
    }
    return BASE_E_NONE;
}

/* Opens the folder of heads; makes it when `make` is set. */
static int folder(int make, int *out_fd, struct diag *d)
{
    char path[PATH_MAX];
    char below[64];
    const char *parts;
    char *rest = below;
    char *part;
    int fd CLEANUP(fd_closep) = -1;
    int rc = base(make, path, &parts);

    if (rc == BASE_E_NONE) {
        return diag_set(d, ERR_ACCESS, NOWHERE,
                        "heads of ledgers are not remembered: neither "
                        "XDG_STATE_HOME nor HOME names a folder");
    }
    (void)snprintf(below, sizeof(below), "%s", parts);
    if (rc == 0) {
        rc = disk_open_dir(AT_FDCWD, path, &fd);
    }
    while (rc == 0 && (part = strsep(&rest, "/")) != NULL) {
        int next = -1;

        if (make) {
            rc = disk_mkdir(fd, part, 0700, NULL);
        }
        if (rc == 0) {
            rc = disk_open_dir(fd, part, &next);
        }
        fd_closep(&fd);
        fd = next;
    }
    if (rc == ERR_NOT_FOUND && !make) {
        return rc;
    }
    if (rc != 0) {
        return diag_set(d, rc, NOWHERE,
                        "heads of ledgers are not remembered: %.100s/%s: %s",
                        path, parts, err_text(rc));
    }
    *out_fd = fd_take(&fd);
    return 0;
}

void seen_path(const char *origin, char out[static PATH_MAX])
{
    char name[NAME_BYTES];
    const char *below;
    size_t n;

    out[0] = '\0';
    if (base(0, out, &below) != 0) {
        return;
    }
    name_of(origin, name);
    n = strlen(out);
    (void)snprintf(out + n, PATH_MAX - n, "/%s/%s", below, name);
}

static int load(int fd, const char *origin, struct checkpoint *out)
{
    int file CLEANUP(fd_closep) = -1;
    char name[NAME_BYTES];
    struct buf text;
    size_t body_n;
    int rc;

    name_of(origin, name);
    TRY(disk_open(fd, name, O_RDONLY, &file));
    buf_init(&text, NOTE_BYTES_MAX);
    rc = files_read_fd(file, NOTE_BYTES_MAX, &text);
    if (rc == 0 && (note_peek(buf_bytes(&text), out, &body_n) != 0 ||
                    strcmp(out->origin, origin) != 0)) {
        rc = ERR_TRACE(ERR_INPUT);
    }
    buf_release(&text);
    return rc;
}

static int cannot_read(const char *origin, int rc, struct diag *d)
{
    char name[NAME_BYTES];

    name_of(origin, name);
    (void)diag_set(d, rc, NOWHERE,
                   "the head that was seen of %.80s cannot be read: %s", origin,
                   err_text(rc));
    diag_hint(d, "it is heads/%s in ~/.local/state/proctor or "
                 "$XDG_STATE_HOME/proctor; without it an older copy of the "
                 "store is not noticed", name);
    return rc;
}

int seen_load(const char *origin, struct checkpoint *out, struct diag *d)
{
    int fd CLEANUP(fd_closep) = -1;
    int rc = folder(0, &fd, d);

    if (rc != 0) {
        return rc;
    }
    rc = load(fd, origin, out);
    if (rc != 0 && rc != ERR_NOT_FOUND) {
        rc = cannot_read(origin, rc, d);
    }
    return rc;
}

/* Waits a second for other commands of this person. */
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

int seen_keep(const struct checkpoint *at, struct ubytes note, struct diag *d)
{
    int fd CLEANUP(fd_closep) = -1;
    struct checkpoint have = {.size = 0};
    char name[NAME_BYTES];
    int rc = folder(1, &fd, d);

    if (rc != 0) {
        return rc;
    }
    name_of(at->origin, name);
    rc = lock(fd);
    if (rc == 0) {
        rc = load(fd, at->origin, &have);
        rc = rc == ERR_NOT_FOUND ? 0 : rc;
    }
    if (rc == 0 && at->size > have.size) {
        rc = disk_put(&(struct disk_file){.tmp_fd = fd,
                                          .dir_fd = fd,
                                          .name = name,
                                          .mode = 0600,
                                          .durable = 1},
                      note);
    }
    if (rc != 0) {
        (void)diag_set(d, rc, NOWHERE,
                       "the head of %.80s could not be remembered: %s",
                       at->origin, err_text(rc));
    }
    return rc;
}
