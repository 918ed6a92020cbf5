/* Checks the spelling of file names that a graph gives. Never opens anything:
 * the command line does, with the person's authority. Kernel process. */
#include "kernel/admit/path.h"

#include <string.h>

#include "proto/err.h"

/* Why a part of a path may not stand, or NULL. */
static const char *part_problem(const char *p, size_t n)
{
    if (n == 0) {
        return "it has an empty part";
    }
    if (n == 1 && p[0] == '.') {
        return "it has a \".\" part";
    }
    if (n == 2 && p[0] == '.' && p[1] == '.') {
        return "it leaves the graph's folder with \"..\"";
    }
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)p[i] < 0x20 || p[i] == 0x7f) {
            return "it holds a control byte";
        }
    }
    return NULL;
}

int path_normal(const char *in, struct path *out, const char **out_why)
{
    const char *why = NULL;
    size_t n;

    if (in[0] == '.' && in[1] == '/') {
        in += 2;
    }
    n = strlen(in);
    if (in[0] == '/') {
        why = "it is absolute";
    } else if (n > LIMIT_PATH_BYTES) {
        why = "it is longer than 1024 bytes";
    }
    for (const char *p = in; why == NULL; p++) {
        size_t part_n = strcspn(p, "/");

        why = part_problem(p, part_n);
        p += part_n;
        if (*p == '\0') {
            break;
        }
    }
    if (why != NULL) {
        *out_why = why;
        return ERR_INPUT;
    }
    memcpy(out->s, in, n + 1);
    return 0;
}
