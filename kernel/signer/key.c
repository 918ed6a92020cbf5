/* The key file: made once, read at every start. Signer process only; the
 * secrets are in locked memory from the first byte and wiped from every other
 * buffer. */
#include "kernel/signer/signer.h"

#include <sodium.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "proto/err.h"

#define MAGIC "PROCTKEY"
#define SIGNER_TEXT_BYTES 512 /* a checkpoint body is about 100 */

/* H of the seed chain. */
static void chain_hash(uint8_t x[static 32])
{
    (void)crypto_generichash(x, 32, x, 32, NULL, 0);
}

/* x_N at random, then down to x_0, keeping one in a stride. */
static void make_chain(struct signer_secret *secret)
{
    uint8_t x[32];
    uint32_t i;

    randombytes_buf(x, sizeof(x));
    for (i = LIMIT_SEED_CHAIN;; i--) {
        if (i % SIGNER_CHAIN_STRIDE == 0) {
            memcpy(secret->chain[i / SIGNER_CHAIN_STRIDE], x, sizeof(x));
        }
        if (i == 0) {
            break;
        }
        chain_hash(x);
    }
    sodium_memzero(x, sizeof(x));
}

static void set_origin(struct signer *s, const char *digits)
{
    memcpy(s->last.origin, SIGNER_ORIGIN_PREFIX,
           sizeof(SIGNER_ORIGIN_PREFIX) - 1);
    memcpy(s->last.origin + sizeof(SIGNER_ORIGIN_PREFIX) - 1, digits,
           SIGNER_ORIGIN_DIGITS);
    s->last.origin[sizeof(SIGNER_ORIGIN_PREFIX) - 1 + SIGNER_ORIGIN_DIGITS] =
        '\0';
}

static int new_secret(struct signer *s)
{
    uint8_t *room;

    memset(s, 0, sizeof(*s));
    buf_init(&s->text, SIGNER_TEXT_BYTES);
    TRY(buf_extend(&s->text, SIGNER_TEXT_BYTES, &room));
    s->secret = sodium_malloc(sizeof(*s->secret)); /* locked where allowed */
    return s->secret == NULL ? ERR_TRACE(ERR_SIGNER) : 0;
}

int signer_write(int fd, const uint8_t *p, size_t n)
{
    while (n > 0) {
        ssize_t wrote = write(fd, p, n);

        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote <= 0) {
            return ERR_TRACE(ERR_SIGNER);
        }
        p += wrote;
        n -= (size_t)wrote;
    }
    return 0;
}

/* Lays the file out in locked memory. */
static int put_file(const struct signer_secret *k, const char *digits,
                    struct buf *b)
{
    uint8_t digest[32];

    TRY(buf_put(b, MAGIC, 8));
    TRY(buf_put_u32(b, 1));
    TRY(buf_put(b, digits, SIGNER_ORIGIN_DIGITS));
    TRY(buf_put(b, k->seed, sizeof(k->seed)));
    TRY(buf_put_u32(b, LIMIT_SEED_CHAIN));
    TRY(buf_put_u32(b, SIGNER_CHAIN_STRIDE));
    TRY(buf_put(b, k->chain, sizeof(k->chain)));
    (void)crypto_generichash(digest, sizeof(digest), buf_bytes(b).p, buf_len(b),
                             NULL, 0);
    return buf_put(b, digest, sizeof(digest));
}

/* Writes and syncs a key file. */
static int save(const struct signer_secret *k, const char *digits, int fd)
{
    struct buf file;
    uint8_t *room;
    int code;

    buf_init(&file, SIGNER_KEY_FILE_BYTES);
    /* All room at once: growing would leave copies behind. */
    code = buf_extend(&file, SIGNER_KEY_FILE_BYTES, &room);
    buf_reset(&file);
    if (code == 0) {
        code = put_file(k, digits, &file);
    }
    if (code == 0) {
        code = signer_write(fd, buf_bytes(&file).p, buf_len(&file));
        sodium_memzero(room, SIGNER_KEY_FILE_BYTES);
    }
    buf_release(&file);
    if (code == 0 && fsync(fd) != 0) {
        code = ERR_TRACE(ERR_SIGNER);
    }
    return code;
}

int signer_make(struct signer *s, int key_fd)
{
    static const char hex[] = "0123456789abcdef";
    char digits[SIGNER_ORIGIN_DIGITS];
    size_t i;

    TRY(new_secret(s));
    randombytes_buf(s->secret->seed, sizeof(s->secret->seed));
    (void)crypto_sign_seed_keypair(s->public_key, s->secret->key,
                                   s->secret->seed);
    make_chain(s->secret);
    for (i = 0; i < sizeof(digits); i++) {
        digits[i] = hex[randombytes_uniform(16)];
    }
    set_origin(s, digits);
    s->is_new = 1;
    return save(s->secret, digits, key_fd);
}

int signer_make_next(struct signer *s, int next_fd)
{
    s->next = sodium_malloc(sizeof(*s->next));
    if (s->next == NULL) {
        return ERR_TRACE(ERR_SIGNER);
    }
    *s->next = *s->secret; /* the seed chain stays: GENESIS fixed its x_0 */
    randombytes_buf(s->next->seed, sizeof(s->next->seed));
    (void)crypto_sign_seed_keypair(s->next_key, s->next->key, s->next->seed);
    return save(s->next, s->last.origin + sizeof(SIGNER_ORIGIN_PREFIX) - 1,
                next_fd);
}

/* Strict: exactly the bytes that put_file makes. */
static int parse_file(struct signer *s, struct ubytes in)
{
    struct signer_secret *k = s->secret;
    char digits[SIGNER_ORIGIN_DIGITS];
    uint8_t magic[8];
    uint8_t stated[32];
    uint8_t digest[32];
    struct rd r;

    rd_init(&r, in);
    rd_copy(&r, magic, sizeof(magic));
    if (memcmp(magic, MAGIC, sizeof(magic)) != 0 || rd_u32(&r) != 1) {
        return ERR_TRACE(ERR_SIGNER);
    }
    rd_copy(&r, digits, sizeof(digits));
    rd_copy(&r, k->seed, sizeof(k->seed));
    if (rd_u32(&r) != LIMIT_SEED_CHAIN || rd_u32(&r) != SIGNER_CHAIN_STRIDE) {
        return ERR_TRACE(ERR_SIGNER);
    }
    rd_copy(&r, k->chain, sizeof(k->chain));
    rd_copy(&r, stated, sizeof(stated));
    if (rd_end(&r) != 0) {
        return ERR_TRACE(ERR_SIGNER);
    }
    (void)crypto_generichash(digest, sizeof(digest), in.p,
                             in.n - sizeof(digest), NULL, 0);
    if (sodium_memcmp(digest, stated, sizeof(digest)) != 0) {
        return ERR_TRACE(ERR_SIGNER);
    }
    (void)crypto_sign_seed_keypair(s->public_key, k->key, k->seed);
    set_origin(s, digits);
    return 0;
}

int signer_load(struct signer *s, int key_fd)
{
    uint8_t *file;
    size_t done = 0;
    ssize_t got = 1;
    int code;

    TRY(new_secret(s));
    file = sodium_malloc(SIGNER_KEY_FILE_BYTES);
    if (file == NULL) {
        return ERR_TRACE(ERR_SIGNER);
    }
    while (done < SIGNER_KEY_FILE_BYTES && got > 0) {
        got = pread(key_fd, file + done, SIGNER_KEY_FILE_BYTES - done,
                    (off_t)done);
        done += got > 0 ? (size_t)got : 0;
    }
    code = parse_file(s, (struct ubytes){file, done});
    sodium_free(file); /* wipes */
    return code;
}

void signer_wipe(struct signer *s)
{
    sodium_memzero(s->secret, sizeof(*s->secret));
    if (s->next != NULL) {
        sodium_memzero(s->next, sizeof(*s->next));
    }
}
