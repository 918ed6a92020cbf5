/* A forward pass at work: shared by its files, by nobody else. Rows are the
 * tokens of all lanes, lane after lane, each lane's in order. Workers only. */
#ifndef WORKERS_NN_PASS_IMPL_H
#define WORKERS_NN_PASS_IMPL_H

#include "workers/nn/cache_impl.h"
#include "workers/nn/operand.h"

#define LOGIT_ROWS 60u /* rows of logits computed at once */

struct pass {
    const struct model *m;
    size_t batch_max, lanes_max;

    /* What runs; lanes is the caller's. */
    struct pass_lane *lanes;
    size_t lanes_n, rows;
    uint32_t *row_lane;
    uint64_t *row_position;
    const struct traps *traps;
    int stopped;
    uint32_t site; /* where it stopped: 2 * layer + when */

    /* Working memory: all of it in `area`. Leading sizes are padded panels. */
    uint8_t *area; /* owned */
    size_t width_ld, query_ld, key_ld, value_ld, mixed_ld, router_ld, ffn_ld;
    float *x;       /* (batch, width_ld) the residual */
    float *h;       /* (batch, width_ld) normed */
    float *y;       /* (batch, width_ld) what is added to x */
    float *q;       /* (batch, query_ld) */
    float *k;       /* (batch, key_ld) */
    float *v;       /* (batch, value_ld) */
    float *o;       /* (batch, mixed_ld) */
    float *turns;   /* (batch, dims) of rope */
    float *scratch; /* of attention */
    size_t scratch_n;
    float *router;        /* (batch, router_ld) */
    float *seen;          /* (batch, experts) for the router's tap */
    float *gate, *up;     /* (batch, ffn_ld) of one expert's tokens */
    float *outputs;       /* (batch * used, width_ld) by expert, then token */
    float *chosen_w;      /* (batch, used) */
    uint32_t *chosen;     /* (batch, used) */
    uint32_t *place;      /* (batch, used): row of `outputs` */
    uint32_t *group;      /* (batch): rows of one expert */
    float *logits;        /* (LOGIT_ROWS, vocabulary padded) */
    struct operand *wide; /* owned; of all rows */
    struct operand *part; /* owned; of one expert's */
};

/* x (rows, ldx) of an operand already set times a matrix. */
void pass_product(const struct panels *w, const struct operand *o, float *y,
                  size_t ldy);
/* Adds a bias to every row; NULL: none. */
void pass_bias(const float *bias, size_t rows, size_t n, float *y, size_t ld);
/* Which preparations of an operand these weights want. */
int pass_wants_q8(const struct weights *w);

/* Checks lanes and makes them the idle pass's. ERR_LIMIT or ERR_INPUT as
 * pass_run; then nothing has changed. */
int pass_take(struct pass *p, struct pass_lane *lanes, size_t lanes_n) MUST_USE;

/* The two halves of a layer, each reading and writing p->x. */
void layer_attention(struct pass *p, uint32_t layer);
void layer_ffn(struct pass *p, uint32_t layer);

#endif
