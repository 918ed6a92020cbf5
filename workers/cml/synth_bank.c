/* Terms by size, one of each that behave alike. Two terms are one when the hashes
 * of their columns are: a collision (below 2^-10 in a million terms) loses a term,
 * never makes a wrong program, for what is found is run over every example.
 * Runs in the `cml` worker. */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "workers/cml/synth_int.h"

#define BANK_BYTES ((size_t)160 << 20) /* of columns, terms, hashes */
#define BANK_FIRST 4096u
#define BANK_TERMS (1u << 23)

static int is_ite(const struct bank *b, uint32_t rule, struct choice *out)
{
    const struct rule *r = &b->p->rules[rule];
    const struct rule_node *n;
    uint64_t used = 0;

    *out = (struct choice){.rule = rule, .then_arg = 1, .else_arg = 2};
    if (r->sort != 0) {
        return 0;
    }
    if (r->kind == RULE_OPERATOR) {
        return (r->op == SYNTH_OP_ite || r->op == SYNTH_OP_if_one ||
                r->op == SYNTH_OP_if_zero) &&
               r->args[1] == 0 && r->args[2] == 0;
    }
    if (r->kind != RULE_OWN || r->args_n != 3) {
        return 0;
    }
    n = &r->nodes[r->nodes_n - 1];
    if (n->kind != NODE_OPERATOR || n->op != SYNTH_OP_ite ||
        r->nodes[n->args[1]].kind != NODE_ARGUMENT ||
        r->nodes[n->args[2]].kind != NODE_ARGUMENT) {
        return 0;
    }
    out->node = n->args[0];
    out->then_arg = r->nodes[n->args[1]].args[0];
    out->else_arg = r->nodes[n->args[2]].args[0];
    out->test = (uint8_t)(3 - out->then_arg - out->else_arg);
    used |= (uint64_t)1 << out->node;
    for (uint32_t i = out->node + 1; i-- > 0;) {
        if ((used >> i & 1) == 0) {
            continue;
        }
        if (r->nodes[i].kind == NODE_ARGUMENT && r->nodes[i].args[0] != out->test) {
            return 0;
        }
        for (unsigned k = 0; r->nodes[i].kind == NODE_OPERATOR &&
                             k < synth_op_args(r->nodes[i].op); k++) {
            used |= (uint64_t)1 << r->nodes[i].args[k];
        }
    }
    return out->then_arg != out->else_arg && r->args[out->then_arg] == 0 &&
           r->args[out->else_arg] == 0;
}

/* Rows of parameters: active examples, then probes. */
static int fill_params(struct bank *b, const uint64_t *probes, uint32_t probes_n)
{
    struct problem *p = b->p;

    b->params = calloc((size_t)p->params_n * b->w + 1, sizeof(*b->params));
    if (b->params == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t k = 0; k < p->params_n; k++) {
        uint64_t *row = &b->params[(size_t)k * b->w];

        for (uint32_t i = 0; i < b->n; i++) {
            row[i] = p->params[(size_t)k * p->examples_n + b->active[i]];
        }
        for (uint32_t i = 0; i < probes_n; i++) {
            row[b->n + i] = probes[(size_t)k * probes_n + i];
        }
    }
    return 0;
}

int bank_init(struct bank *b, struct problem *p, const uint32_t *active,
              uint32_t n, const uint64_t *probes, uint32_t probes_n)
{
    size_t each;

    ASSERT(n > 0 && n <= SYNTH_ACTIVE_MAX && probes_n <= SYNTH_PROBES);
    memset(b, 0, sizeof(*b)); /* too large for a literal on the stack */
    b->p = p;
    b->n = n;
    b->w = n + probes_n;
    b->whole = UINT32_MAX;
    b->full = n == 64 ? ~(uint64_t)0 : ((uint64_t)1 << n) - 1;
    b->next_rest = UINT64_MAX;
    each = b->w * sizeof(*b->columns) + sizeof(*b->terms) +
           sizeof(*b->covers) + 3 * sizeof(*b->slots);
    b->most = (uint32_t)(BANK_BYTES / each);
    if (b->most > BANK_TERMS) {
        b->most = BANK_TERMS;
    }
    for (uint32_t i = 0; i < n; i++) {
        b->active[i] = active[i];
        b->wanted[i] = p->wanted[active[i]];
    }
    for (uint32_t i = 0; i < p->rules_n && b->choices_n < SYNTH_CHOICES_MAX;
         i++) {
        b->choices_n += is_ite(b, i, &b->choices[b->choices_n]) ? 1 : 0;
    }
    return fill_params(b, probes, probes_n);
}

void bank_release(struct bank *b)
{
    free(b->params);
    free(b->terms);
    free(b->columns);
    free(b->covers);
    free(b->slots);
    masks_release(&b->leaves);
    masks_release(&b->tests);
    b->params = NULL;
    b->terms = NULL;
    b->columns = NULL;
    b->covers = NULL;
    b->slots = NULL;
}

/* --- hashing --- */

/* A slot: 20 bits of the hash over active examples, 20 of that over probes, and the
 * term's number + 1. Terms that differ on probes alone stand side by side, so that
 * one can be found by what is wanted of it. */
#define ID_BITS 24
#define PROBE_BITS 20
#define TAG_MASK (~(uint64_t)0 << ID_BITS)
#define ACTIVE_MASK (~(uint64_t)0 << (ID_BITS + PROBE_BITS))

static uint64_t mix(const uint64_t *v, uint32_t n, uint64_t h)
{
    uint64_t k = 0x9e3779b97f4a7c15u;

    for (uint32_t i = 0; i < n; i++) {
        h += (v[i] ^ v[i] >> 29) * k;
        k += 0x632be59bd9b4e01eu; /* stays odd */
    }
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93u;
    return h ^ h >> 29;
}

struct hash {
    uint64_t at; /* where to look */
    uint64_t tag;
};

static struct hash hash_of(const struct bank *b, const uint64_t *v, uint32_t sort)
{
    uint64_t active = mix(v, b->n, (sort + 1) * 0xd6e8feb86659fd93u);
    uint64_t tag = active & TAG_MASK; /* without probes: all of it */

    if (b->w > b->n) {
        tag &= ACTIVE_MASK;
        tag |= mix(v + b->n, b->w - b->n, 1) >> PROBE_BITS & TAG_MASK &
               ~ACTIVE_MASK;
    }
    return (struct hash){active, tag};
}

/* The slot where a hash is, or would be. */
static uint64_t *slot_of(const struct bank *b, struct hash h)
{
    uint32_t k = (uint32_t)h.at & (b->slots_n - 1);

    while (b->slots[k] != 0 && (b->slots[k] & TAG_MASK) != h.tag) {
        k = (k + 1) & (b->slots_n - 1);
    }
    return &b->slots[k];
}

uint32_t bank_find(const struct bank *b, uint32_t sort, const uint64_t *v)
{
    uint64_t h = mix(v, b->n, (sort + 1) * 0xd6e8feb86659fd93u);
    uint32_t k = (uint32_t)h & (b->slots_n - 1);

    for (; b->slots[k] != 0; k = (k + 1) & (b->slots_n - 1)) {
        uint32_t term = (uint32_t)(b->slots[k] & ~TAG_MASK) - 1;

        if (((b->slots[k] ^ h) & ACTIVE_MASK) == 0 &&
            b->terms[term].sort == sort &&
            memcmp(bank_columns(b, term), v, b->n * sizeof(*v)) == 0) {
            return term;
        }
    }
    return UINT32_MAX;
}

static int grow(struct bank *b)
{
    uint32_t cap = b->cap == 0 ? BANK_FIRST : b->cap * 2;
    void *terms = realloc(b->terms, cap * sizeof(*b->terms));
    void *columns;
    void *covers;
    uint64_t *slots;

    b->terms = terms != NULL ? terms : b->terms;
    columns = realloc(b->columns, (size_t)cap * b->w * sizeof(*b->columns));
    b->columns = columns != NULL ? columns : b->columns;
    covers = realloc(b->covers, cap * sizeof(*b->covers));
    b->covers = covers != NULL ? covers : b->covers;
    slots = calloc((size_t)cap * 2, sizeof(*slots));
    if (terms == NULL || columns == NULL || covers == NULL || slots == NULL) {
        free(slots);
        return ERR_NOMEM;
    }
    free(b->slots);
    b->slots = slots;
    b->slots_n = cap * 2;
    b->cap = cap;
    for (uint32_t i = 0; i < b->terms_n; i++) {
        struct hash h = hash_of(b, bank_columns(b, i), b->terms[i].sort);

        *slot_of(b, h) = h.tag | (i + 1);
    }
    return 0;
}

/* --- what a kept term is good for --- */

static int add_leaf(struct bank *b, uint32_t term, const uint64_t *v)
{
    uint64_t mask = 0;
    struct mask_of e;

    for (uint32_t i = 0; i < b->n; i++) {
        mask |= (uint64_t)(v[i] == b->wanted[i]) << i;
    }
    b->covers[term] = mask;
    b->covered |= mask;
    if (mask == b->full && b->whole == UINT32_MAX) {
        b->whole = term;
    }
    e = (struct mask_of){
        .mask = mask, .term = term, .size = b->terms[term].size};
    return mask != 0 ? masks_add(&b->leaves, &e) : 0;
}

uint64_t bank_test(const struct bank *b, uint32_t choice, const uint64_t *v)
{
    const struct choice *c = &b->choices[choice];
    const struct rule *r = &b->p->rules[c->rule];
    uint64_t column[SYNTH_COLUMNS_MAX];
    uint64_t mask = 0;

    if (r->kind == RULE_OWN) {
        const uint64_t *args[SYNTH_ARGS_MAX] = {NULL, NULL, NULL};

        args[c->test] = v;
        if (synth_own_columns(b->p, r, c->node, args, b->w, column) != 0) {
            return 0;
        }
        v = column;
    }
    for (uint32_t i = 0; i < b->w; i++) {
        uint64_t holds = r->kind == RULE_OPERATOR && r->op == SYNTH_OP_if_zero
                             ? v[i] == 0
                             : v[i] == 1;

        mask |= holds << i;
    }
    return mask;
}

static int add_tests(struct bank *b, uint32_t term, const uint64_t *v)
{
    for (uint32_t c = 0; c < b->choices_n; c++) {
        const struct choice *is = &b->choices[c];
        const struct rule *r = &b->p->rules[is->rule];
        struct mask_of e = {.term = term,
                            .choice = (uint16_t)c,
                            .size = b->terms[term].size};

        if (r->args[is->test] != b->terms[term].sort) {
            continue;
        }
        e.mask = bank_test(b, c, v) & b->full;
        if ((e.mask & 1) != 0) {
            e.mask ^= b->full;
            e.is_turned = 1;
        }
        if (e.mask != 0) {
            TRY(masks_add(&b->tests, &e));
        }
    }
    return 0;
}

/* --- enumeration --- */

/* The columns stand behind the last term. 0, BANK_*, ERR_NOMEM. */
static int keep(struct bank *b, const struct rule *r, uint32_t size,
                const uint32_t *args)
{
    const uint64_t *v = bank_columns(b, b->terms_n);
    struct hash h = hash_of(b, v, r->sort);
    uint64_t *slot = slot_of(b, h);
    struct term_of *t = &b->terms[b->terms_n];

    if (*slot != 0) {
        return 0;
    }
    *slot = h.tag | (b->terms_n + 1);
    *t = (struct term_of){.rule = (uint16_t)(r - b->p->rules),
                          .sort = r->sort,
                          .size = (uint8_t)size};
    memcpy(t->args, args, sizeof(t->args));
    b->covers[b->terms_n] = 0;
    if (r->sort == 0) {
        TRY(add_leaf(b, b->terms_n, v));
    }
    TRY(add_tests(b, b->terms_n, v));
    b->terms_n++;
    return b->whole != UINT32_MAX && !b->is_thorough ? BANK_WHOLE : 0;
}

static int rests(struct bank *b)
{
    b->next_rest = UINT64_MAX;
    return b->rest(b->ctx) != 0 ? BANK_STOP : 0;
}

static int room(struct bank *b)
{
    if (b->terms_n < b->cap) {
        return 0;
    }
    return b->cap * 2u > b->most && b->cap > 0 ? BANK_FULL : grow(b);
}

static int candidate(struct bank *b, const struct rule *r, uint32_t size,
                     const uint32_t *args)
{
    const uint64_t *columns[SYNTH_ARGS_MAX];
    int code = room(b);

    if (code != 0) {
        return code;
    }
    for (uint32_t i = 0; i < r->args_n; i++) {
        columns[i] = bank_columns(b, args[i]);
    }
    b->candidates++;
    b->evaluations += b->w;
    if (synth_rule_columns(b->p, r, columns, b->w,
                           &b->columns[(size_t)b->terms_n * b->w]) == 0) {
        code = keep(b, r, size, args);
    }
    if (code == 0 && b->candidates >= b->next_rest) {
        code = rests(b);
    }
    return code;
}

static int leaf(struct bank *b, const struct rule *r)
{
    static const uint32_t none[SYNTH_ARGS_MAX];
    int code = room(b);
    uint64_t *out;

    if (code != 0) {
        return code;
    }
    out = &b->columns[(size_t)b->terms_n * b->w];
    for (uint32_t i = 0; i < b->w; i++) {
        out[i] = r->kind == RULE_CONSTANT
                     ? r->value
                     : b->params[(size_t)r->parameter * b->w + i];
    }
    b->candidates++;
    return keep(b, r, 1, none);
}

/* Terms whose arguments have these sizes. */
static int of_sizes(struct bank *b, const struct rule *r, uint32_t size,
                    const uint32_t *sizes)
{
    uint32_t from[SYNTH_ARGS_MAX] = {0, 0, 0};
    uint32_t to[SYNTH_ARGS_MAX] = {1, 1, 1};
    uint32_t at[SYNTH_ARGS_MAX];
    int is_same = r->is_symmetric && sizes[0] == sizes[1];

    for (uint32_t i = 0; i < r->args_n; i++) {
        from[i] = b->first[r->args[i]][sizes[i]];
        to[i] = b->last[r->args[i]][sizes[i]];
    }
    for (at[0] = from[0]; at[0] < to[0]; at[0]++) {
        for (at[1] = is_same ? at[0] : from[1]; at[1] < to[1]; at[1]++) {
            for (at[2] = from[2]; at[2] < to[2]; at[2]++) {
                int code = candidate(b, r, size, at);

                if (code != 0) {
                    return code;
                }
            }
        }
    }
    return 0;
}

static int of_rule(struct bank *b, const struct rule *r, uint32_t size)
{
    uint32_t rest = size - 1;
    int code = 0;

    if (r->kind == RULE_PARAMETER || r->kind == RULE_CONSTANT) {
        return size == 1 ? leaf(b, r) : 0;
    }
    if (rest < r->args_n || r->args_n == 0) {
        return 0;
    }
    if (r->args_n == 1) {
        return of_sizes(b, r, size, (const uint32_t[]){rest, 0, 0});
    }
    for (uint32_t i = 1; code == 0 && i < rest; i++) {
        if (r->args_n == 2 && !(r->is_symmetric && i > rest - i)) {
            code = of_sizes(b, r, size, (const uint32_t[]){i, rest - i, 0});
        }
        for (uint32_t k = 1; r->args_n == 3 && code == 0 && i + k < rest; k++) {
            code = of_sizes(b, r, size, (const uint32_t[]){i, k, rest - i - k});
        }
    }
    return code;
}

static int of_size(struct bank *b, uint32_t size)
{
    for (uint32_t s = 0; s < b->p->sorts_n; s++) {
        const struct sort *sort = &b->p->sorts[s];

        b->first[s][size] = b->terms_n;
        for (uint32_t i = 0; i < sort->n; i++) {
            int code = of_rule(b, &b->p->rules[sort->first + i], size);

            b->last[s][size] = b->terms_n;
            if (code != 0) {
                return code;
            }
        }
    }
    b->level = size;
    return 0;
}

int bank_fill(struct bank *b, uint32_t max_size)
{
    uint32_t largest = 0;

    for (uint32_t size = 1; size <= max_size; size++) {
        uint32_t before = b->terms_n;
        int code = of_size(b, size);

        if (code != 0) {
            return code;
        }
        if (b->whole != UINT32_MAX) {
            return BANK_WHOLE;
        }
        /* No larger one can be made: arguments are at most so large. */
        largest = b->terms_n != before ? size : largest;
        if (size > SYNTH_ARGS_MAX * largest) {
            return BANK_ALL;
        }
    }
    return BANK_ALL;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as a term is large */
struct tree *bank_tree(const struct bank *b, struct arena *a, uint32_t term)
{
    const struct term_of *t = &b->terms[term];
    const struct rule *r = &b->p->rules[t->rule];
    struct tree *kids[SYNTH_ARGS_MAX] = {NULL, NULL, NULL};

    for (uint32_t i = 0; i < r->args_n; i++) {
        kids[i] = bank_tree(b, a, t->args[i]);
        if (kids[i] == NULL) {
            return NULL;
        }
    }
    return tree_new(a, r, kids);
}
