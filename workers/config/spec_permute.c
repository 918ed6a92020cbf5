/* `with` of data.permute. Runs in the confined `config` worker. Form only: that `of`
 * gives rows is for the kernel to say. */
#include "proto/limits.h"
#include "workers/config/member.h"
#include "workers/config/specs.h"

/* Each block once. */
static int check_order(struct config *c, const struct yaml_node *n,
                       const Proctor__PermuteSpec *s)
{
    uint8_t seen[1u << LIMIT_PERMUTE_LEVEL] = {0};

    config_enter(c, "order");
    if (s->n_order != (size_t)1 << s->depth) {
        config_fail(c, n, "expected %u blocks, got %zu", 1u << s->depth,
                    s->n_order);
        config_hint(c, "level 1 cuts rows into 2 blocks, level 2 into 4: order: "
                       "[1, 0] at level 1");
        return ERR_INPUT;
    }
    for (size_t i = 0; i < s->n_order; i++) {
        if (seen[s->order[i]]++ > 0) {
            return config_fail(c, n, "block %u stands in it twice",
                               s->order[i]);
        }
    }
    config_leave(c);
    return 0;
}

int spec_permute(struct config *c, const struct yaml_node *n,
                 Proctor__PermuteSpec **out)
{
    static const struct schema_key keys[] = {{"of", 1, NULL},
                                             {"level", 1, NULL},
                                             {"order", 1, NULL},
                                             {"inverse", 0, NULL}};
    const struct yaml_node *v[ARRAY_N(keys)];
    Proctor__PermuteSpec *s = arena_get(&c->reply, sizeof(*s));

    if (!s) {
        return ERR_NOMEM;
    }
    proctor__permute_spec__init(s);
    TRY(schema_map(c, n, keys, ARRAY_N(keys), v));
    TRY(spec_path(c, v[0], "of", &s->of));
    TRY(member_u32(c, v[1], "level", 1, LIMIT_PERMUTE_LEVEL, &s->depth));
    TRY(member_u32s(c, v[2], "order",
                    (struct member_whole){(size_t)1 << LIMIT_PERMUTE_LEVEL, 0,
                                          (1u << s->depth) - 1},
                    &s->order, &s->n_order));
    TRY(check_order(c, v[2], s));
    TRY(member_flag(c, v[3], "inverse", &s->inverse));
    *out = s;
    return 0;
}
