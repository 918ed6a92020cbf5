/* Runs of an output directory, as its index names them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/experiment.h"
#include "cli/files.h"
#include "cli/json_read.h"
#include "cli/term.h"
#include "proto/err.h"

#define INDEX_BYTES_MAX ((size_t)64 << 20)

static int read_index(struct cli *c, const char *output, struct buf *out)
{
    char path[PATH_MAX];
    int rc;

    (void)snprintf(path, sizeof(path), "%.4000s/index.json", output);
    rc = files_read(path, INDEX_BYTES_MAX, out);
    return rc == 0 ? 0
                   : cli_fail_hint(c, rc,
                                   "proctor experiment run makes the first one",
                                   "no runs are listed in %.150s: %s", path,
                                   err_text(rc));
}

static void print_member(struct json_read *j, size_t i, const char *member,
                         int width)
{
    CLEANUP(buf_release) struct buf text;
    char path[64];
    size_t n;

    buf_init(&text, 4096);
    (void)snprintf(path, sizeof(path), "$.runs[%zu].%s", i, member);
    if (json_read_string(j, path, &text) != 0) {
        err_trace_clear();
    }
    n = buf_len(&text);
    term_put_text(stdout, buf_bytes(&text), 4096);
    printf("%*s", (size_t)width > n ? width - (int)n : 0, "");
}

int experiment_list(struct cli *c, const char *output)
{
    CLEANUP(buf_release) struct buf text;
    struct json_read *j = NULL;
    size_t n;
    int rc;

    buf_init(&text, INDEX_BYTES_MAX);
    TRY(read_index(c, output, &text));
    rc = json_read_new(&j);
    rc = rc == 0 ? json_read_text(j, buf_bytes(&text), INDEX_BYTES_MAX) : rc;
    if (rc != 0) {
        json_read_free(j);
        return cli_fail(c, rc, "%.150s/index.json is no list of runs", output);
    }
    n = json_read_count(j, "$.runs");
    if (c->json) {
        struct json out;

        json_read_free(j);
        json_init(&out);
        json_raw(&out, NULL, buf_bytes(&text));
        return cli_emit(c, &out);
    }
    for (size_t i = 0; i < n; i++) {
        print_member(j, i, "created_at", 28);
        print_member(j, i, "status", 11);
        print_member(j, i, "run_dir", 0);
        printf("\n");
    }
    json_read_free(j);
    printf("%zu run%s\n", n, n == 1 ? "" : "s");
    return 0;
}
