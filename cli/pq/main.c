/* proctor-sql: what `proctor export --sql postgres://...` needs libpq for, in a
 * program of its own, so that no other command loads it. Question on standard
 * input, answer on standard output (cli/bridge.h): so is the connection string,
 * which may hold a password and is no word of the command line here. The only place
 * that ends the process. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/bridge.h"
#include "cli/pq/pq_write.h"
#include "proto/err.h"
#include "proto/pb.h"

int main(int argc, char **argv)
{
    Proctor__BridgeAnswer a = PROCTOR__BRIDGE_ANSWER__INIT;
    CLEANUP(pb_freep) Proctor__BridgeAsk *ask = NULL;
    struct diag d;
    int rc;

    if (argc != 2 || strcmp(argv[1], "export") != 0 ||
        signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
        fputs("usage: proctor-sql export\nStarted by `proctor`.\n", stderr);
        return 2;
    }
    diag_init(&d);
    rc = bridge_hear(&ask, &d);
    if (rc == 0) {
        rc = ask->projection != NULL
                 ? pq_write(ask->place, ask->projection, &a, &d)
                 : diag_set(&d, ERR_PROTOCOL, (struct loc){0},
                            "nothing to export");
    }
    return bridge_answer(&a, rc, &d);
}
