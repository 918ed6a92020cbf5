/* Joins symbols of a text to tokens, the best pair first. Runs in the model
 * worker. The symbols form a list; pairs wait in a binary heap and are looked at
 * again when they come out, since a neighbour may have been joined meanwhile.
 * Never more than three offers per byte of text are made, so the whole is
 * O(n log n). */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/utf8.h"
#include "workers/nn/tokenizer_int.h"

#define NO_SYMBOL UINT32_MAX

struct symbol {
    uint32_t prev, next;
    uint32_t off, bytes; /* 0 bytes: joined to the one before it */
    uint32_t id;         /* TOKENIZER_NONE: no token yet */
};

struct offer {
    uint64_t key; /* the smallest is the best: how good it is, then where */
    uint32_t what; /* pieces: the token that it gives; pairs: the merge */
};

void join_release(struct join *j)
{
    free(j->symbols);
    free(j->heap);
    j->symbols = NULL;
    j->heap = NULL;
    j->symbols_cap = j->heap_cap = j->heap_n = 0;
}

static int reserve(struct join *j, size_t symbols)
{
    struct symbol *more;
    size_t cap = symbols + symbols / 2 + 64;

    if (symbols <= j->symbols_cap) {
        return 0;
    }
    more = realloc(j->symbols, cap * sizeof(*more));
    if (more == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    j->symbols = more;
    j->symbols_cap = cap;
    return 0;
}

static int push(struct join *j, struct offer o)
{
    size_t i = j->heap_n;

    if (j->heap_n == j->heap_cap) {
        size_t cap = 2 * j->heap_cap + 64;
        struct offer *more = realloc(j->heap, cap * sizeof(*more));

        if (more == NULL) {
            return ERR_TRACE(ERR_NOMEM);
        }
        j->heap = more;
        j->heap_cap = cap;
    }
    j->heap_n++;
    while (i > 0 && j->heap[(i - 1) / 2].key > o.key) {
        j->heap[i] = j->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    j->heap[i] = o;
    return 0;
}

static struct offer pop(struct join *j)
{
    struct offer best = j->heap[0];
    struct offer last = j->heap[--j->heap_n];
    size_t i = 0;

    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= j->heap_n) {
            break;
        }
        if (child + 1 < j->heap_n &&
            j->heap[child + 1].key < j->heap[child].key) {
            child++;
        }
        if (last.key <= j->heap[child].key) {
            break;
        }
        j->heap[i] = j->heap[child];
        i = child;
    }
    j->heap[i] = last;
    return best;
}

/* Larger scores give smaller numbers; -0 is 0. */
static uint32_t score_order(float score)
{
    uint32_t bits;

    score += 0.0f;
    memcpy(&bits, &score, sizeof(bits));
    return (bits & 0x80000000u) != 0 ? bits : 0x7fffffffu - bits;
}

static int offer_piece(struct join *j, struct ubytes text, uint32_t left)
{
    const struct symbol *a, *b;
    size_t n;
    uint32_t id;

    if (left == NO_SYMBOL || j->symbols[left].next == NO_SYMBOL) {
        return 0;
    }
    a = &j->symbols[left];
    b = &j->symbols[a->next];
    n = (size_t)a->bytes + b->bytes;
    if (n > j->t->longest) {
        return 0;
    }
    id = index_find(&j->t->matched, j->t,
                    (struct ubytes){text.p + a->off, n});
    if (id == TOKENIZER_NONE) {
        return 0;
    }
    return push(j, (struct offer){(uint64_t)score_order(
                                      j->t->entries[id].score)
                                          << 32 |
                                      left,
                                  id});
}

static int offer_pair(struct join *j, uint32_t left)
{
    const struct symbol *a;
    uint32_t rank;

    if (left == NO_SYMBOL || j->symbols[left].next == NO_SYMBOL) {
        return 0;
    }
    a = &j->symbols[left];
    rank = index_pair(&j->t->pairs, j->t, a->id, j->symbols[a->next].id);
    if (rank == TOKENIZER_NONE) {
        return 0;
    }
    return push(j, (struct offer){(uint64_t)rank << 32 | left, rank});
}

/* Joins left with its neighbour to token id. */
static void join(struct join *j, uint32_t left, uint32_t id)
{
    struct symbol *a = &j->symbols[left];
    struct symbol *b = &j->symbols[a->next];

    a->bytes += b->bytes;
    a->id = id;
    a->next = b->next;
    b->bytes = 0;
    if (a->next != NO_SYMBOL) {
        j->symbols[a->next].prev = left;
    }
}

static void place(struct join *j, size_t i, size_t off, size_t bytes)
{
    j->symbols[i] = (struct symbol){i == 0 ? NO_SYMBOL : (uint32_t)(i - 1),
                                    (uint32_t)(i + 1), (uint32_t)off,
                                    (uint32_t)bytes, TOKENIZER_NONE};
}

static int place_characters(struct join *j, struct ubytes text, size_t *out_n)
{
    size_t n = 0;

    TRY(reserve(j, text.n));
    for (size_t off = 0; off < text.n; n++) {
        uint32_t cp;
        struct ubytes rest = {text.p + off, text.n - off};
        size_t bytes = utf8_next(rest, &cp);

        ASSERT(bytes > 0);
        rest.n = bytes;
        place(j, n, off, bytes);
        j->symbols[n].id = index_find(&j->t->matched, j->t, rest);
        off += bytes;
    }
    *out_n = n;
    return 0;
}

/* What is no token becomes bytes. */
static int emit(const struct join *j, struct ubytes text, struct tokens *out,
                size_t *out_bad)
{
    for (uint32_t i = 0; i != NO_SYMBOL; i = j->symbols[i].next) {
        const struct symbol *s = &j->symbols[i];

        if (s->id != TOKENIZER_NONE) {
            TRY(tokens_add(out, s->id));
            continue;
        }
        for (size_t k = s->off; k < s->off + s->bytes; k++) {
            uint32_t id = j->t->bytes[text.p[k]];

            if (id == TOKENIZER_NONE) {
                *out_bad = k;
                return ERR_INPUT;
            }
            TRY(tokens_add(out, id));
        }
    }
    return 0;
}

int join_pieces(struct join *j, struct ubytes text, struct tokens *out,
                size_t *out_bad)
{
    size_t n;

    if (text.n == 0) {
        return 0;
    }
    TRY(place_characters(j, text, &n));
    j->symbols[n - 1].next = NO_SYMBOL;
    j->heap_n = 0;
    for (size_t i = 0; i + 1 < n; i++) {
        TRY(offer_piece(j, text, (uint32_t)i));
    }
    while (j->heap_n > 0) {
        struct offer o = pop(j);
        uint32_t left = (uint32_t)o.key;
        const struct symbol *a = &j->symbols[left];

        /* A symbol's start never moves: two neighbours of this length together
         * are the two that were offered. */
        if (a->bytes == 0 || a->next == NO_SYMBOL ||
            a->bytes + j->symbols[a->next].bytes !=
                j->t->entries[o.what].bytes) {
            continue;
        }
        join(j, left, o.what);
        TRY(offer_piece(j, text, j->symbols[left].prev));
        TRY(offer_piece(j, text, left));
    }
    return emit(j, text, out, out_bad);
}

int join_pairs(struct join *j, struct ubytes word, struct tokens *out,
               size_t *out_bad)
{
    const struct tokenizer *t = j->t;

    TRY(reserve(j, word.n));
    for (size_t i = 0; i < word.n; i++) {
        place(j, i, i, 1);
        j->symbols[i].id = t->bytes[word.p[i]];
        if (j->symbols[i].id == TOKENIZER_NONE) {
            *out_bad = i;
            return ERR_INPUT;
        }
    }
    j->symbols[word.n - 1].next = NO_SYMBOL;
    j->heap_n = 0;
    for (size_t i = 0; i + 1 < word.n; i++) {
        TRY(offer_pair(j, (uint32_t)i));
    }
    while (j->heap_n > 0) {
        struct offer o = pop(j);
        const struct merge *m = &t->merges[o.what];
        uint32_t left = (uint32_t)o.key;
        const struct symbol *a = &j->symbols[left];

        if (a->bytes == 0 || a->id != m->left || a->next == NO_SYMBOL ||
            j->symbols[a->next].id != m->right) {
            continue;
        }
        join(j, left, m->gives);
        TRY(offer_pair(j, j->symbols[left].prev));
        TRY(offer_pair(j, left));
    }
    return emit(j, word, out, out_bad);
}
