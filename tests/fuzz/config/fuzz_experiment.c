/* Any bytes as an experiment file: refused with problems, or experiments whose
 * graphs and configurations are read again. */
#include "tests/fuzz/config/fuzz_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void read_again(Proctor__ConfigKind kind, ProtobufCBinaryData text)
{
    Proctor__ConfigTask task = PROCTOR__CONFIG_TASK__INIT;
    Proctor__ConfigReply reply;
    struct config c;

    task.kind = kind;
    task.text = text;
    if (config_answer(&c, &task, &reply) != 0 || reply.problem) {
        abort();
    }
    config_release(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    Proctor__ConfigTask task = PROCTOR__CONFIG_TASK__INIT;
    Proctor__ConfigReply reply;
    struct config c;

    task.kind = PROCTOR__CONFIG_KIND__CONFIG_EXPERIMENT;
    task.text.data = (uint8_t *)(uintptr_t)data;
    task.text.len = n;
    fuzz_answer(&task);
    if (config_answer(&c, &task, &reply) != 0) {
        abort();
    }
    for (size_t i = 0; i < reply.n_experiments && i < 8; i++) {
        const Proctor__Experiment *x = reply.experiments[i];

        read_again(PROCTOR__CONFIG_KIND__CONFIG_EXPERIMENT, x->config);
        if (x->graph.len > 0) {
            read_again(PROCTOR__CONFIG_KIND__CONFIG_GRAPH, x->graph);
        }
    }
    config_release(&c);
    return 0;
}
