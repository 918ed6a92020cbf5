/* See git_export.h. */
#include "cli/git/git_export.h"

#include <errno.h>
#include <fcntl.h>
#include <git2/sys/repository.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/bridge.h"
#include "cli/git/git_repo.h"
#include "cli/git/git_tree.h"
#include "proto/disk.h"
#include "proto/err.h"
#include "proto/pb.h"

#define BRANCH "refs/heads/main"

struct export_git {
    git_repository *repo;
    const Proctor__Projection *p;
    git_index *index; /* in memory: the tree under way */
    git_odb *odb;
    uint64_t new_blobs;
    struct diag *d;
};

/* One file into the object store and the tree. */
static int put_file(void *ctx, const char *path, struct ubytes bytes)
{
    struct export_git *x = ctx;
    git_index_entry e = {.mode = GIT_FILEMODE_BLOB, .path = path};
    int rc;

    errno = 0;
    rc = git_odb_hash(&e.id, bytes.p != NULL ? (const void *)bytes.p : "",
                      bytes.n, GIT_OBJECT_BLOB);
    if (rc == 0 && !git_odb_exists(x->odb, &e.id)) {
        rc = git_odb_write(&e.id, x->odb,
                           bytes.p != NULL ? (const void *)bytes.p : "",
                           bytes.n, GIT_OBJECT_BLOB);
        x->new_blobs += strncmp(path, "blobs/", 6) == 0;
    }
    if (rc == 0) {
        rc = git_index_add(x->index, &e);
    }
    return rc == 0 ? 0 : git_repo_failed(x->d, rc, path);
}

/* The commit that a ref names. 1: there is no such ref. */
static int commit_at(struct export_git *x, const char *ref, git_commit **out)
{
    git_oid id;
    int rc = git_reference_name_to_id(&id, x->repo, ref);

    if (rc == GIT_ENOTFOUND) {
        git_error_clear();
        return 1;
    }
    if (rc == 0) {
        rc = git_commit_lookup(out, x->repo, &id);
    }
    return rc == 0 ? 0 : git_repo_failed(x->d, rc, ref);
}

static int write_commit(struct export_git *x, const git_oid *tree_id,
                        const git_commit *parent, const char *ref, git_oid *out)
{
    const git_commit *parents[] = {parent};
    char message[512];
    git_signature *who = NULL;
    git_tree *tree = NULL;
    int rc;

    (void)snprintf(message, sizeof(message), "%.300s\n\nof %s\n", ref,
                   x->p->did);
    rc = git_signature_new(&who, "proctor", x->p->did[0] ? x->p->did : "store",
                           (git_time_t)(x->p->wall_ns / 1000000000u), 0);
    if (rc == 0) {
        rc = git_tree_lookup(&tree, x->repo, tree_id);
    }
    if (rc == 0) {
        rc = git_commit_create(out, x->repo, NULL, who, who, NULL, message,
                               tree, parent != NULL, parents);
    }
    git_tree_free(tree);
    git_signature_free(who);
    return rc == 0 ? 0 : git_repo_failed(x->d, rc, "the commit");
}

/* All that was written is on the disk. */
static int settle(struct export_git *x)
{
    int fd CLEANUP(fd_closep) =
        open(git_repository_path(x->repo), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? err_from_errno(errno) : disk_sync_all(fd);

    return rc == 0 ? 0
                   : diag_set(x->d, rc, (struct loc){0}, "the repository: %s",
                              err_text(rc));
}

/* Moves ref from `old` (NULL: it must not be there) to id. */
static int move(struct export_git *x, const char *ref, const git_oid *old,
                const git_oid *id)
{
    git_reference *made = NULL;
    int rc;

    errno = 0;
    rc = old != NULL ? git_reference_create_matching(&made, x->repo, ref, id, 1,
                                                     old, "proctor export")
                     : git_reference_create(&made, x->repo, ref, id, 0,
                                            "proctor export");
    git_reference_free(made);
    return rc == 0 ? 0 : git_repo_failed(x->d, rc, ref);
}

/* Tree and commit of one root. *out_is_new: it is not what ref named. */
static int make_commit(struct export_git *x, const char *ref,
                       const struct cid *root, git_commit *parent,
                       git_oid *out, int *out_is_new)
{
    int is_main = strcmp(ref, BRIDGE_MAIN) == 0;
    git_oid tree;
    int rc;

    rc = git_index_clear(x->index);
    if (rc != 0) {
        return git_repo_failed(x->d, rc, "the tree");
    }
    TRY(git_tree_files(x->p, root, is_main, put_file, x, x->d));
    errno = 0;
    rc = git_index_write_tree_to(&tree, x->index, x->repo);
    if (rc != 0) {
        return git_repo_failed(x->d, rc, "the tree");
    }
    if (parent != NULL && git_oid_equal(git_commit_tree_id(parent), &tree)) {
        git_oid_cpy(out, git_commit_id(parent));
        *out_is_new = 0;
        return 0;
    }
    *out_is_new = 1;
    return write_commit(x, &tree, parent, ref, out);
}

static int export_ref(struct export_git *x, const char *ref,
                      const struct cid *root, git_oid *out_id,
                      int *out_is_new)
{
    git_commit *parent = NULL;
    int valid = 0;
    int rc = git_reference_name_is_valid(&valid, ref);

    if (rc != 0 || !valid) {
        return diag_set(x->d, ERR_INPUT, (struct loc){0},
                        "git cannot have a ref \"%.120s\"", ref);
    }
    rc = commit_at(x, ref, &parent);
    if (rc >= 0) {
        rc = make_commit(x, ref, root, parent, out_id, out_is_new);
    }
    if (rc == 0 && *out_is_new) {
        rc = settle(x);
    }
    if (rc == 0 && *out_is_new) {
        rc = move(x, ref, parent != NULL ? git_commit_id(parent) : NULL,
                  out_id);
    }
    git_commit_free(parent);
    return rc;
}

/* The branch follows, unless it went somewhere of its own. */
static int move_branch(struct export_git *x, const git_oid *id, int *out_mine)
{
    git_oid old;
    int rc = git_reference_name_to_id(&old, x->repo, BRANCH);

    *out_mine = 1;
    if (rc == GIT_ENOTFOUND) {
        git_error_clear();
        return move(x, BRANCH, NULL, id);
    }
    if (rc != 0) {
        return git_repo_failed(x->d, rc, BRANCH);
    }
    if (git_oid_equal(&old, id)) {
        return 0;
    }
    *out_mine = git_graph_descendant_of(x->repo, id, &old) == 1;
    return *out_mine ? move(x, BRANCH, &old, id) : 0;
}

/* Not a name of the manifest, and not the manifest's place. */
static int is_other(const char *path)
{
    return strncmp(path, BRIDGE_CML, strlen(BRIDGE_CML)) == 0 &&
           strncmp(path, BRIDGE_NAMES, strlen(BRIDGE_NAMES)) != 0 &&
           strcmp(path, BRIDGE_MAIN) != 0;
}

static int stands(const Proctor__Projection *p, const char *path)
{
    for (size_t i = 0; i < p->n_refs; i++) {
        if (strcmp(p->refs[i]->path, path) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Refs that the store has deleted since. */
static int remove_deleted(struct export_git *x, uint64_t *moved)
{
    for (size_t i = 0; i < x->p->n_assertions; i++) {
        const Proctor__BridgeAssertion *a = x->p->assertions[i];
        git_commit *there = NULL;
        int rc;

        if (strcmp(a->operation, "DELETE") != 0 || !is_other(a->path) ||
            stands(x->p, a->path)) {
            continue;
        }
        rc = commit_at(x, a->path, &there);
        git_commit_free(there);
        if (rc == 0) {
            rc = git_reference_remove(x->repo, a->path);
            rc = rc == 0 ? 0 : git_repo_failed(x->d, rc, a->path);
            *moved += 1;
        }
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

/* Those of p that are not names in the manifest. */
static int export_others(struct export_git *x, uint64_t *moved)
{
    TRY(remove_deleted(x, moved));
    for (size_t i = 0; i < x->p->n_refs; i++) {
        const Proctor__BridgeRef *r = x->p->refs[i];
        struct cid root;
        git_oid id;
        int is_new = 0;

        if (!is_other(r->path) || r->target.len != CID_BYTES) {
            continue;
        }
        memcpy(root.b, r->target.data, CID_BYTES);
        TRY(export_ref(x, r->path, &root, &id, &is_new));
        *moved += (uint64_t)is_new;
    }
    return 0;
}

static int export_all(struct export_git *x, Proctor__BridgeAnswer *a)
{
    struct cid root;
    char hex[GIT_OID_HEXSZ + 1];
    git_oid id;
    int is_new = 0;
    int mine = 1;

    if (x->p->manifest.len != CID_BYTES) {
        return diag_set(x->d, ERR_INPUT, (struct loc){0}, "no manifest");
    }
    memcpy(root.b, x->p->manifest.data, CID_BYTES);
    TRY(export_others(x, &a->refs));
    TRY(export_ref(x, BRIDGE_MAIN, &root, &id, &is_new));
    a->refs += (uint64_t)is_new;
    if (git_repository_is_bare(x->repo)) {
        TRY(move_branch(x, &id, &mine));
    }
    TRY(settle(x));
    a->changed = a->refs > 0;
    a->blobs = x->new_blobs;
    a->note = pb_str(mine ? "" : "the branch main is somebody else's and stays "
                                 "where it is");
    (void)git_oid_tostr(hex, sizeof(hex), &id);
    a->commit = strdup(hex);
    return a->commit != NULL ? 0 : ERR_NOMEM;
}

int git_export(git_repository *repo, const Proctor__Projection *p,
               Proctor__BridgeAnswer *a, struct diag *d)
{
    struct export_git x = {.repo = repo, .p = p, .d = d};
    int rc = git_repository_odb(&x.odb, repo);

    if (rc == 0) {
        rc = git_index_new(&x.index);
    }
    /* Reflogs too say who, if the repository keeps some. */
    if (rc == 0) {
        rc = git_repository_set_ident(repo, "proctor",
                                      p->did[0] != '\0' ? p->did : "store");
    }
    rc = rc == 0 ? export_all(&x, a)
                 : git_repo_failed(d, rc, "the repository");
    git_index_free(x.index);
    git_odb_free(x.odb);
    return rc;
}
