/* Shared memory of a worker: what is copied is what was there, sizes hold, and
 * nobody can change them. The other end is a mapping, as in a worker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/err.h"
#include "proto/share.h"

static uint8_t *map_of(int fd)
{
    uint8_t *p =
        mmap(NULL, SHARE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    assert_true(p != MAP_FAILED);
    return p;
}

static void test_both_ways(void **state)
{
    static uint8_t all[LIMIT_BATCH_BYTES];
    struct buf out;
    uint8_t *p;
    int fd;

    (void)state;
    assert_int_equal(share_new(&fd), 0);
    p = map_of(fd);
    memset(all, 0x5a, sizeof(all));
    assert_int_equal(share_put(fd, (struct ubytes){all, sizeof(all)}), 0);
    assert_memory_equal(p + SHARE_INPUTS, all, sizeof(all));
    assert_int_equal(p[SHARE_OUTPUTS], 0); /* and not a byte more */
    assert_int_equal(share_put(fd, (struct ubytes){NULL, 0}), 0);
    memset(p + SHARE_OUTPUTS, 0xa5, LIMIT_BATCH_BYTES);
    buf_init(&out, LIMIT_BATCH_BYTES + 8);
    assert_int_equal(share_take(fd, 0, &out), 0);
    assert_int_equal(buf_len(&out), 0);
    assert_int_equal(share_take(fd, 8, &out), 0);
    assert_int_equal(share_take(fd, LIMIT_BATCH_BYTES, &out), 0);
    assert_int_equal(buf_len(&out), LIMIT_BATCH_BYTES + 8);
    memset(all, 0xa5, sizeof(all));
    assert_memory_equal(buf_bytes(&out).p + 8, all, sizeof(all));
    buf_reset(&out);
    memset(p, 0xff, SHARE_BYTES); /* too late: the copy counts */
    assert_int_equal(share_take(fd, 4, &out), 0);
    memset(p, 0, SHARE_BYTES);
    assert_memory_equal(buf_bytes(&out).p, "\xff\xff\xff\xff", 4);
    buf_release(&out);
    munmap(p, SHARE_BYTES);
    close(fd);
}

static void test_claims(void **state)
{
    static const uint64_t too_many[] = {
        LIMIT_BATCH_BYTES + 1ull, SHARE_BYTES, UINT32_MAX, 1ull << 32,
        UINT64_MAX - 4,           UINT64_MAX};
    static uint8_t bytes[LIMIT_BATCH_BYTES + 1];
    struct buf out;
    int fd;

    (void)state;
    assert_int_equal(share_new(&fd), 0);
    buf_init(&out, SIZE_MAX);
    for (size_t i = 0; i < ARRAY_N(too_many); i++) {
        assert_int_equal(share_take(fd, too_many[i], &out), ERR_PROTOCOL);
        assert_int_equal(buf_len(&out), 0);
    }
    assert_int_equal(share_put(fd, (struct ubytes){bytes, sizeof(bytes)}),
                     ERR_LIMIT);
    buf_release(&out);
    buf_init(&out, 10);
    assert_int_equal(share_take(fd, 11, &out), ERR_LIMIT);
    buf_release(&out);
    close(fd);
}

/* Whoever had the descriptor could not move its end under a reader. */
static void test_sealed(void **state)
{
    struct stat st;
    int fd;

    (void)state;
    assert_int_equal(share_new(&fd), 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, SHARE_BYTES);
    assert_int_equal(st.st_blocks, 0); /* costs nothing until touched */
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_int_equal(ftruncate(fd, 2 * SHARE_BYTES), -1);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    close(fd);
}

/* What a worker wrote is cut to what it claims, and can then no longer change. */
static void test_written(void **state)
{
    struct stat st;
    char byte;
    int fd;

    (void)state;
    assert_int_equal(share_sized(LIMIT_WEIGHTS_FILE_BYTES + 1, &fd), ERR_LIMIT);
    assert_int_equal(share_sized(1u << 20, &fd), 0);
    assert_int_equal(pwrite(fd, "abc", 3, 0), 3);
    assert_int_equal(share_seal(fd, (1u << 20) + 1), ERR_PROTOCOL);
    assert_int_equal(share_seal(fd, UINT64_MAX), ERR_PROTOCOL);
    assert_int_equal(share_seal(fd, 2), 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, 2);
    assert_int_equal(pwrite(fd, "x", 1, 0), -1);
    assert_int_equal(ftruncate(fd, 3), -1);
    assert_int_equal(ftruncate(fd, 1), -1);
    assert_int_equal(pread(fd, &byte, 1, 1), 1);
    assert_int_equal(byte, 'b');
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_both_ways),
                                       cmocka_unit_test(test_claims),
                                       cmocka_unit_test(test_sealed),
                                       cmocka_unit_test(test_written)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
