/* Notes: the worked vector, strict parsing, signatures known and
 * unknown. */
#include "gen.h"

#include <sodium.h>

#include "proto/note.h"

#define ORIGIN "proctor/0123456789abcdef"

static uint8_t public_key[32];
static uint8_t secret_key[64];
static uint8_t other_public[32];
static uint8_t other_secret[64];

static int setup(void **state)
{
    uint8_t seed[32] = {1};
    uint8_t other_seed[32] = {2};

    (void)state;
    (void)crypto_sign_seed_keypair(public_key, secret_key, seed);
    (void)crypto_sign_seed_keypair(other_public, other_secret, other_seed);
    return sodium_init() < 0 ? -1 : 0;
}

static struct checkpoint sample(void)
{
    struct checkpoint c = {.origin = ORIGIN, .size = 42};

    memset(c.root.b, 0xab, sizeof(c.root.b));
    return c;
}

/* The note of c under the given name and key. */
static void put_note(struct buf *b, const struct checkpoint *c,
                     const uint8_t *pk, const uint8_t *sk)
{
    struct buf body;
    uint8_t sig[64];

    buf_init(&body, NOTE_BYTES_MAX);
    assert_int_equal(note_body(&body, c), 0);
    (void)crypto_sign_detached(sig, NULL, buf_bytes(&body).p, buf_len(&body),
                               sk);
    assert_int_equal(note_write(b, c, pk, sig), 0);
    buf_release(&body);
}

static char *note_text(void)
{
    struct checkpoint c = sample();
    struct buf b;
    char *text;

    buf_init(&b, NOTE_BYTES_MAX);
    put_note(&b, &c, public_key, secret_key);
    assert_int_equal(buf_put_u8(&b, 0), 0);
    text = strdup((const char *)buf_bytes(&b).p);
    buf_release(&b);
    return text;
}

static int read_n(const char *text, size_t n)
{
    struct checkpoint c;
    uint8_t sig[64];

    return note_read((struct ubytes){(const uint8_t *)text, n}, ORIGIN,
                     public_key, &c, sig);
}

static int read_text(const char *text)
{
    return read_n(text, strlen(text));
}

/* Replaces the first `from` in a fresh note by `to`, then reads it. */
static int read_edited(const char *from, const char *to)
{
    char *text = note_text();
    char *at = strstr(text, from);
    char *edited = calloc(1, strlen(text) + strlen(to) + 1);
    int code;

    assert_non_null(at);
    memcpy(edited, text, (size_t)(at - text));
    strcat(edited, to);
    strcat(edited, at + strlen(from));
    code = read_text(edited);
    free(edited);
    free(text);
    return code;
}

/* The worked vector of the specification: key, id, message, signature. */
static void test_vector(void **state)
{
    static const char vkey[] = "example.com/foo+530d903a+"
                               "AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    static const char body[] = "This is an example message.\n";
    uint8_t blob[68];
    uint8_t key[32];
    char name[NOTE_ORIGIN_BYTES];
    struct buf b;
    size_t n;

    (void)state;
    assert_int_equal(note_vkey_parse(vkey, name, key), 0);
    assert_string_equal(name, "example.com/foo");
    assert_int_equal(
        sodium_base642bin(blob, sizeof(blob),
                          "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7"
                          "Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=",
                          92, NULL, &n, NULL, sodium_base64_VARIANT_ORIGINAL),
        0);
    assert_int_equal(n, 68);
    assert_memory_equal(blob, "\x53\x0d\x90\x3a", 4);
    assert_int_equal(crypto_sign_verify_detached(
                         blob + 4, (const uint8_t *)body, strlen(body), key),
                     0);
    buf_init(&b, 1000);
    assert_int_equal(note_vkey(&b, name, key), 0);
    assert_int_equal(buf_len(&b), strlen(vkey));
    assert_memory_equal(buf_bytes(&b).p, vkey, strlen(vkey));
    buf_release(&b);
}

static void test_round_trip(void **state)
{
    struct checkpoint c = sample();
    struct checkpoint back;
    uint8_t sig[64];
    struct buf first;
    struct buf second;

    (void)state;
    buf_init(&first, NOTE_BYTES_MAX);
    buf_init(&second, NOTE_BYTES_MAX);
    put_note(&first, &c, public_key, secret_key);
    assert_int_equal(
        note_read(buf_bytes(&first), ORIGIN, public_key, &back, sig), 0);
    assert_string_equal(back.origin, c.origin);
    assert_true(back.size == c.size);
    assert_memory_equal(back.root.b, c.root.b, 32);
    assert_int_equal(note_write(&second, &back, public_key, sig), 0);
    assert_int_equal(buf_len(&first), buf_len(&second));
    assert_memory_equal(buf_bytes(&first).p, buf_bytes(&second).p,
                        buf_len(&first));
    buf_release(&first);
    buf_release(&second);
}

static void test_every_byte_counts(void **state)
{
    char *text = note_text();
    size_t n = strlen(text);
    size_t i;

    (void)state;
    assert_int_equal(read_n(text, n), 0);
    for (i = 0; i < n; i++) {
        assert_int_not_equal(read_n(text, i), 0); /* cut */
        text[i] ^= 1;
        assert_int_not_equal(read_n(text, n), 0); /* changed */
        text[i] ^= 1;
    }
    free(text);
}

static void test_strict_text(void **state)
{
    (void)state;
    assert_int_equal(read_edited("\n42\n", "\r\n42\r\n"), ERR_ENCODING);
    assert_int_equal(read_edited("\n42\n", "\n042\n"), ERR_ENCODING);
    assert_int_equal(read_edited("\n42\n", "\n+42\n"), ERR_ENCODING);
    assert_int_equal(read_edited("\n42\n", "\n 42\n"), ERR_ENCODING);
    assert_int_equal(read_edited("\n42\n", "\n42 \n"), ERR_ENCODING);
    assert_int_equal(read_edited("\n42\n", "\n\n42\n"), ERR_ENCODING);
    assert_int_equal(read_edited("\n42\n", "\n\n"), ERR_ENCODING);
    assert_int_equal(read_edited("\n42\n", "\n18446744073709551616\n"),
                     ERR_ENCODING);
    assert_int_equal(read_edited("\n42\n", "\n43\n"), NOTE_E_SIGNATURE);
    assert_int_equal(read_edited("\n42\n", "\n42\n\x01\n"), ERR_ENCODING);
    assert_int_equal(read_edited("\n42\n", "\n42\n\xff\n"), ERR_ENCODING);
    assert_int_equal(read_edited(ORIGIN "\n42", "proctor/x\n42"), ERR_ENCODING);
    /* Root: no padding, url alphabet, stray bits, short. */
    assert_int_equal(read_edited("6s=\n", "6s\n"), ERR_ENCODING);
    assert_int_equal(read_edited("q6ur", "q_ur"), ERR_ENCODING);
    assert_int_equal(read_edited("6s=\n", "6t=\n"), ERR_ENCODING);
    assert_int_equal(read_edited("q6ur", ""), ERR_ENCODING);
    /* Signature lines. */
    assert_int_equal(read_edited("\n\n\xe2\x80\x94 ", "\n\n- "), ERR_ENCODING);
    assert_int_equal(read_edited("\n\n\xe2\x80\x94 ", "\n\xe2\x80\x94 "),
                     ERR_ENCODING);
    assert_int_equal(
        read_edited("\xe2\x80\x94 proctor", "\xe2\x80\x94  proctor"),
        ERR_ENCODING);
    assert_int_equal(read_edited("=\n\n", "=\n\n\n"), ERR_ENCODING);
    assert_int_equal(read_edited("\n42\n", "\n42\nextension\n"), ERR_ENCODING);
    assert_int_equal(read_n("", 0), ERR_ENCODING);
}

/* NUL inside, and a note over the cap. */
static void test_odd_bytes(void **state)
{
    char *text = note_text();
    size_t n = strlen(text);
    char *big = malloc(NOTE_BYTES_MAX + 2);

    (void)state;
    text[n - 1] = '\0';
    assert_int_equal(read_n(text, n), ERR_ENCODING);
    memset(big, 'a', NOTE_BYTES_MAX + 1);
    assert_int_equal(read_n(big, NOTE_BYTES_MAX + 1), ERR_ENCODING);
    free(big);
    free(text);
}

/* A note with k signatures of strangers before or after ours. */
static int read_with_strangers(unsigned k, int before, int with_ours)
{
    static const char stranger[] = "\xe2\x80\x94 stranger AAAAAAECAwQFBg==\n";
    char *text = note_text();
    char *sigs = strstr(text, "\n\n") + 2;
    char *all = calloc(1, strlen(text) + k * sizeof(stranger) + 1);
    int code;
    unsigned i;

    memcpy(all, text, (size_t)(sigs - text));
    if (with_ours && !before) {
        strcat(all, sigs);
    }
    for (i = 0; i < k; i++) {
        strcat(all, stranger);
    }
    if (with_ours && before) {
        strcat(all, sigs);
    }
    code = read_text(all);
    free(all);
    free(text);
    return code;
}

static void test_strangers(void **state)
{
    (void)state;
    assert_int_equal(read_with_strangers(1, 0, 1), 0);
    assert_int_equal(read_with_strangers(17, 1, 1), 0);
    assert_int_equal(read_with_strangers(63, 1, 1), 0);
    assert_int_equal(read_with_strangers(64, 1, 1), ERR_ENCODING);
    assert_int_equal(read_with_strangers(0, 0, 0), ERR_ENCODING);
    assert_int_equal(read_with_strangers(1, 0, 0), NOTE_E_SIGNATURE);
}

static void test_known_but_bad(void **state)
{
    struct checkpoint c = sample();
    struct checkpoint out;
    uint8_t sig[64] = {0};
    struct buf b;

    (void)state;
    buf_init(&b, NOTE_BYTES_MAX);
    /* Another key under our name: its id differs, so it is a stranger. */
    put_note(&b, &c, other_public, other_secret);
    assert_int_equal(note_read(buf_bytes(&b), ORIGIN, public_key, &out, sig),
                     NOTE_E_SIGNATURE);
    /* Another key under our key's id: known, and bad. */
    buf_reset(&b);
    put_note(&b, &c, public_key, other_secret);
    assert_int_equal(note_read(buf_bytes(&b), ORIGIN, public_key, &out, sig),
                     NOTE_E_SIGNATURE);
    /* Our key under another name. */
    buf_reset(&b);
    put_note(&b, &c, public_key, secret_key);
    assert_int_equal(
        note_read(buf_bytes(&b), "proctor/else", public_key, &out, sig),
        ERR_ENCODING);
    buf_release(&b);
}

/* A good signature does not excuse a bad one of the same key. */
static void test_good_then_bad(void **state)
{
    char *text = note_text();
    char *sigs = strstr(text, "\n\n") + 2;
    char *all = calloc(1, 2 * strlen(text) + 1);
    char *at;

    (void)state;
    strcat(strcat(all, text), sigs);
    assert_int_equal(read_text(all), 0);
    at = all + strlen(all) - 20;
    *at = *at == 'A' ? 'B' : 'A';
    assert_int_equal(read_text(all), NOTE_E_SIGNATURE);
    free(all);
    free(text);
}

static void test_extension_lines(void **state)
{
    static const char body[] =
        ORIGIN "\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nmore\n";
    struct checkpoint c = sample();
    struct checkpoint out;
    uint8_t sig[64];
    struct buf b;
    struct buf whole;
    char *line;

    (void)state;
    (void)crypto_sign_detached(sig, NULL, (const uint8_t *)body, strlen(body),
                               secret_key);
    buf_init(&b, NOTE_BYTES_MAX);
    buf_init(&whole, NOTE_BYTES_MAX);
    assert_int_equal(note_write(&b, &c, public_key, sig), 0);
    assert_int_equal(buf_put_u8(&b, 0), 0);
    line = strstr((char *)b.data_, "\n\n") + 1;
    assert_int_equal(buf_putf(&whole, "%s%s", body, line), 0);
    assert_int_equal(
        note_read(buf_bytes(&whole), ORIGIN, public_key, &out, sig), 0);
    assert_true(out.size == 0);
    assert_memory_equal(out.root.b, merkle_empty().b, 32);
    buf_release(&b);
    buf_release(&whole);
}

#define NAME "example.com/foo"
#define KEY_TAIL "ekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
#define KEY "A" KEY_TAIL

static void test_vkey_refusals(void **state)
{
    static const char *const bad[] = {
        "",
        "name",
        "a+530d903a",
        NAME "+530d903b+" KEY, /* id of another key */
        NAME "+530D903A+" KEY, /* upper case */
        "example.com/fo +530d903a+" KEY,
        "+530d903a+" KEY,
        NAME "+530d903a+" KEY "=",
        NAME "+530d903a+B" KEY_TAIL, /* another algorithm */
        NAME "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv"};
    char name[NOTE_ORIGIN_BYTES];
    uint8_t key[32];
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_N(bad); i++) {
        assert_int_equal(note_vkey_parse(bad[i], name, key), ERR_ENCODING);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vector),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_every_byte_counts),
        cmocka_unit_test(test_strict_text),
        cmocka_unit_test(test_odd_bytes),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_known_but_bad),
        cmocka_unit_test(test_good_then_bad),
        cmocka_unit_test(test_extension_lines),
        cmocka_unit_test(test_vkey_refusals),
    };

    return cmocka_run_group_tests_name("note", tests, setup, NULL);
}
