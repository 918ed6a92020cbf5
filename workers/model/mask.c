/* The vocabulary as a tree, and its walk. Runs in the confined `model` worker. */
#include "workers/model/mask.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/sort.h"
#include "workers/nn/sabotage.h"
#include "workers/nn/tokenizer.h"

#define CACHE_BYTES (4u << 20)
#define CACHE_MAX 512u
#define CACHE_MIN 16u
#define CHEAP 256u /* nodes: walked again sooner than looked up */

/* One byte of some tokens, behind those above it; in the order of a walk. */
struct node {
    uint32_t skip;  /* the next one that is not below */
    uint32_t first; /* in ids: tokens that end here, up to those of the next */
    uint16_t depth;
    uint8_t byte;
};

struct mask {
    uint32_t n;
    struct node *nodes; /* nodes_n + 1 */
    uint32_t nodes_n;
    uint32_t *ids;
    uint32_t ids_n;
    uint32_t *ends; /* tokens that end texts */
    uint32_t ends_n;
    uint32_t depth; /* of the deepest node, + 1 */
};

struct entry {
    uint32_t cost; /* nodes walked; 0: none is here */
    struct automaton_at at;
};

struct mask_grammar {
    const struct mask *mask;
    const struct automaton *automaton;
    struct automaton_at *path; /* by depth */
    struct entry *entries;
    uint8_t *bits; /* of the entries */
    uint32_t entries_n;
};

struct word {
    struct ubytes text;
    uint32_t id;
};

static int compare(const void *a, const void *b)
{
    const struct word *x = a;
    const struct word *y = b;
    size_t n = x->text.n < y->text.n ? x->text.n : y->text.n;
    int order = memcmp(x->text.p, y->text.p, n);

    if (order == 0) {
        order = (x->text.n > y->text.n) - (x->text.n < y->text.n);
    }
    return order != 0 ? order : (x->id > y->id) - (x->id < y->id);
}

static size_t common(struct ubytes a, struct ubytes b)
{
    size_t n = 0;

    while (n < a.n && n < b.n && a.p[n] == b.p[n]) {
        n++;
    }
    return n;
}

/* Nodes of sorted words; open[d]: the one of depth d whose end is not known. */
static void plant(struct mask *m, const struct word *words, uint32_t words_n,
                  uint32_t *open)
{
    struct ubytes last = {NULL, 0};

    for (uint32_t i = 0; i < words_n; i++) {
        struct ubytes text = words[i].text;
        size_t same = i > 0 ? common(last, text) : 0;

        for (size_t d = same; d < last.n; d++) {
            m->nodes[open[d]].skip = m->nodes_n;
        }
        for (size_t d = same; d < text.n; d++) {
            open[d] = m->nodes_n;
            m->nodes[m->nodes_n++] = (struct node){
                .first = m->ids_n, .depth = (uint16_t)d, .byte = text.p[d]};
        }
        m->ids[m->ids_n++] = words[i].id;
        last = text;
        m->depth = text.n > m->depth ? (uint32_t)text.n : m->depth;
    }
    for (size_t d = 0; d < last.n; d++) {
        m->nodes[open[d]].skip = m->nodes_n;
    }
    m->nodes[m->nodes_n].first = m->ids_n;
}

int mask_make(const struct mask_token *tokens, uint32_t n, struct mask **out)
{
    struct mask *m = calloc(1, sizeof(*m));
    CLEANUP(mem_freep)
    struct word *words = calloc((size_t)n + 1, sizeof(*words));
    CLEANUP(mem_freep)
    uint32_t *open = calloc(MASK_TOKEN_BYTES_MAX, sizeof(*open));
    int code = ERR_NOMEM;
    uint32_t words_n = 0;
    size_t bytes = 0;

    *out = NULL;
    if (m == NULL || words == NULL || open == NULL) {
        goto out;
    }
    m->n = n;
    m->ids = calloc((size_t)n + 1, sizeof(*m->ids));
    m->ends = calloc((size_t)n + 1, sizeof(*m->ends));
    if (m->ids == NULL || m->ends == NULL) {
        goto out;
    }
    for (uint32_t i = 0; i < n; i++) {
        if (tokens[i].ends) {
            m->ends[m->ends_n++] = i;
        } else if (tokens[i].text.n > MASK_TOKEN_BYTES_MAX) {
            code = ERR_LIMIT;
            goto out;
        } else if (tokens[i].text.n > 0) {
            words[words_n++] = (struct word){tokens[i].text, i};
            bytes += tokens[i].text.n;
        }
    }
    m->nodes = bytes < UINT32_MAX ? calloc(bytes + 1, sizeof(*m->nodes)) : NULL;
    if (m->nodes != NULL) {
        sort_items(words, words_n, sizeof(*words), compare);
        plant(m, words, words_n, open);
        *out = m;
        m = NULL;
        code = 0;
    }
out:
    mask_free(m);
    return code;
}

int mask_new(const struct tokenizer *t, struct mask **out)
{
    uint32_t n = tokenizer_n(t);
    CLEANUP(mem_freep)
    struct mask_token *tokens = calloc((size_t)n + 1, sizeof(*tokens));

    *out = NULL;
    if (tokens == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < n; i++) {
        tokens[i].text = tokenizer_bytes(t, i);
        tokens[i].ends = tokenizer_is_end(t, i);
    }
    return mask_make(tokens, n, out);
}

void mask_free(struct mask *m)
{
    if (m != NULL) {
        free(m->nodes);
        free(m->ids);
        free(m->ends);
        free(m);
    }
}

size_t mask_bytes(const struct mask *m)
{
    return ((size_t)m->n + 7) / 8;
}

int mask_grammar_new(const struct mask *m, const struct automaton *a,
                     struct mask_grammar **out)
{
    size_t each = mask_bytes(m) + sizeof(struct entry);
    size_t n = CACHE_BYTES / each;
    struct mask_grammar *g = calloc(1, sizeof(*g));

    *out = NULL;
    if (g == NULL) {
        return ERR_NOMEM;
    }
    n = n > CACHE_MAX ? CACHE_MAX : n < CACHE_MIN ? CACHE_MIN : n;
    g->mask = m;
    g->automaton = a;
    g->entries_n = (uint32_t)n;
    g->entries = calloc(n, sizeof(*g->entries));
    g->bits = calloc(n, mask_bytes(m) + 1);
    g->path = calloc((size_t)m->depth + 1, sizeof(*g->path));
    if (g->entries == NULL || g->bits == NULL || g->path == NULL) {
        mask_grammar_free(g);
        return ERR_NOMEM;
    }
    *out = g;
    return 0;
}

void mask_grammar_free(struct mask_grammar *g)
{
    if (g != NULL) {
        free(g->entries);
        free(g->bits);
        free(g->path);
        free(g);
    }
}

static void set_bit(uint8_t *bits, uint32_t i)
{
    bits[i / 8] |= (uint8_t)(1u << i % 8);
}

/* Sets the bits of all tokens whose bytes lead on from path[0]. Nodes looked at;
 * *out_code: ERR_LIMIT if the stepper met one. */
static uint32_t walk(struct mask_grammar *g, uint8_t *bits, int *out_code)
{
    const struct mask *m = g->mask;
    uint32_t cost = 0;

    for (uint32_t i = 0; i < m->nodes_n;) {
        const struct node *now = &m->nodes[i];
        size_t from =
            SABOTAGE(MASK_BOUNDARY) && now->depth == 1 ? 0 : now->depth;
        int code = automaton_next(g->automaton, &g->path[from], now->byte,
                                  &g->path[now->depth + 1]);

        cost++;
        if (code != 0) {
            *out_code = code == ERR_LIMIT ? code : *out_code;
            i = now->skip;
            continue;
        }
        for (uint32_t k = now[0].first; k < now[1].first; k++) {
            set_bit(bits, m->ids[k]);
        }
        i++;
    }
    return cost;
}

static int has_bit(const struct mask *m, const uint8_t *bits)
{
    for (size_t i = 0; i < mask_bytes(m); i++) {
        if (bits[i] != 0) {
            return 1;
        }
    }
    return 0;
}

/* A place that cost more stays longer: each that it keeps out halves it. */
static void remember(struct mask_grammar *g, struct entry *e, uint8_t *kept,
                     const struct automaton_at *at, const uint8_t *bits,
                     uint32_t cost)
{
    if (cost <= CHEAP) {
        return;
    }
    if (e->cost > cost) {
        e->cost /= 2;
        return;
    }
    e->cost = cost;
    automaton_copy(&e->at, at);
    memcpy(kept, bits, mask_bytes(g->mask));
}

int mask_allowed(struct mask_grammar *g, const struct automaton_at *at,
                 uint8_t *bits)
{
    const struct mask *m = g->mask;
    uint32_t slot = (uint32_t)(automaton_hash(at) % g->entries_n);
    struct entry *e = &g->entries[slot];
    uint8_t *kept = g->bits + slot * mask_bytes(m);
    int code = ERR_NOT_FOUND;
    uint32_t cost;

    if (e->cost > 0 && automaton_is_same(&e->at, at)) {
        memcpy(bits, kept, mask_bytes(m));
        return 0; /* one without a token is not kept */
    }
    memset(bits, 0, mask_bytes(m));
#ifdef SABOTAGE_MASK /* a test's: what went before a token is forgotten */
    automaton_start(g->automaton, &g->path[0]);
#else
    automaton_copy(&g->path[0], at);
#endif
    cost = walk(g, bits, &code);
    if (automaton_accepts(g->automaton, at)) {
        for (uint32_t i = 0; i < m->ends_n; i++) {
            set_bit(bits, m->ends[i]);
        }
    }
    if (!has_bit(m, bits)) {
        return code;
    }
    remember(g, e, kept, at, bits, cost);
    return 0;
}
