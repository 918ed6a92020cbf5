/* The tree of a projection, without git: paths, what a root reaches, and what is
 * missing. */
#include "tests/unit/cli/projection_sample.h"

#include <stdio.h>

#include "cli/git/git_tree.h"

struct list {
    char paths[16][GIT_TREE_PATH_BYTES];
    size_t n;
    char last[200];
};

static int note(void *ctx, const char *path, struct ubytes bytes)
{
    struct list *l = ctx;

    assert_true(l->n < 16);
    (void)snprintf(l->paths[l->n++], GIT_TREE_PATH_BYTES, "%s", path);
    (void)snprintf(l->last, sizeof(l->last), "%.*s", (int)bytes.n,
                   (const char *)bytes.p);
    return 0;
}

static void test_files(void **state)
{
    struct list l = {.n = 0};
    struct projection p;
    struct cid root;
    struct cid manifest;
    struct diag d;
    char text[CID_TEXT_BYTES];
    char want[GIT_TREE_PATH_BYTES];

    (void)state;
    diag_init(&d);
    sample_make(&p, "a/b", &root);
    assert_int_equal(projection_text(&p, "a/b",
                                     (struct ubytes){(const uint8_t *)"t", 1}),
                     0);
    memcpy(manifest.b, p.m.manifest.data, CID_BYTES);
    assert_int_equal(git_tree_files(&p.m, &manifest, 1, note, &l, &d), 0);
    assert_int_equal(l.n, 1 + 4 + 1 + 1);
    assert_string_equal(l.paths[0], "cid");
    for (size_t i = 1; i < 5; i++) {
        assert_int_equal(strlen(l.paths[i]), strlen("blobs/ab/") + 62);
        assert_true(i == 1 || strcmp(l.paths[i - 1], l.paths[i]) < 0);
    }
    assert_string_equal(l.paths[5], "manifest");
    assert_string_equal(l.paths[6], "units/a/b.cml");
    assert_string_equal(l.last, "t");

    /* Of the artifact alone: no manifest. */
    l.n = 0;
    assert_int_equal(git_tree_files(&p.m, &root, 0, note, &l, &d), 0);
    assert_int_equal(l.n, 1 + 3);
    git_tree_blob_path(&root, want);
    cid_text(&root, text);
    assert_memory_equal(want, "blobs/", 6);
    assert_memory_equal(want + 6, text, 2);
    assert_string_equal(want + 9, text + 2);
    projection_release(&p);
}

/* Each of the nodes left out is missed by name. */
static void test_missing(void **state)
{
    (void)state;
    for (size_t gone = 0; gone < 4; gone++) {
        struct list l = {.n = 0};
        struct projection p;
        struct cid root;
        struct cid manifest;
        struct diag d;
        char text[CID_TEXT_BYTES];

        diag_init(&d);
        sample_make(&p, "x", &root);
        memcpy(manifest.b, p.m.manifest.data, CID_BYTES);
        hex_text(p.m.blobs[gone]->cid.data, CID_BYTES, text);
        for (size_t i = gone; i + 1 < p.m.n_blobs; i++) {
            p.m.blobs[i] = p.m.blobs[i + 1];
        }
        p.m.n_blobs--;
        assert_int_equal(git_tree_blobs(&p.m, &manifest, note, &l, &d),
                         ERR_NOT_FOUND);
        assert_non_null(strstr(d.what, text));
        projection_release(&p);
    }
}

static void test_unit_path(void **state)
{
    char path[GIT_TREE_PATH_BYTES];

    (void)state;
    assert_int_equal(git_tree_unit_path("../x", path), ERR_INPUT);
    assert_int_equal(git_tree_unit_path("x", path), 0);
    assert_string_equal(path, "units/x.cml");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_unit_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
