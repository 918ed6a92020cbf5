/* Sets of examples, each with the smallest term that makes it. Runs in the `cml`
 * worker. */
#include <stdlib.h>

#include "proto/err.h"
#include "workers/cml/synth_int.h"

static uint32_t slot_of(const struct masks *m, uint64_t mask)
{
    uint64_t h = mask * 0x9e3779b97f4a7c15u;
    uint32_t k = (uint32_t)(h >> 40) & (m->slots_n - 1);

    while (m->slots[k] != 0 && m->v[m->slots[k] - 1].mask != mask) {
        k = (k + 1) & (m->slots_n - 1);
    }
    return k;
}

static int grow(struct masks *m)
{
    uint32_t cap = m->cap == 0 ? 64 : m->cap * 2;
    struct mask_of *v = realloc(m->v, cap * sizeof(*v));
    uint32_t *slots;

    if (v == NULL) {
        return ERR_NOMEM;
    }
    m->v = v;
    slots = calloc((size_t)cap * 2, sizeof(*slots));
    if (slots == NULL) {
        return ERR_NOMEM;
    }
    free(m->slots);
    m->slots = slots;
    m->slots_n = cap * 2;
    m->cap = cap;
    for (uint32_t i = 0; i < m->n; i++) {
        m->slots[slot_of(m, v[i].mask)] = i + 1;
    }
    return 0;
}

int masks_add(struct masks *m, const struct mask_of *e)
{
    uint32_t k;

    if (m->n == m->cap) {
        TRY(grow(m));
    }
    k = slot_of(m, e->mask);
    if (m->slots[k] == 0) {
        m->v[m->n++] = *e;
        m->slots[k] = m->n;
    }
    return 0;
}

void masks_release(struct masks *m)
{
    free(m->v);
    free(m->slots);
    *m = (struct masks){.v = NULL};
}
