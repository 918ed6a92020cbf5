/* Resolving declared paths. Runs in the kernel. Must never let a path through
 * that would show more than what it names: the whole tree, kernel file systems,
 * or anything in place of the worker's own directories. */
#include "kernel/engine/roots.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/zygote.h"

static int bad(struct diag *d, const char *path, const char *why)
{
    diag_set(d, ERR_CONFINE, (struct loc){0}, "declared path %s: %s", path,
             why);
    diag_hint(d, "declare absolute paths such as /usr; see proctor-policy(5)");
    return ERR_TRACE(ERR_CONFINE);
}

static int is_within(const char *path, const char *dir)
{
    size_t n = strlen(dir);

    return strncmp(path, dir, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

/* NULL when the real path may be shown, else why not. */
static const char *objection(const char *path)
{
    static const char *const closed[] = {"/proc", "/sys", "/dev",
                                         "/work", "/tmp", "/run"};

    if (strcmp(path, "/") == 0) {
        return "the whole tree cannot be shown";
    }
    for (size_t i = 0; i < ARRAY_N(closed); i++) {
        if (is_within(path, closed[i])) {
            return "this part of the tree cannot be shown";
        }
    }
    for (const char *p = path; *p != '\0'; p++) {
        if ((unsigned char)*p <= ' ' || *p == '\\' || *p == 0x7f) {
            return "blanks and backslashes in paths are not supported";
        }
    }
    return NULL;
}

static int path_compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* real is sorted, so a directory comes before what it contains; but "/a-b"
 * stands between "/a" and "/a/b", so all kept ones are asked. */
static int text_fill(char *const *real, size_t n, char *text,
                     uint32_t *out_bytes)
{
    size_t at = 0;

    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(real[i]) + 1;
        int covered = 0;

        for (size_t k = 0; k < at && !covered; k += strlen(text + k) + 1) {
            covered = is_within(real[i], text + k);
        }
        if (covered) {
            continue;
        }
        if (at + len > ZYGOTE_ROOTS_BYTES) {
            return ERR_LIMIT;
        }
        memcpy(text + at, real[i], len);
        at += len;
    }
    *out_bytes = (uint32_t)at;
    return 0;
}

int roots_resolve(const char *const *paths, size_t paths_n, char **out_text,
                  uint32_t *out_bytes, struct diag *d)
{
    char *real[ZYGOTE_ROOTS_MAX] = {NULL};
    char *text CLEANUP(mem_freep) = malloc(ZYGOTE_ROOTS_BYTES);
    int code = 0;

    *out_text = NULL;
    *out_bytes = 0;
    if (paths_n > ZYGOTE_ROOTS_MAX) {
        return bad(d, paths[ZYGOTE_ROOTS_MAX], "more than 64 paths");
    }
    if (text == NULL) {
        diag_set(d, ERR_NOMEM, (struct loc){0}, "declared paths: no memory");
        return ERR_TRACE(ERR_NOMEM);
    }
    for (size_t i = 0; i < paths_n && code == 0; i++) {
        const char *why = "not absolute";

        real[i] = paths[i][0] == '/' ? realpath(paths[i], NULL) : NULL;
        if (real[i] != NULL) {
            why = objection(real[i]);
        } else if (paths[i][0] == '/') {
            why = strerror(errno);
        }
        if (why != NULL) {
            code = bad(d, paths[i], why);
        }
    }
    if (code == 0) {
        qsort(real, paths_n, sizeof(real[0]), path_compare);
        code = text_fill(real, paths_n, text, out_bytes);
        if (code < 0) {
            bad(d, "list", "longer than 8192 bytes");
        }
    }
    for (size_t i = 0; i < paths_n; i++) {
        free(real[i]);
    }
    if (code == 0) {
        *out_text = text;
        text = NULL;
    }
    return code;
}
