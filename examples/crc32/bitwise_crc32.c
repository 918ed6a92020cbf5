/* The second oracle: CRC-32 bit by bit, straight from the definition; no table,
 * no library but libc's input and output. Speaks the lines that `run:` programs
 * speak: ["68656c6c6f"] in, 907060870 out. Anything else ends it with status 1.
 * */
#include <stdint.h>
#include <stdio.h>

static int hex(int c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return -1;
}

static uint32_t add_byte(uint32_t crc, int byte)
{
    crc ^= (uint32_t)byte;
    for (int bit = 0; bit < 8; bit++) {
        crc = (crc & 1) != 0 ? crc >> 1 ^ UINT32_C(0xedb88320) : crc >> 1;
    }
    return crc;
}

static int expect(const char *text)
{
    while (*text != '\0') {
        if (getchar() != *text++) {
            return 0;
        }
    }
    return 1;
}

/* Behind ["; reads the digits, the closing quote, ] and newline. */
static int answer_line(void)
{
    uint32_t crc = UINT32_C(0xffffffff);
    int c;

    while ((c = getchar()) != '"') {
        int high = hex(c);
        int low = high < 0 ? -1 : hex(getchar());

        if (low < 0) {
            return 0;
        }
        crc = add_byte(crc, high * 16 + low);
    }
    if (!expect("]\n")) {
        return 0;
    }
    return printf("%lu\n", (unsigned long)(crc ^ UINT32_C(0xffffffff))) > 0;
}

int main(void)
{
    int c;

    while ((c = getchar()) != EOF) {
        if (c != '[' || !expect("\"") || !answer_line()) {
            return 1;
        }
    }
    return ferror(stdin) != 0 || fflush(stdout) != 0;
}
