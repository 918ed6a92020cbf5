/* What is true of the rules of a grammar, and the order of work. Runs in the
 * confined `config` worker. Recursion is bounded by GRAMMAR_DEPTH_MAX, the
 * nesting of one rule's expression; rules are walked with a stack. */
#include <string.h>

#include "proto/limits.h"
#include "workers/config/grammar_int.h"

/* Has x a text, given what is known of rules? mode 1: the empty one?
 * NOLINTNEXTLINE(misc-no-recursion): nesting is bounded by the readers */
static int holds(const struct rule_facts *f, const struct gx *x, int empty)
{
    switch (x->kind) {
    case GX_RANGE:
        return !empty;
    case GX_RULE:
        return empty ? f[x->rule].is_empty : f[x->rule].has_text;
    case GX_REPEAT:
        return x->min == 0 || holds(f, x->kids[0], empty);
    case GX_ALT:
        for (uint32_t i = 0; i < x->n; i++) {
            if (holds(f, x->kids[i], empty)) {
                return 1;
            }
        }
        return 0;
    case GX_LIST:
        for (uint32_t i = 0; i < x->n; i++) {
            if (x->required[i] && (empty || !holds(f, x->kids[i], 0))) {
                return 0;
            }
        }
        return 1;
    default:
        for (uint32_t i = 0; i < x->n; i++) {
            if (!holds(f, x->kids[i], empty)) {
                return 0;
            }
        }
        return 1;
    }
}

/* Calls seen for every rule that x names; `left`: only where nothing but empty
 * texts stands before. */
struct names {
    const struct rule_facts *f;
    void (*seen)(void *ctx, uint32_t rule);
    void *ctx;
    int left;
};

/* True if what is behind x may still be left of everything.
 * NOLINTNEXTLINE(misc-no-recursion): nesting is bounded by the readers */
static int walk(const struct names *w, const struct gx *x)
{
    int goes_on = x->kind != GX_ALT;

    if (x->kind == GX_RANGE) {
        return !w->left;
    }
    if (x->kind == GX_RULE) {
        w->seen(w->ctx, x->rule);
        return !w->left || w->f[x->rule].is_empty;
    }
    if (x->kind == GX_REPEAT) {
        if (x->max > 0) {
            goes_on = walk(w, x->kids[0]);
        }
        return goes_on || x->min == 0;
    }
    for (uint32_t i = 0; i < x->n; i++) {
        int on = walk(w, x->kids[i]);

        if (x->kind == GX_ALT) {
            goes_on |= on;
        } else if (x->kind == GX_SEQ || x->required[i]) {
            if (!on) {
                return 0;
            }
        }
    }
    if (x->kind == GX_LIST && x->rest != NULL) {
        (void)walk(w, x->rest);
    }
    return goes_on || !w->left;
}

struct list {
    uint32_t *v;
    uint32_t n;
    uint8_t *has;
};

static void note(void *ctx, uint32_t rule)
{
    struct list *l = ctx;

    if (!l->has[rule]) {
        l->has[rule] = 1;
        l->v[l->n++] = rule;
    }
}

static int list_make(struct grammar *g, struct list *l)
{
    l->n = 0;
    l->v = arena_array(&g->c->scratch, g->rules_n, sizeof(*l->v));
    l->has = arena_array(&g->c->scratch, g->rules_n, 1);
    return l->v != NULL && l->has != NULL ? 0 : ERR_NOMEM;
}

static void fixpoint(const struct grammar *g, struct rule_facts *f)
{
    int changed = 1;

    while (changed) {
        changed = 0;
        for (uint32_t i = 0; i < g->rules_n; i++) {
            const struct gx *x = g->rules[i].body;

            if (x != NULL && !f[i].has_text && holds(f, x, 0)) {
                f[i].has_text = 1;
                changed = 1;
            }
            if (x != NULL && !f[i].is_empty && holds(f, x, 1)) {
                f[i].is_empty = 1;
                changed = 1;
            }
        }
    }
}

/* One walk over rules, depth first, along what they name. */
struct visit {
    struct grammar *g;
    struct rule_facts *f;
    int left;
    uint8_t *mark; /* 0 new, 1 on the path, 2 done */
    struct list *of;
    uint32_t *next;
    uint32_t *path;
};

static int names_of(struct visit *v, uint32_t rule)
{
    struct names w = {v->f, note, &v->of[rule], v->left};

    TRY(list_make(v->g, &v->of[rule]));
    (void)walk(&w, v->g->rules[rule].body);
    return 0;
}

static int left_recursion(struct grammar *g, uint32_t rule)
{
    const struct grammar_rule *r = &g->rules[rule];

    (void)grammar_fail(g, r->line, r->col,
                       "rule \"%.60s\" begins with itself", r->name);
    config_hint(g->c, "a rule may come back to itself only behind a character: "
                      "write \"item (separator item)*\"");
    return ERR_INPUT;
}

static int is_usable(struct grammar *g, uint32_t rule)
{
    const struct grammar_rule *r = &g->rules[rule];

    if (r->body == NULL) {
        return grammar_fail(g, r->line, r->col,
                            "rule \"%.60s\" is not defined", r->name);
    }
    return 0;
}

/* All rules from `root` on. */
static int visit(struct visit *v, uint32_t root)
{
    uint32_t n = 0;

    if (v->mark[root] != 0) {
        return 0;
    }
    TRY(is_usable(v->g, root));
    TRY(names_of(v, root));
    v->mark[root] = 1;
    v->path[n++] = root;
    while (n > 0) {
        uint32_t r = v->path[n - 1];
        uint32_t to;

        v->f[r].is_reached |= !v->left;
        if (v->next[r] == v->of[r].n) {
            v->mark[r] = 2;
            n--;
            continue;
        }
        to = v->of[r].v[v->next[r]++];
        if (v->mark[to] == 1 && v->left) {
            return left_recursion(v->g, to);
        }
        if (v->mark[to] == 1) {
            v->f[to].is_recursive = 1;
        }
        if (v->mark[to] == 0) {
            TRY(is_usable(v->g, to));
            TRY(names_of(v, to));
            v->mark[to] = 1;
            v->path[n++] = to;
        }
    }
    return 0;
}

static int visit_all(struct grammar *g, struct rule_facts *f, int left)
{
    struct arena *a = &g->c->scratch;
    struct visit v = {.g = g, .f = f, .left = left};

    v.mark = arena_array(a, g->rules_n, 1);
    v.of = arena_array(a, g->rules_n, sizeof(*v.of));
    v.next = arena_array(a, g->rules_n, sizeof(*v.next));
    v.path = arena_array(a, g->rules_n, sizeof(*v.path));
    if (!v.mark || !v.of || !v.next || !v.path) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < (left ? g->rules_n : 1); i++) {
        if (!left || f[i].is_reached) {
            TRY(visit(&v, i));
        }
    }
    return 0;
}

static void count_use(void *ctx, uint32_t rule)
{
    struct rule_facts *f = ctx;

    f[rule].uses++;
}

/* A rule that can be empty and is repeated without an end would be called for
 * ever.
 * NOLINTNEXTLINE(misc-no-recursion): nesting is bounded by the readers */
static int check_repeats(struct grammar *g, const struct rule_facts *f,
                         const struct gx *x)
{
    if (x->kind == GX_REPEAT && x->max == GRAMMAR_FOREVER &&
        x->kids[0]->kind == GX_RULE && f[x->kids[0]->rule].is_empty &&
        f[x->kids[0]->rule].is_recursive) {
        const struct grammar_rule *r = &g->rules[x->kids[0]->rule];

        (void)grammar_fail(g, r->line, r->col,
                           "rule \"%.60s\" can be empty and is repeated without "
                           "an end",
                           r->name);
        config_hint(g->c, "let the rule have at least one character, and leave "
                          "it out where it is named");
        return ERR_INPUT;
    }
    for (uint32_t i = 0; i < x->n; i++) {
        TRY(check_repeats(g, f, x->kids[i]));
    }
    return 0;
}

int rules_check(struct grammar *g, struct rule_facts *f)
{
    struct names w = {f, count_use, f, 0};

    TRY(visit_all(g, f, 0));
    fixpoint(g, f);
    TRY(visit_all(g, f, 1));
    for (uint32_t i = 0; i < g->rules_n; i++) {
        if (!f[i].is_reached) {
            continue;
        }
        (void)walk(&w, g->rules[i].body);
        TRY(check_repeats(g, f, g->rules[i].body));
    }
    if (!f[0].has_text) {
        return grammar_fail(g, g->rules[0].line, g->rules[0].col,
                            "no text fits this grammar");
    }
    return 0;
}

static uint32_t sat_add(uint32_t a, uint32_t b)
{
    uint32_t sum;

    return __builtin_add_overflow(a, b, &sum) ? UINT32_MAX : sum;
}

static uint32_t sat_mul(uint32_t a, uint32_t b)
{
    uint32_t product;

    return __builtin_mul_overflow(a, b, &product) ? UINT32_MAX : product;
}

/* NOLINTNEXTLINE(misc-no-recursion): nesting is bounded by the readers */
static uint32_t size_of(const struct rule_facts *f, const struct gx *x)
{
    uint32_t size = 1;

    if (x->kind == GX_RULE) {
        return f[x->rule].is_called ? 1 : f[x->rule].size;
    }
    for (uint32_t i = 0; i < x->n; i++) {
        size = sat_add(size, size_of(f, x->kids[i]));
    }
    if (x->kind == GX_REPEAT) {
        size = sat_mul(size, x->max == GRAMMAR_FOREVER ? x->min + 1 : x->max);
    }
    if (x->kind == GX_LIST) {
        size = sat_add(size, sat_mul(x->n, size_of(f, x->between)));
        size = sat_add(size, x->rest != NULL ? size_of(f, x->rest) : 0);
    }
    return size;
}

int rules_choose(const struct grammar *g, struct rule_facts *f,
                 uint32_t threshold)
{
    uint32_t before = 0;
    uint32_t after = 0;
    int changed = 1;

    for (uint32_t i = 0; i < g->rules_n; i++) {
        before += f[i].is_reached && f[i].is_called;
        f[i].is_called = f[i].is_recursive || threshold == 0;
        f[i].size = 1;
    }
    /* Sizes grow to their values: the rules that are left form no cycle. */
    while (changed) {
        changed = 0;
        for (uint32_t i = 0; i < g->rules_n; i++) {
            uint32_t size;

            if (!f[i].is_reached) {
                continue;
            }
            size = size_of(f, g->rules[i].body);
            if (size != f[i].size) {
                f[i].size = size;
                f[i].is_called |= f[i].uses > 1 && size > threshold;
                changed = 1;
            }
        }
    }
    for (uint32_t i = 0; i < g->rules_n; i++) {
        after += f[i].is_reached && f[i].is_called;
    }
    return threshold == UINT32_MAX || after > before;
}
