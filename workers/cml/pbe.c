/* Problems by example. Runs in the `cml` worker. */
#include "workers/cml/pbe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/blake3.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/sort.h"
#include "workers/cml/core.h"

void pbe_init(struct pbe *p, struct arena *a, const char *path, struct diag *d)
{
    *p = (struct pbe){.arena = a, .path = path, .d = d, .grammar = ""};
}

void pbe_release(struct pbe *p)
{
    free(p->examples);
    p->examples = NULL;
}

int pbe_close_types(struct pbe *p)
{
    if (type_tuple_of(p->types, p->params_n, &p->takes) < 0) {
        return diag_set(p->d, ERR_LIMIT, (struct loc){p->path, 0, 0},
                        "the types of the parameters are too large");
    }
    return 0;
}

static int copy(struct pbe *p, struct ubytes in, struct ubytes *out)
{
    out->p = (const uint8_t *)arena_text(p->arena, in.p, in.n);
    out->n = in.n;
    return out->p != NULL ? 0 : ERR_NOMEM;
}

int pbe_add(struct pbe *p, struct ubytes in, struct ubytes out,
                struct loc at)
{
    struct pbe_example *e;

    if (p->examples_n == PBE_EXAMPLES_MAX) {
        return diag_set(p->d, ERR_LIMIT, at, "more than %u examples",
                        PBE_EXAMPLES_MAX);
    }
    if (p->examples_n == p->examples_cap) {
        uint32_t cap = p->examples_cap > 0 ? p->examples_cap * 2 : 64;

        e = reallocarray(p->examples, cap, sizeof(*e));
        if (e == NULL) {
            return ERR_NOMEM;
        }
        p->examples = e;
        p->examples_cap = cap;
    }
    e = &p->examples[p->examples_n];
    *e = (struct pbe_example){
        .line = at.line, .col = at.col, .seq = p->examples_n};
    TRY(copy(p, in, &e->in));
    TRY(copy(p, out, &e->out));
    p->examples_n++;
    return 0;
}

static int by_example(const void *a, const void *b)
{
    const struct pbe_example *x = a;
    const struct pbe_example *y = b;
    int c = values_compare(x->in, y->in);

    c = c != 0 ? c : values_compare(x->out, y->out);
    return c != 0 ? c : (x->seq > y->seq) - (x->seq < y->seq);
}

static int by_seq(const void *a, const void *b)
{
    const struct pbe_example *x = a;
    const struct pbe_example *y = b;

    return (x->seq > y->seq) - (x->seq < y->seq);
}

static int contradict(struct pbe *p, const struct pbe_example *a,
                      const struct pbe_example *b)
{
    const struct pbe_example *first = a->seq < b->seq ? a : b;
    const struct pbe_example *second = a->seq < b->seq ? b : a;

    (void)diag_set(p->d, ERR_TASK_FAILED,
                   (struct loc){p->path, second->line, second->col},
                   "contradictory examples: the input of %u:%u with another "
                   "output",
                   first->line, first->col);
    diag_hint(p->d, "no function gives both; take one of the two away");
    return ERR_TASK_FAILED;
}

/* Of a sorted list: the first of equal ones stays. */
static int find_pairs(struct pbe *p)
{
    struct pbe_example *first = p->examples;

    for (uint32_t i = 1; i < p->examples_n; i++) {
        struct pbe_example *e = &p->examples[i];

        if (values_compare(first->in, e->in) != 0) {
            first = e;
        } else if (values_compare(first->out, e->out) != 0) {
            return contradict(p, first, e);
        } else {
            e->role = PBE_AGAIN;
        }
    }
    return 0;
}

struct ranked {
    uint8_t hash[BLAKE3_BYTES];
    struct pbe_example *e;
};

static int by_hash(const void *a, const void *b)
{
    return memcmp(a, b, BLAKE3_BYTES);
}

static int hold_out(struct pbe *p, uint32_t permille)
{
    CLEANUP(mem_freep) struct ranked *all =
        calloc((size_t)p->examples_n + 1, sizeof(*all));
    uint32_t n = 0;

    if (all == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < p->examples_n; i++) {
        struct pbe_example *e = &p->examples[i];

        if (e->role == PBE_GIVEN) {
            blake3(e->in.p, e->in.n, all[n].hash);
            all[n++].e = e;
        }
    }
    sort_items(all, n, sizeof(*all), by_hash);
    for (uint32_t i = 0; i < (uint64_t)n * permille / 1000; i++) {
        all[i].e->role = PBE_HELD;
    }
    return 0;
}

int pbe_settle(struct pbe *p, uint32_t permille)
{
    if (p->examples_n == 0) {
        (void)diag_set(p->d, ERR_INPUT, (struct loc){p->path, 0, 0},
                       "there is no example in it");
        diag_hint(p->d, "a function is looked for that fits inputs with known "
                        "outputs");
        return ERR_INPUT;
    }
    sort_items(p->examples, p->examples_n, sizeof(*p->examples), by_example);
    TRY(find_pairs(p));
    sort_items(p->examples, p->examples_n, sizeof(*p->examples), by_seq);
    return hold_out(p, permille);
}

int pbe_values(const struct pbe *p, enum pbe_role role, int outputs,
                   struct values_builder *out)
{
    for (uint32_t i = 0; i < p->examples_n; i++) {
        const struct pbe_example *e = &p->examples[i];

        if (e->role == role) {
            TRY(values_builder_add(out, outputs ? e->out : e->in));
        }
    }
    return 0;
}

/* Names that the text form keeps for itself, beside those of types. */
static int is_reserved(const char *s)
{
    static const char *const words[] = {
        "unit", "let",  "return", "if",  "else", "match", "loop", "while",
        "for",  "in",   "repeat", "ref", "true", "false", "void", "nan",
        "inf",  "nan32", "inf32", "fn",  "x",    "_",     "Any",
        "Comparable", "Numeric", "Integer", "Float"};
    struct type t;

    if (s[0] == 'x' && s[1] == '\0') {
        return 0; /* only before a quote */
    }
    for (size_t i = 0; i < ARRAY_N(words); i++) {
        if (strcmp(words[i], s) == 0) {
            return 1;
        }
    }
    return type_from_name(s, &t) == 0 ||
           cml_primitive_from_name(cml_word(s).u.text) != CML_PRIMITIVES ||
           core_from_name(cml_word(s).u.text) != CORES;
}

static int is_taken(const struct pbe *p, const char *name)
{
    for (uint32_t i = 0; i < p->params_n; i++) {
        if (p->params[i] != NULL && strcmp(p->params[i], name) == 0) {
            return 1;
        }
    }
    return p->name != NULL && strcmp(p->name, name) == 0;
}

const char *pbe_name(struct pbe *p, struct ubytes wanted)
{
    char name[80];
    size_t n = 0;
    int base;

    for (size_t i = 0; i < wanted.n && n < 48; i++) {
        uint8_t c = wanted.p[i];
        int letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        int digit = c >= '0' && c <= '9';

        if (n == 0 && !letter) {
            name[n++] = 'f';
            name[n++] = '_';
        }
        name[n++] = letter || digit ? (char)c : '_';
    }
    if (n == 0) {
        name[n++] = 'f';
    }
    base = (int)n;
    name[n] = '\0';
    for (unsigned i = 2; is_reserved(name) || is_taken(p, name); i++) {
        (void)snprintf(name + base, sizeof(name) - (size_t)base, "_%u", i);
    }
    return arena_text(p->arena, name, strlen(name));
}
