/* Any bytes as a graph: refused with a problem, or canonical. */
#include "tests/fuzz/config/fuzz_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    Proctor__ConfigTask task = PROCTOR__CONFIG_TASK__INIT;

    task.kind = PROCTOR__CONFIG_KIND__CONFIG_GRAPH;
    task.text.data = (uint8_t *)(uintptr_t)data;
    task.text.len = n;
    fuzz_answer(&task);
    return 0;
}
