/* proctor-witness: what `proctor witness` needs the network for, in a program of
 * its own, so that no other command loads an HTTP library or listens.
 *   serve DIR WHERE   becomes the witness in DIR (witness_serve.h)
 *   ask URL           posts standard input, prints the status, a newline and the
 *                     answer; exit code 1 and the reason when there is none
 * Holds no store open. The only place that ends the process. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/files.h"
#include "cli/http/witness_post.h"
#include "cli/http/witness_serve.h"
#include "cli/report.h"
#include "cli/term.h"
#include "proto/add_checkpoint.h"
#include "proto/err.h"

#define REPLY_BYTES_MAX 65536

static int serve(const char *dir, const char *where)
{
    struct witness *w = NULL;
    struct diag d;
    int rc;

    diag_init(&d);
    rc = witness_open(dir, WITNESS_SERVE, &w, &d);
    if (rc == 0) {
        rc = witness_serve(w, where, &d);
    }
    witness_close(w);
    if (rc != 0) {
        report_print(stderr, &d, term_has_colour(stderr), "proctor-witness(1)");
        return err_exit_code(rc);
    }
    return 0;
}

static int ask(const char *url)
{
    char why[WITNESS_POST_WHY_BYTES] = "";
    struct buf body;
    struct buf reply;
    unsigned status = 0;
    int rc;

    buf_init(&body, ADD_CHECKPOINT_BYTES_MAX);
    buf_init(&reply, REPLY_BYTES_MAX);
    rc = files_read_fd(STDIN_FILENO, ADD_CHECKPOINT_BYTES_MAX, &body);
    if (rc == 0) {
        rc = witness_post(url, buf_bytes(&body), &status, &reply, why);
    }
    if (rc == 0) {
        printf("%u\n", status);
        (void)fwrite(buf_bytes(&reply).p, 1, buf_len(&reply), stdout);
    } else {
        printf("%s", why[0] != '\0' ? why : err_text(rc));
    }
    buf_release(&body);
    buf_release(&reply);
    return fflush(stdout) == 0 && rc == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (sodium_init() < 0) {
        fputs("proctor-witness: error: libsodium cannot start\n", stderr);
        return 4;
    }
    if (argc == 4 && strcmp(argv[1], "serve") == 0) {
        return serve(argv[2], argv[3]);
    }
    if (argc == 3 && strcmp(argv[1], "ask") == 0) {
        return ask(argv[2]);
    }
    fputs("usage: proctor-witness serve DIR WHERE | ask URL\n"
          "Started by `proctor`.\n",
          stderr);
    return 2;
}
