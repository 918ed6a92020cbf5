/* Replies of workers: what counts of them, and what they are called. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/run/reply.h"
#include "proto/share.h"

static struct type f64;

/* n answers 1.0, 2.0, ...; NaN at `nan_at`. */
static struct values_builder answers(uint32_t n, uint32_t nan_at)
{
    struct values_builder w;

    assert_int_equal(values_builder_init(&w, LIMIT_BATCH_BYTES), 0);
    for (uint32_t i = 0; i < n; i++) {
        struct buf v;

        buf_init(&v, 64);
        assert_int_equal(value_put_f64(&v, i == nan_at ? (double)NAN : 1.0 + i),
                         0);
        assert_int_equal(values_builder_add(&w, buf_bytes(&v)), 0);
        buf_release(&v);
    }
    return w;
}

struct row {
    uint32_t n, nan_at, asked, ending, detail;
    uint32_t kept;
    int bad, limit, was_killed;
    const char *words;
};

#define OK PROCTOR__ENDING__ENDING_OK
#define EXITED PROCTOR__ENDING__ENDING_EXITED
#define KILLED PROCTOR__ENDING__ENDING_KILLED

static void test_rows(void **state)
{
    static const struct row rows[] = {
        {3, 9, 3, OK, 0, 3, 0, 0, 0, ""},
        {0, 9, 0, OK, 0, 0, 0, 0, 0, ""},
        {2, 9, 3, OK, 0, 2, 1, 0, 0, "claimed to be done after 2 of 3"},
        {3, 9, 3, EXITED, 7, 2, 1, 0, 0, "exited with status 7 after 3 of 3"},
        {4, 9, 3, OK, 0, 0, 1, 0, 0, "answered in no valid encoding"},
        {3, 0, 3, OK, 0, 0, 1, 0, 0, "answered NaN"},
        {3, 2, 3, OK, 0, 2, 1, 0, 0, "answered NaN"},
        {1, 9, 3, KILLED, SIGXCPU, 1, 1, 1, 0, "over its processor time"},
        {1, 9, 3, KILLED, SIGKILL, 1, 1, 0, 1, "killed by signal 9"},
        {3, 9, 3, 99, 0, 2, 1, 0, 0, "ended in an unknown way (99)"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        const struct row *row = &rows[i];
        Proctor__BatchReply m = PROCTOR__BATCH_REPLY__INIT;
        struct values_builder w = answers(row->n, row->nan_at);
        struct reply r;

        m.ending = row->ending;
        m.detail = row->detail;
        reply_init(&r);
        assert_int_equal(
            reply_read(&r, &m, values_builder_bytes(&w), &f64, row->asked), 0);
        assert_int_equal(values_n(&r.answers), row->kept);
        assert_int_equal(r.bad, row->bad);
        assert_int_equal(r.limit, row->limit);
        assert_int_equal(r.was_killed, row->was_killed);
        assert_non_null(strstr(r.ending, row->words));
        reply_release(&r);
        values_builder_release(&w);
    }
}

/* Every cut, and one byte more, is no list of values. */
static void test_bytes(void **state)
{
    Proctor__BatchReply m = PROCTOR__BATCH_REPLY__INIT;
    struct values_builder w = answers(3, 9);
    struct ubytes whole = values_builder_bytes(&w);
    uint8_t more[64] = {0};

    (void)state;
    memcpy(more, whole.p, whole.n);
    for (size_t n = 0; n <= whole.n + 1; n++) {
        struct reply r;

        reply_init(&r);
        assert_int_equal(reply_read(&r, &m, (struct ubytes){more, n}, &f64, 3),
                         0);
        assert_int_equal(r.bad, n != whole.n);
        assert_int_equal(values_n(&r.answers), n == whole.n ? 3 : 0);
        reply_release(&r);
    }
    values_builder_release(&w);
}

/* A worker that writes all the time: forks, and swaps two lists of answers, one of
 * them with lengths that are none. */
static pid_t flipper_start(uint8_t *outputs, struct ubytes right)
{
    uint8_t wrong[64];
    pid_t pid = fork();

    assert_true(pid >= 0 && right.n <= sizeof(wrong));
    if (pid == 0) {
        memcpy(wrong, right.p, right.n);
        memset(wrong + 4, 0xff, 4);
        for (unsigned i = 0;; i++) {
            memcpy(outputs, i % 2 == 0 ? wrong : right.p, right.n);
            __asm__ volatile("" ::: "memory");
        }
    }
    return pid;
}

/* Whatever bytes one copy caught: they stay as they are, are judged as they are,
 * and judged again give the same. */
static void test_double_fetch(void **state)
{
    enum {
        ROUNDS = 20000
    };
    Proctor__BatchReply m = PROCTOR__BATCH_REPLY__INIT;
    struct values_builder w = answers(3, 9);
    struct ubytes right = values_builder_bytes(&w);
    unsigned good = 0;
    uint8_t *map;
    pid_t pid;
    int fd;

    (void)state;
    assert_int_equal(share_new(&fd), 0);
    map = mmap(NULL, SHARE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(map != MAP_FAILED);
    memcpy(map + SHARE_OUTPUTS, right.p, right.n);
    pid = flipper_start(map + SHARE_OUTPUTS, right);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct buf copy, before;
        struct reply r[2];

        buf_init(&copy, LIMIT_BATCH_BYTES);
        buf_init(&before, LIMIT_BATCH_BYTES);
        assert_int_equal(share_take(fd, right.n, &copy), 0);
        assert_int_equal(buf_put(&before, buf_bytes(&copy).p, right.n), 0);
        for (size_t k = 0; k < 2; k++) {
            reply_init(&r[k]);
            assert_int_equal(reply_read(&r[k], &m, buf_bytes(&copy), &f64, 3),
                             0);
        }
        assert_memory_equal(buf_bytes(&copy).p, buf_bytes(&before).p, right.n);
        assert_int_equal(r[0].bad, r[1].bad);
        assert_int_equal(r[0].bad,
                         memcmp(buf_bytes(&copy).p, right.p, right.n) != 0);
        good += !r[0].bad;
        reply_release(&r[0]);
        reply_release(&r[1]);
        buf_release(&copy);
        buf_release(&before);
    }
    print_message("%u of %d copies caught right answers\n", good, ROUNDS);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    munmap(map, SHARE_BYTES);
    close(fd);
    values_builder_release(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows),
                                       cmocka_unit_test(test_bytes),
                                       cmocka_unit_test(test_double_fetch)};

    if (type_from_name("f64", &f64) != 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
