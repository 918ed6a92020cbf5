/* Random wishes. Tests only. */
#ifndef TESTS_BATTERY_WISHES_H
#define TESTS_BATTERY_WISHES_H

#include "tests/battery/talk.h"

/* A prompt that repeats itself, a random sampling (greedy, hot, top-k, top-p,
 * min-p, all of them), a key; most: proposed tokens. Lives until the battery
 * ends. */
struct wish *wish_draw(struct account *a, uint32_t most);

#endif
