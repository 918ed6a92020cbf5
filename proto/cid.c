/* Content identifiers and hex. Runs in every process. */
#include "proto/cid.h"

#include <string.h>

#include "proto/blake3.h"
#include "proto/err.h"

struct cid cid_of(struct ubytes bytes)
{
    struct cid c;

    _Static_assert(CID_BYTES == BLAKE3_BYTES, "a CID is a BLAKE3-256 digest");
    blake3(bytes.p, bytes.n, c.b);
    return c;
}

int cid_is_equal(const struct cid *a, const struct cid *b)
{
    return memcmp(a->b, b->b, CID_BYTES) == 0;
}

int cid_is_zero(const struct cid *a)
{
    static const struct cid zero;

    return cid_is_equal(a, &zero);
}

void cid_text(const struct cid *c, char out[static CID_TEXT_BYTES])
{
    hex_text(c->b, CID_BYTES, out);
}

int cid_parse(const char *text, struct cid *out)
{
    size_t n = strnlen(text, CID_TEXT_BYTES);

    if (n != CID_TEXT_BYTES - 1) {
        return ERR_INPUT;
    }
    return hex_parse(text, n, out->b);
}

void hex_text(const uint8_t *p, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[p[i] >> 4];
        out[2 * i + 1] = digits[p[i] & 15];
    }
    out[2 * n] = '\0';
}

/* Value of a lower-case hex digit, or 16. */
static uint8_t digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return (uint8_t)(c - '0');
    }
    if (c >= 'a' && c <= 'f') {
        return (uint8_t)(c - 'a' + 10);
    }
    return 16;
}

int hex_parse(const char *text, size_t text_n, uint8_t *out)
{
    if (text_n % 2 != 0) {
        return ERR_INPUT;
    }
    for (size_t i = 0; i < text_n / 2; i++) {
        uint8_t hi = digit_value(text[2 * i]);
        uint8_t lo = digit_value(text[2 * i + 1]);

        if (hi > 15 || lo > 15) {
            return ERR_INPUT;
        }
        out[i] = (uint8_t)(hi << 4 | lo);
    }
    return 0;
}
