/* See park.h. Every number of a worker or of an object is checked before it is
 * used. Kernel process. */
#include "kernel/run/park.h"

#include <stdlib.h>
#include <string.h>

#include "proto/disk.h"
#include "proto/err.h"

enum { COPY_BYTES = 1 << 18 };

static int is_sound(uint64_t offset, uint64_t bytes, uint64_t from, uint64_t end)
{
    return bytes > 0 && offset >= from && bytes <= end && offset <= end - bytes;
}

/* What is whole and what is known, piece by piece: new bytes hide old ones. */
struct merge {
    Proctor__ParkExtent *v; /* owned */
    size_t n;
    size_t cap;
};

static void add(struct merge *x, uint64_t from, uint64_t to,
                const Proctor__ParkExtent *like)
{
    ASSERT(x->n < x->cap);
    if (from < to) {
        proctor__park_extent__init(&x->v[x->n]);
        x->v[x->n].offset = from;
        x->v[x->n].bytes = to - from;
        x->v[x->n].object = like->object;
        x->v[x->n].at = like->at + (from - like->offset);
        x->n++;
    }
}

/* Both ascending. */
static void merge(struct merge *x, const Proctor__ParkedLane *old,
                  const Proctor__ParkExtent *fresh, size_t fresh_n)
{
    uint64_t done = 0; /* fresh bytes reach so far */
    size_t k = 0;

    for (size_t i = 0; i < old->n_extents; i++) {
        const Proctor__ParkExtent *o = old->extents[i];
        uint64_t end = o->offset + o->bytes;
        uint64_t at = o->offset > done ? o->offset : done;

        while (k < fresh_n && fresh[k].offset < end) {
            add(x, at, fresh[k].offset, o);
            done = fresh[k].offset + fresh[k].bytes;
            add(x, fresh[k].offset, done, &fresh[k]);
            at = done > at ? done : at;
            k++;
        }
        add(x, at, end, o);
    }
    for (; k < fresh_n; k++) {
        add(x, fresh[k].offset, fresh[k].offset + fresh[k].bytes, &fresh[k]);
    }
}

/* The bytes of all extents, from one place of the area, as one object. */
static int put_bytes(struct core *c, int area_fd, uint64_t at,
                     Proctor__ParkExtent *v, size_t n, struct cid *out,
                     uint64_t *out_bytes)
{
    CLEANUP(mem_freep) struct store_part *parts = calloc(n + 1, sizeof(*parts));
    uint64_t sum = 0;

    if (parts == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (size_t i = 0; i < n; i++) {
        parts[i] = (struct store_part){at + v[i].offset, v[i].bytes};
        v[i].at = sum;
        v[i].object = cid_field(out);
        sum += v[i].bytes;
    }
    *out_bytes = sum;
    if (budget_charge(&c->budget, BUDGET_BYTES, sum) != 0) {
        return BUDGET_E_SPENT;
    }
    return store_put_parts(c->store, area_fd, parts, n, out);
}

int park_put(struct core *c, int area_fd, uint64_t at,
             Proctor__AreaExtent *const *changed, size_t changed_n,
             const Proctor__ParkedLane *old, Proctor__ParkedLane *m,
             struct cid *out, uint64_t *out_bytes)
{
    static const Proctor__ParkedLane none = PROCTOR__PARKED_LANE__INIT;
    struct merge x = {.cap = 2 * changed_n + 1};
    CLEANUP(mem_freep) Proctor__ParkExtent *fresh = NULL;
    CLEANUP(mem_freep) Proctor__ParkExtent *all = NULL;
    CLEANUP(mem_freep) Proctor__ParkExtent **p = NULL;
    struct cid bytes = {{0}};
    uint64_t end = 0;
    int code;

    old = old == NULL ? &none : old;
    x.cap += 2 * old->n_extents;
    fresh = calloc(changed_n + 1, sizeof(*fresh));
    x.v = all = calloc(x.cap, sizeof(*all));
    p = calloc(x.cap, sizeof(Proctor__ParkExtent *));
    if (fresh == NULL || all == NULL || p == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (size_t i = 0; i < changed_n; i++) {
        if (!is_sound(changed[i]->offset, changed[i]->bytes, end,
                      m->lane_bytes)) {
            return ERR_TRACE(ERR_PROTOCOL);
        }
        proctor__park_extent__init(&fresh[i]);
        fresh[i].offset = changed[i]->offset;
        fresh[i].bytes = changed[i]->bytes;
        fresh[i].object = cid_field(&bytes);
        end = changed[i]->offset + changed[i]->bytes;
    }
    merge(&x, old, fresh, changed_n);
    if (x.n > LIMIT_PARK_EXTENTS) { /* once more, as one piece */
        all[0].bytes = all[x.n - 1].offset + all[x.n - 1].bytes - all[0].offset;
        x.n = 1;
        code = put_bytes(c, area_fd, at, all, x.n, &bytes, out_bytes);
    } else {
        code = put_bytes(c, area_fd, at, fresh, changed_n, &bytes, out_bytes);
        x.n = 0;
        merge(&x, old, fresh, changed_n); /* now that they have their places */
    }
    for (size_t i = 0; i < x.n; i++) {
        p[i] = &all[i];
    }
    m->extents = p;
    m->n_extents = x.n;
    code = code != 0 ? code : core_put_message(c, &m->base, out);
    m->extents = NULL;
    m->n_extents = 0;
    return code;
}

int park_get(struct core *c, const struct cid *id, Proctor__ParkedLane **out)
{
    Proctor__ParkedLane *m;
    uint64_t end = 0;
    int is_good;

    TRY(core_get_message(c, id, &proctor__parked_lane__descriptor,
                         (ProtobufCMessage **)&m));
    is_good = m->tokens == m->n_ids && m->key.len == 32;
    for (size_t i = 0; is_good && i < m->n_extents; i++) {
        const Proctor__ParkExtent *e = m->extents[i];

        is_good = is_sound(e->offset, e->bytes, end, m->lane_bytes) &&
                  e->object.len == CID_BYTES;
        end = e->offset + e->bytes;
    }
    if (!is_good) {
        pb_free(&m->base);
        return ERR_TRACE(ERR_STORE_DAMAGED);
    }
    *out = m;
    return 0;
}

int park_copy(int from_fd, uint64_t from, int to_fd, uint64_t to, uint64_t n)
{
    static uint8_t chunk[COPY_BYTES]; /* the kernel has one thread */

    while (n > 0) {
        size_t want = n < COPY_BYTES ? (size_t)n : COPY_BYTES;
        size_t got;

        TRY(disk_read(from_fd, from, chunk, want, &got));
        if (got != want) {
            return ERR_TRACE(ERR_STORE_DAMAGED);
        }
        TRY(disk_write(to_fd, to, chunk, want));
        from += want;
        to += want;
        n -= want;
    }
    return 0;
}

int park_restore(struct core *c, const Proctor__ParkedLane *m, int area_fd,
                 uint64_t at)
{
    CLEANUP(mem_freep) uint8_t *done = calloc(m->n_extents + 1, 1);

    if (done == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (size_t i = 0; i < m->n_extents; i++) {
        CLEANUP(fd_closep) int fd = -1;
        struct cid id;
        uint64_t n;

        if (done[i]) {
            continue;
        }
        TRY(cid_from_field(&m->extents[i]->object, &id));
        TRY(store_get_memfd(c->store, &id, &fd, &n));
        for (size_t k = i; k < m->n_extents; k++) { /* each object once */
            const Proctor__ParkExtent *e = m->extents[k];

            if (memcmp(e->object.data, id.b, CID_BYTES) != 0) {
                continue;
            }
            done[k] = 1;
            if (e->at > n || e->bytes > n - e->at) {
                return ERR_TRACE(ERR_STORE_DAMAGED);
            }
            TRY(park_copy(fd, e->at, area_fd, at + e->offset, e->bytes));
        }
    }
    return 0;
}
