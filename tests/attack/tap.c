/* Prints and counts. Test code. */
#include "tests/attack/tap.h"

#include <stdio.h>
#include <stdlib.h>

static unsigned ran, failed;

static void put(int ok)
{
    ran++;
    failed += !ok;
    printf("%s %u - ", ok ? "ok" : "not ok", ran);
}

void tap(int ok, char row, const char *name, const char *class_name,
         const char *found)
{
    put(ok);
    printf("%c %s (%s): %s\n", row, name, class_name, found);
    fflush(stdout);
}

void tap_case(char row, int ok, const char *name, const char *found)
{
    put(ok);
    printf("%c %s: %s\n", row, name, found);
    fflush(stdout);
}

void must(int ok, const char *what)
{
    if (!ok) {
        printf("Bail out! %s\n", what);
        exit(1);
    }
}

int tap_end(void)
{
    printf("1..%u\n# %u of %u cases ended as they must\n", ran, ran - failed,
           ran);
    return failed == 0 ? 0 : 1;
}
