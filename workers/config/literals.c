/* Looks for literals in files (literals.h). No file is parsed: numbers are taken
 * wherever they stand, and every stretch between two quotes counts as a string, so
 * that no trick with comments or quoting hides one. Must never fail on any
 * content. Runs in the confined `config` worker. */
#include "workers/config/literals.h"

#include <stdlib.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/utf8.h"
#include "workers/config/specs.h"

#define SLOTS 32768u /* of the set of what was found; at most 3/8 full */
#define TOKEN_MAX 64u
/* Looked at from one quote on. */
#define QUOTED_MAX (4 * (size_t)LIMIT_LITERAL_BYTES)
#define PRINTABLE_MIN 4u

_Static_assert(3 * LIMIT_LITERALS * 8 <= 3 * SLOTS, "the set stays sparse");

struct numbers {
    uint64_t v[LIMIT_LITERALS];
    uint32_t n;
};

struct finding {
    struct numbers ints, floats;
    struct buf texts; /* len32 each */
    uint32_t texts_n;
    uint64_t seen[SLOTS]; /* hashes, 0 = free */
    int code;             /* ERR_NOMEM */
};

/* True the first time. FNV-1a: a collision loses one proposal. */
static int is_new(struct finding *f, uint8_t kind, const uint8_t *p, size_t n)
{
    uint64_t h = (0xcbf29ce484222325ull ^ kind) * 0x100000001b3ull;
    size_t slot;

    for (size_t i = 0; i < n; i++) {
        h = (h ^ p[i]) * 0x100000001b3ull;
    }
    h = h == 0 ? 1 : h;
    for (slot = (h ^ h >> 32) % SLOTS; f->seen[slot] != 0;
         slot = (slot + 1) % SLOTS) {
        if (f->seen[slot] == h) {
            return 0;
        }
    }
    f->seen[slot] = h;
    return 1;
}

static void add_number(struct finding *f, struct numbers *to, uint8_t kind,
                       uint64_t bits)
{
    uint8_t b[8];

    memcpy(b, &bits, sizeof(b));
    if (to->n < LIMIT_LITERALS && is_new(f, kind, b, sizeof(b))) {
        to->v[to->n++] = bits;
    }
}

static void add_text(struct finding *f, const uint8_t *p, size_t n)
{
    struct ubytes v = {p, n < LIMIT_LITERAL_BYTES ? n : LIMIT_LITERAL_BYTES};

    if (f->texts_n < LIMIT_LITERALS && is_new(f, 't', v.p, v.n)) {
        int code = buf_put_bytes32(&f->texts, v);

        f->code = f->code == 0 ? code : f->code;
        f->texts_n += code == 0 ? 1 : 0;
    }
}

static void add_float(struct finding *f, double v)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof(bits));
    if ((bits >> 52 & 0x7ff) != 0x7ff) {
        add_number(f, &f->floats, 'f', bits);
    }
}

/* A number as such, and its bytes in both orders when it is a large one. */
static void add_int(struct finding *f, uint64_t v)
{
    uint8_t big[8];
    uint8_t little[8];
    unsigned n = 0;

    add_number(f, &f->ints, 'i', v);
    add_float(f, (double)v);
    for (uint64_t rest = v; rest > 0; rest >>= 8) {
        little[n++] = (uint8_t)rest;
    }
    for (unsigned i = 0; i < n; i++) {
        big[i] = little[n - 1 - i];
    }
    if (v > UINT16_MAX) {
        add_text(f, big, n);
        add_text(f, little, n);
    }
}

/* --- text ----------------------------------------------------------------- */

static int is_word(uint8_t c)
{
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') ||
           c == '_' || c >= 0x80;
}

static unsigned digit_of(uint8_t c)
{
    uint8_t low = c | 32;

    if (c >= '0' && c <= '9') {
        return (unsigned)(c - '0');
    }
    return low >= 'a' && low <= 'z' ? (unsigned)(low - 'a') + 10 : 99;
}

/* Digits of a base, `_` between them; the value modulo 2^64. Returns how many
 * bytes were digits. */
static size_t read_digits(struct ubytes in, unsigned base, uint64_t *out)
{
    size_t i = 0;

    *out = 0;
    while (i < in.n && (digit_of(in.p[i]) < base || in.p[i] == '_')) {
        if (in.p[i] != '_') {
            *out = *out * base + digit_of(in.p[i]);
        }
        i++;
    }
    return i;
}

static unsigned base_of(struct ubytes in)
{
    if (in.n < 3 || in.p[0] != '0') {
        return 10;
    }
    switch (in.p[1] | 32) {
    case 'x':
        return 16;
    case 'o':
        return 8;
    case 'b':
        return 2;
    default:
        return 10;
    }
}

/* A decimal number with a point or an exponent; its length, or 0. */
static size_t read_float(struct ubytes in, double *out)
{
    char token[TOKEN_MAX + 1];
    size_t n = 0;
    int is_float = 0;
    char *end;

    for (size_t i = 0; i < in.n && n < TOKEN_MAX; i++) {
        uint8_t c = in.p[i];
        int is_sign = (c == '+' || c == '-') && i > 0 &&
                      (in.p[i - 1] | 32) == 'e' && is_float;

        if (c == '_') {
            continue;
        }
        if (!(c >= '0' && c <= '9') && c != '.' && (c | 32) != 'e' &&
            !is_sign) {
            break;
        }
        is_float |= c == '.' || (c | 32) == 'e';
        token[n++] = (char)c;
    }
    token[n] = '\0';
    *out = strtod(token, &end);
    return is_float && end != token ? (size_t)(end - token) : 0;
}

/* A number at the front; returns the bytes of the whole word. */
static size_t scan_number(struct finding *f, struct ubytes in)
{
    unsigned base = base_of(in);
    size_t head = base == 10 ? 0 : 2;
    struct ubytes digits = {in.p + head, in.n - head};
    size_t used = read_digits(digits, base, &(uint64_t){0});
    double real;
    uint64_t v;

    if (base == 10 && read_float(in, &real) > 0) {
        add_float(f, real);
        if (real >= 0 && real < 0x1p64 && (double)(uint64_t)real - real >= 0) {
            add_int(f, (uint64_t)real);
        }
    }
    if (used > 0) {
        (void)read_digits(digits, base, &v);
        add_int(f, v);
        if (in.p[0] == '0' && base == 10 && used > 1) {
            (void)read_digits(in, 8, &v); /* octal, as C writes it */
            add_int(f, v);
        }
    }
    used += head;
    while (used < in.n && is_word(in.p[used])) {
        used++; /* suffixes */
    }
    return used > 0 ? used : 1;
}

/* Reads n hex digits at in; false if they are not there. */
static int read_hex(struct ubytes in, size_t n, uint32_t *out)
{
    *out = 0;
    for (size_t i = 0; i < n; i++) {
        if (i >= in.n || digit_of(in.p[i]) > 15) {
            return 0;
        }
        *out = *out * 16 + digit_of(in.p[i]);
    }
    return 1;
}

/* One escape behind the backslash: its value, and how long it was. */
static size_t read_escape(struct ubytes in, uint32_t *out)
{
    static const char names[] = "abfnrtv";
    static const char values[] = "\a\b\f\n\r\t\v";
    const char *at = memchr(names, in.p[0], sizeof(names) - 1);
    uint64_t octal;

    if (in.p[0] >= '0' && in.p[0] <= '7') {
        struct ubytes three = {in.p, in.n < 3 ? in.n : 3};
        size_t n = read_digits(three, 8, &octal);

        *out = (uint32_t)octal & 0xff;
        return n;
    }
    if ((in.p[0] == 'x' || in.p[0] == 'u' || in.p[0] == 'U')) {
        size_t n = in.p[0] == 'x' ? 2 : in.p[0] == 'u' ? 4 : 8;

        if (read_hex((struct ubytes){in.p + 1, in.n - 1}, n, out)) {
            return 1 + n;
        }
    }
    *out = at != NULL ? (uint8_t)values[at - names] : in.p[0];
    return 1;
}

/* The text with its escapes resolved; as code points (text) or as bytes. */
static void add_escaped(struct finding *f, struct ubytes in, int is_text)
{
    uint8_t out[LIMIT_LITERAL_BYTES + 4];
    size_t n = 0;
    size_t i = 0;

    while (i < in.n && n < LIMIT_LITERAL_BYTES) {
        uint32_t cp = in.p[i++];

        if (cp != '\\' || i == in.n) {
            out[n++] = (uint8_t)cp;
            continue;
        }
        i += read_escape((struct ubytes){in.p + i, in.n - i}, &cp);
        if ((is_text || cp > 0xff) && cp < 0x110000 &&
            (cp < 0xd800 || cp > 0xdfff)) {
            n += utf8_put(cp, out + n);
        } else {
            out[n++] = (uint8_t)cp;
        }
    }
    add_text(f, out, n < LIMIT_LITERAL_BYTES ? n : LIMIT_LITERAL_BYTES);
}

/* Hex digits in pairs: bytes, and a number. */
static void add_hex(struct finding *f, struct ubytes in)
{
    uint8_t out[LIMIT_LITERAL_BYTES];
    size_t n = in.n / 2;
    uint32_t v;

    if (in.n < PRINTABLE_MIN || in.n % 2 != 0 || n > sizeof(out)) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (!read_hex((struct ubytes){in.p + 2 * i, 2}, 2, &v)) {
            return;
        }
        out[i] = (uint8_t)v;
    }
    add_text(f, out, n);
    if (n <= 8) {
        uint64_t whole;

        (void)read_digits(in, 16, &whole);
        add_int(f, whole);
    }
}

/* What stands between the quote at the front and the next of its kind. */
static void scan_quoted(struct finding *f, struct ubytes in)
{
    uint8_t quote = in.p[0];
    size_t size = in.n >= 3 && in.p[1] == quote && in.p[2] == quote ? 3 : 1;
    size_t i = size;
    struct ubytes v;
    int has_escape = 0;

    in.n = in.n < QUOTED_MAX ? in.n : QUOTED_MAX;
    while (i + size <= in.n && memcmp(in.p + i, in.p, size) != 0) {
        if (size == 1 && in.p[i] == '\n') {
            return;
        }
        if (in.p[i] == '\\') {
            has_escape = 1;
            i++;
        }
        i++;
    }
    i = i < in.n ? i : in.n;
    v = (struct ubytes){in.p + size, i - size};
    if (has_escape) {
        add_escaped(f, v, 1);
        add_escaped(f, v, 0);
    }
    add_text(f, v.p, v.n);
    add_hex(f, v);
}

static void scan_text(struct finding *f, struct ubytes in)
{
    size_t i = 0;

    while (i < in.n) {
        struct ubytes rest = {in.p + i, in.n - i};
        uint8_t c = in.p[i];
        int is_point = c == '.' && rest.n > 1 && digit_of(rest.p[1]) < 10;

        if (digit_of(c) < 10 || is_point) {
            i += scan_number(f, rest);
        } else if (is_word(c)) {
            while (i < in.n && is_word(in.p[i])) {
                i++;
            }
        } else {
            if (c == '"' || c == '\'') {
                scan_quoted(f, rest);
            }
            i++; /* what is quoted is looked at as well */
        }
    }
}

/* --- binaries --------------------------------------------------------------- */

static uint64_t read_little(const uint8_t *p, unsigned n)
{
    uint64_t v = 0;

    while (n > 0) {
        v = v << 8 | p[--n];
    }
    return v;
}

/* An immediate, as it stands and sign-extended. */
static void add_immediate(struct finding *f, const uint8_t *p, unsigned n)
{
    uint64_t v = read_little(p, n);

    add_int(f, v);
    if (n < 8 && v >> (8 * n - 1) != 0) {
        add_int(f, v | ~0ull << 8 * n);
    }
}

/* x86-64: mov register, immediate; cmp with an immediate. Wherever these bytes
 * stand: what is no instruction costs a proposal. */
static void scan_code(struct finding *f, struct ubytes in)
{
    for (size_t i = 0; i + 10 <= in.n; i++) {
        const uint8_t *p = in.p + i;

        if ((p[0] == 0x48 || p[0] == 0x49) && (p[1] & 0xf8) == 0xb8) {
            add_immediate(f, p + 2, 8);
        } else if ((p[0] & 0xf8) == 0xb8 || p[0] == 0x3d) {
            add_immediate(f, p + 1, 4);
        } else if (p[0] == 0x81 && (p[1] & 0xf8) == 0xf8) {
            add_immediate(f, p + 2, 4);
        } else if (p[0] == 0x83 && (p[1] & 0xf8) == 0xf8) {
            add_immediate(f, p + 2, 1);
        }
    }
}

/* The executable segments of a 64-bit ELF file. */
static void scan_elf(struct finding *f, struct ubytes in)
{
    uint64_t at;
    uint64_t each;
    uint64_t n;

    if (in.n < 64 || memcmp(in.p, "\177ELF\2\1", 6) != 0) {
        return;
    }
    at = read_little(in.p + 32, 8);
    each = read_little(in.p + 54, 2);
    n = read_little(in.p + 56, 2);
    for (; n > 0 && each >= 56 && at <= in.n && in.n - at >= each; n--) {
        const uint8_t *h = in.p + at;
        uint64_t from = read_little(h + 8, 8);
        uint64_t bytes = read_little(h + 32, 8);

        if (read_little(h, 4) == 1 && (read_little(h + 4, 4) & 1) != 0 &&
            from <= in.n && in.n - from >= bytes) {
            scan_code(f, (struct ubytes){in.p + from, (size_t)bytes});
        }
        at += each;
    }
}

static void scan_binary(struct finding *f, struct ubytes in)
{
    size_t from = 0;

    for (size_t i = 0; i <= in.n; i++) {
        if (i < in.n && in.p[i] >= 0x20 && in.p[i] < 0x7f) {
            continue;
        }
        if (i - from >= PRINTABLE_MIN) {
            add_text(f, in.p + from, i - from);
        }
        from = i + 1;
    }
    scan_elf(f, in);
}

/* --- the reply ---------------------------------------------------------------- */

static int put_numbers(struct buf *out, const struct numbers *v)
{
    TRY(buf_put_u32(out, v->n));
    for (uint32_t i = 0; i < v->n; i++) {
        TRY(buf_put_u64(out, v->v[i]));
    }
    return 0;
}

static int put_all(struct config *c, const struct finding *f,
                   Proctor__ConfigReply *out)
{
    CLEANUP(buf_release) struct buf b;

    buf_init(&b, LIMIT_DATA_FILE_BYTES);
    if (f->ints.n + f->floats.n + f->texts_n == 0) {
        return 0;
    }
    TRY(put_numbers(&b, &f->ints));
    TRY(put_numbers(&b, &f->floats));
    TRY(buf_put_u32(&b, f->texts_n));
    TRY(buf_put(&b, buf_bytes(&f->texts).p, buf_len(&f->texts)));
    return spec_bytes(c, buf_bytes(&b), &out->literals);
}

int literals_read(struct config *c, Proctor__ConfigReply *out)
{
    struct finding *f = calloc(1, sizeof(*f));
    int code;

    if (f == NULL) {
        return ERR_NOMEM;
    }
    buf_init(&f->texts, LIMIT_DATA_FILE_BYTES);
    for (size_t i = 0; i < c->task->n_files; i++) {
        struct ubytes in = {c->task->files[i]->content.data,
                            c->task->files[i]->content.len};

        if (in.n > 0 && memchr(in.p, '\0', in.n) == NULL) {
            scan_text(f, in);
        } else if (in.n > 0) {
            scan_binary(f, in);
        }
    }
    code = f->code < 0 ? f->code : put_all(c, f, out);
    buf_release(&f->texts);
    free(f);
    return code;
}
