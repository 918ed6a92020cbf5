/* Disk calls: what each does, what errors become, what the hook can do. */
#include "fixture.h"

static int open_base(const struct fixture *f)
{
    int fd;

    assert_int_equal(disk_open_dir(AT_FDCWD, f->base, &fd), 0);
    return fd;
}

static void test_files(void **state)
{
    struct fixture *f = *state;
    int dir = open_base(f);
    uint8_t back[8];
    uint64_t size;
    size_t n;
    int fd;

    assert_int_equal(disk_open(dir, "a", O_RDONLY, &fd), ERR_NOT_FOUND);
    assert_int_equal(disk_create(dir, "a", 0600, &fd), 0);
    assert_int_equal(disk_write(fd, 0, (const uint8_t *)"hello", 5), 0);
    assert_int_equal(disk_write(fd, 5, (const uint8_t *)"!", 1), 0);
    assert_int_equal(disk_sync(fd), 0);
    assert_int_equal(disk_read(fd, 1, back, sizeof(back), &n), 0);
    assert_int_equal(n, 5);
    assert_memory_equal(back, "ello!", 5);
    assert_int_equal(disk_truncate(fd, 2), 0);
    assert_int_equal(disk_size(fd, &size), 0);
    assert_int_equal(size, 2);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(disk_create(dir, "a", 0600, &fd), ERR_EXISTS);
    assert_int_equal(disk_unlink(dir, "a"), 0);
    assert_int_equal(disk_unlink(dir, "a"), ERR_NOT_FOUND);
    assert_int_equal(symlinkat("/etc/passwd", dir, "link"), 0);
    assert_int_equal(disk_open(dir, "link", O_RDONLY, &fd), ERR_IO);
    assert_int_equal(close(dir), 0);
}

static void test_folders(void **state)
{
    struct fixture *f = *state;
    int dir = open_base(f);
    int made = 0;
    int fd;
    int sub;

    assert_int_equal(disk_mkdir(dir, "d", 0755, &made), 0);
    assert_int_equal(made, 1);
    assert_int_equal(disk_mkdir(dir, "d", 0755, &made), 0);
    assert_int_equal(made, 0);
    assert_int_equal(disk_open_dir(dir, "d", &sub), 0);
    assert_int_equal(disk_create(sub, "x", 0600, &fd), 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(disk_rename(sub, "x", sub, "y", 0), 0);
    assert_int_equal(disk_create(sub, "x", 0600, &fd), 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(disk_rename(sub, "x", sub, "y", 0), ERR_EXISTS);
    assert_int_equal(disk_rename(sub, "x", sub, "y", 1), 0);
    assert_int_not_equal(disk_rmdir(dir, "d"), 0);
    assert_int_equal(disk_empty_dir(sub), 0);
    assert_int_equal(disk_rmdir(dir, "d"), 0);
    assert_int_equal(close(sub), 0);
    assert_int_equal(close(dir), 0);
}

static void test_put(void **state)
{
    struct fixture *f = *state;
    int dir = open_base(f);
    struct disk_file file = {.tmp_fd = dir,
                             .dir_fd = dir,
                             .name = "whole",
                             .mode = 0444,
                             .durable = 1};
    struct fault fault = {.at = 1, .error = ENOSPC};

    assert_int_equal(
        disk_put(&file, (struct ubytes){(const uint8_t *)"abc", 3}), 0);
    run_command("test \"$(cat '%s/whole')\" = abc%s", f->base, "");
    /* A failed put leaves the old file and no temporary one. */
    disk_set_hook(fault_hook, &fault);
    assert_int_equal(disk_put(&file, (struct ubytes){(const uint8_t *)"xy", 2}),
                     ERR_SPACE);
    disk_set_hook(NULL, NULL);
    run_command(
        "test \"$(ls '%s')\" = whole && test \"$(cat '%s/whole')\" = abc",
        f->base, f->base);
    assert_int_equal(close(dir), 0);
}

static void test_hook(void **state)
{
    struct fixture *f = *state;
    int dir = open_base(f);
    struct fault fault = {.at = 0, .error = EIO};
    int fd;

    assert_int_equal(disk_create(dir, "a", 0600, &fd), 0);
    disk_set_hook(fault_hook, &fault);
    assert_int_equal(disk_sync(fd), ERR_IO);
    /* For good: what another sync says of lost pages is worth nothing. */
    assert_int_equal(disk_sync(fd), ERR_IO);
    assert_int_equal(disk_sync_dir(dir), ERR_IO);
    assert_int_equal(disk_sync_failed(), ERR_IO);
    fault = (struct fault){.at = 0, .error = EROFS, .forever = 1};
    assert_int_equal(disk_truncate(fd, 0), ERR_STORE_RDONLY);
    assert_int_equal(disk_truncate(fd, 0), ERR_STORE_RDONLY);
    /* A short write is gone on with; the error then ends it. */
    fault = (struct fault){.at = 0, .error = ENOSPC, .short_write = 1};
    assert_int_equal(disk_write(fd, 0, (const uint8_t *)"abcdefgh", 8),
                     ERR_SPACE);
    disk_set_hook(NULL, NULL);
    assert_true(fault.calls == 2);
    assert_int_equal(lseek(fd, 0, SEEK_END), 4);
    assert_int_equal(close(fd), 0);
    assert_int_equal(close(dir), 0);
}

#define DISK_TEST(name)                                                        \
    cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DISK_TEST(test_files),
        DISK_TEST(test_folders),
        DISK_TEST(test_put),
        DISK_TEST(test_hook),
    };

    return cmocka_run_group_tests_name("disk", tests, NULL, NULL);
}
