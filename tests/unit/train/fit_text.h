/* A small transformer's training, as a task of fit_play.h. Included once by each
 * test that needs it. */
#ifndef TESTS_UNIT_TRAIN_FIT_TEXT_H
#define TESTS_UNIT_TRAIN_FIT_TEXT_H

#include "tests/unit/train/fit_play.h"
#include "tests/unit/train/text_world.h"

/* p borrows w. */
static inline void play_text(struct play *p, struct text_world *w,
                             const struct text_form *f)
{
    play_init(p, 2, 2, 2);
    assert_int_equal(world_open(w, f), 0);
    p->data.kind = PROCTOR__DATA_KIND__DATA_TEXT;
    p->data.x_type = PROCTOR__DATA_TYPE__DATA_U32;
    p->data.rows = w->rows.n;
    p->data.width = w->rows.width;
    p->data.classes = w->rows.classes;
    p->in.x = (struct ubytes){w->rows.x, w->rows.n * w->rows.width * 4};
    p->in.y = (struct ubytes){NULL, 0};
    p->in.files = &w->tokenizer_bytes;
    p->in.files_n = 1;
    w->model.kind = pb_str("transformer");
    p->recipe.learner = &w->model;
    p->recipe.loss = &w->loss;
    p->recipe.batch = 4;
    p->recipe.micro_batches = 2;
    p->optimizer.kind = pb_str("adamw");
}

#endif
