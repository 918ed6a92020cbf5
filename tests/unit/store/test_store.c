/* Stores and objects: creation, lock, formats, what is no store, damage. */
#include "fixture.h"

#include <sys/mman.h>
#include <sys/wait.h>

#include "proto/cid.h"

static int open_store(struct fixture *f, int *created)
{
    return store_open(f->dir, &f->s, created, &f->d);
}

static struct ubytes text(const char *s)
{
    return (struct ubytes){(const uint8_t *)s, strlen(s)};
}

static const char *object_path(const struct fixture *f, const struct cid *c)
{
    char hex[CID_TEXT_BYTES];
    char name[80];

    cid_text(c, hex);
    (void)snprintf(name, sizeof(name), "objects/%.2s/%s", hex, hex + 2);
    return in_store(f, name);
}

static void test_create_and_reopen(void **state)
{
    struct fixture *f = *state;
    int created = 0;

    assert_int_equal(open_store(f, &created), 0);
    assert_int_equal(created, 1);
    assert_string_equal(store_dir(f->s), f->dir);
    store_close(f->s);
    assert_int_equal(open_store(f, &created), 0);
    assert_int_equal(created, 0);
    store_close(f->s);
    store_close(NULL);
}

static void test_put_get(void **state)
{
    struct fixture *f = *state;
    struct cid c;
    struct cid again;
    struct cid none = {{1}};
    struct buf b;
    struct stat st;
    int created;

    buf_init(&b, 1u << 20);
    assert_int_equal(open_store(f, &created), 0);
    assert_int_equal(store_put(f->s, text("hello"), &c), 0);
    assert_int_equal(store_put(f->s, text("hello"), &again), 0);
    assert_true(cid_is_equal(&c, &again));
    assert_true(store_has(f->s, &c));
    assert_false(store_has(f->s, &none));
    assert_int_equal(store_get(f->s, &c, &b), 0);
    assert_int_equal(buf_len(&b), 5);
    assert_memory_equal(buf_bytes(&b).p, "hello", 5);
    assert_int_equal(store_get(f->s, &none, &b), ERR_NOT_FOUND);
    assert_int_equal(stat(object_path(f, &c), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0444);
    assert_int_equal(store_put(f->s, (struct ubytes){NULL, 0}, &c), 0);
    buf_reset(&b);
    assert_int_equal(store_get(f->s, &c, &b), 0);
    assert_int_equal(buf_len(&b), 0);
    store_close(f->s);
    assert_int_equal(open_store(f, &created), 0);
    assert_true(store_has(f->s, &again));
    store_close(f->s);
    buf_release(&b);
}

static void test_get_limit(void **state)
{
    struct fixture *f = *state;
    struct cid c;
    struct buf b;
    int created;

    buf_init(&b, 3);
    assert_int_equal(open_store(f, &created), 0);
    assert_int_equal(store_put(f->s, text("hello"), &c), 0);
    assert_int_equal(store_get(f->s, &c, &b), ERR_LIMIT);
    store_close(f->s);
    buf_release(&b);
}

static void test_damaged_object(void **state)
{
    struct fixture *f = *state;
    struct cid c;
    struct buf b;
    uint64_t n;
    int created;
    int fd;

    buf_init(&b, 1u << 20);
    assert_int_equal(open_store(f, &created), 0);
    assert_int_equal(store_put(f->s, text("hello"), &c), 0);
    flip_byte(object_path(f, &c), 2);
    assert_int_equal(store_get(f->s, &c, &b), ERR_STORE_DAMAGED);
    assert_int_equal(store_get_memfd(f->s, &c, &fd, &n), ERR_STORE_DAMAGED);
    /* Cut short: a put with the right bytes heals it. */
    assert_int_equal(truncate(object_path(f, &c), 2), 0);
    assert_int_equal(store_put(f->s, text("hello"), &c), 0);
    buf_reset(&b);
    assert_int_equal(store_get(f->s, &c, &b), 0);
    store_close(f->s);
    buf_release(&b);
}

static void test_memfd(void **state)
{
    struct fixture *f = *state;
    struct cid c;
    char got[8] = "";
    uint64_t n;
    int created;
    int fd;

    assert_int_equal(open_store(f, &created), 0);
    assert_int_equal(store_put(f->s, text("hello"), &c), 0);
    assert_int_equal(store_get_memfd(f->s, &c, &fd, &n), 0);
    assert_int_equal(n, 5);
    assert_int_equal(read(fd, got, sizeof(got)), 5);
    assert_string_equal(got, "hello");
    assert_int_equal(fcntl(fd, F_GET_SEALS),
                     F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
    assert_int_equal(pwrite(fd, "x", 1, 0), -1);
    assert_int_equal(close(fd), 0);
    store_close(f->s);
}

static void test_put_fd(void **state)
{
    struct fixture *f = *state;
    FILE *file = tmpfile();
    struct cid c;
    struct cid whole;
    uint64_t n;
    int created;
    int i;

    assert_non_null(file);
    for (i = 0; i < 30000; i++) {
        assert_true(fprintf(file, "line %d\n", i) > 0);
    }
    assert_int_equal(fflush(file), 0);
    assert_int_equal(open_store(f, &created), 0);
    assert_int_equal(store_put_fd(f->s, fileno(file), 1u << 20, &c, &n), 0);
    assert_true(n == (uint64_t)ftell(file));
    assert_int_equal(store_put_fd(f->s, fileno(file), n, &whole, &n), 0);
    assert_true(cid_is_equal(&c, &whole));
    assert_int_equal(store_put_fd(f->s, fileno(file), n - 1, &whole, &n),
                     ERR_LIMIT);
    assert_true(store_has(f->s, &c));
    store_close(f->s);
    assert_int_equal(fclose(file), 0);
}

/* A second owner is told who has the store. */
static void test_busy(void **state)
{
    struct fixture *f = *state;
    struct store *second;
    struct diag d;
    char pid[32];
    int created;

    assert_int_equal(open_store(f, &created), 0);
    assert_int_equal(store_open(f->dir, &second, &created, &d), ERR_STORE_BUSY);
    (void)snprintf(pid, sizeof(pid), "pid %ld", (long)getpid());
    assert_non_null(strstr(d.what, pid));
    assert_true(d.hint[0] != '\0');
    store_close(f->s);
    assert_int_equal(store_open(f->dir, &second, &created, &d), 0);
    store_close(second);
}

/* An owner that was killed leaves no lock behind. */
static void test_owner_killed(void **state)
{
    struct fixture *f = *state;
    int created;
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        _exit(store_open(f->dir, &f->s, &created, &f->d) == 0 ? 7 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 7);
    assert_true(file_size(in_store(f, "lock")) > 0);
    assert_int_equal(open_store(f, &created), 0);
    assert_int_equal(created, 0);
    store_close(f->s);
    assert_true(file_size(in_store(f, "lock")) == 0);
}

static void expect_refusal(struct fixture *f, int code, const char *word)
{
    int created;

    assert_int_equal(open_store(f, &created), code);
    if (strstr(f->d.what, word) == NULL) {
        fail_msg("no \"%s\" in \"%s\"", word, f->d.what);
    }
    assert_true(f->d.hint[0] != '\0');
    assert_int_equal(f->d.code, code);
}

static void test_not_a_store(void **state)
{
    struct fixture *f = *state;

    run_command("echo x > '%s'%s", f->dir, "");
    expect_refusal(f, ERR_INPUT, "is a file");
    run_command("rm '%s' && mkdir '%s'", f->dir, f->dir);
    run_command("echo x > '%s/notes.txt'%s", f->dir, "");
    expect_refusal(f, ERR_STORE_FORMAT, "no store");
    run_command("test \"$(ls '%s')\" = notes.txt%s", f->dir, "");
    (void)snprintf(f->dir, sizeof(f->dir), "%s/no/such", f->base);
    expect_refusal(f, ERR_NOT_FOUND, "not found");
}

static void test_other_version(void **state)
{
    struct fixture *f = *state;
    int created;

    assert_int_equal(open_store(f, &created), 0);
    store_close(f->s);
    run_command("chmod u+w '%s/format'; echo 'proctor store 2' > '%s/format'",
                f->dir, f->dir);
    expect_refusal(f, ERR_STORE_FORMAT, "proctor store 2");
}

static void test_missing_folder(void **state)
{
    struct fixture *f = *state;
    int created;

    assert_int_equal(open_store(f, &created), 0);
    store_close(f->s);
    run_command("rmdir '%s/tmp'%s", f->dir, "");
    expect_refusal(f, ERR_STORE_DAMAGED, "missing");
}

static int rdonly_hook(void *ctx, enum disk_op op, const char *name, size_t *n)
{
    const int *error = ctx;

    (void)op;
    (void)n;
    return name != NULL && strcmp(name, "lock") == 0 ? *error : 0;
}

static void test_read_only(void **state)
{
    struct fixture *f = *state;
    int error = EROFS;
    int created;

    assert_int_equal(open_store(f, &created), 0);
    store_close(f->s);
    disk_set_hook(rdonly_hook, &error);
    expect_refusal(f, ERR_STORE_RDONLY, "read-only");
    error = EACCES;
    expect_refusal(f, ERR_ACCESS, "permission denied");
    error = ENOSPC;
    expect_refusal(f, ERR_SPACE, "no space");
}

/* Left-overs in tmp go at the next open. */
static void test_tmp_is_emptied(void **state)
{
    struct fixture *f = *state;
    int created;

    assert_int_equal(open_store(f, &created), 0);
    store_close(f->s);
    run_command("echo x > '%s/tmp/t99'%s", f->dir, "");
    assert_int_equal(open_store(f, &created), 0);
    store_close(f->s);
    run_command("test -z \"$(ls '%s/tmp')\"%s", f->dir, "");
}

/* Each disk call of create, put, put again fails: named, and the next open is
 * clean with every object that was acknowledged. */
static void test_faults(void **state)
{
    static const int errors[] = {EIO, ENOSPC};
    struct fixture *f = *state;
    struct fault fault;
    unsigned long n;
    size_t e;

    for (e = 0; e < ARRAY_N(errors); e++) {
        for (n = 0;; n++) {
            struct cid c;
            struct buf b;
            int put = -1;
            int created;
            int code;

            run_command("rm -rf '%s'%s", f->dir, "");
            fault =
                (struct fault){.at = n, .error = errors[e], .forever = e == 1};
            disk_set_hook(fault_hook, &fault);
            code = open_store(f, &created);
            if (code == 0) {
                put = store_put(f->s, text("hello"), &c);
                store_close(f->s);
            }
            disk_set_hook(NULL, NULL);
            assert_true(code == 0 || f->d.what[0] != '\0');
            assert_int_equal(open_store(f, &created), 0);
            if (put == 0) {
                buf_init(&b, 100);
                assert_int_equal(store_get(f->s, &c, &b), 0);
                buf_release(&b);
            }
            assert_int_equal(store_put(f->s, text("hello"), &c), 0);
            store_close(f->s);
            if (!fault.fired) {
                break;
            }
        }
        assert_true(n > 20);
    }
}

#define STORE_TEST(name)                                                       \
    cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_create_and_reopen),
        STORE_TEST(test_put_get),
        STORE_TEST(test_get_limit),
        STORE_TEST(test_damaged_object),
        STORE_TEST(test_memfd),
        STORE_TEST(test_put_fd),
        STORE_TEST(test_busy),
        STORE_TEST(test_owner_killed),
        STORE_TEST(test_not_a_store),
        STORE_TEST(test_other_version),
        STORE_TEST(test_missing_folder),
        STORE_TEST(test_read_only),
        STORE_TEST(test_tmp_is_emptied),
        STORE_TEST(test_faults),
    };

    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
