/* `with` of op enumerate: examples, or a table of them, and how far to search. Runs
 * in the confined `config` worker. */
#include "proto/limits.h"
#include "proto/value.h"
#include "workers/config/schema.h"
#include "workers/config/specs.h"

#define EXAMPLES_MAX 4096u
#define EXAMPLES_BYTES_MAX (4u << 20)
#define SIZE_MAX_NODES 200u
#define BUDGET_MAX 1000000000000u

enum { E_EXAMPLES, E_TABLE, E_TAKES, E_GIVES, E_GRAMMAR, E_BUDGET, E_SIZE, E_N };
static const struct schema_key keys[E_N] = {
    {"examples", 0, NULL}, {"table", 0, NULL},   {"takes", 0, NULL},
    {"gives", 0, NULL},    {"grammar", 0, NULL}, {"budget", 0, NULL},
    {"max_size", 0, NULL}};

static const char *const grammars[] = {"auto",   "bv",  "bits", "int",
                                       "string", "list"};

static int read_example(struct config *c, const struct yaml_node *n,
                        const struct type *takes, const struct type *gives,
                        struct values_builder *in, struct values_builder *out)
{
    static const struct schema_key of_one[] = {{"in", 1, NULL},
                                               {"out", 1, NULL}};
    const struct yaml_node *v[ARRAY_N(of_one)];
    CLEANUP(buf_release) struct buf bytes;

    buf_init(&bytes, EXAMPLES_BYTES_MAX);
    TRY(schema_map(c, n, of_one, ARRAY_N(of_one), v));
    config_enter(c, "in");
    TRY(types_value(c, v[0], takes, &bytes));
    TRY(values_builder_add(in, buf_bytes(&bytes)));
    config_leave(c);
    buf_reset(&bytes);
    config_enter(c, "out");
    TRY(types_value(c, v[1], gives, &bytes));
    TRY(values_builder_add(out, buf_bytes(&bytes)));
    config_leave(c);
    return 0;
}

static int read_all(struct config *c, const struct yaml_node *n,
                    const Proctor__CmlSpec *m, struct values_builder *in,
                    struct values_builder *out)
{
    struct type takes;
    struct type gives;
    size_t i = 0;

    TRY(type_decode((struct ubytes){m->takes.data, m->takes.len}, &takes));
    TRY(type_decode((struct ubytes){m->gives.data, m->gives.len}, &gives));
    config_enter(c, "examples");
    TRY(schema_list(c, n, EXAMPLES_MAX));
    if (n->n == 0) {
        return config_fail(c, n, "expected at least one example");
    }
    for (const struct yaml_node *e = n->first; e; e = e->next, i++) {
        config_enter_at(c, i);
        TRY(read_example(c, e, &takes, &gives, in, out));
        config_leave(c);
    }
    config_leave(c);
    TRY(spec_bytes(c, values_builder_bytes(in), &m->enumerate->inputs));
    return spec_bytes(c, values_builder_bytes(out), &m->enumerate->outputs);
}

static int read_examples(struct config *c, const struct yaml_node *n,
                         const Proctor__CmlSpec *m)
{
    struct values_builder in;
    struct values_builder out;
    int code = values_builder_init(&in, EXAMPLES_BYTES_MAX);

    code = code ? code : values_builder_init(&out, EXAMPLES_BYTES_MAX);
    if (code == 0) {
        code = read_all(c, n, m, &in, &out);
        values_builder_release(&out);
    }
    values_builder_release(&in);
    return code;
}

static int read_table(struct config *c, const struct yaml_node *n,
                      Proctor__EnumerateSpec *e)
{
    static const struct schema_key of_table[] = {
        {"csv", 1, NULL}, {"inputs", 1, NULL}, {"output", 1, NULL}};
    const struct yaml_node *v[ARRAY_N(of_table)];

    config_enter(c, "table");
    TRY(schema_map(c, n, of_table, ARRAY_N(of_table), v));
    TRY(spec_table(c, v, &e->table));
    config_leave(c);
    return 0;
}

static int read_bounds(struct config *c, const struct yaml_node *const *v,
                       Proctor__EnumerateSpec *e)
{
    uint64_t size = 0;
    size_t word = 0;

    if (v[E_GRAMMAR]) {
        config_enter(c, "grammar");
        TRY(schema_word(c, v[E_GRAMMAR], grammars, ARRAY_N(grammars), &word));
        config_leave(c);
    }
    e->grammar = (char *)(uintptr_t)grammars[word];
    if (v[E_BUDGET]) {
        config_enter(c, "budget");
        TRY(schema_uint(c, v[E_BUDGET], 1, BUDGET_MAX, &e->budget));
        config_leave(c);
    }
    if (v[E_SIZE]) {
        config_enter(c, "max_size");
        TRY(schema_uint(c, v[E_SIZE], 1, SIZE_MAX_NODES, &size));
        config_leave(c);
    }
    e->max_size = (uint32_t)size;
    return 0;
}

static int lacks(struct config *c, const struct yaml_node *n, const char *key)
{
    config_fail(c, n, "key \"%s\" is missing", key);
    config_hint(c, "an enumerator needs takes: [types], gives: type, and "
                   "examples: [{in: [...], out: ...}] or a table");
    return ERR_INPUT;
}

int spec_enumerate(struct config *c, const struct yaml_node *n,
                   const struct yaml_node *base, Proctor__CmlSpec **out)
{
    const struct yaml_node *v[E_N];
    const struct yaml_node *of_base[E_N] = {NULL};
    Proctor__CmlSpec *m = arena_get(&c->reply, sizeof(*m));
    Proctor__EnumerateSpec *e = arena_get(&c->reply, sizeof(*e));

    if (!m || !e) {
        return ERR_NOMEM;
    }
    proctor__cml_spec__init(m);
    proctor__enumerate_spec__init(e);
    m->enumerate = e;
    TRY(schema_map(c, n, keys, E_N, v));
    if (base) {
        TRY(schema_map(c, base, keys, E_N, of_base));
    }
    if (!v[E_EXAMPLES] && !v[E_TABLE]) {
        v[E_EXAMPLES] = of_base[E_EXAMPLES];
        v[E_TABLE] = of_base[E_TABLE];
    }
    for (size_t i = E_TAKES; i < E_N; i++) {
        v[i] = v[i] ? v[i] : of_base[i];
    }
    if (!v[E_TAKES] || !v[E_GIVES]) {
        return lacks(c, n, v[E_TAKES] ? "gives" : "takes");
    }
    if (!v[E_EXAMPLES] == !v[E_TABLE]) {
        return lacks(c, n, "examples");
    }
    TRY(spec_takes(c, v[E_TAKES], &m->takes));
    TRY(spec_gives(c, v[E_GIVES], &m->gives));
    TRY(read_bounds(c, v, e));
    if (v[E_TABLE]) {
        TRY(read_table(c, v[E_TABLE], e));
    } else {
        TRY(read_examples(c, v[E_EXAMPLES], m));
    }
    *out = m;
    return 0;
}
