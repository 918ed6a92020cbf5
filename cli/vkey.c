/* Reading a verifier key. Trusts nothing: where it came from is the person's
 * business. */
#include "cli/vkey.h"

#include <string.h>
#include <unistd.h>

#include "cli/files.h"
#include "proto/err.h"

enum {
    TEXT_BYTES = 512
};

/* The first line, or the whole of a text without one. */
static int first_line(const char *given, char out[static TEXT_BYTES])
{
    struct buf text;
    size_t n = 0;
    int rc = 0;

    buf_init(&text, TEXT_BYTES - 1);
    if (access(given, F_OK) == 0) {
        rc = files_read(given, TEXT_BYTES - 1, &text);
    } else {
        rc = buf_put(&text, given, strlen(given));
    }
    while (rc == 0 && n < buf_len(&text) && buf_bytes(&text).p[n] != '\n') {
        out[n] = (char)buf_bytes(&text).p[n];
        n++;
    }
    out[n] = '\0';
    buf_release(&text);
    return rc;
}

int vkey_read(struct cli *c, const char *given, struct vkey *out)
{
    char text[TEXT_BYTES];
    int rc = first_line(given, text);

    if (rc != 0) {
        return cli_fail(c, rc, "cannot read the log's key: %s", err_text(rc));
    }
    if (note_vkey_parse(text, out->origin, out->key) != 0) {
        return cli_fail_hint(c, ERR_INPUT,
                             "it looks like "
                             "proctor/0123456789abcdef+01234567+AbC...=, the "
                             "line in ledger/vkey",
                             "the key is not a verifier key");
    }
    return 0;
}
