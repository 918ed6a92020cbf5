/* Prints and counts. Test code. */
#include "tests/attack/tap.h"

#include <stdio.h>

static unsigned ran, failed;

void tap(int ok, char row, const char *name, const char *class_name,
         const char *found)
{
    ran++;
    failed += !ok;
    printf("%s %u - %c %s (%s): %s\n", ok ? "ok" : "not ok", ran, row, name,
           class_name, found);
    fflush(stdout);
}

int tap_end(void)
{
    printf("1..%u\n# %u of %u cases ended as they must\n", ran, ran - failed,
           ran);
    return failed == 0 ? 0 : 1;
}
