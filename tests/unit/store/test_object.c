/* Objects that are large, and object files that are not what a put left: links,
 * other modes and owners, a full disk. */
#include "fixture.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "proto/cid.h"

static struct ubytes text(const char *s)
{
    return (struct ubytes){(const uint8_t *)s, strlen(s)};
}

static void open_store(struct fixture *f)
{
    int created;

    assert_int_equal(store_open(f->dir, &f->s, &created, &f->d), 0);
}

static const char *object_path(const struct fixture *f, const struct cid *c)
{
    char hex[CID_TEXT_BYTES];
    char name[80];

    cid_text(c, hex);
    (void)snprintf(name, sizeof(name), "objects/%.2s/%s", hex, hex + 2);
    return in_store(f, name);
}

/* The object is a file of its own, immutable and right. */
static void assert_good(struct fixture *f, const struct cid *c,
                        const char *want)
{
    struct stat st;
    struct buf b;

    assert_int_equal(lstat(object_path(f, c), &st), 0);
    assert_true(S_ISREG(st.st_mode));
    assert_int_equal(st.st_mode & 0222, 0);
    assert_int_equal(st.st_nlink, 1);
    assert_int_equal(st.st_uid, geteuid());
    buf_init(&b, 1u << 20);
    assert_int_equal(store_get(f->s, c, &b), 0);
    assert_int_equal(buf_len(&b), strlen(want));
    assert_memory_equal(buf_bytes(&b).p, want, strlen(want));
    buf_release(&b);
}

static void put_again(struct fixture *f, const struct cid *c, const char *what)
{
    struct cid again;

    assert_int_equal(store_put(f->s, text(what), &again), 0);
    assert_true(cid_is_equal(c, &again));
    assert_good(f, c, what);
}

/* What stands in the place of an object, but can be changed by somebody, is
 * replaced by the next put and itself left as it is. */
static void test_not_ours(void **state)
{
    struct fixture *f = *state;
    char other[128];
    struct cid c;
    struct stat st;
    struct buf b;

    open_store(f);
    (void)snprintf(other, sizeof(other), "%s/other", f->base);
    assert_int_equal(store_put(f->s, text("hello"), &c), 0);
    /* A second name: as a backup made with cp -al has it. */
    assert_int_equal(link(object_path(f, &c), other), 0);
    put_again(f, &c, "hello");
    assert_int_equal(stat(other, &st), 0);
    assert_int_equal(st.st_nlink, 1);
    /* A link to a file: not followed, not written through. */
    assert_int_equal(unlink(object_path(f, &c)), 0);
    assert_int_equal(symlink(other, object_path(f, &c)), 0);
    buf_init(&b, 100);
    assert_true(store_get(f->s, &c, &b) < 0);
    buf_release(&b);
    put_again(f, &c, "hello");
    /* Bits of its mode, bytes that are not its own, another's file. */
    assert_int_equal(chmod(object_path(f, &c), 0644), 0);
    put_again(f, &c, "hello");
    flip_byte(object_path(f, &c), 2);
    put_again(f, &c, "hello");
    if (geteuid() == 0) {
        assert_int_equal(chown(object_path(f, &c), 12345, 12345), 0);
        put_again(f, &c, "hello");
    }
    assert_int_equal(stat(other, &st), 0);
    assert_int_equal(st.st_size, 5);
    assert_int_equal(unlink(object_path(f, &c)), 0);
    assert_int_equal(mkdir(object_path(f, &c), 0755), 0);
    assert_true(store_put(f->s, text("hello"), &c) < 0);
    run_command("test -z \"$(ls '%s/tmp')\"%s", f->dir, "");
    store_close(f->s);
}

/* A good one is left alone: same file, same time. */
static void test_written_once(void **state)
{
    struct fixture *f = *state;
    struct stat before;
    struct stat after;
    struct cid c;

    open_store(f);
    assert_int_equal(store_put(f->s, text("hello"), &c), 0);
    assert_int_equal(stat(object_path(f, &c), &before), 0);
    put_again(f, &c, "hello");
    assert_int_equal(stat(object_path(f, &c), &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_memory_equal(&before.st_mtim, &after.st_mtim,
                        sizeof(before.st_mtim));
    store_close(f->s);
}

static int zeros(uint64_t n)
{
    int fd = memfd_create("zeros", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)n), 0);
    return fd;
}

/* No room in the middle of the copy: named, and nothing is left. */
static void test_no_room(void **state)
{
    struct fixture *f = *state;
    struct rlimit was;
    struct rlimit now;
    struct cid c;
    uint64_t n;
    int fd = zeros(4u << 20);

    open_store(f);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    now = was;
    now.rlim_cur = 1u << 20;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &now), 0);
    assert_true(store_put_fd(f->s, fd, UINT64_MAX, &c, &n) < 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    (void)signal(SIGXFSZ, SIG_DFL);
    run_command("test -z \"$(find '%s/tmp' '%s/objects' -type f)\"", f->dir,
                f->dir);
    assert_int_equal(store_put_fd(f->s, fd, UINT64_MAX, &c, &n), 0);
    assert_int_equal(n, 4u << 20);
    (void)close(fd);
    store_close(f->s);
}

/* Too large by its size, before a byte is read: a read would take minutes. */
static void test_largest(void **state)
{
    struct fixture *f = *state;
    struct cid c;
    uint64_t n = 0;
    int fd = zeros(LIMIT_OBJECT_BYTES + 1);

    open_store(f);
    assert_int_equal(store_put_fd(f->s, fd, UINT64_MAX, &c, &n), ERR_LIMIT);
    (void)close(fd);
    fd = zeros(5u << 20);
    assert_int_equal(store_put_fd(f->s, fd, (5u << 20) - 1, &c, &n), ERR_LIMIT);
    assert_int_equal(store_put_fd(f->s, fd, 5u << 20, &c, &n), 0);
    (void)close(fd);
    store_close(f->s);
}

/* Zeros around the ends of 31 and 32 bits; the hashes are b3sum's. */
static void test_boundaries(void **state)
{
    static const struct {
        uint64_t n;
        const char *cid;
    } CASES[] = {
        {(1ull << 24) + 1,
         "5cd19fe8500902a1b2c39c634609ddc2b80eea8b173a1d4b8e3ea22c100948c9"},
        {(1ull << 31) - 1,
         "aab298b88fcf61d8141d00a067b07411a5cada3fa913c9f1cadbfbfc778c2e90"},
        {1ull << 31,
         "cbd71ef31685ea2c6ce0c146ef1d160b4d458f29cea2a61536a8a65f195fdb82"},
        {(1ull << 31) + 1,
         "2668c9ff2413284150cce5338fa4be63f7876c960a63efa84379f50a56271a3b"},
        {(1ull << 32) - 1,
         "12cecd560b191ba3c7b74069399c1ce3bf8274db9a41241b7a80b21ea3e705b4"},
        {1ull << 32,
         "7dde7c9fed144013fedbe2b0bbf2d82f004b60b589485851cdec29b27be408d7"},
        {(1ull << 32) + 1,
         "1c5383e3e425b8b27d54e1b6bf91bb3320b8ba1496f7483f87b5f4490a542794"},
    };
    struct fixture *f = *state;
    size_t i;

    /* All of them: 20 GiB are written, 4 at a time. */
    size_t cases = getenv("PROCTOR_FULL") != NULL ? ARRAY_N(CASES) : 1;

    open_store(f);
    for (i = 0; i < cases; i++) {
        int fd = zeros(CASES[i].n);
        char hex[CID_TEXT_BYTES];
        struct cid c;
        uint64_t n;
        int out;

        assert_int_equal(store_put_fd(f->s, fd, UINT64_MAX, &c, &n), 0);
        cid_text(&c, hex);
        assert_string_equal(hex, CASES[i].cid);
        assert_int_equal(n, CASES[i].n);
        n = 0;
        assert_int_equal(store_get_memfd(f->s, &c, &out, &n), 0);
        assert_int_equal(n, CASES[i].n);
        (void)close(out);
        (void)close(fd);
        assert_int_equal(unlink(object_path(f, &c)), 0);
    }
    store_close(f->s);
}

#define OBJECT_TEST(name)                                                      \
    cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        OBJECT_TEST(test_not_ours),   OBJECT_TEST(test_written_once),
        OBJECT_TEST(test_no_room),    OBJECT_TEST(test_largest),
        OBJECT_TEST(test_boundaries),
    };

    (void)umask(022);
    return cmocka_run_group_tests_name("object", tests, NULL, NULL);
}
