/* How far a training run is, as one line for a terminal. */
#ifndef CLI_TRAIN_TEXT_H
#define CLI_TRAIN_TEXT_H

#include "proto/base.h"

#include "kernel.pb-c.h"

/* How fast it goes: steps over the last seconds. Zeroed: nothing is known. */
struct train_pace {
    uint64_t step; /* at the time at_s */
    double at_s;
    double steps_per_s; /* 0: not known yet */
};
void train_pace_add(struct train_pace *p, const Proctor__TrainEvent *e,
                    double now_s);

/* "epoch 3/20 [####......] loss 0.1234 rate 0.001 12 345 rows/s 0:12 left", at most
 * `columns` wide: the bar is the first to go, then the rate. */
#define TRAIN_TEXT_BYTES 352
void train_text(const Proctor__TrainEvent *e, const struct train_pace *p,
                unsigned columns, char out[static TRAIN_TEXT_BYTES]);

#endif
