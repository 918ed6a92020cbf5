/* What the writers of the power test do (power.c, which alone has these). */
#ifndef TESTS_CRASH_POWER_WORKS_H
#define TESTS_CRASH_POWER_WORKS_H

#include "power.h"

#define AGAIN_DEPTH 2u /* starts after a start */

static const struct work works[] = {
    {.name = "birth",
     .sector = 512,
     .share = 1,
     .least = 2,
     .batches = 2,
     .records = 1,
     .publish_at = 2},
    {.name = "appends, objects, snapshots, tiles",
     .sector = 512,
     .share = 25,
     .least = 32,
     .batches = 14,
     .records = 3,
     .snapshot_at = 5,
     .publish_at = 4,
     .object_at = 3,
     .file_at = 6},
    {.name = "long batches",
     .sector = 512,
     .share = 35,
     .least = 32,
     .batches = 4,
     .records = 24,
     .bytes = 1100,
     .publish_at = 3},
    {.name = "long batches, objects, snapshots",
     .sector = 4096,
     .share = 20,
     .least = 32,
     .batches = 6,
     .records = 60,
     .bytes = 1100,
     .snapshot_at = 4,
     .file_at = 2},
    {.name = "tiles that fill",
     .sector = 4096,
     .share = 8,
     .least = 16,
     .batches = 5,
     .records = 150,
     .publish_at = 1},
};
static const struct work agains[AGAIN_DEPTH] = {
    {.name = "start after a cut, cut",
     .sector = 512,
     .least = 12,
     .batches = 1,
     .records = 1,
     .publish_at = 1},
    {.name = "start after that, cut",
     .sector = 4096,
     .least = 8,
     .batches = 1,
     .records = 1,
     .publish_at = 1}};
/* Two lives of one store between power cuts. In `orphan` the second is the
 * command line's, which publishes what the kernel left. */
static const struct work first_life = {.name = "",
                                       .batches = 3,
                                       .records = 2,
                                       .bytes = 600,
                                       .snapshot_at = 2,
                                       .object_at = 1,
                                       .publish_at = 2};
static const struct work killed = {.name = "start after a death",
                                   .sector = 512,
                                   .least = 8,
                                   .batches = 2,
                                   .records = 2,
                                   .object_at = 1,
                                   .publish_at = 2};
static const struct work failed = {.name = "start after a failed sync",
                                   .sector = 4096,
                                   .least = 8,
                                   .batches = 2,
                                   .records = 2,
                                   .object_at = 1,
                                   .publish_at = 2};

static const struct work orphan = {.name = "tiles after a death",
                                   .sector = 512,
                                   .least = 8};

#endif
