/* Files of examples: SyGuS, CSV, JSON. What is accepted is a problem whose values are
 * canonical and of its types, and whose grammar names sorts, parameters, operators and
 * earlier nodes only. */
#include "tests/fuzz/proto/fuzz.h"

#include <string.h>

#include "proto/value.h"
#include "workers/cml/command.h"
#include "workers/cml/synth.h"
#include "workers/cml/synth_op.h"

static uint32_t check_values(ProtobufCBinaryData in, const struct type *t)
{
    struct values v;
    uint32_t n;

    values_init(&v);
    REQUIRE(values_decode(&v, (struct ubytes){in.data, in.len}, t, 65536) == 0);
    n = values_n(&v);
    values_release(&v);
    return n;
}

static void check_value(ProtobufCBinaryData v, ProtobufCBinaryData type)
{
    struct type t;

    REQUIRE(type_decode((struct ubytes){type.data, type.len}, &t) == 0);
    REQUIRE(value_check_exact((struct ubytes){v.data, v.len}, &t) == 0);
}

static void check_rule(const Proctor__SynthTask *t, const Proctor__SynthRule *r)
{
    REQUIRE((r->op[0] == '\0') == (r->n_nodes > 0));
    REQUIRE(r->op[0] == '\0' || synth_op_from_name(r->op) != SYNTH_OPS);
    REQUIRE(r->n_args <= SYNTH_ARGS_MAX);
    for (size_t i = 0; i < r->n_args; i++) {
        REQUIRE(r->args[i] < t->n_sorts);
    }
    REQUIRE(r->n_nodes <= SYNTH_NODES_MAX);
    for (size_t i = 0; i < r->n_nodes; i++) {
        const Proctor__SynthNode *n = r->nodes[i];

        REQUIRE(n->kind <= 2);
        REQUIRE(n->kind != 2 || synth_op_from_name(n->op) != SYNTH_OPS);
        REQUIRE(n->kind != 0 || (n->n_args == 1 && n->args[0] < r->n_args));
        for (size_t k = 0; k < n->n_args && n->kind == 2; k++) {
            REQUIRE(n->args[k] < i);
        }
        if (n->kind == 1) {
            check_value(n->constant, n->type);
        }
    }
}

static void check_grammar(const Proctor__SynthTask *t, uint32_t params_n)
{
    REQUIRE(t->n_sorts <= SYNTH_SORTS_MAX);
    for (size_t i = 0; i < t->n_sorts; i++) {
        const Proctor__SynthSort *s = t->sorts[i];

        for (size_t k = 0; k < s->n_parameters; k++) {
            REQUIRE(s->parameters[k] < params_n);
        }
        for (size_t k = 0; k < s->n_constants; k++) {
            check_value(s->constants[k], s->type);
        }
        for (size_t k = 0; k < s->n_rules; k++) {
            check_rule(t, s->rules[k]);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct command c;
    Proctor__CmlText text = PROCTOR__CML_TEXT__INIT;
    Proctor__CmlText *texts[1] = {&text};
    Proctor__SynthRead ask = PROCTOR__SYNTH_READ__INIT;
    Proctor__CmlTask task = PROCTOR__CML_TASK__INIT;
    const Proctor__SynthProblem *p;
    struct type takes;
    struct type gives;

    text.content = (ProtobufCBinaryData){size, (uint8_t *)(uintptr_t)data};
    task.texts = texts;
    task.n_texts = 1;
    task.synth_read = &ask;
    task.command = PROCTOR__CML_COMMAND__CML_SYNTH_READ;
    ask.hold_out = size % 2 == 0 ? 300 : 0;
    command_init(&c);
    REQUIRE(command_answer(&c, &task) == 0);
    p = c.reply.synth_problem;
    REQUIRE((p == NULL) == (c.reply.problem != NULL));
    if (p != NULL) {
        const Proctor__SynthTask *t = p->task;

        REQUIRE(type_decode((struct ubytes){t->takes.data, t->takes.len},
                            &takes) == 0);
        REQUIRE(type_decode((struct ubytes){t->gives.data, t->gives.len},
                            &gives) == 0);
        REQUIRE(check_values(t->inputs, &takes) == p->given);
        REQUIRE(check_values(t->outputs, &gives) == p->given);
        check_grammar(t, takes.b[1]);
    }
    command_release(&c);
    return 0;
}
