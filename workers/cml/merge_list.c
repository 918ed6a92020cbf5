/* Lists of the merge: edits at different places combine; at one place they are a
 * conflict. Runs in the `cml` worker. */
#include <stdio.h>
#include <string.h>

#include "proto/err.h"
#include "workers/cml/merge_int.h"

/* One side's list against the base's. */
struct side {
    struct tree *const *p;
    uint32_t n;
    uint32_t *to;   /* of each of the base: where it is, or MERGE_GONE */
    int is_open;    /* it could be otherwise */
    int is_same;    /* as the base's */
    uint32_t next;  /* of p, while both are merged */
};

struct lists {
    struct tree *const *base;
    uint32_t base_n;
    struct side sides[2];
    struct tree **out;
    uint32_t out_n;
    const char *name;
    int binds;
};

static int open_side(struct merger *m, struct lists *l, struct side *s)
{
    s->is_same = tree_lists_are_same(m, l->base, l->base_n, s->p, s->n);
    s->to = arena_array(m->a, (size_t)l->base_n + 1, sizeof(*s->to));
    if (s->to == NULL) {
        return ERR_NOMEM;
    }
    s->is_open = merge_align(m, l->base, l->base_n, s->p, s->n, l->binds, s->to);
    TRY(s->is_open);
    for (uint32_t i = 0; i < l->base_n; i++) {
        if (s->to[i] != MERGE_GONE) {
            tree_unite(m, l->base[i], s->p[s->to[i]]);
        }
    }
    return 0;
}

/* With .NAME[i] behind the path. */
static size_t enter(struct merger *m, const struct lists *l, uint32_t i)
{
    size_t n = strlen(m->path);

    snprintf(m->path + n, sizeof(m->path) - n, ".%s[%u]", l->name, i);
    return n;
}

static int conflict_at(struct merger *m, const struct lists *l, uint32_t i,
                       const char *why, const struct tree *const x[3])
{
    size_t n = enter(m, l, i);
    int code = merge_conflict(m, why, x);

    m->path[n] = '\0';
    return code;
}

/* Where the base's next element that the side kept is: of the base, or its end. */
static uint32_t kept_from(const struct lists *l, const struct side *s, uint32_t i)
{
    while (i < l->base_n && s->to[i] == MERGE_GONE) {
        i++;
    }
    return i;
}

/* How many new ones the side has before its next kept one. */
static uint32_t added(const struct lists *l, const struct side *s, uint32_t i)
{
    uint32_t k = kept_from(l, s, i);

    return (k < l->base_n ? s->to[k] : s->n) - s->next;
}

static void take(struct lists *l, struct side *s, uint32_t n)
{
    for (uint32_t k = 0; k < n; k++) {
        l->out[l->out_n++] = s->p[s->next++];
    }
}

static int is_clash(struct merger *m, struct lists *l, const uint32_t n[2])
{
    struct side *o = &l->sides[0];
    struct side *t = &l->sides[1];

    if (!tree_lists_are_same(m, o->p + o->next, n[0], t->p + t->next, n[1])) {
        return 1;
    }
    for (uint32_t k = 0; k < n[0]; k++) { /* both added the same */
        tree_unite(m, o->p[o->next + k], t->p[t->next + k]);
    }
    return 0;
}

/* Is something new in the side's run that reaches over place i of the base? A run
 * with something taken away has no place of its own in it. */
static int reaches(const struct lists *l, const struct side *s, uint32_t i)
{
    uint32_t from = i;
    uint32_t start;
    uint32_t end;

    while (from > 0 && s->to[from - 1] == MERGE_GONE) {
        from--;
    }
    start = from > 0 ? s->to[from - 1] + 1 : 0;
    i = kept_from(l, s, i);
    end = i < l->base_n ? s->to[i] : s->n;
    return end > start;
}

/* What was added before element i of the base, or behind the last. */
static int place(struct merger *m, struct lists *l, uint32_t i)
{
    uint32_t n[2] = {added(l, &l->sides[0], i), added(l, &l->sides[1], i)};
    const struct tree *x[3] = {NULL, NULL, NULL};

    if ((n[0] > 0 && reaches(l, &l->sides[1], i)) ||
        (n[1] > 0 && reaches(l, &l->sides[0], i))) {
        if (n[0] > 0 && n[1] > 0 && !is_clash(m, l, n)) {
            take(l, &l->sides[0], n[0]);
            l->sides[1].next += n[1];
            return 0;
        }
        x[1] = n[0] > 0 ? l->sides[0].p[l->sides[0].next] : NULL;
        x[2] = n[1] > 0 ? l->sides[1].p[l->sides[1].next] : NULL;
        l->sides[0].next += n[0];
        l->sides[1].next += n[1];
        return conflict_at(m, l, i, "both sides added something here", x);
    }
    take(l, &l->sides[0], n[0]);
    take(l, &l->sides[1], n[1]);
    return 0;
}

static int element(struct merger *m, struct lists *l, uint32_t i)
{
    const struct tree *x[3] = {l->base[i], NULL, NULL};
    struct tree *merged = NULL;
    size_t n;
    int code;

    for (unsigned k = 0; k < 2; k++) {
        struct side *s = &l->sides[k];

        if (s->to[i] != MERGE_GONE) {
            ASSERT(s->next == s->to[i]);
            x[k + 1] = s->p[s->next++];
        }
    }
    if (x[1] == NULL && x[2] == NULL) {
        return 0;
    }
    if (x[1] == NULL || x[2] == NULL) {
        return tree_is_same(m, x[0], x[1] != NULL ? x[1] : x[2], 0)
                   ? 0
                   : conflict_at(m, l, i,
                                 "one side took it away, the other changed it",
                                 x);
    }
    n = enter(m, l, i);
    code = merge_trees(m, x, &merged);
    m->path[n] = '\0';
    l->out[l->out_n++] = merged;
    return code;
}

/* A list that one side left alone, and whose elements nothing else knows: the
 * other one's. */
static int is_whole(const struct lists *l, const struct tree *t, unsigned *out)
{
    for (unsigned k = 0; k < 2; k++) {
        if (l->sides[k].is_same && t->t->kind != CML_UNIT) {
            *out = 1 - k;
            return 1;
        }
    }
    return 0;
}

static int merge_both(struct merger *m, struct lists *l,
                      const struct tree *const x[3])
{
    for (unsigned k = 0; k < 2; k++) {
        if (l->sides[k].is_open == 1) {
            return merge_conflict(
                m, k == 0 ? "several of a list are alike: which of them ours "
                            "changed cannot be told"
                          : "several of a list are alike: which of them theirs "
                            "changed cannot be told",
                x);
        }
    }
    for (uint32_t i = 0; i < l->base_n; i++) {
        TRY(place(m, l, i));
        TRY(element(m, l, i));
    }
    return place(m, l, l->base_n);
}

int merge_lists(struct merger *m, const struct tree *const x[3], unsigned field,
                struct tree *out)
{
    struct lists l = {.base = x[0]->kids[field], .base_n = x[0]->n[field]};
    unsigned whole = 0;

    l.name = cml_kind_info(x[0]->t->kind)->fields[field].name;
    l.binds = x[0]->t->kind == CML_UNIT || x[0]->t->kind == CML_BLOCK;
    for (unsigned k = 0; k < 2; k++) {
        l.sides[k].p = x[k + 1]->kids[field];
        l.sides[k].n = x[k + 1]->n[field];
        TRY(open_side(m, &l, &l.sides[k]));
    }
    l.out = arena_array(m->a,
                        (size_t)l.base_n + l.sides[0].n + l.sides[1].n + 1,
                        sizeof(*l.out));
    if (l.out == NULL) {
        return ERR_NOMEM;
    }
    if (is_whole(&l, x[0], &whole)) {
        take(&l, &l.sides[whole], l.sides[whole].n);
    } else {
        TRY(merge_both(m, &l, x));
    }
    out->kids[field] = l.out;
    out->n[field] = l.out_n;
    return 0;
}
