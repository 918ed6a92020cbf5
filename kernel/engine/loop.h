/* The kernel's one poll loop: descriptors and timers. No threads, no signals
 * but through a signalfd. */
#ifndef KERNEL_ENGINE_LOOP_H
#define KERNEL_ENGINE_LOOP_H

#include "proto/base.h"

struct loop;
struct loop_source; /* a watched descriptor or a timer */

typedef void (*loop_fn)(void *ctx, short revents); /* revents 0 for a timer */

int loop_new(struct loop **out) MUST_USE;
void loop_free(struct loop *l);
/* Watches fd (borrowed) for poll(2) events. */
int loop_watch(struct loop *l, int fd, short events, loop_fn fn, void *ctx,
               struct loop_source **out) MUST_USE;
void loop_events(struct loop_source *s, short events);
/* One shot, after delay_ms, never in the turn that sets it. Stays the caller's
 * after it fired, until loop_remove. */
int loop_timer(struct loop *l, uint64_t delay_ms, loop_fn fn, void *ctx,
               struct loop_source **out) MUST_USE;
/* Calls fn once, from the loop, after the current handlers returned, in the
 * order of the calls. Cannot be taken back: ctx must live until then. */
int loop_defer(struct loop *l, loop_fn fn, void *ctx) MUST_USE;
/* Safe inside a handler, also of the source itself; *s becomes NULL. Nothing to
 * do if it is. */
void loop_remove(struct loop_source **s);
/* Runs until loop_stop (also one called before) or until there is nothing left
 * to wait for. Not from a handler. 0, ERR_NOMEM or ERR_IO. */
int loop_run(struct loop *l) MUST_USE;
void loop_stop(struct loop *l);
/* As loop_stop, and loop_run returns the code: for those whose next step cannot
 * be made to happen, and who would wait for it for ever. */
void loop_fail(struct loop *l, int code);
/* Monotonic milliseconds; clock.c is the only reader of clocks. */
uint64_t loop_now_ms(const struct loop *l);

#endif
