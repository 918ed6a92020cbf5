/* Random numbers of a training run: the streams of workers/nn/draw.h, each keyed
 * by (seed, purpose, index, part), so that what is drawn hangs on the recipe and
 * the place in the run alone: not on workers, interruptions or what was drawn
 * before. Pure. Worker train only. */
#ifndef WORKERS_TRAIN_STREAMS_H
#define WORKERS_TRAIN_STREAMS_H

#include "workers/nn/draw.h"

/* Numbers are part of every run's bits: append only. */
enum stream {
    STREAM_WEIGHTS = 1, /* first weights; index: tensor */
    STREAM_ORDER = 2,   /* of rows; index: epoch, from 0 */
    STREAM_DROPOUT = 3  /* index: step, from 0; part: micro << 16 | layer */
};

static inline struct draw stream_open(uint64_t seed, enum stream purpose,
                                      uint64_t index, uint64_t part)
{
    const struct draw d = draw_init(seed, (uint64_t)purpose);
    const struct draw at = draw_init(draw_u64(&d, index), part);

    return at;
}

#endif
