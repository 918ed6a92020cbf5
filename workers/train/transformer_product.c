/* A matrix of the parameters times rows, forward and backward. Runs in worker
 * train. */
#include "workers/nn/product.h"
#include "workers/train/transformer.h"

void text_product(const struct text_learner *l, size_t at, const float *x,
                  size_t m, size_t n, size_t k, float *y)
{
    nn_product(&(struct product){.x = x,
                                 .x_row = k,
                                 .x_step = 1,
                                 .w = l->turned + at,
                                 .ldw = n,
                                 .y = y,
                                 .ldy = n,
                                 .m = m,
                                 .n = n,
                                 .k = k});
}

void text_product_back(const struct text_learner *l, size_t at, const float *dy,
                       const float *x, size_t m, size_t n, size_t k, float *dx,
                       int adds, float *grad)
{
    nn_product(&(struct product){.x = dy,
                                 .x_row = 1,
                                 .x_step = n,
                                 .w = x,
                                 .ldw = k,
                                 .y = grad + at,
                                 .ldy = k,
                                 .m = n,
                                 .n = k,
                                 .k = m,
                                 .adds = 1});
    nn_product(&(struct product){.x = dy,
                                 .x_row = n,
                                 .x_step = 1,
                                 .w = l->params + at,
                                 .ldw = k,
                                 .y = dx,
                                 .ldy = k,
                                 .m = m,
                                 .n = k,
                                 .k = n,
                                 .adds = adds});
}
