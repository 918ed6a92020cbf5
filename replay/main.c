/* proctor-replay: derives verdicts again, by code of its own. Serves the command
 * line on descriptor 3, starts a kernel for the workers that it needs. Has no
 * authority and no key. The only file that ends the process. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "proto/err.h"
#include "proto/launch.h"
#include "replay/serve.h"

int main(int argc, char **argv)
{
    int code;

    if (argc != 3 || strcmp(argv[1], "--store") != 0) {
        fputs("usage: proctor-replay --store DIR\n"
              "Started by `proctor replay`, with its socket as descriptor 3.\n",
              stderr);
        return 2;
    }
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || sodium_init() < 0) {
        fputs("proctor-replay: error: cannot start\n", stderr);
        return 4;
    }
    code = serve_client(argv[2], LAUNCH_SOCKET);
    if (code < 0) {
        fprintf(stderr, "proctor-replay: error: %s\n", err_text(code));
        err_trace_print(2);
        return err_exit_code(code);
    }
    return 0;
}
