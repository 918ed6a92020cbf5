/* Entry of `proctor`. The only place that ends the process. */
#include <signal.h>
#include <sodium.h>
#include <stdio.h>

#include "cli/cli.h"

int main(int argc, char **argv)
{
    /* A file that may not grow further is an error with a name, not the end. */
    if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR || sodium_init() < 0) {
        fputs("proctor: error: cannot start\n", stderr);
        return 4;
    }
    return cli_main(argc, argv);
}
