/* Lays a value beside its domain (site.h). Must only see members of the domain:
 * anything else is our own mistake. Runs in the confined `config` worker. */
#include "workers/config/site.h"

#include <stdlib.h>

#include "proto/err.h"

/* Bytes of the value at the front of rest. */
static size_t value_bytes(struct ubytes rest)
{
    struct rd r;

    rd_init(&r, rest);
    for (uint64_t open = 1; open > 0; open--) {
        uint8_t tag = rd_u8(&r);

        if (tag == TYPE_INT || tag == TYPE_FLOAT) {
            (void)rd_take(&r, rd_u8(&r) & (size_t)~TYPE_UNSIGNED);
        } else if (tag == TYPE_STRING || tag == TYPE_BYTES) {
            (void)rd_bytes32(&r);
        } else if (tag == TYPE_LIST || tag == TYPE_TUPLE) {
            open += rd_u32(&r);
        }
        ASSERT(!rd_is_bad(&r)); /* the value is a member of the domain */
    }
    return rd_off(&r);
}

/* A list or tuple that is open while sites are read. */
struct opened {
    uint32_t site;
    uint32_t left;
    size_t child;
};

static int reserve(struct sites *s)
{
    uint32_t cap = s->cap_ == 0 ? 64 : s->cap_ * 2;
    struct site *grown;

    if (s->n < s->cap_) {
        return 0;
    }
    grown = realloc(s->all, cap * sizeof(*grown));
    if (grown == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    s->all = grown;
    s->cap_ = cap;
    return 0;
}

/* Adds the site of the value at *at under the domain at off and moves *at on;
 * true when it nests, then *out_opened says how. */
static int add_site(struct ubytes v, struct site site, struct sites *out,
                    struct opened *out_opened)
{
    struct site *s = &out->all[out->n];
    struct ubytes rest = {v.p + site.at, v.n - site.at};
    struct rd r;

    ASSERT(out->n < out->cap_);
    *s = site;
    if (s->node.tag != DOMAIN_LIST && s->node.tag != DOMAIN_TUPLE) {
        s->end = s->at + value_bytes(rest);
        out->n++;
        return 0;
    }
    rd_init(&r, rest);
    (void)rd_u8(&r);
    s->units_n = rd_u32(&r);
    *out_opened = (struct opened){out->n++, s->units_n, s->node.body};
    return 1;
}

/* Where the site after the last one starts. */
static size_t next_at(const struct sites *s)
{
    const struct site *last = &s->all[s->n - 1];

    return last->end != 0 ? last->end : last->at + SITE_HEAD_BYTES;
}

int sites_read(const struct node_source *src, struct ubytes v, uint32_t max,
               struct sites *out)
{
    struct opened open[NODE_DEPTH_MAX];
    struct site site = {.list = SITE_NO_LIST, .node = node_at(src->domain, 0)};
    unsigned depth = 0;

    *out = (struct sites){NULL, 0, 0};
    TRY(reserve(out));
    depth += (unsigned)add_site(v, site, out, &open[0]);
    site.at = next_at(out);
    while (depth > 0 && out->n < max) {
        struct opened *o = &open[depth - 1];
        size_t off = o->child;
        int is_list = out->all[o->site].node.tag == DOMAIN_LIST;

        if (o->left == 0) {
            out->all[o->site].end = site.at;
            depth--;
            continue;
        }
        o->left--;
        if (!is_list && o->left > 0) {
            o->child = node_skip(src->domain, off);
        }
        TRY(reserve(out));
        site.node = node_at(src->domain, off);
        site.list = is_list ? o->site : SITE_NO_LIST;
        ASSERT(depth < NODE_DEPTH_MAX);
        depth += (unsigned)add_site(v, site, out, &open[depth]);
        site.at = next_at(out);
    }
    return 0;
}

void sites_release(struct sites *s)
{
    free(s->all);
    *s = (struct sites){NULL, 0, 0};
}
