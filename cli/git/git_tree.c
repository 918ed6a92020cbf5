/* See git_tree.h. Process proctor-git. */
#include "cli/git/git_tree.h"
#include "cli/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/manifest.h"
#include "proto/pb.h"

static const struct loc NOWHERE = {NULL, 0, 0};

void git_tree_blob_path(const struct cid *c,
                        char out[static GIT_TREE_PATH_BYTES])
{
    char text[CID_TEXT_BYTES];

    cid_text(c, text);
    (void)snprintf(out, GIT_TREE_PATH_BYTES, "blobs/%.2s/%s", text, text + 2);
}

int git_tree_unit_path(const char *name, char out[static GIT_TREE_PATH_BYTES])
{
    if (!names_is_name(name)) {
        return ERR_INPUT;
    }
    (void)snprintf(out, GIT_TREE_PATH_BYTES, "units/%s.cml", name);
    return 0;
}

/* Place of a CID in p's blobs; n_blobs when it is not there. */
static size_t find(const Proctor__Projection *p, const uint8_t *cid)
{
    size_t lo = 0;
    size_t hi = p->n_blobs;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = p->blobs[mid]->cid.len == CID_BYTES
                    ? memcmp(p->blobs[mid]->cid.data, cid, CID_BYTES)
                    : 1;

        if (c == 0) {
            return mid;
        }
        if (c < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return p->n_blobs;
}

const Proctor__BridgeBlob *git_tree_find(const Proctor__Projection *p,
                                         const struct cid *c)
{
    size_t i = find(p, c->b);

    return i < p->n_blobs ? p->blobs[i] : NULL;
}

struct reach {
    const Proctor__Projection *p;
    uint8_t *reached; /* owned; by place */
    size_t *todo;     /* owned; n_blobs of them suffice */
    size_t todo_n;
};

static void push(struct reach *r, size_t i)
{
    if (!r->reached[i]) {
        r->reached[i] = 1;
        r->todo[r->todo_n++] = i;
    }
}

/* Everything that the blob on top names. */
static int follow(struct reach *r, struct diag *d)
{
    const Proctor__BridgeBlob *b = r->p->blobs[r->todo[--r->todo_n]];
    struct buf children CLEANUP(buf_release);
    struct ubytes c;

    buf_init(&children, b->data.len + 1);
    TRY(names_children(field_bytes(&b->data), &children));
    c = buf_bytes(&children);
    for (size_t at = 0; at < c.n; at += CID_BYTES) {
        size_t i = find(r->p, c.p + at);

        if (i == r->p->n_blobs) {
            char parent[2 * CID_BYTES + 1];
            char child[2 * CID_BYTES + 1];

            hex_text(b->cid.data, CID_BYTES, parent);
            hex_text(c.p + at, CID_BYTES, child);
            return diag_set(d, ERR_NOT_FOUND, NOWHERE,
                            "node %s is missing, which %.16s names", child,
                            parent);
        }
        push(r, i);
    }
    return 0;
}

static int walk(struct reach *r, const struct cid *root, git_tree_fn fn,
                void *ctx, struct diag *d)
{
    size_t first = find(r->p, root->b);

    if (first == r->p->n_blobs) {
        char text[CID_TEXT_BYTES];

        cid_text(root, text);
        return diag_set(d, ERR_NOT_FOUND, NOWHERE, "node %s is missing", text);
    }
    push(r, first);
    while (r->todo_n > 0) {
        TRY(follow(r, d));
    }
    for (size_t i = 0; i < r->p->n_blobs; i++) {
        char path[GIT_TREE_PATH_BYTES];
        struct cid c;

        if (r->reached[i]) {
            memcpy(c.b, r->p->blobs[i]->cid.data, CID_BYTES);
            git_tree_blob_path(&c, path);
            TRY(fn(ctx, path, field_bytes(&r->p->blobs[i]->data)));
        }
    }
    return 0;
}

int git_tree_blobs(const Proctor__Projection *p, const struct cid *root,
                   git_tree_fn fn, void *ctx, struct diag *d)
{
    CLEANUP(mem_freep) uint8_t *reached = calloc(p->n_blobs + 1, 1);
    CLEANUP(mem_freep) size_t *todo = calloc(p->n_blobs + 1, sizeof(*todo));
    struct reach r = {p, reached, todo, 0};

    if (reached == NULL || todo == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    return walk(&r, root, fn, ctx, d);
}

static int put_manifest(const Proctor__Projection *p, const struct cid *root,
                        git_tree_fn fn, void *ctx, struct diag *d)
{
    const Proctor__BridgeBlob *b = git_tree_find(p, root);
    struct buf text CLEANUP(buf_release);
    struct names m;
    int rc;

    buf_init(&text, MANIFEST_MAX * sizeof(struct name_entry) * 2u);
    names_init(&m);
    rc = b != NULL ? names_read(&m, field_bytes(&b->data), d)
                   : ERR_NOT_FOUND;
    if (rc == 0) {
        rc = names_put_text(&m, &text);
    }
    names_release(&m);
    if (rc == 0) {
        rc = fn(ctx, "manifest", buf_bytes(&text));
    }
    return rc;
}

int git_tree_files(const Proctor__Projection *p, const struct cid *root,
                   int is_main, git_tree_fn fn, void *ctx, struct diag *d)
{
    char text[CID_TEXT_BYTES + 1];
    char path[GIT_TREE_PATH_BYTES];

    cid_text(root, text);
    text[CID_TEXT_BYTES - 1] = '\n';
    TRY(fn(ctx, "cid",
           (struct ubytes){(const uint8_t *)text, CID_TEXT_BYTES}));
    TRY(git_tree_blobs(p, root, fn, ctx, d));
    if (!is_main) {
        return 0;
    }
    TRY(put_manifest(p, root, fn, ctx, d));
    for (size_t i = 0; i < p->n_texts; i++) {
        const char *s = p->texts[i]->text;

        if (git_tree_unit_path(p->texts[i]->name, path) != 0) {
            return diag_set(d, ERR_INPUT, NOWHERE, "\"%.80s\" is no name",
                            p->texts[i]->name);
        }
        TRY(fn(ctx, path,
               (struct ubytes){(const uint8_t *)s, strlen(s)}));
    }
    return 0;
}
