/* Entry of `proctor`. The only place that ends the process. */
#include <sodium.h>
#include <stdio.h>

#include "cli/cli.h"

int main(int argc, char **argv)
{
    if (sodium_init() < 0) {
        fputs("proctor: error: libsodium cannot start\n", stderr);
        return 4;
    }
    return cli_main(argc, argv);
}
