// attack: 22
// how: reads memory that it never wrote, hoping that the reference left its answers there
// why: the reference ran in another address space; the kernel gives zeroed pages
// problem: square
// end: reject
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    unsigned x;

    while (scanf(" [%u]", &x) == 1) {
        volatile unsigned char *stale = malloc(1 << 20);

        printf("%u\n", stale == NULL ? 0u : stale[x]);
    }
    return 0;
}
