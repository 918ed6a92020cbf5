/* Op `data.permute`: the rows of a data set, or those that a split left to train on,
 * are cut into blocks that change places. What comes out is a data set of its own,
 * an object in the ledger before anything is trained on it. Rows have a fixed width,
 * so that no row is read for it. Kernel process. */
#include "kernel/run/load.h"
#include "proto/err.h"

enum { BLOCKS_MAX = 1u << LIMIT_PERMUTE_LEVEL };

struct permuting {
    struct live *live;
    Proctor__Split *split; /* owned; NULL: all rows */
    Proctor__Dataset *set; /* owned */
    Proctor__PermuteSpec how;
    Proctor__Dataset out;
    struct cid split_cid, parent, x, y;
    uint64_t bytes;
};

static int load(struct permuting *p)
{
    struct run *r = p->live->run;
    uint32_t i = run_find(r, live_spec(p->live)->permute->of);
    const struct task *t = &r->tasks[i];

    ASSERT(i != UINT32_MAX); /* admission saw to it */
    p->how = *live_spec(p->live)->permute;
    p->how.of = pb_str("");
    p->how.split.len = 0;
    p->parent = t->result;
    if (t->spec->split != NULL) {
        p->split_cid = t->result;
        p->how.split = cid_field(&p->split_cid);
        TRY(core_get_message(r->core, &t->result, &proctor__split__descriptor,
                             (ProtobufCMessage **)&p->split));
        TRY(cid_from_field(&p->split->dataset, &p->parent));
    }
    p->how.parent = cid_field(&p->parent);
    TRY(core_get_message(r->core, &p->parent, &proctor__dataset__descriptor,
                         (ProtobufCMessage **)&p->set));
    p->out = *p->set;
    if (p->split != NULL) {
        p->out.rows = p->split->train_rows;
        p->out.x = p->split->train_x;
        p->out.y = p->split->train_y;
    }
    p->out.permuted = &p->how;
    return 0;
}

/* Where the blocks lie that make up the new rows. */
static void cut(const struct permuting *p, uint64_t each,
                struct store_part out[static BLOCKS_MAX])
{
    uint64_t rows = p->out.rows;
    uint64_t at = 0;

    for (size_t i = 0; i < p->how.n_order; i++) {
        uint64_t block = p->how.order[i];
        uint64_t from = rows * block >> p->how.depth;
        uint64_t n = (rows * (block + 1) >> p->how.depth) - from;

        if (p->how.inverse) {
            out[block] = (struct store_part){at * each, n * each};
        } else {
            out[i] = (struct store_part){from * each, n * each};
        }
        at += n;
    }
}

/* An object of as many things of one size as there are rows. */
static int permute(struct permuting *p, ProtobufCBinaryData *name,
                   struct cid *out)
{
    CLEANUP(fd_closep) int fd = -1;
    struct core *c = p->live->run->core;
    struct store_part parts[BLOCKS_MAX];
    struct cid from;
    uint64_t n;

    if (name->len == 0) {
        return 0;
    }
    TRY(cid_from_field(name, &from));
    TRY(store_get_memfd(c->store, &from, &fd, &n));
    if (p->out.rows == 0 || n % p->out.rows != 0) {
        return ERR_TRACE(ERR_STORE_DAMAGED);
    }
    if (budget_charge(&c->budget, BUDGET_BYTES, n) != 0) {
        return BUDGET_E_SPENT;
    }
    cut(p, n / p->out.rows, parts);
    TRY(store_put_parts(c->store, fd, parts, p->how.n_order, out));
    *name = cid_field(out);
    p->bytes += n;
    return 0;
}

static int permute_all(struct permuting *p, struct outcome *o)
{
    Proctor__DataSpec m = PROCTOR__DATA_SPEC__INIT;
    struct cid spec;
    int code = load(p);

    m.permuted = &p->how;
    code = code ? code : permute(p, &p->out.x, &p->x);
    code = code ? code : permute(p, &p->out.y, &p->y);
    code = code ? code : core_put_message(p->live->run->core, &m.base, &spec);
    return code ? code : load_record(p->live, &spec, &p->out, p->bytes, o);
}

static int permute_start(struct live *l)
{
    struct permuting p = {.live = l};
    struct outcome o = {.passed = 1, .level = LEVEL_SCHEMA};
    int code = permute_all(&p, &o);

    if (code != 0) {
        live_error(l, code, NULL);
    } else {
        live_over(l, &o);
    }
    pb_free((ProtobufCMessage *)p.split);
    pb_free((ProtobufCMessage *)p.set);
    return 0;
}

const struct op op_permute = {"data.permute", permute_start, NULL};
