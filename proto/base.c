/* Words every file shares: the few that need code. Runs in every process; must
 * never touch input. */
#include "proto/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void assert_fail(const char *expr, const char *file, int line)
{
    (void)fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, expr);
    (void)fflush(stderr);
    abort();
}

void fd_closep(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
        *fd = -1;
    }
}

void mem_freep(void *pp)
{
    void **p = pp;

    free(*p);
    *p = NULL;
}
