/* Turns names of programs into hashed files. Looks along a fixed path only and
 * never starts anything. Kernel process. */
#include "kernel/run/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/err.h"

#if defined(__x86_64__)
#define TRIPLET "x86_64-linux-gnu"
#elif defined(__aarch64__)
#define TRIPLET "aarch64-linux-gnu"
#else
#error "unknown architecture: name its library folder"
#endif

static const char *const search_path[] = {"/usr/bin", "/bin"};

void programs_init(struct programs *p)
{
    *p = (struct programs){0};
}

void programs_release(struct programs *p)
{
    for (size_t i = 0; i < p->n; i++) {
        free(p->v[i].name);
        free(p->v[i].path);
    }
    free(p->v);
    programs_init(p);
}

/* The real path of a regular file that may be executed, owned, or NULL. */
static char *real_program(const char *path)
{
    struct stat st;
    char *real = realpath(path, NULL);

    if (real != NULL && (stat(real, &st) < 0 || !S_ISREG(st.st_mode) ||
                         (st.st_mode & 0111) == 0)) {
        free(real);
        real = NULL;
    }
    return real;
}

static char *search(const char *name)
{
    char path[PATH_MAX];

    if (name[0] == '/') {
        return real_program(name);
    }
    if (name[0] == '\0' || strchr(name, '/') != NULL) {
        return NULL;
    }
    for (size_t i = 0; i < ARRAY_N(search_path); i++) {
        int n = snprintf(path, sizeof(path), "%s/%s", search_path[i], name);
        char *real = n < (int)sizeof(path) ? real_program(path) : NULL;

        if (real != NULL) {
            return real;
        }
    }
    return NULL;
}

static int program_hash(const char *path, struct store *store, struct cid *out)
{
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint64_t n;

    if (fd < 0) {
        return ERR_TRACE(err_from_errno(errno));
    }
    if (store != NULL) {
        return store_put_fd(store, fd, LIMIT_OBJECT_BYTES, out, &n);
    }
    return core_hash_fd(fd, LIMIT_OBJECT_BYTES, out, &n);
}

/* Fills *out; its strings are owned by the caller's table from then on. */
static int program_resolve(const char *name, struct store *store,
                           struct program *out, struct diag *d)
{
    struct loc none = {0};
    int code;

    out->path = search(name);
    if (out->path == NULL) {
        diag_set(d, ERR_REFUSED, none,
                 "the policy grants program \"%s\", which is not installed",
                 name);
        diag_hint(d, name[0] == '/'
                         ? "it must be an executable file"
                         : "looked in /usr/bin and /bin; install it, or take "
                           "it out of the policy");
        return ERR_REFUSED;
    }
    out->name = strdup(name);
    if (out->name == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    code = program_hash(out->path, store, &out->cid);
    if (code < 0) {
        return diag_set(d, code, none, "program \"%s\" (%s) cannot be %s: %s",
                        name, out->path,
                        code == ERR_SPACE ? "copied to the store" : "read",
                        err_text(code));
    }
    return 0;
}

int programs_resolve(struct programs *p, const Proctor__Policy *policy,
                     struct store *store, size_t *out_grant, struct diag *d)
{
    size_t n = 0;

    for (size_t g = 0; g < policy->n_grants; g++) {
        n += policy->grants[g]->n_programs;
    }
    p->v = calloc(n == 0 ? 1 : n, sizeof(*p->v));
    if (p->v == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (size_t g = 0; g < policy->n_grants; g++) {
        const Proctor__Grant *grant = policy->grants[g];

        *out_grant = g;
        for (size_t i = 0; i < grant->n_programs; i++) {
            struct program *slot = &p->v[p->n++];

            slot->grant_i = (uint32_t)g;
            TRY(program_resolve(grant->programs[i], store, slot, d));
        }
    }
    return 0;
}

const struct program *programs_find(const struct programs *p, const char *name)
{
    for (size_t i = 0; i < p->n; i++) {
        if (strcmp(p->v[i].name, name) == 0) {
            return &p->v[i];
        }
    }
    return NULL;
}

static int roots_add(struct program_roots *r, const char *path)
{
    if (r->n == PROGRAM_ROOTS_MAX || access(path, F_OK) != 0) {
        return 0;
    }
    for (size_t i = 0; i < r->n; i++) {
        if (strcmp(r->v[i], path) == 0) {
            return 0;
        }
    }
    r->v[r->n] = strdup(path);
    if (r->v[r->n] == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    r->n++;
    return 0;
}

/* /usr/lib/NAME and /usr/share/NAME for the first n bytes of a name. */
static int roots_add_named(struct program_roots *r, const char *name, size_t n)
{
    char path[PATH_MAX];

    if (n == 0 || n > NAME_MAX) {
        return 0;
    }
    snprintf(path, sizeof(path), "/usr/lib/%.*s", (int)n, name);
    TRY(roots_add(r, path));
    snprintf(path, sizeof(path), "/usr/share/%.*s", (int)n, name);
    return roots_add(r, path);
}

int program_roots(const char *real_path, struct program_roots *out)
{
    const char *base = strrchr(real_path, '/');

    base = base == NULL ? real_path : base + 1;
    out->n = 0;
    TRY(roots_add(out, real_path));
    TRY(roots_add(out, "/usr/lib64"));
    TRY(roots_add(out, "/usr/lib/" TRIPLET));
    TRY(roots_add_named(out, base, strlen(base)));     /* python3.11 */
    TRY(roots_add_named(out, base, strcspn(base, "."))); /* python3 */
    return roots_add_named(out, base, strcspn(base, ".0123456789"));
}

void program_roots_release(struct program_roots *r)
{
    for (size_t i = 0; i < r->n; i++) {
        free(r->v[i]);
    }
    r->n = 0;
}
