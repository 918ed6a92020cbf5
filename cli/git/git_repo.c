/* See git_repo.h. */
#include "cli/git/git_repo.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/shut/shut_in.h"
#include "proto/err.h"

#define CACHE_BYTES (64 << 20)
#define PACK_OBJECTS_MAX (4u << 20)

static const struct loc NOWHERE = {NULL, 0, 0};

static int code_of(int git_code)
{
    const git_error *e = git_error_last();
    const char *said = e != NULL && e->message != NULL ? e->message : "";

    /* It often knows the reason only in words. */
    if (strstr(said, strerror(EACCES)) != NULL || errno == EACCES ||
        errno == EPERM) {
        return ERR_ACCESS;
    }
    if (strstr(said, strerror(ENOSPC)) != NULL || errno == ENOSPC ||
        errno == EDQUOT) {
        return ERR_SPACE;
    }
    switch (git_code) {
    case GIT_ENOTFOUND:
        return ERR_NOT_FOUND;
    case GIT_EEXISTS:
    case GIT_ELOCKED:
    case GIT_EMODIFIED:
        return ERR_EXISTS;
    default:
        break;
    }
    return e != NULL && e->klass == GIT_ERROR_NOMEMORY ? ERR_NOMEM : ERR_INPUT;
}

int git_repo_failed(struct diag *d, int git_code, const char *what)
{
    int code = code_of(git_code);
    const git_error *e = git_error_last();

    (void)diag_set(d, code, NOWHERE, "%s: %.140s", what,
                   e != NULL && e->message != NULL ? e->message
                                                   : "git says no more");
    if (code == ERR_ACCESS) {
        diag_hint(d, "only what lies in the folder itself is read: no "
                     "alternates, no worktree of another repository");
    } else if (git_code == GIT_ELOCKED) {
        diag_hint(d, "another program works on it, or one died: then remove "
                     "its .lock file");
    }
    return code;
}

static int start_library(struct diag *d)
{
    static const int levels[] = {GIT_CONFIG_LEVEL_SYSTEM,
                                 GIT_CONFIG_LEVEL_XDG, GIT_CONFIG_LEVEL_GLOBAL,
                                 GIT_CONFIG_LEVEL_PROGRAMDATA};
    size_t i;
    int rc = git_libgit2_init();

    for (i = 0; i < ARRAY_N(levels) && rc >= 0; i++) {
        rc = git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, levels[i], "");
    }
    if (rc >= 0) {
        rc = git_libgit2_opts(GIT_OPT_SET_TEMPLATE_PATH, "");
    }
    /* Shut in, it does not matter whose files these are. */
    if (rc >= 0) {
        rc = git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
    }
    if (rc >= 0) {
        rc = git_libgit2_opts(GIT_OPT_SET_CACHE_MAX_SIZE, (ssize_t)CACHE_BYTES);
    }
    if (rc >= 0) {
        rc = git_libgit2_opts(GIT_OPT_SET_PACK_MAX_OBJECTS,
                              (size_t)PACK_OBJECTS_MAX);
    }
    /* An object is what its name says, or an error. */
    if (rc >= 0) {
        rc = git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 1);
    }
    return rc >= 0 ? 0 : git_repo_failed(d, rc, "libgit2 cannot start");
}

static int open_dir(const char *dir, int writes, int *out_fd, struct diag *d)
{
    if (writes && mkdir(dir, 0777) != 0 && errno != EEXIST) {
        return diag_set(d, err_from_errno(errno), NOWHERE,
                        "cannot make the folder %.150s: %s", dir,
                        strerror(errno));
    }
    *out_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*out_fd < 0 || fchdir(*out_fd) != 0) {
        return diag_set(d,
                        errno == ENOTDIR ? ERR_INPUT : err_from_errno(errno),
                        NOWHERE, "the folder %.150s: %s", dir, strerror(errno));
    }
    return 0;
}

/* True when "." holds nothing. */
static int is_empty(void)
{
    DIR *dir = opendir(".");
    const struct dirent *e;
    int empty = dir != NULL;

    while (dir != NULL && (e = readdir(dir)) != NULL) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            empty = 0;
            break;
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return empty;
}

static int make_new(git_repository **out, struct diag *d)
{
    git_repository_init_options o;
    int rc = git_repository_init_options_init(
        &o, GIT_REPOSITORY_INIT_OPTIONS_VERSION);

    if (rc != 0) {
        return git_repo_failed(d, rc, "a new repository");
    }
    o.flags = GIT_REPOSITORY_INIT_BARE | GIT_REPOSITORY_INIT_NO_REINIT;
    o.initial_head = "main";
    errno = 0;
    rc = git_repository_init_ext(out, ".", &o);
    return rc == 0 ? 0 : git_repo_failed(d, rc, "a new repository");
}

int git_repo_open(const char *dir, int writes, git_repository **out,
                  struct diag *d)
{
    int fd CLEANUP(fd_closep) = -1;
    int rc;

    TRY(open_dir(dir, writes, &fd, d));
    TRY(start_library(d));
    TRY(shut_in(writes ? SHUT_IN_WRITE : SHUT_IN_READ, fd, d));
    if (writes && is_empty()) {
        TRY(make_new(out, d));
        return 0;
    }
    errno = 0;
    rc = git_repository_open_ext(out, ".", GIT_REPOSITORY_OPEN_NO_SEARCH,
                                 NULL);
    if (rc == GIT_ENOTFOUND) {
        (void)diag_set(d, ERR_INPUT, NOWHERE, "%.150s is no git repository",
                       dir);
        diag_hint(d, writes ? "name a new or an empty folder, or a repository"
                            : "a bare repository, or a folder with .git");
        return ERR_INPUT;
    }
    return rc == 0 ? 0 : git_repo_failed(d, rc, "the repository");
}
