/* proctor-git: what `proctor` needs libgit2 for, in a program of its own, so that
 * no other command loads it and it sees nothing but one folder.
 *   export DIR   a projection into the repository in DIR (git_export.h)
 *   import DIR   what refs/cml/ of the repository in DIR hold (git_import.h)
 * Question on standard input, answer on standard output (cli/bridge.h). The only
 * place that ends the process. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bridge.h"
#include "cli/git/git_export.h"
#include "cli/git/git_import.h"
#include "cli/git/git_repo.h"
#include "proto/err.h"
#include "proto/pb.h"

static int serve(const Proctor__BridgeAsk *ask, int exports, const char *dir,
                 Proctor__BridgeAnswer *a, struct diag *d)
{
    git_repository *repo = NULL;
    int rc;

    if (exports && ask->projection == NULL) {
        return diag_set(d, ERR_PROTOCOL, (struct loc){0}, "nothing to export");
    }
    rc = git_repo_open(dir, exports, &repo, d);
    if (rc == 0) {
        rc = exports ? git_export(repo, ask->projection, a, d)
                     : git_import(repo, &a->projection, d);
    }
    git_repository_free(repo);
    return rc;
}

int main(int argc, char **argv)
{
    Proctor__BridgeAnswer a = PROCTOR__BRIDGE_ANSWER__INIT;
    Proctor__BridgeAsk *ask = NULL;
    const char *no_commit = a.commit;
    struct diag d;
    int exports;
    int rc;

    if (argc != 3 || (strcmp(argv[1], "export") != 0 &&
                      strcmp(argv[1], "import") != 0)) {
        fputs("usage: proctor-git export|import DIR\nStarted by `proctor`.\n",
              stderr);
        return 2;
    }
    exports = strcmp(argv[1], "export") == 0;
    diag_init(&d);
    rc = bridge_hear(&ask, &d);
    if (rc == 0) {
        Proctor__Projection *found;

        rc = serve(ask, exports, argv[2], &a, &d);
        found = a.projection;
        rc = bridge_answer(&a, rc, &d);
        pb_free(found != NULL ? &found->base : NULL);
    } else {
        rc = bridge_answer(&a, rc, &d);
    }
    pb_free(ask != NULL ? &ask->base : NULL);
    if (a.commit != no_commit) {
        free(a.commit);
    }
    return rc;
}
