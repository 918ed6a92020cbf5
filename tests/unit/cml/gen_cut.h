/* Cuts a random file of gen_tree.h smaller, as long as it still shows something. */
#ifndef TESTS_UNIT_CML_GEN_CUT_H
#define TESTS_UNIT_CML_GEN_CUT_H

#include "gen_tree.h"

/* Does the file still show what is looked for? It may be none at all. */
typedef int tree_shows(const struct tree_file *f, void *with);

static inline unsigned tree_size(const struct tree *t)
{
    unsigned n = 1;

    for (unsigned i = 0; i < t->n; i++) {
        n += tree_size(t->kids[i]);
    }
    return n;
}

/* Puts t below `into` at *place if that shows it; then it stays. */
static inline int tree_try(struct tree_file *f, struct tree **place,
                           struct tree *with, tree_shows *shows, void *arg)
{
    struct tree *was = *place;

    *place = with;
    if (shows(f, arg)) {
        return 1;
    }
    *place = was;
    return 0;
}

/* Some descendant of the same type in its place. */
static inline int tree_hoist(struct tree_file *f, struct tree **place,
                             struct tree *from, tree_shows *shows, void *arg)
{
    for (unsigned i = 0; i < from->n; i++) {
        struct tree *kid = from->kids[i];

        if ((kid->type == (*place)->type &&
             tree_try(f, place, kid, shows, arg)) ||
            tree_hoist(f, place, kid, shows, arg)) {
            return 1;
        }
    }
    return 0;
}

static inline int tree_cut_at(struct tree_file *f, struct tree **place,
                              tree_shows *shows, void *arg)
{
    struct tree *constant = arena_get(&f->arena, sizeof(*constant));
    int cut = 0;

    *constant =
        (struct tree){.text = tree_simplest((*place)->type), .type = (*place)->type};
    if ((*place)->n > 0) {
        cut = tree_try(f, place, constant, shows, arg);
    }
    while (!cut && (*place)->n > 0 && tree_hoist(f, place, *place, shows, arg)) {
        cut = 1;
    }
    for (unsigned i = 0; i < (*place)->n; i++) {
        cut |= tree_cut_at(f, &(*place)->kids[i], shows, arg);
    }
    return cut;
}

/* Some part of f's body as the whole, whatever its type is: the first from the
 * inside. */
static inline int tree_cut_root(struct tree_file *f, struct tree *from,
                                tree_shows *shows, void *arg)
{
    struct tree **body = &f->bodies[TREE_HELPERS];
    enum tree_type was = f->types[TREE_PARAMS];

    for (unsigned i = 0; i < from->n; i++) {
        if (tree_cut_root(f, from->kids[i], shows, arg)) {
            return 1;
        }
    }
    if (from == *body || from->type >= T_VALUES) {
        return 0;
    }
    f->types[TREE_PARAMS] = from->type;
    if (tree_try(f, body, from, shows, arg)) {
        return 1;
    }
    f->types[TREE_PARAMS] = was;
    return 0;
}

/* Cuts the file until nothing more can be taken away. */
static inline void tree_cut(struct tree_file *f, tree_shows *shows, void *arg)
{
    int cut = 1;

    while (cut) {
        cut = tree_cut_root(f, f->bodies[TREE_HELPERS], shows, arg);
        for (unsigned i = 0; i < ARRAY_N(f->without); i++) {
            f->without[i]++;
            if (f->without[i] > 1 || !shows(f, arg)) {
                f->without[i]--;
            } else {
                cut = 1;
            }
        }
        for (unsigned h = TREE_HELPERS + 1; h-- > 0;) {
            if (f->bodies[h] == NULL) {
                continue;
            }
            if (h < TREE_HELPERS &&
                tree_try(f, &f->bodies[h], NULL, shows, arg)) {
                cut = 1;
            } else {
                cut |= tree_cut_at(f, &f->bodies[h], shows, arg);
            }
        }
    }
}

#endif
