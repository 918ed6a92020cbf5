/* See git_import.h. What it reads was written by anybody: every name, mode and
 * size is checked before an object is opened. */
#include "cli/git/git_import.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bridge.h"
#include "cli/git/git_repo.h"
#include "cli/git/git_tree.h"
#include "cli/names.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/pb.h"

#define MANIFEST_TEXT_BYTES (24u << 20) /* 65,536 names */

struct import_git {
    git_repository *repo;
    git_odb *odb;
    Proctor__Projection *p; /* owned by the caller */
    uint64_t bytes;         /* of all that is kept */
    uint64_t entries;       /* of all trees that were looked at */
    git_oid *seen;          /* owned; open hash table of blobs by git's id */
    size_t seen_cap;
    const char *ref;
    struct diag *d;
};

static int refuse(struct import_git *x, int code, const char *path,
                  const char *why)
{
    return diag_set(x->d, code, (struct loc){0}, "%.80s: %.100s: %s", x->ref,
                    path, why);
}

/* Room for one more item in a repeated field: v doubles at powers of two. */
static int grow(void **v, size_t n)
{
    void *bigger;

    if ((n & (n - 1)) != 0) {
        return 0;
    }
    bigger = realloc(*v, (n == 0 ? 1 : 2 * n) * sizeof(void *));
    if (bigger == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    *v = bigger;
    return 0;
}

static int copy_field(ProtobufCBinaryData *f, const void *p, size_t n)
{
    f->data = malloc(n > 0 ? n : 1);
    if (f->data == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    if (n > 0) {
        memcpy(f->data, p, n);
    }
    f->len = n;
    return 0;
}

/* The table holds twice as many places as blobs. */
static int seen_grow(struct import_git *x)
{
    size_t cap = x->seen_cap == 0 ? 1024 : 2 * x->seen_cap;
    git_oid *bigger = calloc(cap, sizeof(*bigger));

    if (bigger == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (size_t i = 0; i < x->seen_cap; i++) {
        uint64_t h;

        if (git_oid_is_zero(&x->seen[i])) {
            continue;
        }
        memcpy(&h, x->seen[i].id, sizeof(h));
        while (!git_oid_is_zero(&bigger[h % cap])) {
            h++;
        }
        bigger[h % cap] = x->seen[i];
    }
    free(x->seen);
    x->seen = bigger;
    x->seen_cap = cap;
    return 0;
}

/* *out_new: this blob was not met before. The same one under two names is taken
 * once, for a name that is not its CID is found out anyway. */
static int see(struct import_git *x, const git_oid *id, int *out_new)
{
    uint64_t h;

    if (2 * (x->p->n_blobs + 1) > x->seen_cap) {
        TRY(seen_grow(x));
    }
    memcpy(&h, id->id, sizeof(h));
    while (!git_oid_is_zero(&x->seen[h % x->seen_cap])) {
        if (git_oid_equal(&x->seen[h % x->seen_cap], id)) {
            *out_new = 0;
            return 0;
        }
        h++;
    }
    x->seen[h % x->seen_cap] = *id;
    *out_new = 1;
    return 0;
}

/* A file's bytes, its size asked first. *out: git_odb_object_free. */
static int read_file(struct import_git *x, const git_tree_entry *e,
                     const char *path, size_t max, git_odb_object **out)
{
    git_object_t type;
    size_t size;
    int rc;

    errno = 0;
    rc = git_odb_read_header(&size, &type, x->odb, git_tree_entry_id(e));
    if (rc == 0 && type != GIT_OBJECT_BLOB) {
        return refuse(x, ERR_INPUT, path, "no file");
    }
    if (rc == 0 && (size > max || x->bytes + size > BRIDGE_BYTES_MAX)) {
        return refuse(x, ERR_LIMIT, path,
                      size > max ? "larger than what it may hold"
                                 : "all together over 256 MiB");
    }
    if (rc == 0) {
        rc = git_odb_read(out, x->odb, git_tree_entry_id(e));
    }
    if (rc != 0) {
        char what[200];

        (void)snprintf(what, sizeof(what), "%.80s: %.100s", x->ref, path);
        return git_repo_failed(x->d, rc, what);
    }
    x->bytes += git_odb_object_size(*out);
    return 0;
}

static int add_blob(struct import_git *x, const struct cid *c,
                    git_odb_object *o)
{
    Proctor__BridgeBlob *b = malloc(sizeof(*b));

    if (b == NULL || grow((void **)&x->p->blobs, x->p->n_blobs) < 0) {
        free(b);
        return ERR_TRACE(ERR_NOMEM);
    }
    proctor__bridge_blob__init(b);
    x->p->blobs[x->p->n_blobs++] = b;
    TRY(copy_field(&b->cid, c->b, CID_BYTES));
    return copy_field(&b->data, git_odb_object_data(o),
                      git_odb_object_size(o));
}

/* Only what is a folder or a plain file goes on. */
static int check_entry(struct import_git *x, const git_tree_entry *e,
                       const char *path)
{
    git_filemode_t mode = git_tree_entry_filemode_raw(e);

    if (++x->entries > GIT_IMPORT_ENTRIES_MAX) {
        return refuse(x, ERR_LIMIT, path, "more than 4194304 files");
    }
    if (mode == GIT_FILEMODE_LINK) {
        return refuse(x, ERR_INPUT, path, "a symbolic link");
    }
    if (mode != GIT_FILEMODE_BLOB && mode != GIT_FILEMODE_TREE) {
        return refuse(x, ERR_INPUT, path, "neither folder nor plain file");
    }
    return 0;
}

static int is_digits(const char *s, size_t n)
{
    return strlen(s) == n && strspn(s, "0123456789abcdef") == n;
}

/* blobs/ab/...: each file under the CID that its path is. */
static int read_blob(struct import_git *x, const char *ab,
                     const git_tree_entry *e)
{
    const char *name = git_tree_entry_name(e);
    char path[GIT_TREE_PATH_BYTES];
    char text[CID_TEXT_BYTES];
    git_odb_object *o = NULL;
    struct cid c;
    int is_new = 0;
    int rc;

    (void)snprintf(path, sizeof(path), "blobs/%s/%.100s", ab, name);
    TRY(check_entry(x, e, path));
    (void)snprintf(text, sizeof(text), "%s%.62s", ab, name);
    if (!is_digits(name, CID_TEXT_BYTES - 3) || cid_parse(text, &c) < 0 ||
        git_tree_entry_filemode(e) != GIT_FILEMODE_BLOB) {
        return refuse(x, ERR_INPUT, path, "no blob is called so");
    }
    TRY(see(x, git_tree_entry_id(e), &is_new));
    if (!is_new) {
        return 0;
    }
    if (x->p->n_blobs == LIMIT_CML_NODES) {
        return refuse(x, ERR_LIMIT, path, "more than 1048576 blobs");
    }
    rc = read_file(x, e, path, LIMIT_CML_NODE_BYTES, &o);
    if (rc == 0) {
        rc = add_blob(x, &c, o);
    }
    git_odb_object_free(o);
    return rc;
}

static int open_tree(struct import_git *x, const git_oid *id, const char *path,
                     git_tree **out)
{
    git_object_t type;
    size_t size;
    int rc = git_odb_read_header(&size, &type, x->odb, id);

    if (rc == 0 && size > BRIDGE_BYTES_MAX) {
        return refuse(x, ERR_LIMIT, path, "a folder of over 256 MiB");
    }
    if (rc == 0) {
        rc = git_tree_lookup(out, x->repo, id);
    }
    if (rc != 0) {
        char what[200];

        (void)snprintf(what, sizeof(what), "%.80s: %.100s", x->ref, path);
        return git_repo_failed(x->d, rc, what);
    }
    return 0;
}

static int read_blobs_of(struct import_git *x, const git_tree_entry *e)
{
    const char *ab = git_tree_entry_name(e);
    char path[GIT_TREE_PATH_BYTES];
    git_tree *t = NULL;
    int rc;

    (void)snprintf(path, sizeof(path), "blobs/%.100s", ab);
    TRY(check_entry(x, e, path));
    if (!is_digits(ab, 2) ||
        git_tree_entry_filemode(e) != GIT_FILEMODE_TREE) {
        return refuse(x, ERR_INPUT, path, "no folder of blobs is called so");
    }
    rc = open_tree(x, git_tree_entry_id(e), path, &t);
    for (size_t i = 0; rc == 0 && i < git_tree_entrycount(t); i++) {
        rc = read_blob(x, ab, git_tree_entry_byindex(t, i));
    }
    git_tree_free(t);
    return rc;
}

static int read_blobs(struct import_git *x, const git_tree_entry *e)
{
    git_tree *t = NULL;
    int rc = open_tree(x, git_tree_entry_id(e), "blobs", &t);

    for (size_t i = 0; rc == 0 && i < git_tree_entrycount(t); i++) {
        rc = read_blobs_of(x, git_tree_entry_byindex(t, i));
    }
    git_tree_free(t);
    return rc;
}

static int read_cid(struct import_git *x, const git_tree_entry *e)
{
    Proctor__BridgeRef *r = malloc(sizeof(*r));
    git_odb_object *o = NULL;
    char text[CID_TEXT_BYTES] = "";
    struct cid c;
    int rc;

    if (r == NULL || grow((void **)&x->p->refs, x->p->n_refs) < 0) {
        free(r);
        return ERR_TRACE(ERR_NOMEM);
    }
    proctor__bridge_ref__init(r);
    x->p->refs[x->p->n_refs++] = r;
    r->path = strdup(x->ref);
    if (r->path == NULL) {
        r->path = (char *)(uintptr_t)protobuf_c_empty_string;
        return ERR_TRACE(ERR_NOMEM);
    }
    TRY(read_file(x, e, "cid", CID_TEXT_BYTES, &o));
    if (git_odb_object_size(o) == CID_TEXT_BYTES) {
        memcpy(text, git_odb_object_data(o), CID_TEXT_BYTES - 1);
    }
    rc = git_odb_object_size(o) == CID_TEXT_BYTES &&
                 ((const char *)git_odb_object_data(o))[CID_TEXT_BYTES - 1] ==
                     '\n' &&
                 cid_parse(text, &c) == 0
             ? copy_field(&r->target, c.b, CID_BYTES)
             : refuse(x, ERR_INPUT, "cid", "not 64 hex digits and a newline");
    git_odb_object_free(o);
    return rc;
}

static int read_manifest(struct import_git *x, const git_tree_entry *e)
{
    Proctor__BridgeText *t = malloc(sizeof(*t));
    git_odb_object *o = NULL;
    size_t n;

    if (t == NULL || grow((void **)&x->p->texts, x->p->n_texts) < 0) {
        free(t);
        return ERR_TRACE(ERR_NOMEM);
    }
    proctor__bridge_text__init(t);
    x->p->texts[x->p->n_texts++] = t;
    TRY(read_file(x, e, "manifest", MANIFEST_TEXT_BYTES, &o));
    n = git_odb_object_size(o);
    for (size_t i = 0; i < n; i++) {
        char ch = ((const char *)git_odb_object_data(o))[i];

        if (ch != '\n' && (ch < ' ' || ch > '~')) {
            git_odb_object_free(o);
            return refuse(x, ERR_INPUT, "manifest", "not plain text");
        }
    }
    t->text = strndup(git_odb_object_data(o), n);
    t->name = strdup(x->ref);
    git_odb_object_free(o);
    if (t->text == NULL || t->name == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    return 0;
}

/* An entry of a commit's tree. What reads like units is not read here. */
static int read_top(struct import_git *x, const git_tree_entry *e)
{
    const char *name = git_tree_entry_name(e);
    int is_tree = git_tree_entry_filemode(e) == GIT_FILEMODE_TREE;

    TRY(check_entry(x, e, name));
    if (strcmp(name, "cid") == 0 && !is_tree) {
        return read_cid(x, e);
    }
    if (strcmp(name, "manifest") == 0 && !is_tree) {
        return read_manifest(x, e);
    }
    if (strcmp(name, "blobs") == 0 && is_tree) {
        return read_blobs(x, e);
    }
    if (strcmp(name, "units") == 0 && is_tree) {
        return 0;
    }
    return refuse(x, ERR_INPUT, name, "does not belong there");
}

static int read_commit(struct import_git *x, const git_oid *id)
{
    git_commit *commit = NULL;
    git_tree *t = NULL;
    size_t refs = x->p->n_refs;
    int rc;

    errno = 0;
    rc = git_commit_lookup(&commit, x->repo, id);
    if (rc != 0) {
        return git_repo_failed(x->d, rc, x->ref);
    }
    rc = open_tree(x, git_commit_tree_id(commit), ".", &t);
    for (size_t i = 0; rc == 0 && i < git_tree_entrycount(t); i++) {
        rc = read_top(x, git_tree_entry_byindex(t, i));
    }
    git_tree_free(t);
    git_commit_free(commit);
    if (rc == 0 && x->p->n_refs == refs) {
        (void)refuse(x, ERR_INPUT, "cid", "is missing");
        diag_hint(x->d, "what `proctor export --git` writes has one");
        return ERR_INPUT;
    }
    return rc;
}

/* Each ref under refs/cml/, by name. */
static int read_refs(struct import_git *x, git_strarray *names)
{
    for (size_t i = 0; i < names->count; i++) {
        git_reference *ref = NULL;
        int rc;

        x->ref = names->strings[i];
        errno = 0;
        rc = git_reference_lookup(&ref, x->repo, x->ref);
        if (rc != 0) {
            return git_repo_failed(x->d, rc, x->ref);
        }
        rc = git_reference_type(ref) == GIT_REFERENCE_DIRECT
                 ? read_commit(x, git_reference_target(ref))
                 : refuse(x, ERR_INPUT, "itself",
                          "stands for another ref, not for a commit");
        git_reference_free(ref);
        TRY(rc);
    }
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int collect_refs(struct import_git *x, git_strarray *out)
{
    git_reference_iterator *it = NULL;
    const char *name;
    int rc;

    errno = 0;
    rc = git_reference_iterator_glob_new(&it, x->repo, BRIDGE_CML "*");
    while (rc == 0 && (rc = git_reference_next_name(&name, it)) == 0) {
        char *copy = strdup(name);

        if (out->count == GIT_IMPORT_REFS_MAX || copy == NULL ||
            grow((void **)&out->strings, out->count) < 0) {
            free(copy);
            git_reference_iterator_free(it);
            return diag_set(x->d, copy != NULL ? ERR_LIMIT : ERR_NOMEM,
                            (struct loc){0}, "more than %u refs",
                            GIT_IMPORT_REFS_MAX);
        }
        out->strings[out->count++] = copy;
    }
    git_reference_iterator_free(it);
    if (rc != GIT_ITEROVER) {
        return git_repo_failed(x->d, rc, "the refs");
    }
    git_error_clear();
    if (out->count > 0) {
        qsort(out->strings, out->count, sizeof(char *), compare_names);
    }
    return 0;
}

/* A clone: the branch that it was made from. */
static int read_head(struct import_git *x)
{
    git_oid id;
    int rc;

    x->ref = BRIDGE_MAIN;
    errno = 0;
    rc = git_reference_name_to_id(&id, x->repo, "HEAD");
    if (rc != 0) {
        (void)diag_set(x->d, ERR_NOT_FOUND, (struct loc){0},
                       "the repository has no refs under refs/cml/ and no "
                       "commit at HEAD");
        return ERR_NOT_FOUND;
    }
    return read_commit(x, &id);
}

int git_import(git_repository *repo, Proctor__Projection **out, struct diag *d)
{
    struct import_git x = {.repo = repo, .d = d};
    git_strarray names = {NULL, 0};
    int rc;

    *out = malloc(sizeof(**out));
    if (*out == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    proctor__projection__init(*out);
    x.p = *out;
    rc = git_repository_odb(&x.odb, repo);
    rc = rc == 0 ? collect_refs(&x, &names)
                 : git_repo_failed(d, rc, "the repository");
    if (rc == 0) {
        rc = names.count > 0 ? read_refs(&x, &names) : read_head(&x);
    }
    for (size_t i = 0; i < names.count; i++) {
        free(names.strings[i]);
    }
    free(names.strings);
    free(x.seen);
    git_odb_free(x.odb);
    return rc;
}
