/* A sorted array: small, and in order of nothing but its keys. */
#include <stdlib.h>
#include <string.h>

#include "cli/audit_int.h"
#include "proto/err.h"

void audit_map_release(struct audit_map *m)
{
    free(m->rows);
    memset(m, 0, sizeof(*m));
}

/* Index of the first row whose key is not below key. */
static size_t lower_bound(const struct audit_map *m, const uint8_t *key)
{
    size_t low = 0;
    size_t high = m->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (memcmp(m->rows[mid].key, key, sizeof(m->rows[mid].key)) < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

struct audit_map_row *audit_map_find(const struct audit_map *m,
                                     const uint8_t key[static 32])
{
    size_t i = lower_bound(m, key);

    return i < m->n && memcmp(m->rows[i].key, key, 32) == 0 ? &m->rows[i]
                                                            : NULL;
}

int audit_map_put(struct audit_map *m, const uint8_t key[static 32],
                  struct audit_map_row **out)
{
    size_t i = lower_bound(m, key);

    if (i < m->n && memcmp(m->rows[i].key, key, 32) == 0) {
        *out = &m->rows[i];
        return 0;
    }
    if (m->n == m->cap) {
        size_t cap = m->cap == 0 ? 64 : 2 * m->cap;
        struct audit_map_row *rows = reallocarray(m->rows, cap, sizeof(*rows));

        if (rows == NULL) {
            return ERR_TRACE(ERR_NOMEM);
        }
        m->rows = rows;
        m->cap = cap;
    }
    memmove(&m->rows[i + 1], &m->rows[i], (m->n - i) * sizeof(*m->rows));
    memset(&m->rows[i], 0, sizeof(m->rows[i]));
    memcpy(m->rows[i].key, key, 32);
    m->n++;
    *out = &m->rows[i];
    return 0;
}
