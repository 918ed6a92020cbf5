/* import: only what hashes to its name, is canonical and is whole becomes a bundle,
 * in any order of blobs. */
#include "projection_sample.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/bridge.h"
#include "cli/import.h"
#include "proto/pb.h"

/* The projection as a bridge would tell it: nothing but refs and blobs. */
static Proctor__Projection *found(const struct projection *p, const char *path,
                                  const struct cid *target)
{
    Proctor__Projection *m = NULL;
    Proctor__Projection told = PROCTOR__PROJECTION__INIT;
    Proctor__BridgeRef ref = PROCTOR__BRIDGE_REF__INIT;
    Proctor__BridgeRef *refs[] = {&ref};
    struct buf b;

    buf_init(&b, 1u << 20);
    ref.path = pb_str(path);
    ref.target = (ProtobufCBinaryData){CID_BYTES,
                                       (uint8_t *)(uintptr_t)target->b};
    told.refs = refs;
    told.n_refs = 1;
    told.blobs = p->m.blobs;
    told.n_blobs = p->m.n_blobs;
    assert_int_equal(pb_encode(&told.base, &b), 0);
    assert_int_equal(pb_decode(&proctor__projection__descriptor, buf_bytes(&b),
                               1u << 20, (ProtobufCMessage **)&m),
                     0);
    buf_release(&b);
    return m;
}

struct sample {
    struct projection p;
    struct cid root;
    struct cid manifest;
};

static void setup(struct sample *s)
{
    sample_make(&s->p, "a/b", &s->root);
    memcpy(s->manifest.b, s->p.m.manifest.data, CID_BYTES);
}

static int check(const struct sample *s, Proctor__Projection *m,
                 struct import *x, struct diag *d)
{
    (void)s;
    diag_init(d);
    import_init(x);
    return import_check(x, m, d);
}

static void test_whole(void **state)
{
    struct sample s;
    struct import x;
    struct diag d;
    struct buf want;
    struct cid root;
    Proctor__Projection *m;

    (void)state;
    setup(&s);
    buf_init(&want, 4096);
    sample_bundle(&want, &root);
    m = found(&s.p, BRIDGE_MAIN, &s.manifest);
    /* Any order. */
    for (size_t i = 0; i < m->n_blobs / 2; i++) {
        Proctor__BridgeBlob *b = m->blobs[i];

        m->blobs[i] = m->blobs[m->n_blobs - 1 - i];
        m->blobs[m->n_blobs - 1 - i] = b;
    }
    assert_int_equal(check(&s, m, &x, &d), 0);
    assert_int_equal(x.n, 1);
    assert_string_equal(x.items[0].name, "a/b");
    assert_int_equal(x.items[0].nodes, 3);
    assert_true(cid_is_equal(&x.items[0].cid, &s.root));
    assert_int_equal(buf_len(&x.items[0].bundle), buf_len(&want));
    assert_memory_equal(buf_bytes(&x.items[0].bundle).p, buf_bytes(&want).p,
                        buf_len(&want));
    import_release(&x);
    pb_free(&m->base);

    /* Another ref stands for the artifact itself. */
    m = found(&s.p, "refs/cml/desired/rate", &s.root);
    assert_int_equal(check(&s, m, &x, &d), 0);
    assert_string_equal(x.items[0].name, "desired/rate");
    import_release(&x);
    pb_free(&m->base);
    buf_release(&want);
    projection_release(&s.p);
}

/* Every bit of every blob counts; every blob is needed. */
static void test_tampered(void **state)
{
    struct sample s;
    struct import x;
    struct diag d;

    (void)state;
    setup(&s);
    for (size_t i = 0; i < 4; i++) {
        Proctor__Projection *m = found(&s.p, BRIDGE_MAIN, &s.manifest);
        char cid[CID_TEXT_BYTES];

        hex_text(m->blobs[i]->cid.data, CID_BYTES, cid);
        for (size_t bit = 0; bit < 8 * m->blobs[i]->data.len; bit += 5) {
            m->blobs[i]->data.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_int_equal(check(&s, m, &x, &d), ERR_INPUT);
            assert_non_null(strstr(d.what, cid + 2));
            m->blobs[i]->data.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            import_release(&x);
        }
        m->blobs[i]->cid.data[0] ^= 1;
        assert_int_equal(check(&s, m, &x, &d), ERR_INPUT);
        import_release(&x);
        pb_free(&m->base);
    }
    for (size_t i = 0; i < 4; i++) {
        Proctor__Projection *m = found(&s.p, BRIDGE_MAIN, &s.manifest);
        Proctor__BridgeBlob *gone = m->blobs[i];
        char cid[CID_TEXT_BYTES];

        hex_text(gone->cid.data, CID_BYTES, cid);
        m->blobs[i] = m->blobs[--m->n_blobs];
        assert_int_equal(check(&s, m, &x, &d), ERR_INPUT);
        assert_non_null(strstr(d.what, cid));
        import_release(&x);
        m->blobs[m->n_blobs++] = gone;
        pb_free(&m->base);
    }
    projection_release(&s.p);
}

/* Names that are none of ours, and bytes that hash well but are no node. */
static void test_refused(void **state)
{
    static const char *const paths[] = {"refs/heads/main", "refs/cml/../x",
                                        "refs/cml/", "refs/cml//x", ""};
    struct sample s;
    struct import x;
    struct diag d;
    Proctor__Projection *m;
    Proctor__BridgeBlob *b;
    struct cid c;

    (void)state;
    setup(&s);
    for (size_t i = 0; i < ARRAY_N(paths); i++) {
        m = found(&s.p, paths[i], &s.root);
        assert_int_equal(check(&s, m, &x, &d), ERR_INPUT);
        import_release(&x);
        pb_free(&m->base);
    }
    m = found(&s.p, BRIDGE_MAIN, &s.root); /* a node is no manifest */
    assert_int_equal(check(&s, m, &x, &d), ERR_INPUT);
    import_release(&x);
    pb_free(&m->base);

    c = cid_of((struct ubytes){(const uint8_t *)"CML1?", 5});
    m = found(&s.p, "refs/cml/x", &c);
    b = m->blobs[0];
    memcpy(b->data.data, "CML1?", 5);
    b->data.len = 5;
    memcpy(b->cid.data, c.b, CID_BYTES);
    assert_int_equal(check(&s, m, &x, &d), ERR_INPUT);
    import_release(&x);
    pb_free(&m->base);
    projection_release(&s.p);
}

static void test_write(void **state)
{
    char dir[] = "/tmp/proctor-import.XXXXXX";
    char path[80];
    struct sample s;
    struct import x;
    struct diag d;
    struct stat st;
    Proctor__Projection *m;

    (void)state;
    setup(&s);
    assert_non_null(mkdtemp(dir));
    m = found(&s.p, BRIDGE_MAIN, &s.manifest);
    assert_int_equal(check(&s, m, &x, &d), 0);
    assert_int_equal(import_write(&x, dir, &d), 0);
    assert_int_equal(import_write(&x, dir, &d), 0); /* again: the same */
    (void)snprintf(path, sizeof(path), "%s/a/b.cmlb", dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, buf_len(&x.items[0].bundle));
    assert_int_equal(truncate(path, 3), 0);
    assert_int_equal(import_write(&x, dir, &d), ERR_EXISTS);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 3);
    assert_int_equal(unlink(path), 0);
    (void)snprintf(path, sizeof(path), "%s/a", dir);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(symlink("/tmp", path), 0);
    assert_true(import_write(&x, dir, &d) < 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
    import_release(&x);
    pb_free(&m->base);
    projection_release(&s.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),   cmocka_unit_test(test_tampered),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_write),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
