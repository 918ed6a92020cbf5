/* Deterministic rules to the one encoding of their network, and the whole way
 * there. Runs in the confined `config` worker. */
#include <string.h>

#include "proto/limits.h"
#include "workers/config/grammar_int.h"

#define MERGE_ROUNDS 16
#define TABLE (1u << 18)

/* Bytes that are equal for states that go on alike. */
static uint64_t hash_state(const struct dfa_state *s)
{
    uint64_t h = s->final + 2ull * s->rule_start + 1;

    for (uint32_t i = 0; i < s->ranges_n; i++) {
        h = (h ^ s->ranges[i].lo) * 0x100000001b3ull;
        h = (h ^ s->ranges[i].hi) * 0x100000001b3ull;
        h = (h ^ s->ranges[i].to) * 0x100000001b3ull;
    }
    for (uint32_t i = 0; i < s->calls_n; i++) {
        h = (h ^ s->calls[i].rule) * 0x100000001b3ull;
        h = (h ^ s->calls[i].back) * 0x100000001b3ull;
    }
    return h ^ h >> 31;
}

static int is_alike(const struct dfa_state *x, const struct dfa_state *y)
{
    if (x->final != y->final || x->rule_start != y->rule_start ||
        x->ranges_n != y->ranges_n || x->calls_n != y->calls_n) {
        return 0;
    }
    for (uint32_t i = 0; i < x->ranges_n; i++) {
        if (x->ranges[i].lo != y->ranges[i].lo ||
            x->ranges[i].hi != y->ranges[i].hi ||
            x->ranges[i].to != y->ranges[i].to) {
            return 0;
        }
    }
    for (uint32_t i = 0; i < x->calls_n; i++) {
        if (x->calls[i].rule != y->calls[i].rule ||
            x->calls[i].back != y->calls[i].back) {
            return 0;
        }
    }
    return 1;
}

/* Edges to where their targets went; ranges that now touch become one. */
static void redirect(struct dfa_state *s, const uint32_t *to)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < s->ranges_n; i++) {
        struct dfa_range r = s->ranges[i];

        r.to = to[r.to];
        if (n > 0 && s->ranges[n - 1].hi + 1u == r.lo &&
            s->ranges[n - 1].to == r.to) {
            s->ranges[n - 1].hi = r.hi;
        } else {
            s->ranges[n++] = r;
        }
    }
    s->ranges_n = n;
    for (uint32_t i = 0; i < s->calls_n; i++) {
        s->calls[i].back = to[s->calls[i].back];
    }
}

int dfa_merge(struct grammar *g, struct dfa *d)
{
    uint32_t *table = arena_array(&g->c->scratch, TABLE, sizeof(*table));
    uint32_t *to = arena_array(&g->c->scratch, d->n, sizeof(*to));
    int merged = 1;

    if (table == NULL || to == NULL) {
        return ERR_NOMEM;
    }
    for (int round = 0; merged && round < MERGE_ROUNDS; round++) {
        merged = 0;
        memset(table, 0, TABLE * sizeof(*table));
        for (uint32_t i = 0; i < d->n; i++) {
            to[i] = i;
        }
        /* From behind, so that a chain goes in one round. */
        for (uint32_t i = d->n; i > 0; i--) {
            struct dfa_state *s = &d->v[i - 1];
            uint32_t at;

            redirect(s, to);
            at = (uint32_t)hash_state(s) % TABLE;
            while (table[at] != 0 && !is_alike(s, &d->v[table[at] - 1])) {
                at = (at + 1) % TABLE;
            }
            if (table[at] == 0) {
                table[at] = i;
            } else if (table[at] != i) {
                to[i - 1] = table[at] - 1;
                merged = 1;
            }
        }
        for (uint32_t i = 0; i < d->n; i++) {
            redirect(&d->v[i], to);
        }
    }
    return 0;
}

/* Numbers in the order in which a reader meets them. */
struct numbering {
    uint32_t *of; /* number + 1 */
    uint32_t *is;
    uint32_t n;
};

static uint16_t number(struct numbering *k, uint32_t s)
{
    if (k->of[s] == 0) {
        k->is[k->n++] = s;
        k->of[s] = k->n;
    }
    return (uint16_t)(k->of[s] - 1);
}

/* Calls ascend by callee: those that have a number first, in its order. */
static int put_calls(const struct dfa *d, const struct dfa_state *s,
                     struct numbering *k, uint8_t *done, struct buf *out)
{
    memset(done, 0, s->calls_n);
    for (uint32_t n = 0; n < s->calls_n; n++) {
        uint32_t best = UINT32_MAX;
        uint32_t best_number = 0;

        for (uint32_t i = 0; i < s->calls_n; i++) {
            uint32_t of = k->of[d->start[s->calls[i].rule]];

            of = of == 0 ? UINT32_MAX : of;
            if (!done[i] && (best == UINT32_MAX || of < best_number)) {
                best = i;
                best_number = of;
            }
        }
        done[best] = 1;
        TRY(buf_put_u16(out, number(k, d->start[s->calls[best].rule])));
        TRY(buf_put_u16(out, number(k, s->calls[best].back)));
    }
    return 0;
}

int net_put(struct grammar *g, const struct dfa *d, struct buf *out)
{
    struct arena *a = &g->c->scratch;
    struct numbering k = {arena_array(a, d->n, sizeof(*k.of)),
                          arena_array(a, d->n, sizeof(*k.is)), 0};
    uint8_t *done = arena_array(a, g->rules_n, 1);

    if (k.of == NULL || k.is == NULL || done == NULL) {
        return ERR_NOMEM;
    }
    TRY(buf_put(out, "PAU1\0\0", 6));
    (void)number(&k, d->start[0]);
    for (uint32_t i = 0; i < k.n; i++) {
        const struct dfa_state *s = &d->v[k.is[i]];

        TRY(buf_put_u8(out, s->final));
        TRY(buf_put_u16(out, (uint16_t)s->ranges_n));
        TRY(buf_put_u16(out, (uint16_t)s->calls_n));
        for (uint32_t r = 0; r < s->ranges_n; r++) {
            TRY(buf_put_u8(out, s->ranges[r].lo));
            TRY(buf_put_u8(out, s->ranges[r].hi));
            TRY(buf_put_u16(out, number(&k, s->ranges[r].to)));
        }
        TRY(put_calls(d, s, &k, done, out));
    }
    buf_patch_u32(out, 2, 0x55310000u | k.n); /* "U1", states */
    return 0;
}

static int try_compile(struct grammar *g, const struct rule_facts *f,
                       struct buf *out)
{
    struct dfa d = {0};
    struct nfa nfa;

    d.start = arena_array(&g->c->scratch, g->rules_n, sizeof(*d.start));
    if (d.start == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < g->rules_n; i++) {
        if (i == 0 || (f[i].is_reached && f[i].is_called && f[i].has_text)) {
            TRY(nfa_build(g, f, g->rules[i].body, &nfa));
            TRY(dfa_add(g, &nfa, i, &d));
        }
    }
    TRY(dfa_merge(g, &d));
    return net_put(g, &d, out);
}

int grammar_compile(struct grammar *g, struct buf *out)
{
    static const uint32_t thresholds[] = {UINT32_MAX, 256, 64, 16, 0};
    uint32_t recursive = 0;
    struct rule_facts *f =
        arena_array(&g->c->scratch, g->rules_n, sizeof(*f));

    if (f == NULL) {
        return ERR_NOMEM;
    }
    TRY(rules_check(g, f));
    for (uint32_t i = 0; i < g->rules_n; i++) {
        recursive += f[i].is_recursive;
    }
    /* A grammar that needs calls anyhow is not written out at any price. */
    for (size_t i = recursive > 0; i < ARRAY_N(thresholds); i++) {
        struct arena_mark mark = arena_mark(&g->c->scratch);
        int code;

        if (!rules_choose(g, f, thresholds[i])) {
            continue;
        }
        buf_reset(out);
        code = try_compile(g, f, out);
        arena_rewind(&g->c->scratch, mark);
        if (code != ERR_LIMIT && code != ERR_NOMEM) {
            return code;
        }
    }
    (void)grammar_limit(g, g->rules[0].line, g->rules[0].col,
                        "the grammar needs more than %u states, or too much "
                        "work to make it deterministic",
                        LIMIT_AUTOMATON_STATES);
    config_hint(g->c, "make counted repetitions smaller, or alternatives that "
                      "differ earlier");
    return ERR_LIMIT;
}
