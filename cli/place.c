/* Finding the store. Looks, never creates. */
#include "cli/place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/files.h"
#include "proto/buf.h"
#include "proto/err.h"

#define STORE_NAME ".proctor"
#define STORE_FORMAT "proctor store 1\n"

static const struct loc NOWHERE = {NULL, 0, 0};

static int too_long(struct diag *d)
{
    return diag_set(d, ERR_LIMIT, NOWHERE,
                    "the path of the store is longer than %d bytes", PATH_MAX);
}

/* folder + "/" + name into out, "/" kept single. True when it fits. */
static int join(const char *folder, const char *name, char out[static PATH_MAX])
{
    const char *slash = strcmp(folder, "/") == 0 ? "" : "/";
    int n = snprintf(out, PATH_MAX, "%s%s%s", folder, slash, name);

    return n >= 0 && n < PATH_MAX;
}

static int is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The nearest .proctor in `here` or above it. True when found. */
static int search_upward(const char *here, char out[static PATH_MAX])
{
    char folder[PATH_MAX];
    char *slash;

    (void)snprintf(folder, sizeof(folder), "%s", here);
    for (;;) {
        if (join(folder, STORE_NAME, out) && is_folder(out)) {
            return 1;
        }
        slash = strrchr(folder, '/');
        if (slash == NULL || folder[1] == '\0') {
            return 0;
        }
        slash[slash == folder ? 1 : 0] = '\0';
    }
}

int place_find(const char *option, struct place *out, struct diag *d)
{
    CLEANUP(mem_freep) char *here = getcwd(NULL, 0);
    const char *named = option;

    if (here == NULL) {
        int rc = err_from_errno(errno);

        return diag_set(d, rc, NOWHERE, "cannot tell the working directory: %s",
                        strerror(errno));
    }
    out->how = PLACE_OPTION;
    if (named == NULL) {
        named = getenv("PROCTOR_STORE");
        out->how = PLACE_ENVIRONMENT;
    }
    if (named != NULL && named[0] != '\0') {
        int fits = named[0] == '/'
                       ? snprintf(out->path, PATH_MAX, "%s", named) < PATH_MAX
                       : join(here, named, out->path);

        return fits ? 0 : too_long(d);
    }
    out->how = PLACE_UPWARD;
    if (search_upward(here, out->path)) {
        return 0;
    }
    out->how = PLACE_NEW;
    return join(here, STORE_NAME, out->path) ? PLACE_E_NONE : too_long(d);
}

/* The store's own word on its format. */
static int check_format(const struct place *p, struct diag *d)
{
    struct loc at = {p->path, 0, 0};
    char path[PATH_MAX + 16];
    struct buf text;
    int rc;

    (void)snprintf(path, sizeof(path), "%s/format", p->path);
    buf_init(&text, 256);
    rc = files_read(path, 256, &text);
    if (rc == ERR_NOT_FOUND || rc == ERR_INPUT) {
        rc = diag_set(d, ERR_STORE_FORMAT, at,
                      "this folder is not a Proctor store (it has no `format` "
                      "file)");
        diag_hint(d, "name a store with --store, or make one with `proctor run "
                     "GRAPH`");
    } else if (rc == ERR_LIMIT ||
               (rc == 0 && (buf_len(&text) != strlen(STORE_FORMAT) ||
                            memcmp(buf_bytes(&text).p, STORE_FORMAT,
                                   buf_len(&text)) != 0))) {
        rc = diag_set(d, ERR_STORE_FORMAT, at,
                      "the store has another format version than 1");
        diag_hint(d, "read it with the version of proctor that wrote it");
    } else if (rc != 0) {
        rc = diag_set(d, rc, at, "cannot read the store: %s", err_text(rc));
    }
    buf_release(&text);
    return rc;
}

int place_open(const char *option, struct place *out, struct diag *d)
{
    struct loc at = {out->path, 0, 0};
    int rc = place_find(option, out, d);

    if (rc < 0) {
        return rc;
    }
    if (rc == PLACE_E_NONE) {
        rc = diag_set(d, ERR_NOT_FOUND, NOWHERE,
                      "no store: no %s here or in a folder above", STORE_NAME);
        diag_hint(d,
                  "name one with --store or $PROCTOR_STORE, or make one with "
                  "`proctor run GRAPH`");
        return rc;
    }
    if (!is_folder(out->path)) {
        rc = diag_set(d, ERR_NOT_FOUND, at, "no store there: not a folder");
        diag_hint(d, out->how == PLACE_ENVIRONMENT
                         ? "the path comes from $PROCTOR_STORE"
                         : "`proctor run GRAPH --store DIR` makes one");
        return rc;
    }
    return check_format(out, d);
}

int place_make(const char *option, struct place *out, struct diag *d)
{
    struct stat st;
    int rc = place_find(option, out, d);

    if (rc >= 0 && stat(out->path, &st) == 0 && !S_ISDIR(st.st_mode)) {
        (void)diag_set(d, ERR_INPUT, NOWHERE, "%.180s is not a folder",
                       out->path);
        diag_hint(d, "name a folder with --store");
        return ERR_INPUT;
    }
    return rc < 0 ? rc : 0;
}
