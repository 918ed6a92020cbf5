/* Grammars: a byte that names the form, then its text. Whatever it is, it becomes
 * a problem with a text or an automaton that the kernel's reader takes. */
#include "fuzz_answer.h"

#include "proto/automaton.h"
#include "proto/base.h"

#define REQUIRE(condition) ASSERT(condition)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Proctor__ConfigTask task = PROCTOR__CONFIG_TASK__INIT;
    Proctor__ConfigReply reply;
    struct automaton *a = NULL;
    struct config c;

    if (size == 0 || size > 400) {
        return 0;
    }
    task.kind = PROCTOR__CONFIG_KIND__CONFIG_AUTOMATON;
    task.grammar = (Proctor__GrammarForm)(1 + data[0] % 3);
    task.text.data = (uint8_t *)(uintptr_t)(data + 1);
    task.text.len = size - 1;
    REQUIRE(config_answer(&c, &task, &reply) == 0);
    if (reply.problem != NULL) {
        REQUIRE(reply.problem->what[0] != '\0' && reply.automaton.len == 0);
    } else {
        REQUIRE(automaton_read((struct ubytes){reply.automaton.data,
                                               reply.automaton.len},
                               &a) == 0);
    }
    automaton_free(a);
    config_release(&c);
    return 0;
}
