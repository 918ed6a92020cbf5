/* A round of shrinking as a task of its own (simpler.h). Must give the same reply
 * to the same task, whatever came before. Runs in the confined `config` worker. */
#include "workers/config/simpler.h"

#include <stdlib.h>
#include <string.h>

#include "proto/domain_node.h"
#include "proto/pb.h"
#include "workers/config/shrink.h"
#include "workers/config/site.h"
#include "workers/config/specs.h"

/* The corpora of a task: what it lists of each, and behind a list that is full,
 * and so may not be all there is, what the input itself holds of it. */
struct lists {
    struct node_source src;
    struct values *v; /* owned, n of them */
    size_t n;
};

static void lists_release(struct lists *l)
{
    for (size_t i = 0; i < l->n; i++) {
        values_release(&l->v[i]);
    }
    free(l->v);
}

/* Type of the values of a corpus. False: the domain does not use it. */
static int type_of(struct ubytes domain, size_t corpus, struct type *out)
{
    struct rd r;

    rd_init(&r, domain);
    while (rd_left(&r) > 0 && !rd_is_bad(&r)) {
        struct domain_node n;

        domain_node_read(&r, &n);
        if (n.tag == DOMAIN_CORPUS && n.file == corpus) {
            *out = n.type;
            return 1;
        }
    }
    return 0;
}

static int add_listed(const Proctor__ConfigTask *task, size_t corpus,
                      struct values_builder *w)
{
    size_t at = 0;

    for (size_t i = 0; i < corpus; i++) {
        at += task->listed_each[i];
    }
    for (size_t i = at; i < at + task->listed_each[corpus]; i++) {
        if (i >= task->n_listed) {
            return ERR_PROTOCOL;
        }
        TRY(values_builder_add(w, field_bytes(&task->listed[i])));
    }
    return 0;
}

/* What the input holds of a corpus. */
static int add_held(const struct sites *sites, struct ubytes v, size_t corpus,
                    struct values_builder *w)
{
    for (uint32_t i = 0; i < sites->n; i++) {
        const struct site *s = &sites->all[i];

        if (s->node.tag == DOMAIN_CORPUS && s->node.n == corpus) {
            TRY(values_builder_add(
                w, (struct ubytes){v.p + s->at, s->end - s->at}));
        }
    }
    return 0;
}

static int lists_fill(struct lists *l, const Proctor__ConfigTask *task,
                      const struct sites *sites)
{
    for (uint32_t i = 0; i < sites->n; i++) {
        if (sites->all[i].node.tag == DOMAIN_CORPUS &&
            sites->all[i].node.n >= l->n) {
            return ERR_PROTOCOL;
        }
    }
    for (size_t i = 0; i < l->n; i++) {
        CLEANUP(values_builder_release) struct values_builder w = {0};
        struct type t;

        if (!type_of(l->src.domain, i, &t)) {
            continue;
        }
        TRY(values_builder_init(&w, LIMIT_FRAME_BYTES));
        TRY(add_listed(task, i, &w));
        if (task->listed_each[i] >= LIMIT_LISTED) {
            TRY(add_held(sites, field_bytes(&task->text), i, &w));
        }
        TRY(values_decode(&l->v[i], values_builder_bytes(&w), &t,
                          values_builder_n(&w)));
    }
    return 0;
}

/* Reads the task into l; its input is a member of the domain afterwards. */
static int lists_read(struct lists *l, const Proctor__ConfigTask *task)
{
    CLEANUP(sites_release) struct sites sites = {0};
    struct ubytes input = field_bytes(&task->text);
    struct type t;

    l->src.domain = field_bytes(&task->domain);
    TRY(domain_check(l->src.domain, &t));
    TRY(value_check_exact(input, &t));
    l->v = calloc(task->n_listed_each + 1, sizeof(*l->v));
    if (l->v == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    l->n = task->n_listed_each;
    TRY(sites_read(&l->src, input, UINT32_MAX, &sites));
    TRY(lists_fill(l, task, &sites));
    l->src.corpora = l->v;
    l->src.corpora_n = l->n;
    return 0;
}

static int put_round(struct config *c, struct shrink *s,
                     Proctor__ConfigReply *out)
{
    CLEANUP(values_builder_release) struct values_builder w = {0};
    CLEANUP(buf_release) struct buf state;
    int code = shrink_round(s);

    buf_init(&state, LIMIT_FRAME_BYTES);
    TRY(code);
    TRY(values_builder_init(&w, LIMIT_FRAME_BYTES / 2));
    for (uint32_t i = 0; i < shrink_n(s); i++) {
        TRY(values_builder_add(&w, shrink_at(s, i)));
    }
    TRY(shrink_save(s, &state));
    TRY(spec_bytes(c, values_builder_bytes(&w), &out->inputs));
    return spec_bytes(c, buf_bytes(&state), &out->state);
}

static int search(struct config *c, const struct node_source *src,
                  Proctor__ConfigReply *out)
{
    const Proctor__ConfigTask *task = c->task;
    struct shrink *s;
    int code;

    if (!node_has(src, field_bytes(&task->text))) {
        return ERR_PROTOCOL;
    }
    TRY(shrink_new(src, field_bytes(&task->text), &s));
    code = task->state.len == 0
               ? 0
               : shrink_resume(s, field_bytes(&task->state), task->is_new);
    code = code == 0 ? put_round(c, s, out) : code;
    shrink_free(s);
    return code;
}

int simpler_read(struct config *c, Proctor__ConfigReply *out)
{
    CLEANUP(lists_release) struct lists l = {.n = 0};

    TRY(lists_read(&l, c->task));
    return search(c, &l.src, out);
}
