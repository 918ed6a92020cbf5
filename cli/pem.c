/* Ed25519 keys in PEM. In the person's process, with the person's files. A key
 * has one spelling here, the 48 or 44 bytes of DER that RFC 8410 gives it, so
 * nothing of ASN.1 is parsed. Secrets are wiped before a function ends. */
#include "cli/pem.h"

#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/files.h"
#include "proto/cid.h"
#include "proto/disk.h"
#include "proto/err.h"

#define SEED 32
#define DER_MAX 48

struct form {
    const char *head;
    const char *tail;
    uint8_t prefix[16]; /* of the DER; the 32 bytes of the key follow */
    size_t prefix_n;
};

static const struct form PRIVATE = {"-----BEGIN PRIVATE KEY-----\n",
                                    "\n-----END PRIVATE KEY-----\n",
                                    {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05,
                                     0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22,
                                     0x04, 0x20},
                                    16};
static const struct form PUBLIC = {
    "-----BEGIN PUBLIC KEY-----\n",
    "\n-----END PUBLIC KEY-----\n",
    {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00},
    12};

enum {
    TEXT_BYTES = 160
};

static size_t write_text(const struct form *f, const uint8_t key[static SEED],
                         char out[static TEXT_BYTES])
{
    uint8_t der[DER_MAX];
    char b64[80];
    int n;

    memcpy(der, f->prefix, f->prefix_n);
    memcpy(der + f->prefix_n, key, SEED);
    sodium_bin2base64(b64, sizeof(b64), der, f->prefix_n + SEED,
                      sodium_base64_VARIANT_ORIGINAL);
    n = snprintf(out, TEXT_BYTES, "%s%s%s", f->head, b64, f->tail);
    sodium_memzero(der, sizeof(der));
    sodium_memzero(b64, sizeof(b64));
    return (size_t)n;
}

/* Exactly the text that write_text makes. */
static int parse_text(const struct form *f, const char *text, size_t n,
                      uint8_t out[static SEED])
{
    uint8_t der[DER_MAX + 1];
    size_t head_n = strlen(f->head);
    size_t tail_n = strlen(f->tail);
    size_t der_n = 0;
    int is_good = n > head_n + tail_n && memcmp(text, f->head, head_n) == 0 &&
                  memcmp(text + n - tail_n, f->tail, tail_n) == 0 &&
                  sodium_base642bin(der, sizeof(der), text + head_n,
                                    n - head_n - tail_n, NULL, &der_n, NULL,
                                    sodium_base64_VARIANT_ORIGINAL) == 0 &&
                  der_n == f->prefix_n + SEED &&
                  memcmp(der, f->prefix, f->prefix_n) == 0;

    if (is_good) {
        memcpy(out, der + f->prefix_n, SEED);
    }
    sodium_memzero(der, sizeof(der));
    return is_good ? 0 : ERR_INPUT;
}

static int read_key(const struct form *f, const char *path,
                    uint8_t out[static SEED])
{
    int fd CLEANUP(fd_closep) = -1;
    char text[TEXT_BYTES + 1];
    struct diag d;
    size_t n = 0;
    int rc;

    diag_init(&d);
    TRY(files_open("the key", path, &fd, &d));
    rc = disk_read(fd, 0, (uint8_t *)text, sizeof(text), &n);
    if (rc == 0) {
        rc = parse_text(f, text, n, out);
    }
    sodium_memzero(text, sizeof(text));
    return rc;
}

static void name_key(struct pem_public *p)
{
    uint8_t der[DER_MAX];
    uint8_t hash[crypto_hash_sha256_BYTES];

    memcpy(der, PUBLIC.prefix, PUBLIC.prefix_n);
    memcpy(der + PUBLIC.prefix_n, p->key, sizeof(p->key));
    (void)crypto_hash_sha256(hash, der, PUBLIC.prefix_n + sizeof(p->key));
    hex_text(hash, sizeof(hash), p->id);
}

int pem_read_public(const char *path, struct pem_public *out)
{
    TRY(read_key(&PUBLIC, path, out->key));
    name_key(out);
    return 0;
}

int pem_sign(const char *path, struct ubytes text, uint8_t out_sig[static 64],
             struct pem_public *out)
{
    uint8_t seed[SEED];
    uint8_t secret[64];

    TRY(read_key(&PRIVATE, path, seed));
    (void)crypto_sign_seed_keypair(out->key, secret, seed);
    (void)crypto_sign_detached(out_sig, NULL, text.p, text.n, secret);
    sodium_memzero(seed, sizeof(seed));
    sodium_memzero(secret, sizeof(secret));
    name_key(out);
    return 0;
}

static int make_file(const char *path, mode_t mode, const char *text, size_t n)
{
    int fd CLEANUP(fd_closep) = -1;

    TRY(disk_create(AT_FDCWD, path, mode, &fd));
    TRY(disk_write(fd, 0, (const uint8_t *)text, n));
    return disk_sync(fd);
}

int pem_make(const char *path)
{
    char public_path[PATH_MAX];
    char text[TEXT_BYTES];
    uint8_t seed[SEED];
    uint8_t secret[64];
    uint8_t public[32];
    size_t n;
    int rc;

    if (snprintf(public_path, sizeof(public_path), "%s.pub", path) >=
        (int)sizeof(public_path)) {
        return ERR_LIMIT;
    }
    if (access(public_path, F_OK) == 0) {
        return ERR_EXISTS;
    }
    (void)crypto_sign_keypair(public, secret);
    (void)crypto_sign_ed25519_sk_to_seed(seed, secret);
    n = write_text(&PRIVATE, seed, text);
    rc = make_file(path, 0600, text, n);
    sodium_memzero(text, sizeof(text));
    sodium_memzero(seed, sizeof(seed));
    sodium_memzero(secret, sizeof(secret));
    if (rc == 0) {
        n = write_text(&PUBLIC, public, text);
        rc = make_file(public_path, 0644, text, n);
    }
    return rc;
}
