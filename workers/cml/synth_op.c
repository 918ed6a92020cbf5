/* The table of the enumerator's operators. Runs in the `cml` worker. */
#include "workers/cml/synth_op.h"

#include <string.h>

#define SYNTH_LIST_AT                                                          \
    "unit list_at(v: [i64], i: i64) -> i64 "                                   \
    "{ if i < 0 || i >= i64(len(v)) { 0 } else { get(v, u64(i)) } }"
#define SYNTH_MAP(name, body)                                                  \
    SYNTH_OP(name, "l>l", "map(each_" #name ", $1)",                           \
             "unit each_" #name "(x: i64) -> i64 { " body " }",                \
             "each: " body)
#define SYNTH_FILTER(name, count, body)                                        \
    SYNTH_OP(name, "l>l", "filter(is_" #name ", $1)",                          \
             "unit is_" #name "(x: i64) -> bool { " body " }",                 \
             "those with " body)                                               \
    SYNTH_OP(count, "l>i", "i64(len(filter(is_" #name ", $1)))",               \
             "unit is_" #name "(x: i64) -> bool { " body " }",                 \
             "how many with " body)
#define SYNTH_ZIP(name, scan, body)                                            \
    SYNTH_OP(name, "ll>l", "map(pair_" #name ", zip($1, $2))",                 \
             "unit pair_" #name "(p: {a: i64, b: i64}) -> i64 "                \
             "{ let a = p.a; let b = p.b; " body " }",                         \
             "of elements at one place: " body)                                \
    SYNTH_OP(scan, "l>l", #scan "($1)",                                        \
             "unit " #scan "(v: [i64]) -> [i64] "                              \
             "{ loop (s: [i64] = [i64]()) for b in v { if len(s) == 0 "        \
             "{ [i64](b) } else { let a = get(s, len(s) - 1); "                \
             "append(s, " body ") } } }",                                      \
             "running, with the value so far as a: " body)

static const struct synth_op_info ops[] = {
#define SYNTH_OP(name, signature, expression, units, what)                     \
    {#name, signature, expression, units},
#include "workers/cml/synth_op.def"
};

const struct synth_op_info *synth_op_info(enum synth_op op)
{
    ASSERT(op < SYNTH_OPS);
    return &ops[op];
}

enum synth_op synth_op_from_name(const char *name)
{
    unsigned i = 0;

    while (i < SYNTH_OPS && strcmp(ops[i].name, name) != 0) {
        i++;
    }
    return (enum synth_op)i;
}

unsigned synth_op_args(enum synth_op op)
{
    return (unsigned)strlen(ops[op].signature) - 2;
}
