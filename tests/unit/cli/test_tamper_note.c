/* Published checkpoints of every wrong form, and signatures of every wrong kind:
 * only the right ones pass, and the ledger beside a wrong one stays good. */
#include "tamper.h"

#define DASH "\xe2\x80\x94 "

struct note {
    uint8_t b[1 << 21];
    size_t n;
};
static struct note note;

static void put(const void *p, size_t n)
{
    assert_true(note.n + n <= sizeof(note.b));
    memcpy(note.b + note.n, p, n);
    note.n += n;
}

static void put_text(const char *s)
{
    put(s, strlen(s));
}

/* The first n bytes of SHA-256(name, newline, type, key). */
static void key_id(const char *name, uint8_t type, const uint8_t key[32],
                   uint8_t out[4])
{
    crypto_hash_sha256_state h;
    uint8_t sum[32];
    uint8_t kind[2] = {'\n', type};

    crypto_hash_sha256_init(&h);
    crypto_hash_sha256_update(&h, (const uint8_t *)name, strlen(name));
    crypto_hash_sha256_update(&h, kind, 2);
    crypto_hash_sha256_update(&h, key, 32);
    crypto_hash_sha256_final(&h, sum);
    memcpy(out, sum, 4);
}

static void put_blob(const char *name, const uint8_t *blob, size_t n)
{
    char text[512];

    sodium_bin2base64(text, sizeof(text), blob, n,
                      sodium_base64_VARIANT_ORIGINAL);
    put_text(DASH);
    put_text(name);
    put_text(" ");
    put_text(text);
    put_text("\n");
}

/* One signature line over the body with the log's key, under that name and type
 * byte. */
static void put_signature(const struct fixture *f, const char *name,
                          uint8_t type, const void *body, size_t body_n)
{
    uint8_t blob[68];

    key_id(name, type, f->public_key, blob);
    (void)crypto_sign_detached(blob + 4, NULL, body, body_n, f->secret_key);
    put_blob(name, blob, sizeof(blob));
}

static void put_unknown(unsigned i)
{
    uint8_t blob[68] = {0};
    char name[32];

    (void)snprintf(name, sizeof(name), "witness-%u", i);
    blob[0] = (uint8_t)i;
    put_blob(name, blob, sizeof(blob));
}

/* Bodies: %R is the root of all nine records in base64. Signed as they are by
 * the log's key, so that only their form is wrong. */
enum how {
    REFUSED, /* no checkpoint */
    TAKEN,
    OTHER /* a checkpoint, of something else */
};
static const struct {
    const char *name;
    const char *body;
    enum how how;
} BODIES[] = {
    {"the right one", FIXTURE_ORIGIN "\n9\n%R\n", TAKEN},
    {"an extension line", FIXTURE_ORIGIN "\n9\n%R\nmore\n", TAKEN},
    {"carriage returns", FIXTURE_ORIGIN "\r\n9\r\n%R\r\n", REFUSED},
    {"a leading zero", FIXTURE_ORIGIN "\n09\n%R\n", REFUSED},
    {"a plus", FIXTURE_ORIGIN "\n+9\n%R\n", REFUSED},
    {"a space before", FIXTURE_ORIGIN "\n 9\n%R\n", REFUSED},
    {"a space behind", FIXTURE_ORIGIN "\n9 \n%R\n", REFUSED},
    {"a hexadecimal size", FIXTURE_ORIGIN "\n0x9\n%R\n", REFUSED},
    {"a size of 2^64", FIXTURE_ORIGIN "\n18446744073709551616\n%R\n", REFUSED},
    {"no size", FIXTURE_ORIGIN "\n\n%R\n", REFUSED},
    {"no final newline", FIXTURE_ORIGIN "\n9\n%R", REFUSED},
    {"a blank line before", "\n" FIXTURE_ORIGIN "\n9\n%R\n", REFUSED},
    {"a blank line more", FIXTURE_ORIGIN "\n9\n%R\n\n", REFUSED},
    {"a control byte", FIXTURE_ORIGIN "\n9\n%R\nx\ty\n", REFUSED},
    {"no UTF-8", FIXTURE_ORIGIN "\n9\n%R\n\xff\xfe\n", REFUSED},
    {"an overlong UTF-8", FIXTURE_ORIGIN "\n9\n%R\n\xc0\xaf\n", REFUSED},
    {"base64 without padding", FIXTURE_ORIGIN "\n9\n%P\n", REFUSED},
    {"the URL alphabet", FIXTURE_ORIGIN "\n9\n%U\n", REFUSED},
    {"trailing bits", FIXTURE_ORIGIN "\n9\n%T\n", REFUSED},
    {"31 bytes of root", FIXTURE_ORIGIN "\n9\n%3\n", REFUSED},
    {"another origin", "proctor/fedcba9876543210\n9\n%R\n", REFUSED},
    {"the origin cut short", "proctor/0123456789abcde\n9\n%R\n", REFUSED},
    {"a size edited down", FIXTURE_ORIGIN "\n6\n%R\n", OTHER},
    {"a size edited up", FIXTURE_ORIGIN "\n10\n%R\n", OTHER},
    {"a root edited", FIXTURE_ORIGIN "\n9\n%E\n", OTHER},
    {"size and no root", FIXTURE_ORIGIN "\n9\n", REFUSED},
    {"nothing", "", REFUSED},
};

static const char *root_text(const struct fixture *f, char how, char out[64])
{
    struct merkle_hash root = merkle_frontier_root(&f->frontier);
    size_t n = how == '3' ? 31 : 32;

    if (how == 'E') {
        root.b[7] ^= 1;
    }
    if (how == 'U') {
        root.b[0] = 0xff; /* has a digit that differs */
    }
    sodium_bin2base64(out, 64, root.b, n,
                      how == 'U' ? sodium_base64_VARIANT_URLSAFE
                                 : sodium_base64_VARIANT_ORIGINAL);
    if (how == 'P') {
        out[strcspn(out, "=")] = '\0';
    }
    if (how == 'T') {
        out[42]++; /* the last digit holds two bits that are of no byte */
    }
    return out;
}

static size_t put_body(const struct fixture *f, const char *body)
{
    char text[64];

    note.n = 0;
    for (; *body != '\0'; body++) {
        if (*body == '%') {
            put_text(root_text(f, *++body, text));
        } else {
            put(body, 1);
        }
    }
    return note.n;
}

static int is_read(const struct fixture *f)
{
    struct checkpoint c;
    uint8_t sig[64];

    return note_read((struct ubytes){note.b, note.n}, FIXTURE_ORIGIN,
                     f->public_key, &c, sig) == 0;
}

static void publish(const struct fixture *f)
{
    fixture_file(f, "ledger/checkpoint", (struct ubytes){note.b, note.n});
}

/* A wrong checkpoint is damage; the records beside it stay good. */
static void judge(const struct fixture *f, const char *name, int is_good)
{
    int found;

    publish(f);
    found = tamper_is_found(f, 0);
    if (found == is_good ||
        (!is_good && strstr(seen.r.line, "ledger/checkpoint") == NULL)) {
        print_error("%s: got \"%s\"\n", name, seen.r.line);
    }
    assert_int_equal(found, !is_good);
    assert_int_equal(seen.r.size, 9);
    assert_true(is_good || strstr(seen.r.line, "ledger/checkpoint") != NULL);
}

static void test_bodies(void **state)
{
    struct fixture f;
    size_t i;

    (void)state;
    tamper_usual(&f);
    for (i = 0; i < ARRAY_N(BODIES); i++) {
        size_t n = put_body(&f, BODIES[i].body);
        static uint8_t body[4096];

        memcpy(body, note.b, n);
        put_text("\n");
        put_signature(&f, FIXTURE_ORIGIN, 1, body, n);
        assert_int_equal(is_read(&f), BODIES[i].how != REFUSED);
        judge(&f, BODIES[i].name, BODIES[i].how == TAKEN);
    }
    {
        /* NUL ends no text here. */
        size_t n = put_body(&f, "proctor/0123456789abcdef\n9\n%R\nx");
        static uint8_t body[4096];

        put("\0y\n", 3);
        n += 3;
        memcpy(body, note.b, n);
        put_text("\n");
        put_signature(&f, FIXTURE_ORIGIN, 1, body, n);
        assert_false(is_read(&f));
        judge(&f, "a NUL", 0);
    }
    print_message("%zu forms of a checkpoint\n", i + 1);
    fixture_release(&f);
}

/* L = 2^252 + 27742317777372353535851937790883648493, little endian. */
static const uint8_t ORDER[32] = {
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
    0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,    0,    0,    0,
    0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};

static void add_order(uint8_t s[32])
{
    unsigned carry = 0;

    for (unsigned i = 0; i < 32; i++) {
        carry += (unsigned)s[i] + ORDER[i];
        s[i] = (uint8_t)carry;
        carry >>= 8;
    }
}

enum kind {
    RIGHT, NONE, JUNK_LINE, JUNK_BLOB, SHORT_BLOB, UNKNOWN_FIRST, KNOWN_BAD,
    GOOD_THEN_BAD, WRONG_NAME, ID_CLASH, COSIGNATURE, SIXTEEN, SIXTY_FOUR,
    SIXTY_FIVE, MEGABYTE, HIGH_S, NO_NEWLINE, OTHER_BODY, NO_BLANK, TAIL,
    SPACE_TWICE, HYPHEN
};
static const struct {
    const char *name;
    enum kind kind;
    int is_good;
} SIGNATURES[] = {
    {"the right one", RIGHT, 1},
    {"none", NONE, 0},
    {"a line of junk", JUNK_LINE, 0},
    {"junk where the signature is", JUNK_BLOB, 0},
    {"67 bytes", SHORT_BLOB, 0},
    {"an unknown key first", UNKNOWN_FIRST, 1},
    {"the known key, a bad signature", KNOWN_BAD, 0},
    {"the known key, good and then bad", GOOD_THEN_BAD, 0},
    {"the right key under another name", WRONG_NAME, 0},
    {"another key with the same name and ID", ID_CLASH, 0},
    {"a cosignature's type", COSIGNATURE, 0},
    {"sixteen unknown and ours", SIXTEEN, 1},
    {"sixty-three unknown and ours", SIXTY_FOUR, 1},
    {"sixty-four unknown and ours", SIXTY_FIVE, 0},
    {"a note of a megabyte", MEGABYTE, 0},
    {"S not below the order", HIGH_S, 0},
    {"over the body without its newline", NO_NEWLINE, 0},
    {"over another body", OTHER_BODY, 0},
    {"no blank line before it", NO_BLANK, 0},
    {"bytes behind the last line", TAIL, 0},
    {"two spaces", SPACE_TWICE, 0},
    {"a hyphen for the dash", HYPHEN, 0},
};

static void put_ours(const struct fixture *f, const uint8_t *body, size_t n,
                     int how)
{
    uint8_t blob[68];

    key_id(FIXTURE_ORIGIN, 1, f->public_key, blob);
    (void)crypto_sign_detached(blob + 4, NULL, body, n, f->secret_key);
    if (how == KNOWN_BAD) {
        blob[30] ^= 1;
    } else if (how == HIGH_S) {
        add_order(blob + 4 + 32);
    } else if (how == ID_CLASH) {
        uint8_t pk[32];
        uint8_t sk[64];

        (void)crypto_sign_keypair(pk, sk);
        (void)crypto_sign_detached(blob + 4, NULL, body, n, sk);
    }
    put_blob(FIXTURE_ORIGIN, blob, how == SHORT_BLOB ? 67 : 68);
}

static void put_signatures(const struct fixture *f, enum kind kind,
                           const uint8_t *body, size_t n)
{
    unsigned unknown = kind == UNKNOWN_FIRST ? 1
                       : kind == SIXTEEN     ? 16
                       : kind == SIXTY_FOUR  ? 63
                       : kind == SIXTY_FIVE  ? 64
                       : kind == MEGABYTE    ? 8000
                                             : 0;
    size_t at;

    for (unsigned i = 0; i < unknown; i++) {
        put_unknown(i);
    }
    at = note.n;
    if (kind == NONE) {
        return;
    }
    if (kind == JUNK_LINE) {
        put_text("junk\n");
    } else if (kind == JUNK_BLOB) {
        put_text(DASH FIXTURE_ORIGIN " ****\n");
    } else if (kind == WRONG_NAME) {
        put_signature(f, "proctor/else", 1, body, n);
    } else if (kind == COSIGNATURE) {
        put_signature(f, FIXTURE_ORIGIN, 4, body, n);
    } else if (kind == NO_NEWLINE) {
        put_ours(f, body, n - 1, RIGHT);
    } else if (kind == OTHER_BODY) {
        put_ours(f, body + 1, n - 1, RIGHT);
    } else {
        put_ours(f, body, n, (int)kind);
    }
    if (kind == GOOD_THEN_BAD) {
        put_ours(f, body, n, KNOWN_BAD);
    } else if (kind == TAIL) {
        put_text("x");
    } else if (kind == SPACE_TWICE) {
        memmove(note.b + at + 5, note.b + at + 4, note.n - at - 4);
        note.n++;
    } else if (kind == HYPHEN) {
        memcpy(note.b + at, "---", 3);
    }
}

static void test_signatures(void **state)
{
    struct fixture f;
    size_t i;

    (void)state;
    tamper_usual(&f);
    for (i = 0; i < ARRAY_N(SIGNATURES); i++) {
        static uint8_t body[4096];
        size_t n = put_body(&f, FIXTURE_ORIGIN "\n9\n%R\n");

        memcpy(body, note.b, n);
        if (SIGNATURES[i].kind != NO_BLANK) {
            put_text("\n");
        }
        put_signatures(&f, SIGNATURES[i].kind, body, n);
        judge(&f, SIGNATURES[i].name, SIGNATURES[i].is_good);
        if (i % 5 == 0) {
            tamper_leaves_all(&f);
        }
    }
    print_message("%zu kinds of signature\n", i);
    fixture_release(&f);
}

/* Keys of small order sign anything: a signature of zeros fits every body. */
static void test_small_order(void **state)
{
    static const uint8_t KEYS[][32] = {
        {1}, {0}, /* the neutral element, and one of order 4 */
        {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}};
    struct fixture f;

    (void)state;
    tamper_usual(&f);
    for (size_t i = 0; i < ARRAY_N(KEYS); i++) {
        uint8_t blob[68] = {0};
        struct checkpoint c;
        uint8_t sig[64];

        (void)put_body(&f, FIXTURE_ORIGIN "\n9\n%R\n");
        put_text("\n");
        key_id(FIXTURE_ORIGIN, 1, KEYS[i], blob);
        blob[4] = 1;
        put_blob(FIXTURE_ORIGIN, blob, sizeof(blob));
        assert_int_equal(note_read((struct ubytes){note.b, note.n},
                                   FIXTURE_ORIGIN, KEYS[i], &c, sig),
                         NOTE_E_SIGNATURE);
    }
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bodies),
                                       cmocka_unit_test(test_signatures),
                                       cmocka_unit_test(test_small_order)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
