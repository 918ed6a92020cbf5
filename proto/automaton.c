/* Recursive transition networks over bytes: the stepper. Runs in the kernel and
 * in workers on hostile networks and hostile texts. Must never recurse.
 *
 * 1 A place is closed: it holds a stack for every reading after any calls and
 *   returns that need no byte.
 * 2 Of these it keeps only stacks that a byte leads on from or that accept, so a
 *   place without a stack does not exist.
 * 3 That closing ends is proved when a network is read: calls that need no byte
 *   form no cycle. */
#include "proto/automaton.h"

#include <string.h>

#include "proto/automaton_int.h"
#include "proto/err.h"

#define NOWHERE UINT32_MAX

static uint32_t ranges_n(const struct automaton *a, uint32_t s)
{
    return a->states[s + 1].range - a->states[s].range;
}

static uint32_t calls_n(const struct automaton *a, uint32_t s)
{
    return a->states[s + 1].call - a->states[s].call;
}

/* Where it stands. */
static uint16_t top(const struct automaton_stack *k)
{
    return k->state_[k->n_ - 1];
}

static int does_accept(const struct automaton *a,
                       const struct automaton_stack *k)
{
    return k->n_ == 1 && a->states[top(k)].final;
}

static void copy_stack(struct automaton_stack *to,
                       const struct automaton_stack *from)
{
    to->n_ = from->n_;
    memcpy(to->state_, from->state_, from->n_ * sizeof(from->state_[0]));
}

static int is_same_stack(const struct automaton_stack *x,
                         const struct automaton_stack *y)
{
    return x->n_ == y->n_ &&
           memcmp(x->state_, y->state_, x->n_ * sizeof(x->state_[0])) == 0;
}

/* A copy of k behind the stacks of at, not yet one of them; NULL: no room. */
static struct automaton_stack *draft(struct automaton_at *at,
                                     const struct automaton_stack *k)
{
    if (at->n_ == AUTOMATON_STACKS) {
        return NULL;
    }
    copy_stack(&at->stack_[at->n_], k);
    return &at->stack_[at->n_];
}

/* Makes the draft one of the stacks, if it is another one. */
static void keep(struct automaton_at *at)
{
    for (uint16_t i = 0; i < at->n_; i++) {
        if (is_same_stack(&at->stack_[i], &at->stack_[at->n_])) {
            return;
        }
    }
    at->n_++;
}

/* Adds k with one call made. Nothing returns to a state that only returns. */
static int add_call(const struct automaton *a, struct automaton_at *at,
                    const struct automaton_stack *k, struct call c)
{
    struct automaton_stack *d = draft(at, k);
    int is_tail = d != NULL && a->states[c.back].final &&
                  ranges_n(a, c.back) == 0 && calls_n(a, c.back) == 0;

    if (d == NULL || (d->n_ == AUTOMATON_DEPTH && !is_tail)) {
        return ERR_LIMIT;
    }
    d->state_[d->n_ - 1] = c.back;
    d->n_ = (uint16_t)(d->n_ + !is_tail);
    d->state_[d->n_ - 1] = c.callee;
    keep(at);
    return 0;
}

int automaton_close(const struct automaton *a, struct automaton_at *at)
{
    uint16_t n = 0;

    for (uint16_t i = 0; i < at->n_; i++) {
        const struct automaton_stack *k = &at->stack_[i];
        const struct state *s = &a->states[top(k)];

        for (uint32_t c = s[0].call; c < s[1].call; c++) {
            if (add_call(a, at, k, a->calls[c]) < 0) {
                return ERR_LIMIT;
            }
        }
        if (s->final && k->n_ > 1) {
            struct automaton_stack *d = draft(at, k);

            if (d == NULL) {
                return ERR_LIMIT;
            }
            d->n_--;
            keep(at);
        }
    }
    for (uint16_t i = 0; i < at->n_; i++) {
        const struct automaton_stack *k = &at->stack_[i];

        if (ranges_n(a, top(k)) > 0 || does_accept(a, k)) {
            if (n != i) {
                copy_stack(&at->stack_[n], k);
            }
            n++;
        }
    }
    at->n_ = n;
    return n > 0 ? 0 : ERR_NOT_FOUND;
}

static uint32_t edge(const struct automaton *a, uint32_t s, uint8_t byte)
{
    uint32_t lo = a->states[s].range;
    uint32_t hi = a->states[s + 1].range;

    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;

        if (a->ranges[mid].last < byte) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo < a->states[s + 1].range && a->ranges[lo].first <= byte
               ? a->ranges[lo].to
               : NOWHERE;
}

/* Is one stack that stands in s, with n states, closed by itself? */
static int is_closed(const struct automaton *a, uint32_t s, uint16_t n)
{
    return calls_n(a, s) == 0 &&
           (a->states[s].final ? n == 1 : ranges_n(a, s) > 0);
}

int automaton_next(const struct automaton *a, const struct automaton_at *at,
                   uint8_t byte, struct automaton_at *out_at)
{
    out_at->n_ = 0;
    for (uint16_t i = 0; i < at->n_; i++) {
        uint32_t to = edge(a, top(&at->stack_[i]), byte);
        struct automaton_stack *d;

        if (to == NOWHERE) {
            continue;
        }
        d = draft(out_at, &at->stack_[i]);
        ASSERT(d != NULL); /* no more of them than at has */
        d->state_[d->n_ - 1] = (uint16_t)to;
        keep(out_at);
    }
    if (out_at->n_ == 0) {
        return ERR_NOT_FOUND;
    }
    if (out_at->n_ == 1 &&
        is_closed(a, top(&out_at->stack_[0]), out_at->stack_[0].n_)) {
        return 0;
    }
    return automaton_close(a, out_at);
}

int automaton_step(const struct automaton *a, struct automaton_at *at,
                   uint8_t byte)
{
    struct automaton_at next;
    int code = automaton_next(a, at, byte, &next);

    if (code == 0) {
        automaton_copy(at, &next);
    }
    return code;
}

void automaton_start(const struct automaton *a, struct automaton_at *out_at)
{
    *out_at = a->start;
}

int automaton_accepts(const struct automaton *a, const struct automaton_at *at)
{
    for (uint16_t i = 0; i < at->n_; i++) {
        if (does_accept(a, &at->stack_[i])) {
            return 1;
        }
    }
    return 0;
}

int automaton_can_go_on(const struct automaton *a,
                        const struct automaton_at *at)
{
    for (uint16_t i = 0; i < at->n_; i++) {
        if (ranges_n(a, top(&at->stack_[i])) > 0) {
            return 1;
        }
    }
    return 0;
}

void automaton_copy(struct automaton_at *to, const struct automaton_at *from)
{
    to->n_ = from->n_;
    for (uint16_t i = 0; i < from->n_; i++) {
        copy_stack(&to->stack_[i], &from->stack_[i]);
    }
}

int automaton_is_same(const struct automaton_at *x,
                      const struct automaton_at *y)
{
    int same = x->n_ == y->n_;

    for (uint16_t i = 0; same && i < x->n_; i++) {
        same = is_same_stack(&x->stack_[i], &y->stack_[i]);
    }
    return same;
}

uint64_t automaton_hash(const struct automaton_at *at)
{
    uint64_t h = at->n_; /* FNV-1a over the states */

    for (uint16_t i = 0; i < at->n_; i++) {
        const struct automaton_stack *k = &at->stack_[i];

        h = (h ^ k->n_) * 0x100000001b3ull;
        for (uint16_t j = 0; j < k->n_; j++) {
            h = (h ^ k->state_[j]) * 0x100000001b3ull;
        }
    }
    return h ^ h >> 32;
}

int automaton_has(const struct automaton *a, const struct automaton_at *at)
{
    int has = at->n_ > 0 && at->n_ <= AUTOMATON_STACKS;

    for (uint16_t i = 0; has && i < at->n_; i++) {
        const struct automaton_stack *k = &at->stack_[i];

        has = k->n_ > 0 && k->n_ <= AUTOMATON_DEPTH;
        for (uint16_t j = 0; has && j < k->n_; j++) {
            has = k->state_[j] < a->n;
        }
    }
    return has;
}
