/* See did.h. */
#include "cli/did.h"

#include <string.h>

#define HEAD "did:key:z"
#define CODED_BYTES 34
#define DIGITS 47 /* ceil(34 * log 256 / log 58) */

void did_key(const uint8_t key[static 32], char out[static DID_TEXT_BYTES])
{
    static const char alphabet[] =
        "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    uint8_t bytes[CODED_BYTES] = {0xed, 0x01};
    uint8_t digits[DIGITS] = {0}; /* base 58, least first */
    size_t n = 0;
    char *to = out + strlen(HEAD);

    memcpy(bytes + 2, key, 32);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        unsigned carry = bytes[i];

        for (size_t k = 0; k < n || carry != 0; k++) {
            carry += 256u * digits[k];
            digits[k] = (uint8_t)(carry % 58);
            carry /= 58;
            n = k + 1 > n ? k + 1 : n;
        }
    }
    memcpy(out, HEAD, sizeof(HEAD)); /* its NUL is written over */
    while (n-- > 0) {
        *to++ = alphabet[digits[n]];
    }
    *to = '\0';
}
