// Writes its memory before it reads it.
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    unsigned x;

    while (scanf(" [%u]", &x) == 1) {
        unsigned char *own = malloc(1 << 20);

        if (own == NULL) {
            return 1;
        }
        own[x] = (unsigned char)(x * x % 251);
        printf("%u\n", own[x]);
        free(own);
    }
    return 0;
}
