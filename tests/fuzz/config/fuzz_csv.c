/* Any bytes as a table or as a corpus. The first byte chooses: kind, types. */
#include "tests/fuzz/config/fuzz_answer.h"

#include "proto/type.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char *const names[] = {"u8",   "i64",    "f32",  "f64",
                                    "bool", "string", "bytes"};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static char a[] = "a";
    static char b[] = "b";
    static char y[] = "y";
    char *inputs[] = {a, b};
    Proctor__ConfigTask task = PROCTOR__CONFIG_TASK__INIT;
    Proctor__TableSpec table = PROCTOR__TABLE_SPEC__INIT;
    struct type elems[2];
    struct type takes;
    struct type gives;

    if (n == 0 || type_from_name(names[data[0] % 7], &elems[0]) != 0 ||
        type_from_name(names[data[0] / 7 % 7], &elems[1]) != 0) {
        return 0;
    }
    gives = data[0] & 0x80 ? type_list_of(&elems[0]) : elems[0];
    elems[1] = data[0] & 0x40 ? type_list_of(&elems[1]) : elems[1];
    if (type_tuple_of(elems, 2, &takes) != 0) {
        abort();
    }
    table.inputs = inputs;
    table.n_inputs = 2;
    table.output = y;
    task.table = &table;
    task.takes = (ProtobufCBinaryData){takes.n, takes.b};
    task.gives = (ProtobufCBinaryData){gives.n, gives.b};
    task.kind = PROCTOR__CONFIG_KIND__CONFIG_TABLE;
    task.text.data = (uint8_t *)(uintptr_t)(data + 1);
    task.text.len = n - 1;
    fuzz_answer(&task);
    task.kind = PROCTOR__CONFIG_KIND__CONFIG_CORPUS;
    fuzz_answer(&task);
    return 0;
}
