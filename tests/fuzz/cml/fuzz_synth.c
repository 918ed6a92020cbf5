/* Problems for the enumerator: whatever the message says, the answer is a status; a
 * unit that it gives reads back, and the same problem has the same answer. */
#include "tests/fuzz/proto/fuzz.h"

#include "proto/cml.h"
#include "proto/pb.h"
#include "workers/cml/synth.h"

#define EVALUATIONS 3000

static void read_back(const Proctor__CmlUnit *u)
{
    struct cml_dag dag;
    struct diag d;
    uint32_t root;

    cml_dag_init(&dag);
    diag_init(&d);
    REQUIRE(cml_bundle_read(&dag, (struct ubytes){u->bundle.data, u->bundle.len},
                            &root, &d) == 0);
    cml_dag_release(&dag);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ProtobufCMessage *m = NULL;
    Proctor__SynthTask *task;
    Proctor__SynthReply reply[2];
    struct arena a[2];
    int code[2];

    if (pb_decode(&proctor__synth_task__descriptor,
                  (struct ubytes){data, size}, 1u << 16, &m) != 0) {
        return 0;
    }
    task = (Proctor__SynthTask *)m;
    task->budget = EVALUATIONS;
    for (int i = 0; i < 2; i++) {
        struct diag d;

        diag_init(&d);
        arena_init(&a[i], 1u << 26);
        code[i] = synth_solve(task, &a[i], &reply[i], &d);
        REQUIRE(code[i] == 0 || d.code != 0);
    }
    REQUIRE(code[0] == code[1]);
    REQUIRE(code[0] != 0 || reply[0].status == reply[1].status);
    if (code[0] == 0 && reply[0].unit != NULL) {
        read_back(reply[0].unit);
        REQUIRE(same_bytes((struct ubytes){reply[0].text.data, reply[0].text.len},
                           (struct ubytes){reply[1].text.data,
                                           reply[1].text.len}));
    }
    arena_release(&a[0]);
    arena_release(&a[1]);
    pb_free(m);
    return 0;
}
