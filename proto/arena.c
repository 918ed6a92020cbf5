/* Bump allocator over malloc: in workers, and in the command line for CML. */
#include "proto/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES (64u << 10)
#define ALIGN alignof(max_align_t)

struct arena_block {
    struct arena_block *below;
    size_t size;
    alignas(max_align_t) unsigned char data[];
};

void arena_init(struct arena *a, size_t max_bytes)
{
    *a = (struct arena){.max_ = max_bytes};
}

static void drop_top(struct arena *a)
{
    struct arena_block *below = a->top_->below;

    a->total_ -= a->top_->size;
    free(a->top_);
    a->top_ = below;
}

void arena_release(struct arena *a)
{
    while (a->top_) {
        drop_top(a);
    }
    arena_init(a, a->max_);
}

void arena_reset(struct arena *a)
{
    while (a->top_ && a->top_->below) {
        drop_top(a);
    }
    a->used_ = 0;
}

static int add_block(struct arena *a, size_t need)
{
    size_t size = need > BLOCK_BYTES ? need : BLOCK_BYTES;
    struct arena_block *b;

    if (size > a->max_ || a->total_ > a->max_ - size) {
        return 0;
    }
    b = malloc(sizeof(*b) + size);
    if (!b) {
        return 0;
    }
    b->below = a->top_;
    b->size = size;
    a->top_ = b;
    a->used_ = 0;
    a->total_ += size;
    return 1;
}

void *arena_get(struct arena *a, size_t n)
{
    size_t padded;
    void *p;

    if (__builtin_add_overflow(n, ALIGN - 1, &padded)) {
        return NULL;
    }
    padded &= ~(size_t)(ALIGN - 1);
    if (!a->top_ || a->top_->size - a->used_ < padded) {
        if (!add_block(a, padded)) {
            return NULL;
        }
    }
    p = a->top_->data + a->used_;
    a->used_ += padded;
    memset(p, 0, padded);
    return p;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(n, size, &bytes)) {
        return NULL;
    }
    return arena_get(a, bytes);
}

char *arena_text(struct arena *a, const void *p, size_t n)
{
    char *copy = arena_array(a, n + 1, 1);

    if (copy && n > 0) {
        memcpy(copy, p, n);
    }
    return copy;
}

struct arena_mark arena_mark(const struct arena *a)
{
    return (struct arena_mark){a->top_, a->used_};
}

void arena_rewind(struct arena *a, struct arena_mark m)
{
    while (a->top_ != m.top) {
        drop_top(a);
    }
    a->used_ = m.used;
}
