/* Refs of a projection in a repository and back: what is wanted and seen, what was
 * deleted, what git cannot have; no commit without a change. */
#include "tests/unit/cli/projection_sample.h"

#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/bridge.h"
#include "cli/git/git_export.h"
#include "cli/git/git_import.h"
#include "proto/pb.h"

#define DESIRED "refs/cml/desired/rate"

struct world {
    char dir[40];
    git_repository *repo;
    struct projection p;
    struct cid root;
    Proctor__BridgeRef refs[4];
    Proctor__BridgeRef *ref_list[4];
    Proctor__BridgeAssertion gone;
    Proctor__BridgeAssertion *gone_list[1];
};

static int remove_one(const char *path, const struct stat *st, int flag,
                      struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static void setup(struct world *w)
{
    static const char *const paths[] = {DESIRED, "refs/cml/names/x",
                                        BRIDGE_MAIN, "refs/cml/cobs/a.lock"};

    memset(w, 0, sizeof(*w));
    (void)snprintf(w->dir, sizeof(w->dir), "/tmp/proctor-git.XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    assert_true(git_libgit2_init() > 0);
    assert_int_equal(git_repository_init(&w->repo, w->dir, 1), 0);
    sample_make(&w->p, "x", &w->root);
    (void)snprintf(w->p.did, sizeof(w->p.did), "did:key:zTest");
    for (size_t i = 0; i < ARRAY_N(paths); i++) {
        proctor__bridge_ref__init(&w->refs[i]);
        w->refs[i].did = w->p.did;
        w->refs[i].path = pb_str(paths[i]);
        w->refs[i].seq = 1;
        w->refs[i].target = (ProtobufCBinaryData){CID_BYTES, w->root.b};
        w->ref_list[i] = &w->refs[i];
    }
    w->p.m.refs = w->ref_list;
    w->p.m.n_refs = ARRAY_N(paths);
}

static void teardown(struct world *w)
{
    git_repository_free(w->repo);
    projection_release(&w->p);
    (void)git_libgit2_shutdown();
    assert_int_equal(nftw(w->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* Exports; the refs that moved. */
static uint64_t export(struct world *w, int *out_has_note)
{
    Proctor__BridgeAnswer a = PROCTOR__BRIDGE_ANSWER__INIT;
    struct diag d;

    diag_init(&d);
    assert_int_equal(git_export(w->repo, &w->p.m, &a, &d), 0);
    assert_int_equal(a.changed, a.refs > 0);
    assert_int_equal(strlen(a.commit), GIT_OID_HEXSZ);
    *out_has_note = a.note[0] != '\0';
    free(a.commit);
    return a.refs;
}

static int has(const struct world *w, const char *ref)
{
    git_oid id;

    return git_reference_name_to_id(&id, w->repo, ref) == 0;
}

static void test_refs(void **state)
{
    struct world w;
    Proctor__Projection *found = NULL;
    struct diag d;
    int note = 0;

    (void)state;
    setup(&w);
    assert_int_equal(export(&w, &note), 2); /* the manifest, what is wanted */
    assert_true(note);                      /* two that git cannot have */
    assert_true(has(&w, DESIRED));
    assert_true(has(&w, BRIDGE_MAIN));
    assert_true(has(&w, "refs/heads/main"));
    assert_false(has(&w, "refs/cml/names/x"));
    assert_false(has(&w, "refs/cml/cobs/a.lock"));
    assert_int_equal(export(&w, &note), 0);

    diag_init(&d);
    assert_int_equal(git_import(w.repo, &found, &d), 0);
    assert_int_equal(found->n_refs, 2);
    assert_string_equal(found->refs[0]->path, DESIRED);
    assert_memory_equal(found->refs[0]->target.data, w.root.b, CID_BYTES);
    assert_string_equal(found->refs[1]->path, BRIDGE_MAIN);
    assert_memory_equal(found->refs[1]->target.data, w.p.m.manifest.data,
                        CID_BYTES);
    assert_int_equal(found->n_blobs, 4); /* each once */
    assert_int_equal(found->n_texts, 1);
    pb_free(&found->base);
    teardown(&w);
}

static void test_deleted(void **state)
{
    struct world w;
    int note = 0;

    (void)state;
    setup(&w);
    w.p.m.n_refs = 2;
    assert_int_equal(export(&w, &note), 2);
    assert_false(note);
    proctor__bridge_assertion__init(&w.gone);
    w.gone.did = w.p.did;
    w.gone.path = pb_str(DESIRED);
    w.gone.operation = pb_str("DELETE");
    w.gone.seq = 2;
    w.gone_list[0] = &w.gone;
    w.p.m.assertions = w.gone_list;
    w.p.m.n_assertions = 1;
    assert_int_equal(export(&w, &note), 0); /* said again since: it stands */
    assert_true(has(&w, DESIRED));
    w.p.m.refs = w.ref_list + 1;
    w.p.m.n_refs = 1;
    assert_int_equal(export(&w, &note), 1);
    assert_false(has(&w, DESIRED));
    assert_int_equal(export(&w, &note), 0);
    teardown(&w);
}

/* A node that a ref needs is not there: nothing moves. */
static void test_missing(void **state)
{
    struct world w;
    Proctor__BridgeAnswer a = PROCTOR__BRIDGE_ANSWER__INIT;
    struct diag d;

    (void)state;
    setup(&w);
    w.p.m.n_refs = 0;
    for (size_t i = 0; i < w.p.m.n_blobs; i++) {
        if (memcmp(w.p.m.blobs[i]->cid.data, w.root.b, CID_BYTES) == 0) {
            w.p.m.blobs[i] = w.p.m.blobs[w.p.m.n_blobs - 1];
        }
    }
    w.p.m.n_blobs--;
    diag_init(&d);
    assert_true(git_export(w.repo, &w.p.m, &a, &d) < 0);
    assert_true(d.what[0] != '\0');
    assert_false(has(&w, BRIDGE_MAIN));
    assert_false(has(&w, "refs/heads/main"));
    teardown(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refs),
        cmocka_unit_test(test_deleted),
        cmocka_unit_test(test_missing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
