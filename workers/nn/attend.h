/* Attention with fixed bits: the query heads that share one key-value head,
 * for one or several tokens of a lane, over its blocks of keys and values.
 *
 * A block holds ATTEND_BLOCK positions, the first a multiple of it. Keys lie
 * transposed, (head_k, 64); values as rows, (64, head_v padded to 16 with
 * zeros). Position p is in block p / 64 modulo `blocks`, at p % 64.
 *
 * Rules, per query head at position t. It sees positions p <= t with t - p <
 * window (window 0: all).
 *   s_p = contract 1 of panel.h over head_k, times scale
 *   e_p = e^(s_p - max) (math.h) for what it sees, else 0
 *   sum = sixteen lanes by p mod 16 and the tree of nn_rmsnorm, plus
 *         e^(sink - max) where there is a sink, which joins max
 *   o   = per block of 64 positions acc = fma(e_p, v_p, acc) from +0 over
 *         ascending p; blocks added in order; times 1 / sum
 * What it does not see adds +0 to whole chains, so neither the batch nor the
 * tile, the phase of the ring nor the window's start in memory can move a bit.
 *
 * Every value and key in a block that is touched must be finite, seen or not (0
 * times NaN would leak): memory starts zeroed, and callers write no row that
 * nn_is_finite refuses. Forward and, for training, backward. No allocation.
 * Workers only. */
#ifndef WORKERS_NN_ATTEND_H
#define WORKERS_NN_ATTEND_H

#include "proto/base.h"

#define ATTEND_BLOCK 64u
#define ATTEND_CUT ATTEND_BLOCK /* of the chain over values */
#define ATTEND_ROWS 60u /* query heads times tokens of a tile, at most */
#define ATTEND_GROUP_MAX ATTEND_ROWS
#define ATTEND_HEAD_MAX 512u

/* head_v padded, the floats of a row of values. */
size_t attend_padded(size_t head_v);
/* Floats of one block of keys and of values. */
size_t attend_keys_floats(size_t head_k);
size_t attend_values_floats(size_t head_v);

struct attend {
    size_t head_k, head_v; /* 1 to ATTEND_HEAD_MAX */
    size_t group;          /* query heads, 1 to ATTEND_GROUP_MAX */
    float scale;
    const float *sinks;  /* (group), or NULL */
    uint64_t window;     /* 0: none */
    const float *keys;   /* (blocks, head_k, 64) of this key-value head */
    const float *values; /* (blocks, 64, attend_padded(head_v)) */
    uint64_t blocks;     /* of the ring; the positions that one call sees or
                          * stands at are at most 64 times as many */
    /* For attend_back: where e and 1 / sum of every row (token, head of the
     * group) are kept; NULL: nowhere. One call from position 0 on. */
    float *kept;         /* (tokens * group, kept_ld) */
    size_t kept_ld;      /* attend_kept_ld */
    float *kept_inverse; /* (tokens * group) */
};

/* Writes the key or the value of one position to its place. */
void attend_put_key(const struct attend *a, uint64_t position, const float *key,
                    float *keys);
void attend_put_value(const struct attend *a, uint64_t position,
                      const float *value, float *values);

/* Floats of scratch for calls that see up to `span` positions (context or
 * window, plus the tokens of a call). */
size_t attend_scratch(const struct attend *a, uint64_t span);

/* q: token i, head g at q + i * ldq + g * head_k; out likewise with ldo and
 * head_v. Tokens stand at position, position + 1, ...; their keys and values
 * are in the blocks. scratch: scratch_n = attend_scratch floats, aligned to
 * 64. */
void attend(const struct attend *a, uint64_t position, size_t tokens,
            const float *q, size_t ldq, float *out, size_t ldo, float *scratch,
            size_t scratch_n);

/* Leading size of what is kept of `tokens` positions. */
size_t attend_kept_ld(size_t tokens);

/* What the backward pass reads and writes; rows as attend's: token i, head g of
 * the group at q + i * ldq + g * head_k; the one key and value of token i at k +
 * i * ldk and v + i * ldv. */
struct attend_rows {
    const float *q, *k, *v, *out, *dout;
    float *dq, *dk, *dv; /* written; leading sizes ldq, ldk, ldv */
    size_t ldq, ldk, ldv;
    size_t ldo; /* of out and dout */
};
/* Floats of scratch. */
size_t attend_back_scratch(const struct attend *a, size_t tokens);
/* Gradients of one call of attend from position 0 on that kept its scores, without
 * window and sinks; a->kept is changed. p = e / sum; every product is contract 1
 * of panel.h over rows or positions from the first that counts:
 *   ds = (p scale) (dout . v - dout . out)
 *   dq = ds k, dk = ds^T q, dv = p^T dout
 * dk and dv sum the heads of the group one after the other. */
void attend_back(const struct attend *a, size_t tokens,
                 const struct attend_rows *r, float *scratch, size_t scratch_n);

#endif
