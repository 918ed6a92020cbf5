/* The poll loop: order, removal inside handlers, starvation, stopping. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/err.h"

#include "kernel/engine/clock.h"
#include "kernel/engine/loop.h"

/* A journal of what ran, in order. */
static char journal[256];

static void note(const char *what)
{
    strncat(journal, what, sizeof(journal) - strlen(journal) - 1);
}

struct world {
    struct loop *loop;
    struct loop_source *a;
    struct loop_source *b;
    int pipe_a[2];
    int pipe_b[2];
    int count;
};

static struct world *world_new(void)
{
    static struct world w;

    memset(&w, 0, sizeof(w));
    journal[0] = '\0';
    assert_int_equal(loop_new(&w.loop), 0);
    assert_int_equal(pipe2(w.pipe_a, O_CLOEXEC), 0);
    assert_int_equal(pipe2(w.pipe_b, O_CLOEXEC), 0);
    return &w;
}

static void world_end(struct world *w)
{
    loop_free(w->loop);
    for (int i = 0; i < 2; i++) {
        fd_closep(&w->pipe_a[i]);
        fd_closep(&w->pipe_b[i]);
    }
}

static void test_nothing_to_do(void **state)
{
    struct world *w = world_new();

    (void)state;
    assert_int_equal(loop_run(w->loop), 0);
    world_end(w);
    loop_free(NULL);
}

static void on_timer_a(void *ctx, short revents)
{
    struct world *w = ctx;

    (void)w;
    assert_int_equal(revents, 0);
    note("a");
}

static void on_timer_b(void *ctx, short revents)
{
    (void)ctx;
    (void)revents;
    note("b");
}

static void test_timers_in_order(void **state)
{
    struct world *w = world_new();
    struct loop_source *s[5];
    uint64_t start = clock_mono_ms();

    (void)state;
    assert_int_equal(loop_timer(w->loop, 30, on_timer_b, w, &s[0]), 0);
    assert_int_equal(loop_timer(w->loop, 10, on_timer_a, w, &s[1]), 0);
    assert_int_equal(loop_timer(w->loop, 20, on_timer_b, w, &s[2]), 0);
    assert_int_equal(loop_timer(w->loop, 0, on_timer_a, w, &s[3]), 0);
    assert_int_equal(loop_timer(w->loop, 25, on_timer_a, w, &s[4]), 0);
    loop_remove(&s[4]); /* never fires */
    assert_null(s[4]);
    loop_remove(&s[4]); /* nothing to do */
    assert_int_equal(loop_run(w->loop), 0);
    assert_string_equal(journal, "aabb");
    assert_true(clock_mono_ms() - start >= 30);
    for (int i = 0; i < 4; i++) {
        assert_non_null(s[i]); /* ours until removed */
        loop_remove(&s[i]);
    }
    world_end(w);
}

/* Both pipes are readable; whichever handler runs first removes both. */
static void on_read_removes_both(void *ctx, short revents)
{
    struct world *w = ctx;

    assert_int_equal(revents & POLLIN, POLLIN);
    w->count++;
    loop_remove(&w->a);
    loop_remove(&w->b);
}

static void test_removal_in_handler(void **state)
{
    struct world *w = world_new();

    (void)state;
    assert_int_equal(write(w->pipe_a[1], "x", 1), 1);
    assert_int_equal(write(w->pipe_b[1], "x", 1), 1);
    assert_int_equal(loop_watch(w->loop, w->pipe_a[0], POLLIN,
                                on_read_removes_both, w, &w->a),
                     0);
    assert_int_equal(loop_watch(w->loop, w->pipe_b[0], POLLIN,
                                on_read_removes_both, w, &w->b),
                     0);
    assert_int_equal(loop_run(w->loop), 0); /* ends: nothing is watched */
    assert_int_equal(w->count, 1);
    world_end(w);
}

/* Closes the other's descriptor and opens a new one, which gets its number. */
static void on_read_reuses(void *ctx, short revents)
{
    struct world *w = ctx;
    int old = w->pipe_b[0];

    (void)revents;
    w->count++;
    if (w->count == 1) {
        loop_remove(&w->a);
        loop_remove(&w->b);
        close(w->pipe_b[0]);
        w->pipe_b[0] = dup(w->pipe_a[0]);
        assert_int_equal(w->pipe_b[0], old);
        assert_int_equal(
            loop_watch(w->loop, old, POLLIN, on_read_reuses, w, &w->a), 0);
    } else {
        loop_stop(w->loop);
    }
}

static void test_number_reuse(void **state)
{
    struct world *w = world_new();

    (void)state;
    assert_int_equal(write(w->pipe_a[1], "x", 1), 1);
    assert_int_equal(write(w->pipe_b[1], "x", 1), 1);
    assert_int_equal(
        loop_watch(w->loop, w->pipe_a[0], POLLIN, on_read_reuses, w, &w->a), 0);
    assert_int_equal(
        loop_watch(w->loop, w->pipe_b[0], POLLIN, on_read_reuses, w, &w->b), 0);
    assert_int_equal(loop_run(w->loop), 0);
    assert_int_equal(w->count, 2);
    world_end(w);
}

/* A timer that sets itself anew with no delay must not starve the pipe. */
static void on_busy_timer(void *ctx, short revents)
{
    struct world *w = ctx;

    (void)revents;
    w->count++;
    assert_true(w->count < 1000);
    loop_remove(&w->a); /* itself, inside itself */
    assert_int_equal(loop_timer(w->loop, 0, on_busy_timer, w, &w->a), 0);
}

static void on_busy_defer(void *ctx, short revents)
{
    struct world *w = ctx;

    (void)revents;
    w->count++;
    assert_true(w->count < 1000);
    assert_int_equal(loop_defer(w->loop, on_busy_defer, w), 0);
}

static void on_read_stops(void *ctx, short revents)
{
    struct world *w = ctx;

    (void)revents;
    loop_stop(w->loop);
}

static void test_no_starvation(void **state)
{
    for (int i = 0; i < 2; i++) {
        struct world *w = world_new();

        (void)state;
        assert_int_equal(write(w->pipe_b[1], "x", 1), 1);
        if (i == 0) {
            assert_int_equal(loop_timer(w->loop, 0, on_busy_timer, w, &w->a),
                             0);
        } else {
            assert_int_equal(loop_defer(w->loop, on_busy_defer, w), 0);
        }
        assert_int_equal(
            loop_watch(w->loop, w->pipe_b[0], POLLIN, on_read_stops, w, &w->b),
            0);
        assert_int_equal(loop_run(w->loop), 0);
        world_end(w);
    }
}

static void on_deferred_c(void *ctx, short revents)
{
    (void)ctx;
    (void)revents;
    note("c");
}

static void on_read_defers(void *ctx, short revents)
{
    struct world *w = ctx;

    (void)revents;
    assert_int_equal(loop_defer(w->loop, on_timer_a, w), 0);
    assert_int_equal(loop_defer(w->loop, on_timer_b, w), 0);
    assert_int_equal(loop_defer(w->loop, on_deferred_c, w), 0);
    note("r");
    loop_remove(&w->a);
}

static void test_deferred_after_handlers(void **state)
{
    struct world *w = world_new();

    (void)state;
    assert_int_equal(write(w->pipe_a[1], "x", 1), 1);
    assert_int_equal(
        loop_watch(w->loop, w->pipe_a[0], POLLIN, on_read_defers, w, &w->a), 0);
    assert_int_equal(loop_run(w->loop), 0);
    assert_string_equal(journal, "rabc");
    world_end(w);
}

static void on_stop(void *ctx, short revents)
{
    struct world *w = ctx;

    (void)revents;
    note("s");
    loop_stop(w->loop);
}

/* What stands behind a stop waits for the next run. */
static void test_stop_keeps_the_rest(void **state)
{
    struct world *w = world_new();

    (void)state;
    assert_int_equal(loop_defer(w->loop, on_timer_a, w), 0);
    assert_int_equal(loop_defer(w->loop, on_stop, w), 0);
    assert_int_equal(loop_defer(w->loop, on_timer_b, w), 0);
    assert_int_equal(loop_run(w->loop), 0);
    assert_string_equal(journal, "as");
    assert_int_equal(loop_run(w->loop), 0);
    assert_string_equal(journal, "asb");
    loop_stop(w->loop);
    assert_int_equal(loop_defer(w->loop, on_timer_a, w), 0);
    assert_int_equal(loop_run(w->loop), 0); /* stopped before it began */
    assert_string_equal(journal, "asb");
    assert_int_equal(loop_run(w->loop), 0);
    assert_string_equal(journal, "asba");
    world_end(w);
}

static void on_writable(void *ctx, short revents)
{
    struct world *w = ctx;

    assert_int_equal(revents, POLLOUT);
    w->count++;
    loop_events(w->a, 0); /* from now on only errors and hang-ups */
    assert_int_equal(loop_timer(w->loop, 5, on_stop, w, &w->b), 0);
}

static void test_events_change(void **state)
{
    struct world *w = world_new();

    (void)state;
    assert_int_equal(
        loop_watch(w->loop, w->pipe_a[1], POLLOUT, on_writable, w, &w->a), 0);
    assert_int_equal(loop_run(w->loop), 0);
    assert_int_equal(w->count, 1);
    assert_string_equal(journal, "s");
    loop_remove(&w->a);
    loop_remove(&w->b);
    world_end(w);
}

static void on_hangup(void *ctx, short revents)
{
    struct world *w = ctx;

    assert_int_equal(revents & POLLHUP, POLLHUP);
    loop_remove(&w->a);
}

static void test_hangup_is_reported(void **state)
{
    struct world *w = world_new();

    (void)state;
    fd_closep(&w->pipe_a[1]);
    assert_int_equal(loop_watch(w->loop, w->pipe_a[0], 0, on_hangup, w, &w->a),
                     0);
    assert_int_equal(loop_run(w->loop), 0);
    assert_null(w->a);
    world_end(w);
}

static void test_clock(void **state)
{
    uint64_t ms = clock_mono_ms();

    (void)state;
    assert_true(ms > 0);
    assert_true(clock_mono_ms() >= ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_to_do),
        cmocka_unit_test(test_timers_in_order),
        cmocka_unit_test(test_removal_in_handler),
        cmocka_unit_test(test_number_reuse),
        cmocka_unit_test(test_no_starvation),
        cmocka_unit_test(test_deferred_after_handlers),
        cmocka_unit_test(test_stop_keeps_the_rest),
        cmocka_unit_test(test_events_change),
        cmocka_unit_test(test_hangup_is_reported),
        cmocka_unit_test(test_clock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
