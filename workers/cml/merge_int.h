/* Shared by the files of the merge. */
#ifndef WORKERS_CML_MERGE_INT_H
#define WORKERS_CML_MERGE_INT_H

#include "workers/cml/merge.h"

#define MERGE_BASE 0
#define MERGE_OURS 1
#define MERGE_THEIRS 2

/* A term with variables by identity instead of by distance. A unit that is called
 * or passed is its name: an edit of it is no edit of its callers. */
struct tree {
    const struct term *t;
    const char *unit; /* of a Unit that is used; then there are no kids */
    uint32_t binder;  /* of what binds, else 0 */
    uint32_t uses;    /* of a Var: the binder */
    struct tree **kids[CML_FIELDS_MAX];
    uint32_t n[CML_FIELDS_MAX];
};

struct binder {
    const char *name;
    uint32_t same;  /* the binder of the base that it is, or itself */
    uint32_t twin;  /* while two trees are compared: its partner */
    uint32_t stamp; /* of that comparison */
    uint32_t list;  /* of the alignment that it is one of */
};

struct merger {
    struct arena *a; /* of what comes out */
    struct document *out;
    struct merge_result *result;
    struct binder *binders; /* owned; 0 is none */
    uint32_t binders_n;
    uint32_t binders_cap;
    uint32_t stamp;
    uint32_t list;
    uint32_t *scope; /* owned; while trees are made, and written */
    uint32_t scope_n;
    const struct tree *roots[3]; /* of the unit that is merged */
    int is_root;                 /* the next term is the unit itself */
    int is_named;                /* all three have names that people gave */
    char path[2048];
};

#define MERGE_SCOPE_MAX 4096 /* as the checker's */
#define MERGE_ALIGN_MAX 512  /* elements of a list that is aligned */
#define MERGE_GONE UINT32_MAX

/* merge_tree.c */
int tree_make(struct merger *m, const struct term *t, struct tree **out)
    MUST_USE;
/* Are they the same but for names of binders? is_loose: members of the lists that
 * are being aligned are all alike. */
int tree_is_same(struct merger *m, const struct tree *x, const struct tree *y,
                 int is_loose);
int tree_lists_are_same(struct merger *m, struct tree *const *x, uint32_t xn,
                        struct tree *const *y, uint32_t yn);
/* From now on y's binder is x's. */
void tree_unite(struct merger *m, const struct tree *x, const struct tree *y);
/* As a term, with distances; 0, ERR_NOMEM; what is used but not there becomes a
 * conflict. */
int tree_term(struct merger *m, const struct tree *x, struct term **out)
    MUST_USE;
/* A conflict at m->path; NULL = not there. */
int merge_conflict(struct merger *m, const char *why, const struct tree *const x[3])
    MUST_USE;

/* merge_align.c: out[i] = the partner in y of x's element i, or MERGE_GONE. 1 = it
 * could be otherwise as well; 0, ERR_NOMEM. binds: elements are binders, known by
 * their names, too. */
int merge_align(struct merger *m, struct tree *const *x, uint32_t xn,
                struct tree *const *y, uint32_t yn, int binds, uint32_t *out)
    MUST_USE;

/* merge_list.c */
int merge_lists(struct merger *m, const struct tree *const x[3], unsigned field,
                struct tree *out) MUST_USE;
/* merge_walk.c */
/* Metadata: ours where ours differs from the base, else theirs. */
const char *merge_choose(const char *base, const char *ours, const char *theirs);
int merge_trees(struct merger *m, const struct tree *const x[3],
                struct tree **out) MUST_USE;

#endif
