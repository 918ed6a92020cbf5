/* Making a witness's folder (witness_state.h). Process `proctor witness init`. */
#include "cli/witness_state.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proto/disk.h"
#include "proto/err.h"

static const struct loc NOWHERE = {NULL, 0, 0};

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

static int give(int dir_fd, const char *name, uid_t owner)
{
    return owner == (uid_t)-1 ||
                   fchownat(dir_fd, name, owner, (gid_t)owner,
                            AT_SYMLINK_NOFOLLOW) == 0
               ? 0
               : ERR_TRACE(ERR_ACCESS);
}

/* The key's line; ERR_INPUT when no note can hold the name. */
static int put_vkey(struct buf *out, const struct cosigner *self)
{
    struct cosigner again;
    char text[512] = "";

    TRY(cosigner_vkey(out, self));
    memcpy(text, buf_bytes(out).p, buf_len(out));
    if (cosigner_parse(text, &again) != 0) {
        return ERR_TRACE(ERR_INPUT);
    }
    return buf_put_u8(out, '\n');
}

/* vkey comes last: with it the witness is there. */
static int put_files(int fd, struct ubytes seed, struct ubytes vkey)
{
    TRY(disk_mkdir(fd, "logs", 0755, NULL));
    TRY(disk_mkdir(fd, "heads", 0755, NULL));
    TRY(put_small(fd, "lock", 0600, (struct ubytes){NULL, 0}));
    TRY(put_small(fd, "key", 0600, seed));
    return put_small(fd, "vkey", 0644, vkey);
}

static int create_in(int fd, const char *name, uid_t owner)
{
    static const char *const parts[] = {"logs", "heads", "lock", "key", "vkey"};
    struct cosigner self = {.name = ""};
    uint8_t seed[crypto_sign_SEEDBYTES];
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    struct buf vkey;
    size_t i;
    int rc;

    if (strlen(name) >= sizeof(self.name)) {
        return ERR_TRACE(ERR_INPUT);
    }
    (void)snprintf(self.name, sizeof(self.name), "%s", name);
    buf_init(&vkey, 500);
    randombytes_buf(seed, sizeof(seed));
    (void)crypto_sign_seed_keypair(self.key, secret, seed);
    rc = put_vkey(&vkey, &self);
    if (rc == 0) {
        rc = put_files(fd, (struct ubytes){seed, sizeof(seed)},
                       buf_bytes(&vkey));
    }
    for (i = 0; rc == 0 && i < ARRAY_N(parts); i++) {
        rc = give(fd, parts[i], owner);
    }
    sodium_memzero(seed, sizeof(seed));
    sodium_memzero(secret, sizeof(secret));
    buf_release(&vkey);
    return rc;
}

int witness_create(const char *dir, const char *name, uid_t owner,
                   struct diag *d)
{
    int fd CLEANUP(fd_closep) = -1;
    int there = 0;
    int rc = disk_mkdir(AT_FDCWD, dir, 0755, NULL);

    if (rc == 0) {
        rc = disk_open_dir(AT_FDCWD, dir, &fd);
    }
    if (rc == 0) {
        there = faccessat(fd, "vkey", F_OK, 0) == 0 ||
                faccessat(fd, "key", F_OK, 0) == 0;
        rc = there ? ERR_EXISTS : create_in(fd, name, owner);
    }
    if (rc == 0) {
        rc = give(AT_FDCWD, dir, owner);
    }
    if (rc != 0) {
        (void)diag_set(d, rc, NOWHERE, "cannot make a witness in %.120s: %s",
                       dir,
                       rc == ERR_INPUT ? "its name may not be empty, long, or "
                                         "hold a space or a plus"
                                       : err_text(rc));
    }
    return rc;
}
