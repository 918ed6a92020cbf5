/* Progress and small formats: bars, silence without a terminal, and on one
 * (a pseudo-terminal) lines that carry no byte of a worker unescaped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/progress.h"
#include "cli/term.h"

static void test_bar(void **state)
{
    char bar[16];

    (void)state;
    progress_bar(0, 10, 10, bar, sizeof(bar));
    assert_string_equal(bar, "[..........]");
    progress_bar(5, 10, 10, bar, sizeof(bar));
    assert_string_equal(bar, "[#####.....]");
    progress_bar(UINT64_MAX, 10, 10, bar, sizeof(bar));
    assert_string_equal(bar, "[##########]");
    progress_bar(1, 0, 10, bar, sizeof(bar));
    assert_string_equal(bar, "[..........]");
}

static void test_numbers(void **state)
{
    char text[TERM_NUMBER_BYTES];

    (void)state;
    assert_string_equal(term_number(0, text), "0");
    assert_string_equal(term_number(999, text), "999");
    assert_string_equal(term_number(16384, text), "16 384");
    assert_string_equal(term_number(UINT64_MAX, text),
                        "18 446 744 073 709 551 615");
}

static void send(struct progress *p, const char *task, const char *state_name_,
                 const char *text, uint64_t done, uint64_t total)
{
    Proctor__Event e = PROCTOR__EVENT__INIT;

    e.task = (char *)(uintptr_t)task;
    e.state = (char *)(uintptr_t)state_name_;
    e.text = (char *)(uintptr_t)text;
    e.done = done;
    e.total = total;
    e.worker_text = 1;
    progress_event(p, &e);
}

/* Everything that goes to standard error while fn runs with fd in its place. */
static size_t capture(int fd, int read_fd, char *out, size_t n)
{
    int saved = dup(STDERR_FILENO);
    struct progress *p;
    size_t got = 0;
    ssize_t part;

    fflush(stderr);
    assert_true(dup2(fd, STDERR_FILENO) >= 0);
    p = progress_new();
    send(p, "exam", "running", "drawing \x1b[2J\x07", 0, 0);
    send(p, "exam", "running", "drawing", 8192, 16384);
    send(p, "exam", "", "its last words", 0, 0);
    progress_say(p, "a word");
    send(p, "exam", "failed", "no\x9b", 0, 0);
    progress_free(p);
    fflush(stderr);
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    close(saved);
    /* A terminal hands its bytes out piece by piece. */
    (void)fcntl(read_fd, F_SETFL, O_NONBLOCK);
    while ((part = read(read_fd, out + got, n - 1 - got)) > 0) {
        got += (size_t)part;
    }
    out[got] = '\0';
    return got;
}

static void test_silent(void **state)
{
    char path[] = "/tmp/proctor-progress.XXXXXX";
    char out[64];
    int fd = mkstemp(path);
    int again = open(path, O_RDONLY | O_CLOEXEC);

    (void)state;
    assert_true(fd >= 0 && again >= 0);
    assert_int_equal(capture(fd, again, out, sizeof(out)), 0);
    close(fd);
    close(again);
    unlink(path);
}

static void test_terminal(void **state)
{
    char out[8192];
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    int slave;

    (void)state;
    assert_true(master >= 0);
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(slave >= 0);
    (void)setenv("NO_COLOR", "1", 1);
    assert_true(capture(slave, master, out, sizeof(out)) > 0);
    assert_non_null(strstr(out, "8 192/16 384"));
    assert_non_null(strstr(out, "worker says: drawing \\x1b[2J\\x07"));
    assert_non_null(
        strstr(out, "exam             worker says: its last words"));
    assert_non_null(strstr(out, "failed"));
    assert_non_null(strstr(out, "a word"));
    assert_null(strstr(out, "[2J\x07"));
    assert_null(strchr(out, '\x9b'));
    assert_null(strstr(out, "\x1b[3")); /* no colours with NO_COLOR */
    close(slave);
    close(master);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bar), cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_silent), cmocka_unit_test(test_terminal)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
