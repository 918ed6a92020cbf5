/* Learns byte-pair merges. Runs in worker train, on any text. Must never let an
 * address, a hash or the order of a table decide which pair is merged. */
#include "workers/train/bpe.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/nn/draw.h"
#include "workers/nn/tokenizer_pre.h"

#define NONE UINT32_MAX

/* A word of the text: each one once. */
struct word {
    const uint8_t *p; /* borrowed of the text */
    uint32_t n;       /* bytes */
    uint32_t symbols; /* left of them, after merges */
    uint32_t at;      /* of its symbols */
    uint64_t count;
};

struct pair {
    uint32_t left, right;
    uint64_t count; /* in the text, as it stands */
    uint32_t first; /* of the places where it may stand; NONE: none */
};

/* A word in which a pair stood when this was noted. */
struct place {
    uint32_t word, next;
};

struct token {
    uint8_t bytes[BPE_PIECE_BYTES];
    uint32_t n;
};

/* What may be merged next; some are outdated. */
struct offer {
    uint64_t count;
    uint32_t left, right, pair;
};

/* Numbers by a key that lies elsewhere; open addressing. */
struct slots {
    uint32_t *v; /* owned; NONE = free */
    size_t mask, used;
};

struct learner {
    struct word *words; /* owned */
    size_t words_n, words_cap;
    struct slots word_slots;
    uint32_t *symbols; /* owned; of all words */
    size_t symbols_n;
    struct pair *pairs; /* owned */
    size_t pairs_n, pairs_cap;
    struct slots pair_slots;
    struct place *places; /* owned */
    size_t places_n, places_cap;
    struct offer *heap; /* owned; the best first */
    size_t heap_n, heap_cap;
    struct token *tokens; /* owned */
    uint32_t tokens_n;
    struct slots token_slots;
    struct vocab *out;
};

static void learner_release(struct learner *l)
{
    free(l->words);
    free(l->word_slots.v);
    free(l->symbols);
    free(l->pairs);
    free(l->pair_slots.v);
    free(l->places);
    free(l->heap);
    free(l->tokens);
    free(l->token_slots.v);
}

/* Room for one more of an array. */
static int grow(void **v, size_t n, size_t *cap, size_t size)
{
    size_t more = *cap == 0 ? 1024 : 2 * *cap;
    void *grown;

    if (n < *cap) {
        return 0;
    }
    if (n >= NONE / 2) {
        return ERR_TRACE(ERR_LIMIT);
    }
    grown = realloc(*v, more * size);
    if (grown == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    *v = grown;
    *cap = more;
    return 0;
}

static uint64_t hash_bytes(const uint8_t *p, size_t n)
{
    uint64_t h = n;

    for (size_t i = 0; i < n; i++) {
        h = (h ^ p[i]) * UINT64_C(0x100000001b3);
    }
    return draw_mix_(h);
}

static uint64_t hash_pair(uint32_t left, uint32_t right)
{
    return draw_mix_((uint64_t)left << 32 | right);
}

typedef uint64_t hash_fn(const struct learner *l, uint32_t i);

static uint64_t hash_of_word(const struct learner *l, uint32_t i)
{
    return hash_bytes(l->words[i].p, l->words[i].n);
}

static uint64_t hash_of_pair(const struct learner *l, uint32_t i)
{
    return hash_pair(l->pairs[i].left, l->pairs[i].right);
}

static uint64_t hash_of_token(const struct learner *l, uint32_t i)
{
    return hash_bytes(l->tokens[i].bytes, l->tokens[i].n);
}

static void put_slot(struct slots *s, uint64_t hash, uint32_t i)
{
    size_t at = hash & s->mask;

    while (s->v[at] != NONE) {
        at = (at + 1) & s->mask;
    }
    s->v[at] = i;
    s->used++;
}

/* Room for one more, at most half full. */
static int grow_slots(const struct learner *l, struct slots *s, hash_fn *hash)
{
    size_t n = s->v == NULL ? 0 : s->mask + 1;
    struct slots wider = {.mask = n == 0 ? 4095 : 2 * n - 1};

    if (s->v != NULL && 2 * (s->used + 1) <= n) {
        return 0;
    }
    wider.v = malloc((wider.mask + 1) * sizeof(*wider.v));
    if (wider.v == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    memset(wider.v, 0xff, (wider.mask + 1) * sizeof(*wider.v));
    for (size_t i = 0; i < n; i++) {
        if (s->v[i] != NONE) {
            put_slot(&wider, hash(l, s->v[i]), s->v[i]);
        }
    }
    free(s->v);
    *s = wider;
    return 0;
}

static int count_word(struct learner *l, struct ubytes w)
{
    uint64_t hash = hash_bytes(w.p, w.n);

    TRY(grow_slots(l, &l->word_slots, hash_of_word));
    for (size_t at = hash & l->word_slots.mask; l->word_slots.v[at] != NONE;
         at = (at + 1) & l->word_slots.mask) {
        struct word *other = &l->words[l->word_slots.v[at]];

        if (other->n == w.n && memcmp(other->p, w.p, w.n) == 0) {
            other->count++;
            return 0;
        }
    }
    if (w.n > NONE / 2 || l->symbols_n + w.n > NONE / 2) {
        return ERR_TRACE(ERR_LIMIT);
    }
    TRY(grow((void **)&l->words, l->words_n, &l->words_cap, sizeof(*l->words)));
    l->words[l->words_n] = (struct word){.p = w.p,
                                         .n = (uint32_t)w.n,
                                         .symbols = (uint32_t)w.n,
                                         .at = (uint32_t)l->symbols_n,
                                         .count = 1};
    l->symbols_n += w.n;
    put_slot(&l->word_slots, hash, (uint32_t)l->words_n++);
    return 0;
}

static int count_words(struct learner *l, const struct ubytes *texts, size_t n)
{
    static const uint8_t name[] = {'g', 'p', 't', '-', '2'};
    const struct pre_rule *rule =
        pre_rule_find((struct ubytes){name, sizeof(name)});

    ASSERT(rule != NULL);
    for (size_t i = 0; i < n; i++) {
        struct pre_words words;
        struct ubytes word;

        pre_words_init(&words, rule, texts[i]);
        while (pre_words_next(&words, &word)) {
            TRY(count_word(l, word));
        }
    }
    return 0;
}

/* The number of a pair, which is added when it is new. */
static int pair_of(struct learner *l, uint32_t left, uint32_t right,
                   uint32_t *out)
{
    uint64_t hash = hash_pair(left, right);

    TRY(grow_slots(l, &l->pair_slots, hash_of_pair));
    for (size_t at = hash & l->pair_slots.mask; l->pair_slots.v[at] != NONE;
         at = (at + 1) & l->pair_slots.mask) {
        const struct pair *p = &l->pairs[l->pair_slots.v[at]];

        if (p->left == left && p->right == right) {
            *out = l->pair_slots.v[at];
            return 0;
        }
    }
    TRY(grow((void **)&l->pairs, l->pairs_n, &l->pairs_cap, sizeof(*l->pairs)));
    l->pairs[l->pairs_n] = (struct pair){left, right, 0, NONE};
    put_slot(&l->pair_slots, hash, (uint32_t)l->pairs_n);
    *out = (uint32_t)l->pairs_n++;
    return 0;
}

/* More frequent; else the lower pair. */
static int is_better(const struct offer *a, const struct offer *b)
{
    if (a->count != b->count) {
        return a->count > b->count;
    }
    return a->left != b->left ? a->left < b->left : a->right < b->right;
}

static int push(struct learner *l, uint32_t pair)
{
    const struct pair *p = &l->pairs[pair];
    const struct offer o = {p->count, p->left, p->right, pair};
    size_t i = l->heap_n;

    if (p->count < 2) {
        return 0;
    }
    TRY(grow((void **)&l->heap, l->heap_n, &l->heap_cap, sizeof(*l->heap)));
    for (l->heap_n++; i > 0 && is_better(&o, &l->heap[(i - 1) / 2]);
         i = (i - 1) / 2) {
        l->heap[i] = l->heap[(i - 1) / 2];
    }
    l->heap[i] = o;
    return 0;
}

static struct offer pop(struct learner *l)
{
    const struct offer best = l->heap[0], last = l->heap[--l->heap_n];
    size_t i = 0;

    for (size_t k = 1; k < l->heap_n; k = 2 * i + 1) {
        k += k + 1 < l->heap_n && is_better(&l->heap[k + 1], &l->heap[k]);
        if (!is_better(&l->heap[k], &last)) {
            break;
        }
        l->heap[i] = l->heap[k];
        i = k;
    }
    l->heap[i] = last;
    return best;
}

/* Notes that a pair stands in a word; the newest place is the first. */
static int note(struct learner *l, uint32_t pair, uint32_t word)
{
    struct pair *p = &l->pairs[pair];

    if (p->first != NONE && l->places[p->first].word == word) {
        return 0;
    }
    TRY(grow((void **)&l->places, l->places_n, &l->places_cap,
             sizeof(*l->places)));
    l->places[l->places_n] = (struct place){word, p->first};
    p->first = (uint32_t)l->places_n++;
    return 0;
}

static int first_pairs(struct learner *l)
{
    l->symbols = malloc((l->symbols_n + 1) * sizeof(*l->symbols));
    if (l->symbols == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (size_t i = 0; i < l->words_n; i++) {
        const struct word *w = &l->words[i];

        for (uint32_t k = 0; k < w->n; k++) {
            l->symbols[w->at + k] = w->p[k];
        }
        for (uint32_t k = 0; k + 1 < w->n; k++) {
            uint32_t pair;

            TRY(pair_of(l, w->p[k], w->p[k + 1], &pair));
            l->pairs[pair].count += w->count;
            TRY(note(l, pair, (uint32_t)i));
        }
    }
    for (size_t i = 0; i < l->pairs_n; i++) {
        TRY(push(l, (uint32_t)i));
    }
    return 0;
}

/* Counts of all pairs of a word, up or down. Those with the token `made` are noted
 * and offered. */
static int count_pairs(struct learner *l, uint32_t word, int adds,
                       uint32_t made)
{
    const struct word *w = &l->words[word];
    const uint32_t *s = l->symbols + w->at;

    for (uint32_t k = 0; k + 1 < w->symbols; k++) {
        uint32_t pair;

        TRY(pair_of(l, s[k], s[k + 1], &pair));
        if (!adds) {
            l->pairs[pair].count -= w->count;
            continue;
        }
        l->pairs[pair].count += w->count;
        if (s[k] == made || s[k + 1] == made) {
            TRY(note(l, pair, word));
            TRY(push(l, pair));
        }
    }
    return 0;
}

/* One pair of one word becomes the token `made`, from the left. */
static int merge_word(struct learner *l, uint32_t word, uint32_t left,
                      uint32_t right, uint32_t made)
{
    struct word *w = &l->words[word];
    uint32_t *s = l->symbols + w->at;
    uint32_t n = 0;

    TRY(count_pairs(l, word, 0, NONE));
    for (uint32_t k = 0; k < w->symbols; k++) {
        if (k + 1 < w->symbols && s[k] == left && s[k + 1] == right) {
            s[n++] = made;
            k++;
        } else {
            s[n++] = s[k];
        }
    }
    w->symbols = n;
    return count_pairs(l, word, 1, made);
}

/* The token that is left and right together, which is added when it is new. */
static int token_of(struct learner *l, uint32_t left, uint32_t right,
                    uint32_t *out)
{
    const struct token *a = &l->tokens[left], *b = &l->tokens[right];
    struct token t = {.n = a->n + b->n};
    uint64_t hash;

    memcpy(t.bytes, a->bytes, a->n);
    memcpy(t.bytes + a->n, b->bytes, b->n);
    hash = hash_bytes(t.bytes, t.n);
    TRY(vocab_put_merge(l->out, (struct ubytes){a->bytes, a->n},
                        (struct ubytes){b->bytes, b->n}));
    TRY(grow_slots(l, &l->token_slots, hash_of_token));
    for (size_t at = hash & l->token_slots.mask; l->token_slots.v[at] != NONE;
         at = (at + 1) & l->token_slots.mask) {
        const struct token *other = &l->tokens[l->token_slots.v[at]];

        if (other->n == t.n && memcmp(other->bytes, t.bytes, t.n) == 0) {
            *out = l->token_slots.v[at];
            return 0;
        }
    }
    *out = l->tokens_n;
    l->tokens[l->tokens_n++] = t;
    put_slot(&l->token_slots, hash, *out);
    return vocab_put_piece(l->out, (struct ubytes){t.bytes, t.n}, 0.0f);
}

static int merge(struct learner *l, const struct offer *o)
{
    uint32_t made;

    TRY(token_of(l, o->left, o->right, &made));
    for (uint32_t at = l->pairs[o->pair].first; at != NONE;) {
        const struct place p = l->places[at];

        TRY(merge_word(l, p.word, o->left, o->right, made));
        at = p.next;
    }
    return 0;
}

static int make_merges(struct learner *l, uint32_t tokens)
{
    while (l->tokens_n < tokens && l->heap_n > 0) {
        const struct offer best = pop(l);

        if (l->pairs[best.pair].count != best.count) {
            TRY(push(l, best.pair)); /* as it stands now */
            continue;
        }
        if (l->tokens[best.left].n + l->tokens[best.right].n <=
            BPE_PIECE_BYTES) {
            TRY(merge(l, &best));
        }
    }
    return 0;
}

static int first_tokens(struct learner *l, uint32_t tokens)
{
    l->tokens = calloc((size_t)tokens + BPE_BASE, sizeof(*l->tokens));
    if (l->tokens == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (uint32_t i = 0; i < 256; i++) {
        l->tokens[i] = (struct token){.bytes = {(uint8_t)i}, .n = 1};
    }
    l->tokens_n = BPE_BASE;
    TRY(vocab_put_bytes(l->out));
    TRY(vocab_put_special(l->out, "<|bos|>", TOKEN_CONTROL));
    return vocab_put_special(l->out, "<|eos|>", TOKEN_CONTROL);
}

int bpe_learn(const struct ubytes *texts, size_t n, uint32_t tokens,
              struct vocab *v)
{
    struct learner l CLEANUP(learner_release) = {.out = v};

    TRY(first_tokens(&l, tokens));
    if (tokens <= BPE_BASE) {
        return 0;
    }
    TRY(count_words(&l, texts, n));
    TRY(first_pairs(&l));
    return make_merges(&l, tokens);
}
