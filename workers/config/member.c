/* Values of maps, each with its key in the path. Runs in the confined `config`
 * worker. */
#include "workers/config/member.h"

#include <stdio.h>
#include <string.h>

int member_uint(struct config *c, const struct yaml_node *n, const char *key,
                uint64_t lo, uint64_t hi, uint64_t *out)
{
    if (n) {
        config_enter(c, key);
        TRY(schema_uint(c, n, lo, hi, out));
        config_leave(c);
    }
    return 0;
}

int member_u32(struct config *c, const struct yaml_node *n, const char *key,
               uint32_t lo, uint32_t hi, uint32_t *out)
{
    uint64_t v = *out;

    TRY(member_uint(c, n, key, lo, hi, &v));
    *out = (uint32_t)v;
    return 0;
}

int member_flag(struct config *c, const struct yaml_node *n, const char *key,
                protobuf_c_boolean *out)
{
    int v = 0;

    if (n) {
        config_enter(c, key);
        TRY(schema_bool(c, n, &v));
        config_leave(c);
        *out = v;
    }
    return 0;
}

int member_number(struct config *c, const struct yaml_node *n, const char *key,
                  struct member_range range, double *out)
{
    char what[96];
    double v = 0;

    if (!n) {
        return 0;
    }
    config_enter(c, key);
    TRY(schema_double(c, n, &v));
    if (!(v >= range.lo) || !(v <= range.hi) || (range.open_lo && v == range.lo) ||
        (range.open_hi && v == range.hi)) {
        (void)snprintf(what, sizeof(what), "a number %s %g and %s %g",
                       range.open_lo ? "above" : "from", range.lo,
                       range.open_hi ? "below" : "at most", range.hi);
        return schema_expected(c, n, what);
    }
    config_leave(c);
    *out = v;
    return 0;
}

int member_word(struct config *c, const struct yaml_node *n, const char *key,
                const char *const *words, size_t words_n, size_t *out_i)
{
    if (n) {
        config_enter(c, key);
        TRY(schema_word(c, n, words, words_n, out_i));
        config_leave(c);
    }
    return 0;
}

int member_word_text(struct config *c, const struct yaml_node *n,
                     const char *key, const char *const *words, size_t words_n,
                     char **out)
{
    size_t i = 0;

    if (!n) {
        return 0;
    }
    TRY(member_word(c, n, key, words, words_n, &i));
    *out = arena_text(&c->reply, words[i], strlen(words[i]));
    return *out ? 0 : ERR_NOMEM;
}

int member_list(struct config *c, const struct yaml_node *n, const char *key,
                const struct member_list *list, void **out, size_t *out_n)
{
    uint8_t *at;
    size_t i = 0;

    if (!n) {
        return 0;
    }
    config_enter(c, key);
    TRY(schema_list(c, n, list->max_n));
    at = arena_array(&c->reply, (size_t)n->n + 1, list->each);
    if (!at) {
        return ERR_NOMEM;
    }
    *out = at;
    for (const struct yaml_node *e = n->first; e; e = e->next, i++) {
        config_enter_at(c, i);
        TRY(list->take(c, e, list->how, at + i * list->each));
        config_leave(c);
    }
    *out_n = i;
    config_leave(c);
    return 0;
}

static int take_u64(struct config *c, const struct yaml_node *n,
                    const void *how, void *out)
{
    const struct member_whole *range = how;

    return schema_uint(c, n, range->lo, range->hi, out);
}

static int take_u32(struct config *c, const struct yaml_node *n,
                    const void *how, void *out)
{
    uint64_t wide = 0;

    TRY(take_u64(c, n, how, &wide));
    *(uint32_t *)out = (uint32_t)wide;
    return 0;
}

int member_u64s(struct config *c, const struct yaml_node *n, const char *key,
                struct member_whole range, uint64_t **out, size_t *out_n)
{
    const struct member_list list = {range.max_n, sizeof(**out), take_u64,
                                     &range};
    void *all = *out;

    TRY(member_list(c, n, key, &list, &all, out_n));
    *out = all;
    return 0;
}

int member_u32s(struct config *c, const struct yaml_node *n, const char *key,
                struct member_whole range, uint32_t **out, size_t *out_n)
{
    const struct member_list list = {range.max_n, sizeof(**out), take_u32,
                                     &range};
    void *all = *out;

    ASSERT(range.hi <= UINT32_MAX);
    TRY(member_list(c, n, key, &list, &all, out_n));
    *out = all;
    return 0;
}
