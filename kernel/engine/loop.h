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
/* One shot, after delay_ms. */
int loop_timer(struct loop *l, uint64_t delay_ms, loop_fn fn, void *ctx,
               struct loop_source **out) MUST_USE;
/* Calls fn once, from the loop, after the current handlers returned. */
int loop_defer(struct loop *l, loop_fn fn, void *ctx) MUST_USE;
/* Safe inside a handler; *s becomes NULL. */
void loop_remove(struct loop_source **s);
/* Runs until loop_stop or until nothing is watched. 0 or ERR_IO. */
int loop_run(struct loop *l) MUST_USE;
void loop_stop(struct loop *l);
/* Monotonic milliseconds; clock.c is the only reader of clocks. */
uint64_t loop_now_ms(const struct loop *l);

#endif
